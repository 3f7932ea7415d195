// VALUES, set operations and DISTINCT.
#include <deque>

#include "fmt/format.h"
#include "planner/bind_query.h"
#include "planner/bind_subquery.h"
#include "planner/expr_binder.h"
#include "planner/properties.h"
#include "types/type.h"

namespace millrace {
namespace {

NodePtr MakeValues(std::vector<std::vector<Value>> rows, Schema schema, SourceRange range) {
  NodePtr node = MakeNode(ValuesRows{std::move(rows)});
  node->schema = std::move(schema);
  node->range = range;
  DeriveProperties(node.get());
  return node;
}

// The type that all rows' expressions of column `i` convert to.
Type CommonTypeOfColumn(const std::vector<std::vector<ExprPtr>>& rows, size_t i) {
  Type type = rows[0][i]->type;
  for (const auto& row : rows) {
    const bool nullable = type.nullable || row[i]->type.nullable;
    std::optional<Type> common = CommonType(type, row[i]->type);
    if (!common) {
      throw Error(ErrorCode::kTypeMismatch,
                  fmt::format("column {} of VALUES is {} here but {} in the rows before", i + 1,
                              row[i]->type.ToString(), type.ToString()),
                  row[i]->range);
    }
    type = common->AsNullable(nullable);
  }
  return type;
}

NodePtr MakeUnion(std::vector<NodePtr> inputs, SourceRange range) {
  Schema schema = inputs[0]->schema;
  for (const NodePtr& input : inputs) {
    for (size_t i = 0; i < schema.size(); ++i) {
      if (input->schema[i].type.nullable) schema[i].type.nullable = true;
    }
  }
  NodePtr node = MakeNode(UnionAll{}, std::move(inputs));
  node->schema = std::move(schema);
  node->range = range;
  DeriveProperties(node.get());
  return node;
}

// Both have one schema but for the columns' nullability.
NodePtr MakeSetMinus(NodePtr left, NodePtr right, SetMinus set, SourceRange range) {
  Schema schema = left->schema;
  for (size_t i = 0; i < schema.size(); ++i) {
    // A common row has no NULL where one side cannot have any.
    if (set.intersect && !right->schema[i].type.nullable) schema[i].type.nullable = false;
  }
  std::vector<NodePtr> inputs;
  inputs.push_back(std::move(left));
  inputs.push_back(std::move(right));
  NodePtr node = MakeNode(set, std::move(inputs));
  node->schema = std::move(schema);
  node->range = range;
  DeriveProperties(node.get());
  return node;
}

// The query's columns cast to the types of `target`; names are the target's.
NodePtr CastTo(NodePtr node, const Schema& target, const std::string& zone) {
  bool same = true;
  std::vector<ExprPtr> exprs = AllColumns(node->schema);
  for (size_t i = 0; i < target.size(); ++i) {
    if (exprs[i]->type.SameAs(target[i].type)) continue;
    exprs[i] = MakeCast(exprs[i], target[i].type, false, zone);
    same = false;
  }
  if (same) return node;
  return MakeProject(std::move(node), std::move(exprs), NamesOf(target));
}

std::string_view NameOf(ast::SetOperator op, bool all) {
  switch (op) {
    case ast::SetOperator::kUnion:
      return all ? "UNION ALL" : "UNION";
    case ast::SetOperator::kIntersect:
      return all ? "INTERSECT ALL" : "INTERSECT";
    case ast::SetOperator::kExcept:
      break;
  }
  return all ? "EXCEPT ALL" : "EXCEPT";
}

Schema CommonSchema(const Node& left, const Node& right, std::string_view what, SourceRange range) {
  if (left.schema.size() != right.schema.size()) {
    throw Error(ErrorCode::kTypeMismatch,
                fmt::format("the queries of {} have {} and {} columns", what, left.schema.size(),
                            right.schema.size()),
                range);
  }
  Schema schema = left.schema;
  for (size_t i = 0; i < schema.size(); ++i) {
    std::optional<Type> common = CommonType(schema[i].type, right.schema[i].type);
    if (!common) {
      throw Error(ErrorCode::kTypeMismatch,
                  fmt::format("column {} (\"{}\") of {} is {} on the left and {} on the right",
                              i + 1, schema[i].name, what, schema[i].type.ToString(),
                              right.schema[i].type.ToString()),
                  range);
    }
    schema[i].type = *common;
  }
  return schema;
}

}  // namespace

NodePtr MakeOneRow() { return MakeValues({{}}, {}, {}); }

NodePtr MakeDistinct(NodePtr input, const QueryBinder& binder, SourceRange range) {
  Aggregate aggregate;
  for (size_t i = 0; i < input->schema.size(); ++i) aggregate.keys.push_back(i);
  aggregate.state_ttl = binder.DurationSetting("table.exec.state.ttl");
  if (binder.mode() == QueryMode::kContinuous && aggregate.state_ttl == 0) {
    binder.Notify("UNBOUNDED_STATE",
                  "DISTINCT keeps every distinct row for ever; set 'table.exec.state.ttl' to bound "
                  "its state",
                  range);
  }
  return MakeAggregateNode(std::move(input), std::move(aggregate), {}, range);
}

BoundQuery QueryBinder::BindValues(const ast::Values& values, SourceRange range) {
  std::vector<std::vector<ExprPtr>> rows;
  BoundQuery bound;
  const std::string zone = context_.session->zone();
  const std::vector<Type> types = std::exchange(value_types_, {});
  bool constant = true;
  std::deque<Subqueries> subqueries;  // Of each row.
  for (const auto& row : values.rows) {
    if (row.size() != values.rows[0].size()) {
      throw Error(ErrorCode::kTypeMismatch,
                  fmt::format("this row has {} values, the first one {}", row.size(),
                              values.rows[0].size()),
                  row.empty() ? range : row[0]->range);
    }
    rows.emplace_back();
    Scope scope;
    scope.subqueries = &subqueries.emplace_back(this);
    scope.outer = outer_;
    for (size_t i = 0; i < row.size(); ++i) {
      ExprPtr expr = Bind(*row[i], scope);
      if (i < types.size()) expr = CoerceStringLiteral(std::move(expr), types[i], zone);
      constant = constant && IsConstant(*expr);
      rows.back().push_back(std::move(expr));
    }
  }
  Schema schema;
  for (size_t i = 0; i < rows[0].size(); ++i) {
    schema.push_back({fmt::format("EXPR${}", i), CommonTypeOfColumn(rows, i)});
    bound.ranges.push_back(values.rows[0][i]->range);
    for (auto& row : rows) row[i] = MakeCast(row[i], schema[i].type, false, zone);
  }
  if (constant) {
    std::vector<std::vector<Value>> data;
    for (const auto& row : rows) {
      data.emplace_back();
      for (const ExprPtr& expr : row) data.back().push_back(EvaluateConstant(*expr, zone));
    }
    bound.node = MakeValues(std::move(data), std::move(schema), range);
    return bound;
  }
  std::vector<NodePtr> inputs;
  for (size_t i = 0; i < rows.size(); ++i) {
    SubqueryJoiner joiner(&subqueries[i], MakeOneRow());
    joiner.ResolveAll();
    for (ExprPtr& expr : rows[i]) expr = joiner.Resolve(expr);
    inputs.push_back(MakeProject(joiner.Take(), std::move(rows[i]), NamesOf(schema), range));
  }
  bound.node = inputs.size() == 1 ? std::move(inputs[0]) : MakeUnion(std::move(inputs), range);
  return bound;
}

void QueryBinder::NotifyUnboundedSet(std::string_view what, SourceRange range) const {
  if (mode_ == QueryMode::kPull) return;
  Notify("UNBOUNDED_STATE",
         fmt::format("{} keeps every distinct row of both queries for ever", what), range);
}

BoundQuery QueryBinder::BindSetOperation(const ast::SetOperation& operation, SourceRange range) {
  const std::string_view what = NameOf(operation.op, operation.all);
  BoundQuery left = BindQuery(*operation.left);
  BoundQuery right = BindQuery(*operation.right);
  const Schema schema = CommonSchema(*left.node, *right.node, what, operation.right->range);
  const std::string zone = context_.session->zone();
  left.node = CastTo(std::move(left.node), schema, zone);
  right.node = CastTo(std::move(right.node), schema, zone);
  if (operation.op != ast::SetOperator::kUnion) {
    const SetMinus set{operation.op == ast::SetOperator::kIntersect, operation.all};
    NotifyUnboundedSet(what, range);
    left.node = MakeSetMinus(std::move(left.node), std::move(right.node), set, range);
    return left;
  }
  std::vector<NodePtr> inputs;
  if (std::holds_alternative<UnionAll>(left.node->op)) {
    inputs = std::move(left.node->inputs);
  } else {
    inputs.push_back(std::move(left.node));
  }
  inputs.push_back(std::move(right.node));
  left.node = MakeUnion(std::move(inputs), range);
  left.node->schema = schema;
  if (!operation.all) left.node = MakeDistinct(std::move(left.node), *this, range);
  return left;
}

}  // namespace millrace
