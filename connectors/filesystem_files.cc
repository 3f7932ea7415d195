#include "connectors/filesystem_files.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <iterator>

namespace millrace {
namespace {

namespace fs = std::filesystem;

// Gives up on files that vanished since they were listed.
bool FillStatus(FileEntry* entry) {
  struct stat status;
  if (::stat(entry->path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return false;
  entry->size = static_cast<uint64_t>(status.st_size);
  entry->modified_micros =
      status.st_mtim.tv_sec * kMicrosPerSecond + status.st_mtim.tv_nsec / kMicrosPerMilli;
  return true;
}

bool IsHidden(std::string_view name) { return name.starts_with('.') || name.starts_with('_'); }

// Hive writes bytes that file names may not have as %XX.
std::string Unescape(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(&text[i + 1], &text[i + 1] + 2, value, 16).ptr == &text[i + 1] + 2) {
      plain.push_back(static_cast<char>(value));
      i += 2;
    } else {
      plain.push_back(text[i]);
    }
  }
  return plain;
}

void ListDirectory(const std::string& root, const std::string& relative,
                   const PartitionValues& partition, std::vector<FileEntry>* files) {
  std::error_code error;
  fs::directory_iterator it(relative.empty() ? root : root + "/" + relative, error);
  if (error) {
    // A directory below the root may have vanished since it was listed.
    if (!relative.empty()) return;
    throw Error(ErrorCode::kIo, "cannot read directory " + root + ": " + error.message());
  }
  for (; !error && it != fs::directory_iterator(); it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (IsHidden(name)) continue;
    const std::string below = relative.empty() ? name : relative + "/" + name;
    if (it->is_directory(error)) {
      PartitionValues values = partition;
      if (const size_t equals = name.find('='); equals != std::string::npos) {
        values.emplace_back(Unescape(std::string_view(name).substr(0, equals)),
                            Unescape(std::string_view(name).substr(equals + 1)));
      }
      ListDirectory(root, below, values, files);
      continue;
    }
    FileEntry entry{below, root + "/" + below, 0, 0, partition};
    if (FillStatus(&entry)) files->push_back(std::move(entry));
  }
}

}  // namespace

std::string ResolvePath(const std::string& base, std::string_view path) {
  constexpr std::string_view kScheme = "file:";
  if (path.starts_with(kScheme)) {
    path.remove_prefix(kScheme.size());
    while (path.starts_with("//")) path.remove_prefix(1);
  }
  std::string resolved = (fs::path(base) / path).lexically_normal().string();
  while (resolved.size() > 1 && resolved.back() == '/') resolved.pop_back();
  return resolved;
}

std::vector<FileEntry> ListFiles(const std::string& root) {
  std::vector<FileEntry> files;
  FileEntry single{fs::path(root).filename().string(), root, 0, 0, {}};
  if (FillStatus(&single)) {
    files.push_back(std::move(single));
    return files;
  }
  ListDirectory(root, "", {}, &files);
  std::ranges::sort(files, {}, &FileEntry::name);
  return files;
}

std::vector<FileProgress> ParseFilePosition(const SourcePosition& position) {
  std::vector<FileProgress> files;
  std::string_view rest = position;
  while (!rest.empty()) {
    const size_t line_end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, line_end);
    rest.remove_prefix(std::min(line_end + 1, rest.size()));
    FileProgress progress;
    const char* const end = line.data() + line.size();
    const auto [colon, error] = std::from_chars(line.data(), end, progress.offset);
    const bool first = error == std::errc{} && colon != end && *colon == ':';
    const char* lines = first ? colon + 1 : end;
    const auto [behind, error2] = std::from_chars(lines, end, progress.lines);
    if (!first || error2 != std::errc{} || behind == end || *behind != ':') {
      throw Error(ErrorCode::kInternal, "malformed file position '" + std::string(line) + "'");
    }
    progress.name = Unescape({behind + 1, static_cast<size_t>(end - behind - 1)});
    files.push_back(std::move(progress));
  }
  return files;
}

void AppendFilePosition(const FileProgress& progress, SourcePosition* position) {
  if (!position->empty()) position->push_back('\n');
  fmt::format_to(std::back_inserter(*position), "{}:{}:", progress.offset, progress.lines);
  for (char c : progress.name) {
    if (c == '%' || c == '\n' || c == '\r') {
      fmt::format_to(std::back_inserter(*position), "%{:02X}", static_cast<unsigned>(c));
    } else {
      position->push_back(c);
    }
  }
}

}  // namespace millrace
