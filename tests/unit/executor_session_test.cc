#define BOOST_TEST_MODULE executor_session
#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <map>
#include <random>

#include "executor/assign_sessions.h"
#include "executor/session_aggregate.h"
#include "functions/registry.h"
#include "types/row_key.h"
#include "tests/unit/executor_partitions.h"

namespace fs = std::filesystem;
using namespace millrace;

namespace {

constexpr int64_t kMilli = kMicrosPerMilli;

// k BIGINT (the partition, may be NULL), ts TIMESTAMP in milliseconds here, x BIGINT.
struct Row {
  std::optional<int64_t> k;
  int64_t ts = 0;
  int64_t x = 0;
  auto operator<=>(const Row&) const = default;
};
using Rows = std::map<Row, int64_t>;
using Changes = std::vector<std::pair<Row, int64_t>>;
// What is given: of rows (start, end, k, ts, x), of groups (start, end, k, count, sum).
using Given = std::tuple<int64_t, int64_t, std::optional<int64_t>, int64_t, int64_t>;
using Bag = std::map<Given, int64_t>;
using LateBag = std::map<std::pair<std::string, int64_t>, int64_t>;  // Of the row's text, the time.

const Schema kSchema = {
    {"k", TypeId::kBigInt}, {"ts", Type::MakeTimestamp(3)}, {"x", TypeId::kBigInt}};
const Schema kOutput = {{"window_start", Type::MakeTimestamp(3)},
                        {"window_end", Type::MakeTimestamp(3)},
                        {"window_time", Type::MakeTimestamp(3)},
                        {"k", TypeId::kBigInt},
                        {"n", TypeId::kBigInt},
                        {"s", TypeId::kBigInt}};

struct Spec {
  bool aggregate = false;  // SessionAggregate over rows that stay, else AssignSessions.
  bool append_only = true;
  bool partitioned = true;
  bool on_close = false;
  int64_t gap = 5, grace = 0, lateness = 0;  // Milliseconds.
};

std::string TextOf(const Row& row) {
  return (row.k ? std::to_string(*row.k) : "null") + "," + std::to_string(row.ts) + "," +
         std::to_string(row.x);
}

Batch ToBatch(std::span<const std::pair<Row, int64_t>> rows) {
  Batch batch;
  batch.size = rows.size();
  for (const Field& field : kSchema) batch.columns.push_back(MakeColumn(field.type, rows.size()));
  bool plain = true;
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto& [row, weight] = rows[i];
    if (row.k) {
      batch.columns[0].mutable_data<int64_t>()[i] = *row.k;
    } else {
      batch.columns[0].SetNull(i);
    }
    batch.columns[1].mutable_data<int64_t>()[i] = row.ts * kMilli;
    batch.columns[2].mutable_data<int64_t>()[i] = row.x;
    plain &= weight == 1;
  }
  for (const auto& [row, weight] : rows) {
    if (!plain) batch.weights.push_back(weight);
  }
  return batch;
}

void Apply(const Spec& spec, const Batch& batch, Bag* bag) {
  const auto at = [&](size_t column, size_t i) { return batch.columns[column].at<int64_t>(i); };
  const size_t windows = spec.aggregate ? 0 : 3, k = spec.aggregate ? 3 : 0;
  for (size_t i = 0; i < batch.size; ++i) {
    BOOST_REQUIRE(at(windows + 2, i) == at(windows + 1, i) - kMilli);
    std::optional<int64_t> key;
    if (!batch.columns[k].IsNull(i)) key = at(k, i);
    const int64_t a = spec.aggregate ? at(4, i) : at(1, i) / kMilli;
    const int64_t b = spec.aggregate ? at(5, i) : at(2, i);
    const Given given{at(windows, i) / kMilli, at(windows + 1, i) / kMilli, key, a, b};
    if (((*bag)[given] += batch.weight(i)) == 0) bag->erase(given);
  }
}

// The answer from scratch: what is open, and what was given for good.
class Model {
 public:
  explicit Model(const Spec& spec) : spec_(spec) {}

