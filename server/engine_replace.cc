// Replacing a running query.
//
// The new query, and anew whatever reads the view, run beside the old ones as jobs without a name
// of their own ("shadows", JobRecord::replacement). When they have read what there is, one write to
// the catalog puts them in the place of the old ones, which end. Until then readers see the old
// rows, and a crash leaves the old queries; after it, the new ones.
#include <algorithm>
#include <chrono>
#include <set>
#include <sstream>

#include "parser/parse.h"
#include "parser/print.h"
#include "server/engine_state.h"

namespace millrace {
namespace {

constexpr auto kLook = std::chrono::milliseconds(5);
constexpr size_t kManualSteps =
    1'000'000;  // A job that always has something to do must not hang tests.

bool SameColumns(const Relation& a, const Relation& b) {
  const Schema one = a.schema(), other = b.schema();
  return a.primary_key == b.primary_key && one.size() == other.size() &&
         std::ranges::equal(one, other, [](const Field& x, const Field& y) {
           return x.name == y.name && x.type.ToString() == y.type.ToString();
         });
}

std::string QuoteString(const std::string& text) {
  std::string out = "'";
  for (char c : text) out += c == '\'' ? "''" : std::string(1, c);
  return out + "'";
}
// Each part of a qualified name.
std::string QuoteName(const std::string& name) {
  std::string out = "`";
  for (char c : name) out += c == '`' ? "``" : c == '.' ? "`.`" : std::string(1, c);
  return out + "`";
}

// Where the rows of a table come from once more; empty when they do not.
std::string ReadAgain(const Relation& table) {
  if (table.embedded()) return "read again from the start of its log";
  const auto mode = table.options.find("scan.startup.mode");
  const std::string start = mode == table.options.end() ? "" : mode->second.value;
  if (start == "latest-offset" || start == "group-offsets") return "";
  if (table.connector->name == "filesystem") return "read again: the files that are there";
  return "read again from where the table begins";
}

}  // namespace

JobRecord* Engine::State::FindUpstream(std::string_view view, uint32_t replacement) {
  for (auto& [number, record] : jobs) {
    const bool among = replacement != 0 && record.replacement == replacement;
    if (among && record.name == view) return &record;
  }
  return FindViewJob(view);
}

// The view and all that reads it, also through others, in the order in which they were made.
std::vector<std::string> Engine::State::ReadersOf(const std::string& view) const {
  std::set<std::string> found = {view};
  std::vector<std::string> open = {view};
  while (!open.empty()) {
    const std::string name = std::move(open.back());
    open.pop_back();
    for (const std::string& reader : catalog.Dependents(name)) {
      if (found.insert(reader).second) open.push_back(reader);
    }
  }
  const auto made = [&](const std::string& name) {
    const auto mv = entries.find("mv:" + name);
    return mv != entries.end() ? mv->second : entries.at("view:" + name);
  };
  std::vector<std::string> names(found.begin(), found.end());
  std::ranges::sort(names, {}, made);
  return names;
}

void Engine::State::CheckNotReplacing() const {
  if (replacing.empty()) return;
  throw Error(ErrorCode::kConflict, "the view \"" + replacing + "\" is being replaced", {},
              "try again when that is done; DROP and CREATE wait for it");
}

Engine::State::Replacement Engine::State::PlanReplacement(ast::CreateMaterializedView& s,
                                                          const std::string& text, Run& run) {
  CheckNotReplacing();
  const Relation& old = catalog.Get(s.name, *run.session);
  if (old.kind != Relation::Kind::kMaterializedView) {
    throw Error(ErrorCode::kDuplicateObject, "\"" + old.name + "\" is not a materialized view",
                s.name.range);
  }
  Replacement plan;
  plan.name = old.name;
  plan.names = ReadersOf(old.name);
  for (const auto& [number, job] : jobs) {
    for (const std::string& read : job.reads) {
      if (job.kind != "INSERT" || std::ranges::find(plan.names, read) == plan.names.end()) continue;
      throw Error(ErrorCode::kDependentObjects,
                  "\"" + read + "\" is read by the job \"" + job.name +
                      "\", and what that has written cannot be taken back",
                  s.name.range, "drop the job first: DROP JOB `" + job.name + "`");
    }
  }
  plan.catalog = std::make_shared<Catalog>();
  for (const std::string& name : catalog.Databases()) {
    if (!plan.catalog->HasDatabase(name)) plan.catalog->AddDatabase(name);
  }
  for (const SqlFunction* f : catalog.ListFunctions()) plan.catalog->AddFunction(*f, true);
  for (const Relation* r : catalog.List()) {
    if (std::ranges::find(plan.names, r->name) == plan.names.end()) plan.catalog->Add(*r);
  }
  PlanContext context = ContextOf(run);
  context.catalog = plan.catalog.get();
  Relation relation = BindCreateMaterializedView(s, text, context, &plan.notices);
  relation.settings = run.session->settings;
  plan.session = *run.session;
  const Relation& added = plan.catalog->Add(std::move(relation), s.name.range);
  if (plan.names.size() > 1 && !SameColumns(old, added)) {
    throw Error(
        ErrorCode::kDependentObjects,
        "\"" + plan.names[1] + "\" reads it, so its columns and its key must stay as they are",
        s.name.range, "drop \"" + plan.names[1] + "\" first");
  }
  plan.unchanged = ToSql(*old.query) == ToSql(*added.query) && old.settings == added.settings &&
                   SameColumns(old, added) &&
                   StateOf(*FindViewJob(old.name)) == PipelineJob::State::kRunning;
  for (size_t i = 1; i < plan.names.size(); ++i) BindReader(plan.names[i], &plan);
  return plan;
}

// What reads the view, with the new one in its place.
void Engine::State::BindReader(const std::string& name, Replacement* plan) {
  const Relation& old = *catalog.Find(name);
  Session session = SessionOf(name);
  const ExecuteRequest request;
  Run run{&request, &session, old.sql};
  PlanContext context = ContextOf(run);
  context.catalog = plan->catalog.get();
  std::vector<Notice> ignored;
  std::vector<ast::Statement> statements = Parse(old.sql);
  auto& node = statements.at(0).node;
  if (auto* view = std::get_if<ast::CreateView>(&node)) {
    plan->catalog->Add(BindCreateView(*view, old.sql, context, &ignored));
    return;
  }
  Relation relation = BindCreateMaterializedView(std::get<ast::CreateMaterializedView>(node),
                                                 old.sql, context, &ignored);
  relation.settings = old.settings;
  plan->catalog->Add(std::move(relation));
}

void Engine::State::StartShadows(Replacement* plan) {
  plan->id = next_job;
  for (const std::string& name : plan->names) {
    const Relation& relation = *plan->catalog->Find(name);
    if (relation.kind != Relation::Kind::kMaterializedView) continue;
    JobRecord record;
    record.name = name;
    record.kind = "MATERIALIZED VIEW";
    record.sql = relation.sql;
    record.replacement = plan->id;
    record.planned_in = plan->catalog;
    record.view_plan = relation.plan;
    const Session session = name == plan->name ? plan->session : SessionOf(name);
    plan->shadows.push_back(StartJob(std::move(record), *relation.plan, session).number);
  }
}

// Whether the shadows have read what there is. Throws what one failed with.
bool Engine::State::CaughtUp(const Replacement& plan) {
  std::map<std::string, uint64_t> logs;
  for (uint32_t number : plan.shadows) {
    const JobRecord& record = jobs.at(number);
    for (const std::string& name : record.reads) {
      const Relation* table = catalog.Find(name);
      if (table != nullptr && table->embedded()) logs[name] = TableOf(*table)->log_rows();
    }
    Pipeline& pipeline = PipelineOf(record);
    const bool there = pipeline.Between([&] {
      const PipelineJob& job = *pipeline.FindJob(number);
      if (job.state == PipelineJob::State::kFailed) throw *job.error;
      if (job.state == PipelineJob::State::kFinished) return true;
      if (job.state != PipelineJob::State::kRunning || pipeline.recovering()) return false;
      if (job.steps == 0 || 2 * job.last_taken >= job.flow->options().step_rows) return false;
      for (const auto& [name, rows] : logs) {
        if (job.flow->RowsRead(name).value_or(rows) < rows) return false;
      }
      for (const auto& [name, status] : job.flow->TransportStates()) {
        for (const SourceLag& lag : status.lag) {
          if (lag.records() > 0) return false;
        }
        const Relation* table = plan.catalog->Find(name);
        const bool asks = table != nullptr && table->connector != nullptr &&
                          table->connector->name.find("kafka") != std::string::npos;
        if (asks && status.lag.empty()) return false;
      }
      return true;
    });
    if (!there) return false;
  }
  return true;
}

void Engine::State::Abandon(const Replacement& plan) {
  replacing.clear();
  for (auto it = plan.shadows.rbegin(); it != plan.shadows.rend(); ++it) {
    if (jobs.contains(*it)) RemoveJob(*it);
  }
}

// False when it cannot be now: a job is being restarted.
bool Engine::State::TakePlaces(Replacement& plan) {
  std::map<uint32_t, uint64_t> steps;  // Readers see numbers of steps that only grow.
  for (uint32_t number : plan.shadows) {
    const JobRecord& record = jobs.at(number);
    Pipeline& before = PipelineOf(*FindViewJob(record.name));
    uint64_t& step = steps[record.pipeline];
    step = std::max(step, before.Between([&] { return before.step(); }));
  }
  for (const auto& [id, step] : steps) {
    Pipeline& pipeline = *pipelines.at(id);
    pipeline.Between([&, at = step] { pipeline.SkipToStep(at); });
    // Sealed first: what the catalog names is there.
    if (store && !pipeline.Checkpoint()) return false;
  }
  LogReplacement(plan);
  std::vector<uint32_t> ended;
  for (auto it = plan.names.rbegin(); it != plan.names.rend(); ++it) {
    if (const JobRecord* record = FindViewJob(*it)) ended.push_back(record->number);
    catalog.Drop(*it);
  }
  for (const std::string& name : plan.names) catalog.Add(*plan.catalog->Find(name));
  for (uint32_t number : plan.shadows) {
    JobRecord& record = jobs.at(number);
    Pipeline& pipeline = PipelineOf(record);
    std::unique_lock views_lock(views_mutex);
    views[record.name] = {record.flow->view(), &pipeline};
    record.replacement = 0;
  }
  for (uint32_t number : ended) RemoveJob(number);
  replacing.clear();
  return true;
}

// Not locked while it waits.
void Engine::State::RunReplacement(Replacement& plan, std::unique_lock<std::recursive_mutex> lock,
                                   int64_t timeout_micros) {
  const int64_t deadline = timeout_micros > 0 ? NowMicros() + timeout_micros : kMaxWatermark;
  try {
    StartShadows(&plan);
    replacing = plan.name;
    for (size_t n = 0;; ++n) {
      if (shutting_down) throw Error(ErrorCode::kShuttingDown, "the server is shutting down");
      if (CaughtUp(plan) && TakePlaces(plan)) return;
      if (NowMicros() >= deadline || n >= kManualSteps) {
        throw Error(ErrorCode::kTimeout,
                    "\"" + plan.name + "\" stays as it was: the new query has not caught up");
      }
      if (options.manual) {
        if (store) RestartDue();
        for (uint32_t number : plan.shadows) PipelineOf(jobs.at(number)).StepOnce();
        continue;
      }
      lock.unlock();
      std::this_thread::sleep_for(kLook);
      lock.lock();
    }
  } catch (...) {
    if (!lock.owns_lock()) lock.lock();
    Abandon(plan);
    throw;
  }
}

StatementResult Engine::State::ReplaceView(ast::CreateMaterializedView& s, const std::string& text,
                                           Run& run) {
  StatementResult result;
  std::unique_lock lock(mutex);
  Replacement plan = PlanReplacement(s, text, run);
  result.kind = "create_materialized_view";
  result.notices = plan.notices;
  const std::string name = plan.name;
  if (plan.unchanged) {
    result.message = "Materialized view " + name + " stays as it is.";
    result.job = InfoOf(*FindViewJob(name));
    return result;
  }
  RunReplacement(plan, std::move(lock), run.request->timeout_micros);
  const std::lock_guard again(mutex);
  result.message = "Materialized view " + name + " replaced.";
  if (JobRecord* record = FindViewJob(name)) result.job = InfoOf(*record);
  run.wrote = true;
  return result;
}

// Its state since the last checkpoint is not known any more, and others went on with what it gave:
// all that reads it is made anew with it, from the start of what they read.
void Engine::State::RebuildFailed(const std::string& view,
                                  std::unique_lock<std::recursive_mutex> lock) {
  const std::string text = catalog.Find(view)->sql;
  Session session = SessionOf(view);
  const ExecuteRequest request;
  Run run{&request, &session, text};
  std::vector<ast::Statement> statements = Parse(text);
  Replacement plan =
      PlanReplacement(std::get<ast::CreateMaterializedView>(statements.at(0).node), text, run);
  RunReplacement(plan, std::move(lock), 0);
}

StatementResult Engine::State::ExplainReplacement(ast::CreateMaterializedView& s,
                                                  const std::string& text, Run& run) {
  const std::vector<std::string> columns = {"operator", "state"};
  Replacement plan;
  try {
    plan = PlanReplacement(s, text, run);
  } catch (const Error& error) {
    if (error.code != ErrorCode::kDependentObjects && error.code != ErrorCode::kConflict) throw;
    return TextResult("explain", columns, {{"cannot be replaced", error.message}});
  }
  std::vector<std::vector<std::string>> rows;
  for (const std::string& name : plan.names) {
    const Relation& relation = *plan.catalog->Find(name);
    if (relation.kind != Relation::Kind::kMaterializedView) continue;
    std::string from;
    for (const std::string& read : relation.plan->reads) from += (from.empty() ? "" : ", ") + read;
    std::istringstream lines(ExplainPlan(*relation.plan));
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string kind, of;
      words >> kind >> of;
      std::string state = "none";
      if (plan.unchanged) {
        state = "kept: the query is the same";
      } else if (kind == "ScanTable") {
        const Relation* table = plan.catalog->Find(of);
        state = table != nullptr ? ReadAgain(*table) : "read again";
        if (state.empty()) state = "NOT read again: its start mode skips what came before now";
      } else if (kind == "ScanView") {
        const bool anew = std::ranges::find(plan.names, of) != plan.names.end();
        state = anew ? "read from the new " + of : "kept: the rows of " + of + " as they are";
      } else if (kind == "Materialize" || line.find("[state: ") != line.npos) {
        state = from.empty() ? "rebuilt" : "rebuilt from " + from;
      }
      rows.push_back({line, state});
    }
  }
  StatementResult result = TextResult("explain", columns, rows);
  result.notices = std::move(plan.notices);
  return result;
}

