// The memory of a pipeline's state: the budget, eviction, and the warming after a restart.
#include <algorithm>

#include "base/memory.h"
#include "executor/pipeline.h"

namespace millrace {
namespace {

constexpr unsigned kOldest = 8;        // Checkpoints without change; rows of more count as this old.
constexpr size_t kWarmRows = 2048;     // Of an operator's partition between two steps.
constexpr size_t kWarmRowsByHand = 3;  // So that tests meet every stage of it.
constexpr int64_t kForceMicros = 1'000'000;

}  // namespace

Dataflow::Usage Pipeline::StateUsage() const {
  Dataflow::Usage all;
  for (const auto& job : jobs_) {
    const Dataflow::Usage usage = job->flow->usage();
    all.all += usage.all;
    all.evictable += usage.evictable;
  }
  return all;
}

// Whether all that counts as copied is in the store.
bool Pipeline::Settled() const {
  return !checkpoint_ && !committing_ && !commit_failed_ && store_->AllApplied();
}

// The rows that have not changed for long go first, and none that is younger than `least_age`.
size_t Pipeline::EvictState(size_t bytes, unsigned least_age) {
  const std::unique_lock lock(view_lock_);
  size_t freed = 0;
  for (auto& job : jobs_) job->flow->Settle();
  for (unsigned age = std::min(evicted_age_ + 1, kOldest);; --age) {
    const size_t all = StateUsage().evictable;
    for (auto& job : jobs_) {
      if (freed >= bytes || all == 0) break;
      const double part = static_cast<double>(job->flow->usage().evictable) /
                          static_cast<double>(all);
      const double own = part * static_cast<double>(bytes - freed);
      freed += job->flow->Evict(pool_, static_cast<size_t>(own) + 1, age);
    }
    evicted_age_ = age;
    if (freed >= bytes || age <= least_age) return freed;
  }
}

// Rows that changed stay until a checkpoint has put them into the store: here it is waited for.
void Pipeline::EvictByCheckpoint(size_t target) {
  FinishRunningCheckpoint();
  for (const bool again : {false, true}) {
    store_->WaitApplied();
    if (!Settled()) return;
    const size_t used = StateUsage().all;
    if (used <= target || EvictState(used - target, 0) >= used - target || again) return;
    if (!BeginCheckpoint()) return;
    FinishRunningCheckpoint();
  }
}

// Between steps: below 7/8 of what it may use nothing is done. Above, clean rows go, and if there are
// not enough of them, a checkpoint makes more. Above all of it the pipeline waits for that.
void Pipeline::KeepBudget() {
  if (options_.budget == nullptr || store_ == nullptr) return;
  Dataflow::Usage usage = StateUsage();
  size_t copies = committing_ ? committing_bytes_ : 0;
  if (checkpoint_) {
    for (const StateWriter& writer : checkpoint_->writers) copies += writer.memory();
  }
  const size_t allowed = options_.budget->Report(options_.id, usage.all + copies);
  const size_t high = allowed - allowed / 8, low = allowed - allowed / 4;
  pressed_ = usage.all + copies > high;
  if (!pressed_) return;
  if (Settled()) {
    // What the last checkpoint copied may well be needed again, and rows that it did not copy are
    // made by the next one.
    EvictState(usage.all - std::min(usage.all, low), 1);
    usage = StateUsage();
    if (usage.all <= high) return;
    if (!replay_ && NowMicros() >= next_forced_checkpoint_ && BeginCheckpoint()) {
      next_forced_checkpoint_ = NowMicros() + kForceMicros / 4;
    }
  }
  if (usage.all + copies <= allowed) return;
  // What cannot be evicted does not get less by checkpoints.
  const int64_t now = NowMicros();
  if (replay_ || usage.evictable < allowed / 4) return;
  if (!options_.manual && now < next_forced_checkpoint_ && Settled()) return;
  EvictByCheckpoint(low);
  if (StateUsage().all > allowed) next_forced_checkpoint_ = now + kForceMicros;
}

bool Pipeline::WarmState() {
  if (!warming_) return false;
  const size_t used = StateUsage().all;
  const bool over_budget =
      options_.budget != nullptr && used > options_.budget->Report(options_.id, used) / 2;
  const bool over_limit = options_.memory_limit > 0 && ResidentBytes() > options_.memory_limit / 2;
  if (over_budget || over_limit) return warming_ = false;
  bool more = false;
  const std::unique_lock lock(view_lock_);
  for (auto& job : jobs_) {
    more |= job->flow->Warm(pool_, options_.manual ? kWarmRowsByHand : kWarmRows);
  }
  return warming_ = more;
}

}  // namespace millrace
