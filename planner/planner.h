// AST -> catalog objects and plans. Throws Error with the position of the clause at fault.
#pragma once

#include <string>
#include <vector>

#include "planner/plan.h"

namespace millrace {

// What binding may look at.
struct PlanContext {
  const Catalog* catalog;
  const Session* session;
  std::string base_directory;     // Of relative paths in options.
  // The server starts: what a connector finds outside (a path) may be gone and is looked at by the job.
  bool recovering = false;
  std::vector<Value> parameters;  // $1 … as JSON values; empty when there are none
};

enum class QueryMode : uint8_t {
  kPull,        // One bounded run over snapshots and bounded sources: LIMIT, ORDER BY allowed.
  kContinuous,  // A view or an INSERT job.
};

// CREATE TABLE: resolves types, computed columns, watermark, key and LIKE, and validates the
// options. `text` is the statement's own text, stored in Relation::sql. Appends notices.
Relation BindCreateTable(const ast::CreateTable& statement, std::string text,
                         const PlanContext& context, std::vector<Notice>* notices);
// CREATE VIEW: checks the query by planning it.
Relation BindCreateView(const ast::CreateView& statement, std::string text,
                        const PlanContext& context, std::vector<Notice>* notices);
// CREATE MATERIALIZED VIEW: the plan's root is a Materialize.
Relation BindCreateMaterializedView(const ast::CreateMaterializedView& statement, std::string text,
                                    const PlanContext& context, std::vector<Notice>* notices);
SqlFunction BindCreateFunction(const ast::CreateFunction& statement, std::string text,
                               const PlanContext& context);

// SELECT or VALUES as a query of its own.
Plan PlanQuery(const ast::Query& query, QueryMode mode, const PlanContext& context);
// INSERT INTO …: root is a WriteSink; columns are matched by position or the column list, cast by
// assignment, missing ones NULL.
Plan PlanInsert(const ast::Insert& insert, QueryMode mode, const PlanContext& context);

// Where INSERT … VALUES writes the value of a physical column in the row of that number; else the
// query.
SourceRange RangeOfValue(const ast::Insert& insert, const Relation& table, size_t column,
                         size_t row);

// UPDATE or DELETE as a query over the table, made once and planned as often as needed.
struct ChangeQuery {
  ast::QualifiedName table;
  ast::Query query;  // All columns of the rows concerned, then the assigned values.
  bool updates = false;
  std::vector<ast::Name> targets;  // The columns assigned to,
  std::vector<bool> literals;      // and whether their values are literals.
};
ChangeQuery MakeChangeQuery(ast::Update update);
ChangeQuery MakeChangeQuery(ast::Delete removal);

// A pull plan that gives the physical columns of the rows concerned and, for UPDATE, behind them the
// physical columns of the rows that take their places.
struct ChangePlan {
  const Relation* table;
  Plan plan;
  std::vector<SourceRange> ranges;  // UPDATE: where each physical column's new value is written.
};
ChangePlan PlanChange(const ChangeQuery& change, const PlanContext& context);

// A boolean expression over `schema`, e.g. the `filter` of the REST API.
ExprPtr BindFilter(const ast::Expr& expr, const Schema& schema, const PlanContext& context);

// The text of EXPLAIN: an indented tree, one line a node, with keys, append-only or updating, event
// time and state bound.
std::string ExplainPlan(const Plan& plan);

// ast::TypeName -> Type. Throws kUnsupportedFeature / kSqlSyntax at its range; notices for digits
// beyond six.
Type ResolveType(const ast::TypeName& name, std::vector<Notice>* notices);

// The relation's CREATE statement for SHOW CREATE (options with secrets masked).
std::string ShowCreate(const Relation& relation);

// Columns of the system views, by suffix.
Schema ErrorsSchemaOfTable();  // "<table>$errors"
Schema ErrorsSchemaOfJob();    // "<view or job>$errors"
Schema LateSchema();           // "<view or job>$late"

}  // namespace millrace
