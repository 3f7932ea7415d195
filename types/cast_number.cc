#include <cmath>
#include <limits>
#include <type_traits>

#include "types/cast_kernels.h"
#include "types/decimal.h"

namespace millrace {
namespace {

// Calls f with a value of the number's C++ type; DECIMAL and BOOLEAN have their own kernels.
template <class F>
Column VisitNumber(TypeId id, F f) {
  switch (id) {
    case TypeId::kTinyInt:
      return f(int8_t{});
    case TypeId::kSmallInt:
      return f(int16_t{});
    case TypeId::kInteger:
      return f(int32_t{});
    case TypeId::kBigInt:
      return f(int64_t{});
    case TypeId::kFloat:
      return f(float{});
    default:
      assert(id == TypeId::kDouble);
      return f(double{});
  }
}

// Whether every value of From is one of To (or near one, if To is approximate).
template <class From, class To>
constexpr bool kWidens = std::is_floating_point_v<To>
                             ? std::is_integral_v<From> || sizeof(From) <= sizeof(To)
                             : std::is_integral_v<From> && sizeof(From) <= sizeof(To);

// Fractions are cut, as in Java.
template <class From, class To>
bool Narrow(From value, To* result) {
  if constexpr (std::is_floating_point_v<To>) {
    *result = static_cast<To>(value);
    return std::isfinite(*result) || !std::isfinite(value);
  } else if constexpr (std::is_floating_point_v<From>) {
    // The limits are powers of two, which both floating types have; NaN is in no range.
    constexpr From kLeast = static_cast<From>(std::numeric_limits<To>::min());
    const From integer = std::trunc(value);
    if (!(integer >= kLeast && integer < -kLeast)) return false;
    *result = static_cast<To>(integer);
    return true;
  } else {
    *result = static_cast<To>(value);
    return *result == value;
  }
}

template <class From, class To>
Column Widen(const CastRequest& request) {
  Column out(request.to.id, request.in.size());
  out.set_valid(request.in.shared_valid());
  const From* values = request.in.data<From>();
  To* results = out.mutable_data<To>();
  for (size_t i = 0; i < out.size(); ++i) results[i] = static_cast<To>(values[i]);
  return out;
}

Column FromDecimal(const CastRequest& request) {
  const uint8_t scale = request.from.scale;
  if (request.to.id == TypeId::kDecimal) {
    return MapRows<Decimal, Decimal>(request, [&](Decimal value, Decimal* result) {
      const std::optional<Decimal> rescaled = RescaleDecimal(value, scale, request.to);
      if (rescaled) *result = *rescaled;
      return rescaled.has_value();
    });
  }
  return VisitNumber(request.to.id, [&](auto plain) {
    using To = decltype(plain);
    return MapRows<Decimal, To>(request, [&](Decimal value, To* result) {
      if constexpr (std::is_floating_point_v<To>) {
        return Narrow(DecimalToDouble(value, scale), result);
      } else {
        const std::optional<int64_t> integer = DecimalToInteger(value, scale);
        return integer && Narrow(*integer, result);
      }
    });
  });
}

Column ToDecimal(const CastRequest& request) {
  return VisitNumber(request.from.id, [&](auto plain) {
    using From = decltype(plain);
    return MapRows<From, Decimal>(request, [&](From value, Decimal* result) {
      std::optional<Decimal> decimal;
      if constexpr (std::is_same_v<From, float>) {
        decimal = DecimalFromFloat(value, request.to);
      } else if constexpr (std::is_same_v<From, double>) {
        decimal = DecimalFromDouble(value, request.to);
      } else {
        decimal = RescaleDecimal({value}, 0, request.to);
      }
      if (decimal) *result = *decimal;
      return decimal.has_value();
    });
  });
}

Column FromBoolean(const CastRequest& request) {
  if (request.to.id == TypeId::kDecimal) {
    return MapRows<bool, Decimal>(request, [&](bool value, Decimal* result) {
      const std::optional<Decimal> decimal = RescaleDecimal({value}, 0, request.to);
      if (decimal) *result = *decimal;
      return decimal.has_value();
    });
  }
  return VisitNumber(request.to.id, [&](auto plain) {
    using To = decltype(plain);
    return MapRows<bool, To>(request, [](bool value, To* result) {
      *result = static_cast<To>(value);
      return true;
    });
  });
}

Column ToBoolean(const CastRequest& request) {
  return VisitNumber(request.from.id, [&](auto plain) {
    using From = decltype(plain);
    return MapRows<From, bool>(request, [](From value, bool* result) {
      *result = value != 0;
      return true;
    });
  });
}

}  // namespace

Column CastNumbers(const CastRequest& request) {
  if (request.from.id == TypeId::kBoolean) return FromBoolean(request);
  if (request.to.id == TypeId::kBoolean) return ToBoolean(request);
  if (request.from.id == TypeId::kDecimal) return FromDecimal(request);
  if (request.to.id == TypeId::kDecimal) return ToDecimal(request);
  return VisitNumber(request.from.id, [&](auto from) {
    return VisitNumber(request.to.id, [&](auto to) {
      using From = decltype(from);
      using To = decltype(to);
      if constexpr (kWidens<From, To>) {
        return Widen<From, To>(request);
      } else {
        return MapRows<From, To>(
            request, [](From value, To* result) { return Narrow<From, To>(value, result); });
      }
    });
  });
}

}  // namespace millrace
