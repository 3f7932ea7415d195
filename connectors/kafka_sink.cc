// The kafka and upsert-kafka sinks.
//
// none, at-least-once: a step's messages go to librdkafka at once. What is not acknowledged when a
// checkpoint begins is written to a file, so that no checkpoint waits for a broker; it is sent again
// after a crash.
//
//   position := number of the file, "" when everything was acknowledged
//
// exactly-once: a step's messages go to a file that is sent behind the checkpoint
// (connectors/kafka_outbox.h).
//
//   position := instance next:count pending:count number*     (base/codec.h)
//   instance: drawn when the sink is new; names the consumer group
#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <thread>

#include "base/codec.h"
#include "base/record_log.h"
#include "connectors/builtin.h"
#include "connectors/kafka_outbox.h"
#include "connectors/kafka_producer.h"
#include "connectors/message_encoder.h"
#include "connectors/wakeup.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostInFlight = 32 << 20;     // Bytes; then the job reads no more.
constexpr uint64_t kMostInOutbox = 1ull << 30;
constexpr int kPollMillis = 100;
constexpr int kProbeRounds = 10, kProbeMillis = 1000;
constexpr std::chrono::seconds kFlushAtEnd(10);

std::string NewInstance() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

const ConnectorDef& DefOf(const ConnectorContext& context) {
  return *FindConnector(GetString(context.options, "connector"));
}

std::string GuaranteeOf(const Options& options) {
  return GetString(options, "sink.delivery-guarantee",
                   GetString(options, "sink.semantic", "at-least-once"));
}

// Sends as it is written to.
class DirectSink final : public Sink {
 public:
  explicit DirectSink(const ConnectorContext& context)
      : keeps_(GuaranteeOf(context.options) == "at-least-once"),
        directory_(context.state_directory),
        target_(TargetOf(context.options)),
        encoder_(DefOf(context), context),
        client_(context.options, KafkaRole::kProducer, Settings(context.options),
                [this](const rd_kafka_message_t& message) { OnDelivery(message); }),
        poller_([this] { Serve(); }) {}

  ~DirectSink() override {
    Deliver();
    stopping_ = true;
    poller_.join();
    // The blocks must outlive what librdkafka sends from them.
    rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    client_.Poll(0);
  }

  void Write(const Batch& changes) override { encoder_.Add(changes); }

  void Flush() override {
    Push(encoder_.TakeStep());
    Produce();
  }

  bool Ready() override {
    Produce();
    std::lock_guard lock(mutex_);
    if (error_) throw *error_;
    return in_flight_ < kMostInFlight;
  }

  void OnReady(std::function<void()> f) override { wakeup_.Set(std::move(f)); }

  TransportStatus Status() const override { return {{}, client_.notice()}; }

  bool Drained() override {
    Produce();
    std::lock_guard lock(mutex_);
    return blocks_.empty() || error_.has_value();
  }

  std::string PreCommit(uint64_t epoch) override {
    if (!keeps_ || directory_.empty()) return {};
    std::lock_guard lock(mutex_);
    if (blocks_.empty()) return {};
    fs::create_directories(directory_);
    const std::string name = std::to_string(epoch);
    RemoveFiles(kept_, name);
    RecordLog log(directory_ + "/" + name);
    for (const auto& block : blocks_) log.Append(block->bytes);
    log.Sync();
    written_ = name;
    return name;
  }

  void Commit(uint64_t /*epoch*/) override {
    if (!keeps_ || directory_.empty()) return;
    kept_ = std::exchange(written_, {});
    RemoveFiles(kept_, kept_);
  }

  void Restore(const std::string& position) override {
    kept_ = position;
    if (position.empty()) return;
    RecordLogReader reader(directory_ + "/" + position);
    uint64_t at = 0;
    while (auto record = reader.Read(at)) {
      Push(std::move(record->payload));
      at = record->next;
    }
  }

  void Close() override {
    Deliver();
    std::lock_guard lock(mutex_);
    if (error_) throw *error_;
  }

 private:
  // Waits for what is on its way, if the broker is there.
  void Deliver() {
    const auto deadline = std::chrono::steady_clock::now() + kFlushAtEnd;
    while (std::chrono::steady_clock::now() < deadline && client_.notice().empty()) {
      Produce();
      {
        std::lock_guard lock(mutex_);
        if (blocks_.empty() || error_) return;
      }
      rd_kafka_flush(client_.get(), kPollMillis);
    }
  }

