#include "executor/sort.h"

#include <algorithm>
#include <numeric>

#include "types/row_key.h"

namespace millrace {

void SortOperator::OnBatch(size_t, Batch batch, const StepTime&, const Emit&) {
  batches_.push_back(std::move(batch));
}

// Encoded keys compare as SQL orders them; descending keys are complemented. NULL's place is a byte
// of its own before each value.
std::vector<uint32_t> SortOperator::Order(const Batch& rows) const {
  std::vector<uint32_t> order(rows.size);
  std::iota(order.begin(), order.end(), 0u);
  if (spec_.keys.empty()) return order;
  std::vector<std::string> keys(rows.size);
  for (const SortKey& key : spec_.keys) {
    for (size_t i = 0; i < rows.size; ++i) {
      const bool null = rows.columns[key.column].IsNull(i);
      keys[i].push_back(null == key.nulls_first ? '\0' : '\1');
      const size_t begin = keys[i].size();
      AppendKeyColumn(rows.columns[key.column], i, &keys[i]);
      if (!key.descending || null) continue;
      for (size_t at = begin; at < keys[i].size(); ++at)
        keys[i][at] = static_cast<char>(~keys[i][at]);
    }
  }
  std::ranges::stable_sort(order, {}, [&](uint32_t i) -> std::string_view { return keys[i]; });
  return order;
}

void SortOperator::OnStep(const StepTime& time, const Emit& emit) {
  if (!time.finished || done_) return;
  done_ = true;
  if (batches_.empty()) return;
  const Batch rows = Concat(batches_);
  batches_.clear();
  // A row of weight n stands n times; LIMIT and OFFSET count each.
  std::vector<uint32_t> out;
  int64_t skip = spec_.offset;
  int64_t left = spec_.limit.value_or(std::numeric_limits<int64_t>::max());
  for (uint32_t i : Order(rows)) {
    for (int64_t n = rows.weight(i); n > 0 && left > 0; --n) {
      if (skip-- > 0) continue;
      out.push_back(i);
      --left;
    }
  }
  if (out.empty()) return;
  Batch sorted = rows.Take(out);
  sorted.weights.clear();
  emit(std::move(sorted));
}

}  // namespace millrace
