#include "state/data_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "base/error.h"

namespace millrace {
namespace {

constexpr int kFormat = 1;

[[noreturn]] void ThrowUnwritable(const std::string& path, int reason) {
  throw Error(ErrorCode::kDataDirectory, "cannot write to data directory '" + path +
                                             "': " + std::generic_category().message(reason));
}

void CreateDirectory(const std::string& path, const std::string& root) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) ThrowUnwritable(root, error.value());
}

// Whole or not at all, whatever happens meanwhile.
void WriteFormat(const std::string& path, bool sync) {
  const std::string temporary = path + ".new";
  const FileDescriptor file = OpenFile(temporary, O_WRONLY | O_CREAT | O_TRUNC);
  WriteAt(file, 0, std::to_string(kFormat) + "\n", {}, temporary);
  if (sync) SyncFile(file, temporary);
  if (std::rename(temporary.c_str(), path.c_str()) != 0) ThrowSystemError("write", path);
  if (sync) SyncDirectory(ParentDirectory(path));
}

}  // namespace

DataDirectory::DataDirectory(std::string path, bool sync) : path_(std::move(path)) {
  CreateDirectory(path_, path_);
  if (::access(path_.c_str(), W_OK | X_OK) != 0) ThrowUnwritable(path_, errno);
  Lock();
  CheckFormat(sync);
  for (const char* folder : {"/segments", "/journal", "/tables"}) {
    CreateDirectory(path_ + folder, path_);
  }
  if (!sync) return;
  SyncDirectory(path_);
  SyncDirectory(ParentDirectory(path_));
}

void DataDirectory::Lock() {
  const std::string name = path_ + "/LOCK";
  lock_ = FileDescriptor(::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (lock_.get() < 0) ThrowUnwritable(path_, errno);
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) == 0) return;
  if (errno != EWOULDBLOCK) ThrowUnwritable(path_, errno);
  throw Error(ErrorCode::kDataDirectory,
              "data directory '" + path_ + "' is in use by another process");
}

void DataDirectory::CheckFormat(bool sync) const {
  const std::string name = path_ + "/format";
  if (!std::filesystem::exists(name)) return WriteFormat(name, sync);
  char text[16];
  const size_t size = ReadAt(OpenFile(name, O_RDONLY), 0, text, sizeof text, name);
  int format = 0;
  const auto parsed = std::from_chars(text, text + size, format);
  if (parsed.ec != std::errc() || format < 1) {
    throw Error(ErrorCode::kDataDirectory, "'" + name + "' is not a format number");
  }
  if (format <= kFormat) return;
  throw Error(ErrorCode::kDataDirectory,
              "data directory '" + path_ + "' has format " + std::to_string(format) +
                  "; this version of millrace reads up to " + std::to_string(kFormat));
}

}  // namespace millrace
