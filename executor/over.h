// OVER: window functions over rows that come, change and go.
//
// Keeps the rows of each partition in order, each with the results that were given for it. OnStep
// finds which rows the step's changes reach, works out their results again, and emits the old and
// the new ones where they differ. A row whose results fail stands in the errors while it does so.
//
// With windows, partitions are dropped when the watermark, or the clock, closes theirs; `emit_on_close` plans give
// the rows of a window only then, and what changes within the allowed lateness.
//
// State rows: as of state/ordered_table.h, the owner's part := result* in the order of the copies
//   result := size:uint32 bytes      the columns as in types/row_key.h
//           | ~size:uint32 message   of one that failed
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/block_heap.h"
#include "executor/operator.h"
#include "executor/over_functions.h"
#include "planner/plan.h"
#include "state/ordered_table.h"

namespace millrace {

struct OverOptions {
  Over plan;
  Schema input;
  Schema output;
  size_t unrouted = 0;   // Leading columns of PARTITION BY that do not choose the partition.
  bool tracked = false;  // Checkpoints are taken.
  OperatorId id = 0;
  std::string zone = {};  // Of windows that are cut by its local time; "": UTC.
};

// How the rows of a partition are ordered.
std::vector<OrderColumn> OrderOf(const Over& plan);

// The output's changes, collected and emitted in batches.
class OverOutput {
 public:
  OverOutput(const OverOptions* options, const OrderedLayout* layout, PartitionContext* context)
      : options_(*options), layout_(*layout), context_(context) {}

  // A row with its results as they are stored, or with the message of its failure.
  void Add(std::string_view key, std::string_view result, int64_t weight, const Emit& emit);
  void AddFailed(std::string_view key, std::string_view message, int64_t weight);
  void Flush(const Emit& emit);

 private:
  const OverOptions& options_;
  const OrderedLayout& layout_;
  PartitionContext* context_;
  std::vector<std::string_view> keys_, results_;
  std::vector<int64_t> weights_;
  std::vector<std::string_view> failed_, messages_;
  std::vector<int64_t> failed_weights_;
  Arena bytes_;
};

class OverOperator final : public Operator {
 public:
  OverOperator(OverOptions options, PartitionContext* context);

  void OnBatch(size_t port, Batch batch, const StepTime& time, const Emit& emit) override;
  void OnStep(const StepTime& time, const Emit& emit) override;
  void BeginCheckpoint(StateWriter* writer) override {
    table_.BeginCheckpoint(options_.id, writer);
  }
  bool CopySlice(size_t max_rows) override { return table_.CopySlice(max_rows); }
  void Restore(const Store& store, size_t partition, size_t partitions) override;
  size_t state_bytes() const override;
  size_t state_rows() const override { return table_.rows(); }
  int64_t NextTimer() const override;

 private:
  // What a row's results are stored as: in the row's payload, in no particular order of memory.
  struct Stored {
    char* bytes;
    uint32_t size;
    std::string_view view() const { return {bytes, size}; }
  };
  using Ranges = std::vector<std::pair<size_t, size_t>>;

  Stored& StoredOf(char* row) const { return *reinterpret_cast<Stored*>(table_.Payload(row)); }
  const Stored& StoredOf(const char* row) const {
    return *reinterpret_cast<const Stored*>(table_.Payload(row));
  }
  OverRows RowsOf(const OrderedPartition* partition) const {
    return {&layout_, &table_, partition, &context_->eval};
  }

  // Windows.
  void DropLate(const StepTime& time, Batch* batch) const;
  // Whether results were given before this step, so that changes of them follow.
  bool IsVisible(const OrderedPartition& partition, const StepTime& time) const;
  void Register(OrderedPartition* partition);
  void CloseWindows(const StepTime& time, const Emit& emit);
  void DropPartition(OrderedPartition* partition);

  void Settle(const OrderedTable::PartitionChanges& changes, const Emit& emit);
  std::vector<ChangedRows> Locate(const OrderedTable::PartitionChanges& changes) const;
  Ranges Affected(const OverRows& rows, OrderedPartition* partition,
                  const OrderedTable::PartitionChanges& changes,
                  const std::vector<ChangedRows>& located);
  bool UniformChanged(const OverRows& rows, const OrderedTable::PartitionChanges& changes);
  void Evaluate(OrderedPartition* partition, size_t begin, size_t end, const Emit& emit);
  void EvaluateChunk(OrderedPartition* partition, size_t begin, size_t end, const Emit& emit);
  // Copies of one row: their results were `old`, and are now the bytes of `now_`.
  void Replace(char* row, const Emit& emit);
  void Retract(char* row, const Emit& emit);
  void Keep(char* row, std::string_view results);

  OverOptions options_;
  PartitionContext* context_;
  OrderedLayout layout_;
  OrderedTable table_;
  OverFunctions functions_;
  OverOutput output_;
  BlockHeap results_;
  std::map<int64_t, std::vector<std::string>> windows_;  // Partitions' keys by last instant.
  int64_t passed_ = kMinWatermark;                       // By the watermark of the last step.
  std::string now_;  // Scratch: the new results of a row's copies.
};

}  // namespace millrace
