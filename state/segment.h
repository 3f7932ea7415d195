// Segment files: the sorted state changes of one epoch (format: state/store.h).
#pragma once

#include <span>
#include <string>

#include "base/file.h"
#include "state/state_writer.h"

namespace millrace {

// Sorts the writers' changes, keeps the last one of each key, and writes them to the file, synced
// if `sync`. Throws Error(kIo).
void WriteSegment(const std::string& path, std::span<const StateWriter> writers, bool sync);

// Reads the changes of a segment in their order. One thread.
class SegmentReader {
 public:
  // Throws Error(kIo) unless the whole file is there and matches its checksum.
  explicit SegmentReader(std::string path);

  // False behind the last change. The views are valid until the next call.
  bool Next(StateChange* change);

 private:
  void Verify();
  [[noreturn]] void ThrowDamaged() const;
  // Bytes [at_, at_ + size) of the buffer, read if need be.
  const char* Take(size_t size);
  uint32_t TakeVarint();

  std::string path_;
  FileDescriptor file_;
  uint64_t entries_ = 0;      // Still to come.
  uint64_t entries_end_ = 0;  // Where the footer begins.
  std::string buffer_;
  uint64_t buffer_offset_ = 0;  // Of the buffer in the file.
  size_t at_ = 0;
};

}  // namespace millrace
