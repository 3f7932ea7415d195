// EXTRACT and its short forms, and the functions that read the clock.

#include "types/datetime.h"
#include "functions/families.h"
#include "functions/make_scalar.h"
#include "functions/time_unit.h"

namespace millrace {
namespace {

Timestamp AsLocal(Date date, const EvalContext&) { return {date.days * kMicrosPerDay}; }
Timestamp AsLocal(Time time, const EvalContext&) { return {time.micros}; }
Timestamp AsLocal(Timestamp ts, const EvalContext&) { return ts; }
Timestamp AsLocal(TimestampLtz ts, const EvalContext& context) { return ToLocal(ts, context.zone); }

// A field of an interval: of DAY TO SECOND the days and the parts below, of YEAR TO MONTH two.
int64_t ExtractField(TimeUnit unit, IntervalDay interval) {
  const int64_t micros = interval.micros;
  switch (unit) {
    case TimeUnit::kDay:
      return micros / kMicrosPerDay;
    case TimeUnit::kHour:
      return micros / kMicrosPerHour % 24;
    case TimeUnit::kMinute:
      return micros / kMicrosPerMinute % 60;
    case TimeUnit::kSecond:
      return micros / kMicrosPerSecond % 60;
    case TimeUnit::kMillisecond:
      return micros / kMicrosPerMilli % 1000;
    case TimeUnit::kEpoch:
      return micros / kMicrosPerSecond;
    default:
      return 0;
  }
}

int64_t ExtractField(TimeUnit unit, IntervalMonth interval) {
  switch (unit) {
    case TimeUnit::kYear:
      return interval.months / 12;
    case TimeUnit::kQuarter:
      return interval.months % 12 / 3 + 1;
    case TimeUnit::kMonth:
      return interval.months % 12;
    default:
      return 0;
  }
}

constexpr const char* kNoUnit = "unknown unit of time";

// EXTRACT(unit FROM value), where the unit is nearly always the same for all rows.
template <class T>
void AddExtract(FunctionRegistry& r) {
  r.Add("extract", [](StringRef name, T value, const EvalContext& context) -> Checked<int64_t> {
    const std::optional<TimeUnit> unit = ParseTimeUnit(name.view());
    if (!unit) return {0, kNoUnit};
    if constexpr (std::is_same_v<T, IntervalDay> || std::is_same_v<T, IntervalMonth>) {
      static_cast<void>(context);
      return {ExtractField(*unit, value)};
    } else {
      return {millrace::ExtractField(*unit, AsLocal(value, context))};
    }
  });
}

template <TimeUnit kUnit, class T>
void AddField(FunctionRegistry& r, const char* name) {
  r.Add(name, [](T value, const EvalContext& context) {
    return millrace::ExtractField(kUnit, AsLocal(value, context));
  });
}

template <TimeUnit kUnit>
void AddDateField(FunctionRegistry& r, const char* name) {
  AddField<kUnit, Date>(r, name);
  AddField<kUnit, Timestamp>(r, name);
  AddField<kUnit, TimestampLtz>(r, name);
}

template <TimeUnit kUnit>
void AddTimeField(FunctionRegistry& r, const char* name) {
  AddDateField<kUnit>(r, name);
  AddField<kUnit, Time>(r, name);
}

int64_t ToMillis(int64_t micros) { return micros - FloorModulo(micros, kMicrosPerMilli); }
Timestamp LocalNow(const EvalContext& context) { return ToLocal(context.now, context.zone); }
int64_t WholeSecondOfDay(const EvalContext& context) {
  const int64_t micros = MicrosOfDay(LocalNow(context));
  return micros - micros % kMicrosPerSecond;
}

template <class F>
void AddClock(FunctionRegistry& r, const char* name, Type type, F f) {
  FunctionRegistry::Definition definition;
  definition.name = name;
  definition.result = [type](std::span<const Type>) { return type; };
  definition.make_kernel = [f](std::span<const Type>, const Type&) {
    return MakeScalar(f, Volatility::kStable).kernel;
  };
  definition.deterministic = false;
  r.Define(std::move(definition));
}

void RegisterClock(FunctionRegistry& r) {
  const auto now = [](const EvalContext& c) { return TimestampLtz{ToMillis(c.now.micros)}; };
  for (const char* name : {"now", "current_timestamp", "proctime", "current_row_timestamp"}) {
    AddClock(r, name, Type::MakeTimestampLtz(3), now);
  }
  AddClock(r, "localtimestamp", Type::MakeTimestamp(3),
           [](const EvalContext& c) { return Timestamp{ToMillis(LocalNow(c).micros)}; });
  AddClock(r, "current_date", TypeId::kDate,
           [](const EvalContext& c) { return Date{static_cast<int32_t>(DayOf(LocalNow(c)))}; });
  for (const char* name : {"current_time", "localtime"}) {
    AddClock(r, name, TypeId::kTime,
             [](const EvalContext& c) { return Time{WholeSecondOfDay(c)}; });
  }
  AddClock(r, "unix_timestamp", TypeId::kBigInt,
           [](const EvalContext& c) { return FloorDivide(c.now.micros, kMicrosPerSecond); });
}

// CURRENT_WATERMARK(rowtime): NULL before the first watermark.
template <class T>
void AddWatermark(FunctionRegistry& r) {
  FunctionRegistry::Definition definition;
  definition.name = "current_watermark";
  definition.parameters = {kTypeOf<T>};
  definition.null_aware = definition.may_be_null = true;
  definition.deterministic = false;
  definition.result = [](std::span<const Type> arguments) { return arguments[0]; };
  definition.make_kernel = [](std::span<const Type>, const Type&) -> ScalarKernel {
    return [](std::span<const Column>, size_t size, EvalContext& context) {
      if (!context.watermark) return Column::ConstantNull(kTypeOf<T>, size);
      return Column::Constant(T{context.watermark->micros}, size);
    };
  };
  r.Define(std::move(definition));
}

}  // namespace

void RegisterDatetime(FunctionRegistry& r) {
  AddExtract<Date>(r);
  AddExtract<Time>(r);
  AddExtract<Timestamp>(r);
  AddExtract<TimestampLtz>(r);
  AddExtract<IntervalDay>(r);
  AddExtract<IntervalMonth>(r);
  AddDateField<TimeUnit::kYear>(r, "year");
  AddDateField<TimeUnit::kQuarter>(r, "quarter");
  AddDateField<TimeUnit::kMonth>(r, "month");
  AddDateField<TimeUnit::kWeek>(r, "week");
  AddDateField<TimeUnit::kDay>(r, "dayofmonth");
  AddDateField<TimeUnit::kDayOfYear>(r, "dayofyear");
  AddDateField<TimeUnit::kDayOfWeek>(r, "dayofweek");
  AddTimeField<TimeUnit::kHour>(r, "hour");
  AddTimeField<TimeUnit::kMinute>(r, "minute");
  AddTimeField<TimeUnit::kSecond>(r, "second");
  RegisterClock(r);
  AddWatermark<Timestamp>(r);
  AddWatermark<TimestampLtz>(r);
}

}  // namespace millrace
