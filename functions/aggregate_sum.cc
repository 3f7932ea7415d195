// SUM and AVG.

#include <limits>

#include "functions/families.h"
#include "functions/make_aggregate.h"
#include "functions/wide_sum.h"
#include "types/decimal.h"

namespace millrace {
namespace {

template <class T>
struct IntegerSum {
  struct State {
    Sum128 sum;
    int64_t count = 0;
  };
  using Argument = T;

  static void Add(State* state, T value, AggregateHeap*) {
    state->sum.Add(value);
    ++state->count;
  }
  static void AddWeighted(State* state, T value, int64_t weight, AggregateHeap*) {
    state->sum.Add(static_cast<int128_t>(value) * weight);
    state->count += weight;
  }
  static void Merge(State* into, const State& from, AggregateHeap*) {
    into->sum.Add(from.sum.value());
    into->count += from.count;
  }
  static void Subtract(State* into, const State& from) {
    into->sum.Add(-from.sum.value());
    into->count -= from.count;
  }
};

struct DecimalSum {
  struct State {
    Sum192 sum;
    int64_t count = 0;
  };
  using Argument = Decimal;

  static void Add(State* state, Decimal value, AggregateHeap*) {
    state->sum.Add(value.unscaled);
    ++state->count;
  }
  static void AddWeighted(State* state, Decimal value, int64_t weight, AggregateHeap*) {
    state->sum.AddProduct(value.unscaled, weight);
    state->count += weight;
  }
  static void Merge(State* into, const State& from, AggregateHeap*) {
    into->sum.Add(from.sum);
    into->count += from.count;
  }
  static void Subtract(State* into, const State& from) {
    into->sum.Subtract(from.sum);
    into->count -= from.count;
  }
};

// What is not finite is counted instead of added, so that it can be taken back.
template <class T>
struct ApproximateSum {
  struct State {
    DoubleSum sum;
    int64_t count = 0;
    int64_t nans = 0, positives = 0, negatives = 0;  // NaN, +Inf, -Inf.

    double value() const {
      if (nans > 0 || (positives > 0 && negatives > 0)) {
        return std::numeric_limits<double>::quiet_NaN();
      }
      if (positives > 0) return std::numeric_limits<double>::infinity();
      if (negatives > 0) return -std::numeric_limits<double>::infinity();
      return sum.value();
    }
  };
  using Argument = T;

  static void Add(State* state, T value, AggregateHeap*) {
    ++state->count;
    if (std::isfinite(value)) return state->sum.Add(value);
    CountSpecial(state, value, 1);
  }
  static void AddWeighted(State* state, T value, int64_t weight, AggregateHeap*) {
    state->count += weight;
    if (!std::isfinite(value)) return CountSpecial(state, value, weight);
    state->sum.AddProduct(value, static_cast<double>(weight));
  }
  static void Merge(State* into, const State& from, AggregateHeap*) {
    into->sum.Add(from.sum);
    Count(into, from, 1);
  }
  static void Subtract(State* into, const State& from) {
    into->sum.Subtract(from.sum);
    Count(into, from, -1);
    if (into->count == 0) into->sum = {};
  }

