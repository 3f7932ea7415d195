// SHOW, DESCRIBE, EXPLAIN, and what the API lists.
#include <algorithm>

#include "parser/parse.h"
#include "parser/print.h"
#include "server/engine_state.h"
#include "types/datetime.h"
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

std::string DecoratedType(const Relation& relation, size_t c) {
  const TableColumn& column = relation.columns[c];
  std::string type = column.type.AsNullable().ToString();
  if (relation.watermark && relation.watermark->column == c) type += " *ROWTIME*";
  if (column.proctime) type += " *PROCTIME*";
  return type;
}

}  // namespace

void KeepLike(const std::optional<ast::LikePattern>& like,
              std::vector<std::vector<std::string>>* rows) {
  if (!like) return;
  std::erase_if(*rows, [&](const std::vector<std::string>& row) {
    return LikeMatch(like->pattern, row[0], like->kind == ast::LikeKind::kIlike) == like->negated;
  });
}

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

std::vector<std::string> Engine::State::RelationNames(std::string_view kind) const {
  std::vector<std::string> names;
  for (const Relation* r : catalog.List()) {
    if (kind.empty() || KindName(*r) == kind) names.push_back(r->name);
  }
  return names;
}

// The title and the names of the lists that are nothing else.
std::optional<std::pair<std::string, std::vector<std::string>>> Engine::State::NamesOf(
    const std::string& what, const Session& session) const {
  if (what == "TABLES") return {{"table name", RelationNames("")}};
  if (what == "VIEWS") return {{"view name", RelationNames("VIEW")}};
  if (what == "MATERIALIZED VIEWS" || what == "MATERIALIZED TABLES") {
    return {{"materialized view name", RelationNames("MATERIALIZED VIEW")}};
  }
  if (what == "FUNCTIONS" || what == "USER FUNCTIONS") {
    std::vector<std::string> names;
    for (const SqlFunction* f : catalog.ListFunctions()) names.push_back(f->name);
    if (what == "FUNCTIONS")
      std::ranges::copy(BuiltinFunctions().Names(), std::back_inserter(names));
    return {{"function name", std::move(names)}};
  }
  if (what == "DATABASES") return {{"database name", catalog.Databases()}};
  if (what == "CATALOGS") return {{"catalog name", {"default_catalog"}}};
  if (what == "CURRENT DATABASE") return {{"current database name", {session.database}}};
  if (what == "CURRENT CATALOG") return {{"current catalog name", {"default_catalog"}}};
  return std::nullopt;
}

