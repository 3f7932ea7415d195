// The syntax tree of queries and of what stands in their FROM clauses.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "parser/ast_expr.h"

namespace millrace::ast {

struct TableExpr;
using TablePtr = std::unique_ptr<TableExpr>;

// 'key' = 'value'; the value of an unquoted number or word is its text.
struct Option {
  std::string key;
  std::string value;
  SourceRange key_range;
  SourceRange value_range;
};

// One of `/*+ OPTIONS('k'='v'), BROADCAST(t) */`; a hint has options or plain arguments.
struct Hint {
  Name name;
  std::vector<Option> options;
  std::vector<std::string> args;
  SourceRange range;
};

struct TableAlias {
  Name name;
  std::vector<Name> columns;
};

struct TableRef {
  QualifiedName name;
  std::vector<Hint> hints;
  ExprPtr as_of;  // FOR SYSTEM_TIME AS OF; may be null.
};

struct SubqueryRef {
  QueryPtr query;
  bool lateral = false;
};

// TUMBLE(...), TABLE(f(...)), LATERAL TABLE(f(...)), LATERAL SNAPSHOT(...).
struct TableFunctionRef {
  ExprPtr call;  // A FunctionCall.
  bool lateral = false;
};

struct Unnest {
  std::vector<ExprPtr> args;
  bool with_ordinality = false;
};

// A comma and CROSS JOIN are the same, but `a, b JOIN c` nests to the right.
enum class JoinKind : uint8_t { kInner, kLeft, kRight, kFull, kCross };

// ksqlDB's `WITHIN (before, after) GRACE PERIOD g`; the values are interval literals.
struct JoinWithin {
  ExprPtr before;
  ExprPtr after;  // Null when one value stands for both.
  ExprPtr grace;  // May be null.
};

struct JoinRef {
  JoinKind kind = JoinKind::kInner;
  TablePtr left;
  TablePtr right;
  bool natural = false;
  std::vector<Name> using_columns;
  ExprPtr on;  // May be null.
  std::optional<JoinWithin> within;
};

struct Measure {
  ExprPtr expr;
  Name name;
  bool final_semantics = false;  // FINAL expr; RUNNING is the default.
};

enum class PatternKind : uint8_t { kVariable, kSequence, kAlternation, kExclusion, kPermutation };

struct Pattern {
  PatternKind kind = PatternKind::kVariable;
  Name variable;                  // Of kVariable.
  std::vector<Pattern> children;  // Of the others.
  int64_t min = 1;
  std::optional<int64_t> max = 1;  // None: no upper bound.
  bool reluctant = false;
  SourceRange range;
};

enum class AfterMatch : uint8_t {
  kDefault,
  kPastLastRow,
  kToNextRow,
  kToVariable,  // The same as to the last row of the variable.
  kToFirst,
  kToLast,
};

struct PatternDefinition {
  Name variable;
  ExprPtr condition;
};

struct PatternSubset {
  Name name;
  std::vector<Name> variables;
};

struct MatchRecognize {
  TablePtr input;
  std::vector<ExprPtr> partition_by;
  std::vector<SortItem> order_by;
  std::vector<Measure> measures;
  bool all_rows = false;  // Else ONE ROW PER MATCH, also when not said.
  AfterMatch after_match = AfterMatch::kDefault;
  std::optional<Name> skip_to;
  Pattern pattern;
  ExprPtr within;  // May be null.
  std::vector<PatternSubset> subsets;
  std::vector<PatternDefinition> definitions;
};

struct TableExpr {
  std::variant<TableRef, SubqueryRef, TableFunctionRef, Unnest, JoinRef, MatchRecognize> node;
  std::optional<TableAlias> alias;  // Never on a JoinRef.
  SourceRange range;
};

struct SelectItem {
  ExprPtr expr;  // May be a Star.
  std::optional<Name> alias;
  SourceRange range;
};

enum class GroupKind : uint8_t {
  kExpr,
  kSet,  // `(a, b)` or `()` inside GROUPING SETS, ROLLUP or CUBE, and `GROUP BY ()`
  kGroupingSets,
  kRollup,
  kCube,
};

struct GroupElement {
  GroupKind kind = GroupKind::kExpr;
  ExprPtr expr;                        // Of kExpr.
  std::vector<GroupElement> children;  // Of the others; those of a kSet are kExpr.
  SourceRange range;
};

struct NamedWindow {
  Name name;
  WindowSpec spec;
};

struct Select {
  std::vector<Hint> hints;
  bool distinct = false;
  std::vector<SelectItem> items;
  TablePtr from;  // May be null.
  ExprPtr where;  // May be null.
  std::vector<GroupElement> group_by;
  bool group_by_distinct = false;  // Equal grouping sets count once.
  ExprPtr having;  // May be null.
  std::vector<NamedWindow> windows;
  ExprPtr qualify;  // May be null.
  SourceRange range;
};

enum class SetOperator : uint8_t { kUnion, kIntersect, kExcept };

struct SetOperation {
  SetOperator op = SetOperator::kUnion;
  bool all = false;
  QueryPtr left;
  QueryPtr right;
};

// Each row has its expressions; a row without parentheses has one.
struct Values {
  std::vector<std::vector<ExprPtr>> rows;
};

// `WITH name (columns) AS (query)`, or `WITH name AS CHANGELOG FROM table`.
struct CommonTable {
  Name name;
  std::vector<Name> columns;
  QueryPtr query;  // Null when changelog_of is set.
  std::optional<QualifiedName> changelog_of;
  SourceRange range;
};

enum class EmitKind : uint8_t { kNone, kChanges, kFinal, kOnWindowClose, kImmediately };

struct Emit {
  EmitKind kind = EmitKind::kNone;
  ExprPtr grace;  // WITH GRACE INTERVAL ...; may be null.
  SourceRange range;
};

struct Query {
  bool recursive = false;
  std::vector<CommonTable> with;
  // A nested query stands for parentheses around a query that has clauses of its own.
  std::variant<Select, SetOperation, Values, QueryPtr> body;
  std::vector<SortItem> order_by;
  ExprPtr limit;   // May be null; also of FETCH FIRST n ROWS ONLY.
  ExprPtr offset;  // May be null.
  Emit emit;
  SourceRange range;
};

}  // namespace millrace::ast
