// Joins of windows against all pairs of every window: random rows in random steps and batches, with
// checkpoints and restores in between.
#define BOOST_TEST_MODULE executor_window_join
#include "executor/join.h"

#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <map>
#include <random>

#include "planner/join.h"
#include "tests/unit/executor_partitions.h"
#include "tests/unit/executor_timed_rows.h"
#include "types/row_key.h"

namespace fs = std::filesystem;
using namespace millrace;

namespace {

struct Case {
  JoinKind kind = JoinKind::kInner;
  bool appends = true;    // Else rows go as well.
  bool residual = false;  // left.v < right.v

  bool pairs() const { return !IsHalf(kind); }
};

struct World {
  std::map<std::string, Row> rows[2];  // By text.
  Counts out, late;
  int64_t watermark = kMinWatermark;
};

// What is shown of all rows that came in time.
Counts Compute(const Case& c, const World& world) {
  Counts out;
  std::map<std::string, bool> matched[2];
  for (const auto& [l, left] : world.rows[0]) {
    for (const auto& [r, right] : world.rows[1]) {
      if (!left.key || left.key != right.key || left.time != right.time) continue;
      if (c.residual && !(left.value && right.value && *left.value < *right.value)) continue;
      matched[0][l] = matched[1][r] = true;
      if (c.pairs()) AddTo(&out, left.Text() + right.Text(), left.weight * right.weight);
    }
  }
  for (size_t s = 0; s < 2; ++s) {
    const bool alone = s == 0 ? KeepsLeft(c.kind) || c.kind == JoinKind::kAnti : KeepsRight(c.kind);
    for (const auto& [text, row] : world.rows[s]) {
      const bool closed = !c.appends || !row.key || *row.time - kMicrosPerMilli <= world.watermark;
      const bool shown = matched[s][text] ? s == 0 && c.kind == JoinKind::kSemi : alone && closed;
      if (!shown) continue;
      const std::string nulls = c.pairs() ? kNulls : "";
      AddTo(&out, s == 0 ? row.Text() + nulls : nulls + row.Text(), row.weight);
    }
  }
  return out;
}

class Harness {
 public:
  Harness(const Case& c, uint32_t number, Store* store)
      : case_(c),
        number_(number),
        operators_(
            store, number,
            [this](PartitionContext* context) {
              return std::make_unique<JoinOperator>(Options(), context);
            },
            1) {}

  void Restart(size_t partitions) { operators_.Restart(partitions); }
  void Checkpoint(std::mt19937* random) { operators_.Checkpoint(random); }
  size_t state_rows() const { return operators_.state_rows(); }

  void Feed(size_t port, const std::vector<Row>& rows, World* world) {
    operators_.Push(port, BatchOf(rows), std::vector<size_t>{0}, time_,
                    [&](const Batch& batch) { Collect(batch, world); });
  }

  void EndStep(int64_t watermark, World* world) {
    time_.watermark = watermark;
    for (size_t p = 0; p < operators_.size(); ++p) {
      operators_.at(p).OnStep(time_, [&](const Batch& batch) { Collect(batch, world); });
      for (const RejectedRow& e : operators_.context(p).late) {
        const size_t text = e.row.rfind("\"s\":\"") + 5;
        AddTo(&world->late, e.row.substr(text, e.row.size() - text - 2), e.weight);
      }
      operators_.context(p).late.clear();
    }
    time_.before = watermark;
  }

 private:
  JoinOptions Options() const {
    JoinOptions options;
    options.plan.kind = case_.kind;
    options.plan.left_keys = options.plan.right_keys = {kTime, 0};
    options.plan.null_equal = {false, false};
    options.plan.window_end = 0;
    options.plan.left_decides_late = options.plan.right_decides_late = true;
    if (case_.residual) {
      const ExprPtr left = MakeColumnExpr(kValue, Type(TypeId::kBigInt));
      const ExprPtr right = MakeColumnExpr(kColumns + kValue, Type(TypeId::kBigInt));
      options.plan.residual = MakeCall("<", {left, right}, "UTC", {});
    }
    options.left = options.right = {SideSchema(), case_.appends, false};
    options.append_only = case_.appends;
    options.tracked = true;
    options.id = number_ << 16;
    return options;
  }
  void Collect(const Batch& batch, World* world) const {
    Schema schema = SideSchema();
    if (case_.pairs()) {
      const Schema right = SideSchema();
      schema.insert(schema.end(), right.begin(), right.end());
    }
    BOOST_REQUIRE(batch.columns.size() == schema.size());
    for (size_t i = 0; i < batch.size; ++i) {
      if (case_.appends) BOOST_TEST(batch.weight(i) > 0);
      AddTo(&world->out, TextOf(batch, schema, i), batch.weight(i));
    }
  }

