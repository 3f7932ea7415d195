// Finds equal subplans, which are then computed once.
//
// A copy of the tree in which equal subtrees are one node has several edges to what is worth
// sharing. The comparisons name all fields of a node, so that a new one cannot be forgotten.
#include <algorithm>
#include <map>
#include <set>

#include "planner/common.h"
#include "planner/rewrite.h"

namespace millrace {
namespace {

bool Same(const ExprPtr& a, const ExprPtr& b) { return a && b ? SameExpr(*a, *b) : !a && !b; }

bool Same(const std::vector<ExprPtr>& a, const std::vector<ExprPtr>& b) {
  return std::ranges::equal(a, b, [](const ExprPtr& x, const ExprPtr& y) { return Same(x, y); });
}

bool Same(const Options& a, const Options& b) {
  return std::ranges::equal(a, b, [](const auto& x, const auto& y) {
    return x.first == y.first && x.second.value == y.second.value;
  });
}

// Where more than the name and the types tells what it computes, it counts as another.
bool Same(const ResolvedAggregate& a, const ResolvedAggregate& b) {
  if (a.ordered || a.constant) return false;
  return a.name == b.name && a.weighted == b.weighted && a.result.SameAs(b.result) &&
         std::ranges::equal(a.parameters, b.parameters,
                            [](const Type& x, const Type& y) { return x.SameAs(y); });
}

bool Same(const AggregateCall& a, const AggregateCall& b) {
  const auto& [function, argument, filter, distinct, weight] = a;
  return Same(function, b.function) && argument == b.argument && filter == b.filter &&
         distinct == b.distinct && weight == b.weight;
}

bool Same(const std::vector<AggregateCall>& a, const std::vector<AggregateCall>& b) {
  return std::ranges::equal(
      a, b, [](const AggregateCall& x, const AggregateCall& y) { return Same(x, y); });
}

bool Same(const std::vector<SortKey>& a, const std::vector<SortKey>& b) {
  return std::ranges::equal(a, b, [](const SortKey& x, const SortKey& y) {
    const auto& [column, descending, nulls_first] = x;
    return column == y.column && descending == y.descending && nulls_first == y.nulls_first;
  });
}

bool Same(const MatchVariable& a, const MatchVariable& b) {
  const auto& [name, min, max, reluctant, condition] = a;
  return name == b.name && min == b.min && max == b.max && reluctant == b.reluctant &&
         Same(condition, b.condition);
}

bool Same(const MatchSlot& a, const MatchSlot& b) {
  const auto& [kind, variable, first, offset, column, aggregate, argument, type] = a;
  return kind == b.kind && variable == b.variable && first == b.first && offset == b.offset &&
         column == b.column && Same(argument, b.argument) && type.SameAs(b.type) &&
         (kind != MatchSlot::Kind::kAggregate || Same(aggregate, b.aggregate));
}

bool Same(const OverBound& a, const OverBound& b) {
  const auto& [kind, following, rows, offset, edge, reach] = a;
  return kind == b.kind && following == b.following && rows == b.rows && Same(offset, b.offset) &&
         Same(edge, b.edge) && Same(reach, b.reach);
}

bool Same(const OverFrame& a, const OverFrame& b) {
  return a.rows == b.rows && Same(a.begin, b.begin) && Same(a.end, b.end);
}

bool Same(const OverCall& a, const OverCall& b) {
  const auto& [function, aggregate, arguments, parameter, filter, distinct, ignore_nulls, frame,
               result] = a;
  const bool same_aggregate = aggregate ? b.aggregate && Same(*aggregate, *b.aggregate)
                                        : !b.aggregate.has_value();
  return function == b.function && same_aggregate && arguments == b.arguments &&
         parameter == b.parameter && filter == b.filter && distinct == b.distinct &&
         ignore_nulls == b.ignore_nulls && Same(frame, b.frame) && result.SameAs(b.result);
}

bool Same(const std::vector<OverCall>& a, const std::vector<OverCall>& b) {
  return std::ranges::equal(a, b,
                            [](const OverCall& x, const OverCall& y) { return Same(x, y); });
}

// Anything that is not named below: subplans with it are not shared.
template <class Op>
bool SameOp(const Op&, const Op&) {
  return false;
}
bool SameOp(const ScanTable& a, const ScanTable& b) {
  const auto& [table, columns, metadata, fields, options, snapshot, arrival] = a;
  return table == b.table && columns == b.columns && metadata == b.metadata && fields == b.fields &&
         Same(options, b.options) && snapshot == b.snapshot && arrival == b.arrival;
}
bool SameOp(const ScanView& a, const ScanView& b) {
  const auto& [view, columns, snapshot] = a;
  return view == b.view && columns == b.columns && snapshot == b.snapshot;
}
bool SameOp(const ScanCommon& a, const ScanCommon& b) {
  const auto& [common, columns, fields] = a;
  return common == b.common && columns == b.columns && fields == b.fields;
}
bool SameOp(const Watermark& a, const Watermark& b) {
  const auto& [column, expr, idle_timeout_micros] = a;
  return column == b.column && Same(expr, b.expr) && idle_timeout_micros == b.idle_timeout_micros;
}
bool SameOp(const Filter& a, const Filter& b) { return Same(a.predicate, b.predicate); }
bool SameOp(const Project& a, const Project& b) { return Same(a.exprs, b.exprs); }
bool SameOp(const AssignWindows& a, const AssignWindows& b) {
  const auto& [kind, time_column, size, slide, offset, event_time, zone, partition, emit_on_close,
               late_after, decides_late] = a;
  return kind == b.kind && time_column == b.time_column && size == b.size && slide == b.slide &&
         offset == b.offset && event_time == b.event_time && zone == b.zone &&
         partition == b.partition && emit_on_close == b.emit_on_close &&
         late_after == b.late_after && decides_late == b.decides_late;
}
bool SameOp(const Aggregate& a, const Aggregate& b) {
  const auto& [keys, calls, window_end, window_start, emit_on_close, grace, allowed_lateness,
               decides_late, state_ttl, empty_sets] = a;
  return keys == b.keys && Same(calls, b.calls) && window_end == b.window_end &&
         window_start == b.window_start && emit_on_close == b.emit_on_close && grace == b.grace &&
         allowed_lateness == b.allowed_lateness && decides_late == b.decides_late &&
         state_ttl == b.state_ttl && empty_sets == b.empty_sets;
}
bool SameOp(const Expand& a, const Expand& b) {
  const auto& [keys, sets] = a;
  return keys == b.keys && sets == b.sets;
}
bool SameOp(const Join& a, const Join& b) {
  const auto& [kind, left_keys, right_keys, null_equal, residual, window_end, left_ttl, right_ttl,
               left_decides_late, right_decides_late] = a;
  return kind == b.kind && left_keys == b.left_keys && right_keys == b.right_keys &&
         null_equal == b.null_equal && Same(residual, b.residual) && window_end == b.window_end &&
         left_ttl == b.left_ttl && right_ttl == b.right_ttl &&
         left_decides_late == b.left_decides_late && right_decides_late == b.right_decides_late;
}
bool SameOp(const IntervalJoin& a, const IntervalJoin& b) {
  const auto& [join, left_time, right_time, lower, upper, event_time] = a;
  return SameOp(join, b.join) && left_time == b.left_time && right_time == b.right_time &&
         lower == b.lower && upper == b.upper && event_time == b.event_time;
}
bool SameOp(const TemporalJoin& a, const TemporalJoin& b) {
  const auto& [join, event_time, left_time, right_time, retry_delay, retry_attempts] = a;
  return SameOp(join, b.join) && event_time == b.event_time && left_time == b.left_time &&
         right_time == b.right_time && retry_delay == b.retry_delay &&
         retry_attempts == b.retry_attempts;
}
bool SameOp(const TopN& a, const TopN& b) {
  const auto& [rank, partition, order, arrival, first, last, rank_output, window_end, window_start,
               emit_on_close, grace, allowed_lateness, decides_late, state_ttl] = a;
  return rank == b.rank && partition == b.partition && Same(order, b.order) &&
         arrival == b.arrival && first == b.first && last == b.last &&
         rank_output == b.rank_output && window_end == b.window_end &&
         window_start == b.window_start && emit_on_close == b.emit_on_close && grace == b.grace &&
         allowed_lateness == b.allowed_lateness && decides_late == b.decides_late &&
         state_ttl == b.state_ttl;
}
bool SameOp(const Over& a, const Over& b) {
  const auto& [partition, order, arrival, calls, append_only, proctime, emit_on_close, window_end,
               grace, allowed_lateness, decides_late, state_ttl] = a;
  return partition == b.partition && Same(order, b.order) && arrival == b.arrival &&
         Same(calls, b.calls) && append_only == b.append_only && proctime == b.proctime &&
         emit_on_close == b.emit_on_close && window_end == b.window_end && grace == b.grace &&
         allowed_lateness == b.allowed_lateness && decides_late == b.decides_late &&
         state_ttl == b.state_ttl;
}
bool SameOp(const SetMinus& a, const SetMinus& b) {
  const auto& [intersect, all] = a;
  return intersect == b.intersect && all == b.all;
}
bool SameOp(const Unnest& a, const Unnest& b) {
  const auto& [collections, with_ordinality, outer, unread] = a;
  return Same(collections, b.collections) && with_ordinality == b.with_ordinality &&
         outer == b.outer && unread == b.unread;
}
bool SameOp(const MatchRecognize& a, const MatchRecognize& b) {
  const auto& [partition, order, pattern, slots, measures, skip, skip_to, within, proctime,
               decides_late] = a;
  const auto same = [](const auto& x, const auto& y) { return Same(x, y); };
  return partition == b.partition && Same(order, b.order) &&
         std::ranges::equal(pattern, b.pattern, same) && std::ranges::equal(slots, b.slots, same) &&
         Same(measures, b.measures) && skip == b.skip && skip_to == b.skip_to &&
         within == b.within && proctime == b.proctime && decides_late == b.decides_late;
}
bool SameOp(const UnionAll&, const UnionAll&) { return true; }

bool SameNode(const Node& a, const Node& b) {
  if (a.op.index() != b.op.index() || a.schema.size() != b.schema.size()) return false;
  const bool types = std::ranges::equal(a.schema, b.schema, [](const Field& x, const Field& y) {
    return x.type.SameAs(y.type) && x.type.nullable == y.type.nullable;
  });
  return types &&
         std::visit(
             [&](const auto& op) { return SameOp(op, std::get<std::decay_t<decltype(op)>>(b.op)); },
             a.op);
}

// Reading these twice costs little, and so does a projection or filter over them.
bool IsCheapLeaf(const Node& node) {
  return node.inputs.empty() && !std::holds_alternative<ScanTable>(node.op);
}
bool IsCheapStep(const Node& node) {
  return std::holds_alternative<Project>(node.op) || std::holds_alternative<Filter>(node.op);
}

class Sharer {
 public:
  explicit Sharer(NodePtr* root) {
    Number(root->get());
    ++edges_[numbers_.at(root->get())];
    Replace(root);
  }

