#include "state/segment.h"

#include <fcntl.h>

#include <algorithm>
#include <cstring>
#include <tuple>
#include <vector>

#include "base/error.h"
#include "base/record_log.h"

namespace millrace {
namespace {

constexpr size_t kBufferSize = 256 << 10;
constexpr char kMagic[8] = {'M', 'R', 'S', 'E', 'G', '1', 0, 0};

#pragma pack(push, 1)
struct Footer {
  uint64_t entries;
  uint32_t crc;
  char magic[8];
};
struct EntryHead {
  uint8_t deleted;
  uint32_t op;
  uint8_t vnode;
};
#pragma pack(pop)
static_assert(sizeof(Footer) == 20 && sizeof(EntryHead) == 6);

template <class T>
std::string_view AsBytes(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

// A change with what decides most comparisons at hand.
struct SortEntry {
  uint64_t place;   // op and vnode
  uint64_t prefix;  // of the key, big-endian
  const StateChange* change;
};

uint64_t PrefixOf(std::string_view key) {
  uint64_t word = 0;
  if (!key.empty()) std::memcpy(&word, key.data(), std::min<size_t>(key.size(), 8));
  return __builtin_bswap64(word);
}

bool SameKey(const SortEntry& a, const SortEntry& b) {
  return a.place == b.place && a.prefix == b.prefix && a.change->key == b.change->key;
}

bool Before(const SortEntry& a, const SortEntry& b) {
  if (a.place != b.place) return a.place < b.place;
  if (a.prefix != b.prefix) return a.prefix < b.prefix;
  const int order = a.change->key.compare(b.change->key);
  return order != 0 ? order < 0 : a.change < b.change;
}

// All changes, a later one of a key behind an earlier one.
std::vector<StateChange> CollectChanges(std::span<const StateWriter> writers) {
  if (writers.size() == 1) return writers[0].changes();
  size_t size = 0;
  for (const StateWriter& writer : writers) size += writer.size();
  std::vector<StateChange> all;
  all.reserve(size);
  for (const StateWriter& writer : writers) {
    const auto& changes = writer.changes();
    all.insert(all.end(), changes.begin(), changes.end());
  }
  return all;
}

std::vector<SortEntry> SortChanges(const std::vector<StateChange>& changes) {
  std::vector<SortEntry> entries;
  entries.reserve(changes.size());
  for (const StateChange& change : changes) {
    entries.push_back({uint64_t{change.op} << 8 | change.vnode, PrefixOf(change.key), &change});
  }
  std::ranges::sort(entries, Before);
  return entries;
}

// Gathers bytes into large writes and sums them up.
class BufferedFile {
 public:
  explicit BufferedFile(const std::string& path)
      : path_(path), file_(OpenFile(path, O_WRONLY | O_CREAT | O_TRUNC)) {}

  void Add(std::string_view bytes) {
    if (buffer_.size() + bytes.size() > kBufferSize) Flush();
    if (bytes.size() > kBufferSize) return Write(bytes);
    buffer_ += bytes;
  }
  void AddVarint(size_t value) {
    for (; value >= 0x80; value >>= 7) buffer_.push_back(static_cast<char>(value | 0x80));
    buffer_.push_back(static_cast<char>(value));
  }
  void Flush() {
    Write(buffer_);
    buffer_.clear();
  }
  uint32_t crc() const { return crc_; }  // Of what has been flushed.
  void Sync() { SyncFile(file_, path_); }

 private:
  void Write(std::string_view bytes) {
    crc_ = Crc32c(bytes, crc_);
    WriteAt(file_, offset_, bytes, {}, path_);
    offset_ += bytes.size();
  }

  const std::string& path_;
  FileDescriptor file_;
  uint64_t offset_ = 0;
  std::string buffer_;
  uint32_t crc_ = 0;
};

void AddEntry(const StateChange& change, BufferedFile* file) {
  file->Add(AsBytes(EntryHead{change.deleted, change.op, static_cast<uint8_t>(change.vnode)}));
  file->AddVarint(change.key.size());
  file->AddVarint(change.value.size());
  file->Add(change.key);
  file->Add(change.value);
}

}  // namespace

void WriteSegment(const std::string& path, std::span<const StateWriter> writers, bool sync) {
  const std::vector<StateChange> changes = CollectChanges(writers);
  const std::vector<SortEntry> entries = SortChanges(changes);
  BufferedFile file(path);
  uint64_t written = 0;
  for (size_t i = 0; i < entries.size(); ++i) {
    if (i + 1 < entries.size() && SameKey(entries[i], entries[i + 1])) continue;
    AddEntry(*entries[i].change, &file);
    ++written;
  }
  file.Flush();
  Footer footer{written, Crc32c(AsBytes(written), file.crc()), {}};
  std::memcpy(footer.magic, kMagic, sizeof kMagic);
  file.Add(AsBytes(footer));
  file.Flush();
  if (!sync) return;
  file.Sync();
  SyncDirectory(ParentDirectory(path));
}

SegmentReader::SegmentReader(std::string path)
    : path_(std::move(path)), file_(OpenFile(path_, O_RDONLY)) {
  Verify();
}

void SegmentReader::ThrowDamaged() const {
  throw Error(ErrorCode::kIo, "state segment '" + path_ + "' is damaged");
}

void SegmentReader::Verify() {
  const uint64_t size = FileSize(file_, path_);
  Footer footer;
  if (size < sizeof footer) ThrowDamaged();
  entries_end_ = size - sizeof footer;
  ReadAt(file_, entries_end_, reinterpret_cast<char*>(&footer), sizeof footer, path_);
  if (std::memcmp(footer.magic, kMagic, sizeof kMagic) != 0) ThrowDamaged();
  uint32_t crc = 0;
  buffer_.resize(kBufferSize);
  for (uint64_t offset = 0; offset < entries_end_; offset += kBufferSize) {
    const size_t part = std::min<uint64_t>(kBufferSize, entries_end_ - offset);
    if (ReadAt(file_, offset, buffer_.data(), part, path_) != part) ThrowDamaged();
    crc = Crc32c({buffer_.data(), part}, crc);
  }
  const uint64_t entries = footer.entries;  // Aligned.
  if (Crc32c(AsBytes(entries), crc) != footer.crc) ThrowDamaged();
  entries_ = entries;
  buffer_.clear();
}

const char* SegmentReader::Take(size_t size) {
  if (at_ + size > buffer_.size()) {
    buffer_offset_ += at_;
    at_ = 0;
    if (buffer_offset_ + size > entries_end_) ThrowDamaged();
    buffer_.resize(std::max<uint64_t>(size, std::min(kBufferSize, entries_end_ - buffer_offset_)));
    const size_t got = ReadAt(file_, buffer_offset_, buffer_.data(), buffer_.size(), path_);
    if (got != buffer_.size()) ThrowDamaged();
  }
  at_ += size;
  return buffer_.data() + at_ - size;
}

uint32_t SegmentReader::TakeVarint() {
  uint32_t value = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = static_cast<uint8_t>(*Take(1));
    value |= uint32_t{byte & 0x7Fu} << shift;
    if (byte < 0x80) return value;
    if (shift == 28) ThrowDamaged();
  }
}

bool SegmentReader::Next(StateChange* change) {
  if (entries_ == 0) return false;
  --entries_;
  EntryHead head;
  std::memcpy(&head, Take(sizeof head), sizeof head);
  const uint32_t key_size = TakeVarint();
  const uint32_t value_size = TakeVarint();
  const char* const key = Take(size_t{key_size} + value_size);
  *change = {head.op, head.vnode, {key, key_size}, {key + key_size, value_size}, head.deleted != 0};
  return true;
}

}  // namespace millrace
