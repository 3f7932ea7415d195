// Joins as of arrival: each left row with the rows of its key that the right input has when the
// left row comes, which is at the end of its step. Later changes of the right touch nothing. Keys are
// looked up a batch at a time. A row that found nothing may wait and look again, as often as the plan
// says; so would one whose answer is still under way.
//
// State rows: those of state/keyed_rows.h of the right input, with the operator's id; those of
// executor/waiting_rows.h, with the next.
#pragma once

#include <memory>
#include <vector>

#include "executor/join_pairs.h"
#include "executor/operator.h"
#include "executor/waiting_rows.h"
#include "planner/plan.h"
#include "state/keyed_rows.h"

namespace millrace {

struct LookupJoinOptions {
  TemporalJoin plan;  // Of processing time.
  Schema left, right;
  bool right_appends = false;  // The right input only grows.
  bool right_unique = false;   // It has at most one row per join key.
  bool tracked = false;        // Checkpoints are taken.
  OperatorId id = 0;
};

class LookupJoinOperator final : public Operator {
 public:
  LookupJoinOperator(LookupJoinOptions options, PartitionContext* context);

  void OnBatch(size_t port, Batch batch, const StepTime& time, const Emit& emit) override;
  void OnStep(const StepTime& time, const Emit& emit) override;
  void BeginCheckpoint(StateWriter* writer) override;
  bool CopySlice(size_t max_rows) override;
  void Restore(const Store& store, size_t partition, size_t partitions) override;
  int64_t NextTimer() const override { return waiting_.next(); }
  size_t state_bytes() const override {
    return keys_.bytes() + rows_->bytes() + waiting_.bytes();
  }
  size_t state_rows() const override { return rows_->size() + waiting_.size(); }

 private:
  void ChangeTable(Batch batch);
  void EraseEmptied();
  // Rows that found nothing wait if they tried less often than they may.
  void Probe(const Batch& batch, int64_t tries, const Emit& emit);
  void EmitAlone(const Batch& batch, int64_t tries, const Emit& emit);
  void FlushPairs(const Batch& batch, const Emit& emit);
  std::vector<uint32_t> RowsWithKey(const Batch& batch, const std::vector<size_t>& keys) const;

  LookupJoinOptions options_;
  KeyTable keys_;
  std::unique_ptr<KeyedRows> rows_;
  PairGatherer gatherer_;
  PartitionContext* context_;
  WaitingRows waiting_;
  // Of the running step.
  std::vector<Batch> arrived_;
  std::vector<RowRef> emptied_;
  // Scratch.
  std::vector<RowRef> key_refs_;
  std::vector<KeyedRows::Change> changes_;
  JoinPairs pairs_;
  std::vector<uint8_t> joined_;  // Of the batch that is joined: whether the row has a partner.
};

}  // namespace millrace
