// The parts of the Kafka connectors that need no broker.
#define BOOST_TEST_MODULE connectors_kafka
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <functional>

#include "connectors/builtin.h"
#include "connectors/kafka_config.h"
#include "connectors/kafka_offsets.h"
#include "connectors/keyed_format.h"
#include "connectors/message_block.h"
#include "connectors/message_encoder.h"
#include "types/row_key.h"

using namespace millrace;

namespace {

Options MakeOptions(std::initializer_list<std::pair<std::string, std::string>> list) {
  Options options;
  for (const auto& [key, value] : list) options[key] = {value, {}, {}};
  return options;
}

std::string MessageOf(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.message;
  }
  return "";
}

// k INT NOT NULL, v STRING, keyed by k.
ConnectorContext KeyedContext(const std::string& connector) {
  ConnectorContext context;
  context.table = "t";
  context.schema = {{"k", Type(TypeId::kInteger, false)}, {"v", Type(TypeId::kString)}};
  context.primary_key = {"k"};
  context.columns = {0, 1};
  context.options = MakeOptions({{"connector", connector},
                                 {"key.format", "json"},
                                 {"value.format", "json"},
                                 {"value.fields-include", "EXCEPT_KEY"}});
  if (connector == "kafka") context.options["key.fields"] = {"k", {}, {}};
  return context;
}

struct TextMessage {
  std::optional<std::string> key, value;
};

RecordBlock MakeBlock(const std::vector<TextMessage>& messages) {
  auto data = std::make_shared<std::string>();
  RecordBlock block;
  for (const TextMessage& m : messages) {
    block.records.emplace_back(data->size(), m.value.value_or("").size());
    *data += m.value.value_or("");
    block.keys.emplace_back(data->size(), m.key ? m.key->size() : RecordBlock::kNoKey);
    *data += m.key.value_or("");
    block.nulls.push_back(!m.value.has_value());
  }
  data->append(64, '\0');
  block.data = data->data();
  block.owner = data;
  return block;
}

// Rows as "k:v", NULL as "-".
std::vector<std::string> Decoded(const std::string& connector,
                                 const std::vector<TextMessage>& messages,
                                 std::vector<Reject>* rejects, std::vector<uint32_t>* records) {
  const auto decoder = MakeKeyedDecoder(*FindConnector(connector), KeyedContext(connector));
  const Batch batch = decoder->Decode(MakeBlock(messages), rejects, records);
  std::vector<std::string> rows;
  for (size_t i = 0; i < batch.size; ++i) {
    const StringRef v = batch.columns[1].at<StringRef>(i);
    rows.push_back(std::to_string(batch.columns[0].at<int32_t>(i)) + ":" +
                   (batch.columns[1].IsNull(i) ? "-" : std::string(v.view())));
  }
  return rows;
}

Batch MakeRows(const std::vector<std::pair<int32_t, std::string>>& rows,
               std::vector<int64_t> weights) {
  Batch batch;
  batch.size = rows.size();
  auto heap = std::make_shared<Arena>();
  Column k(TypeId::kInteger, rows.size()), v(TypeId::kString, rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    k.mutable_data<int32_t>()[i] = rows[i].first;
    v.mutable_data<StringRef>()[i] = StringRef(heap->Copy(rows[i].second));
  }
  v.KeepAlive(heap);
  batch.columns = {std::move(k), std::move(v)};
  batch.weights = std::move(weights);
  return batch;
}

std::vector<std::string> Messages(const std::string& block) {
  std::vector<std::string> texts;
  for (std::string_view rest = block; !rest.empty();) {
    const Message m = TakeMessage(&rest);
    texts.push_back(std::string(m.key.value_or("none")) + "=" +
                    std::string(m.value.value_or("none")));
  }
  return texts;
}

using Strings = std::vector<std::string>;

}  // namespace

BOOST_AUTO_TEST_CASE(JavasPropertiesAreTranslated) {
  const Options options = MakeOptions(
      {{"properties.bootstrap.servers", "b:1"},
       {"properties.sasl.jaas.config", "a.b.PlainLoginModule required username=\"u\" "
                                       "password=\"p q\";"},
       {"properties.ssl.truststore.location", "/ca.pem"},
       {"properties.ssl.endpoint.identification.algorithm", ""},
       {"properties.key.deserializer", "x"},
       {"properties.enable.auto.commit", "true"},
       {"properties.linger.ms", "7"},
       {"properties.group.id", "g"},
       {"topic", "t"}});
  const KafkaProperties consumer = TranslateKafkaProperties(options, KafkaRole::kConsumer);
  const std::map<std::string, std::string> wanted = {
      {"bootstrap.servers", "b:1"},
      {"group.id", "g"},
      {"sasl.password", "p q"},
      {"sasl.username", "u"},
      {"ssl.ca.location", "/ca.pem"},
      {"ssl.endpoint.identification.algorithm", "none"}};
  BOOST_TEST((consumer.values == wanted));
  BOOST_TEST((consumer.ignored == Strings{"enable.auto.commit", "key.deserializer"}));
  const KafkaProperties producer = TranslateKafkaProperties(options, KafkaRole::kProducer);
  BOOST_TEST(producer.values.at("linger.ms") == "7");
  BOOST_TEST(!producer.values.contains("group.id"));
}

