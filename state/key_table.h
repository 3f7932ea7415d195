// The keys by which rows of one or two relations are found (state/keyed_rows.h): the state of
// joins.
//
// An entry is a Key and the encoded key's bytes (types/row_key.h); it never moves while it lives.
// Entries are not stored: rows bring their key with them.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "state/ref_index.h"
#include "types/row_key.h"

namespace millrace {

class KeyTable {
 public:
  struct Key {
    RowRef heads[2] = {kNoRow, kNoRow};  // Of each relation's rows with this key.
    uint32_t size = 0;                   // Of the encoded key.
    uint8_t vnode = 0;
    uint8_t flags = 0;  // For the owner.
    bool dead = false, died_again = false;
  };

  // `window_prefix`: bytes in front of a key that do not choose its partition, unless they are all.
  // `tracked`: rows are checkpointed, and what is left of a dropped one refers to its key.
  KeyTable(size_t window_prefix, bool tracked) : window_prefix_(window_prefix), tracked_(tracked) {}

  Key& key(RowRef ref) { return *reinterpret_cast<Key*>(heap_.at(ref)); }
  const Key& key(RowRef ref) const { return *reinterpret_cast<const Key*>(heap_.at(ref)); }
  std::string_view bytes_of(RowRef ref) const {
    return {heap_.at(ref) + sizeof(Key), key(ref).size};
  }
  void Prefetch(RowRef ref) const { __builtin_prefetch(heap_.at(ref), 1); }

  // Sets refs[i] to the entry of keys[i].
  void FindOrInsert(const RowKeys& keys, std::span<RowRef> refs);
  RowRef FindOrInsert(std::string_view key, uint64_t hash);
  // The same, but kNoRow where there is none.
  void Find(const RowKeys& keys, std::span<RowRef> refs);

  // The entry goes if it has no rows (at once, or with the checkpoint that forgets them).
  void ReleaseIfEmpty(RowRef ref);
  // The same for several; an entry may be named twice.
  void ReleaseEmpty(std::span<const RowRef> refs);
  // Around a checkpoint of the rows.
  void BeginCheckpoint();
  void EndCheckpoint();

  // Slots of the table, for walks over all keys in pieces; kNoRow where there is none. The order
  // changes when a key comes or goes.
  size_t slots() const { return index_.slots(); }
  RowRef at_slot(size_t slot) const { return index_.at_slot(slot); }

  size_t size() const { return index_.size(); }
  size_t bytes() const { return heap_.bytes() + index_.bytes(); }

 private:
  static bool IsEmpty(const Key& key) { return key.heads[0] == kNoRow && key.heads[1] == kNoRow; }
  void Erase(RowRef ref);
  template <class F>
  void ForEachKey(const RowKeys& keys, F f);

  size_t window_prefix_;
  bool tracked_;
  RowHeap heap_;
  RefIndex index_;
  std::vector<RowRef> dead_;   // Emptied since the last checkpoint began; each once.
  std::vector<RowRef> dying_;  // Before that.
};

}  // namespace millrace
