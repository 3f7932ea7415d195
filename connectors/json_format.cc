// The JSON format's definition and options.
#include "connectors/builtin.h"
#include "connectors/json.h"

namespace millrace {
namespace {

using Kind = OptionDef::Kind;

std::vector<OptionDef> JsonOptions() {
  std::vector<OptionDef> options = SharedJsonOptions("json.");
  options.push_back({"json.fail-on-missing-field", Kind::kBoolean, "false",
                     "A record without one of the columns is rejected; else the column is NULL."});
  for (const char* name : {"decode.json-parser.enabled", "json.decode.json-parser.enabled"}) {
    options.push_back({name, Kind::kBoolean, "true", "Accepted, without effect.", false, {}, true});
  }
  return options;
}
void Validate(const ConnectorContext& context) {
  if (GetBool(context.options, "json.fail-on-missing-field", false) &&
      GetBool(context.options, "json.ignore-parse-errors", false)) {
    throw Error(ErrorCode::kInvalidOption,
                "options 'json.fail-on-missing-field' and 'json.ignore-parse-errors' exclude each "
                "other",
                ValueRange(context.options, "json.ignore-parse-errors"));
  }
}

}  // namespace

std::vector<OptionDef> SharedJsonOptions(const std::string& prefix) {
  return {
      {prefix + "ignore-parse-errors", Kind::kBoolean, "false",
       "A field that cannot be read is NULL and a broken record is left out."},
      {prefix + "timestamp-format.standard",
       Kind::kString,
       "SQL",
       "How times are written; all are read.",
       false,
       {"SQL", "ISO-8601", "ISO-8601-WITH-OFFSET"}},
      {prefix + "map-null-key.mode",
       Kind::kString,
       "FAIL",
       "What a NULL key of a MAP is written as.",
       false,
       {"FAIL", "DROP", "LITERAL"}},
      {prefix + "map-null-key.literal", Kind::kString, "null",
       "The key for NULL in mode LITERAL."},
      {prefix + "encode.decimal-as-plain-number", Kind::kBoolean, "false",
       "Decimals are written without exponents."},
      {prefix + "encode.ignore-null-fields", Kind::kBoolean, "false",
       "NULL fields are not written."},
  };
}

const FormatDef& JsonFormat() {
  static const FormatDef def = [] {
    FormatDef json;
    json.name = "json";
    json.options = JsonOptions();
    json.decoder = MakeJsonDecoder;
    json.encoder = MakeJsonEncoder;
    json.validate = Validate;
    return json;
  }();
  return def;
}

}  // namespace millrace
