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
#include <set>

#include "base/clock.h"
#include "base/record_log.h"
#include "connectors/table_record.h"
#include "connectors/table_source.h"

namespace millrace {
namespace {

constexpr uint64_t kSegmentSize = 64 << 20;
constexpr size_t kBaseRecordRows = 1024;
constexpr int64_t kRequestsMicros =
    int64_t{24} * 3600 * kMicrosPerSecond;  // They are known so long.
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

using PathOf = std::string (*)(const std::string& directory, uint64_t row);

// The row numbers that name the directory's segments or bases.
std::vector<uint64_t> ListFiles(const std::string& directory, PathOf path_of) {
  std::vector<uint64_t> rows;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const std::string name = entry.path().filename().string();
    uint64_t row = 0;
    std::from_chars(name.data(), name.data() + name.size(), row);
    const std::filesystem::path path = path_of(directory, row);
    if (path.filename() == name) rows.push_back(row);
  }
  std::ranges::sort(rows);
  return rows;
}

// Bases that were not finished.
void RemoveUnfinished(const std::string& directory) {
  std::vector<std::filesystem::path> unfinished;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() == ".unfinished") unfinished.push_back(entry.path());
  }
  for (const auto& path : unfinished) std::filesystem::remove(path);
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
  // After a sync that has failed: makes durable what is in the log, or throws.
  void Repair();
  void Publish();
  void ForgetRequests();
  // Removes what no reader needs.
  void Prune();

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
  std::optional<uint64_t> base;                          // The newest.
  std::vector<uint64_t> segments, bases;                 // By their names, the newest last.
  uint64_t base_size = 0, behind_base = 0;  // Bytes; of the log but for the last segment.
  // The least that readers may still come to; none: they have not begun, or are at the start.
  std::map<uint64_t, std::optional<TablePosition>> held;
  uint64_t followers = 0;  // Ever; they are numbered.
  bool prunable = false;   // All readers of the last run have come back.
  uint64_t rows = 0;
  uint64_t written = 0;      // Records written since the log was opened,
  uint64_t synced = 0;       // and how many of them are durable,
  uint64_t synced_rows = 0;  // with the rows up to this number,
  uint64_t awaited = 0;      // and how many must be before readers may see the last row.
  bool syncing = false;      // Some thread is at it, without the mutex.
  uint64_t synced_end = 0;   // Offset in the last segment below which all is durable.
  std::exception_ptr error;  // Of a sync: nothing may follow what may not be durable; see Repair().

  std::atomic<uint64_t> visible_rows = 0;

  std::mutex listeners_mutex;  // Held while they are called: none may come back to its source.
  std::map<const void*, std::function<void()>> listeners;
};

class TableLog::State::Follower : public Source {
 public:
  Follower(std::shared_ptr<State> log, const std::vector<size_t>& columns, TableRead read)
      : log_(std::move(log)),
        reader_(log_->directory, log_->schema, columns),
        read_(read),
        last_row_(log_->visible_rows) {
    const std::lock_guard lock(log_->mutex);
    id_ = ++log_->followers;
    log_->held[id_];
  }
  // Who may come back after a restart keeps what it needs; only a job that has ended lets it go.
  ~Follower() override {
    OnReady(nullptr);
    if (read_ != TableRead::kReplayable) Close();
  }

