// CREATE TABLE … LIKE: what a new table takes over from another.
#include <algorithm>
#include <array>

#include "parser/parse.h"
#include "planner/bind_table.h"

namespace millrace {
namespace {

constexpr std::array<std::string_view, 7> kFeatures = {
    "CONSTRAINTS", "DISTRIBUTION", "PARTITIONS", "GENERATED", "METADATA", "OPTIONS", "WATERMARKS"};

// INCLUDING ALL OVERWRITING OPTIONS is the default. ALL goes before the others wherever it stands.
std::map<std::string, std::string, std::less<>> Actions(const ast::LikeClause& like) {
  std::map<std::string, std::string, std::less<>> actions;
  for (std::string_view feature : kFeatures) {
    actions.emplace(feature, feature == "OPTIONS" ? "OVERWRITING" : "INCLUDING");
  }
  for (const ast::LikeOption& option : like.options) {
    if (option.feature != "ALL") continue;
    for (auto& [feature, action] : actions) action = option.action;
  }
  for (const ast::LikeOption& option : like.options) {
    if (option.feature != "ALL") actions[option.feature] = option.action;
  }
  return actions;
}

bool Includes(const PendingTable& table, std::string_view feature) {
  return table.like_actions.find(feature)->second != "EXCLUDING";
}

// The feature that decides about a column of the kind; "" for physical ones, which always come.
std::string_view FeatureOf(TableColumn::Kind kind) {
  switch (kind) {
    case TableColumn::Kind::kPhysical:
      return "";
    case TableColumn::Kind::kMetadata:
      return "METADATA";
    case TableColumn::Kind::kComputed:
      return "GENERATED";
  }
  return "";
}

}  // namespace

void BindLike(const ast::LikeClause& like, const PlanContext& context, PendingTable* table) {
  const Relation& base = context.catalog->Get(like.source, *context.session);
  if (base.kind != Relation::Kind::kTable) {
    throw Error(ErrorCode::kBadRequest, "LIKE takes a table, and \"" + base.name + "\" is a view",
                like.source.range);
  }
  table->like_actions = Actions(like);
  for (const TableColumn& column : base.columns) {
    const std::string_view feature = FeatureOf(column.kind);
    if (!feature.empty() && !Includes(*table, feature)) continue;
    PendingColumn pending{column, nullptr, nullptr, like.range, true};
    if (column.kind == TableColumn::Kind::kComputed) {
      pending.parsed = ParseExpression(column.sql);
      pending.computed = pending.parsed.get();
    }
    table->columns.push_back(std::move(pending));
  }
  if (Includes(*table, "OPTIONS")) {
    for (const auto& [key, option] : base.options) {
      table->options[key] = {option.value, like.range, like.range};
    }
  }
  if (Includes(*table, "CONSTRAINTS")) {
    for (size_t key : base.primary_key) table->primary_key.push_back(base.columns[key].name);
  }
  if (Includes(*table, "PARTITIONS")) table->partitioned_by = base.partitioned_by;
  if (Includes(*table, "WATERMARKS") && base.watermark) {
    table->watermark_column = base.columns[base.watermark->column].name;
    table->watermark_sql = base.watermark->sql;
  }
}

void AddColumn(PendingColumn column, PendingTable* table) {
  const std::string& name = column.column.name;
  const auto same = std::ranges::find_if(
      table->columns, [&](const PendingColumn& other) { return other.column.name == name; });
  if (same == table->columns.end()) {
    table->columns.push_back(std::move(column));
    return;
  }
  const std::string_view feature = FeatureOf(same->column.kind);
  const bool may_replace = same->inherited && !feature.empty();
  if (may_replace && table->like_actions.find(feature)->second == "OVERWRITING" &&
      column.column.kind == same->column.kind) {
    *same = std::move(column);
    return;
  }
  const std::string where = same->inherited ? " in the table of the LIKE clause" : "";
  std::string hint;
  if (may_replace) hint = "OVERWRITING " + std::string(feature) + " replaces it";
  throw Error(ErrorCode::kDuplicateObject, "column \"" + name + "\" exists already" + where,
              column.range, std::move(hint));
}

}  // namespace millrace
