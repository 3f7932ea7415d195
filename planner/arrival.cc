#include "planner/arrival.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "planner/common.h"
#include "planner/decorrelate.h"
#include "planner/join.h"
#include "planner/properties.h"

namespace millrace {
namespace {

using Columns = std::vector<size_t>;

constexpr const char* kName = "$arrival";

Type ArrivalType() { return Type::MakeDecimal(38, 0).AsNullable(false); }

// How many columns the order of arrival takes; 0 when there is none.
size_t ArrivalColumns(const Node& node) {
  // What takes a row back arrives at another time than the row did.
  if (auto* scan = std::get_if<ScanCommon>(&node.op)) return ArrivalColumns(*scan->common->root);
  if (auto* scan = std::get_if<ScanTable>(&node.op)) {
    return !scan->table->changes && node.properties.append_only ? 1 : 0;
  }
  if (auto* join = std::get_if<Join>(&node.op)) {
    const size_t left = ArrivalColumns(*node.inputs[0]);
    if (IsHalf(join->kind)) return left;
    const size_t right = ArrivalColumns(*node.inputs[1]);
    return left > 0 && right > 0 ? left + right : 0;
  }
  if (std::holds_alternative<UnionAll>(node.op)) {
    const bool all = std::ranges::all_of(
        node.inputs, [](const NodePtr& input) { return ArrivalColumns(*input) == 1; });
    return all ? 1 : 0;
  }
  if (std::holds_alternative<Unnest>(node.op)) {
    const size_t input = ArrivalColumns(*node.inputs[0]);
    return input > 0 ? input + 1 : 0;
  }
  const bool carries =
      std::holds_alternative<Project>(node.op) || std::holds_alternative<Filter>(node.op) ||
      std::holds_alternative<Watermark>(node.op) || std::holds_alternative<AssignWindows>(node.op);
  return carries ? ArrivalColumns(*node.inputs[0]) : 0;
}

// Puts `last` columns of the node behind all others, so that those keep their places.
NodePtr MoveBack(NodePtr node, const Columns& last) {
  std::vector<ExprPtr> exprs, moved;
  std::vector<std::string> names, moved_names;
  for (size_t c = 0; c < node->schema.size(); ++c) {
    const bool back = std::ranges::find(last, c) != last.end();
    (back ? moved : exprs).push_back(MakeColumnExpr(c, node->schema[c].type));
    (back ? moved_names : names).push_back(node->schema[c].name);
  }
  std::ranges::move(moved, std::back_inserter(exprs));
  std::ranges::move(moved_names, std::back_inserter(names));
  const SourceRange range = node->range;
  return MakeProject(std::move(node), std::move(exprs), std::move(names), range);
}

Columns LastColumns(const Node& node, size_t count) {
  Columns columns(count);
  std::iota(columns.begin(), columns.end(), node.schema.size() - count);
  return columns;
}

class ArrivalAdder {
 public:
  explicit ArrivalAdder(uint32_t* scans) : scans_(scans) {}

  // Appends the columns; returns how many. REQUIRES: ArrivalColumns > 0.
  size_t Add(NodePtr* node) {
    Node& self = **node;
    size_t added = 0;
    if (auto* scan = std::get_if<ScanCommon>(&self.op)) {
      // The scans of this reader have numbers of their own.
      const std::shared_ptr<Common> common = scan->common;
      PutInPlace(&self, CloneTree(*common->root));
      return Add(node);
    }
    if (auto* scan = std::get_if<ScanTable>(&self.op)) {
      added = 1;
      scan->arrival = (*scans_)++;
      self.schema.push_back({kName, ArrivalType()});
    } else if (auto* project = std::get_if<Project>(&self.op)) {
      added = Add(&self.inputs[0]);
      for (size_t c : LastColumns(*self.inputs[0], added)) {
        project->exprs.push_back(MakeColumnExpr(c, self.inputs[0]->schema[c].type));
      }
      AppendFields(&self, *self.inputs[0], added);
    } else if (auto* windows = std::get_if<AssignWindows>(&self.op)) {
      return AddBelowWindows(node, *windows);
    } else if (auto* join = std::get_if<Join>(&self.op)) {
      return AddBelowJoin(node, *join);
    } else if (auto* unnest = std::get_if<Unnest>(&self.op)) {
      return AddBelowUnnest(node, unnest);
    } else {
      for (NodePtr& input : self.inputs) added = Add(&input);
      AppendFields(&self, *self.inputs[0], added);
    }
    DeriveProperties(&self);
    return added;
  }

