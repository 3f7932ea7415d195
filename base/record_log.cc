#include "base/record_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "base/error.h"

namespace millrace {
namespace {

constexpr size_t kBufferSize = 256 << 10;

struct Header {
  uint32_t size;
  uint32_t crc;
};
static_assert(sizeof(Header) == 8);

// The size counts too, lest zeros behind the end of a file pass for empty records.
uint32_t Checksum(std::string_view payload) {
  const auto size = static_cast<uint32_t>(payload.size());
  return Crc32c(payload, Crc32c({reinterpret_cast<const char*>(&size), sizeof size}));
}

}  // namespace

RecordLog::RecordLog(std::string path)
    : path_(std::move(path)), file_(OpenFile(path_, O_RDWR | O_CREAT)) {
  end_ = RecordLogReader(path_).FindValidEnd();
  if (end_ == FileSize(file_, path_)) return;
  if (::ftruncate(file_.get(), static_cast<off_t>(end_)) != 0) ThrowSystemError("write", path_);
}

uint64_t RecordLog::Append(std::string_view payload) {
  if (payload.size() > std::numeric_limits<uint32_t>::max()) {
    throw Error(ErrorCode::kTooLarge, "a record of '" + path_ + "' is larger than 4 GiB");
  }
  const Header header{static_cast<uint32_t>(payload.size()), Checksum(payload)};
  const std::string_view head(reinterpret_cast<const char*>(&header), sizeof header);
  try {
    WriteAt(file_, end_, head, payload, path_);
  } catch (const Error&) {
    // Readers must not meet half of it below a later record. If this fails too, the next record is
    // written over it.
    [[maybe_unused]] const int result = ::ftruncate(file_.get(), static_cast<off_t>(end_));
    throw;
  }
  end_ += head.size() + payload.size();
  return end_;
}

void RecordLog::Sync() {
  SyncFile(file_, path_);
  if (name_synced_) return;
  SyncDirectory(ParentDirectory(path_));
  name_synced_ = true;
}

void RecordLog::WriteAgain(uint64_t offset) {
  std::string bytes;
  for (uint64_t at = offset; at < end_; at += bytes.size()) {
    bytes.resize(std::min<uint64_t>(kBufferSize, end_ - at));
    if (ReadAt(file_, at, bytes.data(), bytes.size(), path_) != bytes.size()) {
      throw Error(ErrorCode::kIo, "'" + path_ + "' has become shorter");
    }
    WriteAt(file_, at, bytes, {}, path_);
  }
  name_synced_ = false;
  Sync();
}

RecordLogReader::RecordLogReader(std::string path)
    : path_(std::move(path)), file_(OpenFile(path_, O_RDONLY)) {}

const char* RecordLogReader::Bytes(uint64_t offset, size_t size) {
  if (offset < buffer_offset_ || offset + size > buffer_offset_ + buffer_.size()) {
    const uint64_t file_size = FileSize(file_, path_);
    if (offset + size > file_size) return nullptr;
    if (buffer_.capacity() > 2 * kBufferSize) buffer_ = {};
    buffer_.resize(std::max<uint64_t>(size, std::min(kBufferSize, file_size - offset)));
    buffer_.resize(ReadAt(file_, offset, buffer_.data(), buffer_.size(), path_));
    buffer_offset_ = offset;
    if (buffer_.size() < size) return nullptr;
  }
  return buffer_.data() + (offset - buffer_offset_);
}

RecordLogReader::Found RecordLogReader::Find(uint64_t offset, std::string_view* payload) {
  const char* bytes = Bytes(offset, sizeof(Header));
  if (!bytes) return Found::kNothing;
  Header header;
  std::memcpy(&header, bytes, sizeof header);
  bytes = Bytes(offset, sizeof header + header.size);
  if (!bytes) return Found::kNothing;
  // Between the two calls a failed append may have given way to another.
  if (std::memcmp(&header, bytes, sizeof header) != 0) return Found::kNothing;
  *payload = {bytes + sizeof header, header.size};
  return Checksum(*payload) == header.crc ? Found::kRecord : Found::kCorrupt;
}

std::optional<RecordLogReader::Record> RecordLogReader::Read(uint64_t offset) {
  std::string_view payload;
  switch (Find(offset, &payload)) {
    case Found::kNothing:
      return {};
    case Found::kCorrupt:
      throw Error(ErrorCode::kIo, "'" + path_ + "' is damaged at offset " + std::to_string(offset));
    case Found::kRecord:
      break;
  }
  return Record{std::string(payload), offset + sizeof(Header) + payload.size()};
}

uint64_t RecordLogReader::FindValidEnd() {
  uint64_t end = 0;
  std::string_view payload;
  while (Find(end, &payload) == Found::kRecord) end += sizeof(Header) + payload.size();
  return end;
}

}  // namespace millrace
