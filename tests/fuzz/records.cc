#include "tests/fuzz/records.h"

#include <cstring>

#include "connectors/record_splitter.h"
#include "connectors/text_values.h"
#include "tests/fuzz/target.h"
#include "types/row_key.h"
#include "types/value.h"

namespace millrace {
namespace {

constexpr size_t kPadding = 64;
constexpr size_t kMaxSingleRecords = 64;
// Bytes that would go on with whatever record they follow.
constexpr std::string_view kHostile = "\",]}'1e5;\\\xF0\t: ";

RecordFraming FramingOf(const RecordInput& input) {
  return input.format->framing != nullptr ? input.format->framing(input.context.options)
                                          : RecordFraming{};
}

// A block of `text` in memory of its own; its padding repeats `filler`.
RecordBlock MakeBlock(const RecordInput& input, std::string_view text, std::string_view filler) {
  const std::shared_ptr<char[]> bytes(new char[text.size() + kPadding]);
  if (!text.empty()) std::memcpy(bytes.get(), text.data(), text.size());
  for (size_t i = 0; i < kPadding; ++i) bytes[text.size() + i] = filler[i % filler.size()];
  RecordBlock block;
  block.owner = bytes;
  block.data = bytes.get();
  block.header = input.header;
  return block;
}

void RequireUtf8(const Value& value, const Type& type) {
  if (const auto* text = std::get_if<std::string>(&value.data)) {
    Require(type.id != TypeId::kString || IsValidUtf8(*text), "a STRING is UTF-8", *text);
  } else if (const auto* values = std::get_if<Values>(&value.data)) {
    for (size_t i = 0; i < values->size(); ++i) {
      RequireUtf8((*values)[i], (*type.children)[i % type.children->size()].type);
    }
  }
}

void CheckBatch(const ConnectorContext& context, const Batch& batch) {
  Require(batch.columns.size() == context.columns.size(), "a column each that is wanted");
  for (size_t c = 0; c < batch.columns.size(); ++c) {
    const Column& column = batch.columns[c];
    const Type& type = context.schema[context.columns[c]].type;
    Require(column.type() == type.id, "a column is of the schema's type");
    Require(column.size() == batch.size, "columns have as many values as there are rows");
    for (size_t i = 0; i < batch.size; ++i) {
      Require(type.nullable || !column.IsNull(i), "no NULL in a NOT NULL column");
      RequireUtf8(GetValue(column, type, i), type);
    }
  }
}

std::string KeyOfRow(const Batch& batch, size_t row) {
  std::string key;
  for (const Column& column : batch.columns) AppendKeyColumn(column, row, &key);
  return key;
}

struct DecodedBlock {
  Batch batch;
  std::vector<DecodedRecord> records;
};

DecodedBlock Decode(const RecordInput& input, Decoder* decoder, RecordBlock block) {
  DecodedBlock decoded;
  std::vector<Reject> rejects;
  std::vector<uint32_t> row_records;
  for (const auto& [offset, size] : block.records) {
    decoded.records.push_back({std::string(block.data + offset, size), {}, {}});
  }
  decoded.batch = decoder->Decode(block, &rejects, &row_records);
  block = {};  // The batch keeps alive what it needs.
  CheckBatch(input.context, decoded.batch);
  Require(row_records.size() == decoded.batch.size, "every row is of a record");
  for (size_t i = 0; i < row_records.size(); ++i) {
    Require(row_records[i] < decoded.records.size(), "a row's record is in the block");
    Require(i == 0 || row_records[i - 1] <= row_records[i], "rows are in the records' order");
    decoded.records[row_records[i]].rows.push_back(KeyOfRow(decoded.batch, i));
  }
  for (Reject& reject : rejects) {
    Require(reject.record < decoded.records.size(), "a rejected record is in the block");
    DecodedRecord& record = decoded.records[reject.record];
    Require(!reject.reason.empty(), "a reject has a reason");
    Require(IsValidUtf8(reject.reason), "a reason is UTF-8", reject.reason);
    Require(record.reason.empty() && record.rows.empty(), "rows or one reject", record.text);
    record.reason = std::move(reject.reason);
  }
  return decoded;
}

DecodedBlock DecodeSingle(const RecordInput& input, Decoder* decoder, std::string_view record) {
  RecordBlock block = MakeBlock(input, record, kHostile);
  block.records.emplace_back(0, static_cast<uint32_t>(record.size()));
  return Decode(input, decoder, std::move(block));
}

void CheckSingleRecords(const RecordInput& input, const std::vector<DecodedRecord>& records) {
  const std::unique_ptr<Decoder> decoder = input.format->decoder(input.context);
  for (size_t i = std::min(records.size(), kMaxSingleRecords); i-- > 0;) {
    const DecodedRecord alone = DecodeSingle(input, decoder.get(), records[i].text).records[0];
    Require(alone == records[i], "a record means the same, whatever its surroundings",
            records[i].text + "\nin the block: " + records[i].reason + "\nalone: " + alone.reason);
  }
}

void CheckEncoder(const RecordInput& input, const Batch& batch) {
  const std::unique_ptr<Decoder> decoder = input.format->decoder(input.context);
  const auto encoder = input.format->encoder(input.context);
  for (size_t i = 0; i < std::min(batch.size, kMaxSingleRecords); ++i) {
    std::string text;
    encoder->Encode(batch, i, &text);
    text.push_back('\n');
    const auto records =
        Split(FramingOf(input), text.data(), 0, text.size(), true, ~size_t{0}).records;
    Require(records.size() == 1 && records[0].second == text.size() - 1,
            "an encoded row is one record", text);
    text.pop_back();
    const DecodedRecord record = DecodeSingle(input, decoder.get(), text).records[0];
    Require(record.rows == std::vector<std::string>{KeyOfRow(batch, i)},
            "an encoded row decodes to itself", text + "\n" + record.reason);
  }
}

}  // namespace

std::vector<DecodedRecord> DecodeRecords(const RecordInput& input) {
  RecordBlock block = MakeBlock(input, input.text, std::string_view("\0", 1));
  block.records =
      Split(FramingOf(input), block.data, 0, input.text.size(), true, ~size_t{0}).records;
  const std::unique_ptr<Decoder> decoder = input.format->decoder(input.context);
  DecodedBlock decoded = Decode(input, decoder.get(), std::move(block));
  CheckSingleRecords(input, decoded.records);
  if (input.round_trip) CheckEncoder(input, decoded.batch);
  return std::move(decoded.records);
}

Schema ScalarSchema() {
  Schema schema;
  for (auto id = static_cast<size_t>(TypeId::kBoolean); id < static_cast<size_t>(TypeId::kArray);
       ++id) {
    schema.push_back(
        {std::string(1, static_cast<char>('a' + schema.size())), static_cast<TypeId>(id)});
  }
  return schema;
}

Schema OrderSchema() {
  return {{"id", Type(TypeId::kBigInt, false)},
          {"item", TypeId::kString},
          {"price", Type::MakeDecimal(10, 2)},
          {"a longer name", TypeId::kDouble},
          {"at", Type::MakeTimestamp(3)}};
}

void WantFewerColumns(ConnectorContext* context) {
  context->columns.clear();
  for (size_t i = context->schema.size(); i-- > 0;) {
    if (i % 2 == 1) context->columns.push_back(i);
  }
}

}  // namespace millrace
