// Operators without state: filter, project, window assignment.
#pragma once

#include "executor/operator.h"
#include "functions/expr.h"
#include "planner/plan.h"

namespace millrace {

// WHERE. Weights travel with their rows, so changes need no special case.
class FilterOperator final : public Operator {
 public:
  FilterOperator(ExprPtr predicate, Schema schema, PartitionContext* context)
      : predicate_(std::move(predicate)), schema_(std::move(schema)), context_(context) {}
  void OnBatch(size_t port, Batch batch, const StepTime& time, const Emit& emit) override;

 private:
  ExprPtr predicate_;
  Schema schema_;
  PartitionContext* context_;
};

class ProjectOperator final : public Operator {
 public:
  // `schema` is the input's, for error rows.
  ProjectOperator(std::vector<ExprPtr> exprs, Schema schema, PartitionContext* context)
      : exprs_(std::move(exprs)), schema_(std::move(schema)), context_(context) {}
  void OnBatch(size_t port, Batch batch, const StepTime& time, const Emit& emit) override;

 private:
  std::vector<ExprPtr> exprs_;
  Schema schema_;
  PartitionContext* context_;
};

// TUMBLE, HOP, CUMULATE: appends window_start, window_end, window_time; a row is repeated for each
// window it is in. Rows without a time are error rows.
class AssignWindowsOperator final : public Operator {
 public:
  AssignWindowsOperator(AssignWindows spec, Schema schema, PartitionContext* context)
      : spec_(spec), schema_(std::move(schema)), context_(context) {}
  void OnBatch(size_t port, Batch batch, const StepTime& time, const Emit& emit) override;

 private:
  void DropNullTimes(Batch* batch);
  Batch Tumble(Batch batch) const;
  Batch Expand(const Batch& batch) const;

  AssignWindows spec_;
  Schema schema_;
  PartitionContext* context_;
};

// Passes everything on: UNION ALL.
class UnionOperator final : public Operator {
 public:
  void OnBatch(size_t, Batch batch, const StepTime&, const Emit& emit) override {
    emit(std::move(batch));
  }
};

}  // namespace millrace