 private:
  // What equal subtrees have in common, by number.
  struct Subplan {
    const Node* node;
    bool cheap;
    std::shared_ptr<Common> common;
  };

  void Number(Node* root) {
    ForEachNode(root, [this](Node* node) {
      std::vector<size_t> key = {node->op.index()};
      bool cheap = IsCheapLeaf(*node) || IsCheapStep(*node);
      for (const NodePtr& input : node->inputs) {
        key.push_back(numbers_.at(input.get()));
        cheap = cheap && subplans_[key.back()].cheap;
      }
      std::vector<size_t>& candidates = by_inputs_[key];
      const auto same = std::ranges::find_if(
          candidates, [&](size_t number) { return SameNode(*subplans_[number].node, *node); });
      if (same != candidates.end()) {
        numbers_[node] = *same;
        return;
      }
      numbers_[node] = subplans_.size();
      candidates.push_back(subplans_.size());
      subplans_.push_back({node, cheap, nullptr});
      edges_.push_back(0);
      for (size_t i = 1; i < key.size(); ++i) ++edges_[key[i]];
      if (auto* scan = std::get_if<ScanCommon>(&node->op)) {
        const size_t read = numbers_.at(scan->common->root.get());
        ++edges_[read];
        subplans_[read].common = scan->common;
      }
    });
  }

