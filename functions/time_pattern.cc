#include "functions/time_pattern.h"

#include <algorithm>
#include <span>

#include "functions/calendar.h"
#include "functions/time_unit.h"

namespace millrace {
namespace {

constexpr std::string_view kMonths[] = {"January",   "February", "March",    "April",
                                        "May",       "June",     "July",     "August",
                                        "September", "October",  "November", "December"};
constexpr std::string_view kDays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                      "Thursday", "Friday", "Saturday"};
constexpr std::string_view kDayLetters = "GuyYQqMLwWdDFEec";
constexpr std::string_view kTimeLetters = "aHhKkmsSAnNXxZ";

void AppendNumber(int64_t value, size_t width, std::string* out) {
  char digits[20];
  size_t begin = sizeof digits;
  uint64_t rest = value < 0 ? -static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  do {
    digits[--begin] = static_cast<char>('0' + rest % 10);
    rest /= 10;
  } while (rest > 0);
  if (value < 0) out->push_back('-');
  const size_t length = sizeof digits - begin;
  if (length < width) out->append(width - length, '0');
  out->append(digits + begin, length);
}

void AppendName(std::string_view name, size_t count, std::string* out) {
  out->append(count == 4 ? name : name.substr(0, count == 5 ? 1 : 3));
}

// The weeks of the English locale begin on Sunday; the first has January 1st.
IsoWeek WeekOf(int64_t days) {
  const int64_t saturday = days - WeekdayOf(days) + 6;
  const int64_t year = CivilFromDays(saturday).year;
  return {year, (saturday - DaysFromCivil(year, 1, 1)) / 7 + 1};
}

void AppendYear(int64_t year, size_t count, std::string* out) {
  if (count == 2) year = FloorModulo(year, 100);
  AppendNumber(year, count, out);
}

void AppendOffset(char letter, size_t count, int64_t seconds, std::string* out) {
  if (letter == 'X' && seconds == 0) {
    out->push_back('Z');
    return;
  }
  out->push_back(seconds < 0 ? '-' : '+');
  const int64_t minutes = std::abs(seconds) / 60;
  AppendNumber(minutes / 60, 2, out);
  if (count == 1 && letter != 'Z' && minutes % 60 == 0) return;
  if (letter == 'Z' ? count == 5 : count == 3) out->push_back(':');
  AppendNumber(minutes % 60, 2, out);
}

void AppendDayField(char letter, size_t count, int64_t days, std::string* out) {
  const CivilDate date = CivilFromDays(days);
  switch (letter) {
    case 'G':
      out->append(date.year > 0 ? "AD" : "BC");
      return;
    case 'y':
      return AppendYear(date.year > 0 ? date.year : 1 - date.year, count, out);
    case 'u':
      return AppendYear(date.year, count, out);
    case 'Y':
      return AppendYear(WeekOf(days).year, count, out);
    case 'w':
      return AppendNumber(WeekOf(days).week, count, out);
    case 'W':
      return AppendNumber((date.day + WeekdayOf(days - date.day + 1) - 1) / 7 + 1, count, out);
    case 'Q':
    case 'q':
      return AppendNumber((date.month + 2) / 3, count, out);
    case 'M':
    case 'L':
      if (count < 3) return AppendNumber(date.month, count, out);
      return AppendName(kMonths[date.month - 1], count, out);
    case 'd':
      return AppendNumber(date.day, count, out);
    case 'D':
      return AppendNumber(DayOfYear(days), count, out);
    case 'F':
      return AppendNumber((date.day - 1) % 7 + 1, count, out);
    default:
      if (letter != 'E' && count < 3) return AppendNumber(WeekdayOf(days) + 1, count, out);
      return AppendName(kDays[WeekdayOf(days)], std::max<size_t>(count, 3), out);
  }
}

void AppendTimeField(char letter, size_t count, int64_t micros, std::string* out) {
  const int64_t hour = micros / kMicrosPerHour;
  switch (letter) {
    case 'a':
      out->append(hour < 12 ? "AM" : "PM");
      return;
    case 'H':
      return AppendNumber(hour, count, out);
    case 'h':
      return AppendNumber((hour + 11) % 12 + 1, count, out);
    case 'K':
      return AppendNumber(hour % 12, count, out);
    case 'k':
      return AppendNumber((hour + 23) % 24 + 1, count, out);
    case 'm':
      return AppendNumber(micros / kMicrosPerMinute % 60, count, out);
    case 's':
      return AppendNumber(micros / kMicrosPerSecond % 60, count, out);
    case 'A':
      return AppendNumber(micros / kMicrosPerMilli, count, out);
    case 'n':
      return AppendNumber(micros % kMicrosPerSecond * 1000, count, out);
    case 'N':
      return AppendNumber(micros * 1000, count, out);
    default: {  // S: the digits of the fraction from the left.
      std::string digits;
      AppendNumber(micros % kMicrosPerSecond, 6, &digits);
      digits.resize(count, '0');
      out->append(digits);
    }
  }
}

char Lower(char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c); }

