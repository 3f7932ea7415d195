// The first phase of GROUP BY in two phases: rows become groups before they go to the partition
// that owns them. Decided while running: a batch whose groups do not repeat goes on as it is.
#pragma once

#include <memory>
#include <vector>

#include "executor/operator.h"
#include "planner/plan.h"

namespace millrace {

// Where the states of the calls lie in a group row, behind the count of its rows; their end is the
// last.
std::vector<size_t> StateOffsets(const std::vector<AggregateCall>& calls);

// A byte for each row: whether it is TRUE.
std::vector<uint8_t> RowsThatPass(const Column& keep);

// One sender's; keeps nothing from batch to batch but whether it pays.
class PartialAggregate {
 public:
  PartialAggregate(Aggregate plan, const Schema& input);

  // The batch, or its groups: a row for each, with its key in the same columns, and behind the
  // input's columns the group row with the states, which AggregateOperator merges. `time` is the
  // aggregate's: batches with late rows stay as they are.
  Batch Combine(Batch batch, const StepTime& time);

  uint64_t combined_rows() const { return combined_rows_; }  // Spared the way.

 private:
  bool AnyLate(const Batch& batch, const StepTime& time) const;
  bool FindGroups(const Batch& batch);
  void Update(const Batch& batch);

  const Aggregate plan_;
  const Schema input_;
  const std::vector<size_t> offsets_;
  const size_t row_size_;
  AggregateHeap heap_;  // These states need none.
  uint64_t combined_rows_ = 0;
  size_t skip_ = 0;     // Batches that go on untried.
  size_t backoff_ = 1;  // How many after the next that does not pay.
  // Of the running batch.
  std::vector<uint32_t> slots_;   // Groups by hash, from 1 on.
  std::vector<uint32_t> firsts_;  // The first row of each group.
  std::vector<uint32_t> groups_;  // Of each row.
  std::vector<char*> rows_;       // The same as group rows.
};

}  // namespace millrace
