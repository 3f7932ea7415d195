#include "executor/build.h"
#include "executor/interval_join.h"

namespace millrace {

size_t DataflowBuilder::AddOp(const Node& node, const IntervalJoin& op) {
  IntervalJoinOptions options;
  options.plan = op;
  options.left = node.inputs[0]->schema;
  options.right = node.inputs[1]->schema;
  options.tracked = flow_.options_.tracked;
  const size_t left = Add(*node.inputs[0]);
  const size_t right = Add(*node.inputs[1]);
  const size_t at = AddNode("IntervalJoin", {left, right});
  options.id = flow_.nodes_[at].id;
  flow_.nodes_[at].hold = IntervalJoinOperator::Hold(op);
  Connect(left, at, 0, op.join.left_keys);
  Connect(right, at, 1, op.join.right_keys);
  Instantiate(at, [&](PartitionContext* context, size_t) {
    return std::make_unique<IntervalJoinOperator>(options, context);
  });
  return at;
}

}  // namespace millrace
