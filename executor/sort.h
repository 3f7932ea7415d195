// ORDER BY, LIMIT and OFFSET of pull queries: keeps all rows and gives them when the input has
// ended.
#pragma once

#include "executor/operator.h"
#include "planner/plan.h"

namespace millrace {

class SortOperator final : public Operator {
 public:
  explicit SortOperator(Sort spec) : spec_(std::move(spec)) {}
  void OnBatch(size_t port, Batch batch, const StepTime& time, const Emit& emit) override;
  void OnStep(const StepTime& time, const Emit& emit) override;

 private:
  std::vector<uint32_t> Order(const Batch& rows) const;

  Sort spec_;
  std::vector<Batch> batches_;
  bool done_ = false;
};

}  // namespace millrace
