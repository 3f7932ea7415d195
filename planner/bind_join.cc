// Joins in FROM: their scope, the columns that USING and NATURAL merge, and their condition.
#include <algorithm>

#include "fmt/format.h"
#include "planner/bind_query.h"
#include "planner/bind_subquery.h"
#include "planner/common.h"
#include "planner/join.h"
#include "planner/make_expr.h"
#include "planner/properties.h"
#include "planner/rewrite.h"

namespace millrace {
namespace {

JoinKind KindOf(ast::JoinKind kind) {
  switch (kind) {
    case ast::JoinKind::kLeft:
      return JoinKind::kLeft;
    case ast::JoinKind::kRight:
      return JoinKind::kRight;
    case ast::JoinKind::kFull:
      return JoinKind::kFull;
    case ast::JoinKind::kInner:
    case ast::JoinKind::kCross:
      break;
  }
  return JoinKind::kInner;
}

// The scope's columns, one for every column of the node.
std::vector<ScopeColumn> ColumnsOf(const BoundInput& input) {
  std::vector<ScopeColumn> columns = input.scope.columns;
  for (size_t i = columns.size(); i < input.node->schema.size(); ++i) {
    columns.push_back({"", "", input.node->schema[i].type, /*system=*/true});
  }
  return columns;
}

// Binds one join whose inputs are bound.
class JoinBinder {
 public:
  // `lateral`: the right input uses columns of the left one, as those of this block.
  JoinBinder(QueryBinder* binder, const ast::JoinRef& join, BoundInput left, BoundInput right,
             Subqueries* lateral)
      : binder_(*binder),
        subqueries_(binder),
        lateral_(lateral),
        join_(join),
        kind_(KindOf(join.kind)),
        zone_(binder->context().session->zone()),
        left_(std::move(left)),
        right_(std::move(right)),
        left_columns_(left_.node->schema.size()),
        right_columns_(ColumnsOf(right_)) {
    scope_.columns = ColumnsOf(left_);
    scope_.columns.insert(scope_.columns.end(), right_columns_.begin(), right_columns_.end());
    scope_.subqueries = &subqueries_;
    scope_.outer = binder->outer();
  }

  BoundInput Bind(SourceRange range) {
    for (const ast::Name& name : join_.using_columns) Merge(name);
    if (join_.natural) MergeCommonNames(range);
    if (join_.on) {
      ExprPtr on = BindPredicate(*join_.on, scope_, binder_.context(), "ON", binder_.notices());
      CheckRepeatable(*on);
      SplitConjunction(on, &terms_);
    }
    const std::vector<ExprPtr> above = PlaceSubqueries();
    BoundInput input;
    if (above.empty()) {
      input.node = Join(kind_, range);
    } else {
      input.node =
          kind_ == JoinKind::kInner ? JoinAndFilter(above, range) : JoinByPairs(above, range);
    }
    for (size_t i = 0; i < scope_.columns.size(); ++i) {
      scope_.columns[i].type = input.node->schema[i].type;
    }
    input.scope = std::move(scope_);
    input.scope.subqueries = nullptr;
    return merged_.empty() ? std::move(input) : PutMergedFirst(std::move(input), range);
  }

 private:
  millrace::Join NewJoin(JoinKind kind) const {
    millrace::Join join;
    join.kind = kind;
    join.left_ttl = binder_.TtlOf(left_.scope);
    join.right_ttl = binder_.TtlOf(right_.scope);
    return join;
  }

  NodePtr Join(JoinKind kind, SourceRange range) {
    if (lateral_) {
      SubqueryJoiner joiner(lateral_, std::move(left_.node));
      return joiner.JoinLateral(kind, std::move(right_.node), std::move(terms_), range);
    }
    return MakeJoin(NewJoin(kind), std::move(left_.node), std::move(right_.node), std::move(terms_),
                    range);
  }

  NodePtr JoinAndFilter(const std::vector<ExprPtr>& above, SourceRange range) {
    SubqueryJoiner joiner(&subqueries_, Join(JoinKind::kInner, range));
    joiner.Filter(Conjoin(above));
    return joiner.Take();
  }

