// Function calls: those with a syntax of their own become plain ones (see ast::FunctionCall), and
// windows.
#include <string>
#include <utility>

#include "parser/ast_builder.h"
#include "parser/keywords.h"

namespace millrace {
namespace {

using P = grammar::MillraceParser;

// The upper-case name of a call without qualifier, else "".
std::string FunctionWord(const ast::FunctionCall& call) {
  const auto& parts = call.name.parts;
  return parts.size() == 1 ? UpperCase(parts[0].text) : "";
}

}  // namespace

ast::ExprPtr AstBuilder::Call(ast::QualifiedName name, P::CallSuffixContext* ctx,
                              SourceRange range) {
  const Depth depth(this, 1, ctx);
  ast::FunctionCall call;
  call.name = std::move(name);
  if (ctx->callArguments() != nullptr) Arguments(ctx->callArguments(), &call);
  const std::string word = FunctionWord(call);
  if (word == "DESCRIPTOR") return DescriptorOf(ctx, std::move(call), range);
  const bool takes_unit = word == "TIMESTAMPADD" || word == "TIMESTAMPDIFF";
  if (takes_unit && !call.args.empty()) call.args[0].value = UnitArgument(*call.args[0].value);
  for (auto* nulls : ctx->nullTreatment()) call.nulls = Nulls(nulls);
  if (ctx->withinGroup() != nullptr) call.order_by = Sorts(ctx->withinGroup()->sortItem());
  if (ctx->filterClause() != nullptr) call.filter = Expression(ctx->filterClause()->expression());
  if (ctx->overClause() != nullptr) call.over = Over(ctx->overClause());
  return Make(std::move(call), range);
}

void AstBuilder::Arguments(P::CallArgumentsContext* ctx, ast::FunctionCall* call) {
  if (Has(ctx, P::STAR)) {
    call->args.push_back({{}, Make(ast::Star{}, Range(ctx))});
  } else if (Has(ctx, P::K_BOTH) || Has(ctx, P::K_LEADING) || Has(ctx, P::K_TRAILING)) {
    TrimArguments(ctx, call);
  } else if (Has(ctx, P::K_TO) || Has(ctx, P::K_FROM)) {
    KeywordArguments(ctx, call);
  } else {
    OrdinaryArguments(ctx, call);
  }
}

void AstBuilder::OrdinaryArguments(P::CallArgumentsContext* ctx, ast::FunctionCall* call) {
  call->distinct = ctx->setQuantifier() != nullptr && Has(ctx->setQuantifier(), P::K_DISTINCT);
  for (auto* argument : ctx->argument()) {
    const auto expressions = argument->expression();
    ast::FunctionArg arg;
    if (argument->label() != nullptr) arg.name = NameFrom(argument->label());
    arg.value = Expression(expressions[0]);
    call->args.push_back(std::move(arg));
    if (expressions.size() > 1) call->args.push_back({{}, Expression(expressions[1])});
  }
  call->order_by = Sorts(ctx->sortItem());
  if (ctx->nullTreatment() != nullptr) call->nulls = Nulls(ctx->nullTreatment());
  for (auto* clause : ctx->jsonClause()) call->clauses.push_back(Clause(clause));
}

// TRIM(LEADING 'x' FROM s); without characters, spaces are trimmed.
void AstBuilder::TrimArguments(P::CallArgumentsContext* ctx, ast::FunctionCall* call) {
  if (FunctionWord(*call) != "TRIM") Fail(ctx, "only TRIM takes BOTH, LEADING or TRAILING");
  const auto expressions = ctx->expression();
  const SourceRange word = Range(ctx->getStart());
  call->args.push_back({{}, StringLiteral(UpperCase(ctx->getStart()->getText()), word)});
  call->args.push_back(
      {{}, expressions.size() == 2 ? Expression(expressions[0]) : StringLiteral(" ", word)});
  call->args.push_back({{}, Expression(expressions.back())});
}

// `f(a TO unit)` and `f(a FROM b ...)`.
void AstBuilder::KeywordArguments(P::CallArgumentsContext* ctx, ast::FunctionCall* call) {
  const std::string word = FunctionWord(*call);
  auto* first = ctx->argument(0);
  if (first->label() != nullptr || first->expression().size() > 1 ||
      ctx->setQuantifier() != nullptr) {
    Fail(ctx, "these arguments cannot be mixed with keywords");
  }
  if (Has(ctx, P::K_FROM)) return FromArguments(ctx, call);
  if (word != "FLOOR" && word != "CEIL" && word != "CEILING") {
    Fail(ctx, "only FLOOR and CEIL take an argument with TO");
  }
  call->args.push_back({{}, Expression(first->expression(0))});
  ast::Expr unit{ast::ColumnRef{{NameFrom(ctx->label())}}, Range(ctx->label())};
  call->args.push_back({{}, UnitArgument(unit)});
}

void AstBuilder::FromArguments(P::CallArgumentsContext* ctx, ast::FunctionCall* call) {
  const std::string word = FunctionWord(*call);
  const bool placing = Has(ctx, P::K_PLACING);
  const bool substring = word == "SUBSTRING" || word == "SUBSTR";
  const bool fits =
      placing ? word == "OVERLAY"
              : substring || (!Has(ctx, P::K_FOR) && (word == "EXTRACT" || word == "TRIM"));
  if (!fits) Fail(ctx, "\"" + word + "\" does not take its arguments with FROM");
  ast::ExprPtr first = Expression(ctx->argument(0)->expression(0));
  if (word == "EXTRACT") first = UnitArgument(*first);
  if (word == "TRIM") call->args.push_back({{}, StringLiteral("BOTH", first->range)});
  call->args.push_back({{}, std::move(first)});
  for (auto* next : ctx->expression()) call->args.push_back({{}, Expression(next)});
}

// A unit is a word that looks like a column, or already a string.
ast::ExprPtr AstBuilder::UnitArgument(const ast::Expr& arg) const {
  std::string word;
  if (const auto* column = std::get_if<ast::ColumnRef>(&arg.node)) {
    if (column->parts.size() == 1) word = UpperCase(column->parts[0].text);
  } else if (const auto* literal = std::get_if<ast::Literal>(&arg.node)) {
    if (literal->kind == ast::LiteralKind::kString) word = UpperCase(literal->text);
  }
  if (word.starts_with("SQL_TSI_")) word.erase(0, 8);
  if (!IsTimeUnit(word) && word.ends_with('S')) word.pop_back();
  if (!IsTimeUnit(word)) {
    throw Error(ErrorCode::kSqlSyntax, "expected a unit of time such as DAY or HOUR", arg.range,
                DidYouMean(word, kTimeUnits));
  }
  return StringLiteral(std::move(word), arg.range);
}

ast::ExprPtr AstBuilder::DescriptorOf(P::CallSuffixContext* ctx, ast::FunctionCall call,
                                      SourceRange range) const {
  ast::Descriptor descriptor;
  for (ast::FunctionArg& arg : call.args) {
    auto* column = std::get_if<ast::ColumnRef>(&arg.value->node);
    if (column == nullptr || column->parts.size() != 1 || arg.name) {
      Fail(ctx, "DESCRIPTOR takes names of columns");
    }
    descriptor.columns.push_back(std::move(column->parts[0]));
  }
  if (descriptor.columns.empty()) Fail(ctx, "DESCRIPTOR takes names of columns");
  return Make(std::move(descriptor), range);
}

ast::FunctionClause AstBuilder::Clause(P::JsonClauseContext* ctx) {
  ast::FunctionClause clause;
  for (auto* child : ctx->children) {
    if (dynamic_cast<antlr4::tree::TerminalNode*>(child) == nullptr) continue;
    if (!clause.words.empty()) clause.words += ' ';
    clause.words += UpperCase(child->getText());
  }
  if (ctx->typeName() != nullptr) clause.type = Type(ctx->typeName());
  if (ctx->valueExpression() != nullptr) clause.value = Value(ctx->valueExpression());
  return clause;
}

ast::NullTreatment AstBuilder::Nulls(P::NullTreatmentContext* ctx) const {
  return Has(ctx, P::K_IGNORE) ? ast::NullTreatment::kIgnore : ast::NullTreatment::kRespect;
}

// ---------------------------------------------------------------------------------------- windows

std::unique_ptr<ast::WindowSpec> AstBuilder::Over(P::OverClauseContext* ctx) {
  auto spec = std::make_unique<ast::WindowSpec>();
  if (ctx->windowSpec() != nullptr) {
    *spec = Window(ctx->windowSpec());
  } else {
    spec->base = NameFrom(ctx->identifier());
  }
  spec->range = Range(ctx);
  return spec;
}

ast::WindowSpec AstBuilder::Window(P::WindowSpecContext* ctx) {
  ast::WindowSpec spec;
  spec.range = Range(ctx);
  spec.base = OptionalName(ctx->identifier());
  spec.partition_by = Expressions(ctx->expression());
  spec.order_by = Sorts(ctx->sortItem());
  if (ctx->frame() != nullptr) spec.frame = FrameOf(ctx->frame());
  return spec;
}

ast::Frame AstBuilder::FrameOf(P::FrameContext* ctx) {
  ast::Frame frame;
  frame.range = Range(ctx);
  frame.rows = Has(ctx, P::K_ROWS);
  frame.start = Bound(ctx->frameBound(0));
  if (ctx->frameBound().size() > 1) frame.end = Bound(ctx->frameBound(1));
  return frame;
}

ast::FrameBound AstBuilder::Bound(P::FrameBoundContext* ctx) {
  using K = ast::FrameBoundKind;
  if (Has(ctx, P::K_CURRENT)) return {K::kCurrentRow, nullptr};
  const bool preceding = Has(ctx, P::K_PRECEDING);
  if (Has(ctx, P::K_UNBOUNDED)) {
    return {preceding ? K::kUnboundedPreceding : K::kUnboundedFollowing, nullptr};
  }
  return {preceding ? K::kPreceding : K::kFollowing, Value(ctx->valueExpression())};
}

}  // namespace millrace
