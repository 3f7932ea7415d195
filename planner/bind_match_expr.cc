// Names and calls inside the conditions and measures of MATCH_RECOGNIZE: each becomes an expression
// over slots, the values that the rows of a match give.
#include <algorithm>

#include "fmt/format.h"
#include "planner/bind_match.h"
#include "planner/join.h"
#include "planner/properties.h"

namespace millrace {
namespace {

bool SameSlot(const MatchSlot& a, const MatchSlot& b) {
  if (a.kind != b.kind || a.variable != b.variable || a.first != b.first || a.offset != b.offset) {
    return false;
  }
  if (a.kind != MatchSlot::Kind::kAggregate) return a.column == b.column;
  const bool same_argument =
      a.argument && b.argument ? SameExpr(*a.argument, *b.argument) : !a.argument && !b.argument;
  return a.aggregate.name == b.aggregate.name && same_argument;
}

}  // namespace

Scope MatchBinder::MatchScope() {
  Scope scope = input_.scope;
  scope.replace = [this](const ast::Expr& expr) { return Replace(expr); };
  return scope;
}

std::optional<size_t> MatchBinder::FindVariable(const ast::Name& name) const {
  for (const bool exact : {true, false}) {
    for (size_t i = 0; i < plan_.pattern.size(); ++i) {
      if (SameName(plan_.pattern[i].name, name.text, exact)) return i;
    }
  }
  return std::nullopt;
}

ExprPtr MatchBinder::Replace(const ast::Expr& expr) {
  if (auto* column = std::get_if<ast::ColumnRef>(&expr.node)) {
    return BindColumn(*column, expr.range);
  }
  auto* call = std::get_if<ast::FunctionCall>(&expr.node);
  return call && call->name.parts.size() == 1 ? BindCall(*call, expr.range) : nullptr;
}

ExprPtr MatchBinder::BindCall(const ast::FunctionCall& call, SourceRange range) {
  const std::string name = UpperName(call);
  if (call.over) ThrowUnsupported("window functions in MATCH_RECOGNIZE are", range);
  if (name == "FIRST" || name == "LAST") return BindNavigation(call, name == "FIRST", range);
  if (name == "MATCH_ROWTIME") return BindRowtime(call, range);
  if (name == "MATCH_PROCTIME") return MakeCall("proctime", {}, zone_, range);
  if (name == "PREV" || name == "NEXT") {
    ThrowUnsupported(name + " is", range,
                     "LAST(x, 1) is the row of the match before the last one");
  }
  if (name == "CLASSIFIER" || name == "MATCH_NUMBER") ThrowUnsupported(name + " is", range);
  return IsAggregateCall(call) ? BindAggregate(call, range) : nullptr;
}

// Whether there is such a row whenever the expression is evaluated.
bool MatchBinder::IsSure(const MatchSlot& slot) const {
  if (slot.offset > 0) return false;
  if (!slot.variable || slot.variable == defined_) return true;
  return !defined_ && plan_.pattern[*slot.variable].min > 0;
}

ExprPtr MatchBinder::SlotColumn(MatchSlot slot, SourceRange range) {
  const auto found = std::ranges::find_if(
      plan_.slots, [&](const MatchSlot& other) { return SameSlot(slot, other); });
  const auto index = static_cast<size_t>(found - plan_.slots.begin());
  Type type = slot.type;
  if (slot.kind != MatchSlot::Kind::kAggregate && !IsSure(slot)) type = type.AsNullable();
  if (found == plan_.slots.end()) plan_.slots.push_back(std::move(slot));
  return MakeColumnExpr(index, std::move(type), range);
}

ExprPtr MatchBinder::BindColumn(const ast::ColumnRef& column, SourceRange range) {
  std::optional<size_t> variable;
  ast::ColumnRef rest = column;
  if (column.parts.size() > 1) variable = FindVariable(column.parts[0]);
  if (variable) rest.parts.erase(rest.parts.begin());
  const ExprPtr bound = binder_->Bind(ast::Expr{rest, range}, input_.scope);
  Rows plain;
  const Rows& rows = rows_ ? *rows_ : plain;
  if (rows_) {
    if (rows_->named && rows_->variable != variable) {
      throw Error(ErrorCode::kBadRequest,
                  "inside FIRST, LAST and aggregates all columns are of one variable", range);
    }
    rows_->named = true;
    rows_->variable = variable;
  }
  if (rows.aggregate) return bound;
  return RemapColumns(bound, [&](const ColumnExpr& part, const Expr& old) {
    MatchSlot slot;
    slot.variable = variable;
    slot.first = rows.first;
    slot.offset = rows.offset;
    slot.column = part.index;
    slot.type = old.type;
    return SlotColumn(std::move(slot), range);
  });
}

void MatchBinder::CheckPlain(const ast::FunctionCall& call, SourceRange range) const {
  if (rows_) {
    throw Error(ErrorCode::kBadRequest, "FIRST, LAST and aggregates cannot be inside one another",
                range);
  }
  if (call.distinct) ThrowUnsupported("DISTINCT in MATCH_RECOGNIZE is", range);
  if (call.filter) ThrowUnsupported("FILTER in MATCH_RECOGNIZE is", call.filter->range);
  if (!call.order_by.empty()) ThrowUnsupported("ORDER BY inside MATCH_RECOGNIZE is", range);
}

ExprPtr MatchBinder::BindInside(const ast::Expr& expr, Rows* rows, SourceRange range) {
  rows_ = rows;
  ExprPtr bound;
  try {
    bound = binder_->Bind(expr, MatchScope());
  } catch (...) {
    rows_ = nullptr;
    throw;
  }
  rows_ = nullptr;
  if (rows->named) return bound;
  throw Error(ErrorCode::kBadRequest, "this needs a column, whose rows it is about", range);
}

int64_t MatchBinder::BindOffset(const ast::Expr& expr) const {
  const ExprPtr bound = binder_->Bind(expr, Scope{});
  if (IsConstant(*bound) && IsInteger(bound->type.id)) {
    const Value value = EvaluateConstant(*bound, zone_);
    if (auto* offset = std::get_if<int64_t>(&value.data); offset && *offset >= 0) return *offset;
  }
  throw Error(ErrorCode::kInvalidValue,
              "the offset of FIRST and LAST is a constant, zero or greater", expr.range);
}

// A function of columns has the value that it has for the row, and NULL if there is no such row.
ExprPtr MatchBinder::BindNavigation(const ast::FunctionCall& call, bool first, SourceRange range) {
  CheckPlain(call, range);
  if (call.args.empty() || call.args.size() > 2) {
    throw Error(ErrorCode::kBadRequest,
                fmt::format("{} takes a value and perhaps an offset", UpperName(call)), range);
  }
  Rows rows;
  rows.first = first;
  if (call.args.size() == 2) rows.offset = BindOffset(*call.args[1].value);
  ExprPtr value = BindInside(*call.args[0].value, &rows, range);
  if (IsColumn(*value)) return value;
  MatchSlot slot;
  slot.kind = MatchSlot::Kind::kExists;
  slot.variable = rows.variable;
  slot.first = first;
  slot.offset = rows.offset;
  slot.type = Type(TypeId::kBoolean, false);
  if (IsSure(slot)) return value;
  const Type type = value->type.AsNullable();
  ExprPtr exists = MakeCall("is_not_null", {SlotColumn(std::move(slot), range)}, zone_, range);
  CaseExpr choice;
  choice.whens.emplace_back(std::move(exists), std::move(value));
  choice.otherwise = MakeLiteral(Value{}, type, range);
  return std::make_shared<const Expr>(Expr{type, range, std::move(choice)});
}

ExprPtr MatchBinder::BindAggregate(const ast::FunctionCall& call, SourceRange range) {
  CheckPlain(call, range);
  const std::string name = UpperName(call);
  MatchSlot slot;
  slot.kind = MatchSlot::Kind::kAggregate;
  std::vector<Type> types;
  const ast::Star* star =
      call.args.empty() ? nullptr : std::get_if<ast::Star>(&call.args[0].value->node);
  if (star && star->qualifier) {
    slot.variable = FindVariable(star->qualifier->parts[0]);
    if (!slot.variable || star->qualifier->parts.size() > 1) {
      throw Error(ErrorCode::kColumnNotFound, "the pattern has no such variable",
                  star->qualifier->range);
    }
  } else if (!star) {
    if (call.args.size() != 1) {
      ThrowUnsupported(fmt::format("{} in MATCH_RECOGNIZE is", name), range);
    }
    Rows rows;
    rows.aggregate = true;
    slot.argument = BindInside(*call.args[0].value, &rows, range);
    slot.variable = rows.variable;
    types.push_back(slot.argument->type);
  }
  try {
    slot.aggregate = BuiltinFunctions().ResolveAggregate(Lower(name), types, false);
  } catch (const Error& error) {
    throw Error(error.code, error.message, error.range.value_or(range), error.hint);
  }
  const ResolvedAggregate& aggregate = slot.aggregate;
  if (aggregate.ordered || aggregate.weighted || aggregate.constant || aggregate.kernel.fold ||
      aggregate.multiset_extreme != 0) {
    ThrowUnsupported(fmt::format("{} in MATCH_RECOGNIZE is", name), range,
                     "FIRST(x) and LAST(x) give the value of a single row");
  }
  if (slot.argument) {
    if (!IsDeterministic(*slot.argument)) {
      ThrowUnsupported("a function with a new value at every call is", slot.argument->range);
    }
    slot.argument = MakeCast(slot.argument, aggregate.parameters[0], false, zone_);
  }
  slot.type = aggregate.result;
  return SlotColumn(std::move(slot), range);
}

// The time of the match's last row.
ExprPtr MatchBinder::BindRowtime(const ast::FunctionCall& call, SourceRange range) {
  if (plan_.proctime) {
    throw Error(ErrorCode::kInvalidWatermark,
                "MATCH_ROWTIME needs ORDER BY an event time column", range,
                "MATCH_PROCTIME() is the time at which the match is found");
  }
  MatchSlot slot;
  slot.column = plan_.order[0].column;
  if (!call.args.empty()) {
    const ExprPtr argument = binder_->Bind(*call.args[0].value, input_.scope);
    size_t column = 0;
    if (call.args.size() > 1 || !IsColumn(*argument, &column) || column != slot.column) {
      throw Error(ErrorCode::kBadRequest,
                  "MATCH_ROWTIME takes nothing, or the event time column of ORDER BY", range);
    }
  }
  slot.type = input_.node->schema[slot.column].type.AsNullable(false);
  return SlotColumn(std::move(slot), range);
}

}  // namespace millrace
