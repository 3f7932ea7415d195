// millrace run and millrace validate: an engine in this process, no HTTP.
#include <chrono>
#include <csignal>
#include <iostream>
#include <thread>

#include "base/json_text.h"
#include "base/log.h"
#include "parser/parse.h"
#include "server/api_error.h"
#include "server/engine.h"
#include "server/metrics_page.h"
#include "shell/commands.h"
#include "shell/output.h"

namespace millrace {
namespace {

// Errors and notices of a statement in terms of the whole file.
void Shift(std::optional<SourceRange>* range, size_t offset) {
  if (*range) (*range)->offset += offset;
}

class FileRun {
 public:
  FileRun(const RunSettings& settings, std::string text)
      : settings_(settings), text_(std::move(text)), output_(settings.output), engine_(Options()) {}

  int Run() {
    std::vector<ast::Statement> statements;
    try {
      statements = Parse(text_);
    } catch (const Error& error) {
      std::cerr << ErrorText(error, text_);
      return kExitSqlError;
    }
    for (const ast::Statement& statement : statements) {
      if (!RunStatement(statement)) return kExitSqlError;
    }
    engine_.WaitFinished();
    const bool stopped = WaitForEndless();
    const int code = ReportFailures() ? kExitOk : kExitJobFailed;
    if (settings_.stats) PrintStats();
    if (!settings_.data_directory.empty()) engine_.Shutdown();
    return stopped ? kExitInterrupted : code;
  }

 private:
  EngineOptions Options() const {
    EngineOptions options;
    options.data_directory = settings_.data_directory;
    options.sync = !settings_.data_directory.empty();
    options.partitions = settings_.parallelism;
    return options;
  }

  bool RunStatement(const ast::Statement& statement) {
    const SourceRange range = statement.range;
    if (std::holds_alternative<ast::QueryStatement>(statement.node)) {
      // A file reads as a batch: a query sees all of what the statements above it made.
      engine_.WaitFinished();
      engine_.Flush();
    }
    ExecuteRequest request;
    request.session = &session_;
    request.on_rows = [this](const StatementResult& result, const Batch& batch) {
      Begin(result);
      output_.Rows(batch, result.schema);
      return true;
    };
    ExecuteResult result =
        engine_.Execute(std::string_view(text_).substr(range.offset, range.length), request);
    for (StatementResult& one : result.results) Print(one, range.offset);
    output_.End();
    if (!result.error) return true;
    Shift(&result.error->range, range.offset);
    std::cerr << ErrorText(*result.error, text_);
    return false;
  }

  void Begin(const StatementResult& result) {
    if (output_.begun()) return;
    output_.Begin(TextColumns(result.schema), result.changelog_mode != "append");
  }

  void Print(StatementResult& result, size_t offset) {
    if (result.has_rows) {
      Begin(result);
      for (const Batch& batch : result.rows) output_.Rows(batch, result.schema);
      output_.End();
    }
    for (Notice& notice : result.notices) {
      std::cerr << "NOTICE " << notice.code << ": " << notice.message << "\n";
      Shift(&notice.range, offset);
      if (notice.range) std::cerr << Snippet(text_, *notice.range) << "\n";
    }
  }

  // Jobs that write somewhere go on until they end or a signal comes; whether one came.
  bool WaitForEndless() {
    stop_requested = 0;
    const auto running = [](const JobInfo& job) {
      return job.kind == "INSERT" && job.state == "RUNNING";
    };
    bool waited = false;
    for (;;) {
      const std::vector<JobInfo> jobs = engine_.Jobs();
      if (std::none_of(jobs.begin(), jobs.end(), running)) return false;
      if (!waited) {
        std::signal(SIGINT, [](int) { stop_requested = 1; });
        std::signal(SIGTERM, [](int) { stop_requested = 1; });
        waited = true;
      }
      if (stop_requested != 0) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

  bool ReportFailures() {
    bool good = true;
    for (const JobInfo& job : engine_.Jobs()) {
      if (job.state != "FAILED") continue;
      good = false;
      std::cerr << "ERROR" << (job.error ? " " + std::string(InfoOf(job.error->code).sqlstate) : "")
                << ": job " << job.name << " failed" << (job.error ? ": " + job.error->message : "")
                << "\n";
    }
    return good;
  }

  void PrintStats() {
    const ProcessUsage usage = GetProcessUsage();
    const double wall =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
    for (const JobInfo& job : engine_.Jobs()) {
      std::string line;
      JsonWriter(&line)
          .BeginObject()
          .Field("job", job.name)
          .Field("kind", job.kind)
          .Field("state", job.state)
          .Field("rows_in", job.rows_in)
          .Field("rows_out", job.rows_out)
          .Field("late_rows", job.late_rows)
          .Field("error_rows", job.error_rows)
          .Field("rejected_records", job.rejected_records)
          .Field("state_bytes", job.state_bytes)
          .Field("job_wall_seconds", job.wall_seconds)
          .Field("job_busy_seconds", job.busy_seconds)
          .Field("wall_seconds", wall)
          .Field("cpu_seconds", usage.cpu_seconds)
          .Field("peak_rss_bytes", usage.peak_resident_bytes)
          .EndObject();
      std::cerr << line << "\n";
    }
  }

  static volatile std::sig_atomic_t stop_requested;

  const RunSettings& settings_;
  const std::string text_;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  Output output_;
  Engine engine_;
  Session session_;
};

volatile std::sig_atomic_t FileRun::stop_requested = 0;

std::string Place(const std::string& file, const std::string& text,
                  const std::optional<SourceRange>& range) {
  if (!range) return file + ": ";
  const TextPosition at = Locate(text, *range);
  return file + ":" + std::to_string(at.line) + ":" + std::to_string(at.column) + ": ";
}

}  // namespace

int RunFile(const RunSettings& settings) {
  std::optional<std::string> text = ReadText(settings.file);
  if (!text) return kExitUsage;
  try {
    return FileRun(settings, *std::move(text)).Run();
  } catch (const Error& error) {
    std::cerr << ErrorText(error, {});
    return kExitSqlError;
  }
}

int ValidateFile(const std::string& file) {
  const std::optional<std::string> text = ReadText(file);
  if (!text) return kExitUsage;
  EngineOptions options;
  options.manual = true;
  Engine engine(options);
  const ValidateResult result = engine.Validate(*text);
  for (const ValidatedStatement& statement : result.statements) {
    for (const Notice& notice : statement.notices) {
      std::cerr << Place(file, *text, notice.range) << "warning: " << notice.message << " ["
                << notice.code << "]\n";
    }
  }
  if (!result.error) return kExitOk;
  std::cerr << Place(file, *text, result.error->range) << "error: " << result.error->message
            << "\n";
  if (result.error->range) std::cerr << Snippet(*text, *result.error->range) << "\n";
  if (!result.error->hint.empty()) std::cerr << "hint: " << result.error->hint << "\n";
  return kExitSqlError;
}

}  // namespace millrace
