// A query reads the source partition with the oldest event time first: one that is further ahead than
// its table's drift waits, so that it does not fill the state.
#define BOOST_TEST_MODULE server_alignment
#include <boost/test/unit_test.hpp>

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "server/engine.h"

using namespace millrace;

namespace {

constexpr const char* kDrift = " WITH ('scan.watermark.alignment.max-drift' = '5 s')";
constexpr const char* kJoin =
    "SELECT d.k, s.k FROM dense d JOIN sparse s ON d.k = s.k AND d.ts = s.ts";

struct Fixture {
  Fixture() {
    EngineOptions options;
    options.partitions = 2;
    options.step_rows = 20;
    options.batch_rows = 10;
    options.manual = true;
    engine = std::make_unique<Engine>(options);
    Run("CREATE TABLE nowhere (x INT, y INT) WITH ('connector' = 'blackhole')");
  }
  void Run(const std::string& sql) {
    ExecuteRequest request;
    request.session = &session;
    const ExecuteResult result = engine->Execute(sql, request);
    if (result.error) BOOST_FAIL(result.error->message);
  }
  void Create(const std::string& table, const std::string& options = "") {
    Run("CREATE TABLE " + table + " (k INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts)" + options);
  }
  // So many rows, each later than the one before by so much.
  void Fill(const std::string& table, int rows, int millis, int first = 0) {
    std::string values;
    for (int i = first; i < first + rows; ++i) {
      values += (values.empty() ? "(" : ", (") + std::to_string(i) +
                ", TIMESTAMPADD(SECOND, " + std::to_string(i * millis / 1000) +
                ", TIMESTAMP '2024-01-01 00:00:00." + std::to_string(i * millis % 1000 / 100) +
                "'))";
    }
    Run("INSERT INTO " + table + " VALUES " + values);
  }
  // Runs the query over what is there, to the end.
  void RunQuery(const std::string& query) {
    Run("INSERT INTO nowhere " + query);
    while (engine->Step()) {
      const JobInfo job = engine->Jobs().at(0);
      most_state = std::max<uint64_t>(most_state, job.state_rows);
      if (job.rows_in < 430) most_state_at_first = most_state;  // While both have rows.
    }
  }
  uint64_t rows_in() const { return engine->Jobs().at(0).rows_in; }

  Session session;
  std::unique_ptr<Engine> engine;
  uint64_t most_state = 0, most_state_at_first = 0;
};

}  // namespace

// A step takes 20 rows of each table, which are 2 s of one and 20 s of the other.
BOOST_FIXTURE_TEST_CASE(WithoutAlignmentTheSparseTableFillsTheState, Fixture) {
  Create("dense");
  Create("sparse");
  Fill("dense", 400, 100);
  Fill("sparse", 400, 1000);
  RunQuery(kJoin);
  BOOST_TEST(rows_in() == 800);
  BOOST_TEST(most_state_at_first > 150);
}

BOOST_FIXTURE_TEST_CASE(OneThatIsAheadWaits, Fixture) {
  Create("dense");
  Create("sparse", kDrift);
  Fill("dense", 400, 100);
  Fill("sparse", 400, 1000);
  RunQuery(kJoin);
  // At most the drift and a step's rows, of 1 s each; until the dense one, caught up, lets it go.
  BOOST_TEST(most_state_at_first <= 5 + 20 + 20);
  BOOST_TEST(rows_in() == 800);
  // What comes later at an older time is read before what is ahead.
  Fill("dense", 400, 100, 400);
  while (engine->Step()) {
  }
  BOOST_TEST(rows_in() == 1200);
}

// Nobody waits for a table that never has a row, nor for one that has ended.
BOOST_FIXTURE_TEST_CASE(NothingWaitsForEmptyAndEndedOnes, Fixture) {
  const auto file = std::filesystem::temp_directory_path() /
                    ("millrace-alignment-" + std::to_string(getpid()) + ".csv");
  std::ofstream(file) << "1,2023-01-01 00:00:00.000\n2,2023-01-01 00:00:01.000\n";
  Create("sparse", kDrift);
  Create("empty", kDrift);
  Create("ended", " WITH ('connector' = 'filesystem', 'format' = 'csv', 'path' = '" +
                      file.string() + "', 'scan.watermark.alignment.max-drift' = '1 ms')");
  Fill("sparse", 100, 1000);
  RunQuery(
      "SELECT a.k, a.k FROM (SELECT * FROM sparse UNION ALL SELECT * FROM empty UNION ALL "
      "SELECT * FROM ended) a");
  BOOST_TEST(rows_in() == 102);
  std::filesystem::remove(file);
}

// Two of them that wait for each other would be a deadlock: the older one never waits.
BOOST_FIXTURE_TEST_CASE(TheOldestNeverWaits, Fixture) {
  Create("dense", " WITH ('scan.watermark.alignment.max-drift' = '1 ms')");
  Create("sparse", " WITH ('scan.watermark.alignment.max-drift' = '1 ms')");
  Fill("dense", 200, 100);
  Fill("sparse", 200, 1000);
  RunQuery(kJoin);
  BOOST_TEST(rows_in() == 400);
}
