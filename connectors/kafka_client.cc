#include "connectors/kafka_client.h"

#include <librdkafka/rdkafka.h>

#include "base/log.h"

namespace millrace {

// librdkafka's callbacks, from its threads or from Poll.
struct KafkaCallbacks {
  static void OnError(rd_kafka_t*, int code, const char* reason, void* opaque) {
    auto* client = static_cast<KafkaClient*>(opaque);
    const auto error = static_cast<rd_kafka_resp_err_t>(code);
    client->SetNotice(std::string(rd_kafka_err2str(error)) + ": " + reason);
  }
  static void OnLog(const rd_kafka_t*, int level, const char*, const char* text) {
    // Lost connections and the like are in the job's notice.
    Log(level <= 3 ? LogLevel::kWarning : LogLevel::kDebug, "kafka", text);
  }
  static void OnDelivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
    static_cast<KafkaClient*>(opaque)->on_delivery_(*message);
  }
};

namespace {

struct ConfDeleter {
  void operator()(rd_kafka_conf_t* conf) const { rd_kafka_conf_destroy(conf); }
};
using Conf = std::unique_ptr<rd_kafka_conf_t, ConfDeleter>;

std::string Set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value) {
  char text[512];
  const auto result = rd_kafka_conf_set(conf, name.c_str(), value.c_str(), text, sizeof text);
  return result == RD_KAFKA_CONF_OK ? "" : text;
}

// The option's place for an error about librdkafka's property.
std::optional<SourceRange> RangeOf(const Options& options, const std::string& name) {
  if (const auto range = ValueRange(options, "properties." + name)) return range;
  return ValueRange(options, "properties.bootstrap.servers");
}

Conf MakeConf(const Options& options, KafkaRole role) {
  Conf conf(rd_kafka_conf_new());
  for (const auto& [name, value] : TranslateKafkaProperties(options, role).values) {
    const std::string fault = Set(conf.get(), name, value);
    if (fault.empty()) continue;
    throw Error(ErrorCode::kInvalidOption, "option 'properties." + name + "': " + fault,
                RangeOf(options, name));
  }
  return conf;
}

}  // namespace

void KafkaTopicDeleter::operator()(rd_kafka_topic_s* topic) const { rd_kafka_topic_destroy(topic); }
void KafkaQueueDeleter::operator()(rd_kafka_queue_s* queue) const { rd_kafka_queue_destroy(queue); }
void KafkaListDeleter::operator()(rd_kafka_topic_partition_list_s* list) const {
  rd_kafka_topic_partition_list_destroy(list);
}

std::vector<std::string> CheckKafkaProperties(const Options& options, KafkaRole role) {
  MakeConf(options, role);
  std::vector<std::string> notices;
  for (const std::string& name : TranslateKafkaProperties(options, role).ignored) {
    notices.push_back("option 'properties." + name + "' has no effect");
  }
  return notices;
}

KafkaClient::KafkaClient(const Options& options, KafkaRole role,
                         std::map<std::string, std::string> settings, OnDelivery on_delivery)
    : on_delivery_(std::move(on_delivery)) {
  Conf conf = MakeConf(options, role);
  if (FindOption(options, "properties.reconnect.backoff.max.ms") == nullptr) {
    settings.emplace("reconnect.backoff.max.ms", "1000");
  }
  for (const auto& [name, value] : settings) {
    const std::string fault = Set(conf.get(), name, value);
    if (!fault.empty()) throw Error(ErrorCode::kInternal, "librdkafka: " + fault);
  }
  rd_kafka_conf_set_opaque(conf.get(), this);
  rd_kafka_conf_set_error_cb(conf.get(), KafkaCallbacks::OnError);
  rd_kafka_conf_set_log_cb(conf.get(), KafkaCallbacks::OnLog);
  if (on_delivery_) rd_kafka_conf_set_dr_msg_cb(conf.get(), KafkaCallbacks::OnDelivery);
  char text[512];
  const auto type = role == KafkaRole::kConsumer ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER;
  handle_ = rd_kafka_new(type, conf.get(), text, sizeof text);
  if (handle_ == nullptr) {
    throw Error(ErrorCode::kInvalidOption, std::string("librdkafka: ") + text,
                ValueRange(options, "properties.bootstrap.servers"));
  }
  static_cast<void>(conf.release());  // The handle owns it now.
}

KafkaClient::~KafkaClient() { rd_kafka_destroy(handle_); }

void KafkaClient::Poll(int millis) { rd_kafka_poll(handle_, millis); }

std::string KafkaClient::notice() const {
  std::lock_guard lock(mutex_);
  return notice_;
}

void KafkaClient::SetNotice(std::string text) {
  std::lock_guard lock(mutex_);
  notice_ = std::move(text);
}

std::map<std::string, size_t> KafkaClient::FindTopics(const std::string& topic, int timeout_millis,
                                                      bool* answered) {
  KafkaTopic only;
  if (!topic.empty()) only.reset(rd_kafka_topic_new(handle_, topic.c_str(), nullptr));
  const rd_kafka_metadata_t* metadata = nullptr;
  const auto error =
      rd_kafka_metadata(handle_, topic.empty() ? 1 : 0, only.get(), &metadata, timeout_millis);
  std::map<std::string, size_t> found;
  *answered = error == RD_KAFKA_RESP_ERR_NO_ERROR;
  if (!*answered) {
    SetNotice(std::string("the brokers do not answer: ") + rd_kafka_err2str(error));
    return found;
  }
  std::string fault;
  for (int i = 0; i < metadata->topic_cnt; ++i) {
    const rd_kafka_metadata_topic_t& t = metadata->topics[i];
    if (t.err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      found[t.topic] = static_cast<size_t>(t.partition_cnt);
    } else if (!topic.empty()) {
      fault = std::string("topic ") + t.topic + ": " + rd_kafka_err2str(t.err);
    }
  }
  rd_kafka_metadata_destroy(metadata);
  SetNotice(fault);
  return found;
}

}  // namespace millrace
