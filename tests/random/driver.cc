// engine_driver: the engine in manual mode behind a line protocol, for testers in other languages.
//
// A request is one line on standard input: a verb, a blank, its argument. An answer is `ok N` or
// `error CODE message`, and N lines. Text is escaped as in PostgreSQL's COPY: \\ \n \r \t, a NULL
// field is \N, fields are separated by tabs.
//
//   * open PARTITIONS BATCH_ROWS STEP_ROWS: a new engine over an empty directory; the former is lost
//   * crash PARTITIONS BATCH_ROWS: the process is lost and comes back with what was durable
//   * sql STATEMENTS: runs them
//   * query SELECT: a line of type names, then the rows
//   * plan SELECT: the lines of EXPLAIN
//   * load TABLE N: N lines follow, rows for an embedded table, appended as one batch
//   * step: one step; the line says whether anything was to do
//   * drain: steps until nothing is to do; the line says how many
//   * advance SECONDS: the clock goes on
//   * checkpoint
//   * jobs: a line for each job: name, state, its error, error rows, late rows
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <sstream>

#include "base/clock.h"
#include "server/engine.h"
#include "types/cast.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

// A job that always finds something to do must not hang the tester.
constexpr size_t kMaxDrainSteps = 100'000;

std::string Escape(std::string_view text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string Unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char c = text[++i];
    out += c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c;
  }
  return out;
}

std::vector<std::string_view> Split(std::string_view line) {
  std::vector<std::string_view> fields;
  for (;;) {
    const size_t tab = line.find('\t');
    fields.push_back(line.substr(0, tab));
    if (tab == line.npos) return fields;
    line.remove_prefix(tab + 1);
  }
}

struct Answer {
  std::vector<std::string> lines;
};

