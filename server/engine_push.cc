// Push queries: a dataflow of its own in the thread of the request, over tables and over views of
// running jobs, which it follows. Nothing of it outlives the request.
#include <algorithm>
#include <deque>

#include "executor/consolidate.h"
#include "server/engine_state.h"
#include "state/group_table.h"

namespace millrace {
namespace {

constexpr size_t kFeedRows = 100'000;  // Of changes that the client has not taken yet.
constexpr size_t kChunkRows = 65'536;  // Of a snapshot, where it may come in parts.
constexpr int64_t kTickMicros = 1'000'000;
constexpr auto kWait = std::chrono::milliseconds(100);

std::optional<uint64_t> LiteralCount(const ast::ExprPtr& expr) {
  if (!expr) return std::nullopt;
  auto* literal = std::get_if<ast::Literal>(&expr->node);
  if (!literal || literal->kind != ast::LiteralKind::kInteger) {
    throw Error(ErrorCode::kUnsupportedFeature, "LIMIT takes an integer literal", expr->range);
  }
  return std::stoull(literal->text);
}

// A view of a running job, and what stands for it in the query's dataflow: a view without rows that
// is given the changes of a step at a time.
struct FollowedView {
  View* source = nullptr;  // Only while the engine is held.
  Pipeline* pipeline = nullptr;
  std::unique_ptr<View> stand_in;
  std::shared_ptr<ViewFeed> feed;
  std::vector<ViewSnapshot> snapshot;
  int64_t watermark = kMinWatermark;
};

// The sum of a step's changes. A row that replaces another of its key follows it.
Batch NetOf(std::vector<Batch> batches, const std::vector<size_t>& key) {
  const Batch all = batches.size() == 1 ? std::move(batches[0]) : Concat(batches);
  if (all.append_only()) return all;
  Batch net = Consolidate(all);
  if (key.empty() || net.append_only()) return net;
  const RowKeys keys(net, key);
  GroupTable replaced(sizeof(uint32_t), false);  // The number, from 1 on, of the row that comes.
  std::vector<char*> places(net.size);
  replaced.FindOrInsert(keys, places, [](char*, size_t) {});
  const auto come_of = [&](size_t i) -> uint32_t& {
    return *reinterpret_cast<uint32_t*>(places[i] + GroupTable::kPayload);
  };
  for (uint32_t i = 0; i < net.size; ++i) {
    if (net.weight(i) > 0) come_of(i) = i + 1;
  }
  std::vector<uint32_t> order;
  std::vector<uint8_t> given(net.size);
  for (uint32_t i = 0; i < net.size; ++i) {
    if (net.weight(i) > 0) continue;
    order.push_back(i);
    if (const uint32_t come = come_of(i); come > 0 && !given[come - 1]) {
      order.push_back(come - 1);
      given[come - 1] = 1;
    }
  }
  for (uint32_t i = 0; i < net.size; ++i) {
    if (net.weight(i) > 0 && !given[i]) order.push_back(i);
  }
  return net.Take(order);
}

// Counts a subscription for as long as it lives.
class Subscription {
 public:
  Subscription(std::atomic<size_t>* count, size_t most) : count_(count) {
    if (count_->fetch_add(1) < most) return;
    --*count_;
    throw Error(ErrorCode::kTooManySubscriptions,
                "there are " + std::to_string(most) + " subscriptions already", {},
                "end one, or try again later");
  }
  ~Subscription() { --*count_; }
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

 private:
  std::atomic<size_t>* const count_;
};

// Whether the query keeps nothing from step to step, so that it can go on from any of its only
// view's.
bool IsStateless(const Node& root) {
  size_t views = 0, others = 0;
  ForEachNode(root, [&](const Node& node) {
    views += std::holds_alternative<ScanView>(node.op);
    others += !std::holds_alternative<ScanView>(node.op) &&
              !std::holds_alternative<Project>(node.op) && !std::holds_alternative<Filter>(node.op);
  });
  return views == 1 && others == 0;
}

class PushQuery {
 public:
  PushQuery(const Plan& plan, DataflowOptions options, DataflowEnvironment environment,
            std::map<std::string, FollowedView> views, std::vector<size_t> key)
      : views_(std::move(views)), key_(std::move(key)), stateless_(IsStateless(*plan.root)) {
    environment.find_view = [this](const std::string& name) {
      return views_.at(name).stand_in.get();
    };
    environment.collect = [this](Batch batch) {
      rows_.push_back(std::move(batch));
      return true;
    };
    flow_ = std::make_unique<Dataflow>(plan, std::move(options), std::move(environment));
    flow_->OnReady([input = input_] { input->Set(); });
  }

  // While the engine is held. Throws kBadRequest, kCursorExpired.
  void Follow(std::optional<uint64_t> from);

