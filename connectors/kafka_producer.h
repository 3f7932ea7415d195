// Hands messages (connectors/message_block.h) to a librdkafka producer.
#pragma once

#include <string>
#include <string_view>

#include "connectors/kafka_client.h"

namespace millrace {

struct KafkaTarget {
  std::string topic;
  int32_t partition = -1;  // -1: librdkafka's choice by the key.
};

KafkaTarget TargetOf(const Options& options);
std::map<std::string, std::string> ProducerSettings(const Options& options);

// Produces the first message of `block` and takes it off; false when the producer's queue is full,
// and the block is as it was. The message's bytes are not copied. `opaque` comes back with its
// delivery. Throws Error when the message can never be sent.
bool ProduceMessage(KafkaClient* client, const KafkaTarget& target, std::string_view* block,
                    void* opaque);

// An error that no repetition heals: what it says of the topic; "" otherwise. Such ones are thrown as
// Error(kConflict), so that their job fails and is not restarted.
std::string PermanentFault(int error, const std::string& topic);

}  // namespace millrace
