// The interval join against pairs counted one by one: random rows out of order, in random steps and
// batches, with checkpoints and restores in between.
#define BOOST_TEST_MODULE executor_interval_join
#include "executor/interval_join.h"

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
  int64_t lower = 0, upper = 0;
  size_t keys = 1;
  bool residual = false;  // left.v / right.v = 1, which fails where right.v is 0.
  bool decides_late = true;

  bool pairs() const { return !IsHalf(kind); }
};

// What is emitted, late and failed in every step, from all rows and watermarks.
class Oracle {
 public:
  struct Step {
    Counts out, late;
    int64_t errors = 0;
  };

  explicit Oracle(const Case& c) : case_(c) {}

  // `watermark`: that at the end of the step.
  Step Run(const std::vector<Row> (&arrived)[2], int64_t watermark) {
    Step step;
    const size_t begin[2] = {rows_[0].size(), rows_[1].size()};
    for (size_t s = 0; s < 2; ++s) {
      for (const Row& row : arrived[s]) Arrive(s, row, &step);
    }
    for (size_t l = 0; l < rows_[0].size(); ++l) {
      for (size_t r = 0; r < rows_[1].size(); ++r) {
        if (l >= begin[0] || r >= begin[1]) Meet(&rows_[0][l], &rows_[1][r], &step);
      }
    }
    for (size_t s = 0; s < 2; ++s) {
      for (Stored& stored : rows_[s]) {
        if (stored.gone || stored.last > watermark) continue;
        stored.gone = true;
        if (!stored.matched) Alone(s, stored, &step);
      }
    }
    before_ = watermark;
    return step;
  }

 private:
  struct Stored {
    Row row;
    int64_t last;
    bool matched = false, gone = false;
  };

  bool Shown(size_t s) const {
    return s == 0 ? KeepsLeft(case_.kind) || case_.kind == JoinKind::kAnti : KeepsRight(case_.kind);
  }
  void Emit(size_t s, const Row& row, Step* step) const {
    const std::string left = s == 0 ? row.Text() : kNulls, right = s == 0 ? kNulls : row.Text();
    AddTo(&step->out, case_.pairs() ? left + right : left, row.weight);
  }
  void Arrive(size_t s, const Row& row, Step* step) {
    if ((case_.keys > 0 && !row.key) || !row.time) {
      if (Shown(s)) Emit(s, row, step);
      return;
    }
    rows_[s].push_back({row, *row.time + (s == 0 ? case_.upper : -case_.lower)});
  }
  void Meet(Stored* l, Stored* r, Step* step) {
    if (l->gone || r->gone || (case_.keys > 0 && l->row.key != r->row.key)) return;
    const int64_t apart = *r->row.time - *l->row.time;
    if (apart < case_.lower || apart > case_.upper) return;
    if (case_.residual) {
      // A row that needs no further partner is not tested against others.
      if (!case_.pairs() && l->matched) uncertain_errors_ = true;
      if (!l->row.value || !r->row.value) return;
      if (*r->row.value == 0) {
        step->errors += l->row.weight * r->row.weight;
        return;
      }
      if (*l->row.value / *r->row.value != 1) return;
    }
    if (case_.pairs()) {
      AddTo(&step->out, l->row.Text() + r->row.Text(), l->row.weight * r->row.weight);
    } else if (case_.kind == JoinKind::kSemi && !l->matched) {
      Emit(0, l->row, step);
    }
    l->matched = r->matched = true;
  }
  void Alone(size_t s, const Stored& stored, Step* step) const {
    const bool late = std::max(*stored.row.time, stored.last) <= before_;
    if (case_.decides_late && late) {
      AddTo(&step->late, stored.row.text, stored.row.weight);
    } else if (Shown(s)) {
      Emit(s, stored.row, step);
    }
  }

  Case case_;
  std::vector<Stored> rows_[2];
  int64_t before_ = kMinWatermark;

 public:
  bool uncertain_errors_ = false;
};

class Harness {
 public:
  Harness(const Case& c, uint32_t number, Store* store)
      : case_(c),
        number_(number),
        operators_(
            store, number,
            [this](PartitionContext* context) {
              return std::make_unique<IntervalJoinOperator>(Options(), context);
            },
            1) {}

  void Restart(size_t partitions) { operators_.Restart(partitions); }
  void Checkpoint(std::mt19937* random) { operators_.Checkpoint(random); }
  size_t state_rows() const { return operators_.state_rows(); }

  void Feed(size_t port, const std::vector<Row>& rows, Oracle::Step* step) {
    operators_.Push(port, BatchOf(rows), std::vector<size_t>(case_.keys, 0), time_,
                    [&](const Batch& batch) { Collect(batch, step); });
  }

  void EndStep(int64_t watermark, Oracle::Step* step) {
    time_.watermark = watermark;
    for (size_t p = 0; p < operators_.size(); ++p) {
      operators_.at(p).OnStep(time_, [&](const Batch& batch) { Collect(batch, step); });
      for (const RejectedRow& e : operators_.context(p).errors) step->errors += e.weight;
      for (const RejectedRow& e : operators_.context(p).late) {
        const size_t text = e.row.rfind("\"s\":\"") + 5;
        AddTo(&step->late, e.row.substr(text, e.row.size() - text - 2), e.weight);
        BOOST_TEST(e.watermark == time_.before);
        BOOST_TEST(e.event_time <= time_.before);
      }
      operators_.context(p).errors.clear();
      operators_.context(p).late.clear();
    }
    time_.before = watermark;
  }

