#include "connectors/kafka_outbox.h"

#include <librdkafka/rdkafka.h>

#include <fcntl.h>

#include <algorithm>
#include <filesystem>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/record_log.h"
#include "types/type.h"

namespace millrace {
namespace {

constexpr int kCallMillis = 5000;
constexpr std::chrono::milliseconds kPause(200);
constexpr std::chrono::seconds kGrace(5);       // For sealed files when the process ends.
constexpr std::chrono::hours kRecommit(12);     // Brokers forget the offsets of silent groups.

struct ErrorDeleter {
  void operator()(rd_kafka_error_t* error) const { rd_kafka_error_destroy(error); }
};
using KafkaError = std::unique_ptr<rd_kafka_error_t, ErrorDeleter>;

struct GroupDeleter {
  void operator()(rd_kafka_consumer_group_metadata_t* group) const {
    rd_kafka_consumer_group_metadata_destroy(group);
  }
};
using GroupMetadata = std::unique_ptr<rd_kafka_consumer_group_metadata_t, GroupDeleter>;

// A broker that has just started may not know a topic yet, but knows who may use it.
bool IsRefused(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
         error == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED ||
         error == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED ||
         error == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;
}

bool IsFenced(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
         code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

void MakeSynced(const std::string& path) {
  SyncFile(OpenFile(path, O_WRONLY | O_CREAT), path);
  SyncDirectory(ParentDirectory(path));
}

}  // namespace

OutboxSender::OutboxSender(OutboxSpec spec, uint64_t before)
    : spec_(std::move(spec)),
      target_(TargetOf(spec_.options)),
      before_(before),
      timeout_micros_(GetInt(spec_.options, "properties.transaction.timeout.ms", 60'000) *
                      kMicrosPerMilli),
      thread_([this] { Run(); }) {}

OutboxSender::~OutboxSender() {
  {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
    wake_.wait_for(lock, kGrace, [this] { return queue_.empty() || error_ || !notice_.empty(); });
    abandoned_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void OutboxSender::Send(uint64_t number) {
  {
    std::lock_guard lock(mutex_);
    queue_.push_back(number);
  }
  wake_.notify_all();
}

std::deque<uint64_t> OutboxSender::unsent() const {
  std::lock_guard lock(mutex_);
  return queue_;
}

void OutboxSender::Check() const {
  std::lock_guard lock(mutex_);
  if (error_) throw *error_;
}

std::string OutboxSender::notice() const {
  std::lock_guard lock(mutex_);
  return notice_;
}

std::string OutboxSender::PathOf(uint64_t number) const {
  return spec_.directory + "/" + std::to_string(number) + ".out";
}

// The first file to send; 0 when the group's offset is only to be stored again. False at the end.
bool OutboxSender::AwaitWork(uint64_t* number) {
  std::unique_lock lock(mutex_);
  const bool woken = wake_.wait_for(lock, kRecommit, [this] { return stopping_ || !queue_.empty(); });
  if (abandoned_ || (stopping_ && queue_.empty())) return false;
  *number = woken ? queue_.front() : 0;
  return true;
}

void OutboxSender::Run() {
  try {
    for (uint64_t number = 0; AwaitWork(&number);) Step(number);
  } catch (const Error& error) {
    std::lock_guard lock(mutex_);
    error_ = error;
  }
  client_.reset();
  wake_.notify_all();
}

void OutboxSender::Step(uint64_t number) {
  if (!client_ && !Connect()) {
    {
      std::lock_guard lock(mutex_);
      const std::string notice = client_ ? client_->notice() : "";
      if (!notice.empty()) notice_ = notice;
      if (notice_.empty()) notice_ = "the brokers do not answer";
    }
    client_.reset();
    return Pause();
  }
  if (number != 0 && number <= *sent_) return Drop(number);
  switch (Transact(number)) {
    case Outcome::kDone:
      if (number == 0) return;
      sent_ = number;
      return Drop(number);
    case Outcome::kReconnect:
      // The next one asks the group whether the transaction went through.
      client_.reset();
      return Pause();
    case Outcome::kRetry:
      return Pause();
  }
}

void OutboxSender::Pause() {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, kPause, [this] { return abandoned_.load(); });
}

void OutboxSender::Drop(uint64_t number) {
  std::error_code ignored;  // A file that stays is known by its number.
  std::filesystem::remove(PathOf(number), ignored);
  {
    std::lock_guard lock(mutex_);
    queue_.pop_front();
    notice_.clear();
  }
  wake_.notify_all();
}

bool OutboxSender::Connect() {
  std::map<std::string, std::string> settings = ProducerSettings(spec_.options);
  settings["transactional.id"] = spec_.transactional_id;
  settings["transaction.timeout.ms"] = std::to_string(timeout_micros_ / kMicrosPerMilli);
  client_ = std::make_unique<KafkaClient>(
      spec_.options, KafkaRole::kProducer, std::move(settings), [this](const auto& message) {
        if (!PermanentFault(message.err, "").empty()) permanent_error_ = message.err;
      });
  return InitTransactions() && FindSent();
}

bool OutboxSender::InitTransactions() {
  while (!abandoned_) {
    const KafkaError error(rd_kafka_init_transactions(client_->get(), kCallMillis));
    if (!error) return true;
    client_->SetNotice(rd_kafka_error_string(error.get()));
    const std::string fault = PermanentFault(rd_kafka_error_code(error.get()), target_.topic);
    if (!fault.empty()) throw Error(ErrorCode::kConflict, fault);
    if (!rd_kafka_error_is_retriable(error.get())) return false;
    std::lock_guard lock(mutex_);
    notice_ = rd_kafka_error_string(error.get());
  }
  return false;
}

// Asks the group what was sent. Its first offset, 0, is stored before anything is.
bool OutboxSender::FindSent() {
  KafkaClient consumer(spec_.options, KafkaRole::kConsumer,
                       {{"group.id", spec_.group}, {"enable.auto.commit", "false"}});
  KafkaList list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), target_.topic.c_str(), 0);
  const auto error = rd_kafka_committed(consumer.get(), list.get(), kCallMillis);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    client_->SetNotice(rd_kafka_err2str(error));
    return false;
  }
  const bool present = list->elems[0].offset >= 0;
  const bool started = std::filesystem::exists(StartedPath());
  if (!present && started) {
    throw Error(ErrorCode::kStateIncompatible,
                "the broker no longer knows what was sent to topic " + target_.topic +
                    ": its offset of group " + spec_.group + " is gone",
                {}, "nothing is sent again blindly; look at the topic and create the job anew");
  }
  if (!present) {
    sent_ = 0;
    if (Transact(0) != Outcome::kDone) {
      sent_.reset();
      return false;
    }
  }
  if (!started) MakeSynced(StartedPath());
  const uint64_t found = present ? static_cast<uint64_t>(list->elems[0].offset) : 0;
  const uint64_t known = asked_once_ ? UINT64_MAX : before_;
  if (found > known) {
    throw Error(ErrorCode::kStateIncompatible,
                "the data directory is older than topic " + target_.topic + ": it has " +
                    std::to_string(known) + " transactions, the broker " + std::to_string(found),
                {}, "DATA_DIR_OLDER_THAN_SINK: a restored copy cannot go on exactly once");
  }
  asked_once_ = true;
  sent_ = std::max(found, sent_.value_or(0));
  return true;
}

OutboxSender::Outcome OutboxSender::Judge(rd_kafka_error_t* error, const char* what) {
  const std::string why = std::string(what) + ": " + rd_kafka_error_string(error);
  {
    std::lock_guard lock(mutex_);
    notice_ = why;
  }
  Log(LogLevel::kWarning, "kafka", why);
  if (permanent_error_ != 0) {
    throw Error(ErrorCode::kConflict, PermanentFault(permanent_error_, target_.topic));
  }
  if (IsRefused(rd_kafka_error_code(error))) {
    throw Error(ErrorCode::kConflict,
                PermanentFault(rd_kafka_error_code(error), target_.topic));
  }
  const bool expired = NowMicros() - began_micros_ >= timeout_micros_;
  if (IsFenced(rd_kafka_error_code(error)) && !expired) {
    throw Error(ErrorCode::kConflict,
                "another process writes with transactional id " + spec_.transactional_id, {},
                "two sinks have the same 'sink.transactional-id-prefix', or a copy of this server "
                "runs");
  }
  if (rd_kafka_error_is_fatal(error)) return Outcome::kReconnect;
  if (rd_kafka_error_txn_requires_abort(error)) return Abort(why);
  return Outcome::kReconnect;
}

OutboxSender::Outcome OutboxSender::Abort(const std::string& why) {
  const KafkaError error(rd_kafka_abort_transaction(client_->get(), kCallMillis));
  if (!error) return Outcome::kRetry;
  Log(LogLevel::kWarning, "kafka", "abort after " + why + ": " + rd_kafka_error_string(error.get()));
  return Outcome::kReconnect;
}

void OutboxSender::ReadBlocks(uint64_t number) {
  if (!std::filesystem::exists(PathOf(number))) {
    throw Error(ErrorCode::kStateIncompatible, "the outbox file " + PathOf(number) + " is missing");
  }
  RecordLogReader reader(PathOf(number));
  uint64_t at = 0;
  while (auto record = reader.Read(at)) {
    blocks_.push_back(std::move(record->payload));
    at = record->next;
  }
}

// Sends the file and its number; number 0: only the number of the last one.
OutboxSender::Outcome OutboxSender::Transact(uint64_t number) {
  permanent_error_ = 0;
  began_micros_ = NowMicros();
  blocks_.clear();  // The last transaction has ended, or its client is gone.
  if (number != 0) ReadBlocks(number);
  if (const KafkaError error{rd_kafka_begin_transaction(client_->get())}) {
    return Judge(error.get(), "begin");
  }
  for (const std::string& block : blocks_) {
    for (std::string_view rest = block; !rest.empty();) {
      if (ProduceMessage(client_.get(), target_, &rest, nullptr)) continue;
      client_->Poll(50);
      const bool expired = NowMicros() - began_micros_ >= timeout_micros_;
      if (abandoned_ || permanent_error_ != 0 || expired) break;
    }
  }
  if (permanent_error_ != 0) {
    Abort("undelivered messages");
    throw Error(ErrorCode::kConflict, PermanentFault(permanent_error_, target_.topic));
  }
  if (abandoned_ || NowMicros() - began_micros_ >= timeout_micros_) return Abort("timeout");
  KafkaList list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), target_.topic.c_str(), 0)->offset =
      static_cast<int64_t>(number == 0 ? sent_.value_or(0) : number);
  const GroupMetadata group(rd_kafka_consumer_group_metadata_new(spec_.group.c_str()));
  for (bool committing = false; !abandoned_;) {
    const KafkaError error(
        committing ? rd_kafka_commit_transaction(client_->get(), kCallMillis)
                   : rd_kafka_send_offsets_to_transaction(client_->get(), list.get(), group.get(),
                                                          kCallMillis));
    if (!error && committing) return Outcome::kDone;
    if (!error) {
      committing = true;
    } else if (!rd_kafka_error_is_retriable(error.get())) {
      return Judge(error.get(), committing ? "commit" : "offset");
    } else {
      std::lock_guard lock(mutex_);
      notice_ = rd_kafka_error_string(error.get());
    }
  }
  return Outcome::kReconnect;
}

}  // namespace millrace
