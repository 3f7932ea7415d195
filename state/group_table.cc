#include "state/group_table.h"

namespace millrace {

// In units of 16 bytes.
size_t GroupTable::UnitsOf(size_t key_size) const {
  return (KeySpace(key_size) + row_size() + 15) / 16;
}

char* GroupTable::AllocateRow(size_t key_size) {
  const size_t units = UnitsOf(key_size);
  row_bytes_ += units * 16;
  char* memory;
  if (units < free_.size() && !free_[units].empty()) {
    memory = free_[units].back();
    free_[units].pop_back();
  } else {
    memory = arena_.Allocate(units * 16);
  }
  return memory + KeySpace(key_size);
}

void GroupTable::FreeRow(char* row) {
  const size_t key_size = header(row).key_size;
  const size_t units = UnitsOf(key_size);
  row_bytes_ -= units * 16;
  if (units >= free_.size()) free_.resize(units + 1);
  free_[units].push_back(row - KeySpace(key_size));
}

char* GroupTable::Insert(size_t slot, std::string_view key, uint64_t hash) {
  char* row = AllocateRow(key.size());
  header(row) = {
      hash, static_cast<uint32_t>(key.size()), static_cast<uint8_t>(VnodeOf(hash)), false, 0, 0};
  std::memset(row + kPayload, 0, payload_size_);
  if (!key.empty()) std::memcpy(row - KeySpace(key.size()), key.data(), key.size());
  slots_[slot] = (hash & ~kAddress) | reinterpret_cast<uint64_t>(row);
  ++size_;
  return row;
}

void GroupTable::Grow() {
  std::vector<uint64_t> old(slots_.size() * 2);
  old.swap(slots_);
  constexpr size_t kAhead = 16;
  for (size_t i = 0; i < old.size(); ++i) {
    if (i + kAhead < old.size() && old[i + kAhead] != 0) __builtin_prefetch(RowOf(old[i + kAhead]));
    if (old[i] == 0) continue;
    size_t s = Home(header(RowOf(old[i])).hash);
    while (slots_[s] != 0) s = Next(s);
    slots_[s] = old[i];
  }
}

void GroupTable::TakeOut(char* row) {
  size_t s = Home(header(row).hash);
  while (RowOf(slots_[s]) != row) s = Next(s);
  // Backward shift: no tombstones.
  for (size_t next = Next(s); slots_[next] != 0; next = Next(next)) {
    const size_t home = Home(header(RowOf(slots_[next])).hash);
    const bool stays = s <= next ? (s < home && home <= next) : (s < home || home <= next);
    if (stays) continue;
    slots_[s] = slots_[next];
    s = next;
  }
  slots_[s] = 0;
  --size_;
}

void GroupTable::Erase(char* row) {
  TakeOut(row);
  if (!tracked_) return FreeRow(row);
  BeforeChange(row);
  if (cold() && (header(row).state & kStored)) cold_.Bury(key(row));
  header(row).state |= kErased;
}

char* GroupTable::InsertStored(std::string_view key, uint64_t hash, uint8_t vnode) {
  Reserve(1);
  bool created = false;
  char* row = FindOrInsert(key, hash, &created);
  assert(created);
  header(row).vnode = vnode;
  header(row).state = static_cast<uint8_t>(kStored | copies_ % kAges << kAgeShift);
  return row;
}

// The store still has the rows that left since the last checkpoint.
void GroupTable::BeginEviction() {
  assert(pending_.empty());
  cold_.NoteForgotten();
  if (cold_.any()) return;
  for (const char* row : dirty_) {
    if ((header(row).state & kErased) && (header(row).state & kStored)) cold_.Bury(key(row));
  }
  cold_.Begin();
}

void GroupTable::MarkDirty(char* row) {
  if (header(row).epoch == pending_epoch_ && pending_epoch_ != 0) Write(row);
  header(row).epoch = epoch_;
  // Rows that came and went since the last cut need not wait for the next: it never heard of them.
  if (dirty_.size() == dirty_.capacity() && !dirty_.empty()) {
    std::erase_if(dirty_, [this](char* other) {
      const bool unheard = (header(other).state & (kErased | kStored)) == kErased;
      if (unheard) FreeRow(other);
      return unheard;
    });
    if (dirty_.size() > dirty_.capacity() / 2) dirty_.reserve(dirty_.capacity() * 2);
  }
  dirty_.push_back(row);
}

void GroupTable::Write(char* row) {
  uint8_t& state = header(row).state;
  if (state & kErased) {
    if (state & kStored) writer_->Delete(op_, header(row).vnode, key(row));
    return;
  }
  value_.clear();
  encode_(row, &value_);
  writer_->Put(op_, header(row).vnode, key(row), value_);
  state = static_cast<uint8_t>(kStored | copies_ % kAges << kAgeShift);
}

void GroupTable::BeginCheckpoint(OperatorId op, StateWriter* writer, Encode encode) {
  assert(pending_.empty());
  op_ = op;
  writer_ = writer;
  encode_ = std::move(encode);
  pending_.swap(dirty_);
  pending_epoch_ = epoch_;
  epoch_ = epoch_ == 255 ? 1 : epoch_ + 1;
  ++copies_;
  cold_.BeginCheckpoint();
}

bool GroupTable::CopySlice(size_t max_rows) {
  while (!pending_.empty() && max_rows-- > 0) {
    char* row = pending_.back();
    pending_.pop_back();
    if (header(row).epoch != pending_epoch_) continue;  // Copied before it changed.
    Write(row);
    header(row).epoch = 0;
    if (header(row).state & kErased) FreeRow(row);
  }
  if (!pending_.empty()) return false;
  pending_epoch_ = 0;
  return true;
}

}  // namespace millrace
