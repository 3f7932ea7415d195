#include <algorithm>

#include "fmt/format.h"
#include "planner/bind_query.h"
#include "planner/properties.h"
#include "planner/rewrite.h"
#include "types/cast.h"

namespace millrace {
namespace {

constexpr const char* kEarlyFire = "table.exec.emit.early-fire.enabled";
constexpr const char* kEarlyFireDelay = "table.exec.emit.early-fire.delay";
constexpr const char* kLateness = "table.exec.window.allowed-lateness";

// The columns of the target that are written, in declaration order.
std::vector<size_t> WrittenColumns(const Relation& table) {
  std::vector<size_t> written;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const TableColumn& column = table.columns[i];
    if (column.kind == TableColumn::Kind::kComputed || column.is_virtual) continue;
    written.push_back(i);
  }
  return written;
}

// Whether the changes of open windows are asked for.
bool FiresEarly(const PlanContext& context) {
  const auto& settings = context.session->settings;
  const auto enabled = settings.find(kEarlyFire);
  return enabled != settings.end() && SameWithoutCase(enabled->second, "true");
}

// Binds INSERT INTO a table to a plan whose root is a WriteSink.
class InsertBinder {
 public:
  InsertBinder(const ast::Insert& insert, QueryMode mode, const PlanContext& context)
      : insert_(insert),
        context_(context),
        table_(context.catalog->Get(insert.target, *context.session)),
        state_{&plan_},
        // A continuous INSERT writes each window once, when it closes, unless it is told otherwise.
        binder_(context, mode, {mode == QueryMode::kContinuous && !FiresEarly(context), 0},
                &state_) {}

  Plan Bind() {
    CheckTarget();
    Options options =
        binder_.UsedOptions(table_, insert_.hints, insert_.target.range, /*as_sink=*/true);
    FindTargets();
    if (std::holds_alternative<ast::Values>(insert_.query->body)) SetValueTypes();
    query_ = binder_.BindQuery(*insert_.query);
    if (insert_.on_conflict) {
      binder_.Notify("ON_CONFLICT_IGNORED", "ON CONFLICT has no effect: the sink's key decides",
                     insert_.target.range);
    }
    FindSources();
    ProjectToTable();
    CheckUpdates();
    plan_.schema = query_.node->schema;
    plan_.root = std::move(query_.node);
    plan_.pull = binder_.mode() == QueryMode::kPull;
    if (FiresEarly(context_)) plan_.early_fire_micros = binder_.DurationSetting(kEarlyFireDelay);
    plan_.bounded = IsBounded(*plan_.root);
    Rewrite(&plan_, context_.session->zone());
    std::vector<NodePtr> inputs;
    inputs.push_back(std::move(plan_.root));
    plan_.root = MakeNode(WriteSink{&table_, std::move(options)}, std::move(inputs));
    plan_.root->schema = plan_.schema;
    plan_.root->range = insert_.target.range;
    DeriveProperties(plan_.root.get());
    return std::move(plan_);
  }

 private:
  void CheckTarget() const {
    if (insert_.overwrite) ThrowUnsupported("INSERT OVERWRITE is", insert_.target.range);
    if (table_.kind != Relation::Kind::kTable) {
      throw Error(ErrorCode::kBadRequest,
                  fmt::format("\"{}\" is a view: rows are inserted into tables", table_.name),
                  insert_.target.range);
    }
    if (table_.connector && !table_.connector->sink) {
      throw Error(ErrorCode::kInvalidOption,
                  fmt::format("table \"{}\" cannot be written: its connector '{}' only reads",
                              table_.name, table_.connector->name),
                  insert_.target.range);
    }
    if (table_.connector) CheckMetadata(*table_.connector);
  }
  void CheckMetadata(const ConnectorDef& connector) const {
    for (const TableColumn& column : table_.columns) {
      if (column.kind != TableColumn::Kind::kMetadata || column.is_virtual) continue;
      const auto known =
          std::ranges::find(connector.metadata, column.metadata_key, &MetadataColumn::key);
      if (known != connector.metadata.end() && known->writable) continue;
      throw Error(ErrorCode::kInvalidOption,
                  fmt::format("column \"{}\" of \"{}\" is metadata that cannot be written",
                              column.name, table_.name),
                  insert_.target.range, "declare it VIRTUAL");
    }
  }

