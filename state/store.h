// Durable state: one LevelDB in a data directory, fed by sealed segment files.
//
//   DIR/LOCK              locked by the process that uses the directory
//   DIR/format            the format version of the directory, a decimal number
//   DIR/db/               LevelDB
//   DIR/segments/J-E.seg  the state changes of job group J for epoch E, until they are in LevelDB
//   DIR/journal/J-E.log   steps of pipeline J after epoch E (written by the executor)
//   DIR/tables/T/         logs of embedded tables (written by connectors/table_log)
//
//   LevelDB keys:
//   's' op:fixed32be vnode:uint8 row_key   state rows
//   'e' pipeline:fixed32be                 the sealed epoch: number:fixed64 has_segment:uint8
//                                          metadata
//   'a' pipeline:fixed32be                 the last epoch whose segment is in LevelDB: fixed64
//   'm' name                               metadata: catalog entries, settings, ids
//
//   segment := entry* , sorted by (op, vnode, key), followed by footer
//   entry   := flag:uint8 op:fixed32 vnode:uint8 key_size:varint32 value_size:varint32 key value
//   footer  := entries:fixed64 crc32c:fixed32 "MRSEG1\0\0"   (crc of all before it)
//
// The seal of an epoch is its commit point: a synced LevelDB write after the segment file is
// synced. Segments are applied in the background, in chunks, idempotently, and again after a
// restart if needed.
//
// After an I/O error whatever is called next opens LevelDB again and goes on, if the disk lets it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "state/state_writer.h"

namespace millrace {

struct StoreOptions {
  bool sync = true;   // fsync at commits; tests turn it off.
  bool apply = true;  // Off in crash tests: sealed segments wait for the directory's next opening.
};

// A state row's place within its operator.
struct StateKey {
  uint32_t vnode;
  std::string_view key;
};

// The vnodes [first, end) of partition `p` of `partitions`.
struct VnodeRange {
  uint32_t first = 0, end = 0;
  static VnodeRange Of(size_t p, size_t partitions);
};

// What the database holds at one moment. Must not outlive its store.
class StoreSnapshot;

// What is known of a pipeline's last sealed epoch.
struct SealedEpoch {
  uint64_t epoch = 0;
  std::string metadata;  // Positions, watermarks, timers: the executor's encoding.
};

// Thread-safe.
class Store {
 public:
  // Opens or creates the directory. Throws Error(kDataDirectory) with one clear line when it is in
  // use by another process, unwritable, or of a newer format.
  Store(std::string directory, StoreOptions options);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  const std::string& directory() const;
  bool sync() const;

  // Metadata, atomically and synced. Put of an empty optional deletes.
  void PutMeta(std::span<const std::pair<std::string, std::optional<std::string>>> entries);
  std::optional<std::string> GetMeta(std::string_view name) const;
  void ScanMeta(std::string_view prefix,
                const std::function<void(std::string_view name, std::string_view value)>& f) const;

  // Sorts the changes, writes and syncs the segment, seals the epoch, and queues the segment to be
  // applied. A later epoch of the same pipeline may follow while earlier segments are still being
  // applied. Throws Error(kIo): then LastEpoch() says whether it is sealed.
  // REQUIRES: the epochs of a pipeline come in order.
  void Commit(uint32_t pipeline, const SealedEpoch& epoch, std::vector<StateWriter> writers);
  std::optional<SealedEpoch> LastEpoch(uint32_t pipeline) const;

  // Calls f(vnode, row_key, value) for every row of `op` that partition `p` of `partitions` owns,
  // in key order within a vnode. REQUIRES: WaitApplied() since the last Commit that touched `op`.
  void Scan(OperatorId op, size_t p, size_t partitions,
            const std::function<void(uint32_t vnode, std::string_view key, std::string_view value)>&
                f) const;
  // Calls f from the row with this key of this vnode on, up to the vnode `end`, until it returns
  // false; of the database as it is now, or as it was.
  void ScanFrom(OperatorId op, const StateKey& from, uint32_t end, const StoreSnapshot* snapshot,
                const std::function<bool(uint32_t vnode, std::string_view key,
                                         std::string_view value)>& f) const;
  // Calls f(i, value) for those of the rows that the database holds. Fastest when they are sorted.
  void Get(OperatorId op, std::span<const StateKey> rows, const StoreSnapshot* snapshot,
           const std::function<void(size_t i, std::string_view value)>& f) const;
  std::shared_ptr<const StoreSnapshot> Snapshot() const;

  // Returns when every sealed segment is in LevelDB. Throws what applying threw.
  void WaitApplied();
  // Whether every sealed segment is.
  bool AllApplied() const;
  // Whether one could not be, and waits for TryAgain() or the next commit.
  bool Failing() const;
  // After an error: opens what has to be opened again, and segments that could not be applied are
  // tried again. Throws Error(kIo) when it still does not work.
  void TryAgain();

  // Forgets the state rows of these operators. REQUIRES: no commit touches them any more.
  void DropOperators(std::span<const OperatorId> ops);
  // Forgets the pipeline's epoch. REQUIRES: it commits no more.
  void DropPipeline(uint32_t pipeline);

  // Bytes that LevelDB holds for the operator, roughly.
  uint64_t ApproximateBytes(OperatorId op) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace millrace
