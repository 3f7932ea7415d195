#include "planner/bind_over.h"

#include <algorithm>
#include <array>

#include "fmt/format.h"
#include "parser/print.h"
#include "planner/arrival.h"
#include "planner/expr_binder.h"
#include "planner/join.h"
#include "planner/outer_columns.h"
#include "planner/properties.h"
#include "planner/rewrite.h"

namespace millrace {
namespace {

constexpr std::array<std::string_view, 3> kRanks = {"row_number", "rank", "dense_rank"};
constexpr std::array<std::string_view, 2> kShares = {"percent_rank", "cume_dist"};
constexpr std::array<std::string_view, 3> kValues = {"first_value", "last_value", "nth_value"};

template <size_t n>
bool Contains(const std::array<std::string_view, n>& list, std::string_view name) {
  return std::ranges::find(list, name) != list.end();
}

bool Contains(const std::vector<size_t>& list, size_t value) {
  return std::ranges::find(list, value) != list.end();
}

bool SameOrNull(const ExprPtr& a, const ExprPtr& b) { return a && b ? SameExpr(*a, *b) : !a && !b; }

bool SameBound(const OverBound& a, const OverBound& b) {
  return a.kind == b.kind && a.following == b.following && a.rows == b.rows &&
         SameOrNull(a.offset, b.offset);
}

bool SameFrame(const OverFrame& a, const OverFrame& b) {
  return a.rows == b.rows && SameBound(a.begin, b.begin) && SameBound(a.end, b.end);
}

bool IsProctime(const Node& node, size_t column) {
  return Contains(node.properties.proctimes, column);
}

// Whether the call does not look behind its row's peers, so that the rows up to a time are all it
// needs.
bool EndsAtRow(const OverCall& call) {
  if (Contains(kRanks, call.function) || call.function == "lag") return true;
  if (Contains(kShares, call.function) || call.function == "ntile" || call.function == "lead") {
    return false;
  }
  const OverBound& end = call.frame.end;
  return end.kind == OverBound::Kind::kCurrentRow ||
         (end.kind == OverBound::Kind::kOffset && !end.following);
}

// The window's columns first, so that the others are the end of a partition's key.
void SortPartition(const WindowColumns& window, std::vector<size_t>* partition) {
  std::ranges::sort(*partition);
  partition->erase(std::unique(partition->begin(), partition->end()), partition->end());
  std::ranges::stable_sort(*partition, {}, [&](size_t column) {
    return column == window.end ? 0 : column == window.start ? 1 : column == window.time ? 2 : 3;
  });
}

void ExpectArguments(const ast::FunctionCall& function, size_t least, size_t most,
                     SourceRange range) {
  if (function.args.size() >= least && function.args.size() <= most) return;
  const std::string name = UpperName(function);
  const std::string count =
      least == most ? fmt::format("{}", least) : fmt::format("{} to {}", least, most);
  throw Error(ErrorCode::kFunctionNotFound,
              fmt::format("{} takes {} argument{}, not {}", name, count, most == 1 ? "" : "s",
                          function.args.size()),
              range);
}

}  // namespace

ExprPtr Windows::Bind(const ast::Expr& expr, const BindFunction& bind) {
  auto* function = std::get_if<ast::FunctionCall>(&expr.node);
  if (!function || !function->over) return nullptr;
  if (inside_) {
    throw Error(ErrorCode::kBadRequest, "a window function cannot be inside another", expr.range,
                "compute the inner one in a subquery");
  }
  inside_ = true;
  Call call;
  call.range = expr.range;
  call.name = ToSql(expr);
  BindSpec(*function->over, bind, &call);
  BindFunctionCall(*function, bind, &call);
  inside_ = false;
  auto same_all = [](const std::vector<ExprPtr>& a, const std::vector<ExprPtr>& b) {
    return std::ranges::equal(a, b,
                              [](const ExprPtr& x, const ExprPtr& y) { return SameExpr(*x, *y); });
  };
  auto same_order = [](const Order& a, const Order& b) {
    return SameExpr(*a.expr, *b.expr) && a.descending == b.descending &&
           a.nulls_first == b.nulls_first;
  };
  // Constant arguments are in the kernel, and in the name.
  auto same_constants = [&](const OverCall& other, const std::string& name) {
    return !other.aggregate || !call.plan.aggregate ||
           ((!other.aggregate->constant || name == call.name) &&
            other.aggregate->takes_nulls == call.plan.aggregate->takes_nulls);
  };
  const auto known = std::ranges::find_if(calls_, [&](const Call& other) {
    return other.plan.function == call.plan.function &&
           other.plan.parameter == call.plan.parameter &&
           other.plan.distinct == call.plan.distinct &&
           other.plan.ignore_nulls == call.plan.ignore_nulls && same_constants(other.plan, other.name) &&
           SameOrNull(other.filter, call.filter) && SameFrame(other.plan.frame, call.plan.frame) &&
           same_all(other.arguments, call.arguments) && same_all(other.partition, call.partition) &&
           std::ranges::equal(other.order, call.order, same_order);
  });
  const size_t index = static_cast<size_t>(known - calls_.begin());
  const Type result = call.plan.result;
  if (known == calls_.end()) calls_.push_back(std::move(call));
  return MakeColumnExpr(kFirstColumn + index, result, expr.range);
}

// The specification with what it takes from named windows, which stand before number `named`.
Windows::Spec Windows::Resolve(const ast::WindowSpec& spec, size_t named) const {
  Spec out;
  if (spec.base) {
    size_t found = named;
    for (size_t i = 0; i < named; ++i) {
      if (SameWithoutCase(select_.windows[i].name.text, spec.base->text)) found = i;
    }
    if (found == named) {
      throw Error(ErrorCode::kColumnNotFound,
                  fmt::format("there is no window \"{}\"", spec.base->text), spec.base->range,
                  "name it in the WINDOW clause: WINDOW w AS (PARTITION BY … ORDER BY …)");
    }
    out = Resolve(select_.windows[found].spec, found);
    const bool alone = spec.partition_by.empty() && spec.order_by.empty() && !spec.frame;
    auto refuse = [&](const char* what) {
      throw Error(ErrorCode::kBadRequest, fmt::format("window \"{}\" {}", spec.base->text, what),
                  spec.base->range);
    };
    if (!spec.partition_by.empty()) refuse("cannot be given another PARTITION BY");
    if (!spec.order_by.empty() && !out.order.empty()) refuse("already has an ORDER BY");
    if (!alone && out.frame) refuse("has a frame, so that it can only be used as it is");
  }
  for (const ast::ExprPtr& expr : spec.partition_by) out.partition.push_back(expr.get());
  for (const ast::SortItem& item : spec.order_by) out.order.push_back(&item);
  if (spec.frame) out.frame = &*spec.frame;
  return out;
}

void Windows::BindSpec(const ast::WindowSpec& spec, const BindFunction& bind, Call* call) const {
  for (size_t i = 0; i < select_.windows.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      const ast::Name& name = select_.windows[i].name;
      if (!SameWithoutCase(select_.windows[j].name.text, name.text)) continue;
      throw Error(ErrorCode::kBadRequest, fmt::format("window \"{}\" is named twice", name.text),
                  name.range);
    }
  }
  const Spec resolved = Resolve(spec, select_.windows.size());
  // Constants neither part nor order rows.
  for (const ast::Expr* item : resolved.partition) {
    ExprPtr expr = bind(*item);
    const bool known = std::ranges::any_of(
        call->partition, [&](const ExprPtr& other) { return SameExpr(*other, *expr); });
    if (!known && !IsConstant(*expr)) call->partition.push_back(std::move(expr));
  }
  for (const ast::SortItem* item : resolved.order) {
    ExprPtr expr = bind(*item->expr);
    const bool known = std::ranges::any_of(
        call->order, [&](const Order& other) { return SameExpr(*other.expr, *expr); });
    if (known || IsConstant(*expr)) continue;
    call->order.push_back(
        {std::move(expr), item->descending, item->nulls_first.value_or(!item->descending)});
  }
  call->plan.frame = BindFrame(resolved.frame, *call);
}

