#include "connectors/table_log.h"

#include <algorithm>
#include <atomic>
#include <cassert>
#include <charconv>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <filesystem>
#include <map>

#include "base/clock.h"
#include "base/record_log.h"
#include "connectors/table_record.h"
#include "connectors/table_source.h"

namespace millrace {
namespace {

constexpr uint64_t kSegmentSize = 64 << 20;
constexpr int64_t kRequestsMicros = int64_t{24} * 3600 * kMicrosPerSecond;  // They are known so long.
constexpr size_t kMostRequests = 100'000;
constexpr char kRequestMark = '\1';  // No job's name begins so.

constexpr uint64_t kThisRecord = ~uint64_t{0};  // The request's rows are in its record.

// What is known of a request with a key.
struct Request {
  int64_t time_micros = 0;
  uint64_t first_row = 0, rows = 0, fingerprint = 0;
};

std::string RequestWriter(const std::string& key, const Request& request) {
  std::string writer(1, kRequestMark);
  for (const uint64_t number :
       {static_cast<uint64_t>(request.time_micros), request.first_row, request.rows}) {
    writer.append(reinterpret_cast<const char*>(&number), sizeof number);
  }
  return writer + key;
}

// Takes a request's writer apart; nothing when it is a job's.
std::optional<std::pair<std::string, Request>> ParseRequest(std::string_view writer,
                                                            uint64_t fingerprint) {
  constexpr size_t kHead = 1 + 3 * sizeof(uint64_t);
  if (writer.size() < kHead || writer[0] != kRequestMark) return std::nullopt;
  uint64_t numbers[3];
  std::memcpy(numbers, writer.data() + 1, sizeof numbers);
  return std::pair(std::string(writer.substr(kHead)),
                   Request{static_cast<int64_t>(numbers[0]), numbers[1], numbers[2], fingerprint});
}

// The first row numbers of the segments in the directory.
std::vector<uint64_t> ListSegments(const std::string& directory) {
  std::vector<uint64_t> segments;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const std::string name = entry.path().filename().string();
    uint64_t first_row = 0;
    std::from_chars(name.data(), name.data() + name.size(), first_row);
    const std::filesystem::path path = TableSegmentPath(directory, first_row);
    if (path.filename() == name) segments.push_back(first_row);
  }
  std::ranges::sort(segments);
  return segments;
}

void CreateDirectory(const std::string& directory, bool sync) {
  std::error_code error;
  if (!std::filesystem::create_directories(directory, error) && error) {
    throw Error(ErrorCode::kIo, "cannot create '" + directory + "': " + error.message());
  }
  if (sync) SyncDirectory(ParentDirectory(directory));
}

}  // namespace

struct TableLog::State {
  class Follower;  // A source.

  State(std::string log_directory, Schema table_schema, TableLogOptions options);

  void OpenLast();
  // Reads the last segment. False when it holds no rows.
  bool Recover(uint64_t segment);
  // All REQUIRE the mutex.
  void Write(std::string* record, uint32_t row_count);
  void Roll();
  void SyncTo(uint64_t record, std::unique_lock<std::mutex>* lock);
  void Publish();
  void ForgetRequests();

  void CallListeners() {
    const std::lock_guard lock(listeners_mutex);
    for (const auto& [source, f] : listeners) f();
  }

  const std::string directory;
  const Schema schema;
  const bool sync;
  const bool atomic;

  std::mutex mutex;
  std::condition_variable changed;
  std::shared_ptr<RecordLog> log;                        // The last segment.
  std::map<std::string, uint64_t, std::less<>> writers;  // Last sequences.
  std::map<std::string, Request, std::less<>> requests;  // By their keys.
  uint64_t rows = 0;
  uint64_t written = 0;      // Records written since the log was opened,
  uint64_t synced = 0;       // and how many of them are durable,
  uint64_t synced_rows = 0;  // with the rows up to this number,
  uint64_t awaited = 0;      // and how many must be before readers may see the last row.
  bool syncing = false;      // Some thread is at it, without the mutex.
  std::exception_ptr error;  // Of a sync: what is durable is unknown, so nothing may follow.

  std::atomic<uint64_t> visible_rows = 0;

  std::mutex listeners_mutex;  // Held while they are called: none may come back to its source.
  std::map<const void*, std::function<void()>> listeners;
};

class TableLog::State::Follower : public Source {
 public:
  Follower(std::shared_ptr<State> log, const std::vector<size_t>& columns, bool bounded)
      : log_(std::move(log)),
        reader_(log_->directory, log_->schema, columns),
        bounded_(bounded),
        last_row_(log_->visible_rows) {}
  ~Follower() override { OnReady(nullptr); }

