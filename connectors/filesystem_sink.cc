// Writes part files into a directory, below it into one directory k=v per partition.
//
// A part is written as .part-<id>-<n>.<format>.inprogress and gets its name part-<id>-<n>.<format>
// when the checkpoint is committed behind its end, so that readers see each row once. <id> is drawn
// when the sink is new and stays in its position, so that sinks may share a directory.
//
// Position, a line each: id ':' next n; then for every part not yet under its name
//   ('p' still written | 'f' finished) ':' committed length ':' n ':' directory
// and for every partition that is to get its success file
//   's' ':' microseconds when it got its first file ':' 0 ':' directory
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <random>
#include <set>

#include "base/clock.h"
#include "connectors/builtin.h"
#include "connectors/filesystem_files.h"
#include "connectors/partition_columns.h"
#include "connectors/step_changes.h"
#include "connectors/text_values.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr size_t kBuffer = 256 << 10;

[[noreturn]] void ThrowIo(std::string_view what, const std::string& path) {
  throw Error(ErrorCode::kIo, fmt::format("cannot {} {}: {}", what, path, std::strerror(errno)));
}

void SyncDirectory(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) ThrowIo("open", path);
  const bool failed = ::fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP;
  ::close(fd);
  // Where it is not offered, the names in it stand all the same.
  if (failed) throw Error(ErrorCode::kIo, fmt::format("cannot sync {}", path));
}

// With names that survive a power failure, as the files in them will.
void MakeDirectories(const std::string& path) {
  std::error_code error;
  if (path.empty() || fs::exists(path, error)) return;
  const std::string parent = fs::path(path).parent_path().string();
  MakeDirectories(parent);
  fs::create_directory(path, error);
  if (error) {
    throw Error(ErrorCode::kIo, fmt::format("cannot create {}: {}", path, error.message()));
  }
  SyncDirectory(parent.empty() ? "." : parent);
}

struct PartName {
  std::string directory;  // Relative to the sink's; "" or "k=v/k=v".
  uint64_t number = 0;
};

// A part file being written.
class PartFile {
 public:
  // Cuts or makes the file.
  PartFile(PartName name, std::string path, uint64_t length)
      : name_(std::move(name)), path_(std::move(path)), written_(length) {
    fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd_ < 0) ThrowIo("open", path_);
    if (::ftruncate(fd_, static_cast<off_t>(length)) != 0 ||
        ::lseek(fd_, static_cast<off_t>(length), SEEK_SET) < 0) {
      ThrowIo("truncate", path_);
    }
  }
  ~PartFile() { ::close(fd_); }
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  const PartName& name() const { return name_; }
  uint64_t length() const { return written_ + buffer_.size(); }
  Clock::time_point opened() const { return opened_; }
  // What is appended here counts as written.
  std::string* buffer() { return &buffer_; }

  void FlushWhenFull() {
    if (buffer_.size() >= kBuffer) Flush();
  }
  void Flush() {
    std::string_view rest = buffer_;
    while (!rest.empty()) {
      const ssize_t put = ::write(fd_, rest.data(), rest.size());
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) ThrowIo("write", path_);
      rest.remove_prefix(static_cast<size_t>(put));
    }
    written_ += buffer_.size();
    buffer_.clear();
  }
  void Sync() {
    Flush();
    if (::fsync(fd_) != 0) ThrowIo("sync", path_);
  }

 private:
  const PartName name_;
  const std::string path_;
  const Clock::time_point opened_ = Clock::now();
  int fd_;
  uint64_t written_;
  std::string buffer_;
};

std::string NewId() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

// Hive's escapes for what a directory's name cannot hold.
void AppendEscaped(std::string_view text, std::string* out) {
  constexpr std::string_view kSpecial = "\"#%'*/:=?\\{}[]^";
  for (char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F || kSpecial.find(c) != kSpecial.npos) {
      fmt::format_to(std::back_inserter(*out), "%{:02X}", static_cast<unsigned char>(c));
    } else {
      out->push_back(c);
    }
  }
}

