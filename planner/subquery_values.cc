// What stands for a subquery: conditions on the block's rows, and values.
#include <algorithm>

#include "fmt/format.h"
#include "planner/bind_subquery.h"
#include "planner/common.h"
#include "planner/make_expr.h"
#include "planner/properties.h"
#include "planner/rewrite.h"

namespace millrace {
namespace {

ExprPtr Call(std::string_view name, std::vector<ExprPtr> arguments, SourceRange range) {
  return MakeCall(name, std::move(arguments), "UTC", range);
}

// The block's value and the subquery's.
const std::vector<ExprPtr>& SidesOf(const ExprPtr& comparison) {
  return std::get<CallExpr>(comparison->node).arguments;
}

// The comparison with other sides of the same types.
ExprPtr WithSides(const ExprPtr& comparison, ExprPtr left, ExprPtr right) {
  Expr copy = *comparison;
  copy.type.nullable = copy.type.nullable || left->type.nullable || right->type.nullable;
  std::get<CallExpr>(copy.node).arguments = {std::move(left), std::move(right)};
  return std::make_shared<const Expr>(std::move(copy));
}

bool MayBeUnknown(const ExprPtr& comparison) {
  return std::ranges::any_of(SidesOf(comparison),
                             [](const ExprPtr& side) { return side->type.nullable; });
}

// Whether it is a column of the rows that are joined at `first`, and hence NULL where none is.
bool IsColumnFrom(size_t first, const Expr& expr) {
  size_t column = 0;
  return IsColumn(expr, &column) && column >= first;
}

}  // namespace

// EXISTS and IN of a condition, or their opposites.
void SubqueryJoiner::Restrict(Subquery* subquery, bool negated) {
  ResolveSides(*subquery);
  const SourceRange range = subquery->range;
  const bool is_in = subquery->kind == Subquery::Kind::kIn;
  const bool unknown = is_in && std::ranges::any_of(subquery->comparisons, MayBeUnknown);
  if (negated && unknown) return RestrictNotIn(subquery);
  Partner partner = MakePartner(Peel(std::move(subquery->node)));
  for (const ExprPtr& comparison : subquery->comparisons) {
    partner.terms.push_back(Compare(comparison, partner.outputs));
  }
  HalfJoin(std::move(partner), negated, range);
}

void SubqueryJoiner::HalfJoin(Partner partner, bool anti, SourceRange range) {
  if (partner.terms.empty()) {
    // All that matters is whether there is a row.
    const ExprPtr any = MakeBoolean(true, range);
    Aggregate once;
    once.keys = {0};
    once.state_ttl = ttl_;
    partner.node = MakeProject(std::move(partner.node), {any}, {"exists"}, range);
    partner.node = MakeAggregateNode(std::move(partner.node), std::move(once), {}, range);
  }
  node_ = MakeJoin(NewJoin(anti ? JoinKind::kAnti : JoinKind::kSemi), std::move(node_),
                   std::move(partner.node), std::move(partner.terms), range);
}

// NOT IN is TRUE where no comparison is TRUE or unknown.
void SubqueryJoiner::RestrictNotIn(Subquery* subquery) {
  const SourceRange range = subquery->range;
  if (subquery->comparisons.size() > 1) {
    Partner partner = MakePartner(Peel(std::move(subquery->node)));
    for (const ExprPtr& comparison : subquery->comparisons) {
      ExprPtr term = Compare(comparison, partner.outputs);
      if (term->type.nullable) term = Call("is_not_false", {std::move(term)}, range);
      partner.terms.push_back(std::move(term));
    }
    return HalfJoin(std::move(partner), /*anti=*/true, range);
  }
  // A hash join by equality, and the rest by what is known of all the subquery's rows: unknown is a
  // comparison with NULL.
  const ExprPtr& comparison = subquery->comparisons[0];
  Peeled peeled = Peel(CopyPeels(&subquery->node));
  Keyed all;
  Partner partner;
  if (UsesOuter(*peeled.node, query_)) {
    all = MakeKeyed(std::move(peeled));
    partner = AsPartner(Again(&all));
  } else {
    all = MakeKeyed(std::move(peeled));
    partner = MakePartner(Peel(std::move(subquery->node)));
  }
  partner.terms.push_back(Compare(comparison, partner.outputs));
  HalfJoin(std::move(partner), /*anti=*/true, range);
  const Counts counts = JoinCounts(std::move(all), comparison);
  const ExprPtr value = Resolve(SidesOf(comparison)[0]);
  std::vector<ExprPtr> known = {Call("=", {counts.nulls, MakeInteger(0, range)}, range)};
  if (value->type.nullable) known.push_back(MakeIsNotNull(value, range));
  std::vector<ExprPtr> either = {MakeIsNull(counts.rows, range),
                                 Call("=", {counts.rows, MakeInteger(0, range)}, range),
                                 MakeLogic(true, std::move(known), range)};
  node_ = AddFilter(std::move(node_), {MakeLogic(false, std::move(either), range)});
}

// Another reader of the same rows.
SubqueryJoiner::Keyed SubqueryJoiner::Again(Keyed* keyed) {
  return {ReadAgain(&keyed->node), keyed->keys, keyed->outputs};
}

// How many kinds of rows there are: with a value and without one. Other changes of the subquery's
// rows change nothing here.
SubqueryJoiner::Counts SubqueryJoiner::JoinCounts(Keyed keyed, const ExprPtr& comparison) {
  const SourceRange range = keyed.node->range;
  const ExprPtr side = InnerSide(comparison, keyed.outputs);
  const std::vector<std::string> inputs = NamesOf(keyed.node->schema);
  std::vector<ExprPtr> exprs;
  std::vector<std::string> names;
  Aggregate kinds;
  kinds.state_ttl = ttl_;
  for (Key& key : keyed.keys) {
    names.push_back(inputs[key.column]);
    exprs.push_back(MakeColumnExpr(key.column, keyed.node->schema[key.column].type, range));
    key.column = exprs.size() - 1;
  }
  // TRUE or NULL, so that COUNT counts those that have a value.
  const size_t has_value = exprs.size();
  names.push_back("has_value");
  exprs.push_back(MakeCase(TypeId::kBoolean,
                           {{MakeIsNotNull(side, range), MakeBoolean(true, range)}},
                           MakeUnknown(range), range));
  for (size_t i = 0; i < exprs.size(); ++i) kinds.keys.push_back(i);
  keyed.node = MakeProject(std::move(keyed.node), std::move(exprs), std::move(names), range);
  keyed.node = MakeAggregateNode(std::move(keyed.node), std::move(kinds), {}, range);
  const ExprPtr value = MakeColumnExpr(has_value, keyed.node->schema[has_value].type, range);
  const size_t first = JoinAggregate(std::move(keyed), {{"count", nullptr}, {"count", value}});
  const ExprPtr rows = Column(first, range);
  return {rows, Call("-", {rows, Column(first + 1, range)}, range)};
}

ExprPtr SubqueryJoiner::ValueOf(Subquery* subquery) {
  switch (subquery->kind) {
    case Subquery::Kind::kScalar:
      return ScalarValue(subquery);
    case Subquery::Kind::kExists:
      return ExistsValue(std::move(subquery->node), subquery->range);
    case Subquery::Kind::kIn: {
      ExprPtr value = InValue(subquery);
      return subquery->negated ? Call("not", {std::move(value)}, subquery->range) : value;
    }
    case Subquery::Kind::kQuantified:
      break;
  }
  return QuantifiedValue(subquery);
}

ExprPtr SubqueryJoiner::ScalarValue(Subquery* subquery) {
  const SourceRange range = subquery->range;
  Peeled peeled = Peel(CloneTree(*subquery->node));
  if (IsSingleRow(*peeled.node)) {
    const Row row = JoinSingleRow(std::move(peeled));
    if (!row.condition) return row.outputs[0];
    return MakeCase(subquery->type, {{row.condition, row.outputs[0]}},
                    MakeNull(subquery->type, range), range);
  }
  const size_t first = node_->schema.size();
  Partner partner = MakePartner(std::move(peeled));
  std::vector<size_t> keys;
  for (const ExprPtr& term : partner.terms) {
    const auto equality = AsJoinEquality(*term, first);
    size_t column = 0;
    if (equality && IsColumn(*equality->right, &column)) keys.push_back(column);
  }
  if (!JoinsByKey(partner.node->properties, keys)) {
    return SingleValue(subquery, MakeKeyed(Peel(std::move(subquery->node))));
  }
  const ExprPtr output = partner.outputs[0];
  const size_t match = first + partner.node->schema.size();
  const bool plain = IsColumnFrom(first, *output);
  if (!plain) partner.node = AddMark(std::move(partner.node), range);
  node_ = MakeJoin(NewJoin(JoinKind::kLeft), std::move(node_), std::move(partner.node),
                   std::move(partner.terms), range);
  if (plain) return Column(std::get<ColumnExpr>(output->node).index, range);
  return MakeCase(subquery->type, {{MakeIsNotNull(Column(match, range), range), output}},
                  MakeNull(subquery->type, range), range);
}

// The value of groups of one row; more rows are an error of the row that asks for it.
ExprPtr SubqueryJoiner::SingleValue(Subquery* subquery, Keyed keyed) {
  const SourceRange range = subquery->range;
  if (subquery->type.id >= TypeId::kArray) {
    ThrowUnsupported(fmt::format("a subquery for a single {} is", subquery->type.ToString()),
                     range);
  }
  const std::string zone = binder_.context().session->zone();
  std::vector<ExprPtr> parts;
  for (const Key& key : keyed.keys) {
    if (key.value->type.id >= TypeId::kArray) continue;
    const std::string& name = keyed.node->schema[key.column].name;
    const ExprPtr text = MakeCast(key.value, TypeId::kString, false, zone);
    parts.push_back(MakeString(fmt::format("{}{} = ", parts.empty() ? "" : ", ", name), range));
    parts.push_back(MakeCase(TypeId::kString, {{MakeIsNotNull(text, range), text}},
                             MakeString("NULL", range), range));
  }
  ExprPtr output = keyed.outputs[0];
  const size_t first =
      JoinAggregate(std::move(keyed), {{"count", nullptr}, {"max", std::move(output)}});
  const ExprPtr rows = Column(first, range), value = Column(first + 1, range);
  const ExprPtr blamed = parts.empty() ? rows : Call("concat", std::move(parts), range);
  const ExprPtr fails = Call("single_row", {blamed}, range);
  const ExprPtr none = MakeNull(subquery->type, range);
  return MakeCase(subquery->type,
                  {{Call(">", {rows, MakeInteger(1, range)}, range),
                    MakeCase(subquery->type, {{fails, value}}, none, range)}},
                  value, range);
}

ExprPtr SubqueryJoiner::ExistsValue(NodePtr node, SourceRange range) {
  Peeled peeled = Peel(std::move(node));
  if (IsSingleRow(*peeled.node)) {
    const Row row = JoinSingleRow(std::move(peeled));
    return row.condition ? Call("is_true", {row.condition}, range) : MakeBoolean(true, range);
  }
  peeled.outputs.clear();
  Keyed keyed = MakeKeyed(std::move(peeled));
  const size_t match = JoinKeys(std::move(keyed), {}, /*mark=*/true);
  return MakeIsNotNull(Column(match, range), range);
}

// TRUE where an equal row is there, else unknown where a comparison with NULL is, else FALSE.
ExprPtr SubqueryJoiner::InValue(Subquery* subquery) {
  const SourceRange range = subquery->range;
  const std::vector<ExprPtr>& comparisons = subquery->comparisons;
  if (IsSingleRow(*subquery->node)) {
    const Row row = JoinSingleRow(Peel(std::move(subquery->node)));
    Terms terms;
    for (const ExprPtr& comparison : comparisons) terms.push_back(Compare(comparison, row.outputs));
    ExprPtr equal = MakeLogic(true, std::move(terms), range);
    if (!row.condition) return equal;
    return MakeCase(TypeId::kBoolean, {{row.condition, equal}}, MakeBoolean(false, range), range);
  }
  const bool unknown = std::ranges::any_of(comparisons, MayBeUnknown);
  Keyed keyed = MakeKeyed(Peel(CopyPeels(&subquery->node))), all;
  if (unknown && comparisons.size() == 1) all = Again(&keyed);
  std::vector<ExprPtr> exprs;
  Terms not_null;
  for (const ExprPtr& comparison : comparisons) {
    exprs.push_back(InnerSide(comparison, keyed.outputs));
    if (exprs.back()->type.nullable) not_null.push_back(MakeIsNotNull(exprs.back(), range));
  }
  keyed.node = AddFilter(std::move(keyed.node), std::move(not_null));
  const std::vector<ExprPtr> sides = exprs;
  const size_t first = JoinKeys(std::move(keyed), std::move(exprs), /*mark=*/true, [&](size_t at) {
    Terms terms;
    for (size_t i = 0; i < comparisons.size(); ++i) {
      ExprPtr side = MakeColumnExpr(at + i, sides[i]->type, range);
      terms.push_back(
          WithSides(comparisons[i], Resolve(SidesOf(comparisons[i])[0]), std::move(side)));
    }
    return terms;
  });
  const ExprPtr found = MakeIsNotNull(Column(first + comparisons.size(), range), range);
  if (!unknown) return found;
  const ExprPtr no = MakeBoolean(false, range), yes = MakeBoolean(true, range);
  if (comparisons.size() > 1) {
    return MakeCase(TypeId::kBoolean,
                    {{found, yes}, {ComparisonUnknown(subquery), MakeUnknown(range)}}, no, range);
  }
  const Counts counts = JoinCounts(std::move(all), comparisons[0]);
  const ExprPtr value = Resolve(SidesOf(comparisons[0])[0]);
  ExprPtr open = Call(">", {counts.nulls, MakeInteger(0, range)}, range);
  if (value->type.nullable) {
    ExprPtr any = Call(">", {counts.rows, MakeInteger(0, range)}, range);
    any = MakeLogic(true, {MakeIsNull(value, range), std::move(any)}, range);
    open = MakeLogic(false, {std::move(any), std::move(open)}, range);
  }
  return MakeCase(TypeId::kBoolean, {{found, yes}, {std::move(open), MakeUnknown(range)}}, no,
                  range);
}

// Whether no field of some row differs: after no row was equal, that one is unknown.
ExprPtr SubqueryJoiner::ComparisonUnknown(Subquery* subquery) {
  const SourceRange range = subquery->range;
  Terms terms;
  const std::vector<ExprPtr> columns = AllColumns(subquery->node->schema);
  for (const ExprPtr& comparison : subquery->comparisons) {
    ExprPtr value = RemapInner(SidesOf(comparison)[0], [this](size_t column, const Expr& old) {
      return MakeColumnExpr(OuterColumn(query_, column), old.type, old.range);
    });
    ForEachColumn(*value, [&](size_t column) {
      if (!subqueries_.Has(column)) return;
      ThrowUnsupported("a subquery in a row that is compared is", range);
    });
    ExprPtr term = WithSides(comparison, std::move(value), InnerSide(comparison, columns));
    terms.push_back(Call("is_not_false", {std::move(term)}, range));
  }
  return ExistsValue(AddFilter(std::move(subquery->node), std::move(terms)), range);
}

// By the least and the greatest of the subquery's values.
ExprPtr SubqueryJoiner::QuantifiedValue(Subquery* subquery) {
  const SourceRange range = subquery->range;
  const ExprPtr comparison = subquery->comparisons[0];
  const bool all = subquery->all;
  Peeled peeled = Peel(std::move(subquery->node));
  if (IsSingleRow(*peeled.node)) {
    const Row row = JoinSingleRow(std::move(peeled));
    ExprPtr holds = Compare(comparison, row.outputs);
    if (!row.condition) return holds;
    return MakeCase(TypeId::kBoolean, {{row.condition, std::move(holds)}}, MakeBoolean(all, range),
                    range);
  }
  Keyed keyed = MakeKeyed(std::move(peeled));
  const ExprPtr side = InnerSide(comparison, keyed.outputs);
  const size_t first = JoinAggregate(
      std::move(keyed), {{"count", nullptr}, {"count", side}, {"min", side}, {"max", side}});
  const ExprPtr rows = Column(first, range), values = Column(first + 1, range);
  const ExprPtr value = Resolve(SidesOf(comparison)[0]);
  const auto compared_with = [&](size_t column) {
    return WithSides(comparison, value, Column(first + column, range));
  };
  const std::string& op = std::get<CallExpr>(comparison->node).name;
  const bool rising = op == "<" || op == "<=";
  ExprPtr extreme;
  if (op == "=" || op == "<>") {
    extreme = MakeLogic(all, {compared_with(2), compared_with(3)}, range);
  } else {
    extreme = compared_with(rising == all ? 2 : 3);
  }
  std::vector<ExprPtr> open = {Call("<", {values, rows}, range)};
  if (value->type.nullable) open.push_back(MakeIsNull(value, range));
  ExprPtr decided = Call(all ? "is_false" : "is_true", {std::move(extreme)}, range);
  ExprPtr none = MakeLogic(
      false, {MakeIsNull(rows, range), Call("=", {rows, MakeInteger(0, range)}, range)}, range);
  return MakeCase(TypeId::kBoolean,
                  {{std::move(none), MakeBoolean(all, range)},
                   {std::move(decided), MakeBoolean(!all, range)},
                   {MakeLogic(false, std::move(open), range), MakeUnknown(range)}},
                  MakeBoolean(all, range), range);
}

NodePtr SubqueryJoiner::JoinLateral(JoinKind kind, NodePtr right, Terms on, SourceRange range) {
  const size_t columns = node_->schema.size();
  const Schema schema = JoinSchema(kind, node_->schema, right->schema);
  Peeled peeled = Peel(std::move(right));
  std::vector<ExprPtr> outputs;
  const auto resolve_on = [&](const std::vector<ExprPtr>& values) {
    Terms terms;
    for (const ExprPtr& term : on) {
      terms.push_back(RemapInner(term, [&](size_t column, const Expr& old) {
        return column < columns ? MakeColumnExpr(column, old.type, old.range)
                                : values[column - columns];
      }));
    }
    return terms;
  };
  ExprPtr match;  // Of a left join: whether the row has this partner.
  if (IsSingleRow(*peeled.node)) {
    Row row = JoinSingleRow(std::move(peeled));
    Terms terms = resolve_on(row.outputs);
    if (row.condition) terms.insert(terms.begin(), row.condition);
    outputs = std::move(row.outputs);
    if (kind == JoinKind::kInner) {
      node_ = AddFilter(std::move(node_), std::move(terms));
    } else if (!terms.empty()) {
      match = Call("is_true", {Conjoin(std::move(terms))}, range);
    }
  } else {
    Partner partner = MakePartner(std::move(peeled));
    const size_t place = node_->schema.size() + partner.node->schema.size();
    outputs = std::move(partner.outputs);
    for (ExprPtr& term : resolve_on(outputs)) partner.terms.push_back(std::move(term));
    const bool plain = std::ranges::all_of(
        outputs, [&](const ExprPtr& output) { return IsColumnFrom(columns, *output); });
    if (kind == JoinKind::kLeft && !plain) partner.node = AddMark(std::move(partner.node), range);
    node_ = MakeJoin(NewJoin(kind), std::move(node_), std::move(partner.node),
                     std::move(partner.terms), range);
    if (kind == JoinKind::kLeft && !plain) match = MakeIsNotNull(Column(place, range), range);
  }
  std::vector<ExprPtr> exprs = AllColumns(node_->schema);
  exprs.resize(columns);
  for (ExprPtr& output : outputs) {
    if (match)
      output = MakeCase(output->type, {{match, output}}, MakeNull(output->type, range), range);
    exprs.push_back(std::move(output));
  }
  return MakeProject(std::move(node_), std::move(exprs), NamesOf(schema), range);
}

}  // namespace millrace
