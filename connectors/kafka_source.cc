// Reads topics: each Kafka partition is a source partition with a queue of its own in librdkafka,
// which fetches in its threads and wakes the pipeline when a queue is no longer empty.
//
// Offsets come from the checkpoints, so partitions are assigned here and not by the consumer group;
// the group only hears how far sealed checkpoints are. Thread safety: as Source; Status from any.
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <deque>

#include "base/clock.h"
#include "connectors/builtin.h"
#include "connectors/kafka_client.h"
#include "connectors/kafka_offsets.h"
#include "connectors/kafka_watcher.h"
#include "connectors/wakeup.h"
#include "types/row_key.h"

namespace millrace {
namespace {

constexpr size_t kPadding = 64;  // Of RecordBlock.
constexpr int kReplayMillis = 100;
constexpr size_t kMostMessages = 8192;  // Of one poll.

enum class OutOfRange : uint8_t { kFail, kEarliest, kLatest };

OutOfRange WhenOutOfRange(const Options& options) {
  const std::string what = GetString(options, "scan.offset-out-of-range", "fail");
  if (what == "earliest") return OutOfRange::kEarliest;
  return what == "latest" ? OutOfRange::kLatest : OutOfRange::kFail;
}

std::map<std::string, std::string> ConsumerSettings(const Options& options) {
  std::map<std::string, std::string> settings = {{"enable.auto.commit", "false"},
                                                 {"enable.auto.offset.store", "false"},
                                                 {"enable.partition.eof", "true"},
                                                 {"auto.offset.reset", "error"}};
  // Each partition has its own queue, and there may be many.
  if (!FindOption(options, "properties.queued.max.messages.kbytes")) {
    settings["queued.max.messages.kbytes"] = "16384";
  }
  return settings;
}

// One Kafka partition. The driver's, but for the atomics.
struct Reader {
  KafkaPartition partition;
  std::shared_ptr<const std::string> name;
  KafkaPosition position;
  bool sought = false;    // The position is from a checkpoint.
  bool announced = false;  // The position was given to the pipeline.
  bool started = false;
  KafkaTopic topic;
  KafkaQueue queue;
  std::deque<KafkaMessage> held;  // Read, but behind the end of a replayed step.
  std::atomic<int64_t> next = 0, end = 0, last_millis = 0;  // For Status().
};

std::string TimestampTypeName(rd_kafka_timestamp_type_t type) {
  if (type == RD_KAFKA_TIMESTAMP_CREATE_TIME) return "CreateTime";
  return type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME ? "LogAppendTime" : "NoTimestampType";
}

StringRef Text(std::string_view text, Arena* heap) {
  return text.size() <= StringRef::kInline ? StringRef(text) : StringRef(heap->Copy(text));
}

// The headers of the messages, as MAP<STRING, BYTES>.
Column HeadersColumn(const std::vector<KafkaMessage>& messages, Arena* heap) {
  const Type type = Type::MakeMap(TypeId::kString, TypeId::kBytes);
  std::vector<std::pair<std::string_view, Bytes>> entries;
  Column column = MakeColumn(type, messages.size());
  for (size_t i = 0; i < messages.size(); ++i) {
    rd_kafka_headers_t* headers = nullptr;
    const auto first = static_cast<uint32_t>(entries.size());
    if (rd_kafka_message_headers(messages[i].get(), &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
      const char* name = nullptr;
      const void* value = nullptr;
      size_t size = 0;
      for (size_t k = 0; rd_kafka_header_get_all(headers, k, &name, &value, &size) ==
                         RD_KAFKA_RESP_ERR_NO_ERROR;
           ++k) {
        const std::string_view bytes(value ? static_cast<const char*>(value) : "", size);
        entries.emplace_back(heap->Copy(name), Bytes{Text(bytes, heap)});
      }
    }
    column.mutable_data<ListEntry>()[i] = {first, static_cast<uint32_t>(entries.size()) - first};
  }
  Column keys = MakeColumn(TypeId::kString, entries.size());
  Column values = MakeColumn(TypeId::kBytes, entries.size());
  for (size_t k = 0; k < entries.size(); ++k) {
    keys.mutable_data<StringRef>()[k] = Text(entries[k].first, heap);
    values.mutable_data<Bytes>()[k] = entries[k].second;
  }
  column.mutable_children() = {std::move(keys), std::move(values)};
  return column;
}

template <class T, class F>
Column ColumnOf(const Type& type, const std::vector<KafkaMessage>& messages, F value) {
  Column column = MakeColumn(type, messages.size());
  for (size_t i = 0; i < messages.size(); ++i) {
    column.mutable_data<T>()[i] = value(*messages[i]);
  }
  return column;
}

Column MetadataColumnOf(const std::string& key, const KafkaPartition& partition,
                        const std::vector<KafkaMessage>& messages) {
  auto heap = std::make_shared<Arena>();
  Column column;
  if (key == "topic") {
    column = Column::Constant(Text(partition.topic, heap.get()), messages.size());
  } else if (key == "partition") {
    column = Column::Constant(partition.number, messages.size());
  } else if (key == "offset") {
    column = ColumnOf<int64_t>(TypeId::kBigInt, messages, [](auto& m) { return m.offset; });
  } else if (key == "timestamp") {
    column = ColumnOf<TimestampLtz>(Type::MakeTimestampLtz(3), messages, [](auto& m) {
      return TimestampLtz{rd_kafka_message_timestamp(&m, nullptr) * kMicrosPerMilli};
    });
  } else if (key == "timestamp-type") {
    column = ColumnOf<StringRef>(TypeId::kString, messages, [&](auto& m) {
      rd_kafka_timestamp_type_t type;
      rd_kafka_message_timestamp(&m, &type);
      return Text(TimestampTypeName(type), heap.get());
    });
  } else if (key == "leader-epoch") {
    column = Column::ConstantNull(TypeId::kInteger, messages.size());
  } else if (key == "headers") {
    column = HeadersColumn(messages, heap.get());
  } else {
    column = ColumnOf<bool>(TypeId::kBoolean, messages, [](auto& m) { return m.payload != nullptr; });
  }
  column.KeepAlive(heap);
  return column;
}

class KafkaSource final : public Source {
 public:
  explicit KafkaSource(const ConnectorContext& context)
      : options_(context.options),
        metadata_(context.metadata),
        bounded_(StopOffsets(options_).mode != OffsetMode::kUnbounded),
        out_of_range_(WhenOutOfRange(options_)),
        has_group_(FindOption(options_, "properties.group.id") != nullptr),
        rate_(GetDouble(options_, "scan.rate-limit", 0)),
        started_micros_(NowMicros()),
        client_(options_, KafkaRole::kConsumer, ConsumerSettings(options_)) {
    watcher_ = std::make_unique<KafkaWatcher>(
        context, &client_, [this] { wakeup_.Wake(); }, rate_ > 0);
  }

  ~KafkaSource() override {
    watcher_.reset();
    for (auto& reader : readers_) Stop(reader.get());
  }

  std::vector<std::string> Partitions() override {
    const std::vector<KafkaPartition> found = watcher_->partitions();
    for (size_t i = readers_.size(); i < found.size(); ++i) {
      auto reader = std::make_unique<Reader>();
      reader->partition = found[i];
      reader->name = std::make_shared<const std::string>(found[i].name());
      reader->position = found[i].start;
      reader->next = reader->position.offset;
      reader->end = found[i].end;
      std::lock_guard lock(readers_mutex_);
      readers_.push_back(std::move(reader));
    }
    std::vector<std::string> names;
    for (const auto& reader : readers_) names.push_back(*reader->name);
    return names;
  }

  void Seek(size_t i, const SourcePosition& position) override {
    Reader& reader = *readers_[i];
    Stop(&reader);
    reader.position = ParseKafkaPosition(position);
    reader.next = reader.position.offset;
    reader.sought = any_sought_ = true;
  }

  SourceBatch Poll(size_t i, size_t max_rows) override {
    Reader& reader = *readers_[i];
    Start(&reader);
    std::vector<KafkaMessage> messages;
    if (!AtEnd(reader)) messages = Take(&reader, std::min(Allowed(max_rows), kMostMessages), 0);
    SourceBatch batch = MakeBatch(&reader, std::move(messages), reader.position.stop);
    batch.end = AtEnd(reader);
    if (batch.end) Stop(&reader);
    return batch;
  }

  SourceBatch PollUntil(size_t i, const SourcePosition& end, size_t max_rows) override {
    Reader& reader = *readers_[i];
    const KafkaPosition target = ParseKafkaPosition(end);
    reader.position.stop = target.stop;
    Start(&reader);
    SourceBatch batch;
    if (reader.position.offset < target.offset) {
      batch = MakeBatch(&reader, Take(&reader, std::min(max_rows, kMostMessages), kReplayMillis),
                        target.offset);
    }
    if (reader.position.offset >= target.offset) {
      reader.position.offset = target.offset;
      batch.next = end;
    }
    return batch;
  }

  void OnReady(std::function<void()> f) override { wakeup_.Set(std::move(f)); }
  bool bounded() const override { return bounded_; }
  bool remote() const override { return true; }

  void Commit(const std::map<std::string, SourcePosition>& positions) override {
    if (!has_group_ || positions.empty()) return;
    KafkaList list(rd_kafka_topic_partition_list_new(static_cast<int>(positions.size())));
    for (const auto& [name, position] : positions) {
      const size_t slash = name.rfind('/');
      rd_kafka_topic_partition_list_add(list.get(), name.substr(0, slash).c_str(),
                                        std::stoi(name.substr(slash + 1)))
          ->offset = ParseKafkaPosition(position).offset;
    }
    // Only tools look at it: what fails is made good by the next one.
    rd_kafka_commit(client_.get(), list.get(), 1);
  }

  TransportStatus Status() const override {
    TransportStatus status;
    status.notice = client_.notice();
    std::lock_guard lock(readers_mutex_);
    for (const auto& reader : readers_) {
      SourceLag lag{*reader->name, reader->next, reader->end, 0};
      int64_t low = 0, high = 0;
      const KafkaPartition& p = reader->partition;
      if (rd_kafka_get_watermark_offsets(client_.get(), p.topic.c_str(), p.number, &low, &high) ==
              RD_KAFKA_RESP_ERR_NO_ERROR &&
          high >= 0) {
        lag.end = std::max(lag.end, high);
      }
      const int64_t last = reader->last_millis;
      if (lag.records() > 0 && last > 0) {
        lag.seconds = std::max(0.0, static_cast<double>(NowMicros() - 1000 * last) * 1e-6);
      }
      status.lag.push_back(std::move(lag));
    }
    return status;
  }

 private:
  static bool AtEnd(const Reader& reader) {
    return reader.position.stop && reader.position.offset >= *reader.position.stop;
  }

  // How many of `rows` the rate limit lets through.
  size_t Allowed(size_t rows) {
    if (rate_ <= 0) return rows;
    const double due = rate_ * static_cast<double>(NowMicros() - started_micros_) / 1e6;
    const auto left = static_cast<size_t>(std::max(0.0, due - static_cast<double>(taken_)));
    return std::min(rows, left);
  }

  void Start(Reader* reader) {
    if (reader->started || AtEnd(*reader)) return;
    // One that a checkpoint does not know came up after it.
    if (any_sought_ && !reader->sought && !reader->announced) {
      reader->position.offset = 0;
      StartAt(reader, RD_KAFKA_OFFSET_BEGINNING);
    } else {
      StartAt(reader, reader->position.offset);
    }
  }

  void StartAt(Reader* reader, int64_t offset) {
    const KafkaPartition& p = reader->partition;
    reader->topic.reset(rd_kafka_topic_new(client_.get(), p.topic.c_str(), nullptr));
    reader->queue.reset(rd_kafka_queue_new(client_.get()));
    rd_kafka_queue_cb_event_enable(
        reader->queue.get(),
        [](rd_kafka_t*, void* wakeup) { static_cast<Wakeup*>(wakeup)->Wake(); }, &wakeup_);
    if (rd_kafka_consume_start_queue(reader->topic.get(), p.number, offset, reader->queue.get()) !=
        0) {
      throw Error(ErrorCode::kIo, "cannot read " + *reader->name + ": " +
                                      rd_kafka_err2str(rd_kafka_last_error()));
    }
    reader->started = true;
  }

  static void Stop(Reader* reader) {
    reader->held.clear();
    if (!reader->started) return;
    rd_kafka_queue_cb_event_enable(reader->queue.get(), nullptr, nullptr);
    rd_kafka_consume_stop(reader->topic.get(), reader->partition.number);
    reader->queue.reset();
    reader->topic.reset();
    reader->started = false;
  }

  std::vector<KafkaMessage> Take(Reader* reader, size_t most, int wait_millis) {
    std::vector<KafkaMessage> messages;
    while (!reader->held.empty() && messages.size() < most) {
      messages.push_back(std::move(reader->held.front()));
      reader->held.pop_front();
    }
    if (!messages.empty() || most == 0) return messages;
    taken_messages_.resize(most);
    // Waits for all of them if it waits at all: so it first asks for one.
    ssize_t count = rd_kafka_consume_batch_queue(reader->queue.get(), wait_millis,
                                                 taken_messages_.data(), wait_millis > 0 ? 1 : most);
    if (wait_millis > 0 && count == 1 && most > 1) {
      count += std::max<ssize_t>(0, rd_kafka_consume_batch_queue(
                                        reader->queue.get(), 0, taken_messages_.data() + 1,
                                        most - 1));
    }
    for (ssize_t k = 0; k < count; ++k) {
      messages.emplace_back(taken_messages_[static_cast<size_t>(k)]);
    }
    return messages;
  }

  // Of what was read the messages before `limit`; later ones are held. Moves the position.
  SourceBatch MakeBatch(Reader* reader, std::vector<KafkaMessage> read,
                        std::optional<int64_t> limit) {
    std::vector<KafkaMessage> messages;
    for (auto& message : read) {
      if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        // Behind what is no record of the table, such as a transaction's marks.
        Advance(reader, limit ? std::min(message->offset, *limit) : message->offset);
      } else if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        HandleError(reader, *message);
      } else if (limit && message->offset >= *limit) {
        Advance(reader, *limit);
        reader->held.push_back(std::move(message));
      } else {
        Advance(reader, message->offset + 1);
        messages.push_back(std::move(message));
      }
    }
    SourceBatch batch;
    if (!messages.empty()) batch.block = MakeBlock(reader, messages);
    taken_ += messages.size();
    reader->announced = true;
    batch.next = KafkaPositionText(reader->position);
    return batch;
  }