std::string_view TakeUntil(std::string_view* text, char end) {
  const size_t at = std::min(text->find(end), text->size());
  const std::string_view taken = text->substr(0, at);
  text->remove_prefix(std::min(at + 1, text->size()));
  return taken;
}

uint64_t TakeNumber(std::string_view* text) {
  const std::string_view digits = TakeUntil(text, ':');
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc{} || end != digits.data() + digits.size()) {
    throw Error(ErrorCode::kInternal, "malformed position of a filesystem sink");
  }
  return number;
}

class FilesystemSink final : public Sink {
 public:
  explicit FilesystemSink(const ConnectorContext& context)
      : root_(ResolvePath(context.base_directory, GetString(context.options, "path"))),
        suffix_("." + GetString(context.options, "format", "csv")),
        null_name_(GetString(context.options, "partition.default-name", "__DEFAULT_PARTITION__")),
        roll_size_(static_cast<uint64_t>(
            GetSizeBytes(context.options, "sink.rolling-policy.file-size", int64_t{128} << 20))),
        roll_age_(GetDurationMicros(context.options, "sink.rolling-policy.rollover-interval",
                                    int64_t{30} * 60 * kMicrosPerSecond)),
        success_name_(GetString(context.options, "sink.partition-commit.policy.kind").empty()
                          ? ""
                          : GetString(context.options, "sink.partition-commit.success-file.name",
                                      "_SUCCESS")),
        success_delay_(GetDurationMicros(context.options, "sink.partition-commit.delay", 0)),
        id_(NewId()) {
    const ConnectorContext files = WithoutPartitionColumns(context);
    const FormatDef* format = FindFormat(GetString(context.options, "format"));
    if (format == nullptr || format->encoder == nullptr) {
      throw Error(ErrorCode::kInvalidOption, "this format cannot be written",
                  ValueRange(context.options, "format"));
    }
    encoder_ = format->encoder(files);
    envelope_ = format->envelope;
    if (format->file_header != nullptr) header_ = format->file_header(files);
    for (size_t i = 0; i < context.schema.size(); ++i) {
      if (!IsPartitionColumn(context, context.schema[i].name)) file_columns_.push_back(i);
    }
    for (const std::string& name : context.partitioned_by) {
      const auto field = std::ranges::find(context.schema, name, &Field::name);
      if (field == context.schema.end()) continue;
      partition_columns_.push_back(static_cast<size_t>(field - context.schema.begin()));
      partition_fields_.push_back(*field);
    }
    MakeDirectories(root_);
  }

  void Write(const Batch& changes) override {
    Batch rows;
    rows.size = changes.size;
    for (size_t column : file_columns_) rows.columns.push_back(changes.columns[column]);
    std::string directory, previous;
    PartFile* part = nullptr;
    for (size_t i = 0; i < changes.size; ++i) {  // Encoding goes row by row.
      directory.clear();
      AppendDirectory(changes, i, &directory);
      if (envelope_ != nullptr) {
        row_.clear();
        encoder_->Encode(rows, i, &row_);
        step_.Add(directory, row_, {}, changes.weight(i));
        continue;
      }
      if (part == nullptr || directory != previous) part = &PartOf(directory);
      previous = directory;
      for (int64_t n = changes.weight(i); n > 0; --n) {
        encoder_->Encode(rows, i, part->buffer());
        part->buffer()->push_back('\n');
      }
      part->FlushWhenFull();
      if (part->length() >= roll_size_) part = Roll(directory);
    }
    RollOld();
  }

  void Flush() override {
    step_.Take([this](std::string_view directory, std::string_view row, std::string_view, bool goes) {
      PartFile& part = PartOf(std::string(directory));
      envelope_(row, goes, part.buffer());
      part.buffer()->push_back('\n');
      part.FlushWhenFull();
      if (part.length() >= roll_size_) Roll(std::string(directory));
    });
    RollOld();
  }

