// Catalog objects -> the statements that make them.
#include <array>

#include "parser/print.h"
#include "planner/bind_table.h"
#include "planner/names.h"

namespace millrace {
namespace {

constexpr std::array<std::string_view, 8> kSecrets = {
    "password",    "secret",      "token",         "jaas.config",
    "credentials", "private-key", "authorization", "api-key"};

// Whether the option's last word says that its value is a secret: "ssl.keystore.password",
// "client-secret".
bool IsSecret(std::string_view key) {
  const std::string lower = Lower(key);
  for (std::string_view word : kSecrets) {
    if (!lower.ends_with(word)) continue;
    if (lower.size() == word.size()) return true;
    const char before = lower[lower.size() - word.size() - 1];
    if (before == '.' || before == '-' || before == '_') return true;
  }
  return false;
}

std::string QuotedName(std::string_view name) {
  std::string out = "`";
  for (char c : name) {
    if (c == '`') out += '`';
    out += c;
  }
  return out + '`';
}

std::string QuotedString(std::string_view text) {
  std::string out = "'";
  for (char c : text) {
    if (c == '\'') out += '\'';
    out += c;
  }
  return out + '\'';
}

// `db`.`table`: dots only separate in stored names.
std::string QualifiedName(std::string_view name) {
  std::string out;
  while (true) {
    const size_t dot = name.find('.');
    out += QuotedName(name.substr(0, dot));
    if (dot == std::string_view::npos) return out;
    out += '.';
    name.remove_prefix(dot + 1);
  }
}

template <class Names>
std::string NameList(const Names& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + QuotedName(name);
  return out;
}

std::string ColumnSql(const TableColumn& column) {
  std::string out = QuotedName(column.name);
  if (column.kind == TableColumn::Kind::kComputed) {
    out += " AS " + column.sql;
  } else {
    out += ' ' + column.type.ToString();
  }
  if (column.kind == TableColumn::Kind::kMetadata) {
    out += " METADATA";
    if (column.metadata_key != column.name) out += " FROM " + QuotedString(column.metadata_key);
    if (column.is_virtual) out += " VIRTUAL";
  }
  if (!column.comment.empty()) out += " COMMENT " + QuotedString(column.comment);
  return out;
}

std::string OptionsSql(const Options& options, bool mask_secrets) {
  std::string out;
  for (const auto& [key, option] : options) {
    const bool mask = mask_secrets && IsSecret(key);
    out += (out.empty() ? "  " : ",\n  ") + QuotedString(key) + " = " +
           (mask ? "'****'" : QuotedString(option.value));
  }
  return out;
}

}  // namespace

std::string CreateTableSql(const Relation& table, bool mask_secrets) {
  std::string out = "CREATE TABLE " + QualifiedName(table.name) + " (\n";
  bool first = true;
  const auto add = [&](const std::string& line) {
    out += (first ? "  " : ",\n  ") + line;
    first = false;
  };
  for (const TableColumn& column : table.columns) add(ColumnSql(column));
  if (table.watermark) {
    add("WATERMARK FOR " + QuotedName(table.columns[table.watermark->column].name) + " AS " +
        table.watermark->sql);
  }
  if (!table.primary_key.empty()) {
    std::vector<std::string> names;
    for (size_t key : table.primary_key) names.push_back(table.columns[key].name);
    add("PRIMARY KEY (" + NameList(names) + ") NOT ENFORCED");
  }
  out += "\n)";
  if (!table.comment.empty()) out += "\nCOMMENT " + QuotedString(table.comment);
  if (!table.partitioned_by.empty()) {
    out += "\nPARTITIONED BY (" + NameList(table.partitioned_by) + ")";
  }
  if (!table.options.empty()) {
    out += "\nWITH (\n" + OptionsSql(table.options, mask_secrets) + "\n)";
  }
  return out;
}

std::string ShowCreate(const Relation& relation) {
  if (relation.kind == Relation::Kind::kTable) return CreateTableSql(relation, true);
  const bool materialized = relation.kind == Relation::Kind::kMaterializedView;
  std::string out = materialized ? "CREATE MATERIALIZED VIEW " : "CREATE VIEW ";
  out += QualifiedName(relation.name);
  if (!relation.column_names.empty()) out += " (" + NameList(relation.column_names) + ")";
  if (!relation.comment.empty()) out += "\nCOMMENT " + QuotedString(relation.comment);
  if (!relation.options.empty()) {
    out += "\nWITH (\n" + OptionsSql(relation.options, true) + "\n)";
  }
  return out + "\nAS " + ToSql(*relation.query);
}

}  // namespace millrace
