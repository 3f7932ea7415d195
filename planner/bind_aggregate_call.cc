// Calls of aggregate functions in a query block: their arguments, and the order of the rows where
// the result depends on it.
#include <algorithm>

#include "fmt/format.h"
#include "parser/print.h"
#include "planner/arrival.h"
#include "planner/bind_query.h"
#include "planner/decorrelate.h"
#include "planner/join.h"
#include "planner/properties.h"
#include "planner/rewrite.h"

namespace millrace {
namespace {

constexpr std::string_view kOrdered[] = {"FIRST_VALUE", "LAST_VALUE", "LISTAGG", "STRING_AGG",
                                         "ARRAY_AGG"};
constexpr std::string_view kNullTreatment[] = {"FIRST_VALUE", "LAST_VALUE", "ARRAY_AGG"};

template <class List>
bool Contains(const List& list, std::string_view name) {
  return std::ranges::find(list, name) != std::end(list);
}

// One of the rows is taken, whatever there is of equal ones.
bool TakesOne(std::string_view name) {
  return name == "MIN" || name == "MAX" || name == "FIRST_VALUE" || name == "LAST_VALUE";
}

// Whether the call is by the order of arrival, and so needs it of the input.
bool IsByArrival(const ast::FunctionCall& call) {
  const std::string name = UpperName(call);
  if (call.over || !call.order_by.empty() || !Contains(kOrdered, name)) return false;
  return !call.distinct || TakesOne(name);
}

bool HasCallByArrival(const ast::Expr& expr) {
  bool found = false;
  VisitExpr(expr, [&](const ast::Expr& e) {
    auto* call = std::get_if<ast::FunctionCall>(&e.node);
    found = found || (call && IsByArrival(*call));
    return !found && !(call && call->over);
  });
  return found;
}

std::vector<Type> TypesOf(std::span<const ExprPtr> exprs) {
  std::vector<Type> types;
  for (const ExprPtr& expr : exprs) types.push_back(expr->type);
  return types;
}

void CheckPercentages(const Value& value, SourceRange range) {
  if (auto* list = std::get_if<Values>(&value.data)) {
    for (const Value& element : *list) CheckPercentages(element, range);
    if (!list->empty()) return;
  } else if (auto* number = std::get_if<double>(&value.data)) {
    if (*number >= 0 && *number <= 1) return;
  }
  throw Error(ErrorCode::kInvalidValue, "PERCENTILE needs percentages from 0 to 1", range,
              "PERCENTILE(x, 0.5) is the median");
}

// COUNT(DISTINCT a, b) counts rows of values none of which is NULL.
void JoinArguments(const std::string& zone, SourceRange range, std::vector<ExprPtr>* arguments,
                   ExprPtr* filter) {
  std::vector<ExprPtr> terms;
  for (const ExprPtr& argument : *arguments) {
    terms.push_back(MakeCall("is_not_null", {argument}, zone, range));
  }
  if (*filter) terms.push_back(*filter);
  *filter = Conjoin(std::move(terms));
  *arguments = {MakeRowExpr(std::move(*arguments), range)};
}

}  // namespace

ExprPtr MakeRowExpr(std::vector<ExprPtr> fields, SourceRange range) {
  std::vector<Field> types;
  for (const ExprPtr& field : fields) types.push_back({"", field->type});
  return std::make_shared<const Expr>(
      Expr{Type::MakeRow(std::move(types)).AsNullable(false), range, RowExpr{std::move(fields)}});
}

Value ConstantArgument(const std::string& name, const Expr& expr, const QueryBinder& binder) {
  if (!IsConstant(expr)) {
    ThrowUnsupported(fmt::format("other than constant arguments of {} behind the first are", name),
                     expr.range);
  }
  Value value = EvaluateConstant(expr, binder.context().session->zone());
  if (name == "PERCENTILE") {
    CheckPercentages(value, expr.range);
  } else if (value.is_null()) {
    throw Error(ErrorCode::kInvalidValue, fmt::format("the separator of {} is NULL", name),
                expr.range);
  }
  return value;
}

// Aggregates that are by arrival need it from the input, before the block's columns are numbered.
void Grouping::FindArrival(const ast::Select& select, std::span<const ast::SortItem> order_by) {
  bool needed = select.having && HasCallByArrival(*select.having);
  for (const ast::SelectItem& item : select.items) needed = needed || HasCallByArrival(*item.expr);
  for (const ast::SortItem& item : order_by) needed = needed || HasCallByArrival(*item.expr);
  if (needed) arrival_ = AddArrival(&input_.node, binder_->arrivals());
}

void Grouping::CheckClauses(const ast::FunctionCall& call, const std::string& name,
                            SourceRange range) const {
  if (!call.order_by.empty() && !Contains(kOrdered, name)) {
    throw Error(ErrorCode::kUnsupportedFeature,
                fmt::format("{} takes no ORDER BY: its result does not depend on it", name), range);
  }
  if (call.nulls != ast::NullTreatment::kDefault && !Contains(kNullTreatment, name)) {
    throw Error(ErrorCode::kUnsupportedFeature,
                fmt::format("{} takes no IGNORE NULLS and no RESPECT NULLS", name), range);
  }
}

std::vector<ExprPtr> Grouping::BindArguments(const ast::FunctionCall& call,
                                             const Scope& scope) const {
  std::vector<ExprPtr> arguments;
  if (!call.args.empty() && std::holds_alternative<ast::Star>(call.args[0].value->node)) {
    return arguments;
  }
  for (const ast::FunctionArg& argument : call.args) {
    arguments.push_back(binder_->Bind(*argument.value, scope));
  }
  return arguments;
}

void Grouping::SetFunction(const std::string& name, std::vector<ExprPtr> arguments,
                           SourceRange range, Call* bound) const {
  const std::string& zone = binder_->context().session->zone();
  if (name == "COUNT" && arguments.size() > 1 && bound->distinct) {
    JoinArguments(zone, range, &arguments, &bound->filter);
  }
  for (const ExprPtr& argument : arguments) {
    bool own = false;
    ForEachColumn(*argument, [&](size_t column) { own = own || !IsOuterColumn(column); });
    if (!own && HasOuterColumns(*argument)) {
      ThrowUnsupported("aggregates over columns of the enclosing query alone are", range);
    }
  }
  ResolvedAggregate& function = bound->function;
  try {
    function = BuiltinFunctions().ResolveAggregate(Lower(name), TypesOf(arguments),
                                                   !input_.node->properties.append_only);
  } catch (const Error& error) {
    throw Error(error.code, error.message, error.range.value_or(range), error.hint);
  }
  for (size_t i = 0; i < arguments.size() && i < function.parameters.size(); ++i) {
    arguments[i] = MakeCast(arguments[i], function.parameters[i], false, zone);
  }
  if (!arguments.empty()) bound->argument = arguments[0];
  if (function.weighted) bound->weight = arguments.back();
  if (!function.constant) return;
  const Value constant = ConstantArgument(name, *arguments[*function.constant], *binder_);
  function.kernel = function.make_kernel({function.parameters, function.result, &constant, {}});
}

// What the rows are ordered by, as expressions that are all ascending with NULLs first.
std::vector<ExprPtr> Grouping::OrderOf(const ast::FunctionCall& call, const Scope& scope,
                                       SourceRange range, const Call& bound) {
  const std::string& zone = binder_->context().session->zone();
  std::vector<ExprPtr> order;
  for (const ast::SortItem& item : call.order_by) {
    ExprPtr key = binder_->Bind(*item.expr, scope);
    if (bound.distinct && !SameExpr(*key, *bound.argument)) {
      throw Error(ErrorCode::kBadRequest,
                  fmt::format("{}(DISTINCT …) is ordered by its argument only", UpperName(call)),
                  item.expr->range);
    }
    const bool nulls_first = item.nulls_first.value_or(!item.descending);
    if (key->type.nullable && nulls_first == item.descending) {
      order.push_back(
          MakeCall(nulls_first ? "is_not_null" : "is_null", {key}, zone, item.expr->range));
    }
    if (item.descending) key = MakeCall("descending_key", {key}, zone, item.expr->range);
    order.push_back(std::move(key));
  }
  if (!IsByArrival(call)) return order;
  if (!arrival_) {
    binder_->Notify("NO_ARRIVAL_ORDER",
                    fmt::format("{} follows the order of its values: rows of a view or of another "
                                "aggregate have no order of arrival",
                                UpperName(call)),
                    range);
    return order;
  }
  for (size_t column : *arrival_) {
    order.push_back(MakeColumnExpr(column, schema_[column].type, range));
  }
  return order;
}

// An ordered aggregate's argument is a ROW of the order and the argument.
void Grouping::SetOrder(const ast::FunctionCall& call, const Scope& scope, SourceRange range,
                        Call* bound) {
  ResolvedAggregate& function = bound->function;
  if (call.nulls != ast::NullTreatment::kDefault) {
    function.takes_nulls = call.nulls == ast::NullTreatment::kRespect;
  }
  if (!function.takes_nulls && bound->argument->type.nullable) {
    const std::string& zone = binder_->context().session->zone();
    std::vector<ExprPtr> terms{MakeCall("is_not_null", {bound->argument}, zone, range)};
    if (bound->filter) terms.push_back(bound->filter);
    bound->filter = Conjoin(std::move(terms));
  }
  std::vector<ExprPtr> fields = OrderOf(call, scope, range, *bound);
  const std::vector<Type> order = TypesOf(fields);
  if (!function.constant) {
    function.kernel = function.make_kernel({function.parameters, function.result, nullptr, order});
  }
  fields.push_back(bound->argument);
  bound->argument = MakeRowExpr(std::move(fields), range);
}

ExprPtr Grouping::BindCall(const ast::FunctionCall& call, const ast::Expr& expr) {
  const std::string name = UpperName(call);
  CheckClauses(call, name, expr.range);
  Scope scope = input_.scope;
  scope.replace = [](const ast::Expr& inner) -> ExprPtr {
    auto* nested = std::get_if<ast::FunctionCall>(&inner.node);
    if (nested && IsAggregateCall(*nested)) {
      throw Error(ErrorCode::kBadRequest, "an aggregate cannot be inside another", inner.range,
                  "compute the inner one in a subquery");
    }
    return nullptr;
  };
  Call bound;
  bound.distinct = call.distinct && !TakesOne(name);
  if (call.filter) {
    bound.filter =
        BindPredicate(*call.filter, scope, binder_->context(), "FILTER", binder_->notices());
  }
  SetFunction(name, BindArguments(call, scope), expr.range, &bound);
  bound.distinct = bound.distinct && bound.argument;
  if (bound.function.ordered) SetOrder(call, scope, expr.range, &bound);
  bound.name = ToSql(expr);
  return AddCall(std::move(bound), expr.range);
}

// Equal calls are made once.
ExprPtr Grouping::AddCall(Call call, SourceRange range) {
  auto same = [](const ExprPtr& a, const ExprPtr& b) {
    return a && b ? SameExpr(*a, *b) : !a && !b;
  };
  const auto found = std::ranges::find_if(calls_, [&](const Call& other) {
    // Constant arguments are in the kernel, and in the name.
    const bool constants = !call.function.constant || other.name == call.name;
    return other.function.name == call.function.name && other.distinct == call.distinct &&
           other.function.takes_nulls == call.function.takes_nulls && constants &&
           same(other.argument, call.argument) && same(other.filter, call.filter) &&
           same(other.weight, call.weight);
  });
  const size_t index = static_cast<size_t>(found - calls_.begin());
  const Type result = call.function.result;
  if (index == calls_.size()) calls_.push_back(std::move(call));
  return MakeColumnExpr(first_call_ + index, result, range);
}

}  // namespace millrace
