#include <algorithm>
#include <charconv>
#include <cmath>

#include "types/cast_kernels.h"
#include "types/datetime.h"
#include "types/decimal.h"

namespace millrace {
namespace {

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && static_cast<unsigned char>(text.front()) <= ' ') text.remove_prefix(1);
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.remove_suffix(1);
  return text;
}

// from_chars takes no plus sign.
std::string_view WithoutPlus(std::string_view text) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  return text;
}

template <class T>
bool ParseNumber(std::string_view text, T* result) {
  text = WithoutPlus(Trimmed(text));
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, *result);
  return parsed.ec == std::errc() && parsed.ptr == end;
}

bool EqualsLower(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] | 0x20) : text[i];
    if (c != lower[i]) return false;
  }
  return true;
}

bool ParseBoolean(std::string_view text, bool* result) {
  text = Trimmed(text);
  for (std::string_view yes : {"true", "t", "yes", "y", "1"}) {
    if (EqualsLower(text, yes)) return *result = true;
  }
  for (std::string_view no : {"false", "f", "no", "n", "0"}) {
    if (EqualsLower(text, no)) return !(*result = false);
  }
  return false;
}

// The converter of text to T for one of the optional-valued parsers.
template <class T, class Parse>
Column MapText(const CastRequest& request, Parse parse) {
  return MapRows<StringRef, T>(request, [&](StringRef text, T* result) {
    const std::optional<T> value = parse(text.view());
    if (value) *result = *value;
    return value.has_value();
  });
}

template <class T>
Column ToNumber(const CastRequest& request) {
  return MapRows<StringRef, T>(
      request, [](StringRef text, T* result) { return ParseNumber(text.view(), result); });
}

// A timestamp's text, too, has a date.
std::optional<Date> DateOf(std::string_view text) {
  text = Trimmed(text);
  if (const std::optional<Date> date = ParseDate(text)) return date;
  const std::optional<Timestamp> ts = ParseTimestamp(text);
  constexpr size_t kDateLength = 10;
  return ts ? ParseDate(text.substr(0, std::min(text.find_first_of(" T"), kDateLength)))
            : std::nullopt;
}

int64_t CutFraction(int64_t micros, uint8_t precision) {
  if (precision >= 6) return micros;
  const auto unit = static_cast<int64_t>(PowerOfTen(6 - precision));
  const int64_t rest = micros % unit;
  return micros - rest - (rest < 0 ? unit : 0);
}

Column ToTimestamp(const CastRequest& request) {
  const uint8_t precision = request.to.precision;
  return MapText<Timestamp>(request, [&](std::string_view text) {
    std::optional<Timestamp> ts = ParseTimestamp(Trimmed(text));
    if (ts) ts->micros = CutFraction(ts->micros, precision);
    return ts;
  });
}

// Text that names no offset is in the session's zone.
Column ToTimestampLtz(const CastRequest& request) {
  const uint8_t precision = request.to.precision;
  return MapText<TimestampLtz>(request, [&](std::string_view text) -> std::optional<TimestampLtz> {
    std::optional<int64_t> offset;
    const std::optional<Timestamp> ts = ParseTimestamp(Trimmed(text), &offset);
    if (!ts) return std::nullopt;
    const int64_t micros = offset ? ts->micros - *offset : FromLocal(*ts, request.zone).micros;
    return TimestampLtz{CutFraction(micros, precision)};
  });
}

Column ToTime(const CastRequest& request) {
  const uint8_t precision = request.to.precision;
  return MapText<Time>(request, [&](std::string_view text) {
    std::optional<Time> time = ParseTime(Trimmed(text));
    if (time) time->micros = CutFraction(time->micros, precision);
    return time;
  });
}

void AppendReal(std::string_view digits, int exponent, std::string* out) {
  const int count = static_cast<int>(digits.size());
  if (exponent < -3 || exponent >= 7) {
    out->append(digits.substr(0, 1)).append(".");
    out->append(count > 1 ? digits.substr(1) : "0").append("E").append(std::to_string(exponent));
  } else if (exponent < 0) {
    out->append("0.").append(static_cast<size_t>(-exponent - 1), '0').append(digits);
  } else {
    const auto whole = static_cast<size_t>(exponent + 1);
    out->append(digits.substr(0, whole));
    if (count < exponent + 1) out->append(whole - digits.size(), '0');
    out->append(".").append(digits.size() > whole ? digits.substr(whole) : "0");
  }
}

// As Java's Double.toString: the shortest digits that mean this very number, with a point, and from
// 10^7 on or under 10^-3 an exponent.
template <class T>
void AppendFloating(T value, std::string* out) {
  if (std::isnan(value)) {
    out->append("NaN");
    return;
  }
  if (std::signbit(value)) out->push_back('-');
  if (std::isinf(value)) {
    out->append("Infinity");
    return;
  }
  char text[40];  // d[.d…]e±xx
  const auto end =
      std::to_chars(text, text + sizeof text, std::abs(value), std::chars_format::scientific).ptr;
  const char* const e = std::find(text, end, 'e');
  char digits[40];
  size_t count = 0;
  for (const char* at = text; at < e; ++at) {
    if (*at != '.') digits[count++] = *at;
  }
  int exponent = 0;
  std::from_chars(e + (e[1] == '+' ? 2 : 1), end, exponent);
  AppendReal({digits, count}, exponent, out);
}

template <class T>
void AppendInteger(T value, std::string* out) {
  char text[24];
  out->append(text, std::to_chars(text, text + sizeof text, value).ptr);
}

void AppendPadded(int64_t number, size_t width, std::string* out) {
  const std::string digits = std::to_string(number);
  if (digits.size() < width) out->append(width - digits.size(), '0');
  out->append(digits);
}

