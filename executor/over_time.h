// OVER in the order of time over rows that only append: each row is given once.
//
// By event time, when the watermark has passed the row (and the grace behind it); one that comes
// after that is late. By processing time, at the end of the step in which it comes. Rows that no
// later row's frame reaches are forgotten; of frames that begin with the partition's first row,
// what they have added up is kept instead, for each partition.
//
// State rows: as of state/ordered_table.h; by processing time with two columns more, the time of
//             the row's step and its number
//             id + 1: key := partition, value := its carry (executor/over_functions.cc)
#pragma once

#include <memory>
#include <set>
#include <vector>

#include "executor/operator.h"
#include "executor/over.h"

namespace millrace {

class OverTimeOperator final : public Operator {
 public:
  OverTimeOperator(OverOptions options, PartitionContext* context);
  ~OverTimeOperator() override;

  void OnBatch(size_t port, Batch batch, const StepTime& time, const Emit& emit) override;
  void OnStep(const StepTime& time, const Emit& emit) override;
  void BeginCheckpoint(StateWriter* writer) override;
  bool CopySlice(size_t max_rows) override;
  void Restore(const Store& store, size_t partition, size_t partitions) override;
  size_t state_bytes() const override;
  size_t state_rows() const override { return table_.rows() + carries_.size(); }

 private:
  static OverCarry*& CarryAt(char* row) {
    return *reinterpret_cast<OverCarry**>(row + GroupTable::kPayload);
  }
  static const OverCarry* CarryAt(const char* row) {
    return *reinterpret_cast<OverCarry* const*>(row + GroupTable::kPayload);
  }
  size_t time_column() const { return options_.plan.order[0].column; }

  // The rows up to this time have been given when the watermark is there.
  int64_t GivenUpTo(int64_t watermark) const;
  void DropNullTimes(Batch* batch) const;
  void DropLate(const StepTime& time, Batch* batch) const;
  void AppendArrival(Batch* batch);

  OverCarry* CarryOf(const OrderedPartition* partition) const;
  OverRows RowsOf(const OrderedPartition* partition, const OverCarry* carry) const;
  // A value of the first ORDER BY column; and how many rows have it or less.
  Column TimeValue(int64_t time) const;
  size_t RowsUntil(const OrderedPartition* partition, int64_t time) const;
  int64_t TimeOf(const char* row) const;
  // Notes when to look at the partition again, if ever: when its first row that was not given yet
  // is to be, or its last one is needed no more. The first `known` rows were given.
  void Schedule(OrderedPartition* partition, size_t known, int64_t passed);
  void Unschedule(OrderedPartition* partition);

  // Gives rows [begin, end), which come behind those that were given before.
  void Give(OrderedPartition* partition, size_t begin, size_t end, const Emit& emit);
  void GiveChunk(const OrderedPartition* partition, size_t begin, size_t end, const Emit& emit);
  // Forgets those of the first `known` rows, given all, that rows later than `time` do not need;
  // returns how many.
  size_t Forget(OrderedPartition* partition, size_t known, int64_t time);

  OverOptions options_;
  PartitionContext* context_;
  OrderedLayout layout_;
  OrderedTable table_;
  OverFunctions functions_;
  GroupTable carries_;
  // Partitions by the time at which to look at them, which is their tag too.
  std::set<std::pair<int64_t, OrderedPartition*>> due_;
  bool restored_ = false;        // Partitions are still to be scheduled.
  int64_t step_ = 1;             // By processing time: the number of the running step,
  int64_t now_ = kMinWatermark;  // and the latest time there was.
};

}  // namespace millrace
