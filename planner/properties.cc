#include "planner/properties.h"

#include <algorithm>

#include "planner/top_n.h"

namespace millrace {
namespace {

// Where the input's columns are in the output: nowhere, or first at a position.
using Mapping = std::vector<std::optional<size_t>>;

std::optional<size_t> Map(const Mapping& mapping, std::optional<size_t> column) {
  return column && *column < mapping.size() ? mapping[*column] : std::nullopt;
}

bool Contains(const std::vector<size_t>& list, size_t value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

// Where a key column is in the output. A window's time, and mostly its start, say as much as its
// end.
std::optional<size_t> MapKeyColumn(const Properties& in, const Mapping& mapping, size_t column) {
  if (auto to = Map(mapping, column)) return to;
  if (column != in.window.end) return std::nullopt;
  if (auto to = Map(mapping, in.window.time)) return to;
  return in.window.start_gives_end ? Map(mapping, in.window.start) : std::nullopt;
}

// The key in the output's columns, unless a column of it is missing.
void MapKey(const Properties& in, const Mapping& mapping, Properties* out) {
  if (!in.has_key) return;
  std::vector<size_t> key;
  for (size_t column : in.key) {
    auto to = MapKeyColumn(in, mapping, column);
    if (!to) return;
    key.push_back(*to);
  }
  out->key = std::move(key);
  out->has_key = true;
}

// All that holds of columns, for an output that is some of the input's columns.
Properties MapProperties(const Properties& in, const Mapping& mapping) {
  Properties out;
  out.append_only = in.append_only;
  MapKey(in, mapping, &out);
  for (size_t column : in.event_times) {
    if (auto to = Map(mapping, column)) out.event_times.push_back(*to);
  }
  for (size_t column : in.proctimes) {
    if (auto to = Map(mapping, column)) out.proctimes.push_back(*to);
  }
  out.window = in.window;
  out.window.start = Map(mapping, in.window.start);
  out.window.end = Map(mapping, in.window.end);
  out.window.time = Map(mapping, in.window.time);
  return out;
}

Mapping MappingOf(const std::vector<size_t>& columns, size_t inputs) {
  Mapping mapping(inputs);
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i] < inputs && !mapping[columns[i]]) mapping[columns[i]] = i;
  }
  return mapping;
}

bool IsProctimeCall(const Expr& expr) {
  auto* call = std::get_if<CallExpr>(&expr.node);
  if (!call || call->name.size() != 8) return false;
  return std::equal(call->name.begin(), call->name.end(), "proctime",
                    [](char a, char b) { return (a | 0x20) == b; });
}

// Derives one node; an overload for every operator.
struct Deriver {
  const Node& node;

  const Properties& input() const { return node.inputs[0]->properties; }

