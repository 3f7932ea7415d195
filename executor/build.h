// Plan -> operators.
#pragma once

#include <map>
#include <set>

#include "executor/dataflow.h"
#include "executor/partitioning.h"

namespace millrace {

// Adds the operators of a plan to a dataflow, inputs before their consumers, with exchanges where
// rows of one key must meet.
class DataflowBuilder {
 public:
  explicit DataflowBuilder(Dataflow* dataflow) : flow_(*dataflow) {}
  void Build(const Plan& plan);

 private:
  size_t Add(const Node& node);  // Returns the node's place.
  size_t AddEarlyFire(const Node& node, size_t input);
  size_t AddNode(std::string name, std::vector<size_t> inputs);
  void Connect(size_t from, size_t to, size_t port, std::optional<std::vector<size_t>> key);
  // `make(context, partition)` gives each partition's operator.
  template <class Make>
  void Instantiate(size_t at, Make make) {
    for (size_t p = 0; p < flow_.options_.partitions; ++p) {
      flow_.nodes_[at].instances.push_back(make(flow_.contexts_[p].get(), p));
    }
  }

  size_t AddOp(const Node& node, const ScanTable& op);
  size_t AddOp(const Node& node, const ScanView& op);
  size_t AddOp(const Node& node, const ScanSystem& op);
  size_t AddOp(const Node& node, const ScanCommon& op);
  size_t AddOp(const Node& node, const ValuesRows& op);
  size_t AddOp(const Node& node, const Watermark& op);
  size_t AddOp(const Node& node, const Filter& op);
  size_t AddOp(const Node& node, const Project& op);
  size_t AddOp(const Node& node, const AssignWindows& op);
  size_t AddOp(const Node& node, const Expand& op);
  size_t AddOp(const Node& node, const Aggregate& op);
  size_t AddSliced(const Node& node, const Aggregate& op, const Node& windows);
  size_t AddSessions(const Node& node, const AssignWindows& op);
  template <class Op>
  size_t AddSessionNode(const Node& node, const Op& op, std::string name,
                        const std::vector<size_t>& keys);
  const Node& NoteLateness(const Node& node, int64_t late_after);
  size_t AddOp(const Node& node, const SessionAggregate& op);
  size_t AddOp(const Node& node, const Join& op);
  size_t AddOp(const Node& node, const IntervalJoin& op);
  size_t AddOp(const Node& node, const TemporalJoin& op);
  size_t AddOp(const Node& node, const TopN& op);
  size_t AddDeduplicate(const Node& node, const TopN& op);
  size_t AddOp(const Node& node, const Over& op);
  size_t AddOp(const Node& node, const MatchRecognize& op);
  size_t AddOp(const Node& node, const SetMinus& op);
  size_t AddOp(const Node& node, const Unnest& op);
  size_t AddOp(const Node& node, const UnionAll& op);
  size_t AddOp(const Node& node, const Sort& op);
  size_t AddOp(const Node& node, const Materialize& op);
  size_t AddOp(const Node& node, const WriteSink& op);
  size_t AddNotNull(const Node& node, const Relation& table, size_t input);
  void AddCollector(size_t input);
  void AddSystemViews();
  void AddRows(std::vector<Batch> rows, const std::vector<size_t>& columns, size_t at);
  std::unique_ptr<TableScan> OpenScan(const ScanTable& op);

  Dataflow& flow_;
  // By node: how its rows lie, and how those of its inputs do when they reach it. A plan node that
  // becomes several operators must not change the columns on the way.
  std::vector<Partitioning> output_by_;
  std::vector<std::vector<Partitioning>> input_by_;
  std::map<const Common*, size_t> commons_;  // Their places.
  // Of window nodes whose windows one operator alone closes: how long after its end it takes rows.
  std::map<const Node*, int64_t> late_after_;
  int64_t early_fire_ = 0;  // As in Plan.
  bool emits_changes_ = false;    // Some aggregate gives its changes after every step.
  std::set<const Node*> sliced_;  // AssignWindows that give a row its slice only.
};

// Whether the operator gives, with every step, what changes in windows that are still open.
bool WaitsForInterval(const Node& node);

// The run-time form of a materialized view over this input.
ViewSpec ViewSpecOf(const Materialize& op, const Node& input);
// The columns by which rows come to a view's partitions; none if any partition will do.
std::optional<std::vector<size_t>> ViewExchangeKey(const ViewSpec& spec);

}  // namespace millrace