  void Replace(NodePtr* slot) {
    if (auto* scan = std::get_if<ScanCommon>(&(*slot)->op)) {
      if (seen_.insert(scan->common.get()).second) ReplaceInputs(scan->common->root.get());
      return;
    }
    Subplan& subplan = subplans_[numbers_.at(slot->get())];
    if (edges_[numbers_.at(slot->get())] < 2 || subplan.cheap) return ReplaceInputs(slot->get());
    const Schema schema = (*slot)->schema;
    const SourceRange range = (*slot)->range;
    if (!subplan.common) {
      subplan.common = std::make_shared<Common>(Common{std::move(*slot), ""});
      ReplaceInputs(subplan.common->root.get());
    }
    *slot = MakeScanCommon(subplan.common, range);
    (*slot)->schema = schema;
  }
  void ReplaceInputs(Node* node) {
    for (NodePtr& input : node->inputs) Replace(&input);
  }

  std::map<const Node*, size_t> numbers_;
  std::vector<Subplan> subplans_;
  std::vector<size_t> edges_;  // To each subplan.
  std::map<std::vector<size_t>, std::vector<size_t>> by_inputs_;
  std::set<const Common*> seen_;
};

}  // namespace

void ShareEqualSubplans(NodePtr* root) { Sharer sharer(root); }

}  // namespace millrace
