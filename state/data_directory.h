// The data directory as such: its lock, its format version, its folders.
#pragma once

#include <string>

#include "base/file.h"

namespace millrace {

// Holds the lock of the directory as long as it lives.
class DataDirectory {
 public:
  // Creates what is missing. Throws Error(kDataDirectory) with one clear line when the directory is
  // in use by another process, unwritable, or of a newer format.
  DataDirectory(std::string path, bool sync);

  const std::string& path() const { return path_; }
  std::string database() const { return path_ + "/db"; }
  std::string segments() const { return path_ + "/segments"; }

 private:
  void Lock();
  void CheckFormat(bool sync) const;

  std::string path_;
  FileDescriptor lock_;
};

}  // namespace millrace
