#include <algorithm>
#include <numeric>

#include "fmt/format.h"
#include "fmt/ranges.h"
#include "parser/print.h"
#include "planner/bind_over.h"
#include "planner/bind_query.h"
#include "planner/bind_subquery.h"
#include "planner/properties.h"
#include "planner/rewrite.h"

namespace millrace {
namespace {

bool IsSession(const ast::GroupElement& element) {
  if (element.kind != ast::GroupKind::kExpr) return false;
  auto* call = std::get_if<ast::FunctionCall>(&element.expr->node);
  return call && UpperName(*call) == "SESSION";
}

bool HasSessionsOfSets(const ast::Select& select) {
  return std::ranges::any_of(select.group_by, IsSession) &&
         std::ranges::any_of(select.group_by, [](const ast::GroupElement& element) {
           return element.kind != ast::GroupKind::kExpr;
         });
}

void DropRepeated(std::vector<size_t>* columns) {
  std::vector<size_t> kept;
  for (size_t column : *columns) {
    if (std::ranges::find(kept, column) == kept.end()) kept.push_back(column);
  }
  *columns = std::move(kept);
}

bool IsGroupWindow(std::string_view name) {
  return name == "TUMBLE" || name == "HOP" || name == "SESSION";
}

// TUMBLE_START and its like: the window function's name and what is asked of it.
std::optional<std::pair<std::string, std::string>> WindowPart(const std::string& name) {
  const size_t underscore = name.find('_');
  if (underscore == std::string::npos || !IsGroupWindow(name.substr(0, underscore))) return {};
  return std::pair(name.substr(0, underscore), name.substr(underscore + 1));
}

bool IsGroupingFunction(std::string_view name) {
  return name == "GROUPING" || name == "GROUPING_ID" || name == "GROUP_ID";
}

std::string ArgumentText(const ast::FunctionCall& call) {
  std::string text;
  for (const ast::FunctionArg& argument : call.args) text += ToSql(*argument.value) + ", ";
  return text;
}

// The arguments behind the time column, and one for the missing offset.
std::vector<const ast::Expr*> IntervalsOf(const ast::FunctionCall& call) {
  std::vector<const ast::Expr*> intervals;
  for (size_t i = 1; i < call.args.size(); ++i) intervals.push_back(call.args[i].value.get());
  return intervals;
}

// Of the block itself.
bool HasAggregate(const ast::Expr& expr, const Scope& scope) {
  bool found = false;
  VisitExpr(expr, [&](const ast::Expr& e) {
    auto* call = std::get_if<ast::FunctionCall>(&e.node);
    if (!call || call->over) return !found;
    const bool outer = IsAggregateCall(*call) && EnclosingBlockOf(*call, scope);
    found = found || (IsAggregateCall(*call) && !outer) || WindowPart(UpperName(*call));
    return !found && !outer;
  });
  return found;
}

bool HasSubquery(const ast::Expr& expr) {
  bool found = false;
  VisitExpr(expr, [&](const ast::Expr& e) {
    found = found || std::holds_alternative<ast::ScalarSubquery>(e.node) ||
            std::holds_alternative<ast::Exists>(e.node) ||
            std::holds_alternative<ast::InSubquery>(e.node) ||
            std::holds_alternative<ast::Quantified>(e.node);
    return !found;
  });
  return found;
}

Error NotGrouped(const std::string& column, SourceRange range) {
  return Error(ErrorCode::kBadRequest,
               fmt::format("column \"{}\" is neither grouped nor in an aggregate", column), range,
               "add it to GROUP BY, or use an aggregate such as MAX or FIRST_VALUE");
}

// The select item that a GROUP BY element means by its position or, when no input column has that
// name, its alias.
const ast::Expr* ItemOf(const ast::Expr& expr, const ast::Select& select, const Scope& scope) {
  if (auto* literal = std::get_if<ast::Literal>(&expr.node)) {
    if (literal->kind != ast::LiteralKind::kInteger) return nullptr;
    const size_t position = literal->text.size() > 6 ? 0 : std::stoul(literal->text);
    if (position >= 1 && position <= select.items.size()) {
      return select.items[position - 1].expr.get();
    }
    throw Error(ErrorCode::kColumnNotFound,
                fmt::format("GROUP BY position {} is not in the select list of {} items",
                            literal->text, select.items.size()),
                expr.range);
  }
  auto* column = std::get_if<ast::ColumnRef>(&expr.node);
  if (!column || column->parts.size() != 1) return nullptr;
  const std::string& name = column->parts[0].text;
  for (const ScopeColumn& input : scope.columns) {
    if (SameWithoutCase(input.name, name)) return nullptr;
  }
  for (const ast::SelectItem& item : select.items) {
    if (item.alias && SameWithoutCase(item.alias->text, name)) return item.expr.get();
  }
  return nullptr;
}

}  // namespace

bool Grouping::Needed(const ast::Select& select, std::span<const ast::SortItem> order_by,
                      const Scope& scope) {
  const auto has_aggregate = [&](const ast::ExprPtr& expr) { return HasAggregate(*expr, scope); };
  const auto sorts_by_aggregate = [&](const ast::SortItem& item) {
    return has_aggregate(item.expr);
  };
  if (!select.group_by.empty() || select.having) return true;
  const auto in_window = [&](const ast::NamedWindow& window) {
    return std::ranges::any_of(window.spec.partition_by, has_aggregate) ||
           std::ranges::any_of(window.spec.order_by, sorts_by_aggregate);
  };
  return std::ranges::any_of(select.windows, in_window) ||
         (select.qualify && has_aggregate(select.qualify)) ||
         std::ranges::any_of(select.items, has_aggregate, &ast::SelectItem::expr) ||
         std::ranges::any_of(order_by, sorts_by_aggregate);
}

Grouping::~Grouping() = default;

Grouping::Grouping(QueryBinder* binder, BoundInput input, const ast::Select& select,
                   std::span<const ast::SortItem> order_by)
    : binder_(binder),
      input_(std::move(input)),
      subqueries_(std::make_unique<Subqueries>(binder)),
      range_(select.range) {
  if (!select.group_by.empty()) {
    const SourceRange first = select.group_by.front().range, last = select.group_by.back().range;
    range_ = {first.offset, last.offset + last.length - first.offset};
  }
  BindGroups(select);
  FindArrival(select, order_by);
  schema_ = input_.node->schema;
  set_column_ = schema_.size();
  first_call_ = set_column_ + 1;
  scope_ = input_.scope;
  scope_.replace = [this](const ast::Expr& expr) { return Replace(expr); };
  scope_.subqueries = subqueries_.get();
}

void Grouping::BindGroups(const ast::Select& select) {
  if (HasSessionsOfSets(select)) return BindSessionsOfSets(select);
  // A group window adds its columns to the input, so it goes first.
  for (const ast::GroupElement& element : select.group_by) {
    if (element.kind == ast::GroupKind::kExpr) BindGroupWindow(*element.expr, select);
  }
  window_keys_ = keys_.size();
  BindSets(select);
}

// Appends the keys of one element to `keys`. `nested`: inside GROUPING SETS and its like.
void Grouping::BindGroup(const ast::Expr& expr, const ast::Select& select, bool nested,
                         std::vector<size_t>* keys) {
  if (auto* row = std::get_if<ast::RowConstructor>(&expr.node)) {
    for (const ast::ExprPtr& field : row->fields) BindGroup(*field, select, nested, keys);
    return;
  }
  auto* call = std::get_if<ast::FunctionCall>(&expr.node);
  if (call && IsGroupWindow(UpperName(*call))) {
    if (nested) {
      throw Error(ErrorCode::kBadRequest, "a window cannot be in only some of the grouping sets",
                  expr.range, "write it beside them: GROUP BY TUMBLE(…), ROLLUP (…)");
    }
    for (size_t key = 0; key < window_keys_; ++key) keys->push_back(key);
    return;
  }
  const ast::Expr* item = ItemOf(expr, select, input_.scope);
  const ast::Expr& meant = item ? *item : expr;
  if (HasAggregate(meant, input_.scope)) {
    throw Error(ErrorCode::kBadRequest, "GROUP BY cannot use an aggregate", expr.range);
  }
  keys->push_back(AddKey(binder_->Bind(meant, input_.scope)));
  if (HasSubquery(meant)) subquery_keys_.emplace(ToSql(meant), keys->back());
}

// The other keys of the groups: columns of the input, to which expressions are appended. Sessions
// are theirs, so they must be known before the window.
std::vector<size_t> Grouping::SessionKeys(const ast::Select& select, SourceRange range) {
  std::vector<ExprPtr> keys;
  const std::function<void(const ast::Expr&)> add = [&](const ast::Expr& expr) {
    if (auto* row = std::get_if<ast::RowConstructor>(&expr.node)) {
      for (const ast::ExprPtr& field : row->fields) add(*field);
      return;
    }
    auto* call = std::get_if<ast::FunctionCall>(&expr.node);
    if (call && IsGroupWindow(UpperName(*call))) return;
    const ast::Expr* item = ItemOf(expr, select, input_.scope);
    keys.push_back(binder_->Bind(item ? *item : expr, input_.scope));
  };
  for (const ast::GroupElement& element : select.group_by) add(*element.expr);
  return ColumnsOf(keys, range);
}

// The columns of the input that these are, where need be appended to it.
std::vector<size_t> Grouping::ColumnsOf(std::span<const ExprPtr> keys, SourceRange range) {
  std::vector<ExprPtr> exprs = AllColumns(input_.node->schema);
  std::vector<std::string> names = NamesOf(input_.node->schema);
  std::vector<size_t> columns;
  for (const ExprPtr& key : keys) {
    size_t column = 0;
    if (!IsColumn(*key, &column)) {
      binder_->CheckRepeatable(*input_.node, *key);
      column = exprs.size();
      exprs.push_back(key);
      names.push_back("$key" + std::to_string(column));
    }
    columns.push_back(column);
  }
  if (exprs.size() > input_.node->schema.size()) {
    input_.node = MakeProject(std::move(input_.node), std::move(exprs), std::move(names), range);
  }
  return columns;
}

// GROUP BY TUMBLE(t, size): a window table function below, whose start and end are group keys.
bool Grouping::BindGroupWindow(const ast::Expr& expr, const ast::Select& select) {
  auto* call = std::get_if<ast::FunctionCall>(&expr.node);
  if (!call) return false;
  const std::string name = UpperName(*call);
  if (!IsGroupWindow(name)) return false;
  if (!window_name_.empty()) {
    throw Error(ErrorCode::kBadRequest, "GROUP BY has more than one window", expr.range);
  }
  const size_t needed = name == "HOP" ? 3 : 2, most = name == "SESSION" ? needed : needed + 1;
  if (call->args.size() < needed || call->args.size() > most) {
    throw Error(ErrorCode::kFunctionNotFound, fmt::format("wrong arguments for {}", name),
                expr.range,
                name == "TUMBLE" ? "TUMBLE(time, size)"
                : name == "HOP"  ? "HOP(time, slide, size)"
                                 : "SESSION(time, gap)");
  }
  for (const ast::FunctionArg& argument : call->args) {
    if (argument.name) {
      ThrowUnsupported(fmt::format("names for the arguments of {} in GROUP BY are", name),
                       argument.name->range, "they are for table functions: FROM TABLE(…)");
    }
  }
  window_name_ = name;
  window_call_ = ArgumentText(*call);
  const size_t time = binder_->TimeColumn(input_, *call->args[0].value);
  const std::vector<const ast::Expr*> intervals = IntervalsOf(*call);
  WindowArguments arguments{time, intervals, {}};
  if (name == "SESSION") {
    arguments.partition = set_keys_ ? *set_keys_ : SessionKeys(select, expr.range);
    DropRepeated(&arguments.partition);
  }
  input_ = binder_->AddWindows(std::move(input_), *call, arguments, expr.range);
  const WindowColumns& window = input_.node->properties.window;
  const Schema& schema = input_.node->schema;
  AddKey(MakeColumnExpr(*window.end, schema[*window.end].type, expr.range));
  AddKey(MakeColumnExpr(*window.start, schema[*window.start].type, expr.range));
  return true;
}

size_t Grouping::AddKey(ExprPtr key) {
  for (size_t i = 0; i < keys_.size(); ++i) {
    if (SameExpr(*keys_[i], *key)) return i;
  }
  keys_.push_back(std::move(key));
  return keys_.size() - 1;
}

ExprPtr Grouping::Bind(const ast::Expr& expr) { return binder_->Bind(expr, scope_); }

// A key may be NULL where some grouping sets do not have it.
ExprPtr Grouping::Key(size_t key) const {
  if (IsEverywhere(key)) return keys_[key];
  Expr nullable = *keys_[key];
  nullable.type.nullable = true;
  return std::make_shared<const Expr>(std::move(nullable));
}

ExprPtr Grouping::Replace(const ast::Expr& expr) {
  // Bound again, a subquery would be another one.
  if (!subquery_keys_.empty() && HasSubquery(expr)) {
    const auto key = subquery_keys_.find(ToSql(expr));
    if (key != subquery_keys_.end()) return Key(key->second);
  }
  auto* call = std::get_if<ast::FunctionCall>(&expr.node);
  if (!call) return nullptr;
  if (call->over && replace_) return replace_(expr);
  const std::string name = UpperName(*call);
  if (WindowPart(name)) return BindWindowFunction(*call, expr.range);
  if (IsGroupingFunction(name)) return BindGroupingFunction(*call, expr.range);
  return IsAggregateCall(*call) ? BindCall(*call, expr) : nullptr;
}

ExprPtr Grouping::BindWindowFunction(const ast::FunctionCall& call, SourceRange range) {
  const auto [name, part] = *WindowPart(UpperName(call));
  if (name != window_name_ || ArgumentText(call) != window_call_) {
    throw Error(ErrorCode::kBadRequest,
                fmt::format("{}_{} needs the same window in GROUP BY", name, part), range,
                fmt::format("GROUP BY {}(…) with the same arguments", name));
  }
  const WindowColumns& window = input_.node->properties.window;
  std::optional<size_t> column = part == "START"                           ? window.start
                                 : part == "END"                           ? window.end
                                 : part == "ROWTIME" || part == "PROCTIME" ? window.time
                                                                           : std::nullopt;
  if (!column) {
    throw Error(ErrorCode::kFunctionNotFound, fmt::format("there is no function {}_{}", name, part),
                range);
  }
  if ((part == "PROCTIME") != window.proctime && column == window.time) {
    throw Error(ErrorCode::kBadRequest,
                fmt::format("the window is of {} time", window.proctime ? "processing" : "event"),
                range, fmt::format("use {}_{}", name, window.proctime ? "PROCTIME" : "ROWTIME"));
  }
  ExprPtr expr = MakeColumnExpr(*column, schema_[*column].type, range);
  const size_t key = AddKey(expr);  // It follows from the window's end, so it splits no group.
  for (std::vector<size_t>& set : sets_) {
    if (std::ranges::find(set, key) == set.end()) set.push_back(key);
  }
  return expr;
}

// Of windows of local times the end does not say when they close, so their time is a key as well.
void Grouping::AddWindowTime() {
  const WindowColumns& window = input_.node->properties.window;
  if (!window.local || !window.time) return;
  for (size_t i = 0; i < keys_.size(); ++i) {
    size_t column = 0;
    if (!IsColumn(*keys_[i], &column) || column != window.end || !IsEverywhere(i)) continue;
    const size_t key = AddKey(MakeColumnExpr(*window.time, schema_[*window.time].type, range_));
    for (std::vector<size_t>& set : sets_) {
      if (std::ranges::find(set, key) == set.end()) set.push_back(key);
    }
    return;
  }
}

// Window columns first, before all what says when it closes: so closing a window is a range of
// keys.
void Grouping::SortKeys() {
  const WindowColumns& window = input_.node->properties.window;
  auto rank = [&](size_t key) {
    size_t column = 0;
    if (!IsColumn(*keys_[key], &column)) return 3;
    if (column == window.start) return 1;
    if (column == window.end) return window.local ? 2 : 0;
    return column == window.time ? (window.local ? 0 : 2) : 3;
  };
  std::vector<size_t> order(keys_.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, {}, rank);
  MoveKeys(order);
}

void Grouping::SetWindow(Aggregate* aggregate) {
  const WindowColumns& window = input_.node->properties.window;
  bool some = false;
  for (size_t i = 0; i < keys_.size(); ++i) {
    size_t column = 0;
    if (!IsColumn(*keys_[i], &column) || !IsEverywhere(i)) continue;
    if (column == (window.local ? window.time : window.end)) aggregate->window_end = i;
    if (column == window.start) aggregate->window_start = i;
    some = some || column == window.start || column == window.time;
  }
  if (aggregate->window_end) {
    binder_->CountWindowAggregate();
    aggregate->emit_on_close = binder_->emit().on_close;
    aggregate->grace = binder_->emit().grace;
    aggregate->allowed_lateness = binder_->DurationSetting("table.exec.window.allowed-lateness");
    return;
  }
  aggregate->window_start.reset();
  aggregate->state_ttl = binder_->TtlOf(input_.scope);
  if (some) {
    binder_->Notify("NOT_A_WINDOW",
                    "the groups do not contain window_end, so that they never close; group by "
                    "window_start and window_end",
                    range_);
  }
  NotifyUnbounded(*aggregate);
}

void Grouping::NotifyUnbounded(const Aggregate& aggregate) const {
  if (binder_->mode() == QueryMode::kPull || aggregate.state_ttl > 0 || keys_.empty()) return;
  std::vector<std::string> names = NamesOf(input_.node->schema), keys;
  for (const ExprPtr& key : group_) keys.push_back(ToString(*key, names));
  binder_->Notify(
      "UNBOUNDED_STATE",
      fmt::format("the aggregation by ({}) keeps a row for every distinct key for ever; "
                  "set 'table.exec.state.ttl' to bound its state",
                  fmt::join(keys, ", ")),
      range_);
}

// The aggregate's input: as it is when keys and arguments are plain columns, else a projection of
// them. Sets the columns in `aggregate`.
NodePtr Grouping::ProjectInput(Aggregate* aggregate) {
  std::vector<ExprPtr> exprs;
  bool plain = true;
  auto add = [&](const ExprPtr& expr) {
    binder_->CheckRepeatable(*input_.node, *expr);
    plain = plain && IsColumn(*expr) && !HasOuterColumns(*expr);
    for (size_t i = 0; i < exprs.size(); ++i) {
      if (SameExpr(*exprs[i], *expr)) return i;
    }
    exprs.push_back(expr);
    return exprs.size() - 1;
  };
  for (size_t i = 0; i < group_.size(); ++i) {
    const auto expanded = expanded_.find(keys_[i].get());
    aggregate->keys.push_back(add(expanded == expanded_.end() ? group_[i] : expanded->second));
  }
  if (set_expr_) aggregate->keys.push_back(add(set_expr_));
  for (const Call& call : calls_) {
    AggregateCall made{call.function, {}, {}, call.distinct, {}};
    if (call.argument) made.argument = add(call.argument);
    if (call.filter) made.filter = add(call.filter);
    if (call.weight) made.weight = add(call.weight);
    aggregate->calls.push_back(std::move(made));
  }
  if (plain) {
    auto column = [&](size_t i) { return std::get<ColumnExpr>(exprs[i]->node).index; };
    for (size_t& key : aggregate->keys) key = column(key);
    for (AggregateCall& call : aggregate->calls) {
      if (call.argument) call.argument = column(*call.argument);
      if (call.filter) call.filter = column(*call.filter);
      if (call.weight) call.weight = column(*call.weight);
    }
    return std::move(input_.node);
  }
  std::vector<std::string> names, inputs = NamesOf(input_.node->schema);
  for (const ExprPtr& expr : exprs) names.push_back(ToString(*expr, inputs));
  return MakeProject(std::move(input_.node), std::move(exprs), std::move(names), range_);
}

NodePtr Grouping::Build(const ast::Expr* having) {
  ExprPtr condition;
  if (having) {
    condition = BindPredicate(*having, scope_, binder_->context(), "HAVING", binder_->notices());
  }
  AddWindowTime();
  SortKeys();
  JoinInput();
  Aggregate aggregate;
  SetWindow(&aggregate);
  std::vector<std::string> names;
  for (const Call& call : calls_) names.push_back(call.name);
  NodePtr input = ProjectInput(&aggregate);
  input = ExpandToSets(std::move(input), &aggregate);
  NodePtr node = MakeAggregateNode(std::move(input), std::move(aggregate), names, range_);
  if (condition) binder_->CheckRepeatable(*node, *condition);
  joiner_ = std::make_unique<SubqueryJoiner>(
      subqueries_.get(), std::move(node), [this](const ExprPtr& expr) { return OverGroups(expr); });
  if (condition) joiner_->Filter(condition);
  joiner_->ResolveAll();
  return joiner_->Take();
}

// Joins the subqueries in the groups and in the calls to the input.
void Grouping::JoinInput() {
  SubqueryJoiner joiner(input_.scope.subqueries, std::move(input_.node));
  joiner.ResolveAll();
  input_.node = joiner.Take();
  for (const ExprPtr& key : keys_) group_.push_back(joiner.Resolve(key));
  for (Call& call : calls_) {
    for (ExprPtr* expr : {&call.argument, &call.filter, &call.weight}) {
      if (*expr) *expr = joiner.Resolve(*expr);
    }
  }
}

ExprPtr Grouping::Finish(const ExprPtr& expr) { return joiner_->Resolve(expr); }

ExprPtr Grouping::OverGroups(const ExprPtr& expr) const {
  return ReplaceExpr(expr, [&](const ExprPtr& part) -> ExprPtr {
    for (size_t i = 0; i < keys_.size(); ++i) {
      if (!SameExpr(*keys_[i], *part)) continue;
      const bool nullable = part->type.nullable || !IsEverywhere(i);
      return MakeColumnExpr(i, part->type.AsNullable(nullable), part->range);
    }
    size_t column = 0;
    if (!IsColumn(*part, &column)) return nullptr;
    if (column >= Windows::kFirstColumn) return part;
    if (column < set_column_) throw NotGrouped(schema_[column].name, part->range);
    if (column == set_column_) return MakeColumnExpr(keys_.size(), part->type, part->range);
    const size_t first = keys_.size() + !sets_.empty();
    return MakeColumnExpr(first + column - first_call_, part->type, part->range);
  });
}

}  // namespace millrace
