#include "connectors/text_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <iterator>
#include <limits>

#include "types/datetime.h"
#include "types/decimal.h"

namespace millrace {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::string_view Trim(std::string_view s) {
  while (!s.empty() && IsBlank(s.front())) s.remove_prefix(1);
  while (!s.empty() && IsBlank(s.back())) s.remove_suffix(1);
  return s;
}

// from_chars takes no plus sign.
std::string_view WithoutPlus(std::string_view s) {
  if (s.size() > 1 && s[0] == '+' && s[1] != '-') s.remove_prefix(1);
  return s;
}

bool EqualsIgnoringCase(std::string_view text, std::string_view lower) {
  return text.size() == lower.size() &&
         std::equal(text.begin(), text.end(), lower.begin(),
                    [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; });
}

template <class T>
bool AppendInteger(std::string_view text, ColumnBuilder* to) {
  const std::optional<int64_t> value = ParseInteger(text);
  if (!value || *value != static_cast<T>(*value)) return false;
  to->Append(static_cast<T>(*value));
  return true;
}

bool AppendBoolean(std::string_view text, ColumnBuilder* to) {
  text = Trim(text);
  const bool value = EqualsIgnoringCase(text, "true");
  if (!value && !EqualsIgnoringCase(text, "false")) return false;
  to->Append(value);
  return true;
}

template <class T>
bool AppendOptional(const std::optional<T>& value, ColumnBuilder* to) {
  if (value) to->Append(*value);
  return value.has_value();
}

// Cuts fraction digits that a TIME or TIMESTAMP of `precision` does not have.
int64_t CutFraction(int64_t micros, uint8_t precision) {
  if (precision >= 6) return micros;
  const int64_t unit =
      precision == 3 ? kMicrosPerMilli : static_cast<int64_t>(PowerOfTen(6 - precision));
  const int64_t rest = micros % unit;
  return micros - (rest < 0 ? rest + unit : rest);
}

bool AppendTimestampValue(std::string_view text, const std::string& zone, ColumnBuilder* to) {
  const uint8_t precision = to->type().precision;
  if (to->type().id == TypeId::kTimestamp) {
    const std::optional<Timestamp> value = ParseTimestamp(text);
    if (value) to->Append(Timestamp{CutFraction(value->micros, precision)});
    return value.has_value();
  }
  std::optional<int64_t> offset;
  const std::optional<Timestamp> value = ParseTimestamp(text, &offset);
  if (!value) return false;
  int64_t micros = value->micros - offset.value_or(0);
  if (!offset && zone != "UTC") micros = FromLocal(*value, zone).micros;
  to->Append(TimestampLtz{CutFraction(micros, precision)});
  return true;
}

bool AppendString(std::string_view text, ColumnBuilder* to) {
  if (!IsValidUtf8(text)) return false;
  to->Append(StringRef(text));
  return true;
}

size_t Utf8Length(unsigned char first) {
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return 2;
  if (first >= 0xE0 && first <= 0xEF) return 3;
  if (first >= 0xF0 && first <= 0xF4) return 4;
  return 0;
}

// Overlong forms, surrogates and what lies above U+10FFFF show in the second byte.
bool IsSecondByte(unsigned char first, unsigned char second) {
  if (first == 0xE0) return second >= 0xA0 && second <= 0xBF;
  if (first == 0xED) return second >= 0x80 && second <= 0x9F;
  if (first == 0xF0) return second >= 0x90 && second <= 0xBF;
  if (first == 0xF4) return second >= 0x80 && second <= 0x8F;
  return second >= 0x80 && second <= 0xBF;
}

bool IsAscii(std::string_view text) {
  uint64_t all = 0, word;
  size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    std::memcpy(&word, text.data() + i, 8);
    all |= word;
  }
  unsigned char rest = 0;
  for (; i < text.size(); ++i) rest |= static_cast<unsigned char>(text[i]);
  return ((all & 0x8080808080808080u) | (rest & 0x80u)) == 0;
}

constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<int8_t, 256> MakeBase64Values() {
  std::array<int8_t, 256> values{};
  for (int8_t& value : values) value = -1;
  for (size_t i = 0; i < kBase64.size(); ++i) {
    values[static_cast<unsigned char>(kBase64[i])] = static_cast<int8_t>(i);
  }
  return values;
}
constexpr std::array<int8_t, 256> kBase64Values = MakeBase64Values();

