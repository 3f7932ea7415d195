// = <> < <= > >= and IS [NOT] DISTINCT FROM of every comparable type; GREATEST and LEAST.

#include <algorithm>

#include "functions/families.h"
#include "functions/make_scalar.h"
#include "types/cast.h"
#include "types/row_key.h"

namespace millrace {
namespace {

struct Equal {
  static bool Test(const auto& a, const auto& b) { return a == b; }
};
struct NotEqual {
  static bool Test(const auto& a, const auto& b) { return !(a == b); }
};
struct Less {
  static bool Test(const auto& a, const auto& b) { return a < b; }
};
struct LessEqual {
  static bool Test(const auto& a, const auto& b) { return a <= b; }
};
struct Greater {
  static bool Test(const auto& a, const auto& b) { return a > b; }
};
struct GreaterEqual {
  static bool Test(const auto& a, const auto& b) { return a >= b; }
};

// Calls f with a value of the C++ type that compares like `type`; false if nothing does.
template <class F>
bool WithComparable(TypeId type, const F& f) {
  switch (type) {
    case TypeId::kBoolean:
      return f(uint8_t{}), true;
    case TypeId::kTinyInt:
      return f(int8_t{}), true;
    case TypeId::kSmallInt:
      return f(int16_t{}), true;
    case TypeId::kInteger:
    case TypeId::kDate:
      return f(int32_t{}), true;
    case TypeId::kFloat:
      return f(float{}), true;
    case TypeId::kDouble:
      return f(double{}), true;
    case TypeId::kDecimal:
      return f(Decimal{}), true;
    case TypeId::kString:
    case TypeId::kBytes:
      return f(StringRef{}), true;
    case TypeId::kNull:
    case TypeId::kArray:
    case TypeId::kMap:
    case TypeId::kRow:
      return false;
    default:
      return f(int64_t{}), true;
  }
}

// ARRAY, MAP and ROW compare as their encoded keys do.
template <class Op>
Column CompareKeys(std::span<const Column> arguments, size_t size, EvalContext&) {
  Column result(TypeId::kBoolean, size);
  bool* out = result.mutable_data<bool>();
  std::string a, b;
  for (size_t i = 0; i < size; ++i) {
    a.clear();
    b.clear();
    AppendKeyColumn(arguments[0], i, &a);
    AppendKeyColumn(arguments[1], i, &b);
    out[i] = Op::Test(a, b);
  }
  result.set_valid(scalar_internal::PropagateNulls(arguments, size));
  return result;
}

Column AllNull(std::span<const Column>, size_t size, EvalContext&) {
  return Column::ConstantNull(TypeId::kBoolean, size);
}

template <class Op>
ScalarKernel ComparisonKernel(TypeId type) {
  if (type == TypeId::kNull) return AllNull;
  ScalarKernel kernel = CompareKeys<Op>;
  WithComparable(type,
                 [&]<class T>(T) { kernel = MakeKernel([](T a, T b) { return Op::Test(a, b); }); });
  return kernel;
}

// Both as the type that holds both; a string as the other's type, as in `ts > '2026-01-01'`.
std::optional<Type> ComparisonType(const Type& a, const Type& b) {
  if (std::optional<Type> common = CommonType(a, b)) return common;
  const auto readable = [](const Type& t) {
    return t.id != TypeId::kBytes && t.id < TypeId::kIntervalMonth;
  };
  if (a.id == TypeId::kString && readable(b)) return b;
  if (b.id == TypeId::kString && readable(a)) return a;
  return std::nullopt;
}

std::optional<std::vector<Type>> CoerceForComparison(std::span<const Type> arguments) {
  const std::optional<Type> type = ComparisonType(arguments[0], arguments[1]);
  if (!type) return std::nullopt;
  return std::vector<Type>(2, *type);
}

FunctionRegistry::Definition Comparison(const char* name) {
  FunctionRegistry::Definition definition;
  definition.name = name;
  definition.parameters = {TypeId::kNull, TypeId::kNull};
  definition.coerce = CoerceForComparison;
  definition.result = [](std::span<const Type>) { return Type(TypeId::kBoolean, false); };
  return definition;
}

template <class Op>
void Define(FunctionRegistry& r, const char* name) {
  FunctionRegistry::Definition definition = Comparison(name);
  definition.make_kernel = [](std::span<const Type> arguments, const Type&) {
    return ComparisonKernel<Op>(arguments[0].id);
  };
  r.Define(std::move(definition));
}

// Nulls are equal to each other and different from all else.
void DefineDistinct(FunctionRegistry& r, const char* name, bool distinct) {
  FunctionRegistry::Definition definition = Comparison(name);
  definition.null_aware = true;
  definition.make_kernel = [distinct](std::span<const Type> arguments,
                                      const Type&) -> ScalarKernel {
    return [distinct, differ = ComparisonKernel<NotEqual>(arguments[0].id)](
               std::span<const Column> columns, size_t size, EvalContext& context) {
      const Column values = differ(columns, size, context);
      Column result(TypeId::kBoolean, size);
      bool* out = result.mutable_data<bool>();
      for (size_t i = 0; i < size; ++i) {
        const bool a = columns[0].IsNull(i), b = columns[1].IsNull(i);
        out[i] = (a || b ? a != b : values.at<uint8_t>(i) != 0) == distinct;
      }
      return result;
    };
  };
  r.Define(std::move(definition));
}

template <class Op, class T>
Column Choose(TypeId type, std::span<const Column> arguments, size_t size) {
  Column result(type, size);
  T* out = result.mutable_data<T>();
  result.set_valid(scalar_internal::PropagateNulls(arguments, size));
  for (size_t i = 0; i < size; ++i) {
    if (result.IsNull(i)) {
      out[i] = T{};
      continue;
    }
    T best = arguments[0].at<T>(i);
    for (const Column& argument : arguments.subspan(1)) {
      const T value = argument.at<T>(i);
      if (Op::Test(value, best)) best = value;
    }
    out[i] = best;
  }
  scalar_internal::KeepAliveOfAll(arguments, &result);
  return result;
}

template <class Op>
void DefineChoice(FunctionRegistry& r, const char* name) {
  FunctionRegistry::Definition definition;
  definition.name = name;
  definition.parameters = {TypeId::kNull};
  definition.variadic = true;
  definition.coerce = [](std::span<const Type> arguments) -> std::optional<std::vector<Type>> {
    if (arguments.empty()) return std::nullopt;
    std::optional<Type> common = arguments[0];
    for (const Type& type : arguments) {
      if (common) common = CommonType(*common, type);
    }
    if (!common || !WithComparable(common->id, [](auto) {})) return std::nullopt;
    return std::vector<Type>(arguments.size(), *common);
  };
  definition.result = [](std::span<const Type> arguments) -> std::optional<Type> {
    if (arguments.empty()) return std::nullopt;
    return arguments[0];
  };
  definition.make_kernel = [](std::span<const Type> arguments, const Type&) -> ScalarKernel {
    const TypeId type = arguments[0].id;
    return [type](std::span<const Column> columns, size_t size, EvalContext&) {
      Column result;
      WithComparable(type, [&]<class T>(T) { result = Choose<Op, T>(type, columns, size); });
      return result;
    };
  };
  r.Define(std::move(definition));
}

}  // namespace

void RegisterComparison(FunctionRegistry& r) {
  Define<Equal>(r, "=");
  Define<NotEqual>(r, "<>");
  Define<Less>(r, "<");
  Define<LessEqual>(r, "<=");
  Define<Greater>(r, ">");
  Define<GreaterEqual>(r, ">=");
  DefineDistinct(r, "is_distinct_from", true);
  DefineDistinct(r, "is_not_distinct_from", false);
  DefineChoice<Greater>(r, "greatest");
  DefineChoice<Less>(r, "least");
}

}  // namespace millrace
