// How long it takes from a statement's text to its plan.
#include <algorithm>
#include <vector>

#include "bench/measure.h"
#include "bench/rows.h"
#include "server/engine.h"

namespace millrace::bench {
namespace {

// The statement is explained, so that nothing runs: the median of many times, in milliseconds.
double PlanMillis(Engine& engine, const std::string& query) {
  constexpr int kTimes = 51;
  std::vector<double> times;
  for (int i = 0; i < kTimes; ++i) {
    const Cost cost = Measure([&] {
      const ExecuteResult result = engine.Execute("EXPLAIN " + query, {});
      if (result.error) throw *result.error;
    });
    times.push_back(cost.wall * 1e3);
  }
  return Median(std::move(times));
}

}  // namespace

void PlanOneRow(const Setup& setup) {
  Engine engine({});
  Repeat({.name = "plan of SELECT 1", .unit = "ms", .floor = 0.5, .at_most = true},
         [&] { return PlanMillis(engine, "SELECT 1"); }, setup.rounds);
}

// A chain, as foreign keys make it, with a filter at its end.
void PlanJoinsRow(const Setup& setup) {
  constexpr int kJoins = 20;
  Engine engine({});
  std::string tables, query = "SELECT t0.v, COUNT(*) AS n FROM t0";
  for (int i = 0; i <= kJoins; ++i) {
    const std::string t = "t" + std::to_string(i);
    tables += "CREATE TABLE " + t + " (id INT, next INT, v STRING, PRIMARY KEY (id) NOT ENFORCED);";
    const std::string before = "t" + std::to_string(i - 1);
    if (i > 0) query += " JOIN " + t + " ON " + before + ".next = " + t + ".id";
  }
  query += " WHERE t" + std::to_string(kJoins) + ".v = 'x' GROUP BY t0.v";
  const ExecuteResult made = engine.Execute(tables, {});
  if (made.error) throw *made.error;
  Repeat({.name = "plan of a query with 20 joins", .unit = "ms", .floor = 100, .at_most = true},
         [&] { return PlanMillis(engine, query); }, setup.rounds);
}

}  // namespace millrace::bench
