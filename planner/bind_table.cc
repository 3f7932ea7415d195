// CREATE TABLE: columns, key, watermark and options.
#include "planner/bind_table.h"

#include <algorithm>

#include "connectors/watermark_options.h"
#include "fmt/format.h"
#include "parser/parse.h"
#include "parser/print.h"
#include "planner/bind_expr.h"
#include "planner/names.h"
#include "types/cast.h"

namespace millrace {
namespace {

// The option of tables without a connector.
constexpr std::string_view kAppendOnly = "append-only";

// Whether the expression is a call without arguments of the function.
bool IsCallOf(const ast::Expr& expr, std::string_view function) {
  const ast::FunctionCall* call = std::get_if<ast::FunctionCall>(&expr.node);
  return call != nullptr && call->args.empty() && call->name.parts.size() == 1 &&
         SameWithoutCase(call->name.parts[0].text, function);
}

SourceRange Span(SourceRange first, SourceRange last) {
  return {first.offset, last.offset + last.length - first.offset};
}

class TableBinder {
 public:
  TableBinder(const ast::CreateTable& statement, const PlanContext& context,
              std::vector<Notice>* notices)
      : statement_(statement), context_(context), notices_(notices) {}

  Relation Bind(std::string text) {
    if (statement_.query) {
      throw Error(ErrorCode::kUnsupportedFeature, "CREATE TABLE … AS is not supported yet",
                  statement_.query->range, "write CREATE TABLE, then INSERT INTO … SELECT");
    }
    relation_.kind = Relation::Kind::kTable;
    relation_.name = context_.catalog->Qualify(statement_.name, *context_.session);
    relation_.comment = statement_.comment.value_or("");
    relation_.settings = context_.session->settings;
    if (statement_.like) BindLike(*statement_.like, context_, &table_);
    BindOptions();
    FindTheConnector();
    BindColumns();
    BindPrimaryKey();
    BindChanges();
    FinishColumns();
    BindWatermark();
    BindPartitions();
    CheckOptions();
    // A LIKE clause is written out, so that the table it names may go.
    relation_.sql = statement_.like ? CreateTableSql(relation_, false) : std::move(text);
    return std::move(relation_);
  }

 private:
  SourceRange LikeRange() const {
    return statement_.like ? statement_.like->range : statement_.name.range;
  }

  // The WITH clause, else the table's name.
  SourceRange WithRange() const {
    if (statement_.options.empty()) return LikeRange();
    return Span(statement_.options.front().key_range, statement_.options.back().value_range);
  }

  void AddNotice(std::string code, std::string message, SourceRange range) {
    if (notices_ != nullptr) notices_->push_back({std::move(code), std::move(message), range});
  }

  void BindOptions() {
    const auto action = table_.like_actions.find("OPTIONS");
    const bool overwrite = action == table_.like_actions.end() || action->second == "OVERWRITING";
    Options own;
    for (const ast::Option& option : statement_.options) {
      if (!own.emplace(option.key, Option{option.value, option.key_range, option.value_range})
               .second ||
          (!overwrite && table_.options.contains(option.key))) {
        throw Error(ErrorCode::kInvalidOption, "option '" + option.key + "' is there twice",
                    option.key_range);
      }
    }
    own.merge(table_.options);
    relation_.options = std::move(own);
  }

  // Whether rows are replaced and deleted.
  void BindChanges() {
    if (relation_.connector != nullptr) {
      relation_.changes = HasChangeFormat(*relation_.connector, relation_.options);
      return;
    }
    const bool append_only =
        GetBool(relation_.options, kAppendOnly, relation_.primary_key.empty());
    if (append_only && !relation_.primary_key.empty()) {
      throw Error(ErrorCode::kInvalidOption,
                  "a table with a PRIMARY KEY is not append-only: a row replaces that of its key",
                  ValueRange(relation_.options, kAppendOnly), "leave out the option");
    }
    relation_.changes = !append_only;
  }

  void FindTheConnector() {
    const auto own = [](const auto& option) {
      return option.first == kAppendOnly || std::ranges::count(kWatermarkOptions, option.first) > 0;
    };
    if (std::ranges::all_of(relation_.options, own)) return;
    const Option* name = FindOption(relation_.options, "connector");
    if (name != nullptr) relation_.connector = FindConnector(name->value);
    // Says that there is no connector, or none of that name, and which there are.
    if (relation_.connector == nullptr) ValidateOptions(MakeContext(), WithRange());
  }

