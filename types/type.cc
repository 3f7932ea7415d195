#include "types/type.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace millrace {
namespace {

constexpr uint8_t kMaxDecimalPrecision = 38;

// By TypeId; the types with parameters are written by AppendType.
constexpr std::string_view kNames[kTypeIds] = {"NULL",
                                               "BOOLEAN",
                                               "TINYINT",
                                               "SMALLINT",
                                               "INTEGER",
                                               "BIGINT",
                                               "FLOAT",
                                               "DOUBLE",
                                               "DECIMAL",
                                               "STRING",
                                               "BYTES",
                                               "DATE",
                                               "TIME",
                                               "TIMESTAMP",
                                               "TIMESTAMP_LTZ",
                                               "INTERVAL YEAR TO MONTH",
                                               "INTERVAL DAY TO SECOND",
                                               "ARRAY",
                                               "MAP",
                                               "ROW"};

void AppendNumber(uint32_t number, std::string* out) {
  *out += '(';
  *out += std::to_string(number);
  *out += ')';
}

void AppendQuoted(std::string_view name, std::string* out) {
  *out += '`';
  for (char c : name) {
    if (c == '`') *out += '`';
    *out += c;
  }
  *out += '`';
}

void AppendType(const Type& type, std::string* out);

void AppendChildren(const Type& type, std::string* out) {
  *out += '<';
  for (size_t i = 0; type.children && i < type.children->size(); ++i) {
    if (i > 0) *out += ", ";
    const Field& field = (*type.children)[i];
    if (type.id == TypeId::kRow) {
      AppendQuoted(field.name, out);
      *out += ' ';
    }
    AppendType(field.type, out);
  }
  *out += '>';
}

// CHAR(n), VARCHAR(n), STRING and the same for bytes.
void AppendStringType(const Type& type, std::string* out) {
  if (type.length == 0) {
    *out += kNames[static_cast<size_t>(type.id)];
    return;
  }
  if (type.id == TypeId::kString) {
    *out += type.fixed_length ? "CHAR" : "VARCHAR";
  } else {
    *out += type.fixed_length ? "BINARY" : "VARBINARY";
  }
  AppendNumber(type.length, out);
}

void AppendType(const Type& type, std::string* out) {
  const std::string_view name = kNames[static_cast<size_t>(type.id)];
  switch (type.id) {
    case TypeId::kString:
    case TypeId::kBytes:
      AppendStringType(type, out);
      break;
    case TypeId::kDecimal:
      *out += name;
      *out += '(';
      *out += std::to_string(type.precision) + ", " + std::to_string(type.scale);
      *out += ')';
      break;
    case TypeId::kTime:
    case TypeId::kTimestamp:
    case TypeId::kTimestampLtz:
      *out += name;
      AppendNumber(type.precision, out);
      break;
    case TypeId::kMap:
      if (type.multiset) {
        *out += "MULTISET<";
        AppendType((*type.children)[0].type, out);
        *out += '>';
        break;
      }
      [[fallthrough]];
    case TypeId::kArray:
    case TypeId::kRow:
      *out += name;
      AppendChildren(type, out);
      break;
    default:
      *out += name;
  }
  if (!type.nullable) *out += " NOT NULL";
}

// DECIMAL with room for both sides of the point; digits behind it go first if there are too many.
Type DecimalOf(int integer_digits, int scale) {
  const int precision = integer_digits + scale;
  if (precision > kMaxDecimalPrecision) {
    scale = std::max(0, scale - (precision - kMaxDecimalPrecision));
  }
  return Type::MakeDecimal(static_cast<uint8_t>(std::min<int>(precision, kMaxDecimalPrecision)),
                           static_cast<uint8_t>(scale));
}

Type CommonNumeric(const Type& a, const Type& b) {
  if (IsApproximate(a.id) || IsApproximate(b.id)) {
    // As in Java, FLOAT stays FLOAT with integers; with DECIMAL only DOUBLE is wide enough.
    const bool decimal = a.id == TypeId::kDecimal || b.id == TypeId::kDecimal;
    const bool wide = a.id == TypeId::kDouble || b.id == TypeId::kDouble;
    return decimal || wide ? TypeId::kDouble : TypeId::kFloat;
  }
  if (a.id != TypeId::kDecimal && b.id != TypeId::kDecimal) return std::max(a.id, b.id);
  const int integer_digits = std::max(PrecisionOf(a) - a.scale, PrecisionOf(b) - b.scale);
  return DecimalOf(integer_digits, std::max(a.scale, b.scale));
}

Type CommonString(const Type& a, const Type& b) {
  Type type = a.id;
  if (a.length > 0 && b.length > 0) {
    type.length = std::max(a.length, b.length);
    type.fixed_length = a.fixed_length && b.fixed_length && a.length == b.length;
  }
  return type;
}

std::optional<Type> CommonDatetime(const Type& a, const Type& b) {
  const auto is_point = [](TypeId id) { return id == TypeId::kDate || IsTimestamp(id); };
  if (!is_point(a.id) || !is_point(b.id)) return std::nullopt;
  Type type = std::max(a.id, b.id);  // DATE, TIMESTAMP, TIMESTAMP_LTZ in this order.
  type.precision = std::max(a.precision, b.precision);
  return type;
}

std::optional<Type> CommonNested(const Type& a, const Type& b) {
  const std::vector<Field>& left = *a.children;
  const std::vector<Field>& right = *b.children;
  if (left.size() != right.size()) return std::nullopt;
  std::vector<Field> fields = left;
  for (size_t i = 0; i < fields.size(); ++i) {
    std::optional<Type> common = CommonType(left[i].type, right[i].type);
    if (!common) return std::nullopt;
    fields[i].type = *std::move(common);
  }
  Type type = a.id;
  type.multiset = a.multiset && b.multiset;
  type.children = std::make_shared<const std::vector<Field>>(std::move(fields));
  return type;
}

std::optional<Type> CommonNotNull(const Type& a, const Type& b) {
  if (a.SameAs(b)) return a;
  if (a.id == TypeId::kNull) return b;
  if (b.id == TypeId::kNull) return a;
  if (IsNumeric(a.id) && IsNumeric(b.id)) return CommonNumeric(a, b);
  if (a.id != b.id) return CommonDatetime(a, b);
  switch (a.id) {
    case TypeId::kString:
    case TypeId::kBytes:
      return CommonString(a, b);
    case TypeId::kTime:
    case TypeId::kTimestamp:
    case TypeId::kTimestampLtz:
      return a.precision >= b.precision ? a : b;
    case TypeId::kArray:
    case TypeId::kMap:
    case TypeId::kRow:
      return CommonNested(a, b);
    default:
      return a;
  }
}

Type WithPrecision(TypeId id, uint8_t precision) {
  Type type = id;
  type.precision = precision;
  return type;
}

Type WithChildren(TypeId id, std::vector<Field> fields) {
  Type type = id;
  type.children = std::make_shared<const std::vector<Field>>(std::move(fields));
  return type;
}

}  // namespace

