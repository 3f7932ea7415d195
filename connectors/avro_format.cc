// The formats avro, records of the table's own schema, and avro-confluent, where each record says
// which schema of a registry it has:
//
//   record := 0:uint8 id:fixed32be avro
#include <algorithm>
#include <cstring>

#include "base/json_text.h"
#include "connectors/avro_decoder.h"
#include "connectors/builtin.h"
#include "connectors/schema_registry.h"
#include "types/decimal.h"

namespace millrace {
namespace {

using Kind = OptionDef::Kind;

constexpr size_t kHead = 5;  // Of a record with an id.

// What a table's type is in Avro, without its NULL.
void AppendSchema(const Type& type, const std::string& name, std::string* out);

void AppendRecord(const Schema& fields, const std::string& name, std::string* out) {
  out->append("{\"type\":\"record\",\"name\":");
  AppendJsonString(name, out);
  out->append(",\"namespace\":\"org.apache.flink.avro.generated\",\"fields\":[");
  for (size_t i = 0; i < fields.size(); ++i) {
    out->append(i == 0 ? "{\"name\":" : ",{\"name\":");
    AppendJsonString(fields[i].name, out);
    out->append(",\"type\":");
    if (fields[i].type.nullable) out->append("[\"null\",");
    AppendSchema(fields[i].type, name + "_" + fields[i].name, out);
    if (fields[i].type.nullable) out->append("],\"default\":null");
    out->append("}");
  }
  out->append("]}");
}

void AppendNullable(const Type& type, const std::string& name, std::string* out) {
  if (type.nullable) out->append("[\"null\",");
  AppendSchema(type, name, out);
  if (type.nullable) out->append("]");
}

void AppendLogical(std::string_view type, std::string_view logical, std::string* out) {
  out->append("{\"type\":\"").append(type).append("\",\"logicalType\":\"");
  out->append(logical).append("\"}");
}

void AppendSchema(const Type& type, const std::string& name, std::string* out) {
  switch (type.id) {
    case TypeId::kBoolean:
      out->append("\"boolean\"");
      return;
    case TypeId::kTinyInt:
    case TypeId::kSmallInt:
    case TypeId::kInteger:
      out->append("\"int\"");
      return;
    case TypeId::kBigInt:
      out->append("\"long\"");
      return;
    case TypeId::kFloat:
      out->append("\"float\"");
      return;
    case TypeId::kDouble:
      out->append("\"double\"");
      return;
    case TypeId::kString:
      out->append("\"string\"");
      return;
    case TypeId::kBytes:
      out->append("\"bytes\"");
      return;
    case TypeId::kDecimal:
      out->append("{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":" +
                  std::to_string(type.precision) + ",\"scale\":" + std::to_string(type.scale) + "}");
      return;
    case TypeId::kDate:
      return AppendLogical("int", "date", out);
    case TypeId::kTime:
      return AppendLogical("int", "time-millis", out);
    case TypeId::kTimestamp:
    case TypeId::kTimestampLtz:
      return AppendLogical("long", type.precision <= 3 ? "timestamp-millis" : "timestamp-micros",
                           out);
    case TypeId::kArray:
      out->append("{\"type\":\"array\",\"items\":");
      AppendNullable((*type.children)[0].type, name, out);
      out->append("}");
      return;
    case TypeId::kMap:
      out->append("{\"type\":\"map\",\"values\":");
      AppendNullable((*type.children)[1].type, name, out);
      out->append("}");
      return;
    case TypeId::kRow:
      return AppendRecord(*type.children, name, out);
    default:
      throw Error(ErrorCode::kInvalidOption,
                  "Avro has no type for " + type.AsNullable().ToString());
  }
}

class AvroEncoder final : public FormatDef::Encoder {
 public:
  explicit AvroEncoder(const ConnectorContext& context) : schema_(context.schema) {}

  void Encode(const Batch& batch, size_t row, std::string* out) override {
    AppendFields(schema_, batch.columns, row, out);
  }

