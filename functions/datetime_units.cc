// FLOOR and CEIL to a unit, TIMESTAMPADD and TIMESTAMPDIFF.

#include <limits>

#include "functions/families.h"
#include "functions/make_scalar.h"
#include "functions/time_unit.h"
#include "types/datetime.h"

namespace millrace {
namespace {

constexpr const char* kNoUnit = "unknown unit of time";
constexpr const char* kOutOfRange = "time out of range";
constexpr const char* kDateUnit = "a DATE has no time of day: cast it to TIMESTAMP first";

int64_t MonthIndexOf(int64_t days) {
  const CivilDate date = CivilFromDays(days);
  return date.year * 12 + date.month - 1;
}
int64_t DaysOfMonthIndex(int64_t months) {
  return DaysFromCivil(FloorDivide(months, 12), static_cast<int32_t>(FloorModulo(months, 12)) + 1,
                       1);
}

// Decades begin with years that end in 0; centuries and millennia with the year 1 of them.
int64_t FloorMonths(int64_t index, TimeUnit unit) {
  const int64_t first = unit >= TimeUnit::kCentury ? 12 : 0;
  return index - FloorModulo(index - first, MonthsOf(unit));
}

std::optional<Timestamp> FloorTo(Timestamp ts, TimeUnit unit) {
  if (MonthsOf(unit) > 0) {
    const int64_t months = FloorMonths(MonthIndexOf(DayOf(ts)), unit);
    return Timestamp{DaysOfMonthIndex(months) * kMicrosPerDay};
  }
  if (unit == TimeUnit::kWeek) return Timestamp{(DayOf(ts) - WeekdayOf(DayOf(ts))) * kMicrosPerDay};
  if (MicrosOf(unit) == 0) return std::nullopt;
  return Timestamp{ts.micros - FloorModulo(ts.micros, MicrosOf(unit))};
}

std::optional<Timestamp> CeilTo(Timestamp ts, TimeUnit unit) {
  const std::optional<Timestamp> floor = FloorTo(ts, unit);
  if (!floor || *floor == ts) return floor;
  if (MonthsOf(unit) == 0) return Timestamp{floor->micros + MicrosOf(unit)};
  const int64_t months = MonthIndexOf(DayOf(*floor)) + MonthsOf(unit);
  return Timestamp{DaysOfMonthIndex(months) * kMicrosPerDay};
}

using RoundTo = std::optional<Timestamp> (*)(Timestamp ts, TimeUnit unit);

template <RoundTo kRound>
Checked<Timestamp> Round(Timestamp ts, StringRef name) {
  const std::optional<TimeUnit> unit = ParseTimeUnit(name.view());
  const std::optional<Timestamp> rounded = unit ? kRound(ts, *unit) : std::nullopt;
  return rounded ? Checked<Timestamp>{*rounded} : Checked<Timestamp>{ts, kNoUnit};
}

std::optional<Type> FirstType(std::span<const Type> arguments) { return arguments[0]; }
std::optional<Type> LastType(std::span<const Type> arguments) { return arguments.back(); }

template <RoundTo kRound>
void AddRound(FunctionRegistry& r, const char* name) {
  AddTyped(r, name, FirstType,
           [](Timestamp ts, StringRef unit) { return Round<kRound>(ts, unit); });
  AddTyped(
      r, name, FirstType,
      [](TimestampLtz ts, StringRef unit, const EvalContext& context) -> Checked<TimestampLtz> {
        const Checked<Timestamp> rounded = Round<kRound>(ToLocal(ts, context.zone), unit);
        return {FromLocal(rounded.value, context.zone), rounded.error};
      });
  AddTyped(r, name, FirstType, [](Date date, StringRef unit) -> Checked<Date> {
    const Checked<Timestamp> rounded = Round<kRound>({date.days * kMicrosPerDay}, unit);
    return {{static_cast<int32_t>(DayOf(rounded.value))}, rounded.error};
  });
  AddTyped(r, name, FirstType, [](Time time, StringRef unit) -> Checked<Time> {
    const Checked<Timestamp> rounded = Round<kRound>({time.micros}, unit);
    return {{MicrosOfDay(rounded.value)}, rounded.error};
  });
}

Checked<Timestamp> AddUnits(StringRef name, int64_t count, Timestamp ts) {
  const std::optional<TimeUnit> unit = ParseTimeUnit(name.view());
  if (!unit) return {ts, kNoUnit};
  int64_t amount, micros;
  if (MonthsOf(*unit) > 0) {
    if (__builtin_mul_overflow(count, MonthsOf(*unit), &amount) || amount > kMaxMonths ||
        amount < -kMaxMonths ||
        __builtin_mul_overflow(AddMonths(DayOf(ts), amount), kMicrosPerDay, &micros)) {
      return {ts, kOutOfRange};
    }
    return {{micros + MicrosOfDay(ts)}};
  }
  if (MicrosOf(*unit) == 0) return {ts, kNoUnit};
  if (__builtin_mul_overflow(count, MicrosOf(*unit), &amount) ||
      __builtin_add_overflow(ts.micros, amount, &micros)) {
    return {ts, kOutOfRange};
  }
  return {{micros}};
}

Checked<Date> AddUnitsToDate(StringRef name, int64_t count, Date date) {
  const Checked<Timestamp> sum = AddUnits(name, count, {date.days * kMicrosPerDay});
  if (sum.error == nullptr && MicrosOfDay(sum.value) != 0) return {date, kDateUnit};
  const int64_t days = DayOf(sum.value);
  const bool fits = days == static_cast<int32_t>(days);
  return {{static_cast<int32_t>(days)},
          sum.error != nullptr ? sum.error
          : fits               ? nullptr
                               : kOutOfRange};
}

// Whole months from a to b: one less when the day and time of b have not come yet.
int64_t MonthsBetween(Timestamp a, Timestamp b) {
  int64_t months = MonthIndexOf(DayOf(b)) - MonthIndexOf(DayOf(a));
  const Timestamp moved{AddMonths(DayOf(a), months) * kMicrosPerDay + MicrosOfDay(a)};
  if (months > 0 && moved > b) --months;
  if (months < 0 && moved < b) ++months;
  return months;
}

Checked<int32_t> UnitsBetween(StringRef name, Timestamp a, Timestamp b) {
  const std::optional<TimeUnit> unit = ParseTimeUnit(name.view());
  if (!unit) return {0, kNoUnit};
  int64_t count = 0;
  if (MonthsOf(*unit) > 0) {
    count = MonthsBetween(a, b) / MonthsOf(*unit);
  } else if (MicrosOf(*unit) > 0) {
    count = (b.micros - a.micros) / MicrosOf(*unit);
  } else {
    return {0, kNoUnit};
  }
  if (count != static_cast<int32_t>(count)) return {0, "INTEGER overflow in TIMESTAMPDIFF"};
  return {static_cast<int32_t>(count)};
}

}  // namespace

void RegisterDatetimeUnits(FunctionRegistry& r) {
  AddRound<FloorTo>(r, "floor");
  AddRound<CeilTo>(r, "ceil");
  AddRound<CeilTo>(r, "ceiling");

  AddTyped(r, "timestampadd", LastType, AddUnits);
  AddTyped(r, "timestampadd", LastType, AddUnitsToDate);
  AddTyped(r, "timestampadd", LastType,
           [](StringRef unit, int64_t n, TimestampLtz ts,
              const EvalContext& context) -> Checked<TimestampLtz> {
             // Hours and less are elapsed time, days and more are counted on the calendar.
             const std::optional<TimeUnit> parsed = ParseTimeUnit(unit.view());
             if (parsed && *parsed < TimeUnit::kDay) {
               const Checked<Timestamp> sum = AddUnits(unit, n, {ts.micros});
               return {{sum.value.micros}, sum.error};
             }
             const Checked<Timestamp> sum = AddUnits(unit, n, ToLocal(ts, context.zone));
             return {FromLocal(sum.value, context.zone), sum.error};
           });

  r.Add("timestampdiff", UnitsBetween);
  r.Add("timestampdiff",
        [](StringRef unit, TimestampLtz a, TimestampLtz b, const EvalContext& context) {
          return UnitsBetween(unit, ToLocal(a, context.zone), ToLocal(b, context.zone));
        });
}

}  // namespace millrace
