// Query plans: a tree of nodes with derived properties.
//
// A closed set: operators are variants, so that a new node breaks every visitor at compile time.
// Plans are never persisted; they are made again from the SQL text.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "functions/aggregate.h"
#include "functions/expr.h"
#include "planner/catalog.h"
#include "planner/match.h"
#include "planner/sort_key.h"

namespace millrace {

struct Node;
using NodePtr = std::unique_ptr<Node>;

// How large an operator's state can get.
struct StateBound {
  enum class Kind : uint8_t {
    kNone,
    kOpenWindows,
    kFrames,
    kTimeBounds,  // Rows that rows to come may still be joined with.
    kVersions,    // The same of a temporal join: the latest of every key, and the waiting rows.
    kDistinctKeys,
    kInputRows,
    kTtl
  };
  Kind kind = Kind::kNone;
};

// The window columns among a node's output, as long as they pass through unchanged.
struct WindowColumns {
  std::optional<size_t> start, end, time;
  bool start_gives_end = false;  // Not so for CUMULATE; an end always gives the start.
  bool proctime = false;         // Of processing time: the clock closes them.
  // Start and end are local times of a zone; only the time says when a window closes.
  bool local = false;
  std::string zone;
};

// What a node promises about its output. Derived bottom up; operators are chosen by it.
struct Properties {
  bool append_only = true;          // No negative weights ever.
  std::vector<size_t> key;          // Output columns that identify a row; see has_key.
  bool has_key = false;             // An empty key with has_key: at most one row.
  std::vector<size_t> event_times;  // Time attributes: columns the watermark speaks about.
  std::vector<size_t> proctimes;    // Processing-time attributes.
  WindowColumns window;
  bool upsert =
      false;  // Updates come as +1 only; set top down where the consumer keeps rows by `key`.
  StateBound state;
};

// Reads a table's source: the physical columns `columns`, then `metadata`, in that order; for ROW
// columns only the fields in `fields` (empty: all) are needed.
struct ScanTable {
  const Relation* table;
  std::vector<size_t> columns;  // Indices among the table's physical columns.
  std::vector<std::string> metadata;
  std::vector<std::vector<std::string>> fields;  // Parallel to `columns`.
  Options options;                               // The table's with OPTIONS hints applied.
  bool snapshot = false;  // Pull: the rows as they are; of a table that changes no history.
  // Appends a DECIMAL(38, 0) NOT NULL that orders the rows by their arrival: within each source
  // partition as they come; those of scans with a smaller number in the plan, which this is, first.
  std::optional<uint32_t> arrival;
};
// Reads a materialized view: its snapshot, then its changes (pull: the snapshot alone).
struct ScanView {
  const Relation* view;
  std::vector<size_t> columns;
  bool snapshot = false;  // Pull: no changes follow.
};
// A system view: "<table>$errors", "<view>$errors", "<view>$late"; pull queries only.
struct ScanSystem {
  std::string name;
  std::vector<size_t> columns;
};
// A subplan that a plan reads in several places. It is built once.
struct Common {
  NodePtr root;
  std::string name;  // Of the relation or common table, for EXPLAIN.
};
// Reads a common subplan: some of the columns of its root; for ROW columns only the fields in
// `fields` (empty: all) are needed.
struct ScanCommon {
  std::shared_ptr<Common> common;
  std::vector<size_t> columns;
  std::vector<std::vector<std::string>> fields;  // Parallel to `columns`.
};
struct ValuesRows {
  std::vector<std::vector<Value>> rows;  // In the node's schema.
};
// Sets the watermark of its source from `expr` (null: SOURCE_WATERMARK) over the input.
struct Watermark {
  size_t column;
  ExprPtr expr;
  int64_t idle_timeout_micros = 0;  // 0: off
};
struct Filter {
  ExprPtr predicate;
};
struct Project {
  std::vector<ExprPtr> exprs;
};
// Appends window_start, window_end, window_time (the latter a time attribute). All in microseconds.
// Windows are [offset + k*slide, offset + k*slide + size). TUMBLE: slide == size. CUMULATE: windows
// of [start, start + k*slide), k = 1 …, up to `size`. HOP and CUMULATE give each row once for every
// window it is in.
//
// SESSION: rows of one `partition` whose times are at most `size` apart are in one window, which
// ends so long after its last row. It changes while rows come, and then its rows are taken back and
// given again; with `emit_on_close` they are given once, when it closes.
struct AssignWindows {
  enum class Kind : uint8_t { kTumble, kHop, kCumulate, kSession };
  Kind kind = Kind::kTumble;
  size_t time_column = 0;
  int64_t size = 0, slide = 0, offset = 0;
  bool event_time = true;
  // Not empty: the time is TIMESTAMP_LTZ, and windows are cut by the local time of this zone.
  std::string zone;
  // SESSION only.
  std::vector<size_t> partition;  // Input columns.
  bool emit_on_close = false;
  int64_t late_after = 0;     // How long after its end a session takes rows.
  bool decides_late = false;  // The first event-time operator on its path.
};
struct AggregateCall {
  ResolvedAggregate function;
  std::optional<size_t>
      argument;  // Input column, already of the parameter's type; none for COUNT(*).
  std::optional<size_t> filter;  // Input BOOLEAN column.
  bool distinct = false;
  std::optional<size_t> weight;  // Input BIGINT column: how often the row counts; not if NULL.
};
// GROUPING SETS: each row once for every set. Output: the input's columns, then `keys` again, NULL
// where the set does not have them, then the set's number, an INT.
struct Expand {
  std::vector<size_t> keys;             // Input columns.
  std::vector<std::vector<bool>> sets;  // For each set, which of `keys` it has.
};
// GROUP BY: output is the keys in order, then the calls. No keys: one row, also over no input.
// Keys that are window columns of the input make it a window aggregate: groups expire when the
// watermark passes window_end - 1 ms + `grace`; rows that come later go to the late table if
// `decides_late`.
struct Aggregate {
  std::vector<size_t> keys;  // Input columns.
  std::vector<AggregateCall> calls;
  std::optional<size_t> window_end;    // Index into `keys`.
  std::optional<size_t> window_start;  // Index into `keys`.
  bool emit_on_close = false;          // Else changes of open windows are emitted as they happen.
  int64_t grace = 0;                   // EMIT ON WINDOW CLOSE WITH GRACE, microseconds.
  int64_t allowed_lateness = 0;        // Updates closed windows until end + this.
  bool decides_late = false;           // The first event-time operator on its path.
  int64_t state_ttl = 0;               // table.exec.state.ttl, microseconds; 0: for ever.
  // Over an Expand, whose set number is the last key: the sets without keys, whose groups are there
  // without rows, too.
  std::vector<int32_t> empty_sets;
};
struct UnionAll {};
enum class JoinKind : uint8_t { kInner, kLeft, kRight, kFull, kSemi, kAnti };
// Inputs: left, right. Output: the left columns, then (but for semi and anti) the right ones, NULL
// where an outer row has no partner.
struct Join {
  JoinKind kind = JoinKind::kInner;
  std::vector<size_t> left_keys, right_keys;  // Pairwise equal, of equal types.
  std::vector<bool> null_equal;  // Parallel: IS NOT DISTINCT FROM; else NULL equals nothing.
  ExprPtr residual;              // BOOLEAN over the left columns, then the right ones; null: TRUE.
  // Index into the keys of a window end of both sides (window join): rows are joined, and freed,
  // when the watermark closes their window.
  std::optional<size_t> window_end;
  int64_t left_ttl = 0, right_ttl = 0;  // Microseconds without change; 0: for ever.
  // Joins by time: the side's rows that come too late go to the late table.
  bool left_decides_late = false, right_decides_late = false;
};
// A join whose right time lies in [left time + lower, left time + upper]; microseconds. Its inputs
// only grow; rows are forgotten, and outer ones given, when the watermark says that none can meet
// them any more.
struct IntervalJoin {
  Join join;
  size_t left_time = 0, right_time = 0;  // Columns of their inputs.
  int64_t lower = 0, upper = 0;
  bool event_time = true;
};
// Each left row with the right row of its key as of the left row's time (event time: it is given
// when the watermark has passed it), or as it is when the left row arrives (processing time, which
// later changes of the right do not touch). The left input only grows; the right one's columns in
// `join.right_keys` contain its key. `join.kind` is kInner or kLeft.
struct TemporalJoin {
  Join join;
  bool event_time = true;
  size_t left_time = 0, right_time = 0;  // Of event time.
  // Of processing time: a left row without a partner looks again after so many microseconds, so
  // often, before it goes without.
  int64_t retry_delay = 0, retry_attempts = 0;
};
// The rows whose rank within their partition is in [first, last].
struct TopN {
  enum class Rank : uint8_t { kRowNumber, kRank, kDenseRank };
  Rank rank = Rank::kRowNumber;
  std::vector<size_t> partition;  // Input columns.
  std::vector<SortKey> order;     // Ties break by the row's encoded bytes.
  size_t arrival = 0;             // So many keys at its end tell how the rows arrived.
  int64_t first = 1;
  std::optional<int64_t> last;
  bool rank_output = false;  // Appends the rank, a BIGINT NOT NULL.
  // Indices into `partition`. A partition is dropped when the watermark closes its window.
  std::optional<size_t> window_end, window_start;
  // A window's rows are given once, when it closes; without window, the one first row by event time
  // when the watermark has passed it.
  bool emit_on_close = false;
  int64_t grace = 0;             // Microseconds.
  int64_t allowed_lateness = 0;  // Updates closed windows until end + this.
  bool decides_late = false;     // The first event-time operator on its path.
  int64_t state_ttl = 0;         // Microseconds; 0: for ever.
};
// Where a frame begins or ends.
struct OverBound {
  enum class Kind : uint8_t { kUnbounded, kCurrentRow, kOffset };
  Kind kind = Kind::kUnbounded;
  bool following = false;
  int64_t rows = 0;  // Offset of ROWS.
  // Offset of RANGE, a constant; and over the one ORDER BY column (as column 0, and of its type):
  // the value where the frame of a row begins or ends, and one beyond which no row has a row with
  // this value at that side of its frame. Where they fail or turn round, there is no bound.
  ExprPtr offset, edge, reach;
};
struct OverFrame {
  bool rows = false;  // Else RANGE.
  OverBound begin, end;
};
struct OverCall {
  // An aggregate, or one of row_number, rank, dense_rank, percent_rank, cume_dist, ntile, lag,
  // lead, first_value, last_value, nth_value.
  std::string function;
  std::optional<ResolvedAggregate> aggregate;
  std::vector<size_t> arguments;  // Input columns. LAG and LEAD: the value, and the default if any.
  int64_t parameter = 0;          // LAG, LEAD: how many rows; NTILE: buckets; NTH_VALUE: which row.
  std::optional<size_t> filter;   // Input BOOLEAN column.
  bool distinct = false;
  // Of LAG, LEAD, FIRST_, LAST_ and NTH_VALUE: rows whose value is NULL do not count.
  bool ignore_nulls = false;
  OverFrame frame;  // Of aggregates and FIRST_, LAST_ and NTH_VALUE.
  Type result;
};
// Appends a column for each call over the rows of the partition in `order`; rows that it does not
// tell apart follow their encoded bytes.
struct Over {
  std::vector<size_t> partition;  // Input columns, none twice.
  std::vector<SortKey> order;
  // Of `order` by processing time alone: columns behind it, in its direction, that tell how rows
  // came.
  std::vector<size_t> arrival;
  std::vector<OverCall> calls;
  // Rows of append-only input are given once: when the watermark closes their window, if there is
  // `window_end`, else when it has passed them. The order is then by event time first, ascending,
  // or by processing time (`proctime`: when they come), and no call looks behind its row's peers.
  bool append_only = false;
  bool proctime = false;
  bool emit_on_close = false;               // What the query asks for; see append_only.
  std::optional<size_t> window_end;         // Index into `partition`: state is freed at close.
  int64_t grace = 0, allowed_lateness = 0;  // Microseconds; lateness of windows.
  bool decides_late = false;                // The first event-time operator on its path.
  int64_t state_ttl = 0;                    // Microseconds; 0: for ever. Of top-N over it.
};
// INTERSECT and EXCEPT of two inputs of one schema, and with `all` their forms for bags.
struct SetMinus {
  bool intersect = false;
  bool all = false;
};
// Each row once for every element of its collections side by side (the shorter ones NULL), which
// stand behind the row's columns: one column for an ARRAY's element, the fields of a ROW, two for a
// MAP; then, `with_ordinality`, the position from 1. `outer` keeps a row without elements once.
struct Unnest {
  std::vector<ExprPtr> collections;
  bool with_ordinality = false;
  bool outer = false;
  // Input columns, ascending, that nothing above reads, such as the collections: what they hold in
  // the output does not matter.
  std::vector<size_t> unread;
};
// GROUP BY over session windows of append-only input by `keys`, with calls that can be merged:
// keeps no rows. Output: window_start, window_end, window_time, the keys, the calls.
struct SessionAggregate {
  std::vector<size_t> keys;  // Input columns.
  std::vector<AggregateCall> calls;
  size_t time_column = 0;
  int64_t gap = 0;  // Microseconds.
  std::string zone;  // As of AssignWindows.
  bool event_time = true;
  bool emit_on_close = false;
  int64_t grace = 0;
  int64_t allowed_lateness = 0;
  bool decides_late = false;  // The first event-time operator on its path.
};
// Pull queries only (continuous top-N is another node).
struct Sort {
  std::vector<SortKey> keys;  // Empty: only cuts.
  std::optional<int64_t> limit;
  int64_t offset = 0;
};
struct Materialize {
  std::string view;       // Qualified name.
  int64_t retention = 0;  // Microseconds behind the watermark; 0: for ever.
};
// Its input's columns are the table's physical columns, then its metadata columns that are not
// VIRTUAL, both in declaration order.
struct WriteSink {
  const Relation* table;  // With a connector, or embedded.
  Options options;
};

struct Node {
  std::variant<ScanTable, ScanView, ScanSystem, ScanCommon, ValuesRows, Watermark, Filter, Project,
               AssignWindows, Expand, Aggregate, SessionAggregate, Join, IntervalJoin, TemporalJoin,
               TopN, Over, MatchRecognize, SetMinus, Unnest, UnionAll, Sort, Materialize, WriteSink>
      op;
  std::vector<NodePtr> inputs;
  Schema schema;
  Properties properties;
  SourceRange range;  // The clause it comes from.
};

struct Notice {
  std::string code;  // "UNBOUNDED_STATE", "UNKNOWN_OPTION", …
  std::string message;
  std::optional<SourceRange> range;
};

struct Plan {
  NodePtr root;
  Schema schema;  // Of the result (before Materialize or WriteSink).
  std::vector<Notice> notices;
  std::vector<std::string> reads;  // Qualified names of the relations read, views included.
  bool bounded = false;       // Every source ends by itself or is a snapshot: can be a pull query.
  bool pull = false;          // Planned as one bounded run.
  bool emit_changes = false;  // EMIT CHANGES: a push query.
  std::optional<int64_t> push_limit;  // EMIT CHANGES LIMIT n: it ends after n changes.
  int64_t early_fire_micros = 0;  // How often changes in open windows come; 0: with every step.
};

// Calls f with every node of the tree, inputs before their consumers. Common subplans count as
// inputs of what reads them; each is visited once.
void ForEachNode(Node* root, const std::function<void(Node*)>& f);
void ForEachNode(const Node& root, const std::function<void(const Node&)>& f);

// A new node with its schema and properties still to be set.
template <class Op>
NodePtr MakeNode(Op op, std::vector<NodePtr> inputs = {}) {
  auto node = std::make_unique<Node>();
  node->op = std::move(op);
  node->inputs = std::move(inputs);
  return node;
}

}  // namespace millrace
