// Binds queries to plan nodes: what bind_query, bind_from, bind_aggregate and bind_insert share.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "planner/bind_expr.h"
#include "planner/names.h"
#include "planner/planner.h"

namespace millrace {

// The common tables that a query sees, innermost first. Each is bound where it is used.
struct VisibleTable {
  const ast::CommonTable* table;
  const VisibleTable* outer;
  const OuterScope* scope;  // The queries around the WITH.
};

// An input of a query block. The scope's columns are the node's first columns; columns behind them
// have no names.
struct BoundInput {
  NodePtr node;
  Scope scope;
};

struct BoundQuery {
  NodePtr node;
  std::vector<SourceRange> ranges;  // Of the select items, a column each.
};

// One output column of a query block, or an expression of its ORDER BY.
struct OutputColumn {
  ExprPtr expr;
  std::string name;
  SourceRange range;
};

// When window aggregates emit.
struct EmitMode {
  bool on_close = false;
  int64_t grace = 0;
  auto operator<=>(const EmitMode&) const = default;
};

// The arguments of a window function behind its table.
struct WindowArguments {
  size_t time_column = 0;
  // In the order of the function; null where an optional one is missing.
  std::span<const ast::Expr* const> intervals;
  std::vector<size_t> partition;  // SESSION
};

// STATE_TTL('table' = '1 d'): how long state about the rows of a table of this FROM is kept.
struct StateTtl {
  ast::QualifiedName table;
  int64_t micros;
};
using StateTtls = std::vector<StateTtl>;

// LOOKUP('table' = 't', …): how rows that find nothing in a table of this FROM look again.
struct LookupHint {
  ast::QualifiedName table;
  int64_t retry_delay = 0;  // Microseconds.
  int64_t retry_attempts = 0;
};

// Of a query block.
struct BoundHints {
  StateTtls ttls;
  std::vector<LookupHint> lookups;
};

// A view or common table that was bound before.
struct BoundCommon {
  std::shared_ptr<Common> common;
  size_t window_aggregates;  // In it.
};

// What the binders of a statement's queries and of the views in them share.
struct BindState {
  Plan* plan;
  // By Relation or ast::CommonTable, and EmitMode.
  std::map<std::tuple<const void*, EmitMode>, BoundCommon> commons;
  size_t window_aggregates = 0;
  uint32_t arrivals = 0;  // Scans that give the order of arrival.
  size_t relations = 0;   // References bound so far, to stop queries that grow without bound.
  size_t view_depth = 0;
  size_t queries = 0;  // Blocks with subqueries.
};

class QueryBinder {
 public:
  QueryBinder(const PlanContext& context, QueryMode mode, EmitMode emit, BindState* state)
      : context_(context), mode_(mode), emit_(emit), state_(state) {}

  BoundQuery BindQuery(const ast::Query& query);

  const PlanContext& context() const { return context_; }
  QueryMode mode() const { return mode_; }
  const EmitMode& emit() const { return emit_; }
  std::vector<Notice>* notices() const { return &state_->plan->notices; }
  void Notify(std::string code, std::string message, std::optional<SourceRange> range) const;

  // The microseconds of a duration setting; 0 when it is unset.
  int64_t DurationSetting(std::string_view key) const;
  // How long an operator of this query block keeps what nothing touches, microseconds; 0: for ever.
  // The STATE_TTL hint for the table that `input` is, else table.exec.state.ttl.
  int64_t TtlOf(const Scope& input) const;

  ExprPtr Bind(const ast::Expr& expr, const Scope& scope) const {
    return BindExpr(expr, scope, context_, notices());
  }

  // In bind_from.cc. `from` may be null: one row without columns.
  BoundInput BindFrom(const ast::TableExpr* from);
  static void Rename(const ast::TableAlias& alias, BoundInput* input);
  // The input with the window of a TUMBLE, HOP, CUMULATE or SESSION call assigned.
  BoundInput AddWindows(BoundInput input, const ast::FunctionCall& call,
                        const WindowArguments& arguments, SourceRange range) const;
  // The index of the time attribute that `expr` names. Throws kInvalidWatermark when it is none.
  size_t TimeColumn(const BoundInput& input, const ast::Expr& expr) const;