 private:
  static void CountSpecial(State* state, T value, int64_t weight) {
    (std::isnan(value) ? state->nans : value > 0 ? state->positives : state->negatives) += weight;
  }
  static void Count(State* into, const State& from, int64_t sign) {
    into->count += sign * from.count;
    into->nans += sign * from.nans;
    into->positives += sign * from.positives;
    into->negatives += sign * from.negatives;
  }
};

void AddError(size_t i, const char* message, RowErrors* errors) {
  errors->push_back({static_cast<uint32_t>(i), message});
}

template <class T>
AggregateKernel IntegerSumKernel() {
  using State = typename IntegerSum<T>::State;
  AggregateKernel kernel = MakeAggregateKernel<IntegerSum<T>>();
  kernel.evaluate = [](std::span<const char* const> groups, size_t offset, RowErrors* errors) {
    return EvaluateStates<int64_t, State>(
        groups, offset, [&](const State& state, size_t i) -> std::optional<int64_t> {
          if (state.count <= 0) return std::nullopt;
          const int64_t sum = static_cast<int64_t>(state.sum.value());
          if (sum != state.sum.value()) AddError(i, "BIGINT overflow in SUM", errors);
          return sum;
        });
  };
  return kernel;
}

template <class T>
AggregateKernel IntegerAvgKernel() {
  using State = typename IntegerSum<T>::State;
  AggregateKernel kernel = MakeAggregateKernel<IntegerSum<T>>();
  kernel.evaluate = [](std::span<const char* const> groups, size_t offset, RowErrors*) {
    return EvaluateStates<T, State>(groups, offset,
                                    [&](const State& state, size_t) -> std::optional<T> {
                                      if (state.count <= 0) return std::nullopt;
                                      return static_cast<T>(state.sum.value() / state.count);
                                    });
  };
  return kernel;
}

template <class T>
AggregateKernel ApproximateKernel(bool average) {
  using State = typename ApproximateSum<T>::State;
  AggregateKernel kernel = MakeAggregateKernel<ApproximateSum<T>>();
  kernel.evaluate = [average](std::span<const char* const> groups, size_t offset, RowErrors*) {
    return EvaluateStates<T, State>(
        groups, offset, [&](const State& state, size_t) -> std::optional<T> {
          if (state.count <= 0) return std::nullopt;
          return static_cast<T>(average ? state.value() / static_cast<double>(state.count)
                                        : state.value());
        });
  };
  return kernel;
}

AggregateKernel DecimalSumKernel() {
  using State = DecimalSum::State;
  AggregateKernel kernel = MakeAggregateKernel<DecimalSum>();
  kernel.evaluate = [](std::span<const char* const> groups, size_t offset, RowErrors* errors) {
    return EvaluateStates<Decimal, State>(
        groups, offset, [&](const State& state, size_t i) -> std::optional<Decimal> {
          if (state.count <= 0) return std::nullopt;
          if (state.sum.fits() && FitsDecimal(state.sum.value(), kMaxDecimalPrecision)) {
            return Decimal{state.sum.value()};
          }
          AddError(i, "DECIMAL overflow in SUM", errors);
          return Decimal{};
        });
  };
  return kernel;
}

AggregateKernel DecimalAvgKernel(uint8_t scale, const Type& to) {
  using State = DecimalSum::State;
  AggregateKernel kernel = MakeAggregateKernel<DecimalSum>();
  kernel.evaluate = [scale, to](std::span<const char* const> groups, size_t offset,
                                RowErrors* errors) {
    return EvaluateStates<Decimal, State>(
        groups, offset, [&](const State& state, size_t i) -> std::optional<Decimal> {
          if (state.count <= 0) return std::nullopt;
          std::optional<Decimal> average;
          if (state.sum.fits()) {
            average = DivideDecimals({state.sum.value()}, scale, {state.count}, 0, to);
          }
          if (!average) AddError(i, "DECIMAL overflow in AVG", errors);
          return average.value_or(Decimal{});
        });
  };
  return kernel;
}

AggregateKernel SumKernel(const AggregateSignature& signature) {
  switch (signature.arguments[0].id) {
    case TypeId::kTinyInt:
      return IntegerSumKernel<int8_t>();
    case TypeId::kSmallInt:
      return IntegerSumKernel<int16_t>();
    case TypeId::kInteger:
      return IntegerSumKernel<int32_t>();
    case TypeId::kBigInt:
      return IntegerSumKernel<int64_t>();
    case TypeId::kFloat:
      return ApproximateKernel<float>(false);
    case TypeId::kDouble:
      return ApproximateKernel<double>(false);
    default:
      return DecimalSumKernel();
  }
}

AggregateKernel AvgKernel(const AggregateSignature& signature) {
  switch (signature.arguments[0].id) {
    case TypeId::kTinyInt:
      return IntegerAvgKernel<int8_t>();
    case TypeId::kSmallInt:
      return IntegerAvgKernel<int16_t>();
    case TypeId::kInteger:
      return IntegerAvgKernel<int32_t>();
    case TypeId::kBigInt:
      return IntegerAvgKernel<int64_t>();
    case TypeId::kFloat:
      return ApproximateKernel<float>(true);
    case TypeId::kDouble:
      return ApproximateKernel<double>(true);
    default:
      return DecimalAvgKernel(signature.arguments[0].scale, signature.result);
  }
}

std::optional<Type> SumType(std::span<const Type> arguments) {
  const Type& type = arguments[0];
  if (IsInteger(type.id)) return Type(TypeId::kBigInt);
  if (type.id == TypeId::kDecimal) return DecimalSumType(type).AsNullable();
  if (IsApproximate(type.id)) return Type(type.id);
  return std::nullopt;
}

// AVG of integers is an integer of the same type, as in Flink.
std::optional<Type> AvgType(std::span<const Type> arguments) {
  const Type& type = arguments[0];
  if (type.id == TypeId::kDecimal) return DecimalAvgType(type).AsNullable();
  if (IsNumeric(type.id)) return Type(type.id);
  return std::nullopt;
}

}  // namespace

void RegisterSums(FunctionRegistry& r) {
  r.DefineAggregate(
      {.name = "sum", .parameters = {TypeId::kNull}, .result = SumType, .make_kernel = SumKernel});
  r.DefineAggregate(
      {.name = "avg", .parameters = {TypeId::kNull}, .result = AvgType, .make_kernel = AvgKernel});
}

}  // namespace millrace
