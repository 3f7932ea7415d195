// Deduplication: one row for each key of input that only appends, the first in an order.
//
// Keeps one encoded row a key, or the key alone where its row never changes. A step's rows are only
// compared where they lie; OnStep encodes those that won and emits them as they came.
//
// State rows: key   := PARTITION BY columns
//             value := changed_at given row     the first two only with a TTL and of kFirstInTime
//             changed_at := fixed64
//             given      := uint8               1: its row was given, and is none here
//             row        := order* rest* of state/ordered_row.h; of kFirstArrival none
#pragma once

#include <vector>

#include "executor/expiry.h"
#include "executor/operator.h"
#include "planner/top_n.h"
#include "state/group_table.h"
#include "state/ordered_row.h"

namespace millrace {

struct DeduplicateOptions {
  TopN plan;
  Deduplication kind = Deduplication::kBest;
  Schema input;
  bool upsert = false;   // Every consumer keeps rows by key: an update needs no -1.
  bool tracked = false;  // Checkpoints are taken.
  OperatorId id = 0;
};

// Byte strings that come and go.
class Pieces {
 public:
  char* Allocate(size_t bytes) {
    const size_t units = UnitsOf(bytes);
    if (units >= free_.size() || free_[units].empty()) return arena_.Allocate(units * kUnit);
    char* piece = free_[units].back();
    free_[units].pop_back();
    return piece;
  }
  void Free(char* piece, size_t bytes) {
    const size_t units = UnitsOf(bytes);
    if (units >= free_.size()) free_.resize(units + 1);
    free_[units].push_back(piece);
  }
  size_t bytes() const { return arena_.allocated(); }

 private:
  static constexpr size_t kUnit = 16;
  static size_t UnitsOf(size_t bytes) { return (bytes + kUnit - 1) / kUnit; }

  Arena arena_;
  std::vector<std::vector<char*>> free_;  // By size.
};

class DeduplicateOperator final : public Operator {
 public:
  DeduplicateOperator(DeduplicateOptions options, PartitionContext* context);

  void OnBatch(size_t port, Batch batch, const StepTime& time, const Emit& emit) override;
  void OnStep(const StepTime& time, const Emit& emit) override;
  void BeginCheckpoint(StateWriter* writer) override;
  bool CopySlice(size_t max_rows) override { return groups_.CopySlice(max_rows); }
  void Restore(const Store& store, size_t partition, size_t partitions) override;
  size_t state_bytes() const override { return groups_.bytes() + pieces_.bytes(); }
  size_t state_rows() const override { return groups_.size(); }

 private:
  struct Group {
    char* row;  // Its order and rest; null where there is none.
    uint32_t size;
    bool given;  // Its row stands in the output for good.
    // The best row of the running step: batch from 1, none 0.
    uint32_t batch;
    uint32_t batch_row;
    uint32_t timers;  // That point to the group.
    int64_t changed_at;
  };
  struct Timer {
    int64_t time;
    char* group;
    friend bool operator<(const Timer& a, const Timer& b) { return a.time > b.time; }
  };
  using Compare = int (*)(const Column&, size_t, const Column&, size_t);
  struct ComparedColumn {
    size_t column;
    Compare compare;
    bool descending, nulls_first;
  };

  static Group& GroupOf(char* row) { return *reinterpret_cast<Group*>(row + GroupTable::kPayload); }
  static const Group& GroupOf(const char* row) {
    return *reinterpret_cast<const Group*>(row + GroupTable::kPayload);
  }
  static std::string_view RowOf(const Group& group) { return {group.row, group.size}; }
  bool in_time() const { return options_.kind == Deduplication::kFirstInTime; }

  void DropBadTimes(const StepTime& time, Batch* batch);
  bool IsBetter(const Batch& batch, size_t i, const Group& group);
  bool IsBetterThanKept(const Batch& batch, size_t i, const Group& group);
  void Keep(char* group_row, std::string_view row);
  std::string_view KeptKey(const char* group, Arena* heap) const;
  void EmitKept(std::span<const std::string_view> keys, int64_t weight, const Emit& emit) const;
  void Settle(const Batch& batch, std::span<char* const> groups, const Emit& emit);
  void Expire();
  void Drop(char* group_row);
  void GiveInTime(const StepTime& time, const Emit& emit);

  DeduplicateOptions options_;
  PartitionContext* context_;
  OrderedLayout layout_;
  std::vector<ComparedColumn> compared_;  // The order's columns, then the rest.
  GroupTable groups_;
  Pieces pieces_;
  GroupExpiry expiry_;
  std::vector<Timer> timers_;  // A heap, the earliest first; those of rows that were replaced, too.
  // The running step.
  std::vector<Batch> batches_;
  std::vector<char*> touched_;
  std::vector<char*> group_rows_;  // Scratch: of each input row.
  std::string bytes_;              // Scratch.
};

}  // namespace millrace
