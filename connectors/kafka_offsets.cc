#include "connectors/kafka_offsets.h"

#include <algorithm>
#include <charconv>

namespace millrace {
namespace {

[[noreturn]] void ThrowOption(const Options& options, const std::string& key,
                              const std::string& what) {
  throw Error(ErrorCode::kInvalidOption, "option '" + key + "': " + what,
              ValueRange(options, key));
}

template <class T>
bool TakeNumber(std::string_view* text, T* number) {
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), *number);
  if (error != std::errc{}) return false;
  text->remove_prefix(static_cast<size_t>(end - text->data()));
  return true;
}

bool Take(std::string_view* text, std::string_view prefix) {
  if (!text->starts_with(prefix)) return false;
  text->remove_prefix(prefix.size());
  return true;
}

// "partition:0,offset:42;partition:1,offset:300"
std::map<int32_t, int64_t> ParseSpecific(const Options& options, const std::string& key) {
  const std::string value = GetString(options, key);
  if (value.empty()) {
    throw Error(ErrorCode::kMissingOption, "the mode 'specific-offsets' needs option '" + key + "'",
                ValueRange(options, key.substr(0, key.rfind('.')) + ".mode"));
  }
  std::map<int32_t, int64_t> offsets;
  std::string_view rest = value;
  while (!rest.empty()) {
    int32_t partition = 0;
    int64_t offset = 0;
    if (!Take(&rest, "partition:") || !TakeNumber(&rest, &partition) || !Take(&rest, ",offset:") ||
        !TakeNumber(&rest, &offset) || (!rest.empty() && !Take(&rest, ";"))) {
      ThrowOption(options, key,
                  "'" + value + "' is not of the form 'partition:0,offset:42;partition:1,offset:3'");
    }
    offsets[partition] = offset;
  }
  return offsets;
}

// `prefix` is "scan.startup." or "scan.bounded.".
OffsetSpec Parse(const Options& options, const std::string& prefix, const std::string& otherwise) {
  std::string mode = GetString(options, prefix + "mode", otherwise);
  std::ranges::transform(mode, mode.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 0x20) : c;
  });
  OffsetSpec spec;
  if (mode == "earliest-offset") {
    spec.mode = OffsetMode::kEarliest;
  } else if (mode == "latest-offset") {
    spec.mode = OffsetMode::kLatest;
  } else if (mode == "group-offsets") {
    spec.mode = OffsetMode::kGroup;
  } else if (mode == "timestamp") {
    spec.mode = OffsetMode::kTimestamp;
    if (FindOption(options, prefix + "timestamp-millis") == nullptr) {
      throw Error(ErrorCode::kMissingOption,
                  "the mode 'timestamp' needs option '" + prefix + "timestamp-millis'",
                  ValueRange(options, prefix + "mode"));
    }
    spec.timestamp_millis = GetInt(options, prefix + "timestamp-millis", 0);
  } else if (mode == "specific-offsets") {
    spec.mode = OffsetMode::kSpecific;
    spec.specific = ParseSpecific(options, prefix + "specific-offsets");
  }
  return spec;
}

}  // namespace

OffsetSpec StartOffsets(const Options& options) {
  const bool upsert = GetString(options, "connector") == "upsert-kafka";
  return Parse(options, "scan.startup.", upsert ? "earliest-offset" : "group-offsets");
}

OffsetSpec StopOffsets(const Options& options) {
  return Parse(options, "scan.bounded.", "unbounded");
}

KafkaPosition ParseKafkaPosition(const SourcePosition& text) {
  KafkaPosition position;
  std::string_view rest = text;
  bool good = TakeNumber(&rest, &position.offset);
  if (good && Take(&rest, ";")) {
    int64_t stop = 0;
    good = TakeNumber(&rest, &stop);
    position.stop = stop;
  }
  if (good && rest.empty()) return position;
  throw Error(ErrorCode::kStateIncompatible, "malformed Kafka position \"" + text + "\"");
}

SourcePosition KafkaPositionText(const KafkaPosition& position) {
  std::string text = std::to_string(position.offset);
  if (position.stop) text.append(";").append(std::to_string(*position.stop));
  return text;
}

}  // namespace millrace
