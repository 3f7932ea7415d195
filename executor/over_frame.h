// Frames: which rows of its partition a window function sees from each row.
#pragma once

#include <vector>

#include "executor/over_rows.h"
#include "planner/plan.h"

namespace millrace {

// Of rows [first, first + begins.size()): frame i is [begins[i], ends[i]), perhaps empty. Neither
// begins nor ends go back from one row to the next.
struct FrameRanges {
  std::vector<size_t> begins, ends;
};

// A change of rows: now at [begin, end) of the order, or gone from before `begin` if that is empty.
struct ChangedRows {
  const char* row;
  size_t begin, end;
};

class FrameFinder {
 public:
  explicit FrameFinder(OverFrame plan) : plan_(std::move(plan)) {}

  // All rows of the partition, whatever the row.
  bool whole() const {
    return plan_.begin.kind == OverBound::Kind::kUnbounded &&
           plan_.end.kind == OverBound::Kind::kUnbounded;
  }
  // From the partition's first row on.
  bool running() const { return plan_.begin.kind == OverBound::Kind::kUnbounded && !whole(); }
  // Ends before the current row.
  bool lags() const { return plan_.end.kind == OverBound::Kind::kOffset && !plan_.end.following; }
  bool needs_peers() const { return !plan_.rows && !whole(); }
  const OverFrame& plan() const { return plan_; }

  // The frames of rows [begin, end). `peers` is of these rows, and null unless needs_peers().
  FrameRanges Find(const OverRows& rows, size_t begin, size_t end, const OverPeers* peers) const;
  // A range that holds every row whose frame the change touches. Of running frames and those up to
  // the partition's end it reaches there.
  std::pair<size_t, size_t> Reach(const OverRows& rows, const ChangedRows& change) const;

  // How many of the first `known` rows, all behind which are ordered by more than `passed` (one
  // value of the ORDER BY column), lie before the begin of the frames of later rows; of running
  // frames, before their end.
  size_t Passed(const OverRows& rows, size_t known, const Column& passed) const;
  // The value from which on rows have frames that do so of a row with this value; the greatest
  // BIGINT when there is none. Of times.
  int64_t NeededUntil(const OverRows& rows, const Column& value) const;

 private:
  OverFrame plan_;
};

}  // namespace millrace
