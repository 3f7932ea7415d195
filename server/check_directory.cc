#include "server/check_directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/codec.h"
#include "base/record_log.h"
#include "executor/sealed_jobs.h"
#include "state/store_check.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

struct LogFiles {
  uint64_t files = 0, records = 0, bytes = 0;
  std::vector<std::string> faults, notes;
};

void CheckLog(const fs::path& path, const std::string& name, LogFiles* logs) {
  ++logs->files;
  const uint64_t size = fs::file_size(path);
  logs->bytes += size;
  uint64_t end = 0;
  try {
    RecordLogReader reader(path.string());
    while (const auto record = reader.Read(end)) {
      ++logs->records;
      end = record->next;
    }
  } catch (const Error& error) {
    logs->faults.push_back(error.message);
    return;
  }
  if (end < size) {
    logs->notes.push_back(fmt::format(
        "{}: {} bytes at the end are no whole record (a crash while it was written)", name,
        size - end));
  }
}

// The files of records below the folder, by name.
void CheckLogs(const fs::path& root, std::string_view folder, std::string_view extension,
               LogFiles* logs) {
  std::error_code missing;
  std::vector<fs::path> paths;
  for (fs::recursive_directory_iterator it(root / folder, missing);
       !missing && it != fs::recursive_directory_iterator(); it.increment(missing)) {
    if (it->is_regular_file() && it->path().extension() == extension) paths.push_back(it->path());
  }
  std::ranges::sort(paths);
  for (const fs::path& path : paths) CheckLog(path, fs::relative(path, root).string(), logs);
}

std::string_view StateName(uint64_t state) {
  constexpr std::string_view kNames[] = {"RUNNING", "FINISHED", "FAILED",
                                         "STOPPED", "PAUSED",   "RESTARTING"};
  return state < std::size(kNames) ? kNames[state] : "?";
}

class Reporter {
 public:
  explicit Reporter(const std::string& directory) : store_(CheckStore(directory)) {
    CheckLogs(directory, "tables", ".log", &logs_);
    CheckLogs(directory, "tables", ".base", &logs_);
    CheckLogs(directory, "journal", ".log", &logs_);
    CheckLogs(directory, "sinks", ".out", &logs_);
  }

  DirectoryReport Run() {
    ReadEpochs();
    for (const auto& [name, value] : store_.metadata) {
      if (name.starts_with("c/")) TakeCatalogEntry(name, value);
    }
    Line("{} jobs, {} tables and views without one", jobs_, others_);
    Line("{} logs with {} records and {} bytes; {} segments to be applied", logs_.files,
         logs_.records, logs_.bytes, store_.segments);
    for (const std::string& note : logs_.notes) Line("note: {}", note);
    std::vector<std::string> faults = store_.faults;
    faults.insert(faults.end(), logs_.faults.begin(), logs_.faults.end());
    for (const std::string& fault : faults) Line("DAMAGED: {}", fault);
    if (faults.empty()) Line("all checksums are right");
    return {std::move(text_), faults.empty()};
  }

 private:
  template <class... Args>
  void Line(fmt::format_string<Args...> format, Args&&... args) {
    text_ += fmt::format(format, std::forward<Args>(args)...) + "\n";
  }

  void ReadEpochs() {
    for (const auto& [pipeline, epoch] : store_.epochs) {
      try {
        for (SealedJob& job : ReadSealedJobs(epoch.metadata)) {
          const uint32_t number = job.number;
          sealed_.emplace(number, std::pair(epoch.epoch, std::move(job)));
        }
      } catch (const Error& error) {
        store_.faults.push_back(fmt::format("epoch {} of pipeline {}: {}", epoch.epoch, pipeline,
                                            error.message));
      }
    }
  }

  // As server/engine_recovery.cc writes it.
  void TakeCatalogEntry(const std::string& name, const std::string& value) {
    try {
      Decoder64 in(value);
      const std::string kind = in.String(), object = in.String();
      in.String();
      const auto job = static_cast<uint32_t>(in.Number());
      if (kind == "mv" || kind == "insert") {
        ++jobs_;
        ListJob(kind, object, job);
      } else {
        ++others_;
      }
    } catch (const Error& error) {
      store_.faults.push_back("catalog entry " + name + ": " + error.message);
    }
  }

  void ListJob(const std::string& kind, const std::string& name, uint32_t number) {
    std::string state = "RUNNING", reason;
    const auto ended = store_.metadata.find("j/" + std::to_string(number));
    if (ended != store_.metadata.end()) {
      Decoder64 in(ended->second);
      state = StateName(in.Number());
      in.Number();
      reason = in.String();
    }
    StateSize size;
    for (const auto& [op, part] : store_.state) {
      if (op >> 16 != number) continue;
      size.rows += part.rows;
      size.bytes += part.bytes;
    }
    Line("job_{} {} ({}): {}{}{}", number, name, kind == "mv" ? "view" : "insert", state,
         reason.empty() ? "" : ": ", reason);
    const auto sealed = sealed_.find(number);
    if (sealed == sealed_.end()) {
      Line("    no checkpoint yet");
      return;
    }
    const auto& [epoch, job] = sealed->second;
    Line("    checkpoint {} after {} steps; state of {} rows, {} bytes", epoch, job.steps, size.rows,
         size.bytes);
    for (const SealedPosition& p : job.positions) {
      std::string position = p.position;
      std::ranges::replace(position, '\n', ' ');
      Line("    reads {}{}{}: {}", p.table, p.partition.empty() ? "" : " ", p.partition,
           position.empty() ? "from the start" : position);
    }
  }

  StoreReport store_;
  LogFiles logs_;
  std::map<uint32_t, std::pair<uint64_t, SealedJob>> sealed_;  // With the epoch, by job.
  std::string text_;
  size_t jobs_ = 0, others_ = 0;
};

}  // namespace

DirectoryReport CheckDirectory(const std::string& directory) { return Reporter(directory).Run(); }

}  // namespace millrace
