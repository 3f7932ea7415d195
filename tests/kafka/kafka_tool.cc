// What the Kafka tests need of a client: makes topics, writes and reads them. Talks in lines of
// tab-separated fields; \N is "no key" or "no value".
//
//   kafka_tool BROKERS create TOPIC PARTITIONS
//   kafka_tool BROKERS grow TOPIC PARTITIONS
//   kafka_tool BROKERS delete TOPIC
//   kafka_tool BROKERS produce TOPIC [hex]       stdin: partition key value (-1: by the key); keys and
//                                                values in hexadecimal digits
//   kafka_tool BROKERS consume TOPIC [LEVEL]     stdout: partition offset key value, to the end;
//                                                LEVEL: read_committed or read_uncommitted
//   kafka_tool BROKERS deny TOPIC                nobody may do anything with it
//   kafka_tool BROKERS allow TOPIC               everybody may again
//   kafka_tool BROKERS committed TOPIC GROUP     stdout: partition offset
#include <librdkafka/rdkafka.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>
#include <vector>

namespace {

constexpr int kMillis = 30'000;

[[noreturn]] void Fail(const std::string& what) {
  std::cerr << "kafka_tool: " << what << "\n";
  std::exit(1);
}

rd_kafka_t* Connect(rd_kafka_type_t type, const std::map<std::string, std::string>& settings) {
  char text[512];
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  for (const auto& [name, value] : settings) {
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), text, sizeof text) !=
        RD_KAFKA_CONF_OK) {
      Fail(text);
    }
  }
  rd_kafka_conf_set_log_cb(conf, [](const rd_kafka_t*, int, const char*, const char*) {});
  rd_kafka_t* client = rd_kafka_new(type, conf, text, sizeof text);
  if (client == nullptr) Fail(text);
  return client;
}

void CheckTopicResult(const rd_kafka_topic_result_t** results, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (rd_kafka_topic_result_error(results[i]) != RD_KAFKA_RESP_ERR_NO_ERROR) {
      Fail(rd_kafka_err2str(rd_kafka_topic_result_error(results[i])));
    }
  }
}

// Changes a topic and waits for the answer.
void Administer(const std::string& brokers, const std::string& command, const std::string& topic,
                int partitions) {
  rd_kafka_t* client = Connect(RD_KAFKA_PRODUCER, {{"bootstrap.servers", brokers}});
  rd_kafka_queue_t* queue = rd_kafka_queue_new(client);
  rd_kafka_AdminOptions_t* options = rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_ANY);
  char text[512];
  rd_kafka_AdminOptions_set_operation_timeout(options, kMillis, text, sizeof text);
  size_t count = 0;
  if (command == "create") {
    rd_kafka_NewTopic_t* t = rd_kafka_NewTopic_new(topic.c_str(), partitions, 1, text, sizeof text);
    rd_kafka_CreateTopics(client, &t, 1, options, queue);
    rd_kafka_event_t* event = rd_kafka_queue_poll(queue, kMillis);
    if (event == nullptr || rd_kafka_event_error(event)) Fail("no answer");
    CheckTopicResult(rd_kafka_CreateTopics_result_topics(
                         rd_kafka_event_CreateTopics_result(event), &count), count);
  } else if (command == "grow") {
    rd_kafka_NewPartitions_t* p = rd_kafka_NewPartitions_new(
        topic.c_str(), static_cast<size_t>(partitions), text, sizeof text);
    rd_kafka_CreatePartitions(client, &p, 1, options, queue);
    rd_kafka_event_t* event = rd_kafka_queue_poll(queue, kMillis);
    if (event == nullptr || rd_kafka_event_error(event)) Fail("no answer");
    CheckTopicResult(rd_kafka_CreatePartitions_result_topics(
                         rd_kafka_event_CreatePartitions_result(event), &count), count);
  } else {
    rd_kafka_DeleteTopic_t* t = rd_kafka_DeleteTopic_new(topic.c_str());
    rd_kafka_DeleteTopics(client, &t, 1, options, queue);
    rd_kafka_event_t* event = rd_kafka_queue_poll(queue, kMillis);
    if (event == nullptr || rd_kafka_event_error(event)) Fail("no answer");
    CheckTopicResult(rd_kafka_DeleteTopics_result_topics(
                         rd_kafka_event_DeleteTopics_result(event), &count), count);
  }
  // The process ends: no need to take the client apart.
}

