// Aggregates of all values of a group.

#include "functions/families.h"
#include "functions/held_result.h"
#include "types/row_key.h"

namespace millrace {
namespace {

// f(group, begin, end) for the values of each group.
template <class F>
void ForEachGroup(const GroupValues& values, const F& f) {
  size_t begin = 0;
  for (size_t group = 0; group < values.ends.size(); ++group) {
    f(group, begin, values.ends[group]);
    begin = values.ends[group];
  }
}

// SINGLE_VALUE, which the planner puts over a scalar subquery: the value of the only row.
Column SingleValues(const Type& type, const GroupValues& values, RowErrors* errors) {
  Column out = MakeColumn(type, values.ends.size());
  const auto heap = std::make_shared<Arena>();
  ForEachGroup(values, [&](size_t group, size_t begin, size_t end) {
    if (end - begin == 1 && values.counts[begin] == 1) {
      return CopyValue(*values.values, begin, &out, group, heap.get());
    }
    ClearValue(&out, group);
    if (begin < end) {
      errors->push_back(
          {static_cast<uint32_t>(group), "the scalar subquery gives more than one row"});
    }
  });
  out.KeepAlive(heap);
  return out;
}

AggregateKernel SingleValueKernel(std::span<const Type>, const Type& result) {
  AggregateKernel kernel = HeldKernel(result);
  kernel.fold = [result](const GroupValues& values, RowErrors* errors) {
    return SingleValues(result, values, errors);
  };
  return kernel;
}

}  // namespace

void RegisterFolds(FunctionRegistry& r) {
  r.DefineAggregate(
      {.name = "single_value",
       .parameters = {TypeId::kNull},
       .result = [](std::span<const Type> arguments) { return arguments[0].AsNullable(); },
       .make_kernel = SingleValueKernel,
       .takes_nulls = true});
}

}  // namespace millrace
