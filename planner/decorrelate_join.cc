// Decorrelation of joins.
#include <algorithm>
#include <numeric>

#include "planner/decorrelate.h"
#include "planner/join.h"
#include "planner/properties.h"
#include "planner/rewrite.h"

namespace millrace {
namespace {

using Values = Decorrelator::Values;

// The terms of a join and those above it by where they can be tested. Those for an input are over
// its columns.
struct JoinTerms {
  Terms left, right, on, above;
};

class TermPlacer {
 public:
  TermPlacer(JoinKind kind, size_t left_columns) : kind_(kind), left_columns_(left_columns) {}

  JoinTerms Place(Terms conditions, Terms above) {
    for (ExprPtr& term : conditions) {
      const JoinSides sides = Sides(*term);
      const bool left = !KeepsLeft(kind_) && kind_ != JoinKind::kAnti;
      Add(std::move(term), left && !sides.right, !KeepsRight(kind_) && !sides.left, &placed_.on);
    }
    for (ExprPtr& term : above) {
      const JoinSides sides = Sides(*term);
      const bool right = kind_ == JoinKind::kInner || kind_ == JoinKind::kRight;
      Terms* rest = kind_ == JoinKind::kInner ? &placed_.on : &placed_.above;
      Add(std::move(term), !KeepsRight(kind_) && !sides.right, right && !sides.left, rest);
    }
    return std::move(placed_);
  }

 private:
  JoinSides Sides(const Expr& term) const {
    JoinSides sides;
    ForEachColumn(term, [&](size_t column) {
      if (column < kFirstOuterColumn) (column < left_columns_ ? sides.left : sides.right) = true;
    });
    return sides;
  }
  void Add(ExprPtr term, bool to_left, bool to_right, Terms* rest) {
    if (!IsDeterministic(*term)) return rest->push_back(std::move(term));
    if (to_left) return placed_.left.push_back(std::move(term));
    if (!to_right) return rest->push_back(std::move(term));
    placed_.right.push_back(RemapInner(term, [this](size_t column, const Expr& old) {
      return MakeColumnExpr(column - left_columns_, old.type, old.range);
    }));
  }

