// A hash table from encoded keys to fixed-size mutable rows: the state of aggregates and the index
// of views.
//
// Row layout: key bytes, Header, payload; a row's address is its header's. The key comes first so
// that finding a row touches one cache line, mostly. Rows never move while they live.
//
// Checkpoints are copied in slices between steps: BeginCheckpoint() turns the dirty rows into
// pending ones, CopySlice() writes some of them, and BeforeChange() writes a pending row that is
// about to change first, so that the copy is the table at the cut. Erased rows stay allocated until
// the checkpoint that deletes them has been copied.
//
// Rows may be in the store alone (state/cold_rows.h): while cold(), FetchRows() brings in those of a
// batch's keys before FindOrInsert() and Find() look for them.
#pragma once

#include <cassert>
#include <functional>
#include <span>
#include <vector>

#include "state/cold_rows.h"
#include "state/state_writer.h"
#include "types/row_key.h"

namespace millrace {

class GroupTable {
 public:
  struct Header {
    uint64_t hash;
    uint32_t key_size;
    uint8_t vnode;
    bool touched;   // For the owner: e.g. changed since the step began.
    uint8_t epoch;  // Of the table when the row last changed; 0: as it was last copied.
    uint8_t state;  // Bits below.
  };
  static constexpr size_t kPayload = sizeof(Header);  // Offset of the payload in a row.

  // How a row's payload is stored; appends to `value`.
  using Encode = std::function<void(const char* row, std::string* value)>;

  // `tracked`: rows are checkpointed; else nothing is remembered for it.
  GroupTable(size_t payload_size, bool tracked)
      : payload_size_((payload_size + 7) & ~size_t{7}), tracked_(tracked), slots_(kFirstSlots) {}

  static Header& header(char* row) { return *reinterpret_cast<Header*>(row); }
  static const Header& header(const char* row) { return *reinterpret_cast<const Header*>(row); }
  static std::string_view key(const char* row) {
    const size_t size = header(row).key_size;
    return {row - KeySpace(size), size};
  }
  // A copy of the row with its key.
  char* Copy(const char* row, Arena* arena) const {
    const size_t key_space = KeySpace(header(row).key_size);
    char* copy = arena->Allocate(key_space + row_size());
    std::memcpy(copy, row - key_space, key_space + row_size());
    return copy + key_space;
  }
  size_t payload_size() const { return payload_size_; }
  size_t row_size() const { return kPayload + payload_size_; }  // Without the key.
  size_t size() const { return size_; }
  // Taken from the system, and thereof in use.
  size_t bytes() const { return arena_.allocated() + slots_.size() * sizeof(uint64_t); }
  size_t used_bytes() const { return row_bytes_ + slots_.size() * sizeof(uint64_t); }

  void Reserve(size_t more) {
    while ((size_ + more) * 2 > slots_.size()) Grow();
  }

  // Sets rows[i] to the row of keys[i] (RowKeys or alike); calls init(row, i) for each row it
  // creates, after its header and key are set (vnode from the key's whole hash) and its payload is
  // zeroed.
  template <class Keys, class Init>
  void FindOrInsert(const Keys& keys, std::span<char*> rows, Init init) {
    // Probing in groups overlaps the cache misses of a probe: the slot, then the row. The tag says
    // which row that is, nearly always; so the rows' comparisons wait for none.
    constexpr size_t kGroup = 128;
    for (size_t begin = 0; begin < keys.size(); begin += kGroup) {
      const size_t end = std::min(begin + kGroup, keys.size());
      Reserve(end - begin);
      for (size_t i = begin; i < end; ++i) __builtin_prefetch(&slots_[Home(keys.hash(i))]);
      for (size_t i = begin; i < end; ++i) {
        rows[i] = RowOf(slots_[Tagged(keys.hash(i))]);
        __builtin_prefetch(rows[i], 1);
        __builtin_prefetch(rows[i] + row_size() - 1, 1);
      }
      for (size_t i = begin; i < end; ++i) {
        if (rows[i] != nullptr && SameKey(key(rows[i]), keys[i])) continue;
        bool created = false;
        rows[i] = FindOrInsert(keys[i], keys.hash(i), &created);
        if (created) init(rows[i], i);
      }
    }
  }
  // The row of the key, made if `created` says so afterwards. REQUIRES: room; call Reserve first.
  char* FindOrInsert(std::string_view key, uint64_t hash, bool* created) {
    for (size_t s = Home(hash);; s = Next(s)) {
      if (slots_[s] == 0) {
        *created = true;
        return Insert(s, key, hash);
      }
      if ((slots_[s] ^ hash) >> kAddressBits != 0) continue;  // The tag differs.
      char* row = RowOf(slots_[s]);
      if (SameKey(this->key(row), key)) return row;
    }
  }
  // Null when there is none.
  char* Find(std::string_view key, uint64_t hash) const {
    for (size_t s = Home(hash); slots_[s] != 0; s = Next(s)) {
      if ((slots_[s] ^ hash) >> kAddressBits != 0) continue;
      char* row = RowOf(slots_[s]);
      if (SameKey(this->key(row), key)) return row;
    }
    return nullptr;
  }
  // Takes the row out. Its memory may be used again at once unless the table is tracked.
  void Erase(char* row);

