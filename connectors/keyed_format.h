// Messages have a key beside their value, each with a format of its own: which columns are in which,
// and the decoder that puts them together.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "connectors/connector.h"

namespace millrace {

struct KeyedColumns {
  std::vector<size_t> key, value;  // Of the table's physical columns.
  const FormatDef* key_format = nullptr;  // Null: keys are not read or written.
  const FormatDef* value_format = nullptr;
  // What the formats see: their columns, and their options without "key." or "value." in front.
  ConnectorContext key_context, value_context;
};

// By 'format', 'value.format', 'key.format', 'key.fields', 'key.fields-prefix' and
// 'value.fields-include'; where the connector's records replace each other by PRIMARY KEY, that is
// the key. Throws Error(kInvalidOption | kMissingOption) at the option. REQUIRES: the formats exist.
KeyedColumns DivideColumns(const ConnectorDef& connector, const ConnectorContext& context);

// 'format' or 'value.format'; null when neither is there.
const Option* FindValueFormat(const Options& options);

// Decodes blocks with keys. A message without a value gives no row, except where it deletes its key
// (ConnectorDef::keyed_changes) or the value's format is raw: then the value's columns are NULL.
std::unique_ptr<Decoder> MakeKeyedDecoder(const ConnectorDef& connector,
                                          const ConnectorContext& context);

}  // namespace millrace
