// What is said of a finished plan: which joins and rankings keep rows for ever, and which joins
// cannot run.
#include <algorithm>

#include "fmt/format.h"
#include "fmt/ranges.h"
#include "planner/join.h"
#include "planner/rewrite.h"
#include "planner/time_bounds.h"

namespace millrace {
namespace {

// Whether rows may come for ever.
bool IsEndless(const Node& root) {
  bool endless = false;
  ForEachNode(root, [&](const Node& node) {
    if (auto* scan = std::get_if<ScanTable>(&node.op)) {
      const ConnectorDef* connector = scan->table->connector;
      endless |= !connector || !connector->bounded || !connector->bounded(scan->options);
    }
    endless |= std::holds_alternative<ScanView>(node.op);
  });
  return endless;
}

bool KeepsForEver(const Node& input, int64_t ttl) {
  const bool one_row = input.properties.has_key && input.properties.key.empty();
  return ttl == 0 && !one_row && IsEndless(input);
}

std::string KeysOf(const Node& node, const Join& join) {
  const Schema &left = node.inputs[0]->schema, &right = node.inputs[1]->schema;
  const std::vector<std::string> names = JoinNames(left, right);
  std::vector<std::string> keys;
  for (size_t k = 0; k < join.left_keys.size(); ++k) {
    keys.push_back(
        fmt::format("{} = {}", names[join.left_keys[k]], names[left.size() + join.right_keys[k]]));
  }
  return keys.empty() ? "without a key" : fmt::format("on {}", fmt::join(keys, " AND "));
}

constexpr std::string_view kAdvice =
    "set 'table.exec.state.ttl' or the hint STATE_TTL to bound its state";

// What keeps the join from being an interval join, if it is one bound.
std::string AdviceOf(const Node& node, const Join& join) {
  const std::optional<TimeBounds> bounds = FindTimeBounds(node, join);
  if (!bounds || bounds->complete()) return std::string(kAdvice);
  const std::vector<std::string> names = JoinNames(node.inputs[0]->schema, node.inputs[1]->schema);
  return fmt::format(
      "{} has {} bound against {} but no {} one: with both it is an interval join, which "
      "forgets rows behind the watermark",
      names[node.inputs[0]->schema.size() + bounds->right], bounds->lower ? "a lower" : "an upper",
      names[bounds->left], bounds->lower ? "upper" : "lower");
}

// Empty: it does not.
std::string Unbounded(const Node& node, const Join& join) {
  if (join.window_end) return "";
  const bool left = KeepsForEver(*node.inputs[0], join.left_ttl);
  const bool right = KeepsForEver(*node.inputs[1], join.right_ttl);
  if (!left && !right) return "";
  const std::string_view inputs = left && right ? "both inputs"
                                  : left        ? "its left input"
                                                : "its right input";
  return fmt::format("the join {} keeps the rows of {} for ever; {}", KeysOf(node, join), inputs,
                     AdviceOf(node, join));
}

std::string Unbounded(const Node& node, const TopN& top) {
  const Node& input = *node.inputs[0];
  if (top.window_end || !KeepsForEver(input, top.state_ttl)) return "";
  std::vector<std::string_view> names;
  for (size_t column : top.partition) names.push_back(input.schema[column].name);
  const std::string by = names.empty() ? "" : fmt::format(" by ({})", fmt::join(names, ", "));
  if (!top.last || !input.properties.append_only) {
    return fmt::format(
        "the ranking{} keeps all rows for ever, of which any may come to the front; {}", by,
        kAdvice);
  }
  if (names.empty()) return "";
  const std::string_view ranks = top.rank == TopN::Rank::kRowNumber ? "rows" : "ranks";
  return fmt::format("the ranking{} keeps {} of each for ever; {}", by,
                     *top.last == 1 ? "one row" : fmt::format("{} {}", *top.last, ranks), kAdvice);
}

void Notify(const Node& node, std::vector<Notice>* notices) {
  std::string what;
  if (auto* join = std::get_if<Join>(&node.op)) what = Unbounded(node, *join);
  if (auto* top = std::get_if<TopN>(&node.op)) what = Unbounded(node, *top);
  if (!what.empty()) notices->push_back({"UNBOUNDED_STATE", std::move(what), node.range});
}

}  // namespace

void CheckTemporalJoins(const Node& root) {
  ForEachNode(root, [&](const Node& node) {
    if (!std::holds_alternative<TemporalJoin>(node.op)) return;
    if (node.inputs[0]->properties.append_only) return;
    throw Error(ErrorCode::kUnsupportedFeature,
                "FOR SYSTEM_TIME AS OF with a left side whose rows change is not supported yet",
                node.range);
  });
}

void NotifyUnboundedState(const Node& root, std::vector<Notice>* notices) {
  ForEachNode(root, [&](const Node& node) { Notify(node, notices); });
}

}  // namespace millrace
