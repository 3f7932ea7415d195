#include "executor/over_nulls.h"

#include <algorithm>
#include <cstring>

#include "types/row_key.h"

namespace millrace {
namespace {

constexpr size_t kScanRows = 256;  // Looked at together where the next value is sought.

void AppendNotNull(const OverRows& rows, size_t column, size_t begin, size_t end,
                   std::vector<size_t>* out) {
  if (begin >= end) return;
  const size_t columns[] = {column};
  const Column values = rows.Columns(begin, end, columns)[0];
  for (size_t i = begin; i < end; ++i) {
    if (!values.IsNull(i - begin)) out->push_back(i);
  }
}

}  // namespace

std::vector<size_t> FirstNotNull(const OverRows& rows, size_t column, size_t begin, size_t end,
                                 size_t count) {
  std::vector<size_t> found;
  while (found.size() < count && begin < end) {
    const size_t next = begin + std::min(kScanRows, end - begin);
    AppendNotNull(rows, column, begin, next, &found);
    begin = next;
  }
  if (found.size() > count) found.resize(count);
  return found;
}

std::vector<size_t> LastNotNull(const OverRows& rows, size_t column, size_t begin, size_t end,
                                size_t count) {
  std::vector<size_t> found;  // The last one first.
  while (found.size() < count && begin < end) {
    const size_t next = end - std::min(kScanRows, end - begin);
    std::vector<size_t> part;
    AppendNotNull(rows, column, next, end, &part);
    found.insert(found.end(), part.rbegin(), part.rend());
    end = next;
  }
  if (found.size() > count) found.resize(count);
  std::ranges::reverse(found);
  return found;
}

NthNotNull FindNthNotNull(const OverRows& rows, size_t column, const FrameRanges& frames,
                          size_t nth, bool from_end) {
  const size_t size = frames.begins.size();
  NthNotNull out{std::vector<size_t>(size, OverRows::kNone), std::vector<size_t>(size)};
  if (size == 0) return out;
  // Neither begins nor ends go back: between the outermost ones all are looked at, beyond them as
  // far as the first or the last frame needs.
  const size_t first = frames.begins.front(), last = frames.ends.back();
  const size_t inner = from_end ? std::max(frames.ends.front(), first)
                                : std::min(frames.begins.back(), last);
  std::vector<size_t> known;
  if (from_end) {
    known = LastNotNull(rows, column, first, inner, nth);
    AppendNotNull(rows, column, inner, last, &known);
  } else {
    AppendNotNull(rows, column, first, inner, &known);
    const std::vector<size_t> behind = FirstNotNull(rows, column, inner, last, nth);
    known.insert(known.end(), behind.begin(), behind.end());
  }
  for (size_t i = 0; i < size; ++i) {
    const auto begin = std::ranges::lower_bound(known, frames.begins[i]);
    const auto end = std::ranges::lower_bound(begin, known.end(), frames.ends[i]);
    const auto count = static_cast<size_t>(end - begin);
    if (count >= nth) {
      out.positions[i] = from_end ? *(end - static_cast<ptrdiff_t>(nth))
                                  : *(begin + static_cast<ptrdiff_t>(nth) - 1);
    } else {
      out.missing[i] = nth - count;
    }
  }
  return out;
}

// bytes := size:uint64 (length:uint32 value)*
CarriedNotNull::CarriedNotNull(const Type& type, size_t nth, bool from_end, std::string bytes)
    : type_(type), nth_(nth), from_end_(from_end) {
  if (bytes.empty()) return;
  uint64_t size;
  std::memcpy(&size, bytes.data(), sizeof size);
  size_ = size;
  for (std::string_view in = std::string_view(bytes).substr(sizeof size); !in.empty();) {
    uint32_t length;
    std::memcpy(&length, in.data(), sizeof length);
    values_.emplace_back(in.substr(sizeof length, length));
    in.remove_prefix(sizeof length + length);
  }
}

void CarriedNotNull::Add(const OverRows& rows, size_t column, size_t count) {
  const std::vector<size_t> found =
      from_end_ ? LastNotNull(rows, column, 0, count, nth_)
                : FirstNotNull(rows, column, 0, count, nth_ - std::min(nth_, size_));
  if (found.empty()) return;
  const Column values = rows.Pick(found, column);
  size_ = std::min(nth_, size_ + found.size());
  for (size_t i = 0; i < found.size(); ++i) {
    const bool wanted = from_end_ || (size_ == nth_ && i + 1 == found.size());
    if (wanted) AppendKeyColumn(values, i, &values_.emplace_back());
  }
  const size_t most = from_end_ ? nth_ : 1;
  if (values_.size() > most) values_.erase(values_.begin(), values_.end() - static_cast<ptrdiff_t>(most));
}

Column CarriedNotNull::Values() const {
  Column out = MakeColumn(type_, values_.size());
  const auto heap = std::make_shared<Arena>();
  for (size_t i = 0; i < values_.size(); ++i) {
    std::string_view bytes = values_[i];
    DecodeKeyColumn(&bytes, &out, i, heap.get());
  }
  out.KeepAlive(heap);
  return out;
}

std::string CarriedNotNull::bytes() const {
  const uint64_t size = size_;
  std::string out(reinterpret_cast<const char*>(&size), sizeof size);
  for (const std::string& value : values_) {
    const auto length = static_cast<uint32_t>(value.size());
    out.append(reinterpret_cast<const char*>(&length), sizeof length);
    out.append(value);
  }
  return out;
}

}  // namespace millrace
