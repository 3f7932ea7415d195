// The options 'properties.*' of Flink's scripts, which are the Java client's, as librdkafka wants
// them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "connectors/connector.h"

namespace millrace {

enum class KafkaRole : uint8_t { kConsumer, kProducer };

struct KafkaProperties {
  std::map<std::string, std::string> values;  // As librdkafka names them.
  std::vector<std::string> ignored;           // 'properties.*' that have no meaning here.
};

// Translates; throws Error(kInvalidOption) at an option that has no equivalent. What librdkafka makes
// of the values is for CheckKafkaProperties (connectors/kafka_client.h).
KafkaProperties TranslateKafkaProperties(const Options& options, KafkaRole role);

}  // namespace millrace
