// The rows of one partition in the order of their keys: a list of leaves.
//
// A place is found in O(log rows) from a key and in O(log leaves) from a position, and appending at
// the end touches the last leaf only. Rows are those of a GroupTable, which own their keys.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "state/group_table.h"

namespace millrace {

class OrderedPartition {
 public:
  static constexpr size_t kLeafRows = 256;

  struct Leaf {
    std::vector<char*> rows;  // Never empty.
    size_t begin = 0;         // Position of its first row in the partition.
    // For the owner: what it knows of the rows before this leaf. Null until it is set, and in a
    // leaf that a split made.
    std::unique_ptr<char[]> data;
  };

  // `key` begins the keys of all rows, which are a GroupTable's.
  explicit OrderedPartition(std::string_view key) : key_(key) {}

  std::string_view key() const { return key_; }
  bool empty() const { return leaves_.empty(); }
  size_t size() const {  // Places in the order.
    return leaves_.empty() ? 0 : leaves_.back().begin + leaves_.back().rows.size();
  }

  // Puts the row in its place `copies` times, or takes it out as often; positions are right again
  // after Renumber(). REQUIRES (Remove): it is there so often.
  void Insert(char* row, size_t copies);
  void Remove(char* row, size_t copies);
  void Renumber();
  void Clear() { leaves_.clear(); }

  char* At(size_t position) const;
  // Appends the rows at [begin, end).
  void Copy(size_t begin, size_t end, std::vector<char*>* rows) const;
  // The first position whose key is not less than `bound`; size() when there is none.
  size_t LowerBound(std::string_view bound) const;
  // The first position behind all keys that are less than `bound` or begin with it.
  size_t UpperBound(std::string_view bound) const;

  std::vector<Leaf>& leaves() { return leaves_; }
  const std::vector<Leaf>& leaves() const { return leaves_; }
  size_t LeafOf(size_t position) const;  // REQUIRES: position < size().

  int64_t tag = 0;  // For the owner.

 private:
  struct Place {
    size_t leaf, at;
  };
  // The first place of which before(key) does not hold, in the last leaf if there is none.
  template <class Before>
  Place Find(Before before) const;
  size_t PositionOf(Place place) const;
  void Changed(size_t leaf) { renumber_from_ = std::min(renumber_from_, leaf); }
  void Split(size_t leaf, bool at_end);
  void Join(size_t leaf);

  std::string_view key_;
  std::vector<Leaf> leaves_;
  size_t renumber_from_ = SIZE_MAX;
};

}  // namespace millrace
