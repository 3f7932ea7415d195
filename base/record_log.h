// An append-only file of checksummed records: the step journal and the logs of embedded tables.
//
//   file   := record*
//   record := size:fixed32 crc32c:fixed32 payload   (little-endian; crc of the size and the
//   payload)
// A torn or corrupt tail (a crash while appending) is cut off when the file is opened for writing.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/file.h"

namespace millrace {

// Not thread-safe, but for Sync(), which may run beside Append().
class RecordLog {
 public:
  // Opens or creates the file and finds its valid end. Throws Error(kIo).
  explicit RecordLog(std::string path);
  RecordLog(const RecordLog&) = delete;
  RecordLog& operator=(const RecordLog&) = delete;

  // Returns the offset behind the record. Written to the OS (survives kill -9), not synced. Throws
  // Error(kIo), and Error(kTooLarge) from 4 GiB on; the file is then as it was before.
  uint64_t Append(std::string_view payload);
  // What was appended before the call survives a power failure after it.
  void Sync();
  // Writes the bytes from `offset` on once more and syncs: after a sync that has failed, the kernel
  // may hold what was not saved for clean.
  void WriteAgain(uint64_t offset);
  uint64_t end() const { return end_; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  FileDescriptor file_;
  uint64_t end_ = 0;
  std::atomic<bool> name_synced_ = false;
};

// Reads records of a file that may still grow. Thread-compatible.
class RecordLogReader {
 public:
  explicit RecordLogReader(std::string path);
  RecordLogReader(const RecordLogReader&) = delete;
  RecordLogReader& operator=(const RecordLogReader&) = delete;

  // The record at `offset` and where the next one begins; nothing at the end of what is whole.
  // Throws Error(kIo) when a whole record's checksum does not match.
  struct Record {
    std::string payload;
    uint64_t next = 0;
  };
  std::optional<Record> Read(uint64_t offset);

  // Where the records that are whole and match their checksums end.
  uint64_t FindValidEnd();

 private:
  enum class Found : uint8_t { kRecord, kNothing, kCorrupt };
  Found Find(uint64_t offset, std::string_view* payload);
  // The bytes there, valid until the next call; nothing if the file is shorter.
  const char* Bytes(uint64_t offset, size_t size);

  std::string path_;
  FileDescriptor file_;
  std::string buffer_;
  uint64_t buffer_offset_ = 0;
};

// The checksum of `bytes` behind other bytes whose checksum is `before`.
uint32_t Crc32c(std::string_view bytes, uint32_t before = 0);

}  // namespace millrace