  Properties operator()(const ScanTable& scan) const;
  Properties operator()(const ScanSystem&) const { return {}; }
  Properties operator()(const ValuesRows& values) const {
    Properties out;
    out.has_key = values.rows.size() <= 1;
    return out;
  }
  Properties operator()(const ScanView& scan) const {
    if (!scan.view->plan) return {};
    const Node& root = *scan.view->plan->root;
    Properties out =
        MapProperties(root.properties, MappingOf(scan.columns, scan.view->columns.size()));
    if (scan.snapshot) out.append_only = true;
    return out;
  }
  Properties operator()(const ScanCommon& scan) const {
    const Node& root = *scan.common->root;
    return MapProperties(root.properties, MappingOf(scan.columns, root.schema.size()));
  }
  Properties operator()(const Watermark& watermark) const {
    Properties out = input();
    out.state = {};
    if (!Contains(out.event_times, watermark.column)) out.event_times.push_back(watermark.column);
    return out;
  }
  Properties operator()(const Filter& filter) const {
    const Node& below = *node.inputs[0];
    Properties out = std::holds_alternative<Join>(below.op)
                         ? FilteredJoinProperties(below, *filter.predicate)
                         : input();
    out.state = {};
    return out;
  }
  Properties operator()(const Project& project) const {
    std::vector<size_t> columns(project.exprs.size(), SIZE_MAX);
    for (size_t i = 0; i < columns.size(); ++i) IsColumn(*project.exprs[i], &columns[i]);
    Properties out = MapProperties(input(), MappingOf(columns, node.inputs[0]->schema.size()));
    out.event_times.clear();
    out.proctimes.clear();
    for (size_t i = 0; i < columns.size(); ++i) {
      if (Contains(input().event_times, columns[i])) out.event_times.push_back(i);
      if (Contains(input().proctimes, columns[i]) || IsProctimeCall(*project.exprs[i])) {
        out.proctimes.push_back(i);
      }
    }
    return out;
  }
  Properties operator()(const AssignWindows& windows) const {
    Properties out = input();
    out.state = {};
    const size_t start = node.inputs[0]->schema.size();
    const bool repeats = windows.kind == AssignWindows::Kind::kHop ||
                         windows.kind == AssignWindows::Kind::kCumulate;
    if (out.has_key && repeats) out.key.push_back(start + 1);
    // The time column becomes a plain one: the window's time speaks for the row from here.
    std::erase(out.proctimes, windows.time_column);
    out.event_times.clear();
    (windows.event_time ? out.event_times : out.proctimes).push_back(start + 2);
    out.window = {.start = start,
                  .end = start + 1,
                  .time = start + 2,
                  .start_gives_end = windows.kind != AssignWindows::Kind::kCumulate,
                  .proctime = !windows.event_time,
                  .local = !windows.zone.empty(),
                  .zone = windows.zone};
    if (windows.kind == AssignWindows::Kind::kSession) {
      out.append_only = windows.emit_on_close;
      out.state = {StateBound::Kind::kOpenWindows};
    }
    return out;
  }
  Properties operator()(const Expand&) const {
    Properties out = input();
    out.state = {};
    // A row stands once in every set.
    if (out.has_key) out.key.push_back(node.schema.size() - 1);
    return out;
  }
  Properties operator()(const Aggregate& aggregate) const;
  Properties operator()(const UnionAll&) const;
  Properties operator()(const SessionAggregate& session) const;
  Properties operator()(const Join& join) const { return JoinProperties(node, join); }
  Properties operator()(const IntervalJoin& op) const { return IntervalJoinProperties(node, op); }
  Properties operator()(const TemporalJoin& op) const { return TemporalJoinProperties(node, op); }
  Properties operator()(const TopN&) const { return TopNProperties(node); }
  Properties operator()(const Over& over) const;
  Properties operator()(const SetMinus&) const;
  Properties operator()(const MatchRecognize& match) const;
  Properties operator()(const Unnest& unnest) const {
    Properties out = input();
    out.state = {};
    // The elements of a row are told apart by their places alone.
    out.has_key = out.has_key && unnest.with_ordinality;
    if (!out.has_key) out.key.clear();
    if (out.has_key) out.key.push_back(node.schema.size() - 1);
    return out;
  }
  // Promises nothing.
  static Properties Changing() {
    Properties out;
    out.append_only = false;
    out.state = {StateBound::Kind::kInputRows};
    return out;
  }
  Properties operator()(const Sort&) const {
    Properties out = input();
    out.append_only = true;
    out.state = {StateBound::Kind::kInputRows};
    return out;
  }
  Properties operator()(const Materialize& materialize) const {
    Properties out = input();
    // What retention removes is a deletion for readers.
    if (materialize.retention > 0) out.append_only = false;
    out.state = {out.has_key ? StateBound::Kind::kDistinctKeys : StateBound::Kind::kInputRows};
    return out;
  }
  Properties operator()(const WriteSink&) const {
    Properties out = input();
    out.state = {};
    return out;
  }
};

// A connector's PRIMARY KEY is a claim about what it carries; that of an embedded table is kept, and
// changes of a database's table keep its key.
Properties Deriver::operator()(const ScanTable& scan) const {
  Properties out;
  const Relation& table = *scan.table;
  if (!table.changes) return out;
  out.append_only = scan.snapshot;
  if (table.primary_key.empty()) return out;
  for (size_t key : table.primary_key) {
    const size_t physical = table.PhysicalIndex(key);
    const auto found = std::find(scan.columns.begin(), scan.columns.end(), physical);
    if (found == scan.columns.end()) return {.append_only = scan.snapshot};
    out.key.push_back(static_cast<size_t>(found - scan.columns.begin()));
  }
  out.has_key = true;
  return out;
}

