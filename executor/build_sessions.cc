// Session windows.
#include "executor/assign_sessions.h"
#include "executor/build.h"
#include "executor/session_aggregate.h"

namespace millrace {

size_t DataflowBuilder::AddSessions(const Node& node, const AssignWindows& op) {
  emits_changes_ |= !op.emit_on_close;
  const size_t input = Add(*node.inputs[0]);
  const size_t at = AddNode("Session", {input});
  Connect(input, at, 0, op.partition);
  flow_.nodes_[at].by_clock = !op.event_time;
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
  emits_changes_ |= !op.emit_on_close;
  const size_t input = Add(*node.inputs[0]);
  const size_t at = AddNode("SessionAggregate", {input});
  Connect(input, at, 0, op.keys);
  flow_.nodes_[at].by_clock = !op.event_time;
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
