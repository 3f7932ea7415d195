// CSV records of any bytes: a record gives one row or one reject, or nothing where that is
// promised. The first byte chooses the schema and the options, the others are the file.
#include <algorithm>

#include "connectors/builtin.h"
#include "tests/fuzz/records.h"
#include "tests/fuzz/target.h"

namespace millrace {
namespace {

Schema NestedSchema() {
  return {{"list", Type::MakeArray(TypeId::kInteger)},
          {"words", Type::MakeArray(TypeId::kString)},
          {"row", Type::MakeRow({{"x", TypeId::kDouble}, {"y", TypeId::kString}})}};
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

void SetOptions(unsigned choice, Options* options) {
  if (choice & 4) (*options)["csv.ignore-parse-errors"].value = "true";
  if (choice & 8) (*options)["csv.null-literal"].value = "n/a";
  if (choice & 16) (*options)["csv.escape-character"].value = "\\";
  if (choice & 32) {
    (*options)["csv.allow-comments"].value = "true";
    (*options)["csv.field-delimiter"].value = "\\t";
  }
  if (choice & 64) (*options)["csv.header"].value = "true";
  if ((choice & 192) == 128) (*options)["csv.disable-quote-character"].value = "true";
}

RecordInput MakeInput(unsigned choice, std::string_view text) {
  RecordInput input{&CsvFormat(), {}, text, {}, false};
  ConnectorContext& context = input.context;
  context.table = "t";
  context.schema = ChooseSchema(choice);
  for (size_t i = 0; i < context.schema.size(); ++i) context.columns.push_back(i);
  SetOptions(choice, &context.options);
  if (choice & 64) {
    const size_t end = std::min(text.find('\n'), text.size());
    input.header = std::make_shared<const std::string>(text.substr(0, end));
    input.text = text.substr(std::min(end + 1, text.size()));
    if (choice & 128) WantFewerColumns(&context);
  }
  // Only with a literal is NULL not the empty string, and only with quotes can all be written.
  input.round_trip = (choice & 8) != 0 && choice < 64 && (choice & 3) != 2;
  return input;
}

bool MayGiveNothing(const RecordInput& input, std::string_view record) {
  return record.empty() ||
         (record[0] == '#' && input.context.options.contains("csv.allow-comments"));
}

void CheckCsv(std::string_view text) {
  if (text.empty()) return;
  const RecordInput input = MakeInput(static_cast<unsigned char>(text[0]), text.substr(1));
  const bool ignores_errors = input.context.options.contains("csv.ignore-parse-errors");
  for (const DecodedRecord& record : DecodeRecords(input)) {
    Require(record.rows.size() <= 1, "a record gives at most one row", record.text);
    Require(!ignores_errors || record.reason.empty(), "no rejects when errors are ignored");
    Require(ignores_errors || !record.rows.empty() || !record.reason.empty() ||
                MayGiveNothing(input, record.text),
            "a record gives a row or a reject", record.text);
  }
}

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  millrace::CheckCsv(millrace::AsText(data, size));
  return 0;
}
