// One lexer run and any number of parser runs over its tokens. Private to this folder, since it
// includes ANTLR.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "MillraceLexer.h"
#include "MillraceParser.h"
#include "antlr4-runtime.h"
#include "parser/source_text.h"

namespace millrace {

// What a text has to be.
enum class StartRule : uint8_t { kScript, kExpression };

// Where a run stopped, and a superset of what could have stood there.
struct SyntaxFailure {
  size_t token = 0;
  std::vector<size_t> expected;
};

// The tokens without spaces and comments; the last one is EOF.
class TokenizedSql {
 public:
  explicit TokenizedSql(const SourceText& source);

  antlr4::CommonTokenStream& stream() { return stream_; }
  const std::vector<antlr4::Token*>& tokens() const { return tokens_; }
  const SourceText& source() const { return source_; }
  SourceRange RangeOf(const antlr4::Token& token) const;

 private:
  const SourceText& source_;
  std::unique_ptr<antlr4::CharStream> characters_;
  grammar::MillraceLexer lexer_;
  antlr4::CommonTokenStream stream_;
  std::vector<antlr4::Token*> tokens_;
};

// The first failure of a parse of these token types (without EOF), or none.
std::optional<SyntaxFailure> TryParse(StartRule start, const std::vector<size_t>& token_types);

// Throws Error for what can be told from the tokens alone: strings left open, characters that mean
// nothing, and nesting that would exhaust the stack of the parser.
void CheckTokens(const TokenizedSql& sql);

// Says in words what went wrong.
Error ExplainSyntaxError(const TokenizedSql& sql, StartRule start);

}  // namespace millrace
