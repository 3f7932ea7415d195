// Finds the joins that need not keep their rows for ever: those within bounds of time, and those of
// windows.
#include "planner/properties.h"
#include "planner/rewrite.h"
#include "planner/time_bounds.h"

namespace millrace {
namespace {

void MakeIntervalJoin(Node* node, const TimeBounds& bounds) {
  IntervalJoin made;
  made.join = std::get<Join>(node->op);
  made.left_time = bounds.left;
  made.right_time = bounds.right;
  made.lower = *bounds.lower;
  made.upper = *bounds.upper;
  made.event_time = bounds.event_time;
  node->op = std::move(made);
  DeriveProperties(node);
}

NodePtr Recognize(NodePtr node) {
  Join& join = std::get<Join>(node->op);
  if (const std::optional<size_t> window = FindWindowKey(*node, join)) {
    join.window_end = window;
    return node;
  }
  if (!node->inputs[0]->properties.append_only || !node->inputs[1]->properties.append_only) {
    return node;
  }
  const std::optional<TimeBounds> bounds = FindTimeBounds(*node, join);
  if (!bounds || !bounds->complete()) return node;
  join.residual = Conjoin(bounds->rest);
  // The sides keep their columns, and may get others behind them.
  node = ProjectKeysOf(std::move(node));
  if (std::holds_alternative<Join>(node->op)) {
    MakeIntervalJoin(node.get(), *bounds);
  } else {
    MakeIntervalJoin(node->inputs[0].get(), *bounds);
  }
  return node;
}

}  // namespace

NodePtr RecognizeTimeJoins(NodePtr node) {
  for (NodePtr& input : node->inputs) input = RecognizeTimeJoins(std::move(input));
  if (std::holds_alternative<Join>(node->op)) node = Recognize(std::move(node));
  DeriveProperties(node.get());
  return node;
}

}  // namespace millrace
