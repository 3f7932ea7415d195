// The commands of the `millrace` program. Each returns the program's exit code.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "server/api_text.h"

namespace millrace {

enum ExitCode : int {
  kExitOk = 0,
  kExitSqlError = 1,  // Also what a server cannot start with.
  kExitUsage = 2,
  kExitNoConnection = 3,
  kExitJobFailed = 4,
  kExitInterrupted = 130,
};

struct ServerSettings {
  std::string bind = "127.0.0.1";
  int port = 8080;  // 0: any that is free.
  std::string data_directory = "./data";
  std::vector<std::string> init_files;
  std::string log_level = "info";
  size_t parallelism = 0;
  std::string checkpoint_interval = "10s";
  std::optional<uint64_t> compact_bytes;
  std::string memory_budget;  // "2 GB"; "": none.
  std::vector<std::string> definitions;  // "checkpoint.interval=200 ms"
};

struct OutputSettings {
  TextFormat format = TextFormat::kTable;
  TextOptions text;
};

struct RunSettings {
  std::string file;  // "-": standard input
  OutputSettings output;
  bool stats = false;
  std::string data_directory;
  size_t parallelism = 0;
};

struct SqlSettings {
  std::string server = "http://127.0.0.1:8080";
  std::vector<std::string> statements;
  std::vector<std::string> files;
  OutputSettings output;
  bool timing = false;
};

int RunServer(const ServerSettings& settings);
int RunFile(const RunSettings& settings);
int RunShell(const SqlSettings& settings);
int ValidateFile(const std::string& file);
int CheckDataDirectory(const std::string& directory);

// The whole program.
int RunCommandLine(int argc, char** argv);

// The file's text, of standard input for "-"; nothing, and a line on stderr, when it cannot be
// read.
std::optional<std::string> ReadText(const std::string& file);

}  // namespace millrace