  static void Advance(Reader* reader, int64_t offset) {
    reader->position.offset = std::max(reader->position.offset, offset);
    reader->next = reader->position.offset;
    if (offset > reader->end) reader->end = offset;
  }

  RecordBlock MakeBlock(Reader* reader, const std::vector<KafkaMessage>& messages) const {
    size_t bytes = kPadding;
    bool keys = false, nulls = false;
    for (const auto& m : messages) {
      bytes += m->len + m->key_len;
      keys |= m->key != nullptr;
      nulls |= m->payload == nullptr;
    }
    std::shared_ptr<char[]> data(new char[bytes]);
    std::memset(data.get() + bytes - kPadding, 0, kPadding);
    RecordBlock block;
    block.data = data.get();
    block.origin = reader->name;
    block.first_position = static_cast<uint64_t>(messages.front()->offset);
    block.arrival_micros = NowMicros();
    block.records.reserve(messages.size());
    uint64_t at = 0;
    const auto copy = [&](const void* from, size_t size) {
      if (size > 0) std::memcpy(data.get() + at, from, size);
      at += size;
      return std::pair(at - size, static_cast<uint32_t>(size));
    };
    const bool gaps = messages.back()->offset - messages.front()->offset !=
                      static_cast<int64_t>(messages.size()) - 1;
    for (const auto& m : messages) {
      block.records.push_back(copy(m->payload, m->len));
      if (keys) {
        block.keys.push_back(copy(m->key, m->key_len));
        if (m->key == nullptr) block.keys.back().second = RecordBlock::kNoKey;
      }
      if (nulls) block.nulls.push_back(m->payload == nullptr);
      if (gaps) block.positions.push_back(static_cast<uint64_t>(m->offset));
      block.times.push_back(rd_kafka_message_timestamp(m.get(), nullptr) * kMicrosPerMilli);
    }
    block.owner = data;
    for (const std::string& key : metadata_) {
      block.metadata.push_back(MetadataColumnOf(key, reader->partition, messages));
    }
    reader->last_millis = rd_kafka_message_timestamp(messages.back().get(), nullptr);
    return block;
  }

