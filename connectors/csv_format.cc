// The CSV format's definition and options.
#include "connectors/csv.h"

#include <charconv>

#include "connectors/builtin.h"

namespace millrace {
namespace {

using Kind = OptionDef::Kind;

// One ASCII character, also written as \t, \\ or \u0001.
std::optional<char> ParseCharacter(std::string_view text) {
  if (text.size() == 1 && static_cast<unsigned char>(text[0]) < 0x80) return text[0];
  if (text == "\\t") return '\t';
  if (text == "\\\\") return '\\';
  unsigned value = 0;
  if (text.size() == 6 && text.starts_with("\\u")) {
    const auto end = std::from_chars(text.data() + 2, text.data() + 6, value, 16).ptr;
    if (end == text.data() + 6 && value < 0x80) return static_cast<char>(value);
  }
  return {};
}

char GetCharacter(const Options& options, std::string_view key, char otherwise) {
  const Option* option = FindOption(options, key);
  if (option == nullptr) return otherwise;
  const std::optional<char> c = ParseCharacter(option->value);
  if (c && *c != '\n' && *c != '\r' && *c != '\0') return *c;
  throw Error(
      ErrorCode::kInvalidOption,
      "option '" + std::string(key) + "': '" + option->value + "' is not one ASCII character",
      option->value_range);
}

RecordFraming Framing(const Options& options) {
  const CsvSettings settings = ReadCsvSettings(options);
  return {settings.quote, settings.delimiter, settings.escape, settings.comments ? '#' : '\0',
          settings.header};
}

bool IsCsvType(const Type& type, bool nested) {
  switch (type.id) {
    case TypeId::kMap:
      return false;
    case TypeId::kArray:
    case TypeId::kRow:
      if (nested) return false;
      for (const Field& child : *type.children) {
        if (!IsCsvType(child.type, true)) return false;
      }
      return true;
    default:
      return true;
  }
}

void Validate(const ConnectorContext& context) {
  ReadCsvSettings(context.options);
  for (const Field& field : context.schema) {
    if (IsCsvType(field.type, false)) continue;
    throw Error(ErrorCode::kUnsupportedFeature,
                "column " + field.name + ": format 'csv' cannot hold " + field.type.ToString(),
                ValueRange(context.options, "format"), "use format 'json'");
  }
}

std::vector<OptionDef> CsvOptions() {
  return {
      {"csv.field-delimiter", Kind::kString, ",", "The character between fields."},
      {"csv.quote-character", Kind::kString, "\"", "The character around fields."},
      {"csv.disable-quote-character", Kind::kBoolean, "false", "Quotes are ordinary characters."},
      {"csv.escape-character", Kind::kString, "", "The character that takes the next literally."},
      {"csv.allow-comments", Kind::kBoolean, "false", "Lines that begin with # are left out."},
      {"csv.ignore-parse-errors", Kind::kBoolean, "false",
       "A field that cannot be read is NULL and a broken row is left out."},
      {"csv.array-element-delimiter", Kind::kString, ";", "The text between array elements."},
      {"csv.null-literal", Kind::kString, "", "The unquoted text that stands for NULL."},
      {"csv.write-bigdecimal-in-scientific-notation", Kind::kBoolean, "true",
       "Whether small decimals are written with an exponent."},
      {"csv.header", Kind::kBoolean, "false",
       "The first line of every file has the columns' names."},
  };
}

}  // namespace

CsvSettings ReadCsvSettings(const Options& options) {
  CsvSettings settings;
  settings.delimiter = GetCharacter(options, "csv.field-delimiter", ',');
  settings.quote = GetCharacter(options, "csv.quote-character", '"');
  if (GetBool(options, "csv.disable-quote-character", false)) {
    if (FindOption(options, "csv.quote-character") != nullptr) {
      throw Error(ErrorCode::kInvalidOption,
                  "options 'csv.quote-character' and 'csv.disable-quote-character' exclude each "
                  "other",
                  ValueRange(options, "csv.quote-character"));
    }
    settings.quote = 0;
  }
  settings.escape = GetCharacter(options, "csv.escape-character", 0);
  settings.comments = GetBool(options, "csv.allow-comments", false);
  settings.ignore_errors = GetBool(options, "csv.ignore-parse-errors", false);
  settings.header = GetBool(options, "csv.header", false);
  settings.scientific = GetBool(options, "csv.write-bigdecimal-in-scientific-notation", true);
  settings.array_delimiter = GetString(options, "csv.array-element-delimiter", ";");
  if (const Option* literal = FindOption(options, "csv.null-literal")) {
    settings.null_literal = literal->value;
  }
  return settings;
}

const FormatDef& CsvFormat() {
  static const FormatDef def = [] {
    FormatDef csv;
    csv.name = "csv";
    csv.options = CsvOptions();
    csv.decoder = MakeCsvDecoder;
    csv.encoder = MakeCsvEncoder;
    csv.framing = Framing;
    csv.validate = Validate;
    csv.file_header = MakeCsvHeader;
    return csv;
  }();
  return def;
}

}  // namespace millrace
