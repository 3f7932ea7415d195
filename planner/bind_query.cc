#include "planner/bind_query.h"

#include <algorithm>
#include <deque>

#include "fmt/format.h"
#include "planner/bind_over.h"
#include "planner/bind_subquery.h"
#include "planner/properties.h"
#include "planner/rewrite.h"
#include "planner/top_n.h"
#include "types/datetime.h"

namespace millrace {
namespace {

// The name of an unnamed select item: its column's or field's, else EXPR$n.
std::string NameOfItem(const ast::Expr& expr, size_t position) {
  if (auto* column = std::get_if<ast::ColumnRef>(&expr.node)) return column->parts.back().text;
  if (auto* field = std::get_if<ast::FieldAccess>(&expr.node)) return field->field.text;
  return fmt::format("EXPR${}", position);
}

// The output column that an unqualified name means: exact case first, then a unique match without.
std::optional<size_t> FindOutput(const std::vector<OutputColumn>& columns, std::string_view name) {
  std::optional<size_t> found;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == name) return i;
  }
  for (size_t i = 0; i < columns.size(); ++i) {
    if (!SameWithoutCase(columns[i].name, name)) continue;
    if (found) return std::nullopt;
    found = i;
  }
  return found;
}

// A position (`ORDER BY 2`) or the name of an output column.
std::optional<size_t> OutputOf(const ast::Expr& expr, const std::vector<OutputColumn>& columns) {
  if (auto* literal = std::get_if<ast::Literal>(&expr.node)) {
    if (literal->kind != ast::LiteralKind::kInteger) return std::nullopt;
    const size_t position = literal->text.size() > 6 ? 0 : std::stoul(literal->text);
    if (position >= 1 && position <= columns.size()) return position - 1;
    throw Error(ErrorCode::kColumnNotFound,
                fmt::format("ORDER BY position {} is not in the select list of {} columns",
                            literal->text, columns.size()),
                expr.range);
  }
  auto* column = std::get_if<ast::ColumnRef>(&expr.node);
  if (!column || column->parts.size() != 1) return std::nullopt;
  return FindOutput(columns, column->parts[0].text);
}

SortKey MakeSortKey(const ast::SortItem& item, size_t column) {
  // NULL sorts low unless the query says otherwise.
  return {column, item.descending, item.nulls_first.value_or(!item.descending)};
}

// `t.row.*`: the fields of a ROW column, unless the qualifier is a table's.
std::optional<std::vector<OutputColumn>> ExpandRow(
    const ast::QualifiedName& qualifier, const Scope& scope,
    const std::function<ExprPtr(const ast::Expr&)>& bind) {
  if (!scope.Star(qualifier).empty()) return std::nullopt;
  ast::Expr column{ast::ColumnRef{qualifier.parts}, qualifier.range};
  ExprPtr row = bind(column);
  if (row->type.id != TypeId::kRow) {
    throw Error(ErrorCode::kTypeMismatch,
                fmt::format("\"{}\" is {}, not a table or a ROW", qualifier.parts.back().text,
                            row->type.ToString()),
                qualifier.range);
  }
  std::vector<OutputColumn> columns;
  for (size_t i = 0; i < row->type.children->size(); ++i) {
    const Field& field = (*row->type.children)[i];
    Type type = field.type.AsNullable(field.type.nullable || row->type.nullable);
    auto expr = std::make_shared<Expr>(Expr{type, qualifier.range, FieldExpr{row, i}});
    columns.push_back({std::move(expr), field.name, qualifier.range});
  }
  return columns;
}

}  // namespace

bool IsBounded(const Node& root) {
  bool bounded = true;
  ForEachNode(root, [&](const Node& node) {
    auto* scan = std::get_if<ScanTable>(&node.op);
    if (!scan || !scan->table->connector) return;
    const ConnectorDef& connector = *scan->table->connector;
    bounded = bounded && connector.bounded && connector.bounded(scan->options);
  });
  return bounded;
}

