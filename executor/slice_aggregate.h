// GROUP BY over HOP and CUMULATE windows that are emitted once, at their close.
//
// A row is added to the group of its slice, a span of one slide, and to nothing else. When the
// watermark passes a slice's end, the slice's groups are merged into the totals, which then are the
// window that ends there; after that the slice that no later window has is subtracted. So a row
// costs the same however many windows it is in.
//
// State rows: key := slice_end slice_start? and the other keys; value := the payload's bytes. The
// totals are made again from the slices.
#pragma once

#include <map>
#include <vector>

#include "executor/aggregate.h"

namespace millrace {

struct SliceAggregateOptions {
  Aggregate plan;
  AssignWindows windows;
  WindowColumns input_windows;  // Of the input: they hold a row's slice.
  Schema input;                 // For late rows.
  Schema output;
  bool tracked = false;
  OperatorId id = 0;
};

class SliceAggregateOperator final : public Operator {
 public:
  // The windows' slices, to be assigned in their place.
  static AssignWindows Slices(AssignWindows windows);

  SliceAggregateOperator(SliceAggregateOptions options, PartitionContext* context);

  void OnBatch(size_t port, Batch batch, const StepTime& time, const Emit& emit) override;
  void OnStep(const StepTime& time, const Emit& emit) override;
  void BeginCheckpoint(StateWriter* writer) override;
  bool CopySlice(size_t max_rows) override { return slices_.CopySlice(max_rows); }
  void Restore(const Store& store, size_t partition, size_t partitions) override;
  size_t state_bytes() const override { return slices_.bytes() + totals_.bytes(); }
  size_t state_rows() const override { return slices_.size(); }

 private:
  struct Call {
    AggregateKernel kernel;
    std::optional<size_t> argument, filter;
    size_t offset;  // Of the state in a group row.
  };

  size_t LayOut();
  int64_t SliceEnd(const char* group) const;
  std::string_view OtherKeys(const char* group) const {
    return slices_.key(group).substr(window_prefix_);
  }
  bool cumulates() const { return options_.windows.kind == AssignWindows::Kind::kCumulate; }
  int64_t BlockStart(int64_t slice_end) const;  // CUMULATE
  int64_t LastWindowEnd(int64_t slice_end) const;
  // The greatest window end that the watermark has closed.
  int64_t ClosedEnd(int64_t watermark) const;
  void DropLateRows(const StepTime& time, Batch* batch);
  void Register(char* group);
  char* TotalOf(const char* group);
  void Update(const Batch& batch, std::span<char* const> groups);
  void UpdateTotals(const Batch& batch);
  void MergeSlice(std::span<char* const> groups);
  void DropSlice(int64_t slice_end);
  void MakeTotals(const StepTime& time);
  std::optional<int64_t> NextWindowEnd() const;
  void CloseWindow(int64_t end, const Emit& emit);
  void EmitWindow(int64_t end, std::span<const char* const> totals, const Emit& emit);

  SliceAggregateOptions options_;
  PartitionContext* context_;
  size_t window_prefix_;  // Bytes of the slice in a key.
  std::vector<Call> calls_;
  AggregateHeap heap_;
  GroupTable slices_;
  GroupTable totals_;                             // By the other keys.
  std::map<int64_t, std::vector<char*>> by_end_;  // The slices' groups.
  int64_t closed_ = kMinWatermark;            // Slices that end here or before are in the totals.
  bool totals_made_ = true;                   // Else they are to be made from restored slices.
  std::vector<char*> rows_, totals_of_rows_;  // Scratch.
};

}  // namespace millrace
