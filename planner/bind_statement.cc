// CREATE VIEW, CREATE MATERIALIZED VIEW, CREATE FUNCTION, and the schemas of system views.
#include <algorithm>
#include <set>

#include "parser/parse.h"
#include "planner/bind_expr.h"
#include "planner/expr_binder.h"
#include "planner/names.h"
#include "planner/properties.h"
#include "types/cast.h"
#include "types/datetime.h"

namespace millrace {
namespace {

constexpr std::string_view kRetention = "view.retention";

// The stored text's own tree. It outlives the statement, whose ranges are those of the whole text
// that was submitted.
template <class Node>
Node ParseAs(const std::string& text, SourceRange range) {
  std::vector<ast::Statement> statements = Parse(text);
  Node* node = statements.size() == 1 ? std::get_if<Node>(&statements[0].node) : nullptr;
  if (node == nullptr) {
    throw Error(ErrorCode::kInternal, "the statement's text is another statement", range);
  }
  return std::move(*node);
}

bool IsStar(const ast::SelectItem& item) {
  return std::holds_alternative<ast::Star>(item.expr->node);
}

// Where output column `column` of `count` is written: its select item, the star it comes from, or
// the query.
SourceRange ItemRange(const ast::Query& query, size_t column, size_t count) {
  if (const auto* nested = std::get_if<ast::QueryPtr>(&query.body)) {
    return ItemRange(**nested, column, count);
  }
  if (const auto* set = std::get_if<ast::SetOperation>(&query.body)) {
    return ItemRange(*set->left, column, count);
  }
  const ast::Select* select = std::get_if<ast::Select>(&query.body);
  if (select == nullptr || select->items.empty()) return query.range;
  const std::vector<ast::SelectItem>& items = select->items;
  const auto star = std::ranges::find_if(items, IsStar);
  const auto before = static_cast<size_t>(star - items.begin());
  if (column < before) return items[column].range;
  const auto last = std::find_if(items.rbegin(), items.rend(), IsStar);
  const auto behind = static_cast<size_t>(last - items.rbegin());
  if (count - column <= behind) return items[items.size() - (count - column)].range;
  return star == items.end() ? query.range : star->range;
}

// The names of the columns that a view's statement gives; none: the query's own.
std::vector<std::string> ColumnNames(const std::vector<ast::ViewColumn>& columns, size_t count) {
  std::vector<std::string> names;
  if (columns.empty()) return names;
  if (columns.size() != count) {
    const SourceRange first = columns.front().name.range, last = columns.back().name.range;
    throw Error(ErrorCode::kBadRequest,
                "the view names " + std::to_string(columns.size()) +
                    " columns, but its query gives " + std::to_string(count),
                SourceRange{first.offset, last.offset + last.length - first.offset});
  }
  for (const ast::ViewColumn& column : columns) names.push_back(column.name.text);
  return names;
}

void CheckDistinct(const Schema& schema, const std::vector<ast::ViewColumn>& columns,
                   const ast::Query& query) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < schema.size(); ++i) {
    if (names.insert(schema[i].name).second) continue;
    throw Error(ErrorCode::kDuplicateObject, "the view has two columns \"" + schema[i].name + '"',
                columns.empty() ? ItemRange(query, i, schema.size()) : columns[i].name.range,
                "name one of them with AS");
  }
}

// What views of both kinds have in common. Renames the columns of `schema`.
template <class Statement>
Relation MakeView(const Statement& statement, std::string text, const PlanContext& context,
                  const Plan& plan, Schema* schema) {
  Relation relation;
  relation.name = context.catalog->Qualify(statement.name, *context.session);
  relation.comment = statement.comment.value_or("");
  relation.settings = context.session->settings;
  relation.reads = plan.reads;
  relation.column_names = ColumnNames(statement.columns, schema->size());
  for (size_t i = 0; i < relation.column_names.size(); ++i) {
    (*schema)[i].name = relation.column_names[i];
  }
  CheckDistinct(*schema, statement.columns, *statement.query);
  for (size_t i = 0; i < schema->size(); ++i) {
    TableColumn column;
    column.name = (*schema)[i].name;
    column.type = (*schema)[i].type;
    if (!statement.columns.empty()) column.comment = statement.columns[i].comment.value_or("");
    relation.columns.push_back(std::move(column));
  }
  relation.query = ParseAs<Statement>(text, statement.name.range).query;
  relation.sql = std::move(text);
  return relation;
}

void AppendNotices(const Plan& plan, std::vector<Notice>* notices) {
  if (notices == nullptr) return;
  notices->insert(notices->end(), plan.notices.begin(), plan.notices.end());
}

// The options of a materialized view; returns its retention in microseconds, 0 for ever.
int64_t BindViewOptions(const std::vector<ast::Option>& given, const Node& root, Options* options) {
  int64_t retention = 0;
  for (const ast::Option& option : given) {
    if (option.key != kRetention) {
      const std::string_view known[] = {kRetention};
      std::string hint = DidYouMean(option.key, known);
      if (option.key == "connector") hint = "write CREATE TABLE, then INSERT INTO … SELECT";
      throw Error(ErrorCode::kInvalidOption,
                  "a materialized view has no option '" + option.key + "'", option.key_range,
                  std::move(hint));
    }
    const Option value{option.value, option.key_range, option.value_range};
    if (!options->emplace(option.key, value).second) {
      throw Error(ErrorCode::kInvalidOption, "option '" + option.key + "' is there twice",
                  option.key_range);
    }
    const std::optional<int64_t> micros = ParseDuration(option.value);
    if (!micros || *micros <= 0) {
      throw Error(ErrorCode::kInvalidOption, "'" + option.value + "' is not a duration",
                  option.value_range, "write '7 d', '12 h' or '30 min'");
    }
    if (!root.properties.window.end && root.properties.event_times.empty()) {
      throw Error(ErrorCode::kInvalidOption,
                  "'view.retention' needs a view with window_end or an event-time column",
                  option.key_range);
    }
    retention = *micros;
  }
  return retention;
}

}  // namespace

