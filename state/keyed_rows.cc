#include "state/keyed_rows.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "base/error.h"

namespace millrace {
namespace {

constexpr size_t kGroup = 64;  // Rows whose cache misses overlap.
constexpr size_t kAhead = 16;  // Rows prefetched while they are copied.

// Of its last change, or its own.
bool HasTime(const KeyedRows::Options& options) {
  return options.ttl > 0 || options.lookup == KeyedRows::Lookup::kTime;
}

std::vector<size_t> HiddenWidths(const KeyedRows::Options& options) {
  std::vector<size_t> widths;
  if (options.counted) widths.push_back(sizeof(uint32_t));
  if (HasTime(options)) widths.push_back(sizeof(int64_t));
  return widths;
}

void PutVarint(int64_t value, std::string* out) {
  auto rest = static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value >> 63);
  for (; rest >= 0x80; rest >>= 7) out->push_back(static_cast<char>(rest | 0x80));
  out->push_back(static_cast<char>(rest));
}

int64_t TakeVarint(std::string_view* in) {
  uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = static_cast<uint8_t>(in->front());
    in->remove_prefix(1);
    value |= uint64_t{byte & 0x7Fu} << shift;
    if (byte < 0x80) break;
  }
  return static_cast<int64_t>(value >> 1 ^ (~(value & 1) + 1));
}

template <class U>
void PutBigEndian(U value, std::string* out) {
  for (int shift = 8 * (sizeof(U) - 1); shift >= 0; shift -= 8) {
    out->push_back(static_cast<char>(value >> shift));
  }
}

}  // namespace

KeyedRows::KeyedRows(Options options, size_t side, KeyTable* keys)
    : options_(std::move(options)),
      side_(side),
      keys_(keys),
      layout_(options_.columns, options_.lookup == Lookup::kTime ? kTimedBase : kBase,
              HiddenWidths(options_)) {
  size_t hidden = 0;
  if (options_.counted) count_offset_ = layout_.hidden_offset(hidden++);
  if (HasTime(options_)) time_offset_ = layout_.hidden_offset(hidden++);
}

void KeyedRows::Link(RowRef ref) {
  if (options_.lookup == Lookup::kTime) return LinkByTime(ref);
  Row& own = row(ref);
  RowRef& head = keys_->key(own.key).heads[side_];
  own.next = head;
  own.previous = kNoRow;
  // Only where rows leave from the middle: this is a cache miss.
  if (options_.lookup == Lookup::kIndex && head != kNoRow) row(head).previous = ref;
  head = ref;
}

// `at`: its time, of kTime.
RowRef KeyedRows::New(const RowSource& source, size_t i, RowRef key, int64_t at) {
  const RowRef ref = heap_.Allocate(layout_.SizeOf(source, i));
  Row& own = row(ref);
  own.weight = 0;
  own.key = key;
  own.state = 0;
  own.epoch = 0;
  layout_.Write(source, i, heap_.at(ref));
  if (options_.lookup == Lookup::kTime) time(ref) = at;
  Link(ref);
  ++size_;
  if (options_.tracked) MarkDirty(ref);
  return ref;
}

void KeyedRows::AddWeight(RowRef ref, int64_t weight, int64_t now, Change* change) {
  BeforeChange(ref);
  Row& own = row(ref);
  *change = {ref, own.weight};
  own.weight += weight;
  if (options_.ttl > 0) time(ref) = now;
}

// kWalk: the row among those of the key.
RowRef KeyedRows::FindAmong(RowRef key, const RowSource& source, size_t i, int64_t now) const {
  RowRef ref = head(key);
  while (ref != kNoRow && (Expired(ref, now) || !layout_.Equal(source, i, heap_.at(ref)))) {
    ref = row(ref).next;
  }
  return ref;
}