  struct Block {
    std::string bytes;
    std::string_view unsent;
    int64_t undelivered = 0;  // Messages that librdkafka has.
  };

  std::map<std::string, std::string> Settings(const Options& options) const {
    std::map<std::string, std::string> settings = ProducerSettings(options);
    // It tries for ever: a broker that is away is no reason to lose messages or to fail.
    if (FindOption(options, "properties.delivery.timeout.ms") == nullptr) {
      settings["message.timeout.ms"] = "0";
    }
    return settings;
  }

  void Push(std::string bytes) {
    if (bytes.empty()) return;
    auto block = std::make_unique<Block>();
    block->bytes = std::move(bytes);
    block->unsent = block->bytes;
    std::lock_guard lock(mutex_);
    in_flight_ += block->bytes.size();
    blocks_.push_back(std::move(block));
  }

  // Gives librdkafka what it takes. The driver's.
  void Produce() {
    while (true) {
      Block* block = nullptr;
      {
        std::lock_guard lock(mutex_);
        const auto next = std::ranges::find_if(
            blocks_, [](const auto& b) { return !b->unsent.empty(); });
        if (next == blocks_.end()) return;
        block = next->get();
      }
      if (!ProduceBlock(block)) return;
    }
  }

  bool ProduceBlock(Block* block) {
    std::string_view rest = block->unsent;
    int64_t sent = 0;
    bool taken = true;
    {
      // One more than there are, so that the block stays until all of it is out.
      std::lock_guard lock(mutex_);
      ++block->undelivered;
    }
    std::optional<Error> fault;
    while (taken && !rest.empty()) {
      try {
        taken = ProduceMessage(&client_, target_, &rest, block);
        sent += taken;
      } catch (const Error& error) {
        fault = error;
        break;
      }
    }
    std::lock_guard lock(mutex_);
    block->unsent = rest;
    block->undelivered += sent;
    --block->undelivered;
    DropDelivered();
    if (fault) error_ = fault;
    return taken && !fault;
  }

  // Called from the poller, or where the driver flushes.
  void OnDelivery(const rd_kafka_message_t& message) {
    if (stopping_) return;  // Nothing goes before the client has.
    std::lock_guard lock(mutex_);
    auto* block = static_cast<Block*>(message._private);
    --block->undelivered;
    if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR && !error_) {
      const std::string fault = PermanentFault(message.err, target_.topic);
      error_ = !fault.empty()
                   ? Error(ErrorCode::kConflict, fault)
                   : Error(ErrorCode::kIo, "cannot write to topic " + target_.topic + ": " +
                                               rd_kafka_err2str(message.err));
      return;
    }
    DropDelivered();
  }

  void DropDelivered() {
    const bool was_full = in_flight_ >= kMostInFlight;
    while (!blocks_.empty() && blocks_.front()->undelivered == 0 &&
           blocks_.front()->unsent.empty()) {
      in_flight_ -= blocks_.front()->bytes.size();
      blocks_.pop_front();
    }
    if (was_full && in_flight_ < kMostInFlight) wakeup_.Wake();
  }

  void Serve() {
    for (int rounds = 0; !stopping_; ++rounds) {
      client_.Poll(kPollMillis);
      if (client_.notice().empty() || rounds % kProbeRounds != 0) continue;
      bool answered = false;  // Whether what was complained about is over.
      client_.FindTopics(target_.topic, kProbeMillis, &answered);
    }
  }

  void RemoveFiles(const std::string& first, const std::string& second) const {
    std::error_code error;
    for (fs::directory_iterator it(directory_, error); !error && it != fs::end(it);
         it.increment(error)) {
      const std::string name = it->path().filename().string();
      if (name != first && name != second) fs::remove(it->path(), error);
    }
  }

  const bool keeps_;
  const std::string directory_;
  const KafkaTarget target_;
  MessageEncoder encoder_;
  std::string kept_, written_;  // Files: of the sealed checkpoint, of the running one.

  std::mutex mutex_;
  std::deque<std::unique_ptr<Block>> blocks_;  // Not acknowledged, in order.
  size_t in_flight_ = 0;                       // Their bytes.
  std::optional<Error> error_;
  std::atomic<bool> stopping_ = false;
  Wakeup wakeup_;
  KafkaClient client_;
  std::thread poller_;
};

