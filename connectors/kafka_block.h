// Messages of one partition on their way into a block of records: each is copied once, as librdkafka
// hands it over, into memory that the block's strings then point into.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "connectors/connector.h"

struct rd_kafka_message_s;

namespace millrace {

class KafkaBlock {
 public:
  // `metadata`: the keys of the columns to make; it outlives the block. `bytes`, `messages`: what is
  // expected; more is taken as well.
  KafkaBlock(const std::vector<std::string>* metadata, size_t messages, size_t bytes);

  // Messages come in the order of their offsets.
  void Add(rd_kafka_message_s& message);
  size_t size() const { return block_.records.size(); }
  size_t bytes() const { return size_; }
  const std::vector<std::string>* metadata() const { return metadata_; }
  int64_t last_millis() const { return block_.times.empty() ? 0 : block_.times.back() / 1000; }

  // REQUIRES: size() > 0. Ends the block's use.
  RecordBlock Finish(const std::string& topic, int32_t partition,
                     std::shared_ptr<const std::string> origin);

 private:
  std::pair<uint64_t, uint32_t> Copy(const void* bytes, size_t size);
  void Grow(size_t needed);
  void AddHeaders(rd_kafka_message_s& message);
  Column MetadataColumn(const std::string& key, const std::string& topic, int32_t partition);
  Column HeadersColumn(Arena* heap) const;

  const std::vector<std::string>* metadata_;
  bool wants_headers_, wants_time_types_;
  RecordBlock block_;
  std::shared_ptr<char[]> data_;
  size_t size_ = 0, capacity_ = 0;
  // Of the columns of metadata: a place in `data_` each.
  std::vector<uint8_t> time_types_;
  std::vector<ListEntry> header_lists_;
  std::vector<std::pair<uint64_t, uint32_t>> header_names_, header_values_;
};

}  // namespace millrace
