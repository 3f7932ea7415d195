// The rows of the table, by subject.
#pragma once

#include <filesystem>
#include <string>

namespace millrace::bench {

struct Setup {
  std::filesystem::path sql;      // bench/*.sql
  std::filesystem::path scratch;  // An empty directory for files and state.
  int rounds = 3;
  double scale = 1;  // Of the number of rows.
};

// In memory: K4 against filter and project, K3 against GROUP BY.
void FilterRow(const Setup& setup);
void GroupRow(const Setup& setup, size_t groups);
void SlidingRow(const Setup& setup);     // HOP 1 min / 1 s against TUMBLE 1 min.
void CheckpointRow(const Setup& setup);  // The longest gap.
// Two growing inputs, one row per key on the left and ten on the right.
void JoinRow(const Setup& setup, bool checkpoints);
void LeftJoinRow(const Setup& setup);  // One in ten changes of a side is an update.
void IntervalJoinRow(const Setup& setup);
void JoinMemoryRow(const Setup& setup);  // Its state, without the kept columns.

// State larger than memory.
void ColdStateRow(const Setup& setup);
void ColdStateBudgetRow(const Setup& setup);  // Without the comparison.
void RestartRow(const Setup& setup);

// From text to plan.
void PlanOneRow(const Setup& setup);
void PlanJoinsRow(const Setup& setup);

// By SQL through the engine.
void NexmarkRow(const Setup& setup, const std::string& query, double floor);
// The same with a checkpoint every 10 s, over a minute at least.
void NexmarkCheckpointsRow(const Setup& setup, const std::string& query, double floor);
// Runs it on so many partitions, printing seconds.
void NexmarkPartitionsRow(const Setup& setup, const std::string& query, size_t partitions);
void JsonRow(const Setup& setup);
// Makes DIR/bids.json; and reads it on so many partitions, printing rows and seconds.
void WriteBids(const Setup& setup);
void JsonPartitionsRow(const Setup& setup, size_t partitions);
std::string ReadBidLines(const Setup& setup);  // What WriteBids made.

// Over a broker, whose address the environment has in MILLRACE_BENCH_BROKERS.
void KafkaLoad(const Setup& setup);  // The bids into the topic `bids`, on two partitions.
void KafkaRows(const Setup& setup);  // Against a bare reader.
void KafkaTicks(const Setup& setup);  // Makes the topic `ticks`.
void KafkaPace(const Setup& setup);  // 20,000 messages a second into it.

}  // namespace millrace::bench