  // An outer join: the pairs of rows that meet the condition, and the rows that are in none.
  NodePtr JoinByPairs(const std::vector<ExprPtr>& above, SourceRange range) {
    const Schema schema = JoinSchema(kind_, left_.node->schema, right_.node->schema);
    NodePtr left = KeepsLeft(kind_) ? ReadAgain(&left_.node) : nullptr;
    NodePtr right = KeepsRight(kind_) ? ReadAgain(&right_.node) : nullptr;
    NodePtr pairs = JoinAndFilter(above, range);
    std::vector<ExprPtr> exprs;
    for (size_t i = 0; i < schema.size(); ++i) {
      exprs.push_back(MakeColumnExpr(i, schema[i].type, range));
    }
    pairs = MakeProject(std::move(pairs), std::move(exprs), NamesOf(schema), range);
    std::vector<NodePtr> inputs(1);
    if (left) inputs.push_back(RowsInNoPair(std::move(left), 0, ReadAgain(&pairs), range));
    if (right)
      inputs.push_back(RowsInNoPair(std::move(right), left_columns_, ReadAgain(&pairs), range));
    inputs[0] = std::move(pairs);
    NodePtr node = MakeNode(UnionAll{}, std::move(inputs));
    node->schema = schema;
    node->range = range;
    DeriveProperties(node.get());
    return node;
  }

  // The rows of `side`, whose columns are those of the pairs from `first` on, with NULLs beside
  // them. Whether a row is in a pair depends on its values alone.
  NodePtr RowsInNoPair(NodePtr side, size_t first, NodePtr pairs, SourceRange range) const {
    const Schema schema = pairs->schema;
    const size_t columns = side->schema.size();
    std::vector<ExprPtr> matched, terms, exprs;
    std::vector<std::string> names;
    for (size_t i = 0; i < schema.size(); ++i) {
      if (i < first || i >= first + columns) {
        exprs.push_back(MakeNull(schema[i].type, range));
        continue;
      }
      names.push_back(schema[i].name);
      matched.push_back(MakeColumnExpr(i, schema[i].type, range));
      exprs.push_back(MakeColumnExpr(i - first, schema[i].type, range));
      terms.push_back(
          SameValue(exprs.back(), MakeColumnExpr(columns + i - first, schema[i].type, range)));
    }
    pairs = MakeProject(std::move(pairs), std::move(matched), std::move(names), range);
    NodePtr alone = MakeJoin(NewJoin(JoinKind::kAnti), std::move(side), std::move(pairs),
                             std::move(terms), range);
    return MakeProject(std::move(alone), std::move(exprs), NamesOf(schema), range);
  }

  // NaN, which equals nothing, is the same as NaN.
  ExprPtr SameValue(ExprPtr left, ExprPtr right) const {
    const SourceRange range = left->range;
    const TypeId id = left->type.id;
    if (id >= TypeId::kArray) {
      ThrowUnsupported("a subquery over both inputs of an outer join, one with collections, is",
                       range);
    }
    if (id == TypeId::kFloat || id == TypeId::kDouble) {
      left = MakeCast(std::move(left), TypeId::kString, false, zone_);
      right = MakeCast(std::move(right), TypeId::kString, false, zone_);
    }
    return MakeEqual(std::move(left), std::move(right), /*null_equal=*/true, range);
  }

  // Joins the subqueries of ON to the inputs that they speak of. Returns the terms that are to be
  // tested above the join: of an outer one all of them, if there is one over both inputs.
  std::vector<ExprPtr> PlaceSubqueries() {
    const bool of_pairs = std::ranges::any_of(terms_, [this](const ExprPtr& term) {
      const std::optional<JoinSides> sides = subqueries_.SidesOf(*term, left_columns_);
      if (!sides || !sides->left || !sides->right || kind_ == JoinKind::kInner) return false;
      if (lateral_) ThrowUnsupported("a subquery over both inputs of this join is", term->range);
      return true;
    });
    std::vector<ExprPtr> above, on_left;
    for (ExprPtr& term : std::exchange(terms_, {})) {
      const std::optional<JoinSides> sides = subqueries_.SidesOf(*term, left_columns_);
      if (!sides) {
        terms_.push_back(std::move(term));
      } else if (kind_ == JoinKind::kInner || of_pairs) {
        above.push_back(std::move(term));
      } else if (sides->right) {
        PlaceOnRight(term);
      } else {
        on_left.push_back(std::move(term));
      }
    }
    if (!on_left.empty()) PlaceOnLeft(on_left);
    return above;
  }

