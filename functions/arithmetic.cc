// + - * / % and negation of integers and floats.
//
// Integers stay integers: INT / INT is INT, as in Flink. Overflow and integer division by zero fail
// the row; FLOAT and DOUBLE follow IEEE 754.

#include <cmath>
#include <limits>

#include "functions/families.h"
#include "functions/make_scalar.h"

namespace millrace {
namespace {

enum Operation { kAdd, kSubtract, kMultiply, kDivide, kNegate };

constexpr const char* kOverflow[][5] = {
    {"TINYINT overflow in +", "TINYINT overflow in -", "TINYINT overflow in *",
     "TINYINT overflow in /", "TINYINT overflow in unary -"},
    {"SMALLINT overflow in +", "SMALLINT overflow in -", "SMALLINT overflow in *",
     "SMALLINT overflow in /", "SMALLINT overflow in unary -"},
    {"INTEGER overflow in +", "INTEGER overflow in -", "INTEGER overflow in *",
     "INTEGER overflow in /", "INTEGER overflow in unary -"},
    {"BIGINT overflow in +", "BIGINT overflow in -", "BIGINT overflow in *", "BIGINT overflow in /",
     "BIGINT overflow in unary -"}};

template <class T>
constexpr const char* OverflowIn(Operation operation, bool overflow) {
  constexpr size_t kRow = static_cast<size_t>(kTypeOf<T>) - static_cast<size_t>(TypeId::kTinyInt);
  return overflow ? kOverflow[kRow][operation] : nullptr;
}

// The compiler turns neither branches nor __builtin_add_overflow into SIMD: hence the sign tricks.
struct Add {
  template <class T>
  static auto Apply(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
      return a + b;
    } else {
      using U = std::make_unsigned_t<T>;
      const T sum = static_cast<T>(static_cast<U>(a) + static_cast<U>(b));
      return Checked<T>{sum, OverflowIn<T>(kAdd, ((a ^ sum) & (b ^ sum)) < 0)};
    }
  }
};

struct Subtract {
  template <class T>
  static auto Apply(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
      return a - b;
    } else {
      using U = std::make_unsigned_t<T>;
      const T difference = static_cast<T>(static_cast<U>(a) - static_cast<U>(b));
      return Checked<T>{difference, OverflowIn<T>(kSubtract, ((a ^ b) & (a ^ difference)) < 0)};
    }
  }
};

struct Multiply {
  template <class T>
  static auto Apply(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
      return a * b;
    } else if constexpr (sizeof(T) == 8) {
      T product;
      const bool overflow = __builtin_mul_overflow(a, b, &product);
      return Checked<T>{product, OverflowIn<T>(kMultiply, overflow)};
    } else {
      const int64_t wide = int64_t{a} * b;
      const T product = static_cast<T>(wide);
      return Checked<T>{product, OverflowIn<T>(kMultiply, wide != product)};
    }
  }
};

// BIGINTs of up to 32 bits, as most are, have a product: a loop over such needs no check by row.
struct MultiplyBigInts {
  Checked<int64_t> operator()(int64_t a, int64_t b) const { return Multiply::Apply(a, b); }
  static int64_t Unchecked(int64_t a, int64_t b) {
    return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
  }
  static uint64_t MayFail(int64_t a, int64_t b) { return BeyondHalf(a) | BeyondHalf(b); }

 private:
  static uint64_t BeyondHalf(int64_t v) { return (static_cast<uint64_t>(v) + (1ull << 31)) >> 32; }
};

struct Divide {
  template <class T>
  static auto Apply(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
      return a / b;
    } else {
      if (b == 0) return Checked<T>{0, "division by zero"};
      if (b == -1) {
        const bool overflow = a == std::numeric_limits<T>::min();
        return Checked<T>{overflow ? a : static_cast<T>(-a), OverflowIn<T>(kDivide, overflow)};
      }
      return Checked<T>{static_cast<T>(a / b)};
    }
  }
};

struct Modulo {
  template <class T>
  static auto Apply(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
      return std::fmod(a, b);
    } else {
      if (b == 0) return Checked<T>{0, "division by zero"};
      return Checked<T>{b == -1 ? T{0} : static_cast<T>(a % b)};
    }
  }
};

template <class Op, class T>
ScalarKernel KernelOf() {
  if constexpr (std::is_same_v<Op, Multiply> && std::is_same_v<T, int64_t>) {
    return MakeKernel(MultiplyBigInts());
  } else {
    return MakeKernel([](T a, T b) { return Op::template Apply<T>(a, b); });
  }
}

template <class Op>
ScalarKernel KernelFor(TypeId type) {
  switch (type) {
    case TypeId::kTinyInt:
      return KernelOf<Op, int8_t>();
    case TypeId::kSmallInt:
      return KernelOf<Op, int16_t>();
    case TypeId::kInteger:
      return KernelOf<Op, int32_t>();
    case TypeId::kBigInt:
      return KernelOf<Op, int64_t>();
    case TypeId::kFloat:
      return KernelOf<Op, float>();
    default:
      return KernelOf<Op, double>();
  }
}

std::optional<std::vector<Type>> CoerceToCommon(std::span<const Type> arguments) {
  const std::optional<Type> common = CommonType(arguments[0], arguments[1]);
  if (!common || !IsNumeric(common->id) || common->id == TypeId::kDecimal) return std::nullopt;
  return std::vector<Type>(2, *common);
}

template <class Op>
void Define(FunctionRegistry& r, const char* name) {
  FunctionRegistry::Definition definition;
  definition.name = name;
  definition.parameters = {TypeId::kNull, TypeId::kNull};
  definition.coerce = CoerceToCommon;
  definition.result = [](std::span<const Type> arguments) { return arguments[0]; };
  definition.make_kernel = [](std::span<const Type> arguments, const Type&) {
    return KernelFor<Op>(arguments[0].id);
  };
  r.Define(std::move(definition));
}

template <class T>
Checked<T> NegateInteger(T a) {
  const bool overflow = a == std::numeric_limits<T>::min();
  return {overflow ? a : static_cast<T>(-a), OverflowIn<T>(kNegate, overflow)};
}

}  // namespace

void RegisterArithmetic(FunctionRegistry& r) {
  Define<Add>(r, "+");
  Define<Subtract>(r, "-");
  Define<Multiply>(r, "*");
  Define<Divide>(r, "/");
  Define<Modulo>(r, "%");
  Define<Modulo>(r, "mod");

  r.Add("negate", [](int8_t a) { return NegateInteger(a); });
  r.Add("negate", [](int16_t a) { return NegateInteger(a); });
  r.Add("negate", [](int32_t a) { return NegateInteger(a); });
  r.Add("negate", [](int64_t a) { return NegateInteger(a); });
  r.Add("negate", [](float a) { return -a; });
  r.Add("negate", [](double a) { return -a; });
}

}  // namespace millrace