Type::Type(TypeId id, bool nullable) : id(id), nullable(nullable) {
  if (id == TypeId::kDecimal) precision = 10;
  if (IsTimestamp(id)) precision = 6;
}

Type Type::MakeDecimal(uint8_t precision, uint8_t scale) {
  assert(precision <= kMaxDecimalPrecision && scale <= precision);
  Type type = TypeId::kDecimal;
  type.precision = precision;
  type.scale = scale;
  return type;
}

Type Type::MakeTimestamp(uint8_t precision) { return WithPrecision(TypeId::kTimestamp, precision); }

Type Type::MakeTimestampLtz(uint8_t precision) {
  return WithPrecision(TypeId::kTimestampLtz, precision);
}

Type Type::MakeArray(Type element) {
  return WithChildren(TypeId::kArray, {{"element", std::move(element)}});
}

Type Type::MakeMap(Type key, Type value) {
  return WithChildren(TypeId::kMap, {{"key", std::move(key)}, {"value", std::move(value)}});
}

Type Type::MakeMultiset(Type element) {
  Type type = MakeMap(std::move(element), Type(TypeId::kInteger, false));
  type.multiset = true;
  return type;
}

Type Type::MakeRow(std::vector<Field> fields) {
  return WithChildren(TypeId::kRow, std::move(fields));
}

std::string Type::ToString() const {
  std::string out;
  AppendType(*this, &out);
  return out;
}

bool Type::SameAs(const Type& other) const {
  if (id != other.id || fixed_length != other.fixed_length || precision != other.precision ||
      scale != other.scale || length != other.length || multiset != other.multiset) {
    return false;
  }
  if (children == other.children) return true;
  if (!children || !other.children) return false;
  return std::ranges::equal(*children, *other.children, [this](const Field& a, const Field& b) {
    return a.type.SameAs(b.type) && (id != TypeId::kRow || a.name == b.name);
  });
}

uint8_t PrecisionOf(const Type& exact) {
  switch (exact.id) {
    case TypeId::kTinyInt:
      return 3;
    case TypeId::kSmallInt:
      return 5;
    case TypeId::kInteger:
      return 10;
    case TypeId::kBigInt:
      return 19;
    default:
      assert(exact.id == TypeId::kDecimal);
      return exact.precision;
  }
}

std::optional<Type> CommonType(const Type& a, const Type& b) {
  std::optional<Type> common = CommonNotNull(a, b);
  if (!common) return common;
  common->nullable = a.nullable || b.nullable || a.id == TypeId::kNull || b.id == TypeId::kNull;
  return common;
}

}  // namespace millrace
