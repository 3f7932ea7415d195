#include "planner/time_bounds.h"

#include <algorithm>
#include <limits>

#include "planner/rewrite.h"

namespace millrace {
namespace {

bool Contains(const std::vector<size_t>& list, size_t value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

// left_times * a left time attribute + right_times * a right one + constant.
struct Linear {
  std::optional<size_t> left, right;
  int left_times = 0, right_times = 0;
  int64_t constant = 0;
};

std::optional<Linear> Add(const Linear& a, const Linear& b, int sign) {
  if ((a.left && b.left && a.left != b.left) || (a.right && b.right && a.right != b.right)) {
    return std::nullopt;
  }
  Linear sum;
  sum.left = a.left ? a.left : b.left;
  sum.right = a.right ? a.right : b.right;
  sum.left_times = a.left_times + sign * b.left_times;
  sum.right_times = a.right_times + sign * b.right_times;
  const bool overflow = sign > 0 ? __builtin_add_overflow(a.constant, b.constant, &sum.constant)
                                 : __builtin_sub_overflow(a.constant, b.constant, &sum.constant);
  return overflow ? std::nullopt : std::optional(sum);
}

// A comparison as (right time - left time) `op` offset.
struct Comparison {
  size_t left, right;
  std::string op;
  int64_t offset;
};

std::string Negated(const std::string& op) {
  return op == "<" ? ">=" : op == "<=" ? ">" : op == ">" ? "<=" : "<";
}

std::string Reversed(const std::string& op) {
  if (op == "=") return op;
  return (op[0] == '<' ? ">" : "<") + op.substr(1);
}

class Comparisons {
 public:
  // `left`, `right`: the time attributes of the inputs.
  Comparisons(size_t left_columns, const std::vector<size_t>& left,
              const std::vector<size_t>& right)
      : left_columns_(left_columns), left_(left), right_(right) {}

  std::optional<Comparison> Read(const Expr& term) const {
    auto* call = std::get_if<CallExpr>(&term.node);
    if (call && call->name == "not") {
      std::optional<Comparison> inner = Read(*call->arguments[0]);
      if (!inner || inner->op == "=") return std::nullopt;
      inner->op = Negated(inner->op);
      return inner;
    }
    if (!call || call->arguments.size() != 2) return std::nullopt;
    const std::string& op = call->name;
    if (op != "<" && op != "<=" && op != ">" && op != ">=" && op != "=") return std::nullopt;
    const auto a = LinearOf(*call->arguments[0]), b = LinearOf(*call->arguments[1]);
    const auto sum = a && b ? Add(*a, *b, -1) : std::nullopt;
    if (!sum || sum->left_times * sum->right_times != -1) return std::nullopt;
    if (sum->constant == std::numeric_limits<int64_t>::min()) return std::nullopt;
    const bool turned = sum->right_times < 0;
    return Comparison{*sum->left, *sum->right, turned ? Reversed(op) : op,
                      turned ? sum->constant : -sum->constant};
  }

 private:
  std::optional<Linear> LinearOf(const Expr& expr) const {
    if (auto* column = std::get_if<ColumnExpr>(&expr.node)) return OfColumn(column->index);
    if (expr.type.id == TypeId::kIntervalDay && IsConstant(expr)) return OfConstant(expr);
    if (auto* cast = std::get_if<CastExpr>(&expr.node)) {
      const Type &from = cast->value->type, &to = expr.type;
      const bool same = from.id == to.id && from.precision <= to.precision;
      return same ? LinearOf(*cast->value) : std::nullopt;
    }
    auto* call = std::get_if<CallExpr>(&expr.node);
    if (!call || call->arguments.size() != 2 || (call->name != "+" && call->name != "-")) {
      return std::nullopt;
    }
    const auto a = LinearOf(*call->arguments[0]), b = LinearOf(*call->arguments[1]);
    return a && b ? Add(*a, *b, call->name == "+" ? 1 : -1) : std::nullopt;
  }
  std::optional<Linear> OfColumn(size_t column) const {
    Linear linear;
    if (column < left_columns_) {
      if (!Contains(left_, column)) return std::nullopt;
      linear.left = column;
      linear.left_times = 1;
    } else {
      if (!Contains(right_, column - left_columns_)) return std::nullopt;
      linear.right = column - left_columns_;
      linear.right_times = 1;
    }
    return linear;
  }
  static std::optional<Linear> OfConstant(const Expr& expr) {
    const Value value = EvaluateConstant(expr, "UTC");
    if (value.is_null()) return std::nullopt;
    Linear linear;
    linear.constant = std::get<int64_t>(value.data);
    return linear;
  }

  size_t left_columns_;
  const std::vector<size_t>&left_, &right_;
};

void Tighten(const Comparison& comparison, TimeBounds* bounds) {
  const int64_t at = comparison.offset;
  const std::string& op = comparison.op;
  if (op[0] != '<') {
    const int64_t lower = op == ">" ? at + 1 : at;
    bounds->lower = std::max(bounds->lower.value_or(lower), lower);
  }
  if (op[0] != '>') {
    const int64_t upper = op == "<" ? at - 1 : at;
    bounds->upper = std::min(bounds->upper.value_or(upper), upper);
  }
}

// The bounds of every two attributes that are compared, in the order in which they appear.
std::vector<TimeBounds> AllBounds(const Node& node, const Join& join,
                                  const std::vector<size_t>& left,
                                  const std::vector<size_t>& right) {
  std::vector<TimeBounds> all;
  const auto bounds_of = [&](size_t l, size_t r) -> TimeBounds& {
    const auto known = std::find_if(
        all.begin(), all.end(), [&](const TimeBounds& b) { return b.left == l && b.right == r; });
    return known != all.end() ? *known : all.emplace_back(TimeBounds{.left = l, .right = r});
  };
  for (size_t k = 0; k < join.left_keys.size(); ++k) {
    const size_t l = join.left_keys[k], r = join.right_keys[k];
    if (Contains(left, l) && Contains(right, r)) Tighten({l, r, "=", 0}, &bounds_of(l, r));
  }
  if (!join.residual) return all;
  const Comparisons comparisons(node.inputs[0]->schema.size(), left, right);
  std::vector<ExprPtr> terms;
  SplitConjunction(join.residual, &terms);
  for (const ExprPtr& term : terms) {
    if (const auto c = comparisons.Read(*term)) Tighten(*c, &bounds_of(c->left, c->right));
  }
  for (TimeBounds& bounds : all) {
    for (const ExprPtr& term : terms) {
      const auto c = comparisons.Read(*term);
      const bool used = c && c->left == bounds.left && c->right == bounds.right;
      if (!used) bounds.rest.push_back(term);
    }
  }
  return all;
}

// Whether rows of a window may come when the watermark has passed its end.
bool ChangesClosedWindows(const Node& root) {
  bool changes = false;
  ForEachNode(root, [&](const Node& node) {
    if (auto* aggregate = std::get_if<Aggregate>(&node.op)) {
      changes |= aggregate->grace > 0 || aggregate->allowed_lateness > 0;
    } else if (auto* session = std::get_if<SessionAggregate>(&node.op)) {
      changes |= session->grace > 0 || session->allowed_lateness > 0;
    } else if (auto* windows = std::get_if<AssignWindows>(&node.op)) {
      changes |= windows->late_after > 0;
    } else if (auto* top = std::get_if<TopN>(&node.op)) {
      changes |= top->grace > 0 || top->allowed_lateness > 0;
    } else if (auto* over = std::get_if<Over>(&node.op)) {
      changes |= over->grace > 0 || over->allowed_lateness > 0;
    } else if (auto* view = std::get_if<Materialize>(&node.op)) {
      changes |= view->retention > 0;
    } else if (auto* scan = std::get_if<ScanView>(&node.op)) {
      changes |= scan->view->plan && ChangesClosedWindows(*scan->view->plan->root);
    }
  });
  return changes;
}

}  // namespace

std::optional<size_t> FindWindowKey(const Node& node, const Join& join) {
  const WindowColumns &left = node.inputs[0]->properties.window,
                      &right = node.inputs[1]->properties.window;
  // The end of windows of local times does not say when they close.
  if (left.local || right.local || left.proctime != right.proctime) return std::nullopt;
  for (size_t k = 0; k < join.left_keys.size(); ++k) {
    if (left.end != join.left_keys[k] || right.end != join.right_keys[k]) continue;
    const bool late =
        ChangesClosedWindows(*node.inputs[0]) || ChangesClosedWindows(*node.inputs[1]);
    return late ? std::nullopt : std::optional(k);
  }
  return std::nullopt;
}

std::optional<TimeBounds> FindTimeBounds(const Node& node, const Join& join) {
  const Properties &left = node.inputs[0]->properties, &right = node.inputs[1]->properties;
  std::vector<TimeBounds> all = AllBounds(node, join, left.event_times, right.event_times);
  for (TimeBounds& bounds : AllBounds(node, join, left.proctimes, right.proctimes)) {
    bounds.event_time = false;
    all.push_back(std::move(bounds));
  }
  if (all.empty()) return std::nullopt;
  const auto best = std::ranges::find_if(all, &TimeBounds::complete);
  return best != all.end() ? *best : all.front();
}

}  // namespace millrace
