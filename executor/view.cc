#include "executor/view.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <set>
#include <unordered_set>

#include "base/shared.h"
#include "executor/consolidate.h"

namespace millrace {
namespace {

constexpr size_t kAhead = 16;  // Rows prefetched: the ones to change lie anywhere.

void PutFixed64(uint64_t v, std::string* out) {
  out->append(reinterpret_cast<const char*>(&v), sizeof v);
}

uint64_t TakeFixed64(std::string_view* in) {
  uint64_t v;
  std::memcpy(&v, in->data(), sizeof v);
  in->remove_prefix(sizeof v);
  return v;
}

// Big-endian, so that keys are in the order of the numbers.
void PutNumber(uint64_t v, std::string* out) { PutFixed64(__builtin_bswap64(v), out); }

// Unique among the processes that ever wrote to a data directory.
uint64_t Generation() {
  return static_cast<uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
}

struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return HashBytes(text); }
};

struct OneKey {
  std::string_view key;
  uint64_t key_hash;

  static size_t size() { return 1; }
  uint64_t hash(size_t) const { return key_hash; }
  std::string_view operator[](size_t) const { return key; }
};

// Some of the keys.
struct PickedKeys {
  const RowKeys& keys;
  std::span<const uint32_t> picked;

  size_t size() const { return picked.size(); }
  uint64_t hash(size_t k) const { return keys.hash(picked[k]); }
  std::string_view operator[](size_t k) const { return keys[picked[k]]; }
};

// Rows as they are stored, gathered into batches.
class StoredRows {
 public:
  StoredRows(const Schema& schema, const std::function<void(Batch)>& f) : schema_(schema), f_(f) {
    Begin();
  }
  void Add(std::string_view value) {
    batch_.weights.push_back(static_cast<int64_t>(TakeFixed64(&value)));
    for (Column& column : batch_.columns) {
      DecodeKeyColumn(&value, &column, batch_.size, heap_.get());
    }
    if (++batch_.size == ViewChunk::kRows) Flush();
  }
  void Flush() {
    if (batch_.size == 0) return;
    for (Column& column : batch_.columns) {
      column.KeepAlive(heap_);
      if (batch_.size < ViewChunk::kRows) column = column.Slice(0, batch_.size);
    }
    if (std::ranges::all_of(batch_.weights, [](int64_t w) { return w == 1; })) {
      batch_.weights.clear();
    }
    f_(std::move(batch_));
    Begin();
  }

 private:
  void Begin() {
    batch_ = {};
    heap_ = std::make_shared<Arena>();
    for (const Field& f : schema_) batch_.columns.push_back(MakeColumn(f.type, ViewChunk::kRows));
  }

  const Schema& schema_;
  const std::function<void(Batch)>& f_;
  Batch batch_;
  std::shared_ptr<Arena> heap_;
};

bool IsPlain(const Column& column) {
  const bool string = column.type() == TypeId::kString || column.type() == TypeId::kBytes;
  return !string && column.children().empty() && !column.may_have_nulls() &&
         (WidthOf(column.type()) == 4 || WidthOf(column.type()) == 8);
}

// Whether values of the column that have the same key are the same (-0 and 0 are not).
bool KeyIsValue(const Column& column) {
  return IsPlain(column) && column.type() != TypeId::kFloat && column.type() != TypeId::kDouble;
}

}  // namespace

// What the store says of the keys that are neither in memory nor buried.
void ViewSnapshot::ForEach(const std::function<void(Batch)>& f) const {
  if (!cold) return ForEachInMemory(f);
  std::unordered_set<std::string, TextHash, std::equal_to<>> known(cold->buried.begin(),
                                                                   cold->buried.end());
  ForEachInMemory([&](Batch batch) {
    const RowKeys keys(batch, cold->spec->key);
    for (size_t i = 0; i < keys.size(); ++i) known.emplace(keys[i]);
    f(std::move(batch));
  });
  StoredRows stored(cold->spec->schema, f);
  cold->store->ScanFrom(cold->op, {cold->vnodes.first, {}}, cold->vnodes.end, cold->snapshot.get(),
                        [&](uint32_t, std::string_view key, std::string_view value) {
                          if (!known.contains(key)) stored.Add(value);
                          return true;
                        });
  stored.Flush();
}

