// The catalog's log and recovery.
//
//   meta "c/NNNNNNNNNN" := kind name sql job pipeline database settings:count (key value)*
//   (base/codec.h) meta "n/job"        := the next job's number meta "j/N"          := state code
//   message   of a job that failed, was stopped or paused
// Entries are replayed in the order of their numbers.
#include <cstdio>

#include "base/codec.h"
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

void Engine::State::Log(const std::string& kind, const std::string& name, const std::string& sql,
                        const Session& session, uint32_t job, uint32_t pipeline) {
  if (!store) return;
  const uint64_t number = next_entry++;
  entries[kind + ":" + name] = number;
  const std::pair<std::string, std::optional<std::string>> put[] = {
      {EntryName(number), Encode({kind, name, sql, job, pipeline, session})},
      {"n/job", std::to_string(next_job)}};
  store->PutMeta(put);
}

void Engine::State::Unlog(const std::string& kind, const std::string& name) {
  auto it = entries.find(kind + ":" + name);
  if (!store || it == entries.end()) return;
  const std::pair<std::string, std::optional<std::string>> drop[] = {
      {EntryName(it->second), std::nullopt}};
  store->PutMeta(drop);
  entries.erase(it);
}

void Engine::State::Relog(const std::string& kind, const std::string& name, uint32_t pipeline) {
  auto it = entries.find(kind + ":" + name);
  if (!store || it == entries.end()) return;
  Entry entry = Decode(store->GetMeta(EntryName(it->second)).value());
  entry.pipeline = pipeline;
  const std::pair<std::string, std::optional<std::string>> put[] = {
      {EntryName(it->second), Encode(entry)}};
  store->PutMeta(put);
}

void Engine::State::NoteEnded(const PipelineJob& job) {
  if (job.state != PipelineJob::State::kFinished) NoteState(job);
}

void Engine::State::ForgetState(uint32_t job) {
  const std::pair<std::string, std::optional<std::string>> drop[] = {
      {"j/" + std::to_string(job), std::nullopt}};
  if (store) store->PutMeta(drop);
}

void Engine::State::NoteState(const PipelineJob& job) {
  if (!store) return;
  Encoder64 out;
  out.Put(static_cast<uint64_t>(job.state));
  out.Put(static_cast<uint64_t>(job.error ? job.error->code : ErrorCode::kInternal));
  out.Put(job.error ? job.error->message : "");
  const std::pair<std::string, std::optional<std::string>> put[] = {
      {"j/" + std::to_string(job.number), out.bytes()}};
  store->PutMeta(put);
}

void Engine::State::RestoreEndedStates(Pipeline& pipeline) {
  for (const auto& job : pipeline.jobs()) {
    const std::optional<std::string> bytes = store->GetMeta("j/" + std::to_string(job->number));
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
