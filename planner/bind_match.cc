// The clauses of MATCH_RECOGNIZE.
#include "planner/bind_match.h"

#include <algorithm>

#include "fmt/format.h"
#include "parser/print.h"
#include "planner/arrival.h"
#include "planner/properties.h"

namespace millrace {
namespace {

bool Contains(const std::vector<size_t>& list, size_t value) {
  return std::ranges::find(list, value) != list.end();
}

std::string NameOf(const ast::Expr& expr) {
  if (auto* column = std::get_if<ast::ColumnRef>(&expr.node)) return column->parts.back().text;
  return ToSql(expr);
}

}  // namespace

BoundInput QueryBinder::BindMatch(const ast::MatchRecognize& match, SourceRange range) {
  return MatchBinder(this, match, BindFrom(match.input.get()), range).Bind();
}

MatchBinder::MatchBinder(QueryBinder* binder, const ast::MatchRecognize& match, BoundInput input,
                         SourceRange range)
    : binder_(binder),
      ast_(match),
      input_(std::move(input)),
      range_(range),
      zone_(binder->context().session->zone()) {}

BoundInput MatchBinder::Bind() {
  CheckForms();
  AddPattern(ast_.pattern);
  CheckPattern();
  BindTime();
  BindPartition();
  BindFurtherKeys();
  BindWithin();
  BindDefinitions();
  BindMeasures();
  BindSkip();
  NotifyUnbounded();
  binder_->CountWindowAggregate();
  NodePtr node = std::move(input_.node);
  if (!columns_.empty()) {
    std::vector<ExprPtr> columns = AllColumns(node->schema);
    std::vector<std::string> names = NamesOf(node->schema);
    for (const ExprPtr& column : columns_) {
      names.push_back(ToString(*column, NamesOf(node->schema)));
      columns.push_back(column);
    }
    node = MakeProject(std::move(node), std::move(columns), std::move(names), range_);
  }
  node = MakeMatch(std::move(node), std::move(plan_), partition_names_, measure_names_, range_);
  Scope scope = ScopeOf(node->schema);
  return {std::move(node), std::move(scope)};
}

void MatchBinder::CheckForms() const {
  if (ast_.all_rows) {
    ThrowUnsupported("ALL ROWS PER MATCH is", range_, "ONE ROW PER MATCH is the default");
  }
  if (!ast_.subsets.empty()) ThrowUnsupported("SUBSET is", ast_.subsets[0].name.range);
  if (input_.node->properties.append_only) return;
  ThrowUnsupported("MATCH_RECOGNIZE over rows that change is", range_,
                   "its input can be a table, or a windowed query with EMIT ON WINDOW CLOSE");
}

// ---------------------------------------------------------------------------------------- PATTERN

void MatchBinder::AddPattern(const ast::Pattern& pattern) {
  switch (pattern.kind) {
    case ast::PatternKind::kVariable:
      return AddVariable(pattern);
    case ast::PatternKind::kSequence:
      if (pattern.min != 1 || pattern.max != 1) {
        ThrowUnsupported("quantifiers of groups are", pattern.range);
      }
      for (const ast::Pattern& child : pattern.children) AddPattern(child);
      return;
    case ast::PatternKind::kAlternation:
      ThrowUnsupported("alternation in a pattern is", pattern.range,
                       "define one variable whose condition is the OR of both");
    case ast::PatternKind::kExclusion:
      ThrowUnsupported("exclusion in a pattern is", pattern.range);
    case ast::PatternKind::kPermutation:
      ThrowUnsupported("PERMUTE is", pattern.range);
  }
}

void MatchBinder::AddVariable(const ast::Pattern& pattern) {
  const std::string& name = pattern.variable.text;
  if (FindVariable(pattern.variable)) {
    ThrowUnsupported(fmt::format("a pattern with variable \"{}\" twice is", name), pattern.range,
                     "give the second one another name and the same condition");
  }
  if (pattern.max && (*pattern.max == 0 || *pattern.max < pattern.min)) {
    throw Error(ErrorCode::kInvalidValue,
                fmt::format("\"{}\" can never take between {} and {} rows", name, pattern.min,
                            *pattern.max),
                pattern.range);
  }
  if (pattern.reluctant && pattern.min == 0 && pattern.max == 1) {
    ThrowUnsupported("a reluctant optional variable is", pattern.range);
  }
  const bool reluctant = pattern.reluctant && pattern.max != pattern.min;
  plan_.pattern.push_back({name, pattern.min, pattern.max, reluctant, nullptr});
  variable_ranges_.push_back(pattern.range);
}

void MatchBinder::CheckPattern() const {
  const auto optional = [](const MatchVariable& variable) { return variable.min == 0; };
  if (std::ranges::all_of(plan_.pattern, optional)) {
    throw Error(ErrorCode::kBadRequest, "the pattern can match no rows at all", ast_.pattern.range,
                "one of its variables must take a row at least: A+ instead of A*");
  }
  const MatchVariable& last = plan_.pattern.back();
  if (last.reluctant || last.max == last.min) return;
  ThrowUnsupported("a greedy quantifier on the last variable is", variable_ranges_.back(),
                   fmt::format("end the pattern with a variable for the row that ends the run: "
                               "PATTERN (… {} X) DEFINE X AS NOT (…)",
                               last.name));
}

// ------------------------------------------------------------------------- ORDER BY, PARTITION BY

// The input's column that has the expression's value.
size_t MatchBinder::ColumnOf(ExprPtr expr) {
  binder_->CheckRepeatable(*input_.node, *expr);
  size_t column = 0;
  if (IsColumn(*expr, &column)) return column;
  const size_t first = input_.node->schema.size();
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (SameExpr(*columns_[i], *expr)) return first + i;
  }
  columns_.push_back(std::move(expr));
  return first + columns_.size() - 1;
}

