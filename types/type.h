// SQL types, their C++ value types, and schemas.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "types/string_ref.h"

namespace millrace {

__extension__ using int128_t = __int128;

enum class TypeId : uint8_t {
  kNull,  // The type of a bare NULL; casts to every other.
  kBoolean,
  kTinyInt,
  kSmallInt,
  kInteger,
  kBigInt,
  kFloat,
  kDouble,
  kDecimal,
  kString,  // CHAR, VARCHAR, STRING: UTF-8
  kBytes,   // BINARY, VARBINARY, BYTES
  kDate,
  kTime,
  kTimestamp,
  kTimestampLtz,
  kIntervalMonth,  // YEAR TO MONTH
  kIntervalDay,    // DAY TO SECOND
  kArray,
  kMap,
  kRow,
};
// The number after the last type; persisted, so that new types go to the end.
inline constexpr size_t kTypeIds = static_cast<size_t>(TypeId::kRow) + 1;

// The C++ values of the SQL types. The integers and floats stand for themselves, StringRef for
// STRING; the others are wrapped, so that a C++ signature is a SQL signature.
struct Date {
  int32_t days = 0;
  auto operator<=>(const Date&) const = default;
};  // since 1970-01-01
struct Time {
  int64_t micros = 0;
  auto operator<=>(const Time&) const = default;
};  // since midnight
struct Timestamp {
  int64_t micros = 0;
  auto operator<=>(const Timestamp&) const = default;
};  // since 1970-01-01 00:00, no zone
struct TimestampLtz {
  int64_t micros = 0;
  auto operator<=>(const TimestampLtz&) const = default;
};  // since the epoch, UTC
struct IntervalMonth {
  int64_t months = 0;
  auto operator<=>(const IntervalMonth&) const = default;
};
struct IntervalDay {
  int64_t micros = 0;
  auto operator<=>(const IntervalDay&) const = default;
};
struct Bytes {
  StringRef ref;
  auto operator<=>(const Bytes&) const = default;
};
// An unscaled decimal; the scale is the type's.
struct Decimal {
  int128_t unscaled = 0;
  auto operator<=>(const Decimal&) const = default;
};
// The elements of an ARRAY or the entries of a MAP: rows [offset, offset + length) of the children.
struct ListEntry {
  uint32_t offset = 0;
  uint32_t length = 0;
};

inline constexpr int64_t kMicrosPerMilli = 1000;
inline constexpr int64_t kMicrosPerSecond = 1'000'000;
inline constexpr int64_t kMicrosPerDay = 86'400 * kMicrosPerSecond;

// Bytes of one value in a column; 0 for ROW, whose values are all in its children.
constexpr size_t WidthOf(TypeId id) {
  switch (id) {
    case TypeId::kNull:
    case TypeId::kBoolean:
    case TypeId::kTinyInt:
      return 1;
    case TypeId::kSmallInt:
      return 2;
    case TypeId::kInteger:
    case TypeId::kFloat:
    case TypeId::kDate:
      return 4;
    case TypeId::kDecimal:
    case TypeId::kString:
    case TypeId::kBytes:
      return 16;
    case TypeId::kRow:
      return 0;
    default:
      return 8;
  }
}

template <class T>
inline constexpr TypeId kTypeOf = TypeId::kNull;
template <>
inline constexpr TypeId kTypeOf<bool> = TypeId::kBoolean;
template <>
inline constexpr TypeId kTypeOf<int8_t> = TypeId::kTinyInt;
template <>
inline constexpr TypeId kTypeOf<int16_t> = TypeId::kSmallInt;
template <>
inline constexpr TypeId kTypeOf<int32_t> = TypeId::kInteger;
template <>
inline constexpr TypeId kTypeOf<int64_t> = TypeId::kBigInt;
template <>
inline constexpr TypeId kTypeOf<float> = TypeId::kFloat;
template <>
inline constexpr TypeId kTypeOf<double> = TypeId::kDouble;
template <>
inline constexpr TypeId kTypeOf<Decimal> = TypeId::kDecimal;
template <>
inline constexpr TypeId kTypeOf<StringRef> = TypeId::kString;
template <>
inline constexpr TypeId kTypeOf<Bytes> = TypeId::kBytes;
template <>
inline constexpr TypeId kTypeOf<Date> = TypeId::kDate;
template <>
inline constexpr TypeId kTypeOf<Time> = TypeId::kTime;
template <>
inline constexpr TypeId kTypeOf<Timestamp> = TypeId::kTimestamp;
template <>
inline constexpr TypeId kTypeOf<TimestampLtz> = TypeId::kTimestampLtz;
template <>
inline constexpr TypeId kTypeOf<IntervalMonth> = TypeId::kIntervalMonth;
template <>
inline constexpr TypeId kTypeOf<IntervalDay> = TypeId::kIntervalDay;

struct Field;

struct Type {
  TypeId id = TypeId::kNull;
  bool nullable = true;
  bool fixed_length = false;  // CHAR(n), BINARY(n)
  uint8_t precision = 0;      // DECIMAL digits; fraction digits of TIME and TIMESTAMP
  uint8_t scale = 0;          // DECIMAL
  bool multiset = false;      // MAP: a MULTISET, of its values to how often they are there
  uint32_t length = 0;        // CHAR, VARCHAR, BINARY, VARBINARY; 0 is unbounded
  // ARRAY: the element; MAP: key and value; ROW: its fields. The value of a MULTISET is an INT.
  std::shared_ptr<const std::vector<Field>> children;

  Type() = default;
  Type(TypeId id, bool nullable = true);  // NOLINT: a TypeId is a type with its defaults.

  static Type MakeDecimal(uint8_t precision, uint8_t scale);
  static Type MakeTimestamp(uint8_t precision);
  static Type MakeTimestampLtz(uint8_t precision);
  static Type MakeArray(Type element);
  static Type MakeMap(Type key, Type value);
  static Type MakeMultiset(Type element);
  static Type MakeRow(std::vector<Field> fields);

  Type AsNullable(bool value = true) const {
    Type t = *this;
    t.nullable = value;
    return t;
  }
  // As SQL writes it, e.g. `DECIMAL(10, 2) NOT NULL`.
  std::string ToString() const;
  // The same but for nullability.
  bool SameAs(const Type& other) const;
  friend bool operator==(const Type& a, const Type& b) {
    return a.nullable == b.nullable && a.SameAs(b);
  }
};

struct Field {
  std::string name;
  Type type;
};
using Schema = std::vector<Field>;

constexpr bool IsInteger(TypeId id) { return id >= TypeId::kTinyInt && id <= TypeId::kBigInt; }
constexpr bool IsApproximate(TypeId id) { return id == TypeId::kFloat || id == TypeId::kDouble; }
constexpr bool IsNumeric(TypeId id) { return id >= TypeId::kTinyInt && id <= TypeId::kDecimal; }
constexpr bool IsTimestamp(TypeId id) {
  return id == TypeId::kTimestamp || id == TypeId::kTimestampLtz;
}

// The digits that an exact numeric type holds as a DECIMAL: TINYINT 3, …, BIGINT 19.
uint8_t PrecisionOf(const Type& exact);

// The least type that holds the values of both (CASE, COALESCE, UNION, comparison, IN), by Flink's
// rules; nothing when there is none.
std::optional<Type> CommonType(const Type& a, const Type& b);

}  // namespace millrace
