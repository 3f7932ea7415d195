#include <string>

#include "parser/parse.h"
#include "parser/parser_run.h"

namespace millrace {
namespace {

using grammar::MillraceLexer;

constexpr size_t kMaxNameParts = 100;  // Columns may be fields of nested rows.

[[noreturn]] void ThrowSyntax(const TokenizedSql& sql, const antlr4::Token& token,
                              std::string message, std::string hint = {}) {
  throw Error(ErrorCode::kSqlSyntax, std::move(message), sql.RangeOf(token), std::move(hint));
}

void CheckCharacters(const TokenizedSql& sql, const antlr4::Token& token) {
  switch (token.getType()) {
    case MillraceLexer::OPEN_STRING:
      ThrowSyntax(sql, token, "the string that starts here is not closed",
                  "a quote inside a string is written twice");
    case MillraceLexer::OPEN_NAME:
      ThrowSyntax(sql, token, "the quoted name that starts here is empty or not closed");
    case MillraceLexer::OPEN_COMMENT:
      ThrowSyntax(sql, token, "the comment that starts here is not closed");
    case MillraceLexer::STRAY:
      ThrowSyntax(
          sql, token, "unexpected character \"" + token.getText() + "\"",
          token.getText() == "$" ? "variables such as ${x} are replaced by the client" : "");
    default:
      break;
  }
}

// Counts how deep the parser will recurse. Types nest with angle brackets; END is also a column
// name, so it only ends a CASE of the same bracket, after something that can end an expression.
class NestingCounter {
 public:
  bool TooManyDots() const { return dots_ > kMaxNameParts; }

  // False when `token` makes the text too deep.
  bool Accept(size_t type) {
    switch (type) {
      case MillraceLexer::LPAREN:
      case MillraceLexer::LBRACKET:
      case MillraceLexer::LBRACE:
      case MillraceLexer::K_CASE:
        open_.push_back(type);
        break;
      case MillraceLexer::LT:
        if (IsTypeWord(previous_)) open_.push_back(type);
        break;
      case MillraceLexer::GT:
        if (!open_.empty() && open_.back() == MillraceLexer::LT) open_.pop_back();
        break;
      case MillraceLexer::K_AND:
      case MillraceLexer::K_OR:
        CloseTypes();  // It was a comparison with a column named like a type.
        break;
      case MillraceLexer::RPAREN:
      case MillraceLexer::RBRACKET:
      case MillraceLexer::RBRACE:
        Close();
        break;
      case MillraceLexer::K_END:
        if (!open_.empty() && open_.back() == MillraceLexer::K_CASE && EndsExpression(previous_)) {
          open_.pop_back();
        }
        break;
      case MillraceLexer::SEMI:
        open_.clear();
        break;
      default:
        break;
    }
    if (type == MillraceLexer::DOT) {
      ++dots_;
    } else if (previous_ != MillraceLexer::DOT) {
      dots_ = 0;
    }
    prefix_run_ = IsPrefix(type) ? prefix_run_ + 1 : 0;
    previous_ = type;
    return open_.size() + prefix_run_ <= kMaxNesting;
  }

 private:
  static bool IsTypeWord(size_t type) {
    return type == MillraceLexer::K_ARRAY || type == MillraceLexer::K_MAP ||
           type == MillraceLexer::K_ROW || type == MillraceLexer::K_MULTISET ||
           type == MillraceLexer::K_STRUCTURED;
  }

  static bool IsPrefix(size_t type) {
    return type == MillraceLexer::K_NOT || type == MillraceLexer::MINUS ||
           type == MillraceLexer::PLUS;
  }

  static bool EndsExpression(size_t type) {
    switch (type) {
      case MillraceLexer::K_CASE:
      case MillraceLexer::K_WHEN:
      case MillraceLexer::K_THEN:
      case MillraceLexer::K_ELSE:
      case MillraceLexer::K_AND:
      case MillraceLexer::K_OR:
      case MillraceLexer::K_NOT:
      case MillraceLexer::K_LIKE:
      case MillraceLexer::K_BETWEEN:
      case MillraceLexer::K_FROM:
        return false;
      default:
        return type < MillraceLexer::SEMI || type == MillraceLexer::RPAREN ||
               type == MillraceLexer::RBRACKET || type >= MillraceLexer::QUESTION;
    }
  }

  void CloseTypes() {
    while (!open_.empty() && open_.back() == MillraceLexer::LT) open_.pop_back();
  }

  // A closing bracket also closes what is still open inside it.
  void Close() {
    while (!open_.empty() &&
           (open_.back() == MillraceLexer::K_CASE || open_.back() == MillraceLexer::LT)) {
      open_.pop_back();
    }
    if (!open_.empty()) open_.pop_back();
  }

  std::vector<size_t> open_;
  size_t prefix_run_ = 0;
  size_t dots_ = 0;
  size_t previous_ = 0;
};

}  // namespace

void CheckTokens(const TokenizedSql& sql) {
  NestingCounter nesting;
  for (const antlr4::Token* token : sql.tokens()) {
    CheckCharacters(sql, *token);
    if (!nesting.Accept(token->getType())) {
      ThrowSyntax(sql, *token,
                  "the statement is nested too deeply: more than " + std::to_string(kMaxNesting) +
                      " levels of brackets, CASE or prefix operators");
    }
    if (nesting.TooManyDots()) ThrowSyntax(sql, *token, "this name has too many parts");
  }
}

}  // namespace millrace