void ThrowUnsupported(std::string what, SourceRange range, std::string hint) {
  throw Error(ErrorCode::kUnsupportedFeature, std::move(what) + " not supported yet", range,
              std::move(hint));
}

std::string UpperName(const ast::FunctionCall& call) {
  std::string name = call.name.parts.back().text;
  for (char& c : name) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 0x20);
  }
  return name;
}

void QueryBinder::Notify(std::string code, std::string message,
                         std::optional<SourceRange> range) const {
  notices()->push_back({std::move(code), std::move(message), range});
}

int64_t QueryBinder::DurationSetting(std::string_view key) const {
  auto setting = context_.session->settings.find(key);
  if (setting == context_.session->settings.end()) return 0;
  std::optional<int64_t> micros = ParseDuration(setting->second);
  if (!micros || *micros < 0) {
    throw Error(ErrorCode::kInvalidOption,
                fmt::format("setting '{}' is not a duration: '{}'", key, setting->second), {},
                "write it as in '10 min'");
  }
  return *micros;
}

void QueryBinder::CheckRepeatable(const Node& input, const Expr& expr) const {
  if (mode_ == QueryMode::kPull || input.properties.append_only || IsDeterministic(expr)) return;
  throw Error(ErrorCode::kUnsupportedFeature,
              "a function with a new value at every call cannot be used on rows that change",
              expr.range,
              "compute it before the rows are aggregated, or aggregate windows with EMIT ON WINDOW "
              "CLOSE");
}

BoundQuery QueryBinder::BindQuery(const ast::Query& query) {
  if (query.recursive) ThrowUnsupported("WITH RECURSIVE is", query.range);
  const VisibleTable* outer_tables = tables_;
  const EmitMode outer_emit = emit_;
  const size_t window_aggregates = state_->window_aggregates;
  std::deque<VisibleTable> tables;
  for (const ast::CommonTable& table : query.with) {
    tables.push_back({&table, tables_, outer_});
    tables_ = &tables.back();
  }
  emit_ = BindEmit(query.emit);
  BoundQuery bound = BindBody(query);
  const bool on_close =
      query.emit.kind == ast::EmitKind::kOnWindowClose || query.emit.kind == ast::EmitKind::kFinal;
  if (on_close && state_->window_aggregates == window_aggregates) {
    throw Error(
        ErrorCode::kUnsupportedFeature,
        "EMIT ON WINDOW CLOSE needs something that windows or event time close", query.emit.range,
        "group by window_start and window_end of a TUMBLE, HOP, CUMULATE or SESSION table "
        "function, or "
        "order OVER by event time, with frames that end at the current row");
  }
  tables_ = outer_tables;
  emit_ = outer_emit;
  return bound;
}

NodePtr QueryBinder::BindSubquery(const ast::Query& query, const OuterScope& here) {
  const OuterScope* outer = std::exchange(outer_, &here);
  NodePtr node = BindQuery(query).node;
  outer_ = outer;
  return node;
}

EmitMode QueryBinder::BindEmit(const ast::Emit& emit) {
  EmitMode mode = emit_;
  if (emit.kind == ast::EmitKind::kNone) return mode;
  mode = {};
  mode.on_close = emit.kind == ast::EmitKind::kOnWindowClose || emit.kind == ast::EmitKind::kFinal;
  if (emit.grace) {
    mode.grace = BindIntervalMicros(*emit.grace, context_);
    if (mode.grace < 0) {
      throw Error(ErrorCode::kInvalidValue, "the grace period is negative", emit.grace->range);
    }
  }
  // A pull query has every row at its end: its windows all close there, once.
  if (mode_ == QueryMode::kPull) mode = {};
  return mode;
}