  std::vector<std::string> Partitions() override { return {""}; }
  // A position that is gone fails the next Poll: a job that has ended never polls.
  void Seek(size_t, const SourcePosition& text) override {
    begun_ = !text.empty();
    const TablePosition position = TablePosition::Parse(text);
    error_ = nullptr;
    try {
      reader_.Seek(position, log_->visible_rows);
    } catch (const Error&) {
      error_ = std::current_exception();
    }
    if (begun_) Hold(position);
  }
  SourceBatch Poll(size_t, size_t max_rows) override {
    Begin(std::nullopt);
    return Read({.row = bounded() ? last_row_ : log_->visible_rows.load()}, max_rows);
  }
  SourceBatch PollUntil(size_t, const SourcePosition& text, size_t max_rows) override {
    const TablePosition end = TablePosition::Parse(text);
    Begin(end);
    const TablePosition& at = reader_.position();
    const bool passed = end.base ? !at.base || at.segment != end.segment || at.row > end.row
                                 : !at.base && at.row > end.row;
    if (passed || (!end.base && end.row > log_->visible_rows)) {
      throw Error(ErrorCode::kIo, "a table's log cannot be read from position '" + at.ToString() +
                                      "' up to '" + text + "'");
    }
    SourceBatch batch = Read({end.row, end.base}, max_rows);
    // A place between two files has two names.
    if (at.base == end.base && at.row == end.row) batch.next = text;
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
  void Commit(const std::map<std::string, SourcePosition>& positions) override {
    const auto position = positions.find("");
    const bool known = position != positions.end() && !position->second.empty();
    if (known) Hold(TablePosition::Parse(position->second));
  }
  void Close() override {
    OnReady(nullptr);
    const std::lock_guard lock(log_->mutex);
    if (log_->held.erase(id_) > 0) log_->Prune();
  }
  bool bounded() const override { return read_ == TableRead::kBounded; }

 private:
  // The start is the newest base; for a replay one that is not behind its end.
  void Begin(const std::optional<TablePosition>& end) {
    if (error_) std::rethrow_exception(error_);
    if (std::exchange(begun_, true)) return;
    TablePosition start;
    {
      const std::lock_guard lock(log_->mutex);
      for (uint64_t base : log_->bases) {
        const bool fits = !end || (end->base ? base == end->segment : base <= end->row);
        if (fits) start = {base, 0, 0, true};
      }
      log_->held[id_] = start;
    }
    if (start.base) reader_.Seek(start, log_->visible_rows);
  }
  void Hold(const TablePosition& position) {
    const std::lock_guard lock(log_->mutex);
    const auto held = log_->held.find(id_);
    if (held == log_->held.end() || held->second == position) return;
    held->second = position;
    log_->Prune();
  }
  SourceBatch Read(TableLimit limit, size_t max_rows) {
    SourceBatch batch;
    batch.rows = reader_.Read(limit, max_rows);
    batch.next = reader_.position().ToString();
    batch.more = log_->atomic && !reader_.position().base && reader_.within_record();
    batch.end = bounded() && !reader_.position().base && reader_.position().row >= last_row_;
    if (read_ != TableRead::kReplayable && batch.rows->size > 0) Hold(reader_.position());
    return batch;
  }

  const std::shared_ptr<State> log_;
  TableReader reader_;
  const TableRead read_;
  const uint64_t last_row_;
  uint64_t id_ = 0;
  bool begun_ = false;
  std::exception_ptr error_;  // Of Seek.
};

TableLog::State::State(std::string log_directory, Schema table_schema, TableLogOptions options)
    : directory(std::move(log_directory)),
      schema(std::move(table_schema)),
      sync(options.sync),
      atomic(options.atomic) {
  CreateDirectory(directory, sync);
  OpenLast();
  // A killed process may have left rows that a power failure takes back.
  if (sync) log->Sync();
  synced_rows = rows;
  synced_end = log->end();
  Publish();
}

void TableLog::State::OpenLast() {
  RemoveUnfinished(directory);
  segments = ListFiles(directory, TableSegmentPath);
  bases = ListFiles(directory, TableBasePath);
  if (!bases.empty()) base = bases.back();
  if (segments.empty()) segments.push_back(base.value_or(0));
  for (;; segments.pop_back()) {
    const uint64_t segment = segments.back();
    log = std::make_shared<RecordLog>(TableSegmentPath(directory, segment));
    writers.clear();
    requests.clear();
    if (Recover(segment) || segments.size() == 1) break;
    // A crash while it was begun: it may not know every writer.
    std::filesystem::remove(log->path());
  }
  // Readers of the base go on with a segment of its name.
  if (base && segments.back() < *base) {
    rows = std::max(rows, *base);
    Roll();
  }
  if (base) base_size = std::filesystem::file_size(TableBasePath(directory, *base));
  for (uint64_t segment : segments) {
    if (segment < base.value_or(0) || segment == segments.back()) continue;
    behind_base += std::filesystem::file_size(TableSegmentPath(directory, segment));
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
  behind_base += log->end();
  segments.push_back(rows);
  log = std::move(next);
  synced_end = 0;
}

void TableLog::State::Repair() {
  log->WriteAgain(synced_end);
  error = nullptr;
  synced = written;
  synced_rows = rows;
  synced_end = log->end();
  Publish();
  changed.notify_all();
  CallListeners();
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

void TableLog::State::Prune() {
  if (!base || !prunable) return;
  uint64_t first_row = *base;
  std::set<uint64_t> needed = {*base};
  for (const auto& [reader, position] : held) {
    // Who has not begun may have to repeat what it read from any base.
    if (!position) return;
    if (position->base) needed.insert(position->segment);
    first_row = std::min(first_row, position->base ? position->segment : position->row);
  }
  std::error_code kept;  // What cannot be removed now is another time.
  std::erase_if(bases, [&](uint64_t other) {
    return !needed.contains(other) && std::filesystem::remove(TableBasePath(directory, other), kept);
  });
  // A segment ends where the next begins.
  while (segments.size() > 1 && segments[1] <= first_row) {
    if (!std::filesystem::remove(TableSegmentPath(directory, segments[0]), kept) && kept) return;
    segments.erase(segments.begin());
  }
}

void TableLog::State::Write(std::string* record, uint32_t row_count) {
  if (error) Repair();
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
  bool tried = false;
  while (synced < record) {
    // Whoever waited for the sync that has failed is told so; later ones try again.
    if (error && tried) std::rethrow_exception(error);
    if (error) {
      Repair();
      continue;
    }
    tried = true;
    if (syncing) {
      changed.wait(*lock);
      continue;
    }
    syncing = true;
    // Earlier segments were synced when the log went on to the next.
    const std::shared_ptr<RecordLog> last = log;
    const uint64_t end = written, end_rows = rows, end_offset = last->end();
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
      if (last == log) synced_end = end_offset;
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
  if (key != nullptr && state_->requests.size() >= 2 * kMostRequests) state_->ForgetRequests();
  state_->Write(&record, static_cast<uint32_t>(rows.size));
  if (key != nullptr) {
    request.first_row = state_->rows - rows.size;
    state_->requests[key->key] = request;
  }
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
  state_->Publish();
}

void TableLog::Finish(const Written& written) {
  WaitDurable(written);
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

std::unique_ptr<Source> TableLog::OpenSource(std::vector<size_t> columns, TableRead read) {
  return std::make_unique<State::Follower>(state_, columns, read);
}

uint64_t TableLog::BeginSegment() {
  const std::lock_guard lock(state_->mutex);
  if (state_->error) std::rethrow_exception(state_->error);
  if (state_->segments.back() != state_->rows) state_->Roll();
  // What the writers of the earlier segments wrote must be known when those are gone.
  if (state_->sync) state_->log->Sync();
  state_->prunable = true;
  return state_->rows;
}

void TableLog::WriteBase(uint64_t next_row, const std::vector<Batch>& rows) {
  const std::string path = TableBasePath(state_->directory, next_row);
  const std::string unfinished = path + ".unfinished";
  std::filesystem::remove(unfinished);
  uint64_t written = 0;
  {
    RecordLog out(unfinished);
    for (const Batch& batch : rows) {
      for (size_t at = 0; at < batch.size; at += kBaseRecordRows) {
        const Batch part = batch.Slice(at, std::min(kBaseRecordRows, batch.size - at));
        std::string record = EncodeTableRecord("", 0, part);
        SetFirstRow(&record, written);
        out.Append(record);
        written += part.size;
      }
    }
    if (state_->sync) out.Sync();
  }
  // The segment behind the base must not be lost where those before it are gone.
  SyncAll();
  std::filesystem::rename(unfinished, path);
  if (state_->sync) SyncDirectory(state_->directory);
  const std::lock_guard lock(state_->mutex);
  state_->base = next_row;
  if (std::ranges::find(state_->bases, next_row) == state_->bases.end()) {
    state_->bases.push_back(next_row);
  }
  state_->base_size = std::filesystem::file_size(path);
  state_->behind_base = 0;
  for (uint64_t segment : state_->segments) {
    if (segment < next_row || segment == state_->segments.back()) continue;
    state_->behind_base += std::filesystem::file_size(TableSegmentPath(state_->directory, segment));
  }
  state_->Prune();
}

TableLog::Sizes TableLog::sizes() const {
  const std::lock_guard lock(state_->mutex);
  return {state_->base_size, state_->behind_base + state_->log->end()};
}

void TableLog::Remove(const std::string& directory) {
  std::error_code error;
  std::filesystem::remove_all(directory, error);
  if (error) throw Error(ErrorCode::kIo, "cannot remove '" + directory + "': " + error.message());
}

}  // namespace millrace
