#include "planner/top_n.h"

#include <algorithm>

#include "planner/properties.h"

namespace millrace {
namespace {

bool Contains(const std::vector<size_t>& list, size_t value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

// Of the output. A window's end says as much as its start and its time.
std::vector<size_t> RankKey(const TopN& top, const Properties& in, size_t rank_column) {
  std::vector<size_t> key;
  for (size_t column : top.partition) {
    const bool implied =
        top.window_end && (column == in.window.time ||
                           (column == in.window.start && column != top.partition[*top.window_end]));
    if (!implied) key.push_back(column);
  }
  if (top.rank_output) key.push_back(rank_column);
  return key;
}

// Of an output that is updated while the windows of its rows are open.
void KeepWindow(const Properties& in, Properties* out) {
  out->window = in.window;
  if (in.window.proctime) {
    if (in.window.time) out->proctimes.push_back(*in.window.time);
    return;
  }
  if (in.window.end && !in.window.local) out->event_times.push_back(*in.window.end);
  if (in.window.time) out->event_times.push_back(*in.window.time);
}

StateBound StateOf(const TopN& top, const Properties& in) {
  if (top.window_end) return {StateBound::Kind::kOpenWindows};
  if (top.state_ttl > 0) return {StateBound::Kind::kTtl};
  if (in.append_only && top.last) return {StateBound::Kind::kDistinctKeys};
  return {StateBound::Kind::kInputRows};
}

}  // namespace

Deduplication DeduplicationOf(const Node& node) {
  const auto& top = std::get<TopN>(node.op);
  const Properties& in = node.inputs[0]->properties;
  const bool one = top.rank == TopN::Rank::kRowNumber && top.first == 1 && top.last == 1;
  if (!one || !in.append_only || top.window_end) return Deduplication::kNone;
  if (top.emit_on_close) return Deduplication::kFirstInTime;
  const bool by_arrival =
      top.order.size() == 1 + top.arrival && Contains(in.proctimes, top.order[0].column);
  if (!by_arrival) return Deduplication::kBest;
  return top.order[0].descending ? Deduplication::kLastArrival : Deduplication::kFirstArrival;
}

bool HasRankKey(const TopN& top) {
  return top.rank == TopN::Rank::kRowNumber && (top.rank_output || top.first == top.last);
}

Properties TopNProperties(const Node& node) {
  const auto& top = std::get<TopN>(node.op);
  const Properties& in = node.inputs[0]->properties;
  const Deduplication deduplication = DeduplicationOf(node);
  Properties out;
  out.state = StateOf(top, in);
  if (HasRankKey(top)) {
    out.has_key = true;
    out.key = RankKey(top, in, node.inputs[0]->schema.size());
  } else {
    out.has_key = in.has_key;
    out.key = in.key;
    if (top.window_end) KeepClosedRows(in, top.partition[*top.window_end], &out);
  }
  if (top.window_end) {
    out.append_only = top.emit_on_close && top.allowed_lateness == 0;
    KeepWindow(in, &out);
    return out;
  }
  out.append_only =
      deduplication == Deduplication::kFirstArrival || deduplication == Deduplication::kFirstInTime;
  if (out.append_only) {
    // Some of the input's rows, before the watermark passes them.
    out.event_times = in.event_times;
    out.proctimes = in.proctimes;
    out.window = in.window;
  }
  return out;
}

NodePtr MakeTopN(NodePtr input, TopN top, std::string rank_name, SourceRange range) {
  Schema schema = input->schema;
  if (top.rank_output) {
    schema.push_back({std::move(rank_name), Type(TypeId::kBigInt).AsNullable(false)});
  }
  std::vector<NodePtr> inputs;
  inputs.push_back(std::move(input));
  NodePtr node = MakeNode(std::move(top), std::move(inputs));
  node->schema = std::move(schema);
  node->range = range;
  DeriveProperties(node.get());
  return node;
}

}  // namespace millrace
