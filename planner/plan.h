// Query plans: a tree of nodes with derived properties.
//
// A closed set: operators are variants, so that a new node breaks every visitor at compile time.
// Plans are never persisted; they are made again from the SQL text.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "functions/aggregate.h"
#include "functions/expr.h"
#include "planner/catalog.h"

namespace millrace {

struct Node;
using NodePtr = std::unique_ptr<Node>;

// How large an operator's state can get.
struct StateBound {
  enum class Kind : uint8_t { kNone, kOpenWindows, kDistinctKeys, kInputRows, kTtl };
  Kind kind = Kind::kNone;
};

// The window columns among a node's output, as long as they pass through unchanged.
struct WindowColumns {
  std::optional<size_t> start, end, time;
  bool start_gives_end = false;  // Not so for CUMULATE; an end always gives the start.
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
struct AssignWindows {
  enum class Kind : uint8_t { kTumble, kHop, kCumulate };
  Kind kind = Kind::kTumble;
  size_t time_column = 0;
  int64_t size = 0, slide = 0, offset = 0;
  bool event_time = true;
};
struct AggregateCall {
  ResolvedAggregate function;
  std::optional<size_t>
      argument;  // Input column, already of the parameter's type; none for COUNT(*).
  std::optional<size_t> filter;  // Input BOOLEAN column.
  bool distinct = false;
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
};
struct UnionAll {};
// Pull queries only (continuous top-N is another node).
struct SortKey {
  size_t column;
  bool descending = false;
  bool nulls_first = true;
};
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
  std::variant<ScanTable, ScanView, ScanSystem, ValuesRows, Watermark, Filter, Project,
               AssignWindows, Aggregate, UnionAll, Sort, Materialize, WriteSink>
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
};

// A new node with its schema and properties still to be set.
template <class Op>
NodePtr MakeNode(Op op, std::vector<NodePtr> inputs = {}) {
  auto node = std::make_unique<Node>();
  node->op = std::move(op);
  node->inputs = std::move(inputs);
  return node;
}

}  // namespace millrace
