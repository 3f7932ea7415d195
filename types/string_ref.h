// A 16-byte string value: up to 12 bytes inline, otherwise a 4-byte prefix and a pointer.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace millrace {

class StringRef {
 public:
  static constexpr uint32_t kInline = 12;

  StringRef() = default;
  // Does not copy strings longer than kInline: the bytes of `s` must outlive this.
  explicit StringRef(std::string_view s) : size_(static_cast<uint32_t>(s.size())) {
    if (size_ <= kInline) {
      if (size_ > 0) std::memcpy(bytes_, s.data(), size_);
    } else {
      const char* data = s.data();
      std::memcpy(bytes_, data, 4);
      std::memcpy(bytes_ + 4, &data, sizeof data);
    }
  }

  uint32_t size() const { return size_; }
  bool is_inline() const { return size_ <= kInline; }
  const char* data() const {
    if (is_inline()) return bytes_;
    const char* data;
    std::memcpy(&data, bytes_ + 4, sizeof data);
    return data;
  }
  // Valid as long as this object and, for long strings, the memory it points to.
  std::string_view view() const { return {data(), size_}; }

  friend bool operator==(const StringRef& a, const StringRef& b) {
    // Size and prefix decide most comparisons without touching the string.
    return std::memcmp(&a, &b, 8) == 0 && a.view() == b.view();
  }
  friend auto operator<=>(const StringRef& a, const StringRef& b) { return a.view() <=> b.view(); }

 private:
  uint32_t size_ = 0;
  char bytes_[kInline] = {};
};
static_assert(sizeof(StringRef) == 16);

}  // namespace millrace
