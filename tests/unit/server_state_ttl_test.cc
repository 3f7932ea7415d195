// What is counted of state that its TTL ends.
#define BOOST_TEST_MODULE server_state_ttl
#include <boost/test/unit_test.hpp>

#include "server/engine.h"

using namespace millrace;

namespace {

constexpr int64_t kMinute = 60'000'000;

struct Fixture {
  Fixture() {
    EngineOptions options;
    options.partitions = 2;
    options.manual = true;
    options.clock = [this] { return now; };
    engine = std::make_unique<Engine>(options);
    Run("SET 'table.exec.state.ttl' = '10 min';"
        "CREATE TABLE t (id INT, k INT, PRIMARY KEY (id) NOT ENFORCED)");
  }
  void Run(const std::string& sql) {
    ExecuteRequest request;
    request.session = &session;
    const ExecuteResult result = engine->Execute(sql, request);
    if (result.error) BOOST_FAIL(result.error->message);
    while (engine->Step()) {
    }
  }
  JobInfo Job() const { return engine->Jobs().at(0); }

  int64_t now = 1'700'000'000'000'000;
  Session session;
  std::unique_ptr<Engine> engine;
};

std::string InsertOf(int first, int last) {
  std::string sql = "INSERT INTO t VALUES ";
  for (int id = first; id <= last; ++id) {
    sql += (id > first ? ", (" : "(") + std::to_string(id) + ", " + std::to_string(id) + ")";
  }
  return sql;
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(GroupsAreSweptAndCounted, Fixture) {
  Run("CREATE MATERIALIZED VIEW v AS SELECT k, COUNT(*) AS n, COUNT(DISTINCT id) AS d FROM t GROUP "
      "BY k");
  Run(InsertOf(1, 200));
  BOOST_TEST(Job().expired_rows == 0);
  const uint64_t full = Job().state_rows;
  now += 9 * kMinute;
  Run(InsertOf(201, 202));
  BOOST_TEST(Job().expired_rows == 0);
  // Each sweep sees a share; no step of a partition, no sweep.
  for (int i = 0; i < 20; ++i) {
    now += kMinute / 2;
    Run(InsertOf(1001 + 8 * i, 1008 + 8 * i));
  }
  BOOST_TEST(Job().expired_rows >= 200);  // All of the first; maybe those that just have.
  BOOST_TEST(Job().expired_rows <= 202);
  BOOST_TEST(Job().dropped_rows == 0);
  BOOST_TEST(Job().state_rows < full + 202);
  // Rows of groups that are gone: their deletions are dropped, their row in the view stays.
  Run("DELETE FROM t WHERE id <= 200");
  BOOST_TEST(Job().dropped_rows == 200);
}

BOOST_FIXTURE_TEST_CASE(AGroupThatBeginsAnewCountsOnce, Fixture) {
  Run("CREATE MATERIALIZED VIEW v AS SELECT k, SUM(id) AS s FROM t GROUP BY k");
  Run("INSERT INTO t VALUES (1, 1), (2, 1)");
  now += 11 * kMinute;
  Run("INSERT INTO t VALUES (1, 1), (2, 2)");
  BOOST_TEST(Job().expired_rows == 1);
  BOOST_TEST(Job().dropped_rows == 1);  // (1, 1) did not change, (2, 1) is taken back.
}

BOOST_FIXTURE_TEST_CASE(JoinsCountToo, Fixture) {
  Run("CREATE TABLE s (k INT, x INT);"
      "CREATE MATERIALIZED VIEW v AS SELECT t.id, s.x FROM t JOIN s ON t.k = s.k");
  Run(InsertOf(1, 50));
  now += 11 * kMinute;
  Run("INSERT INTO s VALUES (1, 1)");
  now += 11 * kMinute;
  Run("INSERT INTO s VALUES (2, 1), (3, 1), (4, 1), (5, 1), (6, 1), (7, 1), (8, 1)");
  BOOST_TEST(Job().expired_rows >= 50);
}

BOOST_FIXTURE_TEST_CASE(RankingsCountToo, Fixture) {
  Run("CREATE TABLE log (k INT, x INT);"
      "CREATE MATERIALIZED VIEW best AS SELECT k, x FROM log QUALIFY ROW_NUMBER() OVER "
      "(PARTITION BY k ORDER BY x) <= 2;"
      "INSERT INTO log VALUES (1, 5), (1, 6), (2, 5)");
  now += 11 * kMinute;
  Run("INSERT INTO log VALUES (3, 1)");
  BOOST_TEST(Job().expired_rows == 3);
  BOOST_TEST(Job().dropped_rows == 0);
}

BOOST_FIXTURE_TEST_CASE(DeletionsOfForgottenRanksAreDropped, Fixture) {
  Run("CREATE MATERIALIZED VIEW best AS SELECT id, k FROM t QUALIFY ROW_NUMBER() OVER "
      "(PARTITION BY k ORDER BY id) <= 2;"
      "INSERT INTO t VALUES (1, 1), (2, 1)");
  now += 11 * kMinute;
  Run("DELETE FROM t WHERE id = 1");
  BOOST_TEST(Job().expired_rows == 2);
  BOOST_TEST(Job().dropped_rows == 1);
}

BOOST_FIXTURE_TEST_CASE(DeduplicationCountsToo, Fixture) {
  Run("CREATE TABLE log (k INT, x INT);"
      "CREATE MATERIALIZED VIEW best AS SELECT k, x FROM log QUALIFY ROW_NUMBER() OVER "
      "(PARTITION BY k ORDER BY x) = 1;"
      "INSERT INTO log VALUES (1, 5), (2, 5), (2, 6)");
  now += 9 * kMinute;
  Run("INSERT INTO log VALUES (1, 4)");
  now += 2 * kMinute;
  Run("INSERT INTO log VALUES (3, 1)");
  BOOST_TEST(Job().expired_rows == 1);  // Of key 2.
}

// The clock frees what the operators keep of a window.
BOOST_FIXTURE_TEST_CASE(WindowsOfProcessingTimeAreFreed, Fixture) {
  const std::string windows =
      "(SELECT k, window_start, window_end FROM TABLE(TUMBLE(TABLE log, DESCRIPTOR(p), "
      "INTERVAL '10' SECOND)))";
  Run("RESET 'table.exec.state.ttl'; CREATE TABLE log (k INT, p AS PROCTIME())");
  const std::string queries[] = {
      "SELECT k FROM " + windows +
          " QUALIFY ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY k) <= 2",
      "SELECT k, COUNT(*) OVER (PARTITION BY window_start, window_end) AS n FROM " + windows,
      "SELECT a.k FROM " + windows + " a JOIN " + windows +
          " b ON a.k = b.k AND a.window_end = b.window_end",
  };
  for (const std::string& query : queries) {
    Run("CREATE MATERIALIZED VIEW v AS " + query);
    Run("INSERT INTO log VALUES (1), (2), (3)");
    BOOST_TEST_CONTEXT(query) {
      const uint64_t before = Job().state_rows;
      now += 10'000'000;
      Run("SELECT 1");
      BOOST_TEST(Job().state_rows + 2 <= before);
    }
    Run("DROP MATERIALIZED VIEW v");
  }
}
