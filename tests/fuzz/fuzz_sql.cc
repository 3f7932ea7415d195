// SQL text: it parses or throws an Error that points into it, and what is printed parses back to
// what prints the same.
#include "base/error.h"
#include "parser/parse.h"
#include "parser/print.h"
#include "tests/fuzz/target.h"

namespace millrace {
namespace {

std::vector<ast::Statement> ParseOrNothing(std::string_view text) {
  try {
    return Parse(text);
  } catch (const Error& error) {
    Require(!error.message.empty(), "an error has a message");
    Require(!error.range || (error.range->offset <= text.size() &&
                             error.range->length <= text.size() - error.range->offset),
            "an error lies within the text", error.message);
    return {};
  }
}

std::string Print(const std::vector<ast::Statement>& statements) {
  std::string script;
  for (const ast::Statement& statement : statements) script += ToSql(statement) + ";\n";
  return script;
}

std::string Reprint(const std::string& printed) {
  try {
    return Print(Parse(printed));
  } catch (const Error& error) {
    Require(false, "what is printed parses", printed + error.message);
  }
  return {};
}

void CheckRoundTrip(std::string_view text) {
  const std::string printed = Print(ParseOrNothing(text));
  const std::string again = Reprint(printed);
  Require(printed == again, "what is printed prints the same when parsed", printed + again);
}

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  millrace::CheckRoundTrip(millrace::AsText(data, size));
  return 0;
}
