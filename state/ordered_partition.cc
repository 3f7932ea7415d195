#include "state/ordered_partition.h"

#include <algorithm>

namespace millrace {

template <class Before>
OrderedPartition::Place OrderedPartition::Find(Before before) const {
  if (leaves_.empty()) return {0, 0};
  // Most rows come behind all others.
  if (before(GroupTable::key(leaves_.back().rows.back()))) {
    return {leaves_.size() - 1, leaves_.back().rows.size()};
  }
  const auto leaf = std::partition_point(leaves_.begin(), leaves_.end(), [&](const Leaf& l) {
    return before(GroupTable::key(l.rows.back()));
  });
  const auto row = std::partition_point(leaf->rows.begin(), leaf->rows.end(),
                                        [&](const char* r) { return before(GroupTable::key(r)); });
  return {static_cast<size_t>(leaf - leaves_.begin()),
          static_cast<size_t>(row - leaf->rows.begin())};
}

size_t OrderedPartition::PositionOf(Place place) const {
  return leaves_.empty() ? 0 : leaves_[place.leaf].begin + place.at;
}

size_t OrderedPartition::LowerBound(std::string_view bound) const {
  return PositionOf(Find([&](std::string_view key) { return key < bound; }));
}

size_t OrderedPartition::UpperBound(std::string_view bound) const {
  return PositionOf(
      Find([&](std::string_view key) { return key.substr(0, bound.size()) <= bound; }));
}

void OrderedPartition::Insert(char* row, size_t copies) {
  if (leaves_.empty()) leaves_.emplace_back();
  Place place{0, 0};
  if (!leaves_[0].rows.empty()) {
    const std::string_view key = GroupTable::key(row);
    place = Find([&](std::string_view other) { return other <= key; });
  }
  std::vector<char*>& rows = leaves_[place.leaf].rows;
  const bool at_end = place.leaf + 1 == leaves_.size() && place.at == rows.size();
  rows.insert(rows.begin() + static_cast<ptrdiff_t>(place.at), copies, row);
  Changed(place.leaf);
  if (rows.size() > kLeafRows) Split(place.leaf, at_end);
}

// Into leaves that are full, where rows are appended, else half full.
void OrderedPartition::Split(size_t leaf, bool at_end) {
  std::vector<char*> rows = std::move(leaves_[leaf].rows);
  const size_t part = at_end ? kLeafRows : kLeafRows / 2;
  std::vector<Leaf> behind;
  for (size_t begin = part; begin < rows.size(); begin += part) {
    const size_t end = std::min(begin + part, rows.size());
    behind.emplace_back().rows.assign(rows.begin() + static_cast<ptrdiff_t>(begin),
                                      rows.begin() + static_cast<ptrdiff_t>(end));
  }
  rows.resize(part);
  leaves_[leaf].rows = std::move(rows);
  leaves_.insert(leaves_.begin() + static_cast<ptrdiff_t>(leaf) + 1,
                 std::make_move_iterator(behind.begin()), std::make_move_iterator(behind.end()));
}

void OrderedPartition::Remove(char* row, size_t copies) {
  const std::string_view key = GroupTable::key(row);
  const Place place = Find([&](std::string_view other) { return other < key; });
  Changed(place.leaf);
  size_t leaf = place.leaf, at = place.at;
  while (copies > 0) {
    std::vector<char*>& rows = leaves_[leaf].rows;
    const size_t here = std::min(copies, rows.size() - at);
    assert(here > 0 && rows[at] == row);
    const auto first = rows.begin() + static_cast<ptrdiff_t>(at);
    rows.erase(first, first + static_cast<ptrdiff_t>(here));
    copies -= here;
    if (rows.empty()) {
      leaves_.erase(leaves_.begin() + static_cast<ptrdiff_t>(leaf));
    } else if (copies > 0) {
      ++leaf;
    }
    at = 0;
  }
  if (place.leaf < leaves_.size()) Join(place.leaf);
}

// Takes the leaf behind in when both are small.
void OrderedPartition::Join(size_t leaf) {
  if (leaf + 1 >= leaves_.size()) return;
  std::vector<char*>&rows = leaves_[leaf].rows, &next = leaves_[leaf + 1].rows;
  if (rows.size() + next.size() > kLeafRows / 2) return;
  rows.insert(rows.end(), next.begin(), next.end());
  leaves_.erase(leaves_.begin() + static_cast<ptrdiff_t>(leaf) + 1);
}

void OrderedPartition::Renumber() {
  for (size_t i = renumber_from_; i < leaves_.size(); ++i) {
    leaves_[i].begin = i == 0 ? 0 : leaves_[i - 1].begin + leaves_[i - 1].rows.size();
  }
  renumber_from_ = SIZE_MAX;
}

size_t OrderedPartition::LeafOf(size_t position) const {
  assert(position < size());
  const auto behind = std::upper_bound(leaves_.begin(), leaves_.end(), position,
                                       [](size_t at, const Leaf& leaf) { return at < leaf.begin; });
  return static_cast<size_t>(behind - leaves_.begin()) - 1;
}

char* OrderedPartition::At(size_t position) const {
  const Leaf& leaf = leaves_[LeafOf(position)];
  return leaf.rows[position - leaf.begin];
}

void OrderedPartition::Copy(size_t begin, size_t end, std::vector<char*>* rows) const {
  if (begin >= end) return;
  for (size_t i = LeafOf(begin); i < leaves_.size() && leaves_[i].begin < end; ++i) {
    const Leaf& leaf = leaves_[i];
    const size_t from = std::max(begin, leaf.begin) - leaf.begin;
    const size_t to = std::min(end - leaf.begin, leaf.rows.size());
    rows->insert(rows->end(), leaf.rows.begin() + static_cast<ptrdiff_t>(from),
                 leaf.rows.begin() + static_cast<ptrdiff_t>(to));
  }
}

}  // namespace millrace
