// Filters and the conditions of joins go to the input that they speak of.
#include <algorithm>

#include "planner/join.h"
#include "planner/properties.h"
#include "planner/push_filters.h"
#include "planner/rewrite.h"

namespace millrace {
namespace {

// Whether conditions on an input's rows that stand above the join may be tested before it.
bool FilterReaches(JoinKind kind, bool left) {
  return left ? !KeepsRight(kind) : kind == JoinKind::kInner || kind == JoinKind::kRight;
}

// The same for conditions of the join itself: an outer row stays when its condition fails.
bool ConditionReaches(JoinKind kind, bool left) {
  if (left) return !KeepsLeft(kind) && kind != JoinKind::kAnti;
  return !KeepsRight(kind);
}

// Sorts the terms of a join, and those above it, by where they are tested.
class JoinTerms {
 public:
  JoinTerms(const Node& node, Terms above)
      : kind_(std::get<Join>(node.op).kind), left_columns_(node.inputs[0]->schema.size()) {
    for (ExprPtr& term : TermsOf(node)) Place(std::move(term), /*from_above=*/false);
    for (ExprPtr& term : above) Place(std::move(term), /*from_above=*/true);
    CopyAlongEqualities();
  }

  Terms left, right, on, above;

 private:
  void Place(ExprPtr term, bool from_above) {
    const JoinSides sides = SidesOf(*term, left_columns_);
    const bool one_side = sides.left != sides.right && IsDeterministic(*term);
    if (one_side && Reaches(sides.left, from_above) && !Guarded(*term, sides.left)) {
      (sides.left ? left : right)
          .push_back(sides.left ? std::move(term) : ShiftDown(term, left_columns_));
    } else if (from_above && !(kind_ == JoinKind::kInner && IsDeterministic(*term) &&
                               (sides.left || sides.right))) {
      above.push_back(std::move(term));
    } else {
      on.push_back(std::move(term));
    }
  }
  bool Reaches(bool to_left, bool from_above) const {
    return from_above ? FilterReaches(kind_, to_left) : ConditionReaches(kind_, to_left);
  }
  // Whether the term can fail and one before it, tested elsewhere, may keep it from rows where it
  // does. Terms over both inputs are not taken for such guards: they choose pairs, not rows.
  bool Guarded(const Expr& term, bool to_left) const {
    if (NeverFails(term)) return false;
    const auto over_one_input = [&](const ExprPtr& other) {
      const JoinSides sides = SidesOf(*other, left_columns_);
      return !(sides.left && sides.right);
    };
    return !(to_left ? right : left).empty() || !above.empty() ||
           std::any_of(on.begin(), on.end(), over_one_input);
  }

  // What is asked of one side of an equality holds for the other side as well.
  void CopyAlongEqualities() {
    const bool to_right = !KeepsRight(kind_);
    const bool to_left = kind_ != JoinKind::kAnti && !KeepsLeft(kind_);
    const Terms first_left = left, first_right = right;
    for (const ExprPtr& term : on) {
      const auto equality = AsJoinEquality(*term, left_columns_);
      if (!equality || !KeysDecide(*equality)) continue;
      if (to_right) Copy(first_left, equality->left, equality->right, &right);
      if (to_left) Copy(first_right, equality->right, equality->left, &left);
    }
  }
  // The terms over nothing but the column `from` as terms over `to`.
  static void Copy(const Terms& terms, const ExprPtr& from, const ExprPtr& to, Terms* copies) {
    size_t column = 0;
    if (!IsColumn(*from, &column) || !NeverFails(*to)) return;
    for (const ExprPtr& term : terms) {
      bool only = NeverFails(*term);
      ForEachColumn(*term, [&](size_t used) { only = only && used == column; });
      if (!only) continue;
      ExprPtr copy = RemapColumns(term, [&](const ColumnExpr&, const Expr&) { return to; });
      const bool known = std::any_of(copies->begin(), copies->end(),
                                     [&](const ExprPtr& other) { return SameExpr(*other, *copy); });
      if (!known) copies->push_back(std::move(copy));
    }
  }

  const JoinKind kind_;
  const size_t left_columns_;
};

}  // namespace

NodePtr PushBelowJoin(NodePtr node, Terms terms) {
  JoinTerms placed(*node, std::move(terms));
  NodePtr left = PushTerms(std::move(node->inputs[0]), std::move(placed.left));
  NodePtr right = PushTerms(std::move(node->inputs[1]), std::move(placed.right));
  NodePtr join = MakeJoin(std::get<Join>(node->op), std::move(left), std::move(right),
                          std::move(placed.on), node->range);
  return AddFilter(std::move(join), std::move(placed.above));
}

}  // namespace millrace
