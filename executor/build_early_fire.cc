// Behind operators that give the changes of open windows: what lets them come by an interval.
#include <algorithm>
#include <numeric>

#include "executor/build.h"
#include "executor/early_fire.h"

namespace millrace {
namespace {

// The columns by which the operator's rows are in their partition, windows included.
std::vector<size_t> RoutesOf(const Node& node) {
  std::vector<size_t> columns;
  if (auto* aggregate = std::get_if<Aggregate>(&node.op)) {
    columns.resize(aggregate->keys.size());
    std::iota(columns.begin(), columns.end(), size_t{0});
  } else if (auto* session = std::get_if<SessionAggregate>(&node.op)) {
    columns.resize(3 + session->keys.size());  // Behind the window's.
    std::iota(columns.begin(), columns.end(), size_t{0});
  } else if (auto* top = std::get_if<TopN>(&node.op)) {
    columns = top->partition;
  } else if (auto* over = std::get_if<Over>(&node.op)) {
    columns = over->partition;
  }
  return columns;
}

// Whether the operator gives what changes in windows that are still open.
bool ChangesOpenWindows(const Node& node) {
  const WindowColumns& window = node.properties.window;
  if (node.properties.append_only || !window.end) return false;
  if (auto* aggregate = std::get_if<Aggregate>(&node.op)) {
    return aggregate->window_end && !aggregate->emit_on_close;
  }
  if (auto* session = std::get_if<SessionAggregate>(&node.op)) return !session->emit_on_close;
  if (auto* top = std::get_if<TopN>(&node.op)) return top->window_end && !top->emit_on_close;
  auto* over = std::get_if<Over>(&node.op);
  return over && over->window_end && !over->append_only;
}

// Whether the changes that reach the node come by the interval already.
bool InputsAreHeld(const Node& node) {
  if (auto* scan = std::get_if<ScanCommon>(&node.op)) {
    const Node& root = *scan->common->root;
    return ChangesOpenWindows(root) || InputsAreHeld(root);
  }
  return !node.inputs.empty() && std::ranges::all_of(node.inputs, [](const NodePtr& input) {
    return ChangesOpenWindows(*input) || InputsAreHeld(*input);
  });
}

}  // namespace

bool WaitsForInterval(const Node& node) {
  return ChangesOpenWindows(node) && !InputsAreHeld(node);
}

size_t DataflowBuilder::AddEarlyFire(const Node& node, size_t input) {
  const WindowColumns& window = node.properties.window;
  const bool by_time = window.local && window.time;
  const size_t closes = by_time ? *window.time : *window.end;
  std::vector<size_t> routes = RoutesOf(node);
  std::erase_if(routes, [&](size_t column) {
    return column == window.start || column == window.end || column == window.time;
  });
  if (routes.empty()) routes.push_back(closes);
  const size_t at = AddNode("EarlyFire", {input});
  Connect(input, at, 0, routes);
  output_by_.resize(flow_.nodes_.size());
  output_by_[at] = input_by_[at][0];
  flow_.nodes_[at].by_clock = window.proctime;
  flow_.nodes_[at].has_timer = true;
  Instantiate(at, [&](PartitionContext* context, size_t) {
    EarlyFireOptions options;
    options.schema = node.schema;
    options.interval = early_fire_;
    options.closes = closes;
    options.closes_is_end = !by_time;
    options.zone = window.zone;
    options.exchange = routes;
    options.tracked = flow_.options_.tracked;
    options.id = flow_.nodes_[at].id;
    return std::make_unique<EarlyFireOperator>(std::move(options), context);
  });
  return at;
}

}  // namespace millrace
