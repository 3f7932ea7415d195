#include <algorithm>

#include "connectors/watermark_options.h"
#include "fmt/format.h"
#include "planner/arrival.h"
#include "planner/bind_query.h"
#include "planner/common.h"
#include "planner/decorrelate.h"
#include "planner/properties.h"
#include "planner/rewrite.h"
#include "planner/top_n.h"
#include "types/datetime.h"

namespace millrace {
namespace {

constexpr size_t kMaxRelations = 10'000;
constexpr size_t kMaxViewDepth = 50;
// The metadata of ConnectorDef::keyed_changes: whether the record has a value.
constexpr const char* kPresent = "$present";

// A source scan: the physical columns, then the metadata that the table's columns name.
struct Scan {
  ScanTable op;
  Schema schema;
};

const MetadataColumn& FindMetadata(const Relation& table, const TableColumn& column,
                                   SourceRange range) {
  if (table.connector) {
    for (const MetadataColumn& metadata : table.connector->metadata) {
      if (metadata.key == column.metadata_key) return metadata;
    }
  }
  throw Error(ErrorCode::kInvalidOption,
              fmt::format("table \"{}\" has no metadata '{}' for its column \"{}\"", table.name,
                          column.metadata_key, column.name),
              range);
}

Scan MakeScan(const Relation& table, Options options, SourceRange range) {
  Scan scan;
  scan.op.table = &table;
  scan.op.options = std::move(options);
  for (const TableColumn& column : table.columns) {
    if (column.kind != TableColumn::Kind::kPhysical) continue;
    scan.op.columns.push_back(scan.op.columns.size());
    scan.schema.push_back({column.name, column.type});
  }
  scan.op.fields.resize(scan.op.columns.size());
  for (const TableColumn& column : table.columns) {
    if (column.kind != TableColumn::Kind::kMetadata) continue;
    const auto& keys = scan.op.metadata;
    if (std::find(keys.begin(), keys.end(), column.metadata_key) != keys.end()) continue;
    const MetadataColumn& metadata = FindMetadata(table, column, range);
    scan.op.metadata.push_back(metadata.key);
    scan.schema.push_back({metadata.key, metadata.type});
  }
  if (table.connector && table.connector->keyed_changes) {
    scan.op.metadata.push_back(kPresent);
    scan.schema.push_back({kPresent, Type(TypeId::kBoolean, false)});
  }
  return scan;
}

// Records that replace each other: of each key the last one that came, unless it deletes the key.
// The columns stay where they are; others follow.
NodePtr LatestByKey(NodePtr scan, const Relation& table, uint32_t* arrivals, SourceRange range) {
  const size_t present = scan->schema.size() - 1;
  TopN latest;
  for (size_t key : table.primary_key) latest.partition.push_back(table.PhysicalIndex(key));
  latest.order.push_back({AddArrival(&scan, arrivals)->front(), true, false});
  latest.last = 1;
  NodePtr node = MakeTopN(std::move(scan), std::move(latest), "", range);
  return MakeFilter(std::move(node), MakeColumnExpr(present, Type(TypeId::kBoolean, false)), range);
}

// The table's columns over its scan. Computed columns are written over the table's row, so their
// column references are replaced by what those columns are.
class TableProjection {
 public:
  TableProjection(const Relation& table, const Scan& scan, std::string zone)
      : table_(table), scan_(scan), zone_(std::move(zone)), exprs_(table.columns.size()) {}

  std::vector<ExprPtr> Make() {
    size_t physical = 0;
    for (size_t i = 0; i < exprs_.size(); ++i) {
      const TableColumn& column = table_.columns[i];
      if (column.kind == TableColumn::Kind::kPhysical) {
        exprs_[i] = MakeColumnExpr(physical++, column.type);
      } else if (column.kind == TableColumn::Kind::kMetadata) {
        exprs_[i] = Metadata(column);
      }
    }
    for (size_t i = 0; i < exprs_.size(); ++i) Computed(i);
    return std::move(exprs_);
  }

 private:
  ExprPtr Metadata(const TableColumn& column) const {
    const auto& keys = scan_.op.metadata;
    const size_t index = scan_.op.columns.size() +
                         (std::find(keys.begin(), keys.end(), column.metadata_key) - keys.begin());
    return MakeCast(MakeColumnExpr(index, scan_.schema[index].type), column.type, false, zone_);
  }
  const ExprPtr& Computed(size_t i) {
    if (!exprs_[i]) {
      exprs_[i] = RemapColumns(
          table_.columns[i].computed,
          [&](const ColumnExpr& column, const Expr&) { return Computed(column.index); });
    }
    return exprs_[i];
  }

