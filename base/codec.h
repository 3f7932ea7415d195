// Little binary records: fixed 64-bit numbers and length-prefixed strings, one after another.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/error.h"

namespace millrace {

class Encoder64 {
 public:
  Encoder64& Put(uint64_t v) {
    bytes_.append(reinterpret_cast<const char*>(&v), sizeof v);
    return *this;
  }
  Encoder64& Put(std::string_view s) {
    Put(static_cast<uint64_t>(s.size()));
    bytes_.append(s);
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// Throws Error(kIo) when the bytes end early: what was written by another version.
class Decoder64 {
 public:
  explicit Decoder64(std::string_view bytes) : bytes_(bytes) {}

  bool empty() const { return bytes_.empty(); }
  uint64_t Number() {
    uint64_t v;
    std::memcpy(&v, Need(sizeof v), sizeof v);
    bytes_.remove_prefix(sizeof v);
    return v;
  }
  std::string String() {
    const uint64_t size = Number();
    std::string s(Need(size), size);
    bytes_.remove_prefix(size);
    return s;
  }

 private:
  const char* Need(uint64_t size) const {
    if (bytes_.size() < size) throw Error(ErrorCode::kIo, "a stored record is cut short");
    return bytes_.data();
  }
  std::string_view bytes_;
};

}  // namespace millrace