  // The options of a table with a connector at this use of it: its own with those of OPTIONS hints
  // over them, checked for reading or writing.
  Options UsedOptions(const Relation& table, const std::vector<ast::Hint>& hints, SourceRange range,
                      bool as_sink) const;

  // The columns that the rows of the next VALUES go to, for its string literals.
  void SetValueTypes(std::vector<Type> types) { value_types_ = std::move(types); }
  // Throws if the expression would give an old row of changing input another value than before.
  void CheckRepeatable(const Node& input, const Expr& expr) const;

  void CountWindowAggregate() { ++state_->window_aggregates; }
  // Binds a subquery of the block `here`.
  NodePtr BindSubquery(const ast::Query& query, const OuterScope& here);
  // The blocks around the one that is being bound.
  const OuterScope* outer() const { return outer_; }
  size_t NewQuery() const { return state_->queries++; }
  uint32_t* arrivals() const { return &state_->arrivals; }

 private:
  BoundQuery BindBody(const ast::Query& query);
  BoundQuery BindSelect(const ast::Select& select, const ast::Query& query);
  BoundQuery BindValues(const ast::Values& values, SourceRange range);
  BoundQuery BindSetOperation(const ast::SetOperation& operation, SourceRange range);
  void NotifyUnboundedSet(std::string_view what, SourceRange range) const;
  std::vector<OutputColumn> ExpandItems(const ast::Select& select, const Scope& scope,
                                        const std::function<ExprPtr(const ast::Expr&)>& bind);
  std::vector<SortKey> BindOrderBy(const ast::Query& query, bool distinct,
                                   std::vector<OutputColumn>* columns,
                                   const std::function<ExprPtr(const ast::Expr&)>& bind) const;
  ExprPtr BindQualify(const ast::Select& select, const Scope& scope,
                      const std::function<ExprPtr(const ast::Expr&)>& bind) const;
  // ORDER BY, LIMIT and OFFSET over a finished query whose first `visible` columns are its own.
  NodePtr Order(NodePtr node, std::vector<SortKey> keys, size_t visible, const ast::Query& query);
  // In bind_hints.cc. Throws kInvalidOption at a bad option.
  BoundHints BindHints(const std::vector<ast::Hint>& hints) const;
  // The hint for a table that is read by this name; null when there is none.
  const LookupHint* FindLookupHint(std::string_view alias, std::string_view table) const;
  void CheckHintedTables(const Scope& scope) const;
  NodePtr FirstRows(NodePtr node, std::vector<SortKey> keys, std::optional<int64_t> limit,
                    int64_t offset, const ast::Query& query) const;
  std::optional<int64_t> BindCount(const ast::ExprPtr& expr, std::string_view what) const;
  EmitMode BindEmit(const ast::Emit& emit);