BoundQuery QueryBinder::BindBody(const ast::Query& query) {
  if (auto* select = std::get_if<ast::Select>(&query.body)) return BindSelect(*select, query);
  BoundQuery bound;
  if (auto* operation = std::get_if<ast::SetOperation>(&query.body)) {
    bound = BindSetOperation(*operation, query.range);
  } else if (auto* values = std::get_if<ast::Values>(&query.body)) {
    bound = BindValues(*values, query.range);
  } else {
    bound = BindQuery(*std::get<ast::QueryPtr>(query.body));
  }
  const Scope scope = ScopeOf(bound.node->schema);
  std::vector<OutputColumn> columns;
  for (const ExprPtr& expr : AllColumns(bound.node->schema)) {
    columns.push_back({expr, bound.node->schema[columns.size()].name, {}});
  }
  const size_t visible = columns.size();
  std::vector<SortKey> keys =
      BindOrderBy(query, false, &columns, [&](const ast::Expr& expr) { return Bind(expr, scope); });
  if (columns.size() > visible) {
    std::vector<ExprPtr> exprs;
    std::vector<std::string> names;
    for (const OutputColumn& column : columns) {
      exprs.push_back(column.expr);
      names.push_back(column.name);
    }
    bound.node = MakeProject(std::move(bound.node), std::move(exprs), std::move(names));
  }
  bound.node = Order(std::move(bound.node), std::move(keys), visible, query);
  return bound;
}

std::vector<OutputColumn> QueryBinder::ExpandItems(
    const ast::Select& select, const Scope& scope,
    const std::function<ExprPtr(const ast::Expr&)>& bind) {
  std::vector<OutputColumn> columns;
  for (size_t i = 0; i < select.items.size(); ++i) {
    const ast::SelectItem& item = select.items[i];
    auto* star = std::get_if<ast::Star>(&item.expr->node);
    if (!star) {
      std::string name = item.alias ? item.alias->text : NameOfItem(*item.expr, i);
      columns.push_back({bind(*item.expr), std::move(name), item.range});
      continue;
    }
    if (star->qualifier) {
      if (auto fields = ExpandRow(*star->qualifier, scope, bind)) {
        columns.insert(columns.end(), fields->begin(), fields->end());
        continue;
      }
    }
    for (size_t index : scope.Star(star->qualifier)) {
      const ScopeColumn& column = scope.columns[index];
      columns.push_back({MakeColumnExpr(index, column.type, item.range), column.name, item.range});
    }
  }
  return columns;
}

// ORDER BY over the outputs: positions, names, expressions; those that are no outputs become hidden
// columns behind them.
std::vector<SortKey> QueryBinder::BindOrderBy(
    const ast::Query& query, bool distinct, std::vector<OutputColumn>* columns,
    const std::function<ExprPtr(const ast::Expr&)>& bind) const {
  std::vector<SortKey> keys;
  for (const ast::SortItem& item : query.order_by) {
    std::optional<size_t> output = OutputOf(*item.expr, *columns);
    if (!output) {
      ExprPtr expr = bind(*item.expr);
      auto same = std::find_if(columns->begin(), columns->end(), [&](const OutputColumn& column) {
        return SameExpr(*column.expr, *expr);
      });
      output = same - columns->begin();
      if (same == columns->end()) {
        if (distinct) {
          throw Error(ErrorCode::kBadRequest,
                      "ORDER BY of SELECT DISTINCT must use columns of the select list",
                      item.expr->range);
        }
        columns->push_back({expr, fmt::format("ORDER${}", columns->size()), item.expr->range});
      }
    }
    keys.push_back(MakeSortKey(item, *output));
  }
  return keys;
}

// QUALIFY: a condition on window functions, which may use the names of select items that are no
// input columns. Null when there is none.
ExprPtr QueryBinder::BindQualify(const ast::Select& select, const Scope& scope,
                                 const std::function<ExprPtr(const ast::Expr&)>& bind) const {
  if (!select.qualify) return nullptr;
  Scope with_items = scope;
  with_items.replace = [&](const ast::Expr& expr) -> ExprPtr {
    auto* column = std::get_if<ast::ColumnRef>(&expr.node);
    if (!column || column->parts.size() != 1) return scope.replace ? scope.replace(expr) : nullptr;
    const std::string& name = column->parts[0].text;
    for (const ScopeColumn& input : scope.columns) {
      if (SameWithoutCase(input.name, name)) return nullptr;
    }
    for (const ast::SelectItem& item : select.items) {
      if (item.alias && SameWithoutCase(item.alias->text, name)) return bind(*item.expr);
    }
    return nullptr;
  };
  return BindPredicate(*select.qualify, with_items, context_, "QUALIFY", notices());
}

