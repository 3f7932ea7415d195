// The files of a filesystem table and positions in them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "connectors/connector.h"

namespace millrace {

struct FileEntry {
  std::string name;  // Relative to the table's directory; of a single file its last part.
  std::string path;
  uint64_t size = 0;
  int64_t modified_micros = 0;
  PartitionValues partition;
};

// `path` under `base` unless absolute; a "file://" in front is dropped.
std::string ResolvePath(const std::string& base, std::string_view path);

// All files of the table in the order of their names. Directories are gone into; files and
// directories whose names begin with '.' or '_' are left out. `root` may be a single file. A file
// that vanishes meanwhile is left out. Throws Error(kIo) when `root` cannot be read.
std::vector<FileEntry> ListFiles(const std::string& root);

// How far a file was read: bytes of the decompressed stream and lines before the next record.
struct FileProgress {
  std::string name;
  uint64_t offset = 0;
  uint64_t lines = 0;
};

// A position is text, one line a file: offset ':' lines ':' name. In the name '%' and line ends are
// written %25, %0A and %0D. The last line is the file read last. Those before it, only there when
// the directory is watched, are the others that were read at all, in the order of their last reads.
std::vector<FileProgress> ParseFilePosition(const SourcePosition& position);
void AppendFilePosition(const FileProgress& progress, SourcePosition* position);

}  // namespace millrace