  const JoinKind kind_;
  const size_t left_columns_;
  JoinTerms placed_;
};

void AddAll(const Values& from, Values* to) { to->insert(from.begin(), from.end()); }

bool Includes(const Values& all, const Values& some) {
  return std::includes(all.begin(), all.end(), some.begin(), some.end());
}

// Two inputs' columns that hold one value of the enclosing row.
ExprPtr EqualKeys(const OuterKey& a, const OuterKey& b, const Schema& left, const Schema& right,
                  SourceRange range) {
  return MakeCall(a.null_equal && b.null_equal ? "is_not_distinct_from" : "=",
                  {MakeColumnExpr(a.column, left[a.column].type, range),
                   MakeColumnExpr(left.size() + b.column, right[b.column].type, range)},
                  "UTC", range);
}

// That one of them that is not NULL, if there is one.
ExprPtr EitherOf(ExprPtr left, ExprPtr right, SourceRange range) {
  Type type = left->type.AsNullable(left->type.nullable && right->type.nullable);
  ExprPtr missing = MakeCall("is_null", {left}, "UTC", range);
  return std::make_shared<const Expr>(
      Expr{std::move(type), range, CaseExpr{{{std::move(missing), std::move(right)}}, left}});
}

}  // namespace

// `node`, or what is left of it where `terms` hold, with those values; as it is when there are
// none.
Decorrelated Decorrelator::PushValues(NodePtr node, Terms terms, Values values) {
  if (values.empty()) return {AddFilter(std::move(node), std::move(terms)), {}};
  return Push(std::move(node), std::move(terms), std::move(values));
}

Decorrelated Decorrelator::PushOp(NodePtr node, const Join& join, Terms terms, Values required) {
  const JoinKind kind = join.kind;
  const size_t left_columns = node->inputs[0]->schema.size();
  JoinTerms placed = TermPlacer(kind, left_columns).Place(TermsOf(*node), std::move(terms));
  Values left = ValuesIn(*node->inputs[0]), right = ValuesIn(*node->inputs[1]);
  AddAll(ValuesOf(placed.left), &left);
  AddAll(ValuesOf(placed.right), &right);
  AddAll(ValuesOf(placed.on), &required);
  AddAll(ValuesOf(placed.above), &required);
  if (kind == JoinKind::kSemi && left.empty() && Includes(right, required) &&
      std::ranges::all_of(placed.on, [&](const ExprPtr& term) {
        return AsJoinEquality(*term, left_columns).has_value();
      })) {
    NodePtr input = AddFilter(std::move(node->inputs[0]), std::move(placed.left));
    Decorrelated partners = Push(std::move(node->inputs[1]), std::move(placed.right), right);
    return FilterAbove(SemiAsInner(std::move(input), std::move(partners), placed.on, node->range),
                       std::move(placed.above));
  }
  // The rows of a side that the result keeps without a partner have all values of their own.
  if (kind == JoinKind::kInner) {
    for (size_t value : right) required.erase(value);
    AddAll(required, left.empty() && !right.empty() ? &right : &left);
  } else {
    AddAll(required, KeepsRight(kind) ? &right : &left);
    if (KeepsRight(kind)) AddAll(left, &right);
    if (kind != JoinKind::kRight) AddAll(right, &left);
  }
  Decorrelated l = PushValues(std::move(node->inputs[0]), std::move(placed.left), left);
  Decorrelated r = PushValues(std::move(node->inputs[1]), std::move(placed.right), right);
  Decorrelated rows =
      JoinAgain(*node, left_columns, std::move(l), std::move(r), std::move(placed.on));
  return FilterAbove(std::move(rows), std::move(placed.above));
}

// A semi join whose left input knows nothing of the enclosing row: one with each distinct partner
// and its values, so that the left rows need not be joined with all values first.
Decorrelated Decorrelator::SemiAsInner(NodePtr left, Decorrelated partners, const Terms& on,
                                       SourceRange range) {
  const size_t left_columns = left->schema.size();
  std::vector<ExprPtr> exprs;
  std::vector<std::string> names;
  Terms terms;
  for (const ExprPtr& term : on) {
    const JoinEquality equality = *AsJoinEquality(*term, left_columns);
    ExprPtr partner = MakeColumnExpr(left_columns + exprs.size(), equality.right->type, range);
    terms.push_back(MakeCall(equality.null_equal ? "is_not_distinct_from" : "=",
                             {equality.left, std::move(partner)}, "UTC", range));
    names.push_back(ToString(*equality.right, NamesOf(partners.node->schema)));
    exprs.push_back(equality.right);
  }
  std::vector<size_t> columns(left_columns);
  std::iota(columns.begin(), columns.end(), size_t{0});
  for (auto& [number, key] : partners.keys) {
    const Field& field = partners.node->schema[key.column];
    columns.push_back(left_columns + exprs.size());
    exprs.push_back(MakeColumnExpr(key.column, field.type, range));
    names.push_back(field.name);
    key.column = columns.size() - 1;
  }
  NodePtr distinct = MakeDistinct(
      MakeProject(std::move(partners.node), std::move(exprs), std::move(names), range));
  Join join;
  join.left_ttl = join.right_ttl = ttl_;
  NodePtr joined = MakeJoin(join, std::move(left), std::move(distinct), std::move(terms), range);
  return {PickColumns(std::move(joined), columns, range), std::move(partners.keys)};
}

// The join of inputs that have further columns; its own columns come first. `on` is over the old
// inputs.
Decorrelated Decorrelator::JoinAgain(const Node& node, size_t left_columns, Decorrelated left,
                                     Decorrelated right, Terms on) {
  const Join& join = std::get<Join>(node.op);
  const Schema l = left.node->schema, r = right.node->schema;
  OuterKeys keys = left.keys;
  for (const auto& [number, key] : right.keys) {
    const OuterKey on_right = {l.size() + key.column, key.null_equal};
    // Of a right join the left columns may be missing.
    if (!keys.contains(number) || join.kind == JoinKind::kRight) keys[number] = on_right;
  }
  for (ExprPtr& term : on) {
    term = RemapInner(term, [&](size_t column, const Expr& old) {
      const size_t at = column < left_columns ? column : l.size() + column - left_columns;
      return MakeColumnExpr(at, old.type, old.range);
    });
    term = Localize(term, keys);
  }
  for (const auto& [number, key] : right.keys) {
    const auto other = left.keys.find(number);
    if (other != left.keys.end()) on.push_back(EqualKeys(other->second, key, l, r, node.range));
  }
  NodePtr made =
      MakeJoin(join, std::move(left.node), std::move(right.node), std::move(on), node.range);
  std::vector<ExprPtr> exprs;
  const auto column = [&](size_t i) { return MakeColumnExpr(i, made->schema[i].type, node.range); };
  for (size_t i = 0; i < node.schema.size(); ++i) {
    exprs.push_back(column(i < left_columns ? i : l.size() + i - left_columns));
  }
  std::vector<std::string> names = NamesOf(node.schema);
  for (auto& [number, key] : keys) {
    names.push_back(made->schema[key.column].name);
    exprs.push_back(column(key.column));
    if (join.kind == JoinKind::kFull) {
      const OuterKey& on_right = right.keys.at(number);
      exprs.back() = EitherOf(exprs.back(), column(l.size() + on_right.column), node.range);
      key.null_equal = key.null_equal || on_right.null_equal;
    }
    key.column = exprs.size() - 1;
  }
  made = MakeProject(std::move(made), std::move(exprs), std::move(names), node.range);
  return {std::move(made), std::move(keys)};
}

}  // namespace millrace
