#include "executor/net.h"

#include "executor/consolidate.h"

namespace millrace {

void NetOperator::OnBatch(size_t, Batch batch, const StepTime&, const Emit&) {
  batches_.push_back(std::move(batch));
}

void NetOperator::OnStep(const StepTime& time, const Emit& emit) {
  if (!time.finished || batches_.empty()) return;
  const Batch net = Consolidate(Concat(std::exchange(batches_, {})));
  std::vector<uint32_t> rows;
  for (uint32_t i = 0; i < net.size; ++i) {  // What went and never came is no row.
    for (int64_t n = net.weight(i); n > 0; --n) rows.push_back(i);
  }
  Batch out = net.Take(rows);
  out.weights.clear();
  if (out.size > 0) emit(std::move(out));
}

}  // namespace millrace