// +1-02, as Flink.
void AppendMonths(int64_t months, std::string* out) {
  out->push_back(months < 0 ? '-' : '+');
  months = std::abs(months);
  AppendInteger(months / 12, out);
  out->push_back('-');
  AppendPadded(months % 12, 2, out);
}

// +10 00:00:00.004, as Flink; six digits if there are microseconds.
void AppendMicros(int64_t micros, std::string* out) {
  out->push_back(micros < 0 ? '-' : '+');
  micros = std::abs(micros);
  AppendInteger(micros / kMicrosPerDay, out);
  out->push_back(' ');
  const uint8_t digits = micros % kMicrosPerMilli == 0 ? 3 : 6;
  AppendTime({micros % kMicrosPerDay}, digits, out);
}

void AppendElement(const Column& column, const Type& type, size_t i, const std::string& zone,
                   std::string* out) {
  if (column.IsNull(i) || type.id == TypeId::kNull) {
    out->append("NULL");
  } else {
    AppendText(column, type, i, zone, out);
  }
}

void AppendElements(const Column& column, const Type& type, size_t i, const std::string& zone,
                    std::string* out) {
  const bool is_map = type.id == TypeId::kMap;
  const ListEntry entry = column.at<ListEntry>(i);
  out->push_back(is_map ? '{' : '[');
  for (uint32_t row = entry.offset; row < entry.offset + entry.length; ++row) {
    if (row > entry.offset) out->append(", ");
    AppendElement(column.children()[0], (*type.children)[0].type, row, zone, out);
    if (!is_map) continue;
    out->push_back('=');
    AppendElement(column.children()[1], (*type.children)[1].type, row, zone, out);
  }
  out->push_back(is_map ? '}' : ']');
}

void AppendFields(const Column& column, const Type& type, size_t i, const std::string& zone,
                  std::string* out) {
  out->push_back('(');
  for (size_t k = 0; k < type.children->size(); ++k) {
    if (k > 0) out->append(", ");
    AppendElement(column.children()[k], (*type.children)[k].type, i, zone, out);
  }
  out->push_back(')');
}

}  // namespace

Column CastFromText(const CastRequest& request) {
  switch (request.to.id) {
    case TypeId::kBoolean:
      return MapRows<StringRef, bool>(
          request, [](StringRef text, bool* result) { return ParseBoolean(text.view(), result); });
    case TypeId::kTinyInt:
      return ToNumber<int8_t>(request);
    case TypeId::kSmallInt:
      return ToNumber<int16_t>(request);
    case TypeId::kInteger:
      return ToNumber<int32_t>(request);
    case TypeId::kBigInt:
      return ToNumber<int64_t>(request);
    case TypeId::kFloat:
      return ToNumber<float>(request);
    case TypeId::kDouble:
      return ToNumber<double>(request);
    case TypeId::kDecimal:
      return MapText<Decimal>(
          request, [&](std::string_view text) { return ParseDecimal(Trimmed(text), request.to); });
    case TypeId::kDate:
      return MapText<Date>(request, DateOf);
    case TypeId::kTime:
      return ToTime(request);
    case TypeId::kTimestamp:
      return ToTimestamp(request);
    case TypeId::kTimestampLtz:
      return ToTimestampLtz(request);
    case TypeId::kIntervalMonth:
      return MapText<IntervalMonth>(request, [](std::string_view text) {
        return ParseIntervalMonth(Trimmed(text), "YEAR", "MONTH");
      });
    default:
      assert(request.to.id == TypeId::kIntervalDay);
      return MapText<IntervalDay>(request, [](std::string_view text) {
        return ParseIntervalDay(Trimmed(text), "DAY", "SECOND");
      });
  }
}

void AppendText(const Column& column, const Type& type, size_t i, const std::string& zone,
                std::string* out) {
  switch (type.id) {
    case TypeId::kNull:
      assert(false && "REQUIRES: not null");
      return;
    case TypeId::kBoolean:
      out->append(column.at<bool>(i) ? "TRUE" : "FALSE");
      return;
    case TypeId::kTinyInt:
      return AppendInteger(column.at<int8_t>(i), out);
    case TypeId::kSmallInt:
      return AppendInteger(column.at<int16_t>(i), out);
    case TypeId::kInteger:
      return AppendInteger(column.at<int32_t>(i), out);
    case TypeId::kBigInt:
      return AppendInteger(column.at<int64_t>(i), out);
    case TypeId::kFloat:
      return AppendFloating(column.at<float>(i), out);
    case TypeId::kDouble:
      return AppendFloating(column.at<double>(i), out);
    case TypeId::kDecimal:
      return AppendDecimal(column.at<Decimal>(i), type.scale, out);
    case TypeId::kString:
    case TypeId::kBytes:
      out->append(column.at<StringRef>(i).view());
      return;
    case TypeId::kDate:
      return AppendDate(column.at<Date>(i), out);
    case TypeId::kTime:
      return AppendTime(column.at<Time>(i), type.precision, out);
    case TypeId::kTimestamp:
      return AppendTimestamp(column.at<Timestamp>(i), type.precision, ' ', out);
    case TypeId::kTimestampLtz:
      return AppendTimestamp(ToLocal(column.at<TimestampLtz>(i), zone), type.precision, ' ', out);
    case TypeId::kIntervalMonth:
      return AppendMonths(column.at<IntervalMonth>(i).months, out);
    case TypeId::kIntervalDay:
      return AppendMicros(column.at<IntervalDay>(i).micros, out);
    case TypeId::kArray:
    case TypeId::kMap:
      return AppendElements(column, type, i, zone, out);
    case TypeId::kRow:
      return AppendFields(column, type, i, zone, out);
  }
}

}  // namespace millrace