void ViewSnapshot::ForEachInMemory(const std::function<void(Batch)>& f) const {
  for (size_t k = 0; k < chunks.size(); ++k) {
    const ViewChunk& chunk = *chunks[k];
    const size_t used = std::min(ViewChunk::kRows, rows - k * ViewChunk::kRows);
    std::vector<uint32_t> live;
    bool counted = false;
    for (uint32_t i = 0; i < used; ++i) {
      if (chunk.weights[i] != 0) live.push_back(i);
      counted |= chunk.weights[i] > 1;
    }
    if (live.empty()) continue;
    Batch batch;
    batch.size = live.size();
    for (const Column& c : chunk.columns) {
      batch.columns.push_back(live.size() == used ? c.Slice(0, used) : c.Take(live));
      // The chunk itself is kept: a chunk that nobody else holds may be written to.
      batch.columns.back().KeepAlive(chunks[k]);
    }
    if (counted) {
      for (uint32_t i : live) batch.weights.push_back(chunk.weights[i]);
    }
    f(std::move(batch));
  }
}

ViewPartition::ViewPartition(ViewSpec spec, bool tracked)
    : spec_(std::move(spec)),
      tracked_(tracked),
      index_(sizeof(uint32_t), tracked && spec_.kind != ViewSpec::Kind::kAppend) {
  if (spec_.kind == ViewSpec::Kind::kBag) {
    spec_.key.resize(spec_.schema.size());
    std::iota(spec_.key.begin(), spec_.key.end(), size_t{0});
  }
  PutNumber(Generation(), &partition_tag_);
  PutNumber(reinterpret_cast<uintptr_t>(this), &partition_tag_);
}

std::shared_ptr<ViewChunk> ViewPartition::NewChunk() const {
  auto chunk = std::make_shared<ViewChunk>();
  chunk->weights.assign(ViewChunk::kRows, 0);
  chunk->heap = std::make_shared<Arena>();
  for (const Field& f : spec_.schema)
    chunk->columns.push_back(MakeColumn(f.type, ViewChunk::kRows));
  return chunk;
}

void ViewPartition::SetChunk(size_t k, std::shared_ptr<ViewChunk> chunk) {
  if (k == chunks_.size()) {
    chunks_.emplace_back();
    writable_since_.emplace_back();
    cells_.resize(cells_.size() + spec_.schema.size() + 1);
  }
  chunks_[k] = std::move(chunk);
  writable_since_[k] = applied_;
  FindCells(k);
}

void ViewPartition::FindCells(size_t k) {
  ViewChunk& chunk = *chunks_[k];
  char** cells = &cells_[k * (chunk.columns.size() + 1)];
  *cells++ = reinterpret_cast<char*>(chunk.weights.data());
  for (Column& column : chunk.columns) {
    *cells++ = IsPlain(column) ? column.mutable_data<char>() : nullptr;
  }
}

void ViewPartition::MakeChunkWritable(size_t k) {
  const std::shared_ptr<ViewChunk>& chunk = chunks_[k];
  const bool wasteful = chunk->heap->allocated() > chunk->compact_at;
  if (!wasteful && !Shared(chunk)) {
    writable_since_[k] = applied_;
    return;
  }
  std::shared_ptr<ViewChunk> copy = NewChunk();
  copy->weights = chunk->weights;
  const size_t used = std::min<size_t>(ViewChunk::kRows, next_ - k * ViewChunk::kRows);
  for (size_t c = 0; c < copy->columns.size(); ++c) {
    for (size_t i = 0; i < used; ++i) {
      if (copy->weights[i] != 0) {
        CopyValue(chunk->columns[c], i, &copy->columns[c], i, copy->heap.get());
      }
    }
  }
  copy->compact_at += 2 * copy->heap->allocated();
  SetChunk(k, std::move(copy));
}

uint32_t ViewPartition::NewSlot() {
  if (!free_.empty()) {
    const uint32_t slot = free_.back();
    free_.pop_back();
    return slot;
  }
  if (next_ % ViewChunk::kRows == 0) SetChunk(next_ / ViewChunk::kRows, NewChunk());
  return next_++;
}

