#include "planner/join.h"

#include <algorithm>

#include "planner/decorrelate.h"
#include "planner/expr_binder.h"
#include "planner/properties.h"
#include "planner/rewrite.h"

namespace millrace {
namespace {

ExprPtr EqualityTerm(const Join& join, size_t key, const Schema& left, const Schema& right,
                     SourceRange range) {
  const size_t l = join.left_keys[key], r = join.right_keys[key];
  return MakeCall(join.null_equal[key] ? "is_not_distinct_from" : "=",
                  {MakeColumnExpr(l, left[l].type, range),
                   MakeColumnExpr(left.size() + r, right[r].type, range)},
                  "UTC", range);
}

bool IsAmong(const Expr& term, const std::vector<ExprPtr>& terms) {
  return std::any_of(terms.begin(), terms.end(),
                     [&](const ExprPtr& other) { return SameExpr(term, *other); });
}

bool HasKey(const Join& join, size_t left, size_t right, bool null_equal) {
  for (size_t k = 0; k < join.left_keys.size(); ++k) {
    if (join.left_keys[k] == left && join.right_keys[k] == right &&
        join.null_equal[k] == null_equal) {
      return true;
    }
  }
  return false;
}

// The term as a key of the join; false when it is none or says more than the key.
bool AddKey(const Expr& term, size_t left_columns, Join* join) {
  const std::optional<JoinEquality> equality = AsJoinEquality(term, left_columns);
  size_t left = 0, right = 0;
  if (!equality || !IsColumn(*equality->left, &left) || !IsColumn(*equality->right, &right)) {
    return false;
  }
  if (!HasKey(*join, left, right, equality->null_equal)) {
    join->left_keys.push_back(left);
    join->right_keys.push_back(right);
    join->null_equal.push_back(equality->null_equal);
  }
  return KeysDecide(*equality);
}

}  // namespace

JoinSides SidesOf(const Expr& term, size_t left_columns) {
  JoinSides sides;
  ForEachColumn(term, [&](size_t column) {
    if (column < kFirstOuterColumn) (column < left_columns ? sides.left : sides.right) = true;
  });
  return sides;
}

ExprPtr ShiftDown(const ExprPtr& expr, size_t first) {
  return RemapInner(expr, [first](size_t column, const Expr& old) {
    return MakeColumnExpr(column - first, old.type, old.range);
  });
}

ExprPtr ShiftUp(const ExprPtr& expr, size_t first) {
  return RemapInner(expr, [first](size_t column, const Expr& old) {
    return MakeColumnExpr(column + first, old.type, old.range);
  });
}

std::optional<JoinEquality> AsJoinEquality(const Expr& term, size_t left_columns) {
  auto* call = std::get_if<CallExpr>(&term.node);
  if (!call || (call->name != "=" && call->name != "is_not_distinct_from")) return std::nullopt;
  ExprPtr left = call->arguments[0], right = call->arguments[1];
  if (left->type.id != right->type.id || !IsDeterministic(term)) return std::nullopt;
  if (HasOuterColumns(term)) return std::nullopt;
  if (!SidesOf(*left, left_columns).left) std::swap(left, right);
  const JoinSides l = SidesOf(*left, left_columns), r = SidesOf(*right, left_columns);
  if (!l.left || l.right || r.left || !r.right) return std::nullopt;
  return JoinEquality{left, ShiftDown(right, left_columns), call->name != "="};
}

bool KeysDecide(const JoinEquality& equality) {
  const TypeId id = equality.left->type.id;
  return id != TypeId::kFloat && id != TypeId::kDouble;
}

void AddTerms(std::vector<ExprPtr> terms, size_t left_columns, Join* join) {
  std::vector<ExprPtr> residual;
  if (join->residual) SplitConjunction(join->residual, &residual);
  for (ExprPtr& term : terms) {
    if (AddKey(*term, left_columns, join) || IsAmong(*term, residual)) continue;
    residual.push_back(std::move(term));
  }
  join->residual = Conjoin(std::move(residual));
}

NodePtr MakeJoin(Join join, NodePtr left, NodePtr right, std::vector<ExprPtr> terms,
                 SourceRange range) {
  join.left_keys.clear();
  join.right_keys.clear();
  join.null_equal.clear();
  join.residual = nullptr;
  AddTerms(std::move(terms), left->schema.size(), &join);
  Schema schema = JoinSchema(join.kind, left->schema, right->schema);
  std::vector<NodePtr> inputs;
  inputs.push_back(std::move(left));
  inputs.push_back(std::move(right));
  NodePtr node = MakeNode(std::move(join), std::move(inputs));
  node->schema = std::move(schema);
  node->range = range;
  DeriveProperties(node.get());
  return node;
}

std::vector<ExprPtr> TermsOf(const Node& node) {
  const Join& join = std::get<Join>(node.op);
  std::vector<ExprPtr> terms, residual;
  if (join.residual) SplitConjunction(join.residual, &residual);
  for (size_t k = 0; k < join.left_keys.size(); ++k) {
    terms.push_back(
        EqualityTerm(join, k, node.inputs[0]->schema, node.inputs[1]->schema, node.range));
  }
  std::erase_if(terms, [&](const ExprPtr& term) { return IsAmong(*term, residual); });
  terms.insert(terms.end(), residual.begin(), residual.end());
  return terms;
}

Schema JoinSchema(JoinKind kind, const Schema& left, const Schema& right) {
  Schema schema = left;
  if (IsHalf(kind)) return schema;
  schema.insert(schema.end(), right.begin(), right.end());
  for (size_t i = 0; i < schema.size(); ++i) {
    const bool may_lack = i < left.size() ? KeepsRight(kind) : KeepsLeft(kind);
    schema[i].type.nullable = schema[i].type.nullable || may_lack;
  }
  return schema;
}

std::vector<std::string> JoinNames(const Schema& left, const Schema& right) {
  std::vector<std::string> names;
  const auto has = [](const Schema& schema, const std::string& name) {
    return std::any_of(schema.begin(), schema.end(),
                       [&](const Field& field) { return field.name == name; });
  };
  for (const Field& field : left) {
    names.push_back(has(right, field.name) ? "left." + field.name : field.name);
  }
  for (const Field& field : right) {
    names.push_back(has(left, field.name) ? "right." + field.name : field.name);
  }
  return names;
}

ExprPtr MakeCall(std::string_view name, std::vector<ExprPtr> arguments, const std::string& zone,
                 SourceRange range) {
  std::vector<Type> types;
  for (const ExprPtr& argument : arguments) types.push_back(argument->type);
  try {
    ResolvedScalar function = BuiltinFunctions().ResolveScalar(name, types);
    for (size_t i = 0; i < arguments.size(); ++i) {
      arguments[i] = Coerce(std::move(arguments[i]), function.parameters[i], zone);
    }
    CallExpr call{std::move(function.name), std::move(function.kernel), std::move(arguments),
                  function.deterministic};
    return std::make_shared<const Expr>(Expr{std::move(function.result), range, std::move(call)});
  } catch (const Error& error) {
    throw Error(ErrorCode::kTypeMismatch, error.message, range, error.hint);
  }
}

}  // namespace millrace