 private:
  static void AppendFields(Node* node, const Node& input, size_t count) {
    node->schema.insert(node->schema.end(), input.schema.end() - static_cast<ptrdiff_t>(count),
                        input.schema.end());
  }

  size_t AddBelowWindows(NodePtr* node, const AssignWindows& windows) {
    const size_t added = Add(&(*node)->inputs[0]);
    const Columns columns = LastColumns(*(*node)->inputs[0], added);
    const SourceRange range = (*node)->range;
    NodePtr made = MakeAssignWindows(std::move((*node)->inputs[0]), windows, range);
    *node = MoveBack(std::move(made), columns);
    return added;
  }

  // The elements of a row follow their places.
  size_t AddBelowUnnest(NodePtr* node, Unnest* unnest) {
    Node& self = **node;
    const size_t old = self.inputs[0]->schema.size();
    const size_t added = Add(&self.inputs[0]);
    const Schema& input = self.inputs[0]->schema;
    self.schema.insert(self.schema.begin() + static_cast<ptrdiff_t>(old),
                       input.begin() + static_cast<ptrdiff_t>(old), input.end());
    Columns last(added);
    std::iota(last.begin(), last.end(), old);
    const bool visible = std::exchange(unnest->with_ordinality, true);
    if (!visible) {
      self.schema.push_back({"$ordinality", Type(TypeId::kInteger, unnest->outer)});
      last.push_back(self.schema.size() - 1);
    }
    DeriveProperties(&self);
    const size_t ordinality = self.schema.size() - 1 - added;  // After the move.
    *node = MoveBack(std::move(*node), last);
    if (visible) AppendCopy(node->get(), ordinality);
    return added + 1;
  }

  // Column `c` of a projection once more, behind all others.
  static void AppendCopy(Node* node, size_t c) {
    auto& exprs = std::get<Project>(node->op).exprs;
    exprs.push_back(exprs[c]);
    node->schema.push_back(node->schema[c]);
    DeriveProperties(node);
  }

  size_t AddBelowJoin(NodePtr* node, Join& join) {
    Node& self = **node;
    const size_t left_size = self.inputs[0]->schema.size();
    const size_t left = Add(&self.inputs[0]);
    const size_t right = IsHalf(join.kind) ? 0 : Add(&self.inputs[1]);
    if (join.residual) {
      join.residual = RemapInner(join.residual, [&](size_t column, const Expr& old) {
        return MakeColumnExpr(column < left_size ? column : column + left, old.type, old.range);
      });
    }
    const auto field = [](bool nullable) {
      return Field{kName, ArrivalType().AsNullable(nullable)};
    };
    self.schema.insert(self.schema.begin() + static_cast<ptrdiff_t>(left_size), left,
                       field(KeepsRight(join.kind)));
    self.schema.insert(self.schema.end(), right, field(KeepsLeft(join.kind)));
    DeriveProperties(&self);
    Columns columns(left);
    std::iota(columns.begin(), columns.end(), left_size);
    for (size_t c : LastColumns(self, right)) columns.push_back(c);
    *node = MoveBack(std::move(*node), columns);
    return left + right;
  }

  uint32_t* scans_;
};

}  // namespace

std::optional<std::vector<size_t>> AddArrival(NodePtr* node, uint32_t* scans) {
  if (ArrivalColumns(**node) == 0) return std::nullopt;
  const size_t added = ArrivalAdder(scans).Add(node);
  return LastColumns(**node, added);
}

}  // namespace millrace