  // A term on an input whose rows need not stay chooses among them before the join. The others
  // become columns.
  void PlaceOnRight(const ExprPtr& term) {
    SubqueryJoiner joiner(&subqueries_, std::move(right_.node),
                          [this](const ExprPtr& expr) { return ShiftDown(expr, left_columns_); });
    if (KeepsRight(kind_)) {
      terms_.push_back(ShiftUp(joiner.Resolve(term), left_columns_));
    } else {
      joiner.Filter(term);
    }
    right_.node = joiner.Take();
    AddScopeColumns(scope_.columns.size(), *right_.node,
                    left_columns_ + right_.node->schema.size() - scope_.columns.size());
  }

  void PlaceOnLeft(const std::vector<ExprPtr>& on_left) {
    SubqueryJoiner joiner(&subqueries_, std::move(left_.node));
    std::vector<ExprPtr> values;
    for (const ExprPtr& term : on_left) {
      if (KeepsLeft(kind_)) {
        values.push_back(joiner.Resolve(term));
      } else {
        joiner.Filter(term);
      }
    }
    left_.node = joiner.Take();
    const size_t added = left_.node->schema.size() - left_columns_;
    for (ExprPtr& term : terms_) {
      term = RemapInner(term, [&](size_t column, const Expr& old) {
        return MakeColumnExpr(column < left_columns_ ? column : column + added, old.type,
                              old.range);
      });
    }
    terms_.insert(terms_.end(), values.begin(), values.end());
    AddScopeColumns(left_columns_, *left_.node, added);
    left_columns_ += added;
  }

  // Hidden columns at `place` for the last `added` ones of an input.
  void AddScopeColumns(size_t place, const Node& input, size_t added) {
    const size_t first = input.schema.size() - added;
    for (size_t i = 0; i < added; ++i) {
      scope_.columns.insert(scope_.columns.begin() + static_cast<ptrdiff_t>(place + i),
                            {"", "", input.schema[first + i].type, /*system=*/true});
    }
  }

  struct Merged {
    std::string name;
    size_t left, right;  // In the join's output.
    Type type;
    SourceRange range;
  };

  // The column that an unqualified name means in one of the inputs.
  size_t Find(const ast::Name& name, bool right) const {
    Scope scope;
    scope.columns = right ? right_columns_
                          : std::vector<ScopeColumn>(scope_.columns.begin(),
                                                     scope_.columns.begin() + left_columns_);
    const ExprPtr column = binder_.Bind(ast::Expr{ast::ColumnRef{{name}}, name.range}, scope);
    const size_t index = std::get<ColumnExpr>(column->node).index;
    return right ? left_columns_ + index : index;
  }

  void Merge(const ast::Name& name) {
    const size_t left = Find(name, false), right = Find(name, true);
    ExprPtr l = Column(left, name.range), r = Column(right, name.range);
    const std::optional<Type> common = CommonType(l->type, r->type);
    if (!common) {
      throw Error(ErrorCode::kTypeMismatch,
                  fmt::format("column \"{}\" is {} on the left and {} on the right", name.text,
                              l->type.ToString(), r->type.ToString()),
                  name.range, "join them ON with a CAST");
    }
    const bool nullable = l->type.nullable || r->type.nullable;
    merged_.push_back({name.text, left, right, common->AsNullable(nullable), name.range});
    terms_.push_back(MakeCall("=", {std::move(l), std::move(r)}, zone_, name.range));
  }

  void MergeCommonNames(SourceRange range) {
    const std::vector<ScopeColumn> left(scope_.columns.begin(),
                                        scope_.columns.begin() + left_columns_);
    const auto visible = [](const ScopeColumn& column, const std::string& name) {
      return !column.system && !column.merged && column.name == name;
    };
    for (const ScopeColumn& column : left) {
      if (!visible(column, column.name)) continue;
      const bool common = std::any_of(right_columns_.begin(), right_columns_.end(),
                                      [&](const auto& c) { return visible(c, column.name); });
      if (common) Merge({column.name, range, /*quoted=*/true});
    }
  }

  // The value that stands for both: that of the side whose rows are all there.
  ExprPtr ValueOf(const Merged& merged, const Schema& schema) const {
    const auto value = [&](size_t i) {
      return MakeCast(MakeColumnExpr(i, schema[i].type, merged.range), merged.type, false, zone_);
    };
    if (kind_ == JoinKind::kRight) return value(merged.right);
    if (kind_ != JoinKind::kFull) return value(merged.left);
    const ExprPtr left = value(merged.left), right = value(merged.right);
    ExprPtr missing = MakeCall("is_null", {left}, zone_, merged.range);
    return std::make_shared<const Expr>(
        Expr{merged.type, merged.range, CaseExpr{{{std::move(missing), right}}, left}});
  }

