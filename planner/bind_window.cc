// Window table functions, and the windows of GROUP BY TUMBLE(…).
#include <algorithm>
#include <array>

#include "fmt/format.h"
#include "planner/bind_query.h"
#include "planner/properties.h"

namespace millrace {
namespace {

// The parameters of a window function behind DATA and TIMECOL, in order; `required` of them must be
// there.
struct WindowFunction {
  std::string_view name;
  AssignWindows::Kind kind;
  std::array<std::string_view, 3> parameters;
  size_t required;
};

constexpr WindowFunction kWindowFunctions[] = {
    {"TUMBLE", AssignWindows::Kind::kTumble, {"SIZE", "OFFSET", ""}, 1},
    {"HOP", AssignWindows::Kind::kHop, {"SLIDE", "SIZE", "OFFSET"}, 2},
    {"CUMULATE", AssignWindows::Kind::kCumulate, {"STEP", "SIZE", "OFFSET"}, 2},
    {"SESSION", AssignWindows::Kind::kSession, {"GAP", "", ""}, 1},
};

std::string FormOf(const WindowFunction& function) {
  switch (function.kind) {
    case AssignWindows::Kind::kTumble:
      return "TUMBLE(TABLE t, DESCRIPTOR(time), size[, offset])";
    case AssignWindows::Kind::kHop:
      return "HOP(TABLE t, DESCRIPTOR(time), slide, size[, offset])";
    case AssignWindows::Kind::kCumulate:
      return "CUMULATE(TABLE t, DESCRIPTOR(time), step, size[, offset])";
    case AssignWindows::Kind::kSession:
      break;
  }
  return "SESSION(TABLE t [PARTITION BY k], DESCRIPTOR(time), gap)";
}

const WindowFunction* FindWindowFunction(std::string_view name) {
  for (const WindowFunction& function : kWindowFunctions) {
    if (function.name == name) return &function;
  }
  return nullptr;
}

// The arguments by parameter: DATA, TIMECOL, then those of the function; null where missing.
std::array<const ast::Expr*, 5> MatchArguments(const ast::FunctionCall& call,
                                               const WindowFunction& function, SourceRange range) {
  std::array<std::string_view, 5> names = {"DATA", "TIMECOL"};
  std::copy(function.parameters.begin(), function.parameters.end(), names.begin() + 2);
  std::array<const ast::Expr*, 5> arguments = {};
  for (size_t i = 0; i < call.args.size(); ++i) {
    const ast::FunctionArg& argument = call.args[i];
    size_t to = i;
    if (argument.name) {
      auto found = std::find_if(names.begin(), names.end(), [&](std::string_view name) {
        return SameWithoutCase(name, argument.name->text);
      });
      to = found - names.begin();
    }
    if (to >= names.size() || names[to].empty() || arguments[to]) {
      std::vector<std::string_view> candidates(names.begin(), names.end());
      throw Error(ErrorCode::kFunctionNotFound,
                  argument.name ? fmt::format("{} has no further argument {}", function.name,
                                              argument.name->text)
                                : fmt::format("{} has too many arguments", function.name),
                  argument.name ? argument.name->range : argument.value->range,
                  argument.name ? DidYouMean(argument.name->text, candidates) : "");
    }
    arguments[to] = argument.value.get();
  }
  for (size_t i = 0; i < 2 + function.required; ++i) {
    if (arguments[i]) continue;
    throw Error(ErrorCode::kFunctionNotFound,
                fmt::format("{} lacks its argument {}", function.name, names[i]), range,
                FormOf(function));
  }
  return arguments;
}

int64_t PositiveInterval(const ast::Expr& expr, const PlanContext& context, std::string_view what) {
  const int64_t micros = BindIntervalMicros(expr, context);
  if (micros <= 0) {
    throw Error(ErrorCode::kInvalidValue, fmt::format("the window's {} must be positive", what),
                expr.range);
  }
  return micros;
}

}  // namespace

size_t QueryBinder::TimeColumn(const BoundInput& input, const ast::Expr& expr) const {
  ExprPtr bound;
  SourceRange range = expr.range;
  if (auto* descriptor = std::get_if<ast::Descriptor>(&expr.node)) {
    if (descriptor->columns.size() != 1) {
      throw Error(ErrorCode::kInvalidWatermark, "a window has one time column", expr.range);
    }
    range = descriptor->columns[0].range;
    bound = Bind(ast::Expr{ast::ColumnRef{{descriptor->columns[0]}}, range}, input.scope);
  } else {
    bound = Bind(expr, input.scope);
  }
  size_t column = 0;
  const Properties& properties = input.node->properties;
  auto contains = [&](const std::vector<size_t>& list) {
    return std::find(list.begin(), list.end(), column) != list.end();
  };
  const bool is_column = IsColumn(*bound, &column);
  if (is_column && (contains(properties.event_times) || contains(properties.proctimes))) {
    return column;
  }
  const std::string name =
      is_column ? fmt::format("\"{}\"", input.node->schema[column].name) : "the expression";
  const bool timestamp = IsTimestamp(bound->type.id);
  throw Error(ErrorCode::kInvalidWatermark,
              timestamp
                  ? fmt::format("{} is not an event time column", name)
                  : fmt::format("{} is {}, not an event time column", name, bound->type.ToString()),
              range,
              timestamp && is_column
                  ? fmt::format("declare WATERMARK FOR {0} AS {0} in the table that it comes from",
                                input.node->schema[column].name)
                  : "use a TIMESTAMP column with a WATERMARK");
}

// Sessions give their rows once, where windows do and nothing can change them later.
void QueryBinder::SetSession(const WindowArguments& arguments, AssignWindows* windows) const {
  windows->size = PositiveInterval(*arguments.intervals[0], context_, "gap");
  windows->partition = arguments.partition;
  const int64_t lateness = DurationSetting("table.exec.window.allowed-lateness");
  windows->emit_on_close = emit_.on_close && lateness == 0;
  windows->late_after = emit_.grace + lateness;
  ++state_->window_aggregates;
}

BoundInput QueryBinder::AddWindows(BoundInput input, const ast::FunctionCall& call,
                                   const WindowArguments& arguments, SourceRange range) const {
  const WindowFunction& function = *FindWindowFunction(UpperName(call));
  const std::span<const ast::Expr* const> intervals = arguments.intervals;
  AssignWindows windows;
  windows.kind = function.kind;
  windows.time_column = arguments.time_column;
  windows.event_time = std::ranges::find(input.node->properties.event_times,
                                         arguments.time_column) !=
                       input.node->properties.event_times.end();
  const Type& type = input.node->schema[arguments.time_column].type;
  const std::string& zone = context_.session->zone();
  if (type.id == TypeId::kTimestampLtz && zone != "UTC") windows.zone = zone;
  if (function.kind == AssignWindows::Kind::kSession) {
    SetSession(arguments, &windows);
    input.node = MakeAssignWindows(std::move(input.node), windows, range);
    return input;
  }
  const bool tumble = function.kind == AssignWindows::Kind::kTumble;
  const ast::Expr& size = *intervals[tumble ? 0 : 1];
  windows.size = PositiveInterval(size, context_, "size");
  windows.slide =
      tumble ? windows.size
             : PositiveInterval(*intervals[0], context_,
                                function.kind == AssignWindows::Kind::kHop ? "slide" : "step");
  if (function.kind == AssignWindows::Kind::kCumulate && windows.size % windows.slide != 0) {
    throw Error(ErrorCode::kInvalidValue, "the size of CUMULATE must be a multiple of its step",
                size.range);
  }
  const size_t offset = tumble ? 1 : 2;
  if (offset < intervals.size() && intervals[offset]) {
    windows.offset = BindIntervalMicros(*intervals[offset], context_);
  }
  input.node = MakeAssignWindows(std::move(input.node), windows, range);
  return input;
}

// The columns of PARTITION BY in a table argument.
std::vector<size_t> QueryBinder::BindPartition(const ast::Expr& argument,
                                               const BoundInput& input) const {
  std::vector<size_t> partition;
  auto* table = std::get_if<ast::TableArg>(&argument.node);
  if (table == nullptr) return partition;
  for (const ast::ExprPtr& key : table->partition_by) {
    size_t column = 0;
    if (!IsColumn(*Bind(*key, input.scope), &column)) {
      ThrowUnsupported("PARTITION BY of a table argument by an expression is", key->range,
                       "compute it in a subquery, and partition by its column");
    }
    if (std::ranges::find(partition, column) == partition.end()) partition.push_back(column);
  }
  return partition;
}

BoundInput QueryBinder::BindTableArgument(const ast::Expr& argument, bool partitioned) {
  BoundInput input;
  const ast::Query* query = nullptr;
  if (auto* table = std::get_if<ast::TableArg>(&argument.node)) {
    if (!table->partition_by.empty() && !partitioned) {
      throw Error(ErrorCode::kBadRequest, "only SESSION is partitioned",
                  table->partition_by[0]->range, "group by the column instead");
    }
    if (!table->order_by.empty()) {
      ThrowUnsupported("ORDER BY of a table argument is", table->order_by[0].expr->range);
    }
    if (!table->query) return BindTable({table->name, {}, nullptr}, argument.range);
    query = table->query.get();
  } else if (auto* subquery = std::get_if<ast::ScalarSubquery>(&argument.node)) {
    query = subquery->query.get();
  } else if (auto* column = std::get_if<ast::ColumnRef>(&argument.node)) {
    return BindTable({{column->parts, argument.range}, {}, nullptr}, argument.range);
  } else {
    throw Error(ErrorCode::kTypeMismatch, "a table is needed here", argument.range,
                "write TABLE and its name");
  }
  input.node = BindQuery(*query).node;
  input.scope = ScopeOf(input.node->schema);
  return input;
}

BoundInput QueryBinder::BindTableFunction(const ast::TableFunctionRef& function,
                                          SourceRange range) {
  if (function.lateral) ThrowUnsupported("LATERAL is", range);
  const auto& call = std::get<ast::FunctionCall>(function.call->node);
  const std::string name = UpperName(call);
  const WindowFunction* window = FindWindowFunction(name);
  if (!window) {
    ThrowUnsupported(fmt::format("the table function {} is", name), call.name.range,
                     "table functions: TUMBLE, HOP, CUMULATE, SESSION");
  }
  const auto arguments = MatchArguments(call, *window, range);
  const bool session = window->kind == AssignWindows::Kind::kSession;
  BoundInput input = BindTableArgument(*arguments[0], session);
  const WindowArguments bound{TimeColumn(input, *arguments[1]), std::span(arguments).subspan(2),
                              BindPartition(*arguments[0], input)};
  const size_t columns = input.scope.columns.size();
  input = AddWindows(std::move(input), call, bound, range);
  for (size_t i = columns; i < input.node->schema.size(); ++i) {
    const Field& field = input.node->schema[i];
    // In cascades the new window's columns hide those of the one before.
    for (ScopeColumn& column : input.scope.columns) {
      if (column.name == field.name) column.system = true;
    }
    input.scope.columns.push_back({"", field.name, field.type});
  }
  return input;
}

}  // namespace millrace
