#include "state/store.h"

#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/filter_policy.h>
#include <leveldb/write_batch.h>
#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <charconv>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <exception>
#include <filesystem>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "state/data_directory.h"
#include "state/read_env.h"
#include "state/segment.h"

namespace millrace {
namespace {

constexpr size_t kWriteBuffer = 16 << 20;
constexpr size_t kTableFile = 16 << 20;
constexpr size_t kBlockCache = 16 << 20;
constexpr size_t kChunk = 1 << 20;  // Of one LevelDB write; a seal waits for one at most.

leveldb::Slice AsSlice(std::string_view s) { return {s.data(), s.size()}; }
std::string_view AsView(const leveldb::Slice& s) { return {s.data(), s.size()}; }

void AppendFixed32Be(uint32_t value, std::string* out) {
  value = __builtin_bswap32(value);
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}
void AppendFixed64(uint64_t value, std::string* out) {
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}
uint64_t Fixed64(std::string_view bytes) {
  uint64_t value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

// If it cannot be removed, the next opening tries again.
void RemoveFile(const std::filesystem::path& path) {
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
}

constexpr size_t kStatePrefix = 6;  // 's', operator, vnode

void AppendStateKey(OperatorId op, uint32_t vnode, std::string_view row_key, std::string* out) {
  out->push_back('s');
  AppendFixed32Be(op, out);
  out->push_back(static_cast<char>(vnode));
  out->append(row_key);
}
// The least key behind the operator's vnodes up to and including `vnode`.
std::string StateKeyBehind(OperatorId op, uint32_t vnode) {
  std::string key = "s";
  if (vnode + 1 < kVnodes) {
    AppendFixed32Be(op, &key);
    key.push_back(static_cast<char>(vnode + 1));
  } else if (op + 1 != 0) {
    AppendFixed32Be(op + 1, &key);
  } else {
    key = "t";
  }
  return key;
}

std::string PipelineKey(char kind, uint32_t pipeline) {
  std::string key(1, kind);
  AppendFixed32Be(pipeline, &key);
  return key;
}

struct Seal {
  SealedEpoch sealed;
  bool has_segment = false;
};

std::string Encode(const SealedEpoch& epoch, bool has_segment) {
  std::string value;
  AppendFixed64(epoch.epoch, &value);
  value.push_back(has_segment ? 1 : 0);
  return value + epoch.metadata;
}
Seal DecodeSeal(std::string_view value) {
  assert(value.size() >= 9);
  return {{Fixed64(value), std::string(value.substr(9))}, value[8] != 0};
}

struct SegmentName {
  uint32_t pipeline = 0;
  uint64_t epoch = 0;
  auto operator<=>(const SegmentName&) const = default;

  std::string file() const {
    return std::to_string(pipeline) + "-" + std::to_string(epoch) + ".seg";
  }
};

std::optional<SegmentName> ParseSegmentName(const std::string& file) {
  SegmentName name;
  const char* const end = file.data() + file.size();
  const auto pipeline = std::from_chars(file.data(), end, name.pipeline);
  if (pipeline.ec != std::errc() || pipeline.ptr == end) return {};
  const auto epoch = std::from_chars(pipeline.ptr + 1, end, name.epoch);
  if (epoch.ec != std::errc() || name.file() != file) return {};
  return name;
}

}  // namespace

class StoreSnapshot {
 public:
  explicit StoreSnapshot(std::shared_ptr<leveldb::DB> db)
      : db_(std::move(db)), snapshot_(db_->GetSnapshot()) {}
  ~StoreSnapshot() { db_->ReleaseSnapshot(snapshot_); }
  StoreSnapshot(const StoreSnapshot&) = delete;
  StoreSnapshot& operator=(const StoreSnapshot&) = delete;

  const leveldb::Snapshot* get() const { return snapshot_; }

 private:
  const std::shared_ptr<leveldb::DB> db_;  // Cannot be opened again meanwhile.
  const leveldb::Snapshot* snapshot_;
};

struct Store::State {
  State(std::string path, StoreOptions store_options);
  ~State();

