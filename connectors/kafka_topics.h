// What a Kafka cluster has, for statements about topics.
#pragma once

#include <map>
#include <string>

#include "connectors/connector.h"

namespace millrace {

// Of all topics to their numbers of partitions, as the brokers of 'properties.*' say. Throws
// Error(kInvalidOption) at an option, kNotReady when the brokers do not answer.
std::map<std::string, size_t> ListKafkaTopics(const Options& options);

}  // namespace millrace
