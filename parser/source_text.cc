#include "parser/source_text.h"

#include <algorithm>
#include <string>

#include "parser/parse.h"

namespace millrace {
namespace {

// The length of the UTF-8 sequence at `at`, or 0 when there is none: overlong forms, surrogates and
// numbers above U+10FFFF are not UTF-8 either.
size_t SequenceLength(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0U;
  };
  const auto continues = [&](size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
    return byte(i) >= low && byte(i) <= high;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return continues(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const unsigned low = lead == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = lead == 0xED ? 0x9F : 0xBF;
    return continues(1, low, high) && continues(2) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const unsigned low = lead == 0xF0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xF4 ? 0x8F : 0xBF;
    return continues(1, low, high) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

SourceText::SourceText(std::string_view text) : text_(text) {
  if (text.size() > kMaxSqlBytes) {
    throw Error(ErrorCode::kTooLarge, "the SQL text has " + std::to_string(text.size()) +
                                          " bytes, but at most " + std::to_string(kMaxSqlBytes) +
                                          " are allowed");
  }
  if (text.starts_with("\xEF\xBB\xBF")) start_ = 3;
  const bool ascii = std::all_of(text.begin() + static_cast<ptrdiff_t>(start_), text.end(),
                                 [](char c) { return static_cast<signed char>(c) >= 0; });
  if (ascii) return;
  for (size_t at = start_; at < text.size();) {
    const size_t length = SequenceLength(text, at);
    if (length == 0) {
      throw Error(ErrorCode::kSqlSyntax,
                  "the SQL text is not UTF-8: no character starts at byte " + std::to_string(at),
                  SourceRange{at, 1});
    }
    offsets_.push_back(static_cast<uint32_t>(at));
    at += length;
  }
  offsets_.push_back(static_cast<uint32_t>(text.size()));
}

size_t SourceText::ByteOf(size_t character) const {
  if (offsets_.empty()) return std::min(start_ + character, text_.size());
  return offsets_[std::min(character, offsets_.size() - 1)];
}

SourceRange SourceText::Bytes(size_t first, size_t end) const {
  const size_t offset = ByteOf(first);
  return {offset, std::max(ByteOf(end), offset) - offset};
}

}  // namespace millrace
