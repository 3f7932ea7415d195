#include "planner/versions.h"

#include <algorithm>

#include "planner/common.h"
#include "planner/properties.h"

namespace millrace {
namespace {

// Versions with the place of their number, which is 1 where it is tested.
struct Numbered {
  Versions versions;
  std::optional<size_t> number;
};

bool IsOne(const Expr& expr) {
  auto* literal = std::get_if<LiteralExpr>(&expr.node);
  auto* value = literal ? std::get_if<int64_t>(&literal->value.data) : nullptr;
  return value && *value == 1;
}

// `number = 1` or `number <= 1`, in either direction.
bool KeepsFirst(const Expr& predicate, size_t number) {
  if (auto* logic = std::get_if<LogicExpr>(&predicate.node)) {
    return logic->conjunction && logic->arguments.size() == 1 &&
           KeepsFirst(*logic->arguments[0], number);
  }
  auto* call = std::get_if<CallExpr>(&predicate.node);
  if (!call || call->arguments.size() != 2) return false;
  const auto is = [&](size_t column_at) {
    const ExprPtr* column = &call->arguments[column_at];
    if (auto* cast = std::get_if<CastExpr>(&(*column)->node)) column = &cast->value;
    size_t index = 0;
    return IsColumn(**column, &index) && index == number && IsOne(*call->arguments[1 - column_at]);
  };
  return ((call->name == "=" || call->name == "<=") && is(0)) ||
         ((call->name == "=" || call->name == ">=") && is(1));
}

// The same versions in the columns `exprs` of them.
std::optional<Numbered> Project(Numbered in, std::vector<ExprPtr> exprs, const Schema& schema,
                                SourceRange range) {
  const auto place = [&](size_t column) -> std::optional<size_t> {
    for (size_t i = 0; i < exprs.size(); ++i) {
      size_t index = 0;
      if (IsColumn(*exprs[i], &index) && index == column) return i;
    }
    return std::nullopt;
  };
  Numbered out;
  for (size_t column : in.versions.key) {
    const std::optional<size_t> at = place(column);
    if (!at) return std::nullopt;
    out.versions.key.push_back(*at);
  }
  const std::optional<size_t> time = place(in.versions.time);
  if (!time) return std::nullopt;
  out.versions.time = *time;
  if (in.number) out.number = place(*in.number);
  if (in.number && !out.number) return std::nullopt;
  out.versions.rows =
      MakeProject(std::move(in.versions.rows), std::move(exprs), NamesOf(schema), range);
  return out;
}

std::optional<Numbered> OfOver(const Node& node, const Over& over) {
  const Node& input = *node.inputs[0];
  const bool numbers = over.calls.size() == 1 && over.calls[0].function == "row_number";
  if (!numbers || over.order.size() != 1 || !over.order[0].descending || over.partition.empty()) {
    return std::nullopt;
  }
  const auto& times = input.properties.event_times;
  const size_t time = over.order[0].column;
  if (std::ranges::find(times, time) == times.end() || !input.properties.append_only) {
    return std::nullopt;
  }
  std::vector<ExprPtr> exprs = AllColumns(input.schema);
  exprs.push_back(MakeLiteral({int64_t{1}}, over.calls[0].result, node.range));
  Numbered out;
  out.versions.key = over.partition;
  out.versions.time = time;
  out.number = input.schema.size();
  out.versions.rows =
      MakeProject(CloneTree(input), std::move(exprs), NamesOf(node.schema), node.range);
  return out;
}

std::optional<Numbered> Find(const Node& node) {
  if (auto* over = std::get_if<Over>(&node.op)) return OfOver(node, *over);
  if (auto* project = std::get_if<millrace::Project>(&node.op)) {
    std::optional<Numbered> below = Find(*node.inputs[0]);
    if (!below) return std::nullopt;
    // The number may go once it has been tested.
    return Project(std::move(*below), project->exprs, node.schema, node.range);
  }
  if (auto* filter = std::get_if<Filter>(&node.op)) {
    std::optional<Numbered> below = Find(*node.inputs[0]);
    if (!below || !below->number || !KeepsFirst(*filter->predicate, *below->number)) {
      return std::nullopt;
    }
    below->number.reset();
    return below;
  }
  if (auto* scan = std::get_if<ScanCommon>(&node.op)) {
    const Node& root = *scan->common->root;
    std::optional<Numbered> below = Find(root);
    if (!below) return std::nullopt;
    std::vector<ExprPtr> exprs;
    for (size_t column : scan->columns) {
      exprs.push_back(MakeColumnExpr(column, root.schema[column].type, node.range));
    }
    return Project(std::move(*below), std::move(exprs), node.schema, node.range);
  }
  return std::nullopt;
}

}  // namespace

std::optional<Versions> FindVersions(const Node& node) {
  std::optional<Numbered> found = Find(node);
  if (!found || found->number) return std::nullopt;
  return std::move(found->versions);
}

}  // namespace millrace
