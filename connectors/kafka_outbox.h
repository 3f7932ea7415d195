// Exactly-once into Kafka: what a checkpoint gives the sink is in a synced file of its own before the
// checkpoint is sealed, and is sent behind it, in one transaction that also stores the file's number
// as the offset of a consumer group of the sink's own. After a crash that offset tells whether the
// file was sent. librdkafka cannot go on with another process's transaction; it need not here.
//
//   directory := <number>.out* started?
//   file      := record of base/record_log.h*, each a block of messages
//   started: the group has an offset; none behind it means that the broker has forgotten it.
//
// Numbers count up from 1 in the life of a sink. One transaction at a time, in order.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "connectors/kafka_client.h"
#include "connectors/kafka_producer.h"

struct rd_kafka_error_s;

namespace millrace {

struct OutboxSpec {
  Options options;
  std::string directory;
  std::string transactional_id;
  std::string group;
};

// Sends sealed files from a thread of its own. Thread-safe.
class OutboxSender {
 public:
  // `before`: files up to this number may have been sent by an earlier process.
  OutboxSender(OutboxSpec spec, uint64_t before);
  // Waits a little for what is sealed to be sent, unless the brokers are away.
  ~OutboxSender();

  void Send(uint64_t number);
  // Of the files given to it, those not sent yet.
  std::deque<uint64_t> unsent() const;
  // Throws what ended the sending.
  void Check() const;
  bool failed() const {
    std::lock_guard lock(mutex_);
    return error_.has_value();
  }
  std::string notice() const;

 private:
  enum class Outcome : uint8_t { kDone, kRetry, kReconnect };

  void Run();
  bool AwaitWork(uint64_t* number);
  void Step(uint64_t number);
  bool Connect();
  bool InitTransactions();
  bool FindSent();
  void ReadBlocks(uint64_t number);
  Outcome Transact(uint64_t number);
  Outcome Abort(const std::string& why);
  Outcome Judge(rd_kafka_error_s* error, const char* what);
  void Drop(uint64_t number);
  void Pause();
  std::string PathOf(uint64_t number) const;
  std::string StartedPath() const { return spec_.directory + "/started"; }

  const OutboxSpec spec_;
  const KafkaTarget target_;
  const uint64_t before_;
  const int64_t timeout_micros_;  // Of a transaction.

  // The thread's.
  std::vector<std::string> blocks_;  // Being sent; they must outlive the client that sends them.
  std::unique_ptr<KafkaClient> client_;
  std::optional<uint64_t> sent_;  // The last number that the group has; none before it was asked.
  bool asked_once_ = false;
  int64_t began_micros_ = 0;  // The running transaction.
  int permanent_error_ = 0;   // Of a message that it could not deliver.

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<uint64_t> queue_;
  std::optional<Error> error_;
  std::string notice_;
  bool stopping_ = false;
  std::atomic<bool> abandoned_ = false;  // Stopping, and waited long enough.
  std::thread thread_;
};

}  // namespace millrace
