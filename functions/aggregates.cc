// COUNT, variances, and the list of the aggregates.

#include <algorithm>
#include <cmath>
#include <limits>

#include "functions/families.h"
#include "functions/make_aggregate.h"
#include "functions/wide_sum.h"

namespace millrace {
namespace {

struct CountState {
  int64_t count = 0;
};

void UpdateCounts(std::span<char* const> groups, size_t offset, const Column* argument,
                  const int64_t* weights, const uint8_t* filter, AggregateHeap*) {
  const bool may_skip = filter != nullptr || (argument != nullptr && argument->may_have_nulls());
  if (!may_skip && weights == nullptr) {
    for (char* group : groups) ++StateAt<CountState>(group, offset)->count;
    return;
  }
  for (size_t i = 0; i < groups.size(); ++i) {
    const bool skip =
        (filter != nullptr && filter[i] == 0) || (argument != nullptr && argument->IsNull(i));
    const int64_t weight = weights == nullptr ? 1 : weights[i];
    StateAt<CountState>(groups[i], offset)->count += skip ? 0 : weight;
  }
}

AggregateKernel CountKernel(const AggregateSignature&) {
  AggregateKernel kernel;
  kernel.state_size = sizeof(CountState);
  kernel.init = [](char* state) { new (state) CountState(); };
  kernel.update = UpdateCounts;
  kernel.merge = [](std::span<char* const> into, std::span<const char* const> from, size_t offset,
                    AggregateHeap*) {
    for (size_t i = 0; i < into.size(); ++i) {
      StateAt<CountState>(into[i], offset)->count += StateAt<CountState>(from[i], offset).count;
    }
  };
  kernel.subtract = [](std::span<char* const> into, std::span<const char* const> from,
                       size_t offset) {
    for (size_t i = 0; i < into.size(); ++i) {
      StateAt<CountState>(into[i], offset)->count -= StateAt<CountState>(from[i], offset).count;
    }
  };
  kernel.evaluate = [](std::span<const char* const> groups, size_t offset, RowErrors*) {
    Column out(TypeId::kBigInt, groups.size());
    int64_t* counts = out.mutable_data<int64_t>();
    for (size_t i = 0; i < groups.size(); ++i) {
      counts[i] = StateAt<CountState>(groups[i], offset).count;
    }
    return out;
  };
  return kernel;
}

// The sums of the values and of their squares, so precise that their difference keeps its digits,
// also when rows leave that were a great many times what stays.
struct Variance {
  static constexpr double kGreatest = 1e140;  // The squares of more may overflow.

  struct State {
    QuadSum sum, squares;
    int64_t count = 0;
    int64_t specials = 0;  // NaN, Inf and what is too great: they make the result NaN.
  };
  using Argument = double;

  static void Add(State* state, double value, AggregateHeap* heap) {
    AddWeighted(state, value, 1, heap);
  }
  static void AddWeighted(State* state, double value, int64_t weight, AggregateHeap*) {
    state->count += weight;
    if (!(std::fabs(value) <= kGreatest)) {
      state->specials += weight;
      return;
    }
    const double factor = static_cast<double>(weight);
    const double square = value * value;
    state->sum.AddProduct(value, factor);
    state->squares.AddProduct(square, factor);
    state->squares.AddProduct(std::fma(value, value, -square), factor);
  }
  static void Merge(State* into, const State& from, AggregateHeap*) {
    into->sum.Add(from.sum);
    into->squares.Add(from.squares);
    into->count += from.count;
    into->specials += from.specials;
  }
  static void Subtract(State* into, const State& from) {
    into->sum.Subtract(from.sum);
    into->squares.Subtract(from.squares);
    into->count -= from.count;
    into->specials -= from.specials;
    if (into->count == 0) into->sum = into->squares = {};
  }

  // n * (sum of squares) - sum², by which all variances are quotients; 0 where it is no more than
  // what the sums are rounded by.
  static double Spread(const State& state) {
    const DoubleSum squares = state.squares.Times(static_cast<double>(state.count));
    const DoubleSum sum = state.sum.Times(1);
    DoubleSum spread = squares;
    spread.AddProduct(-sum.high(), sum.high());
    spread.AddProduct(-2 * sum.high(), sum.low());
    spread.AddProduct(-sum.low(), sum.low());
    constexpr double kRounding = 0x1p-100;
    return spread.value() <= squares.value() * kRounding ? 0 : spread.value();
  }
};

// `sample`: of a sample, divided by n - 1; else of the population.
AggregateKernel VarianceKernel(bool sample, bool root) {
  using State = Variance::State;
  AggregateKernel kernel = MakeAggregateKernel<Variance>();
  kernel.evaluate = [sample, root](std::span<const char* const> groups, size_t offset, RowErrors*) {
    return EvaluateStates<double, State>(
        groups, offset, [&](const State& state, size_t) -> std::optional<double> {
          if (state.count <= (sample ? 1 : 0)) return std::nullopt;
          if (state.specials > 0) return std::numeric_limits<double>::quiet_NaN();
          const double n = static_cast<double>(state.count);
          const double variance = Variance::Spread(state) / n / (sample ? n - 1 : n);
          return root ? std::sqrt(variance) : variance;
        });
  };
  return kernel;
}

void DefineVariance(FunctionRegistry& r, const char* name, bool sample, bool root) {
  r.DefineAggregate(
      {.name = name,
       .parameters = {TypeId::kDouble},
       .result = [](std::span<const Type>) { return Type(TypeId::kDouble); },
       .make_kernel = [sample,
                       root](const AggregateSignature&) { return VarianceKernel(sample, root); }});
}

}  // namespace

void RegisterAggregates(FunctionRegistry& r) {
  const auto count = [](std::span<const Type>) { return Type(TypeId::kBigInt, false); };
  r.DefineAggregate({.name = "count", .result = count, .make_kernel = CountKernel});
  r.DefineAggregate({.name = "count",
                     .parameters = {TypeId::kNull},
                     .result = count,
                     .make_kernel = CountKernel});
  RegisterSums(r);
  RegisterExtremes(r);
  RegisterFolds(r);
  RegisterOrdered(r);
  DefineVariance(r, "var_pop", false, false);
  DefineVariance(r, "var_samp", true, false);
  DefineVariance(r, "variance", true, false);
  DefineVariance(r, "stddev_pop", false, true);
  DefineVariance(r, "stddev_samp", true, true);
  DefineVariance(r, "stddev", true, true);
}

}  // namespace millrace
