#include "server/engine.h"

#include <algorithm>
#include <filesystem>
#include <thread>

#include "base/log.h"
#include "base/memory.h"
#include "parser/parse.h"
#include "parser/print.h"
#include "server/engine_state.h"
#include "types/cast.h"

namespace millrace {

Engine::State::State(EngineOptions given) : options(std::move(given)) {
  if (options.partitions == 0)
    options.partitions = std::max(1u, std::thread::hardware_concurrency());
  if (options.memory_limit == 0) options.memory_limit = DefaultMemoryLimit();
  pool = std::make_unique<WorkerPool>(options.partitions);
  if (options.memory_budget > 0) budget = std::make_unique<MemoryBudget>(options.memory_budget);
  if (!options.data_directory.empty()) {
    store = std::make_unique<Store>(options.data_directory, StoreOptions{.sync = options.sync});
    return;
  }
  std::string pattern = (std::filesystem::temp_directory_path() / "millrace-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) {
    throw Error(ErrorCode::kDataDirectory, "cannot make a directory under " + pattern);
  }
  scratch_directory = pattern;
}

Engine::State::~State() {
  if (supervisor.joinable()) {
    supervising = false;
    restarts_wanted.Set();
    supervisor.join();
  }
  pipelines.clear();
  {
    std::lock_guard lock(tables_mutex);
    tables.clear();
  }
  if (scratch_directory.empty()) return;
  std::error_code ignored;  // A temporary directory: the system clears it if this fails.
  std::filesystem::remove_all(scratch_directory, ignored);
}

Engine::Engine(EngineOptions options) : state_(std::make_unique<State>(std::move(options))) {
  if (!state_->store) return;
  state_->Recover();
  if (state_->options.manual) return;
  state_->supervising = true;
  state_->supervisor = std::thread([state = state_.get()] { state->Supervise(); });
}

Engine::~Engine() = default;

const EngineOptions& Engine::options() const { return state_->options; }

ExecuteResult Engine::Execute(std::string_view sql, const ExecuteRequest& request) {
  ExecuteResult result;
  Session own;
  State::Run run{&request, request.session ? request.session : &own, sql};
  try {
    std::vector<ast::Statement> statements = Parse(sql);
    for (size_t i = 0; i < statements.size(); ++i) {
      result.error_statement = run.index = i;
      if (state_->shutting_down)
        throw Error(ErrorCode::kShuttingDown, "the server is shutting down");
      StatementResult one = state_->ExecuteStatement(statements[i], run);
      one.statement_index = i;
      result.results.push_back(std::move(one));
    }
  } catch (const Error& error) {
    result.error = error;
  } catch (const std::exception& error) {
    result.error = Error(ErrorCode::kInternal, error.what());
  }
  return result;
}

ExecuteResult Engine::ExecuteInit(std::string_view sql) {
  ExecuteResult result;
  Session session;
  ExecuteRequest request;
  State::Run run{&request, &session, sql};
  try {
    std::vector<ast::Statement> statements = Parse(sql);
    for (size_t i = 0; i < statements.size(); ++i) {
      result.error_statement = i;
      const SourceRange range = statements[i].range;
      const std::string text(sql.substr(range.offset, range.length));
      std::lock_guard lock(state_->mutex);
      const auto known = state_->catalog.List();
      const bool exists =
          std::ranges::any_of(known, [&](const Relation* r) { return r->sql == text; }) ||
          std::ranges::any_of(state_->catalog.ListFunctions(),
                              [&](const SqlFunction* f) { return f->sql == text; }) ||
          std::ranges::any_of(state_->jobs,
                              [&](const auto& job) { return job.second.sql == text; });
      if (!exists) result.results.push_back(state_->ExecuteStatement(statements[i], run));
    }
  } catch (const Error& error) {
    result.error = error;
  } catch (const std::exception& error) {
    result.error = Error(ErrorCode::kInternal, error.what());
  }
  return result;
}

std::vector<JobInfo> Engine::Jobs() const {
  std::lock_guard lock(state_->mutex);
  std::vector<JobInfo> infos;
  for (const auto& [number, record] : state_->jobs) infos.push_back(state_->InfoOf(record));
  return infos;
}

JobInfo Engine::Job(std::string_view id_or_name) const {
  std::lock_guard lock(state_->mutex);
  const JobRecord* record = state_->FindJob(id_or_name);
  if (!record)
    throw Error(ErrorCode::kNotFound, "job \"" + std::string(id_or_name) + "\" does not exist");
  return state_->InfoOf(*record);
}

JobInfo Engine::ControlJob(std::string_view id_or_name, JobCommand command) {
  return state_->ControlJob(id_or_name, command);
}

StatementResult Engine::Lookup(const std::string& name, const std::vector<std::string>& key) {
  std::shared_lock lock(state_->views_mutex);
  auto it = state_->views.find(name);
  if (it == state_->views.end()) {
    throw Error(ErrorCode::kNotFound, "materialized view \"" + name + "\" does not exist");
  }
  if (it->second.view == nullptr) {
    throw Error(ErrorCode::kNotReady, "materialized view \"" + name + "\" is being restarted");
  }
  const View& view = *it->second.view;
  if (view.spec().kind != ViewSpec::Kind::kKeyed || key.size() != view.spec().key.size()) {
    throw Error(ErrorCode::kBadRequest,
                "\"" + name + "\" has no key of " + std::to_string(key.size()) + " columns");
  }
  Batch row;
  row.size = 1;
  for (size_t i = 0; i < key.size(); ++i) {
    const Column text = Column::Constant(StringRef(key[i]), 1);
    const Type& type = view.spec().schema[view.spec().key[i]].type;
    RowErrors errors;
    row.columns.push_back(Cast(text, TypeId::kString, type, "UTC", &errors).Flatten());
    if (!errors.empty()) throw Error(ErrorCode::kBadRequest, errors[0].message);
  }
  StatementResult result;
  result.kind = "select";
  result.has_rows = true;
  result.schema = view.spec().schema;
  std::shared_lock view_lock(it->second.pipeline->view_lock());
  result.snapshot_step = view.published_step();
  if (view.published_watermark() != kMinWatermark) {
    result.snapshot_watermark = view.published_watermark();
  }
  if (std::optional<Batch> found = view.Lookup(row)) result.rows.push_back(std::move(*found));
  return result;
}

void Engine::Flush() { state_->Flush(); }

bool Engine::WaitFinished() {
  std::vector<uint32_t> numbers;
  {
    std::lock_guard lock(state_->mutex);
    for (const auto& [number, record] : state_->jobs) numbers.push_back(number);
  }
  bool good = true;
  for (uint32_t number : numbers) good &= state_->WaitFor(number);
  return good;
}

void Engine::Checkpoint() {
  std::lock_guard lock(state_->mutex);
  for (auto& [id, pipeline] : state_->pipelines) pipeline->Checkpoint();
  if (state_->store) state_->store->WaitApplied();
}

void Engine::Shutdown() {
  state_->shutting_down = true;
  try {
    Checkpoint();
  } catch (const Error& error) {
    // The last checkpoint and the journal stand.
    Log(LogLevel::kWarning, "engine", "no checkpoint at the end", {{"error", error.message}});
  }
}

bool Engine::Step() {
  std::lock_guard lock(state_->mutex);
  if (state_->store) state_->RestartDue();
  bool worked = false;
  for (auto& [id, pipeline] : state_->pipelines) {
    worked |= pipeline->Between([&p = *pipeline] { return p.StepOnce(); });
  }
  return worked;
}

void Engine::State::Flush() {
  for (size_t rows = 1; rows > 0;) {
    rows = 0;
    std::lock_guard lock(mutex);
    for (auto& [id, pipeline] : pipelines) {
      pipeline->Between([&, &p = *pipeline] {
        for (size_t embedded = 1; embedded > 0;) {
          embedded = 0;
          p.StepOnce(&embedded);
          rows += embedded;
        }
      });
    }
  }
}

}  // namespace millrace