  void BindColumns() {
    for (const ast::ColumnDef& def : statement_.schema.columns) {
      PendingColumn pending;
      pending.range = def.name.range;
      TableColumn& column = pending.column;
      column.name = def.name.text;
      column.comment = def.comment.value_or("");
      if (def.computed) {
        column.kind = TableColumn::Kind::kComputed;
        column.sql = ToSql(*def.computed);
        pending.computed = def.computed.get();
      } else if (def.type) {
        column.type = ResolveType(*def.type, notices_);
        if (def.metadata) BindMetadata(def, &column);
      } else {
        throw Error(ErrorCode::kSqlSyntax, "column \"" + column.name + "\" needs a type",
                    def.range);
      }
      AddColumn(std::move(pending), &table_);
    }
    if (table_.columns.empty()) {
      throw Error(ErrorCode::kBadRequest, "a table needs a column", statement_.name.range);
    }
  }

  void BindMetadata(const ast::ColumnDef& def, TableColumn* column) {
    column->kind = TableColumn::Kind::kMetadata;
    column->metadata_key = def.metadata_key.value_or(def.name.text);
    column->is_virtual = def.is_virtual;
    if (relation_.connector == nullptr) {
      throw Error(ErrorCode::kUnsupportedFeature, "a table without a connector has no metadata",
                  def.range);
    }
    const std::vector<MetadataColumn>& metadata = relation_.connector->metadata;
    const auto found = std::ranges::find(metadata, column->metadata_key, &MetadataColumn::key);
    const std::string what = "connector '" + relation_.connector->name + "'";
    if (found == metadata.end()) {
      std::vector<std::string_view> keys;
      std::string all;
      for (const MetadataColumn& candidate : metadata) {
        keys.push_back(candidate.key);
        all += (all.empty() ? "it has " : ", ") + candidate.key;
      }
      std::string hint = DidYouMean(column->metadata_key, keys);
      throw Error(ErrorCode::kColumnNotFound,
                  what + " has no metadata '" + column->metadata_key + "'", def.range,
                  hint.empty() ? all : hint);
    }
    if (CastKindOf(found->type, column->type) == CastKind::kNone) {
      throw Error(ErrorCode::kTypeMismatch,
                  "metadata '" + found->key + "' is " + found->type.ToString() +
                      ", which does not convert to " + column->type.ToString(),
                  def.type->range);
    }
  }

  // Throws kColumnNotFound at the name.
  size_t FindColumn(const ast::Name& name) {
    std::vector<std::string_view> names;
    std::optional<size_t> found;
    for (const bool exact : {true, false}) {
      for (size_t i = 0; i < table_.columns.size() && !found; ++i) {
        if (SameName(table_.columns[i].column.name, name.text, exact)) found = i;
      }
    }
    for (const PendingColumn& column : table_.columns) names.push_back(column.column.name);
    if (found) return *found;
    throw Error(ErrorCode::kColumnNotFound, "column \"" + name.text + "\" does not exist",
                name.range, DidYouMean(name.text, names));
  }

  void BindPrimaryKey() {
    if (statement_.schema.primary_key) {
      const ast::PrimaryKey& key = *statement_.schema.primary_key;
      if (!table_.primary_key.empty()) {
        throw Error(ErrorCode::kDuplicateObject,
                    "the table of the LIKE clause has a PRIMARY KEY already", key.range,
                    "write LIKE … (EXCLUDING CONSTRAINTS)");
      }
      for (const ast::Name& name : key.columns) AddKey(name);
      if (!key.not_enforced) {
        AddNotice("NOT_ENFORCED", "the PRIMARY KEY is taken as NOT ENFORCED: it is not checked",
                  key.range);
      }
      return;
    }
    for (const std::string& name : table_.primary_key) AddKey({name, LikeRange(), true});
  }

  void AddKey(const ast::Name& name) {
    const size_t index = FindColumn(name);
    TableColumn& column = table_.columns[index].column;
    if (column.kind != TableColumn::Kind::kPhysical) {
      throw Error(ErrorCode::kBadRequest,
                  "column \"" + column.name + "\" cannot be in the PRIMARY KEY: it is " +
                      (column.kind == TableColumn::Kind::kMetadata ? "metadata" : "computed"),
                  name.range);
    }
    if (std::ranges::find(relation_.primary_key, index) != relation_.primary_key.end()) {
      throw Error(ErrorCode::kDuplicateObject,
                  "column \"" + column.name + "\" is in the PRIMARY KEY twice", name.range);
    }
    column.type.nullable = false;
    relation_.primary_key.push_back(index);
  }

