// The join as of a time against versions looked up one by one: random rows out of order, in
// random steps and batches, with checkpoints and restores in between.
#define BOOST_TEST_MODULE executor_temporal_join
#include "executor/temporal_join.h"

#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <map>
#include <random>
#include <set>

#include "tests/unit/executor_partitions.h"
#include "tests/unit/executor_timed_rows.h"
#include "types/row_key.h"

namespace fs = std::filesystem;
using namespace millrace;

namespace {

// Versions of a key, all that ever came.
struct Version {
  Row row;
  bool ends = false;
};

struct Step {
  Counts out, late;
  friend bool operator==(const Step&, const Step&) = default;
};

struct Case {
  bool outer = false;
  bool changes = false;  // The right side takes rows back.
};

class Oracle {
 public:
  explicit Oracle(const Case& c) : case_(c) {}

  Step Run(const std::vector<Row>& left, const std::vector<Row>& right, int64_t watermark) {
    Step step;
    for (const Row& row : left) Arrive(row, &step);
    std::map<int64_t, int64_t> net;
    for (const Row& row : right) {
      if (row.weight > 0) versions_[*row.key].push_back({row});
      net[*row.key] += row.weight;
    }
    std::map<int64_t, const Row*> gone;  // The last row of each key that goes without another.
    for (const Row& row : right) {
      if (row.weight > 0 || net[*row.key] >= 0) continue;
      const Row*& last = gone[*row.key];
      if (!last || *last->time < *row.time) last = &row;
    }
    for (const auto& [key, row] : gone) Ended(*row);
    std::erase_if(waiting_, [&](const Row& row) {
      if (*row.time > watermark) return false;
      Emit(row, &step);
      return true;
    });
    before_ = watermark;
    return step;
  }

 private:
  void Arrive(const Row& row, Step* step) {
    if (row.time && *row.time <= before_) return AddTo(&step->late, row.text, row.weight);
    if (row.key && row.time) return waiting_.push_back(row);
    if (case_.outer) AddTo(&step->out, row.Text() + kNulls, row.weight);
  }
  void Ended(const Row& row) {
    Version* last = nullptr;
    for (Version& version : versions_[*row.key]) {
      if (version.row.text == row.text) last = &version;
    }
    BOOST_REQUIRE(last != nullptr);
    last->ends = true;
  }
  void Emit(const Row& row, Step* step) {
    const Version* found = nullptr;
    for (const Version& version : versions_[*row.key]) {
      if (*version.row.time > *row.time) continue;
      if (!found || *found->row.time < *version.row.time) found = &version;
    }
    if (found && !found->ends) {
      AddTo(&step->out, row.Text() + found->row.Text(), row.weight);
    } else if (case_.outer) {
      AddTo(&step->out, row.Text() + kNulls, row.weight);
    }
  }

  Case case_;
  std::vector<Row> waiting_;
  std::map<int64_t, std::vector<Version>> versions_;
  int64_t before_ = kMinWatermark;
};

class Harness {
 public:
  Harness(const Case& c, uint32_t number, Store* store)
      : case_(c),
        number_(number),
        operators_(
            store, number,
            [this](PartitionContext* context) {
              return std::make_unique<TemporalJoinOperator>(Options(), context);
            },
            1) {}

  void Restart(size_t partitions) { operators_.Restart(partitions); }
  void Checkpoint(std::mt19937* random) { operators_.Checkpoint(random); }
  size_t state_rows() const { return operators_.state_rows(); }

  void Feed(size_t port, const std::vector<Row>& rows, Step* step) {
    operators_.Push(port, BatchOf(rows), std::vector<size_t>{0}, time_,
                    [&](const Batch& batch) { Collect(batch, step); });
  }

  void EndStep(int64_t watermark, Step* step) {
    time_.watermark = watermark;
    for (size_t p = 0; p < operators_.size(); ++p) {
      operators_.at(p).OnStep(time_, [&](const Batch& batch) { Collect(batch, step); });
      for (const RejectedRow& e : operators_.context(p).late) {
        const size_t text = e.row.rfind("\"s\":\"") + 5;
        AddTo(&step->late, e.row.substr(text, e.row.size() - text - 2), e.weight);
      }
      operators_.context(p).late.clear();
    }
    time_.before = watermark;
  }