// Shortest digits that read back the same, with ".0" behind whole numbers as Java has them.
template <class T>
void AppendFloating(T value, std::string* out) {
  if (std::isnan(value)) {
    out->append("NaN");
  } else if (std::isinf(value)) {
    out->append(value < 0 ? "-Infinity" : "Infinity");
  } else {
    const size_t begin = out->size();
    fmt::format_to(std::back_inserter(*out), "{}", value);
    if (out->find_first_of(".e", begin) == std::string::npos) out->append(".0");
  }
}

// Java's BigDecimal turns to scientific notation below 1E-6.
void AppendDecimalText(Decimal value, uint8_t scale, bool scientific, std::string* out) {
  if (!scientific || scale <= 6) return AppendDecimal(value, scale, out);
  std::string digits;
  AppendDecimal(value, 0, &digits);
  const bool negative = value.unscaled < 0;
  if (negative) digits.erase(0, 1);
  const int64_t exponent = static_cast<int64_t>(digits.size()) - 1 - scale;
  if (exponent >= -6) return AppendDecimal(value, scale, out);
  out->append(negative ? "-" : "").push_back(digits[0]);
  if (digits.size() > 1) out->append(".").append(digits, 1);
  fmt::format_to(std::back_inserter(*out), "E{}", exponent);
}

// Flink writes only the fraction digits that are not trailing zeros.
void TrimFraction(size_t begin, std::string* out) {
  const size_t point = out->find('.', begin);
  if (point == std::string::npos) return;
  out->resize(out->find_last_not_of('0') + 1);
  if (out->size() == point + 1) out->pop_back();
}

void AppendTimestampText(int64_t micros, const Type& type, const TextStyle& style,
                         std::string* out) {
  const size_t begin = out->size();
  AppendTimestamp(Timestamp{micros}, std::min<uint8_t>(type.precision, 6), style.date_separator,
                  out);
  TrimFraction(begin, out);
  if (type.id == TypeId::kTimestampLtz) out->push_back('Z');
}

void AppendTimeText(Time time, const Type& type, std::string* out) {
  const size_t begin = out->size();
  AppendTime(time, std::min<uint8_t>(type.precision, 6), out);
  TrimFraction(begin, out);
}

template <class T>
void AppendIntegerText(T value, std::string* out) {
  char buffer[24];
  const auto end = std::to_chars(std::begin(buffer), std::end(buffer), value).ptr;
  out->append(buffer, end);
}

}  // namespace

bool AppendTextValue(std::string_view text, const std::string& zone, Arena* arena,
                     ColumnBuilder* to) {
  switch (to->type().id) {
    case TypeId::kBoolean:
      return AppendBoolean(text, to);
    case TypeId::kTinyInt:
      return AppendInteger<int8_t>(text, to);
    case TypeId::kSmallInt:
      return AppendInteger<int16_t>(text, to);
    case TypeId::kInteger:
      return AppendInteger<int32_t>(text, to);
    case TypeId::kBigInt:
    case TypeId::kIntervalMonth:
    case TypeId::kIntervalDay:
      return AppendInteger<int64_t>(text, to);
    case TypeId::kFloat: {
      const std::optional<double> value = ParseDouble(text);
      if (value) to->Append(static_cast<float>(*value));
      return value.has_value();
    }
    case TypeId::kDouble:
      return AppendOptional(ParseDouble(text), to);
    case TypeId::kDecimal:
      return AppendOptional(ParseDecimal(text, to->type()), to);
    case TypeId::kString:
      return AppendString(text, to);
    case TypeId::kBytes: {
      const std::optional<std::string_view> bytes = DecodeBase64(text, arena);
      if (bytes) to->Append(Bytes{StringRef(*bytes)});
      return bytes.has_value();
    }
    case TypeId::kDate:
      return AppendOptional(ParseDate(text), to);
    case TypeId::kTime: {
      const std::optional<Time> time = ParseTime(text);
      if (time) to->Append(Time{CutFraction(time->micros, to->type().precision)});
      return time.has_value();
    }
    case TypeId::kTimestamp:
    case TypeId::kTimestampLtz:
      return AppendTimestampValue(text, zone, to);
    default:
      return false;
  }
}

std::string CannotRead(std::string_view text, const Type& type) {
  if (!IsValidUtf8(text)) return "invalid UTF-8";
  constexpr size_t kMost = 64;
  size_t length = std::min(text.size(), kMost);
  while (length < text.size() && (text[length] & 0xC0) == 0x80) --length;
  std::string message = "cannot read '";
  message.append(text.substr(0, length)).append(length < text.size() ? "…" : "");
  return message + "' as " + type.AsNullable().ToString();
}

