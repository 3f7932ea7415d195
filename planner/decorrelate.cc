#include "planner/decorrelate.h"

#include <algorithm>

#include "planner/common.h"
#include "planner/join.h"
#include "planner/properties.h"
#include "planner/rewrite.h"

namespace millrace {
namespace {

void ForEachExpr(const Node& node, const std::function<void(const ExprPtr&)>& f) {
  const auto one = [&](const ExprPtr& expr) {
    if (expr) f(expr);
  };
  if (auto* filter = std::get_if<Filter>(&node.op)) {
    one(filter->predicate);
  } else if (auto* project = std::get_if<Project>(&node.op)) {
    for (const ExprPtr& expr : project->exprs) one(expr);
  } else if (auto* join = std::get_if<Join>(&node.op)) {
    one(join->residual);
  } else if (auto* join = std::get_if<IntervalJoin>(&node.op)) {
    one(join->join.residual);
  } else if (auto* join = std::get_if<TemporalJoin>(&node.op)) {
    one(join->join.residual);
  } else if (auto* unnest = std::get_if<Unnest>(&node.op)) {
    for (const ExprPtr& expr : unnest->collections) one(expr);
  }
}

bool AnyColumn(const Expr& expr, const std::function<bool(size_t)>& test) {
  bool any = false;
  ForEachColumn(expr, [&](size_t column) { any = any || test(column); });
  return any;
}

bool AnyColumn(const Node& root, const std::function<bool(size_t)>& test) {
  bool any = false;
  ForEachColumnOf(root, [&](size_t column) { any = any || test(column); });
  return any;
}

// A SELECT without FROM reads it.
bool IsOneRow(const Node& node) {
  auto* values = std::get_if<ValuesRows>(&node.op);
  return values && values->rows.size() == 1 && node.schema.empty();
}

}  // namespace

void ForEachColumnOf(const Node& root, const std::function<void(size_t)>& f) {
  ForEachNode(root, [&](const Node& node) {
    ForEachExpr(node, [&](const ExprPtr& expr) { ForEachColumn(*expr, f); });
  });
}

bool UsesOuter(const Expr& expr, size_t query) {
  return AnyColumn(expr, [query](size_t column) { return IsColumnOf(query, column); });
}

bool UsesOuter(const Node& root, size_t query) {
  return AnyColumn(root, [query](size_t column) { return IsColumnOf(query, column); });
}

bool HasOuterColumns(const Expr& expr) { return AnyColumn(expr, IsOuterColumn); }

bool HasOuterColumns(const Node& root) { return AnyColumn(root, IsOuterColumn); }

ExprPtr RemapInner(const ExprPtr& expr, const std::function<ExprPtr(size_t, const Expr&)>& f) {
  return ReplaceExpr(expr, [&](const ExprPtr& part) -> ExprPtr {
    size_t column = 0;
    return IsColumn(*part, &column) && column < kFirstOuterColumn ? f(column, *part) : nullptr;
  });
}

ExprPtr OrNothing(const AggregateCall& call, ExprPtr column, SourceRange range) {
  const AggregateKernel& kernel = call.function.kernel;
  std::vector<uint64_t> state(kernel.state_size / sizeof(uint64_t) + 1);
  char* group = reinterpret_cast<char*>(state.data());
  kernel.init(group);
  const char* groups[] = {group};
  RowErrors errors;
  const Column result = kernel.evaluate(groups, 0, &errors);
  const Value value = GetValue(result, call.function.result, 0);
  if (value.is_null()) return column;
  ExprPtr missing = MakeCall("is_null", {column}, "UTC", range);
  ExprPtr nothing = MakeLiteral(value, call.function.result, range);
  return std::make_shared<const Expr>(
      Expr{call.function.result, range, CaseExpr{{{missing, nothing}}, column}});
}

std::optional<Decorrelator::Equality> Decorrelator::AsEquality(const Expr& term) {
  auto* call = std::get_if<CallExpr>(&term.node);
  if (!call || (call->name != "=" && call->name != "is_not_distinct_from")) return std::nullopt;
  if (!IsDeterministic(term)) return std::nullopt;
  const auto is_own = [](size_t column) { return column < kFirstOuterColumn; };
  for (const size_t outer : {0, 1}) {
    const ExprPtr &value = call->arguments[outer], &inner = call->arguments[1 - outer];
    if (!UsesOuter(*value, query_) || AnyColumn(*value, is_own)) continue;
    if (UsesOuter(*inner, query_) || !AnyColumn(*inner, is_own)) continue;
    if (value->type.id != inner->type.id) continue;
    return Equality{NumberOf(value), inner, call->name != "="};
  }
  return std::nullopt;
}

size_t Decorrelator::NumberOf(const ExprPtr& value) {
  const auto known =
      std::ranges::find_if(values_, [&](const ExprPtr& other) { return SameExpr(*other, *value); });
  if (known != values_.end()) return static_cast<size_t>(known - values_.begin());
  values_.push_back(value);
  return values_.size() - 1;
}

void Decorrelator::AddValues(const ExprPtr& expr, Values* values) {
  ReplaceExpr(expr, [&](const ExprPtr& part) -> ExprPtr {
    if (!UsesOuter(*part, query_)) return part;
    for (size_t number = 0; number < values_.size(); ++number) {
      if (!SameExpr(*values_[number], *part)) continue;
      values->insert(number);
      return part;
    }
    if (!IsColumn(*part)) return nullptr;
    values->insert(NumberOf(part));
    return part;
  });
}

Decorrelator::Values Decorrelator::ValuesOf(const Terms& terms) {
  Values values;
  for (const ExprPtr& term : terms) AddValues(term, &values);
  return values;
}

Decorrelator::Values Decorrelator::ValuesIn(const Node& root) {
  Values values;
  ForEachNode(root, [&](const Node& node) {
    ForEachExpr(node, [&](const ExprPtr& expr) { AddValues(expr, &values); });
  });
  return values;
}

ExprPtr Decorrelator::Localize(const ExprPtr& expr, const OuterKeys& keys) const {
  return ReplaceExpr(expr, [&](const ExprPtr& part) -> ExprPtr {
    if (!UsesOuter(*part, query_)) return part;
    for (const auto& [number, key] : keys) {
      if (!SameExpr(*values_[number], *part)) continue;
      return MakeColumnExpr(key.column, part->type, part->range);
    }
    return nullptr;
  });
}

// A common subplan that uses the enclosing row is another one without it.
void Decorrelator::CopyCommons(Node* node) const {
  auto* scan = std::get_if<ScanCommon>(&node->op);
  if (scan && UsesOuter(*scan->common->root, query_)) {
    const std::shared_ptr<Common> common = scan->common;
    PutInPlace(node, CloneTree(*common->root));
  }
  for (NodePtr& input : node->inputs) CopyCommons(input.get());
}

Decorrelated Decorrelator::Run(NodePtr node, Terms terms, const std::vector<ExprPtr>& used) {
  CopyCommons(node.get());
  // Values that are equated with something go first: the columns in them are no values then.
  for (const ExprPtr& term : terms) AsEquality(*term);
  ForEachNode(std::as_const(*node), [&](const Node& part) {
    Terms conditions;
    if (auto* filter = std::get_if<Filter>(&part.op)) {
      SplitConjunction(filter->predicate, &conditions);
    } else if (auto* join = std::get_if<Join>(&part.op); join && join->residual) {
      SplitConjunction(join->residual, &conditions);
    }
    for (const ExprPtr& condition : conditions) AsEquality(*condition);
  });
  return Push(std::move(node), std::move(terms), ValuesOf(used));
}

// Nothing below uses the enclosing row.
Decorrelated Decorrelator::Leaf(NodePtr node, Terms terms, Values required) {
  std::map<size_t, Equality> found;
  Terms others;
  for (ExprPtr& term : terms) {
    std::optional<Equality> equality = AsEquality(*term);
    const bool is_new = equality && found.emplace(equality->value, *equality).second;
    if (!is_new) others.push_back(term);
  }
  required.merge(ValuesOf(terms));
  const bool all = std::ranges::all_of(required, [&](size_t v) { return found.contains(v); });
  if (!all) return JoinDomain(std::move(node), std::move(terms), required);
  Decorrelated rows;
  std::vector<ExprPtr> exprs = AllColumns(node->schema);
  std::vector<std::string> names = NamesOf(node->schema);
  Terms conditions;
  for (auto& [number, equality] : found) {
    size_t column = exprs.size();
    if (!IsColumn(*equality.inner, &column)) {
      names.push_back(ToString(*equality.inner, NamesOf(node->schema)));
      exprs.push_back(equality.inner);
    }
    rows.keys[number] = {column, equality.null_equal};
    if (equality.null_equal || !equality.inner->type.nullable) continue;
    const SourceRange range = equality.inner->range;
    conditions.push_back(MakeCall(
        "is_not_null", {MakeColumnExpr(column, equality.inner->type, range)}, "UTC", range));
  }
  for (const ExprPtr& term : others) conditions.push_back(Localize(term, rows.keys));
  const bool projected = exprs.size() > node->schema.size();
  const SourceRange range = node->range;
  if (projected) node = MakeProject(std::move(node), std::move(exprs), std::move(names), range);
  rows.node = AddFilter(std::move(node), std::move(conditions));
  return rows;
}

// The node's rows for all values that enclosing rows have.
Decorrelated Decorrelator::JoinDomain(NodePtr node, Terms terms, const Values& values) {
  std::vector<ExprPtr> exprs;
  OuterKeys in_domain;
  for (size_t number : values) {
    in_domain[number] = {exprs.size(), true};
    exprs.push_back(values_[number]);
  }
  const size_t first = exprs.size(), columns = node->schema.size();
  for (ExprPtr& term : terms) {
    term = RemapInner(term, [first](size_t column, const Expr& old) {
      return MakeColumnExpr(first + column, old.type, old.range);
    });
    term = Localize(term, in_domain);
  }
  const SourceRange range = node->range;
  NodePtr joined = domain_(exprs);
  if (IsOneRow(*node)) {
    joined = AddFilter(std::move(joined), std::move(terms));
  } else {
    Join join;
    join.left_ttl = join.right_ttl = ttl_;
    joined = MakeJoin(join, std::move(joined), std::move(node), std::move(terms), range);
  }
  std::vector<size_t> places(columns);
  for (size_t i = 0; i < columns; ++i) places[i] = first + i;
  Decorrelated rows;
  for (const auto& [number, key] : in_domain) {
    rows.keys[number] = {places.size(), true};
    places.push_back(key.column);
  }
  rows.node = PickColumns(std::move(joined), places, range);
  return rows;
}

Decorrelated Decorrelator::FilterAbove(Decorrelated rows, Terms terms) const {
  for (ExprPtr& term : terms) term = Localize(term, rows.keys);
  rows.node = AddFilter(std::move(rows.node), std::move(terms));
  return rows;
}

NodePtr Decorrelator::MakeDistinct(NodePtr node) const {
  Aggregate distinct;
  for (size_t i = 0; i < node->schema.size(); ++i) distinct.keys.push_back(i);
  distinct.state_ttl = ttl_;
  const SourceRange range = node->range;
  return MakeAggregateNode(std::move(node), std::move(distinct), {}, range);
}

}  // namespace millrace
