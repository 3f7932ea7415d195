// What joins promise about their output.
#include <algorithm>

#include "planner/join.h"
#include "planner/properties.h"
#include "planner/rewrite.h"
#include "planner/time_bounds.h"

namespace millrace {
namespace {

bool Contains(const std::vector<size_t>& list, size_t value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

// Whether some column of the key is never NULL.
bool HasNotNull(const Node& input) {
  const auto& key = input.properties.key;
  return std::any_of(key.begin(), key.end(),
                     [&](size_t column) { return !input.schema[column].type.nullable; });
}

class JoinKey {
 public:
  JoinKey(const Node& node, const Join& join)
      : join_(join), left_(*node.inputs[0]), right_(*node.inputs[1]) {}

  void Derive(Properties* out) const {
    const Properties &left = left_.properties, &right = right_.properties;
    if (IsHalf(join_.kind)) {
      out->has_key = left.has_key;
      out->key = left.key;
      return;
    }
    if (!left.has_key || !right.has_key) return;
    // Two outer rows, one of each side, would both have a key of NULLs.
    if (join_.kind == JoinKind::kFull && !HasNotNull(left_) && !HasNotNull(right_)) return;
    out->has_key = true;
    if (!KeepsRight(join_.kind) && JoinsByKey(right, join_.right_keys)) {
      out->key = left.key;
    } else if (!KeepsLeft(join_.kind) && JoinsByKey(left, join_.left_keys)) {
      out->key = Shifted(right.key);
    } else {
      out->key = Both();
    }
  }

 private:
  std::vector<size_t> Shifted(std::vector<size_t> key) const {
    for (size_t& column : key) column += left_.schema.size();
    return key;
  }
  // Both keys, but for columns of one that equal columns of the other. In an outer join they do so
  // only in the side that may be missing.
  std::vector<size_t> Both() const {
    std::vector<size_t> left = left_.properties.key, right = right_.properties.key;
    for (size_t k = 0; k < join_.left_keys.size(); ++k) {
      const size_t l = join_.left_keys[k], r = join_.right_keys[k];
      if (!Contains(left, l) || !Contains(right, r)) continue;
      if (!KeepsRight(join_.kind)) {
        std::erase(right, r);
      } else if (!KeepsLeft(join_.kind)) {
        std::erase(left, l);
      }
    }
    right = Shifted(std::move(right));
    left.insert(left.end(), right.begin(), right.end());
    return left;
  }

  const Join& join_;
  const Node &left_, &right_;
};

StateBound StateOf(const Join& join) {
  if (join.window_end) return {StateBound::Kind::kOpenWindows};
  if (join.left_ttl > 0 && join.right_ttl > 0) return {StateBound::Kind::kTtl};
  return {StateBound::Kind::kInputRows};
}

}  // namespace

bool JoinsByKey(const Properties& side, const std::vector<size_t>& join_keys) {
  return side.has_key && std::all_of(side.key.begin(), side.key.end(),
                                     [&](size_t column) { return Contains(join_keys, column); });
}

void KeepClosedRows(const Properties& in, size_t window_end, Properties* out) {
  if (in.append_only || !out->has_key || Contains(out->key, window_end)) return;
  out->key.push_back(window_end);
}

void Shift(size_t by, std::optional<size_t>* column) {
  if (*column) **column += by;
}

// Rows of a window come before the watermark has passed it, or when it does. The columns of a side
// that an outer join fills with NULLs are no window's.
void AddWindow(const Node& node, const Join& join, Properties* out) {
  if (join.kind == JoinKind::kFull) return;
  const bool right = join.kind == JoinKind::kRight;
  const Properties& side = node.inputs[right ? 1 : 0]->properties;
  const size_t shift = right ? node.inputs[0]->schema.size() : 0;
  out->window = side.window;
  Shift(shift, &out->window.start);
  Shift(shift, &out->window.end);
  Shift(shift, &out->window.time);
  for (size_t column : side.event_times) {
    if (column == side.window.end || column == side.window.time) {
      out->event_times.push_back(column + shift);
    }
  }
}

// Time attributes become plain columns: a row may meet partners of any age, so the watermark says
// nothing about the result's times. But for joins that will be made window or interval joins.
Properties JoinProperties(const Node& node, const Join& join) {
  const Properties &left = node.inputs[0]->properties, &right = node.inputs[1]->properties;
  Properties out;
  const bool grows = join.kind == JoinKind::kInner || join.kind == JoinKind::kSemi;
  const bool window = join.window_end || FindWindowKey(node, join);
  const bool appends = left.append_only && right.append_only;
  if (appends && !window) {
    if (const auto bounds = FindTimeBounds(node, join); bounds && bounds->complete()) {
      return IntervalJoinProperties(node, {join, bounds->left, bounds->right, *bounds->lower,
                                           *bounds->upper, bounds->event_time});
    }
  }
  // A window's outer and anti rows come when it closes.
  out.append_only = (grows || window) && appends;
  JoinKey(node, join).Derive(&out);
  if (window) AddWindow(node, join, &out);
  if (window && !appends) {
    out.has_key &= out.window.end.has_value();
    if (out.has_key) KeepClosedRows(out, *out.window.end, &out);
  }
  out.state = StateOf(join);
  return out;
}

Properties FilteredJoinProperties(const Node& node, const Expr& predicate) {
  Join join = std::get<Join>(node.op);
  if (join.kind != JoinKind::kInner) return node.properties;
  std::vector<ExprPtr> terms;
  SplitConjunction(std::make_shared<const Expr>(predicate), &terms);
  AddTerms(std::move(terms), node.inputs[0]->schema.size(), &join);
  return JoinProperties(node, join);
}

// The watermark behind it says less than before it, so that the times by which it joins stay time
// attributes; but not those that outer rows lack.
Properties IntervalJoinProperties(const Node& node, const IntervalJoin& op) {
  Properties out;
  JoinKey(node, op.join).Derive(&out);
  out.state = {StateBound::Kind::kTimeBounds};
  if (!op.event_time) return out;
  if (!KeepsRight(op.join.kind)) out.event_times.push_back(op.left_time);
  if (!KeepsLeft(op.join.kind) && !IsHalf(op.join.kind)) {
    out.event_times.push_back(node.inputs[0]->schema.size() + op.right_time);
  }
  return out;
}

// Each left row, with at most one of the right.
Properties TemporalJoinProperties(const Node& node, const TemporalJoin& op) {
  const Properties& left = node.inputs[0]->properties;
  Properties out;
  out.has_key = left.has_key;
  out.key = left.key;
  if (op.event_time) {
    out.event_times = {op.left_time};
  } else {
    out.proctimes = left.proctimes;
    // The watermark does not wait for the rows that do.
    if (op.retry_attempts == 0) {
      out.event_times = left.event_times;
      out.window = left.window;
    }
  }
  out.state = {op.event_time ? StateBound::Kind::kVersions : StateBound::Kind::kDistinctKeys};
  return out;
}

}  // namespace millrace
