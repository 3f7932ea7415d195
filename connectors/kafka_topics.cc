#include "connectors/kafka_topics.h"

#include "connectors/kafka_client.h"

namespace millrace {

std::map<std::string, size_t> ListKafkaTopics(const Options& options) {
  constexpr int kTimeoutMillis = 10'000;
  KafkaClient client(options, KafkaRole::kConsumer, {});
  bool answered = false;
  std::map<std::string, size_t> topics = client.FindTopics("", kTimeoutMillis, &answered);
  if (answered) return topics;
  throw Error(ErrorCode::kNotReady, client.notice(),
              ValueRange(options, "properties.bootstrap.servers"));
}

}  // namespace millrace
