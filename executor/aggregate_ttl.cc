// Groups that their TTL ends.
#include <algorithm>
#include <utility>

#include "executor/aggregate.h"
#include "executor/consolidate.h"

namespace millrace {

// The row of an empty grouping set is always there.
bool AggregateOperator::Expired(char* group) const {
  return ChangedAt(group) + ttl_ <= context_->eval.now.micros &&
         (options_.plan.empty_sets.empty() || !IsEmptySet(group));
}

// These groups change now. Those that have expired begin anew.
void AggregateOperator::Renew(std::span<char* const> groups) {
  const int64_t now = context_->eval.now.micros;
  for (char* group : groups) {
    if (ChangedAt(group) == now) continue;
    groups_.BeforeChange(group);
    if (Expired(group)) {
      for (Call& call : calls_) {
        if (call.values) call.values->DropGroup(group);
        call.kernel.init(group + call.offset);
      }
      Rows(group) = 0;
      ++context_->expired_rows;
    }
    ChangedAt(group) = now;
  }
}

// The step's net changes. A deletion from a group that begins in this step is of a row that is
// gone.
void AggregateOperator::TakeHeld(const StepTime& time) {
  Batch batch = Consolidate(Concat(std::exchange(held_, {})));
  if (batch.size == 0) return;
  FindGroups(batch);
  Touch(rows_, time);
  std::vector<uint32_t> good;
  for (uint32_t i = 0; i < batch.size; ++i) {
    const bool gone = batch.weight(i) < 0 && Rows(rows_[i]) == 0;
    if (gone) {
      context_->dropped_rows += static_cast<uint64_t>(-batch.weight(i));
    } else {
      rows_[good.size()] = rows_[i];
      good.push_back(i);
    }
  }
  rows_.resize(good.size());
  if (good.size() < batch.size) batch = batch.Take(good);
  Update(batch);
}

// A share of the groups, so that all are seen in half of the TTL.
void AggregateOperator::SweepExpired() {
  const int64_t now = context_->eval.now.micros;
  if (swept_at_ == 0) swept_at_ = now;
  const double share = static_cast<double>(now - swept_at_) / (static_cast<double>(ttl_) / 2);
  auto slots =
      static_cast<size_t>(std::clamp(share, 0.0, 1.0) * static_cast<double>(groups_.slots()));
  if (slots == 0) return;
  swept_at_ = now;
  for (; slots > 0; --slots) {
    if (next_swept_ >= groups_.slots()) next_swept_ = 0;
    char* group = groups_.at_slot(next_swept_);
    if (group == nullptr || !Expired(group)) {
      ++next_swept_;
      continue;
    }
    // Another may come into its slot.
    DropGroup(group);
    ++context_->expired_rows;
  }
}

}  // namespace millrace
