// INTERSECT and EXCEPT.
#include <numeric>

#include "executor/build.h"
#include "executor/set_minus.h"

namespace millrace {

size_t DataflowBuilder::AddOp(const Node& node, const SetMinus& op) {
  emits_changes_ = true;
  const size_t left = Add(*node.inputs[0]);
  const size_t right = Add(*node.inputs[1]);
  const size_t at = AddNode(op.intersect ? "Intersect" : "Except", {left, right});
  std::vector<size_t> row(node.schema.size());
  std::iota(row.begin(), row.end(), size_t{0});
  Connect(left, at, 0, row);
  Connect(right, at, 1, row);
  Instantiate(at, [&](PartitionContext*, size_t) {
    return std::make_unique<SetMinusOperator>(
        SetMinusOptions{op, node.schema, flow_.options_.tracked, flow_.nodes_[at].id});
  });
  return at;
}

}  // namespace millrace
