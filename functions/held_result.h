// Aggregate states that are no more than the last result: what aggregates of all values of a group
// keep, so that it can be taken back.
//
// Stored as := 0 | kind:uint8 size:uint32 bytes, of the result (types/row_key.h) or of the message
// of the error that is in its place.
#pragma once

#include "functions/aggregate.h"

namespace millrace {

// A kernel without update, merge, subtract and fold. A new state holds NULL.
AggregateKernel HeldKernel(const Type& result);

// Puts results[i] into the state of groups[i]; where `errors` names it, the error.
void HoldResults(std::span<char* const> groups, size_t offset, const Column& results,
                 const RowErrors& errors, AggregateHeap* heap);

}  // namespace millrace
