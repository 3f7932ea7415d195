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

// Before a table: rows with a NULL in one of `columns`, which are NOT NULL, are error rows.
class NotNullOperator final : public Operator {
 public:
  NotNullOperator(std::vector<size_t> columns, Schema schema, PartitionContext* context)
      : columns_(std::move(columns)), schema_(std::move(schema)), context_(context) {}
  void OnBatch(size_t port, Batch batch, const StepTime& time, const Emit& emit) override;

 private:
  std::vector<size_t> columns_;
  Schema schema_;
  PartitionContext* context_;
};

// TUMBLE, HOP, CUMULATE: appends window_start, window_end, window_time; a row is repeated for each
// window it is in. Rows without a time are error rows.
class AssignWindowsOperator final : public Operator {
 public:
  // `late_after`: how long after its end the aggregate behind this takes rows for a window (none: it
  // does not decide what is late). A row is in several windows of HOP and CUMULATE: it counts in the
  // open ones, and is late only where all are closed.
  AssignWindowsOperator(AssignWindows spec, std::optional<int64_t> late_after, Schema schema,
                        PartitionContext* context)
      : spec_(spec), late_after_(late_after), schema_(std::move(schema)), context_(context) {}
  void OnBatch(size_t port, Batch batch, const StepTime& time, const Emit& emit) override;

 private:
  Batch Tumble(Batch batch) const;
  Batch Expand(const Batch& batch, const StepTime& time) const;

  AssignWindows spec_;
  std::optional<int64_t> late_after_;
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