  template <class F>
  void ForEach(F f) const {
    for (uint64_t slot : slots_) {
      if (slot != 0) f(RowOf(slot));
    }
  }

  // For walking over a table that changes: its slots, and the row in one; null when it is empty.
  size_t slots() const { return slots_.size(); }
  char* at_slot(size_t slot) const { return slots_[slot] == 0 ? nullptr : RowOf(slots_[slot]); }

  // Before a row's payload changes (and after it was created): keeps the checkpoint consistent.
  void BeforeChange(char* row) {
    if (tracked_ && header(row).epoch != epoch_) MarkDirty(row);
  }

  // The table as it is now is what the checkpoint stores. REQUIRES: the last checkpoint is copied.
  void BeginCheckpoint(OperatorId op, StateWriter* writer, Encode encode);
  // Writes up to `max_rows` rows; true when all are written.
  bool CopySlice(size_t max_rows);
  // For a row that was just filled from the store.
  static void MarkRestored(char* row) {
    header(row).epoch = 0;
    header(row).state = kStored;
  }
  size_t dirty() const { return dirty_.size(); }

  // Allows rows to be in the store alone. REQUIRES: tracked.
  void OpenStore(const Store* store, OperatorId op) { cold_.Open(store, op); }
  bool opened() const { return cold_.opened(); }
  // Instead of restoring: all that the store has of these vnodes is in it alone; Fill() brings it in.
  void BeginCold(VnodeRange vnodes) {
    cold_.Begin();
    cold_.BeginFill(vnodes);
  }
  bool cold() const { return cold_.any(); }
  const ColdRows& cold_rows() const { return cold_; }

  // Calls f(i, value) for the keys whose rows are in the store alone, each once.
  template <class Keys, class F>
  void ReadRows(const Keys& keys, F f) const;
  // The row of a key that is not in the table, as if it had been restored.
  char* InsertStored(std::string_view key, uint64_t hash, uint8_t vnode);
  // Brings in the rows of those keys; fill(row, value) sets what is behind the header.
  template <class Keys, class Fill>
  void FetchRows(const Keys& keys, Fill fill);
  // Brings in up to `max_rows` of what is in the store alone; false when there is no more.
  template <class Fill>
  bool FillRows(size_t max_rows, Fill fill);
  // What the checkpoints so far have is in the store. REQUIRES: none is being copied.
  void Settle() { cold_.Settle(); }
  // Forgets rows that the store has and that the last `min_age` checkpoints did not (rows keep their
  // age up to 15 and begin again), until that many bytes are free or all have been looked at; calls
  // drop(row) for each. Returns the bytes. REQUIRES: Settle() since the last checkpoint, and no row
  // is pointed to.
  template <class Drop>
  size_t Evict(size_t bytes, unsigned min_age, Drop drop);

 private:
  // In the high bits of a row's state: the number of the checkpoint that last copied it.
  enum : uint8_t { kErased = 1, kStored = 2, kAgeShift = 4, kAges = 16 };
  static constexpr size_t kFirstSlots = 64;
  // A slot is the top 16 bits of the hash, a tag, above a 48-bit row address. Zero is empty.
  static constexpr int kAddressBits = 48;
  static constexpr uint64_t kAddress = (1ull << kAddressBits) - 1;
  static size_t KeySpace(size_t key_size) { return (key_size + 7) & ~size_t{7}; }
  static char* RowOf(uint64_t slot) { return reinterpret_cast<char*>(slot & kAddress); }
  // The low bits place a row, the high ones tag it and choose its vnode.
  size_t Home(uint64_t hash) const { return hash & (slots_.size() - 1); }
  size_t Next(size_t slot) const { return (slot + 1) & (slots_.size() - 1); }
  // The first slot from the hash's home on that is empty or has its tag.
  size_t Tagged(uint64_t hash) const {
    size_t s = Home(hash);
    while (slots_[s] != 0 && (slots_[s] ^ hash) >> kAddressBits != 0) s = Next(s);
    return s;
  }

