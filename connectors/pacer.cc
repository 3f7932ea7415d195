// See pacer.h.
#include "connectors/pacer.h"

#include <algorithm>
#include <utility>

namespace millrace {

void Pacer::Restart() {
  const std::lock_guard lock(mutex_);
  started_ = false;
}

uint64_t Pacer::DueEnd() const {
  const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  const double rows = seconds * rate_ + 1;
  if (rows >= static_cast<double>(limit_ - first_)) return limit_;
  return first_ + static_cast<uint64_t>(rows);
}

uint64_t Pacer::Due(uint64_t position) {
  const std::lock_guard lock(mutex_);
  if (!started_) {
    started_ = true;
    start_ = Clock::now();
    first_ = std::min(position, limit_);
  }
  const uint64_t end = DueEnd();
  position_ = position;
  return end > position ? end - position : 0;
}

void Pacer::OnReady(std::function<void()> f) {
  timer_ = std::jthread([this, f = std::move(f)](const std::stop_token& stop) { Run(stop, f); });
}

void Pacer::Run(const std::stop_token& stop, const std::function<void()>& f) {
  while (!stop.stop_requested()) {
    bool due = false;
    {
      std::unique_lock lock(mutex_);
      stopped_.wait_for(lock, stop, std::chrono::milliseconds(10), [] { return false; });
      due = started_ && DueEnd() > position_;
    }
    // Not under the lock: the reader may poll from within.
    if (due && !stop.stop_requested()) f();
  }
}

}  // namespace millrace
