#include "connectors/keyed_format.h"

#include <algorithm>

#include "types/row_key.h"

namespace millrace {
namespace {

constexpr uint32_t kNoRow = UINT32_MAX;

[[noreturn]] void ThrowOption(const ConnectorContext& context, std::string_view key,
                              const std::string& what, std::string hint = {}) {
  throw Error(ErrorCode::kInvalidOption, "option '" + std::string(key) + "': " + what,
              ValueRange(context.options, key), std::move(hint));
}

std::vector<std::string> SplitNames(const std::string& list) {
  std::vector<std::string> names;
  for (size_t at = 0; at <= list.size();) {
    const size_t end = std::min(list.find(';', at), list.size());
    if (end > at) names.push_back(list.substr(at, end - at));
    at = end + 1;
  }
  return names;
}

size_t FindColumn(const ConnectorContext& context, const std::string& name) {
  const auto found = std::ranges::find(context.schema, name, &Field::name);
  if (found != context.schema.end()) return static_cast<size_t>(found - context.schema.begin());
  std::vector<std::string_view> names;
  for (const Field& field : context.schema) names.push_back(field.name);
  ThrowOption(context, "key.fields", "the table has no column '" + name + "'",
              DidYouMean(name, names));
}

std::vector<size_t> KeyColumns(const ConnectorDef& connector, const ConnectorContext& context) {
  std::vector<size_t> key;
  if (connector.keyed_changes) {
    for (const std::string& name : context.primary_key) key.push_back(FindColumn(context, name));
    return key;
  }
  for (const std::string& name : SplitNames(GetString(context.options, "key.fields"))) {
    key.push_back(FindColumn(context, name));
  }
  const bool has_format = FindOption(context.options, "key.format") != nullptr;
  if (has_format && key.empty()) {
    throw Error(ErrorCode::kMissingOption, "option 'key.format' needs 'key.fields'",
                ValueRange(context.options, "key.format"), "'key.fields' = 'column;column'");
  }
  if (!has_format && !key.empty()) {
    throw Error(ErrorCode::kMissingOption, "option 'key.fields' needs 'key.format'",
                ValueRange(context.options, "key.fields"));
  }
  return key;
}

// The options that `prefix` is in front of, without it; those of 'format' have none.
ConnectorContext FormatContext(const ConnectorContext& context, std::string_view prefix,
                               const std::vector<size_t>& columns) {
  ConnectorContext made = context;
  made.schema.clear();
  made.columns.clear();
  made.fields.clear();
  made.metadata.clear();
  made.partitioned_by.clear();
  if (!prefix.empty()) {
    made.options.clear();
    for (const auto& [key, option] : context.options) {
      if (key.starts_with(prefix)) made.options.emplace(key.substr(prefix.size()), option);
    }
  }
  for (size_t column : columns) made.schema.push_back(context.schema[column]);
  // What avro-confluent names its subject after.
  const Option* topic = FindOption(context.options, "topic");
  if (topic != nullptr) made.options.emplace("topic", *topic);
  made.options["$part"].value = prefix == "key." ? "key" : "value";
  return made;
}

// Column by column, NULL where `rows` has kNoRow.
Column TakeOrNull(const Column& column, const Type& type, const std::vector<uint32_t>& rows) {
  if (std::ranges::find(rows, kNoRow) == rows.end()) return column.Take(rows);
  Column null = MakeColumn(type, 1);
  ClearValue(&null, 0);
  const Column parts[] = {column.Flatten(), null};
  std::vector<uint32_t> places = rows;
  std::ranges::replace(places, kNoRow, static_cast<uint32_t>(column.size()));
  return Concat(parts).Take(places);
}

class KeyedDecoder final : public Decoder {
 public:
  KeyedDecoder(const ConnectorDef& connector, const ConnectorContext& context)
      : keeps_nulls_(connector.keyed_changes), context_(context) {
    KeyedColumns parts = DivideColumns(connector, context);
    keeps_nulls_ |= parts.value_format->name == "raw";
    for (size_t column : context.columns) {
      // A column that is in both comes from the value.
      const auto in_value = std::ranges::find(parts.value, column);
      const auto in_key = std::ranges::find(parts.key, column);
      const bool from_key =
          in_value == parts.value.end() || (connector.keyed_changes && in_key != parts.key.end());
      ConnectorContext& part = from_key ? parts.key_context : parts.value_context;
      places_.push_back({from_key, part.columns.size()});
      part.columns.push_back(static_cast<size_t>(from_key ? in_key - parts.key.begin()
                                                          : in_value - parts.value.begin()));
    }
    value_ = parts.value_format->decoder(parts.value_context);
    const bool needs_key = !parts.key_context.columns.empty() || connector.keyed_changes;
    if (needs_key && parts.key_format) key_ = parts.key_format->decoder(parts.key_context);
  }

