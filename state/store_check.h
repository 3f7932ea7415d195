// Reads all of a store to see whether it is whole, without changing what it says.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "state/store.h"

namespace millrace {

struct StateSize {
  uint64_t rows = 0;
  uint64_t bytes = 0;  // Of keys and values.
};

struct StoreReport {
  std::map<OperatorId, StateSize> state;        // In LevelDB.
  std::map<uint32_t, SealedEpoch> epochs;       // By pipeline.
  std::map<std::string, std::string> metadata;  // By name.
  uint64_t segments = 0;            // Sealed, not in LevelDB yet.
  std::vector<std::string> faults;  // What is damaged, a line each.
};

// Verifies the checksums of LevelDB's tables and of segment files. The directory is locked meanwhile.
// Throws Error(kDataDirectory) when it is none, or in use.
StoreReport CheckStore(const std::string& directory);

}  // namespace millrace
