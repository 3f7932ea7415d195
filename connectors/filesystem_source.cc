// Reads the files of a directory, or one file, in the order of their names; on request follows new
// files and growth. Thread safety: Poll, PollUntil and Seek from one thread; a monitor thread only
// sets a flag and calls OnReady's function.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <limits>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "connectors/builtin.h"
#include "connectors/compression.h"
#include "connectors/filesystem_files.h"
#include "connectors/name_pattern.h"
#include "connectors/record_splitter.h"

namespace millrace {
namespace {

constexpr size_t kChunk = 1 << 20;
constexpr size_t kPadding = 64;
constexpr size_t kLongestRecord = 64 << 20;
constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();
// Positions of vanished files are kept, in case they come back; but not without end.
constexpr size_t kMostVanishedFiles = 1000;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// A file being read: a buffer of its bytes, of which [begin, end) are not yet taken.
struct OpenFile {
  std::shared_ptr<const FileEntry> entry;
  std::shared_ptr<const std::string> header;
  std::unique_ptr<ByteReader> reader;
  FileProgress at;            // Of buffer[begin].
  uint64_t limit = kNoLimit;  // Replay: the offset where the last record ends.
  std::shared_ptr<char[]> buffer;
  size_t begin = 0, end = 0;
  bool at_end = false;  // The reader has no more for now.
};

// Calls a function at intervals until destroyed.
class Ticker {
 public:
  ~Ticker() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
  }
  void Start(std::chrono::microseconds interval, std::function<void()> tick) {
    thread_ = std::thread([this, interval, tick = std::move(tick)] {
      std::unique_lock lock(mutex_);
      while (!wake_.wait_for(lock, interval, [this] { return stopping_; })) {
        lock.unlock();
        tick();
        lock.lock();
      }
    });
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

class FilesystemSource final : public Source {
 public:
  explicit FilesystemSource(const ConnectorContext& context)
      : path_(GetString(context.options, "path")),
        root_(ResolvePath(context.base_directory, path_)),
        metadata_(context.metadata),
        partitioned_(!context.partitioned_by.empty()),
        interval_micros_(GetDurationMicros(context.options, "source.monitor-interval", 0)) {
    if (const Option* pattern = FindOption(context.options, "source.path.regex-pattern")) {
      pattern_.emplace("source.path.regex-pattern", *pattern);
    }
    const FormatDef* format = FindFormat(GetString(context.options, "format"));
    if (format != nullptr && format->framing != nullptr) {
      framing_ = format->framing(context.options);
    }
  }

  std::vector<std::string> Partitions() override { return {path_}; }
  bool bounded() const override { return interval_micros_ == 0; }

  void OnReady(std::function<void()> f) override {
    if (bounded()) return;  // Poll yields something until the end.
    ticker_.Start(std::chrono::microseconds(interval_micros_), [this, f = std::move(f)] {
      scan_due_ = true;
      f();
    });
  }

  void Seek(size_t /*partition*/, const SourcePosition& position) override {
    current_.reset();
    seen_sizes_.clear();
    replay_end_.clear();
    SetProgress(position);
  }

  SourceBatch Poll(size_t /*partition*/, size_t max_rows) override {
    while (current_ || OpenNext()) {
      SourceBatch batch = ReadCurrent(std::max<size_t>(max_rows, 1));
      if (batch.size() > 0) return batch;
      CloseCurrent();
    }
    SourceBatch batch;
    batch.next = Position();
    batch.end = bounded();
    return batch;
  }

  SourceBatch PollUntil(size_t /*partition*/, const SourcePosition& end, size_t max_rows) override {
    SourceBatch batch;
    batch.next = end;
    if (replay_end_ != end) {
      if (Position() == end) return batch;
      BeginReplay(end);
    }
    while (current_ || OpenNextReplayed()) {
      batch = ReadCurrent(std::max<size_t>(max_rows, 1));
      if (batch.size() == 0) {
        CloseCurrent();
        continue;
      }
      if (replay_.empty() && current_->at.offset >= current_->limit) {
        EndReplay(end);
        batch.next = end;
      }
      return batch;
    }
    EndReplay(end);  // Files that vanished end here.
    batch.next = end;
    return batch;
  }

 private:
  // --- Which file comes next.

  bool OpenNext() {
    for (;;) {
      while (!pending_.empty()) {
        std::shared_ptr<const FileEntry> entry = TakeFirst(&pending_);
        if (Open(std::move(entry), kNoLimit)) return true;
      }
      if (!Scan()) return false;
    }
  }

  static std::shared_ptr<const FileEntry> TakeFirst(std::vector<FileEntry>* files) {
    auto first = std::make_shared<const FileEntry>(std::move(files->back()));
    files->pop_back();
    return first;
  }

  // Fills pending_, last file first; false when there is nothing new.
  bool Scan() {
    if (bounded()) {
      if (std::exchange(listed_, true)) return false;
      pending_ = List();
      const std::string from = progress_.empty() ? "" : progress_.back().name;
      std::erase_if(pending_, [&](const FileEntry& file) { return file.name < from; });
    } else {
      // An empty Poll between two rounds ends the step, so that no file is read twice in a step:
      // the order in a position is all that replay needs.
      if (std::exchange(in_round_, false) || !scan_due_.exchange(false)) return false;
      pending_ = NextRound();
      in_round_ = !pending_.empty();
    }
    std::ranges::reverse(pending_);
    return !pending_.empty();
  }

  std::vector<FileEntry> List() const {
    std::vector<FileEntry> files;
    try {
      files = ListFiles(root_);
    } catch (const Error&) {
      if (bounded()) throw;  // A watched directory may come back.
    }
    if (pattern_) {
      std::erase_if(files, [this](const FileEntry& file) { return !pattern_->Matches(file.path); });
    }
    return files;
  }

  // A listing takes time: it may have missed a file and seen one that was made after it. A second
  // listing has all that were there before the last file of the first.
  std::vector<FileEntry> NextRound() {
    std::vector<FileEntry> files = ChangedFiles();
    if (files.empty()) return files;
    const std::string last = files.back().name;
    files = ChangedFiles();
    std::erase_if(files, [&](const FileEntry& file) { return file.name > last; });
    return files;
  }

  std::vector<FileEntry> ChangedFiles() {
    std::vector<FileEntry> files = List();
    std::unordered_map<std::string_view, uint64_t> offsets, sizes;
    for (const FileProgress& progress : progress_) offsets[progress.name] = progress.offset;
    for (const FileEntry& file : files) sizes[file.name] = file.size;
    std::erase_if(seen_sizes_, [&](const auto& seen) { return !sizes.contains(seen.first); });
    ForgetVanished(sizes);
    std::erase_if(files, [&](const FileEntry& file) {
      const auto seen = seen_sizes_.find(file.name);
      if (seen != seen_sizes_.end() && seen->second == file.size) return true;
      const auto offset = offsets.find(file.name);
      return offset != offsets.end() && !IsCompressed(file.name) && offset->second >= file.size;
    });
    return files;
  }

  template <class Sizes>
  void ForgetVanished(const Sizes& sizes) {
    const auto vanished = [&](const FileProgress& file) { return !sizes.contains(file.name); };
    size_t count = static_cast<size_t>(std::ranges::count_if(progress_, vanished));
    if (count <= kMostVanishedFiles) return;
    std::erase_if(progress_, [&](const FileProgress& file) {
      return vanished(file) && count-- > kMostVanishedFiles;
    });
    MakePrefix();
  }

  // --- Replay.

  void BeginReplay(const SourcePosition& end) {
    replay_end_ = end;
    replay_.clear();
    const std::vector<FileProgress> targets = ParseFilePosition(end);
    std::unordered_map<std::string_view, uint64_t> limits;
    for (const FileProgress& target : targets) limits[target.name] = target.offset;
    std::vector<FileEntry> files = List();
    if (bounded()) {
      const std::string from = progress_.empty() ? "" : progress_.back().name;
      const std::string& to = targets.back().name;
      for (FileEntry& file : files) {
        if (file.name < from || file.name > to) continue;
        const auto limit = limits.find(file.name);
        replay_.emplace_back(std::move(file), limit == limits.end() ? kNoLimit : limit->second);
      }
    } else {
      // In the order in which the targets were read.
      for (const FileProgress& target : targets) {
        if (OffsetOf(target.name) >= target.offset) continue;
        const auto file = std::ranges::find(files, target.name, &FileEntry::name);
        if (file == files.end()) {
          // Going on without its rows would give readers another answer than they have seen.
          throw Error(ErrorCode::kIo, "file '" + target.name +
                                          "' is gone, and its last records must be read again");
        }
        replay_.emplace_back(std::move(*file), target.offset);
      }
    }
    std::ranges::reverse(replay_);
    if (!current_) return;
    if (!replay_.empty() && replay_.back().first.name == current_->at.name) {
      current_->limit = replay_.back().second;
      replay_.pop_back();
    } else {
      current_.reset();
    }
  }

  bool OpenNextReplayed() {
    while (!replay_.empty()) {
      auto [file, limit] = std::move(replay_.back());
      replay_.pop_back();
      if (Open(std::make_shared<const FileEntry>(std::move(file)), limit)) return true;
    }
    return false;
  }

  void EndReplay(const SourcePosition& end) {
    replay_end_.clear();
    replay_.clear();
    SetProgress(end);
    if (current_) current_->limit = kNoLimit;
  }

  // --- Positions.

  void SetProgress(const SourcePosition& position) {
    progress_ = ParseFilePosition(position);
    MakePrefix();
    pending_.clear();
    listed_ = in_round_ = false;
    scan_due_ = true;
  }

  uint64_t OffsetOf(const std::string& name) const {
    const auto it = std::ranges::find(progress_, name, &FileProgress::name);
    return it == progress_.end() ? 0 : it->offset;
  }

  // The position's lines but the last, which alone changes from poll to poll.
  void MakePrefix() {
    prefix_.clear();
    for (size_t i = 0; i + 1 < progress_.size(); ++i) AppendFilePosition(progress_[i], &prefix_);
  }

  void SaveProgress() {
    const FileProgress& at = current_->at;
    if (progress_.empty() || progress_.back().name != at.name) {
      if (bounded()) progress_.clear();
      std::erase_if(progress_, [&](const FileProgress& file) { return file.name == at.name; });
      progress_.push_back(at);
      MakePrefix();
    }
    progress_.back() = at;
  }

  SourcePosition Position() const {
    SourcePosition position = prefix_;
    if (!progress_.empty()) AppendFilePosition(progress_.back(), &position);
    return position;
  }

  // --- Reading.

  // False when the file has vanished or its header is not complete yet.
  bool Open(std::shared_ptr<const FileEntry> entry, uint64_t limit) {
    auto file = std::make_unique<OpenFile>();
    file->reader = OpenForReading(entry->path);
    if (!file->reader) return false;
    file->at.name = entry->name;
    const auto progress = std::ranges::find(progress_, entry->name, &FileProgress::name);
    if (progress != progress_.end()) file->at = *progress;
    file->entry = std::move(entry);
    file->limit = limit;
    if (framing_.header && !ReadHeader(file.get())) return false;
    if (file->at.offset > 0) file->reader->SeekTo(file->at.offset);
    current_ = std::move(file);
    return true;
  }

  bool ReadHeader(OpenFile* file) const {
    const std::unique_ptr<ByteReader> reader = OpenForReading(file->entry->path);
    if (!reader) return false;
    constexpr size_t kStep = 4096, kLongestHeader = 1 << 20;
    std::string text;
    size_t newline = std::string::npos;
    while (newline == std::string::npos && text.size() < kLongestHeader) {
      const size_t before = text.size();
      text.resize(before + kStep);
      text.resize(before + reader->Read(text.data() + before, kStep));
      if (text.size() == before) break;
      newline = text.find('\n', before);
    }
    if (newline == std::string::npos && !bounded()) return false;
    if (file->at.offset == 0) {
      file->at.offset = std::min(newline, text.size() - 1) + 1;
      file->at.lines = 1;
    }
    text.resize(std::min(newline, text.size()));
    if (text.ends_with('\r')) text.pop_back();
    if (text.starts_with(kByteOrderMark)) text.erase(0, kByteOrderMark.size());
    file->header = std::make_shared<const std::string>(std::move(text));
    return true;
  }

  void CloseCurrent() {
    seen_sizes_[current_->at.name] = current_->entry->size;
    current_.reset();
  }

  // Whether a last line without its end counts.
  bool IsFinal(const OpenFile& file) const {
    if (!file.at_end || file.reader->truncated()) return false;
    return bounded() || IsCompressed(file.entry->name);
  }

  // The next records of the current file; none at its end.
  SourceBatch ReadCurrent(size_t max_rows) {
    OpenFile& file = *current_;
    for (;;) {
      const uint64_t left = file.limit - std::min(file.limit, file.at.offset);
      const size_t end = file.begin + std::min<uint64_t>(file.end - file.begin, left);
      const bool limited = left <= file.end - file.begin;
      if (file.begin < end) {
        const SplitRecords split =
            Split(framing_, file.buffer.get(), file.begin, end, limited || IsFinal(file), max_rows);
        if (!split.records.empty()) return MakeBatch(&file, split);
      }
      if (limited) return {};
      if (file.at_end) {
        if (bounded() && file.reader->truncated()) {
          throw Error(ErrorCode::kIo, "the compressed file " + file.entry->path + " breaks off");
        }
        return {};
      }
      FillBuffer(&file);
    }
  }

  // Puts more bytes behind those not taken, in a new buffer: blocks still point into the old one.
  void FillBuffer(OpenFile* file) const {
    const size_t rest = file->end - file->begin;
    if (rest > kLongestRecord) {
      throw Error(ErrorCode::kTooLarge, "the record at line " + std::to_string(file->at.lines + 1) +
                                            " of " + file->entry->path + " is longer than 64 MB");
    }
    // To the next multiple in the file: which records come together follows from where reading
    // begins, so that a restarted run cuts its steps where the other did.
    size_t more = kChunk - (file->at.offset + rest) % kChunk;
    if (!IsCompressed(file->entry->name)) {
      // One byte more than there is, so that a small file's end shows in one go.
      const uint64_t known =
          file->entry->size - std::min(file->entry->size, file->at.offset + rest);
      more = std::min<uint64_t>(more, std::max<uint64_t>(known + 1, 4096));
    }
    std::shared_ptr<char[]> buffer(new char[rest + more + kPadding]);
    if (rest > 0) std::memcpy(buffer.get(), file->buffer.get() + file->begin, rest);
    size_t size = rest;
    while (size < rest + more && !file->at_end) {
      const size_t got = file->reader->Read(buffer.get() + size, rest + more - size);
      file->at_end = got == 0;
      size += got;
    }
    std::memset(buffer.get() + size, 0, kPadding);
    file->buffer = std::move(buffer);
    file->begin = 0;
    file->end = size;
    const std::string_view bytes(file->buffer.get(), size);
    if (file->at.offset == 0 && bytes.starts_with(kByteOrderMark)) {
      file->begin = file->at.offset = kByteOrderMark.size();
    }
  }

  SourceBatch MakeBatch(OpenFile* file, const SplitRecords& split) {
    RecordBlock block;
    block.owner = file->buffer;
    block.data = file->buffer.get();
    block.records = split.records;
    block.first_position = file->at.lines + 1;
    for (uint32_t lines : split.lines) block.positions.push_back(block.first_position + lines);
    block.header = file->header;
    block.origin = {file->entry, &file->entry->name};
    if (partitioned_) block.partition = {file->entry, &file->entry->partition};
    block.arrival_micros = std::chrono::duration_cast<std::chrono::microseconds>(
                               std::chrono::system_clock::now().time_since_epoch())
                               .count();
    for (const std::string& key : metadata_) {
      block.metadata.push_back(Metadata(key, file->entry, split.records.size()));
    }
    file->at.offset += split.end - file->begin;
    file->at.lines += split.line_count;
    file->begin = split.end;
    SaveProgress();
    SourceBatch batch;
    batch.block = std::move(block);
    batch.next = Position();
    return batch;
  }

  static Column Metadata(std::string_view key, const std::shared_ptr<const FileEntry>& entry,
                         size_t size) {
    if (key == "file.size") return Column::Constant(static_cast<int64_t>(entry->size), size);
    if (key == "file.modification-time") {
      const int64_t micros = entry->modified_micros;
      return Column::Constant(TimestampLtz{micros - micros % kMicrosPerMilli}, size);
    }
    std::string_view text = entry->path;
    if (key == "file.name") text.remove_prefix(text.find_last_of('/') + 1);
    Column column = Column::Constant(StringRef(text), size);
    column.KeepAlive(entry);
    return column;
  }

  const std::string path_, root_;
  const std::vector<std::string> metadata_;
  const bool partitioned_;
  const int64_t interval_micros_;  // 0: bounded.
  std::optional<NamePattern> pattern_;
  RecordFraming framing_;

  std::unique_ptr<OpenFile> current_;
  std::vector<FileEntry> pending_;      // Files to read, the next one last.
  bool listed_ = false;                 // Bounded: pending_ was filled.
  bool in_round_ = false;               // Watching: pending_ was filled since the last empty Poll.
  std::vector<FileProgress> progress_;  // In the order of last reads; bounded: only the last.
  SourcePosition prefix_;
  std::unordered_map<std::string, uint64_t> seen_sizes_;  // On disk, when the end was reached.

  SourcePosition replay_end_;
  std::vector<std::pair<FileEntry, uint64_t>> replay_;  // Files and limits, the next one last.

  std::atomic<bool> scan_due_ = true;
  Ticker ticker_;  // Last: its thread ends before the rest is gone.
};

}  // namespace

std::unique_ptr<Source> MakeFilesystemSource(const ConnectorContext& context) {
  return std::make_unique<FilesystemSource>(context);
}

}  // namespace millrace