  void HandleError(Reader* reader, const rd_kafka_message_t& message) {
    const bool gone = message.err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
                      message.err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE;
    if (!gone) {
      client_.SetNotice(*reader->name + ": " + rd_kafka_message_errstr(&message));
      return;
    }
    int64_t low = 0, high = 0;
    rd_kafka_query_watermark_offsets(client_.get(), reader->partition.topic.c_str(),
                                     reader->partition.number, &low, &high, 2000);
    if (out_of_range_ == OutOfRange::kFail) {
      throw Error(ErrorCode::kConflict,
                  "offset " + std::to_string(reader->position.offset) + " of " + *reader->name +
                      " is out of range: the topic has " + std::to_string(low) + " to " +
                      std::to_string(high) + " (records were removed, or the topic made anew)",
                  {}, "'scan.offset-out-of-range' = 'earliest' or 'latest' goes on all the same");
    }
    const int64_t to = out_of_range_ == OutOfRange::kEarliest ? low : high;
    Stop(reader);
    reader->position.offset = to;
    StartAt(reader, to);
  }

  const Options options_;
  const std::vector<std::string> metadata_;
  const bool bounded_;
  const OutOfRange out_of_range_;
  const bool has_group_;
  const double rate_;  // Records a second; 0: no limit.
  const int64_t started_micros_;
  uint64_t taken_ = 0;
  bool any_sought_ = false;
  std::vector<rd_kafka_message_t*> taken_messages_;
  Wakeup wakeup_;
  mutable std::mutex readers_mutex_;  // Guards the list for Status(); the driver changes it.
  std::vector<std::unique_ptr<Reader>> readers_;
  KafkaClient client_;
  std::unique_ptr<KafkaWatcher> watcher_;
};

}  // namespace

std::unique_ptr<Source> MakeKafkaSource(const ConnectorContext& context) {
  return std::make_unique<KafkaSource>(context);
}

}  // namespace millrace
