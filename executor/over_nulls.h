// Where a column's values are not NULL: what window functions with IGNORE NULLS look at.
#pragma once

#include <string>
#include <vector>

#include "executor/over_frame.h"
#include "executor/over_rows.h"

namespace millrace {

// The positions, ascending, of the first `count` (fewer if there are not so many) of rows
// [begin, end) whose value is not NULL.
std::vector<size_t> FirstNotNull(const OverRows& rows, size_t column, size_t begin, size_t end,
                                 size_t count);
// The same of the last ones, ascending too.
std::vector<size_t> LastNotNull(const OverRows& rows, size_t column, size_t begin, size_t end,
                                size_t count);

// Of each frame the row, counted from 1 at its begin or its end, of these whose value is not NULL.
struct NthNotNull {
  std::vector<size_t> positions;  // OverRows::kNone where the frame has not so many,
  std::vector<size_t> missing;    // and how many it lacks.
};
NthNotNull FindNthNotNull(const OverRows& rows, size_t column, const FrameRanges& frames,
                          size_t nth, bool from_end);

// What rows that are kept no more leave to frames that hold them all: from the begin, how many
// values there were and the nth once there is one; from the end, the last `nth` values.
class CarriedNotNull {
 public:
  // `bytes` as bytes() gave them; empty: nothing.
  CarriedNotNull(const Type& type, size_t nth, bool from_end, std::string bytes);

  // The first `count` rows are kept no more.
  void Add(const OverRows& rows, size_t column, size_t count);
  // Values known: from the begin, at most `nth`.
  size_t size() const { return size_; }
  // From the begin: the nth one, alone; from the end: all, ascending.
  Column Values() const;
  std::string bytes() const;

 private:
  const Type type_;
  const size_t nth_;
  const bool from_end_;
  size_t size_ = 0;
  std::vector<std::string> values_;  // Encoded.
};

}  // namespace millrace
