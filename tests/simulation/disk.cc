#include "tests/simulation/disk.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace millrace::simulation {
namespace {

// A write, or the new size of a file that was cut.
struct Change {
  uint64_t offset = 0;
  std::string bytes;
  bool cuts = false;  // `offset` is the size.
};

struct File {
  bool directory = false;
  std::string durable;  // What survives in any case,
  std::vector<Change> pending;  // and what came since.
  size_t doubtful = 0;  // Of `pending`, those that a sync has failed for: no later one saves them.
};
using FilePtr = std::shared_ptr<File>;

// The name is this file's from now on; null: it is gone.
struct NameChange {
  std::string path;
  FilePtr file;
  // A rename takes the old name away with it.
  std::string from;
};

struct DiskState {
  std::mutex mutex;
  std::string root;  // "": not mounted.
  std::map<std::string, FilePtr> names, durable_names;
  std::map<std::string, std::vector<NameChange>> changes;  // By directory.
  std::map<int, std::string> open;                         // Descriptors, as paths at the opening;
  std::map<int, FilePtr> open_files;                       // and what they are.
  uint64_t operations = 0, fail_from = 0, die_at = 0, faults = 0;
  bool cut_short = false;  // The full disk took a part of a write.
  Fault fault = Fault::kNone;
  std::string prefix;
  bool dead = false;
};

DiskState& S() {
  static DiskState& state = *new DiskState;
  return state;
}

thread_local bool inside = false;  // The disk's own use of files.
struct Inside {
  Inside() { inside = true; }
  ~Inside() { inside = false; }
};

template <class F>
F Real(const char* name) {
  return reinterpret_cast<F>(::dlsym(RTLD_NEXT, name));
}

std::string Absolute(const char* path) {
  std::string out = path[0] == '/' ? path : std::filesystem::current_path().string() + "/" + path;
  for (size_t at; (at = out.find("//")) != out.npos;) out.erase(at, 1);
  while (out.size() > 1 && out.ends_with('/')) out.pop_back();
  return out;
}
std::string AbsoluteAt(int directory, const char* path) {
  if (path[0] == '/' || directory == AT_FDCWD) return Absolute(path);
  char name[4096];
  const ssize_t n =
      ::readlink(("/proc/self/fd/" + std::to_string(directory)).c_str(), name, sizeof name);
  return Absolute((std::string(name, n > 0 ? static_cast<size_t>(n) : 0) + "/" + path).c_str());
}

bool Covers(const std::string& path) {
  const std::string& root = S().root;
  return !root.empty() && path.starts_with(root) &&
         (path.size() == root.size() || path[root.size()] == '/');
}
std::string ParentOf(const std::string& path) { return path.substr(0, path.rfind('/')); }
bool OfDatabase(const std::string& path) { return path.starts_with(S().root + "/db/"); }

// Whether the operation on the path is to fail; sets errno. Counts it.
enum class Operation : uint8_t { kWrite, kCreate, kSync, kName };
bool Fails(const std::string& path, Operation operation) {
  DiskState& s = S();
  ++s.operations;
  if (s.die_at != 0 && s.operations >= s.die_at) s.dead = true;
  if (s.dead) {
    errno = EIO;
    return true;
  }
  if (s.fault == Fault::kNone || s.operations < s.fail_from) return false;
  if (!path.starts_with(s.root + "/" + s.prefix)) return false;
  switch (s.fault) {
    case Fault::kFull:
      if (operation == Operation::kSync || operation == Operation::kName) return false;
      errno = ENOSPC;
      break;
    case Fault::kWriteError:
      if (operation != Operation::kWrite) return false;
      errno = EIO;
      break;
    case Fault::kSyncError:
      if (operation != Operation::kSync) return false;
      errno = EIO;
      break;
    case Fault::kReadOnly:
      errno = EROFS;
      break;
    case Fault::kNone:
      break;
  }
  ++s.faults;
  return true;
}

void Name(const std::string& path, FilePtr file, const std::string& from = "") {
  DiskState& s = S();
  if (file) {
    s.names[path] = file;
  } else {
    s.names.erase(path);
  }
  if (!from.empty()) s.names.erase(from);
  s.changes[ParentOf(path)].push_back({path, std::move(file), from});
}

void ApplyName(const NameChange& change, std::map<std::string, FilePtr>* names) {
  if (change.file) {
    (*names)[change.path] = change.file;
  } else {
    names->erase(change.path);
  }
  if (!change.from.empty()) names->erase(change.from);
}

void ApplyChange(const Change& change, std::string* content) {
  if (change.cuts) {
    content->resize(change.offset);
    return;
  }
  if (content->size() < change.offset + change.bytes.size()) {
    content->resize(change.offset + change.bytes.size());
  }
  content->replace(change.offset, change.bytes.size(), change.bytes);
}

void SyncNames(const std::string& directory, size_t count) {
  std::vector<NameChange>& changes = S().changes[directory];
  for (size_t i = 0; i < count; ++i) ApplyName(changes[i], &S().durable_names);
  changes.erase(changes.begin(), changes.begin() + static_cast<ptrdiff_t>(count));
}

void SyncFileState(const FilePtr& file, const std::string& path) {
  DiskState& s = S();
  // A sync that says so saves what was written after the last one that has failed.
  for (size_t i = file->doubtful; i < file->pending.size(); ++i) {
    ApplyChange(file->pending[i], &file->durable);
  }
  file->pending.clear();
  file->doubtful = 0;
  if (!OfDatabase(path)) return;
  std::vector<NameChange>& changes = s.changes[ParentOf(path)];
  for (size_t i = changes.size(); i > 0; --i) {
    if (changes[i - 1].file == file) return SyncNames(ParentOf(path), i);
  }
}

// A descriptor under control, or null.
FilePtr FileOf(int fd, std::string* path) {
  const auto it = S().open_files.find(fd);
  if (it == S().open_files.end()) return nullptr;
  *path = S().open[fd];
  return it->second;
}

int Open(int (*real)(int, const char*, int, mode_t), int directory, const char* path, int flags,
         mode_t mode) {
  if (inside || S().root.empty()) return real(directory, path, flags, mode);
  DiskState& s = S();
  const std::lock_guard lock(s.mutex);
  const Inside guard;
  const std::string name = AbsoluteAt(directory, path);
  if (!Covers(name)) return real(directory, path, flags, mode);
  const bool writes = (flags & O_ACCMODE) != O_RDONLY;
  const bool exists = s.names.contains(name) || name == s.root;
  if (writes && !exists && (flags & O_CREAT) != 0) {
    if (Fails(name, Operation::kCreate)) return -1;
  } else if (writes && s.fault == Fault::kReadOnly && Fails(name, Operation::kCreate)) {
    return -1;
  }
  const int fd = real(directory, path, flags, mode);
  if (fd < 0) return fd;
  if (!exists) Name(name, std::make_shared<File>());
  const FilePtr file = s.names[name];
  if (writes && exists && (flags & O_TRUNC) != 0) file->pending.push_back({0, "", true});
  s.open[fd] = name;
  s.open_files[fd] = file;
  return fd;
}

// How much of `bytes` the disk takes at the offset: all, a part (then it is full), or -1.
ssize_t Take(const FilePtr& file, const std::string& path, uint64_t offset, std::string bytes,
             std::string* taken) {
  DiskState& s = S();
  if (Fails(path, Operation::kWrite)) {
    if (s.dead || s.fault != Fault::kFull || s.cut_short || bytes.size() < 2) return -1;
    s.cut_short = true;
    bytes.resize(bytes.size() / 2);
  }
  *taken = bytes;
  file->pending.push_back({offset, std::move(bytes)});
  return static_cast<ssize_t>(taken->size());
}

ssize_t WriteParts(int fd, const iovec* parts, int count, std::optional<uint64_t> at) {
  static const auto real_pwrite = Real<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite");
  static const auto real_write = Real<ssize_t (*)(int, const void*, size_t)>("write");
  static const auto real_writev = Real<ssize_t (*)(int, const iovec*, int)>("writev");
  static const auto real_pwritev = Real<ssize_t (*)(int, const iovec*, int, off_t)>("pwritev");
  const auto pass = [&] {
    return at ? real_pwritev(fd, parts, count, static_cast<off_t>(*at))
              : real_writev(fd, parts, count);
  };
  if (inside || S().root.empty()) return pass();
  DiskState& s = S();
  const std::lock_guard lock(s.mutex);
  const Inside guard;
  std::string path;
  const FilePtr file = FileOf(fd, &path);
  if (!file) return pass();
  std::string bytes, taken;
  for (int i = 0; i < count; ++i) bytes.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
  const uint64_t offset = at.value_or(static_cast<uint64_t>(::lseek(fd, 0, SEEK_CUR)));
  const ssize_t n = Take(file, path, offset, std::move(bytes), &taken);
  if (n < 0) return n;
  return at ? real_pwrite(fd, taken.data(), taken.size(), static_cast<off_t>(*at))
            : real_write(fd, taken.data(), taken.size());
}

int Truncate(int fd, off_t size) {
  static const auto real = Real<int (*)(int, off_t)>("ftruncate");
  if (inside || S().root.empty()) return real(fd, size);
  DiskState& s = S();
  const std::lock_guard lock(s.mutex);
  std::string path;
  const FilePtr file = FileOf(fd, &path);
  if (!file) return real(fd, size);
  // A full disk lets files be cut.
  if (s.fault != Fault::kFull && Fails(path, Operation::kWrite)) return -1;
  if (s.dead) {
    errno = EIO;
    return -1;
  }
  file->pending.push_back({static_cast<uint64_t>(size), "", true});
  return real(fd, size);
}

int Sync(int fd, const char* name) {
  if (inside || S().root.empty()) return Real<int (*)(int)>(name)(fd);
  DiskState& s = S();
  const std::lock_guard lock(s.mutex);
  std::string path;
  const FilePtr file = FileOf(fd, &path);
  if (!file) return Real<int (*)(int)>(name)(fd);
  if (Fails(path, Operation::kSync)) {
    if (!s.dead) file->doubtful = file->pending.size();
    return -1;
  }
  if (path == s.root || file->directory) {
    SyncNames(path, s.changes[path].size());
  } else {
    SyncFileState(file, path);
  }
  return 0;  // Nothing is as slow as a real one.
}

int Rename(const char* from, const char* to) {
  static const auto real = Real<int (*)(const char*, const char*)>("rename");
  if (inside || S().root.empty()) return real(from, to);
  DiskState& s = S();
  const std::lock_guard lock(s.mutex);
  const Inside guard;
  const std::string old_name = Absolute(from), new_name = Absolute(to);
  if (!Covers(new_name)) return real(from, to);
  if (Fails(new_name, Operation::kName)) return -1;
  const int result = real(from, to);
  if (result != 0) return result;
  const FilePtr file = s.names[old_name];
  Name(new_name, file, old_name);
  for (auto& [fd, path] : s.open) {
    if (path == old_name) path = new_name;
  }
  return 0;
}

template <class F>
int Remove(const std::string& path, F real) {
  DiskState& s = S();
  const std::lock_guard lock(s.mutex);
  const Inside guard;
  if (!Covers(path)) return real();
  if (!s.names.contains(path)) return real();
  if (Fails(path, Operation::kName)) return -1;
  const int result = real();
  if (result == 0) Name(path, nullptr);
  return result;
}

int MakeDirectory(const char* path, mode_t mode) {
  static const auto real = Real<int (*)(const char*, mode_t)>("mkdir");
  if (inside || S().root.empty()) return real(path, mode);
  DiskState& s = S();
  const std::lock_guard lock(s.mutex);
  const Inside guard;
  const std::string name = Absolute(path);
  if (!Covers(name) || s.names.contains(name) || name == s.root) return real(path, mode);
  if (Fails(name, Operation::kCreate)) return -1;
  const int result = real(path, mode);
  if (result != 0) return result;
  auto directory = std::make_shared<File>();
  directory->directory = true;
  Name(name, std::move(directory));
  return 0;
}

// What is left of the file.
std::string Remains(const File& file, std::mt19937_64& random) {
  std::string content = file.durable;
  const uint64_t way = random() % 3;
  size_t kept = way == 0 ? 0 : file.pending.size();
  if (way == 2 && kept > 0) kept = random() % (kept + 1);
  for (size_t i = 0; i < kept; ++i) ApplyChange(file.pending[i], &content);
  if (kept == file.pending.size()) return content;
  // The block that was being written.
  const Change& last = file.pending[kept];
  if (last.cuts || last.bytes.empty() || random() % 2 == 0) return content;
  Change torn = last;
  const size_t part = random() % (torn.bytes.size() + 1);
  if (random() % 2 == 0) {
    torn.bytes.resize(part);
  } else {
    std::fill(torn.bytes.begin() + static_cast<ptrdiff_t>(part), torn.bytes.end(), '\0');
  }
  ApplyChange(torn, &content);
  return content;
}

}  // namespace