template <class T>
void ViewPartition::WriteFixed(const Column& in, size_t c, std::span<const uint32_t> from,
                               std::span<const uint32_t> to) {
  const T* values = in.data<T>();
  for (size_t k = 0; k < to.size(); ++k) {
    if (k + kAhead < to.size()) {
      const uint32_t next = to[k + kAhead];
      const T* cells = reinterpret_cast<T*>(Cells(next, c + 1));
      if (cells != nullptr) __builtin_prefetch(cells + next % ViewChunk::kRows, 1);
    }
    if (char* cells = Cells(to[k], c + 1)) {
      reinterpret_cast<T*>(cells)[to[k] % ViewChunk::kRows] = values[from[k] * in.stride()];
    } else {
      WriteValue(in, c, from[k], to[k]);
    }
  }
}

void ViewPartition::WriteValue(const Column& in, size_t c, uint32_t from, uint32_t to) {
  ViewChunk& chunk = *chunks_[to / ViewChunk::kRows];
  Column& out = chunk.columns[c];
  const bool had_nulls = out.may_have_nulls();
  CopyValue(in, from, &out, to % ViewChunk::kRows, chunk.heap.get());
  if (out.may_have_nulls() != had_nulls) FindCells(to / ViewChunk::kRows);
}

void ViewPartition::WriteColumn(const Column& in, size_t c, std::span<const uint32_t> from,
                                std::span<const uint32_t> to) {
  if (IsPlain(in)) {
    WidthOf(in.type()) == 8 ? WriteFixed<int64_t>(in, c, from, to)
                            : WriteFixed<int32_t>(in, c, from, to);
    return;
  }
  for (size_t k = 0; k < to.size(); ++k) WriteValue(in, c, from[k], to[k]);
}

void ViewPartition::Append(const Batch& changes) {
  std::vector<uint32_t> from, to;
  for (uint32_t i = 0; i < changes.size; ++i) {
    for (int64_t n = changes.weight(i); n > 0; --n) {
      from.push_back(i);
      to.push_back(NewSlot());
    }
  }
  for (uint32_t slot : to) MakeWritable(slot);
  for (size_t c = 0; c < changes.columns.size(); ++c) {
    WriteColumn(changes.columns[c], c, from, to);
  }
  for (uint32_t slot : to) Weight(slot) = 1;
  live_ += to.size();
}

void ViewPartition::ApplyNet(const Batch& changes) {
  const RowKeys keys(changes, spec_.key);
  rows_.resize(changes.size);
  index_.FindOrInsert(keys, rows_, [](char* row, size_t) { SlotOf(row) = kNoSlot; });
  const bool bag = spec_.kind == ViewSpec::Kind::kBag;
  const bool only_sets = !bag && changes.append_only();
  std::vector<uint32_t> from, to;          // Rows of the batch that come, and their slots.
  std::vector<uint32_t> from_new, to_new;  // Of them those whose key was not there.
  std::vector<char*> touched;
  // A row that goes and one that comes for the same key: the coming one stays, in whichever order.
  for (const bool insert : {false, true}) {
    if (!insert && changes.append_only()) continue;
    for (uint32_t i = 0; i < changes.size; ++i) {
      const int64_t weight = changes.weight(i);
      if ((weight > 0) != insert) continue;
      if (!only_sets && i + kAhead < changes.size && SlotOf(rows_[i + kAhead]) != kNoSlot) {
        __builtin_prefetch(&Weight(SlotOf(rows_[i + kAhead])), 1);
      }
      char* row = rows_[i];
      index_.BeforeChange(row);
      uint32_t& slot = SlotOf(row);
      const bool fresh = slot == kNoSlot;
      if (fresh) slot = NewSlot();
      MakeWritable(slot);
      if (fresh) {
        Weight(slot) = 0;
        from_new.push_back(i);
        to_new.push_back(slot);
      }
      if (insert) {
        from.push_back(i);
        to.push_back(slot);
      }
      if (only_sets && !fresh) continue;  // Its weight is 1.
      int64_t& count = Weight(slot);
      live_ -= count > 0;
      count = bag ? count + weight : insert;
      live_ += count > 0;
      if (bag || !insert) touched.push_back(row);
    }
  }
  for (size_t c = 0; c < changes.columns.size(); ++c) {
    const Column& in = changes.columns[c];
    const bool written = std::ranges::find(spec_.key, c) != spec_.key.end() && KeyIsValue(in);
    WriteColumn(in, c, written ? from_new : from, written ? to_new : to);
  }
  for (size_t k = 0; k < to.size(); ++k) NoteTime(to[k], rows_[from[k]]);
  for (char* row : touched) {
    if (SlotOf(row) != kNoSlot && Weight(SlotOf(row)) == 0) Remove(row);
  }
  DropOldest();
}

