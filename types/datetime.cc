#include "types/datetime.h"

#include <date/date.h>

#include <algorithm>
#include <cassert>
#include <charconv>

namespace millrace {
namespace {

constexpr int64_t kMicrosPerMinute = 60 * kMicrosPerSecond;
constexpr int64_t kMicrosPerHour = 60 * kMicrosPerMinute;

constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Reads a text from left to right; every method leaves the text alone when it gives false.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : next_(text.data()), end_(next_ + text.size()) {
    while (next_ < end_ && *next_ == ' ') ++next_;
    while (next_ < end_ && end_[-1] == ' ') --end_;
  }

  bool done() const { return next_ == end_; }
  size_t left() const { return static_cast<size_t>(end_ - next_); }
  const char* next() const { return next_; }
  void Skip(size_t chars) { next_ += chars; }

  bool Char(char c) {
    if (done() || *next_ != c) return false;
    ++next_;
    return true;
  }
  bool Digits(int least, int most, int* number) {
    const char* at = next_;
    int value = 0;
    for (; at < end_ && at - next_ < most && IsDigit(*at); ++at) value = value * 10 + (*at - '0');
    if (at - next_ < least) return false;
    next_ = at;
    *number = value;
    return true;
  }
  // `.f…`, if it is there, as microseconds; digits behind the sixth are read over.
  bool Fraction(int64_t* micros) {
    *micros = 0;
    if (!Char('.')) return true;
    if (done() || !IsDigit(*next_)) return false;
    int64_t unit = kMicrosPerSecond / 10;
    for (; !done() && IsDigit(*next_); ++next_, unit /= 10) *micros += (*next_ - '0') * unit;
    return true;
  }

