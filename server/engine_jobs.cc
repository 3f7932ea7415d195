// Jobs: started, found, stopped, dropped; which pipeline each runs in.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <set>
#include <thread>

#include "base/log.h"
#include "server/engine_state.h"

namespace millrace {
namespace {

void CollectViews(const Node& root, std::set<std::string>* views) {
  ForEachNode(root, [&](const Node& node) {
    if (auto* scan = std::get_if<ScanView>(&node.op)) views->insert(scan->view->name);
  });
}

// 'restart-strategy.*' as Flink has them.
RestartStrategy StrategyOf(const Session& session) {
  Options options;
  for (const auto& [key, value] : session.settings) {
    if (key.starts_with("restart-strategy")) options[key].value = value;
  }
  RestartStrategy strategy;
  const std::string type = GetString(options, "restart-strategy.type", "exponential-delay");
  if (type == "none" || type == "off" || type == "disable") strategy.attempts = 0;
  if (type == "fixed-delay") {
    strategy.attempts =
        static_cast<uint64_t>(GetInt(options, "restart-strategy.fixed-delay.attempts", 1));
    strategy.first_micros = strategy.longest_micros =
        GetDurationMicros(options, "restart-strategy.fixed-delay.delay", 1'000'000);
  }
  if (type == "exponential-delay") {
    const std::string prefix = "restart-strategy.exponential-delay.";
    strategy.first_micros =
        GetDurationMicros(options, prefix + "initial-backoff", strategy.first_micros);
    strategy.longest_micros =
        GetDurationMicros(options, prefix + "max-backoff", strategy.longest_micros);
    const int64_t attempts = GetInt(options, prefix + "attempts-before-reset-backoff", -1);
    if (attempts >= 0) strategy.attempts = static_cast<uint64_t>(attempts);
  }
  return strategy;
}

std::string_view NameOf(PipelineJob::State state) {
  switch (state) {
    case PipelineJob::State::kRunning:
      return "RUNNING";
    case PipelineJob::State::kFinished:
      return "FINISHED";
    case PipelineJob::State::kFailed:
      return "FAILED";
    case PipelineJob::State::kStopped:
      return "STOPPED";
    case PipelineJob::State::kPaused:
      return "PAUSED";
    case PipelineJob::State::kRestarting:
      return "RESTARTING";
  }
  return "";
}

// What cannot be dropped is in nobody's way, either.
template <class F>
void DropQuietly(F drop) {
  try {
    drop();
  } catch (const Error& error) {
    Log(LogLevel::kWarning, "engine", "cannot drop old state", {{"error", error.message}});
  }
}

}  // namespace

DataflowEnvironment Engine::State::Environment(TableRead read, uint32_t replacement) {
  DataflowEnvironment environment;
  environment.find_view = [this, replacement](const std::string& name) -> View* {
    JobRecord* record = FindUpstream(name, replacement);
    return record ? record->flow->view() : nullptr;
  };
  environment.open_embedded = [this, read](const Relation& table,
                                                     std::vector<size_t> columns) {
    return TableOf(table)->OpenSource(std::move(columns), read);
  };
  environment.append_embedded = [this](const Relation& table, const std::string& writer,
                                       uint64_t step, const Batch& rows) {
    TableOf(table)->InsertOnce(writer, step, rows);
  };
  environment.read_table = [this](const Relation& table) { return TableOf(table)->Rows(); };
  environment.collect = [](Batch) { return true; };
  return environment;
}

// The jobs of a pipeline have its number of partitions: what the session of the first one asked
// for.
size_t Engine::State::PartitionsOf(uint32_t pipeline, const Session& session) {
  auto [it, fresh] = partitions.try_emplace(pipeline, options.partitions);
  const auto wanted = session.settings.find("parallelism.default");
  if (fresh && wanted != session.settings.end()) it->second = std::stoul(wanted->second);
  return it->second;
}

// Where a job's sinks keep what is on its way out.
std::string Engine::State::SinkDirectory(uint32_t job) const {
  return store ? store->directory() + "/sinks/" + std::to_string(job) : "";
}

std::unique_ptr<PipelineJob> Engine::State::MakeJob(JobRecord& record, const Plan& plan,
                                                    const Session& session) {
  DataflowOptions flow_options;
  flow_options.job = record.number;
  flow_options.name = record.name;
  flow_options.partitions = PartitionsOf(record.pipeline, session);
  flow_options.batch_rows = options.batch_rows;
  flow_options.step_rows = options.step_rows;
  flow_options.tracked = store != nullptr;
  flow_options.zone = session.zone();
  if (auto limit = session.settings.find("memory.limit"); limit != session.settings.end()) {
    const Options setting = {{"memory.limit", {limit->second, {}, {}}}};
    flow_options.memory_limit = static_cast<size_t>(GetSizeBytes(setting, "memory.limit", 0));
  }
  flow_options.base_directory = options.base_directory;
  flow_options.state_directory = SinkDirectory(record.number);
  auto job = std::make_unique<PipelineJob>();
  job->number = record.number;
  job->name = record.name;
  job->started_micros = NowMicros();
  job->restart = StrategyOf(session);
  const TableRead read = store ? TableRead::kReplayable : TableRead::kFollow;
  job->flow = std::make_unique<Dataflow>(plan, flow_options, Environment(read, record.replacement));
  if (store) job->flow->OpenStore(*store);
  record.flow = job->flow.get();
  record.session = session;
  std::set<std::string> upstream;
  CollectViews(*plan.root, &upstream);
  record.ends = job->flow->scans_end() &&
                std::ranges::all_of(
                    upstream, [&](const std::string& view) {
                      return FindUpstream(view, record.replacement)->ends;
                    });
  record.reads = plan.reads;
  record.plan_text = ExplainPlan(plan);
  return job;
}

Pipeline& Engine::State::OpenPipeline(uint32_t id) {
  PipelineOptions pipeline_options;
  pipeline_options.id = id;
  pipeline_options.manual = options.manual;
  pipeline_options.clock = options.clock;
  pipeline_options.memory_limit = options.memory_limit;
  pipeline_options.budget = budget.get();
  pipeline_options.checkpoint_interval_micros = store ? options.checkpoint_interval_micros : 0;
  if (store) pipeline_options.journal_directory = store->directory() + "/journal";
  if (store) {
    pipeline_options.on_restarting = [this] { restarts_wanted.Set(); };
  }
  pipeline_options.on_job_ended = [this](const PipelineJob& job) { NoteEnded(job); };
  pipeline_options.before_seal = [this] {
    std::lock_guard lock(tables_mutex);
    for (auto& [name, table] : tables) table->SyncAll();
  };
  auto pipeline = std::make_unique<Pipeline>(pipeline_options, store.get(), pool.get());
  return *(pipelines[id] = std::move(pipeline));
}

// A job runs with the views it reads; one that reads views of several pipelines joins them.
uint32_t Engine::State::PipelineFor(const Plan& plan, const JobRecord& record) {
  std::set<std::string> views;
  CollectViews(*plan.root, &views);
  std::set<uint32_t> ids;
  for (const std::string& name : views) {
    ids.insert(FindUpstream(name, record.replacement)->pipeline);
  }
  if (ids.empty()) return record.number;
  const uint32_t into = *ids.begin();
  for (uint32_t id : ids) {
    if (id != into && partitions[id] != partitions[into]) {
      throw Error(ErrorCode::kUnsupportedFeature,
                  "the views it reads run with different numbers of partitions", {},
                  "create them with the same parallelism.default");
    }
    if (id != into) MergePipelines(into, id);
  }
  return into;
}

void Engine::State::MergePipelines(uint32_t into, uint32_t from) {
  Pipeline& target = *pipelines.at(into);
  Pipeline& source = *pipelines.at(from);
  if (source.recovering() || target.recovering()) {
    throw Error(ErrorCode::kNotReady, "a view that the query reads is still being recovered: its "
                                      "source does not answer");
  }
  const auto restarts = [](Pipeline& pipeline) {
    return pipeline.Between([&] { return pipeline.NextRestart().has_value(); });
  };
  if (restarts(source) || restarts(target)) {
    throw Error(ErrorCode::kNotReady, "a view that the query reads is being restarted");
  }
  source.Checkpoint();
  std::vector<const JobRecord*> moving;
  std::vector<uint32_t> numbers;
  for (auto& [number, record] : jobs) {
    if (record.pipeline != from) continue;
    if (record.replacement == 0) moving.push_back(&record);
    numbers.push_back(number);
  }
  MoveJobs(numbers, source, target);
  try {
    target.Checkpoint();
    Relog(moving, into);
  } catch (const Error&) {
    MoveJobs(numbers, target, source);
    throw;
  }
  for (uint32_t number : numbers) jobs.at(number).pipeline = into;
  pipelines.erase(from);
  if (store) DropQuietly([&] { store->DropPipeline(from); });
}

void Engine::State::MoveJobs(const std::vector<uint32_t>& numbers, Pipeline& source,
                             Pipeline& target) {
  std::vector<std::unique_ptr<PipelineJob>> moved;
  const uint64_t step = source.Between([&] {
    for (const uint32_t number : numbers) moved.push_back(source.RemoveJob(number));
    return source.step();
  });
  {
    std::unique_lock views_lock(views_mutex);
    for (const auto& job : moved) {
      if (auto it = views.find(job->name); it != views.end() && job->flow->view()) {
        it->second.pipeline = &target;
      }
    }
  }
  target.Between([&] {
    target.SkipToStep(step);
    for (auto& job : moved) target.AddJob(std::move(job));
  });
}

JobRecord& Engine::State::StartJob(JobRecord record, const Plan& plan, const Session& session) {
  const bool view = record.kind == "MATERIALIZED VIEW";
  record.number = next_job++;
  record.pipeline = PipelineFor(plan, record);
  const bool shadow = record.replacement != 0;
  // First: after a crash it starts from nothing, and its number is never another's.
  if (shadow) {
    PutMeta({{"n/job", std::to_string(next_job)}});
  } else {
    Log(view ? "mv" : "insert", record.name, record.sql, session, record.number, record.pipeline);
  }
  const uint32_t number = record.number;
  try {
    std::unique_ptr<PipelineJob> job = MakeJob(record, plan, session);
    JobRecord& kept = jobs[number] = std::move(record);
    const bool exists = pipelines.contains(kept.pipeline);
    Pipeline& pipeline = exists ? *pipelines.at(kept.pipeline) : OpenPipeline(kept.pipeline);
    if (View* made = kept.flow->view(); made && !shadow) {
      std::unique_lock views_lock(views_mutex);
      views[kept.name] = {made, &pipeline};
    }
    pipeline.Between([&] { pipeline.AddJob(std::move(job)); });
    if (!exists) pipeline.Start();
    return kept;
  } catch (...) {
    const std::string name = jobs.contains(number) ? jobs.at(number).name : record.name;
    if (jobs.contains(number)) RemoveJob(number);
    if (!shadow) ForgetEntry(view ? "mv" : "insert", name);
    throw;
  }
}

JobRecord* Engine::State::FindJob(std::string_view id_or_name) {
  for (auto& [number, record] : jobs) {
    const bool named = record.replacement == 0 && record.name == id_or_name;
    if (named || "job_" + std::to_string(number) == id_or_name) return &record;
  }
  return nullptr;
}

JobRecord* Engine::State::FindViewJob(std::string_view view) {
  for (auto& [number, record] : jobs) {
    const bool is_view = record.kind == "MATERIALIZED VIEW" && record.replacement == 0;
    if (is_view && record.name == view) return &record;
  }
  return nullptr;
}

std::string Engine::State::JobName(const std::string& base) const {
  auto taken = [&](const std::string& name) {
    return std::ranges::any_of(jobs, [&](const auto& job) { return job.second.name == name; });
  };
  if (!taken(base)) return base;
  for (int n = 2;; ++n) {
    const std::string name = base + "_" + std::to_string(n);
    if (!taken(name)) return name;
  }
}

JobInfo Engine::State::InfoOf(const JobRecord& record) {
  JobInfo info;
  info.number = record.number;
  info.id = "job_" + std::to_string(record.number);
  info.name = record.name;
  info.kind = record.kind;
  info.sql = record.sql;
  info.plan = record.plan_text;
  info.reads = record.reads;
  if (record.replacement != 0) info.notices.push_back("takes the place of its namesake when it has caught up");
  Pipeline& pipeline = PipelineOf(record);
  pipeline.Between([&] {
    const PipelineJob& job = *pipeline.FindJob(record.number);
    const Dataflow& flow = *job.flow;
    info.state = NameOf(job.state);
    const bool shadow = record.replacement != 0 && job.state == PipelineJob::State::kRunning;
    if (shadow) info.state = "CREATED";
    if (job.state != PipelineJob::State::kRunning) info.error = job.error;
    info.restarts = job.restarts;
    if (job.state == PipelineJob::State::kRestarting) {
      info.restart_seconds =
          std::max(0.0, static_cast<double>(job.restart_micros - options.clock()) / 1e6);
    }
    info.rows_in = flow.rows_in();
    info.rows_out = flow.view() ? flow.view()->rows() : flow.rows_out();
    info.late_rows = flow.late_rows();
    info.error_rows = flow.error_rows();
    info.rejected_records = flow.rejected_records();
    info.steps = job.steps;
    info.state_bytes = flow.state_bytes();
    info.state_rows = flow.state_rows();
    info.expired_rows = flow.expired_rows();
    info.cold = flow.cold_counts();
    info.dropped_rows = flow.dropped_rows();
    info.combined_rows = flow.combined_rows();
    info.watermark = flow.watermark();
    info.held_back_by = flow.HeldBackBy();
    info.checkpoints = pipeline.checkpoints();
    info.last_checkpoint_micros = pipeline.last_checkpoint_micros();
    const int64_t end = job.ended_micros ? job.ended_micros : NowMicros();
    info.recovering = pipeline.recovering();
    for (auto& [table, status] : flow.TransportStates()) {
      if (!status.notice.empty()) info.notices.push_back(table + ": " + status.notice);
      for (SourceLag& lag : status.lag) info.lag.emplace_back(table, std::move(lag));
    }
    info.wall_seconds = static_cast<double>(end - job.started_micros) / 1e6;
    info.busy_seconds = static_cast<double>(job.busy_micros) / 1e6;
  });
  int64_t held_back_at = info.held_back_by.empty() ? kMaxWatermark
                                                    : info.watermark.value_or(kMinWatermark);
  // A view on a view that stands still stands still with it, and waits with it.
  for (const std::string& name : record.reads) {
    const JobRecord* upstream = FindUpstream(name, record.replacement);
    if (!upstream) continue;
    const JobInfo above = InfoOf(*upstream);
    // Of several it is the one that is furthest behind.
    const int64_t watermark = above.watermark.value_or(kMinWatermark);
    if (!above.held_back_by.empty() && watermark < held_back_at) {
      held_back_at = watermark;
      info.held_back_by = above.held_back_by;
    }
    if (info.state != "RUNNING") continue;
    if (above.state != "RUNNING" && above.state != "FINISHED") info.state = "STALLED";
  }
  return info;
}

void Engine::State::StopJob(JobRecord& record) {
  Pipeline& pipeline = PipelineOf(record);
  pipeline.Between([&] { pipeline.StopJob(record.number); });
  pipeline.Checkpoint();
}

void Engine::State::RemoveJob(uint32_t number) {
  JobRecord& record = jobs.at(number);
  {
    std::unique_lock views_lock(views_mutex);
    const auto open = views.find(record.name);  // A new one may be in its place.
    if (open != views.end() && open->second.pipeline == &PipelineOf(record) &&
        (open->second.view == nullptr || open->second.view == record.flow->view())) {
      views.erase(open);
    }
  }
  Pipeline& pipeline = PipelineOf(record);
  std::unique_ptr<PipelineJob> job;
  bool empty = false;
  pipeline.Between([&] {
    job = pipeline.RemoveJob(number);
    job->flow->CloseSources();
    empty = pipeline.jobs().empty();
  });
  const uint32_t id = record.pipeline;
  const std::vector<OperatorId> operators = job->flow->operator_ids();
  job.reset();
  jobs.erase(number);
  if (empty) {
    pipelines.erase(id);
    partitions.erase(id);
  }
  if (!store) return;
  std::error_code ignored;  // What cannot be removed is in nobody's way: numbers do not come again.
  std::filesystem::remove_all(SinkDirectory(number), ignored);
  DropQuietly([&] {
    store->DropOperators(operators);
    if (empty) store->DropPipeline(id);
  });
  NoteMeta({{"j/" + std::to_string(number), std::nullopt}});
}

bool Engine::State::WaitFor(uint32_t number) {
  // Jobs end on their drivers' threads; the state is looked at between steps.
  bool sealed = false;
  while (!shutting_down) {
    {
      std::lock_guard lock(mutex);
      auto it = jobs.find(number);
      if (it == jobs.end()) return true;
      Pipeline& pipeline = PipelineOf(it->second);
      bool delivered = true;  // What it wrote has left.
      const PipelineJob::State state = pipeline.Between([&] {
        const PipelineJob& job = *pipeline.FindJob(number);
        const bool finished = job.state == PipelineJob::State::kFinished;
        delivered = options.manual || !finished || job.flow->SinksDrained();
        return job.state;
      });
      const bool runs =
          state == PipelineJob::State::kRunning || state == PipelineJob::State::kRestarting;
      if (!runs && delivered) return state != PipelineJob::State::kFailed;
      if (runs && (options.manual || !it->second.ends)) return true;
      // Some sinks send behind a checkpoint.
      try {
        if (!runs && !std::exchange(sealed, true)) pipeline.Checkpoint();
      } catch (const Error&) {
        sealed = false;  // The pipeline is made anew.
      }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace millrace
