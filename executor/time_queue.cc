#include "executor/time_queue.h"

#include <algorithm>

#include "types/type.h"

namespace millrace {
namespace {

constexpr int64_t kBuckets = 256;  // In the span.
// Rows may come into the bucket that is taken from in every step, which is sorted again then.
constexpr int64_t kWidest = 10 * kMicrosPerSecond;

}  // namespace

TimeQueue::TimeQueue(int64_t span)
    : width_(std::clamp(span / kBuckets, kMicrosPerMilli, kWidest)) {}

int64_t TimeQueue::NumberOf(int64_t time) const {
  return time >= 0 ? time / width_ : -1 - (-1 - time) / width_;
}

void TimeQueue::Add(int64_t time, RowRef ref) {
  const int64_t number = NumberOf(time);
  if (last_ == nullptr || last_number_ != number) {
    last_ = &buckets_[number];
    last_number_ = number;
  }
  last_->entries.push_back({time, ref});
  last_->sorted = false;
  ++size_;
}

void TimeQueue::TakeUntil(int64_t until, std::vector<Entry>* out) {
  const int64_t last_reached = NumberOf(until);
  while (!buckets_.empty() && buckets_.begin()->first <= last_reached) {
    Bucket& first = buckets_.begin()->second;
    std::vector<Entry>& entries = first.entries;
    if (!first.sorted) {
      entries.erase(entries.begin(), entries.begin() + static_cast<ptrdiff_t>(first.taken));
      first.taken = 0;
      std::ranges::sort(entries);
      first.sorted = true;
    }
    const auto begin = entries.begin() + static_cast<ptrdiff_t>(first.taken);
    const auto end = std::upper_bound(begin, entries.end(), until,
                                      [](int64_t t, const Entry& e) { return t < e.time; });
    out->insert(out->end(), begin, end);
    size_ -= static_cast<size_t>(end - begin);
    if (end != entries.end()) {
      first.taken = static_cast<size_t>(end - entries.begin());
      return;
    }
    if (last_ == &first) last_ = nullptr;
    buckets_.erase(buckets_.begin());
  }
}

}  // namespace millrace