Disk& Disk::Get() {
  static Disk disk;
  return disk;
}

void Disk::Mount(const std::string& root) {
  DiskState& s = S();
  const std::lock_guard lock(s.mutex);
  s.root = root;
  s.names.clear();
  s.durable_names.clear();
  s.changes.clear();
  s.open.clear();
  s.open_files.clear();
  s.operations = s.fail_from = s.die_at = s.faults = 0;
  s.fault = Fault::kNone;
  s.dead = s.cut_short = false;
  auto directory = std::make_shared<File>();
  directory->directory = true;
  s.names[root] = s.durable_names[root] = directory;
}

void Disk::Unmount() {
  const std::lock_guard lock(S().mutex);
  S().root.clear();
}

void Disk::FailFrom(uint64_t n, Fault fault, const std::string& prefix) {
  DiskState& s = S();
  const std::lock_guard lock(s.mutex);
  s.fault = fault;
  s.prefix = prefix;
  s.fail_from = s.operations + n;
  s.cut_short = false;
}
void Disk::Heal() {
  const std::lock_guard lock(S().mutex);
  S().fault = Fault::kNone;
}
void Disk::DieAt(uint64_t n) {
  const std::lock_guard lock(S().mutex);
  S().die_at = n == 0 ? 0 : S().operations + n;
}
bool Disk::dead() const {
  const std::lock_guard lock(S().mutex);
  return S().dead;
}
uint64_t Disk::faults() const {
  const std::lock_guard lock(S().mutex);
  return S().faults;
}
uint64_t Disk::operations() const {
  const std::lock_guard lock(S().mutex);
  return S().operations;
}

