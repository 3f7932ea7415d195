// UNNEST.
#include "executor/build.h"
#include "executor/unnest.h"

namespace millrace {

size_t DataflowBuilder::AddOp(const Node& node, const Unnest& op) {
  const size_t input = Add(*node.inputs[0]);
  const size_t at = AddNode("Unnest", {input});
  Connect(input, at, 0, {});
  Instantiate(at, [&](PartitionContext* context, size_t) {
    return std::make_unique<UnnestOperator>(op, node.inputs[0]->schema, context);
  });
  return at;
}

}  // namespace millrace
