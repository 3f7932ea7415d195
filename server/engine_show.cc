// SHOW, DESCRIBE, EXPLAIN, and what the API lists.
#include <algorithm>

#include "parser/parse.h"
#include "parser/print.h"
#include "server/engine_state.h"
#include "types/row_key.h"

namespace millrace {
namespace {

std::string_view KindName(const Relation& relation) {
  switch (relation.kind) {
    case Relation::Kind::kTable:
      return "TABLE";
    case Relation::Kind::kView:
      return "VIEW";
    case Relation::Kind::kMaterializedView:
      return "MATERIALIZED VIEW";
  }
  return "";
}

// SQL's LIKE over names: % and _.
bool LikeMatch(std::string_view pattern, std::string_view text, bool fold) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '%') {
    for (size_t i = 0; i <= text.size(); ++i) {
      if (LikeMatch(pattern.substr(1), text.substr(i), fold)) return true;
    }
    return false;
  }
  if (text.empty()) return false;
  const bool same = fold ? std::tolower(static_cast<unsigned char>(pattern[0])) ==
                               std::tolower(static_cast<unsigned char>(text[0]))
                         : pattern[0] == text[0];
  return (pattern[0] == '_' || same) && LikeMatch(pattern.substr(1), text.substr(1), fold);
}

void KeepLike(const std::optional<ast::LikePattern>& like,
              std::vector<std::vector<std::string>>* rows) {
  if (!like) return;
  std::erase_if(*rows, [&](const std::vector<std::string>& row) {
    return LikeMatch(like->pattern, row[0], like->kind == ast::LikeKind::kIlike) == like->negated;
  });
}

std::string DecoratedType(const Relation& relation, size_t c) {
  const TableColumn& column = relation.columns[c];
  std::string type = column.type.AsNullable().ToString();
  if (relation.watermark && relation.watermark->column == c) type += " *ROWTIME*";
  if (column.proctime) type += " *PROCTIME*";
  return type;
}

}  // namespace

StatementResult TextResult(std::string kind, std::vector<std::string> columns,
                           const std::vector<std::vector<std::string>>& rows) {
  StatementResult result;
  result.kind = std::move(kind);
  result.has_rows = true;
  Batch batch;
  batch.size = rows.size();
  auto heap = std::make_shared<Arena>();
  for (size_t c = 0; c < columns.size(); ++c) {
    result.schema.push_back({columns[c], TypeId::kString});
    Column column = MakeColumn(TypeId::kString, rows.size());
    for (size_t i = 0; i < rows.size(); ++i) {
      SetValue({rows[i][c]}, TypeId::kString, &column, i, heap.get());
    }
    column.KeepAlive(heap);
    batch.columns.push_back(std::move(column));
  }
  if (batch.size > 0) result.rows.push_back(std::move(batch));
  return result;
}

StatementResult Engine::State::Do(ast::Show& s, const std::string&, Run& run) {
  std::lock_guard lock(mutex);
  std::vector<std::vector<std::string>> rows;
  auto relations = [&](std::string_view kind) {
    for (const Relation* r : catalog.List()) {
      if (KindName(*r) == kind) rows.push_back({r->name});
    }
  };
  std::vector<std::string> columns;
  if (s.what == "TABLES") {
    columns = {"table name"};
    for (const Relation* r : catalog.List()) rows.push_back({r->name});
  } else if (s.what == "VIEWS") {
    columns = {"view name"};
    relations("VIEW");
  } else if (s.what == "MATERIALIZED VIEWS" || s.what == "MATERIALIZED TABLES") {
    columns = {"materialized view name"};
    relations("MATERIALIZED VIEW");
  } else if (s.what == "FUNCTIONS" || s.what == "USER FUNCTIONS") {
    columns = {"function name"};
    for (const SqlFunction* f : catalog.ListFunctions()) rows.push_back({f->name});
    if (s.what == "FUNCTIONS") {
      for (const std::string& name : BuiltinFunctions().Names()) rows.push_back({name});
    }
  } else if (s.what == "JOBS") {
    columns = {"job id", "job name", "status", "kind", "rows in", "rows out", "error"};
    for (const auto& [number, record] : jobs) {
      const JobInfo info = InfoOf(record);
      rows.push_back({info.id, info.name, info.state, info.kind, std::to_string(info.rows_in),
                      std::to_string(info.rows_out), info.error ? info.error->message : ""});
    }
  } else if (s.what == "DATABASES") {
    columns = {"database name"};
    for (const std::string& name : catalog.Databases()) rows.push_back({name});
  } else if (s.what == "CATALOGS") {
    columns = {"catalog name"};
    rows.push_back({"default_catalog"});
  } else if (s.what == "CURRENT DATABASE") {
    columns = {"current database name"};
    rows.push_back({run.session->database});
  } else if (s.what == "CURRENT CATALOG") {
    columns = {"current catalog name"};
    rows.push_back({"default_catalog"});
  } else if (s.what == "COLUMNS" && s.scope) {
    columns = {"name", "type"};
    const Relation& relation = catalog.Get(*s.scope, *run.session);
    for (size_t c = 0; c < relation.columns.size(); ++c) {
      rows.push_back({relation.columns[c].name, DecoratedType(relation, c)});
    }
  } else {
    throw Error(ErrorCode::kUnsupportedFeature, "SHOW " + s.what + " is not supported yet");
  }
  KeepLike(s.like, &rows);
  return TextResult("show", columns, rows);
}