 private:
  IntervalJoinOptions Options() const {
    IntervalJoinOptions options;
    options.plan.join.kind = case_.kind;
    options.plan.join.left_keys = options.plan.join.right_keys = std::vector<size_t>(case_.keys, 0);
    options.plan.join.null_equal.assign(case_.keys, false);
    options.plan.join.left_decides_late = options.plan.join.right_decides_late = case_.decides_late;
    options.plan.left_time = options.plan.right_time = kTime;
    options.plan.lower = case_.lower;
    options.plan.upper = case_.upper;
    if (case_.residual) {
      const ExprPtr left = MakeColumnExpr(kValue, Type(TypeId::kBigInt));
      const ExprPtr right = MakeColumnExpr(kColumns + kValue, Type(TypeId::kBigInt));
      const ExprPtr quotient = MakeCall("/", {left, right}, "UTC", {});
      options.plan.join.residual =
          MakeCall("=", {quotient, MakeLiteral({int64_t{1}}, quotient->type)}, "UTC", {});
    }
    options.left = options.right = SideSchema();
    options.tracked = true;
    options.id = number_ << 16;
    return options;
  }
  void Collect(const Batch& batch, Oracle::Step* step) const {
    Schema schema = SideSchema();
    if (case_.pairs()) {
      const Schema right = SideSchema();
      schema.insert(schema.end(), right.begin(), right.end());
    }
    BOOST_REQUIRE(batch.columns.size() == schema.size());
    for (size_t i = 0; i < batch.size; ++i) {
      BOOST_TEST(batch.weight(i) > 0);
      AddTo(&step->out, TextOf(batch, schema, i), batch.weight(i));
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
      fs::temp_directory_path() / ("executor_interval_join_test." + std::to_string(getpid()));
  Store store{directory.string(), {.sync = false}};
};

void Run(const Case& c, uint32_t seed, Store* store) {
  std::mt19937 random(seed);
  const auto draw = [&](int64_t below) {
    return static_cast<int64_t>(random() % static_cast<uint32_t>(below));
  };
  Harness harness(c, seed, store);
  Oracle oracle(c);
  int64_t now = 0, watermark = kMinWatermark;
  size_t number = 0;
  for (size_t step = 0; step < 40; ++step) {
    std::vector<Row> arrived[2];
    for (size_t s = 0; s < 2; ++s) {
      for (int64_t n = draw(8); n > 0; --n) {
        Row row;
        if (draw(10) != 0) row.key = draw(3);
        if (draw(8) != 0) row.value = draw(4);
        if (draw(20) != 0) row.time = 1000 * (now + draw(30) - 20);
        row.text = std::to_string(number++) + std::string(static_cast<size_t>(draw(30)), 'x');
        row.weight = draw(8) == 0 ? 2 : 1;
        arrived[s].push_back(std::move(row));
      }
    }
    now += draw(12);
    watermark = std::max(watermark, 1000 * (now - 10));
    if (step == 39) watermark = kMaxWatermark;
    const Oracle::Step expected = oracle.Run(arrived, watermark);
    Oracle::Step actual;
    while (!arrived[0].empty() || !arrived[1].empty()) {
      const size_t s = arrived[0].empty() || (!arrived[1].empty() && draw(2) == 0);
      const size_t n = std::min(static_cast<size_t>(1 + draw(4)), arrived[s].size());
      const auto end = arrived[s].begin() + static_cast<ptrdiff_t>(n);
      harness.Feed(s, {arrived[s].begin(), end}, &actual);
      arrived[s].erase(arrived[s].begin(), end);
    }
    harness.EndStep(watermark, &actual);
    BOOST_TEST_CONTEXT("seed " << seed << " step " << step) {
      BOOST_REQUIRE(actual.out == expected.out);
      BOOST_REQUIRE(actual.late == expected.late);
      if (!oracle.uncertain_errors_) BOOST_REQUIRE(actual.errors == expected.errors);
    }
    if (draw(4) == 0) {
      harness.Checkpoint(&random);
      if (draw(2) == 0) harness.Restart(static_cast<size_t>(1 + draw(3)));
    }
  }
  BOOST_TEST(harness.state_rows() == 0);
}

constexpr JoinKind kKinds[] = {JoinKind::kInner, JoinKind::kLeft, JoinKind::kRight,
                               JoinKind::kFull,  JoinKind::kSemi, JoinKind::kAnti};
// Milliseconds: around zero, on one side of it, one instant, none at all.
constexpr std::pair<int64_t, int64_t> kBounds[] = {{-5, 5},  {0, 8}, {-8, 0}, {3, 9},
                                                   {-9, -3}, {0, 0}, {2, -2}, {-20, 1}};

void RunAll(size_t keys, bool residual, uint32_t seed) {
  Stored stored;
  for (JoinKind kind : kKinds) {
    for (const auto& [lower, upper] : kBounds) {
      Case c{kind, 1000 * lower, 1000 * upper, keys, residual, true};
      Run(c, seed++, &stored.store);
      c.decides_late = false;
      Run(c, seed++, &stored.store);
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(one_key) { RunAll(1, false, 1); }
BOOST_AUTO_TEST_CASE(no_keys) { RunAll(0, false, 1000); }
BOOST_AUTO_TEST_CASE(residual_fails) { RunAll(1, true, 2000); }

// Bounds beyond the ends of time.
BOOST_AUTO_TEST_CASE(endless_bounds) {
  Stored stored;
  constexpr int64_t kFar = std::numeric_limits<int64_t>::max() / 2 + 1;
  Case c{JoinKind::kFull, -kFar, kFar, 1, false, true};
  Run(c, 3000, &stored.store);
}
