// MATCH_RECOGNIZE: rows are held in the order of time until the watermark has passed them, then
// matched (executor/match_pattern.h).
//
// A partition has one attempt at a time, from the first row on at which a match may still begin.
// When the attempt fails, the next one begins a row later; when it succeeds, where AFTER MATCH says.
// So matches come in the order of their first rows, and rows before the running attempt are
// forgotten. An attempt ends when no variable takes the next row, when that row is too late for
// WITHIN or no row can come in time any more, or with the input.
//
// Processing time: the same, by the time of the step in which rows come, at the end of the step.
//
// State rows: as of state/ordered_table.h, with columns more: by processing time, the time of the
//             row's step and its number; and a number that tells equal rows apart.
// The attempts are not stored: they are what the stored rows that the watermark had passed give.
#pragma once

#include <memory>
#include <set>
#include <unordered_map>
#include <vector>

#include "executor/match_pattern.h"
#include "executor/match_values.h"
#include "executor/operator.h"
#include "planner/plan.h"
#include "state/ordered_table.h"

namespace millrace {

struct MatchOptions {
  MatchRecognize plan;
  Schema input;
  bool tracked = false;  // Checkpoints are taken.
  OperatorId id = 0;
};

class MatchOperator final : public Operator {
 public:
  MatchOperator(MatchOptions options, PartitionContext* context);

  void OnBatch(size_t port, Batch batch, const StepTime& time, const Emit& emit) override;
  void OnStep(const StepTime& time, const Emit& emit) override;
  void BeginCheckpoint(StateWriter* writer) override;
  bool CopySlice(size_t max_rows) override { return table_.CopySlice(max_rows); }
  void Restore(const Store& store, size_t partition, size_t partitions) override;
  size_t state_bytes() const override;
  size_t state_rows() const override { return table_.rows(); }

 private:
  // Positions are in the partition's order.
  struct Attempt {
    OrderedPartition* partition = nullptr;
    size_t fed = 0;       // Rows before it may be used.
    size_t start = 0;     // The first row of the match.
    size_t next = 0;      // The row that is to be taken next.
    size_t reported = 0;  // Errors of rows before it were reported.
    int64_t due = 0;      // When to look at it again.
    MatchPattern::Threads threads;  // Of next > start.
  };

  void DropNullTimes(Batch* batch) const;
  void DropLate(const StepTime& time, Batch* batch) const;
  void AppendHidden(Batch* batch);

  int64_t TimeOf(const Attempt& attempt, size_t position) const;
  size_t RowsUntil(const OrderedPartition* partition, int64_t time) const;
  Column TimeValue(int64_t time) const;
  bool TooLate(const Attempt& attempt, int64_t time) const;
  int64_t Expiry(const Attempt& attempt) const;
  Attempt* AttemptOf(OrderedPartition* partition);
  void Schedule(Attempt* attempt);
  void Unschedule(Attempt* attempt);
  std::vector<Attempt*> TakeDue(int64_t passed);
  void Rebuild(int64_t passed);

  void Run(std::vector<Attempt*> attempts, int64_t passed);
  bool Prepare(Attempt* attempt, int64_t passed);
  void Decide(std::span<Attempt* const> attempts);
  void DecideVariable(size_t variable);
  void End(Attempt* attempt);
  static void Fail(Attempt* attempt);
  void Complete(Attempt* attempt, size_t thread);
  std::optional<size_t> RowsToSkip(std::span<const uint32_t> counts, std::string* problem) const;
  void Report(const OrderedPartition* partition, size_t position, std::string message) const;
  void EmitMatches(const Emit& emit);
  void EmitChunk(std::span<const MatchView> views, const Emit& emit);
  void Forget(Attempt* attempt);

  MatchOptions options_;
  PartitionContext* context_;
  OrderedLayout layout_;
  OrderedTable table_;
  MatchPattern pattern_;
  MatchValues values_;
  std::vector<std::vector<size_t>> condition_slots_;  // By variable.
  std::vector<size_t> measure_slots_;
  std::unordered_map<const OrderedPartition*, Attempt> attempts_;
  std::set<std::pair<int64_t, Attempt*>> due_;
  bool restored_ = false;        // Attempts are still to be made.
  bool quiet_ = false;           // They are being made again: errors were reported.
  int64_t number_ = 1;           // Of the next row.
  int64_t step_ = 1;             // By processing time: the number of the running step,
  int64_t now_ = kMinWatermark;  // and the latest time there was.

  // Of the row that each attempt takes: its threads side by side, and what comes of them.
  std::vector<MatchView> views_;
  std::vector<Attempt*> owners_;
  std::vector<uint8_t> takes_;
  MatchPattern::Threads scratch_;
  // Matches found in the step; their counts lie side by side.
  struct Match {
    const OrderedPartition* partition;
    size_t begin;
  };
  std::vector<Match> matches_;
  std::vector<uint32_t> counts_;
};

}  // namespace millrace
