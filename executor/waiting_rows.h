// Rows that wait for an answer until an instant of the clock. What they wait for may come from
// anywhere: the step that asked does not wait for it.
//
// State rows: key   := the row, due:BIGINT, tries:BIGINT (types/row_key.h)
//             value := weight:fixed64
#pragma once

#include <map>
#include <span>
#include <vector>

#include "executor/operator.h"
#include "state/group_table.h"

namespace millrace {

class WaitingRows {
 public:
  // `exchange`: the columns by which rows are in their partition.
  WaitingRows(Schema schema, std::vector<size_t> exchange, bool tracked);

  // The rows `which` of the batch, of positive weight, wait until `due` (micros) after `tries`.
  void Add(const Batch& batch, std::span<const uint32_t> which, int64_t due, int64_t tries);
  // Those whose time has come, in batches by how often they tried.
  std::map<int64_t, Batch> TakeDue(int64_t now);
  // When the next one is due; kMaxWatermark: none waits.
  int64_t next() const { return due_.empty() ? kMaxWatermark : due_.begin()->first; }

  void BeginCheckpoint(OperatorId id, StateWriter* writer);
  bool CopySlice(size_t max_rows) { return rows_.CopySlice(max_rows); }
  void Restore(OperatorId id, const Store& store, size_t partition, size_t partitions);
  size_t bytes() const { return rows_.bytes(); }
  size_t size() const { return rows_.size(); }

 private:
  static int64_t& WeightOf(char* row) {
    return *reinterpret_cast<int64_t*>(row + GroupTable::kPayload);
  }
  Batch Decode(std::span<char* const> rows) const;

  Schema schema_;  // Of the rows, then due and tries.
  std::vector<size_t> exchange_;
  std::vector<size_t> columns_;  // All of them.
  GroupTable rows_;
  std::map<int64_t, std::vector<char*>> due_;
  std::vector<char*> found_;  // Scratch.
};

}  // namespace millrace
