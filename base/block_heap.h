// Memory in blocks of any size that are freed one by one and used again.
#pragma once

#include <vector>

#include "base/arena.h"

namespace millrace {

class BlockHeap {
 public:
  // Aligned to 8 bytes.
  char* Allocate(size_t bytes) {
    const size_t units = Units(bytes);
    if (units >= free_.size() || free_[units].empty()) return arena_.Allocate(units * kUnit);
    char* block = free_[units].back();
    free_[units].pop_back();
    return block;
  }
  // `bytes` as it was allocated with.
  void Free(char* block, size_t bytes) {
    const size_t units = Units(bytes);
    if (units >= free_.size()) free_.resize(units + 1);
    free_[units].push_back(block);
  }
  // Whether a block for `a` bytes is as large as one for `b`.
  static bool SameSize(size_t a, size_t b) { return Units(a) == Units(b); }
  size_t allocated() const { return arena_.allocated(); }

 private:
  static constexpr size_t kUnit = 16;
  static size_t Units(size_t bytes) { return (bytes + kUnit - 1) / kUnit; }

  Arena arena_;
  std::vector<std::vector<char*>> free_;  // By size in units.
};

}  // namespace millrace