  std::string SegmentPath(const SegmentName& name) const {
    return directory.segments() + "/" + name.file();
  }
  void Check(const leveldb::Status& status, ErrorCode code = ErrorCode::kIo) const;
  std::optional<std::string> Get(std::string_view key);
  void Write(leveldb::WriteBatch* batch);
  // REQUIRES: write_mutex.
  void WriteNext(leveldb::WriteBatch* batch);
  // Calls f(key, value) for [begin, end) until it returns false.
  template <class F>
  void ScanRange(std::string_view begin, std::string_view end, F f,
                 const StoreSnapshot* snapshot = nullptr);

  void OpenDatabase();
  // After a failed write LevelDB takes no other until it is opened again; so it is, and what was in
  // doubt is found out. Throws Error(kIo) while that does not work. REQUIRES: write_mutex.
  void Reopen();
  // Reopens if need be, and lets the applier try again what it could not do.
  void TryAgain();
  void ResolveSeals();
  // For the time of the lock. Where opening it again has failed, that is tried once more.
  std::shared_lock<std::shared_mutex> UseDatabase();
  void RecoverSegments();
  // Whether the segment, found when opening, is still needed.
  bool IsPending(const SegmentName& name);

  void Seal(uint32_t pipeline, const SealedEpoch& epoch, bool has_segment);
  void Enqueue(const SegmentName& name);
  void ApplyQueue();
  // False when the store is closing.
  bool Apply(const SegmentName& name);
  bool Stopping() {
    const std::lock_guard lock(mutex);
    return stopping;
  }

