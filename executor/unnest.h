// UNNEST: each row once for every element of its collections. Stateless: weights go along.
//
// What changes a collection gives a row with the old one and a row with the new one, which mostly
// begin and end alike; if nothing above reads the collections themselves, the rows of these elements
// would cancel out and are not given.
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
  // The elements of a row that are given.
  struct Part {
    uint32_t begin = 0, end = 0;
    bool none = false;  // It has no elements.
  };

  std::vector<Column> Evaluate(Batch* batch);
  std::vector<Part> PartsOf(const Batch& batch, std::span<const Column> collections) const;
  void LeaveOutCommon(std::span<const Column> collections, uint32_t gone, uint32_t come,
                      std::vector<Part>* parts) const;
  void ClearUnread(Batch* batch) const;
  void EmitElements(const Batch& batch, std::span<const Column> collections,
                    std::span<const uint32_t> rows, std::span<const uint32_t> places,
                    const Emit& emit) const;

  Unnest plan_;
  Schema input_;
  PartitionContext* context_;
};

}  // namespace millrace
