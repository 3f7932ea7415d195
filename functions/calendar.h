// The proleptic Gregorian calendar on days since 1970-01-01, for any int32 day number.
#pragma once

#include <algorithm>
#include <cstdint>

#include "types/type.h"

namespace millrace {

struct CivilDate {
  int64_t year;
  int32_t month;  // 1 … 12
  int32_t day;    // 1 … 31
};

constexpr int64_t FloorDivide(int64_t a, int64_t b) { return a / b - (a % b < 0); }
// REQUIRES: b > 0. Never negative.
constexpr int64_t FloorModulo(int64_t a, int64_t b) { return a % b + (a % b < 0 ? b : 0); }

// Counts years from March, so that the leap day is the last of a year, in eras of 400 years.
constexpr CivilDate CivilFromDays(int64_t days) {
  days += 719'468;
  const int64_t era = FloorDivide(days, 146'097);
  const int64_t day_of_era = days - era * 146'097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t shifted_month = (5 * day_of_year + 2) / 153;
  const int64_t day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
  const int64_t month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  return {year_of_era + era * 400 + (month <= 2), static_cast<int32_t>(month),
          static_cast<int32_t>(day)};
}

constexpr int64_t DaysFromCivil(int64_t year, int32_t month, int32_t day) {
  year -= month <= 2;
  const int64_t era = FloorDivide(year, 400);
  const int64_t year_of_era = year - era * 400;
  const int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  return era * 146'097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
         719'468;
}

constexpr int32_t DaysInMonth(int64_t year, int32_t month) {
  constexpr int32_t kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return kDays[month - 1] + (month == 2 && leap);
}

// The day of the month is clamped: January 31st plus one month is the last of February.
constexpr int64_t AddMonths(int64_t days, int64_t months) {
  const CivilDate date = CivilFromDays(days);
  const int64_t total = date.year * 12 + date.month - 1 + months;
  const int64_t year = FloorDivide(total, 12);
  const int32_t month = static_cast<int32_t>(FloorModulo(total, 12)) + 1;
  return DaysFromCivil(year, month, std::min(date.day, DaysInMonth(year, month)));
}

constexpr int64_t DayOf(Timestamp ts) { return FloorDivide(ts.micros, kMicrosPerDay); }
constexpr int64_t MicrosOfDay(Timestamp ts) { return FloorModulo(ts.micros, kMicrosPerDay); }

// 0 is Sunday.
constexpr int32_t WeekdayOf(int64_t days) { return static_cast<int32_t>(FloorModulo(days + 4, 7)); }

inline constexpr int64_t kMicrosPerMinute = 60 * kMicrosPerSecond;
inline constexpr int64_t kMicrosPerHour = 60 * kMicrosPerMinute;

// More months than from year 1 to 9999 fit no interval arithmetic.
inline constexpr int64_t kMaxMonths = 12 * 100'000;

}  // namespace millrace
