// Memory for many small records that are named by 32-bit references instead of pointers, so that
// links and indexes between them take half the space. Records never move.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace millrace {

using RowRef = uint32_t;
inline constexpr RowRef kNoRow = 0;

class RowHeap {
 public:
  RowHeap();

  // Uninitialised memory aligned to 8 bytes. Throws Error(kOutOfMemory) beyond 32 GB.
  RowRef Allocate(size_t bytes) {
    const size_t units = UnitsOf(bytes);
    if (units < free_.size() && free_[units] != kNoRow) return TakeFree(units);
    if (units > left_) return AllocateBeyond(units);
    return Take(units);
  }
  // `bytes` as it was allocated.
  void Free(RowRef ref, size_t bytes);

  // Of kNoRow: some place, so that it may be prefetched.
  char* at(RowRef ref) const { return blocks_[ref >> kBlockBits] + (ref & kUnitMask) * kUnit; }
  // Bytes taken from the system.
  size_t bytes() const { return bytes_; }
  // Keeps the memory when the heap is gone, for batches whose strings lie in it.
  const std::shared_ptr<const void>& owner() const { return owner_; }

 private:
  // A reference is a block's number above a place in it. A chunk is one block or several that
  // follow each other in memory and in number.
  static constexpr size_t kUnit = 8;
  static constexpr int kBlockBits = 16;
  static constexpr size_t kBlockUnits = size_t{1} << kBlockBits;
  static constexpr RowRef kUnitMask = kBlockUnits - 1;
  static constexpr size_t kFirstChunk = 4 << 10;
  static constexpr size_t kLargestChunk = 2 << 20;
  static constexpr size_t kLargeRecord = 64 << 10;  // From here on it has a chunk of its own.

  static size_t UnitsOf(size_t bytes) { return (bytes + kUnit - 1) / kUnit; }
  RowRef Take(size_t units) {
    const RowRef ref = next_;
    next_ += static_cast<RowRef>(units);
    left_ -= units;
    return ref;
  }
  RowRef TakeFree(size_t units);
  RowRef AllocateBeyond(size_t units);
  RowRef AddChunk(size_t bytes);

  using Chunks = std::vector<std::unique_ptr<char[]>>;
  std::vector<char*> blocks_;
  std::shared_ptr<Chunks> chunks_;
  std::shared_ptr<const void> owner_;
  std::vector<RowRef> free_;  // By units: the first of a list that runs through the free memory.
  RowRef next_ = kNoRow;
  size_t left_ = 0;  // Units behind `next_`.
  size_t bytes_ = 0;
};

}  // namespace millrace
