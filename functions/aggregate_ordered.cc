// FIRST_VALUE and LAST_VALUE: the value of the row that comes first or last in the order.

#include "functions/families.h"
#include "functions/make_aggregate.h"
#include "types/row_key.h"

namespace millrace {
namespace {

// The argument's ROW of what orders the rows and the value, encoded (types/row_key.h).
struct State {
  StringRef row;  // Long ones are in the heap.
  uint64_t seen = 0;
};

void Hold(State* state, std::string_view row, AggregateHeap* heap) {
  if (!state->row.is_inline()) heap->garbage += state->row.size();
  state->row = row.size() <= StringRef::kInline ? StringRef(row) : StringRef(heap->arena.Copy(row));
  state->seen = 1;
}

template <bool kFirst>
void Offer(State* state, std::string_view row, AggregateHeap* heap) {
  if (!state->seen || (kFirst ? row < state->row.view() : row > state->row.view())) {
    Hold(state, row, heap);
  }
}

// Rows that are taken back are ignored: with updating input the rows are kept by the executor.
template <bool kFirst>
void Update(std::span<char* const> groups, size_t offset, const Column* argument,
            const int64_t* weights, const uint8_t* filter, AggregateHeap* heap) {
  std::string row;
  for (size_t i = 0; i < groups.size(); ++i) {
    if ((filter != nullptr && filter[i] == 0) || argument->IsNull(i)) continue;
    if (weights != nullptr && weights[i] <= 0) continue;
    row.clear();
    AppendKeyColumn(*argument, i, &row);
    Offer<kFirst>(StateAt<State>(groups[i], offset), row, heap);
  }
}

template <bool kFirst>
void Merge(std::span<char* const> into, std::span<const char* const> from, size_t offset,
           AggregateHeap* heap) {
  for (size_t i = 0; i < into.size(); ++i) {
    const State& state = StateAt<State>(from[i], offset);
    if (state.seen) Offer<kFirst>(StateAt<State>(into[i], offset), state.row.view(), heap);
  }
}

Column Evaluate(const Type& row_type, std::span<const char* const> groups, size_t offset) {
  Column rows = MakeColumn(row_type, groups.size());
  const auto heap = std::make_shared<Arena>();
  for (size_t i = 0; i < groups.size(); ++i) {
    const State& state = StateAt<State>(groups[i], offset);
    std::string_view row = state.row.view();
    if (state.seen) {
      DecodeKeyColumn(&row, &rows, i, heap.get());
    } else {
      ClearValue(&rows, i);
    }
  }
  Column out = rows.children().back();
  out.KeepAlive(heap);
  return out;
}

// State := 0 | 1 size:uint32 row
void Serialize(const char* bytes, std::string* out) {
  const State& state = StateAt<State>(bytes, 0);
  out->push_back(static_cast<char>(state.seen));
  if (!state.seen) return;
  const uint32_t size = state.row.size();
  out->append(reinterpret_cast<const char*>(&size), sizeof size);
  out->append(state.row.view());
}

void Deserialize(std::string_view* in, char* bytes, AggregateHeap* heap) {
  State* state = new (bytes) State();
  const bool seen = in->front() != 0;
  in->remove_prefix(1);
  if (!seen) return;
  uint32_t size;
  std::memcpy(&size, in->data(), sizeof size);
  Hold(state, in->substr(sizeof size, size), heap);
  in->remove_prefix(sizeof size + size);
}

template <bool kFirst>
AggregateKernel Kernel(const AggregateSignature& signature) {
  std::vector<Field> fields;
  for (const Type& type : signature.order) fields.push_back({"", type});
  fields.push_back({"", signature.arguments[0]});
  AggregateKernel kernel;
  kernel.state_size = sizeof(State);
  kernel.init = [](char* state) { new (state) State(); };
  kernel.update = Update<kFirst>;
  kernel.merge = Merge<kFirst>;
  kernel.evaluate = [type = Type::MakeRow(std::move(fields))](std::span<const char* const> groups,
                                                              size_t offset, RowErrors*) {
    return Evaluate(type, groups, offset);
  };
  kernel.serialize = Serialize;
  kernel.deserialize = Deserialize;
  return kernel;
}

std::optional<Type> ArgumentType(std::span<const Type> arguments) {
  return arguments[0].AsNullable();
}

}  // namespace

void RegisterOrdered(FunctionRegistry& r) {
  r.DefineAggregate({.name = "first_value",
                     .parameters = {TypeId::kNull},
                     .result = ArgumentType,
                     .make_kernel = Kernel<true>,
                     .extreme = 1,
                     .ordered = true});
  r.DefineAggregate({.name = "last_value",
                     .parameters = {TypeId::kNull},
                     .result = ArgumentType,
                     .make_kernel = Kernel<false>,
                     .extreme = -1,
                     .ordered = true});
}

}  // namespace millrace