// Sends behind the checkpoints.
class OutboxSink final : public Sink {
 public:
  explicit OutboxSink(const ConnectorContext& context)
      : options_(context.options),
        directory_(context.state_directory),
        prefix_(GetString(options_, "sink.transactional-id-prefix")),
        writer_(context.writer),
        encoder_(DefOf(context), context),
        instance_(NewInstance()) {
    if (directory_.empty()) {
      throw Error(ErrorCode::kInvalidOption,
                  "'exactly-once' needs checkpoints, and this server keeps nothing",
                  ValueRange(options_, "sink.delivery-guarantee"),
                  "start it with a data directory");
    }
  }

  void Write(const Batch& changes) override { encoder_.Add(changes); }

  void Flush() override {
    const std::string block = encoder_.TakeStep();
    if (block.empty()) return;
    Prepare();
    if (!current_) current_ = std::make_unique<RecordLog>(PathOf(next_));
    current_->Append(block);
  }

  bool Ready() override {
    if (!sender_) return true;
    sender_->Check();
    uint64_t bytes = 0;
    std::error_code ignored;
    const std::deque<uint64_t> unsent = sender_->unsent();
    if (unsent.size() < 2) return true;  // The usual case costs no look at the files.
    for (uint64_t number : unsent) {
      const uint64_t size = fs::file_size(PathOf(number), ignored);
      if (!ignored) bytes += size;
    }
    return bytes < kMostInOutbox;
  }

  TransportStatus Status() const override {
    return {{}, sender_ ? sender_->notice() : std::string()};
  }

  bool Drained() override {
    return !current_ && sealing_.empty() && 
           (!sender_ || sender_->unsent().empty() || sender_->failed());
  }

  std::string PreCommit(uint64_t /*epoch*/) override {
    if (current_) {
      current_->Sync();
      current_.reset();
      sealing_.push_back(next_++);
    }
    std::deque<uint64_t> pending = sender_ ? sender_->unsent() : std::deque<uint64_t>();
    pending.insert(pending.end(), sealing_.begin(), sealing_.end());
    Encoder64 out;
    out.Put(instance_).Put(next_).Put(static_cast<uint64_t>(pending.size()));
    for (uint64_t number : pending) out.Put(number);
    return out.bytes();
  }

  void Commit(uint64_t /*epoch*/) override {
    if (sealing_.empty()) return;
    Connect(0);
    for (uint64_t number : std::exchange(sealing_, {})) sender_->Send(number);
  }

  void Restore(const std::string& position) override {
    Decoder64 in(position);
    instance_ = in.String();
    next_ = in.Number();
    std::deque<uint64_t> pending;
    for (uint64_t n = in.Number(); n > 0; --n) pending.push_back(in.Number());
    prepared_ = true;
    fs::create_directories(directory_);
    RemoveOthers(pending);
    Connect(next_ - 1);
    for (uint64_t number : pending) sender_->Send(number);
  }

 private:
  std::string PathOf(uint64_t number) const {
    return directory_ + "/" + std::to_string(number) + ".out";
  }

  // A new sink begins with an empty directory, whatever a life before its first checkpoint left.
  void Prepare() {
    if (std::exchange(prepared_, true)) return;
    fs::remove_all(directory_);
    fs::create_directories(directory_);
  }

  // Files behind the restored checkpoint are written again.
  void RemoveOthers(const std::deque<uint64_t>& pending) const {
    for (const auto& entry : fs::directory_iterator(directory_)) {
      if (entry.path().extension() != ".out") continue;
      const uint64_t number = std::stoull(entry.path().stem().string());
      if (std::ranges::find(pending, number) == pending.end()) fs::remove(entry.path());
    }
  }

  void Connect(uint64_t before) {
    if (sender_) return;
    sender_ = std::make_unique<OutboxSender>(
        OutboxSpec{options_, directory_, prefix_ + "-" + writer_,
                   "millrace-" + prefix_ + "-" + writer_ + "-" + instance_},
        before);
  }

  const Options options_;
  const std::string directory_, prefix_, writer_;
  MessageEncoder encoder_;
  std::string instance_;
  bool prepared_ = false;
  uint64_t next_ = 1;  // The number of the file being written.
  std::unique_ptr<RecordLog> current_;
  std::vector<uint64_t> sealing_;  // Complete, but their checkpoint is not sealed.
  std::unique_ptr<OutboxSender> sender_;
};

}  // namespace

std::unique_ptr<Sink> MakeKafkaSink(const ConnectorContext& context) {
  if (GuaranteeOf(context.options) == "exactly-once") return std::make_unique<OutboxSink>(context);
  return std::make_unique<DirectSink>(context);
}

}  // namespace millrace
