// What joins by time keep, and what they read first.
#define BOOST_TEST_MODULE server_time_joins
#include <boost/test/unit_test.hpp>

#include "server/engine.h"

using namespace millrace;

namespace {

struct Fixture {
  Fixture() {
    EngineOptions options;
    options.partitions = 2;
    options.step_rows = 20;
    options.batch_rows = 10;
    options.manual = true;
    engine = std::make_unique<Engine>(options);
    Run("CREATE TABLE a (k INT, x INT, ts TIMESTAMP(3), p AS PROCTIME(), WATERMARK FOR ts AS ts);"
        "CREATE TABLE b (k INT, x INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts);"
        "CREATE TABLE c (k INT, x INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts,"
        " PRIMARY KEY (k) NOT ENFORCED)");
  }
  ExecuteResult Run(const std::string& sql) {
    ExecuteRequest request;
    request.session = &session;
    ExecuteResult result = engine->Execute(sql, request);
    if (result.error) BOOST_FAIL(result.error->message);
    while (engine->Step()) {
    }
    return result;
  }
  // One row into each of the tables at every second; five keys in turns.
  void Fill(const std::string& tables, int first, int last) {
    for (int second = first; second <= last; ++second) {
      const std::string number = std::to_string(second), two = std::to_string(100 + second);
      for (char table : tables) {
        Run(std::string("INSERT INTO ") + table + " (k, x, ts) VALUES (" +
            std::to_string(second % 5) + ", " + number +
            ", TIMESTAMP '2024-01-01 00:00:" + two.substr(1) + "')");
      }
    }
  }
  // The rows that the job of `query` keeps at the end of a minute.
  uint64_t StateAfterAMinute(const std::string& query, const std::string& tables) {
    Run("CREATE TABLE nowhere (x INT, y INT) WITH ('connector' = 'blackhole');"
        "INSERT INTO nowhere " +
        query);
    Fill(tables, 0, 59);
    return engine->Jobs().at(0).state_rows;
  }

  Session session;
  std::unique_ptr<Engine> engine;
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(IntervalJoinsForgetWhatTheWatermarkHasPassed, Fixture) {
  // Of a the rows behind 49 s, of b those behind 54 s.
  BOOST_TEST(StateAfterAMinute("SELECT a.x, b.x FROM a FULL JOIN b ON a.k = b.k AND b.ts BETWEEN "
                               "a.ts - INTERVAL '5' SECOND AND a.ts + INTERVAL '10' SECOND",
                               "ab") == 10 + 5);
}

BOOST_FIXTURE_TEST_CASE(WindowJoinsForgetClosedWindows, Fixture) {
  const std::string windows =
      "TUMBLE(TABLE a, DESCRIPTOR(ts), INTERVAL '10' SECOND) p LEFT JOIN "
      "TUMBLE(TABLE b, DESCRIPTOR(ts), INTERVAL '10' SECOND) q";
  BOOST_TEST(StateAfterAMinute("SELECT p.x, q.x FROM " + windows +
                                   " ON p.k = q.k AND p.window_start = q.window_start AND "
                                   "p.window_end = q.window_end",
                               "ab") == 10 + 10);
}

BOOST_FIXTURE_TEST_CASE(TemporalJoinsKeepTheLastVersions, Fixture) {
  BOOST_TEST(StateAfterAMinute(
                 "SELECT a.x, c.x FROM a JOIN c FOR SYSTEM_TIME AS OF a.ts ON a.k = c.k", "ac") ==
             5);
}

BOOST_FIXTURE_TEST_CASE(TheTableOfALookupJoinIsReadFirst, Fixture) {
  Fill("a", 0, 9);
  Fill("b", 0, 59);
  Run("CREATE MATERIALIZED VIEW v AS SELECT a.x, b.x AS y FROM a JOIN b FOR SYSTEM_TIME AS OF a.p "
      "ON a.k = b.k");
  // Each of 10 rows meets all 12 of its key, though a step takes 20 rows of a table.
  const ExecuteResult result = Run("SELECT * FROM v");
  size_t rows = 0;
  for (const Batch& batch : result.results.at(0).rows) rows += batch.size;
  BOOST_TEST(rows == 120);
}
