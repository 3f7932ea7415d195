#include "planner/aggregate_form.h"

#include <algorithm>

namespace millrace {
namespace {

// The windows below an aggregate's input, through a projection that only passes columns on; null
// when there is something else.
const Node* FindWindows(const Node& input) {
  const Node* node = &input;
  if (const auto* project = std::get_if<Project>(&node->op)) {
    const auto passes = [](const ExprPtr& e) {
      return std::holds_alternative<ColumnExpr>(e->node);
    };
    if (!std::ranges::all_of(project->exprs, passes)) return nullptr;
    node = node->inputs[0].get();
  }
  return std::holds_alternative<AssignWindows>(node->op) ? node : nullptr;
}

// Whether column c of `input` comes from `windows` itself, not from below it.
bool IsWindowColumn(const Node& input, const Node& windows, size_t c) {
  if (const auto* project = std::get_if<Project>(&input.op)) {
    c = std::get<ColumnExpr>(project->exprs[c]->node).index;
  }
  return c >= windows.inputs[0]->schema.size();
}

bool CanSlice(const AssignWindows& windows) {
  if (!windows.event_time || !windows.zone.empty() || windows.slide <= 0) return false;
  if (windows.kind == AssignWindows::Kind::kCumulate) return true;
  return windows.kind == AssignWindows::Kind::kHop && windows.size > windows.slide &&
         windows.size % windows.slide == 0;
}

}  // namespace

bool RunsOverSlices(const Aggregate& plan, const Node& input) {
  if (!plan.window_end || !plan.emit_on_close || !plan.decides_late) return false;
  if (plan.allowed_lateness != 0 || !input.properties.append_only) return false;
  const Node* windows = FindWindows(input);
  if (windows == nullptr || !CanSlice(std::get<AssignWindows>(windows->op))) return false;
  const bool hops = std::get<AssignWindows>(windows->op).kind == AssignWindows::Kind::kHop;
  const auto is_window = [&](size_t c) { return IsWindowColumn(input, *windows, c); };
  for (size_t k = 0; k < plan.keys.size(); ++k) {
    const bool window_key = k == plan.window_end || k == plan.window_start;
    if (!window_key && is_window(plan.keys[k])) return false;
  }
  return std::ranges::all_of(plan.calls, [&](const AggregateCall& call) {
    if (call.distinct || call.function.multiset_extreme != 0) return false;
    if (call.function.kernel.fold) return false;
    if (call.function.kernel.serialize || (hops && !call.function.kernel.subtract)) return false;
    return !(call.argument && is_window(*call.argument)) &&
           !(call.filter && is_window(*call.filter));
  });
}

bool HasTwoPhases(const Aggregate& plan, bool append_only) {
  if (plan.state_ttl > 0 && !append_only) return false;  // Deletions are looked at one by one.
  return std::ranges::all_of(plan.calls, [&](const AggregateCall& call) {
    const AggregateKernel& kernel = call.function.kernel;
    if (call.weight || kernel.fold || kernel.serialize || !kernel.merge) return false;
    const bool extreme = call.function.name == "min" || call.function.name == "max";
    if (call.distinct && !extreme) return false;
    if (append_only) return true;
    // Sums of doubles are cleared when no value is left: not to be done to a part of the values.
    const auto inexact = [](const Type& type) {
      return type.id == TypeId::kFloat || type.id == TypeId::kDouble;
    };
    return kernel.subtract && std::ranges::none_of(call.function.parameters, inexact);
  });
}

}  // namespace millrace
