// Where reading a topic starts and ends: the options, and positions as text.
//
//   position := offset | offset ";" stop      (decimal; the next record to read, and of bounded
//   tables the first one not to read)
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "connectors/connector.h"

namespace millrace {

enum class OffsetMode : uint8_t { kEarliest, kLatest, kGroup, kTimestamp, kSpecific, kUnbounded };

struct OffsetSpec {
  OffsetMode mode = OffsetMode::kUnbounded;
  int64_t timestamp_millis = 0;
  std::map<int32_t, int64_t> specific;  // By partition.
};

// 'scan.startup.*' and 'scan.bounded.*'. Throw Error(kInvalidOption | kMissingOption).
OffsetSpec StartOffsets(const Options& options);
OffsetSpec StopOffsets(const Options& options);

struct KafkaPosition {
  int64_t offset = 0;
  std::optional<int64_t> stop;
};
// Throws Error(kStateIncompatible).
KafkaPosition ParseKafkaPosition(const SourcePosition& text);
SourcePosition KafkaPositionText(const KafkaPosition& position);

}  // namespace millrace
