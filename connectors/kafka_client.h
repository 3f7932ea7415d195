// A librdkafka client with its settings, and what it says of the brokers. Owners of the handles are
// here, so that librdkafka's header stays in kafka_*.cc.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "connectors/connector.h"
#include "connectors/kafka_config.h"

struct rd_kafka_s;
struct rd_kafka_message_s;
struct rd_kafka_topic_s;
struct rd_kafka_queue_s;
struct rd_kafka_topic_partition_list_s;

namespace millrace {

struct KafkaTopicDeleter {
  void operator()(rd_kafka_topic_s* topic) const;
};
struct KafkaQueueDeleter {
  void operator()(rd_kafka_queue_s* queue) const;
};
struct KafkaListDeleter {
  void operator()(rd_kafka_topic_partition_list_s* list) const;
};
using KafkaTopic = std::unique_ptr<rd_kafka_topic_s, KafkaTopicDeleter>;
using KafkaQueue = std::unique_ptr<rd_kafka_queue_s, KafkaQueueDeleter>;
using KafkaList = std::unique_ptr<rd_kafka_topic_partition_list_s, KafkaListDeleter>;

// Throws Error(kInvalidOption) at the option that librdkafka does not take; returns notices of
// options without effect. Starts nothing.
std::vector<std::string> CheckKafkaProperties(const Options& options, KafkaRole role);

// The thread-safe handle of one client. Its threads end with it.
class KafkaClient {
 public:
  // Called for every message that a producer has delivered or given up, from Poll.
  using OnDelivery = std::function<void(const rd_kafka_message_s&)>;

  // `settings`: librdkafka's, over those of the options. Throws Error(kInvalidOption).
  KafkaClient(const Options& options, KafkaRole role, std::map<std::string, std::string> settings,
              OnDelivery on_delivery = {});
  ~KafkaClient();
  KafkaClient(const KafkaClient&) = delete;
  KafkaClient& operator=(const KafkaClient&) = delete;

  rd_kafka_s* get() const { return handle_; }
  // Serves callbacks for up to so long.
  void Poll(int millis);
  // What the brokers' absence or refusal keeps from working; "" when nothing is known.
  std::string notice() const;
  void SetNotice(std::string text);
  // Of topics to numbers of partitions, from the brokers; only `topic`, or all when it is empty.
  // Sets or clears the notice. Nothing when the brokers do not answer.
  std::map<std::string, size_t> FindTopics(const std::string& topic, int timeout_millis,
                                           bool* answered);

 private:
  friend struct KafkaCallbacks;

  rd_kafka_s* handle_ = nullptr;
  OnDelivery on_delivery_;
  mutable std::mutex mutex_;
  std::string notice_;
};

}  // namespace millrace
