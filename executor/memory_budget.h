// How much memory the state of all pipelines may take together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>

namespace millrace {

// Thread-safe.
class MemoryBudget {
 public:
  explicit MemoryBudget(size_t bytes) : bytes_(bytes) {}

  // The pipeline uses that much now; how much it may use: what the others leave, and where all
  // together use too much, as large a part of the budget as it has of that.
  size_t Report(uint32_t pipeline, size_t used) {
    const std::lock_guard lock(mutex_);
    size_t& own = used_[pipeline];
    all_ += used - own;
    own = used;
    if (all_ <= bytes_) return bytes_ - (all_ - used);
    return static_cast<size_t>(static_cast<double>(bytes_) * static_cast<double>(used) /
                               static_cast<double>(all_));
  }
  void Forget(uint32_t pipeline) { Report(pipeline, 0); }

 private:
  const size_t bytes_;
  std::mutex mutex_;  // Guards what follows.
  std::map<uint32_t, size_t> used_;
  size_t all_ = 0;
};

}  // namespace millrace