Relation BindCreateView(const ast::CreateView& statement, std::string text,
                        const PlanContext& context, std::vector<Notice>* notices) {
  const Plan plan = PlanQuery(*statement.query, QueryMode::kPull, context);
  Schema schema = plan.schema;
  Relation relation = MakeView(statement, std::move(text), context, plan, &schema);
  relation.kind = Relation::Kind::kView;
  AppendNotices(plan, notices);
  return relation;
}

Relation BindCreateMaterializedView(const ast::CreateMaterializedView& statement, std::string text,
                                    const PlanContext& context, std::vector<Notice>* notices) {
  auto plan = std::make_shared<Plan>(PlanQuery(*statement.query, QueryMode::kContinuous, context));
  Schema schema = plan->schema;
  Relation relation = MakeView(statement, std::move(text), context, *plan, &schema);
  relation.kind = Relation::Kind::kMaterializedView;
  if (plan->emit_changes) {
    plan->emit_changes = false;
    plan->notices.push_back({"IGNORED", "EMIT CHANGES has no effect in a materialized view",
                             statement.query->emit.range});
  }
  const int64_t retention = BindViewOptions(statement.options, *plan->root, &relation.options);
  plan->schema = schema;
  plan->root->schema = std::move(schema);
  AddMaterialize(plan.get(), relation.name, retention);
  if (plan->root->properties.has_key) relation.primary_key = plan->root->properties.key;
  AppendNotices(*plan, notices);
  relation.plan = std::move(plan);
  return relation;
}

SqlFunction BindCreateFunction(const ast::CreateFunction& statement, std::string text,
                               const PlanContext& context) {
  const ast::Name& name = statement.name.parts.back();
  if (!statement.body) {
    throw Error(ErrorCode::kUnsupportedFeature, "only functions in SQL are supported", name.range,
                "write CREATE FUNCTION f(a STRING) RETURNS STRING RETURN UPPER(a)");
  }
  const std::string key = Lower(name.text);
  if (BuiltinFunctions().HasScalar(key) || BuiltinFunctions().HasAggregate(key)) {
    throw Error(ErrorCode::kDuplicateObject, "\"" + name.text + "\" is a built-in function",
                name.range);
  }
  SqlFunction function;
  function.name = name.text;
  Scope scope;
  for (const ast::FunctionParameter& parameter : statement.parameters) {
    const bool taken = std::ranges::any_of(
        function.parameters, [&](const Field& other) { return other.name == parameter.name.text; });
    if (taken) {
      throw Error(ErrorCode::kDuplicateObject,
                  "parameter \"" + parameter.name.text + "\" is there twice", parameter.name.range);
    }
    Type type = ResolveType(parameter.type, nullptr);
    scope.bindings.emplace_back(parameter.name.text, MakeColumnExpr(function.parameters.size(),
                                                                    type, parameter.name.range));
    function.parameters.push_back({parameter.name.text, std::move(type)});
  }
  VisitExpr(*statement.body, [&](const ast::Expr& expr) {
    const ast::FunctionCall* call = std::get_if<ast::FunctionCall>(&expr.node);
    if (call != nullptr && SameWithoutCase(call->name.parts.back().text, name.text)) {
      throw Error(ErrorCode::kBadRequest, "function \"" + name.text + "\" calls itself",
                  expr.range);
    }
    return true;
  });
  const ExprPtr body = BindExpr(*statement.body, scope, context, nullptr);
  function.result = statement.returns ? ResolveType(*statement.returns, nullptr) : body->type;
  const CastKind kind = CastKindOf(body->type, function.result);
  if (!IsNullLiteral(*body) && (kind == CastKind::kNone || kind == CastKind::kExplicit)) {
    throw Error(ErrorCode::kTypeMismatch,
                "the function returns " + function.result.ToString() + ", but this is " +
                    body->type.ToString(),
                statement.body->range, "convert it with CAST");
  }
  function.body = ParseAs<ast::CreateFunction>(text, name.range).body;
  function.sql = std::move(text);
  return function;
}

Schema ErrorsSchemaOfTable() {
  return {{"partition", TypeId::kString},
          {"position", TypeId::kString},
          {"time", Type::MakeTimestampLtz(3)},
          {"reason", TypeId::kString},
          {"raw", TypeId::kBytes},
          {"record_key", TypeId::kBytes},
          {"record_time", Type::MakeTimestampLtz(3)}};
}

Schema ErrorsSchemaOfJob() {
  return {{"operator", TypeId::kString}, {"reason", TypeId::kString}, {"row", TypeId::kString}};
}

Schema LateSchema() {
  return {{"operator", TypeId::kString},
          {"event_time", Type::MakeTimestamp(3)},
          {"watermark", Type::MakeTimestamp(3)},
          {"reason", TypeId::kString},
          {"row", TypeId::kString}};
}

}  // namespace millrace