  Batch Decode(const RecordBlock& block, std::vector<Reject>* rejects,
               std::vector<uint32_t>* row_records) override {
    if (!key_ && block.nulls.empty()) return value_->Decode(block, rejects, row_records);
    const size_t records = block.records.size();
    Part value = DecodePart(value_.get(), block, false, rejects);
    Part key;
    if (key_) key = DecodePart(key_.get(), block, true, rejects);
    std::vector<uint32_t> key_row(records, kNoRow);
    for (size_t i = 0; i < key.records.size(); ++i) {
      key_row[key.records[i]] = static_cast<uint32_t>(i);
    }
    std::vector<uint8_t> rejected(records);
    for (const Reject& reject : *rejects) rejected[reject.record] = 1;
    std::vector<uint32_t> key_rows, value_rows;
    size_t next = 0;
    for (uint32_t record = 0; record < records; ++record) {
      const size_t first = next;
      while (next < value.records.size() && value.records[next] == record) ++next;
      if (rejected[record] || !HasNeededKey(key_row, record, rejects)) continue;
      for (size_t row = first; row < next; ++row) {
        value_rows.push_back(static_cast<uint32_t>(row));
        key_rows.push_back(key_row[record]);
        row_records->push_back(record);
      }
      if (!block.IsNull(record) || !keeps_nulls_) continue;
      value_rows.push_back(kNoRow);
      key_rows.push_back(key_row[record]);
      row_records->push_back(record);
    }
    return Merge(key, value, key_rows, value_rows);
  }

 private:
  struct Place {
    bool key;
    size_t column;  // Of the part's batch.
  };
  struct Part {
    Batch batch;
    std::vector<uint32_t> records;  // Of its rows.
  };

  // The keys or values of the messages that have one.
  static Part DecodePart(Decoder* decoder, const RecordBlock& block, bool keys,
                         std::vector<Reject>* rejects) {
    RecordBlock part;
    part.owner = block.owner;
    part.data = block.data;
    part.origin = block.origin;
    part.arrival_micros = block.arrival_micros;
    std::vector<uint32_t> records;
    for (uint32_t i = 0; i < block.records.size(); ++i) {
      const bool there = keys ? !block.keys.empty() && block.keys[i].second != RecordBlock::kNoKey
                              : !block.IsNull(i);
      if (!there) continue;
      part.records.push_back(keys ? block.keys[i] : block.records[i]);
      records.push_back(i);
    }
    std::vector<Reject> found;
    Part out;
    out.batch = decoder->Decode(part, &found, &out.records);
    for (uint32_t& record : out.records) record = records[record];
    for (Reject& reject : found) {
      const std::string what = keys ? "key: " : "";
      rejects->push_back({records[reject.record], what + reject.reason});
    }
    return out;
  }

