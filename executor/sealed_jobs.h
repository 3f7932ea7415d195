// What a sealed epoch says of its jobs, without their plans.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

struct SealedPosition {
  std::string table, partition, position;
};

struct SealedJob {
  uint32_t number = 0;
  uint64_t steps = 0;
  std::vector<SealedPosition> positions;
};

// `metadata`: SealedEpoch::metadata (state/store.h). Throws Error(kIo) when it is cut short.
std::vector<SealedJob> ReadSealedJobs(std::string_view metadata);

}  // namespace millrace
