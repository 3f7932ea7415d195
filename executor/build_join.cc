// Joins of two inputs by keys.
#include <algorithm>

#include "executor/build.h"
#include "executor/join.h"
#include "planner/properties.h"

namespace millrace {
namespace {

// The window's end goes first: the state's keys begin with it.
Join WindowFirst(Join join) {
  if (!join.window_end) return join;
  const auto move = [at = static_cast<ptrdiff_t>(*join.window_end)](auto* list) {
    std::rotate(list->begin(), list->begin() + at, list->begin() + at + 1);
  };
  move(&join.left_keys);
  move(&join.right_keys);
  move(&join.null_equal);
  join.window_end = 0;
  return join;
}

// What chooses the partition: all keys but the window's end, unless that is all there is.
std::vector<size_t> ExchangeKeys(const Join& join, std::vector<size_t> keys) {
  if (join.window_end && keys.size() > 1) keys.erase(keys.begin());
  return keys;
}

JoinOptions::Side SideOf(const Node& input, const std::vector<size_t>& keys) {
  return {input.schema, input.properties.append_only, JoinsByKey(input.properties, keys)};
}

}  // namespace

size_t DataflowBuilder::AddOp(const Node& node, const Join& op) {
  JoinOptions options;
  options.plan = WindowFirst(op);
  options.left = SideOf(*node.inputs[0], op.left_keys);
  options.right = SideOf(*node.inputs[1], op.right_keys);
  options.append_only = node.properties.append_only;
  options.tracked = flow_.options_.tracked;
  const size_t left = Add(*node.inputs[0]);
  const size_t right = Add(*node.inputs[1]);
  const size_t at = AddNode("Join", {left, right});
  options.id = flow_.nodes_[at].id;
  Connect(left, at, 0, ExchangeKeys(options.plan, options.plan.left_keys));
  Connect(right, at, 1, ExchangeKeys(options.plan, options.plan.right_keys));
  flow_.nodes_[at].by_clock = op.window_end && node.inputs[0]->properties.window.proctime;
  Instantiate(at, [&](PartitionContext* context, size_t) {
    return std::make_unique<JoinOperator>(options, context);
  });
  return at;
}

}  // namespace millrace
