#include "connectors/kafka_config.h"

#include <algorithm>
#include <optional>

namespace millrace {
namespace {

constexpr std::string_view kPrefix = "properties.";

// Properties of the Java client, or of Flink's connector, that librdkafka has no use for.
constexpr std::string_view kMeaningless[] = {
    "key.serializer",
    "value.serializer",
    "key.deserializer",
    "value.deserializer",
    "interceptor.classes",
    "client.dns.lookup",
    "partition.assignment.strategy",
    "max.poll.records",
    "fetch.max.wait.ms",
    "metric.reporters",
    "metrics.num.samples",
    "metrics.recording.level",
    "metrics.sample.window.ms",
    "auto.include.jmx.reporter",
    "exclude.internal.topics",
    "internal.leave.group.on.close",
    "default.api.timeout.ms",
    "request.timeout.ms",
    "max.block.ms",
    "partitioner.class",
    "partitioner.ignore.keys",
    "partitioner.adaptive.partitioning.enable",
    "receive.buffer.bytes",
    "send.buffer.bytes",
    "sasl.login.class",
    "sasl.client.callback.handler.class",
    "security.providers",
    "ssl.protocol",
    "ssl.provider",
    "ssl.enabled.protocols",
    "ssl.trustmanager.algorithm",
    "ssl.keymanager.algorithm",
    "ssl.truststore.password",
    "ssl.truststore.type",
    "ssl.keystore.type",
    "partition.discovery.interval.ms",
    "client.id.prefix",
    "commit.offsets.on.checkpoint",
    "register.consumer.metrics",
    "enable.metrics.push"};

// What the connector decides itself.
constexpr std::string_view kOverruled[] = {"enable.auto.commit",        "auto.offset.reset",
                                           "enable.auto.offset.store", "enable.partition.eof",
                                           "transactional.id",         "auto.commit.interval.ms"};
constexpr std::string_view kOfProducers[] = {
    "acks",         "linger.ms",       "batch.size",       "compression.type",
    "buffer.memory", "max.request.size", "delivery.timeout.ms", "enable.idempotence",
    "retries",      "max.in.flight.requests.per.connection", "transaction.timeout.ms"};
constexpr std::string_view kOfConsumers[] = {"group.id",
                                             "isolation.level",
                                             "fetch.min.bytes",
                                             "fetch.max.bytes",
                                             "max.partition.fetch.bytes",
                                             "session.timeout.ms",
                                             "heartbeat.interval.ms",
                                             "max.poll.interval.ms",
                                             "check.crcs",
                                             "group.instance.id",
                                             "allow.auto.create.topics"};
// Java's name and librdkafka's.
constexpr std::string_view kRenamed[][2] = {{"max.request.size", "message.max.bytes"},
                                            {"delivery.timeout.ms", "message.timeout.ms"},
                                            {"connections.max.idle.ms", "connections.max.idle.ms"},
                                            {"max.partition.fetch.bytes", "fetch.message.max.bytes"}};

template <class List>
bool Contains(const List& list, std::string_view name) {
  return std::find(std::begin(list), std::end(list), name) != std::end(list);
}

[[noreturn]] void Refuse(std::string_view name, const Option& option, const std::string& what,
                         std::string hint = {}) {
  throw Error(ErrorCode::kInvalidOption, "option 'properties." + std::string(name) + "': " + what,
              option.value_range, std::move(hint));
}

// The value of `key="…"` in a JAAS line; the quotes may have backslashes in front.
std::optional<std::string> JaasValue(const std::string& line, const std::string& key) {
  size_t at = line.find(key + "=");
  if (at == std::string::npos) return {};
  at += key.size() + 1;
  const bool escaped = line.compare(at, 2, "\\\"") == 0;
  if (!escaped && line.compare(at, 1, "\"") != 0) return {};
  const std::string_view quote = escaped ? "\\\"" : "\"";
  at += quote.size();
  const size_t end = line.find(quote, at);
  if (end == std::string::npos) return {};
  return line.substr(at, end - at);
}

void SetJaas(const Option& option, std::map<std::string, std::string>* values) {
  const std::string& line = option.value;
  if (line.find("PlainLoginModule") == std::string::npos &&
      line.find("ScramLoginModule") == std::string::npos) {
    Refuse("sasl.jaas.config", option, "only PLAIN and SCRAM logins are known",
           "set 'properties.sasl.mechanism' and librdkafka's own options, such as "
           "'properties.sasl.kerberos.keytab'");
  }
  const auto user = JaasValue(line, "username"), password = JaasValue(line, "password");
  if (!user || !password) {
    Refuse("sasl.jaas.config", option, "there is no username=\"…\" password=\"…\" in it");
  }
  (*values)["sasl.username"] = *user;
  (*values)["sasl.password"] = *password;
}

bool EndsWith(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// Java's stores are files of its own format.
void RefuseJks(std::string_view name, const Option& option, std::string hint) {
  if (EndsWith(option.value, ".jks")) {
    Refuse(name, option, "a Java key store (JKS) cannot be read", std::move(hint));
  }
}

class Translator {
 public:
  Translator(const Options& options, KafkaRole role) : options_(options), role_(role) {}

  KafkaProperties Run() {
    for (const auto& [key, option] : options_) {
      if (key.starts_with(kPrefix)) Translate(std::string(key.substr(kPrefix.size())), option);
    }
    return std::move(out_);
  }

 private:
  void Translate(const std::string& name, const Option& option) {
    const bool other_role = role_ == KafkaRole::kConsumer ? Contains(kOfProducers, name)
                                                          : Contains(kOfConsumers, name);
    if (Contains(kMeaningless, name) || Contains(kOverruled, name)) {
      if (name != "auto.offset.reset") out_.ignored.push_back(name);
    } else if (name == "sasl.jaas.config") {
      SetJaas(option, &out_.values);
    } else if (name == "ssl.truststore.location") {
      RefuseJks(name, option, "export it as PEM and set 'properties.ssl.ca.location'");
      out_.values["ssl.ca.location"] = option.value;
    } else if (name == "ssl.endpoint.identification.algorithm") {
      out_.values[name] = option.value.empty() ? "none" : option.value;
    } else if (name == "acks") {
      out_.values[name] = option.value == "-1" ? "all" : option.value;
    } else if (!other_role) {
      if (name == "ssl.keystore.location") RefuseJks(name, option, "convert it to PKCS#12");
      out_.values[Renamed(name)] = option.value;
    }
  }

  static std::string Renamed(const std::string& name) {
    for (const auto& [java, ours] : kRenamed) {
      if (name == java) return std::string(ours);
    }
    return name;
  }

  const Options& options_;
  const KafkaRole role_;
  KafkaProperties out_;
};

}  // namespace

KafkaProperties TranslateKafkaProperties(const Options& options, KafkaRole role) {
  return Translator(options, role).Run();
}

}  // namespace millrace
