// Names of types to types.
#include <array>
#include <limits>

#include "planner/planner.h"

namespace millrace {
namespace {

constexpr int64_t kMaxDecimalDigits = 38;
constexpr int64_t kMaxFractionDigits = 9;  // That may be written; six are kept.
constexpr uint8_t kKeptFractionDigits = 6;

struct SimpleName {
  std::string_view name;
  TypeId id;
};
// Types without parameters, and the spellings that scripts from other systems use.
constexpr SimpleName kSimpleNames[] = {
    {"BOOLEAN", TypeId::kBoolean},   {"BOOL", TypeId::kBoolean},  {"TINYINT", TypeId::kTinyInt},
    {"SMALLINT", TypeId::kSmallInt}, {"INT2", TypeId::kSmallInt}, {"INT", TypeId::kInteger},
    {"INTEGER", TypeId::kInteger},   {"INT4", TypeId::kInteger},  {"BIGINT", TypeId::kBigInt},
    {"INT8", TypeId::kBigInt},       {"FLOAT", TypeId::kFloat},   {"REAL", TypeId::kFloat},
    {"DOUBLE", TypeId::kDouble},     {"STRING", TypeId::kString}, {"TEXT", TypeId::kString},
    {"BYTES", TypeId::kBytes},       {"BYTEA", TypeId::kBytes},   {"DATE", TypeId::kDate},
    {"NULL", TypeId::kNull},
};
constexpr std::string_view kNotBuilt[] = {"RAW",  "VARIANT",    "BITMAP",
                                          "UUID", "STRUCTURED", "GEOGRAPHY", "DESCRIPTOR"};
constexpr std::string_view kOtherNames[] = {
    "CHAR", "CHARACTER", "VARCHAR",       "BINARY",   "VARBINARY", "DECIMAL", "NUMERIC",
    "TIME", "TIMESTAMP", "TIMESTAMP_LTZ", "INTERVAL", "ARRAY",     "MAP",     "MULTISET", "ROW"};

class TypeResolver {
 public:
  TypeResolver(const ast::TypeName& name, std::vector<Notice>* notices)
      : name_(name), notices_(notices) {}

  Type Resolve() const {
    Type type = ResolveBase();
    type.nullable = !name_.not_null;
    return type;
  }

 private:
  Type ResolveBase() const {
    const std::string_view base = name_.base;
    for (const SimpleName& simple : kSimpleNames) {
      if (simple.name != base) continue;
      ExpectParams(0);
      return simple.id;
    }
    if (base == "CHAR" || base == "CHARACTER") return Text(TypeId::kString, true);
    if (base == "VARCHAR") return Text(TypeId::kString, false);
    if (base == "BINARY") return Text(TypeId::kBytes, true);
    if (base == "VARBINARY") return Text(TypeId::kBytes, false);
    if (base == "DECIMAL" || base == "DEC" || base == "NUMERIC") return Decimal();
    if (base == "TIME") return WithFraction(TypeId::kTime, 0);
    if (base == "TIMESTAMP") return WithFraction(TypeId::kTimestamp, kKeptFractionDigits);
    if (base == "TIMESTAMP_LTZ") return WithFraction(TypeId::kTimestampLtz, kKeptFractionDigits);
    if (base == "INTERVAL") return Interval();
    if (base == "ARRAY") return Type::MakeArray(Child(0));
    if (base == "MAP") return Map();
    if (base == "MULTISET") return Type::MakeMultiset(Child(0));
    if (base == "ROW") return Row();
    ThrowUnknown();
  }

  Type Child(size_t i) const {
    if (i >= name_.children.size()) {
      throw Error(ErrorCode::kSqlSyntax, name_.base + " needs the types of its elements",
                  name_.range, "write ARRAY<INT> or MAP<STRING, INT>");
    }
    return TypeResolver(name_.children[i].type, notices_).Resolve();
  }

  void ExpectParams(size_t most) const {
    if (name_.params.size() <= most) return;
    const char* count = most == 0 ? "no parameter" : most == 1 ? "one parameter" : "two parameters";
    throw Error(ErrorCode::kSqlSyntax, name_.base + " takes " + count, name_.range);
  }

