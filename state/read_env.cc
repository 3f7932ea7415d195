#include "state/read_env.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "base/file.h"

namespace millrace {
namespace {

class ReadFile final : public leveldb::RandomAccessFile {
 public:
  ReadFile(std::string name, FileDescriptor file) : name_(std::move(name)), file_(std::move(file)) {}

  leveldb::Status Read(uint64_t offset, size_t size, leveldb::Slice* result,
                       char* scratch) const override {
    size_t done = 0;
    while (done < size) {
      const ssize_t got =
          ::pread(file_.get(), scratch + done, size - done, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return leveldb::Status::IOError(name_, std::strerror(errno));
      if (got == 0) break;
      done += static_cast<size_t>(got);
    }
    *result = {scratch, done};
    return leveldb::Status::OK();
  }

 private:
  std::string name_;
  FileDescriptor file_;
};

class ReadEnv final : public leveldb::EnvWrapper {
 public:
  ReadEnv() : EnvWrapper(leveldb::Env::Default()) {}

  leveldb::Status NewRandomAccessFile(const std::string& name,
                                      leveldb::RandomAccessFile** result) override {
    const int file = ::open(name.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) {
      const std::string what = std::strerror(errno);
      return errno == ENOENT ? leveldb::Status::NotFound(name, what)
                             : leveldb::Status::IOError(name, what);
    }
    *result = new ReadFile(name, FileDescriptor(file));
    return leveldb::Status::OK();
  }
};

}  // namespace

std::unique_ptr<leveldb::Env> MakeReadEnv() { return std::make_unique<ReadEnv>(); }

}  // namespace millrace