StatementResult Engine::State::Do(ast::ShowCreate& s, const std::string&, Run& run) {
  std::lock_guard lock(mutex);
  if (s.kind == ast::ObjectKind::kFunction) {
    const SqlFunction* function = catalog.FindFunction(s.name.parts.back().text);
    if (!function)
      throw Error(ErrorCode::kFunctionNotFound, "there is no such function", s.name.range);
    return TextResult("show_create", {"result"}, {{function->sql}});
  }
  return TextResult("show_create", {"result"}, {{ShowCreate(catalog.Get(s.name, *run.session))}});
}

StatementResult Engine::State::Do(ast::Describe& s, const std::string&, Run& run) {
  std::lock_guard lock(mutex);
  if (s.kind != ast::ObjectKind::kTable && s.kind != ast::ObjectKind::kView &&
      s.kind != ast::ObjectKind::kMaterializedView) {
    throw Error(ErrorCode::kUnsupportedFeature, "DESCRIBE of this kind is not supported yet",
                s.name.range);
  }
  const Relation& relation = catalog.Get(s.name, *run.session);
  std::string key;
  for (size_t k : relation.primary_key) {
    key += (key.empty() ? "PRI(" : ", ") + relation.columns[k].name;
  }
  if (!key.empty()) key += ")";
  std::vector<std::vector<std::string>> rows;
  for (size_t c = 0; c < relation.columns.size(); ++c) {
    const TableColumn& column = relation.columns[c];
    const bool in_key = std::ranges::find(relation.primary_key, c) != relation.primary_key.end();
    std::string extras;
    if (column.kind == TableColumn::Kind::kMetadata)
      extras = "METADATA FROM '" + column.metadata_key + "'";
    if (column.kind == TableColumn::Kind::kComputed && column.computed) {
      std::vector<std::string> names;
      for (const TableColumn& t : relation.columns) names.push_back(t.name);
      extras = "AS " + ToString(*column.computed, names);
    }
    std::string watermark;
    if (relation.watermark && relation.watermark->column == c && relation.watermark->expr) {
      std::vector<std::string> names;
      for (const TableColumn& t : relation.columns) names.push_back(t.name);
      watermark = ToString(*relation.watermark->expr, names);
    }
    rows.push_back({column.name, DecoratedType(relation, c),
                    column.type.nullable ? "TRUE" : "FALSE", in_key ? key : "", extras, watermark});
  }
  return TextResult("describe", {"name", "type", "null", "key", "extras", "watermark"}, rows);
}

StatementResult Engine::State::Do(ast::Explain& s, const std::string&, Run& run) {
  std::lock_guard lock(mutex);
  Plan plan;
  std::string text;
  if (auto* query = std::get_if<ast::QueryStatement>(&s.statement->node)) {
    plan = PlanQuery(*query->query, QueryMode::kPull, ContextOf(run));
    text = ExplainPlan(plan);
  } else if (auto* insert = std::get_if<ast::Insert>(&s.statement->node)) {
    plan = PlanInsert(*insert, QueryMode::kContinuous, ContextOf(run));
    text = ExplainPlan(plan);
  } else if (auto* view = std::get_if<ast::CreateMaterializedView>(&s.statement->node)) {
    const SourceRange range = s.statement->range;
    std::string sql(run.whole_text.substr(range.offset, range.length));
    Relation relation =
        BindCreateMaterializedView(*view, std::move(sql), ContextOf(run), &plan.notices);
    text = ExplainPlan(*relation.plan);
  } else {
    throw Error(ErrorCode::kUnsupportedFeature,
                "EXPLAIN takes a query, an INSERT or a CREATE MATERIALIZED VIEW",
                s.statement->range);
  }
  StatementResult result = TextResult("explain", {"plan"}, {{text}});
  result.notices = std::move(plan.notices);
  return result;
}