 private:
  TemporalJoinOptions Options() const {
    TemporalJoinOptions options;
    options.plan.join.kind = case_.outer ? JoinKind::kLeft : JoinKind::kInner;
    options.plan.join.left_keys = options.plan.join.right_keys = {0};
    options.plan.join.null_equal = {false};
    options.plan.join.left_decides_late = true;
    options.plan.left_time = options.plan.right_time = kTime;
    options.left = options.right = SideSchema();
    options.right_appends = !case_.changes;
    options.tracked = true;
    options.id = number_ << 16;
    return options;
  }
  static void Collect(const Batch& batch, Step* step) {
    Schema schema = SideSchema();
    const Schema right = SideSchema();
    schema.insert(schema.end(), right.begin(), right.end());
    BOOST_REQUIRE(batch.columns.size() == schema.size());
    for (size_t i = 0; i < batch.size; ++i) {
      AddTo(&step->out, TextOf(batch, schema, i), batch.weight(i));
    }
  }

  Case case_;
  uint32_t number_;
  OperatorPartitions operators_;
  StepTime time_;
};

// Rows of the right side. Without changes their times are in any order; else a key's go up. No two
// of a key are equal.
class RightInput {
 public:
  RightInput(bool changes, std::mt19937* random) : changes_(changes), random_(*random) {}

  std::vector<Row> Step(int64_t now) {
    std::vector<Row> rows;
    for (int64_t n = Draw(6); n > 0; --n) {
      const int64_t key = Draw(3);
      const auto live = live_.find(key);
      if (changes_ && live != live_.end()) {
        rows.push_back(live->second);
        rows.back().weight = -1;
        live_.erase(live);
        if (Draw(3) == 0) continue;
      }
      Row row{key, Draw(4), TimeOf(key, now), std::to_string(number_++) + "r"};
      if (!row.time) continue;
      rows.push_back(row);
      live_[key] = row;
    }
    std::ranges::shuffle(rows, random_);
    return rows;
  }

 private:
  int64_t Draw(int64_t below) {
    return static_cast<int64_t>(random_() % static_cast<uint32_t>(below));
  }
  std::optional<int64_t> TimeOf(int64_t key, int64_t now) {
    int64_t time = now + Draw(30) - 20;
    if (changes_) time = std::max(now - 15, last_[key] + 1 + Draw(3));
    if (!used_.insert({key, time}).second) return std::nullopt;
    last_[key] = time;
    return 1000 * time;
  }

  bool changes_;
  std::mt19937& random_;
  std::map<int64_t, Row> live_;
  std::map<int64_t, int64_t> last_;
  std::set<std::pair<int64_t, int64_t>> used_;
  size_t number_ = 0;
};

struct Stored {
  ~Stored() { fs::remove_all(directory); }
  fs::path directory =
      fs::temp_directory_path() / ("executor_temporal_join_test." + std::to_string(getpid()));
  Store store{directory.string(), {.sync = false}};
};

void Run(const Case& c, uint32_t seed, Store* store) {
  std::mt19937 random(seed);
  const auto draw = [&](int64_t below) {
    return static_cast<int64_t>(random() % static_cast<uint32_t>(below));
  };
  Harness harness(c, seed, store);
  Oracle oracle(c);
  RightInput right(c.changes, &random);
  int64_t now = 0, watermark = kMinWatermark;
  size_t number = 0;
  for (size_t step = 0; step < 40; ++step) {
    std::vector<Row> arrived[2];
    for (int64_t n = draw(8); n > 0; --n) {
      Row row;
      if (draw(10) != 0) row.key = draw(3);
      if (draw(20) != 0) row.time = 1000 * (now + draw(30) - 15);
      row.text = std::to_string(number++) + std::string(static_cast<size_t>(draw(30)), 'x');
      row.weight = draw(8) == 0 ? 2 : 1;
      arrived[0].push_back(std::move(row));
    }
    arrived[1] = right.Step(now);
    now += draw(12);
    watermark = std::max(watermark, 1000 * (now - 10));
    if (step == 39) watermark = kMaxWatermark;
    const Step expected = oracle.Run(arrived[0], arrived[1], watermark);
    Step actual;
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
    }
    if (draw(4) == 0) {
      harness.Checkpoint(&random);
      if (draw(2) == 0) harness.Restart(static_cast<size_t>(1 + draw(3)));
    }
  }
  // At most the last version of every key is left.
  BOOST_TEST(harness.state_rows() <= 3);
}

void RunAll(bool changes, uint32_t seed) {
  Stored stored;
  for (bool outer : {false, true}) {
    for (size_t n = 0; n < 20; ++n) Run({outer, changes}, seed++, &stored.store);
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(rows_replace_those_of_their_key) { RunAll(false, 1); }
BOOST_AUTO_TEST_CASE(rows_come_and_go) { RunAll(true, 1000); }
