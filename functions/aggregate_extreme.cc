// MIN and MAX: states that hold one of the values.

#include <algorithm>
#include <cmath>
#include <limits>

#include "functions/families.h"
#include "functions/make_aggregate.h"
#include "functions/scalar.h"

namespace millrace {
namespace {

// SQL's order: NaN is the greatest.
template <class T>
bool IsLess(const T& a, const T& b) {
  if constexpr (std::is_floating_point_v<T>) {
    return a < b || (std::isnan(b) && !std::isnan(a));
  } else {
    return a < b;
  }
}

// Whether a later value replaces the one that is held.
struct TakeLess {
  template <class T>
  static bool Replaces(const T& value, const T& held) {
    return IsLess(value, held);
  }
};
struct TakeGreater {
  template <class T>
  static bool Replaces(const T& value, const T& held) {
    return IsLess(held, value);
  }
};
// Holds a value of fixed width. Rows that are taken back are ignored: with updating input, MIN and
// MAX are kept by multisets of the executor.
template <class T, class Take>
struct Choice {
  struct State {
    Stored<T> value = {};
    uint64_t seen = 0;
  };
  using Argument = T;

  static void Add(State* state, T value, AggregateHeap*) {
    // Without branches for numbers: whether a value replaces the held one is hard to predict.
    const T held = state->value.Load();
    const bool replace = (state->seen == 0) | Take::Replaces(value, held);
    state->value.Store(replace ? value : held);
    state->seen = 1;
  }
  static void AddWeighted(State* state, T value, int64_t weight, AggregateHeap* heap) {
    if (weight > 0) Add(state, value, heap);
  }
  static void Merge(State* into, const State& from, AggregateHeap* heap) {
    if (from.seen) Add(into, from.value.Load(), heap);
  }
};

// Holds a string; long ones are copied into the heap.
template <class Take>
struct StringChoice {
  struct State {
    StringRef value;
    uint64_t seen = 0;
  };
  using Argument = StringRef;

  static void Add(State* state, StringRef value, AggregateHeap* heap) {
    if (state->seen && !Take::Replaces(value, state->value)) return;
    if (state->seen && !state->value.is_inline()) heap->garbage += state->value.size();
    state->value = value.is_inline() ? value : StringRef(heap->arena.Copy(value.view()));
    state->seen = 1;
  }
  static void AddWeighted(State* state, StringRef value, int64_t weight, AggregateHeap* heap) {
    if (weight > 0) Add(state, value, heap);
  }
  static void Merge(State* into, const State& from, AggregateHeap* heap) {
    if (from.seen) Add(into, from.value, heap);
  }
};

template <class T, class Take>
AggregateKernel ChoiceKernel(TypeId type) {
  using State = typename Choice<T, Take>::State;
  AggregateKernel kernel = MakeAggregateKernel<Choice<T, Take>>();
  kernel.evaluate = [type](std::span<const char* const> groups, size_t offset, RowErrors*) {
    Column out(type, groups.size());
    for (size_t i = 0; i < groups.size(); ++i) {
      const State& state = StateAt<State>(groups[i], offset);
      out.mutable_data<T>()[i] = state.value.Load();
      if (!state.seen) out.SetNull(i);
    }
    return out;
  };
  return kernel;
}

// State := 0 | 1 size:uint32 bytes
template <class State>
void SerializeString(const char* bytes, std::string* out) {
  const State& state = StateAt<State>(bytes, 0);
  out->push_back(static_cast<char>(state.seen));
  if (!state.seen) return;
  const uint32_t size = state.value.size();
  out->append(reinterpret_cast<const char*>(&size), sizeof size);
  out->append(state.value.view());
}

template <class State>
void DeserializeString(std::string_view* in, char* bytes, AggregateHeap* heap) {
  State* state = new (bytes) State();
  const bool seen = in->front() != 0;
  in->remove_prefix(1);
  if (!seen) return;
  uint32_t size;
  std::memcpy(&size, in->data(), sizeof size);
  const std::string_view value = in->substr(sizeof size, size);
  in->remove_prefix(sizeof size + size);
  state->value = size <= StringRef::kInline ? StringRef(value) : StringRef(heap->arena.Copy(value));
  state->seen = 1;
}

template <class Take>
AggregateKernel StringKernel(TypeId type) {
  using State = typename StringChoice<Take>::State;
  AggregateKernel kernel = MakeAggregateKernel<StringChoice<Take>>();
  kernel.evaluate = [type](std::span<const char* const> groups, size_t offset, RowErrors*) {
    Column out(type, groups.size());
    Heap heap;
    for (size_t i = 0; i < groups.size(); ++i) {
      const State& state = StateAt<State>(groups[i], offset);
      out.mutable_data<StringRef>()[i] = heap.Add(state.value.view());
      if (!state.seen) out.SetNull(i);
    }
    out.KeepAlive(heap.arena());
    return out;
  };
  kernel.serialize = SerializeString<State>;
  kernel.deserialize = DeserializeString<State>;
  return kernel;
}

template <class Take>
AggregateKernel KernelOf(const AggregateSignature& signature) {
  const TypeId type = signature.arguments[0].id;
  switch (type) {
    case TypeId::kNull:
    case TypeId::kBoolean:
      return ChoiceKernel<uint8_t, Take>(type);
    case TypeId::kTinyInt:
      return ChoiceKernel<int8_t, Take>(type);
    case TypeId::kSmallInt:
      return ChoiceKernel<int16_t, Take>(type);
    case TypeId::kInteger:
    case TypeId::kDate:
      return ChoiceKernel<int32_t, Take>(type);
    case TypeId::kFloat:
      return ChoiceKernel<float, Take>(type);
    case TypeId::kDouble:
      return ChoiceKernel<double, Take>(type);
    case TypeId::kDecimal:
      return ChoiceKernel<Decimal, Take>(type);
    case TypeId::kString:
    case TypeId::kBytes:
      return StringKernel<Take>(type);
    default:
      return ChoiceKernel<int64_t, Take>(type);
  }
}

std::optional<Type> SameScalarType(std::span<const Type> arguments) {
  if (arguments[0].id >= TypeId::kArray) return std::nullopt;
  return arguments[0].AsNullable();
}

template <class Take>
void Define(FunctionRegistry& r, const char* name, int extreme) {
  r.DefineAggregate({.name = name,
                     .parameters = {TypeId::kNull},
                     .result = SameScalarType,
                     .make_kernel = KernelOf<Take>,
                     .extreme = extreme});
}

}  // namespace

void RegisterExtremes(FunctionRegistry& r) {
  Define<TakeLess>(r, "min", 1);
  Define<TakeGreater>(r, "max", -1);
}

}  // namespace millrace