void MatchBinder::BindPartition() {
  for (const ast::ExprPtr& expr : ast_.partition_by) {
    const size_t column = ColumnOf(binder_->Bind(*expr, input_.scope));
    if (Contains(plan_.partition, column)) continue;
    plan_.partition.push_back(column);
    partition_names_.push_back(NameOf(*expr));
  }
}

// Before the other columns: those that tell the order of arrival are put behind the input's.
void MatchBinder::BindTime() {
  if (ast_.order_by.empty()) {
    throw Error(ErrorCode::kInvalidWatermark, "MATCH_RECOGNIZE needs ORDER BY a time attribute",
                range_);
  }
  const ast::SortItem& by_time = ast_.order_by[0];
  size_t time = 0;
  const ExprPtr bound = binder_->Bind(*by_time.expr, input_.scope);
  const Properties& properties = input_.node->properties;
  const bool is_column = IsColumn(*bound, &time);
  plan_.proctime = is_column && Contains(properties.proctimes, time);
  if (!plan_.proctime && !(is_column && Contains(properties.event_times, time))) {
    throw Error(ErrorCode::kInvalidWatermark,
                "the first key of ORDER BY must be a time attribute, which this is not",
                by_time.expr->range, "declare a watermark for it: WATERMARK FOR ts AS ts");
  }
  if (by_time.descending) {
    ThrowUnsupported("MATCH_RECOGNIZE in descending order of time is", by_time.expr->range);
  }
  plan_.order.push_back({time, false, true});
  if (plan_.proctime) {
    const auto arrival = AddArrival(&input_.node, binder_->arrivals());
    for (size_t column : arrival.value_or(std::vector<size_t>())) {
      plan_.order.push_back({column, false, true});
    }
  }
}

void MatchBinder::BindFurtherKeys() {
  for (size_t i = 1; i < ast_.order_by.size(); ++i) {
    const ast::SortItem& item = ast_.order_by[i];
    ExprPtr key = binder_->Bind(*item.expr, input_.scope);
    if (IsConstant(*key)) continue;
    const size_t column = ColumnOf(std::move(key));
    const bool known = std::ranges::any_of(
        plan_.order, [&](const SortKey& other) { return other.column == column; });
    if (known || Contains(plan_.partition, column)) continue;
    plan_.order.push_back({column, item.descending, item.nulls_first.value_or(!item.descending)});
  }
}