BoundQuery QueryBinder::BindSelect(const ast::Select& select, const ast::Query& query) {
  BoundHints outer_hints = std::exchange(hints_, BindHints(select.hints));
  const OuterScope* lateral = std::exchange(lateral_, nullptr);
  BoundInput input = BindFrom(select.from.get());
  lateral_ = lateral;
  CheckHintedTables(input.scope);
  Subqueries subqueries(this);
  input.scope.subqueries = &subqueries;
  input.scope.outer = outer_;
  if (select.where) {
    ExprPtr where = BindPredicate(*select.where, input.scope, context_, "WHERE", notices());
    CheckRepeatable(*input.node, *where);
    if (mode_ == QueryMode::kContinuous && !IsDeterministic(*where)) {
      Notify("EVALUATED_AT_ARRIVAL",
             "the condition holds for a row or not when it arrives; rows do not leave later",
             select.where->range);
    }
    SubqueryJoiner joiner(&subqueries, std::move(input.node));
    joiner.Filter(where);
    input.node = PushIntoJoins(joiner.Take());
  }
  BoundQuery bound;
  std::vector<OutputColumn> columns;
  std::vector<SortKey> keys;
  auto bind_all = [&](const Scope& scope, const std::function<ExprPtr(const ast::Expr&)>& bind) {
    columns = ExpandItems(select, scope, bind);
    for (const OutputColumn& column : columns) bound.ranges.push_back(column.range);
    keys = BindOrderBy(query, select.distinct, &columns, bind);
  };
  Windows windows(this, select, TtlOf(input.scope));
  ExprPtr qualify;
  NodePtr node;
  if (Grouping::Needed(select, query.order_by, input.scope)) {
    Grouping grouping(this, std::move(input), select, query.order_by);
    const auto bind = [&](const ast::Expr& expr) { return grouping.Bind(expr); };
    grouping.SetReplace([&](const ast::Expr& expr) { return windows.Bind(expr, bind); });
    bind_all(grouping.scope(), bind);
    qualify = BindQualify(select, grouping.scope(), bind);
    node = grouping.Build(select.having.get());
    const auto finish = [&](const ExprPtr& expr) { return grouping.Finish(expr); };
    node = windows.Build(std::move(node), finish, this);
    for (OutputColumn& column : columns) column.expr = finish(column.expr);
    if (qualify) qualify = finish(qualify);
  } else {
    const auto bind = [&](const ast::Expr& expr) { return Bind(expr, input.scope); };
    input.scope.replace = [&, outer = input.scope.replace](const ast::Expr& expr) {
      ExprPtr replaced = windows.Bind(expr, bind);
      return replaced || !outer ? replaced : outer(expr);
    };
    bind_all(input.scope, bind);
    qualify = BindQualify(select, input.scope, bind);
    SubqueryJoiner joiner(&subqueries, std::move(input.node));
    joiner.ResolveAll();
    const auto finish = [&](const ExprPtr& expr) { return joiner.Resolve(expr); };
    node = windows.Build(joiner.Take(), finish, this);
    for (OutputColumn& column : columns) column.expr = finish(column.expr);
    if (qualify) qualify = finish(qualify);
  }
  for (OutputColumn& column : columns) column.expr = windows.Finish(column.expr);
  if (qualify) {
    qualify = windows.Finish(qualify);
    CheckRepeatable(*node, *qualify);
    node = MakeFilter(std::move(node), std::move(qualify), select.qualify->range);
  }
  std::vector<ExprPtr> exprs;
  std::vector<std::string> names;
  for (const OutputColumn& column : columns) {
    CheckRepeatable(*node, *column.expr);
    exprs.push_back(column.expr);
    names.push_back(column.name);
  }
  node = MakeProject(std::move(node), std::move(exprs), std::move(names), select.range);
  if (select.distinct) node = MakeDistinct(std::move(node), *this, select.range);
  hints_ = std::move(outer_hints);
  bound.node = Order(std::move(node), std::move(keys), bound.ranges.size(), query);
  return bound;
}

