// GROUP BY as a list of sets of keys: GROUPING SETS, ROLLUP and CUBE, and the functions that tell
// the sets apart.
#include <algorithm>
#include <map>
#include <numeric>

#include "fmt/format.h"
#include "planner/bind_query.h"
#include "planner/properties.h"

namespace millrace {
namespace {

using Set = std::vector<size_t>;  // Keys.
using Sets = std::vector<Set>;

constexpr size_t kMostSets = 4096;
constexpr size_t kMostArguments = 63;  // Bits of a BIGINT.

void CheckCount(size_t sets, SourceRange range) {
  if (sets <= kMostSets) return;
  throw Error(ErrorCode::kTooLarge,
              fmt::format("GROUP BY stands for more than {} grouping sets", kMostSets), range);
}

void AddKeys(const Set& keys, Set* set) {
  for (size_t key : keys) {
    if (std::ranges::find(*set, key) == set->end()) set->push_back(key);
  }
}

Set Sorted(Set set) {
  std::ranges::sort(set);
  return set;
}

// Every set of `left` with every set of `right`.
Sets Product(const Sets& left, const Sets& right, SourceRange range) {
  CheckCount(left.size() * right.size(), range);
  Sets product;
  for (const Set& a : left) {
    for (const Set& b : right) {
      product.push_back(a);
      AddKeys(b, &product.back());
    }
  }
  return product;
}

// All of the parts, then without the last, and so on to none.
Sets Rollup(const Sets& parts) {
  Sets sets(parts.size() + 1);
  for (size_t s = 0; s < parts.size(); ++s) {
    for (size_t p = 0; p + s < parts.size(); ++p) AddKeys(parts[p], &sets[s]);
  }
  return sets;
}

Sets Cube(const Sets& parts, SourceRange range) {
  CheckCount(parts.size() > 12 ? SIZE_MAX : size_t{1} << parts.size(), range);
  Sets sets(size_t{1} << parts.size());
  for (size_t s = 0; s < sets.size(); ++s) {
    for (size_t p = 0; p < parts.size(); ++p) {
      // The first part is in the first half of the sets.
      if ((s >> (parts.size() - 1 - p) & 1) == 0) AddKeys(parts[p], &sets[s]);
    }
  }
  return sets;
}

void DropDuplicates(Sets* sets) {
  Sets seen;
  std::erase_if(*sets, [&](const Set& set) {
    Set sorted = Sorted(set);
    if (std::ranges::find(seen, sorted) != seen.end()) return true;
    seen.push_back(std::move(sorted));
    return false;
  });
}

// Of the sets with the same keys, which one it is.
std::vector<int64_t> GroupIds(const Sets& sets) {
  std::map<Set, int64_t> seen;
  std::vector<int64_t> ids;
  for (const Set& set : sets) ids.push_back(seen[Sorted(set)]++);
  return ids;
}

}  // namespace

Sets Grouping::BindElement(const ast::GroupElement& element, const ast::Select& select,
                           bool nested) {
  const auto parts = [&] {
    Sets made;
    for (const ast::GroupElement& child : element.children) {
      if (child.kind != ast::GroupKind::kExpr && child.kind != ast::GroupKind::kSet) {
        throw Error(ErrorCode::kBadRequest, "ROLLUP and CUBE take keys and lists of keys only",
                    child.range);
      }
      Set part;
      for (const Set& keys : BindElement(child, select, true)) AddKeys(keys, &part);
      made.push_back(std::move(part));
    }
    return made;
  };
  switch (element.kind) {
    case ast::GroupKind::kExpr: {
      Set keys;
      BindGroup(*element.expr, select, nested, &keys);
      return {std::move(keys)};
    }
    case ast::GroupKind::kSet: {
      Set all;
      for (const Set& part : parts()) AddKeys(part, &all);
      return {std::move(all)};
    }
    case ast::GroupKind::kRollup:
      return Rollup(parts());
    case ast::GroupKind::kCube:
      return Cube(parts(), element.range);
    case ast::GroupKind::kGroupingSets:
      break;
  }
  Sets sets;
  for (const ast::GroupElement& child : element.children) {
    for (Set& set : BindElement(child, select, true)) sets.push_back(std::move(set));
    CheckCount(sets.size(), element.range);
  }
  return sets;
}

void Grouping::BindSets(const ast::Select& select) {
  Sets sets(1);
  for (const ast::GroupElement& element : select.group_by) {
    sets = Product(sets, BindElement(element, select, false), element.range);
  }
  if (select.group_by_distinct) DropDuplicates(&sets);
  // One set has all the keys: that is a plain GROUP BY.
  if (sets.size() == 1) return;
  sets_ = std::move(sets);
  for (size_t key = 0; key < keys_.size(); ++key) {
    if (IsEverywhere(key)) continue;
    // The key may be NULL in the result, and what is made of it.
    ForEachColumn(*keys_[key], [&](size_t column) {
      if (column < input_.scope.columns.size()) input_.scope.columns[column].type.nullable = true;
    });
  }
}

bool Grouping::HasKey(size_t set, size_t key) const {
  return std::ranges::find(sets_[set], key) != sets_[set].end();
}

bool Grouping::IsEverywhere(size_t key) const {
  for (size_t set = 0; set < sets_.size(); ++set) {
    if (!HasKey(set, key)) return false;
  }
  return true;
}

// A bit for each argument, the last one's the lowest: 1 where the set does not have that key.
std::vector<int64_t> Grouping::GroupingBits(const ast::FunctionCall& call, SourceRange range) {
  if (call.args.empty() || call.args.size() > kMostArguments) {
    throw Error(ErrorCode::kFunctionNotFound,
                fmt::format("{} takes 1 to {} group keys", UpperName(call), kMostArguments), range);
  }
  std::vector<int64_t> bits(std::max<size_t>(1, sets_.size()));
  for (const ast::FunctionArg& argument : call.args) {
    const ExprPtr expr = binder_->Bind(*argument.value, input_.scope);
    const auto key =
        std::ranges::find_if(keys_, [&](const ExprPtr& k) { return SameExpr(*k, *expr); });
    if (key == keys_.end()) {
      throw Error(ErrorCode::kBadRequest,
                  fmt::format("{} needs a key of GROUP BY", UpperName(call)),
                  argument.value->range);
    }
    const size_t index = static_cast<size_t>(key - keys_.begin());
    for (size_t set = 0; set < bits.size(); ++set) {
      bits[set] = bits[set] << 1 | static_cast<int64_t>(!sets_.empty() && !HasKey(set, index));
    }
  }
  return bits;
}

// GROUPING, GROUPING_ID and GROUP_ID are functions of the set's number.
ExprPtr Grouping::BindGroupingFunction(const ast::FunctionCall& call, SourceRange range) {
  std::vector<int64_t> values;
  if (UpperName(call) != "GROUP_ID") {
    values = GroupingBits(call, range);
  } else if (!call.args.empty()) {
    throw Error(ErrorCode::kFunctionNotFound, "GROUP_ID takes no arguments", range);
  } else {
    values = sets_.empty() ? std::vector<int64_t>{0} : GroupIds(sets_);
  }
  const Type type(TypeId::kBigInt, false);
  std::map<int64_t, std::vector<Value>> sets;
  for (size_t set = 0; set < values.size(); ++set) {
    Value number;
    number.data = static_cast<int64_t>(set);
    sets[values[set]].push_back(std::move(number));
  }
  CaseExpr by_set;
  const ExprPtr number = MakeColumnExpr(set_column_, Type(TypeId::kInteger, false), range);
  for (auto& [value, of_value] : sets) {
    ExprPtr literal = MakeLiteral({value}, type, range);
    if (by_set.whens.size() + 1 == sets.size()) {
      by_set.otherwise = std::move(literal);
      break;
    }
    by_set.whens.emplace_back(MakeIn(number, std::move(of_value), false, range),
                              std::move(literal));
  }
  if (by_set.whens.empty()) return by_set.otherwise;
  return std::make_shared<const Expr>(Expr{type, range, std::move(by_set)});
}

// Sorts the keys by `order`: key i is what was order[i].
void Grouping::MoveKeys(const std::vector<size_t>& order) {
  std::vector<ExprPtr> keys;
  std::vector<size_t> places(order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    keys.push_back(keys_[order[i]]);
    places[order[i]] = i;
  }
  keys_ = std::move(keys);
  for (Set& set : sets_) {
    for (size_t& key : set) key = places[key];
  }
}

// Sessions are those of the rows with equal keys, of which each set has others.
void Grouping::BindSessionsOfSets(const ast::Select& select) {
  BindSets(select);
  if (!subquery_keys_.empty()) {
    ThrowUnsupported("GROUPING SETS of subqueries over SESSION windows are", range_);
  }
  ExpandInput();
  const size_t first = keys_.size();
  for (const ast::GroupElement& element : select.group_by) {
    if (element.kind == ast::GroupKind::kExpr) BindGroupWindow(*element.expr, select);
  }
  for (size_t key = first; key < keys_.size(); ++key) {
    for (Set& set : sets_) set.push_back(key);
  }
}

void Grouping::ExpandInput() {
  const std::vector<size_t> columns = ColumnsOf(keys_, range_);
  set_keys_ = columns;
  if (sets_.empty()) return;
  Expand expand;
  expand.sets.resize(sets_.size());
  size_t place = input_.node->schema.size();
  for (size_t key = 0; key < keys_.size(); ++key) {
    if (IsEverywhere(key)) continue;
    for (size_t set = 0; set < sets_.size(); ++set) expand.sets[set].push_back(HasKey(set, key));
    expand.keys.push_back(columns[key]);
    (*set_keys_)[key] = place++;
  }
  set_keys_->push_back(place);
  input_.node = MakeExpand(std::move(input_.node), std::move(expand), range_);
  const auto column = [&](size_t i) {
    return MakeColumnExpr(i, input_.node->schema[i].type, range_);
  };
  for (size_t key = 0; key < keys_.size(); ++key) {
    expanded_[keys_[key].get()] = column((*set_keys_)[key]);
  }
  set_expr_ = column(place);
}

// Each row once for every set, and the number of the set as the last key.
NodePtr Grouping::ExpandToSets(NodePtr input, Aggregate* aggregate) const {
  if (sets_.empty() || set_expr_) return input;
  const size_t columns = input->schema.size();
  Expand expand;
  expand.sets.resize(sets_.size());
  for (size_t key = 0; key < keys_.size(); ++key) {
    if (IsEverywhere(key)) continue;
    for (size_t set = 0; set < sets_.size(); ++set) expand.sets[set].push_back(HasKey(set, key));
    expand.keys.push_back(aggregate->keys[key]);
    aggregate->keys[key] = columns + expand.keys.size() - 1;
  }
  for (size_t set = 0; set < sets_.size(); ++set) {
    if (sets_[set].empty()) aggregate->empty_sets.push_back(static_cast<int32_t>(set));
  }
  aggregate->keys.push_back(columns + expand.keys.size());
  return MakeExpand(std::move(input), std::move(expand), range_);
}

}  // namespace millrace