  int64_t Param(size_t i, int64_t otherwise, int64_t least, int64_t most) const {
    if (i >= name_.params.size()) return otherwise;
    const int64_t value = name_.params[i];
    if (value < least || value > most) {
      throw Error(ErrorCode::kSqlSyntax,
                  name_.base + "'s parameter must be from " + std::to_string(least) + " to " +
                      std::to_string(most) + ", not " + std::to_string(value),
                  name_.range);
    }
    return value;
  }

  // A bare VARCHAR or VARBINARY is unbounded, as scripts mean it.
  Type Text(TypeId id, bool fixed) const {
    ExpectParams(1);
    Type type = id;
    type.length =
        static_cast<uint32_t>(Param(0, fixed ? 1 : 0, 1, std::numeric_limits<int32_t>::max()));
    // VARCHAR(2147483647) is Flink's way to write STRING.
    if (!fixed && type.length == std::numeric_limits<int32_t>::max()) type.length = 0;
    type.fixed_length = fixed;
    return type;
  }

  Type Decimal() const {
    ExpectParams(2);
    const int64_t precision = Param(0, 10, 1, kMaxDecimalDigits);
    const int64_t scale = Param(1, 0, 0, precision);
    return Type::MakeDecimal(static_cast<uint8_t>(precision), static_cast<uint8_t>(scale));
  }

  Type WithFraction(TypeId id, uint8_t otherwise) const {
    ExpectParams(1);
    const int64_t precision = Param(0, otherwise, 0, kMaxFractionDigits);
    Type type = id;
    type.precision = static_cast<uint8_t>(std::min<int64_t>(precision, kKeptFractionDigits));
    if (precision > kKeptFractionDigits && notices_ != nullptr) {
      notices_->push_back({"PRECISION",
                           name_.base + '(' + std::to_string(precision) +
                               ") keeps six fraction digits (microseconds)",
                           name_.range});
    }
    return type;
  }

  Type Interval() const {
    const bool months =
        name_.interval.has_value() && name_.interval->from <= ast::IntervalUnit::kMonth;
    return months ? TypeId::kIntervalMonth : TypeId::kIntervalDay;
  }

  Type Map() const {
    Type key = Child(0);
    Type value = Child(1);
    return Type::MakeMap(std::move(key), std::move(value));
  }

  Type Row() const {
    std::vector<Field> fields;
    for (const ast::TypeField& child : name_.children) {
      std::string name = child.name ? child.name->text : "f" + std::to_string(fields.size());
      for (const Field& field : fields) {
        if (field.name != name) continue;
        throw Error(ErrorCode::kDuplicateObject, "field \"" + name + "\" is there twice",
                    child.name ? child.name->range : name_.range);
      }
      fields.push_back({std::move(name), TypeResolver(child.type, notices_).Resolve()});
    }
    return Type::MakeRow(std::move(fields));
  }

  [[noreturn]] void ThrowUnknown() const {
    const std::string& base = name_.base;
    if (base == "TIMESTAMP_TZ" || base == "TIMESTAMPTZ") {
      throw Error(ErrorCode::kUnsupportedFeature, "TIMESTAMP WITH TIME ZONE is not supported",
                  name_.range, "use TIMESTAMP_LTZ (TIMESTAMP WITH LOCAL TIME ZONE)");
    }
    for (std::string_view known : kNotBuilt) {
      if (base == known) {
        throw Error(ErrorCode::kUnsupportedFeature, "type " + base + " is not supported yet",
                    name_.range);
      }
    }
    std::vector<std::string_view> names(std::begin(kOtherNames), std::end(kOtherNames));
    for (const SimpleName& simple : kSimpleNames) names.push_back(simple.name);
    throw Error(ErrorCode::kUnsupportedFeature, "there is no type " + base, name_.range,
                DidYouMean(base, names));
  }

  const ast::TypeName& name_;
  std::vector<Notice>* notices_;
};

}  // namespace

Type ResolveType(const ast::TypeName& name, std::vector<Notice>* notices) {
  return TypeResolver(name, notices).Resolve();
}

}  // namespace millrace
