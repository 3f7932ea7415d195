#include "connectors/kafka_producer.h"

#include <librdkafka/rdkafka.h>

#include "connectors/keyed_format.h"
#include "connectors/message_block.h"

namespace millrace {
namespace {

size_t SizeOf(const std::optional<std::string_view>& bytes) { return bytes ? bytes->size() : 0; }

}  // namespace

KafkaTarget TargetOf(const Options& options) {
  KafkaTarget target;
  target.topic = GetString(options, "topic");
  // Changes without a key stay in order only in one partition.
  const FormatDef* format = FindFormat(FindValueFormat(options)->value);
  const bool ordered = format != nullptr && format->envelope != nullptr &&
                       FindOption(options, "key.format") == nullptr;
  if (GetString(options, "sink.partitioner", ordered ? "fixed" : "default") == "fixed") {
    target.partition = 0;
  }
  return target;
}

std::map<std::string, std::string> ProducerSettings(const Options& options) {
  std::map<std::string, std::string> settings = {{"enable.idempotence", "true"}};
  const auto otherwise = [&](const std::string& name, const std::string& value) {
    if (FindOption(options, "properties." + name) == nullptr) settings[name] = value;
  };
  const bool spread = GetString(options, "sink.partitioner") == "round-robin";
  // Java's choice, so that keys lie where other producers put them.
  otherwise("partitioner", spread ? "random" : "murmur2_random");
  otherwise("queue.buffering.max.messages", "1000000");
  return settings;
}

std::string PermanentFault(int error, const std::string& topic) {
  switch (static_cast<rd_kafka_resp_err_t>(error)) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
      return "a message is too large for topic " + topic +
             " (its max.message.bytes, or 'properties.max.request.size')";
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      return "there is no topic " + topic;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
      return "topic " + topic + ": " +
             rd_kafka_err2str(static_cast<rd_kafka_resp_err_t>(error));
    default:
      return "";
  }
}

bool ProduceMessage(KafkaClient* client, const KafkaTarget& target, std::string_view* block,
                    void* opaque) {
  std::string_view rest = *block;
  const Message message = TakeMessage(&rest);
  rd_kafka_headers_t* headers = nullptr;
  for (std::string_view left = message.headers; !left.empty();) {
    const auto [name, value] = TakeHeader(&left);
    if (headers == nullptr) headers = rd_kafka_headers_new(4);
    rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()),
                        value ? value->data() : nullptr,
                        value ? static_cast<ssize_t>(value->size()) : 0);
  }
  const auto text = [](const std::optional<std::string_view>& bytes) {
    return const_cast<char*>(bytes ? bytes->data() : nullptr);  // librdkafka does not write to it.
  };
  // librdkafka's macros have statement expressions. NOLINTBEGIN(clang-diagnostic-*)
  const auto error = rd_kafka_producev(
      client->get(), RD_KAFKA_V_TOPIC(target.topic.c_str()),
      RD_KAFKA_V_PARTITION(target.partition), RD_KAFKA_V_MSGFLAGS(0),
      RD_KAFKA_V_KEY(text(message.key), SizeOf(message.key)),
      RD_KAFKA_V_VALUE(text(message.value), SizeOf(message.value)),
      RD_KAFKA_V_TIMESTAMP(message.time_millis), RD_KAFKA_V_HEADERS(headers),
      RD_KAFKA_V_OPAQUE(opaque), RD_KAFKA_V_END);
  // NOLINTEND(clang-diagnostic-*)
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
    *block = rest;
    return true;
  }
  if (headers != nullptr) rd_kafka_headers_destroy(headers);
  const std::string fault = PermanentFault(error, target.topic);
  if (!fault.empty()) throw Error(ErrorCode::kConflict, fault);
  if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) client->SetNotice(rd_kafka_err2str(error));
  return false;
}

}  // namespace millrace
