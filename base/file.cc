#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "base/error.h"

namespace millrace {

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) ::close(fd_);
}

void ThrowSystemError(std::string_view action, const std::string& path) {
  const std::string reason = std::generic_category().message(errno);
  throw Error(ErrorCode::kIo, "cannot " + std::string(action) + " '" + path + "': " + reason);
}

FileDescriptor OpenFile(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0644);
  if (fd < 0) ThrowSystemError("open", path);
  return FileDescriptor(fd);
}

uint64_t FileSize(const FileDescriptor& file, const std::string& path) {
  struct stat status;
  if (::fstat(file.get(), &status) != 0) ThrowSystemError("read", path);
  return static_cast<uint64_t>(status.st_size);
}

size_t ReadAt(const FileDescriptor& file, uint64_t offset, char* out, size_t size,
              const std::string& path) {
  size_t done = 0;
  while (done < size) {
    const ssize_t n =
        ::pread(file.get(), out + done, size - done, static_cast<off_t>(offset + done));
    if (n == 0) break;
    if (n > 0) {
      done += static_cast<size_t>(n);
    } else if (errno != EINTR) {
      ThrowSystemError("read", path);
    }
  }
  return done;
}

void WriteAt(const FileDescriptor& file, uint64_t offset, std::string_view head,
             std::string_view tail, const std::string& path) {
  while (!head.empty() || !tail.empty()) {
    const iovec parts[2] = {{const_cast<char*>(head.data()), head.size()},
                            {const_cast<char*>(tail.data()), tail.size()}};
    const ssize_t n = ::pwritev(file.get(), parts, 2, static_cast<off_t>(offset));
    if (n < 0) {
      if (errno == EINTR) continue;
      ThrowSystemError("write", path);
    }
    const auto written = static_cast<size_t>(n);
    const size_t of_head = std::min(written, head.size());
    head.remove_prefix(of_head);
    tail.remove_prefix(written - of_head);
    offset += written;
  }
}

void SyncFile(const FileDescriptor& file, const std::string& path) {
  if (::fdatasync(file.get()) != 0) ThrowSystemError("sync", path);
}

void SyncDirectory(const std::string& directory) {
  const FileDescriptor file = OpenFile(directory, O_RDONLY | O_DIRECTORY);
  if (::fsync(file.get()) != 0) ThrowSystemError("sync", directory);
}

std::string ParentDirectory(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

}  // namespace millrace