void Windows::BindFunctionCall(const ast::FunctionCall& function, const BindFunction& bind,
                               Call* call) const {
  const std::string name = Lower(UpperName(function));
  call->plan.function = name;
  const bool shift = name == "lag" || name == "lead";
  const bool chooses = shift || Contains(kValues, name) || name == "array_agg";
  if (function.nulls == ast::NullTreatment::kIgnore && !chooses) {
    throw Error(ErrorCode::kUnsupportedFeature,
                fmt::format("{} takes no IGNORE NULLS", UpperName(function)), call->range,
                "LAG, LEAD, FIRST_VALUE, LAST_VALUE, NTH_VALUE and ARRAY_AGG do");
  }
  if (!function.order_by.empty()) ThrowUnsupported("ORDER BY in a window function is", call->range);
  const bool ranking =
      shift || name == "ntile" || Contains(kRanks, name) || Contains(kShares, name);
  if (!ranking && !Contains(kValues, name)) return BindAggregate(function, bind, call);
  if (function.distinct || function.filter) {
    throw Error(ErrorCode::kBadRequest,
                fmt::format("{} is for aggregate functions, which {} is not",
                            function.distinct ? "DISTINCT" : "FILTER", UpperName(function)),
                call->range);
  }
  if (shift || !ranking) {
    shift ? BindShift(function, bind, call) : BindValue(function, bind, call);
    // LAG(x, 0) is the row's own value.
    const bool counts = call->arguments[0]->type.nullable && (!shift || call->plan.parameter > 0);
    call->plan.ignore_nulls = function.nulls == ast::NullTreatment::kIgnore && counts;
    return;
  }
  call->plan.frame = {};
  if (name == "ntile") {
    ExpectArguments(function, 1, 1, call->range);
    call->plan.parameter = BindCount(*function.args[0].value, "the number of buckets");
    if (call->plan.parameter == 0) {
      throw Error(ErrorCode::kInvalidValue, "NTILE needs at least one bucket",
                  function.args[0].value->range);
    }
  } else {
    ExpectArguments(function, 0, 0, call->range);
  }
  call->plan.result =
      Type(Contains(kShares, name) ? TypeId::kDouble : TypeId::kBigInt).AsNullable(false);
}

