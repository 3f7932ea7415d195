#include "executor/build.h"
#include "executor/over.h"
#include "executor/over_time.h"

namespace millrace {
namespace {

std::unique_ptr<Operator> Make(OverOptions options, PartitionContext* context) {
  const bool in_time = options.plan.append_only && !options.plan.window_end;
  if (in_time) return std::make_unique<OverTimeOperator>(std::move(options), context);
  return std::make_unique<OverOperator>(std::move(options), context);
}

}  // namespace

size_t DataflowBuilder::AddOp(const Node& node, const Over& op) {
  emits_changes_ |= !op.append_only;
  const Node& below = *node.inputs[0];
  const size_t input = Add(below);
  const size_t at = AddNode("Over", {input});
  // A window's columns, which stand first, do not choose the partition unless there is nothing
  // else.
  const WindowColumns& window = below.properties.window;
  size_t unrouted = 0;
  while (op.window_end && unrouted < op.partition.size() &&
         (op.partition[unrouted] == window.end || op.partition[unrouted] == window.start ||
          op.partition[unrouted] == window.time)) {
    ++unrouted;
  }
  if (unrouted == op.partition.size()) unrouted = 0;
  Connect(input, at, 0,
          std::vector<size_t>(op.partition.begin() + static_cast<ptrdiff_t>(unrouted),
                              op.partition.end()));
  flow_.nodes_[at].by_clock = op.window_end && window.proctime;
  Instantiate(at, [&](PartitionContext* context, size_t) {
    OverOptions options;
    options.plan = op;
    options.input = below.schema;
    options.output = node.schema;
    options.unrouted = unrouted;
    options.zone = window.zone;
    options.tracked = flow_.options_.tracked;
    options.id = flow_.nodes_[at].id;
    return Make(std::move(options), context);
  });
  return at;
}

}  // namespace millrace