// kIndex: the row by its hash, made if there is none.
RowRef KeyedRows::FindOrNew(RowRef key, const RowSource& source, size_t i, uint64_t hash,
                            int64_t now) {
  size_t place = 0;
  const RowRef found = index_.Find(
      hash,
      [&](RowRef ref) { return row(ref).key == key && layout_.Equal(source, i, heap_.at(ref)); },
      &place);
  if (found != kNoRow && !Expired(found, now)) return found;
  if (found == kNoRow) {
    const RowRef ref = New(source, i, key);
    index_.InsertAt(place, hash, ref);
    return ref;
  }
  Erase(found);
  ++expired_;
  const RowRef ref = New(source, i, key);
  index_.Insert(hash, ref);
  return ref;
}

void KeyedRows::AddByIndex(const RowSource& source, std::span<const RowRef> keys,
                           const int64_t* weights, int64_t now, std::vector<Change>* changes) {
  const std::vector<uint64_t> hashes = source.Hashes();
  for (size_t begin = 0; begin < source.size(); begin += kGroup) {
    const size_t end = std::min(begin + kGroup, source.size());
    index_.Reserve(end - begin);
    for (size_t i = begin; i < end; ++i) {
      index_.Prefetch(hashes[i]);
      Prefetch(head(keys[i]));  // A new row is linked before it.
    }
    for (size_t i = begin; i < end; ++i) Prefetch(index_.Candidate(hashes[i]));
    for (size_t i = begin; i < end; ++i) {
      const int64_t weight = weights ? weights[i] : 1;
      if (weight == 0) continue;
      const RowRef ref = FindOrNew(keys[i], source, i, hashes[i], now);
      AddWeight(ref, weight, now, &(*changes)[i]);
    }
  }
}

void KeyedRows::Add(const RowSource& source, std::span<const RowRef> keys, const int64_t* weights,
                    int64_t now, std::vector<Change>* changes) {
  changes->assign(source.size(), {});
  assert(options_.lookup != Lookup::kTime);
  if (options_.lookup == Lookup::kIndex) return AddByIndex(source, keys, weights, now, changes);
  const bool walk = options_.lookup == Lookup::kWalk;
  for (size_t i = 0; i < source.size(); ++i) {
    const int64_t weight = weights ? weights[i] : 1;
    if (weight == 0) continue;
    RowRef ref = walk ? FindAmong(keys[i], source, i, now) : kNoRow;
    if (ref == kNoRow) ref = New(source, i, keys[i]);
    AddWeight(ref, weight, now, &(*changes)[i]);
  }
}

void KeyedRows::Erase(RowRef ref) {
  if (options_.lookup == Lookup::kTime) {
    UnlinkByTime(ref);
    return Forget(ref);
  }
  Row& own = row(ref);
  RowRef* link = &keys_->key(own.key).heads[side_];
  if (options_.lookup == Lookup::kIndex) {
    if (own.previous != kNoRow) link = &row(own.previous).next;
    if (own.next != kNoRow) row(own.next).previous = own.previous;
  } else {
    while (*link != ref) link = &row(*link).next;
  }
  *link = own.next;
  Forget(ref);
}

void KeyedRows::EraseExpired(RowRef key, int64_t now) {
  EraseIf(key, [&](RowRef ref) {
    const bool expired = Expired(ref, now);
    expired_ += expired;
    return expired;
  });
}

// The row is in no list any more.
void KeyedRows::Forget(RowRef ref) {
  if (options_.lookup == Lookup::kIndex) index_.Erase(layout_.Hash(heap_.at(ref)), ref);
  --size_;
  if (!options_.tracked) return Free(ref);
  BeforeChange(ref);
  row(ref).state |= kErased;
}

void KeyedRows::Free(RowRef ref) {
  const size_t id = row(ref).state & kRestored ? kIdSize : 0;
  heap_.Free(ref, layout_.SizeOf(heap_.at(ref)) + id);
}