  // Keys are short: comparing words inline beats calling memcmp.
  static bool SameKey(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    if (a.size() < 8) return a == b;
    auto word = [](std::string_view s, size_t at) {
      uint64_t w;
      std::memcpy(&w, s.data() + at, 8);
      return w;
    };
    const size_t last = a.size() - 8;
    for (size_t at = 0; at < last; at += 8) {
      if (word(a, at) != word(b, at)) return false;
    }
    return word(a, last) == word(b, last);
  }

  char* Insert(size_t slot, std::string_view key, uint64_t hash);
  void Grow();
  void TakeOut(char* row);
  void BeginEviction();
  unsigned AgeOf(const char* row) const {
    return (copies_ + kAges - (header(row).state >> kAgeShift)) % kAges;
  }
  void MarkDirty(char* row);
  void Write(char* row);
  size_t UnitsOf(size_t key_size) const;
  char* AllocateRow(size_t key_size);
  void FreeRow(char* row);

  size_t payload_size_;
  bool tracked_;
  size_t size_ = 0;
  std::vector<uint64_t> slots_;
  Arena arena_;
  std::vector<std::vector<char*>> free_;  // By size in units of 16 bytes.
  size_t row_bytes_ = 0;                  // Of rows that are not free.
  // Rows of the running epoch are dirty. Those of the one before are pending until they are copied;
  // so a cut costs nothing per row.
  uint8_t epoch_ = 1;
  uint8_t pending_epoch_ = 0;
  std::vector<char*> dirty_;    // Changed or erased since the last cut.
  std::vector<char*> pending_;  // Those before it; some were copied meanwhile.
  OperatorId op_ = 0;
  StateWriter* writer_ = nullptr;
  Encode encode_;
  std::string value_;
  uint8_t copies_ = 0;  // Checkpoints begun, as far as ages go.
  ColdRows cold_;
  size_t next_evicted_ = 0;  // The slot to look at next.
};

template <class Keys, class F>
void GroupTable::ReadRows(const Keys& keys, F f) const {
  std::vector<ColdRows::Wanted> wanted;
  constexpr size_t kGroup = 128;
  for (size_t begin = 0; begin < keys.size(); begin += kGroup) {
    const size_t end = std::min(begin + kGroup, keys.size());
    for (size_t i = begin; i < end; ++i) __builtin_prefetch(&slots_[Home(keys.hash(i))]);
    for (size_t i = begin; i < end; ++i) {
      __builtin_prefetch(RowOf(slots_[Tagged(keys.hash(i))]));
    }
    for (size_t i = begin; i < end; ++i) {
      if (Find(keys[i], keys.hash(i)) != nullptr) continue;
      wanted.push_back({{VnodeOf(keys.hash(i)), keys[i]}, i});
    }
  }
  if (wanted.empty()) return;
  cold_.Read(&wanted, [&](const ColdRows::Wanted& row, std::string_view value) {
    f(row.place, value);
  });
}

template <class Keys, class Fill>
void GroupTable::FetchRows(const Keys& keys, Fill fill) {
  ReadRows(keys, [&](size_t i, std::string_view value) {
    fill(InsertStored(keys[i], keys.hash(i), static_cast<uint8_t>(VnodeOf(keys.hash(i)))), value);
  });
}

template <class Fill>
bool GroupTable::FillRows(size_t max_rows, Fill fill) {
  const bool more = cold_.Fill(
      max_rows, [&](uint32_t vnode, std::string_view key, std::string_view value) {
        const uint64_t hash = HashBytes(key);
        if (Find(key, hash) != nullptr) return;
        fill(InsertStored(key, hash, static_cast<uint8_t>(vnode)), value);
      });
  if (cold_.filled()) cold_.End();
  return more;
}

template <class Drop>
size_t GroupTable::Evict(size_t bytes, unsigned min_age, Drop drop) {
  if (!cold_.opened() || size_ == 0) return 0;
  BeginEviction();
  const size_t before = row_bytes_;
  for (size_t looked = 0; looked < slots_.size() && before - row_bytes_ < bytes; ++looked) {
    if (next_evicted_ >= slots_.size()) next_evicted_ = 0;
    char* row = at_slot(next_evicted_);
    const bool goes = row != nullptr && header(row).epoch == 0 &&
                      (header(row).state & kStored) && AgeOf(row) >= min_age;
    if (!goes) {
      ++next_evicted_;
      continue;
    }
    drop(row);
    TakeOut(row);  // Another may come into its slot.
    FreeRow(row);
    ++cold_.counts().evicted_rows;
  }
  cold_.counts().evicted_bytes += before - row_bytes_;
  return before - row_bytes_;
}

}  // namespace millrace