  Case case_;
  uint32_t number_;
  OperatorPartitions operators_;
  StepTime time_;
};

struct Stored {
  ~Stored() { fs::remove_all(directory); }
  fs::path directory =
      fs::temp_directory_path() / ("executor_window_join_test." + std::to_string(getpid()));
  Store store{directory.string(), {.sync = false}};
};

// The rows that come and go in a step; late ones are counted.
std::vector<Row> RandomRows(const Case& c, size_t side, int64_t now, size_t* number,
                            std::mt19937* random, World* world, Counts* late) {
  const auto draw = [&](int64_t below) {
    return static_cast<int64_t>((*random)() % static_cast<uint32_t>(below));
  };
  std::map<std::string, Row>& rows = world->rows[side];
  std::vector<Row> changes;
  for (int64_t n = draw(8); n > 0; --n) {
    if (!c.appends && !rows.empty() && draw(3) == 0) {
      const auto gone = std::next(rows.begin(), draw(static_cast<int64_t>(rows.size())));
      if (*gone->second.time - kMicrosPerMilli <= world->watermark) continue;
      changes.push_back(gone->second);
      changes.back().weight = -gone->second.weight;
      rows.erase(gone);
      continue;
    }
    Row row;
    if (draw(8) != 0) row.key = draw(3);
    if (draw(8) != 0) row.value = draw(4);
    row.time = 10'000 * ((now + draw(40) - 25) / 10);
    row.text = std::to_string((*number)++) + std::string(static_cast<size_t>(draw(30)), 'x');
    row.weight = draw(8) == 0 ? 2 : 1;
    changes.push_back(row);
    if (*row.time - kMicrosPerMilli <= world->watermark) {
      AddTo(late, row.text, row.weight);
    } else {
      rows[row.text] = row;
    }
  }
  std::ranges::shuffle(changes, *random);
  return changes;
}

void Run(const Case& c, uint32_t seed, Store* store) {
  std::mt19937 random(seed);
  const auto draw = [&](size_t below) { return random() % below; };
  Harness harness(c, seed, store);
  World world;
  Counts late;
  int64_t now = 100;
  size_t number = 0;
  for (size_t step = 0; step < 40; ++step) {
    std::vector<Row> changes[2];
    for (size_t s = 0; s < 2; ++s) {
      changes[s] = RandomRows(c, s, now, &number, &random, &world, &late);
    }
    while (!changes[0].empty() || !changes[1].empty()) {
      const size_t s = changes[0].empty() || (!changes[1].empty() && draw(2) == 0);
      const size_t n = std::min<size_t>(1 + draw(4), changes[s].size());
      const auto end = changes[s].begin() + static_cast<ptrdiff_t>(n);
      harness.Feed(s, {changes[s].begin(), end}, &world);
      changes[s].erase(changes[s].begin(), end);
    }
    now += static_cast<int64_t>(draw(8));
    world.watermark = step == 39 ? kMaxWatermark : 1000 * (now - 10);
    harness.EndStep(world.watermark, &world);
    BOOST_TEST_CONTEXT("seed " << seed << " step " << step) {
      BOOST_REQUIRE(world.out == Compute(c, world));
      BOOST_REQUIRE(world.late == late);
    }
    if (draw(4) == 0) {
      harness.Checkpoint(&random);
      if (draw(2) == 0) harness.Restart(1 + draw(3));
    }
  }
  BOOST_TEST(harness.state_rows() == 0);
}

void RunAll(bool appends, bool residual, uint32_t seed) {
  Stored stored;
  for (JoinKind kind : {JoinKind::kInner, JoinKind::kLeft, JoinKind::kRight, JoinKind::kFull,
                        JoinKind::kSemi, JoinKind::kAnti}) {
    for (size_t n = 0; n < 8; ++n) Run({kind, appends, residual}, seed++, &stored.store);
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(rows_come) { RunAll(true, false, 1); }
BOOST_AUTO_TEST_CASE(rows_come_with_residual) { RunAll(true, true, 1000); }
BOOST_AUTO_TEST_CASE(rows_come_and_go) { RunAll(false, false, 2000); }
BOOST_AUTO_TEST_CASE(rows_come_and_go_with_residual) { RunAll(false, true, 3000); }
