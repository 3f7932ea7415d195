#include "types/batch.h"

#include "base/compress.h"

namespace millrace {
namespace {

std::vector<int64_t> ConcatWeights(std::span<const Batch> parts) {
  std::vector<int64_t> weights;
  for (const Batch& part : parts) {
    if (part.append_only()) {
      weights.resize(weights.size() + part.size, 1);
    } else {
      weights.insert(weights.end(), part.weights.begin(), part.weights.end());
    }
  }
  return weights;
}

}  // namespace

Batch Batch::Take(std::span<const uint32_t> rows) const {
  Batch out;
  out.size = rows.size();
  out.columns.reserve(columns.size());
  for (const Column& column : columns) out.columns.push_back(column.Take(rows));
  if (!weights.empty()) {
    out.weights.resize(rows.size());
    Gather(weights.data(), rows, out.weights.data());
  }
  return out;
}

Batch Batch::Compress(const uint8_t* keep, size_t kept) const {
  Batch out;
  out.size = kept;
  out.columns.reserve(columns.size());
  for (const Column& column : columns) out.columns.push_back(column.Compress(keep, kept));
  if (!weights.empty()) {
    out.weights.resize(kept);
    CompressTo(weights.data(), keep, kept, out.weights.data());
  }
  return out;
}

Batch Batch::Slice(size_t begin, size_t count) const {
  Batch out;
  out.size = count;
  out.columns.reserve(columns.size());
  for (const Column& column : columns) out.columns.push_back(column.Slice(begin, count));
  if (!weights.empty()) {
    const auto first = weights.begin() + static_cast<ptrdiff_t>(begin);
    out.weights.assign(first, first + static_cast<ptrdiff_t>(count));
  }
  return out;
}

Batch Concat(std::span<const Batch> parts) {
  assert(!parts.empty());
  if (parts.size() == 1) return parts[0];
  Batch out;
  bool weighted = false;
  for (const Batch& part : parts) {
    out.size += part.size;
    weighted |= !part.append_only();
  }
  if (weighted) out.weights = ConcatWeights(parts);
  std::vector<Column> columns;
  columns.reserve(parts.size());
  for (size_t c = 0; c < parts[0].columns.size(); ++c) {
    columns.clear();
    for (const Batch& part : parts) columns.push_back(part.columns[c]);
    out.columns.push_back(Concat(columns));
  }
  return out;
}

}  // namespace millrace
