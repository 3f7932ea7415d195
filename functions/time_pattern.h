// Patterns of dates and times in the letters of Java's DateTimeFormatter, in its English locale.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "types/type.h"

namespace millrace {

class TimePattern {
 public:
  explicit TimePattern(std::string_view pattern);

  // Empty when the pattern is good.
  const std::string& error() const { return error_; }

  // REQUIRES: no error. `offset_seconds`: the zone's distance from UTC, for the letters X, x, Z.
  void Format(Timestamp ts, int64_t offset_seconds, std::string* out) const;
  // The whole text, or nothing when it does not fit or is no date. What the pattern does not say is
  // 1970-01-01 00:00.
  std::optional<Timestamp> Parse(std::string_view text) const;

  // Whether it has only letters of whole days, so that the text is the same all day.
  bool only_days() const { return only_days_; }

 private:
  struct Piece {
    char letter;  // 0: `text` as it is.
    size_t count;
    std::string text;
  };
  struct Fields;

  void AddLetter(char letter, size_t count);
  void AddLiteral(std::string_view text);
  static bool ParsePiece(const Piece& piece, bool adjacent, std::string_view* text, Fields* fields);
  static bool ParseNumber(const Piece& piece, bool adjacent, std::string_view* text,
                          Fields* fields);

  std::vector<Piece> pieces_;
  std::string error_;
  bool only_days_ = true;
};

}  // namespace millrace
