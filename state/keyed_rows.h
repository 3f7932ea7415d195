// The rows of one relation by key: one side of a join.
//
// The rows of a key (state/key_table.h) are a list, or where they are found by their time a tree:
// a treap, the priorities of which are hashes of the rows' references. Rows mostly come and go in
// the order of their times, at the tree's ends: those know their parents, and the root the last
// row, so that neither walks the tree. Each row is stored once, with a weight, as a record
// (state/row_layout.h). Rows never move.
//
// State rows: key := join key (types/row_key.h) id
//             id := generation:fixed16be ref:fixed32be, of the row when it was first stored
//             value := weight:varint (zigzag) and the record without its base
// References are unique in a process; the generation tells processes apart.
//
// Checkpoints are copied in slices, as those of state/group_table.h.
#pragma once

#include <limits>
#include <span>
#include <string>
#include <vector>

#include "state/key_table.h"
#include "state/row_layout.h"
#include "state/state_writer.h"
#include "state/store.h"

namespace millrace {

class KeyedRows {
 public:
  // How the stored row that equals a coming one is found.
  enum class Lookup : uint8_t {
    kNone,   // It is not: rows only come, and equal ones are stored side by side.
    kWalk,   // Among the rows of its key, which are few.
    kIndex,  // By its hash: a key may have any number.
    kTime,   // By its time. As kNone, unless `merged`.
  };
  struct Options {
    std::vector<Type> columns;
    Lookup lookup = Lookup::kIndex;
    bool counted = false;  // Rows have a count of the owner's.
    int64_t ttl = 0;       // Micros without change after which a row is gone; 0: never.
    bool merged = false;   // kTime: equal rows are one.
    bool tracked = false;  // Rows are checkpointed.
  };
  struct Row {
    int64_t weight;  // Below zero only within a step; at zero until the owner erases it.
    RowRef next;     // Of its key; kTime: the root of the rows below that come before it.
    RowRef key;
    RowRef previous;  // Of its key, kIndex only; kTime: the root of those below that come behind.
    uint8_t epoch;    // Of the table when the row last changed; 0: as it was last copied.
    uint8_t state;    // Bits below.
  };
  // As kTime has them.
  struct TimedRow {
    Row row;
    RowRef parent;  // In the tree; of the root: the last row.
  };
  // Bits of `state` that are the owner's.
  static constexpr uint8_t kTouched = 1, kEmptied = 2;

  // A row that a batch changed (none: its weight was 0), and its weight before.
  struct Change {
    RowRef row = kNoRow;
    int64_t before = 0;
  };

  // The rows are list `side` of the keys.
  KeyedRows(Options options, size_t side, KeyTable* keys);

  const RowLayout& layout() const { return layout_; }
  char* record(RowRef ref) const { return heap_.at(ref); }
  Row& row(RowRef ref) const { return *reinterpret_cast<Row*>(heap_.at(ref)); }
  uint32_t& count(RowRef ref) const {
    return *reinterpret_cast<uint32_t*>(heap_.at(ref) + count_offset_);
  }
  bool counted() const { return options_.counted; }
  RowRef head(RowRef key) const { return keys_->key(key).heads[side_]; }
  void Prefetch(RowRef ref) const { __builtin_prefetch(heap_.at(ref), 1); }
  // What taking the row out touches besides. kTime.
  void PrefetchLinks(RowRef ref) const {
    keys_->Prefetch(row(ref).key);
    Prefetch(parent(ref));
  }

  // Whether the row counts at `now`.
  bool Visible(RowRef ref, int64_t now) const { return row(ref).weight != 0 && !Expired(ref, now); }

  // Adds weights[i] (null: 1 each) to the row that equals row i of `source` under keys[i].
  void Add(const RowSource& source, std::span<const RowRef> keys, const int64_t* weights,
           int64_t now, std::vector<Change>* changes);
  // The same for kTime; times[i] is that of row i.
  void AddTimed(const RowSource& source, std::span<const RowRef> keys,
                std::span<const int64_t> times, const int64_t* weights,
                std::vector<Change>* changes);
  int64_t time_of(RowRef ref) const { return time(ref); }
  // Calls f with the key's rows of times in [first, last], in their order; f erases none. kTime.
  template <class F>
  void ForEachBetween(RowRef key, int64_t first, int64_t last, F f) const {
    Visit(head(key), first, last, f);
  }
  // The key's last row of a time up to `until`, or kNoRow. Of those of one time it is the one for
  // which no other is better(it, other). kTime.
  template <class Better>
  RowRef LastUntil(RowRef key, int64_t until, Better better) const {
    RowRef found = kNoRow;
    for (RowRef ref = head(key); ref != kNoRow;) {
      const bool in_reach = time(ref) <= until;
      if (in_reach) found = ref;
      ref = in_reach ? row(ref).previous : row(ref).next;
    }
    if (found == kNoRow) return found;
    const int64_t last = time(found);
    ForEachBetween(key, last, last, [&](RowRef ref) {
      if (ref != found && better(ref, found)) found = ref;
    });
    return found;
  }
  // Calls f with every row, in no order. kTime.
  template <class F>
  void ForEach(F f) const {
    constexpr auto kFirst = std::numeric_limits<int64_t>::min();
    constexpr auto kLast = std::numeric_limits<int64_t>::max();
    for (size_t slot = 0; slot < keys_->slots(); ++slot) {
      if (keys_->at_slot(slot) != kNoRow) Visit(head(keys_->at_slot(slot)), kFirst, kLast, f);
    }
  }
  // Takes the row out.
  void Erase(RowRef ref);
  // Takes those rows of the key out for which drop(ref) holds. Not for kTime.
  template <class Drop>
  void EraseIf(RowRef key, Drop drop) {
    RowRef* link = &keys_->key(key).heads[side_];
    while (*link != kNoRow) {
      const RowRef ref = *link;
      if (!drop(ref)) {
        link = &row(ref).next;
        continue;
      }
      *link = row(ref).next;
      if (options_.lookup == Lookup::kIndex && *link != kNoRow) {
        row(*link).previous = row(ref).previous;
      }
      Forget(ref);
    }
  }
  // Takes the key's expired rows out.
  void EraseExpired(RowRef key, int64_t now);

