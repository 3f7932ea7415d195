#include "executor/dataflow.h"

#include <algorithm>

#include "base/clock.h"
#include "connectors/table_source.h"
#include "executor/build.h"
#include "executor/windows.h"

namespace millrace {
namespace {

// For a source partition that has records but gives none: then the others go on without it.
constexpr int64_t kPatienceMicros = 10'000'000;

}  // namespace

Dataflow::Dataflow(const Plan& plan, DataflowOptions options, DataflowEnvironment environment)
    : options_(std::move(options)), environment_(std::move(environment)) {
  for (size_t p = 0; p < options_.partitions; ++p) {
    auto context = std::make_unique<PartitionContext>();
    context->partition = p;
    context->partitions = options_.partitions;
    context->eval.zone = options_.zone;
    context->fail_on_error = options_.bounded_run;
    contexts_.push_back(std::move(context));
  }
  DataflowBuilder(this).Build(plan);
}

Dataflow::~Dataflow() = default;

// Whether others were read already, perhaps before a restart.
bool Dataflow::TablesRead() const {
  return tables_read_ || std::ranges::any_of(nodes_, [](const OpNode& node) {
    if (!node.scan || node.read_first) return false;
    for (size_t i = 0; i < node.scan->source_partitions(); ++i) {
      if (node.scan->ever_moved(i)) return true;
    }
    return false;
  });
}

size_t Dataflow::PollScan(OpNode& node) {
  const size_t rows = node.scan->Poll();
  if (node.embedded_scan) embedded_taken_ += rows;
  return rows;
}

size_t Dataflow::PollScans() {
  size_t taken = 0;
  for (OpNode& node : nodes_) {
    if (node.scan && !node.scan->ended()) taken += PollScan(node);
  }
  return taken;
}

// Pauses the source partitions that are further ahead of the one with the oldest event time than
// their tables' drift. Those that hold nobody back: what has ended, is idle, or had nothing more to
// read; hence one that is behind and can be read is never paused. Returns how many are paused.
size_t Dataflow::AlignScans(int64_t now_micros) {
  bool aligned = false;
  for (const OpNode& node : nodes_) aligned |= node.scan && node.scan->max_drift() > 0;
  if (!aligned) return 0;
  int64_t oldest = kMaxWatermark;
  for (const OpNode& node : nodes_) {
    if (!node.tracker) continue;
    const TableScan& scan = *nodes_[node.tracked_scan].scan;
    if (scan.ended()) continue;
    const TransportStatus status = scan.status();
    for (size_t i = 0; i < scan.source_partitions(); ++i) {
      // What a topic counts as records may be none that can be read.
      const bool unread = i < status.lag.size() && status.lag[i].records() > 0 &&
                          node.tracker->SilentFor(i, now_micros) < kPatienceMicros;
      if (scan.finished(i) || (scan.caught_up(i) && !unread)) continue;
      const int64_t watermark = node.tracker->watermark(i);
      // One that gives rows without a time says nothing.
      if (watermark == kMinWatermark && scan.ever_moved(i)) continue;
      if (!node.tracker->IsIdle(i, now_micros)) oldest = std::min(oldest, watermark);
    }
  }
  size_t paused = 0;
  for (const OpNode& node : nodes_) {
    if (!node.tracker) continue;
    TableScan& scan = *nodes_[node.tracked_scan].scan;
    int64_t latest = kMaxWatermark;
    if (scan.max_drift() > 0 && __builtin_add_overflow(oldest, scan.max_drift(), &latest)) {
      latest = kMaxWatermark;
    }
    for (size_t i = 0; i < scan.source_partitions(); ++i) {
      scan.SetPaused(i, node.tracker->watermark(i) > latest);
      paused += scan.paused(i);
    }
  }
  return paused;
}

size_t Dataflow::Poll(int64_t now_micros) {
  size_t taken = 0;
  embedded_taken_ = 0;
  bool ready = true;
  for (OpNode& node : nodes_) ready &= !node.sink || node.sink->Ready();
  if (!ready) return 0;
  tables_read_ = TablesRead();
  bool waits = false;
  for (OpNode& node : nodes_) {
    if (tables_read_ || !node.read_first || !node.scan || node.scan->ended()) continue;
    const size_t rows = PollScan(node);
    taken += rows;
    waits |= node.scan->bounded() ? !node.scan->ended() : rows > 0;
  }
  tables_read_ = !waits;
  if (waits) return taken;
  while (true) {
    const size_t paused = AlignScans(now_micros);
    taken += PollScans();
    // Those that had nothing hold nobody back from here on.
    if (taken > 0 || paused == 0 || AlignScans(now_micros) >= paused) return taken;
  }
}

void Dataflow::DiscardStep() {
  if (view_) view_->Discard();
  for (View* view : SystemViews()) view->Discard();
  for (OpNode& node : nodes_) {
    for (auto& part : node.sink_rows) part.clear();
  }
}

bool Dataflow::NeedsStep(int64_t now_micros) const {
  if (first_step_) return true;
  if (!finished() && InputsEnded()) return true;
  return std::ranges::any_of(nodes_, [&](const OpNode& node) {
    if (node.upstream) {
      return node.upstream->changed() || node.upstream->watermark() != node.watermark;
    }
    if (ClockTimer(node) <= now_micros) return true;
    return node.tracker && node.tracker->NextTimeout() <= now_micros &&
           !nodes_[node.tracked_scan].scan->ended();
  });
}

int64_t Dataflow::ClockTimer(const OpNode& node) {
  int64_t next = kMaxWatermark;
  if (!node.by_clock && !node.has_timer) return next;
  for (const auto& instance : node.instances) next = std::min(next, instance->NextTimer());
  return next;
}

int64_t Dataflow::NextTimer() const {
  int64_t next = kMaxWatermark;
  for (const OpNode& node : nodes_) {
    next = std::min(next, ClockTimer(node));
    if (node.tracker) next = std::min(next, node.tracker->NextTimeout());
  }
  return next;
}

void Dataflow::Push(size_t op, size_t port, size_t p, Batch batch) {
  OpNode& node = nodes_[op];
  if (!node.sink_rows.empty()) {
    if (options_.bounded_run && node.sink == nullptr && node.embedded_sink == nullptr) {
      // Results of a query leave as they come.
      rows_out_ += batch.size;
      if (wants_more_) wants_more_ = environment_.collect(std::move(batch));
      return;
    }
    return node.sink_rows[p].push_back(std::move(batch));
  }
  node.instances[p]->OnBatch(port, std::move(batch), node.time, node.emits[p]);
}

void Dataflow::Deliver(Edge& edge, size_t from, size_t p, Batch batch) {
  if (edge.exchange) {
    edge.exchange->Send(p, std::move(batch), nodes_[edge.to].time);
  } else if (nodes_[edge.to].stage != nodes_[from].stage) {
    edge.queue[p].push_back(std::move(batch));
  } else {
    Push(edge.to, edge.port, p, std::move(batch));
  }
}

void Dataflow::EmitFrom(size_t op, size_t p, Batch batch) {
  std::vector<Edge>& edges = nodes_[op].outputs;
  for (size_t e = 0; e + 1 < edges.size(); ++e) Deliver(edges[e], op, p, batch);
  if (!edges.empty()) Deliver(edges.back(), op, p, std::move(batch));
}

void Dataflow::ScanUpstream(OpNode& node, size_t p) {
  auto push = [&](const Batch& batch) {
    Batch out;
    out.size = batch.size;
    out.weights = batch.weights;
    for (size_t c : node.upstream_columns) out.columns.push_back(batch.columns[c]);
    node.emits[p](std::move(out));
  };
  // A new view is filled from the rows as they were before this step, then follows.
  if (!node.backfilled) node.upstream->part(p).Snapshot().ForEach(push);
  for (const Batch& batch : node.upstream->Delta(p)) push(batch);
}

void Dataflow::RunSources(size_t p) {
  for (OpNode& node : nodes_) {
    if (node.scan) {
      node.scan->Run(p, contexts_[p].get(), node.emits[p]);
    } else if (node.upstream) {
      ScanUpstream(node, p);
    } else if (!node.rows_sent && p == 0) {
      for (const Batch& batch : node.rows) {
        for (size_t at = 0; at < batch.size; at += options_.batch_rows) {
          node.emits[p](batch.Slice(at, std::min(options_.batch_rows, batch.size - at)));
        }
      }
    }
  }
}

// What earlier stages left for operator `op`, in the order of its inputs.
void Dataflow::Receive(OpNode& node, size_t op, size_t p) {
  for (size_t input : node.inputs) {
    for (Edge& edge : nodes_[input].outputs) {
      if (edge.to != op) continue;
      auto push = [&](Batch batch) { Push(op, edge.port, p, std::move(batch)); };
      if (edge.exchange) edge.exchange->Receive(p, push);
      if (edge.queue.empty()) continue;
      for (Batch& batch : std::exchange(edge.queue[p], {})) push(std::move(batch));
    }
  }
}

void Dataflow::RunStage(size_t stage, size_t p) {
  if (stage == 0) return RunSources(p);
  for (size_t op = 0; op < nodes_.size(); ++op) {
    if (nodes_[op].stage == stage) Receive(nodes_[op], op, p);
  }
}

void Dataflow::StepStage(size_t stage, size_t p) {
  for (OpNode& node : nodes_) {
    if (node.stage == stage && !node.instances.empty()) {
      node.instances[p]->OnStep(node.time, node.emits[p]);
    }
  }
}

void Dataflow::AdvanceNode(OpNode& node) {
  if (node.inputs.empty()) {
    if (node.upstream) {
      node.watermark = node.upstream->watermark();
    } else {
      node.watermark = !node.scan || node.scan->ended() ? kMaxWatermark : kMinWatermark;
    }
    node.time.finished = node.watermark == kMaxWatermark;
    return;
  }
  int64_t active = kMaxWatermark, furthest = kMinWatermark;
  node.time.finished = node.idle = true;
  for (size_t input : node.inputs) {
    const OpNode& from = nodes_[input];
    furthest = std::max(furthest, from.watermark);
    if (!from.idle) active = std::min(active, from.watermark);
    node.idle &= from.idle;
    node.time.finished &= from.time.finished;
  }
  // A source that was idle and comes back may be behind: time does not go back for it.
  const int64_t before = node.by_clock ? node.watermark : node.time.before;
  node.time.watermark = std::max(before, node.idle ? furthest : active);
  node.watermark = node.time.watermark;
  const bool holds = node.watermark != kMaxWatermark && node.watermark != kMinWatermark;
  if (holds && __builtin_sub_overflow(node.time.watermark, node.hold, &node.watermark)) {
    node.watermark = kMinWatermark;
  }
  if (node.by_clock) {
    // Rows of the running millisecond may still come.
    const int64_t passed = FloorTo(now_, kMicrosPerMilli, 0) - kMicrosPerMilli;
    node.time.watermark =
        node.time.finished ? kMaxWatermark : std::max(node.time.before, passed);
  }
  if (!node.tracker) return;
  TableScan& scan = *nodes_[node.tracked_scan].scan;
  for (auto& instance : node.instances) {
    node.tracker->Advance(static_cast<WatermarkOperator&>(*instance).TakeMaxima());
  }
  node.watermark = replaying_ ? node.tracker->effective() : node.tracker->Current(scan, now_);
  if (replaying_) node.tracker->Note(scan, now_);
  node.idle = node.tracker->idle();
}

void Dataflow::AdvanceWatermarks(size_t stage) {
  for (OpNode& node : nodes_) {
    if (node.stage == stage) AdvanceNode(node);
  }
}

void Dataflow::Step(WorkerPool* pool, int64_t now_micros) {
  now_ = now_micros;
  for (auto& context : contexts_) context->eval.now = {now_micros};
  for (size_t stage = 0; stage < stages_; ++stage) {
    pool->ForEach(options_.partitions, [&](size_t p) { RunStage(stage, p); });
    AdvanceWatermarks(stage);
    pool->ForEach(options_.partitions, [&](size_t p) { StepStage(stage, p); });
  }
  for (OpNode& node : nodes_) {
    node.time.before = node.time.watermark;
    node.rows_sent = node.backfilled = true;
  }
  first_step_ = false;
  replaying_ = false;
  if (view_) {
    view_->set_watermark(nodes_.back().time.watermark);
    view_->BufferExpired(nodes_.back().time.watermark);
  }
  if (!options_.bounded_run) CollectRejects();
}

void Dataflow::RunToEnd(WorkerPool* pool, int64_t now_micros, int64_t deadline) {
  now_ = now_micros;
  contexts_[0]->eval.now = {now_micros};
  OnReady([input = input_] { input->Set(); });
  // One step: batches pass as they come, and every operator sees the end of its input once.
  while (wants_more_) {
    const size_t taken = Poll(now_micros);
    pool->ForEach(1, [&](size_t p) { RunStage(0, p); });
    for (OpNode& node : nodes_) node.rows_sent = true;
    const bool ended = std::ranges::all_of(
        nodes_, [](const OpNode& node) { return !node.scan || node.scan->ended(); });
    if (ended) break;
    if (environment_.cancelled && environment_.cancelled()) {
      throw Error(ErrorCode::kShuttingDown, "the server is shutting down");
    }
    if (deadline != 0 && NowMicros() > deadline) {
      throw Error(ErrorCode::kTimeout, "the query took longer than its timeout");
    }
    if (taken == 0) input_->WaitFor(std::chrono::milliseconds(100));
  }
  for (OpNode& node : nodes_) {
    node.time = {kMinWatermark, kMaxWatermark, true};
    if (!node.instances.empty() && wants_more_) node.instances[0]->OnStep(node.time, node.emits[0]);
  }
}

void Dataflow::CollectRejects() {
  std::vector<RejectedRow> errors, late;
  for (auto& context : contexts_) {
    std::ranges::move(context->errors, std::back_inserter(errors));
    std::ranges::move(context->late, std::back_inserter(late));
    context->errors.clear();
    context->late.clear();
    expired_rows_ += std::exchange(context->expired_rows, 0);
    dropped_rows_ += std::exchange(context->dropped_rows, 0);
  }
  for (const RejectedRow& e : errors) error_rows_ += e.weight > 0 ? e.weight : 0;
  late_rows_ += late.size();
  BufferRejects(errors, late);
}

bool Dataflow::InputsEnded() const {
  return std::ranges::all_of(nodes_, [](const OpNode& node) {
    if (node.upstream) return node.upstream->watermark() == kMaxWatermark;
    return !node.scan || node.scan->ended();
  });
}

bool Dataflow::scans_end() const {
  return std::ranges::all_of(
      nodes_, [](const OpNode& node) { return !node.scan || node.scan->bounded(); });
}

void Dataflow::EndScans() {
  for (OpNode& node : nodes_) {
    if (node.scan) node.scan->End();
  }
}

bool Dataflow::SinksDrained() const {
  return std::ranges::all_of(nodes_,
                             [](const OpNode& node) { return !node.sink || node.sink->Drained(); });
}

std::optional<uint64_t> Dataflow::RowsRead(const std::string& table) const {
  std::optional<uint64_t> least;
  for (const OpNode& node : nodes_) {
    if (!node.scan || !node.embedded_scan || node.scanned_table != table) continue;
    const auto positions = node.scan->Positions();
    const auto position = positions.find("");
    const TablePosition at =
        position == positions.end() ? TablePosition() : TablePosition::Parse(position->second);
    const uint64_t rows = at.base ? 0 : at.row;  // A base has row numbers of its own.
    least = std::min(least.value_or(rows), rows);
  }
  return least;
}

std::vector<std::pair<std::string, std::map<std::string, SourcePosition>>> Dataflow::Positions()
    const {
  std::vector<std::pair<std::string, std::map<std::string, SourcePosition>>> positions;
  for (const OpNode& node : nodes_) {
    if (node.scan) positions.emplace_back(node.scanned_table, node.scan->Positions());
  }
  return positions;
}

bool Dataflow::writes_embedded() const {
  return std::ranges::any_of(
      nodes_, [](const OpNode& node) { return node.embedded_sink != nullptr; });
}

bool Dataflow::finished() const {
  const OpNode& root = nodes_.back();
  return root.time.finished && !first_step_;
}

std::optional<int64_t> Dataflow::watermark() const {
  const int64_t watermark = nodes_.back().time.watermark;
  if (watermark == kMinWatermark) return std::nullopt;
  return watermark;
}

std::string Dataflow::HeldBackBy() const {
  const OpNode* slowest = nullptr;
  size_t slowest_partition = 0;
  for (const OpNode& node : nodes_) {
    if (!node.tracker || nodes_[node.tracked_scan].scan->ended()) continue;
    const auto partition = node.tracker->Slowest(*nodes_[node.tracked_scan].scan);
    if (!partition || (slowest != nullptr && node.watermark >= slowest->watermark)) continue;
    slowest = &node;
    slowest_partition = *partition;
  }
  if (slowest == nullptr) return {};
  const OpNode& scan = nodes_[slowest->tracked_scan];
  const std::string& partition = scan.scan->partition_name(slowest_partition);
  return partition.empty() ? scan.scanned_table : scan.scanned_table + "/" + partition;
}

std::vector<std::pair<std::string, TransportStatus>> Dataflow::TransportStates() const {
  std::vector<std::pair<std::string, TransportStatus>> states;
  for (const OpNode& node : nodes_) {
    if (node.scan) states.emplace_back(node.scanned_table, node.scan->status());
    if (node.sink) states.emplace_back(node.written_table, node.sink->Status());
  }
  return states;
}

View* Dataflow::rejects(const std::string& table) const {
  for (const auto& [name, view] : rejects_) {
    if (name == table) return view.get();
  }
  return nullptr;
}

void Dataflow::OnReady(std::function<void()> f) {
  for (OpNode& node : nodes_) {
    if (node.scan) node.scan->OnReady(f);
    if (node.sink) node.sink->OnReady(f);
  }
}

uint64_t Dataflow::rows_in() const {
  uint64_t rows = 0;
  for (const OpNode& node : nodes_) rows += node.scan ? node.scan->rows_in() : 0;
  return rows;
}

uint64_t Dataflow::combined_rows() const {
  uint64_t rows = 0;
  for (const OpNode& node : nodes_) {
    for (const Edge& edge : node.outputs) {
      if (edge.exchange) rows += edge.exchange->combined_rows();
    }
  }
  return rows;
}

uint64_t Dataflow::rejected_records() const {
  uint64_t records = 0;
  for (const OpNode& node : nodes_) records += node.scan ? node.scan->rejected() : 0;
  return records;
}

void Dataflow::ReleaseState() {
  for (OpNode& node : nodes_) {
    if (node.name != "Materialize") node.instances.clear();
  }
}

size_t Dataflow::state_bytes() const {
  size_t bytes = 0;
  for (const OpNode& node : nodes_) {
    for (const auto& instance : node.instances) bytes += instance->state_bytes();
  }
  return bytes;
}

size_t Dataflow::state_rows() const {
  size_t rows = 0;
  for (const OpNode& node : nodes_) {
    for (const auto& instance : node.instances) rows += instance->state_rows();
  }
  return rows;
}

}  // namespace millrace