  void Step(const Changes& changes, int64_t before, int64_t watermark) {
    const Rows old = open_;
    for (const auto& [row, weight] : changes) open_[row] += weight;
    for (auto& [row, count] : open_) {
      // Rows that are taken back, but are gone.
      if (count < 0 && CloseTime(row.ts + spec_.gap) <= before) {
        late_[{TextOf(row), row.ts + spec_.gap - 1}] -= count;
      }
    }
    std::erase_if(open_, [](const auto& entry) { return entry.second <= 0; });
    for (const Session& session : Sessions()) {
      if (CloseTime(session.end) > before) continue;
      for (const Row& row : session.rows) {
        if (old.contains(row)) continue;
        late_[{TextOf(row), session.end - 1}] += open_.at(row);
        open_.erase(row);
      }
    }
    shown_ = closed_;
    for (const Session& session : Sessions()) {
      const bool closes = CloseTime(session.end) <= watermark;
      const bool ended = session.end - 1 + spec_.grace <= watermark;
      if (!spec_.on_close || (spec_.aggregate ? ended : closes)) Give(session, &shown_);
      if (!closes) continue;
      Give(session, &closed_);
      for (const Row& row : session.rows) open_.erase(row);
    }
  }

  const Bag& shown() const { return shown_; }
  const LateBag& late() const { return late_; }
  const Rows& open() const { return open_; }

 private:
  struct Session {
    int64_t end;
    std::vector<Row> rows;
  };

  int64_t CloseTime(int64_t end) const { return end - 1 + spec_.grace + spec_.lateness; }

  std::vector<Session> Sessions() const {
    std::map<std::optional<int64_t>, std::vector<Row>> groups;
    for (const auto& [row, count] : open_) {
      groups[spec_.partitioned ? row.k : std::optional<int64_t>(0)].push_back(row);
    }
    std::vector<Session> sessions;
    for (auto& [k, rows] : groups) {
      std::ranges::sort(rows, {}, &Row::ts);
      for (size_t i = 0; i < rows.size(); ++i) {
        if (i == 0 || rows[i].ts - rows[i - 1].ts > spec_.gap) sessions.push_back({});
        sessions.back().rows.push_back(rows[i]);
        sessions.back().end = rows[i].ts + spec_.gap;
      }
    }
    return sessions;
  }

  void Give(const Session& session, Bag* bag) const {
    const int64_t start = session.rows[0].ts;
    int64_t n = 0, sum = 0;
    for (const Row& row : session.rows) {
      const int64_t count = open_.at(row);
      n += count;
      sum += count * row.x;
      if (!spec_.aggregate) (*bag)[{start, session.end, row.k, row.ts, row.x}] += count;
    }
    if (spec_.aggregate) (*bag)[{start, session.end, session.rows[0].k, n, sum}] += 1;
  }

  Spec spec_;
  Rows open_;
  Bag closed_, shown_;
  LateBag late_;
};

AggregateCall Call(const char* name, std::optional<size_t> argument) {
  std::vector<Type> types;
  if (argument) types.push_back(kSchema[*argument].type);
  AggregateCall call;
  call.function = BuiltinFunctions().ResolveAggregate(name, types, false);
  call.argument = argument;
  return call;
}

// Operators of several partitions with the store they are restored from.
class Harness {
 public:
  Harness(const Spec& spec, Store* store, OperatorId id, size_t partitions)
      : spec_(spec),
        id_(id),
        operators_(
            store, id, [this](PartitionContext* context) { return MakeOperator(context); },
            partitions) {}

  void Push(const Batch& batch, int64_t before) {
    operators_.Push(0, batch, Keys(), {Micros(before), kMinWatermark, false},
                    [](Batch) { BOOST_ERROR("emits early"); });
  }

