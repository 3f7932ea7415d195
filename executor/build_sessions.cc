// Session windows.
#include "executor/assign_sessions.h"
#include "executor/build.h"
#include "executor/session_aggregate.h"

namespace millrace {

// The node of sessions of `keys`, without its operators.
template <class Op>
size_t DataflowBuilder::AddSessionNode(const Node& node, const Op& op, std::string name,
                                       const std::vector<size_t>& keys) {
  emits_changes_ |= !op.emit_on_close;
  const size_t input = Add(*node.inputs[0]);
  const size_t at = AddNode(std::move(name), {input});
  Connect(input, at, 0, keys);
  flow_.nodes_[at].by_clock = !op.event_time;
  return at;
}

size_t DataflowBuilder::AddSessions(const Node& node, const AssignWindows& op) {
  const size_t at = AddSessionNode(node, op, "Session", op.partition);
  Instantiate(at, [&](PartitionContext* context, size_t) {
    AssignSessionsOptions options;
    options.plan = op;
    options.input = node.inputs[0]->schema;
    options.tracked = flow_.options_.tracked;
    options.id = flow_.nodes_[at].id;
    return std::make_unique<AssignSessionsOperator>(std::move(options), context);
  });
  return at;
}

size_t DataflowBuilder::AddOp(const Node& node, const SessionAggregate& op) {
  const size_t at = AddSessionNode(node, op, "SessionAggregate", op.keys);
  Instantiate(at, [&](PartitionContext* context, size_t) {
    SessionAggregateOptions options;
    options.plan = op;
    options.input = node.inputs[0]->schema;
    options.output = node.schema;
    options.tracked = flow_.options_.tracked;
    options.id = flow_.nodes_[at].id;
    return std::make_unique<SessionAggregateOperator>(std::move(options), context);
  });
  return at;
}

}  // namespace millrace
