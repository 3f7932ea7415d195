// Rows from topics, and from topics to topics.
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "bench/engine_run.h"
#include "bench/kafka_client.h"
#include "bench/rows.h"

namespace millrace::bench {
namespace {

constexpr int64_t kCheckpointMicros = 1'000'000;

std::string Brokers() {
  const char* brokers = std::getenv("MILLRACE_BENCH_BROKERS");
  if (brokers == nullptr) throw Error(ErrorCode::kIo, "MILLRACE_BENCH_BROKERS is not set");
  return brokers;
}

Topic Bids() { return {Brokers(), "bids"}; }

// A view, or a job that writes to a topic of its own.
struct TopicQuery {
  std::string sql;
  std::string guarantee;  // "": nothing is written.
};

constexpr std::string_view kCount = R"(
SELECT window_start, window_end, auction, COUNT(*) AS bids
FROM TABLE(TUMBLE(TABLE kafka_bids, DESCRIPTOR(dateTime), INTERVAL '10' SECOND))
GROUP BY window_start, window_end, auction;)";

TopicQuery CountToView() { return {"CREATE MATERIALIZED VIEW counts AS" + std::string(kCount), ""}; }
TopicQuery CountToTopic() { return {"INSERT INTO windows" + std::string(kCount), "exactly-once"}; }
TopicQuery Filter(std::string guarantee) {
  return {"INSERT INTO cheap SELECT auction, bidder, price, dateTime FROM kafka_bids "
          "WHERE MOD(auction + bidder + price, 2) = 0;",
          std::move(guarantee)};
}

// Messages read in a second, from the statement to the end of the job.
double Run(const Setup& setup, const TopicQuery& query, int64_t messages) {
  static int number = 0;
  Topic out{Brokers(), "out" + std::to_string(getpid()) + "-" + std::to_string(++number)};
  std::string tables = ReadFile(setup.sql / "kafka_tables.sql");
  tables = Replace(tables, "${brokers}", out.brokers);
  tables = Replace(tables, "${out}", out.name);
  tables = Replace(tables, "${guarantee}", query.guarantee.empty() ? "none" : query.guarantee);
  EngineOptions options;
  options.base_directory = setup.scratch;
  options.data_directory = setup.scratch / "data";
  options.checkpoint_interval_micros = kCheckpointMicros;
  std::filesystem::remove_all(options.data_directory);
  if (!query.guarantee.empty()) CreateTopic(out);
  const Cost cost = RunSql(options, tables, query.sql);
  std::cerr << "  CPU per message: " << cost.cpu * 1e9 / static_cast<double>(messages) << " ns";
  if (!query.guarantee.empty()) std::cerr << ", written: " << TopicEnd(out);
  std::cerr << '\n';
  return static_cast<double>(messages) / cost.wall;
}

}  // namespace

void KafkaLoad(const Setup& setup) {
  CreateTopic(Bids());
  FillTopic(Bids(), ReadBidLines(setup));
}

void KafkaRows(const Setup& setup) {
  const int64_t messages = TopicEnd(Bids());
  std::cerr << messages << " messages; bare reader: " << ReaderSettings() << '\n';
  const auto bare = [&] {
    double rate = 0;
    const Cost cost = Measure([&] { rate = ReadTopicPerSecond(Bids()) * 1e-6; });
    std::cerr << "  bare CPU per message: " << cost.cpu * 1e9 / static_cast<double>(messages)
              << " ns\n";
    return rate;
  };
  const auto row = [&](const TopicQuery& query) {
    return [&setup, query, messages] { return Run(setup, query, messages) * 1e-6; };
  };
  const auto compare = [&](const std::string& name, double floor, const TopicQuery& query) {
    Compare({.name = name, .unit = "million messages per second", .kernel = "bare reader",
             .floor = floor},
            {bare, row(query)}, setup.rounds);
  };
  const auto repeat = [&](const std::string& name, double floor, const TopicQuery& query) {
    Repeat({.name = name, .unit = "million messages per second", .floor = floor}, row(query),
           setup.rounds);
  };
  compare("topic of JSON bids, TUMBLE 10 s count per auction, view", 0.6, CountToView());
  compare("the same into a topic, exactly once, checkpoints every second", 0.5, CountToTopic());
  repeat("topic, filter that half pass, topic, at least once", 0.3, Filter("at-least-once"));
  repeat("the same exactly once", 0.25, Filter("exactly-once"));
}

void KafkaTicks(const Setup&) { CreateTopic({Brokers(), "ticks"}); }

void KafkaPace(const Setup& setup) {
  const Topic topic{Brokers(), "ticks"};
  ProducePaced(topic, 20'000, std::max(2, static_cast<int>(10 * setup.scale)));
}

}  // namespace millrace::bench
