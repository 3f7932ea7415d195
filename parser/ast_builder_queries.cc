// Queries.
#include <string>
#include <utility>

#include "parser/ast_builder.h"

namespace millrace {
namespace {

using P = grammar::MillraceParser;

// Nothing but a body, so that parentheses around it mean nothing.
bool IsBare(const ast::Query& query) {
  return query.with.empty() && query.order_by.empty() && query.limit == nullptr &&
         query.offset == nullptr && query.emit.kind == ast::EmitKind::kNone;
}

}  // namespace

ast::QueryPtr AstBuilder::QueryOf(P::QueryContext* ctx) {
  const Depth depth(this, 1, ctx);
  std::vector<ast::CommonTable> with;
  if (ctx->withClause() != nullptr) {
    for (auto* common : ctx->withClause()->commonTable()) with.push_back(Common(common));
  }
  ast::QueryPtr query = Body(ctx->queryBody());
  const auto tails = ctx->queryTail();
  if (with.empty() && tails.empty()) return query;
  if (!IsBare(*query)) {
    auto outer = std::make_unique<ast::Query>();
    outer->body = std::move(query);
    query = std::move(outer);
  }
  query->with = std::move(with);
  query->recursive = ctx->withClause() != nullptr && Has(ctx->withClause(), P::K_RECURSIVE);
  query->range = Range(ctx);
  for (auto* tail : tails) Tail(tail, query.get());
  return query;
}

ast::QueryPtr AstBuilder::Body(P::QueryBodyContext* ctx) {
  std::vector<P::QueryBodyContext*> spine;
  while (ctx->queryBody().size() == 2) {
    spine.push_back(ctx);
    ctx = ctx->queryBody(0);
  }
  const Depth depth(this, spine.size(), ctx);
  ast::QueryPtr left = SimpleBody(ctx);
  for (; !spine.empty(); spine.pop_back()) {
    auto* operation = spine.back();
    ast::SetOperation node;
    node.op = Has(operation, P::K_UNION)       ? ast::SetOperator::kUnion
              : Has(operation, P::K_INTERSECT) ? ast::SetOperator::kIntersect
                                               : ast::SetOperator::kExcept;
    node.all = operation->setQuantifier() != nullptr && Has(operation->setQuantifier(), P::K_ALL);
    node.left = std::move(left);
    node.right = Body(operation->queryBody(1));
    left = std::make_unique<ast::Query>();
    left->body = std::move(node);
    left->range = Range(operation);
  }
  return left;
}

ast::QueryPtr AstBuilder::SimpleBody(P::QueryBodyContext* ctx) {
  if (ctx->query() != nullptr) return QueryOf(ctx->query());
  auto query = std::make_unique<ast::Query>();
  query->range = Range(ctx);
  if (ctx->querySpecification() != nullptr) {
    query->body = SelectOf(ctx->querySpecification());
  } else if (ctx->valuesClause() != nullptr) {
    query->body = ValuesOf(ctx->valuesClause());
  } else {
    ast::Select select;  // TABLE t
    select.range = query->range;
    select.items.push_back({Make(ast::Star{}, query->range), {}, query->range});
    select.from = std::make_unique<ast::TableExpr>();
    select.from->range = Range(ctx->qualifiedName());
    select.from->node = ast::TableRef{Qualified(ctx->qualifiedName()), {}, nullptr};
    query->body = std::move(select);
  }
  return query;
}

void AstBuilder::Tail(P::QueryTailContext* ctx, ast::Query* query) {
  const auto once = [&](bool again) {
    if (again) Fail(ctx, "this clause is given twice");
  };
  if (ctx->emit() != nullptr) {
    once(query->emit.kind != ast::EmitKind::kNone);
    query->emit = EmitOf(ctx->emit());
  } else if (Has(ctx, P::K_ORDER)) {
    once(!query->order_by.empty());
    query->order_by = Sorts(ctx->sortItem());
  } else if (Has(ctx, P::K_OFFSET)) {
    once(query->offset != nullptr);
    query->offset = Value(ctx->valueExpression());
  } else if (!Has(ctx, P::K_ALL)) {
    once(query->limit != nullptr);
    const bool counted = ctx->valueExpression() != nullptr;
    query->limit = counted ? Value(ctx->valueExpression())
                           : Make(ast::Literal{ast::LiteralKind::kInteger, "1"}, ctx);
  }
}

ast::Emit AstBuilder::EmitOf(P::EmitContext* ctx) {
  ast::Emit emit;
  emit.range = Range(ctx);
  emit.kind = Has(ctx, P::K_CHANGES) ? ast::EmitKind::kChanges
              : Has(ctx, P::K_FINAL) ? ast::EmitKind::kFinal
              : Has(ctx, P::K_CLOSE) ? ast::EmitKind::kOnWindowClose
                                     : ast::EmitKind::kImmediately;
  if (ctx->valueExpression() != nullptr) emit.grace = Value(ctx->valueExpression());
  return emit;
}

ast::CommonTable AstBuilder::Common(P::CommonTableContext* ctx) {
  ast::CommonTable common;
  common.range = Range(ctx);
  common.name = NameFrom(ctx->identifier());
  common.columns = Names(ctx->columnNames());
  if (ctx->query() != nullptr) common.query = QueryOf(ctx->query());
  common.changelog_of = OptionalQualified(ctx->qualifiedName());
  return common;
}

ast::Values AstBuilder::ValuesOf(P::ValuesClauseContext* ctx) {
  ast::Values values;
  for (auto* row : ctx->valuesRow()) values.rows.push_back(Expressions(row->expression()));
  return values;
}

ast::Select AstBuilder::SelectOf(P::QuerySpecificationContext* ctx) {
  ast::Select select;
  select.range = Range(ctx);
  select.hints = Hints(ctx->hint());
  for (auto* quantifier : ctx->setQuantifier()) {
    const bool grouping =
        ctx->K_GROUP() != nullptr &&
        quantifier->getStart()->getTokenIndex() > ctx->K_GROUP()->getSymbol()->getTokenIndex();
    (grouping ? select.group_by_distinct : select.distinct) |= Has(quantifier, P::K_DISTINCT);
  }
  for (auto* item : ctx->selectItem()) select.items.push_back(Item(item));
  if (Has(ctx, P::K_FROM)) select.from = Tables(ctx->joinedTable());
  // WHERE, HAVING and QUALIFY have one expression each, in the order of the text.
  const auto conditions = ctx->expression();
  size_t next = 0;
  if (Has(ctx, P::K_WHERE)) select.where = Expression(conditions[next++]);
  for (auto* element : ctx->groupElement()) {
    ast::GroupElement group = Group(element);
    const bool one = group.kind == ast::GroupKind::kSet && group.children.size() == 1;
    select.group_by.push_back(one ? std::move(group.children[0]) : std::move(group));
  }
  if (Has(ctx, P::K_HAVING)) select.having = Expression(conditions[next++]);
  for (auto* window : ctx->namedWindow()) {
    select.windows.push_back({NameFrom(window->identifier()), Window(window->windowSpec())});
  }
  if (Has(ctx, P::K_QUALIFY)) select.qualify = Expression(conditions[next++]);
  return select;
}

ast::SelectItem AstBuilder::Item(P::SelectItemContext* ctx) {
  ast::SelectItem item;
  item.range = Range(ctx);
  if (Has(ctx, P::STAR)) {
    item.expr = Make(ast::Star{OptionalQualified(ctx->qualifiedName())}, ctx);
    return item;
  }
  item.expr = Expression(ctx->expression());
  item.alias = OptionalName(ctx->label());
  if (ctx->bareAlias() != nullptr) item.alias = NameFrom(ctx->bareAlias());
  return item;
}

ast::GroupElement AstBuilder::Group(P::GroupElementContext* ctx) {
  const Depth depth(this, 1, ctx);
  ast::GroupElement group;
  group.range = Range(ctx);
  if (!Has(ctx, P::LPAREN)) {
    group.expr = Expression(ctx->expression(0));
    return group;
  }
  group.kind = Has(ctx, P::K_GROUPING) ? ast::GroupKind::kGroupingSets
               : Has(ctx, P::K_ROLLUP) ? ast::GroupKind::kRollup
               : Has(ctx, P::K_CUBE)   ? ast::GroupKind::kCube
                                       : ast::GroupKind::kSet;
  for (auto* child : ctx->groupElement()) group.children.push_back(Group(child));
  for (auto* expr : ctx->expression()) {
    ast::GroupElement child;
    child.range = Range(expr);
    child.expr = Expression(expr);
    group.children.push_back(std::move(child));
  }
  return group;
}

// ------------------------------------------------------------------------------------------ hints

std::vector<ast::Hint> AstBuilder::Hints(P::HintContext* ctx) const {
  std::vector<ast::Hint> hints;
  if (ctx == nullptr) return hints;
  for (auto* item : ctx->hintItem()) hints.push_back(HintOf(item));
  return hints;
}

ast::Hint AstBuilder::HintOf(P::HintItemContext* ctx) const {
  ast::Hint hint;
  hint.name = NameFrom(ctx->identifier());
  hint.range = Range(ctx);
  for (auto* argument : ctx->hintArgument()) {
    auto* value = argument->hintWord(1);
    auto* key = argument->hintWord(0);
    if (value == nullptr) {
      hint.args.push_back(HintWord(key));
    } else {
      hint.options.push_back({HintWord(key), HintWord(value), Range(key), Range(value)});
    }
  }
  return hint;
}

std::string AstBuilder::HintWord(P::HintWordContext* ctx) const {
  if (ctx->string() != nullptr) return String(ctx->string());
  if (ctx->identifier().empty()) return ctx->getText();
  std::string text;
  for (auto* part : ctx->identifier()) {
    if (!text.empty()) text += '.';
    text += NameFrom(part).text;
  }
  return text;
}

}  // namespace millrace
