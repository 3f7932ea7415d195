// The syntax tree of names, types and expressions.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"

namespace millrace::ast {

struct Expr;
struct Query;
struct WindowSpec;
using ExprPtr = std::unique_ptr<Expr>;
using QueryPtr = std::unique_ptr<Query>;

struct Name {
  std::string text;  // Without quotes.
  SourceRange range;
  bool quoted = false;
};

struct QualifiedName {
  std::vector<Name> parts;  // At least one; catalog and database come first.
  SourceRange range;
};

enum class IntervalUnit : uint8_t {
  kYear,
  kQuarter,
  kMonth,
  kWeek,
  kDay,
  kHour,
  kMinute,
  kSecond,
  kMillisecond,
  kMicrosecond,
  kNanosecond,
};

std::string_view NameOf(IntervalUnit unit);  // "YEAR", ...

// `DAY(3) TO SECOND(6)`, in literals and types.
struct IntervalQualifier {
  IntervalUnit from = IntervalUnit::kDay;
  std::optional<IntervalUnit> to;
  std::optional<int64_t> precision;         // Of the first unit.
  std::optional<int64_t> second_precision;  // Of SECOND as the last unit.
};

struct TypeField;

// `base` is upper-case. Spellings of several words have one name each: DOUBLE PRECISION is DOUBLE,
// CHARACTER VARYING is VARCHAR, TIMESTAMP(p) WITH LOCAL TIME ZONE is TIMESTAMP_LTZ, TIMESTAMP WITH
// TIME ZONE is TIMESTAMP_TZ; `INT ARRAY` is ARRAY<INT>. Other synonyms (INTEGER, DEC) are kept.
struct TypeName {
  std::string base;
  std::vector<int64_t> params;      // DECIMAL(10, 2): 10 and 2.
  std::vector<TypeField> children;  // Of ARRAY, MULTISET (1), MAP (2), ROW and STRUCTURED (fields).
  std::optional<std::string> class_name;      // Of RAW and STRUCTURED.
  std::optional<IntervalQualifier> interval;  // Of INTERVAL.
  bool not_null = false;
  SourceRange range;
};

struct TypeField {
  std::optional<Name> name;  // Of a field of a ROW.
  TypeName type;
  std::optional<std::string> comment;
};

enum class LiteralKind : uint8_t {
  kNull,
  kBoolean,      // text is TRUE or FALSE
  kInteger,      // digits
  kDecimal,      // digits with a point
  kApproximate,  // with an exponent
  kString,       // unescaped, UTF-8
  kBinary,       // the bytes, decoded from X'...'
  kDate,         // text as written between the quotes, not validated; so are the next four
  kTime,
  kTimestamp,
  kTimestampLtz,
  kInterval,
};

struct Literal {
  LiteralKind kind = LiteralKind::kNull;
  std::string text;
  bool negative = false;       // INTERVAL -'1' DAY; numbers have a Unary around them instead.
  IntervalQualifier interval;  // Of kInterval.
};

// a, t.a, db.t.a, or a field of a row column (`row.field`): resolved later.
struct ColumnRef {
  std::vector<Name> parts;
};

// `*`, `t.*`, `t.row.*`; in select lists and as the argument of COUNT.
struct Star {
  std::optional<QualifiedName> qualifier;
};

enum class UnaryOp : uint8_t { kNot, kMinus, kPlus };

struct Unary {
  UnaryOp op = UnaryOp::kNot;
  ExprPtr operand;
};

enum class BinaryOp : uint8_t {
  kOr,
  kAnd,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIsDistinctFrom,
  kIsNotDistinctFrom,
  kOverlaps,
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kModulo,
  kConcat,
};

struct Binary {
  BinaryOp op = BinaryOp::kAnd;
  ExprPtr left;
  ExprPtr right;
};

enum class Predicate : uint8_t {
  kNull,
  kTrue,
  kFalse,
  kUnknown,
  kJson,  // The same as IS JSON VALUE.
  kJsonScalar,
  kJsonArray,
  kJsonObject,
};

struct IsPredicate {
  ExprPtr operand;
  Predicate predicate = Predicate::kNull;
  bool negated = false;
};

struct Between {
  ExprPtr value;
  ExprPtr low;
  ExprPtr high;
  bool symmetric = false;
  bool negated = false;
};

enum class LikeKind : uint8_t { kLike, kIlike, kSimilarTo };

struct Like {
  LikeKind kind = LikeKind::kLike;
  ExprPtr value;
  ExprPtr pattern;
  ExprPtr escape;  // May be null.
  bool negated = false;
};

struct InList {
  ExprPtr value;
  std::vector<ExprPtr> items;
  bool negated = false;
};

struct InSubquery {
  ExprPtr value;  // A RowConstructor for `(a, b) IN (SELECT ...)`.
  QueryPtr query;
  bool negated = false;
};

struct Exists {
  QueryPtr query;
};

struct ScalarSubquery {
  QueryPtr query;
};

// `value > ALL (SELECT ...)`; SOME is ANY.
struct Quantified {
  BinaryOp op = BinaryOp::kEqual;  // A comparison.
  ExprPtr value;
  QueryPtr query;
  bool all = false;
};

struct WhenClause {
  ExprPtr condition;
  ExprPtr result;
};

struct Case {
  ExprPtr operand;  // Null for the searched form.
  std::vector<WhenClause> whens;
  ExprPtr otherwise;  // May be null.
};

// CAST, TRY_CAST and `x::type`.
struct Cast {
  ExprPtr operand;
  TypeName type;
  bool try_cast = false;
};

struct SortItem {
  ExprPtr expr;
  bool descending = false;
  std::optional<bool> nulls_first;
};

struct FunctionArg {
  std::optional<Name> name;  // name => value
  ExprPtr value;
};

// A clause inside the parentheses of a JSON function. `words` is upper-case: "RETURNING" (with a
// type), "DEFAULT ON EMPTY" and "DEFAULT ON ERROR" (with a value), "NULL ON ERROR", "ABSENT ON
// NULL", "WITH CONDITIONAL ARRAY WRAPPER", "TRUE ON ERROR", "WITH UNIQUE KEYS", ...
struct FunctionClause {
  std::string words;
  ExprPtr value;  // May be null.
  std::optional<TypeName> type;
};

enum class NullTreatment : uint8_t { kDefault, kIgnore, kRespect };

// Calls with a syntax of their own become plain ones, a keyword argument being an upper-case string
// literal: EXTRACT('DAY', t), FLOOR(t, 'HOUR'), CEIL(t, 'HOUR'), TRIM('BOTH', chars, s), TRIM(s),
// SUBSTRING(s, from[, for]), POSITION(a, b), OVERLAY(s, r, from[, for]),
// TIMESTAMPADD('DAY', n, t), TIMESTAMPDIFF('DAY', a, b), JSON_OBJECT(k, v, k, v, ...).
struct FunctionCall {
  QualifiedName name;  // As written, so compare without case.
  std::vector<FunctionArg> args;
  bool niladic = false;  // CURRENT_DATE and its like, written without parentheses.
  bool distinct = false;
  NullTreatment nulls = NullTreatment::kDefault;
  std::vector<SortItem> order_by;  // WITHIN GROUP (ORDER BY ...) or ORDER BY among the arguments.
  std::vector<FunctionClause> clauses;  // JSON only.
  ExprPtr filter;                       // May be null.
  std::unique_ptr<WindowSpec> over;     // May be null.
};

// `(a, b)` and `ROW(a, b)`.
struct RowConstructor {
  std::vector<ExprPtr> fields;
};

// ARRAY[a, b]
struct ArrayConstructor {
  std::vector<ExprPtr> elements;
};

// MAP[k, v, k, v]: keys and values alternate.
struct MapConstructor {
  std::vector<ExprPtr> entries;
};

// `operand[index]` of an array (1-based) or a map.
struct Index {
  ExprPtr operand;
  ExprPtr index;
};

// `expr.field` where expr is not a column: `f(x).a`, `a[1].b`, `(r).c`.
struct FieldAccess {
  ExprPtr operand;
  Name field;
};

// DESCRIPTOR(ts)
struct Descriptor {
  std::vector<Name> columns;
};

// `TABLE t [PARTITION BY ...] [ORDER BY ...]` or `TABLE (query) ...`, an argument of a table
// function.
struct TableArg {
  QualifiedName name;  // No parts when `query` is set.
  QueryPtr query;      // May be null.
  std::vector<ExprPtr> partition_by;
  std::vector<SortItem> order_by;
};

// `?` (numbered from 1 in the order of the text) or `$1`.
struct Parameter {
  int64_t number = 1;
};

struct Expr {
  std::variant<Literal, ColumnRef, Star, Unary, Binary, IsPredicate, Between, Like, InList,
               InSubquery, Exists, ScalarSubquery, Quantified, Case, Cast, FunctionCall,
               RowConstructor, ArrayConstructor, MapConstructor, Index, FieldAccess, Descriptor,
               TableArg, Parameter>
      node;
  SourceRange range;
};

enum class FrameBoundKind : uint8_t {
  kUnboundedPreceding,
  kPreceding,
  kCurrentRow,
  kFollowing,
  kUnboundedFollowing,
};

struct FrameBound {
  FrameBoundKind kind = FrameBoundKind::kCurrentRow;
  ExprPtr offset;  // Of kPreceding and kFollowing.
};

struct Frame {
  bool rows = false;  // Else RANGE.
  FrameBound start;
  std::optional<FrameBound> end;
  SourceRange range;
};

// `OVER w` has only a base.
struct WindowSpec {
  std::optional<Name> base;
  std::vector<ExprPtr> partition_by;
  std::vector<SortItem> order_by;
  std::optional<Frame> frame;
  SourceRange range;
};

}  // namespace millrace::ast