  std::string PreCommit(uint64_t /*epoch*/) override {
    RollOld();
    std::string position = fmt::format("{}:{}", id_, next_);
    for (auto& [directory, part] : open_) {
      part->Sync();
      AppendPosition('p', part->length(), part->name(), &position);
    }
    for (auto& [name, length] : finished_) AppendPosition('f', length, name, &position);
    for (const auto& [directory, since] : incomplete_) {
      AppendPosition('s', static_cast<uint64_t>(since), {directory, 0}, &position);
    }
    for (const std::string& directory : directories_) SyncDirectory(root_ + "/" + directory);
    directories_.clear();
    committing_ = finished_.size();
    return position;
  }

  void Commit(uint64_t /*epoch*/) override {
    for (size_t i = 0; i < committing_; ++i) Publish(finished_[i].first);
    finished_.erase(finished_.begin(), finished_.begin() + static_cast<ptrdiff_t>(committing_));
    committing_ = 0;
    CompletePartitions(NowMicros() - success_delay_);
  }

  void Restore(const std::string& position) override {
    if (position.empty()) return;
    std::string_view rest = position;
    std::string_view first = TakeUntil(&rest, '\n');
    id_ = TakeUntil(&first, ':');
    next_ = TakeNumber(&first);
    open_.clear();
    finished_.clear();
    incomplete_.clear();
    committing_ = 0;
    while (!rest.empty()) RestorePart(TakeUntil(&rest, '\n'));
    RemoveLaterParts();
  }

  void Close() override {
    while (!open_.empty()) Roll(open_.begin()->first);
    committing_ = finished_.size();
    Commit(0);
    CompletePartitions(INT64_MAX);
  }

 private:
  using Finished = std::pair<PartName, uint64_t>;

  std::string FinalPath(const PartName& name) const {
    return fmt::format("{}/{}{}part-{}-{}{}", root_, name.directory,
                       name.directory.empty() ? "" : "/", id_, name.number, suffix_);
  }
  std::string InProgressPath(const PartName& name) const {
    return fmt::format("{}/{}{}.part-{}-{}{}.inprogress", root_, name.directory,
                       name.directory.empty() ? "" : "/", id_, name.number, suffix_);
  }

  void AppendDirectory(const Batch& batch, size_t row, std::string* out) const {
    for (size_t k = 0; k < partition_columns_.size(); ++k) {
      const Column& column = batch.columns[partition_columns_[k]];
      std::string value;
      if (!column.IsNull(row)) AppendValueText(column, partition_fields_[k].type, row, {}, &value);
      if (k > 0) out->push_back('/');
      AppendEscaped(partition_fields_[k].name, out);
      out->push_back('=');
      AppendEscaped(value.empty() ? null_name_ : value, out);
    }
  }

  PartFile& PartOf(const std::string& directory) {
    std::unique_ptr<PartFile>& part = open_[directory];
    if (part) return *part;
    MakeDirectories(root_ + "/" + directory);
    directories_.insert(directory);
    const PartName name{directory, next_++};
    part = std::make_unique<PartFile>(name, InProgressPath(name), 0);
    part->buffer()->append(header_);
    return *part;
  }

  // Ends the directory's part; it gets its name with the next commit.
  PartFile* Roll(const std::string& directory) {
    const auto it = open_.find(directory);
    it->second->Sync();
    finished_.emplace_back(it->second->name(), it->second->length());
    if (!success_name_.empty()) incomplete_.try_emplace(directory, NowMicros());
    open_.erase(it);
    return nullptr;
  }

  void RollOld() {
    const Clock::time_point oldest = Clock::now() - std::chrono::microseconds(roll_age_);
    std::vector<std::string> old;
    for (const auto& [directory, part] : open_) {
      if (part->opened() < oldest) old.push_back(directory);
    }
    for (const std::string& directory : old) Roll(directory);
  }

