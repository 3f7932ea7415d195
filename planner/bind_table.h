// CREATE TABLE in parts: what bind_table.cc, bind_like.cc and show_create.cc share.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "planner/planner.h"

namespace millrace {

// A column before its expression is bound.
struct PendingColumn {
  TableColumn column;
  const ast::Expr* computed = nullptr;  // kComputed; owned by the statement or by `parsed`.
  ast::ExprPtr parsed;
  SourceRange range;
  bool inherited = false;  // From the table of a LIKE clause.
};

struct PendingTable {
  std::vector<PendingColumn> columns;
  Options options;
  std::vector<std::string> primary_key;
  std::vector<std::string> partitioned_by;
  // Of a LIKE clause: the watermark's column and expression, as text.
  std::string watermark_column;
  std::string watermark_sql;
  // By upper-case feature: INCLUDING, EXCLUDING or OVERWRITING.
  std::map<std::string, std::string, std::less<>> like_actions;
};

// Starts the table with what the LIKE clause takes over. Throws at the clause.
void BindLike(const ast::LikeClause& like, const PlanContext& context, PendingTable* table);

// A new column takes the place of an inherited one of its name, where OVERWRITING says so, or comes
// last. Throws kDuplicateObject at its range when the name is taken.
void AddColumn(PendingColumn column, PendingTable* table);

// The CREATE TABLE statement that makes the table again, over several lines.
std::string CreateTableSql(const Relation& table, bool mask_secrets);

}  // namespace millrace
