// sql_runner FILES…|DIRECTORIES [--cell partitions,batch_rows,crash|plain]
//
// Runs every .test file in every cell of the matrix; MILLRACE_TEST_CELLS=n takes the first n, which
// are spread. MILLRACE_TEST_BUDGET=bytes is the memory budget of the state: with 1, whatever can be is
// evicted after every step. Exit 0 when all passed, 1 when not, 2 on usage.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <set>

#include "tests/sql_runner/cell.h"

namespace millrace::sqltest {
namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::vector<std::string> files;
  std::vector<Cell> cells = AllCells();
};

int Usage(const std::string& what) {
  std::cerr << what << "\nusage: sql_runner FILES…|DIRECTORIES [--cell 3,7,crash]\n";
  return 2;
}

bool AddFiles(const std::string& path, std::vector<std::string>* files) {
  if (fs::is_regular_file(path)) {
    files->push_back(path);
    return true;
  }
  if (!fs::is_directory(path)) return false;
  for (const auto& entry : fs::recursive_directory_iterator(path)) {
    if (entry.path().extension() == ".test") files->push_back(entry.path().string());
  }
  return true;
}

// Makes a directory in memory where there is one.
std::string MakeRoot() {
  const char* base = ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
  std::string pattern = std::string(base) + "/millrace-sql-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) throw ScriptError("cannot make " + pattern);
  return pattern;
}

struct Root {
  std::string path = MakeRoot();
  ~Root() {
    std::error_code ignored;  // Cleared by the system if this fails.
    fs::remove_all(path, ignored);
  }
};

// Whether the file passed in the cell. Failures that were printed for another cell are not again.
bool RunCell(const Script& script, const Cell& cell, const std::string& root,
             std::set<std::string>* printed) {
  const std::string directory = root + "/cell";
  fs::create_directory(directory);
  const std::vector<Failure> failures = CellRun(script, cell, directory).Run();
  fs::remove_all(directory);
  for (const Failure& failure : failures) {
    const std::string where = script.path + ":" + std::to_string(failure.line) + ":";
    if (printed->insert(where + failure.text).second) {
      std::cout << where << " [" << cell.ToString() << "]\n" << failure.text;
    }
  }
  return failures.empty();
}

int Run(const Arguments& arguments) {
  Root root;
  size_t passed = 0, failed = 0;
  for (const std::string& file : arguments.files) {
    Script script;
    try {
      script = ReadScript(file);
    } catch (const ScriptError& error) {
      std::cout << error.what() << "\n";
      ++failed;
      continue;
    }
    std::set<std::string> printed;
    std::string cells;
    for (const Cell& cell : arguments.cells) {
      if (RunCell(script, cell, root.path, &printed)) {
        ++passed;
      } else {
        ++failed;
        cells += " " + cell.ToString();
      }
    }
    if (!cells.empty()) std::cout << file << ": failed in" << cells << std::endl;
  }
  std::cout << "sql: " << passed << " passed, " << failed << " failed" << std::endl;
  return failed > 0 || passed == 0 ? 1 : 0;
}

int Main(int argc, char** argv) {
  Arguments arguments;
  if (const char* limit = std::getenv("MILLRACE_TEST_CELLS")) {
    const size_t n = std::clamp<size_t>(std::strtoul(limit, nullptr, 10), 1, 18);
    arguments.cells.resize(n);
  }
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--cell") {
      const std::string wanted = i + 1 < argc ? argv[++i] : "";
      arguments.cells = AllCells();
      std::erase_if(arguments.cells, [&](const Cell& c) { return c.ToString() != wanted; });
      if (arguments.cells.empty()) return Usage("no such cell: " + wanted);
    } else if (!AddFiles(argument, &arguments.files)) {
      return Usage("no such file: " + argument);
    }
  }
  if (arguments.files.empty()) return Usage("no files");
  std::ranges::sort(arguments.files);
  return Run(arguments);
}

}  // namespace
}  // namespace millrace::sqltest

int main(int argc, char** argv) {
  try {
    return millrace::sqltest::Main(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
