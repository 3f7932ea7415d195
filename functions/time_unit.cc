#include "functions/time_unit.h"

#include <string>

namespace millrace {
namespace {

struct UnitName {
  std::string_view name;
  TimeUnit unit;
};
constexpr UnitName kUnits[] = {{"MICROSECOND", TimeUnit::kMicrosecond},
                               {"MILLISECOND", TimeUnit::kMillisecond},
                               {"SECOND", TimeUnit::kSecond},
                               {"MINUTE", TimeUnit::kMinute},
                               {"HOUR", TimeUnit::kHour},
                               {"DAY", TimeUnit::kDay},
                               {"WEEK", TimeUnit::kWeek},
                               {"MONTH", TimeUnit::kMonth},
                               {"QUARTER", TimeUnit::kQuarter},
                               {"YEAR", TimeUnit::kYear},
                               {"DECADE", TimeUnit::kDecade},
                               {"CENTURY", TimeUnit::kCentury},
                               {"MILLENNIUM", TimeUnit::kMillennium},
                               {"NANOSECOND", TimeUnit::kNanosecond},
                               {"FRAC_SECOND", TimeUnit::kMicrosecond},
                               {"DOW", TimeUnit::kDayOfWeek},
                               {"ISODOW", TimeUnit::kIsoDayOfWeek},
                               {"DOY", TimeUnit::kDayOfYear},
                               {"ISOYEAR", TimeUnit::kIsoYear},
                               {"EPOCH", TimeUnit::kEpoch}};

// Rounded away from zero: the years 1 to 100 are the first century.
int64_t CountOf(int64_t year, int64_t years) {
  return year > 0 ? (year + years - 1) / years : -((-year + years) / years);
}

}  // namespace

std::optional<TimeUnit> ParseTimeUnit(std::string_view name) {
  // The planner writes the canonical names, row after row.
  for (const UnitName& known : kUnits) {
    if (name == known.name) return known.unit;
  }
  std::string upper;
  for (char c : name) upper += static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
  std::string_view unit = upper;
  if (unit.starts_with("SQL_TSI_")) unit.remove_prefix(8);
  for (const UnitName& known : kUnits) {
    if (unit == known.name) return known.unit;
    if (unit.ends_with('S') && unit.substr(0, unit.size() - 1) == known.name) return known.unit;
  }
  return std::nullopt;
}

IsoWeek IsoWeekOf(int64_t days) {
  // The week belongs to the year of its Thursday.
  const int64_t thursday = days - FloorModulo(days + 3, 7) + 3;
  return {CivilFromDays(thursday).year, (DayOfYear(thursday) - 1) / 7 + 1};
}

int64_t DayOfYear(int64_t days) { return days - DaysFromCivil(CivilFromDays(days).year, 1, 1) + 1; }

int64_t ExtractField(TimeUnit unit, Timestamp ts) {
  const int64_t days = DayOf(ts), micros = MicrosOfDay(ts);
  switch (unit) {
    case TimeUnit::kNanosecond:
      return micros % kMicrosPerSecond * 1000;
    case TimeUnit::kMicrosecond:
      return micros % kMicrosPerSecond;
    case TimeUnit::kMillisecond:
      return micros % kMicrosPerSecond / kMicrosPerMilli;
    case TimeUnit::kSecond:
      return micros / kMicrosPerSecond % 60;
    case TimeUnit::kMinute:
      return micros / kMicrosPerMinute % 60;
    case TimeUnit::kHour:
      return micros / kMicrosPerHour;
    case TimeUnit::kDay:
      return CivilFromDays(days).day;
    case TimeUnit::kWeek:
      return IsoWeekOf(days).week;
    case TimeUnit::kMonth:
      return CivilFromDays(days).month;
    case TimeUnit::kQuarter:
      return (CivilFromDays(days).month + 2) / 3;
    case TimeUnit::kYear:
      return CivilFromDays(days).year;
    case TimeUnit::kDecade:
      return FloorDivide(CivilFromDays(days).year, 10);
    case TimeUnit::kCentury:
      return CountOf(CivilFromDays(days).year, 100);
    case TimeUnit::kMillennium:
      return CountOf(CivilFromDays(days).year, 1000);
    case TimeUnit::kDayOfWeek:
      return WeekdayOf(days) + 1;
    case TimeUnit::kIsoDayOfWeek:
      return (WeekdayOf(days) + 6) % 7 + 1;
    case TimeUnit::kDayOfYear:
      return DayOfYear(days);
    case TimeUnit::kIsoYear:
      return IsoWeekOf(days).year;
    case TimeUnit::kEpoch:
      return FloorDivide(ts.micros, kMicrosPerSecond);
  }
  return 0;
}

}  // namespace millrace