// Denies everything of the topic to everybody, or takes that back.
void Authorize(const std::string& brokers, const std::string& topic, bool deny) {
  rd_kafka_t* client = Connect(RD_KAFKA_PRODUCER, {{"bootstrap.servers", brokers}});
  rd_kafka_queue_t* queue = rd_kafka_queue_new(client);
  rd_kafka_AdminOptions_t* options = rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_ANY);
  char text[512];
  const auto make = deny ? rd_kafka_AclBinding_new : rd_kafka_AclBindingFilter_new;
  rd_kafka_AclBinding_t* acl =
      make(RD_KAFKA_RESOURCE_TOPIC, topic.c_str(), RD_KAFKA_RESOURCE_PATTERN_LITERAL,
           "User:ANONYMOUS", "*", RD_KAFKA_ACL_OPERATION_ALL, RD_KAFKA_ACL_PERMISSION_TYPE_DENY,
           text, sizeof text);
  if (acl == nullptr) Fail(text);
  if (deny) {
    rd_kafka_CreateAcls(client, &acl, 1, options, queue);
  } else {
    rd_kafka_DeleteAcls(client, &acl, 1, options, queue);
  }
  rd_kafka_event_t* event = rd_kafka_queue_poll(queue, kMillis);
  if (event == nullptr) Fail("no answer");
  if (rd_kafka_event_error(event)) Fail(rd_kafka_event_error_string(event));
}

struct Line {
  int partition = -1;
  std::string key, value;
};

std::string Unhex(const std::string& digits) {
  if (digits == "\\N") return digits;
  std::string bytes;
  for (size_t i = 0; i < digits.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

Line ParseLine(const std::string& text, bool hex) {
  const size_t first = text.find('\t'), second = text.find('\t', first + 1);
  if (second == std::string::npos) Fail("not three fields: " + text);
  Line line{std::stoi(text.substr(0, first)), text.substr(first + 1, second - first - 1),
            text.substr(second + 1)};
  if (hex) line = {line.partition, Unhex(line.key), Unhex(line.value)};
  return line;
}

int failed_messages = 0;

void Produce(const std::string& brokers, const std::string& topic, bool hex) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  char text[512];
  const std::pair<const char*, const char*> settings[] = {
      {"bootstrap.servers", brokers.c_str()},
      {"partitioner", "murmur2_random"},
      {"linger.ms", "5"},
      {"enable.idempotence", "true"},
      {"queue.buffering.max.messages", "1000000"}};
  for (const auto& [name, value] : settings) {
    rd_kafka_conf_set(conf, name, value, text, sizeof text);
  }
  rd_kafka_conf_set_log_cb(conf, [](const rd_kafka_t*, int, const char*, const char*) {});
  rd_kafka_conf_set_dr_msg_cb(conf, [](rd_kafka_t*, const rd_kafka_message_t* m, void*) {
    failed_messages += m->err != RD_KAFKA_RESP_ERR_NO_ERROR;
  });
  rd_kafka_t* client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
  if (client == nullptr) Fail(text);
  rd_kafka_topic_t* t = rd_kafka_topic_new(client, topic.c_str(), nullptr);
  for (std::string line; std::getline(std::cin, line);) {
    Line m = ParseLine(line, hex);
    const bool no_key = m.key == "\\N", no_value = m.value == "\\N";
    while (rd_kafka_produce(t, m.partition, RD_KAFKA_MSG_F_COPY,
                            no_value ? nullptr : m.value.data(), no_value ? 0 : m.value.size(),
                            no_key ? nullptr : m.key.data(), no_key ? 0 : m.key.size(),
                            nullptr) != 0) {
      if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        Fail(rd_kafka_err2str(rd_kafka_last_error()));
      }
      rd_kafka_poll(client, 10);
    }
    rd_kafka_poll(client, 0);
  }
  if (rd_kafka_flush(client, kMillis) != RD_KAFKA_RESP_ERR_NO_ERROR || failed_messages > 0) {
    Fail("messages were not delivered");
  }
}