BOOST_AUTO_TEST_CASE(WhatHasNoEquivalentIsRefused) {
  for (const auto& [name, value, what] :
       {std::tuple("ssl.truststore.location", "/a.jks", "JKS"),
        std::tuple("ssl.keystore.location", "/a.jks", "JKS"),
        std::tuple("sasl.jaas.config", "Krb5LoginModule required;", "PLAIN and SCRAM"),
        std::tuple("sasl.jaas.config", "PlainLoginModule required;", "username")}) {
    const Options options = MakeOptions({{std::string("properties.") + name, value}});
    const std::string message =
        MessageOf([&] { TranslateKafkaProperties(options, KafkaRole::kConsumer); });
    BOOST_TEST(message.find(what) != std::string::npos, message);
  }
}

BOOST_AUTO_TEST_CASE(OffsetsAndPositions) {
  const Options options =
      MakeOptions({{"scan.startup.mode", "specific-offsets"},
                   {"scan.startup.specific-offsets", "partition:0,offset:42;partition:3,offset:7"}});
  const std::map<int32_t, int64_t> wanted = {{0, 42}, {3, 7}};
  BOOST_TEST((StartOffsets(options).specific == wanted));
  BOOST_TEST((StartOffsets({}).mode == OffsetMode::kGroup));
  BOOST_TEST((StopOffsets({}).mode == OffsetMode::kUnbounded));
  for (const char* text : {"partition:0", "offset:1", "partition:0,offset:x", "0:1"}) {
    Options bad = options;
    bad["scan.startup.specific-offsets"].value = text;
    BOOST_TEST(!MessageOf([&] { StartOffsets(bad); }).empty());
  }
  for (const char* text : {"0", "42", "42;100"}) {
    BOOST_TEST(KafkaPositionText(ParseKafkaPosition(text)) == text);
  }
  BOOST_CHECK_THROW(ParseKafkaPosition("4x"), Error);
}

BOOST_AUTO_TEST_CASE(KeysAndValuesComeTogether) {
  std::vector<Reject> rejects;
  std::vector<uint32_t> records;
  const std::vector<TextMessage> messages = {{R"({"k":1})", R"({"v":"a"})"},
                                             {R"({"k":2})", std::nullopt},
                                             {std::nullopt, R"({"v":"c"})"},
                                             {R"({"k":"x"})", R"({"v":"d"})"},
                                             {R"({"k":5})", R"({"v":)"},
                                             {R"({"k":6})", R"([{"v":"e"},{"v":"f"}])"}};
  BOOST_TEST((Decoded("kafka", messages, &rejects, &records) == Strings{"1:a", "6:e", "6:f"}));
  BOOST_TEST((records == std::vector<uint32_t>{0, 5, 5}));
  std::vector<uint32_t> rejected;
  for (const Reject& r : rejects) rejected.push_back(r.record);
  std::ranges::sort(rejected);
  BOOST_TEST((rejected == std::vector<uint32_t>{2, 3, 4}));
}

BOOST_AUTO_TEST_CASE(ARecordWithoutValueDeletesItsKey) {
  std::vector<Reject> rejects;
  std::vector<uint32_t> records;
  const std::vector<TextMessage> messages = {{R"({"k":1})", R"({"v":"a"})"},
                                             {R"({"k":1})", std::nullopt}};
  BOOST_TEST((Decoded("upsert-kafka", messages, &rejects, &records) == Strings{"1:a", "1:-"}));
  BOOST_TEST(rejects.empty());
}

BOOST_AUTO_TEST_CASE(AStepGivesOneRecordForEachKey) {
  MessageEncoder encoder(*FindConnector("upsert-kafka"), KeyedContext("upsert-kafka"));
  encoder.Add(MakeRows({{1, "old"}, {1, "new"}, {2, "gone"}, {3, "same"}}, {-1, 1, -1, -1}));
  encoder.Add(MakeRows({{3, "same"}, {4, "x"}, {4, "y"}}, {1, 1, 1}));
  encoder.Add(MakeRows({{4, "x"}}, {-1}));
  const Strings wanted = {R"({"k":1}={"v":"new"})", R"({"k":2}=none)", R"({"k":4}={"v":"y"})"};
  BOOST_TEST((Messages(encoder.TakeStep()) == wanted));
  BOOST_TEST(encoder.TakeStep().empty());
}

BOOST_AUTO_TEST_CASE(AppendedRowsComeAsOftenAsTheyWeigh) {
  MessageEncoder encoder(*FindConnector("kafka"), KeyedContext("kafka"));
  encoder.Add(MakeRows({{1, "a"}, {2, "b"}}, {2, 1}));
  const Strings wanted = {R"({"k":1}={"v":"a"})", R"({"k":1}={"v":"a"})", R"({"k":2}={"v":"b"})"};
  BOOST_TEST((Messages(encoder.TakeStep()) == wanted));
}

BOOST_AUTO_TEST_CASE(BlocksAreReadBack) {
  std::string headers, block;
  AppendHeader("a", "1", &headers);
  AppendHeader("b", std::nullopt, &headers);
  AppendMessage({5, "key", std::nullopt, headers}, &block);
  AppendMessage({0, std::nullopt, "", {}}, &block);
  std::string_view rest = block;
  const Message first = TakeMessage(&rest), second = TakeMessage(&rest);
  BOOST_TEST(rest.empty());
  BOOST_TEST(first.time_millis == 5);
  BOOST_TEST((first.key == "key" && !first.value));
  std::string_view left = first.headers;
  const auto [name, value] = TakeHeader(&left);
  BOOST_TEST((name == "a" && value == "1"));
  BOOST_TEST(!TakeHeader(&left).second.has_value());
  BOOST_TEST(left.empty());
  BOOST_TEST((!second.key && second.value == ""));
  for (size_t size = 0; size <= 20; ++size) {
    std::string_view cut = std::string_view(block).substr(0, size);
    BOOST_CHECK_THROW(TakeMessage(&cut), Error);
  }
}
