// Statements: what each does to the catalog and the jobs.
#include <algorithm>

#include "base/hash.h"
#include "parser/parse.h"
#include "parser/print.h"
#include "server/engine_state.h"
#include "types/datetime.h"

namespace millrace {
namespace {

std::string Lower(std::string s) {
  std::ranges::transform(s, s.begin(), [](unsigned char c) { return std::tolower(c); });
  return s;
}

StatementResult Done(std::string kind, std::string message, std::vector<Notice> notices = {}) {
  StatementResult result;
  result.kind = std::move(kind);
  result.message = std::move(message);
  result.notices = std::move(notices);
  return result;
}

// Settings of other systems that scripts bring along are kept, but say so.
bool IsKnownSetting(std::string_view key) {
  constexpr std::string_view kKnown[] = {"parallelism.default",
                                         "memory.limit",
                                         "table.local-time-zone",
                                         "table.exec.source.idle-timeout",
                                         "table.exec.window.allowed-lateness",
                                         "table.exec.emit.early-fire.enabled",
                                         "table.exec.emit.early-fire.delay",
                                         "table.dml-sync"};
  return key.starts_with("restart-strategy.") ||
         std::ranges::find(kKnown, key) != std::end(kKnown);
}

bool IsFlinkSetting(std::string_view key) {
  constexpr std::string_view kPrefixes[] = {
      "pipeline.",   "parallelism.", "execution.",  "table.", "restart-strategy", "state.",
      "sql-client.", "taskmanager.", "jobmanager.", "rest.",  "memory."};
  return std::ranges::any_of(kPrefixes, [&](std::string_view p) { return key.starts_with(p); });
}

}  // namespace

PlanContext Engine::State::ContextOf(const Run& run) const {
  return {&catalog, run.session, options.base_directory, recovering, run.request->params};
}

StatementResult Engine::State::ExecuteStatement(ast::Statement& statement, Run& run) {
  const std::string text(run.whole_text.substr(statement.range.offset, statement.range.length));
  try {
    return std::visit([&](auto& s) { return Do(s, text, run); }, statement.node);
  } catch (Error& error) {
    if (!error.range) error.range = statement.range;
    throw;
  }
}

template <class Other>
StatementResult Engine::State::Do(Other& s, [[maybe_unused]] const std::string& text, Run&) {
  if constexpr (std::is_same_v<Other, ast::Unsupported>) {
    throw Error(ErrorCode::kUnsupportedFeature, s.what + " is not supported", s.range);
  } else {
    // Named by its first words: ALTER TABLE, CREATE SINK.
    const size_t first = text.find(' ');
    const size_t second =
        text.find_first_of(" \n(", first == std::string::npos ? first : first + 1);
    throw Error(ErrorCode::kUnsupportedFeature, text.substr(0, second) + " is not supported yet");
  }
}

StatementResult Engine::State::Do(ast::CreateTable& s, const std::string& text, Run& run) {
  std::lock_guard lock(mutex);
  if (s.if_not_exists && catalog.Find(s.name, *run.session)) {
    return Done("create_table", "Table " + ToSql(s.name) + " exists already.");
  }
  if (s.query) {
    throw Error(ErrorCode::kUnsupportedFeature, "CREATE TABLE … AS is not supported yet",
                s.query->range);
  }
  std::vector<Notice> notices;
  Relation relation = BindCreateTable(s, text, ContextOf(run), &notices);
  const Relation& added = catalog.Add(std::move(relation), s.name.range);
  const std::string name = added.name;
  try {
    // Of a table that was dropped just before a crash.
    if (added.embedded()) TableLog::Remove(TableDirectory(name));
    Log("table", name, text, *run.session);
  } catch (...) {
    catalog.Drop(name);
    throw;
  }
  return Done("create_table", "Table " + name + " created.", std::move(notices));
}

StatementResult Engine::State::Do(ast::CreateView& s, const std::string& text, Run& run) {
  std::lock_guard lock(mutex);
  if (s.if_not_exists && catalog.Find(s.name, *run.session)) {
    return Done("create_view", "View " + ToSql(s.name) + " exists already.");
  }
  std::vector<Notice> notices;
  Relation relation = BindCreateView(s, text, ContextOf(run), &notices);
  const std::string name = catalog.Add(std::move(relation), s.name.range).name;
  try {
    Log("view", name, text, *run.session);
  } catch (...) {
    catalog.Drop(name);
    throw;
  }
  return Done("create_view", "View " + name + " created.", std::move(notices));
}

StatementResult Engine::State::Do(ast::CreateMaterializedView& s, const std::string& text,
                                  Run& run) {
  if (s.or_replace) {
    std::unique_lock lock(mutex);
    const bool exists = catalog.Find(s.name, *run.session) != nullptr;
    lock.unlock();
    if (exists) return ReplaceView(s, text, run);
  }
  uint32_t number = 0;
  StatementResult result;
  {
    std::lock_guard lock(mutex);
    if (s.if_not_exists && catalog.Find(s.name, *run.session)) {
      return Done("create_materialized_view",
                  "Materialized view " + ToSql(s.name) + " exists already.");
    }
    std::vector<Notice> notices;
    Relation relation = BindCreateMaterializedView(s, text, ContextOf(run), &notices);
    relation.settings = run.session->settings;
    const Relation& added = catalog.Add(std::move(relation), s.name.range);
    try {
      JobRecord record;
      record.name = added.name;
      record.kind = "MATERIALIZED VIEW";
      record.sql = text;
      number = StartJob(std::move(record), *added.plan, *run.session).number;
    } catch (...) {
      catalog.Drop(std::string(added.name));
      throw;
    }
    result = Done("create_materialized_view", "Materialized view " + added.name + " created.",
                  std::move(notices));
    result.job = InfoOf(jobs.at(number));
  }
  run.wrote = true;
  if (run.request->wait_finished) WaitFor(number);
  return result;
}

StatementResult Engine::State::Do(ast::CreateFunction& s, const std::string& text, Run& run) {
  std::lock_guard lock(mutex);
  SqlFunction function = BindCreateFunction(s, text, ContextOf(run));
  const std::string name = function.name;
  if (s.if_not_exists && catalog.FindFunction(name)) {
    return Done("create_function", "Function " + name + " exists already.");
  }
  catalog.AddFunction(std::move(function), s.or_replace, s.name.range);
  if (s.or_replace) Unlog("function", name);
  Log("function", name, text, *run.session);
  return Done("create_function", "Function " + name + " created.");
}

StatementResult Engine::State::Do(ast::CreateDatabase& s, const std::string& text, Run& run) {
  std::lock_guard lock(mutex);
  const std::string name = s.name.parts.back().text;
  if (s.if_not_exists && catalog.HasDatabase(name)) {
    return Done("create_database", "Database " + name + " exists already.");
  }
  catalog.AddDatabase(name, s.name.range);
  try {
    Log("database", name, text, *run.session);
  } catch (...) {
    catalog.DropDatabase(name);
    throw;
  }
  return Done("create_database", "Database " + name + " created.");
}

void Engine::State::CheckUnused(const std::string& table, SourceRange range) const {
  for (const auto& [number, job] : jobs) {
    const bool reads = std::ranges::find(job.reads, table) != job.reads.end();
    if (job.kind != "INSERT" || (!reads && job.sink != table)) continue;
    throw Error(ErrorCode::kDependentObjects,
                "\"" + table + "\" is used by the job \"" + job.name + "\"", range,
                "drop the job first: DROP JOB `" + job.name + "`");
  }
}

StatementResult Engine::State::DropFunction(const ast::Drop& s) {
  const std::string name = s.name.parts.back().text;
  CheckNotReplacing();
  if (s.if_exists && !catalog.FindFunction(name)) return Done("drop_function", "Nothing to drop.");
  catalog.DropFunction(name, s.name.range);
  ForgetEntry("function", Lower(name));
  ForgetEntry("function", name);
  return Done("drop_function", "Function " + name + " dropped.");
}

StatementResult Engine::State::DropDatabase(const ast::Drop& s) {
  const std::string name = s.name.parts.back().text;
  CheckNotReplacing();
  if (s.if_exists && !catalog.HasDatabase(name)) return Done("drop_database", "Nothing to drop.");
  catalog.DropDatabase(name, s.name.range);
  ForgetEntry("database", name);
  return Done("drop_database", "Database " + name + " dropped.");
}

StatementResult Engine::State::DropJob(const ast::Drop& s) {
  constexpr int64_t kDrainMicros = 30'000'000;
  std::string name;
  uint32_t number = 0;
  bool was_stopped = false;
  {
    std::lock_guard lock(mutex);
    JobRecord* record = FindJob(s.name.parts.back().text);
    if (!record && s.if_exists) return Done("drop_job", "Nothing to drop.");
    if (!record) throw Error(ErrorCode::kNotFound, "there is no such job", s.name.range);
    if (record->kind != "INSERT") {
      throw Error(ErrorCode::kConflict, "the job feeds a materialized view", s.name.range,
                  "use DROP MATERIALIZED VIEW");
    }
    name = record->name;
    number = record->number;
    // What it gave so far is sealed, and leaves with that.
    const PipelineJob::State state = StateOf(*record);
    was_stopped = state == PipelineJob::State::kStopped;
    // A job that restarts has sealed what it has.
    if (state != PipelineJob::State::kRestarting) StopJob(*record);
  }
  std::vector<Notice> notices;
  if (!AwaitDrained(number, kDrainMicros)) {
    if (!was_stopped) {
      throw Error(ErrorCode::kNotReady,
                  "job \"" + name + "\" is stopped, but where its last results go does not answer",
                  s.name.range, "DROP it when that is back; dropped now, they are lost");
    }
    notices.push_back({"RESULTS_LOST", "its last results had not left", s.name.range});
  }
  std::lock_guard lock(mutex);
  if (!jobs.contains(number)) return Done("drop_job", "Nothing to drop.");
  Unlog("insert", name);
  RemoveJob(number);
  return Done("drop_job", "Job " + name + " dropped.", std::move(notices));
}

StatementResult Engine::State::DropRelation(const ast::Drop& s, const Session& session) {
  using Kind = Relation::Kind;
  const std::string what = Lower(std::string(NameOf(s.kind)));
  const Relation* found = catalog.Find(s.name, session);
  if (!found && s.if_exists) return Done("drop_" + what, "Nothing to drop.");
  const Relation& relation = found ? *found : catalog.Get(s.name, session);
  const Kind expected = s.kind == ast::ObjectKind::kTable  ? Kind::kTable
                        : s.kind == ast::ObjectKind::kView ? Kind::kView
                                                           : Kind::kMaterializedView;
  if (relation.kind != expected) {
    throw Error(ErrorCode::kTableNotFound, "\"" + relation.name + "\" is not a " + what,
                s.name.range);
  }
  if (s.cascade) {
    throw Error(ErrorCode::kUnsupportedFeature, "DROP … CASCADE is not supported yet",
                s.name.range);
  }
  const std::string name = relation.name;
  CheckUnused(name, s.name.range);
  const bool embedded = relation.embedded();
  // First what is durable: if that fails, nothing has happened.
  if (catalog.Dependents(name).empty()) {
    Unlog(expected == Kind::kMaterializedView ? "mv"
          : expected == Kind::kTable          ? "table"
                                              : "view",
          name);
  }
  catalog.Drop(name, s.name.range);
  if (expected == Kind::kMaterializedView) RemoveJob(FindViewJob(name)->number);
  if (embedded) {
    std::lock_guard tables_lock(tables_mutex);
    // Some statement may still hold it.
    if (const auto open = tables.extract(name)) open.mapped()->StopCompaction();
    TableLog::Remove(TableDirectory(name));
  }
  std::string kind = "drop_" + what;
  std::ranges::replace(kind, ' ', '_');
  return Done(std::move(kind), "Dropped " + name + ".");
}

StatementResult Engine::State::Do(ast::Drop& s, const std::string&, Run& run) {
  if (s.kind == ast::ObjectKind::kJob) return DropJob(s);
  std::lock_guard lock(mutex);
  switch (s.kind) {
    case ast::ObjectKind::kFunction:
      return DropFunction(s);
    case ast::ObjectKind::kDatabase:
      return DropDatabase(s);
    case ast::ObjectKind::kTable:
    case ast::ObjectKind::kView:
    case ast::ObjectKind::kMaterializedView:
      return DropRelation(s, *run.session);
    default:
      break;
  }
  throw Error(ErrorCode::kUnsupportedFeature, "DROP of this kind is not supported yet",
              s.name.range);
}

StatementResult Engine::State::Do(ast::Set& s, const std::string&, Run& run) {
  if (!s.option) {
    std::vector<std::vector<std::string>> rows;
    for (const auto& [key, value] : run.session->settings) rows.push_back({key, value});
    return TextResult("set", {"key", "value"}, rows);
  }
  std::vector<Notice> notices;
  const std::string& key = s.option->key;
  if (!IsKnownSetting(key)) {
    if (!IsFlinkSetting(key)) {
      throw Error(ErrorCode::kInvalidOption, "unknown setting '" + key + "'", s.option->key_range);
    }
    notices.push_back(
        {"IGNORED_SETTING", "'" + key + "' is accepted and has no effect", s.option->key_range});
  }
  if (key == "table.local-time-zone" && !IsKnownZone(s.option->value)) {
    throw Error(ErrorCode::kInvalidOption, "unknown time zone '" + s.option->value + "'",
                s.option->value_range, "name one as in Europe/Berlin or UTC");
  }
  if (key == "parallelism.default") {
    const Options value = {{key, {s.option->value, s.option->key_range, s.option->value_range}}};
    const int64_t partitions = GetInt(value, key, 1);
    if (partitions < 1 || partitions > kVnodes) {
      throw Error(ErrorCode::kInvalidOption, "parallelism.default takes 1 to 256",
                  s.option->value_range);
    }
  }
  run.session->settings[key] = s.option->value;
  return Done("set", "Session property has been set.", std::move(notices));
}

StatementResult Engine::State::Do(ast::Reset& s, const std::string&, Run& run) {
  if (s.key) {
    run.session->settings.erase(s.key->key);
  } else {
    run.session->settings.clear();
  }
  return Done("reset", "Session property has been reset.");
}

StatementResult Engine::State::Do(ast::Use& s, const std::string&, Run& run) {
  std::lock_guard lock(mutex);
  if (s.kind == ast::UseKind::kModules) {
    throw Error(ErrorCode::kUnsupportedFeature, "USE MODULES is not supported");
  }
  const std::string& name = s.name.parts.back().text;
  if (s.kind == ast::UseKind::kCatalog) {
    if (name != "default_catalog") {
      throw Error(ErrorCode::kTableNotFound, "catalog \"" + name + "\" does not exist",
                  s.name.range);
    }
    return Done("use", "Using catalog " + name + ".");
  }
  if (!catalog.HasDatabase(name)) {
    throw Error(ErrorCode::kTableNotFound, "database \"" + name + "\" does not exist",
                s.name.range);
  }
  run.session->database = name;
  return Done("use", "Using database " + name + ".");
}

StatementResult Engine::State::Do(ast::JobControl& s, const std::string&, Run&) {
  if (s.savepoint) {
    throw Error(ErrorCode::kUnsupportedFeature, "savepoints are not offered", {},
                "STOP JOB keeps the job's state; RESUME JOB goes on from it");
  }
  const bool stops = s.action == ast::JobAction::kStop || s.action == ast::JobAction::kTerminate;
  const JobCommand command = s.drain                                ? JobCommand::kDrain
                             : stops                                ? JobCommand::kStop
                             : s.action == ast::JobAction::kPause   ? JobCommand::kPause
                                                                    : JobCommand::kResume;
  const std::string kind = stops                                ? "stop_job"
                           : command == JobCommand::kPause      ? "pause_job"
                                                                : "resume_job";
  if (!s.job) return Done(kind, ControlJobs(command));
  StatementResult result = Done(kind, "");
  result.job = ControlJob(s.job->text, command, s.job->range);
  result.message = "Job " + result.job->name + " is " + result.job->state + ".";
  return result;
}

StatementResult Engine::State::Do(ast::Flush&, const std::string&, Run& run) {
  Flush();
  run.wrote = false;
  return Done("flush", "Everything ingested before is visible.");
}

StatementResult Engine::State::Do(ast::Insert& s, const std::string& text, Run& run) {
  std::unique_lock lock(mutex);
  if (s.overwrite) {
    throw Error(ErrorCode::kUnsupportedFeature, "INSERT OVERWRITE is not supported",
                s.target.range);
  }
  Plan plan = PlanInsert(s, QueryMode::kContinuous, ContextOf(run));
  const Relation& target = *std::get<WriteSink>(plan.root->op).table;
  if (target.embedded() && plan.reads.empty()) {
    StatementResult result = InsertValues(s, std::move(plan), std::move(lock));
    run.wrote = true;
    return result;
  }
  JobRecord record;
  record.name = JobName(target.name);
  record.kind = "INSERT";
  record.sql = text;
  record.sink = target.name;
  std::vector<Notice> notices = plan.notices;
  auto owned = std::make_unique<Plan>(std::move(plan));
  const Plan& kept = *owned;
  record.insert_plan = std::move(owned);
  JobRecord& started = StartJob(std::move(record), kept, *run.session);
  StatementResult result = Done("insert", "Job started.", std::move(notices));
  const uint32_t number = started.number;
  result.job = InfoOf(started);
  lock.unlock();
  run.wrote = true;
  const auto sync = run.session->settings.find("table.dml-sync");
  const bool waits = sync != run.session->settings.end() && Lower(sync->second) == "true";
  if (run.request->wait_finished || waits) WaitFor(number);
  return result;
}

StatementResult Engine::State::Do(ast::StatementSet& s, const std::string&, Run& run) {
  StatementResult last;
  for (ast::Statement& insert : s.statements) last = ExecuteStatement(insert, run);
  last.kind = "statement_set";
  return last;
}

}  // namespace millrace
