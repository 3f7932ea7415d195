// Grouping sets.
#include "executor/build.h"
#include "executor/expand.h"

namespace millrace {

size_t DataflowBuilder::AddOp(const Node& node, const Expand& op) {
  const size_t input = Add(*node.inputs[0]);
  const size_t at = AddNode("Expand", {input});
  Connect(input, at, 0, {});
  Instantiate(at, [&](PartitionContext*, size_t) {
    return std::make_unique<ExpandOperator>(op, node.schema);
  });
  return at;
}

}  // namespace millrace
