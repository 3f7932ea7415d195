#include "executor/partitioning.h"

#include <algorithm>

#include "executor/build.h"

namespace millrace {
namespace {

using Columns = std::vector<size_t>;

bool Contains(const Columns& columns, size_t column) {
  return std::find(columns.begin(), columns.end(), column) != columns.end();
}

// The partitioning where output column i is input column sources[i].
Partitioning Map(const Partitioning& input, const Columns& sources) {
  if (!input) return std::nullopt;
  std::vector<Columns> mapped;
  for (const Columns& equal : *input) {
    mapped.emplace_back();
    for (size_t i = 0; i < sources.size(); ++i) {
      if (Contains(equal, sources[i])) mapped.back().push_back(i);
    }
    if (mapped.back().empty()) return std::nullopt;
  }
  return mapped;
}

// What lies in both ways.
Partitioning Both(const Partitioning& a, const Partitioning& b) {
  if (!a || !b || a->size() != b->size()) return std::nullopt;
  std::vector<Columns> both;
  for (size_t k = 0; k < a->size(); ++k) {
    both.emplace_back();
    for (size_t column : (*a)[k]) {
      if (Contains((*b)[k], column)) both.back().push_back(column);
    }
    if (both.back().empty()) return std::nullopt;
  }
  return both;
}

// Rows of an inner join lie by the keys of both inputs, which are equal; the columns of the side
// that an outer join fills with NULLs do not count.
Partitioning OfJoin(const Node& node, const Join& join, const std::vector<Partitioning>& inputs) {
  if (join.kind == JoinKind::kFull || inputs.size() != 2) return std::nullopt;
  const size_t left_columns = node.inputs[0]->schema.size();
  const bool right_counts = join.kind == JoinKind::kInner || join.kind == JoinKind::kRight;
  const bool left_counts = join.kind != JoinKind::kRight;
  if (!IsPartitionedBy(inputs[0], join.left_keys) || !IsPartitionedBy(inputs[1], join.right_keys)) {
    return std::nullopt;
  }
  std::vector<Columns> equal(join.left_keys.size());
  for (size_t k = 0; k < equal.size(); ++k) {
    if (left_counts) equal[k] = (*inputs[0])[k];
    if (!right_counts) continue;
    for (size_t column : (*inputs[1])[k]) equal[k].push_back(left_columns + column);
  }
  return equal;
}

struct OutputOf {
  const Node& node;
  const std::vector<Partitioning>& inputs;

  const Partitioning& input() const { return inputs[0]; }

  Partitioning operator()(const ScanView& scan) const {
    if (scan.snapshot || !scan.view->plan) return std::nullopt;
    const Node& root = *scan.view->plan->root;
    const ViewSpec spec = ViewSpecOf(std::get<Materialize>(root.op), *root.inputs[0]);
    const std::optional<Columns> key = ViewExchangeKey(spec);
    return key ? Map(PartitionedBy(*key), scan.columns) : std::nullopt;
  }
  Partitioning operator()(const Project& project) const {
    Columns sources;
    for (const ExprPtr& expr : project.exprs) {
      auto* column = std::get_if<ColumnExpr>(&expr->node);
      sources.push_back(column ? column->index : SIZE_MAX);
    }
    return Map(input(), sources);
  }
  Partitioning operator()(const Aggregate& aggregate) const { return Map(input(), aggregate.keys); }
  Partitioning operator()(const SessionAggregate& session) const {
    Columns sources(3, SIZE_MAX);
    sources.insert(sources.end(), session.keys.begin(), session.keys.end());
    return Map(input(), sources);
  }
  Partitioning operator()(const MatchRecognize& match) const {
    return Map(input(), match.partition);
  }
  Partitioning operator()(const Join& join) const { return OfJoin(node, join, inputs); }
  Partitioning operator()(const TemporalJoin& op) const { return OfJoin(node, op.join, inputs); }
  Partitioning operator()(const IntervalJoin& op) const { return OfJoin(node, op.join, inputs); }
  Partitioning operator()(const UnionAll&) const {
    Partitioning all = input();
    for (const Partitioning& other : inputs) all = Both(all, other);
    return all;
  }
  Partitioning operator()(const SetMinus&) const { return Both(inputs[0], inputs.back()); }
  // Their rows begin with the input's.
  Partitioning operator()(const Filter&) const { return input(); }
  Partitioning operator()(const AssignWindows&) const { return input(); }
  Partitioning operator()(const TopN&) const { return input(); }
  Partitioning operator()(const Over&) const { return input(); }
  Partitioning operator()(const Unnest&) const { return input(); }
  template <class Other>
  Partitioning operator()(const Other&) const {
    return std::nullopt;
  }
};

}  // namespace

Partitioning PartitionedBy(const std::vector<size_t>& key) {
  std::vector<Columns> columns;
  for (size_t column : key) columns.push_back({column});
  return columns;
}

bool IsPartitionedBy(const Partitioning& partitioning, const std::vector<size_t>& key) {
  return partitioning &&
         std::equal(partitioning->begin(), partitioning->end(), key.begin(), key.end(), Contains);
}

Partitioning PartitioningOf(const Node& node, const std::vector<Partitioning>& inputs) {
  if (inputs.size() != node.inputs.size()) return std::nullopt;
  return std::visit(OutputOf{node, inputs}, node.op);
}

}  // namespace millrace
