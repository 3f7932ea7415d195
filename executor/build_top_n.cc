#include "executor/build.h"
#include "executor/deduplicate.h"
#include "executor/top_n.h"

namespace millrace {
namespace {

// Keys that choose a row's partition of the pipeline: not its window, unless there is nothing else.
std::vector<size_t> ExchangeKeys(const TopN& op) {
  std::vector<size_t> keys;
  for (size_t k = 0; k < op.partition.size(); ++k) {
    if (k != op.window_end && k != op.window_start) keys.push_back(op.partition[k]);
  }
  return keys.empty() ? op.partition : keys;
}

}  // namespace

size_t DataflowBuilder::AddDeduplicate(const Node& node, const TopN& op) {
  emits_changes_ |= !node.properties.append_only;
  const size_t input = Add(*node.inputs[0]);
  const size_t at = AddNode("Deduplicate", {input});
  Connect(input, at, 0, op.partition);
  Instantiate(at, [&](PartitionContext* context, size_t) {
    DeduplicateOptions options;
    options.plan = op;
    options.kind = DeduplicationOf(node);
    options.input = node.inputs[0]->schema;
    options.upsert = node.properties.upsert;
    options.tracked = flow_.options_.tracked;
    options.id = flow_.nodes_[at].id;
    return std::make_unique<DeduplicateOperator>(std::move(options), context);
  });
  return at;
}

size_t DataflowBuilder::AddOp(const Node& node, const TopN& op) {
  if (DeduplicationOf(node) != Deduplication::kNone) return AddDeduplicate(node, op);
  emits_changes_ |= !op.emit_on_close;
  if (op.decides_late) NoteLateness(node, op.grace + op.allowed_lateness);
  const Node& below = *node.inputs[0];
  const size_t input = Add(below);
  const size_t at = AddNode("TopN", {input});
  Connect(input, at, 0, ExchangeKeys(op));
  flow_.nodes_[at].by_clock = op.window_end && below.properties.window.proctime;
  Instantiate(at, [&](PartitionContext* context, size_t) {
    TopNOptions options;
    options.plan = op;
    options.input = below.schema;
    options.append_only = below.properties.append_only;
    options.zone = below.properties.window.zone;
    options.upsert = node.properties.upsert;
    options.tracked = flow_.options_.tracked;
    options.id = flow_.nodes_[at].id;
    return std::make_unique<TopNOperator>(std::move(options), context);
  });
  return at;
}

}  // namespace millrace