StatementResult Engine::State::Do(ast::Show& s, const std::string&, Run& run) {
  if (s.what == "TOPICS") return ShowTopics(s);
  std::lock_guard lock(mutex);
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;
  if (auto names = NamesOf(s.what, *run.session)) {
    columns = {names->first};
    for (std::string& name : names->second) rows.push_back({std::move(name)});
  } else if (s.what == "JOBS") {
    columns = {"job id", "job name", "status", "kind", "rows in", "rows out", "error"};
    for (const auto& [number, record] : jobs) {
      const JobInfo info = InfoOf(record);
      rows.push_back({info.id, info.name, info.state, info.kind, std::to_string(info.rows_in),
                      std::to_string(info.rows_out), info.error ? info.error->message : ""});
    }
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

// Of the running queries that the plan reads, or whose text `sql` is: how far their time is, and
// which source partition holds it back.
std::string Engine::State::ExplainRunning(const Plan& plan, std::string_view sql) {
  std::string text;
  for (const auto& [number, record] : jobs) {
    const bool read = record.kind == "MATERIALIZED VIEW" &&
                      std::ranges::find(plan.reads, record.name) != plan.reads.end();
    if (!read && record.sql != sql) continue;
    const JobInfo info = InfoOf(record);
    text += "\n" + record.name + " is " + info.state + ", ";
    if (info.watermark == kMaxWatermark) {
      text += "its time has ended";
    } else if (info.watermark) {
      text += "its watermark is ";
      AppendTimestamp(Timestamp{*info.watermark}, 3, ' ', &text);
    } else {
      text += "it has no watermark";
    }
    if (!info.held_back_by.empty()) text += ", held back by " + info.held_back_by;
  }
  return text;
}

StatementResult Engine::State::Do(ast::Explain& s, const std::string&, Run& run) {
  std::lock_guard lock(mutex);
  Plan plan;
  std::string text;
  const SourceRange range = s.statement->range;
  const std::string sql(run.whole_text.substr(range.offset, range.length));
  if (auto* query = std::get_if<ast::QueryStatement>(&s.statement->node)) {
    plan = PlanQuery(*query->query, QueryMode::kPull, ContextOf(run));
    text = ExplainPlan(plan);
  } else if (auto* insert = std::get_if<ast::Insert>(&s.statement->node)) {
    plan = PlanInsert(*insert, QueryMode::kContinuous, ContextOf(run));
    text = ExplainPlan(plan);
  } else if (auto* view = std::get_if<ast::CreateMaterializedView>(&s.statement->node)) {
    if (view->or_replace && catalog.Find(view->name, *run.session)) {
      return ExplainReplacement(*view, sql, run);
    }
    Relation relation = BindCreateMaterializedView(*view, sql, ContextOf(run), &plan.notices);
    text = ExplainPlan(*relation.plan);
    plan.reads = relation.plan->reads;
  } else {
    throw Error(ErrorCode::kUnsupportedFeature,
                "EXPLAIN takes a query, an INSERT or a CREATE MATERIALIZED VIEW", range);
  }
  text += ExplainRunning(plan, sql);
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
  if (r->embedded()) {
    try {
      info.rows = state_->TableOf(*r)->rows();
    } catch (const Error& error) {
      // Its files cannot be opened now; what uses the rows says so.
      if (error.code != ErrorCode::kIo) throw;
    }
  }
  std::shared_lock views_lock(state_->views_mutex);
  if (auto it = state_->views.find(r->name); it != state_->views.end() && it->second.view) {
    std::shared_lock view_lock(it->second.pipeline->view_lock());
    info.rows = it->second.view->rows();
  }
  return info;
}

namespace {

// Binds statements in a catalog of its own; nothing else happens.
class Validator {
 public:
  Validator(Catalog* catalog, std::string base_directory)
      : catalog_(*catalog), base_directory_(std::move(base_directory)) {}

  ValidatedStatement Validate(ast::Statement& statement, std::string text) {
    one_ = {};
    text_ = std::move(text);
    std::visit([this](auto& s) { Bind(s); }, statement.node);
    return std::move(one_);
  }

 private:
  PlanContext Context() const { return {&catalog_, &session_, base_directory_, false, {}}; }

  void Take(const Plan& plan) {
    one_.schema = plan.schema;
    one_.plan = ExplainPlan(plan);
    one_.reads = plan.reads;
    std::ranges::copy(plan.notices, std::back_inserter(one_.notices));
  }
  void Bind(ast::CreateTable& s) {
    one_.kind = "create_table";
    catalog_.Add(BindCreateTable(s, text_, Context(), &one_.notices), s.name.range);
  }
  void Bind(ast::CreateView& s) {
    one_.kind = "create_view";
    catalog_.Add(BindCreateView(s, text_, Context(), &one_.notices), s.name.range);
  }
  void Bind(ast::CreateMaterializedView& s) {
    one_.kind = "create_materialized_view";
    Relation relation = BindCreateMaterializedView(s, text_, Context(), &one_.notices);
    Take(*catalog_.Add(std::move(relation), s.name.range).plan);
  }
  void Bind(ast::CreateFunction& s) {
    one_.kind = "create_function";
    catalog_.AddFunction(BindCreateFunction(s, text_, Context()), s.or_replace, s.name.range);
  }
  void Bind(ast::CreateDatabase& s) {
    one_.kind = "create_database";
    catalog_.AddDatabase(s.name.parts.back().text, s.name.range);
  }
  void Bind(ast::Insert& s) {
    one_.kind = "insert";
    const Plan plan = PlanInsert(s, QueryMode::kContinuous, Context());
    Take(plan);
    one_.writes = {std::get<WriteSink>(plan.root->op).table->name};
  }
  void Bind(ast::QueryStatement& s) {
    one_.kind = "select";
    const bool push = s.query->emit.kind == ast::EmitKind::kChanges;
    Take(PlanQuery(*s.query, push ? QueryMode::kContinuous : QueryMode::kPull, Context()));
  }
  void Bind(ast::Set& s) {
    one_.kind = "set";
    if (s.option) session_.settings[s.option->key] = s.option->value;
  }
  void Bind(ast::Use& s) {
    one_.kind = "use";
    if (s.kind == ast::UseKind::kDatabase) session_.database = s.name.parts.back().text;
  }
  void Bind(ast::Unsupported& s) {
    throw Error(ErrorCode::kUnsupportedFeature, s.what + " is not supported", s.range);
  }
  template <class Other>
  void Bind(Other&) {
    one_.kind = "other";
  }

  Catalog& catalog_;
  Session session_;
  std::string base_directory_, text_;
  ValidatedStatement one_;
};

}  // namespace

ValidateResult Engine::Validate(std::string_view sql) {
  ValidateResult result;
  Catalog scratch;  // Knows what the engine's knows.
  try {
    {
      std::lock_guard lock(state_->mutex);
      for (const std::string& name : state_->catalog.Databases()) {
        if (!scratch.HasDatabase(name)) scratch.AddDatabase(name);
      }
      for (const SqlFunction* f : state_->catalog.ListFunctions()) scratch.AddFunction(*f, true);
      for (const Relation* r : state_->catalog.List()) scratch.Add(*r);
    }
    Validator validator(&scratch, state_->options.base_directory);
    std::vector<ast::Statement> statements = Parse(sql);
    for (size_t i = 0; i < statements.size(); ++i) {
      result.error_statement = i;
      const SourceRange range = statements[i].range;
      std::string text(sql.substr(range.offset, range.length));
      result.statements.push_back(validator.Validate(statements[i], std::move(text)));
    }
  } catch (const Error& error) {
    result.error = error;
  }
  return result;
}

}  // namespace millrace
