// One random life of a server on a disk that forgets (disk.h), with what it must answer.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "server/engine.h"
#include "tests/simulation/disk.h"

namespace millrace::simulation {

struct Counts {
  uint64_t actions = 0, kills = 0, power_failures = 0, faults = 0, checks = 0, replacements = 0;
};

class Simulation {
 public:
  // `directory` is empty and the run's own. The same seed does the same.
  Simulation(uint64_t seed, std::string directory, Counts* counts);
  // What went wrong, behind what was done until then; nothing when all was well.
  std::optional<std::string> Run(size_t actions);

 private:
  struct Event {
    int64_t id, k, v, second;
  };
  using Rows = std::vector<std::string>;  // "1|2|NULL", sorted.
  struct KeyChange {
    int64_t k;
    std::optional<int64_t> v;  // Nothing: the key goes.
  };
  enum class Wanted : uint8_t { kRuns, kPaused, kStopped };
  struct Query {
    Wanted wanted = Wanted::kRuns;
    std::optional<Rows> frozen;  // What its view shows while it stands still.
  };

  uint64_t Below(uint64_t n) { return random_() % n; }
  void Note(const std::string& text);
  [[noreturn]] void Wrong(const std::string& text);

  void Open();
  void Crash();
  void Reboot(bool power_failed, bool between_actions);
  void Act();
  void AppendEvents();
  void ChangeKeys();
  void MakeQuery();
  void DropQuery();
  void ControlQuery();
  void Replace();
  void ArmFault();
  void Settle();
  void Check();
  void CheckJobs();
  void CheckTables();
  void CheckQueries();
  void CheckFiles(bool ended);
  void EndFiles();

  // Runs a statement; false when it failed, which it may only while something is wrong.
  bool Execute(const std::string& sql);
  std::optional<Rows> Read(const std::string& select);
  bool Excused() const { return fault_ || disk_.dead(); }
  bool Stands(const std::string& query) const;
  Rows Expected(const std::string& query) const;
  std::map<std::string, Rows> Pictures();
  void FindQueries();
  std::set<std::string> Existing();

  const std::string directory_, root_;
  Counts* const counts_;
  std::mt19937_64 random_;
  Disk& disk_ = Disk::Get();
  std::unique_ptr<Engine> engine_;
  int64_t now_ = 1'767'225'600'000'000;
  std::string trace_;
  bool fault_ = false;

  int64_t next_id_ = 1, next_request_ = 1;
  int64_t second_ = 0;  // Of event time.
  std::vector<Event> events_;                      // Acknowledged.
  std::vector<std::vector<Event>> maybe_events_;   // Refused, or not answered.
  std::map<int64_t, int64_t> keys_;
  std::vector<KeyChange> maybe_keys_;
  std::vector<Event> seen_events_;            // By the last check: acknowledged or not.
  std::map<int64_t, int64_t> seen_keys_;
  std::map<std::string, Query> queries_;
  std::map<std::string, int> variants_;  // Of views that were replaced.
};

}  // namespace millrace::simulation