StateBound AggregateState(const Aggregate& aggregate) {
  if (aggregate.window_end) return {StateBound::Kind::kOpenWindows};
  if (aggregate.state_ttl > 0) return {StateBound::Kind::kTtl};
  for (const AggregateCall& call : aggregate.calls) {
    if (call.distinct || call.function.multiset_extreme != 0 || call.function.kernel.fold) {
      return {StateBound::Kind::kInputRows};
    }
  }
  return {StateBound::Kind::kDistinctKeys};
}

Properties Deriver::operator()(const Aggregate& aggregate) const {
  const Properties& in = input();
  const Mapping mapping = MappingOf(aggregate.keys, node.inputs[0]->schema.size());
  Properties out = MapProperties(in, mapping);
  out.has_key = true;
  out.key.clear();
  if (!aggregate.window_end || !in.window.proctime) out.proctimes.clear();
  const auto time = aggregate.window_end ? Map(mapping, in.window.time) : std::nullopt;
  for (size_t i = 0; i < aggregate.keys.size(); ++i) {
    // The window's end gives its start and its time.
    const bool implied = aggregate.window_end && (i == aggregate.window_start || i == time);
    if (!implied) out.key.push_back(i);
  }
  out.window = {};
  if (aggregate.window_end) {
    out.append_only = aggregate.emit_on_close && aggregate.allowed_lateness == 0;
    out.window = in.window;
    out.window.start = aggregate.window_start;
    out.window.end = Map(mapping, in.window.end);
    out.window.time = time;
    // A group changes only while its end is ahead of the watermark.
    if (!in.window.proctime && !Contains(out.event_times, *aggregate.window_end)) {
      out.event_times.push_back(*aggregate.window_end);
    }
  } else {
    // DISTINCT over inserts only: a row that is there stays.
    out.append_only = in.append_only && aggregate.calls.empty() && !aggregate.keys.empty() &&
                      aggregate.state_ttl == 0;
  }
  out.state = AggregateState(aggregate);
  return out;
}

Properties Deriver::operator()(const SessionAggregate& session) const {
  Properties out;
  out.append_only = session.emit_on_close && session.allowed_lateness == 0;
  out.has_key = true;
  out.key = {1};
  for (size_t k = 0; k < session.keys.size(); ++k) out.key.push_back(3 + k);
  out.window = {.start = 0,
                .end = 1,
                .time = 2,
                .start_gives_end = true,
                .proctime = !session.event_time,
                .local = !session.zone.empty(),
                .zone = session.zone};
  if (session.event_time) {
    out.event_times = {2};
    if (!out.window.local) out.event_times.push_back(1);
  } else {
    out.proctimes = {2};
  }
  out.state = {StateBound::Kind::kOpenWindows};
  return out;
}

// What the inputs, which have one schema, say alike of time and windows; nothing else.
Properties CommonTimes(const Node& node) {
  Properties out;
  const Properties& first = node.inputs[0]->properties;
  out.event_times = first.event_times;
  out.proctimes = first.proctimes;
  out.window = first.window;
  for (const NodePtr& other : node.inputs) {
    const Properties& p = other->properties;
    std::erase_if(out.event_times, [&](size_t c) { return !Contains(p.event_times, c); });
    std::erase_if(out.proctimes, [&](size_t c) { return !Contains(p.proctimes, c); });
    if (out.window.start != p.window.start || out.window.end != p.window.end ||
        out.window.time != p.window.time) {
      out.window = {};
    }
  }
  return out;
}

Properties Deriver::operator()(const Over& over) const {
  Properties out = input();
  if (over.window_end) KeepClosedRows(input(), over.partition[*over.window_end], &out);
  out.append_only = over.append_only;
  out.state = {over.window_end    ? StateBound::Kind::kOpenWindows
               : over.append_only ? StateBound::Kind::kFrames
                                  : StateBound::Kind::kInputRows};
  if (over.append_only) return out;
  // A row may change long after its time, unless its whole partition has that time.
  std::erase_if(out.event_times, [&](size_t c) { return !Contains(over.partition, c); });
  if (!over.window_end) out.window = {};
  return out;
}

// Whether the slot is the event time of a match's last row.
bool IsMatchRowtime(const MatchRecognize& match, const MatchSlot& slot) {
  return !match.proctime && slot.kind == MatchSlot::Kind::kColumn && !slot.variable &&
         !slot.first && slot.offset == 0 && slot.column == match.order[0].column;
}

