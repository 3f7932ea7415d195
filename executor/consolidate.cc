#include "executor/consolidate.h"

#include <bit>
#include <numeric>

#include "state/group_table.h"

namespace millrace {
namespace {

struct Sum {
  int64_t weight;
  uint32_t first;  // The row's first place.
};

Sum& SumOf(char* row) { return *reinterpret_cast<Sum*>(row + GroupTable::kPayload); }

}  // namespace

Batch Consolidate(const Batch& changes) {
  std::vector<size_t> columns(changes.columns.size());
  std::iota(columns.begin(), columns.end(), size_t{0});
  const RowKeys keys(changes, columns);
  GroupTable sums(sizeof(Sum), false);
  std::vector<char*> rows(changes.size);
  sums.FindOrInsert(keys, rows,
                    [](char* row, size_t i) { SumOf(row).first = static_cast<uint32_t>(i); });
  for (size_t i = 0; i < changes.size; ++i) SumOf(rows[i]).weight += changes.weight(i);
  std::vector<uint32_t> kept;
  std::vector<int64_t> weights;
  for (uint32_t i = 0; i < changes.size; ++i) {
    const Sum& sum = SumOf(rows[i]);
    if (sum.first != i || sum.weight == 0) continue;
    kept.push_back(i);
    weights.push_back(sum.weight);
  }
  Batch net = changes.Take(kept);
  net.weights = std::move(weights);
  return net;
}

bool AnyRepeated(const RowKeys& keys) {
  std::vector<uint64_t> seen(std::bit_ceil(2 * keys.size() + 1));
  for (size_t i = 0; i < keys.size(); ++i) {
    const uint64_t hash = keys.hash(i) | 1;  // 0: a free place.
    size_t at = (hash >> 1) & (seen.size() - 1);
    for (; seen[at] != 0; at = (at + 1) & (seen.size() - 1)) {
      if (seen[at] == hash) return true;
    }
    seen[at] = hash;
  }
  return false;
}

}  // namespace millrace