  // Sets targets_, the table columns that the query's columns go to, and constants_.
  void FindTargets() {
    constants_.assign(table_.columns.size(), nullptr);
    const std::vector<size_t> written = WrittenColumns(table_);
    for (const ast::PartitionItem& item : insert_.partition) {
      if (item.value) constants_[FindColumn(item.column)] = binder_.Bind(*item.value, Scope{});
    }
    if (insert_.columns.empty()) {
      std::copy_if(written.begin(), written.end(), std::back_inserter(targets_),
                   [&](size_t column) { return !constants_[column]; });
    }
    for (const ast::Name& name : insert_.columns) {
      const size_t column = FindColumn(name);
      if (std::find(targets_.begin(), targets_.end(), column) != targets_.end() ||
          constants_[column]) {
        throw Error(ErrorCode::kBadRequest, fmt::format("column \"{}\" is set twice", name.text),
                    name.range);
      }
      targets_.push_back(column);
    }
  }

  // String literals in VALUES may stand for dates, times and the like.
  void SetValueTypes() {
    std::vector<Type> types;
    for (size_t column : targets_) types.push_back(table_.columns[column].type);
    binder_.SetValueTypes(std::move(types));
  }

  // Sets sources_: for every table column the query's column that it takes, or none.
  void FindSources() {
    sources_.assign(table_.columns.size(), {});
    const size_t columns = query_.node->schema.size();
    if (columns != targets_.size()) {
      throw Error(ErrorCode::kTypeMismatch,
                  fmt::format("the query has {} columns, but {} of \"{}\" are to be set", columns,
                              targets_.size(), table_.name),
                  insert_.query->range, fmt::format("columns: {}", NamesOfColumns(targets_)));
    }
    for (size_t i = 0; i < columns; ++i) sources_[targets_[i]] = i;
  }

  std::string NamesOfColumns(const std::vector<size_t>& columns) const {
    std::string names;
    for (size_t column : columns) {
      if (!names.empty()) names += ", ";
      names += table_.columns[column].name;
    }
    return names;
  }

  size_t FindColumn(const ast::Name& name) const {
    const std::vector<size_t> written = WrittenColumns(table_);
    for (const bool exact : {true, false}) {
      for (size_t column : written) {
        if (SameName(table_.columns[column].name, name.text, exact)) return column;
      }
    }
    std::vector<std::string_view> names;
    for (size_t column : written) names.push_back(table_.columns[column].name);
    throw Error(ErrorCode::kColumnNotFound,
                fmt::format("\"{}\" has no column \"{}\" to be set", table_.name, name.text),
                name.range, DidYouMean(name.text, names));
  }

  SourceRange RangeOfColumn(size_t source) const {
    return source < query_.ranges.size() && query_.ranges[source].length > 0 ? query_.ranges[source]
                                                                             : insert_.query->range;
  }

  // The value of a table column as the sink gets it.
  ExprPtr ValueOf(size_t index) const {
    const TableColumn& column = table_.columns[index];
    ExprPtr value = constants_[index];
    SourceRange range = value ? value->range : insert_.query->range;
    if (!value && sources_[index]) {
      const size_t source = *sources_[index];
      value = MakeColumnExpr(source, query_.node->schema[source].type, RangeOfColumn(source));
      range = RangeOfColumn(source);
    }
    if (!value) {
      if (!column.type.nullable) {
        throw Error(ErrorCode::kTypeMismatch,
                    fmt::format("column \"{}\" is NOT NULL and must be set", column.name),
                    insert_.query->range);
      }
      return MakeLiteral({}, column.type, range);
    }
    if (value->type.id == TypeId::kNull && !column.type.nullable) {
      throw Error(ErrorCode::kTypeMismatch, fmt::format("column \"{}\" is NOT NULL", column.name),
                  range);
    }
    const CastKind kind = CastKindOf(value->type, column.type);
    if (kind == CastKind::kNone || kind == CastKind::kExplicit) {
      throw Error(ErrorCode::kTypeMismatch,
                  fmt::format("column \"{}\" of \"{}\" is {}, but the query gives {}", column.name,
                              table_.name, column.type.ToString(), value->type.ToString()),
                  range,
                  kind == CastKind::kExplicit
                      ? fmt::format("CAST(… AS {})", column.type.AsNullable().ToString())
                      : "");
    }
    return MakeCast(value, column.type, false, context_.session->zone());
  }

