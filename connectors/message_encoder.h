// Rows of a table to messages with keys: what a Kafka sink sends.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "connectors/connector.h"
#include "connectors/keyed_format.h"
#include "connectors/step_changes.h"

namespace millrace {

class MessageEncoder {
 public:
  MessageEncoder(const ConnectorDef& connector, const ConnectorContext& context);

  // Takes a part of a step's changes.
  void Add(const Batch& changes);
  // The step's messages (connectors/message_block.h): of new rows as they came; where the format
  // carries changes, what goes and then what comes; where records replace each other, one for each
  // key that changed: its row, or nothing if it has none any more.
  std::string TakeStep();

 private:
  struct Change {
    std::string value;
    std::string extra;  // Time and headers.
    int64_t weight = 0;
  };
  struct Columns {
    std::vector<size_t> columns;
    std::unique_ptr<FormatDef::Encoder> encoder;
  };

  static Batch Part(const Batch& batch, const std::vector<size_t>& columns);
  void Encode(const Batch& changes, const Batch& keys, const Batch& values, size_t row);
  void AddChange(int64_t weight);
  void AppendChange(std::string_view key, std::string_view row, std::string_view extra, bool goes);
  void ReadMetadata(const Batch& changes, size_t row);
  std::string Extra() const;

  const bool upsert_;
  const bool raw_key_, raw_value_;
  void (*envelope_)(std::string_view row, bool goes, std::string* out) = nullptr;
  Columns key_, value_;
  std::optional<size_t> time_column_, headers_column_;  // Of the batch.

  std::string block_;
  StepChanges step_;  // Of a format that carries changes; keys with a byte in front: 0: none.
  // Upsert: by key, and the keys in the order in which they came.
  std::unordered_map<std::string, std::vector<Change>> changes_;
  std::vector<const std::string*> order_;
  // Of the row in hand.
  std::string key_bytes_, value_bytes_, headers_;
  bool null_key_ = false, null_value_ = false;
  int64_t time_millis_ = 0;
};

}  // namespace millrace