// LAG and LEAD (value [, offset [, default]])
void Windows::BindShift(const ast::FunctionCall& function, const BindFunction& bind,
                        Call* call) const {
  ExpectArguments(function, 1, 3, call->range);
  OverCall& plan = call->plan;
  plan.frame = {};
  plan.parameter = 1;
  call->arguments.push_back(bind(*function.args[0].value));
  if (function.args.size() > 1) {
    plan.parameter =
        BindCount(*function.args[1].value, fmt::format("the offset of {}", UpperName(function)));
  }
  plan.result = call->arguments[0]->type.AsNullable();
  if (function.args.size() < 3) return;
  const std::string zone = binder_.context().session->zone();
  ExprPtr otherwise = CoerceStringLiteral(bind(*function.args[2].value), plan.result, zone);
  const auto common = CommonType(call->arguments[0]->type, otherwise->type);
  if (!common) {
    throw Error(ErrorCode::kTypeMismatch,
                fmt::format("the default of {} is {}, but the value {}", UpperName(function),
                            otherwise->type.ToString(), call->arguments[0]->type.ToString()),
                otherwise->range);
  }
  const bool nullable = call->arguments[0]->type.nullable || otherwise->type.nullable;
  call->arguments.push_back(std::move(otherwise));
  for (ExprPtr& argument : call->arguments) argument = Coerce(std::move(argument), *common, zone);
  plan.result = common->AsNullable(nullable);
}

void Windows::BindValue(const ast::FunctionCall& function, const BindFunction& bind,
                        Call* call) const {
  const bool nth = call->plan.function == "nth_value";
  ExpectArguments(function, nth ? 2 : 1, nth ? 2 : 1, call->range);
  call->arguments.push_back(bind(*function.args[0].value));
  call->plan.result = call->arguments[0]->type.AsNullable();
  if (!nth) return;
  call->plan.parameter = BindCount(*function.args[1].value, "the row of NTH_VALUE");
  if (call->plan.parameter == 0) {
    throw Error(ErrorCode::kInvalidValue, "NTH_VALUE counts rows from 1",
                function.args[1].value->range);
  }
}

