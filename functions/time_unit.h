// Units of time as EXTRACT, FLOOR, TIMESTAMPADD … take them, as a string from the planner.
#pragma once

#include <optional>
#include <string_view>

#include "functions/calendar.h"

namespace millrace {

enum class TimeUnit : uint8_t {
  kMicrosecond,
  kMillisecond,
  kSecond,
  kMinute,
  kHour,
  kDay,
  kWeek,  // Begins on Monday, but in FLOOR and CEIL, as in Flink, on Sunday.
  kMonth,
  kQuarter,
  kYear,
  kDecade,
  kCentury,
  kMillennium,
  // Only EXTRACT takes these.
  kNanosecond,
  kDayOfWeek,
  kIsoDayOfWeek,
  kDayOfYear,
  kIsoYear,
  kEpoch,
};

// Case-insensitive, also SQL_TSI_ names and plurals; nothing if there is no such unit.
std::optional<TimeUnit> ParseTimeUnit(std::string_view name);

// The microseconds of a unit up to WEEK; 0 for longer ones, which are counted in months.
constexpr int64_t MicrosOf(TimeUnit unit) {
  constexpr int64_t kMicros[] = {1,
                                 kMicrosPerMilli,
                                 kMicrosPerSecond,
                                 kMicrosPerMinute,
                                 kMicrosPerHour,
                                 kMicrosPerDay,
                                 7 * kMicrosPerDay};
  return unit <= TimeUnit::kWeek ? kMicros[static_cast<size_t>(unit)] : 0;
}

// The months of a unit from MONTH to MILLENNIUM; 0 for others.
constexpr int64_t MonthsOf(TimeUnit unit) {
  constexpr int64_t kMonths[] = {1, 3, 12, 120, 1'200, 12'000};
  const bool months = unit >= TimeUnit::kMonth && unit <= TimeUnit::kMillennium;
  return months ? kMonths[static_cast<size_t>(unit) - static_cast<size_t>(TimeUnit::kMonth)] : 0;
}

// The field of a wall-clock time, as EXTRACT gives it.
int64_t ExtractField(TimeUnit unit, Timestamp ts);

struct IsoWeek {
  int64_t year;
  int64_t week;
};
IsoWeek IsoWeekOf(int64_t days);
int64_t DayOfYear(int64_t days);

}  // namespace millrace
