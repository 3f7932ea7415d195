// Literals and parameters to typed values.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "planner/expr_binder.h"
#include "types/datetime.h"

namespace millrace {
namespace {

constexpr size_t kMaxDigits = 38;  // Of a DECIMAL.
constexpr uint8_t kMaxFractionDigits = 6;

[[noreturn]] void ThrowMalformed(std::string_view what, const std::string& text, SourceRange range,
                                 std::string hint = {}) {
  throw Error(ErrorCode::kInvalidValue, "'" + text + "' is not a valid " + std::string(what), range,
              std::move(hint));
}

// Characters, not bytes: continuation bytes of UTF-8 do not count.
uint32_t CountCharacters(std::string_view text) {
  return static_cast<uint32_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

ExprPtr MakeStringLiteral(const std::string& text, TypeId id, uint32_t length, SourceRange range) {
  Type type = id;
  type.length = length;
  type.fixed_length = length > 0;
  return MakeLiteral({text}, type, range);
}

uint8_t FractionDigits(std::string_view text) {
  const size_t point = text.find('.');
  if (point == std::string_view::npos) return 0;
  size_t digits = 0;
  while (point + 1 + digits < text.size() && text[point + 1 + digits] >= '0' &&
         text[point + 1 + digits] <= '9') {
    ++digits;
  }
  return static_cast<uint8_t>(std::min<size_t>(digits, kMaxFractionDigits));
}

ExprPtr BindTime(const ast::Literal& literal, SourceRange range) {
  const std::optional<Time> time = ParseTime(literal.text);
  if (!time) ThrowMalformed("TIME", literal.text, range, "write TIME '12:30:00'");
  Type type = TypeId::kTime;
  type.precision = FractionDigits(literal.text);
  return MakeLiteral({time->micros}, type, range);
}

ExprPtr BindTimestamp(const ast::Literal& literal, SourceRange range) {
  const std::optional<Timestamp> timestamp = ParseTimestamp(literal.text);
  if (!timestamp) {
    ThrowMalformed("TIMESTAMP", literal.text, range, "write TIMESTAMP '2026-03-01 12:30:00'");
  }
  return MakeLiteral({timestamp->micros}, Type::MakeTimestamp(FractionDigits(literal.text)), range);
}

ExprPtr BindTimestampLtz(const ast::Literal& literal, const std::string& zone, SourceRange range) {
  std::optional<int64_t> offset;
  const std::optional<Timestamp> local = ParseTimestamp(literal.text, &offset);
  if (!local) ThrowMalformed("TIMESTAMP_LTZ", literal.text, range);
  const int64_t micros = offset ? local->micros - *offset : FromLocal(*local, zone).micros;
  return MakeLiteral({micros}, Type::MakeTimestampLtz(FractionDigits(literal.text)), range);
}

int128_t ParseDigits(std::string_view text) {
  int128_t value = 0;
  for (char c : text) {
    if (c >= '0' && c <= '9') value = value * 10 + (c - '0');
  }
  return text.starts_with('-') ? -value : value;
}

// DECIMAL(p, s) as its digits are written.
ExprPtr MakeDecimalLiteral(const std::string& text, SourceRange range) {
  const size_t digits =
      static_cast<size_t>(std::ranges::count_if(text, [](char c) { return c >= '0' && c <= '9'; }));
  const size_t point = text.find('.');
  const size_t scale = point == std::string::npos ? 0 : text.size() - point - 1;
  if (digits > kMaxDigits) {
    throw Error(ErrorCode::kInvalidValue, "the number has more than 38 digits", range,
                "write it with an exponent (1E40) for a DOUBLE");
  }
  return MakeLiteral({ParseDigits(text)},
                     Type::MakeDecimal(static_cast<uint8_t>(digits), static_cast<uint8_t>(scale)),
                     range);
}

ExprPtr MakeIntegerLiteral(int64_t value, SourceRange range) {
  const bool fits =
      value >= std::numeric_limits<int32_t>::min() && value <= std::numeric_limits<int32_t>::max();
  return MakeLiteral({value}, fits ? TypeId::kInteger : TypeId::kBigInt, range);
}

struct ParameterValue {
  SourceRange range;
  const std::string& zone;

  ExprPtr operator()(std::monostate) const { return MakeLiteral({}, TypeId::kNull, range); }
  ExprPtr operator()(bool value) const { return MakeLiteral({value}, TypeId::kBoolean, range); }
  ExprPtr operator()(int64_t value) const { return MakeIntegerLiteral(value, range); }
  ExprPtr operator()(double value) const { return MakeLiteral({value}, TypeId::kDouble, range); }
  ExprPtr operator()(int128_t value) const {
    return MakeLiteral({value}, Type::MakeDecimal(kMaxDigits, 0), range);
  }
  ExprPtr operator()(const std::string& value) const {
    return MakeStringLiteral(value, TypeId::kString, CountCharacters(value), range);
  }
  // A JSON array: of the common type of its elements.
  ExprPtr operator()(const Values& values) const {
    std::vector<ExprPtr> elements;
    Type common = TypeId::kNull;
    for (const Value& value : values) {
      elements.push_back(std::visit(*this, value.data));
      const Type& element = elements.back()->type;
      const std::optional<Type> type = elements.size() == 1 ? element : CommonType(common, element);
      if (!type) {
        throw Error(ErrorCode::kTypeMismatch,
                    "the elements of the parameter have no common type: " + common.ToString() +
                        " and " + element.ToString(),
                    range);
      }
      common = *type;
    }
    Values list;
    for (ExprPtr& element : elements) {
      const ExprPtr cast = MakeCast(std::move(element), common, false, zone);
      list.push_back(std::get<LiteralExpr>(cast->node).value);
    }
    return MakeLiteral({std::move(list)}, Type::MakeArray(common), range);
  }
};

}  // namespace

ExprPtr ExprBinder::BindNumber(ast::LiteralKind kind, std::string text, SourceRange range) const {
  std::erase(text, '_');
  switch (kind) {
    case ast::LiteralKind::kInteger: {
      int64_t value = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (error == std::errc() && end == text.data() + text.size()) {
        return MakeIntegerLiteral(value, range);
      }
      return MakeDecimalLiteral(text, range);
    }
    case ast::LiteralKind::kDecimal:
      return MakeDecimalLiteral(text, range);
    default: {
      const double value = std::strtod(text.c_str(), nullptr);
      if (!std::isfinite(value)) ThrowMalformed("DOUBLE", text, range);
      return MakeLiteral({value}, TypeId::kDouble, range);
    }
  }
}

ExprPtr ExprBinder::BindInterval(const ast::Literal& literal, bool negative,
                                 SourceRange range) const {
  const ast::IntervalQualifier& qualifier = literal.interval;
  const std::string_view from = ast::NameOf(qualifier.from);
  const std::string_view to = qualifier.to ? ast::NameOf(*qualifier.to) : std::string_view();
  const int64_t sign = negative != literal.negative ? -1 : 1;
  if (qualifier.from <= ast::IntervalUnit::kMonth) {
    const std::optional<IntervalMonth> months = ParseIntervalMonth(literal.text, from, to);
    if (months) return MakeLiteral({sign * months->months}, TypeId::kIntervalMonth, range);
  } else {
    const std::optional<IntervalDay> micros = ParseIntervalDay(literal.text, from, to);
    if (micros) return MakeLiteral({sign * micros->micros}, TypeId::kIntervalDay, range);
  }
  std::string what = "INTERVAL " + std::string(from);
  if (!to.empty()) what += " TO " + std::string(to);
  ThrowMalformed(what, literal.text, range,
                 "write INTERVAL '10' SECOND or INTERVAL '1 12' DAY TO HOUR");
}

ExprPtr ExprBinder::BindNode(const ast::Literal& literal, SourceRange range) {
  using Kind = ast::LiteralKind;
  switch (literal.kind) {
    case Kind::kNull:
      return MakeLiteral({}, TypeId::kNull, range);
    case Kind::kBoolean:
      return MakeLiteral({literal.text == "TRUE"}, TypeId::kBoolean, range);
    case Kind::kInteger:
    case Kind::kDecimal:
    case Kind::kApproximate:
      return BindNumber(literal.kind, literal.text, range);
    case Kind::kString:
      return MakeStringLiteral(literal.text, TypeId::kString, CountCharacters(literal.text), range);
    case Kind::kBinary:
      return MakeStringLiteral(literal.text, TypeId::kBytes,
                               static_cast<uint32_t>(literal.text.size()), range);
    case Kind::kDate: {
      const std::optional<Date> date = ParseDate(literal.text);
      if (!date) ThrowMalformed("DATE", literal.text, range, "write DATE '2026-03-01'");
      return MakeLiteral({int64_t{date->days}}, TypeId::kDate, range);
    }
    case Kind::kTime:
      return BindTime(literal, range);
    case Kind::kTimestamp:
      return BindTimestamp(literal, range);
    case Kind::kTimestampLtz:
      return BindTimestampLtz(literal, zone_, range);
    case Kind::kInterval:
      return BindInterval(literal, false, range);
  }
  throw Error(ErrorCode::kInternal, "unknown kind of literal", range);
}

ExprPtr ExprBinder::BindNode(const ast::Parameter& parameter, SourceRange range) {
  const size_t count = context_.parameters.size();
  if (parameter.number < 1 || static_cast<uint64_t>(parameter.number) > count) {
    throw Error(ErrorCode::kBadRequest,
                "parameter $" + std::to_string(parameter.number) + " has no value: " +
                    std::to_string(count) + (count == 1 ? " was given" : " were given"),
                range);
  }
  const Value& value = context_.parameters[static_cast<size_t>(parameter.number - 1)];
  return std::visit(ParameterValue{range, zone_}, value.data);
}

}  // namespace millrace
