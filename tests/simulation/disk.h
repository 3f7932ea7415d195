// A disk that forgets: the system's calls on files, replaced for a whole program.
//
// Everything below one directory goes through it, LevelDB's files and ours alike, since the calls
// themselves (open, write, fsync, rename, ...) are defined in disk.cc and found before those of the
// C library. The files are real ones, so reads need no part in it. It remembers what was written
// and not synced, and which names were made and whose directory was not synced, and takes some of
// that back when the power fails. It can also be full, or fail.
//
// What it supposes: writes reach a file in their order, the last one perhaps in part; names reach a
// directory in their order. In `db`, as LevelDB supposes and ext4, XFS and btrfs do it, a file that
// is synced has its name, too.
#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <string>

namespace millrace::simulation {

enum class Fault : uint8_t {
  kNone,
  kFull,        // ENOSPC for writes and new files.
  kWriteError,  // EIO for writes.
  kSyncError,   // EIO for fsync: what was to be synced may be lost though it can be read.
  kReadOnly,    // EROFS for everything that changes something.
};

// One for the process. Thread-safe.
class Disk {
 public:
  static Disk& Get();

  // From now on `root` is under control. It must be empty.
  void Mount(const std::string& root);
  void Unmount();

  // From the n-th operation on that changes something (1: the next one), files whose path below the
  // root begins with `prefix` fail so, until Heal().
  void FailFrom(uint64_t n, Fault fault, const std::string& prefix);
  void Heal();
  // The n-th operation is the last one: the process is dead, whatever it does.
  void DieAt(uint64_t n);
  bool dead() const;
  // How often a fault has hit.
  uint64_t faults() const;

  // After the process is gone. The power has failed: takes back what was not synced, as much as
  // `random` likes; else everything written is there.
  void Reboot(bool power_failed, std::mt19937_64& random);
  uint64_t operations() const;

 private:
  Disk() = default;
};

}  // namespace millrace::simulation