void ViewPartition::Remove(char* row) {
  free_.push_back(std::exchange(SlotOf(row), kNoSlot));
  index_.Erase(row);
}

void ViewPartition::NoteTime(uint32_t slot, char* row) {
  if (!spec_.retention_column && spec_.max_rows == 0) return;
  int64_t time = 0;  // Without a time column, equal times keep the order of insertion.
  if (spec_.retention_column) {
    const Column& times = chunks_[slot / ViewChunk::kRows]->columns[*spec_.retention_column];
    if (times.IsNull(slot % ViewChunk::kRows)) return;
    time = times.at<int64_t>(slot % ViewChunk::kRows);
  }
  times_.emplace(time, std::string(index_.key(row)));
}

void ViewPartition::DropOldest() {
  while (spec_.max_rows > 0 && live_ > spec_.max_rows && !times_.empty()) {
    const std::string key = std::move(times_.begin()->second);
    times_.erase(times_.begin());
    char* row = index_.Find(key, HashBytes(key));
    if (row == nullptr) continue;
    index_.BeforeChange(row);
    MakeWritable(SlotOf(row));
    Weight(SlotOf(row)) = 0;
    --live_;
    Remove(row);
  }
}

std::optional<Batch> ViewPartition::TakeExpired(int64_t watermark) {
  std::vector<Batch> parts;
  while (!times_.empty() && times_.begin()->first < watermark - spec_.retention) {
    const std::string key = std::move(times_.begin()->second);
    times_.erase(times_.begin());
    std::optional<Batch> row = Lookup(key);
    if (!row) continue;
    const uint32_t slot = SlotOf(index_.Find(key, HashBytes(key)));
    row->weights = {-Weight(slot)};
    parts.push_back(std::move(*row));
  }
  if (parts.empty()) return std::nullopt;
  return Concat(parts);
}

void ViewPartition::Apply(std::span<const Batch> changes) {
  ++applied_;
  if (!read_.empty()) InsertRead();
  for (const Batch& batch : changes) ApplyBatch(batch);
}

void ViewPartition::ApplyBatch(const Batch& changes) {
  if (changes.size == 0) return;
  if (spec_.kind == ViewSpec::Kind::kAppend) return Append(changes);
  // A key may have been changed twice, and what came first may stand last.
  const bool several = spec_.kind == ViewSpec::Kind::kKeyed && !changes.append_only() &&
                       AnyRepeated(RowKeys(changes, spec_.key));
  ApplyNet(several ? Consolidate(changes) : changes);
}

std::optional<Batch> ViewPartition::Replaced(const Batch& changes) const {
  if (spec_.kind != ViewSpec::Kind::kKeyed || changes.size == 0) return std::nullopt;
  const RowKeys keys(changes, spec_.key);
  std::set<std::string_view> retracted;
  for (size_t i = 0; i < changes.size && !changes.append_only(); ++i) {
    if (changes.weight(i) < 0) retracted.insert(keys[i]);
  }
  std::vector<uint32_t> set, found;
  for (uint32_t i = 0; i < changes.size; ++i) {
    if (changes.weight(i) > 0 && !retracted.contains(keys[i])) set.push_back(i);
  }
  Batch rows = Rows(keys, set, &found);
  if (rows.size == 0) return std::nullopt;
  rows.weights.assign(rows.size, -1);
  return rows;
}

Batch ViewPartition::Rows(const RowKeys& keys, std::span<const uint32_t> which,
                          std::vector<uint32_t>* found) const {
  found->clear();
  std::vector<uint32_t> slots;
  for (uint32_t i : which) {
    const char* row = index_.Find(keys[i], keys.hash(i));
    if (row == nullptr) continue;
    found->push_back(i);
    slots.push_back(SlotOf(row));
  }
  std::vector<std::string> stored;
  if (index_.cold()) {
    index_.ReadRows(PickedKeys{keys, which}, [&](size_t k, std::string_view value) {
      found->push_back(which[k]);
      stored.emplace_back(value.substr(sizeof(uint64_t)));  // Behind the weight.
    });
  }
  Batch rows;
  rows.size = slots.size() + stored.size();
  std::vector<std::string_view> rest(stored.begin(), stored.end());
  auto heap = std::make_shared<Arena>();
  for (size_t c = 0; c < spec_.schema.size(); ++c) {
    Column column = MakeColumn(spec_.schema[c].type, rows.size);
    for (size_t i = 0; i < slots.size(); ++i) {
      const ViewChunk& chunk = *chunks_[slots[i] / ViewChunk::kRows];
      CopyValue(chunk.columns[c], slots[i] % ViewChunk::kRows, &column, i, heap.get());
    }
    for (size_t i = 0; i < rest.size(); ++i) {
      DecodeKeyColumn(&rest[i], &column, slots.size() + i, heap.get());
    }
    column.KeepAlive(heap);
    rows.columns.push_back(std::move(column));
  }
  return rows;
}

