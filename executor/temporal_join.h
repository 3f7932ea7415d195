// Joins as of a time: each left row with the right row of its key that was valid at the left row's
// time, which is the last one of a time not behind it.
//
// Left rows wait until the watermark has passed them, for then all versions are known. Versions are
// kept by key and time; of those that the watermark has passed only each key's last is needed. The
// right input either only grows, and each row replaces its key's, or takes rows back: then a row
// that goes without another of its key coming in the same step ends the key's validity from the
// row's own time on. Of two versions of one time the one that stands counts, then the one that did
// not give way to the other, then the one whose bytes are greater.
//
// State rows: those of state/keyed_rows.h, the left side's with the operator's id, the right one's
// with id + 1; the count of a version is kEnds from where its key is not valid, kReplaced if another
// of its time has replaced it.
#pragma once

#include <memory>
#include <vector>

#include "executor/join_pairs.h"
#include "executor/operator.h"
#include "executor/time_queue.h"
#include "planner/plan.h"
#include "state/keyed_rows.h"

namespace millrace {

struct TemporalJoinOptions {
  TemporalJoin plan;  // Of event time.
  Schema left, right;
  bool right_appends = false;  // The right input only grows.
  bool tracked = false;        // Checkpoints are taken.
  OperatorId id = 0;
};

class TemporalJoinOperator final : public Operator {
 public:
  TemporalJoinOperator(TemporalJoinOptions options, PartitionContext* context);

  void OnBatch(size_t port, Batch batch, const StepTime& time, const Emit& emit) override;
  void OnStep(const StepTime& time, const Emit& emit) override;
  void BeginCheckpoint(StateWriter* writer) override;
  bool CopySlice(size_t max_rows) override;
  void Restore(const Store& store, size_t partition, size_t partitions) override;
  size_t state_bytes() const override;
  size_t state_rows() const override { return left_.rows->size() + right_.rows->size(); }

 private:
  struct Side {
    Schema schema;
    size_t time;               // Column.
    std::vector<size_t> keys;  // Columns.
    std::unique_ptr<KeyedRows> rows;
    TimeQueue queue;  // By the rows' times.
  };
  // Of KeyedRows::Row::state: the row is in its side's queue.
  static constexpr uint8_t kQueued = KeyedRows::kTouched;
  static constexpr uint32_t kEnds = 1, kReplaced = 2;
  struct Taken {
    RowRef key, row;
    int64_t weight;
  };

  Side MakeSide(size_t side, KeyedRows::Options rows);
  bool outer() const { return options_.plan.join.kind == JoinKind::kLeft; }
  void DropLate(const StepTime& time, Batch* batch);
  Batch TakeWithoutKey(const Side& side, Batch* batch) const;
  void StoreRows(Side& side, const Batch& batch);
  void Enqueue(Side& side, RowRef row);
  void NoteTaken(const Batch& batch);

  void EndVersions();
  void Revive(RowRef key, RowRef version);
  void Mark(RowRef version, uint32_t count);
  void JoinRows(std::span<const TimeQueue::Entry> rows, const Emit& emit);
  RowRef VersionAt(RowRef key, int64_t time) const;
  bool IsBetter(RowRef a, RowRef b) const;
  void EmitAlone(Batch batch, const Emit& emit) const;
  void DropVersions(int64_t watermark);
  void DropVersionsOf(RowRef key, int64_t watermark);

  TemporalJoinOptions options_;
  PartitionContext* context_;
  KeyTable keys_;
  Side left_, right_;
  PairGatherer gatherer_;
  // Of the running step: weights of the right input's rows, where it takes some back.
  std::vector<Taken> taken_;
  // Scratch.
  std::vector<int64_t> times_;
  std::vector<RowRef> key_refs_;
  std::vector<KeyedRows::Change> changes_;
  std::vector<TimeQueue::Entry> passed_;
  mutable std::string bytes_[2];
};

}  // namespace millrace