void Windows::BindAggregate(const ast::FunctionCall& function, const BindFunction& bind,
                            Call* call) const {
  if (!IsAggregateCall(function)) {
    throw Error(
        ErrorCode::kFunctionNotFound,
        fmt::format("{} is neither an aggregate nor a window function", UpperName(function)),
        function.name.range);
  }
  if (function.filter) call->filter = BindFilter(*function.filter, bind);
  std::vector<Type> types;
  const bool star =
      !function.args.empty() && std::holds_alternative<ast::Star>(function.args[0].value->node);
  for (const ast::FunctionArg& argument : function.args) {
    if (star) break;
    call->arguments.push_back(bind(*argument.value));
    types.push_back(call->arguments.back()->type);
  }
  OverCall& plan = call->plan;
  try {
    plan.aggregate = BuiltinFunctions().ResolveAggregate(plan.function, types, false);
  } catch (const Error& error) {
    throw Error(error.code, error.message, error.range.value_or(call->range), error.hint);
  }
  plan.distinct =
      function.distinct && !types.empty() && plan.function != "min" && plan.function != "max";
  plan.result = plan.aggregate->result;
  SetArguments(function, call);
}

// Casts them, and makes the kernel of what is given constants or depends on the order.
void Windows::SetArguments(const ast::FunctionCall& function, Call* call) const {
  ResolvedAggregate& aggregate = *call->plan.aggregate;
  const std::string zone = binder_.context().session->zone();
  if (aggregate.weighted) ThrowUnsupported("weights in a window function are", call->range);
  std::vector<ExprPtr>& arguments = call->arguments;
  for (size_t i = 0; i < arguments.size() && i < aggregate.parameters.size(); ++i) {
    arguments[i] = MakeCast(arguments[i], aggregate.parameters[i], false, zone);
  }
  if (aggregate.constant) {
    const Value constant =
        ConstantArgument(UpperName(function), *arguments[*aggregate.constant], binder_);
    aggregate.kernel =
        aggregate.make_kernel({aggregate.parameters, aggregate.result, &constant, {}});
  }
  if (arguments.size() > 1) arguments.resize(1);
  if (!aggregate.ordered) return;
  // The rows have the window's order; the argument is a ROW of what else orders them and itself.
  if (function.nulls != ast::NullTreatment::kDefault) {
    aggregate.takes_nulls = function.nulls == ast::NullTreatment::kRespect;
  }
  if (!aggregate.takes_nulls && arguments[0]->type.nullable) {
    std::vector<ExprPtr> terms{MakeCall("is_not_null", {arguments[0]}, zone, call->range)};
    if (call->filter) terms.push_back(call->filter);
    call->filter = Conjoin(std::move(terms));
  }
  if (!aggregate.constant) {
    aggregate.kernel = aggregate.make_kernel({aggregate.parameters, aggregate.result, nullptr, {}});
  }
  arguments[0] = MakeRowExpr({arguments[0]}, call->range);
}

ExprPtr Windows::BindFilter(const ast::Expr& filter, const BindFunction& bind) const {
  ExprPtr bound = bind(filter);
  if (bound->type.id != TypeId::kBoolean && bound->type.id != TypeId::kNull) {
    throw Error(ErrorCode::kTypeMismatch,
                fmt::format("FILTER must be BOOLEAN, not {}", bound->type.ToString()),
                filter.range);
  }
  return MakeCast(std::move(bound), Type(TypeId::kBoolean));
}

ExprPtr Windows::Finish(const ExprPtr& expr) const {
  return ReplaceExpr(expr, [&](const ExprPtr& part) -> ExprPtr {
    size_t column = 0;
    if (!IsColumn(*part, &column) || column < kFirstColumn) return nullptr;
    if (column >= kFirstOuterColumn) return part;
    return MakeColumnExpr(calls_[column - kFirstColumn].column, part->type, part->range);
  });
}

// The input's columns, and behind them the expressions that are none of them; `exprs` become
// columns.
NodePtr Windows::ProjectInput(NodePtr input, std::vector<ExprPtr>* exprs) const {
  std::vector<ExprPtr> columns = AllColumns(input->schema);
  std::vector<std::string> names = NamesOf(input->schema);
  const std::vector<std::string> inputs = names;
  for (ExprPtr& expr : *exprs) {
    binder_.CheckRepeatable(*input, *expr);
    size_t at = 0;
    while (at < columns.size() && !SameExpr(*columns[at], *expr)) ++at;
    if (at == columns.size()) {
      columns.push_back(expr);
      names.push_back(ToString(*expr, inputs));
    }
    expr = MakeColumnExpr(at, expr->type, expr->range);
  }
  if (columns.size() == input->schema.size()) return input;
  const SourceRange range = input->range;
  return MakeProject(std::move(input), std::move(columns), std::move(names), range);
}