  // Before a row's weight or count changes: keeps the checkpoint consistent.
  void BeforeChange(RowRef ref) {
    if (options_.tracked && row(ref).epoch != epoch_) MarkDirty(ref);
  }
  void BeginCheckpoint(OperatorId op, StateWriter* writer);
  bool CopySlice(size_t max_rows);
  void Restore(OperatorId op, const Store& store, size_t partition, size_t partitions);

  // Keeps the rows' memory, for batches whose strings lie in it. REQUIRES: no row is ever erased.
  const std::shared_ptr<const void>& owner() const { return heap_.owner(); }
  size_t size() const { return size_; }
  size_t bytes() const { return heap_.bytes() + index_.bytes(); }
  uint64_t expired() const { return expired_; }  // Rows since the start.

 private:
  enum : uint8_t { kErased = 4, kStored = 8, kRestored = 16 };
  // Bytes of Row and of TimedRow in use.
  static constexpr size_t kBase = 22, kTimedBase = sizeof(Row) + sizeof(RowRef);
  static constexpr size_t kIdSize = 6;

  bool Expired(RowRef ref, int64_t now) const {
    return options_.ttl > 0 && time(ref) + options_.ttl <= now;
  }
  int64_t& time(RowRef ref) const {
    return *reinterpret_cast<int64_t*>(heap_.at(ref) + time_offset_);
  }
  RowRef& parent(RowRef ref) const { return reinterpret_cast<TimedRow*>(heap_.at(ref))->parent; }
  RowRef New(const RowSource& source, size_t i, RowRef key, int64_t at = 0);
  RowRef FindAmong(RowRef key, const RowSource& source, size_t i, int64_t now) const;
  RowRef FindOrNew(RowRef key, const RowSource& source, size_t i, uint64_t hash, int64_t now);
  void AddByIndex(const RowSource& source, std::span<const RowRef> keys, const int64_t* weights,
                  int64_t now, std::vector<Change>* changes);
  void AddWeight(RowRef ref, int64_t weight, int64_t now, Change* change);
  void Link(RowRef ref);
  // kTime: equal times are in the order of the references.
  bool ComesBefore(RowRef a, RowRef b) const {
    return time(a) != time(b) ? time(a) < time(b) : a < b;
  }
  void LinkByTime(RowRef ref);
  void LinkLast(RowRef ref, RowRef* root);
  RowRef LinkBetween(RowRef ref, RowRef* root);
  void UnlinkByTime(RowRef ref);
  RowRef Before(RowRef last) const;
  RowRef FindAtTime(RowRef key, int64_t at, const RowSource& source, size_t i) const;
  template <class F>
  void Visit(RowRef ref, int64_t first, int64_t last, F& f) const {
    while (ref != kNoRow) {
      const Row& own = row(ref);
      const RowRef behind = own.previous;
      if (time(ref) < first) {
        ref = behind;
      } else if (time(ref) > last) {
        ref = own.next;
      } else {
        Visit(own.next, first, last, f);
        f(ref);
        ref = behind;
      }
    }
  }
  void Forget(RowRef ref);
  void MarkDirty(RowRef ref);
  void Write(RowRef ref);
  void Free(RowRef ref);
  void AppendId(RowRef ref, std::string* key) const;
  void RestoreRow(std::string_view key, std::string_view id, std::string_view value);

  Options options_;
  size_t side_;
  KeyTable* keys_;
  RowLayout layout_;
  size_t count_offset_ = 0, time_offset_ = 0;
  RowHeap heap_;
  RefIndex index_;  // kIndex: by the hash of the row.
  size_t size_ = 0;
  uint64_t expired_ = 0;

  uint16_t generation_ = 0;
  // Rows of the running epoch are dirty, those of the one before pending until they are copied.
  uint8_t epoch_ = 1;
  uint8_t pending_epoch_ = 0;
  std::vector<RowRef> dirty_, pending_;
  size_t next_pending_ = 0;
  OperatorId op_ = 0;
  StateWriter* writer_ = nullptr;
  std::string key_, value_;  // Scratch.
};

}  // namespace millrace
