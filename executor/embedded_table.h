// A table without a connector: its log and, if its rows may change, the rows as they are.
//
// What changes a row is made a full delta (the old row with weight -1, the new one with +1) before
// it goes to the log, so all readers of the log get the same finished changes and keep nothing for
// it. The rows are kept once, here, for that, for UPDATE and DELETE, and for queries.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

#include "connectors/table_log.h"
#include "executor/view.h"

namespace millrace {

struct EmbeddedTableOptions {
  std::string directory;
  Schema schema;            // Of the physical columns.
  std::vector<size_t> key;  // Of a table with a PRIMARY KEY.
  bool changes = false;     // Else rows only come.
  bool sync = true;         // fsync before a write is acknowledged.
  // The log is compacted when it is longer than this and than twice the rows, in bytes.
  uint64_t compact_bytes = 4 << 20;
};

// Thread-safe.
class EmbeddedTable {
 public:
  // Opens or creates the log and reads the rows. Throws Error(kIo).
  explicit EmbeddedTable(EmbeddedTableOptions options);
  ~EmbeddedTable();  // Waits for a running compaction.

  const EmbeddedTableOptions& options() const { return options_; }
  // Rows ever added; of a table that changes, the rows there are.
  uint64_t rows() const;

  uint64_t log_rows() const { return log_.rows(); }

  // Adds the rows, one after the other, and returns when that is durable. In a table with a key a
  // row replaces that of its key, and one of negative weight deletes it (its other columns do not
  // matter). In a changing table without a key a negative weight takes copies of that row out.
  // Throws Error(kTypeMismatch) when a key is NULL, Error(kBadRequest) when a row to be taken out
  // is not there or the table is append-only, and with a key Error(kConflict) as
  // TableLog::FindRequest. Returns the log's new rows.
  AppendedRows Insert(const Batch& rows, const RequestKey* key = nullptr);
  // What a job gives in one step; again after a crash without effect. Not synced: SyncAll().
  // With a key: rows that are gone or replaced come with negative weights, in any order.
  void InsertOnce(const std::string& writer, uint64_t sequence, const Batch& changes);
  void SyncAll() { log_.SyncAll(); }

  // Excludes other writers while new rows are made of the old ones.
  std::unique_lock<std::mutex> TryLockWrites() { return {writers_, std::try_to_lock}; }
  void WaitForWrites() { const std::lock_guard lock(writers_); }
  // Takes out `gone`, rows of the table as they are with positive weights, and adds `come`; unlocks
  // `writing`, and returns when that is durable. Throws Error(kBadRequest) when two rows would have
  // the same key.
  void Change(std::unique_lock<std::mutex> writing, const Batch& gone, const Batch& come);

  // The rows as they are, of a table that changes: at least everything acknowledged before.
  std::vector<Batch> Rows();

  // The changes from the start of the log; see TableLog::OpenSource.
  std::unique_ptr<Source> OpenSource(std::vector<size_t> columns, TableRead read) {
    return log_.OpenSource(std::move(columns), read);
  }
  // Writes down the rows as they are, so that the log before may go.
  void Compact();
  // Waits for a running compaction; no other follows. Before the files are removed.
  void StopCompaction();

 private:
  void Load();
  void CheckKeys(const Batch& rows) const;
  Batch DeltaOf(const Batch& rows) const;
  Batch UpsertDelta(const Batch& rows) const;
  Batch NetDelta(const Batch& changes) const;
  void CheckTakenOut(const Batch& delta) const;
  void CheckNewKeys(const Batch& gone, const Batch& come) const;
  TableLog::Written Write(const Batch& delta, const RequestKey* key = nullptr);
  AppendedRows InsertChanges(const Batch& rows, const RequestKey* key);
  void Apply(const Batch& delta);
  void CompactIfDue();

  const EmbeddedTableOptions options_;
  TableLog log_;
  std::mutex writers_;  // Held from reading rows for a change until it is in the log and the rows.
  mutable std::shared_mutex rows_mutex_;  // Guards rows_.
  ViewPartition rows_;                    // Of a table that changes.
  TableLog::Written last_;  // The last record in rows_; guarded like it.
  std::atomic<bool> compacting_ = false;
  std::thread compactor_;  // Replaced by who set compacting_.
};

}  // namespace millrace
