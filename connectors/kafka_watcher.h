// The thread of a Kafka source that talks to the brokers where answers take time: which partitions
// there are, where to start and stop in them, how long they are.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "connectors/kafka_client.h"
#include "connectors/kafka_offsets.h"
#include "connectors/name_pattern.h"

namespace millrace {

struct KafkaPartition {
  std::string topic;
  int32_t number = 0;
  KafkaPosition start;  // By the options, for a partition that was never read.
  int64_t end = 0;      // Where the next record will be written, when it was found.
  bool late = false;    // It came up after the first ones.
  std::string name() const { return topic + "/" + std::to_string(number); }
};

class KafkaWatcher {
 public:
  // `on_change` is called from the thread when there are partitions and about ten times a second
  // while `ticking`.
  KafkaWatcher(const ConnectorContext& context, KafkaClient* client,
               std::function<void()> on_change, bool ticking);
  ~KafkaWatcher();

  // All partitions found so far; the list only grows.
  std::vector<KafkaPartition> partitions() const;

 private:
  void Run();
  // Looks for partitions; false when the brokers did not answer, so that it has to be repeated.
  bool Discover();
  std::map<std::string, size_t> MatchingTopics(bool* answered);
  bool Resolve(std::vector<KafkaPartition>* found);
  // Of each partition the offset that `spec` means, and its end; false when the brokers did not
  // answer.
  bool FindOffsets(const OffsetSpec& spec, std::vector<KafkaPartition>* partitions,
                   std::vector<int64_t>* offsets);
  bool FindWatermarks(const KafkaPartition& partition, int64_t* low, int64_t* high);

  const Options options_;
  KafkaClient* const client_;
  const std::function<void()> on_change_;
  const bool ticking_, has_group_;
  const OffsetSpec start_, stop_;
  std::vector<std::string> topics_;
  std::optional<NamePattern> pattern_;
  const int64_t discovery_micros_;  // 0: once.

  mutable std::mutex mutex_;
  std::vector<KafkaPartition> partitions_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;  // Last: it uses the rest.
};

// 'topic', split at semicolons.
std::vector<std::string> TopicList(const Options& options);
// 'topic-pattern'. Throws Error(kInvalidOption).
std::optional<NamePattern> TopicPattern(const Options& options);

}  // namespace millrace
