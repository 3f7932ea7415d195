#include "server/api_value.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <iterator>

#include "base/json_text.h"
#include "connectors/text_values.h"
#include "types/datetime.h"
#include "types/decimal.h"

namespace millrace {
namespace {

void AppendInteger(int64_t value, std::string* out) {
  char buffer[24];
  out->append(buffer, std::to_chars(std::begin(buffer), std::end(buffer), value).ptr);
}

template <class T>
void AppendFloating(T value, std::string* out) {
  if (std::isfinite(value)) {
    fmt::format_to(std::back_inserter(*out), "{}", value);
  } else {
    AppendJsonNumber(static_cast<double>(value), out);
  }
}

// Of microseconds, without trailing zeros.
void AppendSeconds(uint64_t micros, std::string* out) {
  fmt::format_to(std::back_inserter(*out), "{}", micros / kMicrosPerSecond);
  if (const uint64_t rest = micros % kMicrosPerSecond; rest != 0) {
    fmt::format_to(std::back_inserter(*out), ".{:06}", rest);
    out->resize(out->find_last_not_of('0') + 1);
  }
  out->push_back('S');
}

uint64_t Magnitude(int64_t value) {
  return value < 0 ? -static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
}

void AppendPart(uint64_t count, char unit, std::string* out) {
  if (count != 0) fmt::format_to(std::back_inserter(*out), "{}{}", count, unit);
}

// P1Y2M
void AppendMonths(int64_t months, std::string* out) {
  out->append(months < 0 ? "-P" : "P");
  AppendPart(Magnitude(months) / 12, 'Y', out);
  AppendPart(Magnitude(months) % 12, 'M', out);
  if (months == 0) out->append("0M");
}

// P1DT2H3M4.5S
void AppendDuration(int64_t micros, std::string* out) {
  out->append(micros < 0 ? "-P" : "P");
  const uint64_t all = Magnitude(micros);
  const uint64_t rest = all % kMicrosPerDay;
  const uint64_t minutes = rest / (60 * kMicrosPerSecond);
  AppendPart(all / kMicrosPerDay, 'D', out);
  if (rest == 0 && all != 0) return;
  out->push_back('T');
  AppendPart(minutes / 60, 'H', out);
  AppendPart(minutes % 60, 'M', out);
  const uint64_t seconds = rest % (60 * kMicrosPerSecond);
  if (seconds != 0 || all == 0) AppendSeconds(seconds, out);
}

void AppendQuotedText(const Column& column, const Type& type, size_t row, std::string* out) {
  out->push_back('"');
  AppendValueText(column, type, row, {.date_separator = 'T', .scientific = false}, out);
  out->push_back('"');
}

void AppendTimeOfDay(const Column& column, const Type& type, size_t row, std::string* out) {
  const uint8_t precision = std::min<uint8_t>(type.precision, 6);
  out->push_back('"');
  if (type.id == TypeId::kTime) {
    AppendTime(column.at<Time>(row), precision, out);
  } else {
    AppendTimestamp(Timestamp{column.at<int64_t>(row)}, precision, 'T', out);
    if (type.id == TypeId::kTimestampLtz) out->push_back('Z');
  }
  out->push_back('"');
}

void AppendInterval(const Column& column, const Type& type, size_t row, std::string* out) {
  out->push_back('"');
  const int64_t value = column.at<int64_t>(row);
  type.id == TypeId::kIntervalMonth ? AppendMonths(value, out) : AppendDuration(value, out);
  out->push_back('"');
}

void AppendArray(const Column& column, const Type& type, size_t row, std::string* out,
                 const JsonStyle& style) {
  const ListEntry entry = column.at<ListEntry>(row);
  out->push_back('[');
  for (uint32_t i = 0; i < entry.length; ++i) {
    if (i > 0) out->push_back(',');
    AppendJsonValue(column.children()[0], (*type.children)[0].type, entry.offset + i, out, style);
  }
  out->push_back(']');
}

void AppendMap(const Column& column, const Type& type, size_t row, std::string* out,
               const JsonStyle& style) {
  const ListEntry entry = column.at<ListEntry>(row);
  const Type& key_type = (*type.children)[0].type;
  const bool object = key_type.id == TypeId::kString;
  out->push_back(object ? '{' : '[');
  for (uint32_t i = entry.offset; i < entry.offset + entry.length; ++i) {
    if (i > entry.offset) out->push_back(',');
    if (!object) out->push_back('[');
    if (object && column.children()[0].IsNull(i)) {
      out->append("\"null\"");  // A key must be a string.
    } else {
      AppendJsonValue(column.children()[0], key_type, i, out, style);
    }
    out->push_back(object ? ':' : ',');
    AppendJsonValue(column.children()[1], (*type.children)[1].type, i, out, style);
    if (!object) out->push_back(']');
  }
  out->push_back(object ? '}' : ']');
}

void AppendFields(const Column& column, const Type& type, size_t row, std::string* out,
                  const JsonStyle& style) {
  out->push_back('{');
  for (size_t i = 0; i < type.children->size(); ++i) {
    const Field& field = (*type.children)[i];
    if (i > 0) out->push_back(',');
    AppendJsonString(field.name, out);
    out->push_back(':');
    AppendJsonValue(column.children()[i], field.type, column.constant() ? 0 : row, out, style);
  }
  out->push_back('}');
}

void AppendBigInt(int64_t value, const JsonStyle& style, std::string* out) {
  if (style.bigint_as_string) out->push_back('"');
  AppendInteger(value, out);
  if (style.bigint_as_string) out->push_back('"');
}

}  // namespace

void AppendJsonValue(const Column& column, const Type& type, size_t row, std::string* out,
                     const JsonStyle& style) {
  if (type.id == TypeId::kNull || column.IsNull(row)) {
    out->append("null");
    return;
  }
  switch (type.id) {
    case TypeId::kBoolean:
      out->append(column.at<bool>(row) ? "true" : "false");
      return;
    case TypeId::kTinyInt:
      return AppendInteger(column.at<int8_t>(row), out);
    case TypeId::kSmallInt:
      return AppendInteger(column.at<int16_t>(row), out);
    case TypeId::kInteger:
      return AppendInteger(column.at<int32_t>(row), out);
    case TypeId::kBigInt:
      return AppendBigInt(column.at<int64_t>(row), style, out);
    case TypeId::kFloat:
      return AppendFloating(column.at<float>(row), out);
    case TypeId::kDouble:
      return AppendFloating(column.at<double>(row), out);
    case TypeId::kString:
      return AppendJsonString(column.at<StringRef>(row).view(), out);
    case TypeId::kDecimal:
    case TypeId::kBytes:
    case TypeId::kDate:
      return AppendQuotedText(column, type, row, out);
    case TypeId::kTime:
    case TypeId::kTimestamp:
    case TypeId::kTimestampLtz:
      return AppendTimeOfDay(column, type, row, out);
    case TypeId::kIntervalMonth:
    case TypeId::kIntervalDay:
      return AppendInterval(column, type, row, out);
    case TypeId::kArray:
      return AppendArray(column, type, row, out, style);
    case TypeId::kMap:
      return AppendMap(column, type, row, out, style);
    case TypeId::kRow:
      return AppendFields(column, type, row, out, style);
    case TypeId::kNull:
      return;
  }
}

void AppendJsonRow(const Batch& batch, const Schema& schema, size_t row, std::string* out,
                   const JsonStyle& style) {
  out->push_back(style.rows_as_objects ? '{' : '[');
  for (size_t i = 0; i < schema.size(); ++i) {
    if (i > 0) out->push_back(',');
    if (style.rows_as_objects) {
      AppendJsonString(schema[i].name, out);
      out->push_back(':');
    }
    AppendJsonValue(batch.columns[i], schema[i].type, row, out, style);
  }
  out->push_back(style.rows_as_objects ? '}' : ']');
}

void AppendJsonColumn(const Field& column, std::string* out) {
  JsonWriter(out)
      .BeginObject()
      .Field("name", column.name)
      .Field("type", column.type.AsNullable().ToString())
      .Field("nullable", column.type.nullable)
      .EndObject();
}

void AppendJsonColumns(const Schema& schema, std::string* out) {
  out->push_back('[');
  for (size_t i = 0; i < schema.size(); ++i) {
    if (i > 0) out->push_back(',');
    AppendJsonColumn(schema[i], out);
  }
  out->push_back(']');
}

std::string IsoTime(int64_t micros) {
  std::string text;
  AppendTimestamp(Timestamp{micros}, micros % kMicrosPerMilli == 0 ? 3 : 6, 'T', &text);
  return text + 'Z';
}

}  // namespace millrace
