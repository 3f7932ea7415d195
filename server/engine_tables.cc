// Tables without a connector: INSERT, UPDATE, DELETE and ingested rows.
#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

#include "server/engine_state.h"

namespace millrace {
namespace {

// Throws at the place where the first NULL of a column that is NOT NULL was written.
void CheckNotNull(const Relation& table, std::span<const Column> columns, size_t rows,
                  const std::function<SourceRange(size_t column, size_t row)>& range) {
  for (size_t i = 0; i < rows; ++i) {
    size_t physical = 0;
    for (size_t c = 0; c < table.columns.size(); ++c) {
      if (table.columns[c].kind != TableColumn::Kind::kPhysical) continue;
      const Column& column = columns[physical++];
      if (table.columns[c].type.nullable || !column.IsNull(i)) continue;
      throw Error(ErrorCode::kTypeMismatch, "column \"" + table.columns[c].name + "\" is NOT NULL",
                  range(c, i));
    }
  }
}

int64_t CountRows(const Batch& rows) {
  int64_t count = 0;
  for (size_t i = 0; i < rows.size; ++i) count += rows.weight(i);
  return count;
}

// Columns [begin, begin + count) of the batch.
Batch ColumnsOf(const Batch& batch, size_t begin, size_t count) {
  Batch part;
  part.size = batch.size;
  part.weights = batch.weights;
  part.columns.assign(batch.columns.begin() + static_cast<ptrdiff_t>(begin),
                      batch.columns.begin() + static_cast<ptrdiff_t>(begin + count));
  return part;
}

StatementResult Changed(std::string kind, const std::string& done, int64_t rows) {
  StatementResult result;
  result.message = std::to_string(rows) + (rows == 1 ? " row " : " rows ") + done + ".";
  result.kind = std::move(kind);
  result.affected_rows = rows;
  return result;
}

}  // namespace

std::shared_ptr<EmbeddedTable> Engine::State::TableOf(const Relation& relation) {
  if (!relation.embedded()) {
    throw Error(ErrorCode::kBadRequest,
                "\"" + relation.name + "\" takes no rows: only tables without a connector do");
  }
  std::lock_guard lock(tables_mutex);
  if (const auto open = tables.find(relation.name); open != tables.end()) return open->second;
  EmbeddedTableOptions table_options;
  table_options.directory = TableDirectory(relation.name);
  table_options.schema = relation.physical_schema();
  for (size_t key : relation.primary_key) {
    table_options.key.push_back(relation.PhysicalIndex(key));
  }
  table_options.changes = relation.changes;
  table_options.sync = store && options.sync;
  table_options.compact_bytes = options.compact_bytes;
  auto table = std::make_shared<EmbeddedTable>(std::move(table_options));
  return tables[relation.name] = std::move(table);
}

std::string Engine::State::TableDirectory(const std::string& name) const {
  return (store ? store->directory() : scratch_directory) + "/tables/" + name;
}

AppendedRows Engine::InsertRows(const std::string& name, const Batch& rows, const RequestKey* key) {
  std::shared_ptr<EmbeddedTable> table;
  {
    std::lock_guard lock(state_->mutex);
    const Relation* relation = state_->catalog.Find(name);
    if (!relation) throw Error(ErrorCode::kNotFound, "table \"" + name + "\" does not exist");
    table = state_->TableOf(*relation);
  }
  return table->Insert(rows, key);
}

namespace {

// Calls `done` until it says so or the time is over; whether it did.
bool Await(int64_t wait_micros, const std::atomic<bool>& stop, const std::function<bool()>& done) {
  const int64_t deadline = NowMicros() + wait_micros;
  while (!done()) {
    if (NowMicros() >= deadline || stop) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace

// Whether the running jobs that read the table have read so much of its log. REQUIRES: the mutex.
bool Engine::State::HaveRead(const std::string& table, uint64_t end) {
  return std::ranges::all_of(pipelines, [&](auto& entry) {
    Pipeline& pipeline = *entry.second;
    return pipeline.Between([&] {
      return std::ranges::all_of(pipeline.jobs(), [&](const auto& job) {
        const bool runs = job->state == PipelineJob::State::kRunning ||
                          job->state == PipelineJob::State::kRestarting;
        const bool shadow = jobs.at(job->number).replacement != 0;
        return shadow || !runs || job->flow->RowsRead(table).value_or(end) >= end;
      });
    });
  });
}

// The tables of ours that jobs write to which read the table, also through views. REQUIRES: the
// mutex.
std::vector<const Relation*> Engine::State::TablesFedBy(const std::string& table) const {
  std::set<std::string> reached = {table}, sinks;
  for (size_t before = 0; before != reached.size();) {
    before = reached.size();
    for (const auto& [number, job] : jobs) {
      const auto is_reached = [&](const std::string& name) { return reached.contains(name); };
      if (std::ranges::none_of(job.reads, is_reached)) continue;
      job.sink.empty() ? reached.insert(job.name) : sinks.insert(job.sink);
    }
  }
  std::vector<const Relation*> tables;
  for (const std::string& name : sinks) {
    const Relation* sink = catalog.Find(name);
    if (sink != nullptr && sink->embedded()) tables.push_back(sink);
  }
  return tables;
}

// Views on views follow in the same step. What a job writes into a table of ours is read by others
// later: then their reading of that is waited for, too.
bool Engine::AwaitRows(const std::string& name, uint64_t end, int64_t wait_micros) {
  std::map<std::string, uint64_t> wanted = {{name, end}};
  std::set<std::string> followed;
  return Await(wait_micros, state_->shutting_down, [&] {
    std::lock_guard lock(state_->mutex);
    const Relation* relation = state_->catalog.Find(name);
    if (!relation || !relation->embedded() || state_->TableOf(*relation)->log_rows() < end) {
      throw Error(ErrorCode::kCursorExpired, "the token is of a table that is not there any more");
    }
    for (bool more = true; more;) {
      more = false;
      const std::map<std::string, uint64_t> now = wanted;
      for (const auto& [table, rows] : now) {
        if (!state_->HaveRead(table, rows)) return false;
        if (!followed.insert(table).second) continue;
        for (const Relation* sink : state_->TablesFedBy(table)) {
          more |= wanted.emplace(sink->name, state_->TableOf(*sink)->log_rows()).second;
        }
      }
    }
    return true;
  });
}

bool Engine::AwaitStep(const std::string& name, uint64_t step, int64_t wait_micros) {
  return Await(wait_micros, state_->shutting_down, [&] {
    std::shared_lock lock(state_->views_mutex);
    const auto found = state_->views.find(name);
    if (found == state_->views.end()) {
      throw Error(ErrorCode::kNotFound, "materialized view \"" + name + "\" does not exist");
    }
    if (found->second.view == nullptr) return false;
    std::shared_lock view_lock(found->second.pipeline->view_lock());
    return found->second.view->published_step() >= step;
  });
}

Schema Engine::InsertSchema(const std::string& table) const {
  std::lock_guard lock(state_->mutex);
  const Relation* relation = state_->catalog.Find(table);
  if (!relation) throw Error(ErrorCode::kNotFound, "table \"" + table + "\" does not exist");
  if (!relation->embedded()) {
    throw Error(ErrorCode::kBadRequest,
                "\"" + table + "\" takes no rows: only tables without a connector do");
  }
  return relation->physical_schema();
}

StatementResult Engine::State::InsertValues(const ast::Insert& insert, Plan plan,
                                            std::unique_lock<std::recursive_mutex> lock) {
  const Relation& relation = *std::get<WriteSink>(plan.root->op).table;
  const std::shared_ptr<EmbeddedTable> table = TableOf(relation);
  DataflowOptions flow_options;
  flow_options.name = "insert";
  flow_options.bounded_run = true;
  std::vector<Batch> batches;
  DataflowEnvironment environment;
  environment.append_embedded = [&](const Relation&, const std::string&, uint64_t,
                                    const Batch& rows) { batches.push_back(rows); };
  Dataflow flow(plan, flow_options, std::move(environment));
  WorkerPool alone(1);
  flow.RunToEnd(&alone, NowMicros(), 0);
  flow.WriteSinks(0);
  const Batch rows = batches.empty() ? Batch{} : Concat(batches);
  CheckNotNull(relation, rows.columns, rows.size, [&](size_t column, size_t row) {
    return RangeOfValue(insert, relation, column, row);
  });
  lock.unlock();
  if (rows.size > 0) table->Insert(rows);
  StatementResult result = Changed("insert", "inserted", static_cast<int64_t>(rows.size));
  result.notices = std::move(plan.notices);
  return result;
}

// Nobody may wait for a table's writers while holding the engine: a pipeline may be one of them.
StatementResult Engine::State::ChangeRows(const ChangeQuery& change, Run& run) {
  if (run.wrote && !options.manual) Flush();
  std::unique_lock lock(mutex);
  ChangePlan planned = PlanChange(change, ContextOf(run));
  std::shared_ptr<EmbeddedTable> table = TableOf(*planned.table);
  std::unique_lock<std::mutex> writing = table->TryLockWrites();
  while (!writing) {
    lock.unlock();
    table->WaitForWrites();
    lock.lock();
    planned = PlanChange(change, ContextOf(run));
    table = TableOf(*planned.table);
    writing = table->TryLockWrites();
  }
  const Relation relation = *planned.table;  // It may be dropped meanwhile.
  StatementResult found;
  const ExecuteRequest request;  // Without limits.
  Run own = run;
  own.request = &request;
  RunPull(std::move(planned.plan), own, &found, std::move(lock));
  Batch gone, come;
  int64_t count = 0;
  if (!found.rows.empty()) {
    const Batch rows = Concat(found.rows);
    const size_t width = table->options().schema.size();
    count = CountRows(rows);
    gone = ColumnsOf(rows, 0, width);
    if (change.updates) come = ColumnsOf(rows, width, width);
    CheckNotNull(relation, come.columns, come.size, [&](size_t column, size_t) {
      return planned.ranges[relation.PhysicalIndex(column)];
    });
    table->Change(std::move(writing), gone, come);
  }
  run.wrote = true;
  StatementResult result =
      change.updates ? Changed("update", "updated", count) : Changed("delete", "deleted", count);
  result.notices = std::move(found.notices);
  return result;
}

StatementResult Engine::State::Do(ast::Update& s, const std::string&, Run& run) {
  return ChangeRows(MakeChangeQuery(std::move(s)), run);
}

StatementResult Engine::State::Do(ast::Delete& s, const std::string&, Run& run) {
  return ChangeRows(MakeChangeQuery(std::move(s)), run);
}

}  // namespace millrace
