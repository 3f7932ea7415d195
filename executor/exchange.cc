#include "executor/exchange.h"

#include "types/row_key.h"

namespace millrace {

void Exchange::CombineFor(const Aggregate& plan, const Schema& input) {
  for (size_t from = 0; from < batches_.size(); ++from) {
    partials_.push_back(std::make_unique<PartialAggregate>(plan, input));
  }
}

void Exchange::Send(size_t from, Batch batch, const StepTime& time) {
  const size_t partitions = batches_.size();
  if (partitions == 1) return batches_[0][0].push_back(std::move(batch));
  if (!partials_.empty()) batch = partials_[from]->Combine(std::move(batch), time);
  const RowKeys keys(batch, key_);
  std::vector<std::vector<uint32_t>> rows(partitions);
  for (uint32_t i = 0; i < batch.size; ++i) {
    rows[PartitionOf(keys.hash(i), partitions)].push_back(i);
  }
  for (size_t to = 0; to < partitions; ++to) {
    if (!rows[to].empty()) batches_[from][to].push_back(batch.Take(rows[to]));
  }
}

uint64_t Exchange::combined_rows() const {
  uint64_t rows = 0;
  for (const auto& partial : partials_) rows += partial->combined_rows();
  return rows;
}

void Exchange::Receive(size_t to, const Emit& emit) {
  for (auto& from : batches_) {
    std::vector<Batch> batches = std::move(from[to]);
    from[to].clear();
    for (Batch& b : batches) emit(std::move(b));
  }
}

}  // namespace millrace
