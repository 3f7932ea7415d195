// What joins make of rows that meet: candidate pairs, of which a condition selects some, become
// batches.
#pragma once

#include <memory>
#include <vector>

#include "executor/operator.h"
#include "functions/expr.h"
#include "state/row_layout.h"

namespace millrace {

// Pairs of a row of the batch that arrived and a stored row of the other side.
struct JoinPairs {
  // A join gathers its pairs in pieces of this size, whatever the number of partners of a row.
  static constexpr size_t kRows = 2048;

  std::vector<uint32_t> rows;  // Of the batch.
  std::vector<const char*> records;
  std::vector<int64_t> weights;  // Products.

  size_t size() const { return rows.size(); }
  void Add(uint32_t row, const char* record, int64_t weight) {
    rows.push_back(row);
    records.push_back(record);
    weights.push_back(weight);
  }
  void Clear() {
    rows.clear();
    records.clear();
    weights.clear();
  }
};

// The two sides of a batch of pairs.
struct PairSides {
  size_t arrived;  // 0: the batch is of the left side; 1: of the right one.
  const Batch& batch;
  const RowLayout& stored;
  // Keeps the records' memory, if they are never erased; else long strings are copied.
  std::shared_ptr<const void> owner;
};

class PairGatherer {
 public:
  // `residual`: over the left columns, then the right ones; null: TRUE. Rows on which it fails are
  // reported under `op`.
  PairGatherer(std::string op, ExprPtr residual, Schema left, Schema right,
               PartitionContext* context);

  bool has_residual() const { return residual_ != nullptr; }
  // The pairs for which the residual is TRUE; those on which it fails become error rows. REQUIRES:
  // has_residual.
  std::vector<uint32_t> Select(const PairSides& sides, const JoinPairs& pairs);
  // The left columns, then the right ones.
  Batch Gather(const PairSides& sides, const JoinPairs& pairs);
  // The stored rows alone.
  static Batch GatherStored(const RowLayout& layout, std::span<const char* const> records,
                            const std::shared_ptr<const void>& owner);

 private:
  void Report(const PairSides& sides, const JoinPairs& pairs, RowErrors errors);

  std::string op_;
  ExprPtr residual_;
  Schema schema_;  // Of both.
  size_t left_columns_;
  std::vector<bool> needed_;  // Columns of the residual.
  PartitionContext* context_;
};

// Rows of one side without a partner as the output has them: NULLs stand for the other side's
// columns, behind theirs or before.
void AddMissingSide(const Schema& other, bool behind, Batch* batch);

// Keeps those of the pairs. REQUIRES: `selected` ascends.
void TakePairs(std::span<const uint32_t> selected, JoinPairs* pairs);

}  // namespace millrace
