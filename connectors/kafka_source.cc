// Reads topics: each Kafka partition is a source partition with a queue of its own in librdkafka,
// which fetches in its threads and wakes the pipeline when a queue is no longer empty.
//
// Offsets come from the checkpoints, so partitions are assigned here and not by the consumer group;
// the group only hears how far sealed checkpoints are. Thread safety: as Source; Status from any.
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <atomic>

#include "base/clock.h"
#include "connectors/builtin.h"
#include "connectors/kafka_block.h"
#include "connectors/kafka_client.h"
#include "connectors/kafka_offsets.h"
#include "connectors/kafka_watcher.h"
#include "connectors/wakeup.h"

namespace millrace {
namespace {

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
  std::unique_ptr<KafkaBlock> held;  // A message read that is behind the end of a replayed step.
  int64_t held_offset = 0;
  size_t block_bytes = 0;  // Expected, from the last block.
  std::atomic<int64_t> next = 0, end = 0, last_millis = 0;  // For Status().
};

// What one call of librdkafka hands over: messages of a partition, up to so many and before `limit`.
struct Intake {
  rd_kafka_t* client;
  size_t most;
  std::optional<int64_t> limit;
  int64_t offset;  // The next record to read.
  KafkaBlock block;
  std::unique_ptr<KafkaBlock> held;  // The first message at or behind the limit.
  int64_t held_offset = 0;
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
  std::string error_text;

  void Take(rd_kafka_message_t& message) noexcept {
    if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      // Behind what is no record of the table, such as a transaction's marks.
      offset = std::max(offset, limit ? std::min(message.offset, *limit) : message.offset);
    } else if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      error = message.err;
      error_text = rd_kafka_message_errstr(&message);
    } else if (limit && message.offset >= *limit) {
      offset = std::max(offset, *limit);
      held_offset = message.offset;
      held = std::make_unique<KafkaBlock>(block.metadata(), 1, message.len + message.key_len);
      held->Add(message);
    } else {
      offset = std::max(offset, message.offset + 1);
      block.Add(message);
    }
    // What was not handed over stays in the queue.
    if (held || error != RD_KAFKA_RESP_ERR_NO_ERROR || block.size() >= most) rd_kafka_yield(client);
  }
};

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
    const size_t most = AtEnd(reader) ? 0 : std::min(Allowed(max_rows), kMostMessages);
    SourceBatch batch = Take(&reader, most, reader.position.stop, 0);
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
      batch = Take(&reader, std::min(max_rows, kMostMessages), target.offset, kReplayMillis);
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
    reader->held.reset();
    if (!reader->started) return;
    rd_kafka_queue_cb_event_enable(reader->queue.get(), nullptr, nullptr);
    rd_kafka_consume_stop(reader->topic.get(), reader->partition.number);
    reader->queue.reset();
    reader->topic.reset();
    reader->started = false;
  }

  // Up to `most` messages before `limit`. Moves the position.
  SourceBatch Take(Reader* reader, size_t most, std::optional<int64_t> limit, int wait_millis) {
    Intake intake{client_.get(), most, limit, reader->position.offset,
                  KafkaBlock(&metadata_, most, most == 0 ? 0 : reader->block_bytes)};
    if (reader->held && most > 0) {
      TakeHeld(reader, &intake);
    } else if (most > 0) {
      rd_kafka_consume_callback_queue(
          reader->queue.get(), wait_millis,
          [](rd_kafka_message_t* message, void* to) { static_cast<Intake*>(to)->Take(*message); },
          &intake);
      reader->held = std::move(intake.held);
      reader->held_offset = intake.held_offset;
    }
    Advance(reader, intake.offset);
    SourceBatch batch;
    if (intake.block.size() > 0) {
      taken_ += intake.block.size();
      reader->last_millis = intake.block.last_millis();
      reader->block_bytes = intake.block.bytes() + intake.block.bytes() / 8;
      batch.block =
          intake.block.Finish(reader->partition.topic, reader->partition.number, reader->name);
    }
    if (intake.error != RD_KAFKA_RESP_ERR_NO_ERROR) HandleError(reader, intake);
    reader->announced = true;
    batch.next = KafkaPositionText(reader->position);
    return batch;
  }

  static void TakeHeld(Reader* reader, Intake* intake) {
    if (intake->limit && reader->held_offset >= *intake->limit) {
      intake->offset = std::max(intake->offset, *intake->limit);
      return;
    }
    intake->block = std::move(*reader->held);
    intake->offset = reader->held_offset + 1;
    reader->held.reset();
  }

  static void Advance(Reader* reader, int64_t offset) {
    reader->position.offset = offset;
    reader->next = offset;
    if (offset > reader->end) reader->end = offset;
  }

  void HandleError(Reader* reader, const Intake& intake) {
    const bool gone = intake.error == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
                      intake.error == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE;
    if (!gone) {
      client_.SetNotice(*reader->name + ": " + intake.error_text);
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