  BoundInput BindJoin(const ast::JoinRef& join, SourceRange range);  // In bind_join.cc.
  BoundInput BindJoinAfter(const ast::JoinRef& join, BoundInput left, SourceRange range);
  BoundInput BindCrossed(BoundInput left, const ast::TableExpr& right);
  BoundInput BindUnnest(BoundInput left, const ast::TableExpr& table, bool outer);
  BoundInput BindUnnestJoin(const ast::JoinRef& join, BoundInput left);
  // FOR SYSTEM_TIME AS OF; in bind_temporal_join.cc.
  BoundInput BindTemporalJoin(const ast::JoinRef& join, BoundInput left,
                              const ast::TableRef& table, SourceRange range);
  BoundInput BindSubqueryRef(const ast::SubqueryRef& subquery);
  BoundInput BindTable(const ast::TableRef& table, SourceRange range);
  BoundInput BindNamedTable(const ast::TableRef& table, SourceRange range);
  BoundInput BindCommonTable(const VisibleTable& table);
  BoundInput BindRelation(const Relation& relation, const ast::TableRef& table, SourceRange range);
  BoundInput BindView(const Relation& view, SourceRange range);
  // What `definition` stands for, read through a leaf; `bind` binds it at its first use.
  NodePtr BindOnce(const void* definition, std::string name, SourceRange range,
                   const std::function<NodePtr()>& bind);
  std::optional<BoundInput> BindSystemView(const ast::TableRef& table, SourceRange range);
  BoundInput BindTableFunction(const ast::TableFunctionRef& function, SourceRange range);
  BoundInput BindTableArgument(const ast::Expr& argument, bool partitioned);
  std::vector<size_t> BindPartition(const ast::Expr& argument, const BoundInput& input) const;
  void SetSession(const WindowArguments& arguments, AssignWindows* windows) const;
  BoundInput BindMatch(const ast::MatchRecognize& match, SourceRange range);
  void CountRelation(SourceRange range);

  const PlanContext& context_;
  QueryMode mode_;
  EmitMode emit_;
  BindState* state_;
  const VisibleTable* tables_ = nullptr;
  const OuterScope* outer_ = nullptr;
  const OuterScope* lateral_ = nullptr;  // What stands before in FROM, for LATERAL; then outer_.
  BoundHints hints_;                     // Of the query block.
  std::vector<Type> value_types_;
};

class SubqueryJoiner;

// The Aggregate of a query block under construction: binds the block's expressions to its input and
// collects the aggregate calls in them; Build makes the node, and Finish turns the bound
// expressions into ones over its output.
class Grouping {
 public:
  ~Grouping();
  // Whether the block has groups or aggregates.
  static bool Needed(const ast::Select& select, std::span<const ast::SortItem> order_by,
                     const Scope& scope);

  Grouping(QueryBinder* binder, BoundInput input, const ast::Select& select,
           std::span<const ast::SortItem> order_by);
  ExprPtr Bind(const ast::Expr& expr);
  const Scope& scope() const { return input_.scope; }
  // Has first chance at calls with an OVER clause; the columns that it gives stay as they are.
  void SetReplace(std::function<ExprPtr(const ast::Expr&)> replace) {
    replace_ = std::move(replace);
  }

  // Ends the binding. `having` may be null.
  NodePtr Build(const ast::Expr* having);
  // After Build.
  ExprPtr Finish(const ExprPtr& expr);

 private:
  struct Call {
    ResolvedAggregate function;
    ExprPtr argument;  // Null for COUNT(*).
    ExprPtr filter;    // May be null.
    ExprPtr weight;    // May be null.
    bool distinct = false;
    std::string name;
  };