  void Step(int64_t before, int64_t watermark, Bag* output, LateBag* late) {
    for (size_t p = 0; p < operators_.size(); ++p) {
      Bag net;
      size_t emitted = 0;
      operators_.at(p).OnStep({Micros(before), Micros(watermark), false}, [&](Batch batch) {
        if (spec_.on_close && spec_.lateness == 0) BOOST_REQUIRE(batch.append_only());
        Apply(spec_, batch, output);
        Apply(spec_, batch, &net);
        emitted += batch.size;
      });
      // A row is not taken back and given again for nothing.
      if (spec_.aggregate) BOOST_REQUIRE_EQUAL(emitted, net.size());
      for (const RejectedRow& row : operators_.context(p).late) {
        const int64_t time = row.event_time / kMilli;
        (*late)[{TextOf(Parse(row.row)), time}] += row.weight;
      }
      operators_.context(p).late.clear();
    }
    if (operators_.copying()) operators_.CopySome();
  }

  void BeginCheckpoint() { operators_.BeginCheckpoint(); }
  bool copying() const { return operators_.copying(); }
  void Seal() { operators_.Seal(); }
  void Restart(size_t partitions) { operators_.Restart(partitions); }
  size_t state_rows() const { return operators_.state_rows(); }

 private:
  static int64_t Micros(int64_t millis) { return millis < -1000 ? kMinWatermark : millis * kMilli; }
  std::vector<size_t> Keys() const {
    return spec_.partitioned ? std::vector<size_t>{0} : std::vector<size_t>{};
  }
  // {"k":1,"ts":"1970-01-01 00:00:00.012","x":3}
  static Row Parse(const std::string& json) {
    Row row;
    const auto number = [&](const char* name) {
      const std::string key = std::string("\"") + name + "\":";
      return json.substr(json.find(key) + key.size());
    };
    if (!number("k").starts_with("null")) row.k = std::stoll(number("k"));
    row.x = std::stoll(number("x"));
    const std::string time = number("ts");
    const size_t dot = time.find('.');
    const size_t second = time.find(':', time.find(':') + 1) + 1;
    row.ts = std::stoll(time.substr(second)) * 1000 + std::stoll(time.substr(dot + 1));
    return row;
  }

  std::unique_ptr<Operator> MakeOperator(PartitionContext* context) const {
    if (spec_.aggregate) {
      SessionAggregateOptions options;
      options.plan.keys = Keys();
      options.plan.calls = {Call("count", {}), Call("sum", 2)};
      options.plan.time_column = 1;
      options.plan.gap = spec_.gap * kMilli;
      options.plan.emit_on_close = spec_.on_close;
      options.plan.grace = spec_.grace * kMilli;
      options.plan.allowed_lateness = spec_.lateness * kMilli;
      options.plan.decides_late = true;
      options.input = kSchema;
      options.output = kOutput;
      if (!spec_.partitioned) options.output.erase(options.output.begin() + 3);
      options.tracked = true;
      options.id = id_;
      return std::make_unique<SessionAggregateOperator>(std::move(options), context);
    }
    AssignSessionsOptions options;
    options.plan.kind = AssignWindows::Kind::kSession;
    options.plan.partition = Keys();
    options.plan.time_column = 1;
    options.plan.size = spec_.gap * kMilli;
    options.plan.emit_on_close = spec_.on_close;
    options.plan.late_after = (spec_.grace + spec_.lateness) * kMilli;
    options.plan.decides_late = true;
    options.input = kSchema;
    options.tracked = true;
    options.id = id_;
    return std::make_unique<AssignSessionsOperator>(std::move(options), context);
  }

  Spec spec_;
  OperatorId id_;
  OperatorPartitions operators_;
};

class RandomRun {
 public:
  explicit RandomRun(unsigned seed) : seed_(seed), random_(seed), state_{Model(MakeSpec())} {
    disorder_ = Pick(3) == 0 ? 200 : 25;
    speed_ = 1 + Pick(30);
  }

  void Run(Store* store) {
    Harness harness(spec_, store, seed_, 1 + Pick(3));
    for (int step = 0; step < 40; ++step) {
      // A checkpoint is of the state between two steps.
      if (Pick(3) == 0 && !harness.copying()) {
        sealed_ = state_;
        harness.BeginCheckpoint();
      }
      OneStep(harness);
      BOOST_REQUIRE(state_.output == state_.model.shown());
      BOOST_REQUIRE(state_.late == state_.model.late());
      if (!spec_.aggregate) BOOST_REQUIRE_EQUAL(harness.state_rows(), state_.model.open().size());
      if (Pick(6) == 0 && sealed_) {
        harness.Seal();
        harness.Restart(1 + Pick(3));
        state_ = *sealed_;
      }
    }
  }