  // Marks the partitions that got their first file by then, once all their files have their names.
  void CompletePartitions(int64_t first_file_by) {
    for (auto it = incomplete_.begin(); it != incomplete_.end();) {
      const auto& [directory, since] = *it;
      const bool waits = std::ranges::any_of(
          finished_, [&](const Finished& part) { return part.first.directory == directory; });
      if (since > first_file_by || waits) {
        ++it;
        continue;
      }
      const std::string path = root_ + "/" + directory + "/" + success_name_;
      const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
      if (fd < 0) ThrowIo("write", path);
      ::close(fd);
      SyncDirectory(root_ + "/" + directory);
      it = incomplete_.erase(it);
    }
  }

  void Publish(const PartName& name) const {
    const std::string final_path = FinalPath(name);
    if (::rename(InProgressPath(name).c_str(), final_path.c_str()) != 0) {
      ThrowIo("rename to", final_path);
    }
    SyncDirectory(fs::path(final_path).parent_path().string());
  }

  static void AppendPosition(char kind, uint64_t length, const PartName& name, std::string* out) {
    // Line ends in directories are escaped already.
    fmt::format_to(std::back_inserter(*out), "\n{}:{}:{}:{}", kind, length, name.number,
                   name.directory);
  }

  void RestorePart(std::string_view line) {
    const std::string_view kind = TakeUntil(&line, ':');
    const uint64_t length = TakeNumber(&line);
    PartName name;
    name.number = TakeNumber(&line);
    name.directory = line;
    if (kind == "s") {
      incomplete_.emplace(name.directory, static_cast<int64_t>(length));
      return;
    }
    const std::string final_path = FinalPath(name), in_progress = InProgressPath(name);
    if (kind == "f" && fs::exists(final_path)) return;
    // The sink was closed, but that was not noted any more.
    if (!fs::exists(in_progress)) ::rename(final_path.c_str(), in_progress.c_str());
    if (!fs::exists(in_progress)) {
      throw Error(ErrorCode::kIo, "the part file " + in_progress + " is missing");
    }
    auto part = std::make_unique<PartFile>(name, in_progress, length);
    if (kind == "f") {
      part.reset();
      Publish(name);
    } else {
      open_[name.directory] = std::move(part);
    }
  }

  // Removes what was written behind the restored position.
  void RemoveLaterParts() const {
    const std::string prefix = "part-" + id_ + "-";
    std::vector<fs::path> later;
    std::error_code error;
    for (fs::recursive_directory_iterator it(root_, error); !error && it != fs::end(it);
         it.increment(error)) {
      std::string name = it->path().filename().string();
      if (name.starts_with('.')) name.erase(0, 1);
      uint64_t number = 0;
      if (!name.starts_with(prefix)) continue;
      const char* const digits = name.data() + prefix.size();
      if (std::from_chars(digits, name.data() + name.size(), number).ec != std::errc{}) continue;
      if (number >= next_) later.push_back(it->path());
    }
    for (const fs::path& path : later) fs::remove(path, error);
  }

  const std::string root_, suffix_, null_name_;
  const uint64_t roll_size_;
  const int64_t roll_age_;  // In microseconds.
  std::unique_ptr<FormatDef::Encoder> encoder_;
  void (*envelope_)(std::string_view row, bool goes, std::string* out) = nullptr;
  StepChanges step_;  // Of a format that carries changes.
  std::string row_;
  std::string header_;
  std::vector<size_t> file_columns_, partition_columns_;
  std::vector<Field> partition_fields_;

  const std::string success_name_;  // "": none is written.
  const int64_t success_delay_;

  std::string id_;
  uint64_t next_ = 0;
  std::map<std::string, std::unique_ptr<PartFile>> open_;  // By directory.
  std::set<std::string> directories_;  // That got files since they were last synced.
  std::vector<Finished> finished_;     // Not yet under their names.
  std::map<std::string, int64_t> incomplete_;  // Partitions without success file: since when.
  size_t committing_ = 0;              // Of finished_, those that the last PreCommit covers.
};

}  // namespace

std::unique_ptr<Sink> MakeFilesystemSink(const ConnectorContext& context) {
  return std::make_unique<FilesystemSink>(context);
}

}  // namespace millrace