  void BindGroups(const ast::Select& select);
  void BindGroup(const ast::Expr& expr, const ast::Select& select, bool nested,
                 std::vector<size_t>* keys);
  // Grouping sets (bind_grouping_sets.cc).
  void BindSets(const ast::Select& select);
  std::vector<std::vector<size_t>> BindElement(const ast::GroupElement& element,
                                               const ast::Select& select, bool nested);
  bool HasKey(size_t set, size_t key) const;
  bool IsEverywhere(size_t key) const;  // In all sets.
  ExprPtr BindGroupingFunction(const ast::FunctionCall& call, SourceRange range);
  std::vector<int64_t> GroupingBits(const ast::FunctionCall& call, SourceRange range);
  void MoveKeys(const std::vector<size_t>& order);
  NodePtr ExpandToSets(NodePtr input, Aggregate* aggregate) const;
  void BindSessionsOfSets(const ast::Select& select);
  void ExpandInput();
  bool BindGroupWindow(const ast::Expr& expr, const ast::Select& select);
  std::vector<size_t> SessionKeys(const ast::Select& select, SourceRange range);
  std::vector<size_t> ColumnsOf(std::span<const ExprPtr> keys, SourceRange range);
  void AddWindowTime();
  ExprPtr Replace(const ast::Expr& expr);
  // Calls of aggregates (bind_aggregate_call.cc).
  void FindArrival(const ast::Select& select, std::span<const ast::SortItem> order_by);
  ExprPtr BindCall(const ast::FunctionCall& call, const ast::Expr& expr);
  void CheckClauses(const ast::FunctionCall& call, const std::string& name,
                    SourceRange range) const;
  std::vector<ExprPtr> BindArguments(const ast::FunctionCall& call, const Scope& scope) const;
  void SetFunction(const std::string& name, std::vector<ExprPtr> arguments, SourceRange range,
                   Call* bound) const;
  void SetOrder(const ast::FunctionCall& call, const Scope& scope, SourceRange range, Call* bound);
  std::vector<ExprPtr> OrderOf(const ast::FunctionCall& call, const Scope& scope, SourceRange range,
                               const Call& bound);
  ExprPtr AddCall(Call call, SourceRange range);
  ExprPtr BindWindowFunction(const ast::FunctionCall& call, SourceRange range);
  size_t AddKey(ExprPtr key);
  ExprPtr Key(size_t key) const;
  void SortKeys();
  void SetWindow(Aggregate* aggregate);
  void JoinInput();
  NodePtr ProjectInput(Aggregate* aggregate);
  ExprPtr OverGroups(const ExprPtr& expr) const;
  void NotifyUnbounded(const Aggregate& aggregate) const;

  QueryBinder* binder_;
  std::function<ExprPtr(const ast::Expr&)> replace_;
  BoundInput input_;
  std::unique_ptr<Subqueries> subqueries_;       // Of expressions over the groups.
  std::unique_ptr<SubqueryJoiner> joiner_;       // Of those, after Build.
  std::map<std::string, size_t> subquery_keys_;  // Keys that have one, by their text.
  Scope scope_;                                  // The input's, with the hook for aggregates.
  size_t set_column_;  // The column that stands for the number of the grouping set.
  size_t first_call_;  // Columns from here on stand for the calls.
  std::vector<ExprPtr> keys_;
  std::vector<ExprPtr> group_;  // The keys over the input, to which their subqueries are joined.
  size_t window_keys_ = 0;      // The first ones are a group window's.
  std::vector<std::vector<size_t>> sets_;  // Grouping sets of keys; none: one with all keys.
  // Of sessions, which differ from set to set, so that rows stand once for every set below them: the
  // columns by which they are, and what the keys and the set's number are there.
  std::optional<std::vector<size_t>> set_keys_;
  std::map<const Expr*, ExprPtr> expanded_;
  ExprPtr set_expr_;
  std::vector<Call> calls_;
  std::optional<std::vector<size_t>> arrival_;  // Columns of the input that order its rows.
  std::string window_call_;                     // Of a group window: its arguments as text.
  std::string window_name_;                     // TUMBLE or HOP
  SourceRange range_;
  Schema schema_;  // Of the input.
};

// SELECT DISTINCT and UNION: one row of each.
NodePtr MakeDistinct(NodePtr input, const QueryBinder& binder, SourceRange range);

// An UNNEST, and a join whose leftmost table is one.
bool IsUnnest(const ast::TableExpr& table);
bool BeginsWithUnnest(const ast::TableExpr& table);

// Whether every source ends by itself or is a snapshot.
bool IsBounded(const Node& root);

// One row without columns.
NodePtr MakeOneRow();

// ROW(fields)
ExprPtr MakeRowExpr(std::vector<ExprPtr> fields, SourceRange range);

// The value of an aggregate's argument that must be constant; throws if it is not or does not do.
Value ConstantArgument(const std::string& name, const Expr& expr, const QueryBinder& binder);

// The function's name in upper case.
std::string UpperName(const ast::FunctionCall& call);

[[noreturn]] void ThrowUnsupported(std::string what, SourceRange range, std::string hint = {});

}  // namespace millrace
