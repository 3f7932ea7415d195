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
};

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
    throw Error(
        ErrorCode::kFunctionNotFound,
        fmt::format("{} lacks its argument {}", function.name, names[i]), range,
        function.kind == AssignWindows::Kind::kTumble
            ? "TUMBLE(TABLE t, DESCRIPTOR(time), size[, offset])"
            : fmt::format("{0}(TABLE t, DESCRIPTOR(time), {1}, size[, offset])", function.name,
                          function.kind == AssignWindows::Kind::kHop ? "slide" : "step"));
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
  if (is_column && contains(properties.event_times)) return column;
  if (is_column && contains(properties.proctimes)) {
    ThrowUnsupported("windows over processing time are", range,
                     "use an event time column: WATERMARK FOR ts AS ts");
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

BoundInput QueryBinder::AddWindows(BoundInput input, const ast::FunctionCall& call,
                                   size_t time_column, std::span<const ast::Expr* const> intervals,
                                   SourceRange range) const {
  const WindowFunction& function = *FindWindowFunction(UpperName(call));
  AssignWindows windows;
  windows.kind = function.kind;
  windows.time_column = time_column;
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
  const Type& type = input.node->schema[time_column].type;
  if (type.id == TypeId::kTimestampLtz && context_.session->zone() != "UTC") {
    ThrowUnsupported("windows over TIMESTAMP_LTZ in a time zone other than UTC are", range,
                     "SET 'table.local-time-zone' = 'UTC'");
  }
  input.node = MakeAssignWindows(std::move(input.node), windows, range);
  return input;
}

BoundInput QueryBinder::BindTableArgument(const ast::Expr& argument) {
  BoundInput input;
  const ast::Query* query = nullptr;
  if (auto* table = std::get_if<ast::TableArg>(&argument.node)) {
    if (!table->partition_by.empty()) {
      ThrowUnsupported("PARTITION BY of a table argument is", table->partition_by[0]->range);
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
    if (name == "SESSION") ThrowUnsupported("SESSION windows are", call.name.range);
    ThrowUnsupported(fmt::format("the table function {} is", name), call.name.range,
                     "table functions: TUMBLE, HOP, CUMULATE");
  }
  const auto arguments = MatchArguments(call, *window, range);
  BoundInput input = BindTableArgument(*arguments[0]);
  const size_t time_column = TimeColumn(input, *arguments[1]);
  const size_t columns = input.scope.columns.size();
  input = AddWindows(std::move(input), call, time_column, std::span(arguments).subspan(2), range);
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