  // `*` gives the merged columns first, and those behind them only by their tables' names.
  BoundInput PutMergedFirst(BoundInput input, SourceRange range) const {
    const Schema& schema = input.node->schema;
    std::vector<ExprPtr> exprs;
    std::vector<std::string> names;
    Scope scope;
    for (const Merged& merged : merged_) {
      exprs.push_back(ValueOf(merged, schema));
      names.push_back(merged.name);
      scope.columns.push_back({"", merged.name, exprs.back()->type});
      input.scope.columns[merged.left].merged = input.scope.columns[merged.right].merged = true;
    }
    for (ExprPtr& column : AllColumns(schema)) exprs.push_back(std::move(column));
    for (std::string& name : NamesOf(schema)) names.push_back(std::move(name));
    scope.columns.insert(scope.columns.end(), input.scope.columns.begin(),
                         input.scope.columns.end());
    input.node = MakeProject(std::move(input.node), std::move(exprs), std::move(names), range);
    input.scope = std::move(scope);
    return input;
  }

  ExprPtr Column(size_t index, SourceRange range) const {
    return MakeColumnExpr(index, scope_.columns[index].type, range);
  }

  // A condition that is evaluated again when a row leaves must come to the same.
  void CheckRepeatable(const Expr& on) const {
    binder_.CheckRepeatable(*left_.node, on);
    binder_.CheckRepeatable(*right_.node, on);
    if (kind_ == JoinKind::kInner || binder_.mode() == QueryMode::kPull || IsDeterministic(on)) {
      return;
    }
    ThrowUnsupported(
        "functions with a new value at every call in the condition of an outer join are", on.range);
  }

  const QueryBinder& binder_;
  Subqueries subqueries_;
  Subqueries* const lateral_;
  const ast::JoinRef& join_;
  const JoinKind kind_;
  const std::string zone_;
  BoundInput left_, right_;
  size_t left_columns_;
  std::vector<ScopeColumn> right_columns_;
  Scope scope_;  // Of both, with the types that the condition sees.
  std::vector<Merged> merged_;
  std::vector<ExprPtr> terms_;
};

}  // namespace

BoundInput QueryBinder::BindJoin(const ast::JoinRef& join, SourceRange range) {
  if (join.within) ThrowUnsupported("WITHIN is", join.within->before->range);
  return BindJoinAfter(join, BindFrom(join.left.get()), range);
}

BoundInput QueryBinder::BindCrossed(BoundInput left, const ast::TableExpr& right) {
  if (IsUnnest(right)) return BindUnnest(std::move(left), right, false);
  const auto& join = std::get<ast::JoinRef>(right.node);
  return BindJoinAfter(join, BindCrossed(std::move(left), *join.left), right.range);
}

// The join of `left` and the right side, which may begin with an UNNEST over it: `t, UNNEST(t.a)
// JOIN u` is `t JOIN (UNNEST(t.a) JOIN u)`, the same as `(t, UNNEST(t.a)) JOIN u`.
BoundInput QueryBinder::BindJoinAfter(const ast::JoinRef& join, BoundInput left,
                                      SourceRange range) {
  if (IsUnnest(*join.right)) return BindUnnestJoin(join, std::move(left));
  if (join.kind == ast::JoinKind::kCross && BeginsWithUnnest(*join.right)) {
    return BindCrossed(std::move(left), *join.right);
  }
  if (auto* table = std::get_if<ast::TableRef>(&join.right->node); table && table->as_of) {
    return BindTemporalJoin(join, std::move(left), *table, range);
  }
  Subqueries lateral(this);
  const OuterScope here{&left.scope, lateral.query(), lateral_ ? lateral_ : outer_};
  const OuterScope* before = std::exchange(lateral_, &here);
  BoundInput right = BindFrom(join.right.get());
  lateral_ = before;
  const bool is_lateral = UsesOuter(*right.node, lateral.query());
  if (is_lateral && (join.kind == ast::JoinKind::kRight || join.kind == ast::JoinKind::kFull)) {
    throw Error(ErrorCode::kBadRequest,
                "LATERAL cannot use columns of an input whose rows may be missing",
                join.right->range, "use LEFT JOIN or CROSS JOIN");
  }
  return JoinBinder(this, join, std::move(left), std::move(right), is_lateral ? &lateral : nullptr)
      .Bind(range);
}

}  // namespace millrace
