// Bump allocation: objects die together.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace {

class Arena {
 public:
  // Memory aligned to 8 bytes, valid until Clear() or destruction.
  char* Allocate(size_t bytes) {
    bytes = (bytes + 7) & ~size_t{7};
    if (bytes > left_) AddBlock(bytes);
    left_ -= bytes;
    return std::exchange(next_, next_ + bytes);
  }
  std::string_view Copy(std::string_view s) {
    char* copy = Allocate(s.size());
    if (!s.empty()) std::memcpy(copy, s.data(), s.size());
    return {copy, s.size()};
  }
  void Clear() {
    blocks_.clear();
    left_ = allocated_ = 0;
  }
  // Bytes taken from the system.
  size_t allocated() const { return allocated_; }

 private:
  static constexpr size_t kFirstBlock = 4 << 10;
  static constexpr size_t kLargestBlock = 1 << 20;

  void AddBlock(size_t bytes) {
    left_ = std::max(bytes, std::clamp(allocated_, kFirstBlock, kLargestBlock));
    allocated_ += left_;
    blocks_.emplace_back(new char[left_]);
    next_ = blocks_.back().get();
  }

  std::vector<std::unique_ptr<char[]>> blocks_;
  char* next_ = nullptr;
  size_t left_ = 0;
  size_t allocated_ = 0;
};

}  // namespace millrace
