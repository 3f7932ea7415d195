// The submitted text, checked, and the way from ANTLR's character numbers to bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace millrace {

class SourceText {
 public:
  // `text` must outlive this. Throws Error when it is too long (kTooLarge) or not UTF-8
  // (kSqlSyntax).
  explicit SourceText(std::string_view text);

  // Without a byte order mark: what the lexer reads.
  std::string_view sql() const { return text_.substr(start_); }
  std::string_view Slice(SourceRange range) const {
    return text_.substr(range.offset, range.length);
  }

  // The bytes of characters [first, end) of sql().
  SourceRange Bytes(size_t first, size_t end) const;

 private:
  size_t ByteOf(size_t character) const;

  std::string_view text_;
  size_t start_ = 0;
  std::vector<uint32_t> offsets_;  // Of every character, and of the end; empty when all is ASCII.
};

}  // namespace millrace
