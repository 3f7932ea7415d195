// JSON records of any bytes: a record gives rows or one reject, or nothing where that is promised.
// The first byte chooses the schema and the options, the others are the lines.
#include "connectors/builtin.h"
#include "tests/fuzz/records.h"
#include "tests/fuzz/target.h"

namespace millrace {
namespace {

Schema NestedSchema() {
  const Type row =
      Type::MakeRow({{"x", TypeId::kInteger}, {"y", Type::MakeArray(TypeId::kString)}});
  return {{"list", Type::MakeArray(Type::MakeArray(TypeId::kSmallInt))},
          {"map", Type::MakeMap(TypeId::kString, row)},
          {"row", row},
          {"rows", Type::MakeArray(row)},
          {"days", Type::MakeMap(TypeId::kDate, TypeId::kBoolean)}};
}

Schema ChooseSchema(unsigned choice) {
  switch (choice & 3) {
    case 0:
      return ScalarSchema();
    case 1:
      return OrderSchema();
    case 2:
      return NestedSchema();
    default:
      return {{"s", TypeId::kString}};
  }
}

RecordInput MakeInput(unsigned choice, std::string_view text) {
  RecordInput input{&JsonFormat(), {}, text, {}, true};
  ConnectorContext& context = input.context;
  context.table = "t";
  context.schema = ChooseSchema(choice);
  for (size_t i = 0; i < context.schema.size(); ++i) context.columns.push_back(i);
  // These two exclude each other.
  if (choice & 4) {
    context.options["json.ignore-parse-errors"].value = "true";
  } else if (choice & 8) {
    context.options["json.fail-on-missing-field"].value = "true";
  }
  if (choice & 16) context.options["json.encode.decimal-as-plain-number"].value = "true";
  if (choice & 32) context.zone = "Europe/Berlin";
  if (choice & 64) context.options["json.timestamp-format.standard"].value = "ISO-8601";
  if (choice & 128) {
    WantFewerColumns(&context);
    input.round_trip = false;
  }
  return input;
}

// Blank records and empty arrays of rows.
bool MayGiveNothing(std::string_view record) {
  const auto is_blank = [](char c) { return static_cast<unsigned char>(c) <= ' '; };
  std::string rest;
  for (char c : record) {
    if (!is_blank(c)) rest.push_back(c);
  }
  return rest.empty() || rest == "[]";
}

void CheckJson(std::string_view text) {
  if (text.empty()) return;
  const auto choice = static_cast<unsigned char>(text[0]);
  const RecordInput input = MakeInput(choice, text.substr(1));
  const bool ignores_errors = input.context.options.contains("json.ignore-parse-errors");
  for (const DecodedRecord& record : DecodeRecords(input)) {
    Require(!ignores_errors || record.reason.empty(), "no rejects when errors are ignored");
    Require(ignores_errors || !record.rows.empty() || !record.reason.empty() ||
                MayGiveNothing(record.text),
            "a record gives rows or a reject", record.text);
  }
}

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  millrace::CheckJson(millrace::AsText(data, size));
  return 0;
}
