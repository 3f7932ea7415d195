// Named objects: tables, views, materialized views, SQL functions, databases.
//
// The SQL text is the catalog: each object keeps the statement that made it, and replaying those
// statements rebuilds everything else. Not thread-safe: the engine guards it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connectors/connector.h"
#include "functions/expr.h"
#include "functions/registry.h"
#include "parser/ast.h"

namespace millrace {

struct TableColumn {
  enum class Kind : uint8_t { kPhysical, kMetadata, kComputed };
  Kind kind = Kind::kPhysical;
  std::string name;
  Type type;
  std::string metadata_key;  // kMetadata
  bool is_virtual = false;   // kMetadata: not written by sinks
  ExprPtr computed;          // kComputed, over the row of all the table's columns
  std::string sql;           // kComputed: the expression's text, for SHOW CREATE and LIKE
  bool proctime = false;     // Computed as PROCTIME()
  std::string comment;
};

struct TableWatermark {
  size_t column;    // Of the row of all the table's columns.
  ExprPtr expr;     // Over the same row. Null for SOURCE_WATERMARK().
  std::string sql;  // The expression's text.
};

struct Plan;

struct Relation {
  enum class Kind : uint8_t { kTable, kView, kMaterializedView };
  Kind kind = Kind::kTable;
  std::string name;  // Qualified with dots unless in the default database.
  std::string sql;   // The statement, as stored and replayed.
  std::string comment;
  std::vector<TableColumn> columns;  // In declaration order; of views: all physical.
  std::vector<size_t> primary_key;   // Of a materialized view: derived from its plan.
  std::optional<TableWatermark> watermark;
  const ConnectorDef* connector = nullptr;  // Null: an embedded table (or a view).
  // Its rows are replaced and deleted: an embedded table with a key or 'append-only' = 'false', or
  // one whose format carries changes.
  bool changes = false;
  Options options;
  std::vector<std::string> partitioned_by;
  std::shared_ptr<const ast::Query> query;  // Views and materialized views.
  std::vector<std::string> column_names;    // Views: the names given in CREATE VIEW v (a, b).
  std::shared_ptr<const Plan> plan;         // Materialized views.
  std::vector<std::string> reads;  // Names of relations the query reads, also through views.
  // The settings that differed from their defaults when the object was made, by which it is planned
  // again.
  std::map<std::string, std::string, std::less<>> settings;

  Schema schema() const;  // All columns.
  Schema physical_schema() const;
  // The place of a physical column among the physical ones.
  size_t PhysicalIndex(size_t column) const;
  bool embedded() const { return kind == Kind::kTable && connector == nullptr; }
};

struct SqlFunction {
  std::string name;
  std::string sql;
  std::vector<Field> parameters;
  Type result;
  std::shared_ptr<const ast::Expr> body;
};

// What a session or request has set.
struct Session {
  std::string catalog = "default_catalog";
  std::string database = "default_database";
  std::map<std::string, std::string, std::less<>> settings;
  // `table.local-time-zone`, "UTC" when unset.
  std::string zone() const;
};

class Catalog {
 public:
  Catalog();

  // By the parts of a name in `session`'s database: exact case first, then a unique match without
  // case. Null when there is none.
  const Relation* Find(const ast::QualifiedName& name, const Session& session) const;
  const Relation* Find(std::string_view qualified) const;
  // Throws Error(kTableNotFound) at the name with the nearest name as hint.
  const Relation& Get(const ast::QualifiedName& name, const Session& session) const;
  std::vector<const Relation*> List() const;  // By name.

  // Throws Error(kDuplicateObject) at `range` when the name is taken.
  const Relation& Add(Relation relation, SourceRange range = {});
  // Throws Error(kDependentObjects) at `range` naming what reads it.
  void Drop(std::string_view qualified, SourceRange range = {});
  // Names of the relations that read `qualified` directly, by name.
  std::vector<std::string> Dependents(std::string_view qualified) const;

  const SqlFunction* FindFunction(std::string_view name) const;
  void AddFunction(SqlFunction function, bool or_replace, SourceRange range = {});
  void DropFunction(std::string_view name, SourceRange range = {});
  std::vector<const SqlFunction*> ListFunctions() const;

  void AddDatabase(const std::string& name, SourceRange range = {});
  void DropDatabase(const std::string& name, SourceRange range = {});
  bool HasDatabase(std::string_view name) const;
  std::vector<std::string> Databases() const;

  // The qualified name of an object to be made (default catalog and database are left out).
  std::string Qualify(const ast::QualifiedName& name, const Session& session) const;

 private:
  std::map<std::string, std::unique_ptr<Relation>, std::less<>> relations_;
  std::map<std::string, SqlFunction, std::less<>> functions_;
  std::vector<std::string> databases_;
};

}  // namespace millrace
