// The loops behind aggregates: a policy struct becomes an AggregateKernel.
//
// Policy := struct {
//   struct State;                                    trivially copyable, aligned to 8 at most
//   using Argument = T;
//   static void Add(State*, T, AggregateHeap*);      one row more
//   static void AddWeighted(State*, T, int64_t weight, AggregateHeap*);
//   static void Merge(State* into, const State& from, AggregateHeap*);
//   static void Subtract(State* into, const State& from);    only if it can be retracted
// }
#pragma once

#include <type_traits>

#include "functions/aggregate.h"

namespace millrace {

template <class State>
State* StateAt(char* group, size_t offset) {
  return reinterpret_cast<State*>(group + offset);
}
template <class State>
const State& StateAt(const char* group, size_t offset) {
  return *reinterpret_cast<const State*>(group + offset);
}

// A value in a state: states are aligned to 8 only.
template <class T>
struct Stored {
  alignas(8) char bytes[sizeof(T)];

  T Load() const {
    T value;
    std::memcpy(&value, bytes, sizeof value);
    return value;
  }
  void Store(T value) { std::memcpy(bytes, &value, sizeof value); }
};

template <class Policy>
void UpdateStates(std::span<char* const> groups, size_t offset, const Column* argument,
                  const int64_t* weights, const uint8_t* filter, AggregateHeap* heap) {
  using State = typename Policy::State;
  using T = typename Policy::Argument;
  const T* values = argument->data<T>();
  const size_t size = groups.size(), stride = argument->stride();
  if (weights == nullptr && filter == nullptr && !argument->may_have_nulls() && stride == 1) {
    for (size_t i = 0; i < size; ++i) {
      Policy::Add(StateAt<State>(groups[i], offset), values[i], heap);
    }
    return;
  }
  for (size_t i = 0; i < size; ++i) {
    if ((filter != nullptr && filter[i] == 0) || argument->IsNull(i)) continue;
    State* state = StateAt<State>(groups[i], offset);
    if (weights == nullptr || weights[i] == 1) {
      Policy::Add(state, values[i * stride], heap);
    } else {
      Policy::AddWeighted(state, values[i * stride], weights[i], heap);
    }
  }
}

// Everything but `evaluate`.
template <class Policy>
AggregateKernel MakeAggregateKernel() {
  using State = typename Policy::State;
  static_assert(std::is_trivially_copyable_v<State>, "states are moved and stored as bytes");
  static_assert(alignof(State) <= 8);
  AggregateKernel kernel;
  kernel.state_size = sizeof(State);
  kernel.init = [](char* state) { new (state) State(); };
  kernel.update = UpdateStates<Policy>;
  kernel.merge = [](std::span<char* const> into, std::span<const char* const> from, size_t offset,
                    AggregateHeap* heap) {
    for (size_t i = 0; i < into.size(); ++i) {
      Policy::Merge(StateAt<State>(into[i], offset), StateAt<State>(from[i], offset), heap);
    }
  };
  if constexpr (requires(State * state) { Policy::Subtract(state, *state); }) {
    kernel.subtract = [](std::span<char* const> into, std::span<const char* const> from,
                         size_t offset) {
      for (size_t i = 0; i < into.size(); ++i) {
        Policy::Subtract(StateAt<State>(into[i], offset), StateAt<State>(from[i], offset));
      }
    };
  }
  return kernel;
}

// f(state, i) gives the result of a group, or nothing for NULL.
template <class R, class State, class F>
Column EvaluateStates(std::span<const char* const> groups, size_t offset, const F& f) {
  Column out(kTypeOf<R>, groups.size());
  std::shared_ptr<uint8_t[]> valid(new uint8_t[groups.size()]);
  bool any_null = false;
  for (size_t i = 0; i < groups.size(); ++i) {
    const std::optional<R> value = f(StateAt<State>(groups[i], offset), i);
    valid[i] = value.has_value();
    any_null |= !value;
    out.mutable_data<R>()[i] = value.value_or(R{});
  }
  if (any_null) out.set_valid(std::move(valid));
  return out;
}

}  // namespace millrace
