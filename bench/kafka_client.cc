#include "bench/kafka_client.h"

#include <librdkafka/rdkafka.h>

#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace millrace::bench {
namespace {

constexpr int kMillis = 30'000;
constexpr size_t kMessages = 8192;  // Of one read.

struct Deleter {
  void operator()(rd_kafka_t* handle) const { rd_kafka_destroy(handle); }
  void operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }
  void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
  void operator()(rd_kafka_NewTopic_t* topic) const { rd_kafka_NewTopic_destroy(topic); }
  void operator()(rd_kafka_event_t* event) const { rd_kafka_event_destroy(event); }
};
using Client = std::unique_ptr<rd_kafka_t, Deleter>;
using Handle = std::unique_ptr<rd_kafka_topic_t, Deleter>;
using Queue = std::unique_ptr<rd_kafka_queue_t, Deleter>;
using Settings = std::map<std::string, std::string>;

const Settings& Reading() {
  static const Settings settings = {{"enable.partition.eof", "true"},
                                    {"enable.auto.commit", "false"},
                                    {"enable.auto.offset.store", "false"},
                                    {"check.crcs", "false"},
                                    {"queued.min.messages", "1000000"},
                                    {"queued.max.messages.kbytes", "65536"},
                                    {"fetch.message.max.bytes", "1048576"}};
  return settings;
}

[[noreturn]] void Fail(const std::string& what) { throw Error(ErrorCode::kIo, "Kafka: " + what); }

Client Connect(rd_kafka_type_t type, const Topic& topic, Settings settings) {
  char text[512];
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  settings["bootstrap.servers"] = topic.brokers;
  for (const auto& [name, value] : settings) {
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), text, sizeof text) !=
        RD_KAFKA_CONF_OK) {
      Fail(text);
    }
  }
  Client client(rd_kafka_new(type, conf, text, sizeof text));
  if (!client) Fail(text);
  return client;
}

Handle Open(const Client& client, const Topic& topic) {
  return Handle(rd_kafka_topic_new(client.get(), topic.name.c_str(), nullptr));
}

void Flush(const Client& client) {
  if (rd_kafka_flush(client.get(), kMillis) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    Fail("messages were not delivered");
  }
}

// `value` stays where it is until it is delivered.
void Produce(const Client& client, const Handle& handle, int partition, std::string_view value,
             int flags) {
  while (rd_kafka_produce(handle.get(), partition, flags, const_cast<char*>(value.data()),
                          value.size(), nullptr, 0, nullptr) != 0) {
    if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      Fail(rd_kafka_err2str(rd_kafka_last_error()));
    }
    rd_kafka_poll(client.get(), 10);
  }
}

struct Reader {
  uint64_t messages = 0, bytes = 0;
  int ended = 0;
};

// The call that hands over message by message takes a queue's messages under one lock, which is
// faster than an array of them.
void OnMessage(rd_kafka_message_t* message, void* opaque) {
  auto* reader = static_cast<Reader*>(opaque);
  if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    ++reader->ended;
  } else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
    ++reader->messages;
    reader->bytes += message->len;
  }
}

}  // namespace

void CreateTopic(const Topic& topic) {
  char text[512];
  const Client client = Connect(RD_KAFKA_PRODUCER, topic, {});
  const Queue queue(rd_kafka_queue_new(client.get()));
  const std::unique_ptr<rd_kafka_NewTopic_t, Deleter> made(
      rd_kafka_NewTopic_new(topic.name.c_str(), topic.partitions, 1, text, sizeof text));
  rd_kafka_NewTopic_t* list[] = {made.get()};
  rd_kafka_CreateTopics(client.get(), list, 1, nullptr, queue.get());
  const std::unique_ptr<rd_kafka_event_t, Deleter> event(
      rd_kafka_queue_poll(queue.get(), kMillis));
  if (!event || rd_kafka_event_error(event.get())) Fail("cannot create " + topic.name);
  size_t count = 0;
  const rd_kafka_topic_result_t** results = rd_kafka_CreateTopics_result_topics(
      rd_kafka_event_CreateTopics_result(event.get()), &count);
  for (size_t i = 0; i < count; ++i) {
    const auto error = rd_kafka_topic_result_error(results[i]);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) Fail(rd_kafka_err2str(error));
  }
}

