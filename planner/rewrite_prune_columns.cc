#include <numeric>
#include <set>

#include "planner/common.h"
#include "planner/join.h"
#include "planner/properties.h"
#include "planner/rewrite.h"

namespace millrace {
namespace {

// What is needed of a column: nothing, some fields of a ROW, or all of it.
struct Need {
  bool used = false;
  bool whole = false;
  std::set<std::string> fields;

  void AddWhole() { used = whole = true; }
  void Add(const Need& other) {
    used = used || other.used;
    whole = whole || other.whole;
    fields.insert(other.fields.begin(), other.fields.end());
  }
};
using Needs = std::vector<Need>;

constexpr size_t kGone = SIZE_MAX;
// Where each old column of a node is now, or kGone.
using Places = std::vector<size_t>;

void Collect(const ExprPtr& expr, Needs* needs) {
  ReplaceExpr(expr, [&](const ExprPtr& part) -> ExprPtr {
    size_t column = 0;
    if (auto* field = std::get_if<FieldExpr>(&part->node);
        field && IsColumn(*field->row, &column)) {
      (*needs)[column].used = true;
      (*needs)[column].fields.insert((*field->row->type.children)[field->index].name);
      return part;
    }
    if (IsColumn(*part, &column)) (*needs)[column].AddWhole();
    return nullptr;
  });
}

ExprPtr Move(const ExprPtr& expr, const Places& places) {
  return RemapColumns(expr, [&](const ColumnExpr& column, const Expr& old) {
    return MakeColumnExpr(places[column.index], old.type, old.range);
  });
}

// Keeps the elements of `list` whose columns are needed and says where they went.
template <class T>
Places Keep(const Needs& needs, std::vector<T>* list, size_t first = 0) {
  Places places;
  std::vector<T> kept;
  for (size_t i = 0; i < list->size(); ++i) {
    const bool used = needs[first + i].used;
    places.push_back(used ? kept.size() : kGone);
    if (used) kept.push_back(std::move((*list)[i]));
  }
  *list = std::move(kept);
  return places;
}

// Makes the node's output at least the columns of `needs`; says where they are.
Places Prune(NodePtr* node, Needs needs);
// Makes the node's output exactly the columns of `needs`.
Places PruneExactly(NodePtr* node, const Needs& needs);
// The same for all columns, in place.
void PruneTree(NodePtr* root);

struct Pruner {
  NodePtr* node;
  Needs needs;

  Node& self() const { return **node; }
  NodePtr* input() const { return &self().inputs[0]; }
  size_t inputs() const { return self().inputs[0]->schema.size(); }