Properties Deriver::operator()(const MatchRecognize& match) const {
  Properties out;
  out.state = {StateBound::Kind::kInputRows};
  for (size_t i = 0; i < match.measures.size(); ++i) {
    const Expr& measure = *match.measures[i];
    size_t slot = 0;
    if (IsProctimeCall(measure)) out.proctimes.push_back(match.partition.size() + i);
    if (HoldOf(match) && IsColumn(measure, &slot) && IsMatchRowtime(match, match.slots[slot])) {
      out.event_times.push_back(match.partition.size() + i);
    }
  }
  return out;
}

Properties Deriver::operator()(const UnionAll&) const {
  Properties out = CommonTimes(node);
  out.append_only = std::ranges::all_of(
      node.inputs, [](const NodePtr& branch) { return branch->properties.append_only; });
  return out;
}

// Every row is one of the left input's, no more often than there.
Properties Deriver::operator()(const SetMinus& set) const {
  const Properties &left = input(), &right = node.inputs[1]->properties;
  Properties out = CommonTimes(node);
  out.append_only = set.intersect && left.append_only && right.append_only;
  out.has_key = true;
  if (left.has_key) {
    out.key = left.key;
  } else if (set.intersect && right.has_key) {
    out.key = right.key;
  } else {
    out.has_key = !set.all;
    for (size_t i = 0; i < node.schema.size() && out.has_key; ++i) out.key.push_back(i);
  }
  out.state = {StateBound::Kind::kInputRows};
  return out;
}

Type WindowBoundary() { return Type::MakeTimestamp(3).AsNullable(false); }

}  // namespace

void DeriveProperties(Node* node) {
  const bool upsert = node->properties.upsert;
  node->properties = std::visit(Deriver{*node}, node->op);
  node->properties.upsert = upsert;
}

std::optional<int64_t> HoldOf(const MatchRecognize& match) {
  // Matches of one length are complete in the order of their first rows. Others may have to wait
  // until it is known that no longer or earlier one comes.
  const bool one_length = std::ranges::all_of(
      match.pattern, [](const MatchVariable& variable) { return variable.max == variable.min; });
  return one_length ? 0 : match.within;
}

void DeriveTree(Node* root) { ForEachNode(root, DeriveProperties); }

NodePtr MakeFilter(NodePtr input, ExprPtr predicate, SourceRange range) {
  Schema schema = input->schema;
  std::vector<NodePtr> inputs;
  inputs.push_back(std::move(input));
  NodePtr node = MakeNode(Filter{std::move(predicate)}, std::move(inputs));
  node->schema = std::move(schema);
  node->range = range;
  DeriveProperties(node.get());
  return node;
}

NodePtr MakeProject(NodePtr input, std::vector<ExprPtr> exprs, std::vector<std::string> names,
                    SourceRange range) {
  Schema schema;
  for (size_t i = 0; i < exprs.size(); ++i) {
    schema.push_back({std::move(names[i]), exprs[i]->type});
  }
  std::vector<NodePtr> inputs;
  inputs.push_back(std::move(input));
  NodePtr node = MakeNode(Project{std::move(exprs)}, std::move(inputs));
  node->schema = std::move(schema);
  node->range = range;
  DeriveProperties(node.get());
  return node;
}

NodePtr MakeAssignWindows(NodePtr input, AssignWindows windows, SourceRange range) {
  Schema schema = input->schema;
  const bool zoned = schema[windows.time_column].type.id == TypeId::kTimestampLtz;
  schema.push_back({"window_start", WindowBoundary()});
  schema.push_back({"window_end", WindowBoundary()});
  schema.push_back({"window_time", zoned ? Type::MakeTimestampLtz(3).AsNullable(false)
                                         : Type::MakeTimestamp(3).AsNullable(false)});
  std::vector<NodePtr> inputs;
  inputs.push_back(std::move(input));
  NodePtr node = MakeNode(std::move(windows), std::move(inputs));
  node->schema = std::move(schema);
  node->range = range;
  DeriveProperties(node.get());
  return node;
}

NodePtr MakeAggregateNode(NodePtr input, Aggregate aggregate,
                          const std::vector<std::string>& call_names, SourceRange range) {
  Schema schema;
  for (size_t key : aggregate.keys) schema.push_back(input->schema[key]);
  for (size_t i = 0; i < aggregate.calls.size(); ++i) {
    schema.push_back({call_names[i], aggregate.calls[i].function.result});
  }
  std::vector<NodePtr> inputs;
  inputs.push_back(std::move(input));
  NodePtr node = MakeNode(std::move(aggregate), std::move(inputs));
  node->schema = std::move(schema);
  node->range = range;
  DeriveProperties(node.get());
  return node;
}