void MatchBinder::BindWithin() {
  if (!ast_.within) return;
  plan_.within = BindIntervalMicros(*ast_.within, binder_->context());
  if (*plan_.within > 0) return;
  throw Error(ErrorCode::kInvalidValue, "WITHIN needs an interval greater than zero",
              ast_.within->range);
}

// ---------------------------------------------------------------- DEFINE, MEASURES, AFTER MATCH

void MatchBinder::BindDefinitions() {
  for (const ast::PatternDefinition& definition : ast_.definitions) {
    const std::optional<size_t> variable = FindVariable(definition.variable);
    if (!variable) {
      throw Error(ErrorCode::kColumnNotFound,
                  fmt::format("the pattern has no variable \"{}\"", definition.variable.text),
                  definition.variable.range);
    }
    ExprPtr& condition = plan_.pattern[*variable].condition;
    if (condition) {
      throw Error(ErrorCode::kDuplicateObject,
                  fmt::format("variable \"{}\" is defined twice", definition.variable.text),
                  definition.variable.range);
    }
    defined_ = variable;
    condition = BindPredicate(*definition.condition, MatchScope(), binder_->context(), "DEFINE",
                              binder_->notices());
    defined_.reset();
    if (!IsDeterministic(*condition)) {
      ThrowUnsupported("conditions with a new value at every call are",
                       definition.condition->range,
                       "compute it in a subquery below MATCH_RECOGNIZE");
    }
  }
}

void MatchBinder::BindMeasures() {
  for (const ast::Measure& measure : ast_.measures) {
    plan_.measures.push_back(binder_->Bind(*measure.expr, MatchScope()));
    measure_names_.push_back(measure.name.text);
  }
  if (!plan_.measures.empty() || !plan_.partition.empty()) return;
  throw Error(ErrorCode::kBadRequest,
              "MATCH_RECOGNIZE without PARTITION BY and MEASURES gives no columns", range_);
}

void MatchBinder::BindSkip() {
  using Skip = MatchRecognize::Skip;
  switch (ast_.after_match) {
    case ast::AfterMatch::kDefault:
    case ast::AfterMatch::kPastLastRow:
      plan_.skip = Skip::kPastLastRow;
      return;
    case ast::AfterMatch::kToNextRow:
      plan_.skip = Skip::kToNextRow;
      return;
    case ast::AfterMatch::kToFirst:
      plan_.skip = Skip::kToFirst;
      break;
    case ast::AfterMatch::kToVariable:
    case ast::AfterMatch::kToLast:
      plan_.skip = Skip::kToLast;
      break;
  }
  const std::optional<size_t> variable = FindVariable(*ast_.skip_to);
  if (!variable) {
    throw Error(ErrorCode::kColumnNotFound,
                fmt::format("the pattern has no variable \"{}\"", ast_.skip_to->text),
                ast_.skip_to->range);
  }
  plan_.skip_to = *variable;
  const bool one_row = plan_.skip == Skip::kToFirst || plan_.pattern[*variable].max == 1;
  if (*variable == 0 && one_row) {
    throw Error(ErrorCode::kBadRequest,
                fmt::format("the next match would begin where this one began, at the {} row of "
                            "\"{}\", for ever",
                            plan_.skip == Skip::kToFirst ? "first" : "only",
                            plan_.pattern[0].name),
                ast_.skip_to->range, "AFTER MATCH SKIP TO NEXT ROW");
  }
}

void MatchBinder::NotifyUnbounded() const {
  if (plan_.within || binder_->mode() == QueryMode::kPull) return;
  const auto endless = std::ranges::find_if(
      plan_.pattern, [](const MatchVariable& variable) { return !variable.max; });
  if (endless == plan_.pattern.end()) return;
  binder_->Notify("UNBOUNDED_STATE",
                  fmt::format("a match may grow for ever while \"{}\" takes rows; WITHIN bounds it",
                              endless->name),
                  variable_ranges_[static_cast<size_t>(endless - plan_.pattern.begin())]);
}

}  // namespace millrace
