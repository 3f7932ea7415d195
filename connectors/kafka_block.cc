#include "connectors/kafka_block.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <cstring>

#include "base/clock.h"
#include "types/row_key.h"

namespace millrace {
namespace {

constexpr size_t kPadding = 64;  // Of RecordBlock.

const char* TimestampTypeName(uint8_t type) {
  if (type == RD_KAFKA_TIMESTAMP_CREATE_TIME) return "CreateTime";
  return type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME ? "LogAppendTime" : "NoTimestampType";
}

StringRef Text(std::string_view text, Arena* heap) {
  return text.size() <= StringRef::kInline ? StringRef(text) : StringRef(heap->Copy(text));
}

bool Wants(const std::vector<std::string>& keys, std::string_view key) {
  return std::ranges::find(keys, key) != keys.end();
}

template <class T, class F>
Column ColumnOf(const Type& type, size_t size, F value) {
  Column column = MakeColumn(type, size);
  for (size_t i = 0; i < size; ++i) column.mutable_data<T>()[i] = value(i);
  return column;
}

}  // namespace

KafkaBlock::KafkaBlock(const std::vector<std::string>* metadata, size_t messages, size_t bytes)
    : metadata_(metadata),
      wants_headers_(Wants(*metadata, "headers")),
      wants_time_types_(Wants(*metadata, "timestamp-type")) {
  block_.records.reserve(messages);
  block_.times.reserve(messages);
  if (bytes > 0) Grow(bytes);
}

void KafkaBlock::Grow(size_t needed) {
  capacity_ = std::max(needed, 2 * capacity_);
  std::shared_ptr<char[]> grown(new char[capacity_]);
  if (size_ > 0) std::memcpy(grown.get(), data_.get(), size_);
  data_ = std::move(grown);
}

std::pair<uint64_t, uint32_t> KafkaBlock::Copy(const void* bytes, size_t size) {
  if (size_ + size + kPadding > capacity_) Grow(size_ + size + kPadding);
  if (size > 0) std::memcpy(data_.get() + size_, bytes, size);
  size_ += size;
  return {size_ - size, static_cast<uint32_t>(size)};
}

void KafkaBlock::Add(rd_kafka_message_s& message) {
  const size_t row = size();
  const auto offset = static_cast<uint64_t>(message.offset);
  if (row == 0) block_.first_position = offset;
  // Behind the first gap every record has its position.
  if (block_.positions.empty() && offset != block_.first_position + row) {
    for (size_t i = 0; i < row; ++i) block_.positions.push_back(block_.first_position + i);
  }
  if (!block_.positions.empty() || offset != block_.first_position + row) {
    block_.positions.push_back(offset);
  }
  block_.records.push_back(Copy(message.payload, message.len));
  if (message.key != nullptr && block_.keys.empty()) {
    block_.keys.resize(row, {0, RecordBlock::kNoKey});
  }
  if (message.key != nullptr) {
    block_.keys.push_back(Copy(message.key, message.key_len));
  } else if (!block_.keys.empty()) {
    block_.keys.emplace_back(0, RecordBlock::kNoKey);
  }
  if (message.payload == nullptr) block_.nulls.resize(row);
  if (message.payload == nullptr || !block_.nulls.empty()) {
    block_.nulls.push_back(message.payload == nullptr);
  }
  rd_kafka_timestamp_type_t type;
  block_.times.push_back(rd_kafka_message_timestamp(&message, &type) * kMicrosPerMilli);
  if (wants_time_types_) time_types_.push_back(static_cast<uint8_t>(type));
  if (wants_headers_) AddHeaders(message);
}

void KafkaBlock::AddHeaders(rd_kafka_message_s& message) {
  const auto first = static_cast<uint32_t>(header_names_.size());
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* name = nullptr;
    const void* value = nullptr;
    size_t size = 0;
    for (size_t k = 0; rd_kafka_header_get_all(headers, k, &name, &value, &size) ==
                       RD_KAFKA_RESP_ERR_NO_ERROR;
         ++k) {
      header_names_.push_back(Copy(name, std::strlen(name)));
      header_values_.push_back(Copy(value, value == nullptr ? 0 : size));
    }
  }
  header_lists_.push_back({first, static_cast<uint32_t>(header_names_.size()) - first});
}

// MAP<STRING, BYTES>.
Column KafkaBlock::HeadersColumn(Arena* heap) const {
  Column column = ColumnOf<ListEntry>(Type::MakeMap(TypeId::kString, TypeId::kBytes), size(),
                                      [&](size_t i) { return header_lists_[i]; });
  const auto text = [&](std::pair<uint64_t, uint32_t> place) {
    return Text({data_.get() + place.first, place.second}, heap);
  };
  column.mutable_children() = {
      ColumnOf<StringRef>(TypeId::kString, header_names_.size(),
                          [&](size_t k) { return text(header_names_[k]); }),
      ColumnOf<Bytes>(TypeId::kBytes, header_values_.size(),
                      [&](size_t k) { return Bytes{text(header_values_[k])}; })};
  return column;
}

Column KafkaBlock::MetadataColumn(const std::string& key, const std::string& topic,
                                  int32_t partition) {
  auto heap = std::make_shared<Arena>();
  Column column;
  if (key == "topic") {
    column = Column::Constant(Text(topic, heap.get()), size());
  } else if (key == "partition") {
    column = Column::Constant(partition, size());
  } else if (key == "offset") {
    column = ColumnOf<int64_t>(TypeId::kBigInt, size(), [&](size_t i) {
      return static_cast<int64_t>(block_.PositionOf(i));
    });
  } else if (key == "timestamp") {
    column = ColumnOf<TimestampLtz>(Type::MakeTimestampLtz(3), size(),
                                    [&](size_t i) { return TimestampLtz{block_.times[i]}; });
  } else if (key == "timestamp-type") {
    column = ColumnOf<StringRef>(TypeId::kString, size(), [&](size_t i) {
      return Text(TimestampTypeName(time_types_[i]), heap.get());
    });
  } else if (key == "leader-epoch") {
    column = Column::ConstantNull(TypeId::kInteger, size());
  } else if (key == "headers") {
    column = HeadersColumn(heap.get());
  } else {
    column =
        ColumnOf<bool>(TypeId::kBoolean, size(), [&](size_t i) { return !block_.IsNull(i); });
  }
  column.KeepAlive(heap);
  return column;
}

RecordBlock KafkaBlock::Finish(const std::string& topic, int32_t partition,
                               std::shared_ptr<const std::string> origin) {
  Copy(nullptr, 0);  // Room for the padding, also where every value is empty.
  std::memset(data_.get() + size_, 0, kPadding);
  block_.data = data_.get();
  block_.owner = data_;
  block_.origin = std::move(origin);
  block_.arrival_micros = NowMicros();
  std::vector<Column> columns;
  for (const std::string& key : *metadata_) {
    columns.push_back(MetadataColumn(key, topic, partition));
  }
  block_.metadata = std::move(columns);
  return std::move(block_);
}

}  // namespace millrace