  std::vector<std::string> Partitions() override { return {""}; }
  void Seek(size_t, const SourcePosition& position) override {
    reader_.Seek(TablePosition::Parse(position), log_->visible_rows);
  }
  SourceBatch Poll(size_t, size_t max_rows) override {
    return Read(bounded_ ? last_row_ : log_->visible_rows.load(), max_rows);
  }
  SourceBatch PollUntil(size_t, const SourcePosition& end, size_t max_rows) override {
    const uint64_t row = TablePosition::Parse(end).row;
    if (row < reader_.position().row || row > log_->visible_rows) {
      throw Error(ErrorCode::kIo, "a table's log cannot be read from position '" +
                                      reader_.position().ToString() + "' up to '" + end + "'");
    }
    SourceBatch batch = Read(row, max_rows);
    // The start has two names.
    if (reader_.position().row == row) batch.next = end;
    return batch;
  }
  void OnReady(std::function<void()> f) override {
    const std::lock_guard lock(log_->listeners_mutex);
    if (f) {
      log_->listeners[this] = std::move(f);
    } else {
      log_->listeners.erase(this);
    }
  }
  bool bounded() const override { return bounded_; }

 private:
  SourceBatch Read(uint64_t limit, size_t max_rows) {
    SourceBatch batch;
    batch.rows = reader_.Read(limit, max_rows);
    batch.next = reader_.position().ToString();
    batch.more = log_->atomic && reader_.within_record();
    batch.end = bounded_ && reader_.position().row >= last_row_;
    return batch;
  }

  const std::shared_ptr<State> log_;
  TableReader reader_;
  const bool bounded_;
  const uint64_t last_row_;
};

TableLog::State::State(std::string log_directory, Schema table_schema, TableLogOptions options)
    : directory(std::move(log_directory)),
      schema(std::move(table_schema)),
      sync(options.sync),
      atomic(options.atomic) {
  CreateDirectory(directory, sync);
  OpenLast();
  synced_rows = rows;
  Publish();
}

void TableLog::State::OpenLast() {
  std::vector<uint64_t> segments = ListSegments(directory);
  if (segments.empty()) segments.push_back(0);
  for (;; segments.pop_back()) {
    const uint64_t segment = segments.back();
    log = std::make_shared<RecordLog>(TableSegmentPath(directory, segment));
    writers.clear();
    requests.clear();
    if (Recover(segment) || segments.size() == 1) return;
    // A crash while it was begun: it may not know every writer.
    std::filesystem::remove(log->path());
  }
}

bool TableLog::State::Recover(uint64_t segment) {
  rows = segment;
  RecordLogReader reader(log->path());
  for (uint64_t offset = 0; offset < log->end();) {
    const auto found = reader.Read(offset);
    const TableRecord record = ParseTableRecord(found->payload);
    if (record.first_row != rows) {
      throw Error(ErrorCode::kIo, "'" + log->path() + "' lacks row " + std::to_string(rows));
    }
    rows += record.rows;
    if (auto request = ParseRequest(record.writer, record.sequence)) {
      if (request->second.first_row == kThisRecord) request->second.first_row = record.first_row;
      requests[std::move(request->first)] = request->second;
    } else if (!record.writer.empty()) {
      writers[std::string(record.writer)] = record.sequence;
    }
    offset = found->next;
  }
  return rows > segment;
}

void TableLog::State::Roll() {
  if (sync) {
    try {
      log->Sync();
    } catch (const Error&) {
      error = std::current_exception();
      throw;
    }
  }
  auto next = std::make_shared<RecordLog>(TableSegmentPath(directory, rows));
  const auto note = [&](std::string_view writer, uint64_t sequence) {
    std::string record = EncodeTableRecord(writer, sequence, {});
    SetFirstRow(&record, rows);
    next->Append(record);
  };
  for (const auto& [writer, sequence] : writers) note(writer, sequence);
  ForgetRequests();
  for (const auto& [key, request] : requests) {
    note(RequestWriter(key, request), request.fingerprint);
  }
  log = std::move(next);
}

// Those that are old and, should there still be too many, the oldest.
void TableLog::State::ForgetRequests() {
  std::vector<int64_t> times;
  for (const auto& [key, request] : requests) times.push_back(request.time_micros);
  int64_t oldest = NowMicros() - kRequestsMicros;
  if (times.size() > kMostRequests) {
    const auto nth = times.end() - static_cast<ptrdiff_t>(kMostRequests);
    std::ranges::nth_element(times, nth);
    oldest = std::max(oldest, *nth);
  }
  std::erase_if(requests, [&](const auto& entry) { return entry.second.time_micros < oldest; });
}

void TableLog::State::Write(std::string* record, uint32_t row_count) {
  if (error) std::rethrow_exception(error);
  if (log->end() >= kSegmentSize) Roll();
  SetFirstRow(record, rows);
  log->Append(*record);
  rows += row_count;
  ++written;
}

