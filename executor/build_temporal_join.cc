#include "executor/build.h"
#include "executor/lookup_join.h"
#include "executor/temporal_join.h"
#include "planner/properties.h"

namespace millrace {

size_t DataflowBuilder::AddOp(const Node& node, const TemporalJoin& op) {
  const Node& table = *node.inputs[1];
  const size_t left = Add(*node.inputs[0]);
  const size_t first = flow_.nodes_.size();
  const size_t right = Add(table);
  if (!op.event_time) {
    for (size_t at = first; at < flow_.nodes_.size(); ++at) flow_.nodes_[at].read_first = true;
  }
  const size_t at = AddNode(op.event_time ? "TemporalJoin" : "LookupJoin", {left, right});
  Connect(left, at, 0, op.join.left_keys);
  Connect(right, at, 1, op.join.right_keys);
  flow_.nodes_[at].has_timer = op.retry_attempts > 0;
  const bool tracked = flow_.options_.tracked;
  const OperatorId id = flow_.nodes_[at].id;
  const bool appends = table.properties.append_only;
  Instantiate(at, [&](PartitionContext* context, size_t) -> std::unique_ptr<Operator> {
    const Schema& left_schema = node.inputs[0]->schema;
    if (op.event_time) {
      TemporalJoinOptions options{op, left_schema, table.schema, appends, tracked, id};
      return std::make_unique<TemporalJoinOperator>(std::move(options), context);
    }
    const bool unique = JoinsByKey(table.properties, op.join.right_keys);
    LookupJoinOptions options{op, left_schema, table.schema, appends, unique, tracked, id};
    return std::make_unique<LookupJoinOperator>(std::move(options), context);
  });
  return at;
}

}  // namespace millrace
