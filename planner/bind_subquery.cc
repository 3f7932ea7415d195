#include "planner/bind_subquery.h"

#include <algorithm>
#include <numeric>

#include "fmt/format.h"
#include "planner/common.h"
#include "planner/make_expr.h"
#include "planner/properties.h"
#include "planner/rewrite.h"

namespace millrace {
namespace {

// The block's value and the subquery's.
const std::vector<ExprPtr>& SidesOf(const ExprPtr& comparison) {
  return std::get<CallExpr>(comparison->node).arguments;
}

}  // namespace

NodePtr Subqueries::Bind(const ast::Query& query, const Scope& scope) const {
  return binder_->BindSubquery(query, {&scope, query_, scope.outer});
}

ExprPtr Subqueries::Add(Subquery subquery) {
  const size_t column = FirstColumn() + subqueries_.size();
  ExprPtr value = MakeColumnExpr(column, subquery.type, subquery.range);
  subqueries_.push_back(std::move(subquery));
  return value;
}

bool Subqueries::Has(size_t column) const {
  return column >= FirstColumn() && column < FirstColumn() + subqueries_.size();
}

Subquery& Subqueries::Get(size_t column) { return subqueries_.at(column - FirstColumn()); }

std::optional<JoinSides> Subqueries::SidesOf(const Expr& term, size_t left_columns) const {
  JoinSides sides;
  bool any = false;
  std::function<void(size_t)> use = [&](size_t column) {
    if (column < left_columns) {
      sides.left = true;
    } else if (column < kFirstOuterColumn) {
      sides.right = true;
    } else if (IsColumnOf(query_, column)) {
      use(column - OuterColumn(query_, 0));
    } else if (Has(column)) {
      any = true;
      const Subquery& subquery = subqueries_.at(column - FirstColumn());
      ForEachColumnOf(*subquery.node, [&](size_t outer) {
        if (IsColumnOf(query_, outer)) use(outer);
      });
      for (const ExprPtr& comparison : subquery.comparisons) ForEachColumn(*comparison, use);
    }
  };
  ForEachColumn(term, use);
  return any ? std::optional(sides) : std::nullopt;
}

std::vector<size_t> Subqueries::Open() const {
  std::vector<size_t> open;
  for (size_t i = 0; i < subqueries_.size(); ++i) {
    if (subqueries_[i].node) open.push_back(FirstColumn() + i);
  }
  return open;
}

SubqueryJoiner::SubqueryJoiner(Subqueries* subqueries, NodePtr node, Place place)
    : subqueries_(*subqueries),
      binder_(subqueries->binder()),
      query_(subqueries->query()),
      ttl_(binder_.DurationSetting("table.exec.state.ttl")),
      node_(std::move(node)),
      place_(std::move(place)) {}

void SubqueryJoiner::Filter(const ExprPtr& condition) {
  Terms terms, plain;
  SplitConjunction(place_(condition), &terms);
  const auto flush = [&] { node_ = AddFilter(std::move(node_), std::exchange(plain, {})); };
  for (ExprPtr& term : terms) {
    const Expr* test = term.get();
    bool negated = false;
    for (auto* call = std::get_if<CallExpr>(&test->node); call && call->name == "not";
         call = std::get_if<CallExpr>(&test->node)) {
      test = call->arguments[0].get();
      negated = !negated;
    }
    size_t column = 0;
    const bool is_test =
        IsColumn(*test, &column) && subqueries_.Has(column) && !values_.contains(column);
    Subquery* subquery = is_test ? &subqueries_.Get(column) : nullptr;
    if (subquery && IsHalfJoin(*subquery)) {
      flush();
      Restrict(subquery, negated != subquery->negated);
    } else {
      bool uses = false;
      ForEachColumn(*term, [&](size_t i) { uses = uses || subqueries_.Has(i); });
      if (uses) flush();
      plain.push_back(Substitute(term));
    }
  }
  flush();
}

ExprPtr SubqueryJoiner::Resolve(const ExprPtr& expr) { return Substitute(place_(expr)); }

ExprPtr SubqueryJoiner::Substitute(const ExprPtr& expr) {
  return ReplaceExpr(expr, [this](const ExprPtr& part) -> ExprPtr {
    size_t column = 0;
    if (!IsColumn(*part, &column) || !subqueries_.Has(column)) return nullptr;
    return Joined(column);
  });
}

void SubqueryJoiner::ResolveAll() {
  for (size_t column : subqueries_.Open()) Joined(column);
}

ExprPtr SubqueryJoiner::Joined(size_t column) {
  const auto known = values_.find(column);
  if (known != values_.end()) return known->second;
  Subquery& subquery = subqueries_.Get(column);
  ResolveSides(subquery);
  ExprPtr value = ValueOf(&subquery);
  subquery.node.reset();
  return values_.emplace(column, std::move(value)).first->second;
}

// The values that are compared with the subquery's: they may be subqueries, which add columns to
// the block's rows and so come first.
void SubqueryJoiner::ResolveSides(const Subquery& subquery) {
  for (const ExprPtr& comparison : subquery.comparisons) {
    ForEachColumn(*Resolve(SidesOf(comparison)[0]), [&](size_t column) {
      if (column < node_->schema.size() || IsOuterColumn(column)) return;
      ThrowUnsupported("comparing a window function with a subquery is", subquery.range,
                       "compute it in a subquery in FROM");
    });
  }
}

// Another reader of the subquery `root`; the projections and filters above what is computed once are
// copied.
NodePtr SubqueryJoiner::CopyPeels(NodePtr* root) {
  NodePtr* node = root;
  while (std::holds_alternative<Project>((*node)->op) ||
         std::holds_alternative<millrace::Filter>((*node)->op)) {
    node = &(*node)->inputs[0];
  }
  ReadAgain(node);
  return CloneTree(**root);
}

SubqueryJoiner::Peeled SubqueryJoiner::Peel(NodePtr node) {
  Peeled peeled{nullptr, {}, AllColumns(node->schema)};
  for (;; node = std::move(node->inputs[0])) {
    if (auto* filter = std::get_if<millrace::Filter>(&node->op)) {
      if (!IsDeterministic(*filter->predicate)) break;
      Terms terms;
      SplitConjunction(filter->predicate, &terms);
      peeled.terms.insert(peeled.terms.begin(), terms.begin(), terms.end());
    } else if (auto* project = std::get_if<Project>(&node->op)) {
      const auto& exprs = project->exprs;
      if (!std::ranges::all_of(exprs, [](const ExprPtr& e) { return IsDeterministic(*e); })) break;
      const auto below = [&](ExprPtr* expr) {
        *expr = RemapInner(*expr, [&](size_t column, const Expr&) { return exprs[column]; });
      };
      std::ranges::for_each(peeled.terms, [&](ExprPtr& term) { below(&term); });
      std::ranges::for_each(peeled.outputs, [&](ExprPtr& output) { below(&output); });
    } else {
      break;
    }
  }
  peeled.node = std::move(node);
  return peeled;
}

// Of a single row nothing but its value matters.
bool SubqueryJoiner::IsHalfJoin(const Subquery& subquery) {
  const bool is_test =
      subquery.kind == Subquery::Kind::kExists || subquery.kind == Subquery::Kind::kIn;
  return is_test && !IsSingleRow(*subquery.node);
}

// A global aggregate, which has one row whatever its input; some filters may leave it out.
bool SubqueryJoiner::IsSingleRow(const Node& root) {
  const Node* node = &root;
  while (std::holds_alternative<Project>(node->op) ||
         std::holds_alternative<millrace::Filter>(node->op)) {
    node = node->inputs[0].get();
  }
  auto* aggregate = std::get_if<Aggregate>(&node->op);
  return aggregate && aggregate->keys.empty();
}

ExprPtr SubqueryJoiner::Column(size_t column, SourceRange range) const {
  return MakeColumnExpr(column, node_->schema[column].type, range);
}

Join SubqueryJoiner::NewJoin(JoinKind kind) const {
  Join join;
  join.kind = kind;
  join.left_ttl = join.right_ttl = ttl_;
  return join;
}

ExprPtr SubqueryJoiner::AtBlock(const ExprPtr& expr,
                                const std::function<ExprPtr(size_t, const Expr&)>& f) const {
  return ReplaceExpr(expr, [&](const ExprPtr& part) -> ExprPtr {
    size_t column = 0;
    if (!IsColumn(*part, &column)) return nullptr;
    if (column < kFirstOuterColumn) return f(column, *part);
    if (!IsColumnOf(query_, column)) return nullptr;
    return place_(MakeColumnExpr(column - OuterColumn(query_, 0), part->type, part->range));
  });
}

ExprPtr SubqueryJoiner::InnerSide(const ExprPtr& comparison,
                                  const std::vector<ExprPtr>& outputs) const {
  return ReplaceExpr(SidesOf(comparison)[1], [&](const ExprPtr& part) -> ExprPtr {
    size_t column = 0;
    return IsColumn(*part, &column) ? outputs[column - kFirstInnerColumn] : nullptr;
  });
}

ExprPtr SubqueryJoiner::Compare(const ExprPtr& comparison, const std::vector<ExprPtr>& outputs) {
  Expr copy = *comparison;
  auto& arguments = std::get<CallExpr>(copy.node).arguments;
  arguments = {Resolve(arguments[0]), InnerSide(comparison, outputs)};
  return std::make_shared<const Expr>(std::move(copy));
}

// The block's rows are read twice from here on: as themselves, and for their values.
NodePtr SubqueryJoiner::Domain(const std::vector<ExprPtr>& values) {
  const SourceRange range = node_->range;
  NodePtr rows = ReadAgain(&node_);
  std::vector<ExprPtr> exprs;
  std::vector<std::string> names;
  for (const ExprPtr& value : values) {
    exprs.push_back(AtBlock(value, {}));
    names.push_back(ToString(*exprs.back(), NamesOf(node_->schema)));
  }
  Aggregate distinct;
  distinct.keys.resize(exprs.size());
  std::iota(distinct.keys.begin(), distinct.keys.end(), size_t{0});
  distinct.state_ttl = ttl_;
  NodePtr project = MakeProject(std::move(rows), std::move(exprs), std::move(names), range);
  return MakeAggregateNode(std::move(project), std::move(distinct), {}, range);
}

// The terms join them to the block's rows by their keys.
SubqueryJoiner::Partner SubqueryJoiner::AsPartner(Keyed keyed) const {
  const size_t first = node_->schema.size();
  Partner partner;
  for (const Key& key : keyed.keys) {
    ExprPtr column =
        MakeColumnExpr(first + key.column, keyed.node->schema[key.column].type, node_->range);
    partner.terms.push_back(MakeEqual(key.value, std::move(column), key.null_equal, node_->range));
  }
  for (const ExprPtr& output : keyed.outputs) partner.outputs.push_back(ShiftUp(output, first));
  partner.node = std::move(keyed.node);
  return partner;
}

SubqueryJoiner::Partner SubqueryJoiner::MakePartner(Peeled peeled) {
  if (UsesOuter(*peeled.node, query_)) return AsPartner(MakeKeyed(std::move(peeled)));
  const size_t first = node_->schema.size();
  Partner partner;
  const auto joined = [&](const ExprPtr& expr) {
    return AtBlock(expr, [first](size_t column, const Expr& old) {
      return MakeColumnExpr(first + column, old.type, old.range);
    });
  };
  Terms own;
  for (ExprPtr& term : peeled.terms) {
    if (UsesOuter(*term, query_)) {
      partner.terms.push_back(joined(term));
    } else {
      own.push_back(std::move(term));
    }
  }
  for (const ExprPtr& output : peeled.outputs) partner.outputs.push_back(joined(output));
  partner.node = AddFilter(std::move(peeled.node), std::move(own));
  for (const ExprPtr& term : partner.terms) {
    binder_.CheckRepeatable(*node_, *term);
    binder_.CheckRepeatable(*partner.node, *term);
  }
  return partner;
}

SubqueryJoiner::Keyed SubqueryJoiner::MakeKeyed(Peeled peeled) {
  Decorrelator decorrelator(query_, ttl_,
                            [this](const std::vector<ExprPtr>& values) { return Domain(values); });
  Decorrelated rows =
      decorrelator.Run(std::move(peeled.node), std::move(peeled.terms), peeled.outputs);
  Keyed keyed;
  for (const auto& [number, key] : rows.keys) {
    keyed.keys.push_back({AtBlock(decorrelator.value(number), {}), key.column, key.null_equal});
  }
  for (const ExprPtr& output : peeled.outputs) {
    keyed.outputs.push_back(decorrelator.Localize(output, rows.keys));
  }
  keyed.node = std::move(rows.node);
  return keyed;
}

SubqueryJoiner::Row SubqueryJoiner::JoinSingleRow(Peeled peeled) {
  const Aggregate aggregate = std::get<Aggregate>(peeled.node->op);
  const SourceRange range = peeled.node->range;
  size_t first = node_->schema.size();
  const bool correlated = UsesOuter(*peeled.node->inputs[0], query_);
  if (correlated) {
    Keyed keyed = MakeKeyed({std::move(peeled.node->inputs[0]), {}, {}});
    Aggregate grouped = aggregate;
    for (Key& key : keyed.keys) {
      grouped.keys.push_back(key.column);
      key.column = grouped.keys.size() - 1;
    }
    keyed.node = MakeAggregateNode(std::move(keyed.node), std::move(grouped),
                                   NamesOf(peeled.node->schema), range);
    std::vector<ExprPtr> calls = AllColumns(keyed.node->schema);
    calls.erase(calls.begin(), calls.begin() + static_cast<ptrdiff_t>(keyed.keys.size()));
    first = JoinKeys(std::move(keyed), std::move(calls), /*mark=*/false);
  } else {
    node_ =
        MakeJoin(NewJoin(JoinKind::kInner), std::move(node_), std::move(peeled.node), {}, range);
  }
  const auto joined = [&](const ExprPtr& expr) {
    return AtBlock(expr, [&](size_t column, const Expr&) {
      ExprPtr value = Column(first + column, range);
      return correlated ? OrNothing(aggregate.calls[column], value, range) : value;
    });
  };
  Row row;
  for (ExprPtr& term : peeled.terms) term = joined(term);
  row.condition = Conjoin(std::move(peeled.terms));
  for (const ExprPtr& output : peeled.outputs) row.outputs.push_back(joined(output));
  return row;
}

NodePtr SubqueryJoiner::AddMark(NodePtr node, SourceRange range) {
  std::vector<ExprPtr> exprs = AllColumns(node->schema);
  std::vector<std::string> names = NamesOf(node->schema);
  exprs.push_back(MakeBoolean(true, range));
  names.push_back("exists");
  return MakeProject(std::move(node), std::move(exprs), std::move(names), range);
}

size_t SubqueryJoiner::JoinKeys(Keyed keyed, std::vector<ExprPtr> exprs, bool mark,
                                const std::function<Terms(size_t first)>& terms) {
  const SourceRange range = keyed.node->range;
  const size_t keys = keyed.keys.size(), first = node_->schema.size() + keys;
  std::vector<ExprPtr> columns;
  std::vector<std::string> names;
  Terms on;
  for (const Key& key : keyed.keys) {
    const Field& field = keyed.node->schema[key.column];
    ExprPtr joined = MakeColumnExpr(node_->schema.size() + columns.size(), field.type, range);
    on.push_back(MakeEqual(key.value, std::move(joined), key.null_equal, range));
    columns.push_back(MakeColumnExpr(key.column, field.type, range));
    names.push_back(field.name);
  }
  for (ExprPtr& expr : exprs) {
    names.push_back(ToString(*expr, NamesOf(keyed.node->schema)));
    columns.push_back(std::move(expr));
  }
  // A mark alone says whether there is any row.
  const bool mark_apart = mark && !columns.empty();
  if (mark && !mark_apart) {
    columns.push_back(MakeBoolean(true, range));
    names.push_back("exists");
  }
  NodePtr right = MakeProject(std::move(keyed.node), std::move(columns), std::move(names), range);
  if (mark) {
    Aggregate once;
    once.keys.resize(right->schema.size());
    std::iota(once.keys.begin(), once.keys.end(), size_t{0});
    once.state_ttl = ttl_;
    right = MakeAggregateNode(std::move(right), std::move(once), {}, range);
  }
  if (mark_apart) right = AddMark(std::move(right), range);
  if (terms) {
    for (ExprPtr& term : terms(first)) on.push_back(std::move(term));
  }
  // A global aggregate is always there.
  const bool always = keys == 0 && !terms && !mark;
  node_ = MakeJoin(NewJoin(always ? JoinKind::kInner : JoinKind::kLeft), std::move(node_),
                   std::move(right), std::move(on), range);
  return first;
}

// `calls`: aggregates over expressions of the keyed rows, null ones for COUNT(*). They follow the
// block's columns; NULL where there are no rows, but for a subquery that is the same for all.
size_t SubqueryJoiner::JoinAggregate(Keyed keyed,
                                     const std::vector<std::pair<std::string, ExprPtr>>& calls) {
  const SourceRange range = keyed.node->range;
  std::vector<ExprPtr> exprs;
  std::vector<std::string> names, call_names;
  Aggregate aggregate;
  aggregate.state_ttl = keyed.keys.empty() ? 0 : ttl_;
  const std::vector<std::string> inputs = NamesOf(keyed.node->schema);
  for (Key& key : keyed.keys) {
    names.push_back(inputs[key.column]);
    exprs.push_back(MakeColumnExpr(key.column, keyed.node->schema[key.column].type, range));
    key.column = exprs.size() - 1;
    aggregate.keys.push_back(key.column);
  }
  for (const auto& [name, argument] : calls) {
    AggregateCall call;
    std::vector<Type> types;
    if (argument) types.push_back(argument->type);
    call.function =
        BuiltinFunctions().ResolveAggregate(name, types, !keyed.node->properties.append_only);
    if (argument) {
      call.argument = exprs.size();
      names.push_back(ToString(*argument, inputs));
      exprs.push_back(MakeCast(argument, call.function.parameters.empty()
                                             ? argument->type
                                             : call.function.parameters[0]));
    }
    call_names.push_back(fmt::format("{}({})", name, argument ? names.back() : "*"));
    aggregate.calls.push_back(std::move(call));
  }
  keyed.node = MakeProject(std::move(keyed.node), std::move(exprs), std::move(names), range);
  keyed.node = MakeAggregateNode(std::move(keyed.node), std::move(aggregate), call_names, range);
  std::vector<ExprPtr> columns = AllColumns(keyed.node->schema);
  columns.erase(columns.begin(), columns.begin() + static_cast<ptrdiff_t>(keyed.keys.size()));
  return JoinKeys(std::move(keyed), std::move(columns), /*mark=*/false);
}

}  // namespace millrace
