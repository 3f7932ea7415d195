#include "parser/parser_run.h"

#include <string>

namespace millrace {
namespace {

using grammar::MillraceParser;

// Keywords match in any case: the lexer sees upper-case letters, while token texts keep their case.
class UpperCaseStream : public antlr4::ANTLRInputStream {
 public:
  explicit UpperCaseStream(std::string_view text)
      : antlr4::ANTLRInputStream(text.data(), text.size()) {}

  size_t LA(ssize_t i) override {
    const size_t c = antlr4::ANTLRInputStream::LA(i);
    return c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c;
  }
};

void Collect(const antlr4::misc::IntervalSet& set, std::vector<size_t>* types) {
  for (const ssize_t type : set.toList()) types->push_back(static_cast<size_t>(type));
}

// Thrown by the listener below to stop the parser at its first error.
struct FirstFailure {
  SyntaxFailure failure;
};

class FirstErrorListener : public antlr4::BaseErrorListener {
 public:
  void syntaxError(antlr4::Recognizer* recognizer, antlr4::Token* offending, size_t, size_t,
                   const std::string&, std::exception_ptr exception) override {
    SyntaxFailure failure;
    failure.token = offending->getTokenIndex();
    try {
      if (exception) std::rethrow_exception(exception);
      Collect(static_cast<antlr4::Parser*>(recognizer)->getExpectedTokens(), &failure.expected);
    } catch (const antlr4::NoViableAltException& e) {
      AddDeadEnds(e, &failure.expected);
    } catch (const antlr4::RecognitionException& e) {
      Collect(e.getExpectedTokens(), &failure.expected);
    }
    throw FirstFailure{std::move(failure)};
  }

 private:
  // The parser's own expectation belongs to the first token of the decision; what counts is where
  // its look-ahead stood when it found no way on.
  static void AddDeadEnds(const antlr4::NoViableAltException& e, std::vector<size_t>* expected) {
    if (e.getDeadEndConfigs() == nullptr) return;
    antlr4::misc::IntervalSet set;
    for (const auto& config : e.getDeadEndConfigs()->configs) {
      for (const auto* transition : config->state->transitions) {
        const auto type = transition->getSerializationType();
        if (transition->isEpsilon() || type == antlr4::atn::Transition::NOT_SET ||
            type == antlr4::atn::Transition::WILDCARD) {
          continue;
        }
        set.addAll(transition->label());
      }
    }
    Collect(set, expected);
  }
};

}  // namespace

TokenizedSql::TokenizedSql(const SourceText& source)
    : source_(source),
      characters_(std::make_unique<UpperCaseStream>(source.sql())),
      lexer_(characters_.get()),
      stream_(&lexer_) {
  lexer_.removeErrorListeners();  // Every character makes a token.
  stream_.fill();
  tokens_ = stream_.getTokens();
}

SourceRange TokenizedSql::RangeOf(const antlr4::Token& token) const {
  if (token.getType() == antlr4::Token::EOF) {
    const size_t end = source_.sql().size();
    return source_.Bytes(end, end);
  }
  return source_.Bytes(token.getStartIndex(), token.getStopIndex() + 1);
}

std::optional<SyntaxFailure> TryParse(StartRule start, const std::vector<size_t>& token_types) {
  std::vector<std::unique_ptr<antlr4::Token>> tokens;
  tokens.reserve(token_types.size() + 1);
  for (const size_t type : token_types) {
    tokens.push_back(std::make_unique<antlr4::CommonToken>(type, ""));
  }
  tokens.push_back(std::make_unique<antlr4::CommonToken>(antlr4::Token::EOF, ""));
  antlr4::ListTokenSource source(std::move(tokens));
  antlr4::CommonTokenStream stream(&source);
  MillraceParser parser(&stream);
  FirstErrorListener listener;
  parser.removeErrorListeners();
  parser.addErrorListener(&listener);
  try {
    if (start == StartRule::kScript) {
      parser.script();
    } else {
      parser.singleExpression();
    }
  } catch (FirstFailure& first) {
    return std::move(first.failure);
  }
  return {};
}

}  // namespace millrace