std::vector<ObjectInfo> Engine::Objects() const {
  std::vector<ObjectInfo> infos;
  std::lock_guard lock(state_->mutex);
  for (const Relation* r : state_->catalog.List()) infos.push_back(Object(r->name));
  for (const SqlFunction* f : state_->catalog.ListFunctions()) {
    ObjectInfo info;
    info.name = f->name;
    info.kind = "FUNCTION";
    info.sql = f->sql;
    infos.push_back(std::move(info));
  }
  return infos;
}

ObjectInfo Engine::Object(std::string_view name) const {
  std::lock_guard lock(state_->mutex);
  const Relation* r = state_->catalog.Find(name);
  if (!r) throw Error(ErrorCode::kNotFound, "\"" + std::string(name) + "\" does not exist");
  ObjectInfo info;
  info.name = r->name;
  info.kind = KindName(*r);
  info.columns = r->columns;
  info.primary_key = r->primary_key;
  if (r->watermark) info.watermark_column = r->watermark->column;
  if (r->connector) info.connector = r->connector->name;
  info.sql = ShowCreate(*r);
  info.reads = r->reads;
  info.read_by = state_->catalog.Dependents(r->name);
  info.takes_rows = r->embedded();
  if (r->embedded()) info.rows = state_->LogOf(*r).rows();
  std::shared_lock views_lock(state_->views_mutex);
  if (auto it = state_->views.find(r->name); it != state_->views.end()) {
    std::shared_lock view_lock(it->second.pipeline->view_lock());
    info.rows = it->second.view->rows();
  }
  return info;
}

ValidateResult Engine::Validate(std::string_view sql) {
  ValidateResult result;
  Session session;
  ExecuteRequest request;
  State::Run run{&request, &session, sql};
  // A catalog of its own that knows what the engine's knows.
  Catalog scratch;
  auto context = [&] {
    return PlanContext{&scratch, &session, state_->options.base_directory, false, {}};
  };
  try {
    {
      std::lock_guard lock(state_->mutex);
      for (const std::string& name : state_->catalog.Databases()) {
        if (!scratch.HasDatabase(name)) scratch.AddDatabase(name);
      }
      for (const SqlFunction* f : state_->catalog.ListFunctions()) scratch.AddFunction(*f, true);
      for (const Relation* r : state_->catalog.List()) scratch.Add(*r);
    }
    std::vector<ast::Statement> statements = Parse(sql);
    for (size_t i = 0; i < statements.size(); ++i) {
      result.error_statement = i;
      ast::Statement& statement = statements[i];
      std::string text(sql.substr(statement.range.offset, statement.range.length));
      ValidatedStatement one;
      auto take_plan = [&](const Plan& plan) {
        one.schema = plan.schema;
        one.plan = ExplainPlan(plan);
        one.reads = plan.reads;
      };
      if (auto* table = std::get_if<ast::CreateTable>(&statement.node)) {
        one.kind = "create_table";
        scratch.Add(BindCreateTable(*table, text, context(), &one.notices), table->name.range);
      } else if (auto* view = std::get_if<ast::CreateView>(&statement.node)) {
        one.kind = "create_view";
        scratch.Add(BindCreateView(*view, text, context(), &one.notices), view->name.range);
      } else if (auto* mv = std::get_if<ast::CreateMaterializedView>(&statement.node)) {
        one.kind = "create_materialized_view";
        const Relation& added = scratch.Add(
            BindCreateMaterializedView(*mv, text, context(), &one.notices), mv->name.range);
        take_plan(*added.plan);
      } else if (auto* function = std::get_if<ast::CreateFunction>(&statement.node)) {
        one.kind = "create_function";
        scratch.AddFunction(BindCreateFunction(*function, text, context()), function->or_replace);
      } else if (auto* insert = std::get_if<ast::Insert>(&statement.node)) {
        one.kind = "insert";
        const Plan plan = PlanInsert(*insert, QueryMode::kContinuous, context());
        take_plan(plan);
        one.notices = plan.notices;
        one.writes = {std::get<WriteSink>(plan.root->op).table->name};
      } else if (auto* query = std::get_if<ast::QueryStatement>(&statement.node)) {
        one.kind = "select";
        const Plan plan = PlanQuery(*query->query, QueryMode::kPull, context());
        take_plan(plan);
        one.notices = plan.notices;
      } else if (std::holds_alternative<ast::Set>(statement.node)) {
        one.kind = "set";
        state_->Do(std::get<ast::Set>(statement.node), text, run);
      } else {
        one.kind = "other";
      }
      result.statements.push_back(std::move(one));
    }
  } catch (const Error& error) {
    result.error = error;
  }
  return result;
}

}  // namespace millrace