bool SkipPrefix(std::string_view prefix, std::string_view* text) {
  if (text->size() < prefix.size()) return false;
  const auto same = [](char a, char b) { return Lower(a) == Lower(b); };
  if (!std::equal(prefix.begin(), prefix.end(), text->begin(), same)) return false;
  text->remove_prefix(prefix.size());
  return true;
}

// Reads a name and gives its index, or nothing.
std::optional<int64_t> ReadName(std::span<const std::string_view> names, size_t count,
                                std::string_view* text) {
  for (size_t i = 0; i < names.size(); ++i) {
    if (SkipPrefix(count == 4 ? names[i] : names[i].substr(0, 3), text)) {
      return static_cast<int64_t>(i);
    }
  }
  return std::nullopt;
}

}  // namespace

struct TimePattern::Fields {
  int64_t year = 1970, month = 1, day = 1, day_of_year = 0;
  int64_t hour = 0, minute = 0, second = 0, micros = 0;
  int64_t half = -1;  // 0 AM, 1 PM.

  std::optional<Timestamp> ToTimestamp() const {
    const int64_t full_hour = half < 0 ? hour : hour % 12 + 12 * half;
    if (year < -9999 || year > 9999 || month < 1 || month > 12 || day < 1 || full_hour > 23 ||
        day > DaysInMonth(year, static_cast<int32_t>(month)) || minute > 59 || second > 59) {
      return std::nullopt;
    }
    int64_t days = DaysFromCivil(year, static_cast<int32_t>(month), static_cast<int32_t>(day));
    if (day_of_year > 0) days = DaysFromCivil(year, 1, 1) + day_of_year - 1;
    return Timestamp{days * kMicrosPerDay + full_hour * kMicrosPerHour + minute * kMicrosPerMinute +
                     second * kMicrosPerSecond + micros};
  }
};

TimePattern::TimePattern(std::string_view pattern) {
  for (size_t i = 0; i < pattern.size() && error_.empty();) {
    const char c = pattern[i];
    if (c == '\'') {
      // '' is a quote, inside quotes, too.
      size_t end = i + 1;
      std::string text;
      for (; end < pattern.size(); ++end) {
        if (pattern[end] != '\'') {
          text += pattern[end];
        } else if (pattern.substr(end).starts_with("''")) {
          text += pattern[end++];
        } else {
          break;
        }
      }
      if (end == pattern.size()) error_ = "a quote is not closed in '" + std::string(pattern) + "'";
      AddLiteral(end == i + 1 ? "'" : std::string_view(text));
      i = end + 1;
    } else if (Lower(c) >= 'a' && Lower(c) <= 'z') {
      const size_t end = std::min(pattern.find_first_not_of(c, i), pattern.size());
      AddLetter(c, end - i);
      i = end;
    } else {
      if (c != '[' && c != ']') AddLiteral(pattern.substr(i, 1));
      ++i;
    }
  }
}

