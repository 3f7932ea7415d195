// Joins whose inputs lie in memory.
#include <algorithm>
#include <numeric>
#include <random>

#include "bench/measure.h"
#include "bench/memory_job.h"
#include "bench/rows.h"

namespace millrace::bench {
namespace {

constexpr size_t kKeys = 1'000'000;
constexpr size_t kRowsPerKey = 10;
constexpr size_t kRightBatch = 4096;
constexpr size_t kStepBatches = 16;  // A step's rows of both sides are as 1 : 10 too.
constexpr const char* kRate = "million input rows per CPU second";

std::vector<int64_t> Draw(size_t rows, size_t below, std::mt19937_64* random) {
  std::vector<int64_t> values(rows);
  for (int64_t& value : values) value = static_cast<int64_t>((*random)() % below);
  return values;
}

std::shared_ptr<const MemoryInput> Input(std::vector<int64_t> keys, size_t batch_rows,
                                         std::mt19937_64* random) {
  const std::vector<int64_t> values = Draw(keys.size(), 1000, random);
  auto input = std::make_shared<MemoryInput>(MakeInput(keys, values, batch_rows));
  input->step_batches = kStepBatches;
  return input;
}

MemoryInputs GrowingInputs(size_t keys) {
  std::mt19937_64 random(1);
  std::vector<int64_t> left(keys);
  std::iota(left.begin(), left.end(), 0);
  std::ranges::shuffle(left, random);
  return {{"a", Input(std::move(left), kRightBatch / kRowsPerKey, &random)},
          {"b", Input(Draw(keys * kRowsPerKey, keys, &random), kRightBatch, &random)}};
}

// Rows (k, v, id). One row in ten is followed by an update of one that is there: its -1 and its +1.
std::shared_ptr<const MemoryInput> ChangingInput(std::vector<int64_t> keys, size_t batch_rows,
                                                 std::mt19937_64* random) {
  std::vector<int64_t> now = Draw(keys.size(), 1000, random);
  std::vector<int64_t> k, v, id, weights;
  const auto change = [&](size_t row, int64_t weight) {
    k.push_back(keys[row]);
    v.push_back(now[row]);
    id.push_back(static_cast<int64_t>(row));
    weights.push_back(weight);
  };
  for (size_t row = 0; row < keys.size(); ++row) {
    change(row, 1);
    if ((*random)() % 10 != 0) continue;
    const size_t old = (*random)() % (row + 1);
    change(old, -1);
    ++now[old];
    change(old, 1);
  }
  auto input = std::make_shared<MemoryInput>(MakeInput(k, v, batch_rows));
  AddColumn(input.get(), id);
  size_t at = 0;
  for (Batch& batch : input->batches) {
    for (size_t i = 0; i < batch.size; ++i) batch.weights.push_back(weights[at++]);
  }
  input->step_batches = kStepBatches;
  return input;
}

MemoryInputs ChangingInputs(size_t keys) {
  std::mt19937_64 random(1);
  std::vector<int64_t> left(keys);
  std::iota(left.begin(), left.end(), 0);
  std::ranges::shuffle(left, random);
  return {{"a", ChangingInput(std::move(left), kRightBatch / kRowsPerKey, &random)},
          {"b", ChangingInput(Draw(keys * kRowsPerKey, keys, &random), kRightBatch, &random)}};
}

// Two streams side by side in event time.
MemoryInputs TimedInputs(size_t rows, size_t keys, int64_t rate) {
  std::mt19937_64 random(1);
  MemoryInputs inputs;
  for (const char* name : {"a", "b"}) {
    MemoryInput input =
        MakeInput(Draw(rows, keys, &random), Draw(rows, 1000, &random), kRightBatch);
    input.step_batches = kStepBatches;
    AddTimes(&input, rate);
    inputs[name] = std::make_shared<MemoryInput>(std::move(input));
  }
  return inputs;
}

size_t RowsOf(const MemoryInputs& inputs) {
  size_t rows = 0;
  for (const auto& [name, input] : inputs) rows += input->rows;
  return rows;
}

MemoryJobOptions JoinOptions() {
  MemoryJobOptions options;
  options.tables =
      "CREATE TABLE a (k BIGINT NOT NULL, v BIGINT NOT NULL);"
      "CREATE TABLE b (k BIGINT NOT NULL, v BIGINT NOT NULL);"
      "CREATE TABLE nowhere (k BIGINT, v BIGINT, w BIGINT) WITH ('connector' = 'blackhole');";
  options.query = "INSERT INTO nowhere SELECT a.k, a.v, b.v FROM a JOIN b ON a.k = b.k";
  return options;
}

}  // namespace

void JoinRow(const Setup& setup, bool checkpoints) {
  const MemoryInputs inputs = GrowingInputs(static_cast<size_t>(kKeys * setup.scale));
  MemoryJobOptions options = JoinOptions();
  if (checkpoints) options.directory = setup.scratch / "state";
  Repeat(
      {.name = std::string("inner join, both sides growing 1 : 10, 1 M keys") +
               (checkpoints ? ", checkpoints" : ""),
       .unit = kRate,
       .floor = checkpoints ? 0.5 : 1.5},
      [&] {
        MemoryJob job(options, inputs);
        const Cost cost = Measure([&] { job.Run(); });
        return static_cast<double>(RowsOf(inputs)) / cost.cpu * 1e-6;
      },
      setup.rounds);
}

void LeftJoinRow(const Setup& setup) {
  const MemoryInputs inputs = ChangingInputs(static_cast<size_t>(kKeys * setup.scale));
  MemoryJobOptions options;
  for (const std::string name : {"a", "b"}) {
    options.tables += "CREATE TABLE " + name +
                      " (k BIGINT NOT NULL, v BIGINT NOT NULL, id BIGINT NOT NULL,"
                      " PRIMARY KEY (id) NOT ENFORCED);";
  }
  options.tables +=
      "CREATE TABLE nowhere (k BIGINT, v BIGINT, w BIGINT) WITH ('connector' = 'blackhole');";
  options.query = "INSERT INTO nowhere SELECT a.k, a.v, b.v FROM a LEFT JOIN b ON a.k = b.k";
  Repeat(
      {.name = "left join, both sides growing 1 : 10, 10 % updates, 1 M keys",
       .unit = "million input changes per CPU second",
       .floor = 0.7},
      [&] {
        MemoryJob job(options, inputs);
        const Cost cost = Measure([&] { job.Run(); });
        return static_cast<double>(RowsOf(inputs)) / cost.cpu * 1e-6;
      },
      setup.rounds);
}

void IntervalJoinRow(const Setup& setup) {
  constexpr int64_t kRowsPerSecond = 833;
  const MemoryInputs inputs = TimedInputs(static_cast<size_t>(2'000'000 * setup.scale),
                                          static_cast<size_t>(kKeys * setup.scale), kRowsPerSecond);
  MemoryJobOptions options;
  for (const std::string name : {"a", "b"}) {
    options.tables += "CREATE TABLE " + name +
                      " (k BIGINT NOT NULL, v BIGINT NOT NULL, ts TIMESTAMP(3) NOT NULL, "
                      "WATERMARK FOR ts AS ts - INTERVAL '1' SECOND);";
  }
  options.tables +=
      "CREATE TABLE nowhere (k BIGINT, v BIGINT, w BIGINT) WITH ('connector' = 'blackhole');";
  options.query =
      "INSERT INTO nowhere SELECT a.k, a.v, b.v FROM a JOIN b ON a.k = b.k AND "
      "b.ts BETWEEN a.ts - INTERVAL '10' MINUTE AND a.ts + INTERVAL '10' MINUTE";
  Repeat(
      {.name = "interval join of 833 rows/s each, 10 min to either side, 1 M keys",
       .unit = kRate,
       .floor = 1},
      [&] {
        MemoryJob job(options, inputs);
        const Cost cost = Measure([&] { job.Run(); });
        return static_cast<double>(RowsOf(inputs)) / cost.cpu * 1e-6;
      },
      setup.rounds);
}

void JoinMemoryRow(const Setup& setup) {
  constexpr double kKeptBytes = 16;  // Two BIGINT.
  const MemoryInputs inputs = GrowingInputs(static_cast<size_t>(kKeys * setup.scale));
  Repeat(
      {.name = "its state beyond the kept columns",
       .unit = "bytes a row",
       .floor = 48,
       .at_most = true},
      [&] {
        MemoryJob job(JoinOptions(), inputs);
        job.Run();
        const auto bytes = static_cast<double>(job.state_bytes());
        return bytes / static_cast<double>(RowsOf(inputs)) - kKeptBytes;
      },
      1);
}

}  // namespace millrace::bench
