// The rows of a materialized view: copy-on-write column chunks plus a key index, per partition.
//
// The pipeline's threads change a partition only inside Publish(), under the pipeline's view lock;
// readers take that lock shared to copy pointers (Snapshot) or single rows (Lookup). Between,
// nobody writes.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "state/group_table.h"
#include "state/store.h"
#include "types/batch.h"

namespace millrace {

// Rows [0, used) of the columns; weights[i] is how often row i is there, 0 for a free slot.
struct ViewChunk {
  static constexpr size_t kRows = 1024;
  std::vector<Column> columns;
  std::vector<int64_t> weights;
  std::shared_ptr<Arena> heap;   // Long strings of the rows, dead ones included.
  size_t compact_at = 64 << 10;  // Heap size at which dead strings are looked for.
};

struct ViewSpec;

// Of a partition some rows of which are in the store alone: how to find them.
struct ColdViewRows {
  const Store* store;
  std::shared_ptr<const StoreSnapshot> snapshot;
  OperatorId op;
  VnodeRange vnodes;
  std::shared_ptr<const ViewSpec> spec;
  std::vector<std::string> buried;  // Keys of rows that have gone.
};

// An immutable picture of one partition.
struct ViewSnapshot {
  std::vector<std::shared_ptr<const ViewChunk>> chunks;
  size_t rows = 0;  // Slots in use, the last chunk's rest is unused.
  std::shared_ptr<const ColdViewRows> cold;  // Null when the chunks have all.
  // Calls f with each chunk's live rows; batches have no weights when all are 1.
  void ForEach(const std::function<void(Batch)>& f) const;

 private:
  void ForEachInMemory(const std::function<void(Batch)>& f) const;
};

struct ViewSpec {
  Schema schema;
  std::vector<size_t> key;  // Columns; see `kind`.
  enum class Kind : uint8_t {
    kAppend,  // Append-only and without key: rows are only added, nothing is looked up.
    kBag,     // Keyed by the whole row, holds the count.
    kKeyed,   // One row per key.
  };
  Kind kind = Kind::kKeyed;
  std::optional<size_t>
      retention_column;  // Rows leave when its value is behind watermark - retention.
  int64_t retention = 0;
  size_t max_rows = 0;  // 0: no limit; else the oldest leave (by insertion; kAppend and kBag).
};

class ViewPartition {
 public:
  // `tracked`: changes are remembered for checkpoints.
  ViewPartition(ViewSpec spec, bool tracked);

  // Applies a step's changes, in any order: for kKeyed, of what remains when they are added up, a
  // positive weight sets the key's row and a negative one removes it unless another sets it too.
  // REQUIRES: kKeyed changes with negative weights come in one batch.
  void Apply(std::span<const Batch> changes);
  void Apply(const Batch& changes) { Apply(std::span(&changes, 1)); }
  // The rows that `changes` are about to replace, for a full delta: weight -1 for each live row
  // whose key has a +1 and no -1 in `changes` (updates that arrived as +1 only). kKeyed only.
  std::optional<Batch> Replaced(const Batch& changes) const;
  // The live rows of those of `keys` named by `which`; `found` receives which of them have one.
  // kKeyed and kBag.
  Batch Rows(const RowKeys& keys, std::span<const uint32_t> which,
             std::vector<uint32_t>* found) const;
  // The rows that leave now because their time is behind watermark - retention, with weights that
  // take them out; each is given once. They go when Apply() is told.
  std::optional<Batch> TakeExpired(int64_t watermark);

  ViewSnapshot Snapshot() const;
  // The row with this encoded key (kKeyed).
  std::optional<Batch> Lookup(std::string_view key) const;
  // How often the row with this encoded key is there (kKeyed: 0 or 1; kBag).
  int64_t Count(std::string_view key) const;
  size_t live() const { return live_; }
  size_t bytes() const;

  void BeginCheckpoint(OperatorId op, StateWriter* writer);
  bool CopySlice(size_t max_rows);
  void Restore(OperatorId op, const Store& store, size_t partition, size_t partitions);

