#include "functions/held_result.h"

#include "functions/make_aggregate.h"
#include "types/row_key.h"

namespace millrace {
namespace {

enum class Held : uint64_t { kNull, kValue, kError };

struct State {
  StringRef bytes;  // Long ones are in the heap.
  Held held = Held::kNull;
};

// Equal contents keep the state's bytes as they are: they tell whether it changed.
void Hold(State* state, Held held, std::string_view bytes, AggregateHeap* heap) {
  if (state->held == held && state->bytes.view() == bytes) return;
  if (!state->bytes.is_inline()) heap->garbage += state->bytes.size();
  state->held = held;
  state->bytes =
      bytes.size() <= StringRef::kInline ? StringRef(bytes) : StringRef(heap->arena.Copy(bytes));
}

Column Evaluate(const Type& type, std::span<const char* const> groups, size_t offset,
                RowErrors* errors) {
  Column out = MakeColumn(type, groups.size());
  const auto heap = std::make_shared<Arena>();
  for (size_t i = 0; i < groups.size(); ++i) {
    const State& state = StateAt<State>(groups[i], offset);
    std::string_view bytes = state.bytes.view();
    if (state.held == Held::kValue) {
      DecodeKeyColumn(&bytes, &out, i, heap.get());
      continue;
    }
    ClearValue(&out, i);
    if (state.held == Held::kError) {
      errors->push_back({static_cast<uint32_t>(i), std::string(bytes)});
    }
  }
  out.KeepAlive(heap);
  return out;
}

void Serialize(const char* bytes, std::string* out) {
  const State& state = StateAt<State>(bytes, 0);
  out->push_back(static_cast<char>(state.held));
  if (state.held == Held::kNull) return;
  const uint32_t size = state.bytes.size();
  out->append(reinterpret_cast<const char*>(&size), sizeof size);
  out->append(state.bytes.view());
}

void Deserialize(std::string_view* in, char* bytes, AggregateHeap* heap) {
  State* state = new (bytes) State();
  const Held held = static_cast<Held>(in->front());
  in->remove_prefix(1);
  if (held == Held::kNull) return;
  uint32_t size;
  std::memcpy(&size, in->data(), sizeof size);
  Hold(state, held, in->substr(sizeof size, size), heap);
  in->remove_prefix(sizeof size + size);
}

}  // namespace

AggregateKernel HeldKernel(const Type& result) {
  AggregateKernel kernel;
  kernel.state_size = sizeof(State);
  kernel.init = [](char* state) { new (state) State(); };
  kernel.evaluate = [result](std::span<const char* const> groups, size_t offset,
                             RowErrors* errors) {
    return Evaluate(result, groups, offset, errors);
  };
  kernel.serialize = Serialize;
  kernel.deserialize = Deserialize;
  return kernel;
}

void HoldResults(std::span<char* const> groups, size_t offset, const Column& results,
                 const RowErrors& errors, AggregateHeap* heap) {
  std::vector<const RowError*> failed(groups.size());
  for (const RowError& error : errors) failed[error.row] = &error;
  std::string bytes;
  for (size_t i = 0; i < groups.size(); ++i) {
    State* state = StateAt<State>(groups[i], offset);
    bytes.clear();
    if (failed[i] != nullptr) {
      Hold(state, Held::kError, failed[i]->message, heap);
    } else if (results.IsNull(i)) {
      Hold(state, Held::kNull, {}, heap);
    } else {
      AppendKeyColumn(results, i, &bytes);
      Hold(state, Held::kValue, bytes, heap);
    }
  }
}

}  // namespace millrace
