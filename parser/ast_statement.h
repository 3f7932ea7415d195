// The syntax tree of statements.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "parser/ast_expr.h"
#include "parser/ast_query.h"

namespace millrace::ast {

struct Statement;
using StatementPtr = std::unique_ptr<Statement>;

enum class ObjectKind : uint8_t {
  kTable,
  kView,
  kMaterializedView,
  kMaterializedTable,
  kFunction,
  kDatabase,
  kCatalog,
  kModel,
  kIndex,
  kSource,
  kSink,
  kSubscription,
  kJob,
};

std::string_view NameOf(ObjectKind kind);  // "MATERIALIZED VIEW", ...

struct PrimaryKey {
  std::optional<Name> constraint;
  std::vector<Name> columns;
  bool not_enforced = false;
  SourceRange range;
};

struct Watermark {
  QualifiedName column;
  ExprPtr expr;
  SourceRange range;
};

// Physical (a type), metadata (a type and `metadata`), computed (an expression), or only a name, in
// CREATE TABLE ... AS.
struct ColumnDef {
  Name name;
  std::optional<TypeName> type;
  bool metadata = false;
  std::optional<std::string> metadata_key;
  bool is_virtual = false;
  ExprPtr computed;  // May be null.
  std::optional<std::string> comment;
  SourceRange range;
};

struct TableSchema {
  std::vector<ColumnDef> columns;
  bool star = false;  // `*` among the columns of CREATE SOURCE.
  std::optional<Watermark> watermark;
  std::optional<PrimaryKey> primary_key;  // Also when it was written beside its column.
};

enum class DistributionKind : uint8_t { kUnspecified, kHash, kRange };

struct Distribution {
  DistributionKind kind = DistributionKind::kUnspecified;
  std::vector<Name> columns;
  std::optional<int64_t> buckets;
  SourceRange range;
};

// `INCLUDING OPTIONS`: both upper-case.
struct LikeOption {
  std::string action;
  std::string feature;
};

struct LikeClause {
  QualifiedName source;
  std::vector<LikeOption> options;
  SourceRange range;
};

struct CreateTable {
  bool temporary = false;
  bool if_not_exists = false;
  bool or_replace = false;  // CREATE OR REPLACE TABLE and REPLACE TABLE
  QualifiedName name;
  TableSchema schema;
  std::optional<std::string> comment;
  std::optional<Distribution> distribution;
  std::vector<Name> partitioned_by;
  std::vector<Option> options;
  std::optional<LikeClause> like;
  QueryPtr query;  // May be null.
};

// `table` has the name, the columns and the query.
struct CreateMaterializedTable {
  bool or_alter = false;
  CreateTable table;
  ExprPtr freshness;                        // An interval literal; may be null.
  std::optional<std::string> refresh_mode;  // CONTINUOUS or FULL
};

struct ViewColumn {
  Name name;
  std::optional<std::string> comment;
};

struct CreateView {
  bool temporary = false;
  bool or_replace = false;
  bool if_not_exists = false;
  QualifiedName name;
  std::vector<ViewColumn> columns;
  std::optional<std::string> comment;
  QueryPtr query;
};

struct CreateMaterializedView {
  bool or_replace = false;
  bool if_not_exists = false;
  QualifiedName name;
  std::vector<ViewColumn> columns;
  std::optional<std::string> comment;
  std::vector<Option> options;
  QueryPtr query;  // Its EMIT clause is the view's; query->range is its text.
};

struct CreateIndex {
  bool if_not_exists = false;
  Name name;
  QualifiedName table;
  std::vector<SortItem> columns;
  std::vector<Name> include;
};

struct FunctionParameter {
  Name name;
  TypeName type;
};

// `(a T, ...) RETURNS T RETURN body`, or `AS 'identifier'`.
struct CreateFunction {
  bool or_replace = false;
  bool temporary = false;
  bool system = false;
  bool if_not_exists = false;
  QualifiedName name;
  std::vector<FunctionParameter> parameters;
  std::optional<TypeName> returns;
  ExprPtr body;  // Null for the second form.
  std::optional<std::string> identifier;
  std::optional<std::string> language;  // Upper-case.
  std::vector<std::string> resources;   // Of USING JAR.
};

struct CreateCatalog {
  bool if_not_exists = false;
  Name name;
  std::optional<std::string> comment;
  std::vector<Option> options;
};

struct CreateDatabase {
  bool if_not_exists = false;
  QualifiedName name;
  std::optional<std::string> comment;
  std::vector<Option> options;
};

// FORMAT PLAIN ENCODE JSON (options) KEY ENCODE ...; words are upper-case.
struct FormatEncode {
  std::string format;
  std::string encode;
  std::vector<Option> options;
  std::optional<std::string> key_encode;
  std::vector<Option> key_options;
  SourceRange range;
};

// INCLUDE what [field] [AS alias]
struct IncludeColumn {
  Name what;
  std::optional<std::string> field;
  std::optional<Name> alias;
};

struct CreateSource {
  bool if_not_exists = false;
  QualifiedName name;
  TableSchema schema;
  std::vector<IncludeColumn> include;
  std::vector<Option> options;
  std::optional<FormatEncode> format;
};

struct CreateSink {
  bool if_not_exists = false;
  QualifiedName name;
  std::optional<QualifiedName> into;
  std::vector<Name> columns;          // Of `into`.
  std::optional<QualifiedName> from;  // Else `query`.
  QueryPtr query;
  Emit emit;  // Of `FROM mv EMIT ...`; a query has its own.
  std::vector<Option> options;
  std::optional<FormatEncode> format;
};

struct CreateSubscription {
  bool if_not_exists = false;
  QualifiedName name;
  QualifiedName from;
  std::vector<Option> options;
};

struct Drop {
  ObjectKind kind = ObjectKind::kTable;
  bool temporary = false;
  bool system = false;  // TEMPORARY SYSTEM FUNCTION
  bool if_exists = false;
  QualifiedName name;
  bool cascade = false;
  bool restrict = false;
};

struct PartitionItem {
  Name column;
  ExprPtr value;  // May be null.
};
using PartitionSpec = std::vector<PartitionItem>;

struct PositionedColumn {
  ColumnDef column;
  bool first = false;
  std::optional<Name> after;
};

// ADD or MODIFY columns, a key, a watermark or a distribution.
struct AlterSchema {
  bool modify = false;
  std::vector<PositionedColumn> columns;
  std::optional<PrimaryKey> primary_key;
  std::optional<Watermark> watermark;
  std::optional<Distribution> distribution;
};

struct DropFromSchema {
  std::vector<Name> columns;
  std::optional<Name> constraint;
  std::vector<PartitionSpec> partitions;
  bool primary_key = false;
  bool watermark = false;
  bool distribution = false;
};

struct NewPartition {
  PartitionSpec spec;
  std::vector<Option> options;
};

struct AddPartitions {
  bool if_not_exists = false;
  std::vector<NewPartition> partitions;
};

struct RenameColumn {
  QualifiedName from;
  Name to;
};

struct RenameObject {
  QualifiedName to;
};

struct SetOptions {
  std::vector<Option> options;
};

struct ResetOptions {
  std::vector<Option> keys;  // Without values.
};

struct SetComment {
  std::string comment;
};

struct SetQuery {
  QueryPtr query;
};

struct SuspendObject {};

struct ResumeObject {
  std::vector<Option> options;
};

struct RefreshObject {
  PartitionSpec partition;
};

struct SetFunction {
  bool system = false;
  std::string identifier;
  std::optional<std::string> language;
};

struct Alter {
  ObjectKind kind = ObjectKind::kTable;
  bool temporary = false;
  bool if_exists = false;
  QualifiedName name;
  std::variant<AlterSchema, DropFromSchema, AddPartitions, RenameColumn, RenameObject, SetOptions,
               ResetOptions, SetComment, SetQuery, SuspendObject, ResumeObject, RefreshObject,
               SetFunction>
      action;
};

struct Insert {
  bool overwrite = false;
  QualifiedName target;
  std::vector<Hint> hints;
  PartitionSpec partition;
  std::vector<Name> columns;
  QueryPtr query;
  std::optional<std::string> on_conflict;  // NOTHING, ERROR or DEDUPLICATE
};

struct Assignment {
  Name column;
  ExprPtr value;
};

struct Update {
  QualifiedName table;
  std::optional<Name> alias;
  std::vector<Assignment> assignments;
  ExprPtr where;  // May be null.
};

struct Delete {
  QualifiedName table;
  std::optional<Name> alias;
  ExprPtr where;  // May be null.
};

struct Truncate {
  QualifiedName table;
};

struct QueryStatement {
  QueryPtr query;
};

struct StatementSet {
  std::vector<Statement> statements;  // Each an Insert.
};

// `EXPLAIN REPLACE MATERIALIZED VIEW v AS ...` holds the CREATE OR REPLACE statement.
struct Explain {
  std::vector<std::string> details;  // Upper-case: CHANGELOG_MODE, ESTIMATED_COST, ANALYZE, ...
  bool plan_for = false;
  StatementPtr statement;
};

struct LikePattern {
  LikeKind kind = LikeKind::kLike;  // LIKE or ILIKE
  std::string pattern;
  bool negated = false;
};

// `what` is upper-case: TABLES, VIEWS, MATERIALIZED VIEWS, CURRENT DATABASE, COLUMNS (with the
// table as scope), PARTITIONS (likewise), FULL MODULES, JOBS, TOPICS, ...
struct Show {
  std::string what;
  std::optional<QualifiedName> scope;
  std::optional<LikePattern> like;
  PartitionSpec partition;
  std::vector<Option> options;  // Of SHOW TOPICS.
};

struct ShowCreate {
  ObjectKind kind = ObjectKind::kTable;
  bool or_alter = false;
  QualifiedName name;
};

struct Describe {
  ObjectKind kind = ObjectKind::kTable;  // kTable stands for any relation.
  bool extended = false;
  QualifiedName name;  // Of a job: its id, as one part.
};

// Without a key: show all.
struct Set {
  std::optional<Option> option;
};

// Without a key: reset all.
struct Reset {
  std::optional<Option> key;
};

enum class UseKind : uint8_t { kDatabase, kCatalog, kModules };

struct Use {
  UseKind kind = UseKind::kDatabase;
  QualifiedName name;  // Of kDatabase and kCatalog.
  std::vector<Name> modules;
};

enum class JobAction : uint8_t { kStop, kPause, kResume, kTerminate };

// STOP JOB 'id' [WITH SAVEPOINT] [WITH DRAIN]; PAUSE, RESUME and TERMINATE take a name or ALL.
struct JobControl {
  JobAction action = JobAction::kStop;
  std::optional<Name> job;  // None: all.
  bool savepoint = false;
  bool drain = false;
};

struct Flush {};

// PRINT 'topic' [FROM BEGINNING] [INTERVAL n] [LIMIT n] [WITH (...)]
struct Print {
  std::string topic;
  SourceRange topic_range;
  bool from_beginning = false;
  std::optional<int64_t> interval;
  std::optional<int64_t> limit;
  std::vector<Option> options;
};

enum class EnvelopeKind : uint8_t { kNone, kUpsert, kDebezium };

struct Subscribe {
  std::optional<QualifiedName> object;  // Else `query`.
  QueryPtr query;
  EnvelopeKind envelope = EnvelopeKind::kNone;
  std::vector<Name> key;
  std::vector<SortItem> order_by;  // WITHIN TIMESTAMP ORDER BY
  std::vector<Option> options;
  ExprPtr as_of;  // May be null.
  bool at_least = false;
  ExprPtr up_to;  // May be null.
};

struct DeclareCursor {
  Name name;
  QualifiedName subscription;
  bool full = false;
  ExprPtr since;  // May be null.
};

struct FetchCursor {
  std::optional<int64_t> count;  // None: NEXT.
  Name cursor;
  std::vector<Option> options;
};

struct CloseCursor {
  Name cursor;
};

// Parsed, and refused later with UNSUPPORTED_FEATURE: CALL, ANALYZE, ADD JAR, COMPILE PLAN, ...
struct Unsupported {
  std::string what;   // Upper-case, for the message: "COMPILE PLAN".
  std::string text;   // The whole statement.
  SourceRange range;  // Of the words in `what`.
};

struct Statement {
  std::variant<QueryStatement, Insert, Update, Delete, Truncate, StatementSet, CreateTable,
               CreateMaterializedTable, CreateView, CreateMaterializedView, CreateIndex,
               CreateFunction, CreateCatalog, CreateDatabase, CreateSource, CreateSink,
               CreateSubscription, Drop, Alter, Explain, Show, ShowCreate, Describe, Set, Reset,
               Use, JobControl, Flush, Print, Subscribe, DeclareCursor, FetchCursor, CloseCursor,
               Unsupported>
      node;
  SourceRange range;  // Without the semicolon.
};

}  // namespace millrace::ast