NodePtr MakeOver(NodePtr input, Over over, const std::vector<std::string>& call_names,
                 SourceRange range) {
  Schema schema = input->schema;
  for (size_t i = 0; i < over.calls.size(); ++i) {
    schema.push_back({call_names[i], over.calls[i].result});
  }
  std::vector<NodePtr> inputs;
  inputs.push_back(std::move(input));
  NodePtr node = MakeNode(std::move(over), std::move(inputs));
  node->schema = std::move(schema);
  node->range = range;
  DeriveProperties(node.get());
  return node;
}

NodePtr MakeMatch(NodePtr input, MatchRecognize match,
                  const std::vector<std::string>& partition_names,
                  const std::vector<std::string>& measure_names, SourceRange range) {
  Schema schema;
  for (size_t i = 0; i < match.partition.size(); ++i) {
    schema.push_back({partition_names[i], input->schema[match.partition[i]].type});
  }
  for (size_t i = 0; i < match.measures.size(); ++i) {
    schema.push_back({measure_names[i], match.measures[i]->type});
  }
  std::vector<NodePtr> inputs;
  inputs.push_back(std::move(input));
  NodePtr node = MakeNode(std::move(match), std::move(inputs));
  node->schema = std::move(schema);
  node->range = range;
  DeriveProperties(node.get());
  return node;
}

NodePtr MakeUnnest(NodePtr input, Unnest unnest, const std::vector<Field>& fields,
                   SourceRange range) {
  Schema schema = input->schema;
  schema.insert(schema.end(), fields.begin(), fields.end());
  std::vector<NodePtr> inputs;
  inputs.push_back(std::move(input));
  NodePtr node = MakeNode(std::move(unnest), std::move(inputs));
  node->schema = std::move(schema);
  node->range = range;
  DeriveProperties(node.get());
  return node;
}

NodePtr MakeExpand(NodePtr input, Expand expand, SourceRange range) {
  Schema schema = input->schema;
  for (size_t k = 0; k < expand.keys.size(); ++k) {
    Field field = input->schema[expand.keys[k]];
    const bool everywhere =
        std::ranges::all_of(expand.sets, [&](const std::vector<bool>& set) { return set[k]; });
    if (!everywhere) field.type.nullable = true;
    schema.push_back(std::move(field));
  }
  schema.push_back({"$set", Type(TypeId::kInteger, false)});
  std::vector<NodePtr> inputs;
  inputs.push_back(std::move(input));
  NodePtr node = MakeNode(std::move(expand), std::move(inputs));
  node->schema = std::move(schema);
  node->range = range;
  DeriveProperties(node.get());
  return node;
}

NodePtr MakeSort(NodePtr input, Sort sort, SourceRange range) {
  Schema schema = input->schema;
  std::vector<NodePtr> inputs;
  inputs.push_back(std::move(input));
  NodePtr node = MakeNode(std::move(sort), std::move(inputs));
  node->schema = std::move(schema);
  node->range = range;
  DeriveProperties(node.get());
  return node;
}

bool IsColumn(const Expr& expr, size_t* index) {
  auto* column = std::get_if<ColumnExpr>(&expr.node);
  if (column && index) *index = column->index;
  return column != nullptr;
}

NodePtr PickColumns(NodePtr input, const std::vector<size_t>& columns, SourceRange range) {
  std::vector<ExprPtr> exprs;
  std::vector<std::string> names;
  for (size_t column : columns) {
    exprs.push_back(MakeColumnExpr(column, input->schema[column].type, range));
    names.push_back(input->schema[column].name);
  }
  return MakeProject(std::move(input), std::move(exprs), std::move(names), range);
}

std::vector<ExprPtr> AllColumns(const Schema& schema) {
  std::vector<ExprPtr> exprs;
  for (size_t i = 0; i < schema.size(); ++i) exprs.push_back(MakeColumnExpr(i, schema[i].type));
  return exprs;
}

std::vector<std::string> NamesOf(const Schema& schema) {
  std::vector<std::string> names;
  for (const Field& field : schema) names.push_back(field.name);
  return names;
}

}  // namespace millrace