void TimePattern::AddLetter(char letter, size_t count) {
  const bool is_time = kTimeLetters.find(letter) != std::string_view::npos;
  if (!is_time && kDayLetters.find(letter) == std::string_view::npos) {
    error_ = std::string("unknown letter '") + letter + "' in a pattern of dates and times";
    return;
  }
  if (count > 19) error_ = std::string("too many letters '") + letter + "' in a pattern";
  only_days_ &= !is_time;
  pieces_.push_back({letter, count, {}});
}

void TimePattern::AddLiteral(std::string_view text) {
  if (pieces_.empty() || pieces_.back().letter != 0) pieces_.push_back({0, 0, {}});
  pieces_.back().text += text;
}

void TimePattern::Format(Timestamp ts, int64_t offset_seconds, std::string* out) const {
  const int64_t days = DayOf(ts), micros = MicrosOfDay(ts);
  for (const Piece& piece : pieces_) {
    if (piece.letter == 0) {
      *out += piece.text;
    } else if (piece.letter == 'X' || piece.letter == 'x' || piece.letter == 'Z') {
      AppendOffset(piece.letter, piece.count, offset_seconds, out);
    } else if (kTimeLetters.find(piece.letter) != std::string_view::npos) {
      AppendTimeField(piece.letter, piece.count, micros, out);
    } else {
      AppendDayField(piece.letter, piece.count, days, out);
    }
  }
}

std::optional<Timestamp> TimePattern::Parse(std::string_view text) const {
  Fields fields;
  for (size_t i = 0; i < pieces_.size(); ++i) {
    const bool adjacent = i + 1 < pieces_.size() && pieces_[i + 1].letter != 0;
    if (!ParsePiece(pieces_[i], adjacent, &text, &fields)) return std::nullopt;
  }
  return text.empty() ? fields.ToTimestamp() : std::nullopt;
}

bool TimePattern::ParsePiece(const Piece& piece, bool adjacent, std::string_view* text,
                             Fields* fields) {
  if (piece.letter == 0) return SkipPrefix(piece.text, text);
  if (piece.letter == 'a') {
    fields->half = SkipPrefix("AM", text) ? 0 : SkipPrefix("PM", text) ? 1 : -1;
    return fields->half >= 0;
  }
  if (piece.letter == 'E') return ReadName(kDays, piece.count, text).has_value();
  if ((piece.letter == 'M' || piece.letter == 'L') && piece.count >= 3) {
    const std::optional<int64_t> month = ReadName(kMonths, piece.count, text);
    fields->month = month.value_or(0) + 1;
    return month.has_value();
  }
  return ParseNumber(piece, adjacent, text, fields);
}

// One letter takes as many digits as there are, two or more take just as many, but a last year.
bool TimePattern::ParseNumber(const Piece& piece, bool adjacent, std::string_view* text,
                              Fields* fields) {
  const bool is_year = piece.letter == 'y' || piece.letter == 'u';
  const bool open = piece.count == 1 || (is_year && piece.count > 2 && !adjacent);
  const size_t digits = std::min(text->find_first_not_of("0123456789"), text->size());
  const size_t length =
      open && !(adjacent && piece.count == 1) ? std::min<size_t>(digits, 9) : piece.count;
  if (length == 0 || digits < length || length > 18) return false;
  int64_t value = 0;
  for (char c : text->substr(0, length)) value = value * 10 + (c - '0');
  text->remove_prefix(length);
  switch (piece.letter) {
    case 'y':
    case 'u':
      fields->year = piece.count == 2 ? 2000 + value : value;
      return true;
    case 'M':
    case 'L':
      fields->month = value;
      return true;
    case 'd':
      fields->day = value;
      return true;
    case 'D':
      fields->day_of_year = value;
      return true;
    case 'H':
    case 'h':
    case 'K':
    case 'k':
      fields->hour = piece.letter == 'k' ? value % 24 : value;
      return true;
    case 'm':
      fields->minute = value;
      return true;
    case 's':
      fields->second = value;
      return true;
    case 'S':
      for (size_t i = length; i < 6; ++i) value *= 10;
      for (size_t i = 6; i < length; ++i) value /= 10;
      fields->micros = value;
      return true;
    default:
      return false;
  }
}

}  // namespace millrace
