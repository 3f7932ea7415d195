// State of which a part is in the store alone: under budgets so small that every step evicts, some
// do, or none.
#define BOOST_TEST_MODULE server_cold_state
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <map>
#include <random>

#include "server/engine.h"

namespace fs = std::filesystem;
using namespace millrace;

namespace {

struct Fixture {
  ~Fixture() {
    engine.reset();
    fs::remove_all(directory);
  }
  void Open(size_t budget, size_t partitions) {
    engine.reset();
    EngineOptions options;
    options.data_directory = directory;
    options.sync = false;
    options.partitions = partitions;
    options.batch_rows = 64;
    options.checkpoint_interval_micros = 0;
    options.manual = true;
    options.memory_budget = budget;
    engine = std::make_unique<Engine>(options);
  }
  StatementResult Run(const std::string& sql) {
    ExecuteRequest request;
    request.session = &session;
    ExecuteResult result = engine->Execute(sql, request);
    if (result.error) BOOST_FAIL(sql + ": " + result.error->message);
    return std::move(result.results.back());
  }
  void Step() {
    while (engine->Step()) {
    }
  }
  ColdCounts Counts(const std::string& job) {
    for (const JobInfo& info : engine->Jobs()) {
      if (info.name == job) return info.cold;
    }
    return {};
  }
  // Two columns of a view.
  std::map<int64_t, int64_t> Rows(const std::string& view) {
    std::map<int64_t, int64_t> rows;
    const StatementResult result = Run("SELECT * FROM " + view);
    for (const Batch& batch : result.rows) {
      for (size_t i = 0; i < batch.size; ++i) {
        const bool fresh = rows.emplace(batch.columns[0].at<int64_t>(i),
                                        batch.columns[1].at<int64_t>(i)).second;
        BOOST_TEST(fresh);
      }
    }
    return rows;
  }
  std::string Point(const std::string& view, int64_t key) {
    const StatementResult result = engine->Lookup(view, {std::to_string(key)});
    if (result.rows.empty()) return "";
    return std::to_string(result.rows[0].columns[1].at<int64_t>(0));
  }

  std::string directory =
      (fs::temp_directory_path() / ("millrace-cold-" + std::to_string(::getpid()))).string();
  Session session;
  std::unique_ptr<Engine> engine;
  std::map<std::string, ColdCounts> most;  // Of views, added up.
};

constexpr const char* kTables =
    "CREATE TABLE t (id BIGINT, k BIGINT, x BIGINT, PRIMARY KEY (id) NOT ENFORCED);"
    "CREATE MATERIALIZED VIEW sums AS SELECT k, SUM(x) AS s FROM t GROUP BY k;"
    // Reads the old rows of a view that has forgotten them.
    "CREATE MATERIALIZED VIEW sizes AS SELECT s, COUNT(*) AS n FROM sums GROUP BY s;"
    // Without a key: the rows of the view are counted.
    "CREATE MATERIALIZED VIEW pairs AS SELECT k, x FROM t;";

// What the views must hold.
struct Model {
  std::map<int64_t, std::pair<int64_t, int64_t>> rows;  // By id.

