// DESCENDING_KEY, which the planner writes: bytes in the opposite order of the values.

#include "functions/families.h"
#include "types/row_key.h"

namespace millrace {
namespace {

// NULL comes last, as NULLs do that sort low.
Column DescendingKeys(std::span<const Column> arguments, size_t size, EvalContext&) {
  Column out(TypeId::kBytes, size);
  Heap heap;
  std::string key;
  for (size_t i = 0; i < size; ++i) {
    key.clear();
    AppendKeyColumn(arguments[0], i, &key);
    for (char& c : key) c = static_cast<char>(~c);
    out.mutable_data<StringRef>()[i] = heap.Add(key);
  }
  out.KeepAlive(heap.arena());
  return out;
}

}  // namespace

void RegisterDescendingKey(FunctionRegistry& r) {
  FunctionRegistry::Definition definition;
  definition.name = "descending_key";
  definition.parameters = {TypeId::kNull};
  definition.null_aware = true;
  definition.result = [](std::span<const Type>) { return Type(TypeId::kBytes, false); };
  definition.make_kernel = [](std::span<const Type>, const Type&) -> ScalarKernel {
    return DescendingKeys;
  };
  r.Define(std::move(definition));
}

}  // namespace millrace