  Places operator()(ScanTable& scan) {
    for (size_t i = 0; i < scan.columns.size(); ++i) {
      const Need& need = needs[i];
      if (need.whole) continue;
      scan.fields[i].assign(need.fields.begin(), need.fields.end());
    }
    const size_t physical = scan.columns.size();
    Keep(needs, &scan.fields);
    Keep(needs, &scan.columns);
    Keep(needs, &scan.metadata, physical);
    if (scan.arrival && !needs.back().used) scan.arrival.reset();
    return Keep(needs, &self().schema);
  }
  Places operator()(ScanCommon& scan) {
    for (size_t i = 0; i < scan.columns.size(); ++i) {
      if (!needs[i].whole) scan.fields[i].assign(needs[i].fields.begin(), needs[i].fields.end());
    }
    Keep(needs, &scan.fields);
    Keep(needs, &scan.columns);
    return Keep(needs, &self().schema);
  }
  Places operator()(ScanView& scan) {
    Keep(needs, &scan.columns);
    return Keep(needs, &self().schema);
  }
  Places operator()(ScanSystem& scan) {
    Keep(needs, &scan.columns);
    return Keep(needs, &self().schema);
  }
  Places operator()(ValuesRows& values) {
    for (auto& row : values.rows) Keep(needs, &row);
    return Keep(needs, &self().schema);
  }
  Places operator()(Watermark& watermark) {
    needs[watermark.column].AddWhole();
    if (watermark.expr) Collect(watermark.expr, &needs);
    Places places = Through();
    watermark.column = places[watermark.column];
    if (watermark.expr) watermark.expr = Move(watermark.expr, places);
    return places;
  }
  Places operator()(Filter& filter) {
    Collect(filter.predicate, &needs);
    Places places = Through();
    filter.predicate = Move(filter.predicate, places);
    return places;
  }
  Places operator()(Project& project) {
    Keep(needs, &self().schema);
    Needs kept;
    for (const Need& need : needs) {
      if (need.used) kept.push_back(need);
    }
    Places result = Keep(needs, &project.exprs);
    Needs below(inputs());
    for (size_t i = 0; i < project.exprs.size(); ++i) {
      size_t column = 0;
      if (IsColumn(*project.exprs[i], &column)) {
        below[column].Add(kept[i]);
      } else {
        Collect(project.exprs[i], &below);
      }
    }
    const Places places = Prune(input(), std::move(below));
    for (ExprPtr& expr : project.exprs) expr = Move(expr, places);
    return result;
  }
  Places operator()(AssignWindows& windows) {
    const size_t old = inputs();
    needs[windows.time_column].AddWhole();
    for (size_t column : windows.partition) needs[column].AddWhole();
    Needs below(needs.begin(), needs.begin() + static_cast<ptrdiff_t>(old));
    // Sessions keep their input's rows.
    const bool keeps_rows = windows.kind == AssignWindows::Kind::kSession;
    Places places =
        keeps_rows ? PruneExactly(input(), below) : Prune(input(), std::move(below));
    windows.time_column = places[windows.time_column];
    for (size_t& column : windows.partition) column = places[column];
    Schema schema = self().inputs[0]->schema;
    for (size_t i = 0; i < 3; ++i) {
      places.push_back(schema.size());
      schema.push_back(self().schema[old + i]);
    }
    self().schema = std::move(schema);
    return places;
  }
  Places operator()(Expand& expand);
  Places operator()(Aggregate& aggregate);
  Places operator()(UnionAll&);
  Places operator()(Sort& sort) {
    for (const SortKey& key : sort.keys) needs[key.column].AddWhole();
    Places places = Through();
    for (SortKey& key : sort.keys) key.column = places[key.column];
    return places;
  }
  Places operator()(SessionAggregate&) { return Whole(); }
  Places operator()(Join& join) { return OfJoin(join, nullptr, nullptr); }
  Places operator()(IntervalJoin& op) { return OfJoin(op.join, &op.left_time, &op.right_time); }
  Places operator()(TemporalJoin& op) {
    if (!op.event_time) return OfJoin(op.join, nullptr, nullptr);
    return OfJoin(op.join, &op.left_time, &op.right_time);
  }
  Places OfJoin(Join& join, size_t* left_time, size_t* right_time);
  Places operator()(TopN& top);
  Places operator()(Over& over);
  Places operator()(SetMinus&) { return Whole(); }
  Places operator()(MatchRecognize& match);
  Places operator()(Unnest& unnest);
  Places operator()(Materialize&) { return All(); }
  Places operator()(WriteSink&) { return All(); }

