#include "connectors/compression.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/error.h"

namespace millrace {
namespace {

constexpr size_t kInputBuffer = 256 << 10;

class FileReader final : public ByteReader {
 public:
  FileReader(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~FileReader() override { ::close(fd_); }
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;

  size_t Read(char* to, size_t size) override {
    ssize_t got;
    do {
      got = ::read(fd_, to, size);
    } while (got < 0 && errno == EINTR);
    if (got < 0) throw Error(ErrorCode::kIo, "cannot read " + path_ + ": " + std::strerror(errno));
    return static_cast<size_t>(got);
  }

  void SeekTo(uint64_t offset) override { ::lseek(fd_, static_cast<off_t>(offset), SEEK_SET); }

  const std::string& path() const { return path_; }

 private:
  const int fd_;
  const std::string path_;
};

// What both decompressors share: the compressed bytes that are not used yet.
class CompressedReader : public ByteReader {
 public:
  explicit CompressedReader(std::unique_ptr<FileReader> file)
      : file_(std::move(file)), input_(kInputBuffer) {}

  bool truncated() const override { return at_end_ && !between_members_; }

 protected:
  // False when there is no more input.
  bool Fill() {
    if (begin_ < end_) return true;
    begin_ = 0;
    end_ = file_->Read(input_.data(), input_.size());
    at_end_ = end_ == 0;
    return !at_end_;
  }
  [[noreturn]] void ThrowCorrupt(const char* what) const {
    throw Error(ErrorCode::kIo, "cannot decompress " + file_->path() + ": " + what);
  }

  std::unique_ptr<FileReader> file_;
  std::vector<char> input_;
  size_t begin_ = 0, end_ = 0;
  bool at_end_ = false;
  bool between_members_ = true;  // A member or frame is complete and no next one has begun.
};

class GzipReader final : public CompressedReader {
 public:
  explicit GzipReader(std::unique_ptr<FileReader> file) : CompressedReader(std::move(file)) {
    constexpr int kGzipWindow = 15 + 16;
    if (inflateInit2(&stream_, kGzipWindow) != Z_OK) ThrowCorrupt("out of memory");
  }
  ~GzipReader() override { inflateEnd(&stream_); }
  GzipReader(const GzipReader&) = delete;
  GzipReader& operator=(const GzipReader&) = delete;

  size_t Read(char* to, size_t size) override {
    stream_.next_out = reinterpret_cast<Bytef*>(to);
    stream_.avail_out = static_cast<uInt>(std::min<size_t>(size, 1u << 30));
    const size_t wanted = stream_.avail_out;
    while (stream_.avail_out == wanted && Fill()) {
      if (between_members_) inflateReset(&stream_);
      between_members_ = false;
      stream_.next_in = reinterpret_cast<Bytef*>(input_.data() + begin_);
      stream_.avail_in = static_cast<uInt>(end_ - begin_);
      const int result = inflate(&stream_, Z_NO_FLUSH);
      begin_ = end_ - stream_.avail_in;
      if (result == Z_STREAM_END) {
        between_members_ = true;
      } else if (result != Z_OK && result != Z_BUF_ERROR) {
        ThrowCorrupt(stream_.msg != nullptr ? stream_.msg : "not a gzip file");
      }
    }
    return wanted - stream_.avail_out;
  }

 private:
  z_stream stream_{};
};

class ZstdReader final : public CompressedReader {
 public:
  explicit ZstdReader(std::unique_ptr<FileReader> file)
      : CompressedReader(std::move(file)), stream_(ZSTD_createDStream()) {}
  ~ZstdReader() override { ZSTD_freeDStream(stream_); }
  ZstdReader(const ZstdReader&) = delete;
  ZstdReader& operator=(const ZstdReader&) = delete;

  size_t Read(char* to, size_t size) override {
    ZSTD_outBuffer out{to, size, 0};
    // A full output may leave decompressed bytes inside zstd, for which no input is needed.
    while (out.pos == 0 && (pending_ || Fill())) {
      ZSTD_inBuffer in{input_.data() + begin_, end_ - begin_, 0};
      const size_t result = ZSTD_decompressStream(stream_, &out, &in);
      if (ZSTD_isError(result) != 0) ThrowCorrupt(ZSTD_getErrorName(result));
      begin_ += in.pos;
      between_members_ = result == 0;
      pending_ = out.pos == out.size && result != 0;
    }
    return out.pos;
  }

 private:
  ZSTD_DStream* const stream_;
  bool pending_ = false;
};

}  // namespace

void ByteReader::SeekTo(uint64_t offset) {
  std::vector<char> buffer(kInputBuffer);
  while (offset > 0) {
    const size_t got = Read(buffer.data(), std::min<uint64_t>(offset, buffer.size()));
    if (got == 0) return;
    offset -= got;
  }
}

bool IsCompressed(std::string_view name) { return name.ends_with(".gz") || name.ends_with(".zst"); }

std::unique_ptr<ByteReader> OpenForReading(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) return nullptr;
  if (fd < 0) throw Error(ErrorCode::kIo, "cannot open " + path + ": " + std::strerror(errno));
  auto file = std::make_unique<FileReader>(fd, path);
  if (path.ends_with(".gz")) return std::make_unique<GzipReader>(std::move(file));
  if (path.ends_with(".zst")) return std::make_unique<ZstdReader>(std::move(file));
  return file;
}

}  // namespace millrace