void TableLog::State::Publish() {
  const uint64_t publishable = awaited <= synced ? rows : synced_rows;
  visible_rows = std::max(visible_rows.load(), publishable);
}

void TableLog::State::SyncTo(uint64_t record, std::unique_lock<std::mutex>* lock) {
  while (synced < record) {
    if (error) std::rethrow_exception(error);
    if (syncing) {
      changed.wait(*lock);
      continue;
    }
    syncing = true;
    // Earlier segments were synced when the log went on to the next.
    const std::shared_ptr<RecordLog> last = log;
    const uint64_t end = written, end_rows = rows;
    std::exception_ptr failure;
    lock->unlock();
    try {
      last->Sync();
    } catch (const Error&) {
      failure = std::current_exception();
    }
    lock->lock();
    syncing = false;
    if (failure) {
      error = failure;
    } else {
      synced = end;
      synced_rows = end_rows;
      Publish();
    }
    changed.notify_all();
  }
}

TableLog::TableLog(std::string directory, Schema schema, TableLogOptions options)
    : state_(std::make_shared<State>(std::move(directory), std::move(schema), options)) {}
TableLog::~TableLog() = default;

uint64_t TableLog::Append(const Batch& rows) {
  if (rows.size == 0) return this->rows();
  const Written written = Write(rows);
  Finish(written);
  return written.first_row;
}

TableLog::Written TableLog::Write(const Batch& rows, const RequestKey* key) {
  assert(rows.size == 0 || rows.columns.size() == state_->schema.size());
  Request request;
  std::string writer;
  if (key != nullptr) {
    request = {NowMicros(), kThisRecord, rows.size, key->fingerprint};
    writer = RequestWriter(key->key, request);
  }
  std::string record = EncodeTableRecord(writer, request.fingerprint, rows);
  const std::lock_guard lock(state_->mutex);
  if (key != nullptr) {
    if (state_->requests.size() >= 2 * kMostRequests) state_->ForgetRequests();
    request.first_row = state_->rows;
    state_->requests[key->key] = request;
  }
  state_->Write(&record, static_cast<uint32_t>(rows.size));
  if (state_->sync) state_->awaited = state_->written;
  return {state_->rows - rows.size, state_->written};
}

std::optional<AppendedRows> TableLog::FindRequest(const RequestKey& key) {
  std::unique_lock lock(state_->mutex);
  const auto found = state_->requests.find(key.key);
  if (found == state_->requests.end()) return std::nullopt;
  const Request request = found->second;
  if (request.fingerprint != key.fingerprint) {
    throw Error(ErrorCode::kConflict, "other rows were sent with this Idempotency-Key", {},
                "a new request needs a new key");
  }
  if (state_->sync) state_->SyncTo(state_->written, &lock);
  return AppendedRows{request.first_row, request.first_row + request.rows, true};
}

void TableLog::WaitDurable(const Written& written) {
  std::unique_lock lock(state_->mutex);
  if (state_->sync) state_->SyncTo(written.record, &lock);
}

void TableLog::Finish(const Written& written) {
  {
    std::unique_lock lock(state_->mutex);
    if (state_->sync) state_->SyncTo(written.record, &lock);
    state_->Publish();
  }
  state_->CallListeners();
}

bool TableLog::HasAppended(const std::string& writer, uint64_t sequence) const {
  const std::lock_guard lock(state_->mutex);
  const auto last = state_->writers.find(writer);
  return last != state_->writers.end() && sequence <= last->second;
}

bool TableLog::AppendOnce(const std::string& writer, uint64_t sequence, const Batch& rows) {
  assert(!writer.empty() && (rows.size == 0 || rows.columns.size() == state_->schema.size()));
  std::string record = EncodeTableRecord(writer, sequence, rows);
  {
    const std::lock_guard lock(state_->mutex);
    const auto last = state_->writers.find(writer);
    if (last != state_->writers.end() && sequence <= last->second) return false;
    state_->Write(&record, static_cast<uint32_t>(rows.size));
    state_->writers[writer] = sequence;
    state_->Publish();
  }
  if (rows.size > 0) state_->CallListeners();
  return true;
}

void TableLog::SyncAll() {
  if (!state_->sync) return;
  std::unique_lock lock(state_->mutex);
  state_->SyncTo(state_->written, &lock);
}

uint64_t TableLog::rows() const { return state_->visible_rows; }

std::unique_ptr<Source> TableLog::OpenSource(std::vector<size_t> columns, bool bounded) {
  return std::make_unique<State::Follower>(state_, columns, bounded);
}

void TableLog::Remove(const std::string& directory) {
  std::error_code error;
  std::filesystem::remove_all(directory, error);
  if (error) throw Error(ErrorCode::kIo, "cannot remove '" + directory + "': " + error.message());
}

}  // namespace millrace