void FillTopic(const Topic& topic, std::string_view lines) {
  const Client client = Connect(RD_KAFKA_PRODUCER, topic,
                                {{"linger.ms", "20"},
                                 {"queue.buffering.max.messages", "500000"},
                                 {"batch.num.messages", "10000"}});
  const Handle handle = Open(client, topic);
  for (size_t at = 0, n = 0; at < lines.size(); ++n) {
    const size_t end = std::min(lines.find('\n', at), lines.size());
    Produce(client, handle, static_cast<int>(n % static_cast<size_t>(topic.partitions)),
            lines.substr(at, end - at), 0);
    if (n % 1024 == 0) rd_kafka_poll(client.get(), 0);
    at = end + 1;
  }
  Flush(client);
}

double ReadTopicPerSecond(const Topic& topic) {
  const auto began = std::chrono::steady_clock::now();
  Reader reader;
  {
    const Client client = Connect(RD_KAFKA_CONSUMER, topic, Reading());
    const Handle handle = Open(client, topic);
    const Queue queue(rd_kafka_queue_new(client.get()));
    for (int p = 0; p < topic.partitions; ++p) {
      if (rd_kafka_consume_start_queue(handle.get(), p, RD_KAFKA_OFFSET_BEGINNING, queue.get())) {
        Fail("cannot read " + topic.name);
      }
    }
    while (reader.ended < topic.partitions) {
      rd_kafka_consume_callback_queue(queue.get(), 100, OnMessage, &reader);
    }
    for (int p = 0; p < topic.partitions; ++p) rd_kafka_consume_stop(handle.get(), p);
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  return static_cast<double>(reader.messages) / took.count();
}

int64_t TopicEnd(const Topic& topic) {
  const Client client = Connect(RD_KAFKA_CONSUMER, topic, {});
  int64_t sum = 0;
  for (int p = 0; p < topic.partitions; ++p) {
    int64_t low = 0, high = 0;
    if (rd_kafka_query_watermark_offsets(client.get(), topic.name.c_str(), p, &low, &high,
                                         kMillis) != RD_KAFKA_RESP_ERR_NO_ERROR) {
      Fail("cannot ask for the end of " + topic.name);
    }
    sum += high;
  }
  return sum;
}

std::string ReaderSettings() {
  std::string text = "rd_kafka_consume_callback_queue, one thread";
  for (const auto& [name, value] : Reading()) text.append(", ").append(name + "=" + value);
  return text;
}

void ProducePaced(const Topic& topic, int rate, int seconds) {
  constexpr int kTicksPerSecond = 2500, kMarksPerSecond = 50, kKeys = 1000;
  const Client client = Connect(RD_KAFKA_PRODUCER, topic, {{"linger.ms", "0"}});
  const Handle handle = Open(client, topic);
  const int each = rate / kTicksPerSecond;
  auto due = std::chrono::steady_clock::now();
  char text[64];
  int n = 0;
  for (int tick = 0; tick < seconds * kTicksPerSecond; ++tick) {
    for (int i = 0; i < each; ++i, ++n) {
      const bool mark = n % (rate / kMarksPerSecond) == 0;
      const int size = std::snprintf(text, sizeof text, R"({"k": "%c%d", "v": %d})",
                                     mark ? 'm' : 'k', mark ? n : n % kKeys, n);
      if (mark) {
        std::printf("m%d %lld\n", n, static_cast<long long>(NowMicros()));
        std::fflush(stdout);
      }
      Produce(client, handle, n % topic.partitions, {text, static_cast<size_t>(size)},
              RD_KAFKA_MSG_F_COPY);
    }
    rd_kafka_poll(client.get(), 0);
    due += std::chrono::microseconds(1'000'000 / kTicksPerSecond);
    std::this_thread::sleep_until(due);
  }
  Flush(client);
}

}  // namespace millrace::bench