void Disk::Reboot(bool power_failed, std::mt19937_64& random) {
  namespace fs = std::filesystem;
  DiskState& s = S();
  const std::lock_guard lock(s.mutex);
  const Inside guard;
  s.dead = false;
  s.die_at = 0;
  s.fault = Fault::kNone;
  s.open.clear();
  s.open_files.clear();
  if (power_failed) {
    std::map<std::string, FilePtr> names = s.durable_names;
    for (auto& [directory, changes] : s.changes) {
      const uint64_t way = random() % 3;
      size_t kept = way == 0 ? 0 : changes.size();
      if (way == 2 && kept > 0) kept = random() % (kept + 1);
      for (size_t i = 0; i < kept; ++i) ApplyName(changes[i], &names);
    }
    s.names.clear();
    // By name: a directory comes before what is in it, and what is in a lost one is lost.
    for (const auto& [path, file] : names) {
      if (path == s.root || s.names.contains(ParentOf(path))) s.names[path] = file;
    }
    for (const auto& entry : fs::directory_iterator(s.root)) fs::remove_all(entry.path());
    for (const auto& [path, file] : s.names) {
      if (path == s.root) continue;
      if (file->directory) {
        fs::create_directory(path);
        continue;
      }
      file->durable = Remains(*file, random);
      file->pending.clear();
      std::FILE* out = std::fopen(path.c_str(), "wb");
      std::fwrite(file->durable.data(), 1, file->durable.size(), out);
      std::fclose(out);
    }
    // What a disk holds after a start it keeps.
    for (auto& [path, file] : s.names) file->doubtful = 0;
    s.durable_names = s.names;
    s.changes.clear();
  } else {
    for (auto& [path, file] : s.names) file->doubtful = 0;
  }
}

}  // namespace millrace::simulation