  // Binds the computed columns over the others.
  void FinishColumns() {
    Scope scope;
    for (const PendingColumn& pending : table_.columns) {
      // Computed columns have no type yet, so no name may find them.
      std::string name = pending.computed == nullptr ? pending.column.name : "";
      scope.columns.push_back({relation_.name, std::move(name), pending.column.type});
    }
    scope.replace = [this](const ast::Expr& expr) -> ExprPtr {
      RefuseComputed(expr);
      return nullptr;
    };
    for (PendingColumn& pending : table_.columns) {
      if (pending.computed == nullptr) continue;
      TableColumn& column = pending.column;
      column.computed = BindComputed(*pending.computed, scope, pending);
      column.type = column.computed->type;
      column.proctime = IsCallOf(*pending.computed, "proctime");
      if (column.type.id == TypeId::kNull) {
        throw Error(ErrorCode::kTypeMismatch, "column \"" + column.name + "\" has no type",
                    pending.computed->range, "write CAST(NULL AS …)");
      }
    }
    for (PendingColumn& pending : table_.columns) {
      relation_.columns.push_back(std::move(pending.column));
    }
  }

  // An expression of the LIKE clause's table has ranges in another text.
  ExprPtr BindComputed(const ast::Expr& expr, const Scope& scope, const PendingColumn& pending) {
    try {
      return BindExpr(expr, scope, context_, pending.inherited ? nullptr : notices_);
    } catch (Error& error) {
      if (pending.inherited) error.range = pending.range;
      throw;
    }
  }

  void RefuseComputed(const ast::Expr& expr) const {
    const ast::ColumnRef* reference = std::get_if<ast::ColumnRef>(&expr.node);
    if (reference == nullptr) return;
    for (const bool exact : {true, false}) {
      for (const PendingColumn& pending : table_.columns) {
        if (!SameName(pending.column.name, reference->parts[0].text, exact)) continue;
        if (pending.computed == nullptr) return;
        throw Error(ErrorCode::kUnsupportedFeature,
                    "a computed column cannot use another one (\"" + pending.column.name + "\")",
                    expr.range, "repeat its expression");
      }
    }
  }

  void BindWatermark() {
    if (statement_.schema.watermark) {
      const ast::Watermark& watermark = *statement_.schema.watermark;
      const auto action = table_.like_actions.find("WATERMARKS");
      if (!table_.watermark_sql.empty() && action->second != "OVERWRITING") {
        throw Error(ErrorCode::kDuplicateObject,
                    "the table of the LIKE clause has a WATERMARK already", watermark.range,
                    "write LIKE … (EXCLUDING WATERMARKS) or (OVERWRITING WATERMARKS)");
      }
      if (watermark.column.parts.size() > 1) {
        throw Error(ErrorCode::kInvalidWatermark, "a WATERMARK is for a column, not for a field",
                    watermark.column.range, "add a computed column: rowtime AS `row`.`field`");
      }
      const size_t column = FindWatermarkColumn(watermark.column.parts[0]);
      SetWatermark(column, watermark.column.range, *watermark.expr, watermark.expr->range);
    } else if (!table_.watermark_sql.empty()) {
      const ast::ExprPtr expr = ParseExpression(table_.watermark_sql);
      const size_t column = FindWatermarkColumn({table_.watermark_column, LikeRange(), true});
      SetWatermark(column, LikeRange(), *expr, LikeRange());
    }
  }

  size_t FindWatermarkColumn(const ast::Name& name) const {
    std::vector<std::string_view> names;
    std::optional<size_t> found;
    for (size_t i = 0; i < relation_.columns.size(); ++i) {
      const std::string& candidate = relation_.columns[i].name;
      if (candidate == name.text) return i;
      if (SameWithoutCase(candidate, name.text)) found = i;
      names.push_back(candidate);
    }
    if (found) return *found;
    throw Error(ErrorCode::kColumnNotFound, "column \"" + name.text + "\" does not exist",
                name.range, DidYouMean(name.text, names));
  }

