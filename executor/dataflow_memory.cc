// What of a job's state is in memory, and what in the store alone.
#include <algorithm>
#include <atomic>

#include "executor/dataflow.h"

namespace millrace {

void Dataflow::OpenStore(const Store& store) {
  for (OpNode& node : nodes_) {
    for (size_t p = 0; p < node.instances.size(); ++p) {
      node.instances[p]->OpenStore(store, p, options_.partitions);
    }
  }
}

Dataflow::Usage Dataflow::usage() const {
  Usage usage;
  for (const OpNode& node : nodes_) {
    for (const auto& instance : node.instances) {
      const size_t bytes = instance->used_bytes();
      usage.all += bytes;
      if (instance->evicts()) usage.evictable += bytes;
    }
  }
  return usage;
}

void Dataflow::Settle() {
  for (OpNode& node : nodes_) {
    for (auto& instance : node.instances) instance->Settle();
  }
}

// Each gives in proportion to what it has.
size_t Dataflow::Evict(WorkerPool* pool, size_t bytes, unsigned min_age) {
  const size_t all = usage().evictable;
  if (all == 0) return 0;
  const double share = std::min(1.0, static_cast<double>(bytes) / static_cast<double>(all));
  std::atomic<size_t> freed = 0;
  pool->ForEach(options_.partitions, [&](size_t p) {
    for (OpNode& node : nodes_) {
      if (node.instances.empty() || !node.instances[p]->evicts()) continue;
      Operator& op = *node.instances[p];
      const double own = share * static_cast<double>(op.used_bytes());
      freed += op.Evict(static_cast<size_t>(own) + 1, min_age);
    }
  });
  return freed;
}

bool Dataflow::Warm(WorkerPool* pool, size_t max_rows) {
  std::atomic<bool> more = false;
  pool->ForEach(options_.partitions, [&](size_t p) {
    for (OpNode& node : nodes_) {
      if (!node.instances.empty() && node.instances[p]->Warm(max_rows)) more = true;
    }
  });
  return more;
}

ColdCounts Dataflow::cold_counts() const {
  ColdCounts counts;
  for (const OpNode& node : nodes_) {
    for (const auto& instance : node.instances) counts += instance->cold_counts();
  }
  return counts;
}

}  // namespace millrace
