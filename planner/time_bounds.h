// What the condition of a join says about the times of its two sides.
#pragma once

#include <optional>
#include <vector>

#include "planner/plan.h"

namespace millrace {

// right time - left time lies between the bounds that are there; microseconds, both included.
struct TimeBounds {
  size_t left = 0, right = 0;  // Time attributes: columns of their inputs.
  bool event_time = true;
  std::optional<int64_t> lower, upper;
  std::vector<ExprPtr> rest;  // The terms of the residual that say something else.

  bool complete() const { return lower && upper; }
};

// Comparisons of a time attribute of either side, whatever constant intervals are added to them and
// in whatever direction; of the first two attributes that have both bounds, else of the first that
// have one. Nothing when there are none. The inputs' properties must be right.
std::optional<TimeBounds> FindTimeBounds(const Node& node, const Join& join);

// The key that is the end of both sides' windows, which change no more when they are closed.
std::optional<size_t> FindWindowKey(const Node& node, const Join& join);

}  // namespace millrace