 private:
  static constexpr int64_t kNone = -10'000;
  struct State {
    Model model;
    Bag output;
    LateBag late;
    Rows all;  // That were inserted and not taken back.
    int64_t now = 1000, watermark = kNone;
  };

  size_t Pick(size_t n) { return random_() % n; }

  Spec MakeSpec() {
    spec_.aggregate = Pick(2) == 0;
    spec_.append_only = spec_.aggregate || Pick(3) == 0;
    spec_.partitioned = spec_.aggregate ? true : Pick(4) != 0;
    spec_.on_close = Pick(2) == 0;
    spec_.gap = 1 + static_cast<int64_t>(Pick(12));
    if (Pick(3) == 0) spec_.grace = static_cast<int64_t>(Pick(20));
    // What gives rows once is told so by the plan only where nothing changes them later.
    if (Pick(3) == 0 && (spec_.aggregate || !spec_.on_close)) {
      spec_.lateness = static_cast<int64_t>(Pick(30));
    }
    return spec_;
  }

  Row MakeRow() {
    Row row;
    if (Pick(8) != 0) row.k = static_cast<int64_t>(Pick(3));
    row.ts = state_.now - static_cast<int64_t>(Pick(disorder_));
    row.x = static_cast<int64_t>(Pick(3));
    return row;
  }

  void OneStep(Harness& harness) {
    Changes changes;
    state_.now += static_cast<int64_t>(Pick(speed_));
    for (size_t n = Pick(Pick(5) == 0 ? 40 : 6); n > 0; --n) {
      if (!spec_.append_only && Pick(3) == 0 && !state_.all.empty()) {
        const Row row =
            std::next(state_.all.begin(), static_cast<ptrdiff_t>(Pick(state_.all.size())))->first;
        changes.push_back({row, -1});
        if (--state_.all[row] == 0) state_.all.erase(row);
      } else {
        changes.push_back({MakeRow(), 1});
        ++state_.all[changes.back().first];
      }
    }
    // In any order: a -1 may come before its +1.
    std::ranges::shuffle(changes, random_);
    const int64_t before = state_.watermark;
    for (size_t at = 0; at < changes.size();) {
      const size_t count = std::min(changes.size() - at, 1 + Pick(20));
      harness.Push(ToBatch(std::span(changes).subspan(at, count)), before);
      at += count;
    }
    const int64_t lag = static_cast<int64_t>(Pick(30));
    if (Pick(3) != 0) state_.watermark = std::max(state_.watermark, state_.now - lag);
    state_.model.Step(changes, before, state_.watermark);
    harness.Step(before, state_.watermark, &state_.output, &state_.late);
  }

  unsigned seed_;
  std::mt19937 random_;
  Spec spec_;
  State state_;
  size_t disorder_ = 25, speed_ = 10;
  std::optional<State> sealed_;
};

}  // namespace

BOOST_AUTO_TEST_CASE(agrees_with_brute_force) {
  const char* only = std::getenv("MILLRACE_SEED");
  const unsigned first = only ? static_cast<unsigned>(std::atoi(only)) : 1;
  const char* count = std::getenv("MILLRACE_SEEDS");
  const unsigned seeds = count ? static_cast<unsigned>(std::atoi(count)) : only ? 1 : 500;
  const fs::path directory =
      fs::temp_directory_path() / ("executor_session_test." + std::to_string(getpid()));
  auto store = std::make_unique<Store>(directory.string(), StoreOptions{.sync = false});
  for (unsigned seed = first; seed < first + seeds; ++seed) {
    BOOST_TEST_CONTEXT("MILLRACE_SEED=" << seed) { RandomRun(seed).Run(store.get()); }
  }
  store.reset();
  fs::remove_all(directory);
}