class Driver {
 public:
  Driver() {
    std::string pattern =
        fs::path(fs::exists("/dev/shm") ? "/dev/shm" : "/tmp") / "millrace-driver-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make " + pattern);
    root_ = pattern;
  }
  ~Driver() {
    engine_.reset();
    std::error_code ignored;  // Cleared by the system if this fails.
    fs::remove_all(root_, ignored);
  }
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  Answer Run(const std::string& verb, const std::string& argument) {
    if (verb == "open") return Open(argument);
    if (verb == "load") return Load(argument);
    if (!engine_) throw Error(ErrorCode::kBadRequest, "open comes first");
    if (verb == "crash") return Crash(argument);
    if (verb == "sql") return Sql(argument);
    if (verb == "query") return Query(argument);
    if (verb == "plan") return Plan(argument);
    if (verb == "step") return {{engine_->Step() ? "1" : "0"}};
    if (verb == "drain") return Drain();
    if (verb == "advance") return Advance(argument);
    if (verb == "checkpoint") return Checkpoint();
    if (verb == "jobs") return Jobs();
    throw Error(ErrorCode::kBadRequest, "no such verb: " + verb);
  }

 private:
  void Start() {
    EngineOptions options;
    options.data_directory = root_ + "/data";
    options.sync = false;
    options.partitions = partitions_;
    options.batch_rows = batch_rows_;
    options.step_rows = step_rows_;
    options.checkpoint_interval_micros = 0;
    options.manual = true;
    options.clock = [this] { return NowMicros() + ahead_micros_; };
    session_ = Session();
    engine_ = std::make_unique<Engine>(options);
  }

  Answer Open(const std::string& argument) {
    std::istringstream(argument) >> partitions_ >> batch_rows_ >> step_rows_;
    engine_.reset();
    fs::remove_all(root_ + "/data");
    fs::create_directory(root_ + "/data");
    Start();
    return {};
  }

  Answer Crash(const std::string& argument) {
    std::istringstream(argument) >> partitions_ >> batch_rows_;
    engine_.reset();
    Start();
    return {};
  }

  ExecuteResult Execute(const std::string& sql) {
    ExecuteRequest request;
    request.session = &session_;
    ExecuteResult result = engine_->Execute(sql, request);
    if (result.error) throw *result.error;
    return result;
  }

  Answer Sql(const std::string& argument) {
    Execute(Unescape(argument));
    return {};
  }

  Answer Query(const std::string& argument) {
    const ExecuteResult result = Execute(Unescape(argument));
    const StatementResult& last = result.results.back();
    Answer answer;
    std::string types;
    for (const Field& field : last.schema) {
      types += (types.empty() ? "" : "\t") + field.type.ToString();
    }
    answer.lines.push_back(types);
    for (const Batch& batch : last.rows) AddRows(last.schema, batch, &answer);
    return answer;
  }

  void AddRows(const Schema& schema, const Batch& batch, Answer* answer) const {
    for (size_t i = 0; i < batch.size; ++i) {
      std::string line;
      for (size_t c = 0; c < batch.columns.size(); ++c) {
        if (c > 0) line += '\t';
        std::string text;
        const bool null = batch.columns[c].IsNull(i);
        if (!null) AppendText(batch.columns[c], schema[c].type, i, session_.zone(), &text);
        line += null ? "\\N" : Escape(text);
      }
      for (int64_t n = 0; n < batch.weight(i); ++n) answer->lines.push_back(line);
    }
  }

  Answer Plan(const std::string& argument) {
    const ValidateResult result = engine_->Validate(Unescape(argument));
    if (result.error) throw *result.error;
    Answer answer;
    std::istringstream plan(result.statements.back().plan);
    for (std::string line; std::getline(plan, line);) answer.lines.push_back(Escape(line));
    return answer;
  }

  // All lines are read before anything can fail, so that the protocol stays in step.
  Answer Load(const std::string& argument) {
    std::string table;
    size_t count = 0;
    std::istringstream(argument) >> table >> count;
    std::vector<std::string> lines(count);
    for (std::string& line : lines) std::getline(std::cin, line);
    if (!engine_) throw Error(ErrorCode::kBadRequest, "open comes first");
    if (count > 0) engine_->InsertRows(table, MakeBatch(lines, engine_->InsertSchema(table)));
    return {};
  }

  static Batch MakeBatch(const std::vector<std::string>& lines, const Schema& schema) {
    std::vector<std::vector<std::string_view>> rows;
    for (const std::string& line : lines) {
      rows.push_back(Split(line));
      if (rows.back().size() != schema.size()) {
        throw Error(ErrorCode::kBadRequest, "a row of another width: " + line);
      }
    }
    Batch batch;
    batch.size = rows.size();
    for (size_t c = 0; c < schema.size(); ++c) {
      Column text(TypeId::kString, rows.size());
      auto heap = std::make_shared<Arena>();
      for (size_t i = 0; i < rows.size(); ++i) {
        const Value value = rows[i][c] == "\\N" ? Value{} : Value{Unescape(rows[i][c])};
        SetValue(value, TypeId::kString, &text, i, heap.get());
      }
      text.KeepAlive(heap);
      RowErrors errors;
      batch.columns.push_back(
          Cast(text, TypeId::kString, schema[c].type, "UTC", &errors).Flatten());
      if (!errors.empty()) throw Error(ErrorCode::kInvalidValue, errors[0].message);
    }
    return batch;
  }

  Answer Drain() {
    size_t steps = 0;
    while (engine_->Step()) {
      if (++steps > kMaxDrainSteps) throw Error(ErrorCode::kInternal, "drain does not end");
    }
    return {{std::to_string(steps)}};
  }

  Answer Advance(const std::string& argument) {
    ahead_micros_ += std::stoll(argument) * 1'000'000;
    return {};
  }

  Answer Checkpoint() {
    engine_->Checkpoint();
    return {};
  }

  Answer Jobs() const {
    Answer answer;
    for (const JobInfo& job : engine_->Jobs()) {
      answer.lines.push_back(Escape(job.name) + "\t" + job.state + "\t" +
                             Escape(job.error ? job.error->message : "") + "\t" +
                             std::to_string(job.error_rows) + "\t" + std::to_string(job.late_rows));
    }
    return answer;
  }

  std::string root_;
  size_t partitions_ = 1, batch_rows_ = 1024, step_rows_ = 65536;
  int64_t ahead_micros_ = 0;  // Of the computer's clock.
  Session session_;
  std::unique_ptr<Engine> engine_;
};

void Serve() {
  Driver driver;
  for (std::string line; std::getline(std::cin, line);) {
    const size_t blank = line.find(' ');
    const std::string argument = blank == line.npos ? "" : line.substr(blank + 1);
    std::string out;
    try {
      const Answer answer = driver.Run(line.substr(0, blank), argument);
      out = "ok " + std::to_string(answer.lines.size()) + "\n";
      for (const std::string& row : answer.lines) out += row + "\n";
    } catch (const Error& error) {
      out = "error " + std::string(InfoOf(error.code).name) + " " + Escape(error.message) + "\n";
    } catch (const std::exception& error) {
      out = "error EXCEPTION " + Escape(error.what()) + "\n";
    }
    std::cout << out << std::flush;
  }
}

}  // namespace
}  // namespace millrace

int main() {
  std::ios::sync_with_stdio(false);
  std::cin.tie(nullptr);
  try {
    millrace::Serve();
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
