#include "executor/sealed_jobs.h"

#include <algorithm>

#include "base/codec.h"

namespace millrace {

std::vector<SealedJob> ReadSealedJobs(std::string_view metadata) {
  Decoder64 in(metadata);
  in.Number();  // The step.
  std::vector<SealedJob> jobs(in.Number());
  for (SealedJob& job : jobs) {
    job.number = static_cast<uint32_t>(in.Number());
    job.steps = in.Number();
    in.String();
  }
  if (in.empty()) return jobs;  // Of an older version.
  for (uint64_t tables = in.Number(); tables > 0; --tables) {
    const auto number = static_cast<uint32_t>(in.Number());
    const std::string table = in.String();
    const auto job = std::ranges::find(jobs, number, &SealedJob::number);
    for (uint64_t n = in.Number(); n > 0; --n) {
      const std::string partition = in.String();
      const std::string position = in.String();
      if (job != jobs.end()) job->positions.push_back({table, partition, position});
    }
  }
  return jobs;
}

}  // namespace millrace