bool IsValidUtf8(std::string_view text) {
  if (IsAscii(text)) return true;
  const auto byte = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
  for (size_t i = 0; i < text.size();) {
    const size_t length = Utf8Length(byte(i));
    if (length == 0 || i + length > text.size()) return false;
    if (length > 1 && !IsSecondByte(byte(i), byte(i + 1))) return false;
    for (size_t k = 2; k < length; ++k) {
      if ((byte(i + k) & 0xC0) != 0x80) return false;
    }
    i += length;
  }
  return true;
}

std::optional<int64_t> ParseInteger(std::string_view text) {
  // Nearly all are bare digits that cannot overflow.
  const bool negative = text.starts_with('-');
  if (text.size() > size_t{negative} && text.size() <= 18) {
    int64_t digits = 0;
    size_t i = negative ? 1 : 0;
    for (; i < text.size(); ++i) {
      const unsigned digit = static_cast<unsigned char>(text[i]) - unsigned{'0'};
      if (digit > 9) break;
      digits = digits * 10 + digit;
    }
    if (i == text.size()) return negative ? -digits : digits;
  }
  text = WithoutPlus(Trim(text));
  int64_t value;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  return value;
}

std::optional<double> ParseDouble(std::string_view text) {
  text = WithoutPlus(Trim(text));
  double value;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size() || text.empty()) return {};
  if (error == std::errc::invalid_argument) return {};
  // Too large is infinity and too small is zero, as Java has it.
  if (error == std::errc::result_out_of_range)
    return std::strtod(std::string(text).c_str(), nullptr);
  return value;
}

std::optional<std::string_view> DecodeBase64(std::string_view text, Arena* arena) {
  text = Trim(text);
  // Padding is optional, and completes a group of four.
  const bool padded = text.ends_with('=');
  if (padded && text.size() % 4 != 0) return {};
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  if (text.size() % 4 == 1) return {};
  char* const begin = arena->Allocate(text.size() * 3 / 4 + 1);
  char* out = begin;
  uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    const int8_t value = kBase64Values[static_cast<unsigned char>(c)];
    if (value < 0) return {};
    bits = bits << 6 | static_cast<uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    *out++ = static_cast<char>(bits >> count);
  }
  return std::string_view(begin, static_cast<size_t>(out - begin));
}

void AppendBase64(std::string_view bytes, std::string* out) {
  size_t i = 0;
  const auto byte = [bytes](size_t at) {
    return at < bytes.size() ? static_cast<uint32_t>(static_cast<unsigned char>(bytes[at])) : 0u;
  };
  for (; i < bytes.size(); i += 3) {
    const uint32_t bits = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    out->push_back(kBase64[bits >> 18]);
    out->push_back(kBase64[bits >> 12 & 63]);
    out->push_back(i + 1 < bytes.size() ? kBase64[bits >> 6 & 63] : '=');
    out->push_back(i + 2 < bytes.size() ? kBase64[bits & 63] : '=');
  }
}

void AppendValueText(const Column& column, const Type& type, size_t i, const TextStyle& style,
                     std::string* out) {
  switch (type.id) {
    case TypeId::kBoolean:
      out->append(column.at<bool>(i) ? "true" : "false");
      return;
    case TypeId::kTinyInt:
      return AppendIntegerText(int{column.at<int8_t>(i)}, out);
    case TypeId::kSmallInt:
      return AppendIntegerText(column.at<int16_t>(i), out);
    case TypeId::kInteger:
      return AppendIntegerText(column.at<int32_t>(i), out);
    case TypeId::kBigInt:
    case TypeId::kIntervalMonth:
    case TypeId::kIntervalDay:
      return AppendIntegerText(column.at<int64_t>(i), out);
    case TypeId::kFloat:
      return AppendFloating(column.at<float>(i), out);
    case TypeId::kDouble:
      return AppendFloating(column.at<double>(i), out);
    case TypeId::kDecimal:
      return AppendDecimalText(column.at<Decimal>(i), type.scale, style.scientific, out);
    case TypeId::kString:
      out->append(column.at<StringRef>(i).view());
      return;
    case TypeId::kBytes:
      return AppendBase64(column.at<Bytes>(i).ref.view(), out);
    case TypeId::kDate:
      return AppendDate(column.at<Date>(i), out);
    case TypeId::kTime:
      return AppendTimeText(column.at<Time>(i), type, out);
    case TypeId::kTimestamp:
    case TypeId::kTimestampLtz:
      return AppendTimestampText(column.at<int64_t>(i), type, style, out);
    default:
      return;
  }
}

}  // namespace millrace