int64_t ViewPartition::Count(std::string_view key) const {
  const char* row = index_.Find(key, HashBytes(key));
  if (row == nullptr) return 0;
  return chunks_[SlotOf(row) / ViewChunk::kRows]->weights[SlotOf(row) % ViewChunk::kRows];
}

std::optional<Batch> ViewPartition::Lookup(std::string_view key) const {
  char* row = index_.Find(key, HashBytes(key));
  if (row == nullptr) return index_.cold() ? LookupCold(key) : std::nullopt;
  const std::shared_ptr<ViewChunk>& chunk = chunks_[SlotOf(row) / ViewChunk::kRows];
  const uint32_t at[] = {SlotOf(row) % static_cast<uint32_t>(ViewChunk::kRows)};
  // Copied out whole: the chunk may be written to as soon as the lock is gone.
  auto heap = std::make_shared<Arena>();
  Batch out;
  out.size = 1;
  for (size_t c = 0; c < spec_.schema.size(); ++c) {
    out.columns.push_back(MakeColumn(spec_.schema[c].type, 1));
    CopyValue(chunk->columns[c], at[0], &out.columns.back(), 0, heap.get());
    out.columns.back().KeepAlive(heap);
  }
  return out;
}

std::optional<Batch> ViewPartition::LookupCold(std::string_view key) const {
  const uint32_t vnode = VnodeOf(HashBytes(key));
  if (OwnerOf(vnode, partitions_) != partition_) return std::nullopt;
  const std::optional<std::string> value = index_.cold_rows().ReadOne({vnode, key});
  if (!value) return std::nullopt;
  Batch row;
  const std::function<void(Batch)> take = [&row](Batch batch) { row = std::move(batch); };
  StoredRows stored(spec_.schema, take);
  stored.Add(*value);
  stored.Flush();
  return row;
}

size_t ViewPartition::slot_bytes() const {
  size_t bytes = sizeof(int64_t);
  for (const Field& f : spec_.schema) bytes += WidthOf(f.type.id);
  return bytes;
}

size_t ViewPartition::heap_bytes() const {
  size_t bytes = 0;
  for (const auto& chunk : chunks_) bytes += chunk->heap->allocated();
  return bytes;
}

size_t ViewPartition::bytes() const {
  return index_.bytes() + heap_bytes() + chunks_.size() * ViewChunk::kRows * slot_bytes();
}

size_t ViewPartition::used_bytes() const {
  return index_.used_bytes() + heap_bytes() + (next_ - free_.size()) * slot_bytes();
}

void ViewPartition::EncodeRow(uint32_t slot, std::string* value) const {
  const ViewChunk& chunk = *chunks_[slot / ViewChunk::kRows];
  const size_t at = slot % ViewChunk::kRows;
  PutFixed64(static_cast<uint64_t>(chunk.weights[at]), value);
  for (const Column& c : chunk.columns) AppendKeyColumn(c, at, value);
}

void ViewPartition::BeginCheckpoint(OperatorId op, StateWriter* writer) {
  op_ = op;
  writer_ = writer;
  cut_ = next_;
  index_.BeginCheckpoint(
      op, writer, [this](const char* row, std::string* value) { EncodeRow(SlotOf(row), value); });
}

void ViewPartition::CopyAppended(size_t* max_rows) {
  std::string key, value;
  for (; copied_<cut_&& * max_rows> 0; ++copied_, --*max_rows) {
    key = partition_tag_;
    PutNumber(copied_, &key);
    value.clear();
    EncodeRow(copied_, &value);
    writer_->Put(op_, VnodeOf(HashBytes(key)), key, value);
  }
}