  // The next changes, net; nothing when there are none now. The first are the rows that are there.
  std::optional<std::vector<Batch>> Next();
  bool at_snapshot() const { return !begun_; }
  // Between two Next(): whether the last one ended a step.
  bool whole() const { return whole_; }
  void Wait() { input_->WaitFor(kWait); }
  bool finished() const { return views_.empty() && flow_->finished(); }
  bool IsCut() const;
  void CheckViews() const;  // Throws kConflict when one is gone.
  PushPoint Point() const;

 private:
  std::vector<Batch> Step();
  bool TakeFed();
  bool BufferSnapshot();

  std::map<std::string, FollowedView> views_;
  std::vector<FollowedView*> numbered_;  // By the feeds' numbers.
  const std::vector<size_t> key_;
  const bool stateless_;
  std::shared_ptr<Signal> input_ = std::make_shared<Signal>();
  std::unique_ptr<Dataflow> flow_;
  std::vector<Batch> rows_;          // Of the running step.
  std::vector<Batch> snapshot_;      // What is left of it, if it comes in parts.
  std::deque<FeedStep> missed_;      // Since the cursor.
  bool begun_ = false, whole_ = true;
  uint64_t steps_ = 0;
  std::optional<uint64_t> cursor_;
  WorkerPool alone_{1};
};

void PushQuery::Follow(std::optional<uint64_t> from) {
  if (from && !stateless_) {
    throw Error(ErrorCode::kBadRequest, "only a query that filters one view goes on from a cursor");
  }
  std::map<Pipeline*, std::vector<FollowedView*>> by_pipeline;
  for (auto& [name, view] : views_) by_pipeline[view.pipeline].push_back(&view);
  for (auto& [pipeline, views] : by_pipeline) {
    const auto feed =
        std::make_shared<ViewFeed>(kFeedRows, [input = input_] { input->Set(); });
    pipeline->Between([&, &followed = views] {
      for (FollowedView* view : followed) {
        if (from) {
          auto steps = view->source->Since(*from);
          if (!steps) {
            throw Error(ErrorCode::kCursorExpired, "the changes since the cursor are not kept", {},
                        "begin again with a snapshot");
          }
          missed_.assign(steps->begin(), steps->end());
        } else {
          view->snapshot = view->source->Snapshot();
        }
        view->watermark = view->source->published_watermark();
        view->feed = feed;
        view->source->Follow(feed, numbered_.size());
        numbered_.push_back(view);
        if (stateless_) cursor_ = from.value_or(view->source->published_step());
      }
    });
  }
  begun_ = from.has_value();
  for (auto& [name, view] : views_) view.source = nullptr;
}

std::vector<Batch> PushQuery::Step() {
  flow_->Step(&alone_, NowMicros());
  flow_->TakeCut();
  flow_->WriteSinks(++steps_);
  flow_->PublishViews(&alone_);
  for (auto& [name, view] : views_) view.stand_in->Discard();
  std::vector<Batch> rows = std::exchange(rows_, {});
  std::erase_if(rows, [](const Batch& batch) { return batch.size == 0; });
  if (rows.empty()) return rows;
  std::vector<Batch> net;
  net.push_back(NetOf(std::move(rows), key_));
  return net;
}

// Into the views' stand-ins; whether more of it is to come. Only what is stateless takes parts.
bool PushQuery::BufferSnapshot() {
  if (snapshot_.empty() && steps_ == 0) {
    for (auto& [name, view] : views_) {
      view.stand_in->set_watermark(view.watermark);
      const auto keep = [&](Batch batch) {
        stateless_ ? snapshot_.push_back(std::move(batch))
                   : view.stand_in->Buffer(0, std::move(batch));
      };
      for (const ViewSnapshot& part : std::exchange(view.snapshot, {})) part.ForEach(keep);
    }
    std::ranges::reverse(snapshot_);
  }
  for (size_t rows = 0; rows < kChunkRows && !snapshot_.empty(); snapshot_.pop_back()) {
    rows += snapshot_.back().size;
    views_.begin()->second.stand_in->Buffer(0, std::move(snapshot_.back()));
  }
  return !snapshot_.empty();
}

// The next step of a pipeline into the stand-ins; false when there is none.
bool PushQuery::TakeFed() {
  std::optional<FeedStep> step;
  if (!missed_.empty()) {
    step = std::move(missed_.front());
    missed_.pop_front();
  }
  for (size_t i = 0; i < numbered_.size() && !step; ++i) step = numbered_[i]->feed->Take();
  if (!step) return false;
  for (FeedStep::Change& change : step->changes) {
    View& stand_in = *numbered_[change.view]->stand_in;
    for (Batch& batch : change.rows) stand_in.Buffer(0, std::move(batch));
    stand_in.set_watermark(change.watermark);
    numbered_[change.view]->watermark = change.watermark;
  }
  if (cursor_) cursor_ = step->number;
  return true;
}

std::optional<std::vector<Batch>> PushQuery::Next() {
  if (!begun_) {
    whole_ = !BufferSnapshot();
    if (!views_.empty()) {
      begun_ = whole_;
      flow_->Poll(NowMicros());
      return Step();
    }
    begun_ = true;
  }
  const bool fed = TakeFed();
  const bool polled = flow_->Poll(NowMicros()) > 0;
  if (!fed && !polled && !flow_->NeedsStep(NowMicros())) return std::nullopt;
  return Step();
}

bool PushQuery::IsCut() const {
  return std::ranges::any_of(
      views_, [](const auto& view) { return view.second.feed->state() == ViewFeed::State::kCut; });
}

void PushQuery::CheckViews() const {
  for (const auto& [name, view] : views_) {
    if (view.feed->state() != ViewFeed::State::kGone) continue;
    throw Error(ErrorCode::kConflict, "view " + name + " was dropped, replaced or restarted", {},
                "subscribe again");
  }
}

PushPoint PushQuery::Point() const {
  PushPoint point;
  point.cursor = cursor_;
  for (const auto& [name, view] : views_) {
    if (view.watermark == kMinWatermark || view.watermark == kMaxWatermark) continue;
    point.watermark = std::min(point.watermark.value_or(view.watermark), view.watermark);
  }
  return point;
}

}  // namespace

void Engine::State::RunPush(ast::Query& query, const Run& run, StatementResult* result) {
  std::unique_lock lock(mutex);
  const ExecuteRequest& request = *run.request;
  const std::optional<uint64_t> limit = LiteralCount(query.limit);
  query.limit = nullptr;
  const bool ends =
      limit || request.max_rows != SIZE_MAX || request.timeout_micros > 0 || request.on_rows;
  if (!ends) {
    throw Error(ErrorCode::kStreamingResult, "the result has no end", query.range,
                "add LIMIT, or set max_rows or timeout, or ask for application/x-ndjson");
  }
  const Subscription subscription(&subscriptions, options.max_subscriptions);
  Plan plan = PlanQuery(query, QueryMode::kContinuous, ContextOf(run));
  const Properties& properties = plan.root->properties;
  result->schema = plan.schema;
  result->notices = std::move(plan.notices);
  result->changelog_mode = properties.append_only ? "append" : "retract";
  if (!properties.append_only && properties.has_key) result->primary_key = properties.key;
  uint64_t left = std::min<uint64_t>(limit.value_or(UINT64_MAX), request.max_rows);
  std::map<std::string, FollowedView> views;
  ForEachNode(*plan.root, [&](const Node& node) {
    const auto* scan = std::get_if<ScanView>(&node.op);
    if (scan == nullptr || views.contains(scan->view->name)) return;
    const JobRecord& record = *FindViewJob(scan->view->name);
    FollowedView& view = views[scan->view->name];
    view.source = record.flow->view();
    view.pipeline = &PipelineOf(record);
    ViewSpec spec;
    spec.schema = view.source->spec().schema;
    spec.kind = ViewSpec::Kind::kAppend;
    view.stand_in = std::make_unique<View>(scan->view->name, std::move(spec), 1, false);
  });
  DataflowOptions flow_options;
  flow_options.name = "query";
  flow_options.batch_rows = options.batch_rows;
  flow_options.step_rows = options.step_rows;
  flow_options.zone = run.session->zone();
  flow_options.base_directory = options.base_directory;
  const bool follows = !views.empty();
  PushQuery push(plan, std::move(flow_options), Environment(TableRead::kFollow), std::move(views),
                 result->primary_key);
  push.Follow(request.from);
  lock.unlock();
  const int64_t deadline =
      request.timeout_micros > 0 ? NowMicros() + request.timeout_micros : kMaxWatermark;
  int64_t next_tick = 0;
  const auto tell = [&](PushPoint point) {
    next_tick = NowMicros() + kTickMicros;
    if (request.on_point && !request.on_point(*result, point)) left = 0;
  };
  while (left > 0 && !push.finished() && !shutting_down) {
    if (NowMicros() >= deadline) {
      result->end_reason = "timeout";
      break;
    }
    const bool snapshot = follows && push.at_snapshot();
    const auto rows = push.Next();
    for (size_t i = 0; rows && i < rows->size() && (!snapshot || request.snapshot); ++i) {
      if (!Deliver((*rows)[i], run, result, &left)) result->end_reason = "limit";
    }
    if (left == 0) break;
    if (rows) {
      PushPoint point = push.Point();
      point.snapshot_end = snapshot && push.whole() && request.snapshot;
      if (push.whole()) tell(point);
      continue;
    }
    if (push.IsCut()) {
      result->end_reason = "slow_consumer";
      break;
    }
    push.CheckViews();
    push.Wait();
    if (NowMicros() >= next_tick) tell(push.Point());
  }
}

}  // namespace millrace
