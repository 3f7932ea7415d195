// Moves rows to the partition that owns their key.
//
// A matrix of batches: partition `from` writes row `from` in one stage, partition `to` drains
// column `to` in the next. The stages never overlap, so there is nothing to lock.
#pragma once

#include <vector>

#include "executor/operator.h"
#include "executor/partial_aggregate.h"

namespace millrace {

class Exchange {
 public:
  Exchange(size_t partitions, std::vector<size_t> key)
      : key_(std::move(key)), batches_(partitions, std::vector<std::vector<Batch>>(partitions)) {}

  // What arrives is for an aggregate, which takes groups of rows, too.
  void CombineFor(const Aggregate& plan, const Schema& input);
  // `time` is the receiver's.
  void Send(size_t from, Batch batch, const StepTime& time);
  // In a fixed order, so that a step's result does not depend on the threads' timing.
  void Receive(size_t to, const Emit& emit);
  uint64_t combined_rows() const;  // Those that were not sent, for their groups were.

 private:
  std::vector<size_t> key_;
  std::vector<std::unique_ptr<PartialAggregate>> partials_;  // By sender; or none.
  std::vector<std::vector<std::vector<Batch>>> batches_;     // [from][to]
};

}  // namespace millrace
