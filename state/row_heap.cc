#include "state/row_heap.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "base/error.h"

namespace millrace {

RowHeap::RowHeap() : chunks_(std::make_shared<Chunks>()), owner_(chunks_) {
  next_ = AddChunk(kFirstChunk);
  left_ = kFirstChunk / kUnit;
  Take(1);  // The first place has the reference that means none.
}

RowRef RowHeap::TakeFree(size_t units) {
  const RowRef ref = free_[units];
  std::memcpy(&free_[units], at(ref), sizeof(RowRef));
  return ref;
}

void RowHeap::Free(RowRef ref, size_t bytes) {
  const size_t units = UnitsOf(bytes);
  if (units >= free_.size()) free_.resize(units + 1, kNoRow);
  std::memcpy(at(ref), &free_[units], sizeof(RowRef));
  free_[units] = ref;
}

// Numbers for new blocks over `bytes` bytes of memory.
RowRef RowHeap::AddChunk(size_t bytes) {
  constexpr size_t kBlockBytes = kBlockUnits * kUnit;
  const size_t first = blocks_.size();
  const size_t count = (bytes + kBlockBytes - 1) / kBlockBytes;
  if (first + count > kBlockUnits) {
    throw Error(ErrorCode::kOutOfMemory,
                "a join's state on one partition of the pipeline is over 32 GB", {},
                "more partitions have more room");
  }
  chunks_->push_back(std::make_unique_for_overwrite<char[]>(bytes));
  char* memory = chunks_->back().get();
  for (size_t b = 0; b < count; ++b) blocks_.push_back(memory + b * kBlockBytes);
  bytes_ += bytes;
  return static_cast<RowRef>(first << kBlockBits);
}

RowRef RowHeap::AllocateBeyond(size_t units) {
  if (units * kUnit >= kLargeRecord) return AddChunk(units * kUnit);
  const size_t bytes = std::clamp(bytes_, kLargeRecord, kLargestChunk);
  next_ = AddChunk(bytes);
  left_ = bytes / kUnit;
  return Take(units);
}

}  // namespace millrace