  std::map<int64_t, int64_t> Sums() const {
    std::map<int64_t, int64_t> sums;
    for (const auto& [id, row] : rows) sums[row.first] += row.second;
    return sums;
  }
  std::map<int64_t, int64_t> Sizes() const {
    std::map<int64_t, int64_t> sizes;
    for (const auto& [k, s] : Sums()) ++sizes[s];
    return sizes;
  }
};

void Compare(Fixture& f, const Model& model) {
  const auto sums = model.Sums();
  BOOST_TEST((f.Rows("sums") == sums));
  BOOST_TEST((f.Rows("sizes") == model.Sizes()));
  for (int64_t k = 0; k < 60; k += 7) {
    const auto found = sums.find(k);
    BOOST_TEST(f.Point("sums", k) == (found == sums.end() ? "" : std::to_string(found->second)));
  }
  BOOST_TEST(f.engine->Object("sums").rows.value() == sums.size());
  int64_t pairs = 0;
  const StatementResult result = f.Run("SELECT COUNT(*) FROM pairs");
  for (const Batch& batch : result.rows) pairs += batch.columns[0].at<int64_t>(0);
  BOOST_TEST(pairs == static_cast<int64_t>(model.rows.size()));
}

// Rows come, change and go; the server stops here and there, after a checkpoint or without.
void RunRandom(Fixture& f, size_t budget, unsigned seed) {
  std::mt19937 random(seed);
  Model model;
  f.Open(budget, 1 + seed % 3);
  f.Run(kTables);
  for (int round = 0; round < 60; ++round) {
    for (int i = 0; i < 8; ++i) {
      const int64_t id = random() % 150, k = random() % 60, x = random() % 4;
      if (random() % 3 == 0) {
        f.Run("DELETE FROM t WHERE id = " + std::to_string(id));
        model.rows.erase(id);
      } else {
        f.Run("INSERT INTO t VALUES (" + std::to_string(id) + ", " + std::to_string(k) + ", " +
              std::to_string(x) + ")");
        model.rows[id] = {k, x};
      }
    }
    f.Step();
    for (const char* view : {"sums", "pairs"}) f.most[view] += f.Counts(view);
    if (round % 6 == 5) Compare(f, model);
    if (random() % 5 == 0) f.engine->Checkpoint();
    if (random() % 8 == 0) f.Open(budget, 1 + random() % 3);
  }
  f.Step();
  Compare(f, model);
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(EveryStepEvicts, Fixture) {
  RunRandom(*this, 1, 1);
  BOOST_TEST(most["sums"].evicted_rows > 0u);
  BOOST_TEST(most["sums"].read_rows > 0u);
  BOOST_TEST(most["pairs"].read_rows > 0u);
}

BOOST_FIXTURE_TEST_CASE(SomeStepsEvict, Fixture) {
  RunRandom(*this, 12'000, 2);
  BOOST_TEST(most["sums"].evicted_rows > 0u);
}

BOOST_FIXTURE_TEST_CASE(RestartsAlone, Fixture) { RunRandom(*this, 0, 3); }

BOOST_FIXTURE_TEST_CASE(RowsOfAPictureStayWhenTheyAreEvicted, Fixture) {
  Open(1, 2);
  Run(kTables);
  std::string sql = "INSERT INTO t VALUES ";
  for (int i = 0; i < 3000; ++i) {
    sql += (i > 0 ? ", (" : "(") + std::to_string(i) + ", " + std::to_string(i) + ", 1)";
  }
  Run(sql);
  Step();
  BOOST_TEST(Rows("sums").size() == 3000u);
  BOOST_TEST(Counts("sums").evicted_rows >= 3000u);
  Run("DELETE FROM t WHERE id >= 10");
  Step();
  BOOST_TEST(Rows("sums").size() == 10u);
  BOOST_TEST(engine->Object("sums").rows.value() == 10u);
}

BOOST_FIXTURE_TEST_CASE(ARestartReadsWhatItNeedsAndThenTheRest, Fixture) {
  Open(0, 2);
  Run(kTables);
  std::string sql = "INSERT INTO t VALUES ";
  for (int i = 0; i < 100; ++i) {
    sql += (i > 0 ? ", (" : "(") + std::to_string(i) + ", " + std::to_string(i) + ", 1)";
  }
  Run(sql);
  Step();
  engine->Checkpoint();
  Open(0, 1);
  BOOST_TEST(engine->Object("sums").rows.value() == 100u);
  BOOST_TEST(Rows("sums").size() == 100u);
  BOOST_TEST(Point("sums", 99) == "1");
  Run("INSERT INTO t VALUES (1000, 50, 5)");
  Step();
  BOOST_TEST(Counts("sums").read_rows > 0u);
  BOOST_TEST(Point("sums", 50) == "6");
  for (int i = 0; i < 100; ++i) {  // Some rows are brought in before each.
    Run("INSERT INTO t VALUES (2000, 1, " + std::to_string(i) + ")");
    Step();
  }
  const uint64_t reads = Counts("sums").asked_rows;
  Run("INSERT INTO t VALUES (3000, 70, 1)");
  Step();
  BOOST_TEST(Counts("sums").asked_rows == reads);
  BOOST_TEST(Rows("sums").size() == 100u);
}
