// SESSION as a table function: appends window_start, window_end, window_time to the rows.
//
// The rows of open sessions are kept in the order of their times. A step's changes are merged in
// OnStep: what the rows of a partition were given before and what they get now are compared, so
// that a session that grew, was merged or split takes its rows back and gives them again. A row
// that comes for a session that is closed is late; that is known only when the step's other rows
// have been merged with the open ones.
//
// State rows: as of state/ordered_table.h; the owner's part is how the row was given last.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "executor/operator.h"
#include "planner/plan.h"
#include "state/ordered_table.h"

namespace millrace {

struct AssignSessionsOptions {
  AssignWindows plan;
  Schema input;
  bool tracked = false;  // Checkpoints are taken.
  OperatorId id = 0;
};

class AssignSessionsOperator final : public Operator {
 public:
  AssignSessionsOperator(AssignSessionsOptions options, PartitionContext* context);

  void OnBatch(size_t port, Batch batch, const StepTime& time, const Emit& emit) override;
  void OnStep(const StepTime& time, const Emit& emit) override;
  int64_t NextTimer() const override;
  void BeginCheckpoint(StateWriter* writer) override {
    table_.BeginCheckpoint(options_.id, writer);
  }
  bool CopySlice(size_t max_rows) override { return table_.CopySlice(max_rows); }
  void Restore(const Store& store, size_t partition, size_t partitions) override;
  size_t state_bytes() const override { return table_.bytes(); }
  size_t state_rows() const override { return table_.rows(); }

 private:
  // How a row was given last; nowhere: count is 0.
  struct Given {
    int64_t start, end, count;
    int64_t fresh;  // The row came in the running step.
  };
  struct Session {
    int64_t start, end;
    size_t first, last;  // Among the partition's rows.
  };
  struct Change {
    std::string_view key;
    int64_t start, end, weight;
  };

  Given& GivenOf(char* row) { return *reinterpret_cast<Given*>(table_.Payload(row)); }
  int64_t TimeOf(const char* row) const;
  // When a session takes no more rows.
  int64_t CloseTime(int64_t end) const;
  void NoteOldRetractions(const Batch& batch, const StepTime& time);
  void ReportOldRetractions(const StepTime& time);
  std::vector<Session> FindSessions(std::span<char* const> rows) const;
  // Brings the partition in step with its rows.
  void Settle(OrderedPartition* partition, const StepTime& time);
  void DropLateRows(OrderedPartition* partition, std::vector<char*>* rows, const StepTime& time);
  void Give(char* row, const Session& session, bool visible);
  void Push(const char* row, int64_t start, int64_t end, int64_t weight);
  void ReportLate(std::string_view key, int64_t end, int64_t weight, const StepTime& time);
  void Schedule(std::string_view partition, int64_t close);
  void Flush(const Emit& emit);
  void EmitRows(std::span<const Change> changes, const Emit& emit) const;

  AssignSessionsOptions options_;
  PartitionContext* context_;
  OrderedLayout layout_;
  OrderedTable table_;
  // When partitions have something to close, and the same by partition.
  std::set<std::pair<int64_t, std::string>> due_;
  std::map<std::string, int64_t, std::less<>> scheduled_;
  std::vector<Batch> old_retractions_;  // Of the running step: perhaps of rows long gone.
  std::vector<Change> changes_;
};

}  // namespace millrace