// ---- the system's calls

using millrace::simulation::AbsoluteAt;
namespace sim = millrace::simulation;

namespace {
int OpenAt(int directory, const char* path, int flags, mode_t mode) {
  static const auto real = sim::Real<int (*)(int, const char*, int, ...)>("openat");
  return real(directory, path, flags, mode);
}
mode_t ModeOf(int flags, va_list arguments) {
  return (flags & O_CREAT) != 0 ? static_cast<mode_t>(va_arg(arguments, int)) : 0;
}
}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = ModeOf(flags, arguments);
  va_end(arguments);
  return sim::Open(OpenAt, AT_FDCWD, path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = ModeOf(flags, arguments);
  va_end(arguments);
  return sim::Open(OpenAt, AT_FDCWD, path, flags, mode);
}
int openat(int directory, const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = ModeOf(flags, arguments);
  va_end(arguments);
  return sim::Open(OpenAt, directory, path, flags, mode);
}
int close(int fd) {
  static const auto real = sim::Real<int (*)(int)>("close");
  if (!sim::inside && !sim::S().root.empty()) {
    const std::lock_guard lock(sim::S().mutex);
    sim::S().open.erase(fd);
    sim::S().open_files.erase(fd);
  }
  return real(fd);
}
ssize_t write(int fd, const void* bytes, size_t size) {
  static const auto real = sim::Real<ssize_t (*)(int, const void*, size_t)>("write");
  if (sim::inside || sim::S().root.empty()) return real(fd, bytes, size);
  const iovec part{const_cast<void*>(bytes), size};
  return sim::WriteParts(fd, &part, 1, std::nullopt);
}
ssize_t writev(int fd, const iovec* parts, int count) {
  return sim::WriteParts(fd, parts, count, std::nullopt);
}
ssize_t pwritev(int fd, const iovec* parts, int count, off_t offset) {
  return sim::WriteParts(fd, parts, count, static_cast<uint64_t>(offset));
}
ssize_t pwritev64(int fd, const iovec* parts, int count, off_t offset) {
  return sim::WriteParts(fd, parts, count, static_cast<uint64_t>(offset));
}
ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  const iovec part{const_cast<void*>(bytes), size};
  return sim::WriteParts(fd, &part, 1, static_cast<uint64_t>(offset));
}
int ftruncate(int fd, off_t size) noexcept { return sim::Truncate(fd, size); }
int fsync(int fd) { return sim::Sync(fd, "fsync"); }
int fdatasync(int fd) { return sim::Sync(fd, "fdatasync"); }
int rename(const char* from, const char* to) noexcept { return sim::Rename(from, to); }
int unlink(const char* path) noexcept {
  static const auto real = sim::Real<int (*)(const char*)>("unlink");
  if (sim::inside || sim::S().root.empty()) return real(path);
  return sim::Remove(sim::Absolute(path), [&] { return real(path); });
}
int rmdir(const char* path) noexcept {
  static const auto real = sim::Real<int (*)(const char*)>("rmdir");
  if (sim::inside || sim::S().root.empty()) return real(path);
  return sim::Remove(sim::Absolute(path), [&] { return real(path); });
}
int remove(const char* path) noexcept {
  static const auto real = sim::Real<int (*)(const char*)>("remove");
  if (sim::inside || sim::S().root.empty()) return real(path);
  return sim::Remove(sim::Absolute(path), [&] { return real(path); });
}
int unlinkat(int directory, const char* path, int flags) noexcept {
  static const auto real = sim::Real<int (*)(int, const char*, int)>("unlinkat");
  if (sim::inside || sim::S().root.empty()) return real(directory, path, flags);
  return sim::Remove(AbsoluteAt(directory, path), [&] { return real(directory, path, flags); });
}
int mkdir(const char* path, mode_t mode) noexcept { return sim::MakeDirectory(path, mode); }

}  // extern "C"
