// What is said of a finished plan's joins: which keep rows for ever, and which cannot run.
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

void Notify(const Node& node, std::vector<Notice>* notices) {
  auto* join = std::get_if<Join>(&node.op);
  if (!join || join->window_end) return;
  const bool left = KeepsForEver(*node.inputs[0], join->left_ttl);
  const bool right = KeepsForEver(*node.inputs[1], join->right_ttl);
  if (!left && !right) return;
  const std::string_view inputs = left && right ? "both inputs"
                                  : left        ? "its left input"
                                                : "its right input";
  std::string advice =
      "set 'table.exec.state.ttl' or the hint STATE_TTL to bound its state";
  const std::optional<TimeBounds> bounds = FindTimeBounds(node, *join);
  if (bounds && !bounds->complete()) {
    const std::vector<std::string> names =
        JoinNames(node.inputs[0]->schema, node.inputs[1]->schema);
    advice = fmt::format(
        "{} has {} bound against {} but no {} one: with both it is an interval join, which "
        "forgets rows behind the watermark",
        names[node.inputs[0]->schema.size() + bounds->right], bounds->lower ? "a lower" : "an upper",
        names[bounds->left], bounds->lower ? "upper" : "lower");
  }
  notices->push_back(
      {"UNBOUNDED_STATE",
       fmt::format("the join {} keeps the rows of {} for ever; {}", KeysOf(node, *join), inputs,
                   advice),
       node.range});
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

void NotifyUnboundedJoins(const Node& root, std::vector<Notice>* notices) {
  ForEachNode(root, [&](const Node& node) { Notify(node, notices); });
}

}  // namespace millrace