std::optional<int64_t> QueryBinder::BindCount(const ast::ExprPtr& expr,
                                              std::string_view what) const {
  if (!expr) return std::nullopt;
  ExprPtr bound = Bind(*expr, Scope{});
  if (!IsConstant(*bound) || !IsInteger(bound->type.id)) {
    throw Error(ErrorCode::kTypeMismatch, fmt::format("{} needs a constant integer", what),
                expr->range);
  }
  const Value value = EvaluateConstant(*bound, context_.session->zone());
  if (value.is_null()) return std::nullopt;
  const int64_t count = std::get<int64_t>(value.data);
  if (count < 0) {
    throw Error(ErrorCode::kInvalidValue, fmt::format("{} is negative", what), expr->range);
  }
  return count;
}

NodePtr QueryBinder::Order(NodePtr node, std::vector<SortKey> keys, size_t visible,
                           const ast::Query& query) {
  std::optional<int64_t> limit = BindCount(query.limit, "LIMIT");
  const int64_t offset = BindCount(query.offset, "OFFSET").value_or(0);
  const bool continuous = mode_ == QueryMode::kContinuous;
  const bool ends = query.emit.kind == ast::EmitKind::kChanges && keys.empty() && !query.offset;
  if (continuous && limit && ends) {
    // Not the first rows of an order, but an end of the changes.
    state_->plan->push_limit = limit;
  } else if (continuous && (limit || offset > 0)) {
    node = FirstRows(std::move(node), std::move(keys), limit, offset, query);
  } else if (continuous && !keys.empty()) {
    Notify("ORDER_BY_IGNORED",
           "the rows of a continuous query have no order: sort in the SELECT that reads them",
           query.order_by[0].expr->range);
  } else if (!keys.empty() || limit || offset > 0) {
    node = MakeSort(std::move(node), Sort{std::move(keys), limit, offset}, query.range);
  }
  if (node->schema.size() == visible) return node;
  std::vector<ExprPtr> exprs = AllColumns(node->schema);
  std::vector<std::string> names = NamesOf(node->schema);
  exprs.resize(visible);
  names.resize(visible);
  return MakeProject(std::move(node), std::move(exprs), std::move(names), query.range);
}

// ORDER BY … LIMIT … OFFSET of a continuous query: kept up to date.
NodePtr QueryBinder::FirstRows(NodePtr node, std::vector<SortKey> keys,
                               std::optional<int64_t> limit, int64_t offset,
                               const ast::Query& query) const {
  TopN top;
  top.order = std::move(keys);
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max() / 2;  // So that sums do not wrap.
  top.first = std::min(offset, kMost) + 1;
  if (limit) top.last = std::min(offset, kMost) + std::min(*limit, kMost);
  top.state_ttl = DurationSetting("table.exec.state.ttl");
  return MakeTopN(std::move(node), std::move(top), "", query.range);
}

Plan PlanQuery(const ast::Query& query, QueryMode mode, const PlanContext& context) {
  Plan plan;
  BindState state{&plan};
  QueryBinder binder(context, mode, {}, &state);
  plan.root = binder.BindQuery(query).node;
  plan.schema = plan.root->schema;
  plan.pull = mode == QueryMode::kPull;
  plan.emit_changes = query.emit.kind == ast::EmitKind::kChanges;
  plan.bounded = IsBounded(*plan.root);
  Rewrite(&plan, context.session->zone());
  return plan;
}

}  // namespace millrace
