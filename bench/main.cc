// millrace_bench SQL_DIR SCRATCH_DIR SCALE ROUNDS ROW...: prints the rows as lines of JSON. See
// bench/run.
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>

#include "base/error.h"
#include "base/memory.h"
#include "bench/kernels.h"
#include "bench/measure.h"
#include "bench/rows.h"

namespace {

using millrace::bench::Setup;

std::map<std::string, std::function<void(const Setup&)>> Rows() {
  using namespace millrace::bench;
  std::map<std::string, std::function<void(const Setup&)>> rows;
  rows["k1"] = [](const Setup& setup) {
    Repeat(
        {.name = "K1 memcpy", .unit = "GB/s"}, [] { return CopyBytesPerSecond() * 1e-9; },
        setup.rounds);
  };
  rows["filter"] = FilterRow;
  rows["group1k"] = [](const Setup& setup) { GroupRow(setup, 1'000); };
  rows["group100k"] = [](const Setup& setup) { GroupRow(setup, 100'000); };
  rows["group10m"] = [](const Setup& setup) { GroupRow(setup, 10'000'000); };
  constexpr std::pair<const char*, double> kNexmark[] = {
      {"q0", 4.5}, {"q1", 4.5},  {"q2", 4.5}, {"q3", 5},   {"q4", 1.2}, {"q5", 2.5},
      {"q6", 0.6},  {"q7", 1.8},  {"q8", 4},    {"q9", 0.8},  {"q10", 1.5}, {"q11", 2},
      {"q12", 3},   {"q13", 3},   {"q14", 3},   {"q15", 2},   {"q16", 1},   {"q17", 2},
      {"q18", 1.2}, {"q19", 1},   {"q20", 1.2}, {"q21", 2},   {"q22", 3},   {"q23", 0.8},
      {"p1", 0},    {"p2", 0},    {"p3", 0},    {"p4", 0}};
  for (const auto& [query, floor] : kNexmark) {
    rows[query] = [query = std::string(query), floor = floor](const Setup& setup) {
      NexmarkRow(setup, query, floor);
    };
  }
  constexpr std::pair<const char*, double> kWithCheckpoints[] = {
      {"q3", 3},   {"q20", 0.4}, {"q23", 0.3}, {"q4", 0.6},  {"q9", 0.4},
      {"q18", 0.6}, {"q19", 0.6}, {"q15", 1.5}, {"q16", 0.8}, {"q17", 1.2}};
  for (const auto& [query, floor] : kWithCheckpoints) {
    rows[std::string(query) + "_checkpoints"] =
        [query = std::string(query), floor = floor](const Setup& setup) {
          NexmarkCheckpointsRow(setup, query, floor);
        };
  }
  rows["q20_1"] = [](const Setup& setup) { NexmarkPartitionsRow(setup, "q20", 1); };
  rows["q20_2"] = [](const Setup& setup) { NexmarkPartitionsRow(setup, "q20", 2); };
  rows["plan_one"] = PlanOneRow;
  rows["plan_joins"] = PlanJoinsRow;
  rows["tumble"] = [](const Setup& setup) { NexmarkRow(setup, "tumble", 4); };
  rows["hop"] = [](const Setup& setup) { NexmarkRow(setup, "hop", 3); };
  rows["tumble_view"] = [](const Setup& setup) { NexmarkRow(setup, "tumble_view", 0); };
  rows["hop_view"] = [](const Setup& setup) { NexmarkRow(setup, "hop_view", 0); };
  rows["sliding"] = SlidingRow;
  rows["json_write"] = WriteBids;
  rows["json"] = JsonRow;
  rows["json1"] = [](const Setup& setup) { JsonPartitionsRow(setup, 1); };
  rows["json2"] = [](const Setup& setup) { JsonPartitionsRow(setup, 2); };
  rows["kafka_load"] = KafkaLoad;
  rows["kafka"] = KafkaRows;
  rows["kafka_ticks"] = KafkaTicks;
  rows["kafka_pace"] = KafkaPace;
  rows["checkpoint"] = CheckpointRow;
  rows["join"] = [](const Setup& setup) { JoinRow(setup, false); };
  rows["join_checkpoints"] = [](const Setup& setup) { JoinRow(setup, true); };
  rows["interval_join"] = IntervalJoinRow;
  rows["join_left"] = LeftJoinRow;
  rows["join_memory"] = JoinMemoryRow;
  rows["cold_state"] = ColdStateRow;
  rows["cold_state_alone"] = ColdStateBudgetRow;
  rows["restart"] = RestartRow;
  return rows;
}

}  // namespace

int main(int argc, char** argv) {
  millrace::KeepFreedMemory();
  const auto rows = Rows();
  if (argc < 6) {
    std::cerr << "usage: millrace_bench SQL_DIR SCRATCH_DIR SCALE ROUNDS ROW...\n";
    return 2;
  }
  const Setup setup{argv[1], argv[2], std::atoi(argv[4]), std::atof(argv[3])};
  std::filesystem::create_directories(setup.scratch);
  for (int i = 5; i < argc; ++i) {
    const auto row = rows.find(argv[i]);
    if (row == rows.end()) {
      std::cerr << "no row " << argv[i] << '\n';
      return 2;
    }
    try {
      row->second(setup);
    } catch (const millrace::Error& error) {
      std::cerr << argv[i] << ": " << error.message << '\n';
      return 1;
    }
  }
  return 0;
}