  // For nodes that need their inputs as they are.
  Places Whole() {
    for (NodePtr& input : self().inputs) PruneTree(&input);
    Places places(self().schema.size());
    std::iota(places.begin(), places.end(), size_t{0});
    return places;
  }
  // For nodes whose output columns are their input's.
  Places Through() {
    Places places = Prune(input(), std::move(needs));
    Schema schema(self().inputs[0]->schema.size());
    for (size_t i = 0; i < places.size(); ++i) {
      if (places[i] != kGone) schema[places[i]] = self().schema[i];
    }
    self().schema = std::move(schema);
    return places;
  }
  Places All() {
    for (Need& need : needs) need.AddWhole();
    return Through();
  }
};

// The elements stay, whatever is needed of them.
Places Pruner::operator()(Unnest& unnest) {
  const size_t old = inputs();
  Needs below(needs.begin(), needs.begin() + static_cast<ptrdiff_t>(old));
  std::vector<size_t> unread;
  for (size_t c = 0; c < old; ++c) {
    if (!needs[c].used) unread.push_back(c);
  }
  for (const ExprPtr& collection : unnest.collections) Collect(collection, &below);
  Places places = Prune(input(), std::move(below));
  unnest.unread.clear();
  for (size_t c : unread) {
    if (places[c] != kGone) unnest.unread.push_back(places[c]);
  }
  std::ranges::sort(unnest.unread);
  for (ExprPtr& collection : unnest.collections) collection = Move(collection, places);
  Schema schema = self().inputs[0]->schema;
  for (size_t c = old; c < self().schema.size(); ++c) {
    places.push_back(schema.size());
    schema.push_back(self().schema[c]);
  }
  self().schema = std::move(schema);
  return places;
}

Places Pruner::operator()(Expand& expand) {
  const size_t old = inputs();
  Needs below(needs.begin(), needs.begin() + static_cast<ptrdiff_t>(old));
  for (size_t key : expand.keys) below[key].AddWhole();
  Places places = Prune(input(), std::move(below));
  for (size_t& key : expand.keys) key = places[key];
  Schema schema = self().inputs[0]->schema;
  for (size_t c = old; c < self().schema.size(); ++c) {
    places.push_back(schema.size());
    schema.push_back(self().schema[c]);
  }
  self().schema = std::move(schema);
  return places;
}

Places Pruner::operator()(Aggregate& aggregate) {
  const size_t keys = aggregate.keys.size();
  // Without keys and calls it would be a DISTINCT of nothing rather than one row.
  if (keys == 0 && !needs.empty()) needs[0].used = true;
  for (size_t i = 0; i < keys; ++i) needs[i].used = true;
  Keep(needs, &self().schema);
  const Places calls = Keep(needs, &aggregate.calls, keys);
  Needs below(inputs());
  for (size_t key : aggregate.keys) below[key].AddWhole();
  for (const AggregateCall& call : aggregate.calls) {
    if (call.argument) below[*call.argument].AddWhole();
    if (call.filter) below[*call.filter].AddWhole();
    if (call.weight) below[*call.weight].AddWhole();
  }
  const Places places = Prune(input(), std::move(below));
  for (size_t& key : aggregate.keys) key = places[key];
  for (AggregateCall& call : aggregate.calls) {
    if (call.argument) call.argument = places[*call.argument];
    if (call.filter) call.filter = places[*call.filter];
    if (call.weight) call.weight = places[*call.weight];
  }
  Places result;
  for (size_t i = 0; i < keys; ++i) result.push_back(i);
  for (size_t call : calls) result.push_back(call == kGone ? kGone : keys + call);
  return result;
}

Places PruneExactly(NodePtr* node, const Needs& needs) {
  const Places places = Prune(node, needs);
  const Schema& schema = (*node)->schema;
  Places exact(needs.size(), kGone);
  std::vector<ExprPtr> exprs;
  std::vector<std::string> names;
  for (size_t i = 0; i < needs.size(); ++i) {
    if (!needs[i].used) continue;
    exact[i] = exprs.size();
    exprs.push_back(MakeColumnExpr(places[i], schema[places[i]].type));
    names.push_back(schema[places[i]].name);
  }
  if (exprs.size() == schema.size()) return places;
  *node = MakeProject(std::move(*node), std::move(exprs), std::move(names), (*node)->range);
  return exact;
}

// A join keeps its inputs' rows, so these have nothing but what the join or a node above uses.
Places Pruner::OfJoin(Join& join, size_t* left_time, size_t* right_time) {
  const size_t left = inputs();
  const Schema old = self().schema;
  needs.resize(left + self().inputs[1]->schema.size());
  for (size_t key : join.left_keys) needs[key].AddWhole();
  for (size_t key : join.right_keys) needs[left + key].AddWhole();
  if (join.residual) Collect(join.residual, &needs);
  if (left_time) needs[*left_time].AddWhole();
  if (right_time) needs[left + *right_time].AddWhole();
  const auto middle = needs.begin() + static_cast<ptrdiff_t>(left);
  Places places = PruneExactly(&self().inputs[0], Needs(needs.begin(), middle));
  const Places right = PruneExactly(&self().inputs[1], Needs(middle, needs.end()));
  for (size_t& key : join.left_keys) key = places[key];
  for (size_t& key : join.right_keys) key = right[key];
  if (left_time) *left_time = places[*left_time];
  if (right_time) *right_time = right[*right_time];
  for (size_t place : right) places.push_back(place == kGone ? kGone : inputs() + place);
  if (join.residual) join.residual = Move(join.residual, places);
  places.resize(old.size());
  Schema schema(inputs() + (IsHalf(join.kind) ? 0 : self().inputs[1]->schema.size()));
  for (size_t i = 0; i < places.size(); ++i) {
    if (places[i] != kGone) schema[places[i]] = old[i];
  }
  self().schema = std::move(schema);
  return places;
}

Places Pruner::operator()(TopN& top) {
  const size_t old = inputs();
  const bool gives_rank = top.rank_output && needs[old].used;
  Needs below(needs.begin(), needs.begin() + static_cast<ptrdiff_t>(old));
  for (size_t column : top.partition) below[column].AddWhole();
  for (const SortKey& key : top.order) below[key.column].AddWhole();
  Places places = Prune(input(), std::move(below));
  for (size_t& column : top.partition) column = places[column];
  for (SortKey& key : top.order) key.column = places[key.column];
  Schema schema = self().inputs[0]->schema;
  for (size_t i = 0; i < old; ++i) {
    if (places[i] != kGone) schema[places[i]] = self().schema[i];
  }
  if (top.rank_output) places.push_back(gives_rank ? schema.size() : kGone);
  if (gives_rank) schema.push_back(self().schema[old]);
  top.rank_output = gives_rank;
  self().schema = std::move(schema);
  return places;
}

// Without a needed call the node goes.
Places Pruner::operator()(Over& over) {
  const size_t columns = inputs();
  const Schema schema = self().schema;
  const Places calls = Keep(needs, &over.calls, columns);
  Needs below(needs.begin(), needs.begin() + static_cast<ptrdiff_t>(columns));
  if (over.calls.empty()) {
    NodePtr rest = std::move(self().inputs[0]);
    *node = std::move(rest);
    Places places = Prune(node, std::move(below));
    places.resize(needs.size(), kGone);
    return places;
  }
  for (size_t column : over.partition) below[column].AddWhole();
  for (const SortKey& key : over.order) below[key.column].AddWhole();
  for (size_t column : over.arrival) below[column].AddWhole();
  for (const OverCall& call : over.calls) {
    for (size_t column : call.arguments) below[column].AddWhole();
    if (call.filter) below[*call.filter].AddWhole();
  }
  // It keeps its input's rows.
  Places places = PruneExactly(input(), below);
  for (size_t& column : over.partition) column = places[column];
  for (SortKey& key : over.order) key.column = places[key.column];
  for (size_t& column : over.arrival) column = places[column];
  for (OverCall& call : over.calls) {
    for (size_t& column : call.arguments) column = places[column];
    if (call.filter) call.filter = places[*call.filter];
  }
  self().schema = self().inputs[0]->schema;
  const size_t kept = inputs();
  for (size_t i = 0; i < calls.size(); ++i) {
    places.push_back(calls[i] == kGone ? kGone : kept + calls[i]);
    if (calls[i] != kGone) self().schema.push_back(schema[columns + i]);
  }
  return places;
}

// Slots that only a measure used that is not needed go with it, and with them their columns.
Places Pruner::operator()(MatchRecognize& match) {
  const size_t keys = match.partition.size();
  for (size_t i = 0; i < keys; ++i) needs[i].used = true;
  Keep(needs, &self().schema);
  const Places measures = Keep(needs, &match.measures, keys);
  Needs used(match.slots.size());
  for (const MatchVariable& variable : match.pattern) {
    if (variable.condition) Collect(variable.condition, &used);
  }
  for (const ExprPtr& measure : match.measures) Collect(measure, &used);
  const Places slots = Keep(used, &match.slots);
  Needs below(inputs());
  for (size_t column : match.partition) below[column].AddWhole();
  for (const SortKey& key : match.order) below[key.column].AddWhole();
  for (const MatchSlot& slot : match.slots) {
    if (slot.kind == MatchSlot::Kind::kColumn) below[slot.column].AddWhole();
    if (slot.argument) Collect(slot.argument, &below);
  }
  const Places places = PruneExactly(input(), below);
  for (size_t& column : match.partition) column = places[column];
  for (SortKey& key : match.order) key.column = places[key.column];
  for (MatchSlot& slot : match.slots) {
    if (slot.kind == MatchSlot::Kind::kColumn) slot.column = places[slot.column];
    if (slot.argument) slot.argument = Move(slot.argument, places);
  }
  for (MatchVariable& variable : match.pattern) {
    if (variable.condition) variable.condition = Move(variable.condition, slots);
  }
  for (ExprPtr& measure : match.measures) measure = Move(measure, slots);
  Places result;
  for (size_t i = 0; i < keys; ++i) result.push_back(i);
  for (size_t measure : measures) result.push_back(measure == kGone ? kGone : keys + measure);
  return result;
}

// All inputs get exactly the needed columns, in their order.
Places Pruner::operator()(UnionAll&) {
  const Places result = Keep(needs, &self().schema);
  for (NodePtr& branch : self().inputs) {
    const Places places = Prune(&branch, needs);
    std::vector<ExprPtr> exprs;
    bool same = branch->schema.size() == self().schema.size();
    for (size_t i = 0; i < places.size(); ++i) {
      if (result[i] == kGone) continue;
      same = same && places[i] == result[i];
      exprs.push_back(MakeColumnExpr(places[i], branch->schema[places[i]].type));
    }
    if (same) continue;
    branch = MakeProject(std::move(branch), std::move(exprs), NamesOf(self().schema));
  }
  return result;
}

Places Prune(NodePtr* node, Needs needs) {
  return std::visit(Pruner{node, std::move(needs)}, (*node)->op);
}

// A common subplan keeps what its readers, which were pruned before it, need together.
void PruneCommon(const CommonUses& uses) {
  Needs needs(uses.common->root->schema.size());
  for (const Node* leaf : uses.leaves) {
    const auto& scan = std::get<ScanCommon>(leaf->op);
    for (size_t i = 0; i < scan.columns.size(); ++i) {
      Need need{true, scan.fields[i].empty(), {scan.fields[i].begin(), scan.fields[i].end()}};
      needs[scan.columns[i]].Add(need);
    }
  }
  const Places places = Prune(&uses.common->root, std::move(needs));
  for (Node* leaf : uses.leaves) {
    for (size_t& column : std::get<ScanCommon>(leaf->op).columns) column = places[column];
  }
}

void PruneTree(NodePtr* root) {
  Needs needs((*root)->schema.size());
  for (Need& need : needs) need.AddWhole();
  const Schema schema = (*root)->schema;
  const Places places = Prune(root, std::move(needs));
  bool same = (*root)->schema.size() == schema.size();
  std::vector<ExprPtr> exprs;
  for (size_t i = 0; i < schema.size(); ++i) {
    same = same && places[i] == i;
    exprs.push_back(MakeColumnExpr(places[i], schema[i].type));
  }
  if (!same) *root = MakeProject(std::move(*root), std::move(exprs), NamesOf(schema));
}

}  // namespace

void PruneColumns(NodePtr* root) {
  PruneTree(root);
  for (const CommonUses& uses : FindCommons(root->get())) PruneCommon(uses);
}

}  // namespace millrace
