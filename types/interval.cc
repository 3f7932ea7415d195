// The interval literals of types/datetime.h.
#include <cstddef>
#include <iterator>

#include "types/datetime.h"

namespace millrace {
namespace {

constexpr int64_t kMicrosPerMinute = 60 * kMicrosPerSecond;
constexpr int64_t kMicrosPerHour = 60 * kMicrosPerMinute;

struct Unit {
  std::string_view name;
  int64_t size;  // In months or microseconds.
};
constexpr Unit kMonthUnits[] = {{"YEAR", 12}, {"QUARTER", 3}, {"MONTH", 1}};
constexpr Unit kDayUnits[] = {{"WEEK", 7 * kMicrosPerDay},  {"DAY", kMicrosPerDay},
                              {"HOUR", kMicrosPerHour},     {"MINUTE", kMicrosPerMinute},
                              {"SECOND", kMicrosPerSecond}, {"MILLISECOND", kMicrosPerMilli}};

// Case does not matter; a plural S is taken too.
bool IsUnit(std::string_view text, std::string_view name) {
  if (text.size() == name.size() + 1 && (text.back() | 0x20) == 's') text.remove_suffix(1);
  if (text.size() != name.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if ((text[i] | 0x20) != (name[i] | 0x20)) return false;
  }
  return true;
}

template <size_t kSize>
const Unit* FindUnit(const Unit (&units)[kSize], std::string_view name) {
  for (const Unit& unit : units) {
    if (IsUnit(name, unit.name)) return &unit;
  }
  return nullptr;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Sign and blanks around an interval's text.
struct Signed {
  std::string_view digits;
  bool negative = false;
};

Signed SplitSign(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  Signed result{text};
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    result.negative = text[0] == '-';
    result.digits.remove_prefix(1);
  }
  return result;
}

// Adds `number * unit` to `sum` for the number at the front of the text, at most `largest`.
bool AddField(std::string_view* text, int64_t unit, int64_t largest, int64_t* sum) {
  if (text->empty() || !IsDigit(text->front())) return false;
  int64_t number = 0;
  for (; !text->empty() && IsDigit(text->front()); text->remove_prefix(1)) {
    if (__builtin_mul_overflow(number, 10, &number) ||
        __builtin_add_overflow(number, text->front() - '0', &number)) {
      return false;
    }
  }
  int64_t product;
  return number <= largest && !__builtin_mul_overflow(number, unit, &product) &&
         !__builtin_add_overflow(*sum, product, sum);
}

// `.f…` of seconds.
bool AddFraction(std::string_view* text, int64_t* sum) {
  if (text->empty() || text->front() != '.') return true;
  text->remove_prefix(1);
  if (text->empty() || !IsDigit(text->front())) return false;
  int64_t unit = kMicrosPerSecond / 10;
  for (; !text->empty() && IsDigit(text->front()); text->remove_prefix(1), unit /= 10) {
    if (__builtin_add_overflow(*sum, (text->front() - '0') * unit, sum)) return false;
  }
  return true;
}

bool TakeSeparator(std::string_view* text, char separator) {
  if (text->empty() || text->front() != separator) return false;
  text->remove_prefix(1);
  return true;
}

constexpr int64_t kUnbounded = INT64_MAX;
// The largest value of a field behind the leading one: hours, minutes, seconds.
constexpr int64_t LargestOf(const Unit& unit) { return unit.size == kMicrosPerHour ? 23 : 59; }

}  // namespace

std::optional<IntervalMonth> ParseIntervalMonth(std::string_view text, std::string_view from,
                                                std::string_view to) {
  const Unit* first = FindUnit(kMonthUnits, from);
  if (!first) return std::nullopt;
  auto [digits, negative] = SplitSign(text);
  int64_t months = 0;
  if (!AddField(&digits, first->size, kUnbounded, &months)) return std::nullopt;
  if (!to.empty() && to != from) {
    const bool year_to_month = IsUnit(from, "YEAR") && IsUnit(to, "MONTH");
    if (!year_to_month || !TakeSeparator(&digits, '-') || !AddField(&digits, 1, 11, &months)) {
      return std::nullopt;
    }
  }
  if (!digits.empty()) return std::nullopt;
  return IntervalMonth{negative ? -months : months};
}

std::optional<IntervalDay> ParseIntervalDay(std::string_view text, std::string_view from,
                                            std::string_view to) {
  const Unit* unit = FindUnit(kDayUnits, from);
  const Unit* last = to.empty() ? unit : FindUnit(kDayUnits, to);
  if (!unit || !last || last < unit) return std::nullopt;
  // Only DAY, HOUR, MINUTE and SECOND make ranges.
  const bool range = last > unit;
  if (range && (IsUnit(from, "WEEK") || IsUnit(to, "MILLISECOND"))) return std::nullopt;
  auto [digits, negative] = SplitSign(text);
  int64_t micros = 0;
  if (!AddField(&digits, unit->size, kUnbounded, &micros)) return std::nullopt;
  while (unit < last) {
    const char separator = unit->size == kMicrosPerDay ? ' ' : ':';
    ++unit;
    if (!TakeSeparator(&digits, separator) ||
        !AddField(&digits, unit->size, LargestOf(*unit), &micros)) {
      return std::nullopt;
    }
  }
  if (last->size == kMicrosPerSecond && !AddFraction(&digits, &micros)) return std::nullopt;
  if (!digits.empty()) return std::nullopt;
  return IntervalDay{negative ? -micros : micros};
}

}  // namespace millrace