JobInfo Engine::PutJob(const std::string& name, const std::string& sql,
                       const std::map<std::string, std::string>& settings,
                       const std::string& wanted) {
  if (!wanted.empty() && wanted != "RUNNING" && wanted != "PAUSED" && wanted != "STOPPED") {
    throw Error(ErrorCode::kBadRequest, "\"desired_state\" is RUNNING, PAUSED or STOPPED");
  }
  std::vector<ast::Statement> statements = Parse(sql);
  if (statements.size() != 1) throw Error(ErrorCode::kBadRequest, "expected one statement");
  Session session;
  ExecuteRequest request;
  request.session = &session;
  const auto execute = [&](const std::string& statement) {
    ExecuteResult result = Execute(statement, request);
    if (result.error) throw *result.error;
  };
  for (const auto& [key, value] : settings) {
    execute("SET " + QuoteString(key) + " = " + QuoteString(value));
  }
  auto* view = std::get_if<ast::CreateMaterializedView>(&statements[0].node);
  if (view != nullptr) {
    State::Run run{&request, &session, sql};
    if (state_->catalog.Qualify(view->name, session) != name) {
      throw Error(ErrorCode::kBadRequest, "the statement names another view than the path",
                  view->name.range);
    }
    view->or_replace = true;
    view->if_not_exists = false;
    state_->ExecuteStatement(statements[0], run);
  } else if (std::holds_alternative<ast::QueryStatement>(statements[0].node)) {
    std::string text = "CREATE OR REPLACE MATERIALIZED VIEW " + QuoteName(name) + " AS\n";
    const size_t before = text.size();
    try {
      execute(text + sql);
    } catch (Error& error) {
      // Positions are in what the client sent.
      if (error.range && error.range->offset >= before) {
        error.range->offset -= before;
      } else {
        error.range.reset();
      }
      throw;
    }
  } else {
    throw Error(ErrorCode::kUnsupportedFeature,
                "a job is put as a query or a CREATE MATERIALIZED VIEW", statements[0].range,
                "INSERT is run by POST /v1/sql");
  }
  const JobInfo info = Job(name);
  if (wanted.empty() || wanted == info.state) return info;
  if (wanted == "RUNNING" && info.state != "PAUSED" && info.state != "STOPPED") return info;
  return ControlJob(name, wanted == "RUNNING"  ? JobCommand::kResume
                          : wanted == "PAUSED" ? JobCommand::kPause
                                               : JobCommand::kStop);
}

}  // namespace millrace
