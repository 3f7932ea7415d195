// Pull and push queries.
#include <algorithm>
#include <set>

#include "parser/parse.h"
#include "server/engine_state.h"

namespace millrace {
namespace {

// The names of materialized and system views that the plan scans.
void CollectScans(const Node& root, std::set<std::string>* views, std::set<std::string>* systems) {
  ForEachNode(root, [&](const Node& node) {
    if (auto* scan = std::get_if<ScanView>(&node.op)) views->insert(scan->view->name);
    if (auto* scan = std::get_if<ScanSystem>(&node.op)) systems->insert(scan->name);
  });
}

// `LIMIT n OFFSET m` without ORDER BY needs no sort: the query ends when it has them, so that it
// works over a source that does not end.
struct Cut {
  uint64_t offset = 0;
  uint64_t limit = UINT64_MAX;
};

Cut TakeCut(Plan* plan) {
  Cut cut;
  auto* sort = std::get_if<Sort>(&plan->root->op);
  if (!sort || !sort->keys.empty()) return cut;
  cut.offset = static_cast<uint64_t>(sort->offset);
  if (sort->limit) cut.limit = static_cast<uint64_t>(*sort->limit);
  plan->root = std::move(plan->root->inputs[0]);
  return cut;
}

}  // namespace

StatementResult Engine::State::Do(ast::QueryStatement& s, const std::string&, Run& run) {
  if (run.wrote && !options.manual) {
    Flush();
    run.wrote = false;
  }
  StatementResult result;
  result.kind = "select";
  result.has_rows = true;
  result.statement_index = run.index;
  if (s.query->emit.kind == ast::EmitKind::kChanges) {
    RunPush(*s.query, run, &result);
    return result;
  }
  std::unique_lock lock(mutex);
  Plan plan = PlanQuery(*s.query, QueryMode::kPull, ContextOf(run));
  if (plan.bounded || std::holds_alternative<Sort>(plan.root->op)) {
    RunPull(std::move(plan), run, &result, std::move(lock));
    return result;
  }
  lock.unlock();
  RunPush(*s.query, run, &result);
  return result;
}

bool Engine::State::Deliver(Batch batch, const Run& run, StatementResult* result, uint64_t* left) {
  if (batch.size > *left) batch = batch.Slice(0, *left);
  *left -= batch.size;
  if (batch.size > 0) {
    if (run.request->on_rows) {
      if (!run.request->on_rows(*result, batch)) *left = 0;
    } else {
      result->rows.push_back(std::move(batch));
    }
  }
  return *left > 0;
}

std::vector<Batch> Engine::State::ReadSystemView(const std::string& name) {
  std::vector<Batch> rows;
  const size_t dollar = name.rfind('$');
  const std::string base = name.substr(0, dollar), suffix = name.substr(dollar + 1);
  std::set<std::pair<std::string, std::string>> seen;  // Records of a table that several jobs read.
  for (const auto& [number, record] : jobs) {
    const View* view = nullptr;
    if (record.name == base) view = suffix == "late" ? record.flow->late() : record.flow->errors();
    const bool of_table = view == nullptr && suffix == "errors";
    if (of_table) view = record.flow->rejects(base);
    if (view == nullptr) continue;
    std::shared_lock lock(pipelines.at(record.pipeline)->view_lock());
    for (const ViewSnapshot& snapshot : view->Snapshot()) {
      snapshot.ForEach([&](Batch batch) {
        if (!of_table) return rows.push_back(std::move(batch));
        std::vector<uint32_t> fresh;
        for (uint32_t i = 0; i < batch.size; ++i) {
          if (seen.emplace(batch.columns[0].at<StringRef>(i).view(),
                           batch.columns[1].at<StringRef>(i).view())
                  .second) {
            fresh.push_back(i);
          }
        }
        rows.push_back(batch.Take(fresh));
      });
    }
  }
  return rows;
}

// One consistent picture of everything the plan reads: the locks of all pipelines involved are held
// together.
std::map<std::string, std::vector<Batch>> Engine::State::Snapshot(const Plan& plan,
                                                                  StatementResult* result) {
  std::set<std::string> views, systems;
  CollectScans(*plan.root, &views, &systems);
  std::map<std::string, std::vector<Batch>> rows;
  for (const std::string& name : views) {
    // Before any pipeline's lock: others take this one first.
    std::shared_lock views_lock(views_mutex);
    const auto open = this->views.find(name);
    if (open != this->views.end() && open->second.view == nullptr) {
      throw Error(ErrorCode::kNotReady, "materialized view \"" + name + "\" is being restarted");
    }
  }
  std::map<Pipeline*, std::shared_lock<std::shared_mutex>> locks;
  for (const std::string& name : views) {
    const JobRecord& record = *FindViewJob(name);
    Pipeline& pipeline = PipelineOf(record);
    if (!locks.contains(&pipeline)) locks[&pipeline] = std::shared_lock(pipeline.view_lock());
  }
  std::map<std::string, std::vector<ViewSnapshot>> snapshots;
  for (const std::string& name : views) {
    const JobRecord& record = *FindViewJob(name);
    snapshots[name] = record.flow->view()->Snapshot();
    const int64_t watermark = record.flow->view()->published_watermark();
    if (watermark != kMinWatermark) {
      result->snapshot_watermark =
          std::min(result->snapshot_watermark.value_or(watermark), watermark);
    }
    result->snapshot_step = std::max(result->snapshot_step, record.flow->view()->published_step());
  }
  locks.clear();
  for (auto& [name, parts] : snapshots) {
    for (const ViewSnapshot& part : parts) {
      part.ForEach([&, &out = rows[name]](Batch batch) { out.push_back(std::move(batch)); });
    }
  }
  for (const std::string& name : systems) rows[name] = ReadSystemView(name);
  return rows;
}

void Engine::State::RunPull(Plan plan, const Run& run, StatementResult* result,
                            std::unique_lock<std::recursive_mutex> lock) {
  result->schema = plan.schema;
  result->notices = std::move(plan.notices);
  const Cut cut = TakeCut(&plan);
  if (!plan.bounded && std::holds_alternative<Sort>(plan.root->op)) {
    throw Error(ErrorCode::kStreamingResult, "ORDER BY over a source that does not end",
                plan.root->range, "create a materialized view and select from it");
  }
  DataflowOptions flow_options;
  flow_options.name = "query";
  flow_options.batch_rows = options.batch_rows;
  flow_options.step_rows = options.step_rows;
  flow_options.bounded_run = true;
  flow_options.zone = run.session->zone();
  flow_options.base_directory = options.base_directory;
  DataflowEnvironment environment = Environment(TableRead::kBounded);
  auto rows = Snapshot(plan, result);
  environment.cancelled = [this] { return shutting_down.load(); };
  // Copies: a query may read a view more than once.
  environment.read_view = [&rows](const std::string& name) { return rows[name]; };
  const uint64_t wanted = std::min<uint64_t>(cut.limit, run.request->max_rows);
  uint64_t left = wanted, skip = cut.offset;
  environment.collect = [&](Batch batch) {
    const uint64_t skipped = std::min<uint64_t>(skip, batch.size);
    skip -= skipped;
    if (skipped > 0) batch = batch.Slice(skipped, batch.size - skipped);
    if (batch.size > left && wanted == run.request->max_rows) result->truncated = true;
    return Deliver(std::move(batch), run, result, &left);
  };
  Dataflow flow(plan, flow_options, std::move(environment));
  lock.unlock();
  if (left == 0) return;
  WorkerPool alone(1);
  const int64_t deadline =
      run.request->timeout_micros > 0 ? NowMicros() + run.request->timeout_micros : 0;
  flow.RunToEnd(&alone, NowMicros(), deadline);
  if (left == 0 && wanted == run.request->max_rows) result->end_reason = "limit";
}

}  // namespace millrace
