// Runs a fuzz target without libFuzzer: every file given, then random mutations of them.
//
//   fuzz_NAME [--seconds 2] [--runs N] [--seed N|random] FILE_OR_DIRECTORY...
//
// An input that breaks a promise is kept in fuzz_NAME.failure; given that file and --runs 0, the
// target repeats it.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "tests/fuzz/target.h"

// Only the sanitizers define it; they end the program without a signal.
extern "C" void __sanitizer_set_death_callback(void (*callback)()) __attribute__((weak));

namespace millrace {
namespace {

using Random = std::mt19937_64;

constexpr size_t kMaxSize = 4096;

struct Arguments {
  double seconds = 2;
  uint64_t runs = ~uint64_t{0};
  uint64_t seed = 1;  // One that is new each time finds more, but a gate must say the same twice.
  std::vector<std::string> paths;
};

// The input in hand, for the handler of a crash.
struct {
  const char* data = nullptr;
  size_t size = 0;
  char file[256] = {};
} current;

void SaveInput() {
  std::FILE* file = std::fopen(current.file, "wb");
  if (file == nullptr) return;
  std::fwrite(current.data, 1, current.size, file);
  std::fclose(file);
  std::fprintf(stderr, "the input is in %s\n", current.file);
}

void OnSignal(int signal) {
  std::signal(signal, SIG_DFL);
  SaveInput();
  std::raise(signal);
}

void SaveInputOfCrashes(const char* program) {
  const std::string name = std::filesystem::path(program).filename().string() + ".failure";
  std::strncpy(current.file, name.c_str(), sizeof current.file - 1);
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(SaveInput);
  for (int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) std::signal(signal, OnSignal);
}

// In memory of its own, so that a sanitizer sees reads behind the end.
void RunOne(const std::string& input) {
  const std::vector<char> bytes(input.begin(), input.end());
  current.data = bytes.data();
  current.size = bytes.size();
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
}

class Mutator {
 public:
  Mutator(const std::vector<std::string>& corpus, uint64_t seed) : corpus_(corpus), random_(seed) {}

  std::string Next() {
    std::string input = corpus_[Below(corpus_.size())];
    for (size_t left = 1 + Below(6); left > 0; --left) Mutate(&input);
    if (input.size() > kMaxSize) input.resize(kMaxSize);
    return input;
  }

 private:
  size_t Below(size_t limit) { return random_() % limit; }

  // Mostly what texts are made of.
  char Byte() {
    constexpr std::string_view kMarks = "\"'`,;:.()[]{}<>=+-*/\\_#%|@ \t\r\n0123456789eEn\0\xFF";
    return Below(4) == 0 ? static_cast<char>(random_()) : kMarks[Below(kMarks.size())];
  }

  // A piece of an input: mostly short, seldom all of it.
  std::string Piece(const std::string& input) {
    if (input.empty()) return {};
    const size_t begin = Below(input.size());
    return input.substr(begin, 1 + Below(Below(8) == 0 ? input.size() : 16));
  }

  void Mutate(std::string* input) {
    const size_t at = Below(input->size() + 1);
    switch (Below(7)) {
      case 0:
        if (at < input->size()) (*input)[at] = Byte();
        return;
      case 1:
        if (at < input->size()) (*input)[at] = static_cast<char>((*input)[at] ^ 1 << Below(8));
        return;
      case 2:
        input->insert(at, 1, Byte());
        return;
      case 3:
        input->erase(at, 1 + Below(Below(4) == 0 ? 64 : 4));
        return;
      case 4:
        input->insert(at, Piece(*input));
        return;
      case 5:
        input->insert(at, Piece(corpus_[Below(corpus_.size())]));
        return;
      default:
        input->replace(at, Below(16), Piece(corpus_[Below(corpus_.size())]));
    }
  }

  const std::vector<std::string>& corpus_;
  Random random_;
};

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> ReadCorpus(const std::vector<std::string>& paths) {
  std::vector<std::filesystem::path> files;
  for (const std::string& path : paths) {
    if (!std::filesystem::is_directory(path)) {
      files.emplace_back(path);
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
  }
  std::ranges::sort(files);  // The same seed, the same inputs.
  std::vector<std::string> corpus;
  for (const auto& file : files) corpus.push_back(ReadFile(file));
  return corpus;
}

Arguments ReadArguments(int count, char** values) {
  Arguments arguments;
  for (int i = 1; i < count; ++i) {
    const std::string name = values[i];
    const char* const value = i + 1 < count ? values[i + 1] : "";
    if (!name.starts_with("--")) {
      arguments.paths.push_back(name);
      continue;
    }
    ++i;
    if (name == "--seconds") {
      arguments.seconds = std::strtod(value, nullptr);
    } else if (name == "--runs") {
      arguments.runs = std::strtoull(value, nullptr, 10);
    } else if (name == "--seed") {
      arguments.seed = std::string_view(value) == "random" ? std::random_device()()
                                                           : std::strtoull(value, nullptr, 10);
    } else {
      arguments.paths.clear();
      break;
    }
  }
  return arguments;
}

int RunAll(const Arguments& arguments) {
  const std::vector<std::string> corpus = ReadCorpus(arguments.paths);
  if (corpus.empty()) {
    std::cerr << "usage: [--seconds N] [--runs N] [--seed N] FILE_OR_DIRECTORY...\n";
    return 2;
  }
  std::cout << "seed " << arguments.seed << std::endl;
  for (const std::string& input : corpus) RunOne(input);
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>(arguments.seconds);
  Mutator mutator(corpus, arguments.seed);
  uint64_t runs = 0;
  for (; runs < arguments.runs && Clock::now() < end; ++runs) RunOne(mutator.Next());
  std::cout << corpus.size() << " files and " << runs << " mutations passed\n";
  return 0;
}

}  // namespace
}  // namespace millrace

int main(int count, char** values) {
  millrace::SaveInputOfCrashes(values[0]);
  return millrace::RunAll(millrace::ReadArguments(count, values));
}
