// Reading files as a stream of bytes, decompressed by their suffix.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace millrace {

class ByteReader {
 public:
  virtual ~ByteReader() = default;
  // Up to `size` bytes; 0 only at the end of what the file holds now. Throws Error(kIo).
  virtual size_t Read(char* to, size_t size) = 0;
  // Goes forward to byte `offset` of the decompressed stream, or to its end if that is before.
  virtual void SeekTo(uint64_t offset);
  // After the end was read: the compressed stream breaks off.
  virtual bool truncated() const { return false; }
};

// ".gz" and ".zst" name compressed files.
bool IsCompressed(std::string_view name);

// Null when there is no such file any more. Throws Error(kIo) when it cannot be opened.
std::unique_ptr<ByteReader> OpenForReading(const std::string& path);

}  // namespace millrace
