// The kafka and upsert-kafka connectors' definitions: options, metadata, checks.
#include <algorithm>

#include "connectors/builtin.h"
#include "connectors/kafka_client.h"
#include "connectors/kafka_offsets.h"
#include "connectors/kafka_watcher.h"
#include "connectors/keyed_format.h"

namespace millrace {
namespace {

using Kind = OptionDef::Kind;

OptionDef Choice(std::string name, std::string otherwise, std::string help,
                 std::vector<std::string> choices) {
  return {std::move(name), Kind::kString,      std::move(otherwise), std::move(help),
          false,           std::move(choices)};
}

std::vector<OptionDef> SharedOptions() {
  return {
      {"topic", Kind::kString, "", "The topic; a source also takes a list with semicolons."},
      {"properties.bootstrap.servers", Kind::kString, "", "The brokers, host:port.", true},
      {"properties.*", Kind::kString, "", "Settings of the Kafka client."},
      {"key.fields-prefix", Kind::kString, "", "Of the key's columns, not of the key's fields."},
      Choice("value.fields-include", "ALL", "Whether values have the key's columns as well.",
             {"ALL", "EXCEPT_KEY"}),
      Choice("scan.bounded.mode", "unbounded", "Where the table ends.",
             {"unbounded", "latest-offset", "group-offsets", "timestamp", "specific-offsets"}),
      {"scan.bounded.specific-offsets", Kind::kString, "", "'partition:0,offset:42;…'"},
      {"scan.bounded.timestamp-millis", Kind::kInteger, "", "The end, of mode timestamp."},
      {"scan.topic-partition-discovery.interval", Kind::kDuration, "5 min",
       "How often new partitions are looked for; 0: never."},
      {"scan.rate-limit", Kind::kDouble, "", "The most records a second."},
      Choice("scan.offset-out-of-range", "fail", "What to do when records to read are gone.",
             {"fail", "earliest", "latest"}),
      Choice("sink.delivery-guarantee", "at-least-once", "What a crash may do to what is written.",
             {"none", "at-least-once", "exactly-once"}),
      {"sink.transactional-id-prefix", Kind::kString, "",
       "Of exactly-once sinks: no two sinks of a cluster may have the same."},
      Ignored("sink.transaction-naming-strategy"),
      Ignored("scan.watermark.emit.strategy"),
  };
}

std::vector<OptionDef> KafkaOptions() {
  std::vector<OptionDef> options = SharedOptions();
  const std::vector<OptionDef> own = {
      {"topic-pattern", Kind::kString, "", "Reads all topics whose names match."},
      {"key.fields", Kind::kString, "", "The columns in the key, with semicolons."},
      Choice("scan.startup.mode", "group-offsets", "Where reading starts.",
             {"earliest-offset", "latest-offset", "group-offsets", "timestamp",
              "specific-offsets"}),
      {"scan.startup.specific-offsets", Kind::kString, "", "'partition:0,offset:42;…'"},
      {"scan.startup.timestamp-millis", Kind::kInteger, "", "The start, of mode timestamp."},
      {"sink.partitioner", Kind::kString, "default",
       "default: by key; fixed: all to one partition; round-robin."},
      Choice("sink.semantic", "", "The old name of sink.delivery-guarantee.",
             {"none", "at-least-once", "exactly-once"})};
  options.insert(options.end(), own.begin(), own.end());
  return options;
}

std::vector<OptionDef> UpsertOptions() {
  std::vector<OptionDef> options = SharedOptions();
  options.push_back(Ignored("sink.buffer-flush.max-rows"));
  options.push_back(Ignored("sink.buffer-flush.interval"));
  return options;
}

[[noreturn]] void Throw(const ConnectorContext& context, std::string_view key, std::string what,
                        std::string hint = {}) {
  std::optional<SourceRange> range = ValueRange(context.options, key);
  if (!range) range = ValueRange(context.options, "connector");
  throw Error(ErrorCode::kInvalidOption, std::move(what), range, std::move(hint));
}

void CheckTopics(const ConnectorContext& context, bool as_sink) {
  const std::vector<std::string> topics = TopicList(context.options);
  const bool pattern = FindOption(context.options, "topic-pattern") != nullptr;
  if (topics.empty() == !pattern) {
    throw Error(pattern ? ErrorCode::kInvalidOption : ErrorCode::kMissingOption,
                pattern ? "options 'topic' and 'topic-pattern' exclude each other"
                        : "option 'topic' is missing",
                ValueRange(context.options, pattern ? "topic-pattern" : "connector"));
  }
  if (as_sink && (pattern || topics.size() > 1)) {
    throw Error(ErrorCode::kUnsupportedFeature, "a sink writes to one topic",
                ValueRange(context.options, pattern ? "topic-pattern" : "topic"));
  }
  TopicPattern(context.options);
}

void CheckSink(const ConnectorContext& context) {
  const std::string semantic = GetString(context.options, "sink.semantic");
  const std::string guarantee =
      GetString(context.options, "sink.delivery-guarantee", semantic.empty() ? "at-least-once"
                                                                             : semantic);
  if (guarantee == "exactly-once" &&
      GetString(context.options, "sink.transactional-id-prefix").empty()) {
    throw Error(ErrorCode::kMissingOption,
                "option 'sink.transactional-id-prefix' is missing: exactly-once needs it",
                ValueRange(context.options, "sink.delivery-guarantee"));
  }
  const std::string partitioner = GetString(context.options, "sink.partitioner", "default");
  if (partitioner != "default" && partitioner != "fixed" && partitioner != "round-robin") {
    Throw(context, "sink.partitioner",
          "option 'sink.partitioner': '" + partitioner +
              "' would be a Java class; there are default, fixed and round-robin");
  }
  if (FindFormat(FindValueFormat(context.options)->value)->encoder == nullptr) {
    Throw(context, "format", "this format cannot be written");
  }
}

void ValidateKafka(const ConnectorContext& context, bool as_sink) {
  if (FindOption(context.options, "properties.bootstrap.servers") == nullptr) return;
  CheckTopics(context, as_sink);
  CheckKafkaProperties(context.options, as_sink ? KafkaRole::kProducer : KafkaRole::kConsumer);
  if (as_sink) return CheckSink(context);
  StartOffsets(context.options);
  const OffsetSpec stop = StopOffsets(context.options);
  if (stop.mode == OffsetMode::kGroup &&
      FindOption(context.options, "properties.group.id") == nullptr) {
    Throw(context, "scan.bounded.mode", "'group-offsets' needs option 'properties.group.id'");
  }
  if (GetDouble(context.options, "scan.rate-limit", 1) <= 0) {
    Throw(context, "scan.rate-limit", "option 'scan.rate-limit' must be above 0");
  }
}

void ValidateUpsert(const ConnectorContext& context, bool as_sink) {
  if (context.primary_key.empty()) {
    Throw(context, "connector", "upsert-kafka needs a PRIMARY KEY: it is the record's key");
  }
  if (FindOption(context.options, "key.format") == nullptr) {
    throw Error(ErrorCode::kMissingOption, "option 'key.format' is missing",
                ValueRange(context.options, "connector"));
  }
  for (const char* key : {"format", "value.format", "key.format"}) {
    const Option* name = FindOption(context.options, key);
    const FormatDef* format = name == nullptr ? nullptr : FindFormat(name->value);
    if (format == nullptr || format->envelope == nullptr) continue;
    Throw(context, key, "upsert-kafka takes formats of rows, and '" + format->name +
                            "' carries changes", "use connector 'kafka'");
  }
  ValidateKafka(context, as_sink);
}

bool IsBounded(const Options& options) {
  return StopOffsets(options).mode != OffsetMode::kUnbounded;
}

ConnectorDef MakeDef(bool upsert) {
  const Type text(TypeId::kString, false);
  const Type headers = Type::MakeMap(TypeId::kString, TypeId::kBytes);
  ConnectorDef def;
  def.name = upsert ? "upsert-kafka" : "kafka";
  def.options = upsert ? UpsertOptions() : KafkaOptions();
  def.metadata = {{"topic", text},
                  {"partition", Type(TypeId::kInteger, false)},
                  {"headers", headers, true},
                  {"leader-epoch", Type(TypeId::kInteger)},
                  {"offset", Type(TypeId::kBigInt, false)},
                  {"timestamp", Type::MakeTimestampLtz(3).AsNullable(false), true},
                  {"timestamp-type", text}};
  if (upsert) def.metadata.push_back({"$present", Type(TypeId::kBoolean, false)});
  def.needs_format = def.has_keys = true;
  def.keyed_changes = upsert;
  def.append_only_sink = !upsert;
  def.source = MakeKafkaSource;
  def.sink = MakeKafkaSink;
  def.bounded = IsBounded;
  def.validate = upsert ? ValidateUpsert : ValidateKafka;
  return def;
}

}  // namespace

const ConnectorDef& KafkaConnector() {
  static const ConnectorDef def = MakeDef(false);
  return def;
}

const ConnectorDef& UpsertKafkaConnector() {
  static const ConnectorDef def = MakeDef(true);
  return def;
}

}  // namespace millrace
