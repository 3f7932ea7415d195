// Aggregate functions: loops over states that lie inside the group rows of a hash table.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "types/batch.h"
#include "types/row_errors.h"
#include "types/value.h"

namespace millrace {

// Working memory of one operator instance, for states that point to long strings.
struct AggregateHeap {
  Arena arena;
  size_t garbage = 0;  // Bytes in `arena` that no state points to any more.
};

// The values of groups for aggregates of all of them: group i has the rows from ends[i - 1] (the
// first: 0) to ends[i], in its order.
struct GroupValues {
  const Column* values;
  std::span<const int64_t> counts;  // How often each value stands there, > 0.
  std::span<const size_t> ends;
};

// An aggregate for one argument type. A state is `state_size` bytes at group + offset, trivially
// copyable, aligned to 8.
struct AggregateKernel {
  size_t state_size = 0;
  void (*init)(char* state) = nullptr;
  // groups[i] + offset is the state of the group of row i. `argument` is null for COUNT(*), its
  // null rows are skipped; `weights` null means all +1; rows with `filter` (a byte per row) 0 are
  // skipped.
  std::function<void(std::span<char* const> groups, size_t offset, const Column* argument,
                     const int64_t* weights, const uint8_t* filter, AggregateHeap* heap)>
      update;
  // Adds the state at from[i] + offset into the one at into[i] + offset.
  std::function<void(std::span<char* const> into, std::span<const char* const> from, size_t offset,
                     AggregateHeap* heap)>
      merge;
  // Subtracts instead; empty where it cannot be done (MIN, MAX).
  std::function<void(std::span<char* const> into, std::span<const char* const> from, size_t offset)>
      subtract;
  // The results of the groups; row errors (overflow) by index into `groups`.
  std::function<Column(std::span<const char* const> groups, size_t offset, RowErrors* errors)>
      evaluate;
  // For states that point outside themselves: append the bytes / read them back (advancing). Empty
  // where the state's own bytes are all there is.
  std::function<void(const char* state, std::string* out)> serialize;
  std::function<void(std::string_view* in, char* state, AggregateHeap* heap)> deserialize;
  // Instead of update, merge and subtract, for aggregates of all values of a group: the results,
  // which the caller keeps in the states (functions/held_result.h); row errors by group.
  std::function<Column(const GroupValues& values, RowErrors* errors)> fold;
  bool any_order = false;  // The result of `fold` does not depend on the order of the values.
};

// What a kernel is made for.
struct AggregateSignature {
  std::span<const Type> arguments;  // As they are after casts.
  const Type& result;
  const Value* constant = nullptr;  // The constant argument's value, for functions that have one.
  std::span<const Type> order;      // For `ordered` functions.
};

struct ResolvedAggregate {
  std::string name;
  std::vector<Type> parameters;  // Cast the arguments to these first; empty for COUNT(*).
  Type result;
  AggregateKernel kernel;  // As if for no order; of functions with a constant not made yet.
  std::function<AggregateKernel(const AggregateSignature& signature)> make_kernel;
  // The kernel needs the retractable MIN/MAX of executor/aggregate (an ordered multiset of the
  // group's values) because its input is updating: +1 to take the least, as MIN, -1 the greatest.
  int multiset_extreme = 0;
  bool takes_nulls = false;  // NULL is a value like any other.
  bool ordered = false;      // These three as in AggregateDefinition.
  bool weighted = false;
  std::optional<size_t> constant;
};

struct AggregateDefinition {
  std::string name;
  std::vector<TypeId> parameters;  // kNull means any type.
  std::function<std::optional<Type>(std::span<const Type> arguments)> result;
  std::function<AggregateKernel(const AggregateSignature& signature)> make_kernel;
  int extreme = 0;  // +1 MIN, -1 MAX: not retractable from its state alone.
  bool takes_nulls = false;
  // The result depends on the order of the rows. The kernel's argument is a ROW: first what the
  // rows are ordered by, if anything, then the argument; its values in their order are the order.
  bool ordered = false;
  bool weighted = false;           // The last argument, a BIGINT, says how often a row counts.
  std::optional<size_t> constant;  // The argument that must be constant.
  // The types to cast the arguments to, where `parameters` do not say them.
  std::function<std::vector<Type>(std::span<const Type> arguments)> coerce;
};

}  // namespace millrace
