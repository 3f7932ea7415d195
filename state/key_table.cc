#include "state/key_table.h"

#include <cstring>
#include <new>
#include <utility>

namespace millrace {

template <class F>
void KeyTable::ForEachKey(const RowKeys& keys, F f) {
  // Probing in groups overlaps the cache misses of a probe: the slot, then the entry.
  constexpr size_t kGroup = 128;
  for (size_t begin = 0; begin < keys.size(); begin += kGroup) {
    const size_t end = std::min(begin + kGroup, keys.size());
    index_.Reserve(end - begin);
    for (size_t i = begin; i < end; ++i) index_.Prefetch(keys.hash(i));
    for (size_t i = begin; i < end; ++i) Prefetch(index_.Candidate(keys.hash(i)));
    for (size_t i = begin; i < end; ++i) f(i);
  }
}

void KeyTable::FindOrInsert(const RowKeys& keys, std::span<RowRef> refs) {
  ForEachKey(keys, [&](size_t i) { refs[i] = FindOrInsert(keys[i], keys.hash(i)); });
}

void KeyTable::Find(const RowKeys& keys, std::span<RowRef> refs) {
  ForEachKey(keys, [&](size_t i) {
    size_t place = 0;
    const auto same = [&](RowRef ref) { return bytes_of(ref) == keys[i]; };
    refs[i] = index_.Find(keys.hash(i), same, &place);
  });
}

RowRef KeyTable::FindOrInsert(std::string_view key, uint64_t hash) {
  index_.Reserve(1);
  size_t place = 0;
  const auto same = [&](RowRef ref) { return bytes_of(ref) == key; };
  if (const RowRef found = index_.Find(hash, same, &place); found != kNoRow) return found;
  const RowRef ref = heap_.Allocate(sizeof(Key) + key.size());
  Key& entry = *new (heap_.at(ref)) Key;
  entry.size = static_cast<uint32_t>(key.size());
  const bool has_rest = window_prefix_ > 0 && key.size() > window_prefix_;
  const uint64_t place_hash = has_rest ? HashBytes(key.substr(window_prefix_)) : hash;
  entry.vnode = static_cast<uint8_t>(VnodeOf(place_hash));
  if (!key.empty()) std::memcpy(heap_.at(ref) + sizeof(Key), key.data(), key.size());
  index_.InsertAt(place, hash, ref);
  return ref;
}

void KeyTable::Erase(RowRef ref) {
  index_.Erase(HashBytes(bytes_of(ref)), ref);
  heap_.Free(ref, sizeof(Key) + key(ref).size);
}

void KeyTable::ReleaseIfEmpty(RowRef ref) {
  Key& entry = key(ref);
  if (!IsEmpty(entry)) return;
  if (!tracked_) return Erase(ref);
  // Its dropped rows are still to be deleted from the store, under this key.
  if (entry.dead) {
    entry.died_again = true;
  } else {
    entry.dead = true;
    dead_.push_back(ref);
  }
}

void KeyTable::ReleaseEmpty(std::span<const RowRef> refs) {
  if (tracked_) {
    for (RowRef ref : refs) ReleaseIfEmpty(ref);
    return;
  }
  constexpr size_t kAhead = 16;  // Entries whose cache misses overlap.
  std::vector<std::pair<uint64_t, RowRef>> gone;
  for (RowRef ref : refs) {
    if (!IsEmpty(key(ref)) || std::exchange(key(ref).dead, true)) continue;
    gone.emplace_back(HashBytes(bytes_of(ref)), ref);
  }
  for (size_t i = 0; i < gone.size(); ++i) {
    if (i + kAhead < gone.size()) index_.Prefetch(gone[i + kAhead].first);
    const auto [hash, ref] = gone[i];
    index_.Erase(hash, ref);
    heap_.Free(ref, sizeof(Key) + key(ref).size);
  }
}

void KeyTable::BeginCheckpoint() { dying_.swap(dead_); }

void KeyTable::EndCheckpoint() {
  for (RowRef ref : dying_) {
    Key& entry = key(ref);
    if (!IsEmpty(entry)) {
      entry.dead = entry.died_again = false;
    } else if (std::exchange(entry.died_again, false)) {
      dead_.push_back(ref);
    } else {
      Erase(ref);
    }
  }
  dying_.clear();
}

}  // namespace millrace
