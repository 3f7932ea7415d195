// Files of the system; what fails is an Error(kIo) that names the path.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace millrace {

// Owns a file descriptor.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileDescriptor();

  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

// Throws Error(kIo): "cannot ACTION 'PATH': " and what errno says.
[[noreturn]] void ThrowSystemError(std::string_view action, const std::string& path);

// `flags` as in open(2); a new file is readable by all and writable by its owner.
FileDescriptor OpenFile(const std::string& path, int flags);
uint64_t FileSize(const FileDescriptor& file, const std::string& path);
// Reads up to `size` bytes at `offset`; fewer only at the end of the file.
size_t ReadAt(const FileDescriptor& file, uint64_t offset, char* out, size_t size,
              const std::string& path);
// Writes all bytes, `head` first.
void WriteAt(const FileDescriptor& file, uint64_t offset, std::string_view head,
             std::string_view tail, const std::string& path);
// The file's bytes survive a power failure.
void SyncFile(const FileDescriptor& file, const std::string& path);
// The names in the directory survive a power failure.
void SyncDirectory(const std::string& directory);
// The directory that a path's last name is in.
std::string ParentDirectory(const std::string& path);

}  // namespace millrace
