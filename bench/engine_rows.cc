// Rows that are SQL files run by an engine of their own.
#include <algorithm>
#include <iostream>
#include <set>

#include "bench/engine_run.h"
#include "bench/kernels.h"
#include "bench/rows.h"

namespace millrace::bench {
namespace {

// Runs `sql`, whose jobs read bounded sources, to their end. With `data`, a directory, there are
// checkpoints.
Cost RunSql(const Setup& setup, const std::string& tables, const std::string& sql,
            size_t partitions, const std::filesystem::path& data = {}) {
  EngineOptions options;
  options.base_directory = setup.scratch;
  options.partitions = partitions;
  options.data_directory = data.string();
  return bench::RunSql(options, tables, sql);
}

// Nexmark's tables and sinks, with so many events, 100,000 a second of event time.
std::string NexmarkTables(const Setup& setup, uint64_t events) {
  const std::filesystem::path root = setup.sql.parent_path();
  const std::filesystem::path examples = root / "sql-examples" / "nexmark";
  std::string text = ReadFile(examples / "tables.sql") + ReadFile(examples / "sinks.sql") +
                     ReadFile(setup.sql / "window_sinks.sql");
  text = Replace(text, "'events.num' = '200000'",
                 "'events.num' = '" + std::to_string(events) + "'");
  text = Replace(text, "'first-event.rate' = '1000'", "'first-event.rate' = '100000'");
  return Replace(text, "'path' = 'sql-examples/", "'path' = '" + root.string() + "/sql-examples/");
}

// Nexmark's own queries are examples, the others stand here.
std::string NexmarkQuery(const Setup& setup, const std::string& query) {
  const std::filesystem::path example =
      setup.sql.parent_path() / "sql-examples" / "nexmark" / (query + ".sql");
  if (std::filesystem::exists(example)) return ReadFile(example);
  return ReadFile(setup.sql / ("nexmark_" + query + ".sql"));
}

size_t BidRows(const Setup& setup) { return static_cast<size_t>(2e6 * setup.scale); }

Cost ReadBids(const Setup& setup, size_t partitions) {
  return RunSql(setup, ReadFile(setup.sql / "json_tables.sql"),
                ReadFile(setup.sql / "json_tumble.sql"), partitions);
}

}  // namespace

void NexmarkRow(const Setup& setup, const std::string& query, double floor) {
  const auto events = static_cast<uint64_t>(5e6 * setup.scale);
  const std::string tables = NexmarkTables(setup, events);
  const std::string sql = NexmarkQuery(setup, query);
  // The comment above the statement is the row's name.
  const std::string name = sql.substr(3, sql.find('\n') - 3);
  Repeat(
      {.name = "Nexmark " + name, .unit = "million events per CPU second", .floor = floor},
      [&] {
        const Cost cost = RunSql(setup, tables, sql, 1);
        return static_cast<double>(events) / cost.cpu * 1e-6;
      },
      setup.rounds);
}

void NexmarkCheckpointsRow(const Setup& setup, const std::string& query, double floor) {
  constexpr double kSeconds = 60;
  const std::string sql = NexmarkQuery(setup, query);
  const std::filesystem::path data = setup.scratch / "checkpoints";
  const auto run = [&](uint64_t events) {
    std::filesystem::remove_all(data);
    const Cost cost = RunSql(setup, NexmarkTables(setup, events), sql, 1, data);
    std::filesystem::remove_all(data);
    return cost;
  };
  auto events = static_cast<uint64_t>(1e6 * setup.scale);
  Cost cost = run(events);
  while (cost.wall < kSeconds) {
    events = static_cast<uint64_t>(static_cast<double>(events) *
                                   std::clamp(1.2 * kSeconds / cost.wall, 1.2, 20.0));
    cost = run(events);
  }
  Print({.name = "Nexmark " + query + " with 10 s checkpoints",
         .value = static_cast<double>(events) / cost.cpu * 1e-6,
         .unit = "million events per CPU second",
         .ratio = static_cast<double>(events) / cost.cpu * 1e-6,
         .floor = floor});
}

void NexmarkPartitionsRow(const Setup& setup, const std::string& query, size_t partitions) {
  const auto events = static_cast<uint64_t>(5e6 * setup.scale);
  const Cost cost =
      RunSql(setup, NexmarkTables(setup, events), NexmarkQuery(setup, query), partitions);
  std::cout << "{\"wall\": " << cost.wall << ", \"cpu\": " << cost.cpu << "}\n";
}

void WriteBids(const Setup& setup) {
  const std::string tables = NexmarkTables(setup, BidRows(setup) * 50 / 46);
  RunSql(setup, tables + ReadFile(setup.sql / "json_tables.sql"),
         ReadFile(setup.sql / "json_write.sql"), 1);
}

std::string ReadBidLines(const Setup& setup) {
  // In the order of their times.
  std::set<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(setup.scratch / "bids")) {
    files.insert(entry.path());
  }
  std::string lines;
  for (const auto& file : files) lines += ReadFile(file);
  return lines;
}

void JsonRow(const Setup& setup) {
  std::string lines = ReadBidLines(setup);
  const auto rows = static_cast<size_t>(std::ranges::count(lines, '\n'));
  const size_t bytes = lines.size();
  lines.append(64, ' ');  // What the parser may read behind the end.
  std::cerr << rows << " bids of " << bytes / rows << " bytes\n";
  Compare({.name = "NDJSON bids, TUMBLE 10 s count per auction",
           .unit = "million rows per CPU second",
           .kernel = "K2",
           .floor = 0.4},
          {[&] {
             return DecodeRowsPerSecond({lines.data(), bytes}) * 1e-6;
           },
           [&] { return static_cast<double>(rows) / ReadBids(setup, 1).cpu * 1e-6; }},
          setup.rounds);
}

void JsonPartitionsRow(const Setup& setup, size_t partitions) {
  const Cost cost = ReadBids(setup, partitions);
  std::cout << "{\"wall\": " << cost.wall << ", \"cpu\": " << cost.cpu << "}\n";
}

}  // namespace millrace::bench
