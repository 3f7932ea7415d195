// Equi-joins of two changing inputs, and joins without keys: inner, outer, semi and anti.
//
// The rows of both inputs are kept by join key. A batch of one side changes the rows of its side,
// then meets those of the other: what changes in the pairs is emitted at once, as it is linear in
// either side. Rows that stand without a partner (outer joins, anti) or with one (semi) are emitted
// net when the step ends.
//
// Whether a row has a partner: without a residual, whether its key has rows on the other side; with
// one, by a count of partners that the row has. The count also serves where the other side expires:
// a partner that is gone by its TTL goes silently, so the row stays as it was shown.
//
// State rows: those of state/keyed_rows.h, the left side's with the operator's id, the right one's
// with id + 1. The key begins with the window's end in a window join.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "executor/join_pairs.h"
#include "executor/operator.h"
#include "planner/plan.h"
#include "state/keyed_rows.h"

namespace millrace {

struct JoinOptions {
  Join plan;  // The window's end, if any, is its first key.
  struct Side {
    Schema schema;
    bool append_only = false;
    bool unique = false;  // At most one row per join key.
  };
  Side left, right;
  bool append_only = false;  // The output: outer and anti rows of a window come at its close.
  bool tracked = false;      // Checkpoints are taken.
  OperatorId id = 0;
};

class JoinOperator final : public Operator {
 public:
  JoinOperator(JoinOptions options, PartitionContext* context);

  void OnBatch(size_t port, Batch batch, const StepTime& time, const Emit& emit) override;
  void OnStep(const StepTime& time, const Emit& emit) override;
  void BeginCheckpoint(StateWriter* writer) override;
  bool CopySlice(size_t max_rows) override;
  void Restore(const Store& store, size_t partition, size_t partitions) override;
  size_t state_bytes() const override;
  size_t state_rows() const override { return sides_[0].rows->size() + sides_[1].rows->size(); }
  int64_t NextTimer() const override;
  // Rows that left the state because they did not change for the TTL, and deletions of rows that
  // were not there (any more).
  uint64_t expired_rows() const;
  uint64_t dropped_rows() const { return dropped_; }

 private:
  // The rows of a side that stand in the output by themselves.
  enum class Shown : uint8_t { kNever, kUnmatched, kMatched };
  // A row that the running step changed, as it was before.
  struct Touched {
    RowRef row;
    bool matched;
    int64_t weight;
  };
  struct Side {
    Schema schema;
    std::vector<size_t> keys;         // Columns.
    std::vector<size_t> strict_keys;  // Those by which NULL equals nothing.
    bool append_only = false;
    Shown shown = Shown::kNever;
    bool counted = false;  // Its rows count their partners.
    bool erases = false;   // Rows may leave the state.
    std::unique_ptr<KeyedRows> rows;
    std::vector<Touched> touched;
    std::vector<RowRef> emptied;   // Weight 0 at some time of the step.
    std::vector<RowRef> negative;  // Weight below 0 at some time of the step.
  };
  struct Cursor {
    uint32_t row;  // Of the batch.
    RowRef next;
  };

  void SetUp(size_t side, const JoinOptions::Side& options);
  bool emits_pairs() const {
    return options_.plan.kind != JoinKind::kSemi && options_.plan.kind != JoinKind::kAnti;
  }
  bool windowed() const { return options_.plan.window_end.has_value(); }
  // Inner and semi joins only add rows anyway.
  bool shown_at_close() const {
    return windowed() && options_.append_only && options_.plan.kind != JoinKind::kSemi;
  }
  static bool Shows(Shown shown, bool matched) {
    return shown == (matched ? Shown::kMatched : Shown::kUnmatched);
  }
  std::shared_ptr<const void> OwnerOf(const Side& side) const {
    return side.erases ? nullptr : side.rows->owner();
  }

  // A batch.
  void DropLate(size_t side, const StepTime& time, Batch* batch);
  void DropNullKeys(size_t side, Batch* batch, const Emit& emit);
  void Change(size_t side, const Batch& batch, const Emit& emit);
  void TouchKeys();
  void TouchRow(Side& side, RowRef row, int64_t weight);
  void NoteChanges(Side& side);
  int Presence(const Batch& batch, uint32_t row) const;
  void Match(size_t side, const Batch& batch, const Emit& emit);
  void FlushPairs(size_t side, const Batch& batch, const Emit& emit);
  void CountPartners(size_t side, const Batch& batch);

  // The end of a step.
  void DropNegative(size_t side, const Emit& emit);
  void NotePresentKeys();
  bool HasRows(size_t side, RowRef key) const;
  void EmitShown(size_t side, const Emit& emit);
  void EmitFlippedKeys(size_t side, const Emit& emit);
  void EmitAlone(size_t side, Batch batch, const Emit& emit);
  void Show(size_t side, RowRef row, int64_t weight, const Emit& emit);
  void FlushShown(size_t side, const Emit& emit);
  void ForgetTouched();
  void EraseEmptied(Side& side);
  void SweepExpired();

  // Windows.
  void RegisterWindow(RowRef key);
  int64_t WindowEnd(RowRef key) const;
  void CloseWindows(const StepTime& time, const Emit& emit);
  void EmitClosed(size_t side, RowRef key, const Emit& emit);

  JoinOptions options_;
  PartitionContext* context_;
  KeyTable keys_;
  Side sides_[2];
  PairGatherer gatherer_;
  bool touches_keys_ = false;  // Some side is shown by its keys.
  bool matches_ = true;        // Pairs are looked at.
  uint64_t dropped_ = 0;
  uint64_t noted_expired_ = 0, noted_dropped_ = 0;  // Are in the context's counts.
  std::map<int64_t, std::vector<RowRef>> windows_;  // By end: their keys.
  size_t next_swept_ = 0;                           // Slot of the keys.
  int64_t swept_at_ = 0;

  // The running step.
  std::vector<RowRef> touched_keys_;
  // Scratch.
  std::vector<RowRef> key_refs_;  // Of the batch's rows.
  std::vector<KeyedRows::Change> changes_;
  std::vector<Cursor> cursors_;
  JoinPairs pairs_;
  std::vector<RowRef> partners_;  // The stored rows of `pairs_`, where they are counted.
  std::vector<const char*> shown_;
  std::vector<int64_t> shown_weights_;
};

}  // namespace millrace
