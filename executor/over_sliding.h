// Aggregates over frames that are added up anew: whose begin moves, or with DISTINCT.
#pragma once

#include "executor/over_frame.h"
#include "executor/over_states.h"

namespace millrace {

struct SlidingAggregate {
  OverItem item;  // Its offset is 0.
  bool distinct = false;
  bool can_merge = false;
  bool ordered = false;  // Its values go in the order of the rows, else in their own.
};

// The aggregate over each frame; row errors by frame.
Column Slide(const OverRows& rows, const SlidingAggregate& aggregate, const FrameRanges& frames,
             RowErrors* errors);

// DISTINCT over frames that all begin with the partition's first row. REQUIRES: CanMerge.
Column RunDistinct(const OverRows& rows, const OverItem& item, const FrameRanges& frames,
                   RowErrors* errors);

}  // namespace millrace
