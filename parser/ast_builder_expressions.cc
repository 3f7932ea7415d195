// Expressions, apart from function calls.
#include <cctype>
#include <string>
#include <utility>

#include "parser/ast_builder.h"
#include "parser/keywords.h"

namespace millrace {
namespace {

using P = grammar::MillraceParser;

ast::BinaryOp OperatorOf(size_t token_type) {
  switch (token_type) {
    case P::EQ:
      return ast::BinaryOp::kEqual;
    case P::NE:
      return ast::BinaryOp::kNotEqual;
    case P::LT:
      return ast::BinaryOp::kLess;
    case P::LE:
      return ast::BinaryOp::kLessEqual;
    case P::GT:
      return ast::BinaryOp::kGreater;
    case P::GE:
      return ast::BinaryOp::kGreaterEqual;
    case P::PLUS:
      return ast::BinaryOp::kAdd;
    case P::MINUS:
      return ast::BinaryOp::kSubtract;
    case P::STAR:
      return ast::BinaryOp::kMultiply;
    case P::SLASH:
      return ast::BinaryOp::kDivide;
    case P::PERCENT:
      return ast::BinaryOp::kModulo;
    default:
      return ast::BinaryOp::kConcat;
  }
}

size_t TokenTypeOf(antlr4::tree::ParseTree* node) {
  return static_cast<antlr4::tree::TerminalNode*>(node)->getSymbol()->getType();
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const int letter = std::toupper(static_cast<unsigned char>(c));
  return letter >= 'A' && letter <= 'F' ? letter - 'A' + 10 : -1;
}

}  // namespace

ast::ExprPtr AstBuilder::OptionalExpression(P::ExpressionContext* ctx) {
  return ctx == nullptr ? nullptr : Expression(ctx);
}

std::vector<ast::ExprPtr> AstBuilder::Expressions(
    const std::vector<P::ExpressionContext*>& contexts) {
  std::vector<ast::ExprPtr> expressions;
  expressions.reserve(contexts.size());
  for (auto* ctx : contexts) expressions.push_back(Expression(ctx));
  return expressions;
}

// The left spine is walked in a loop, for it may be as long as the text.
ast::ExprPtr AstBuilder::Expression(P::ExpressionContext* ctx) {
  std::vector<P::ExpressionContext*> spine;
  while (Has(ctx, P::K_AND) || Has(ctx, P::K_OR)) {
    spine.push_back(ctx);
    ctx = ctx->expression(0);
  }
  const Depth depth(this, spine.size() + 1, ctx);
  ast::ExprPtr left =
      ctx->predicate() != nullptr
          ? PredicateOf(ctx->predicate())
          : Make(ast::Unary{ast::UnaryOp::kNot, Expression(ctx->expression(0))}, ctx);
  for (; !spine.empty(); spine.pop_back()) {
    auto* binary = spine.back();
    const auto op = Has(binary, P::K_AND) ? ast::BinaryOp::kAnd : ast::BinaryOp::kOr;
    left = Make(ast::Binary{op, std::move(left), Expression(binary->expression(1))}, binary);
  }
  return left;
}

ast::ExprPtr AstBuilder::PredicateOf(P::PredicateContext* ctx) {
  const auto suffixes = ctx->predicateSuffix();
  const Depth depth(this, suffixes.size(), ctx);
  ast::ExprPtr value = Value(ctx->valueExpression());
  for (auto* suffix : suffixes) value = Suffix(std::move(value), suffix);
  return value;
}

ast::ExprPtr AstBuilder::Suffix(ast::ExprPtr value, P::PredicateSuffixContext* ctx) {
  const SourceRange range = Span(Range(static_cast<Rule*>(ctx->parent)), Range(ctx));
  const bool negated = Has(ctx, P::K_NOT);
  if (ctx->comparison() != nullptr) return Comparison(std::move(value), ctx, range);
  if (Has(ctx, P::K_IS)) return IsSuffix(std::move(value), ctx, range);
  if (Has(ctx, P::K_OVERLAPS)) {
    return Make(
        ast::Binary{ast::BinaryOp::kOverlaps, std::move(value), Value(ctx->valueExpression(0))},
        range);
  }
  if (Has(ctx, P::K_BETWEEN)) {
    return Make(ast::Between{std::move(value), Value(ctx->valueExpression(0)),
                             Value(ctx->valueExpression(1)), Has(ctx, P::K_SYMMETRIC), negated},
                range);
  }
  if (Has(ctx, P::K_IN)) {
    if (ctx->query() != nullptr) {
      return Make(ast::InSubquery{std::move(value), QueryOf(ctx->query()), negated}, range);
    }
    return Make(ast::InList{std::move(value), Expressions(ctx->expression()), negated}, range);
  }
  const auto kind = Has(ctx, P::K_LIKE)    ? ast::LikeKind::kLike
                    : Has(ctx, P::K_ILIKE) ? ast::LikeKind::kIlike
                                           : ast::LikeKind::kSimilarTo;
  auto pattern = Value(ctx->valueExpression(0));
  auto escape = Has(ctx, P::K_ESCAPE) ? Value(ctx->valueExpression(1)) : nullptr;
  return Make(ast::Like{kind, std::move(value), std::move(pattern), std::move(escape), negated},
              range);
}

ast::ExprPtr AstBuilder::Comparison(ast::ExprPtr value, P::PredicateSuffixContext* ctx,
                                    SourceRange range) {
  const auto op = OperatorOf(ctx->comparison()->getStart()->getType());
  if (ctx->query() != nullptr) {
    return Make(ast::Quantified{op, std::move(value), QueryOf(ctx->query()), Has(ctx, P::K_ALL)},
                range);
  }
  return Make(ast::Binary{op, std::move(value), Value(ctx->valueExpression(0))}, range);
}

ast::ExprPtr AstBuilder::IsSuffix(ast::ExprPtr value, P::PredicateSuffixContext* ctx,
                                  SourceRange range) {
  const bool negated = Has(ctx, P::K_NOT);
  if (Has(ctx, P::K_DISTINCT)) {
    const auto op = negated ? ast::BinaryOp::kIsNotDistinctFrom : ast::BinaryOp::kIsDistinctFrom;
    return Make(ast::Binary{op, std::move(value), Value(ctx->valueExpression(0))}, range);
  }
  ast::Predicate predicate = ast::Predicate::kNull;
  if (Has(ctx, P::K_TRUE)) predicate = ast::Predicate::kTrue;
  if (Has(ctx, P::K_FALSE)) predicate = ast::Predicate::kFalse;
  if (Has(ctx, P::K_UNKNOWN)) predicate = ast::Predicate::kUnknown;
  if (Has(ctx, P::K_JSON)) {
    predicate = Has(ctx, P::K_SCALAR)   ? ast::Predicate::kJsonScalar
                : Has(ctx, P::K_ARRAY)  ? ast::Predicate::kJsonArray
                : Has(ctx, P::K_OBJECT) ? ast::Predicate::kJsonObject
                                        : ast::Predicate::kJson;
  }
  return Make(ast::IsPredicate{std::move(value), predicate, negated}, range);
}

ast::ExprPtr AstBuilder::Value(P::ValueExpressionContext* ctx) {
  std::vector<P::ValueExpressionContext*> spine;
  while (ctx->valueExpression().size() == 2) {
    spine.push_back(ctx);
    ctx = ctx->valueExpression(0);
  }
  const Depth depth(this, spine.size() + 1, ctx);
  ast::ExprPtr left;
  if (ctx->postfixExpression() != nullptr) {
    left = Postfix(ctx->postfixExpression());
  } else {
    const auto op = Has(ctx, P::MINUS) ? ast::UnaryOp::kMinus : ast::UnaryOp::kPlus;
    left = Make(ast::Unary{op, Value(ctx->valueExpression(0))}, ctx);
  }
  for (; !spine.empty(); spine.pop_back()) {
    auto* binary = spine.back();
    const auto op = OperatorOf(TokenTypeOf(binary->children[1]));
    left = Make(ast::Binary{op, std::move(left), Value(binary->valueExpression(1))}, binary);
  }
  return left;
}

ast::ExprPtr AstBuilder::Postfix(P::PostfixExpressionContext* ctx) {
  const auto postfixes = ctx->postfix();
  const Depth depth(this, postfixes.size(), ctx);
  ast::ExprPtr value = Primary(ctx->primary());
  for (auto* postfix : postfixes) {
    const SourceRange range = Span(Range(ctx), Range(postfix));
    if (postfix->typeName() != nullptr) {
      value = Make(ast::Cast{std::move(value), Type(postfix->typeName()), false}, range);
    } else if (postfix->label() != nullptr) {
      value = Make(ast::FieldAccess{std::move(value), NameFrom(postfix->label())}, range);
    } else {
      value = Make(ast::Index{std::move(value), Expression(postfix->expression())}, range);
    }
  }
  return value;
}

ast::ExprPtr AstBuilder::Primary(P::PrimaryContext* ctx) {
  if (ctx->literal() != nullptr) return LiteralOf(ctx->literal());
  if (ctx->callSuffix() != nullptr) {
    ast::QualifiedName name;
    if (ctx->qualifiedName() != nullptr) {
      name = Qualified(ctx->qualifiedName());
    } else {
      name = {{NameOf(ctx->getStart())}, Range(ctx->getStart())};
    }
    return Call(std::move(name), ctx->callSuffix(), Range(ctx));
  }
  if (Has(ctx, P::K_TABLE)) return TableArgument(ctx);
  if (ctx->qualifiedName() != nullptr) return Column(ctx->qualifiedName());
  if (Has(ctx, P::QUESTION)) return Make(ast::Parameter{++parameters_}, ctx);
  if (auto* parameter = ctx->PARAMETER()) {
    const std::string number = parameter->getText().substr(1);
    if (number.size() > 9) Fail(ctx, "the number of this parameter is too large");
    return Make(ast::Parameter{std::stoll(number)}, ctx);
  }
  if (Has(ctx, P::K_CASE)) return CaseOf(ctx);
  if (ctx->typeName() != nullptr) {
    return Make(
        ast::Cast{Expression(ctx->expression(0)), Type(ctx->typeName()), Has(ctx, P::K_TRY_CAST)},
        ctx);
  }
  return PrimaryWithBrackets(ctx);
}

ast::ExprPtr AstBuilder::PrimaryWithBrackets(P::PrimaryContext* ctx) {
  if (Has(ctx, P::K_EXISTS)) return Make(ast::Exists{QueryOf(ctx->query())}, ctx);
  if (ctx->query() != nullptr) return Make(ast::ScalarSubquery{QueryOf(ctx->query())}, ctx);
  if (Has(ctx, P::K_POSITION)) {
    ast::FunctionCall call;
    call.name = {{NameOf(ctx->getStart())}, Range(ctx->getStart())};
    for (auto* value : ctx->valueExpression()) call.args.push_back({{}, Value(value)});
    return Make(std::move(call), ctx);
  }
  auto items = Expressions(ctx->expression());
  if (Has(ctx, P::K_ARRAY)) return Make(ast::ArrayConstructor{std::move(items)}, ctx);
  if (Has(ctx, P::K_MAP)) {
    if (items.size() % 2 != 0) Fail(ctx, "MAP needs a value for every key");
    return Make(ast::MapConstructor{std::move(items)}, ctx);
  }
  if (Has(ctx, P::K_ROW) || items.size() > 1) {
    return Make(ast::RowConstructor{std::move(items)}, ctx);
  }
  return std::move(items[0]);
}

ast::ExprPtr AstBuilder::CaseOf(P::PrimaryContext* ctx) {
  ast::Case result;
  auto expressions = ctx->expression();
  const bool has_else = Has(ctx, P::K_ELSE);
  if (expressions.size() > (has_else ? 1U : 0U)) result.operand = Expression(expressions.front());
  for (auto* when : ctx->whenClause()) {
    result.whens.push_back({Expression(when->expression(0)), Expression(when->expression(1))});
  }
  if (has_else) result.otherwise = Expression(expressions.back());
  return Make(std::move(result), ctx);
}

ast::ExprPtr AstBuilder::TableArgument(P::PrimaryContext* ctx) {
  ast::TableArg arg;
  if (ctx->qualifiedName() != nullptr) arg.name = Qualified(ctx->qualifiedName());
  if (ctx->query() != nullptr) arg.query = QueryOf(ctx->query());
  for (auto* clause : ctx->tableArgumentClause()) {
    for (auto* key : clause->expression()) arg.partition_by.push_back(Expression(key));
    for (auto* key : clause->sortItem()) arg.order_by.push_back(Sort(key));
  }
  return Make(std::move(arg), ctx);
}

ast::ExprPtr AstBuilder::Column(P::QualifiedNameContext* ctx) const {
  ast::QualifiedName name = Qualified(ctx);
  if (name.parts.size() == 1 && !name.parts[0].quoted) {
    const std::string upper = UpperCase(name.parts[0].text);
    for (const std::string_view niladic : kNiladicFunctions) {
      if (upper != niladic) continue;
      ast::FunctionCall call;
      call.name = std::move(name);
      call.niladic = true;
      return Make(std::move(call), ctx);
    }
  }
  return Make(ast::ColumnRef{std::move(name.parts)}, ctx);
}

ast::ExprPtr AstBuilder::StringLiteral(std::string text, SourceRange range) const {
  ast::Literal literal;
  literal.kind = ast::LiteralKind::kString;
  literal.text = std::move(text);
  return Make(std::move(literal), range);
}

ast::ExprPtr AstBuilder::LiteralOf(P::LiteralContext* ctx) const {
  using K = ast::LiteralKind;
  if (Has(ctx, P::K_INTERVAL)) return IntervalLiteral(ctx);
  ast::Literal literal;
  const std::string text = ctx->getStart()->getText();
  switch (ctx->getStart()->getType()) {
    case P::K_NULL:
      literal = {K::kNull, "NULL"};
      break;
    case P::K_TRUE:
    case P::K_FALSE:
      literal = {K::kBoolean, UpperCase(text)};
      break;
    case P::INTEGER:
      literal = {K::kInteger, text};
      break;
    case P::DECIMAL:
      literal = {K::kDecimal, text};
      break;
    case P::APPROXIMATE:
      literal = {K::kApproximate, text};
      break;
    case P::BINARY_STRING: {
      literal.kind = K::kBinary;
      if (text.size() % 2 == 0) Fail(ctx, "a binary string has two hexadecimal digits per byte");
      for (size_t i = 2; i + 2 < text.size(); i += 2) {
        const int high = HexValue(text[i]);
        const int low = HexValue(text[i + 1]);
        if (high < 0 || low < 0) Fail(ctx, "a binary string may only hold hexadecimal digits");
        literal.text += static_cast<char>(high * 16 + low);
      }
      break;
    }
    default:
      literal.text = String(ctx->string());
      literal.kind = Has(ctx, P::K_DATE)                                    ? K::kDate
                     : Has(ctx, P::K_TIMESTAMP_LTZ) || Has(ctx, P::K_LOCAL) ? K::kTimestampLtz
                     : Has(ctx, P::K_TIMESTAMP)                             ? K::kTimestamp
                     : Has(ctx, P::K_TIME)                                  ? K::kTime
                                                                            : K::kString;
  }
  return Make(std::move(literal), ctx);
}

// Without a qualifier the unit stands inside the quotes: INTERVAL '5 minutes'.
ast::ExprPtr AstBuilder::IntervalLiteral(P::LiteralContext* ctx) const {
  ast::Literal literal;
  literal.kind = ast::LiteralKind::kInterval;
  literal.text = String(ctx->string());
  literal.negative = Has(ctx, P::MINUS);
  if (ctx->intervalQualifier() != nullptr) {
    literal.interval = Qualifier(ctx->intervalQualifier());
    return Make(std::move(literal), ctx);
  }
  const size_t number_end = literal.text.find_first_not_of("0123456789.-+");
  const size_t word = literal.text.find_first_not_of(" ", number_end);
  if (number_end == 0 || word == std::string::npos ||
      std::isalpha(static_cast<unsigned char>(literal.text[word])) == 0) {
    Fail(ctx, "an interval needs a unit", "for example INTERVAL '1' DAY");
  }
  literal.interval.from = Unit({literal.text.substr(word), Range(ctx->string()), false});
  literal.text.resize(number_end);
  return Make(std::move(literal), ctx);
}

ast::SortItem AstBuilder::Sort(P::SortItemContext* ctx) {
  ast::SortItem item;
  item.expr = Expression(ctx->expression());
  item.descending = Has(ctx, P::K_DESC);
  if (Has(ctx, P::K_NULLS)) item.nulls_first = Has(ctx, P::K_FIRST);
  return item;
}

std::vector<ast::SortItem> AstBuilder::Sorts(const std::vector<P::SortItemContext*>& contexts) {
  std::vector<ast::SortItem> items;
  for (auto* ctx : contexts) items.push_back(Sort(ctx));
  return items;
}

}  // namespace millrace
