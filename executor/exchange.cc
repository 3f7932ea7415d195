#include "executor/exchange.h"

#include "types/row_key.h"

namespace millrace {

void Exchange::Send(size_t from, Batch batch) {
  const size_t partitions = batches_.size();
  if (partitions == 1) return batches_[0][0].push_back(std::move(batch));
  const RowKeys keys(batch, key_);
  std::vector<std::vector<uint32_t>> rows(partitions);
  for (uint32_t i = 0; i < batch.size; ++i) {
    rows[PartitionOf(keys.hash(i), partitions)].push_back(i);
  }
  for (size_t to = 0; to < partitions; ++to) {
    if (!rows[to].empty()) batches_[from][to].push_back(batch.Take(rows[to]));
  }
}

void Exchange::Receive(size_t to, const Emit& emit) {
  for (auto& from : batches_) {
    std::vector<Batch> batches = std::move(from[to]);
    from[to].clear();
    for (Batch& b : batches) emit(std::move(b));
  }
}

}  // namespace millrace