 private:
  const char* next_;
  const char* end_;
};

// Two digits, or something above 99.
unsigned TwoDigits(const char* at) {
  const unsigned tens = static_cast<unsigned char>(at[0]) - unsigned{'0'};
  const unsigned ones = static_cast<unsigned char>(at[1]) - unsigned{'0'};
  return tens <= 9 && ones <= 9 ? tens * 10 + ones : 100;
}

bool MakeDate(int year, unsigned month, unsigned day, int64_t* days) {
  const date::year_month_day ymd{date::year{year}, date::month{month}, date::day{day}};
  if (!ymd.ok()) return false;
  *days = date::sys_days{ymd}.time_since_epoch().count();
  return true;
}

bool MakeTime(int hour, int minute, int second, int64_t* micros) {
  if (hour > 23 || minute > 59 || second > 59) return false;
  *micros = hour * kMicrosPerHour + minute * kMicrosPerMinute + second * kMicrosPerSecond;
  return true;
}

bool ScanDate(Scanner* scanner, int64_t* days) {
  int year, month, day;
  return scanner->Digits(4, 4, &year) && scanner->Char('-') && scanner->Digits(1, 2, &month) &&
         scanner->Char('-') && scanner->Digits(1, 2, &day) &&
         MakeDate(year, static_cast<unsigned>(month), static_cast<unsigned>(day), days);
}

bool ScanTime(Scanner* scanner, int64_t* micros) {
  int hour, minute, second = 0;
  int64_t fraction = 0;
  if (!scanner->Digits(1, 2, &hour) || !scanner->Char(':') || !scanner->Digits(1, 2, &minute)) {
    return false;
  }
  if (scanner->Char(':') && !(scanner->Digits(1, 2, &second) && scanner->Fraction(&fraction))) {
    return false;
  }
  if (!MakeTime(hour, minute, second, micros)) return false;
  *micros += fraction;
  return true;
}

// The canonical `yyyy-MM-dd HH:mm:ss[.f…]` without a branch per digit: CSV and JSON are full of it.
bool ScanCanonical(Scanner* scanner, int64_t* micros) {
  constexpr size_t kLength = 19;
  if (scanner->left() < kLength) return false;
  const char* s = scanner->next();
  if (s[4] != '-' || s[7] != '-' || (s[10] != ' ' && s[10] != 'T') || s[13] != ':' ||
      s[16] != ':') {
    return false;
  }
  const unsigned century = TwoDigits(s), year = TwoDigits(s + 2), month = TwoDigits(s + 5);
  const unsigned day = TwoDigits(s + 8), hour = TwoDigits(s + 11), minute = TwoDigits(s + 14);
  const unsigned second = TwoDigits(s + 17);
  int64_t days, time, fraction;
  if (century > 99 || year > 99 ||
      !MakeDate(static_cast<int>(century * 100 + year), month, day, &days) ||
      !MakeTime(static_cast<int>(hour), static_cast<int>(minute), static_cast<int>(second),
                &time)) {
    return false;
  }
  scanner->Skip(kLength);
  if (!scanner->Fraction(&fraction)) return false;
  *micros = days * kMicrosPerDay + time + fraction;
  return true;
}

bool ScanTimestamp(Scanner* scanner, int64_t* micros) {
  int64_t days, time = 0;
  if (!ScanDate(scanner, &days)) return false;
  if ((scanner->Char(' ') || scanner->Char('T')) && !ScanTime(scanner, &time)) return false;
  *micros = days * kMicrosPerDay + time;
  return true;
}

// `Z`, `+hh`, `+hhmm` or `+hh:mm`, perhaps behind a blank.
bool ScanOffset(Scanner* scanner, int64_t* micros) {
  scanner->Char(' ');
  if (scanner->Char('Z')) {
    *micros = 0;
    return true;
  }
  const bool negative = scanner->Char('-');
  int hours, minutes = 0;
  if (!negative && !scanner->Char('+')) return false;
  if (!scanner->Digits(2, 2, &hours)) return false;
  if (scanner->Char(':') ? !scanner->Digits(2, 2, &minutes)
                         : !scanner->done() && !scanner->Digits(2, 2, &minutes)) {
    return false;
  }
  if (hours > 18 || minutes > 59) return false;
  *micros = hours * kMicrosPerHour + minutes * kMicrosPerMinute;
  if (negative) *micros = -*micros;
  return true;
}

void PutTwo(unsigned number, char* out) {
  out[0] = static_cast<char>('0' + number / 10);
  out[1] = static_cast<char>('0' + number % 10);
}

// yyyy-MM-dd into 10 chars, or longer years as `-yyyy…`; gives the position behind.
char* PutDate(int64_t days, char* out) {
  const date::year_month_day ymd{date::sys_days{date::days{days}}};
  int year = static_cast<int>(ymd.year());
  if (year < 0) {
    *out++ = '-';
    year = -year;
  }
  if (year > 9999) *out++ = static_cast<char>('0' + year / 10'000);  // The library ends at 32767.
  PutTwo(static_cast<unsigned>(year) / 100 % 100, out);
  PutTwo(static_cast<unsigned>(year) % 100, out + 2);
  out[4] = '-';
  PutTwo(static_cast<unsigned>(ymd.month()), out + 5);
  out[7] = '-';
  PutTwo(static_cast<unsigned>(ymd.day()), out + 8);
  return out + 10;
}

// HH:mm:ss[.f…]
char* PutTime(int64_t micros, uint8_t precision, char* out) {
  auto seconds = static_cast<unsigned>(micros / kMicrosPerSecond);
  PutTwo(seconds / 3600, out);
  out[2] = ':';
  PutTwo(seconds / 60 % 60, out + 3);
  out[5] = ':';
  PutTwo(seconds % 60, out + 6);
  out += 8;
  if (precision == 0) return out;
  *out = '.';
  auto fraction = static_cast<unsigned>(micros % kMicrosPerSecond);
  PutTwo(fraction / 10'000, out + 1);
  PutTwo(fraction / 100 % 100, out + 3);
  PutTwo(fraction % 100, out + 5);
  return out + 1 + std::min<uint8_t>(precision, 6);
}

constexpr size_t kLongestTimestamp = 40;

struct DurationUnit {
  std::string_view name;
  int64_t nanos;
};
constexpr int64_t kNanosPerMicro = 1000;
constexpr DurationUnit kDurationUnits[] = {
    {"", kNanosPerMicro* kMicrosPerMilli},
    {"ns", 1},
    {"nano", 1},
    {"nanosecond", 1},
    {"us", kNanosPerMicro},
    {"µs", kNanosPerMicro},
    {"micro", kNanosPerMicro},
    {"microsecond", kNanosPerMicro},
    {"ms", kNanosPerMicro* kMicrosPerMilli},
    {"milli", kNanosPerMicro* kMicrosPerMilli},
    {"millisecond", kNanosPerMicro* kMicrosPerMilli},
    {"s", kNanosPerMicro* kMicrosPerSecond},
    {"sec", kNanosPerMicro* kMicrosPerSecond},
    {"second", kNanosPerMicro* kMicrosPerSecond},
    {"m", kNanosPerMicro* kMicrosPerMinute},
    {"min", kNanosPerMicro* kMicrosPerMinute},
    {"minute", kNanosPerMicro* kMicrosPerMinute},
    {"h", kNanosPerMicro* kMicrosPerHour},
    {"hour", kNanosPerMicro* kMicrosPerHour},
    {"d", kNanosPerMicro* kMicrosPerDay},
    {"day", kNanosPerMicro* kMicrosPerDay},
};

std::optional<int64_t> NanosOfUnit(std::string_view name) {
  for (const DurationUnit& unit : kDurationUnits) {
    if (unit.name == name) return unit.nanos;
    const bool plural = unit.name.size() > 2 && name.size() == unit.name.size() + 1 &&
                        name.back() == 's' && name.starts_with(unit.name);
    if (plural) return unit.nanos;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Date> ParseDate(std::string_view text) {
  Scanner scanner(text);
  int64_t days;
  if (!ScanDate(&scanner, &days) || !scanner.done()) return std::nullopt;
  return Date{static_cast<int32_t>(days)};
}

std::optional<Time> ParseTime(std::string_view text) {
  Scanner scanner(text);
  int64_t micros;
  if (!ScanTime(&scanner, &micros) || !scanner.done()) return std::nullopt;
  return Time{micros};
}

std::optional<Timestamp> ParseTimestamp(std::string_view text,
                                        std::optional<int64_t>* offset_micros) {
  Scanner scanner(text);
  int64_t micros;
  if (!ScanCanonical(&scanner, &micros)) {
    scanner = Scanner(text);
    if (!ScanTimestamp(&scanner, &micros)) return std::nullopt;
  }
  if (offset_micros) offset_micros->reset();
  if (scanner.done()) return Timestamp{micros};
  int64_t offset;
  if (!offset_micros || !ScanOffset(&scanner, &offset) || !scanner.done()) return std::nullopt;
  *offset_micros = offset;
  return Timestamp{micros};
}

void AppendDate(Date date, std::string* out) {
  char text[kLongestTimestamp];
  out->append(text, PutDate(date.days, text));
}

void AppendTime(Time time, uint8_t precision, std::string* out) {
  assert(time.micros >= 0 && time.micros < kMicrosPerDay);
  char text[kLongestTimestamp];
  out->append(text, PutTime(time.micros, precision, text));
}

void AppendTimestamp(Timestamp ts, uint8_t precision, char separator, std::string* out) {
  int64_t days = ts.micros / kMicrosPerDay;
  int64_t time = ts.micros % kMicrosPerDay;
  if (time < 0) {
    --days;
    time += kMicrosPerDay;
  }
  char text[kLongestTimestamp];
  char* next = PutDate(days, text);
  *next = separator;
  out->append(text, PutTime(time, precision, next + 1));
}

std::optional<int64_t> ParseDuration(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\n'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  int64_t number;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  std::string unit(text);
  for (char& c : unit) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  const std::optional<int64_t> nanos = NanosOfUnit(unit);
  if (!nanos) return std::nullopt;
  if (*nanos < kNanosPerMicro) return number / kNanosPerMicro;
  int64_t micros;
  if (__builtin_mul_overflow(number, *nanos / kNanosPerMicro, &micros)) return std::nullopt;
  return micros;
}

}  // namespace millrace
