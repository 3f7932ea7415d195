// Early fire by an interval: holds back what changes in open windows until the clock reaches the next
// multiple of the interval, when the net changes come, or until the window closes.
//
// State rows: key   := the whole row (types/row_key.h)
//             value := weight:fixed64 since:fixed64
#pragma once

#include <map>
#include <vector>

#include "executor/operator.h"
#include "state/group_table.h"

namespace millrace {

struct EarlyFireOptions {
  Schema schema;                // Of the input and of the output.
  int64_t interval = 0;         // Microseconds.
  size_t closes = 0;            // The column that says when a row's window closes: its time,
  bool closes_is_end = false;   // or its end, a local time of
  std::string zone;             // this zone; "": UTC.
  std::vector<size_t> exchange;  // The columns by which the rows are in this partition.
  bool tracked = false;         // Checkpoints are taken.
  OperatorId id = 0;
};

class EarlyFireOperator final : public Operator {
 public:
  EarlyFireOperator(EarlyFireOptions options, PartitionContext* context);

  void OnBatch(size_t port, Batch batch, const StepTime& time, const Emit& emit) override;
  void OnStep(const StepTime& time, const Emit& emit) override;
  int64_t NextTimer() const override;
  void BeginCheckpoint(StateWriter* writer) override;
  bool CopySlice(size_t max_rows) override { return rows_.CopySlice(max_rows); }
  void Restore(const Store& store, size_t partition, size_t partitions) override;
  size_t state_bytes() const override { return rows_.bytes(); }
  size_t state_rows() const override { return rows_.size(); }

 private:
  struct Held {
    int64_t weight;  // Below zero for what is taken back.
    int64_t since;   // The clock when the row was first held, microseconds.
  };
  // When windows close, to their rows.
  using Windows = std::map<int64_t, std::vector<char*>>;

  static Held& HeldOf(char* row) { return *reinterpret_cast<Held*>(row + GroupTable::kPayload); }
  void Hold(char* row, int64_t closes);
  int64_t ClosesAt(const Batch& batch, size_t i) const;
  void Release(Windows::iterator window, std::vector<char*>* released);
  void EmitRows(std::span<char* const> rows, const Emit& emit);

  EarlyFireOptions options_;
  PartitionContext* context_;
  std::vector<size_t> columns_;  // All of them.
  GroupTable rows_;
  Windows windows_;
  int64_t next_fire_;  // Of what is held; kMaxWatermark: nothing is.
  std::vector<char*> found_;  // Scratch.
};

}  // namespace millrace
