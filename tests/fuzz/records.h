// Decodes a text under a format in two surroundings and checks what every decoder promises.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/connector.h"

namespace millrace {

struct RecordInput {
  const FormatDef* format;
  ConnectorContext context;
  std::string_view text;
  std::shared_ptr<const std::string> header;  // As in RecordBlock.
  bool round_trip = false;  // Whether the encoder, under these options, loses nothing.
};

struct DecodedRecord {
  std::string text;
  std::vector<std::string> rows;  // Each as its key (types/row_key.h).
  std::string reason;             // Empty when it was not rejected.

  bool operator==(const DecodedRecord&) const = default;
};

// The records of the input and what became of them, whatever their neighbours and the bytes behind
// them. Ends the program when a promise is broken.
std::vector<DecodedRecord> DecodeRecords(const RecordInput& input);

// Columns of every scalar type that a format can hold.
Schema ScalarSchema();
// Few columns, as a table of orders has them; one is NOT NULL.
Schema OrderSchema();
// Only the columns at odd places, the last one first.
void WantFewerColumns(ConnectorContext* context);

}  // namespace millrace