  // Rows in the store alone, as executor/operator.h says; of kKeyed and kBag without retention.
  void OpenStore(OperatorId op, const Store& store, size_t partition, size_t partitions);
  bool evicts() const { return index_.opened(); }
  bool cold() const { return index_.cold(); }
  // Reads the rows that are in the store alone and that the changes are about, for the next Apply().
  void ReadCold(std::span<const Batch> changes);
  void ForgetRead() { read_.clear(); }
  void Settle() { index_.Settle(); }
  size_t Evict(size_t bytes, unsigned min_age);
  bool Warm(size_t max_rows);
  size_t used_bytes() const;
  ColdCounts cold_counts() const { return index_.cold_rows().counts(); }
  // Restored without being read: how many rows that were, of this partition and others.
  void AddUnread(size_t rows) { live_ += rows; }

 private:
  static constexpr uint32_t kNoSlot = UINT32_MAX;

  static uint32_t& SlotOf(char* row) {
    return *reinterpret_cast<uint32_t*>(row + GroupTable::kPayload);
  }
  static uint32_t SlotOf(const char* row) {
    return *reinterpret_cast<const uint32_t*>(row + GroupTable::kPayload);
  }
  // Where the weights (c = 0) or the values of column c - 1 lie in the slot's chunk; see cells_.
  char*& Cells(uint32_t slot, size_t c) {
    return cells_[slot / ViewChunk::kRows * (spec_.schema.size() + 1) + c];
  }
  int64_t& Weight(uint32_t slot) {
    return reinterpret_cast<int64_t*>(Cells(slot, 0))[slot % ViewChunk::kRows];
  }
  // Makes sure that no reader holds the chunk of the slot; once in an Apply().
  void MakeWritable(uint32_t slot) {
    if (writable_since_[slot / ViewChunk::kRows] != applied_)
      MakeChunkWritable(slot / ViewChunk::kRows);
  }
  void MakeChunkWritable(size_t k);
  void SetChunk(size_t k, std::shared_ptr<ViewChunk> chunk);
  void FindCells(size_t k);
  std::shared_ptr<ViewChunk> NewChunk() const;
  uint32_t NewSlot();
  void Append(const Batch& changes);
  void ApplyBatch(const Batch& changes);
  void ApplyNet(const Batch& changes);
  void WriteColumn(const Column& in, size_t c, std::span<const uint32_t> from,
                   std::span<const uint32_t> to);
  template <class T>
  void WriteFixed(const Column& in, size_t c, std::span<const uint32_t> from,
                  std::span<const uint32_t> to);
  void WriteValue(const Column& in, size_t c, uint32_t from, uint32_t to);
  void Remove(char* row);
  void NoteTime(uint32_t slot, char* row);
  void EncodeRow(uint32_t slot, std::string* value) const;
  uint32_t DecodeRow(std::string_view value);
  std::optional<Batch> LookupCold(std::string_view key) const;
  void FillRow(char* row, std::string_view value);
  void InsertRead();
  size_t slot_bytes() const;
  size_t heap_bytes() const;
  void CopyAppended(size_t* max_rows);
  void DropOldest();

  ViewSpec spec_;
  bool tracked_;
  GroupTable index_;  // Key to slot; unused by kAppend.
  std::vector<std::shared_ptr<ViewChunk>> chunks_;
  // For each chunk its weights and its columns' values, so that a cell is one step away and not
  // four. Null where there is more to do than to copy a value: strings, nested values, NULLs.
  std::vector<char*> cells_;
  std::vector<uint64_t> writable_since_;  // For each chunk the Apply() that found it unshared.
  uint64_t applied_ = 0;                  // Apply() so far.
  std::vector<uint32_t> free_;
  uint32_t next_ = 0;  // Slots ever used.
  size_t live_ = 0;  // All partitions' add up to the rows there are; one's own may be off by AddUnread.
  std::multimap<int64_t, std::string> times_;  // Retention: time to key.
  std::vector<char*> rows_;                    // Scratch.
  std::vector<std::pair<std::string, std::string>> read_;  // By ReadCold: keys and values.
  std::shared_ptr<const ViewSpec> shared_spec_;            // With a store.
  size_t partition_ = 0, partitions_ = 1;
  // kAppend: rows are stored under their number, which counts on over restarts.
  uint64_t first_number_ = 0;  // Of slot 0.
  uint32_t copied_ = 0;        // Slots below are stored or being copied.
  uint32_t cut_ = 0;           // The running checkpoint ends here.
  OperatorId op_ = 0;
  StateWriter* writer_ = nullptr;
  std::string partition_tag_;  // Makes numbers of different partitions and runs distinct.
};

}  // namespace millrace
