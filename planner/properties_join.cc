// What joins promise about their output.
#include <algorithm>

#include "planner/join.h"
#include "planner/properties.h"

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

// Time attributes become plain columns: a row may meet partners of any age, so the watermark says
// nothing about the result's times.
Properties JoinProperties(const Node& node, const Join& join) {
  const Properties &left = node.inputs[0]->properties, &right = node.inputs[1]->properties;
  Properties out;
  const bool grows = join.kind == JoinKind::kInner || join.kind == JoinKind::kSemi;
  out.append_only = grows && left.append_only && right.append_only;
  JoinKey(node, join).Derive(&out);
  out.state = StateOf(join);
  return out;
}

}  // namespace millrace