  // The query's columns as WriteSink wants them: physical columns, then metadata.
  void ProjectToTable() {
    std::vector<ExprPtr> exprs;
    std::vector<std::string> names;
    for (const auto kind : {TableColumn::Kind::kPhysical, TableColumn::Kind::kMetadata}) {
      for (size_t column : WrittenColumns(table_)) {
        if (table_.columns[column].kind != kind) continue;
        exprs.push_back(ValueOf(column));
        names.push_back(table_.columns[column].name);
      }
    }
    query_.node = MakeProject(std::move(query_.node), std::move(exprs), std::move(names),
                              insert_.query->range);
  }

  void CheckUpdates() const {
    if (query_.node->properties.append_only) return;
    // One bounded run writes final rows only.
    if (binder_.mode() == QueryMode::kPull) return;
    const bool keyed =
        table_.embedded() || (table_.connector && table_.connector->keyed_changes);
    if (keyed && !table_.primary_key.empty()) return CheckKey();
    if (table_.connector && (table_.changes || !table_.connector->append_only_sink)) return;
    throw Error(
        ErrorCode::kUnsupportedFeature,
        fmt::format("the query updates rows that it has already given, but \"{}\" only takes new "
                    "ones",
                    table_.name),
        insert_.query->range, UpdatesHint());
  }

  std::string UpdatesHint() const {
    const bool has_windows = state_.window_aggregates > 0;
    for (const char* setting : {kEarlyFire, kLateness}) {
      const bool set = setting == kLateness ? binder_.DurationSetting(kLateness) > 0
                                            : FiresEarly(context_);
      if (has_windows && set) {
        return fmt::format("RESET '{}', which gives windows more than once, or write to a table "
                           "with a PRIMARY KEY", setting);
      }
    }
    return "what works: a table with a PRIMARY KEY and no connector, upsert-kafka, debezium-json, "
           "print, windows with EMIT ON WINDOW CLOSE, or OVER in the order of event time, with frames "
           "that end at the current row";
  }

  // What the query takes back goes by the table's key, so no two of its rows may have the same.
  void CheckKey() const {
    const Properties& query = query_.node->properties;
    const auto in_key = [this](size_t column) {
      return std::ranges::any_of(table_.primary_key,
                                 [&](size_t key) { return table_.PhysicalIndex(key) == column; });
    };
    if (query.has_key && std::ranges::all_of(query.key, in_key)) return;
    std::string by;
    for (size_t column : query.key) by += (by.empty() ? "" : ", ") + query_.node->schema[column].name;
    throw Error(ErrorCode::kUnsupportedFeature,
                fmt::format("the query updates its rows, which {}, but \"{}\" keeps one for each {}",
                            query.has_key && !by.empty() ? "are told apart by " + by
                                                         : std::string("have no key"),
                            table_.name, NamesOfColumns(table_.primary_key)),
                insert_.query->range,
                fmt::format("group by the columns that go to {}",
                            NamesOfColumns(table_.primary_key)));
  }

  const ast::Insert& insert_;
  const PlanContext& context_;
  const Relation& table_;
  Plan plan_;
  BindState state_;
  QueryBinder binder_;
  BoundQuery query_;
  std::vector<size_t> targets_;
  std::vector<std::optional<size_t>> sources_;
  std::vector<ExprPtr> constants_;  // Of PARTITION (column = value).
};

}  // namespace

SourceRange RangeOfValue(const ast::Insert& insert, const Relation& table, size_t column,
                         size_t row) {
  const ast::Query& query = *insert.query;
  const auto* values = std::get_if<ast::Values>(&query.body);
  const bool in_order = query.order_by.empty() && !query.limit && !query.offset;
  if (!values || !in_order || row >= values->rows.size()) return query.range;
  size_t at = 0;
  const std::vector<size_t> written = WrittenColumns(table);
  if (insert.columns.empty()) {
    at = static_cast<size_t>(std::ranges::find(written, column) - written.begin());
  } else {
    const auto named = [&](const ast::Name& name) {
      return SameWithoutCase(name.text, table.columns[column].name);
    };
    at = static_cast<size_t>(std::ranges::find_if(insert.columns, named) - insert.columns.begin());
  }
  return at < values->rows[row].size() ? values->rows[row][at]->range : query.range;
}

Plan PlanInsert(const ast::Insert& insert, QueryMode mode, const PlanContext& context) {
  return InsertBinder(insert, mode, context).Bind();
}

}  // namespace millrace
