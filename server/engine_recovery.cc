// The catalog's log and recovery.
//
//   meta "c/NNNNNNNNNN" := kind name sql job pipeline database settings:count (key value)*
//   (base/codec.h) meta "n/job"        := the next job's number meta "j/N"          := state code
//   message   of a job that failed, was stopped or paused
// Entries are replayed in the order of their numbers.
#include <cstdio>

#include "base/codec.h"
#include "base/log.h"
#include "parser/parse.h"
#include "server/engine_state.h"

namespace millrace {
namespace {

std::string EntryName(uint64_t number) {
  char name[16];
  std::snprintf(name, sizeof name, "c/%010llu", static_cast<unsigned long long>(number));
  return name;
}

struct Entry {
  std::string kind, name, sql;
  uint32_t job = 0, pipeline = 0;
  Session session;
};

std::string Encode(const Entry& entry) {
  Encoder64 out;
  out.Put(entry.kind).Put(entry.name).Put(entry.sql);
  out.Put(static_cast<uint64_t>(entry.job)).Put(static_cast<uint64_t>(entry.pipeline));
  out.Put(entry.session.database).Put(static_cast<uint64_t>(entry.session.settings.size()));
  for (const auto& [key, value] : entry.session.settings) out.Put(key).Put(value);
  return out.bytes();
}

Entry Decode(std::string_view bytes) {
  Decoder64 in(bytes);
  Entry entry;
  entry.kind = in.String();
  entry.name = in.String();
  entry.sql = in.String();
  entry.job = static_cast<uint32_t>(in.Number());
  entry.pipeline = static_cast<uint32_t>(in.Number());
  entry.session.database = in.String();
  for (uint64_t n = in.Number(); n > 0; --n) {
    const std::string key = in.String();
    entry.session.settings[key] = in.String();
  }
  return entry;
}

}  // namespace

void Engine::State::PutMeta(const MetaChanges& changes) {
  if (!store) return;
  const std::lock_guard lock(meta_mutex);
  std::map<std::string, std::optional<std::string>> before;
  for (const auto& [name, value] : changes) {
    const auto later = owed.find(name);
    before[name] = later == owed.end() ? store->GetMeta(name) : later->second;
  }
  std::map<std::string, std::optional<std::string>> all = owed;
  for (const auto& [name, value] : changes) all[name] = value;
  const MetaChanges put(all.begin(), all.end());
  try {
    store->PutMeta(put);
    owed.clear();
  } catch (const Error&) {
    // What a failed write did shows when the database is opened again; then it is taken back.
    for (auto& [name, value] : before) owed[name] = std::move(value);
    throw;
  }
}

void Engine::State::NoteMeta(const MetaChanges& changes) {
  try {
    PutMeta(changes);
  } catch (const Error& error) {
    millrace::Log(LogLevel::kWarning, "engine", "cannot write to the catalog yet",
                  {{"error", error.message}});
    const std::lock_guard lock(meta_mutex);
    for (const auto& [name, value] : changes) owed[name] = value;
  }
}

Session Engine::State::SessionOf(const std::string& name) const {
  Session session;
  if (const size_t dot = name.find('.'); dot != name.npos) session.database = name.substr(0, dot);
  if (const Relation* relation = catalog.Find(name)) session.settings = relation->settings;
  const auto view = entries.find("mv:" + name);
  const auto entry = view != entries.end() ? view : entries.find("view:" + name);
  if (!store || entry == entries.end()) return session;
  const std::optional<std::string> value = store->GetMeta(EntryName(entry->second));
  return value ? Decode(*value).session : session;
}

void Engine::State::LogReplacement(const Replacement& plan) {
  MetaChanges changes;
  std::map<std::string, uint64_t> numbers;
  uint64_t next = next_entry;
  auto shadow = plan.shadows.begin();
  for (const std::string& name : plan.names) {
    const Relation& relation = *plan.catalog->Find(name);
    const bool view = relation.kind == Relation::Kind::kMaterializedView;
    Entry entry{view ? "mv" : "view", name, relation.sql};
    entry.session = name == plan.name ? plan.session : SessionOf(name);
    if (view) {
      entry.job = *shadow++;
      entry.pipeline = jobs.at(entry.job).pipeline;
      changes.emplace_back("j/" + std::to_string(FindViewJob(name)->number), std::nullopt);
    }
    const std::string key = entry.kind + ":" + name;
    changes.emplace_back(EntryName(entries.at(key)), std::nullopt);
    // Behind everything that the new query may read.
    numbers[key] = next;
    changes.emplace_back(EntryName(next++), Encode(entry));
  }
  PutMeta(changes);
  next_entry = next;
  for (const auto& [key, number] : numbers) entries[key] = number;
}

void Engine::State::Log(const std::string& kind, const std::string& name, const std::string& sql,
                        const Session& session, uint32_t job, uint32_t pipeline) {
  CheckNotReplacing();
  const uint64_t number = next_entry++;
  PutMeta({{EntryName(number), Encode({kind, name, sql, job, pipeline, session})},
           {"n/job", std::to_string(next_job)}});
  entries[kind + ":" + name] = number;
}

void Engine::State::Unlog(const std::string& kind, const std::string& name) {
  auto it = entries.find(kind + ":" + name);
  if (it == entries.end()) return;
  CheckNotReplacing();
  PutMeta({{EntryName(it->second), std::nullopt}});
  entries.erase(it);
}

void Engine::State::ForgetEntry(const std::string& kind, const std::string& name) {
  auto it = entries.find(kind + ":" + name);
  if (it == entries.end()) return;
  NoteMeta({{EntryName(it->second), std::nullopt}});
  entries.erase(it);
}

void Engine::State::Relog(const std::vector<const JobRecord*>& records, uint32_t pipeline) {
  if (!store) return;
  MetaChanges changes;
  for (const JobRecord* record : records) {
    const std::string kind = record->kind == "MATERIALIZED VIEW" ? "mv:" : "insert:";
    const auto it = entries.find(kind + record->name);
    if (it == entries.end()) continue;
    Entry entry = Decode(store->GetMeta(EntryName(it->second)).value());
    entry.pipeline = pipeline;
    changes.emplace_back(EntryName(it->second), Encode(entry));
  }
  PutMeta(changes);
}

void Engine::State::NoteEnded(const PipelineJob& job) {
  if (job.state != PipelineJob::State::kFinished) NoteMeta(StateNote(job));
}

void Engine::State::ForgetState(uint32_t job) {
  PutMeta({{"j/" + std::to_string(job), std::nullopt}});
}

Engine::State::MetaChanges Engine::State::StateNote(const PipelineJob& job) {
  Encoder64 out;
  out.Put(static_cast<uint64_t>(job.state));
  out.Put(static_cast<uint64_t>(job.error ? job.error->code : ErrorCode::kInternal));
  out.Put(job.error ? job.error->message : "");
  return {{"j/" + std::to_string(job.number), out.bytes()}};
}

void Engine::State::RestoreEndedStates(Pipeline& pipeline) {
  for (const auto& job : pipeline.jobs()) {
    const std::string name = "j/" + std::to_string(job->number);
    std::optional<std::string> bytes = store->GetMeta(name);
    {
      const std::lock_guard lock(meta_mutex);
      if (const auto later = owed.find(name); later != owed.end()) bytes = later->second;
    }
    if (!bytes) continue;
    Decoder64 in(*bytes);
    job->state = static_cast<PipelineJob::State>(in.Number());
    const auto code = static_cast<ErrorCode>(in.Number());
    const std::string message = in.String();
    if (job->state == PipelineJob::State::kFailed) job->error = Error(code, message);
    if (job->state == PipelineJob::State::kFailed) job->flow->ReleaseState();
    if (job->state == PipelineJob::State::kFinished) job->flow->CloseSources();
    if (job->state != PipelineJob::State::kPaused) job->ended_micros = NowMicros();
  }
}

void Engine::State::RecoverEntry(
    std::string_view value,
    std::map<uint32_t, std::vector<std::unique_ptr<PipelineJob>>>* by_pipeline) {
  Entry entry = Decode(value);
  ExecuteRequest request;
  Run run{&request, &entry.session, entry.sql};
  std::vector<Notice> ignored;
  std::vector<ast::Statement> statements = Parse(entry.sql);
  auto& node = statements.at(0).node;
  if (entry.kind == "table") {
    catalog.Add(
        BindCreateTable(std::get<ast::CreateTable>(node), entry.sql, ContextOf(run), &ignored));
  } else if (entry.kind == "view") {
    catalog.Add(
        BindCreateView(std::get<ast::CreateView>(node), entry.sql, ContextOf(run), &ignored));
  } else if (entry.kind == "function") {
    catalog.AddFunction(
        BindCreateFunction(std::get<ast::CreateFunction>(node), entry.sql, ContextOf(run)), true);
  } else if (entry.kind == "database") {
    catalog.AddDatabase(entry.name);
  } else {
    JobRecord record;
    record.number = entry.job;
    record.pipeline = entry.pipeline;
    record.name = entry.name;
    record.sql = entry.sql;
    const Plan* plan = nullptr;
    if (entry.kind == "mv") {
      record.kind = "MATERIALIZED VIEW";
      auto& view = std::get<ast::CreateMaterializedView>(node);
      Relation relation = BindCreateMaterializedView(view, entry.sql, ContextOf(run), &ignored);
      relation.settings = entry.session.settings;
      plan = catalog.Add(std::move(relation)).plan.get();
    } else {
      record.kind = "INSERT";
      record.insert_plan = std::make_unique<Plan>(
          PlanInsert(std::get<ast::Insert>(node), QueryMode::kContinuous, ContextOf(run)));
      plan = record.insert_plan.get();
      record.sink = std::get<WriteSink>(plan->root->op).table->name;
    }
    (*by_pipeline)[record.pipeline].push_back(MakeJob(record, *plan, entry.session));
    jobs[record.number] = std::move(record);
  }
}

void Engine::State::Recover() {
  std::lock_guard lock(mutex);
  recovering = true;
  std::map<uint32_t, std::vector<std::unique_ptr<PipelineJob>>> by_pipeline;
  std::vector<std::pair<std::string, std::string>> found;
  store->ScanMeta("c/", [&](std::string_view name, std::string_view value) {
    found.emplace_back(name, value);
  });
  for (const auto& [name, value] : found) {
    const uint64_t number = std::stoull(name.substr(name.find('/') + 1));
    next_entry = number + 1;
    const Entry entry = Decode(value);
    entries[entry.kind + ":" + entry.name] = number;
    try {
      RecoverEntry(value, &by_pipeline);
    } catch (const Error& error) {
      throw Error(error.code,
                  "cannot restore " + entry.kind + " \"" + entry.name + "\": " + error.message);
    }
  }
  recovering = false;
  if (auto next = store->GetMeta("n/job")) next_job = static_cast<uint32_t>(std::stoul(*next));
  for (auto& [id, pipeline_jobs] : by_pipeline) {
    Pipeline& pipeline = OpenPipeline(id);
    pipeline.Recover(std::move(pipeline_jobs));
    RestoreEndedStates(pipeline);
    for (const auto& job : pipeline.jobs()) {
      if (View* view = job->flow->view()) views[job->name] = {view, &pipeline};
    }
  }
  for (auto& [id, pipeline] : pipelines) pipeline->Start();
}

}  // namespace millrace