int CountPartitions(rd_kafka_t* client, const std::string& topic) {
  rd_kafka_topic_t* t = rd_kafka_topic_new(client, topic.c_str(), nullptr);
  const rd_kafka_metadata_t* metadata = nullptr;
  if (rd_kafka_metadata(client, 0, t, &metadata, kMillis) != RD_KAFKA_RESP_ERR_NO_ERROR ||
      metadata->topic_cnt != 1 || metadata->topics[0].err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    Fail("there is no topic " + topic);
  }
  return metadata->topics[0].partition_cnt;
}

std::string Field(const void* bytes, size_t size) {
  return bytes ? std::string(static_cast<const char*>(bytes), size) : "\\N";
}

void Consume(const std::string& brokers, const std::string& topic, const std::string& level) {
  rd_kafka_t* client = Connect(RD_KAFKA_CONSUMER, {{"bootstrap.servers", brokers},
                                                   {"group.id", "kafka_tool"},
                                                   {"enable.auto.commit", "false"},
                                                   {"enable.partition.eof", "true"},
                                                   {"fetch.wait.max.ms", "10"},
                                                   {"isolation.level", level}});
  rd_kafka_poll_set_consumer(client);
  const int partitions = CountPartitions(client, topic);
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(partitions);
  for (int p = 0; p < partitions; ++p) {
    rd_kafka_topic_partition_list_add(list, topic.c_str(), p)->offset = RD_KAFKA_OFFSET_BEGINNING;
  }
  rd_kafka_assign(client, list);
  std::map<int, bool> ended;
  while (static_cast<int>(ended.size()) < partitions) {
    rd_kafka_message_t* m = rd_kafka_consumer_poll(client, kMillis);
    if (m == nullptr) Fail("the topic does not end");
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      ended[m->partition] = true;
    } else if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      std::cout << m->partition << '\t' << m->offset << '\t' << Field(m->key, m->key_len) << '\t'
                << Field(m->payload, m->len) << '\n';
    }
    rd_kafka_message_destroy(m);
  }
}

void Committed(const std::string& brokers, const std::string& topic, const std::string& group) {
  rd_kafka_t* client =
      Connect(RD_KAFKA_CONSUMER, {{"bootstrap.servers", brokers}, {"group.id", group}});
  const int partitions = CountPartitions(client, topic);
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(partitions);
  for (int p = 0; p < partitions; ++p) {
    rd_kafka_topic_partition_list_add(list, topic.c_str(), p);
  }
  const auto error = rd_kafka_committed(client, list, kMillis);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) Fail(rd_kafka_err2str(error));
  for (int p = 0; p < partitions; ++p) {
    std::cout << p << '\t' << list->elems[p].offset << '\n';
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  if (args.size() < 3) Fail("see the head of tests/kafka/kafka_tool.cc");
  const std::string &brokers = args[0], &command = args[1], &topic = args[2];
  const std::string last = args.size() > 3 ? args[3] : "";
  if (command == "create" || command == "grow" || command == "delete") {
    Administer(brokers, command, topic, last.empty() ? 0 : std::stoi(last));
  } else if (command == "deny" || command == "allow") {
    Authorize(brokers, topic, command == "deny");
  } else if (command == "produce") {
    Produce(brokers, topic, last == "hex");
  } else if (command == "consume") {
    Consume(brokers, topic, last.empty() ? "read_committed" : last);
  } else if (command == "committed") {
    Committed(brokers, topic, last);
  } else {
    Fail("there is no command " + command);
  }
  std::cout.flush();
  std::_Exit(0);  // Without waiting for the client's threads.
}
