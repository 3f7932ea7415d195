// Arithmetic of dates, times and intervals.

#include <limits>

#include "functions/calendar.h"
#include "functions/families.h"
#include "functions/make_scalar.h"
#include "types/datetime.h"

namespace millrace {
namespace {

constexpr const char* kOutOfRange = "time out of range";
constexpr const char* kIntervalOverflow = "interval overflow";

template <class T>
Checked<T> AddMicros(int64_t a, int64_t b) {
  const int64_t sum = static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
  return {T{sum}, ((a ^ sum) & (b ^ sum)) < 0 ? kOutOfRange : nullptr};
}

template <class T>
Checked<T> SubtractMicros(int64_t a, int64_t b) {
  const int64_t sum = static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
  return {T{sum}, ((a ^ b) & (a ^ sum)) < 0 ? kOutOfRange : nullptr};
}

bool MonthsFit(int64_t months) { return months >= -kMaxMonths && months <= kMaxMonths; }

Checked<Date> AddMonthsTo(Date date, int64_t months) {
  if (!MonthsFit(months)) return {{}, kOutOfRange};
  const int64_t days = AddMonths(date.days, months);
  const bool fits = days == static_cast<int32_t>(days);
  return {{static_cast<int32_t>(days)}, fits ? nullptr : kOutOfRange};
}

Checked<Timestamp> AddMonthsTo(Timestamp ts, int64_t months) {
  if (!MonthsFit(months)) return {{}, kOutOfRange};
  const int64_t days = AddMonths(DayOf(ts), months);
  int64_t micros;
  const bool overflow = __builtin_mul_overflow(days, kMicrosPerDay, &micros) ||
                        __builtin_add_overflow(micros, MicrosOfDay(ts), &micros);
  return overflow ? Checked<Timestamp>{{}, kOutOfRange} : Checked<Timestamp>{{micros}};
}

// Months are counted on the wall clock of the session's zone.
Checked<TimestampLtz> AddMonthsTo(TimestampLtz ts, int64_t months, const std::string& zone) {
  const Checked<Timestamp> local = AddMonthsTo(ToLocal(ts, zone), months);
  if (local.error != nullptr) return {{}, local.error};
  return {FromLocal(local.value, zone)};
}

// Only whole days move a date.
Checked<Date> AddDays(Date date, int64_t micros) {
  const int64_t days = date.days + micros / kMicrosPerDay;
  const bool fits = days == static_cast<int32_t>(days);
  return {{static_cast<int32_t>(days)}, fits ? nullptr : kOutOfRange};
}

// Times go round the clock.
Time AddToTime(Time time, int64_t micros) {
  return {FloorModulo(time.micros + micros % kMicrosPerDay, kMicrosPerDay)};
}

template <class I>
Checked<I> Multiplied(int64_t a, int64_t b) {
  int64_t product;
  const bool overflow = __builtin_mul_overflow(a, b, &product);
  return overflow ? Checked<I>{{}, kIntervalOverflow} : Checked<I>{{product}};
}

template <class I>
Checked<I> Divided(int64_t a, int64_t b) {
  if (b == 0) return {{}, "division by zero"};
  if (b == -1 && a == std::numeric_limits<int64_t>::min()) return {{}, kIntervalOverflow};
  return {{a / b}};
}

// At least milliseconds, as intervals have.
std::optional<Type> KeepPrecision(std::span<const Type> arguments) {
  Type type = arguments[0].id == TypeId::kTimestamp || arguments[0].id == TypeId::kTimestampLtz
                  ? arguments[0]
                  : arguments[1];
  type.precision = std::max<uint8_t>(type.precision, 3);
  return type;
}

void RegisterDates(FunctionRegistry& r) {
  r.Add("+", [](Date a, IntervalDay b) { return AddDays(a, b.micros); });
  r.Add("+", [](IntervalDay a, Date b) { return AddDays(b, a.micros); });
  r.Add("-", [](Date a, IntervalDay b) { return AddDays(a, -b.micros); });
  r.Add("+", [](Date a, IntervalMonth b) { return AddMonthsTo(a, b.months); });
  r.Add("+", [](IntervalMonth a, Date b) { return AddMonthsTo(b, a.months); });
  r.Add("-", [](Date a, IntervalMonth b) { return AddMonthsTo(a, -b.months); });
  r.Add("-",
        [](Date a, Date b) { return IntervalDay{(int64_t{a.days} - b.days) * kMicrosPerDay}; });
  r.Add("+", [](Time a, IntervalDay b) { return AddToTime(a, b.micros); });
  r.Add("+", [](IntervalDay a, Time b) { return AddToTime(b, a.micros); });
  r.Add("-", [](Time a, IntervalDay b) { return AddToTime(a, -(b.micros % kMicrosPerDay)); });
  r.Add("-", [](Time a, Time b) { return IntervalDay{a.micros - b.micros}; });
}

template <class T>
void RegisterTimestamps(FunctionRegistry& r) {
  AddTyped(r, "+", KeepPrecision,
           [](T a, IntervalDay b) { return AddMicros<T>(a.micros, b.micros); });
  AddTyped(r, "+", KeepPrecision,
           [](IntervalDay a, T b) { return AddMicros<T>(a.micros, b.micros); });
  AddTyped(r, "-", KeepPrecision,
           [](T a, IntervalDay b) { return SubtractMicros<T>(a.micros, b.micros); });
  r.Add("-", [](T a, T b) { return SubtractMicros<IntervalDay>(a.micros, b.micros); });
}

void RegisterMonths(FunctionRegistry& r) {
  AddTyped(r, "+", KeepPrecision,
           [](Timestamp a, IntervalMonth b) { return AddMonthsTo(a, b.months); });
  AddTyped(r, "+", KeepPrecision,
           [](IntervalMonth a, Timestamp b) { return AddMonthsTo(b, a.months); });
  AddTyped(r, "-", KeepPrecision,
           [](Timestamp a, IntervalMonth b) { return AddMonthsTo(a, -b.months); });
  AddTyped(r, "+", KeepPrecision, [](TimestampLtz a, IntervalMonth b, const EvalContext& context) {
    return AddMonthsTo(a, b.months, context.zone);
  });
  AddTyped(r, "+", KeepPrecision, [](IntervalMonth a, TimestampLtz b, const EvalContext& context) {
    return AddMonthsTo(b, a.months, context.zone);
  });
  AddTyped(r, "-", KeepPrecision, [](TimestampLtz a, IntervalMonth b, const EvalContext& context) {
    return AddMonthsTo(a, -b.months, context.zone);
  });
}

// Both interval types by the member that holds the count.
template <class I, int64_t I::*kCount>
void RegisterOf(FunctionRegistry& r) {
  r.Add("+", [](I a, I b) { return AddMicros<I>(a.*kCount, b.*kCount); });
  r.Add("-", [](I a, I b) { return SubtractMicros<I>(a.*kCount, b.*kCount); });
  r.Add("*", [](I a, int64_t b) { return Multiplied<I>(a.*kCount, b); });
  r.Add("*", [](int64_t a, I b) { return Multiplied<I>(b.*kCount, a); });
  r.Add("/", [](I a, int64_t b) { return Divided<I>(a.*kCount, b); });
  r.Add("negate", [](I a) { return Multiplied<I>(a.*kCount, -1); });
  r.Add("abs", [](I a) { return Multiplied<I>(a.*kCount, a.*kCount < 0 ? -1 : 1); });
}

}  // namespace

void RegisterIntervals(FunctionRegistry& r) {
  RegisterDates(r);
  RegisterTimestamps<Timestamp>(r);
  RegisterTimestamps<TimestampLtz>(r);
  RegisterMonths(r);
  RegisterOf<IntervalMonth, &IntervalMonth::months>(r);
  RegisterOf<IntervalDay, &IntervalDay::micros>(r);
}

}  // namespace millrace