  const StoreOptions options;
  const DataDirectory directory;
  std::unique_ptr<leveldb::Env> env = MakeReadEnv();
  std::unique_ptr<leveldb::Cache> cache;
  std::unique_ptr<const leveldb::FilterPolicy> filter;
  // Held from a write until it is known whether it has failed: LevelDB would put the next one
  // behind the broken record in its log, call it written, and lose it when it is opened again.
  std::mutex write_mutex;
  mutable std::shared_mutex db_mutex;  // Shared by what uses `db`, alone to open it again.
  std::shared_ptr<leveldb::DB> db;     // Shared with snapshots.
  std::atomic<bool> broken = false;    // A write has failed.

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<SegmentName> queue;  // Sealed, not applied; the first one may be in work.
  uint64_t enqueued = 0;
  uint64_t applied = 0;
  std::exception_ptr error;           // Of the applier, which waits for TryAgain().
  std::vector<SegmentName> in_doubt;  // Their seal failed: whether it is there shows when reopened.
  bool stopping = false;
  std::thread applier;
};

Store::State::State(std::string path, StoreOptions store_options)
    : options(store_options), directory(std::move(path), store_options.sync) {
  OpenDatabase();
  RecoverSegments();
  if (options.apply) applier = std::thread([this] { ApplyQueue(); });
}

Store::State::~State() {
  {
    const std::lock_guard lock(mutex);
    stopping = true;
  }
  changed.notify_all();
  if (applier.joinable()) applier.join();
}

void Store::State::Check(const leveldb::Status& status, ErrorCode code) const {
  if (status.ok()) return;
  throw Error(code, "database in data directory '" + directory.path() + "': " + status.ToString());
}

std::shared_lock<std::shared_mutex> Store::State::UseDatabase() {
  std::shared_lock lock(db_mutex);
  if (db) return lock;
  lock.unlock();
  {
    const std::lock_guard write_lock(write_mutex);
    Reopen();
  }
  lock.lock();
  if (!db)
    throw Error(ErrorCode::kIo, "cannot open the database in '" + directory.path() + "' again");
  return lock;
}

std::optional<std::string> Store::State::Get(std::string_view key) {
  std::string value;
  const auto lock = UseDatabase();
  const leveldb::Status status = db->Get({}, AsSlice(key), &value);
  if (status.IsNotFound()) return {};
  Check(status);
  return value;
}

void Store::State::Write(leveldb::WriteBatch* batch) {
  const std::lock_guard lock(write_mutex);
  WriteNext(batch);
}

void Store::State::WriteNext(leveldb::WriteBatch* batch) {
  if (broken) Reopen();
  leveldb::WriteOptions write;
  write.sync = options.sync;
  const std::shared_lock lock(db_mutex);  // It is open: what failed is opened again above.
  const leveldb::Status status = db->Write(write, batch);
  if (!status.ok()) broken = true;
  Check(status);
}

template <class F>
void Store::State::ScanRange(std::string_view begin, std::string_view end, F f,
                             const StoreSnapshot* snapshot) {
  leveldb::ReadOptions read;
  if (snapshot != nullptr) read.snapshot = snapshot->get();
  read.fill_cache = false;
  const auto lock = UseDatabase();
  const std::unique_ptr<leveldb::Iterator> rows(db->NewIterator(read));
  for (rows->Seek(AsSlice(begin)); rows->Valid(); rows->Next()) {
    const std::string_view key = AsView(rows->key());
    if (key >= end || !f(key, AsView(rows->value()))) break;
  }
  Check(rows->status());
}

void Store::State::OpenDatabase() {
  cache.reset(leveldb::NewLRUCache(kBlockCache));
  filter.reset(leveldb::NewBloomFilterPolicy(10));
  leveldb::Options database;
  database.create_if_missing = true;
  database.env = env.get();
  database.write_buffer_size = kWriteBuffer;
  database.max_file_size = kTableFile;
  database.block_cache = cache.get();
  database.filter_policy = filter.get();
  leveldb::DB* opened = nullptr;
  Check(leveldb::DB::Open(database, directory.database(), &opened), ErrorCode::kDataDirectory);
  db.reset(opened);
  // What replaying LevelDB's log took would stay with the process.
  ::malloc_trim(0);
  if (!options.sync) return;
  SyncDirectory(directory.path());  // LevelDB makes its directory itself.
  // It has read its log, which may not have been synced before the process was killed, and has put
  // CURRENT in its place by a name that it does not sync. With the old one it would read the log
  // again.
  SyncDirectory(directory.database());
}

void Store::State::Reopen() {
  {
    const std::unique_lock lock(db_mutex);
    if (!broken) return;
    if (db.use_count() > 1) {
      throw Error(ErrorCode::kIo, "the database in data directory '" + directory.path() +
                                      "' is opened again when its readers have ended");
    }
    db.reset();
    try {
      OpenDatabase();
    } catch (const Error& failure) {
      throw Error(ErrorCode::kIo, failure.message);
    }
    broken = false;
  }
  ResolveSeals();
}

void Store::State::ResolveSeals() {
  const std::lock_guard lock(mutex);
  for (const SegmentName& name : std::exchange(in_doubt, {})) {
    const auto sealed = Get(PipelineKey('e', name.pipeline));
    if (sealed && DecodeSeal(*sealed).sealed.epoch >= name.epoch) {
      queue.push_back(name);
      ++enqueued;
    } else {
      RemoveFile(SegmentPath(name));
    }
  }
  changed.notify_all();
}

void Store::State::TryAgain() {
  if (broken) {
    const std::lock_guard lock(write_mutex);
    Reopen();
  }
  std::unique_lock lock(mutex);
  if (!error) return;
  error = nullptr;
  const uint64_t before = applied;
  changed.notify_all();
  changed.wait(lock, [&] { return error || applied > before || stopping; });
  if (error) std::rethrow_exception(error);
}

bool Store::State::IsPending(const SegmentName& name) {
  const auto sealed = Get(PipelineKey('e', name.pipeline));
  if (!sealed || name.epoch > DecodeSeal(*sealed).sealed.epoch) return false;
  const auto applied_epoch = Get(PipelineKey('a', name.pipeline));
  return !applied_epoch || name.epoch > Fixed64(*applied_epoch);
}

void Store::State::RecoverSegments() {
  std::set<SegmentName> pending;
  for (const auto& file : std::filesystem::directory_iterator(directory.segments())) {
    const auto name = ParseSegmentName(file.path().filename().string());
    if (!name) continue;
    if (IsPending(*name)) {
      pending.insert(*name);
    } else {
      RemoveFile(file.path());
    }
  }
  ScanRange("e", "f", [&](std::string_view key, std::string_view value) {
    uint32_t pipeline;
    std::memcpy(&pipeline, key.data() + 1, sizeof pipeline);
    const struct Seal seal = DecodeSeal(value);
    const SegmentName name{__builtin_bswap32(pipeline), seal.sealed.epoch};
    if (seal.has_segment && IsPending(name) && !pending.contains(name)) {
      throw Error(ErrorCode::kDataDirectory,
                  "data directory '" + directory.path() + "' lacks segments/" + name.file());
    }
    return true;
  });
  queue.assign(pending.begin(), pending.end());
  enqueued = queue.size();
}

void Store::State::Seal(uint32_t pipeline, const SealedEpoch& epoch, bool has_segment) {
  leveldb::WriteBatch batch;
  batch.Put(PipelineKey('e', pipeline), Encode(epoch, has_segment));
  const std::lock_guard write_lock(write_mutex);
  try {
    WriteNext(&batch);
  } catch (const Error&) {
    // The segment stays until it is known whether the epoch is sealed.
    const std::lock_guard lock(mutex);
    if (has_segment) in_doubt.push_back({pipeline, epoch.epoch});
    throw;
  }
}

void Store::State::Enqueue(const SegmentName& name) {
  {
    const std::lock_guard lock(mutex);
    queue.push_back(name);
    ++enqueued;
  }
  changed.notify_all();
}

// Every write is synced (if options.sync), not only the last one: LevelDB does not sync the old log
// when it changes to a new one, and the segment must not go before all of it is safe.
bool Store::State::Apply(const SegmentName& name) {
  SegmentReader reader(SegmentPath(name));
  leveldb::WriteBatch batch;
  std::string key;
  for (StateChange change; reader.Next(&change);) {
    key.clear();
    AppendStateKey(change.op, change.vnode, change.key, &key);
    if (change.deleted) {
      batch.Delete(key);
    } else {
      batch.Put(key, AsSlice(change.value));
    }
    if (batch.ApproximateSize() < kChunk) continue;
    Write(&batch);
    batch.Clear();
    if (Stopping()) return false;
  }
  std::string epoch;
  AppendFixed64(name.epoch, &epoch);
  batch.Put(PipelineKey('a', name.pipeline), epoch);
  Write(&batch);
  RemoveFile(SegmentPath(name));
  return true;
}

void Store::State::ApplyQueue() {
  std::unique_lock lock(mutex);
  for (;;) {
    changed.wait(lock, [this] { return stopping || !queue.empty(); });
    if (stopping) return;
    const SegmentName name = queue.front();
    lock.unlock();
    std::exception_ptr failure;
    bool done = false;
    try {
      done = Apply(name);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    if (failure) {
      // The rest waits: segments are applied in their order.
      error = failure;
      changed.notify_all();
      changed.wait(lock, [this] { return stopping || !error; });
      continue;
    }
    if (!done) break;
    queue.pop_front();
    ++applied;
    changed.notify_all();
  }
  changed.notify_all();
}

Store::Store(std::string directory, StoreOptions options)
    : state_(std::make_unique<State>(std::move(directory), options)) {}
Store::~Store() = default;

const std::string& Store::directory() const { return state_->directory.path(); }
bool Store::sync() const { return state_->options.sync; }

void Store::PutMeta(std::span<const std::pair<std::string, std::optional<std::string>>> entries) {
  leveldb::WriteBatch batch;
  for (const auto& [name, value] : entries) {
    if (value) {
      batch.Put("m" + name, *value);
    } else {
      batch.Delete("m" + name);
    }
  }
  state_->Write(&batch);
}

std::optional<std::string> Store::GetMeta(std::string_view name) const {
  return state_->Get("m" + std::string(name));
}

void Store::ScanMeta(
    std::string_view prefix,
    const std::function<void(std::string_view name, std::string_view value)>& f) const {
  const std::string begin = "m" + std::string(prefix);
  state_->ScanRange(begin, "n", [&](std::string_view key, std::string_view value) {
    if (!key.starts_with(begin)) return false;
    f(key.substr(1), value);
    return true;
  });
}

void Store::Commit(uint32_t pipeline, const SealedEpoch& epoch, std::vector<StateWriter> writers) {
  state_->TryAgain();
  const bool has_segment =
      std::ranges::any_of(writers, [](const StateWriter& writer) { return writer.size() > 0; });
  const SegmentName name{pipeline, epoch.epoch};
  if (has_segment) {
    const std::string path = state_->SegmentPath(name);
    try {
      WriteSegment(path, writers, state_->options.sync);
    } catch (const Error&) {
      // A later epoch's seal would take it for a sealed one.
      RemoveFile(path);
      throw;
    }
  }
  state_->Seal(pipeline, epoch, has_segment);
  if (has_segment) state_->Enqueue(name);
}

std::optional<SealedEpoch> Store::LastEpoch(uint32_t pipeline) const {
  const auto value = state_->Get(PipelineKey('e', pipeline));
  if (!value) return {};
  return DecodeSeal(*value).sealed;
}

VnodeRange VnodeRange::Of(size_t p, size_t partitions) {
  VnodeRange range;
  while (range.first < kVnodes && OwnerOf(range.first, partitions) != p) ++range.first;
  range.end = range.first;
  while (range.end < kVnodes && OwnerOf(range.end, partitions) == p) ++range.end;
  return range;
}

void Store::Scan(OperatorId op, size_t p, size_t partitions,
                 const std::function<void(uint32_t vnode, std::string_view key,
                                          std::string_view value)>& f) const {
  const VnodeRange vnodes = VnodeRange::Of(p, partitions);
  ScanFrom(op, {vnodes.first, {}}, vnodes.end, nullptr,
           [&](uint32_t vnode, std::string_view key, std::string_view value) {
             f(vnode, key, value);
             return true;
           });
}

void Store::ScanFrom(
    OperatorId op, const StateKey& from, uint32_t end, const StoreSnapshot* snapshot,
    const std::function<bool(uint32_t vnode, std::string_view key, std::string_view value)>& f)
    const {
  if (from.vnode >= end) return;
  std::string begin;
  AppendStateKey(op, from.vnode, from.key, &begin);
  state_->ScanRange(
      begin, StateKeyBehind(op, end - 1),
      [&](std::string_view key, std::string_view value) {
        return f(static_cast<uint8_t>(key[kStatePrefix - 1]), key.substr(kStatePrefix), value);
      },
      snapshot);
}

void Store::Get(OperatorId op, std::span<const StateKey> rows, const StoreSnapshot* snapshot,
                const std::function<void(size_t i, std::string_view value)>& f) const {
  leveldb::ReadOptions read;
  if (snapshot != nullptr) read.snapshot = snapshot->get();
  std::string key, value;
  for (size_t i = 0; i < rows.size(); ++i) {
    key.clear();
    AppendStateKey(op, rows[i].vnode, rows[i].key, &key);
    const auto lock = state_->UseDatabase();
    const leveldb::Status status = state_->db->Get(read, key, &value);
    if (status.IsNotFound()) continue;
    state_->Check(status);
    f(i, value);
  }
}

std::shared_ptr<const StoreSnapshot> Store::Snapshot() const {
  const auto lock = state_->UseDatabase();
  return std::make_shared<const StoreSnapshot>(state_->db);
}

bool Store::AllApplied() const {
  const std::lock_guard lock(state_->mutex);
  return state_->error == nullptr && state_->applied >= state_->enqueued;
}

bool Store::Failing() const {
  const std::lock_guard lock(state_->mutex);
  return state_->error != nullptr;
}

void Store::TryAgain() { state_->TryAgain(); }

void Store::WaitApplied() {
  state_->TryAgain();
  std::unique_lock lock(state_->mutex);
  const uint64_t target = state_->enqueued;
  state_->changed.wait(lock, [&] { return state_->error != nullptr || state_->applied >= target; });
  if (state_->error) std::rethrow_exception(state_->error);
}

void Store::DropOperators(std::span<const OperatorId> ops) {
  WaitApplied();
  for (const OperatorId op : ops) {
    std::string begin;
    AppendStateKey(op, 0, {}, &begin);
    const std::string end = StateKeyBehind(op, kVnodes - 1);
    leveldb::WriteBatch batch;
    // Not written within the scan: a failed write opens the database again.
    do {
      batch.Clear();
      state_->ScanRange(begin, end, [&](std::string_view key, std::string_view) {
        batch.Delete(AsSlice(key));
        if (batch.ApproximateSize() < kChunk) return true;
        begin = key;
        return false;
      });
      state_->Write(&batch);
    } while (batch.ApproximateSize() >= kChunk);
  }
}

void Store::DropPipeline(uint32_t pipeline) {
  WaitApplied();
  leveldb::WriteBatch batch;
  batch.Delete(PipelineKey('e', pipeline));
  batch.Delete(PipelineKey('a', pipeline));
  state_->Write(&batch);
}

uint64_t Store::ApproximateBytes(OperatorId op) const {
  std::string begin;
  AppendStateKey(op, 0, {}, &begin);
  const std::string end = StateKeyBehind(op, kVnodes - 1);
  const leveldb::Range range(begin, end);
  uint64_t size = 0;
  const auto lock = state_->UseDatabase();
  state_->db->GetApproximateSizes(&range, 1, &size);
  return size;
}

}  // namespace millrace
