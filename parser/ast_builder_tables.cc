// What stands in a FROM clause.
#include <string>
#include <utility>

#include "parser/ast_builder.h"

namespace millrace {
namespace {

using P = grammar::MillraceParser;

ast::TablePtr MakeTable(decltype(ast::TableExpr::node) node, SourceRange range) {
  auto table = std::make_unique<ast::TableExpr>();
  table->node = std::move(node);
  table->range = range;
  return table;
}

}  // namespace

ast::TablePtr AstBuilder::Tables(const std::vector<P::JoinedTableContext*>& contexts) {
  const Depth depth(this, contexts.size(), contexts[0]);
  ast::TablePtr tables = Joined(contexts[0]);
  for (size_t i = 1; i < contexts.size(); ++i) {
    const SourceRange range = Span(tables->range, Range(contexts[i]));
    ast::JoinRef join;
    join.kind = ast::JoinKind::kCross;
    join.left = std::move(tables);
    join.right = Joined(contexts[i]);
    tables = MakeTable(std::move(join), range);
  }
  return tables;
}

ast::TablePtr AstBuilder::Joined(P::JoinedTableContext* ctx) {
  const auto suffixes = ctx->joinSuffix();
  const Depth depth(this, suffixes.size(), ctx);
  ast::TablePtr table = Factor(ctx->tableFactor());
  for (auto* suffix : suffixes) {
    const SourceRange range = Span(table->range, Range(suffix));
    table = MakeTable(Join(suffix, std::move(table)), range);
  }
  return table;
}

ast::JoinRef AstBuilder::Join(P::JoinSuffixContext* ctx, ast::TablePtr left) {
  ast::JoinRef join;
  join.left = std::move(left);
  join.right = Factor(ctx->tableFactor());
  join.natural = Has(ctx, P::K_NATURAL);
  if (Has(ctx, P::K_CROSS)) join.kind = ast::JoinKind::kCross;
  if (auto* kind = ctx->joinKind()) {
    if (Has(kind, P::K_LEFT)) join.kind = ast::JoinKind::kLeft;
    if (Has(kind, P::K_RIGHT)) join.kind = ast::JoinKind::kRight;
    if (Has(kind, P::K_FULL)) join.kind = ast::JoinKind::kFull;
  }
  if (auto* condition = ctx->joinCondition()) {
    join.on = OptionalExpression(condition->expression());
    join.using_columns = Names(condition->columnNames());
  }
  if (ctx->joinWithin() != nullptr) join.within = Within(ctx->joinWithin());
  return join;
}

ast::JoinWithin AstBuilder::Within(P::JoinWithinContext* ctx) const {
  ast::JoinWithin within;
  const auto durations = ctx->duration();
  const bool grace = Has(ctx, P::K_GRACE);
  within.before = Duration(durations[0]);
  if (durations.size() - (grace ? 1 : 0) == 2) within.after = Duration(durations[1]);
  if (grace) within.grace = Duration(durations.back());
  return within;
}

ast::ExprPtr AstBuilder::Duration(P::DurationContext* ctx) const {
  ast::Literal literal;
  literal.kind = ast::LiteralKind::kInterval;
  literal.text = ctx->INTEGER()->getText();
  literal.interval.from = Unit(NameFrom(ctx->identifier()));
  return Make(std::move(literal), ctx);
}

ast::TablePtr AstBuilder::Factor(P::TableFactorContext* ctx) {
  const Depth depth(this, 1, ctx);
  ast::TablePtr table = PrimaryTable(ctx->tablePrimary());
  if (ctx->matchRecognize() == nullptr) return table;
  ast::TablePtr match = MakeTable(Match(ctx->matchRecognize(), std::move(table)), Range(ctx));
  match->alias = Alias(ctx->tableAlias());
  return match;
}

ast::TablePtr AstBuilder::PrimaryTable(P::TablePrimaryContext* ctx) {
  if (ctx->joinedTable() != nullptr) return Joined(ctx->joinedTable());
  const bool lateral = Has(ctx, P::K_LATERAL);
  ast::TablePtr table;
  if (ctx->query() != nullptr) {
    table = MakeTable(ast::SubqueryRef{QueryOf(ctx->query()), lateral}, Range(ctx));
  } else if (Has(ctx, P::K_UNNEST)) {
    table = MakeTable(ast::Unnest{Expressions(ctx->expression()), Has(ctx, P::K_ORDINALITY)},
                      Range(ctx));
  } else if (ctx->callSuffix() != nullptr) {
    const SourceRange range = Span(Range(ctx->qualifiedName()), Range(ctx->callSuffix()));
    table = MakeTable(
        ast::TableFunctionRef{Call(Qualified(ctx->qualifiedName()), ctx->callSuffix(), range),
                              lateral},
        Range(ctx));
  } else {
    table = MakeTable(NamedTable(ctx), Range(ctx));
  }
  table->alias = Alias(ctx->tableAlias());
  return table;
}

ast::TableRef AstBuilder::NamedTable(P::TablePrimaryContext* ctx) {
  ast::TableRef table;
  table.name = Qualified(ctx->qualifiedName());
  for (auto* group : ctx->hint()) {
    for (ast::Hint& hint : Hints(group)) table.hints.push_back(std::move(hint));
  }
  if (ctx->systemTime() != nullptr) table.as_of = Value(ctx->systemTime()->valueExpression());
  return table;
}

std::optional<ast::TableAlias> AstBuilder::Alias(P::TableAliasContext* ctx) const {
  if (ctx == nullptr) return {};
  auto* name = ctx->identifier() != nullptr ? static_cast<Rule*>(ctx->identifier())
                                            : static_cast<Rule*>(ctx->bareAlias());
  return ast::TableAlias{NameFrom(name), Names(ctx->columnNames())};
}

// -------------------------------------------------------------------------------- MATCH_RECOGNIZE

ast::MatchRecognize AstBuilder::Match(P::MatchRecognizeContext* ctx, ast::TablePtr input) {
  ast::MatchRecognize match;
  match.input = std::move(input);
  match.partition_by = Expressions(ctx->expression());
  match.order_by = Sorts(ctx->sortItem());
  for (auto* measure : ctx->measure()) {
    match.measures.push_back(
        {Expression(measure->expression()), NameFrom(measure->label()), Has(measure, P::K_FINAL)});
  }
  match.all_rows = Has(ctx, P::K_ALL);
  if (ctx->skipTarget() != nullptr) SkipTo(ctx->skipTarget(), &match);
  match.pattern = PatternOf(ctx->pattern());
  if (ctx->valueExpression() != nullptr) match.within = Value(ctx->valueExpression());
  for (auto* subset : ctx->patternSubset()) {
    match.subsets.push_back({NameFrom(subset->identifier()), Names(subset->columnNames())});
  }
  for (auto* definition : ctx->patternDefinition()) {
    match.definitions.push_back(
        {NameFrom(definition->identifier()), Expression(definition->expression())});
  }
  return match;
}

void AstBuilder::SkipTo(P::SkipTargetContext* ctx, ast::MatchRecognize* match) const {
  match->skip_to = OptionalName(ctx->identifier());
  match->after_match = Has(ctx, P::K_PAST)    ? ast::AfterMatch::kPastLastRow
                       : Has(ctx, P::K_NEXT)  ? ast::AfterMatch::kToNextRow
                       : Has(ctx, P::K_FIRST) ? ast::AfterMatch::kToFirst
                       : Has(ctx, P::K_LAST)  ? ast::AfterMatch::kToLast
                                              : ast::AfterMatch::kToVariable;
}

ast::Pattern AstBuilder::PatternOf(P::PatternContext* ctx) {
  const Depth depth(this, 2, ctx);
  ast::Pattern alternation;
  alternation.kind = ast::PatternKind::kAlternation;
  alternation.range = Range(ctx);
  for (auto* branch : ctx->patternSequence()) {
    ast::Pattern sequence;
    sequence.kind = ast::PatternKind::kSequence;
    sequence.range = Range(branch);
    for (auto* term : branch->patternTerm()) sequence.children.push_back(PatternTerm(term));
    const bool one = sequence.children.size() == 1;
    alternation.children.push_back(one ? std::move(sequence.children[0]) : std::move(sequence));
  }
  if (alternation.children.size() > 1) return alternation;
  ast::Pattern only = std::move(alternation.children[0]);
  return only;
}

ast::Pattern AstBuilder::PatternTerm(P::PatternTermContext* ctx) {
  auto* primary = ctx->patternPrimary();
  ast::Pattern pattern;
  if (primary->identifier() != nullptr) {
    pattern.variable = NameFrom(primary->identifier());
  } else if (Has(primary, P::K_PERMUTE) || Has(primary, P::LBRACE)) {
    const bool permute = Has(primary, P::K_PERMUTE);
    pattern.kind = permute ? ast::PatternKind::kPermutation : ast::PatternKind::kExclusion;
    for (auto* child : primary->pattern()) pattern.children.push_back(PatternOf(child));
  } else {
    pattern = PatternOf(primary->pattern(0));
    const bool quantified = pattern.min != 1 || pattern.max != 1 || pattern.reluctant;
    if (quantified && ctx->patternQuantifier() != nullptr) {  // (A+)*
      ast::Pattern outer;
      outer.kind = ast::PatternKind::kSequence;
      outer.children.push_back(std::move(pattern));
      pattern = std::move(outer);
    }
  }
  pattern.range = Range(ctx);
  if (ctx->patternQuantifier() != nullptr) Quantify(ctx->patternQuantifier(), &pattern);
  return pattern;
}

void AstBuilder::Quantify(P::PatternQuantifierContext* ctx, ast::Pattern* pattern) const {
  const auto questions = ctx->QUESTION().size();
  pattern->max.reset();
  pattern->reluctant = questions > 0;
  if (Has(ctx, P::STAR)) {
    pattern->min = 0;
  } else if (Has(ctx, P::PLUS)) {
    pattern->min = 1;
  } else if (!Has(ctx, P::LBRACE)) {  // A? and A??
    pattern->min = 0;
    pattern->max = 1;
    pattern->reluctant = questions == 2;
  } else {
    const auto numbers = ctx->INTEGER();
    const bool comma = Has(ctx, P::COMMA);
    const bool has_min = !comma || ctx->children[1] != ctx->COMMA();
    pattern->min = has_min ? Integer(numbers[0]) : 0;
    if (!comma) pattern->max = pattern->min;
    if (comma && numbers.size() > (has_min ? 1U : 0U)) pattern->max = Integer(numbers.back());
  }
}

}  // namespace millrace
