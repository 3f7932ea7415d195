// INTERSECT and EXCEPT, for sets and for bags.
//
// Counts each distinct row of the left and of the right input. What the result holds of a row
// follows from the two counts, and a step emits by how much that changed.
//
// State rows: key := the whole row (types/row_key.h); value := left:fixed64 right:fixed64.
#pragma once

#include <vector>

#include "executor/operator.h"
#include "planner/plan.h"
#include "state/group_table.h"

namespace millrace {

struct SetMinusOptions {
  SetMinus plan;
  Schema schema;         // Of the inputs and of the output.
  bool tracked = false;  // Checkpoints are taken.
  OperatorId id = 0;
};

class SetMinusOperator final : public Operator {
 public:
  explicit SetMinusOperator(SetMinusOptions options);

  void OnBatch(size_t port, Batch batch, const StepTime& time, const Emit& emit) override;
  void OnStep(const StepTime& time, const Emit& emit) override;
  void BeginCheckpoint(StateWriter* writer) override;
  bool CopySlice(size_t max_rows) override { return rows_.CopySlice(max_rows); }
  void Restore(const Store& store, size_t partition, size_t partitions) override;
  size_t state_bytes() const override { return rows_.bytes(); }
  size_t state_rows() const override { return rows_.size(); }

 private:
  struct Counts {
    int64_t side[2];  // Left, right. Below zero only within a step.
  };
  // A row that the running step changed, and how often the result had it before.
  struct Touched {
    char* row;
    int64_t before;
  };

  static Counts& CountsOf(char* row) {
    return *reinterpret_cast<Counts*>(row + GroupTable::kPayload);
  }
  int64_t Multiplicity(const Counts& counts) const;
  void EmitRows(std::span<const char* const> rows, std::vector<int64_t> weights, const Emit& emit);

  SetMinusOptions options_;
  std::vector<size_t> columns_;  // All of them.
  GroupTable rows_;
  std::vector<Touched> touched_;
  std::vector<char*> found_;  // Scratch: the state row of each input row.
};

}  // namespace millrace
