#include "executor/join_pairs.h"

#include <algorithm>

#include "types/row_key.h"

namespace millrace {
namespace {

// Column c of the stored rows. Long strings stay where they are if `owner` keeps them there, and
// are copied into `heap` otherwise.
Column GatherColumn(const RowLayout& layout, size_t c, std::span<const char* const> records,
                    const std::shared_ptr<const void>& owner, const std::shared_ptr<Arena>& heap) {
  Column column = layout.Gather(c, records, owner ? nullptr : heap);
  if (owner) column.KeepAlive(owner);
  return column;
}

}  // namespace

void AddMissingSide(const Schema& other, bool behind, Batch* batch) {
  std::vector<Column> missing;
  for (const Field& field : other) missing.push_back(MakeNullColumn(field.type, batch->size));
  const auto at = behind ? batch->columns.end() : batch->columns.begin();
  batch->columns.insert(at, missing.begin(), missing.end());
}

void TakePairs(std::span<const uint32_t> selected, JoinPairs* pairs) {
  for (size_t k = 0; k < selected.size(); ++k) {
    pairs->rows[k] = pairs->rows[selected[k]];
    pairs->records[k] = pairs->records[selected[k]];
    pairs->weights[k] = pairs->weights[selected[k]];
  }
  pairs->rows.resize(selected.size());
  pairs->records.resize(selected.size());
  pairs->weights.resize(selected.size());
}

PairGatherer::PairGatherer(std::string op, ExprPtr residual, Schema left, Schema right,
                           PartitionContext* context)
    : op_(std::move(op)),
      residual_(std::move(residual)),
      schema_(std::move(left)),
      left_columns_(schema_.size()),
      context_(context) {
  std::ranges::move(right, std::back_inserter(schema_));
  needed_.resize(schema_.size());
  if (residual_) ForEachColumn(*residual_, [this](size_t c) { needed_[c] = true; });
}

std::vector<uint32_t> PairGatherer::Select(const PairSides& sides, const JoinPairs& pairs) {
  Batch in;
  in.size = pairs.size();
  for (size_t c = 0; c < schema_.size(); ++c) {
    const size_t side = c < left_columns_ ? 0 : 1;
    const size_t own = c - side * left_columns_;
    if (!needed_[c]) {
      in.columns.push_back(MakeNullColumn(schema_[c].type, in.size));
    } else if (side == sides.arrived) {
      in.columns.push_back(sides.batch.columns[own].Take(pairs.rows));
    } else {
      in.columns.push_back(sides.stored.Gather(own, pairs.records, nullptr));
    }
  }
  RowErrors errors;
  context_->eval.errors = &errors;
  std::vector<uint32_t> selected = millrace::Select(*residual_, in, context_->eval);
  if (!errors.empty()) Report(sides, pairs, std::move(errors));
  return selected;
}

void PairGatherer::Report(const PairSides& sides, const JoinPairs& pairs, RowErrors errors) {
  constexpr uint32_t kGood = UINT32_MAX;
  std::vector<uint32_t> place(pairs.size(), kGood);  // Among the failed ones.
  for (const RowError& error : errors) place[error.row] = 0;
  std::vector<uint32_t> failed;
  for (uint32_t k = 0; k < place.size(); ++k) {
    if (place[k] == kGood) continue;
    place[k] = static_cast<uint32_t>(failed.size());
    failed.push_back(k);
  }
  for (RowError& error : errors) error.row = place[error.row];
  JoinPairs copy = pairs;
  TakePairs(failed, &copy);
  Batch batch = Gather(sides, copy);
  DropFailedRows(errors, op_, schema_, context_, &batch);
}

Batch PairGatherer::Gather(const PairSides& sides, const JoinPairs& pairs) {
  Batch out;
  out.size = pairs.size();
  out.columns.reserve(schema_.size());
  const auto heap = std::make_shared<Arena>();
  for (size_t side = 0; side < 2; ++side) {
    if (side == sides.arrived) {
      for (const Column& column : sides.batch.columns) {
        out.columns.push_back(column.Take(pairs.rows));
      }
      continue;
    }
    for (size_t c = 0; c < sides.stored.columns(); ++c) {
      out.columns.push_back(GatherColumn(sides.stored, c, pairs.records, sides.owner, heap));
    }
  }
  if (!std::ranges::all_of(pairs.weights, [](int64_t w) { return w == 1; })) {
    out.weights = pairs.weights;
  }
  return out;
}

Batch PairGatherer::GatherStored(const RowLayout& layout, std::span<const char* const> records,
                                 const std::shared_ptr<const void>& owner) {
  Batch out;
  out.size = records.size();
  const auto heap = std::make_shared<Arena>();
  for (size_t c = 0; c < layout.columns(); ++c) {
    out.columns.push_back(GatherColumn(layout, c, records, owner, heap));
  }
  return out;
}

}  // namespace millrace
