// A materialized view or an INSERT over rows that lie in memory: the real plan, operators, steps,
// journal and checkpoints, without a connector in front.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "executor/pipeline.h"
#include "planner/planner.h"

namespace millrace::bench {

struct MemoryInput {
  std::vector<Batch> batches;  // All columns of the table, batch after batch.
  size_t passes = 1;           // How often they are read.
  size_t rows = 0;             // Of one pass.
  size_t step_batches = 0;     // Read by one step at most; 0: as many as it takes.
  // Instead of `batches`: makes each of `made` ones when it is read, on one thread.
  std::function<Batch(size_t)> make;
  size_t made = 0;
  bool endless = false;  // More may come when all is read.
};
// By the names of the tables.
using MemoryInputs = std::map<std::string, std::shared_ptr<const MemoryInput>>;

// `keys` and `values` as BIGINT columns in batches of `batch_rows` rows.
MemoryInput MakeInput(std::span<const int64_t> keys, std::span<const int64_t> values,
                      size_t batch_rows);
// Appends a BIGINT column.
void AddColumn(MemoryInput* input, std::span<const int64_t> values);
// Appends a column of times, `rate` rows a second.
void AddTimes(MemoryInput* input, int64_t rate);

struct MemoryJobOptions {
  std::string tables;     // CREATE TABLE statements; those without a connector are read.
  std::string query;      // CREATE MATERIALIZED VIEW or INSERT.
  std::string directory;  // "": no checkpoints.
  int64_t checkpoint_interval_micros = 10'000'000;
  size_t partitions = 1;
  size_t memory_budget = 0;
  bool keep = false;    // The directory, at the end.
  bool resume = false;  // From what is in the directory.
};

class MemoryJob {
 public:
  MemoryJob(const MemoryJobOptions& options, MemoryInputs inputs);
  ~MemoryJob();

  // Steps on this thread until the input has ended.
  void Run();
  // Of an endless input: until so many rows are read, and a checkpoint of that.
  void RunTo(uint64_t rows);
  size_t state_bytes() const;
  // Runs on its own thread and takes a checkpoint whenever asked.
  Pipeline& pipeline() { return *pipeline_; }

 private:
  MemoryJobOptions options_;
  MemoryInputs inputs_;
  Catalog catalog_;
  Session session_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<WorkerPool> pool_;
  std::unique_ptr<MemoryBudget> budget_;
  std::unique_ptr<Pipeline> pipeline_;
  std::shared_ptr<const Plan> plan_;

  PlanContext Context();
  void Bind();
};

}  // namespace millrace::bench