bool ViewPartition::CopySlice(size_t max_rows) {
  if (spec_.kind != ViewSpec::Kind::kAppend) return index_.CopySlice(max_rows);
  CopyAppended(&max_rows);
  return copied_ == cut_;
}

uint32_t ViewPartition::DecodeRow(std::string_view value) {
  const uint32_t slot = NewSlot();
  MakeWritable(slot);
  ViewChunk& chunk = *chunks_[slot / ViewChunk::kRows];
  const size_t at = slot % ViewChunk::kRows;
  chunk.weights[at] = static_cast<int64_t>(TakeFixed64(&value));
  for (Column& c : chunk.columns) DecodeKeyColumn(&value, &c, at, chunk.heap.get());
  return slot;
}

void ViewPartition::OpenStore(OperatorId op, const Store& store, size_t partition,
                              size_t partitions) {
  if (spec_.kind == ViewSpec::Kind::kAppend || spec_.retention_column || spec_.max_rows > 0) return;
  index_.OpenStore(&store, op);
  shared_spec_ = std::make_shared<const ViewSpec>(spec_);
  partition_ = partition;
  partitions_ = partitions;
}

ViewSnapshot ViewPartition::Snapshot() const {
  ViewSnapshot snapshot{{chunks_.begin(), chunks_.end()}, next_, nullptr};
  if (!index_.cold()) return snapshot;
  const ColdRows& cold = index_.cold_rows();
  snapshot.cold = std::make_shared<const ColdViewRows>(
      ColdViewRows{cold.store(), cold.store()->Snapshot(), cold.op(),
                   VnodeRange::Of(partition_, partitions_), shared_spec_, cold.buried()});
  return snapshot;
}

void ViewPartition::ReadCold(std::span<const Batch> changes) {
  for (const Batch& batch : changes) {
    const RowKeys keys(batch, spec_.key);
    index_.ReadRows(keys, [&](size_t i, std::string_view value) {
      read_.emplace_back(keys[i], value);
    });
  }
}

void ViewPartition::FillRow(char* row, std::string_view value) {
  const uint32_t slot = DecodeRow(value);
  SlotOf(row) = slot;
  FindCells(slot / ViewChunk::kRows);  // It may have got NULLs.
}

void ViewPartition::InsertRead() {
  for (const auto& [key, value] : read_) {
    const uint64_t hash = HashBytes(key);
    if (index_.Find(key, hash) != nullptr) continue;  // Several batches asked for it.
    FillRow(index_.InsertStored(key, hash, static_cast<uint8_t>(VnodeOf(hash))), value);
  }
  read_.clear();
}

bool ViewPartition::Warm(size_t max_rows) {
  if (!index_.cold()) return false;
  ++applied_;
  return index_.FillRows(max_rows,
                         [this](char* row, std::string_view value) { FillRow(row, value); });
}

size_t ViewPartition::Evict(size_t bytes, unsigned min_age) {
  ++applied_;
  const size_t row_bytes = index_.row_size() + sizeof(uint64_t);
  const size_t share = bytes * row_bytes / (row_bytes + slot_bytes());
  size_t slots = 0;
  const size_t freed = index_.Evict(share, min_age, [&](char* row) {
    const uint32_t slot = SlotOf(row);
    MakeWritable(slot);
    Weight(slot) = 0;
    free_.push_back(slot);
    ++slots;
  });
  return freed + slots * slot_bytes();
}

void ViewPartition::Restore(OperatorId op, const Store& store, size_t partition,
                            size_t partitions) {
  if (index_.opened()) return index_.BeginCold(VnodeRange::Of(partition, partitions));
  store.Scan(op, partition, partitions,
             [&](uint32_t vnode, std::string_view key, std::string_view value) {
               const uint32_t slot = DecodeRow(value);
               ++live_;
               if (spec_.kind == ViewSpec::Kind::kAppend) return;
               index_.Reserve(1);
               bool created = false;
               char* row = index_.FindOrInsert(key, HashBytes(key), &created);
               assert(created);
               GroupTable::header(row).vnode = static_cast<uint8_t>(vnode);
               GroupTable::MarkRestored(row);
               SlotOf(row) = slot;
               NoteTime(slot, row);
             });
  for (size_t k = 0; k < chunks_.size(); ++k) FindCells(k);  // They may have got NULLs.
  copied_ = next_;
}

}  // namespace millrace
