// simulation --seed N [--count N] [--actions N]: random lives of a server (simulation.h), one a seed.
// The trace of one that goes wrong is printed; its seed alone does the same again.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include "base/log.h"
#include "tests/simulation/simulation.h"

int main(int argc, char** argv) {
  uint64_t seed = 1, count = 1, actions = 60;
  for (int i = 1; i + 1 < argc; i += 2) {
    const uint64_t value = std::strtoull(argv[i + 1], nullptr, 10);
    if (std::strcmp(argv[i], "--seed") == 0) seed = value;
    if (std::strcmp(argv[i], "--count") == 0) count = value;
    if (std::strcmp(argv[i], "--actions") == 0) actions = value;
  }
  millrace::SetLogLevel("off");
  namespace fs = std::filesystem;
  std::string directory = (fs::temp_directory_path() / "simulation-XXXXXX").string();
  if (mkdtemp(directory.data()) == nullptr) return 2;
  millrace::simulation::Counts counts;
  uint64_t failed = 0;
  for (uint64_t s = seed; s < seed + count; ++s) {
    const std::string own = directory + "/" + std::to_string(s);
    fs::create_directory(own);
    millrace::simulation::Simulation simulation(s, own, &counts);
    if (const auto failure = simulation.Run(actions)) {
      ++failed;
      std::printf("seed %llu:\n%s\n", static_cast<unsigned long long>(s), failure->c_str());
      std::fflush(stdout);
    }
    fs::remove_all(own);
  }
  fs::remove_all(directory);
  std::printf("%llu seeds from %llu, %llu actions, %llu kills, %llu power failures, %llu spells of "
              "faults, %llu checks, %llu replacements: %llu failed\n",
              static_cast<unsigned long long>(count), static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(counts.actions),
              static_cast<unsigned long long>(counts.kills),
              static_cast<unsigned long long>(counts.power_failures),
              static_cast<unsigned long long>(counts.faults),
              static_cast<unsigned long long>(counts.checks),
              static_cast<unsigned long long>(counts.replacements),
              static_cast<unsigned long long>(failed));
  return failed == 0 ? 0 : 1;
}
