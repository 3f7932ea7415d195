// A hash table of references to records (state/row_heap.h), which the owner compares.
//
// Open addressing with linear probing. A slot holds 32 bits of the hash, which place the record and
// decide nearly every comparison without touching it. Places are in the order of the hashes, so
// that growing streams through memory and can go in small factors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "state/row_heap.h"

namespace millrace {

class RefIndex {
 public:
  RefIndex() : slots_(kFirstSlots) {}

  size_t size() const { return size_; }
  size_t bytes() const { return slots_.size() * sizeof(Slot); }
  size_t slots() const { return slots_.size(); }
  RowRef at_slot(size_t slot) const { return slots_[slot].ref; }  // kNoRow: an empty one.

  void Reserve(size_t more) {
    while ((size_ + more) * 5 > slots_.size() * 4) Grow();
  }
  void Prefetch(uint64_t hash) const { __builtin_prefetch(&slots_[Home(Tag(hash))]); }
  // The record that Find(hash) will most likely look at first, or kNoRow.
  RowRef Candidate(uint64_t hash) const {
    const Slot& slot = slots_[Home(Tag(hash))];
    return slot.hash == Tag(hash) ? slot.ref : kNoRow;
  }

  // The record with this hash for which same(ref) holds; else kNoRow, and `*place` is where
  // InsertAt may put it before anything else changes.
  template <class Same>
  RowRef Find(uint64_t hash, Same same, size_t* place) const {
    const uint32_t tag = Tag(hash);
    size_t s = Home(tag);
    for (; slots_[s].ref != kNoRow; s = Next(s)) {
      if (slots_[s].hash == tag && same(slots_[s].ref)) return slots_[s].ref;
    }
    *place = s;
    return kNoRow;
  }
  // REQUIRES: Reserve was called before Find.
  void InsertAt(size_t place, uint64_t hash, RowRef ref) {
    slots_[place] = {Tag(hash), ref};
    ++size_;
  }
  void Insert(uint64_t hash, RowRef ref) {
    Reserve(1);
    InsertAt(EmptyFor(Tag(hash)), hash, ref);
  }
  // REQUIRES: the record is in.
  void Erase(uint64_t hash, RowRef ref);

 private:
  struct Slot {
    uint32_t hash;
    RowRef ref;
  };
  static constexpr size_t kFirstSlots = 64;

  // The hash's low bits: the high ones choose the partition and are much alike within one.
  static uint32_t Tag(uint64_t hash) { return static_cast<uint32_t>(hash); }
  size_t Home(uint32_t tag) const { return uint64_t{tag} * slots_.size() >> 32; }
  size_t Next(size_t slot) const { return slot + 1 == slots_.size() ? 0 : slot + 1; }
  size_t EmptyFor(uint32_t tag) const {
    size_t s = Home(tag);
    while (slots_[s].ref != kNoRow) s = Next(s);
    return s;
  }
  void Grow();

  std::vector<Slot> slots_;
  size_t size_ = 0;
};

}  // namespace millrace
