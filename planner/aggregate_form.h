// How a GROUP BY is carried out.
#pragma once

#include "planner/plan.h"

namespace millrace {

// Whether it can be done over slices of overlapping windows, which are merged at the close; `input`
// is the aggregate's.
bool RunsOverSlices(const Aggregate& plan, const Node& input);

// Whether rows can be made groups before they change their partition, and these be merged behind:
// all calls' states can. `append_only`: the input is.
bool HasTwoPhases(const Aggregate& plan, bool append_only);

}  // namespace millrace
