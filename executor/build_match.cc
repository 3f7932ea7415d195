// MATCH_RECOGNIZE.
#include "executor/build.h"
#include "executor/match.h"
#include "planner/properties.h"

namespace millrace {

size_t DataflowBuilder::AddOp(const Node& node, const MatchRecognize& op) {
  const Node& below = *node.inputs[0];
  const size_t input = Add(below);
  const size_t at = AddNode("MatchRecognize", {input});
  flow_.nodes_[at].hold = op.proctime ? 0 : HoldOf(op).value_or(0);
  Connect(input, at, 0, op.partition);
  Instantiate(at, [&](PartitionContext* context, size_t) {
    MatchOptions options;
    options.plan = op;
    options.input = below.schema;
    options.tracked = flow_.options_.tracked;
    options.id = flow_.nodes_[at].id;
    return std::make_unique<MatchOperator>(std::move(options), context);
  });
  return at;
}

}  // namespace millrace
