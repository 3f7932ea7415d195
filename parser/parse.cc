#include "parser/parse.h"

#include <memory>

#include "parser/ast_builder.h"
#include "parser/parser_run.h"

namespace millrace {
namespace {

using grammar::MillraceParser;

// SLL prediction is several times faster and decides almost every text; where it fails, full LL
// prediction has the last word, and only what fails there too is a syntax error.
template <typename Context>
Context* ParseTokens(TokenizedSql* sql, MillraceParser* parser, StartRule start,
                     Context* (MillraceParser::*rule)()) {
  parser->removeErrorListeners();
  parser->setErrorHandler(std::make_shared<antlr4::BailErrorStrategy>());
  auto* prediction = parser->getInterpreter<antlr4::atn::ParserATNSimulator>();
  try {
    prediction->setPredictionMode(antlr4::atn::PredictionMode::SLL);
    return (parser->*rule)();
  } catch (const antlr4::ParseCancellationException&) {
    sql->stream().seek(0);
    parser->reset();
  }
  try {
    prediction->setPredictionMode(antlr4::atn::PredictionMode::LL);
    return (parser->*rule)();
  } catch (const antlr4::ParseCancellationException&) {
    throw ExplainSyntaxError(*sql, start);
  }
}

}  // namespace

std::vector<ast::Statement> Parse(std::string_view text) {
  const SourceText source(text);
  TokenizedSql sql(source);
  CheckTokens(sql);
  MillraceParser parser(&sql.stream());
  auto* tree = ParseTokens(&sql, &parser, StartRule::kScript, &MillraceParser::script);
  return AstBuilder(source).Script(tree);
}

ast::ExprPtr ParseExpression(std::string_view text) {
  const SourceText source(text);
  TokenizedSql sql(source);
  CheckTokens(sql);
  MillraceParser parser(&sql.stream());
  auto* tree =
      ParseTokens(&sql, &parser, StartRule::kExpression, &MillraceParser::singleExpression);
  return AstBuilder(source).Expression(tree->expression());
}

std::optional<Error> FirstSyntaxError(std::string_view text) {
  try {
    Parse(text);
    return {};
  } catch (const Error& error) {
    return error;
  }
}

}  // namespace millrace
