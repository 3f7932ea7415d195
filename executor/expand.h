// GROUPING SETS: each row once for every set, with the keys that the set does not have NULL.
#pragma once

#include "executor/operator.h"
#include "planner/plan.h"

namespace millrace {

class ExpandOperator final : public Operator {
 public:
  // `output`: the node's schema.
  ExpandOperator(Expand plan, Schema output) : plan_(std::move(plan)), output_(std::move(output)) {}
  void OnBatch(size_t port, Batch batch, const StepTime& time, const Emit& emit) override;

 private:
  Expand plan_;
  Schema output_;
};

}  // namespace millrace
