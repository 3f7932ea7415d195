// Subqueries in expressions: IN, EXISTS, ANY, ALL and queries as values.
#include "fmt/format.h"
#include "planner/bind_subquery.h"
#include "planner/expr_binder.h"
#include "planner/outer_columns.h"

namespace millrace {

Subqueries& ExprBinder::NeedSubqueries(SourceRange range) const {
  if (scope_.subqueries) return *scope_.subqueries;
  throw Error(ErrorCode::kUnsupportedFeature, "a subquery is not supported here", range,
              "use it in a SELECT");
}

// `value` compared with a column of the query.
ExprPtr ExprBinder::CompareWithInner(std::string_view op, ExprPtr value, const Node& query,
                                     size_t column, SourceRange range) const {
  const Type& type = query.schema[column].type;
  ExprPtr compared =
      Compare(op, std::move(value), MakeColumnExpr(kFirstInnerColumn + column, type, range), range);
  if (std::holds_alternative<CallExpr>(compared->node)) return compared;
  throw Error(ErrorCode::kUnsupportedFeature,
              fmt::format("comparing {} with a subquery is not supported yet", type.ToString()),
              range);
}

ExprPtr ExprBinder::BindIn(const ast::Expr& value, const ast::Query& query, bool negated,
                           SourceRange range) {
  Subqueries& subqueries = NeedSubqueries(range);
  std::vector<ExprPtr> fields;
  if (auto* row = std::get_if<ast::RowConstructor>(&value.node)) {
    for (const ast::ExprPtr& field : row->fields) fields.push_back(Bind(*field));
  } else {
    fields.push_back(Bind(value));
  }
  Subquery subquery{Subquery::Kind::kIn, negated};
  subquery.node = subqueries.Bind(query, scope_);
  const size_t columns = subquery.node->schema.size();
  if (fields.size() == 1 && columns > 1 && fields[0]->type.id == TypeId::kRow) {
    const ExprPtr row = fields[0];
    fields.clear();
    for (size_t i = 0; i < row->type.children->size(); ++i) {
      fields.push_back(MakeField(row, i, range));
    }
  }
  if (fields.size() != columns) {
    throw Error(
        ErrorCode::kTypeMismatch,
        fmt::format("the subquery has {} columns, but is compared with {}", columns,
                    fields.size() == 1 ? "one value" : fmt::format("{} values", fields.size())),
        query.range);
  }
  bool nullable = false;
  for (size_t i = 0; i < columns; ++i) {
    subquery.comparisons.push_back(
        CompareWithInner("=", std::move(fields[i]), *subquery.node, i, range));
    nullable = nullable || subquery.comparisons.back()->type.nullable;
  }
  subquery.type = Type(TypeId::kBoolean, nullable);
  subquery.range = range;
  return subqueries.Add(std::move(subquery));
}

ExprPtr ExprBinder::BindNode(const ast::InSubquery& in, SourceRange range) {
  return BindIn(*in.value, *in.query, in.negated, range);
}

ExprPtr ExprBinder::BindNode(const ast::Exists& exists, SourceRange range) {
  Subqueries& subqueries = NeedSubqueries(range);
  Subquery subquery{Subquery::Kind::kExists};
  subquery.node = subqueries.Bind(*exists.query, scope_);
  subquery.type = Type(TypeId::kBoolean, /*nullable=*/false);
  subquery.range = range;
  return subqueries.Add(std::move(subquery));
}

ExprPtr ExprBinder::BindNode(const ast::ScalarSubquery& scalar, SourceRange range) {
  Subqueries& subqueries = NeedSubqueries(range);
  Subquery subquery{Subquery::Kind::kScalar};
  subquery.node = subqueries.Bind(*scalar.query, scope_);
  if (subquery.node->schema.size() != 1) {
    throw Error(ErrorCode::kTypeMismatch,
                fmt::format("a subquery that is a value has one column, this one has {}",
                            subquery.node->schema.size()),
                range);
  }
  subquery.type = subquery.node->schema[0].type.AsNullable();
  subquery.range = range;
  return subqueries.Add(std::move(subquery));
}

ExprPtr ExprBinder::BindNode(const ast::Quantified& quantified, SourceRange range) {
  const bool equal = quantified.op == ast::BinaryOp::kEqual;
  const bool differs = quantified.op == ast::BinaryOp::kNotEqual;
  if ((equal && !quantified.all) || (differs && quantified.all)) {
    return BindIn(*quantified.value, *quantified.query, /*negated=*/differs, range);
  }
  Subqueries& subqueries = NeedSubqueries(range);
  ExprPtr value = Bind(*quantified.value);
  Subquery subquery{Subquery::Kind::kQuantified, false, quantified.all};
  subquery.node = subqueries.Bind(*quantified.query, scope_);
  if (subquery.node->schema.size() != 1) {
    throw Error(ErrorCode::kTypeMismatch,
                fmt::format("the subquery has {} columns, but is compared with one value",
                            subquery.node->schema.size()),
                quantified.query->range);
  }
  subquery.comparisons.push_back(
      CompareWithInner(OperatorName(quantified.op), std::move(value), *subquery.node, 0, range));
  const ast::BinaryOp op = quantified.op;
  if (op == ast::BinaryOp::kIsDistinctFrom || op == ast::BinaryOp::kIsNotDistinctFrom ||
      subquery.node->schema[0].type.id >= TypeId::kArray) {
    throw Error(ErrorCode::kUnsupportedFeature,
                "this comparison with ANY or ALL of a subquery is not supported yet", range);
  }
  subquery.type = Type(TypeId::kBoolean, subquery.comparisons[0]->type.nullable);
  subquery.range = range;
  return subqueries.Add(std::move(subquery));
}

}  // namespace millrace
