// Rows about state that is larger than memory.
#include <unistd.h>

#include <atomic>
#include <iostream>
#include <random>
#include <thread>

#include "base/memory.h"
#include "base/clock.h"
#include "bench/measure.h"
#include "bench/memory_job.h"
#include "bench/rows.h"

namespace millrace::bench {
namespace {

constexpr size_t kBatchRows = 4096;
constexpr size_t kBudget = 250 << 20;

// The most that the process has had since this was made.
class PeakMemory {
 public:
  PeakMemory() : thread_([this] { Watch(); }) {}
  ~PeakMemory() { Stop(); }
  size_t Stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    return peak_;
  }

 private:
  void Watch() {
    while (!stop_) {
      peak_ = std::max(peak_.load(), ResidentBytes());
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

  std::atomic<bool> stop_ = false;
  std::atomic<size_t> peak_ = 0;
  std::thread thread_;
};

Column Numbers(const std::vector<int64_t>& values) {
  Column column(TypeId::kBigInt, values.size());
  std::memcpy(column.mutable_data<int64_t>(), values.data(), values.size() * sizeof(int64_t));
  return column;
}

// Every key once, then keys of which 90 % are of the first tenth.
struct SkewedInput {
  SkewedInput(size_t keys, size_t updates) {
    const size_t load = (keys + kBatchRows - 1) / kBatchRows;
    input = std::make_shared<MemoryInput>();
    input->made = load + (updates + kBatchRows - 1) / kBatchRows;
    input->make = [this, keys, load](size_t n) {
      if (n == load) updates_began = NowMicros();
      std::mt19937_64 random(n);
      std::vector<int64_t> k(kBatchRows), v(kBatchRows);
      for (size_t i = 0; i < kBatchRows; ++i) {
        const size_t among = random() % 10 < 9 ? keys / 10 : keys;
        const size_t key = n < load ? (n * kBatchRows + i) % keys : random() % among;
        // Not in the order of the numbers, nor are those that are asked for often together.
        k[i] = static_cast<int64_t>(key * 0x9E3779B97F4A7C15u >> 8);
        v[i] = static_cast<int64_t>(random() % 1000);
      }
      Batch batch;
      batch.size = kBatchRows;
      batch.columns = {Numbers(k), Numbers(v)};
      return batch;
    };
  }

  std::shared_ptr<MemoryInput> input;
  std::atomic<int64_t> updates_began = 0;
};

double UpdatesPerSecond(const Setup& setup, size_t budget) {
  const auto keys = static_cast<size_t>(10e6 * setup.scale);
  const auto updates = static_cast<size_t>(20e6 * setup.scale);
  SkewedInput input(keys, updates);
  MemoryJobOptions options;
  options.tables = "CREATE TABLE numbers (k BIGINT NOT NULL, v BIGINT NOT NULL);";
  options.query =
      "CREATE MATERIALIZED VIEW totals AS"
      " SELECT k, COUNT(*) AS n, SUM(v) AS total FROM numbers GROUP BY k";
  options.directory = setup.scratch / "state";
  options.partitions = 2;
  options.memory_budget = budget;
  MemoryJob job(options, {{"numbers", input.input}});
  PeakMemory peak;
  const int64_t began = NowMicros();
  job.Run();
  const int64_t ended = NowMicros();
  const ColdCounts cold = job.pipeline().FindJob(1)->flow->cold_counts();
  std::cerr << (budget > 0 ? "with a budget of " + std::to_string(budget >> 20) + " MB"
                           : std::string("all in memory"))
            << ": loaded in " << static_cast<double>(input.updates_began - began) / 1e6
            << " s, updates in " << static_cast<double>(ended - input.updates_began) / 1e6
            << " s, state in memory " << (job.state_bytes() >> 20) << " MB, peak of the process "
            << (peak.Stop() >> 20) << " MB; evicted " << cold.evicted_rows << " rows, "
            << (cold.evicted_bytes >> 20) << " MB; asked for " << cold.asked_rows << ", found "
            << cold.read_rows << "; " << job.pipeline().checkpoints() << " checkpoints\n";
  return static_cast<double>(updates) / static_cast<double>(ended - input.updates_began);
}

}  // namespace

void ColdStateRow(const Setup& setup) {
  Compare({.name = "keyed updates, 10 M keys, 90 % on 10 % of them, 250 MB for the state",
           .unit = "million rows per second",
           .kernel = "all in memory",
           .floor = 0.2},
          {[&] { return UpdatesPerSecond(setup, 0); },
           [&] {
             return UpdatesPerSecond(
                 setup, static_cast<size_t>(static_cast<double>(kBudget) * setup.scale));
           }},
          setup.rounds);
}

void ColdStateBudgetRow(const Setup& setup) {
  const auto budget = static_cast<size_t>(static_cast<double>(kBudget) * setup.scale);
  Repeat({.name = "the same, alone", .unit = "million rows per second", .floor = 0.15},
         [&] { return UpdatesPerSecond(setup, budget); }, setup.rounds);
}

// A state of long texts: 5 GB in the directory at scale 1.
void RestartRow(const Setup& setup) {
  constexpr size_t kTextBytes = 1000;
  const auto keys = static_cast<size_t>(2.5e6 * setup.scale);
  const size_t load = keys / kBatchRows + 1;
  auto input = std::make_shared<MemoryInput>();
  input->made = load;
  input->endless = true;
  input->make = [keys](size_t n) {
    std::mt19937_64 random(n);
    auto heap = std::make_shared<Arena>();
    std::vector<int64_t> k(kBatchRows);
    Column texts(TypeId::kString, kBatchRows);
    for (size_t i = 0; i < kBatchRows; ++i) {
      k[i] = static_cast<int64_t>((n * kBatchRows + i) % keys);
      std::string text(kTextBytes, ' ');
      for (char& c : text) c = static_cast<char>('!' + random() % 90);
      texts.mutable_data<StringRef>()[i] = StringRef(heap->Copy(text));
    }
    texts.KeepAlive(heap);
    Batch batch;
    batch.size = kBatchRows;
    batch.columns = {Numbers(k), std::move(texts)};
    return batch;
  };
  MemoryJobOptions options;
  options.tables = "CREATE TABLE texts (k BIGINT NOT NULL, v STRING NOT NULL);";
  options.query =
      "CREATE MATERIALIZED VIEW longest AS SELECT k, COUNT(*) AS n, MAX(v) AS v FROM texts"
      " GROUP BY k";
  options.directory = setup.scratch / "restart";
  options.partitions = 2;
  options.memory_budget = static_cast<size_t>(1e9);
  options.keep = true;
  MemoryJob(options, {{"texts", input}}).RunTo(load * kBatchRows);
  uint64_t bytes = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(options.directory)) {
    if (file.is_regular_file()) bytes += file.file_size();
  }
  options.resume = true;
  Repeat({.name = "restart with " + std::to_string(bytes >> 20) + " MB of state to the first step",
          .unit = "s",
          .floor = 5,
          .at_most = true},
         [&] {
           input->made += 16;  // There is more to read.
           const int64_t began = NowMicros();
           MemoryJob job(options, {{"texts", input}});
           const int64_t opened = NowMicros();
           const uint64_t steps = job.pipeline().FindJob(1)->steps;
           job.pipeline().Start();
           while (job.pipeline().Between(
                      [&] { return job.pipeline().FindJob(1)->steps; }) == steps) {
             std::this_thread::sleep_for(std::chrono::milliseconds(1));
           }
           const int64_t ended = NowMicros();
           std::cerr << "opened in " << static_cast<double>(opened - began) / 1e6
                     << " s, process of " << (ResidentBytes() >> 20) << " MB\n";
           return static_cast<double>(ended - began) / 1e6;
         },
         setup.rounds);
  std::filesystem::remove_all(options.directory);
}

}  // namespace millrace::bench
