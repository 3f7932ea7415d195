// Arithmetic and rounding of DECIMAL by Flink's rules for precision and scale.

#include "types/decimal.h"

#include <algorithm>

#include "functions/families.h"
#include "functions/make_scalar.h"

namespace millrace {
namespace {

using MaybeTypes = std::optional<std::vector<Type>>;

// An exact operand as a DECIMAL; NULL takes the other's type.
std::optional<Type> AsDecimal(const Type& type, const Type& other) {
  if (type.id == TypeId::kNull) return other;
  if (type.id == TypeId::kDecimal) return type;
  if (IsInteger(type.id)) return Type::MakeDecimal(PrecisionOf(type), 0);
  return std::nullopt;
}

MaybeTypes CoerceToDecimals(std::span<const Type> arguments) {
  const Type& a = arguments[0];
  const Type& b = arguments[1];
  if (a.id != TypeId::kDecimal && b.id != TypeId::kDecimal) return std::nullopt;
  std::optional<Type> left = AsDecimal(a, b), right = AsDecimal(b, a);
  if (!left || !right) return std::nullopt;
  return std::vector<Type>{*std::move(left), *std::move(right)};
}

// No product has more digits than its factors together; the result type counts one more.
bool ProductFits(const Type& a, const Type& b) {
  return PrecisionOf(a) + PrecisionOf(b) < kMaxDecimalPrecision;
}

// A BIGINT factor that cannot overflow is not converted first.
MaybeTypes CoerceToFactors(std::span<const Type> arguments) {
  MaybeTypes types = CoerceToDecimals(arguments);
  if (!types || !ProductFits((*types)[0], (*types)[1])) return types;
  for (size_t i = 0; i < 2; ++i) {
    if (arguments[i].id == TypeId::kBigInt) (*types)[i] = arguments[i];
  }
  return types;
}

Checked<Decimal> CheckDecimal(std::optional<Decimal> value, const char* error) {
  return value ? Checked<Decimal>{*value} : Checked<Decimal>{{}, error};
}

ScalarKernel MultiplyKernel(std::span<const Type> arguments, const Type& to) {
  const Type& a = arguments[0];
  const Type& b = arguments[1];
  if (ProductFits(a, b)) {
    if (a.id == TypeId::kBigInt) {
      return MakeKernel([](int64_t x, Decimal y) { return Decimal{x * y.unscaled}; });
    }
    if (b.id == TypeId::kBigInt) {
      return MakeKernel([](Decimal x, int64_t y) { return Decimal{x.unscaled * y}; });
    }
    return MakeKernel([](Decimal x, Decimal y) { return Decimal{x.unscaled * y.unscaled}; });
  }
  return MakeKernel([to, as = a.scale, bs = b.scale](Decimal x, Decimal y) {
    return CheckDecimal(MultiplyDecimals(x, as, y, bs, to), "DECIMAL overflow in *");
  });
}

// Addition, or subtraction with sign -1.
template <int kSign>
ScalarKernel AddKernel(std::span<const Type> arguments, const Type& to) {
  const uint8_t as = arguments[0].scale, bs = arguments[1].scale;
  // Below the greatest precision the result type has a digit to spare.
  if (to.precision < kMaxDecimalPrecision) {
    const int128_t fa = PowerOfTen(to.scale - as), fb = PowerOfTen(to.scale - bs);
    return MakeKernel([fa, fb](Decimal x, Decimal y) {
      return Decimal{x.unscaled * fa + kSign * (y.unscaled * fb)};
    });
  }
  return MakeKernel([to, as, bs](Decimal x, Decimal y) {
    return kSign > 0 ? CheckDecimal(AddDecimals(x, as, y, bs, to), "DECIMAL overflow in +")
                     : CheckDecimal(SubtractDecimals(x, as, y, bs, to), "DECIMAL overflow in -");
  });
}

ScalarKernel DivideKernel(std::span<const Type> arguments, const Type& to) {
  return MakeKernel([to, as = arguments[0].scale, bs = arguments[1].scale](Decimal x, Decimal y) {
    if (y.unscaled == 0) return Checked<Decimal>{{}, "division by zero"};
    return CheckDecimal(DivideDecimals(x, as, y, bs, to), "DECIMAL overflow in /");
  });
}

ScalarKernel ModKernel(std::span<const Type> arguments, const Type& to) {
  return MakeKernel([to, as = arguments[0].scale, bs = arguments[1].scale](Decimal x, Decimal y) {
    if (y.unscaled == 0) return Checked<Decimal>{{}, "division by zero"};
    return CheckDecimal(ModDecimals(x, as, y, bs, to), "DECIMAL overflow in MOD");
  });
}

using MakeDecimalKernel = ScalarKernel (*)(std::span<const Type> arguments, const Type& to);

void DefineBinary(FunctionRegistry& r, const char* name, Type (*type)(const Type&, const Type&),
                  MakeDecimalKernel kernel, MaybeTypes (*coerce)(std::span<const Type>)) {
  FunctionRegistry::Definition definition;
  definition.name = name;
  definition.parameters = {TypeId::kNull, TypeId::kNull};
  definition.coerce = coerce;
  definition.result = [type](std::span<const Type> arguments) {
    return type(arguments[0], arguments[1]);
  };
  definition.make_kernel = kernel;
  r.Define(std::move(definition));
}

// A function of one DECIMAL, with the digits to keep if `has_digits`.
void DefineUnary(FunctionRegistry& r, const char* name, bool has_digits, ResultType result,
                 MakeDecimalKernel kernel) {
  FunctionRegistry::Definition definition;
  definition.name = name;
  definition.parameters = {TypeId::kDecimal};
  if (has_digits) definition.parameters.push_back(TypeId::kInteger);
  definition.result = std::move(result);
  definition.make_kernel = kernel;
  r.Define(std::move(definition));
}

std::optional<Type> SameType(std::span<const Type> arguments) { return arguments[0]; }
std::optional<Type> WholeType(std::span<const Type> arguments) {
  return DecimalRoundType(arguments[0], 0);
}
// The digits are not known from the types, so that the scale stays.
std::optional<Type> RoundedType(std::span<const Type> arguments) {
  const int precision = std::min<int>(arguments[0].precision + 1, kMaxDecimalPrecision);
  return Type::MakeDecimal(static_cast<uint8_t>(precision), arguments[0].scale);
}

// The whole number below, or with kSign 1 above.
template <int kSign>
ScalarKernel FloorKernel(std::span<const Type> arguments, const Type&) {
  return MakeKernel([unit = PowerOfTen(arguments[0].scale)](Decimal x) {
    const int128_t rest = x.unscaled % unit;
    const int128_t whole = x.unscaled / unit;
    return Decimal{rest * kSign > 0 ? whole + kSign : whole};
  });
}

ScalarKernel RoundKernel(std::span<const Type> arguments, const Type& to) {
  return MakeKernel([to, scale = arguments[0].scale](Decimal x) {
    return CheckDecimal(RoundDecimal(x, scale, 0, to), "DECIMAL overflow in ROUND");
  });
}

ScalarKernel RoundDigitsKernel(std::span<const Type> arguments, const Type& to) {
  return MakeKernel([to, scale = arguments[0].scale](Decimal x, int32_t digits) {
    return CheckDecimal(RoundDecimal(x, scale, std::max(digits, -39), to),
                        "DECIMAL overflow in ROUND");
  });
}

Decimal TruncateTo(Decimal x, int scale, int digits) {
  const int dropped = scale - digits;
  if (dropped <= 0) return x;
  if (dropped > kMaxDecimalPrecision) return {0};
  return {x.unscaled - x.unscaled % PowerOfTen(dropped)};
}

ScalarKernel TruncateKernel(std::span<const Type> arguments, const Type&) {
  return MakeKernel(
      [unit = PowerOfTen(arguments[0].scale)](Decimal x) { return Decimal{x.unscaled / unit}; });
}

ScalarKernel TruncateDigitsKernel(std::span<const Type> arguments, const Type&) {
  return MakeKernel([scale = arguments[0].scale](Decimal x, int32_t digits) {
    return TruncateTo(x, scale, std::clamp(digits, -39, 39));
  });
}

ScalarKernel SignKernel(std::span<const Type> arguments, const Type&) {
  return MakeKernel([one = PowerOfTen(arguments[0].scale)](Decimal x) {
    return Decimal{x.unscaled == 0 ? 0 : x.unscaled > 0 ? one : -one};
  });
}

}  // namespace

void RegisterDecimal(FunctionRegistry& r) {
  DefineBinary(r, "+", DecimalAddType, AddKernel<1>, CoerceToDecimals);
  DefineBinary(r, "-", DecimalAddType, AddKernel<-1>, CoerceToDecimals);
  DefineBinary(r, "*", DecimalMultiplyType, MultiplyKernel, CoerceToFactors);
  DefineBinary(r, "/", DecimalDivideType, DivideKernel, CoerceToDecimals);
  DefineBinary(r, "%", DecimalModType, ModKernel, CoerceToDecimals);
  DefineBinary(r, "mod", DecimalModType, ModKernel, CoerceToDecimals);

  DefineUnary(r, "negate", false, SameType, [](std::span<const Type>, const Type&) {
    return MakeKernel([](Decimal x) { return Decimal{-x.unscaled}; });
  });
  DefineUnary(r, "abs", false, SameType, [](std::span<const Type>, const Type&) {
    return MakeKernel([](Decimal x) { return Decimal{x.unscaled < 0 ? -x.unscaled : x.unscaled}; });
  });
  // One has a digit before the point, so that DECIMAL(3, 3) has no room for it.
  DefineUnary(r, "sign", false, RoundedType, SignKernel);
  DefineUnary(r, "floor", false, WholeType, FloorKernel<-1>);
  DefineUnary(r, "ceil", false, WholeType, FloorKernel<1>);
  DefineUnary(r, "ceiling", false, WholeType, FloorKernel<1>);
  DefineUnary(r, "round", false, WholeType, RoundKernel);
  DefineUnary(r, "round", true, RoundedType, RoundDigitsKernel);
  DefineUnary(r, "truncate", false, WholeType, TruncateKernel);
  DefineUnary(r, "truncate", true, SameType, TruncateDigitsKernel);
}

}  // namespace millrace
