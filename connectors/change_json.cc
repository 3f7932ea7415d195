// The definitions of the change formats, and how they are written. As in Flink, an update is written
// as a removal and an insertion.
#include "connectors/change_json.h"

#include "connectors/builtin.h"
#include "connectors/json.h"
#include "connectors/name_pattern.h"
#include "connectors/partition_columns.h"

namespace millrace {
namespace {

using Kind = OptionDef::Kind;

constexpr ChangeDialect kDebezium{
    .format = "debezium-json", .op = "op", .inserts = {"c", "r"}, .update = "u", .removal = "d"};
constexpr ChangeDialect kOgg{
    .format = "ogg-json", .op = "op_type", .inserts = {"I", "I"}, .update = "U", .removal = "D"};
constexpr ChangeDialect kMaxwell{.format = "maxwell-json",
                                 .op = "type",
                                 .images = false,
                                 .inserts = {"insert", "bootstrap-insert"},
                                 .update = "update",
                                 .removal = "delete",
                                 .skipped = {"bootstrap-start", "bootstrap-complete"}};
constexpr ChangeDialect kCanal{.format = "canal-json",
                               .op = "type",
                               .images = false,
                               .arrays = true,
                               .inserts = {"INSERT", "INSERT"},
                               .update = "UPDATE",
                               .removal = "DELETE",
                               .skipped = {"CREATE", "CREATE"}};

template <const ChangeDialect& dialect>
std::unique_ptr<Decoder> NewDecoder(const ConnectorContext& context) {
  return WithPartitionColumns(context, [](const ConnectorContext& files) {
    return MakeChangeDecoder(files, dialect);
  });
}

template <const ChangeDialect& dialect>
std::unique_ptr<FormatDef::Encoder> NewEncoder(const ConnectorContext& context) {
  return MakeJsonEncoder(WithJsonOptions(context, dialect));
}

template <const ChangeDialect& dialect>
void Envelope(std::string_view row, bool goes, std::string* out) {
  if (dialect.images) {
    out->append(goes ? "{\"before\":" : "{\"before\":null,\"after\":").append(row);
    out->append(goes ? ",\"after\":null,\"" : ",\"").append(dialect.op);
  } else {
    out->append(dialect.arrays ? "{\"data\":[" : "{\"data\":").append(row);
    out->append(dialect.arrays ? "],\"" : ",\"").append(dialect.op);
  }
  out->append("\":\"").append(goes ? dialect.removal : dialect.inserts[0]).append("\"}");
}

template <const ChangeDialect& dialect>
FormatDef MakeDef() {
  FormatDef def;
  def.name = dialect.format;
  def.options = SharedJsonOptions(def.name + ".");
  def.decoder = NewDecoder<dialect>;
  def.encoder = NewEncoder<dialect>;
  def.envelope = Envelope<dialect>;
  return def;
}

void ValidateCanal(const ConnectorContext& context) {
  for (const char* key : {"canal-json.database.include", "canal-json.table.include"}) {
    if (const Option* option = FindOption(context.options, key)) NamePattern{key, *option};
  }
}

}  // namespace

ConnectorContext WithJsonOptions(const ConnectorContext& context, const ChangeDialect& dialect) {
  ConnectorContext json = context;
  json.options.clear();
  for (const auto& [key, option] : context.options) {
    if (key.size() > dialect.format.size() && key.starts_with(dialect.format)) {
      json.options.emplace("json" + key.substr(dialect.format.size()), option);
    }
  }
  return json;
}

const FormatDef& DebeziumJsonFormat() {
  static const FormatDef def = [] {
    FormatDef debezium = MakeDef<kDebezium>();
    debezium.options.push_back({"debezium-json.schema-include", Kind::kBoolean, "false",
                                "The records that are read have their schema in them."});
    return debezium;
  }();
  return def;
}

const FormatDef& CanalJsonFormat() {
  static const FormatDef def = [] {
    FormatDef canal = MakeDef<kCanal>();
    canal.options.push_back({"canal-json.database.include", Kind::kString, "",
                             "Only changes of databases whose name matches are read."});
    canal.options.push_back({"canal-json.table.include", Kind::kString, "",
                             "Only changes of tables whose name matches are read."});
    canal.validate = ValidateCanal;
    return canal;
  }();
  return def;
}

const FormatDef& MaxwellJsonFormat() {
  static const FormatDef def = MakeDef<kMaxwell>();
  return def;
}

const FormatDef& OggJsonFormat() {
  static const FormatDef def = MakeDef<kOgg>();
  return def;
}

}  // namespace millrace