// When rows are given, and what of time there is to free state by.
void Windows::SetTime(const Node& input, Over* over, QueryBinder* binder) const {
  if (binder_.mode() == QueryMode::kPull) return;
  over->state_ttl = state_ttl_;
  const Properties& properties = input.properties;
  for (size_t i = 0; i < over->partition.size(); ++i) {
    if (over->partition[i] == properties.window.end) over->window_end = i;
  }
  if (over->window_end) {
    binder->CountWindowAggregate();
    over->grace = binder_.emit().grace;
    over->allowed_lateness = binder_.DurationSetting("table.exec.window.allowed-lateness");
    over->emit_on_close = binder_.emit().on_close;
    over->append_only = over->emit_on_close && over->allowed_lateness == 0;
    return;
  }
  if (over->order.empty() || over->order[0].descending || !properties.append_only) return;
  if (!std::ranges::all_of(over->calls, EndsAtRow)) return;
  const size_t time = over->order[0].column;
  over->proctime = Contains(properties.proctimes, time);
  over->append_only =
      over->proctime || (binder_.emit().on_close && Contains(properties.event_times, time));
  if (!over->append_only) return;
  binder->CountWindowAggregate();
  if (!over->proctime) over->grace = binder_.emit().grace;
}

// Where some window is ordered by processing time: columns that tell how the rows came.
std::vector<size_t> Windows::AddArrivals(NodePtr* node, const std::vector<ExprPtr>& exprs) const {
  auto next = exprs.begin();
  bool needed = false;
  for (const Call& call : calls_) {
    next += std::ssize(call.partition);
    size_t column = 0;
    if (call.order.size() == 1 && IsColumn(**next, &column)) needed |= IsProctime(**node, column);
    next += std::ssize(call.order) + std::ssize(call.arguments) + (call.filter != nullptr);
  }
  if (!needed) return {};
  return AddArrival(node, binder_.arrivals()).value_or(std::vector<size_t>());
}

NodePtr Windows::Build(NodePtr input, const std::function<ExprPtr(const ExprPtr&)>& finish,
                       QueryBinder* binder) {
  // One list of all expressions, in the order in which the calls are gone through.
  std::vector<ExprPtr> exprs;
  for (const Call& call : calls_) {
    for (const ExprPtr& expr : call.partition) exprs.push_back(finish(expr));
    for (const Order& order : call.order) exprs.push_back(finish(order.expr));
    for (const ExprPtr& expr : call.arguments) exprs.push_back(finish(expr));
    if (call.filter) exprs.push_back(finish(call.filter));
  }
  NodePtr node = ProjectInput(std::move(input), &exprs);
  const auto arrival = AddArrivals(&node, exprs);
  auto next = exprs.begin();
  auto take = [&] {
    size_t column = 0;
    IsColumn(**next++, &column);
    return column;
  };
  struct Group {
    Over over;
    std::vector<Call*> calls;
  };
  std::vector<Group> groups;
  for (Call& call : calls_) {
    Over over;
    for (size_t i = 0; i < call.partition.size(); ++i) over.partition.push_back(take());
    SortPartition(node->properties.window, &over.partition);
    for (const Order& order : call.order) {
      over.order.push_back({take(), order.descending, order.nulls_first});
    }
    if (over.order.size() == 1 && IsProctime(*node, over.order[0].column)) over.arrival = arrival;
    for (size_t i = 0; i < call.arguments.size(); ++i) call.plan.arguments.push_back(take());
    if (call.filter) call.plan.filter = take();
    CheckRange(call, over);
    const auto group = std::ranges::find_if(groups, [&](const Group& g) {
      return g.over.partition == over.partition &&
             std::ranges::equal(g.over.order, over.order, [](const SortKey& a, const SortKey& b) {
               return a.column == b.column && a.descending == b.descending &&
                      a.nulls_first == b.nulls_first;
             });
    });
    Group& into = group == groups.end() ? groups.emplace_back(Group{std::move(over), {}}) : *group;
    into.over.calls.push_back(call.plan);
    into.calls.push_back(&call);
  }
  for (Group& group : groups) {
    std::vector<std::string> names;
    for (Call* call : group.calls) {
      call->column = node->schema.size() + names.size();
      names.push_back(call->name);
    }
    SetTime(*node, &group.over, binder);
    node = MakeOver(std::move(node), std::move(group.over), names, group.calls[0]->range);
  }
  return node;
}

}  // namespace millrace