  void SetWatermark(size_t index, SourceRange column_range, const ast::Expr& expr,
                    SourceRange expr_range) {
    const TableColumn& column = relation_.columns[index];
    if (!IsTimestamp(column.type.id) || column.proctime) {
      throw Error(ErrorCode::kInvalidWatermark,
                  "the WATERMARK's column \"" + column.name +
                      "\" must be TIMESTAMP or TIMESTAMP_LTZ, but it is " +
                      (column.proctime ? "PROCTIME()" : column.type.ToString()),
                  column_range,
                  "add a computed column such as rowtime AS TO_TIMESTAMP_LTZ(millis, 3)");
    }
    TableWatermark watermark{index, nullptr, ToSql(expr)};
    if (!IsCallOf(expr, "source_watermark")) {
      watermark.expr = BindWatermarkExpr(expr, expr_range);
      if (watermark.expr->type.id != column.type.id) {
        throw Error(ErrorCode::kInvalidWatermark,
                    "the WATERMARK must be " + column.type.AsNullable().ToString() +
                        " as its column is, but it is " +
                        watermark.expr->type.AsNullable().ToString(),
                    expr_range);
      }
    }
    relation_.watermark = std::move(watermark);
  }

  ExprPtr BindWatermarkExpr(const ast::Expr& expr, SourceRange range) {
    try {
      return BindExpr(expr, ScopeOf(relation_.schema(), relation_.name), context_, notices_);
    } catch (Error& error) {
      if (!statement_.schema.watermark) error.range = range;
      throw;
    }
  }

  void BindPartitions() {
    if (statement_.distribution) {
      AddNotice("IGNORED", "DISTRIBUTED BY has no effect", statement_.distribution->range);
    }
    relation_.partitioned_by = std::move(table_.partitioned_by);
    if (statement_.partitioned_by.empty()) return;
    if (!relation_.partitioned_by.empty()) {
      throw Error(ErrorCode::kDuplicateObject,
                  "the table of the LIKE clause is PARTITIONED BY already",
                  statement_.partitioned_by[0].range, "write LIKE … (EXCLUDING PARTITIONS)");
    }
    for (const ast::Name& name : statement_.partitioned_by) {
      const TableColumn& column = relation_.columns[FindWatermarkColumn(name)];
      if (column.kind != TableColumn::Kind::kPhysical) {
        throw Error(ErrorCode::kBadRequest,
                    "column \"" + column.name + "\" cannot be in PARTITIONED BY: it is not stored",
                    name.range);
      }
      relation_.partitioned_by.push_back(column.name);
    }
  }

  ConnectorContext MakeContext() const {
    ConnectorContext context;
    context.table = relation_.name;
    for (const TableColumn& column : relation_.columns) {
      if (column.kind == TableColumn::Kind::kPhysical) {
        context.schema.push_back({column.name, column.type});
      }
    }
    for (size_t key : relation_.primary_key) {
      context.primary_key.push_back(relation_.columns[key].name);
    }
    context.partitioned_by = relation_.partitioned_by;
    context.options = relation_.options;
    context.base_directory = context_.base_directory;
    context.zone = context_.session->zone();
    return context;
  }

  void CheckWatermarkOptions() const {
    for (std::string_view name : kWatermarkOptions) {
      GetDurationMicros(relation_.options, name, 0);
      const auto range = ValueRange(relation_.options, name);
      if (!range || relation_.watermark) continue;
      throw Error(ErrorCode::kInvalidOption,
                  fmt::format("option '{}' is of tables with a WATERMARK", name), range);
    }
  }

  void CheckOptions() {
    CheckWatermarkOptions();
    if (relation_.connector == nullptr) return;
    const ConnectorContext context = MakeContext();
    for (std::string& notice : ValidateOptions(context, WithRange())) {
      AddNotice("OPTION", std::move(notice), WithRange());
    }
    // Of connectors that can be both, the use decides.
    const bool only_source = relation_.connector->sink == nullptr;
    const bool only_sink = relation_.connector->source == nullptr;
    if (context_.recovering) return;
    if (relation_.connector->validate != nullptr && (only_source || only_sink)) {
      relation_.connector->validate(context, only_sink);
    }
  }

  const ast::CreateTable& statement_;
  const PlanContext& context_;
  std::vector<Notice>* notices_;
  PendingTable table_;
  Relation relation_;
};

}  // namespace

Relation BindCreateTable(const ast::CreateTable& statement, std::string text,
                         const PlanContext& context, std::vector<Notice>* notices) {
  return TableBinder(statement, context, notices).Bind(std::move(text));
}

}  // namespace millrace
