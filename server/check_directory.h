// What `millrace check` says of a data directory that no server uses.
#pragma once

#include <string>

namespace millrace {

struct DirectoryReport {
  std::string text;  // For people, several lines.
  bool whole = true;
};

// Verifies every checksum and lists jobs with the sizes of their state and their positions. Throws
// Error(kDataDirectory) when it is no data directory, or in use.
DirectoryReport CheckDirectory(const std::string& directory);

}  // namespace millrace
