#include "connectors/message_encoder.h"

#include <algorithm>
#include <cstring>

#include "connectors/message_block.h"

namespace millrace {
namespace {

int64_t FloorToMillis(int64_t micros) {
  return (micros - (((micros % 1000) + 1000) % 1000)) / 1000;
}

void SetExtra(std::string_view extra, Message* message) {
  std::memcpy(&message->time_millis, extra.data(), sizeof message->time_millis);
  message->headers = extra.substr(sizeof message->time_millis);
}

}  // namespace

MessageEncoder::MessageEncoder(const ConnectorDef& connector, const ConnectorContext& context)
    : upsert_(connector.keyed_changes),
      raw_key_(GetString(context.options, "key.format") == "raw"),
      raw_value_(FindValueFormat(context.options)->value == "raw") {
  const KeyedColumns parts = DivideColumns(connector, context);
  value_ = {parts.value, parts.value_format->encoder(parts.value_context)};
  envelope_ = parts.value_format->envelope;
  if (parts.key_format != nullptr) {
    if (parts.key_format->encoder == nullptr) {
      throw Error(ErrorCode::kInvalidOption, "this format cannot be written",
                  ValueRange(context.options, "key.format"));
    }
    key_ = {parts.key, parts.key_format->encoder(parts.key_context)};
  }
  for (size_t i = 0; i < context.metadata.size(); ++i) {
    const TypeId type = context.metadata_types[i].id;
    const bool time = context.metadata[i] == "timestamp";
    const bool fits = time ? type == TypeId::kTimestampLtz || type == TypeId::kTimestamp ||
                                 type == TypeId::kBigInt
                           : type == TypeId::kMap;
    if (!fits) {
      throw Error(ErrorCode::kTypeMismatch,
                  "metadata '" + context.metadata[i] + "' cannot be written from a column of type " +
                      context.metadata_types[i].ToString());
    }
    (time ? time_column_ : headers_column_) = context.schema.size() + i;
  }
}

Batch MessageEncoder::Part(const Batch& batch, const std::vector<size_t>& columns) {
  Batch part;
  part.size = batch.size;
  for (size_t column : columns) part.columns.push_back(batch.columns[column]);
  return part;
}

void MessageEncoder::ReadMetadata(const Batch& changes, size_t row) {
  time_millis_ = 0;
  headers_.clear();
  if (time_column_ && !changes.columns[*time_column_].IsNull(row)) {
    const Column& column = changes.columns[*time_column_];
    const int64_t time = column.at<int64_t>(row);
    time_millis_ = column.type() == TypeId::kBigInt ? time : FloorToMillis(time);
  }
  if (!headers_column_ || changes.columns[*headers_column_].IsNull(row)) return;
  const Column& map = changes.columns[*headers_column_];
  const ListEntry entry = map.at<ListEntry>(row);
  for (uint32_t k = entry.offset; k < entry.offset + entry.length; ++k) {
    const Column &names = map.children()[0], &values = map.children()[1];
    if (names.IsNull(k)) continue;  // Kafka has no headers without a name.
    std::optional<std::string_view> value;
    const StringRef bytes = values.at<StringRef>(k);
    if (!values.IsNull(k)) value = bytes.view();
    const StringRef name = names.at<StringRef>(k);
    AppendHeader(name.view(), value, &headers_);
  }
}

// Into key_bytes_ and value_bytes_.
void MessageEncoder::Encode(const Batch& changes, const Batch& keys, const Batch& values,
                            size_t row) {
  key_bytes_.clear();
  value_bytes_.clear();
  ReadMetadata(changes, row);
  null_key_ = !key_.encoder || (raw_key_ && keys.columns[0].IsNull(row));
  null_value_ = raw_value_ && values.columns[0].IsNull(row);
  if (!null_key_) key_.encoder->Encode(keys, row, &key_bytes_);
  if (!null_value_) value_.encoder->Encode(values, row, &value_bytes_);
}

void MessageEncoder::Add(const Batch& changes) {
  const Batch keys = Part(changes, key_.columns), values = Part(changes, value_.columns);
  for (size_t row = 0; row < changes.size; ++row) {  // Encoding goes row by row.
    Encode(changes, keys, values, row);
    if (upsert_) {
      AddChange(changes.weight(row));
      continue;
    }
    if (envelope_ != nullptr) {
      key_bytes_.insert(key_bytes_.begin(), null_key_ ? '\0' : '\1');
      step_.Add(key_bytes_, value_bytes_, Extra(), changes.weight(row));
      continue;
    }
    Message message{time_millis_, {}, {}, headers_};
    if (!null_key_) message.key = key_bytes_;
    if (!null_value_) message.value = value_bytes_;
    for (int64_t n = changes.weight(row); n > 0; --n) AppendMessage(message, &block_);
  }
}

std::string MessageEncoder::Extra() const {
  return std::string(reinterpret_cast<const char*>(&time_millis_), sizeof time_millis_) + headers_;
}

void MessageEncoder::AppendChange(std::string_view key, std::string_view row,
                                  std::string_view extra, bool goes) {
  value_bytes_.clear();
  envelope_(row, goes, &value_bytes_);
  Message message{0, {}, value_bytes_, {}};
  if (key[0] != '\0') message.key = key.substr(1);
  SetExtra(extra, &message);
  AppendMessage(message, &block_);
}

void MessageEncoder::AddChange(int64_t weight) {
  const auto [entry, fresh] = changes_.try_emplace(key_bytes_);
  if (fresh) order_.push_back(&entry->first);
  std::vector<Change>& changes = entry->second;
  auto same = std::ranges::find(changes, value_bytes_, &Change::value);
  if (same == changes.end()) {
    changes.push_back({value_bytes_, Extra(), 0});
    same = changes.end() - 1;
  }
  same->weight += weight;
}

std::string MessageEncoder::TakeStep() {
  step_.Take([this](auto... change) { AppendChange(change...); });
  for (const std::string* key : order_) {
    const Change* now = nullptr;
    bool changed = false;
    for (const Change& change : changes_.find(*key)->second) {
      changed |= change.weight != 0;
      // Of several rows of one key, which its query does not have, the same one in every run.
      if (change.weight > 0 && (now == nullptr || change.value > now->value)) now = &change;
    }
    if (!changed) continue;
    Message message{0, *key, {}, {}};
    if (now != nullptr) {
      message.value = now->value;
      SetExtra(now->extra, &message);
    }
    AppendMessage(message, &block_);
  }
  changes_.clear();
  order_.clear();
  return std::exchange(block_, {});
}

}  // namespace millrace
