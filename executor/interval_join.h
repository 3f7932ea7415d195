// Joins of two inputs that only grow, whose rows meet when their times lie within bounds of each
// other: inner, outer, semi and anti.
//
// The rows of both sides are kept by join key and time. A batch is stored, then meets the rows of
// the other side. When the watermark says that no row can meet a stored one any more, this goes:
// the outer and anti rows among those without a partner are emitted then, in the order of their
// times. So the output only grows.
//
// Late rows meet what is still there. Such a row that no row to come can meet, and that met none,
// is reported instead of being emitted as an outer one: its partner may be gone. Rows of one step
// are never late to each other, since all are stored until it ends.
//
// State rows: those of state/keyed_rows.h, the left side's with the operator's id, the right one's
// with id + 1.
#pragma once

#include <memory>
#include <vector>

#include "executor/join_pairs.h"
#include "executor/operator.h"
#include "executor/time_queue.h"
#include "planner/plan.h"
#include "state/keyed_rows.h"

namespace millrace {

struct IntervalJoinOptions {
  IntervalJoin plan;
  Schema left, right;
  bool tracked = false;  // Checkpoints are taken.
  OperatorId id = 0;
};

class IntervalJoinOperator final : public Operator {
 public:
  IntervalJoinOperator(IntervalJoinOptions options, PartitionContext* context);

  void OnBatch(size_t port, Batch batch, const StepTime& time, const Emit& emit) override;
  void OnStep(const StepTime& time, const Emit& emit) override;
  void BeginCheckpoint(StateWriter* writer) override;
  bool CopySlice(size_t max_rows) override;
  void Restore(const Store& store, size_t partition, size_t partitions) override;
  size_t state_bytes() const override;
  size_t state_rows() const override { return sides_[0].rows->size() + sides_[1].rows->size(); }

  // How far behind its inputs' watermark the rows are that it emits.
  static int64_t Hold(const IntervalJoin& plan);

 private:
  struct Side {
    Side(const IntervalJoinOptions& options, size_t side, KeyTable* keys);

    Schema schema;
    size_t time;                      // Column.
    std::vector<size_t> keys;         // Columns.
    std::vector<size_t> strict_keys;  // Those by which NULL equals nothing.
    int64_t first, last;              // Its partners' times, less its own.
    bool shown_alone = false;         // Rows without a partner are emitted.
    bool decides_late = false;
    std::unique_ptr<KeyedRows> rows;
    TimeQueue queue;  // By the last time of a partner.
  };
  // Of KeyedRows::Row::state: the row has had a partner.
  static constexpr uint8_t kMatched = KeyedRows::kTouched;

  JoinKind kind() const { return options_.plan.join.kind; }
  bool emits_pairs() const { return kind() != JoinKind::kSemi && kind() != JoinKind::kAnti; }

  void DropUnmatchable(size_t side, Batch* batch, const Emit& emit);
  void ReadTimes(const Side& side, const Batch& batch);
  void StoreRows(size_t side, const Batch& batch, int64_t before);
  void Match(size_t side, const Batch& batch, const Emit& emit);
  void FindPartners(size_t side, const Batch& batch, uint32_t row, const Emit& emit);
  void AddPair(size_t side, const Batch& batch, uint32_t row, RowRef partner, const Emit& emit);
  void FlushPairs(size_t side, const Batch& batch, const Emit& emit);
  bool MarkMatched(Side& side, RowRef row);
  void EmitMatched(size_t side, const Batch& batch, const Emit& emit);

  void Expire(size_t side, const StepTime& time, const Emit& emit);
  void ExpireRows(size_t side, std::span<const TimeQueue::Entry> rows, int64_t before,
                  const Emit& emit);
  void ReportLate(const Side& side, std::span<const RowRef> rows, int64_t before);
  void EmitAlone(size_t side, Batch batch, const Emit& emit) const;

  IntervalJoinOptions options_;
  PartitionContext* context_;
  KeyTable keys_;
  Side sides_[2];
  PairGatherer gatherer_;
  // The running step has rows that will be reported as late if they meet none, so that one partner
  // is not enough to know.
  bool late_rows_ = false;
  // Scratch.
  std::vector<int64_t> times_;    // Of the batch's rows.
  std::vector<RowRef> key_refs_;  // Of the batch's rows.
  std::vector<KeyedRows::Change> changes_;
  JoinPairs pairs_;
  std::vector<RowRef> partners_;  // The stored rows of `pairs_`.
  std::vector<TimeQueue::Entry> expired_;
};

}  // namespace millrace