 private:
  static void AppendLong(int64_t value, std::string* out) {
    uint64_t bits = (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
    for (; bits >= 0x80; bits >>= 7) out->push_back(static_cast<char>(bits | 0x80));
    out->push_back(static_cast<char>(bits));
  }
  static void AppendSized(std::string_view bytes, std::string* out) {
    AppendLong(static_cast<int64_t>(bytes.size()), out);
    out->append(bytes);
  }
  template <class T>
  static void AppendRaw(T value, std::string* out) {
    out->append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  static int64_t Floor(int64_t value, int64_t unit) {
    return value / unit - (value % unit < 0 ? 1 : 0);
  }

  // As few bytes as hold the sign.
  static void AppendDecimal(int128_t value, std::string* out) {
    std::string bytes;
    do {
      bytes.insert(bytes.begin(), static_cast<char>(value));
      value >>= 8;
    } while (value != (static_cast<signed char>(bytes[0]) < 0 ? -1 : 0));
    AppendSized(bytes, out);
  }

  static void AppendFields(const Schema& fields, const std::vector<Column>& columns, size_t row,
                           std::string* out) {
    for (size_t i = 0; i < fields.size(); ++i) AppendValue(columns[i], fields[i].type, row, out);
  }

  static void AppendValue(const Column& column, const Type& type, size_t i, std::string* out) {
    if (column.IsNull(i)) {
      if (!type.nullable) {
        throw Error(ErrorCode::kInvalidValue, "NULL in a value that is NOT NULL in Avro");
      }
      return AppendLong(0, out);
    }
    if (type.nullable) AppendLong(1, out);
    switch (type.id) {
      case TypeId::kBoolean:
        return out->push_back(column.at<bool>(i) ? 1 : 0);
      case TypeId::kTinyInt:
        return AppendLong(column.at<int8_t>(i), out);
      case TypeId::kSmallInt:
        return AppendLong(column.at<int16_t>(i), out);
      case TypeId::kInteger:
      case TypeId::kDate:
        return AppendLong(column.at<int32_t>(i), out);
      case TypeId::kBigInt:
        return AppendLong(column.at<int64_t>(i), out);
      case TypeId::kFloat:
        return AppendRaw(column.at<float>(i), out);
      case TypeId::kDouble:
        return AppendRaw(column.at<double>(i), out);
      case TypeId::kString:
      case TypeId::kBytes: {
        const StringRef text = column.at<StringRef>(i);
        return AppendSized(text.view(), out);
      }
      case TypeId::kDecimal:
        return AppendDecimal(column.at<int128_t>(i), out);
      case TypeId::kTime:
        return AppendLong(column.at<int64_t>(i) / kMicrosPerMilli, out);
      case TypeId::kTimestamp:
      case TypeId::kTimestampLtz:
        return AppendLong(type.precision <= 3 ? Floor(column.at<int64_t>(i), kMicrosPerMilli)
                                              : column.at<int64_t>(i),
                          out);
      case TypeId::kRow:
        return AppendFields(*type.children, column.children(), column.constant() ? 0 : i, out);
      default:
        return AppendList(column, type, i, out);
    }
  }

  static void AppendList(const Column& column, const Type& type, size_t i, std::string* out) {
    const ListEntry entry = column.at<ListEntry>(i);
    const bool map = type.id == TypeId::kMap;
    if (entry.length > 0) AppendLong(entry.length, out);
    for (uint32_t k = entry.offset; k < entry.offset + entry.length; ++k) {
      if (map) {
        if (column.children()[0].IsNull(k)) {
          throw Error(ErrorCode::kInvalidValue, "Avro has no NULL keys of MAPs");
        }
        AppendValue(column.children()[0], (*type.children)[0].type.AsNullable(false), k, out);
      }
      const size_t values = map ? 1 : 0;
      AppendValue(column.children()[values], (*type.children)[values].type, k, out);
    }
    AppendLong(0, out);
  }

  const Schema schema_;
};

Schema WantedColumns(const ConnectorContext& context) {
  Schema wanted;
  for (size_t column : context.columns) wanted.push_back(context.schema[column]);
  return wanted;
}

class AvroDecoder final : public Decoder {
 public:
  AvroDecoder(const ConnectorContext& context, bool registered)
      : columns_(WantedColumns(context)),
        ignore_errors_(GetBool(context.options, "avro-confluent.ignore-parse-errors", false)) {
    if (registered) {
      registry_ = std::make_unique<SchemaRegistry>(context.options);
    } else {
      own_ = std::make_unique<AvroRowReader>(ParseAvroSchema(AvroSchemaOf(context.schema)),
                                             columns_);
    }
  }

  Batch Decode(const RecordBlock& block, std::vector<Reject>* rejects,
               std::vector<uint32_t>* row_records) override {
    const auto arena = std::make_shared<Arena>();
    std::vector<ColumnBuilder> builders;
    for (const Field& field : columns_) builders.emplace_back(field.type, block.records.size());
    size_t rows = 0;
    std::string reason;
    for (uint32_t i = 0; i < block.records.size(); ++i) {
      const auto [offset, size] = block.records[i];
      if (Read({block.data + offset, size}, arena.get(), &builders, &reason)) {
        ++rows;
        row_records->push_back(i);
        continue;
      }
      for (ColumnBuilder& builder : builders) builder.Truncate(rows);
      if (!ignore_errors_) rejects->push_back({i, std::move(reason)});
      reason.clear();
    }
    using Owners = std::pair<std::shared_ptr<const void>, std::shared_ptr<Arena>>;
    const auto owner = std::make_shared<Owners>(block.owner, arena);
    Batch batch;
    batch.size = rows;
    for (ColumnBuilder& builder : builders) batch.columns.push_back(builder.Finish(owner));
    return batch;
  }

 private:
  bool Read(std::string_view bytes, Arena* arena, std::vector<ColumnBuilder>* builders,
            std::string* reason) {
    if (own_) return own_->Read(bytes, arena, builders, reason);
    if (bytes.size() < kHead || bytes[0] != 0) {
      *reason = "the record does not begin with a zero and the id of a schema";
      return false;
    }
    uint32_t id;
    std::memcpy(&id, bytes.data() + 1, sizeof id);
    id = __builtin_bswap32(id);
    const auto known = readers_.find(id);
    const AvroRowReader* reader = known != readers_.end() ? known->second.get() : Open(id);
    if (reader == nullptr) {
      *reason = "the registry has no schema " + std::to_string(id);
      return false;
    }
    return reader->Read(bytes.substr(kHead), arena, builders, reason);
  }

  const AvroRowReader* Open(uint32_t id) {
    auto schema = registry_->Find(id);
    if (schema == nullptr) return nullptr;
    auto& reader = readers_[id];
    reader = std::make_unique<AvroRowReader>(std::move(schema), columns_);
    return reader.get();
  }

  const Schema columns_;
  const bool ignore_errors_;
  std::unique_ptr<AvroRowReader> own_;
  std::unique_ptr<SchemaRegistry> registry_;
  std::map<uint32_t, std::unique_ptr<AvroRowReader>> readers_;  // By the id of the schema.
};

// The subject as Confluent's clients name it, unless the option does.
std::string SubjectOf(const ConnectorContext& context) {
  const std::string named = GetString(context.options, "avro-confluent.subject");
  if (!named.empty()) return named;
  const std::string topic = GetString(context.options, "topic");
  return topic + "-" + GetString(context.options, "$part", "value");
}

class RegisteredEncoder final : public FormatDef::Encoder {
 public:
  explicit RegisteredEncoder(const ConnectorContext& context)
      : registry_(context.options),
        subject_(SubjectOf(context)),
        schema_(AvroSchemaOf(context.schema)),
        encoder_(context) {}

  void Encode(const Batch& batch, size_t row, std::string* out) override {
    if (head_.empty()) {
      const uint32_t id = __builtin_bswap32(registry_.Register(subject_, schema_));
      head_.push_back('\0');
      head_.append(reinterpret_cast<const char*>(&id), sizeof id);
    }
    out->append(head_);
    encoder_.Encode(batch, row, out);
  }

 private:
  SchemaRegistry registry_;
  const std::string subject_, schema_;
  AvroEncoder encoder_;
  std::string head_;  // "": the schema's id is not known yet.
};

void Validate(const ConnectorContext& context) {
  const Option* connector = FindOption(context.options, "connector");
  if (connector != nullptr && connector->value == "filesystem") {
    throw Error(ErrorCode::kUnsupportedFeature, "files of Avro records are not supported yet",
                ValueRange(context.options, "format"), "the format is for messages: kafka");
  }
  try {
    ParseAvroSchema(AvroSchemaOf(context.schema));
  } catch (const Error& error) {
    throw Error(error.code, error.message, ValueRange(context.options, "format"), error.hint);
  }
}

void ValidateRegistered(const ConnectorContext& context) {
  Validate(context);
  if (FindOption(context.options, "avro-confluent.url") != nullptr) {
    SchemaRegistry{context.options};
  }
}

}  // namespace

std::string AvroSchemaOf(const Schema& columns) {
  std::string json;
  AppendRecord(columns, "record", &json);
  return json;
}

const FormatDef& AvroFormat() {
  static const FormatDef def = [] {
    FormatDef avro;
    avro.name = "avro";
    avro.options = {Ignored("avro.codec"), Ignored("avro.timestamp_mapping.legacy")};
    avro.decoder = [](const ConnectorContext& context) -> std::unique_ptr<Decoder> {
      return std::make_unique<AvroDecoder>(context, false);
    };
    avro.encoder = [](const ConnectorContext& context) -> std::unique_ptr<FormatDef::Encoder> {
      return std::make_unique<AvroEncoder>(context);
    };
    avro.validate = Validate;
    return avro;
  }();
  return def;
}

const FormatDef& AvroConfluentFormat() {
  static const FormatDef def = [] {
    FormatDef avro;
    avro.name = "avro-confluent";
    avro.options = {
        {"avro-confluent.url", Kind::kString, "", "The schema registry.", true},
        {"avro-confluent.subject", Kind::kString, "", "Where the table's schema is registered."},
        {"avro-confluent.basic-auth.user-info", Kind::kString, "", "user:password"},
        {"avro-confluent.bearer-auth.token", Kind::kString, "", "Of the registry."},
        {"avro-confluent.ignore-parse-errors", Kind::kBoolean, "false",
         "Broken records are left out."},
        Ignored("avro-confluent.basic-auth.credentials-source"),
        Ignored("avro-confluent.bearer-auth.credentials-source"),
        Ignored("avro-confluent.properties.*"),
    };
    avro.decoder = [](const ConnectorContext& context) -> std::unique_ptr<Decoder> {
      return std::make_unique<AvroDecoder>(context, true);
    };
    avro.encoder = [](const ConnectorContext& context) -> std::unique_ptr<FormatDef::Encoder> {
      return std::make_unique<RegisteredEncoder>(context);
    };
    avro.validate = ValidateRegistered;
    return avro;
  }();
  return def;
}

}  // namespace millrace
