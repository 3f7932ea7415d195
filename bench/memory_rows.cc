// Rows whose input lies in memory.
#include <random>
#include <span>
#include <thread>

#include "bench/kernels.h"
#include "bench/measure.h"
#include "bench/memory_job.h"
#include "bench/rows.h"

namespace millrace::bench {
namespace {

constexpr size_t kBatchRows = 4096;
constexpr const char* kRate = "million rows per CPU second";
constexpr const char* kTable = "CREATE TABLE numbers (k BIGINT NOT NULL, v BIGINT NOT NULL);";
constexpr const char* kTimedTable =
    "CREATE TABLE numbers (k BIGINT NOT NULL, v BIGINT NOT NULL, t TIMESTAMP(3) NOT NULL,"
    " WATERMARK FOR t AS t);";
constexpr const char* kGroupBy =
    "CREATE MATERIALIZED VIEW totals AS"
    " SELECT k, COUNT(*) AS n, SUM(v) AS total, MAX(v) AS most FROM numbers GROUP BY k";

struct Numbers {
  std::vector<int64_t> keys, values;
};

Numbers Draw(size_t rows, size_t groups) {
  std::mt19937_64 random(1);
  Numbers numbers;
  for (size_t i = 0; i < rows; ++i) {
    numbers.keys.push_back(static_cast<int64_t>(random() % groups));
    numbers.values.push_back(static_cast<int64_t>(random() % 1000));
  }
  return numbers;
}

double RowsPerCpuSecond(const MemoryJobOptions& options,
                        const std::shared_ptr<const MemoryInput>& input) {
  MemoryJob job(options, {{"numbers", input}});
  const Cost cost = Measure([&] { job.Run(); });
  return static_cast<double>(input->rows * input->passes) / cost.cpu * 1e-6;
}

std::string Thousands(size_t n) {
  return n >= 1'000'000 ? std::to_string(n / 1'000'000) + " M" : std::to_string(n / 1000) + " k";
}

}  // namespace

void FilterRow(const Setup& setup) {
  // As large as the batches of a few steps: what is measured are the loops, not the memory.
  const Numbers numbers = Draw(1 << 18, 1 << 20);
  const auto passes = static_cast<size_t>(200 * setup.scale);
  auto input = std::make_shared<MemoryInput>(MakeInput(numbers.keys, numbers.values, kBatchRows));
  input->passes = passes;
  MemoryJobOptions options;
  options.tables = std::string(kTable) +
                   "CREATE TABLE nowhere (k BIGINT, v BIGINT) WITH ('connector' = 'blackhole');";
  options.query = "INSERT INTO nowhere SELECT k, v * 908 FROM numbers WHERE v > 100";
  const auto kernel = [&] {
    std::vector<double> rates;
    for (size_t i = 0; i < passes; ++i) {
      rates.push_back(FilterRowsPerSecond(numbers.keys, numbers.values, kBatchRows));
    }
    return Median(rates) * 1e-6;
  };
  Compare({.name = "filter and project in memory", .unit = kRate, .kernel = "K4", .floor = 0.5},
          {kernel, [&] { return RowsPerCpuSecond(options, input); }}, setup.rounds);
}

void GroupRow(const Setup& setup, size_t groups) {
  const bool large = groups > 1'000'000;
  const auto rows = static_cast<size_t>((large ? 20e6 : 8e6) * setup.scale);
  const Numbers numbers = Draw(rows, groups);
  auto input = std::make_shared<MemoryInput>(MakeInput(numbers.keys, numbers.values, kBatchRows));
  MemoryJobOptions options;
  options.tables = kTable;
  options.query = kGroupBy;
  if (!large) options.directory = setup.scratch / "state";
  const auto kernel = [&] {
    return AggregateRowsPerSecond(numbers.keys, numbers.values, groups) * 1e-6;
  };
  Compare({.name = "GROUP BY count, sum, max into a view, " + Thousands(groups) + " groups",
           .unit = kRate,
           .kernel = "K3, " + Thousands(groups) + " groups",
           .floor = large ? 0.15 : 0.12},
          {kernel, [&] { return RowsPerCpuSecond(options, input); }}, setup.rounds);
}

void SlidingRow(const Setup& setup) {
  constexpr int64_t kRowsPerSecond = 100'000;
  const Numbers numbers = Draw(static_cast<size_t>(12e6 * setup.scale), 1000);
  auto input = std::make_shared<MemoryInput>(MakeInput(numbers.keys, numbers.values, kBatchRows));
  AddTimes(input.get(), kRowsPerSecond);
  MemoryJobOptions tumble, hop;
  tumble.tables = hop.tables =
      std::string(kTimedTable) +
      "CREATE TABLE nowhere (s TIMESTAMP(3), e TIMESTAMP(3), k BIGINT, n BIGINT)"
      " WITH ('connector' = 'blackhole');";
  const auto query = [](const std::string& window) {
    return "INSERT INTO nowhere SELECT window_start, window_end, k, COUNT(*)"
           " FROM TABLE(" +
           window + ") GROUP BY window_start, window_end, k";
  };
  tumble.query = query("TUMBLE(TABLE numbers, DESCRIPTOR(t), INTERVAL '1' MINUTE)");
  hop.query = query("HOP(TABLE numbers, DESCRIPTOR(t), INTERVAL '1' SECOND, INTERVAL '1' MINUTE)");
  Compare(
      {.name = "HOP 1 min / 1 s, 1 k keys", .unit = kRate, .kernel = "TUMBLE 1 min", .floor = 0.4},
      {[&] { return RowsPerCpuSecond(tumble, input); },
       [&] { return RowsPerCpuSecond(hop, input); }},
      setup.rounds);
}

void CheckpointRow(const Setup& setup) {
  constexpr size_t kGroups = 1'000'000;
  // Every group is dirty, and the steps go on while the checkpoint runs.
  Numbers numbers = Draw(2 * kGroups, kGroups);
  for (size_t i = 0; i < kGroups; ++i) numbers.keys[i] = static_cast<int64_t>(i);
  auto input = std::make_shared<MemoryInput>(MakeInput(numbers.keys, numbers.values, kBatchRows));
  input->passes = 6;
  MemoryJobOptions options;
  options.tables = kTable;
  options.query = kGroupBy;
  options.directory = setup.scratch / "state";
  options.checkpoint_interval_micros = 1'500'000;
  const auto gap = [&] {
    MemoryJob job(options, {{"numbers", input}});
    job.Run();
    return static_cast<double>(job.pipeline().longest_gap_micros()) * 1e-3;
  };
  Repeat({.name = "longest gap between steps in a checkpoint of 1 M dirty groups",
          .unit = "ms",
          .floor = 10,
          .at_most = true},
         gap, setup.rounds);
}

}  // namespace millrace::bench
