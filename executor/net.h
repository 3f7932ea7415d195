// What is left of changes when their input has ended: how a pull query reads a table of changes.
#pragma once

#include "executor/operator.h"

namespace millrace {

class NetOperator final : public Operator {
 public:
  void OnBatch(size_t port, Batch batch, const StepTime& time, const Emit& emit) override;
  void OnStep(const StepTime& time, const Emit& emit) override;

 private:
  std::vector<Batch> batches_;
};

}  // namespace millrace