void KeyedRows::MarkDirty(RowRef ref) {
  Row& own = row(ref);
  if (own.epoch == pending_epoch_ && pending_epoch_ != 0) Write(ref);
  own.epoch = epoch_;
  // Rows that came and went since the last cut need not wait for the next: it never heard of them.
  if (dirty_.size() == dirty_.capacity() && !dirty_.empty()) {
    std::erase_if(dirty_, [this](RowRef other) {
      const bool unheard = (row(other).state & (kErased | kStored)) == kErased;
      if (unheard) Free(other);
      return unheard;
    });
    if (dirty_.size() > dirty_.capacity() / 2) dirty_.reserve(dirty_.capacity() * 2);
  }
  dirty_.push_back(ref);
}

// Restored rows keep the id they are stored under, behind their record.
void KeyedRows::AppendId(RowRef ref, std::string* key) const {
  if (row(ref).state & kRestored) {
    key->append(heap_.at(ref) + layout_.SizeOf(heap_.at(ref)), kIdSize);
    return;
  }
  PutBigEndian(generation_, key);
  PutBigEndian(ref, key);
}

void KeyedRows::Write(RowRef ref) {
  Row& own = row(ref);
  const uint32_t vnode = keys_->key(own.key).vnode;
  key_ = keys_->bytes_of(own.key);
  AppendId(ref, &key_);
  if (own.state & kErased) {
    if (own.state & kStored) writer_->Delete(op_, vnode, key_);
    return;
  }
  value_.clear();
  PutVarint(own.weight, &value_);
  layout_.Encode(heap_.at(ref), &value_);
  writer_->Put(op_, vnode, key_, value_);
  own.state |= kStored;
}

void KeyedRows::BeginCheckpoint(OperatorId op, StateWriter* writer) {
  assert(pending_.empty());
  op_ = op;
  writer_ = writer;
  pending_.swap(dirty_);
  next_pending_ = 0;
  pending_epoch_ = epoch_;
  epoch_ = epoch_ == 255 ? 1 : epoch_ + 1;
}

bool KeyedRows::CopySlice(size_t max_rows) {
  const size_t end = std::min(pending_.size(), next_pending_ + max_rows);
  for (; next_pending_ < end; ++next_pending_) {
    if (next_pending_ + kAhead < pending_.size()) {
      keys_->Prefetch(row(pending_[next_pending_ + kAhead]).key);
    }
    const RowRef ref = pending_[next_pending_];
    Row& own = row(ref);
    if (own.epoch != pending_epoch_) continue;  // Copied before it changed.
    Write(ref);
    own.epoch = 0;
    if (own.state & kErased) Free(ref);
  }
  if (next_pending_ < pending_.size()) return false;
  pending_.clear();
  pending_epoch_ = 0;
  return true;
}

void KeyedRows::RestoreRow(std::string_view key, std::string_view id, std::string_view value) {
  const int64_t weight = TakeVarint(&value);
  const size_t size = layout_.SizeOfEncoded(value);
  const RowRef ref = heap_.Allocate(size + kIdSize);
  Row& own = row(ref);
  own.weight = weight;
  own.key = keys_->FindOrInsert(key, HashBytes(key));
  own.state = kStored | kRestored;
  own.epoch = 0;
  layout_.Decode(value, heap_.at(ref));
  std::memcpy(heap_.at(ref) + size, id.data(), kIdSize);
  Link(ref);
  ++size_;
  if (options_.lookup == Lookup::kIndex) index_.Insert(layout_.Hash(heap_.at(ref)), ref);
}

void KeyedRows::Restore(OperatorId op, const Store& store, size_t partition, size_t partitions) {
  std::vector<bool> used(size_t{1} << 16);
  store.Scan(op, partition, partitions,
             [&](uint32_t, std::string_view key, std::string_view value) {
               const std::string_view id = key.substr(key.size() - kIdSize);
               used[static_cast<uint8_t>(id[0]) << 8 | static_cast<uint8_t>(id[1])] = true;
               RestoreRow(key.substr(0, key.size() - kIdSize), id, value);
             });
  const auto free = std::ranges::find(used, false);
  if (free == used.end())
    throw Error(ErrorCode::kInternal, "a join's state has no free generation");
  generation_ = static_cast<uint16_t>(free - used.begin());
}

}  // namespace millrace
