// UNNEST: each row once for every element of its collections. Stateless: weights go along.
#pragma once

#include "executor/operator.h"
#include "functions/expr.h"
#include "planner/plan.h"

namespace millrace {

class UnnestOperator final : public Operator {
 public:
  // `input` is the schema of the input, for error rows.
  UnnestOperator(Unnest plan, Schema input, PartitionContext* context)
      : plan_(std::move(plan)), input_(std::move(input)), context_(context) {}
  void OnBatch(size_t port, Batch batch, const StepTime& time, const Emit& emit) override;

 private:
  std::vector<Column> Evaluate(Batch* batch);
  void EmitElements(const Batch& batch, std::span<const Column> collections,
                    std::span<const uint32_t> rows, std::span<const uint32_t> places,
                    const Emit& emit) const;

  Unnest plan_;
  Schema input_;
  PartitionContext* context_;
};

}  // namespace millrace