  const Relation& table_;
  const Scan& scan_;
  std::string zone_;
  std::vector<ExprPtr> exprs_;
};

ConnectorContext ContextOf(const Relation& table, Options options, const PlanContext& context) {
  ConnectorContext made;
  made.table = table.name;
  for (const TableColumn& column : table.columns) {
    if (column.kind == TableColumn::Kind::kPhysical) {
      made.schema.push_back({column.name, column.type});
    }
  }
  for (size_t key : table.primary_key) made.primary_key.push_back(table.columns[key].name);
  made.partitioned_by = table.partitioned_by;
  made.options = std::move(options);
  made.base_directory = context.base_directory;
  made.zone = context.session->zone();
  return made;
}

bool EndsWith(std::string_view text, std::string_view suffix) {
  return text.size() > suffix.size() && text.substr(text.size() - suffix.size()) == suffix;
}

}  // namespace

void QueryBinder::Rename(const ast::TableAlias& alias, BoundInput* input) {
  auto& columns = input->scope.columns;
  if (!alias.columns.empty() && alias.columns.size() != columns.size()) {
    throw Error(ErrorCode::kTypeMismatch,
                fmt::format("the alias \"{}\" names {} columns, but there are {}", alias.name.text,
                            alias.columns.size(), columns.size()),
                alias.name.range);
  }
  for (size_t i = 0; i < columns.size(); ++i) {
    columns[i].qualifier = alias.name.text;
    if (!alias.columns.empty()) columns[i].name = alias.columns[i].text;
  }
}

Options QueryBinder::UsedOptions(const Relation& table, const std::vector<ast::Hint>& hints,
                                 SourceRange range, bool as_sink) const {
  Options options = table.options;
  // The table's own options are in another text, so errors about them are shown at this use.
  for (auto& [key, option] : options) option.key_range = option.value_range = range;
  bool changed = false;
  for (const ast::Hint& hint : hints) {
    if (!SameWithoutCase(hint.name.text, "OPTIONS")) {
      Notify("UNKNOWN_HINT", fmt::format("the hint {} has no effect", hint.name.text), hint.range);
      continue;
    }
    changed = changed || !hint.options.empty();
    for (const ast::Option& option : hint.options) {
      options[option.key] = {option.value, option.key_range, option.value_range};
    }
  }
  if (!table.connector) return options;
  const ConnectorContext context = ContextOf(table, options, context_);
  if (HasChangeFormat(*table.connector, options) != table.changes) {
    throw Error(ErrorCode::kInvalidOption,
                "a hint cannot make a table of changes from one of rows, nor the other way", range);
  }
  if (changed) {
    for (std::string& notice : ValidateOptions(context, range)) {
      Notify("UNKNOWN_OPTION", std::move(notice), range);
    }
  }
  if (table.connector->validate && !context_.recovering) {
    table.connector->validate(context, as_sink);
  }
  return options;
}

BoundInput QueryBinder::BindFrom(const ast::TableExpr* from) {
  if (!from) return {MakeOneRow(), Scope{}};
  BoundInput input;
  if (auto* table = std::get_if<ast::TableRef>(&from->node)) {
    input = BindTable(*table, from->range);
  } else if (auto* subquery = std::get_if<ast::SubqueryRef>(&from->node)) {
    input = BindSubqueryRef(*subquery);
  } else if (auto* function = std::get_if<ast::TableFunctionRef>(&from->node)) {
    input = BindTableFunction(*function, from->range);
  } else if (IsUnnest(*from)) {
    return BindUnnest({MakeOneRow(), Scope{}}, *from, false);
  } else if (auto* match = std::get_if<ast::MatchRecognize>(&from->node)) {
    input = BindMatch(*match, from->range);
  } else {
    input = BindJoin(std::get<ast::JoinRef>(from->node), from->range);
  }
  if (from->alias) Rename(*from->alias, &input);
  return input;
}

BoundInput QueryBinder::BindSubqueryRef(const ast::SubqueryRef& subquery) {
  const OuterScope* outer = outer_;
  if (subquery.lateral && lateral_) outer_ = lateral_;
  BoundInput input;
  input.node = BindQuery(*subquery.query).node;
  outer_ = outer;
  input.scope = ScopeOf(input.node->schema);
  return input;
}

void QueryBinder::CountRelation(SourceRange range) {
  if (++state_->relations > kMaxRelations) {
    throw Error(ErrorCode::kTooLarge,
                fmt::format("the query reads more than {} relations, counting views and common "
                            "tables as often as they are named",
                            kMaxRelations),
                range);
  }
}

BoundInput QueryBinder::BindTable(const ast::TableRef& table, SourceRange range) {
  if (table.as_of) {
    ThrowUnsupported("FOR SYSTEM_TIME AS OF outside of the right side of a JOIN is",
                     table.as_of->range);
  }
  return BindNamedTable(table, range);
}

BoundInput QueryBinder::BindNamedTable(const ast::TableRef& table, SourceRange range) {
  CountRelation(range);
  if (table.name.parts.size() == 1) {
    const std::string& name = table.name.parts[0].text;
    const VisibleTable* found = nullptr;
    for (const VisibleTable* t = tables_; t; t = t->outer) {
      if (t->table->name.text == name) {
        found = t;
        break;
      }
      if (!found && SameWithoutCase(t->table->name.text, name)) found = t;
    }
    if (found) return BindCommonTable(*found);
  }
  if (const Relation* relation = context_.catalog->Find(table.name, *context_.session)) {
    return BindRelation(*relation, table, range);
  }
  if (auto system = BindSystemView(table, range)) return std::move(*system);
  return BindRelation(context_.catalog->Get(table.name, *context_.session), table, range);
}

BoundInput QueryBinder::BindCommonTable(const VisibleTable& table) {
  const ast::CommonTable& common = *table.table;
  if (common.changelog_of) ThrowUnsupported("AS CHANGELOG FROM is", common.range);
  BoundInput input;
  input.node = BindOnce(&common, common.name.text, common.range, [&] {
    const VisibleTable* visible = std::exchange(tables_, table.outer);
    const OuterScope* outer = std::exchange(outer_, table.scope);
    NodePtr node = BindQuery(*common.query).node;
    tables_ = visible;
    outer_ = outer;
    return node;
  });
  input.scope = ScopeOf(input.node->schema, common.name.text);
  if (!common.columns.empty()) Rename({common.name, common.columns}, &input);
  return input;
}

NodePtr QueryBinder::BindOnce(const void* definition, std::string name, SourceRange range,
                              const std::function<NodePtr()>& bind) {
  const auto key = std::tuple(definition, emit_);
  auto bound = state_->commons.find(key);
  if (bound == state_->commons.end()) {
    const size_t before = state_->window_aggregates;
    NodePtr node = bind();
    // It is another one for each row of the enclosing query.
    if (HasOuterColumns(*node)) return node;
    auto common = std::make_shared<Common>(Common{std::move(node), std::move(name)});
    const size_t windows = state_->window_aggregates - before;
    bound = state_->commons.emplace(key, BoundCommon{std::move(common), windows}).first;
  } else {
    state_->window_aggregates += bound->second.window_aggregates;
  }
  return MakeScanCommon(bound->second.common, range);
}

BoundInput QueryBinder::BindRelation(const Relation& relation, const ast::TableRef& table,
                                     SourceRange range) {
  auto& reads = state_->plan->reads;
  if (std::find(reads.begin(), reads.end(), relation.name) == reads.end()) {
    reads.push_back(relation.name);
  }
  const std::string& qualifier = relation.name;
  if (relation.kind == Relation::Kind::kView) {
    BoundInput input = BindView(relation, range);
    for (ScopeColumn& column : input.scope.columns) column.qualifier = qualifier;
    return input;
  }
  NodePtr node;
  if (relation.kind == Relation::Kind::kMaterializedView) {
    ScanView scan{&relation, {}, mode_ == QueryMode::kPull};
    for (size_t i = 0; i < relation.columns.size(); ++i) scan.columns.push_back(i);
    node = MakeNode(std::move(scan));
    node->schema = relation.schema();
  } else {
    if (relation.connector && !relation.connector->source) {
      throw Error(ErrorCode::kInvalidOption,
                  fmt::format("table \"{}\" cannot be read: its connector '{}' only writes",
                              relation.name, relation.connector->name),
                  range);
    }
    const Options options = UsedOptions(relation, table.hints, range, false);
    Scan scan = MakeScan(relation, options, range);
    const std::string zone = context_.session->zone();
    std::vector<ExprPtr> exprs = TableProjection(relation, scan, zone).Make();
    scan.op.snapshot = mode_ == QueryMode::kPull;
    node = MakeNode(std::move(scan.op));
    node->schema = std::move(scan.schema);
    node->range = range;
    DeriveProperties(node.get());
    if (relation.connector && relation.connector->keyed_changes) {
      node = LatestByKey(std::move(node), relation, arrivals(), range);
    }
    node = MakeProject(std::move(node), std::move(exprs), NamesOf(relation.schema()), range);
    if (relation.watermark) {
      Schema schema = node->schema;
      std::vector<NodePtr> inputs;
      inputs.push_back(std::move(node));
      // SOURCE_WATERMARK() of a source without watermarks of its own: its times come in order.
      const size_t column = relation.watermark->column;
      ExprPtr expr = relation.watermark->expr;
      if (!expr) expr = MakeColumnExpr(column, schema[column].type);
      const int64_t idle = GetDurationMicros(options, kIdleTimeoutOption,
                                             DurationSetting("table.exec.source.idle-timeout"));
      node = MakeNode(Watermark{column, std::move(expr), idle}, std::move(inputs));
      node->schema = std::move(schema);
    }
  }
  // Computed columns and the watermark are in the text of CREATE TABLE.
  SetRanges(node.get(), range);
  DeriveProperties(node.get());
  BoundInput input{std::move(node), {}};
  input.scope = ScopeOf(input.node->schema, qualifier);
  return input;
}

// The view's query, planned in place as it was when the view was made.
BoundInput QueryBinder::BindView(const Relation& view, SourceRange range) {
  if (state_->view_depth >= kMaxViewDepth) {
    throw Error(ErrorCode::kTooLarge, "views are nested too deeply", range);
  }
  Session session = *context_.session;
  session.settings = view.settings;
  const size_t dot = view.name.rfind('.');
  session.database = dot == std::string::npos ? Session().database : view.name.substr(0, dot);
  PlanContext context{context_.catalog, &session, context_.base_directory, {}};
  QueryBinder binder(context, mode_, emit_, state_);
  const size_t first_notice = notices()->size();
  ++state_->view_depth;
  BoundInput input;
  try {
    input.node = BindOnce(&view, view.name, range, [&] {
      NodePtr node = binder.BindQuery(*view.query).node;
      SetRanges(node.get(), range);
      return node;
    });
  } catch (const Error& error) {
    // Its ranges are those of the view's own text.
    throw Error(error.code, fmt::format("in view \"{}\": {}", view.name, error.message), range,
                error.hint);
  }
  --state_->view_depth;
  for (size_t i = first_notice; i < notices()->size(); ++i) (*notices())[i].range = range;
  input.scope = ScopeOf(input.node->schema);
  for (size_t i = 0; i < view.column_names.size() && i < input.scope.columns.size(); ++i) {
    input.scope.columns[i].name = view.column_names[i];
  }
  return input;
}

std::optional<BoundInput> QueryBinder::BindSystemView(const ast::TableRef& table,
                                                      SourceRange range) {
  const std::string& name = table.name.parts.back().text;
  const bool late = EndsWith(name, "$late");
  if (!late && !EndsWith(name, "$errors")) return std::nullopt;
  ast::QualifiedName base = table.name;
  const std::string suffix = late ? "$late" : "$errors";
  base.parts.back().text.resize(name.size() - suffix.size());
  const Relation& relation = context_.catalog->Get(base, *context_.session);
  if (mode_ == QueryMode::kContinuous) {
    ThrowUnsupported("system views in continuous queries are", range);
  }
  // A sink's name is also that of the job that writes to it; a table without a connector has
  // nothing to decode.
  const bool table_errors = relation.connector && relation.connector->source;
  Schema schema = late ? LateSchema() : table_errors ? ErrorsSchemaOfTable() : ErrorsSchemaOfJob();
  ScanSystem scan{relation.name + suffix, {}};
  for (size_t i = 0; i < schema.size(); ++i) scan.columns.push_back(i);
  BoundInput input;
  input.node = MakeNode(std::move(scan));
  input.node->schema = std::move(schema);
  input.node->range = range;
  DeriveProperties(input.node.get());
  input.scope = ScopeOf(input.node->schema, name);
  return input;
}

}  // namespace millrace
