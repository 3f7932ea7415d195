// Shared by the tests of formats and files: contexts, blocks and rows as values.
#pragma once

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "connectors/builtin.h"
#include "connectors/record_splitter.h"
#include "types/value.h"

namespace millrace {

inline ConnectorContext MakeContext(Schema schema,
                                    const std::map<std::string, std::string>& options = {}) {
  ConnectorContext context;
  context.table = "t";
  context.schema = std::move(schema);
  for (size_t i = 0; i < context.schema.size(); ++i) context.columns.push_back(i);
  for (const auto& [key, value] : options) context.options[key].value = value;
  return context;
}

// The records of `text`, in memory of its own with padding.
inline RecordBlock MakeBlock(std::string_view text, const RecordFraming& framing = {}) {
  std::shared_ptr<char[]> bytes(new char[text.size() + 64]);
  std::memcpy(bytes.get(), text.data(), text.size());
  std::memset(bytes.get() + text.size(), 0, 64);
  RecordBlock block;
  block.owner = bytes;
  block.data = bytes.get();
  block.records = Split(framing, bytes.get(), 0, text.size(), true, ~size_t{0}).records;
  return block;
}

struct Decoded {
  std::vector<Values> rows;
  std::vector<Reject> rejects;
  std::vector<uint32_t> row_records;

  std::string reason(size_t i = 0) const { return i < rejects.size() ? rejects[i].reason : "none"; }
};

inline void AppendRows(const ConnectorContext& context, const Batch& batch,
                       std::vector<Values>* rows) {
  for (size_t i = 0; i < batch.size; ++i) {
    Values row;
    for (size_t c = 0; c < batch.columns.size(); ++c) {
      row.push_back(GetValue(batch.columns[c], context.schema[context.columns[c]].type, i));
    }
    rows->push_back(std::move(row));
  }
}

inline Decoded DecodeBlock(const ConnectorContext& context, Decoder* decoder, RecordBlock block) {
  Decoded decoded;
  const Batch batch = decoder->Decode(block, &decoded.rejects, &decoded.row_records);
  block = {};  // The batch must keep what it needs alive.
  AppendRows(context, batch, &decoded.rows);
  return decoded;
}

// One value's text, as in tables of expectations.
inline std::string Show(const Values& row, const ConnectorContext& context) {
  std::string text;
  for (size_t i = 0; i < row.size(); ++i) {
    if (i > 0) text += "|";
    text += ToText(row[i], context.schema[context.columns[i]].type);
  }
  return text;
}

inline std::vector<std::string> Show(const Decoded& decoded, const ConnectorContext& context) {
  std::vector<std::string> rows;
  for (const Values& row : decoded.rows) rows.push_back(Show(row, context));
  return rows;
}

}  // namespace millrace
