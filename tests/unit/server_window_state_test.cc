// What queries over windows keep behind the windows' ends.
#define BOOST_TEST_MODULE server_window_state
#include <boost/test/unit_test.hpp>

#include "server/engine.h"

using namespace millrace;

namespace {

constexpr const char* kTumble = "TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND))";

struct Fixture {
  Fixture() {
    EngineOptions options;
    options.partitions = 2;
    options.manual = true;
    options.clock = [this] { return now; };
    engine = std::make_unique<Engine>(options);
    Run("SET 'table.local-time-zone' = 'Europe/Berlin';"
        "CREATE TABLE t (k INT, ms BIGINT, ts AS TO_TIMESTAMP_LTZ(ms, 3), WATERMARK FOR ts AS ts)");
  }
  void Run(const std::string& sql) {
    ExecuteRequest request;
    request.session = &session;
    const ExecuteResult result = engine->Execute(sql, request);
    if (result.error) BOOST_FAIL(result.error->message);
    while (engine->Step()) {
    }
  }
  // The rows that the view's job keeps beside the view's own when there was a row at each second of a
  // minute; the last window has ten of them.
  uint64_t StateAfterAMinute(const std::string& query) {
    Run("CREATE TABLE sink (a INT, b BIGINT, PRIMARY KEY (a, b) NOT ENFORCED) WITH ('connector' = "
        "'blackhole'); INSERT INTO sink " + query);
    for (int second = 0; second < 60; ++second) {
      Run("INSERT INTO t VALUES (" + std::to_string(second) + ", " +
          std::to_string(1'700'000'000'000 + second * 1000) + ")");
    }
    return engine->Jobs().at(0).state_rows;
  }

  int64_t now = 1'700'000'000'000'000;
  Session session;
  std::unique_ptr<Engine> engine;
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(RankingsOfLocalTimeForgetClosedWindows, Fixture) {
  BOOST_TEST(StateAfterAMinute(std::string("SELECT k, rn FROM (SELECT k, ROW_NUMBER() OVER ("
                                           "PARTITION BY window_start, window_end ORDER BY k) AS "
                                           "rn FROM ") +
                               kTumble + ") WHERE rn <= 3") == 3);
}

BOOST_FIXTURE_TEST_CASE(OverOfLocalTimeForgetsClosedWindows, Fixture) {
  BOOST_TEST(StateAfterAMinute(std::string("SELECT k, SUM(k) OVER (PARTITION BY window_start, "
                                           "window_end ORDER BY k) AS s FROM ") +
                               kTumble) == 10);
}

// Early fire: what waits for the clock is gone when it has come.
BOOST_FIXTURE_TEST_CASE(HeldChangesAreForgotten, Fixture) {
  Run("SET 'table.exec.emit.early-fire.enabled' = 'true';"
      "SET 'table.exec.emit.early-fire.delay' = '1 s'");
  const std::string query =
      std::string("SELECT k, COUNT(*) FROM ") + kTumble + " GROUP BY k, window_start, window_end";
  BOOST_TEST(StateAfterAMinute(query) == 10 + 10);
  now += 1'000'000;
  while (engine->Step()) {
  }
  BOOST_TEST(engine->Jobs().at(0).state_rows == 10);
}
