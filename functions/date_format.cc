// Dates and times to text and back, by patterns: DATE_FORMAT, TO_TIMESTAMP, FROM_UNIXTIME …

#include <cmath>
#include <limits>

#include "functions/calendar.h"
#include "functions/families.h"
#include "functions/make_scalar.h"
#include "functions/time_pattern.h"
#include "types/datetime.h"

namespace millrace {
namespace {

constexpr std::string_view kSeconds = "yyyy-MM-dd HH:mm:ss";
constexpr int64_t kNoDay = std::numeric_limits<int64_t>::min();

// The pattern of a batch's rows: compiled again only when a row has another one.
class PatternOfRows {
 public:
  const TimePattern& Get(std::string_view pattern) {
    if (!compiled_ || pattern != text_) {
      text_ = pattern;
      compiled_.emplace(pattern);
    }
    return *compiled_;
  }

 private:
  std::string text_;
  std::optional<TimePattern> compiled_;
};

struct LocalTime {
  Timestamp ts;
  int64_t offset_seconds = 0;
};
LocalTime LocalOf(Date date, const EvalContext&) { return {{date.days * kMicrosPerDay}}; }
LocalTime LocalOf(Time time, const EvalContext&) { return {{time.micros}}; }
LocalTime LocalOf(Timestamp ts, const EvalContext&) { return {ts}; }
LocalTime LocalOf(TimestampLtz ts, const EvalContext& context) {
  const Timestamp local = ToLocal(ts, context.zone);
  return {local, (local.micros - ts.micros) / kMicrosPerSecond};
}
LocalTime LocalOf(int64_t seconds, const EvalContext& context) {
  return LocalOf(TimestampLtz{seconds * kMicrosPerSecond}, context);
}

// Formats column 0 by the pattern in column 1, or in seconds if there is none.
template <class T>
Column FormatRows(std::span<const Column> arguments, size_t size, EvalContext& context) {
  Column result(TypeId::kString, size);
  result.set_valid(scalar_internal::PropagateNulls(arguments, size));
  StringRef* out = result.mutable_data<StringRef>();
  Heap heap;
  PatternOfRows patterns;
  std::string text;
  int64_t day = kNoDay;  // Whose text is out[i - 1].
  for (size_t i = 0; i < size; ++i) {
    out[i] = StringRef();
    if (result.IsNull(i)) {
      day = kNoDay;
      continue;
    }
    const StringRef named = arguments.size() > 1 ? arguments[1].at<StringRef>(i) : StringRef();
    const TimePattern& pattern = patterns.Get(arguments.size() > 1 ? named.view() : kSeconds);
    if (!pattern.error().empty()) {
      context.errors->push_back({static_cast<uint32_t>(i), pattern.error()});
      day = kNoDay;
      continue;
    }
    const LocalTime time = LocalOf(arguments[0].at<T>(i), context);
    const bool same_text = arguments.size() > 1 && arguments[1].constant() && pattern.only_days();
    if (same_text && day == DayOf(time.ts)) {
      out[i] = out[i - 1];
      continue;
    }
    day = same_text ? DayOf(time.ts) : kNoDay;
    text.clear();
    pattern.Format(time.ts, time.offset_seconds, &text);
    out[i] = heap.Add(text);
  }
  result.KeepAlive(heap.arena());
  return result;
}

std::optional<Timestamp> ParseBy(const TimePattern* pattern, std::string_view text) {
  return pattern == nullptr ? ParseTimestamp(text) : pattern->Parse(text);
}

// Parses column 0, by the pattern in column 1 if there is one; convert(timestamp or nothing, i)
// makes the result, or nothing for NULL.
template <class R, class F>
Column ParseRows(std::span<const Column> arguments, size_t size, EvalContext& context,
                 const F& convert) {
  Column result(kTypeOf<R>, size);
  const std::shared_ptr<uint8_t[]> valid = scalar_internal::PropagateNulls(arguments, size);
  PatternOfRows patterns;
  for (size_t i = 0; i < size; ++i) {
    result.mutable_data<R>()[i] = R{};
    if (valid && !valid[i]) {
      result.SetNull(i);
      continue;
    }
    const TimePattern* pattern = nullptr;
    if (arguments.size() > 1) pattern = &patterns.Get(arguments[1].at<StringRef>(i).view());
    if (pattern != nullptr && !pattern->error().empty()) {
      context.errors->push_back({static_cast<uint32_t>(i), pattern->error()});
      continue;
    }
    const StringRef text = arguments[0].at<StringRef>(i);
    const std::optional<R> value = convert(ParseBy(pattern, text.view()), i);
    if (value) {
      result.mutable_data<R>()[i] = *value;
    } else {
      result.SetNull(i);
    }
  }
  return result;
}

Column ToDate(std::span<const Column> arguments, size_t size, EvalContext& context) {
  return ParseRows<Date>(arguments, size, context,
                         [](std::optional<Timestamp> ts, size_t) -> std::optional<Date> {
                           if (!ts) return std::nullopt;
                           return Date{static_cast<int32_t>(DayOf(*ts))};
                         });
}

Column ToTimestamp(std::span<const Column> arguments, size_t size, EvalContext& context) {
  return ParseRows<Timestamp>(arguments, size, context,
                              [](std::optional<Timestamp> ts, size_t) { return ts; });
}

// TO_TIMESTAMP_LTZ(text[, pattern[, zone]])
Column ToTimestampLtz(std::span<const Column> arguments, size_t size, EvalContext& context) {
  const auto convert = [&](std::optional<Timestamp> ts, size_t i) -> std::optional<TimestampLtz> {
    if (!ts) return std::nullopt;
    if (arguments.size() < 3) return FromLocal(*ts, context.zone);
    const std::string zone(arguments[2].at<StringRef>(i).view());
    return IsKnownZone(zone) ? std::optional(FromLocal(*ts, zone)) : std::nullopt;
  };
  Column result = ParseRows<TimestampLtz>(arguments.first(std::min<size_t>(arguments.size(), 2)),
                                          size, context, convert);
  if (arguments.size() > 2 && arguments[2].may_have_nulls()) {
    for (size_t i = 0; i < size; ++i) {
      if (arguments[2].IsNull(i)) result.SetNull(i);
    }
  }
  return result;
}

// UNIX_TIMESTAMP(text[, pattern]): the least BIGINT where the text does not fit, as in Flink.
Column UnixTimestamp(std::span<const Column> arguments, size_t size, EvalContext& context) {
  return ParseRows<int64_t>(
      arguments, size, context, [&](std::optional<Timestamp> ts, size_t) -> std::optional<int64_t> {
        if (!ts) return std::numeric_limits<int64_t>::min();
        return FloorDivide(FromLocal(*ts, context.zone).micros, kMicrosPerSecond);
      });
}

void Define(FunctionRegistry& r, const char* name, std::vector<TypeId> parameters, Type result,
            bool may_be_null, ScalarKernel kernel) {
  FunctionRegistry::Definition definition;
  definition.name = name;
  definition.parameters = std::move(parameters);
  definition.may_be_null = may_be_null;
  definition.result = [result](std::span<const Type>) { return result; };
  definition.make_kernel = [kernel](std::span<const Type>, const Type&) { return kernel; };
  r.Define(std::move(definition));
}

// A count of seconds, or of 10^-precision seconds, since the epoch.
Checked<TimestampLtz> FromEpoch(int64_t value, int32_t precision) {
  constexpr int64_t kUnits[] = {kMicrosPerSecond, 100'000, 10'000, kMicrosPerMilli, 100, 10, 1};
  if (precision < 0 || precision > 6) return {{}, "TO_TIMESTAMP_LTZ takes a precision from 0 to 6"};
  int64_t micros;
  if (__builtin_mul_overflow(value, kUnits[precision], &micros)) return {{}, "time out of range"};
  return {{micros}};
}

Checked<TimestampLtz> FromEpochDouble(double value, int32_t precision) {
  const double micros = value * std::pow(10, 6 - precision);
  if (!(std::fabs(micros) < 9e18)) return {{}, "time out of range"};
  return {{static_cast<int64_t>(micros)}};
}

// CONVERT_TZ(text, from, to) of a wall-clock time.
std::optional<StringRef> ConvertZone(StringRef text, StringRef from, StringRef to, Heap& heap) {
  const std::optional<Timestamp> ts = ParseTimestamp(text.view());
  const std::string from_zone(from.view()), to_zone(to.view());
  if (!ts || !IsKnownZone(from_zone) || !IsKnownZone(to_zone)) return std::nullopt;
  std::string out;
  AppendTimestamp(ToLocal(FromLocal(*ts, from_zone), to_zone), 0, ' ', &out);
  return heap.Add(out);
}

// DATE_FORMAT of a text reformats it.
std::optional<StringRef> FormatText(StringRef text, StringRef pattern, Heap& heap) {
  const std::optional<Timestamp> ts = ParseTimestamp(text.view());
  const TimePattern compiled(pattern.view());
  if (!ts || !compiled.error().empty()) return std::nullopt;
  std::string out;
  compiled.Format(*ts, 0, &out);
  return heap.Add(out);
}

}  // namespace

void RegisterDateFormat(FunctionRegistry& r) {
  constexpr TypeId kString = TypeId::kString;
  Define(r, "date_format", {TypeId::kTimestamp, kString}, kString, false, FormatRows<Timestamp>);
  Define(r, "date_format", {TypeId::kTimestampLtz, kString}, kString, false,
         FormatRows<TimestampLtz>);
  Define(r, "date_format", {TypeId::kDate, kString}, kString, false, FormatRows<Date>);
  Define(r, "date_format", {TypeId::kTime, kString}, kString, false, FormatRows<Time>);
  r.Add("date_format", FormatText);
  Define(r, "from_unixtime", {TypeId::kBigInt}, kString, false, FormatRows<int64_t>);
  Define(r, "from_unixtime", {TypeId::kBigInt, kString}, kString, false, FormatRows<int64_t>);
  Define(r, "to_date", {kString}, TypeId::kDate, true, ToDate);
  Define(r, "to_date", {kString, kString}, TypeId::kDate, true, ToDate);
  Define(r, "to_timestamp", {kString}, Type::MakeTimestamp(3), true, ToTimestamp);
  Define(r, "to_timestamp", {kString, kString}, Type::MakeTimestamp(3), true, ToTimestamp);
  const Type ltz = Type::MakeTimestampLtz(3);
  Define(r, "to_timestamp_ltz", {kString}, ltz, true, ToTimestampLtz);
  Define(r, "to_timestamp_ltz", {kString, kString}, ltz, true, ToTimestampLtz);
  Define(r, "to_timestamp_ltz", {kString, kString, kString}, ltz, true, ToTimestampLtz);
  const auto ltz_type = [ltz](std::span<const Type>) { return ltz; };
  AddTyped(r, "to_timestamp_ltz", ltz_type, FromEpoch);
  AddTyped(r, "to_timestamp_ltz", ltz_type, FromEpochDouble);
  AddTyped(r, "to_timestamp_ltz", ltz_type, [](int64_t millis) { return FromEpoch(millis, 3); });
  Define(r, "unix_timestamp", {kString}, TypeId::kBigInt, false, UnixTimestamp);
  Define(r, "unix_timestamp", {kString, kString}, TypeId::kBigInt, false, UnixTimestamp);
  r.Add("convert_tz", ConvertZone);
}

}  // namespace millrace
