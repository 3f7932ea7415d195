#include "connectors/record_splitter.h"

#include <algorithm>
#include <cstring>

namespace millrace {
namespace {

class Splitter {
 public:
  Splitter(const RecordFraming& framing, const char* data, size_t size, bool final)
      : framing_(framing), data_(data), size_(size), final_(final) {}

  SplitRecords Run(size_t begin, size_t max_records) {
    out_.end = begin;
    next_quote_ = begin;
    if (framing_.quote != 0)
      FindQuote(begin);
    else
      next_quote_ = size_;
    while (out_.records.size() < max_records && out_.end < size_) {
      if (!TakeRecord()) break;
    }
    return std::move(out_);
  }

 private:
  size_t Find(char c, size_t from) const {
    const void* found = from < size_ ? std::memchr(data_ + from, c, size_ - from) : nullptr;
    return found == nullptr ? size_ : static_cast<size_t>(static_cast<const char*>(found) - data_);
  }
  void FindQuote(size_t from) { next_quote_ = Find(framing_.quote, from); }

  bool TakeRecord() {
    const size_t begin = out_.end;
    size_t newline = Find('\n', begin);
    uint32_t lines = 1;
    if (next_quote_ < newline && (framing_.comment == 0 || data_[begin] != framing_.comment)) {
      const size_t end = EndOfQuotedRecord(begin, newline, &lines);
      if (end == size_ && !final_) return false;
      newline = end;
    }
    if (newline == size_ && !final_) return false;
    size_t end = newline;
    if (end > begin && data_[end - 1] == '\r' && newline < size_) --end;
    Add(begin, end, lines);
    out_.end = std::min(newline + 1, size_);
    if (next_quote_ < out_.end) FindQuote(out_.end);
    return true;
  }

  void Add(size_t begin, size_t end, uint32_t lines) {
    if (!out_.lines.empty()) {
      out_.lines.push_back(static_cast<uint32_t>(out_.line_count));
    } else if (lines > 1) {
      for (uint32_t i = 0; i <= out_.records.size(); ++i) out_.lines.push_back(i);
    }
    out_.records.emplace_back(begin, static_cast<uint32_t>(end - begin));
    out_.line_count += lines;
  }

  // Where the record's line ends, newlines between quotes left out. `newline` is the first one.
  // Without a closing quote: the first newline if the data is final, else the end.
  size_t EndOfQuotedRecord(size_t begin, size_t newline, uint32_t* lines) {
    const size_t first = newline;
    size_t quote = next_quote_;
    while (quote < newline) {
      const bool opens = quote == begin || data_[quote - 1] == framing_.delimiter;
      if (!opens) {  // A quote within an unquoted field is an ordinary byte.
        quote = Find(framing_.quote, quote + 1);
        continue;
      }
      const size_t close = ClosingQuote(quote + 1);
      if (close == size_) {
        *lines = 1;
        return final_ ? first : size_;
      }
      while (newline < close) {
        ++*lines;
        newline = Find('\n', newline + 1);
      }
      quote = Find(framing_.quote, close + 1);
    }
    return newline;
  }

  size_t ClosingQuote(size_t from) const {
    for (size_t at = from; at < size_;) {
      const size_t quote = Find(framing_.quote, at);
      if (framing_.escape != 0) {
        const void* escape = std::memchr(data_ + at, framing_.escape, quote - at);
        if (escape != nullptr) {
          at = static_cast<size_t>(static_cast<const char*>(escape) - data_) + 2;
          continue;
        }
      }
      if (quote + 1 < size_ && data_[quote + 1] == framing_.quote) {
        at = quote + 2;
        continue;
      }
      // The second of a doubled quote may only come with the next chunk.
      if (quote + 1 == size_ && !final_) return size_;
      return quote;
    }
    return size_;
  }

  const RecordFraming& framing_;
  const char* const data_;
  const size_t size_;
  const bool final_;
  size_t next_quote_ = 0;  // The first quote at or behind out_.end; size_ when there is none.
  SplitRecords out_;
};

}  // namespace

SplitRecords Split(const RecordFraming& framing, const char* data, size_t begin, size_t size,
                   bool final, size_t max_records) {
  return Splitter(framing, data, size, final).Run(begin, max_records);
}

}  // namespace millrace
