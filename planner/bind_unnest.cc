// UNNEST in FROM: alone, or behind a table whose columns its arguments may use.
#include <algorithm>

#include "fmt/format.h"
#include "planner/bind_query.h"
#include "planner/bind_subquery.h"
#include "planner/properties.h"

namespace millrace {
namespace {

// The columns that a collection's elements become.
std::vector<Field> ElementFields(const Type& type) {
  const std::vector<Field>& children = *type.children;
  if (type.id == TypeId::kMap && !type.multiset) return children;
  const Type& element = children[0].type;
  if (element.id != TypeId::kRow) return {{"", element}};
  std::vector<Field> fields = *element.children;
  for (Field& field : fields) field.type.nullable |= element.nullable;
  return fields;
}

// Whether the join's condition holds for every row.
bool IsTrue(const ast::Expr& expr) {
  auto* literal = std::get_if<ast::Literal>(&expr.node);
  return literal && literal->kind == ast::LiteralKind::kBoolean && literal->text == "TRUE";
}

void CheckAlias(const ast::TableAlias& alias, size_t columns) {
  if (alias.columns.empty() || alias.columns.size() == columns) return;
  throw Error(ErrorCode::kTypeMismatch,
              fmt::format("the alias \"{}\" names {} columns, but UNNEST gives {}", alias.name.text,
                          alias.columns.size(), columns),
              alias.name.range);
}

}  // namespace

bool IsUnnest(const ast::TableExpr& table) {
  return std::holds_alternative<ast::Unnest>(table.node);
}

bool BeginsWithUnnest(const ast::TableExpr& table) {
  if (auto* join = std::get_if<ast::JoinRef>(&table.node)) {
    const bool keeps_left =
        join->kind != ast::JoinKind::kRight && join->kind != ast::JoinKind::kFull;
    return keeps_left && !table.alias && BeginsWithUnnest(*join->left);
  }
  return IsUnnest(table);
}

// `outer`: LEFT JOIN.
BoundInput QueryBinder::BindUnnest(BoundInput left, const ast::TableExpr& table, bool outer) {
  const auto& unnest = std::get<ast::Unnest>(table.node);
  Unnest op;
  op.with_ordinality = unnest.with_ordinality;
  op.outer = outer;
  std::vector<Field> fields;
  left.scope.outer = lateral_ ? lateral_ : outer_;
  for (const ast::ExprPtr& argument : unnest.args) {
    ExprPtr collection = Bind(*argument, left.scope);
    CheckRepeatable(*left.node, *collection);
    const Type& type = collection->type;
    if ((type.id != TypeId::kArray && type.id != TypeId::kMap) || !type.children) {
      throw Error(
          ErrorCode::kTypeMismatch,
          fmt::format("UNNEST needs an ARRAY, a MAP or a MULTISET, not {}", type.ToString()),
          argument->range);
    }
    for (Field& field : ElementFields(type)) {
      // A shorter collection is filled up with NULLs.
      if (outer || unnest.args.size() > 1) field.type.nullable = true;
      if (field.name.empty()) field.name = table.alias ? table.alias->name.text : "element";
      fields.push_back(std::move(field));
    }
    op.collections.push_back(std::move(collection));
  }
  if (op.with_ordinality) fields.push_back({"ordinality", Type(TypeId::kInteger, outer)});
  if (table.alias) CheckAlias(*table.alias, fields.size());
  BoundInput input;
  input.scope = std::move(left.scope);
  // Columns without names keep their places.
  for (size_t c = input.scope.columns.size(); c < left.node->schema.size(); ++c) {
    input.scope.columns.push_back({"", "", left.node->schema[c].type, /*system=*/true});
  }
  for (size_t i = 0; i < fields.size(); ++i) {
    const bool named = table.alias && !table.alias->columns.empty();
    if (named) fields[i].name = table.alias->columns[i].text;
    input.scope.columns.push_back(
        {table.alias ? table.alias->name.text : "", fields[i].name, fields[i].type});
  }
  input.node = MakeUnnest(std::move(left.node), std::move(op), fields, table.range);
  return input;
}

// A join whose right side is an UNNEST over the left one.
BoundInput QueryBinder::BindUnnestJoin(const ast::JoinRef& join, BoundInput left) {
  if (join.kind == ast::JoinKind::kRight || join.kind == ast::JoinKind::kFull || join.natural ||
      !join.using_columns.empty()) {
    ThrowUnsupported("joins of UNNEST other than CROSS, INNER and LEFT are", join.right->range);
  }
  const bool outer = join.kind == ast::JoinKind::kLeft;
  if (outer && !(join.on && IsTrue(*join.on))) {
    ThrowUnsupported("LEFT JOIN UNNEST with a condition other than TRUE is",
                     join.on ? join.on->range : join.right->range);
  }
  BoundInput input = BindUnnest(std::move(left), *join.right, outer);
  if (!join.on || outer) return input;
  Subqueries subqueries(this);
  input.scope.subqueries = &subqueries;
  ExprPtr on = BindPredicate(*join.on, input.scope, context_, "ON", notices());
  input.scope.subqueries = nullptr;
  CheckRepeatable(*input.node, *on);
  SubqueryJoiner joiner(&subqueries, std::move(input.node));
  joiner.Filter(on);
  input.node = joiner.Take();
  return input;
}

}  // namespace millrace
