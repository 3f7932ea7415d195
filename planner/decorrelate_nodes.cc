// Decorrelation of nodes with one input and of set operations.
#include <algorithm>
#include <numeric>

#include "planner/bind_query.h"
#include "planner/decorrelate.h"
#include "planner/join.h"
#include "planner/properties.h"
#include "planner/rewrite.h"
#include "planner/top_n.h"

namespace millrace {
namespace {

// Takes the terms that may be tested before the node out of `terms`: deterministic ones over some
// columns, and only such that `may` admits. Columns of enclosing rows count for nothing.
Terms TakeBelow(Terms* terms, const std::function<bool(size_t)>& may) {
  Terms below, above;
  for (ExprPtr& term : *terms) {
    bool any = false, all = IsDeterministic(*term);
    ForEachColumn(*term, [&](size_t column) {
      if (column >= kFirstOuterColumn) return;
      any = true;
      all = all && may(column);
    });
    (any && all ? below : above).push_back(std::move(term));
  }
  *terms = std::move(above);
  return below;
}

bool Contains(const std::vector<size_t>& list, size_t value) {
  return std::ranges::find(list, value) != list.end();
}

std::vector<size_t> FirstColumns(size_t count) {
  std::vector<size_t> columns(count);
  std::iota(columns.begin(), columns.end(), size_t{0});
  return columns;
}

void AddColumns(const OuterKeys& keys, std::vector<size_t>* columns) {
  for (const auto& [number, key] : keys) {
    if (!Contains(*columns, key.column)) columns->push_back(key.column);
  }
}

// For a node whose output is its input's columns, of which `own` are the subquery's, and then
// `added` ones: puts these where they were before the input had further columns.
Decorrelated PutBack(NodePtr node, size_t own, size_t added, OuterKeys keys) {
  const size_t inputs = node->schema.size() - added;
  std::vector<size_t> columns = FirstColumns(own);
  for (size_t i = 0; i < added; ++i) columns.push_back(inputs + i);
  for (size_t i = own; i < inputs; ++i) columns.push_back(i);
  for (auto& [number, key] : keys) {
    if (key.column >= own) key.column += added;
  }
  const SourceRange range = node->range;
  if (added > 0 && inputs > own) node = PickColumns(std::move(node), columns, range);
  return {std::move(node), std::move(keys)};
}

// The node, which adds columns to the `own` ones of its input, over another input.
NodePtr OverInput(NodePtr node, size_t own, NodePtr input) {
  Schema schema = input->schema;
  schema.insert(schema.end(), node->schema.begin() + static_cast<ptrdiff_t>(own),
                node->schema.end());
  node->inputs[0] = std::move(input);
  node->schema = std::move(schema);
  DeriveProperties(node.get());
  return node;
}

std::vector<std::string> NamesFrom(const Schema& schema, size_t first) {
  std::vector<std::string> names = NamesOf(schema);
  names.erase(names.begin(), names.begin() + static_cast<ptrdiff_t>(first));
  return names;
}

}  // namespace

template <class Op>
Decorrelated Decorrelator::PushOp(NodePtr node, const Op&, Terms, Values) {
  ThrowUnsupported("this use of the enclosing query's columns is", node->range,
                   "use them in WHERE or in the select list");
}

Decorrelated Decorrelator::Push(NodePtr node, Terms terms, Values required) {
  if (!UsesOuter(*node, query_)) {
    return Leaf(std::move(node), std::move(terms), std::move(required));
  }
  const auto& any = node->op;
  return std::visit(
      [&](const auto& op) {
        return PushOp(std::move(node), op, std::move(terms), std::move(required));
      },
      any);
}

Decorrelated Decorrelator::PushOp(NodePtr node, const Filter& filter, Terms terms,
                                  Values required) {
  Terms all;
  SplitConjunction(filter.predicate, &all);
  all.insert(all.end(), terms.begin(), terms.end());
  return Push(std::move(node->inputs[0]), std::move(all), std::move(required));
}

Decorrelated Decorrelator::PushOp(NodePtr node, const Project& project, Terms terms,
                                  Values required) {
  const bool repeatable = std::ranges::all_of(
      project.exprs, [](const ExprPtr& expr) { return IsDeterministic(*expr); });
  Terms below = repeatable ? std::exchange(terms, {}) : Terms{};
  for (ExprPtr& term : below) {
    term = RemapInner(term, [&](size_t column, const Expr&) { return project.exprs[column]; });
  }
  for (const ExprPtr& expr : project.exprs) AddValues(expr, &required);
  required.merge(ValuesOf(terms));
  Decorrelated rows = Push(std::move(node->inputs[0]), std::move(below), std::move(required));
  std::vector<ExprPtr> exprs;
  std::vector<std::string> names = NamesOf(node->schema);
  for (const ExprPtr& expr : project.exprs) exprs.push_back(Localize(expr, rows.keys));
  for (auto& [number, key] : rows.keys) {
    const Field& field = rows.node->schema[key.column];
    names.push_back(field.name);
    exprs.push_back(MakeColumnExpr(key.column, field.type, node->range));
    key.column = exprs.size() - 1;
  }
  rows.node = MakeProject(std::move(rows.node), std::move(exprs), std::move(names), node->range);
  return FilterAbove(std::move(rows), std::move(terms));
}

Decorrelated Decorrelator::PushOp(NodePtr node, const AssignWindows& windows, Terms terms,
                                  Values required) {
  const size_t own = node->inputs[0]->schema.size();
  Terms below = TakeBelow(&terms, [own](size_t column) { return column < own; });
  required.merge(ValuesOf(terms));
  Decorrelated rows = Push(std::move(node->inputs[0]), std::move(below), std::move(required));
  NodePtr made = MakeAssignWindows(std::move(rows.node), windows, node->range);
  return FilterAbove(PutBack(std::move(made), own, 3, std::move(rows.keys)), std::move(terms));
}

Decorrelated Decorrelator::PushOp(NodePtr node, const Expand& expand, Terms terms,
                                  Values required) {
  const size_t own = node->inputs[0]->schema.size(), added = node->schema.size() - own;
  Terms below = TakeBelow(&terms, [own](size_t column) { return column < own; });
  required.merge(ValuesOf(terms));
  Decorrelated rows = Push(std::move(node->inputs[0]), std::move(below), std::move(required));
  NodePtr made = MakeExpand(std::move(rows.node), expand, node->range);
  return FilterAbove(PutBack(std::move(made), own, added, std::move(rows.keys)), std::move(terms));
}

// The rows of one enclosing row are groups of their own.
Decorrelated Decorrelator::PushOp(NodePtr node, const Aggregate& aggregate, Terms terms,
                                  Values required) {
  const size_t own = aggregate.keys.size(), calls = aggregate.calls.size();
  if (own == 0) return PushGlobal(std::move(node), std::move(terms), std::move(required));
  if (!aggregate.empty_sets.empty()) {
    ThrowUnsupported("GROUPING SETS with () over columns of the enclosing query are", node->range);
  }
  Terms below = TakeBelow(&terms, [own](size_t column) { return column < own; });
  for (ExprPtr& term : below) {
    term = RemapInner(term, [&](size_t column, const Expr& old) {
      return MakeColumnExpr(aggregate.keys[column], old.type, old.range);
    });
  }
  required.merge(ValuesOf(terms));
  Decorrelated rows = Push(std::move(node->inputs[0]), std::move(below), std::move(required));
  Aggregate grouped = aggregate;
  AddColumns(rows.keys, &grouped.keys);
  const size_t added = grouped.keys.size() - own;
  for (auto& [number, key] : rows.keys) {
    const auto place = std::ranges::find(grouped.keys, key.column) - grouped.keys.begin();
    key.column = static_cast<size_t>(place);
    if (key.column >= own) key.column += calls;
  }
  std::vector<size_t> columns = FirstColumns(own);
  for (size_t i = 0; i < calls; ++i) columns.push_back(own + added + i);
  for (size_t i = 0; i < added; ++i) columns.push_back(own + i);
  rows.node = MakeAggregateNode(std::move(rows.node), std::move(grouped),
                                NamesFrom(node->schema, own), node->range);
  if (added > 0 && calls > 0) rows.node = PickColumns(std::move(rows.node), columns, node->range);
  return FilterAbove(std::move(rows), std::move(terms));
}

// One row for each enclosing row, also where the aggregate has no input.
Decorrelated Decorrelator::PushGlobal(NodePtr node, Terms terms, Values required) {
  required.merge(ValuesOf(terms));
  Decorrelated rows = Push(std::move(node->inputs[0]), {}, std::move(required));
  Aggregate grouped = std::get<Aggregate>(node->op);
  std::vector<ExprPtr> values;
  Terms equal;
  for (auto& [number, key] : rows.keys) {
    const size_t at = values.size();
    grouped.keys.push_back(key.column);
    values.push_back(values_[number]);
    const Type& type = rows.node->schema[key.column].type;
    equal.push_back(MakeCall(key.null_equal ? "is_not_distinct_from" : "=",
                             {MakeColumnExpr(at, values[at]->type, node->range),
                              MakeColumnExpr(rows.keys.size() + at, type, node->range)},
                             "UTC", node->range));
    key = {at, true};
  }
  const std::vector<AggregateCall> calls = grouped.calls;
  rows.node = MakeAggregateNode(std::move(rows.node), std::move(grouped), NamesOf(node->schema),
                                node->range);
  Join outer;
  outer.kind = JoinKind::kLeft;
  outer.left_ttl = outer.right_ttl = ttl_;
  rows.node = MakeJoin(outer, domain_(values), std::move(rows.node), std::move(equal), node->range);
  std::vector<ExprPtr> exprs;
  std::vector<std::string> names = NamesOf(node->schema);
  const Schema& joined = rows.node->schema;
  for (const AggregateCall& call : calls) {
    const size_t column = 2 * values.size() + exprs.size();
    exprs.push_back(OrNothing(call, MakeColumnExpr(column, joined[column].type), node->range));
  }
  for (auto& [number, key] : rows.keys) {
    exprs.push_back(MakeColumnExpr(key.column, joined[key.column].type, node->range));
    names.push_back(joined[key.column].name);
    key.column = exprs.size() - 1;
  }
  rows.node = MakeProject(std::move(rows.node), std::move(exprs), std::move(names), node->range);
  return FilterAbove(std::move(rows), std::move(terms));
}

// The first rows of each enclosing row.
Decorrelated Decorrelator::PushOp(NodePtr node, const TopN& top, Terms terms, Values required) {
  const size_t own = node->inputs[0]->schema.size();
  Terms below = TakeBelow(&terms, [&](size_t column) { return Contains(top.partition, column); });
  required.merge(ValuesOf(terms));
  Decorrelated rows = Push(std::move(node->inputs[0]), std::move(below), std::move(required));
  TopN partitioned = top;
  AddColumns(rows.keys, &partitioned.partition);
  NodePtr made = MakeTopN(std::move(rows.node), std::move(partitioned),
                          top.rank_output ? node->schema.back().name : "", node->range);
  rows = PutBack(std::move(made), own, top.rank_output, std::move(rows.keys));
  return FilterAbove(std::move(rows), std::move(terms));
}

// ORDER BY … LIMIT of a pull query: the first rows of each enclosing row. An order alone means
// nothing in a subquery.
Decorrelated Decorrelator::PushOp(NodePtr node, const Sort& sort, Terms terms, Values required) {
  if (!sort.limit && sort.offset == 0) {
    return Push(std::move(node->inputs[0]), std::move(terms), std::move(required));
  }
  TopN top;
  top.order = sort.keys;
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max() / 2;  // So that sums do not wrap.
  top.first = std::min(sort.offset, kMost) + 1;
  if (sort.limit) top.last = top.first - 1 + std::min(*sort.limit, kMost);
  NodePtr made = MakeTopN(std::move(node->inputs[0]), std::move(top), "", node->range);
  return Push(std::move(made), std::move(terms), std::move(required));
}

Decorrelated Decorrelator::PushOp(NodePtr node, const Over& over, Terms terms, Values required) {
  const size_t own = node->inputs[0]->schema.size(), calls = over.calls.size();
  Terms below = TakeBelow(&terms, [&](size_t column) { return Contains(over.partition, column); });
  required.merge(ValuesOf(terms));
  Decorrelated rows = Push(std::move(node->inputs[0]), std::move(below), std::move(required));
  AddColumns(rows.keys, &std::get<Over>(node->op).partition);
  NodePtr made = OverInput(std::move(node), own, std::move(rows.node));
  rows = PutBack(std::move(made), own, calls, std::move(rows.keys));
  return FilterAbove(std::move(rows), std::move(terms));
}

Decorrelated Decorrelator::PushOp(NodePtr node, const Unnest& unnest, Terms terms,
                                  Values required) {
  const size_t own = node->inputs[0]->schema.size(), added = node->schema.size() - own;
  Terms below = TakeBelow(&terms, [own](size_t column) { return column < own; });
  for (const ExprPtr& collection : unnest.collections) AddValues(collection, &required);
  required.merge(ValuesOf(terms));
  Decorrelated rows = Push(std::move(node->inputs[0]), std::move(below), std::move(required));
  for (ExprPtr& collection : std::get<Unnest>(node->op).collections) {
    collection = Localize(collection, rows.keys);
  }
  NodePtr made = OverInput(std::move(node), own, std::move(rows.node));
  rows = PutBack(std::move(made), own, added, std::move(rows.keys));
  return FilterAbove(std::move(rows), std::move(terms));
}

Decorrelated Decorrelator::PushOp(NodePtr node, const UnionAll&, Terms terms, Values required) {
  return PushBranches(std::move(node), std::move(terms), std::move(required));
}

Decorrelated Decorrelator::PushOp(NodePtr node, const SetMinus&, Terms terms, Values required) {
  return PushBranches(std::move(node), std::move(terms), std::move(required));
}

// Set operations of the rows of one enclosing row. All inputs get the same values.
Decorrelated Decorrelator::PushBranches(NodePtr node, Terms terms, Values required) {
  const bool is_union = std::holds_alternative<UnionAll>(node->op);
  Terms below, above;
  for (ExprPtr& term : terms) {
    const bool goes = is_union ? IsDeterministic(*term) : NeverFails(*term);
    (goes ? below : above).push_back(std::move(term));
  }
  required.merge(ValuesOf(below));
  required.merge(ValuesOf(above));
  for (const NodePtr& branch : node->inputs) required.merge(ValuesIn(*branch));
  const size_t own = node->schema.size();
  Decorrelated rows;
  size_t column = own;
  for (size_t number : required) rows.keys[number] = {column++, false};
  for (NodePtr& branch : node->inputs) {
    Decorrelated pushed = Push(std::move(branch), below, required);
    std::vector<size_t> columns = FirstColumns(own);
    for (auto& [number, key] : rows.keys) {
      columns.push_back(pushed.keys.at(number).column);
      key.null_equal = key.null_equal || pushed.keys.at(number).null_equal;
    }
    branch = PickColumns(std::move(pushed.node), columns, node->range);
  }
  for (const auto& [number, key] : rows.keys) {
    Field field = node->inputs[0]->schema[key.column];
    field.type.nullable = key.null_equal;
    node->schema.push_back(std::move(field));
  }
  DeriveProperties(node.get());
  rows.node = std::move(node);
  return FilterAbove(std::move(rows), std::move(above));
}

}  // namespace millrace
