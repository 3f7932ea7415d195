// When rows are aggregated before they change their partition, and when they are not.
#define BOOST_TEST_MODULE server_two_phases
#include <boost/test/unit_test.hpp>

#include "server/engine.h"

using namespace millrace;

namespace {

constexpr int kRows = 1000;

struct Fixture {
  explicit Fixture(size_t partitions = 2) {
    EngineOptions options;
    options.partitions = partitions;
    options.manual = true;
    engine = std::make_unique<Engine>(options);
    Run("CREATE TABLE t (k INT, x INT)");
  }
  void Run(const std::string& sql) {
    ExecuteRequest request;
    request.session = &session;
    const ExecuteResult result = engine->Execute(sql, request);
    if (result.error) BOOST_FAIL(result.error->message);
    while (engine->Step()) {
    }
  }
  // A step of so many rows with `keys` keys in turns.
  void Insert(int keys) {
    std::string sql = "INSERT INTO t VALUES ";
    for (int i = 0; i < kRows; ++i) {
      if (i > 0) sql += ", ";
      sql += "(" + std::to_string(i % keys) + ", " + std::to_string(i) + ")";
    }
    Run(sql);
  }
  uint64_t Combined() const { return engine->Jobs().at(0).combined_rows; }

  Session session;
  std::unique_ptr<Engine> engine;
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(GroupsThatRepeatAreCombined, Fixture) {
  Run("CREATE MATERIALIZED VIEW v AS SELECT k, COUNT(*) AS n, SUM(x) AS s FROM t GROUP BY k");
  Insert(10);
  BOOST_TEST(Combined() == uint64_t{kRows - 10});
  Insert(kRows);
  BOOST_TEST(Combined() == uint64_t{kRows - 10});
}

BOOST_FIXTURE_TEST_CASE(ATrialThatDoesNotPayIsPutOff, Fixture) {
  Run("CREATE MATERIALIZED VIEW v AS SELECT k, COUNT(*) AS n FROM t GROUP BY k");
  // The partitions send in turns.
  for (int partition = 0; partition < 2; ++partition) Insert(kRows);
  for (int partition = 0; partition < 2; ++partition) Insert(10);  // Not tried.
  BOOST_TEST(Combined() == 0u);
  Insert(10);
  BOOST_TEST(Combined() == uint64_t{kRows - 10});
}

BOOST_FIXTURE_TEST_CASE(ValuesOfDistinctAreNot, Fixture) {
  Run("CREATE MATERIALIZED VIEW v AS SELECT k, COUNT(DISTINCT x) AS n FROM t GROUP BY k");
  Insert(10);
  BOOST_TEST(Combined() == 0u);
}

BOOST_AUTO_TEST_CASE(OnePartitionHasNoUseForIt) {
  Fixture one(1);
  one.Run("CREATE MATERIALIZED VIEW v AS SELECT k, COUNT(*) AS n FROM t GROUP BY k");
  one.Insert(10);
  BOOST_TEST(one.Combined() == 0u);
}