  // A message without a key has NULL in the key's columns, which not every column takes.
  bool HasNeededKey(const std::vector<uint32_t>& key_row, uint32_t record,
                    std::vector<Reject>* rejects) const {
    if (!key_ || key_row[record] != kNoRow) return true;
    for (size_t i = 0; i < places_.size(); ++i) {
      const Field& field = context_.schema[context_.columns[i]];
      if (!places_[i].key || field.type.nullable) continue;
      rejects->push_back({record, "column " + field.name + ": the record has no key"});
      return false;
    }
    return true;
  }

  Batch Merge(const Part& key, const Part& value, const std::vector<uint32_t>& key_rows,
              const std::vector<uint32_t>& value_rows) const {
    Batch batch;
    batch.size = value_rows.size();
    if (!value.batch.append_only()) {
      for (uint32_t row : value_rows) {
        batch.weights.push_back(row == kNoRow ? 1 : value.batch.weights[row]);
      }
    }
    for (size_t i = 0; i < places_.size(); ++i) {
      const Part& part = places_[i].key ? key : value;
      batch.columns.push_back(TakeOrNull(part.batch.columns[places_[i].column],
                                         context_.schema[context_.columns[i]].type,
                                         places_[i].key ? key_rows : value_rows));
    }
    return batch;
  }

  bool keeps_nulls_;
  const ConnectorContext context_;
  std::vector<Place> places_;  // Of the wanted columns.
  std::unique_ptr<Decoder> key_, value_;
};

}  // namespace

const Option* FindValueFormat(const Options& options) {
  const Option* format = FindOption(options, "value.format");
  return format ? format : FindOption(options, "format");
}

KeyedColumns DivideColumns(const ConnectorDef& connector, const ConnectorContext& context) {
  KeyedColumns parts;
  parts.key = KeyColumns(connector, context);
  const std::string include = GetString(context.options, "value.fields-include", "ALL");
  const bool all = include == "ALL" || include == "all";
  for (size_t i = 0; i < context.schema.size(); ++i) {
    const bool in_key = std::ranges::find(parts.key, i) != parts.key.end();
    if (all || !in_key) parts.value.push_back(i);
  }
  const bool value_option = FindOption(context.options, "value.format") != nullptr;
  parts.value_format = FindFormat(FindValueFormat(context.options)->value);
  parts.value_context = FormatContext(context, value_option ? "value." : "", parts.value);
  if (const Option* format = FindOption(context.options, "key.format")) {
    parts.key_format = FindFormat(format->value);
    parts.key_context = FormatContext(context, "key.", parts.key);
  }
  const std::string prefix = GetString(context.options, "key.fields-prefix");
  if (prefix.empty()) return parts;
  if (all) {
    ThrowOption(context, "key.fields-prefix", "needs 'value.fields-include' = 'EXCEPT_KEY'",
                "only then is no column in both, the key and the value");
  }
  for (Field& field : parts.key_context.schema) {
    if (!field.name.starts_with(prefix)) {
      ThrowOption(context, "key.fields-prefix",
                  "the key's column '" + field.name + "' does not begin with it");
    }
    field.name.erase(0, prefix.size());
  }
  return parts;
}

std::unique_ptr<Decoder> MakeKeyedDecoder(const ConnectorDef& connector,
                                          const ConnectorContext& context) {
  return std::make_unique<KeyedDecoder>(connector, context);
}

bool HasChangeFormat(const ConnectorDef& connector, const Options& options) {
  if (!connector.needs_format) return false;
  const Option* name = connector.has_keys ? FindValueFormat(options) : FindOption(options, "format");
  const FormatDef* format = name == nullptr ? nullptr : FindFormat(name->value);
  return format != nullptr && format->envelope != nullptr;
}

std::unique_ptr<Decoder> MakeDecoder(const ConnectorDef& connector,
                                     const ConnectorContext& context) {
  if (connector.has_keys) return MakeKeyedDecoder(connector, context);
  return FindFormat(GetString(context.options, "format"))->decoder(context);
}

}  // namespace millrace
