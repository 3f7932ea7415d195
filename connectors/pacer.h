// Holds a generator to a number of rows per second of the wall clock.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

namespace millrace {

// Thread-safe; the functions are called by the reading thread, the timer has its own.
class Pacer {
 public:
  // Rows are numbered from 0; none is due from `limit` on.
  Pacer(double rows_per_second, uint64_t limit) : rate_(rows_per_second), limit_(limit) {}

  // Row `position` is due at the next Due(), the later ones at the rate from there.
  void Restart();
  // How many rows from `position` on are due. `position` is remembered: the timer is silent until
  // the row there is due.
  uint64_t Due(uint64_t position);
  // Calls `f` about every 10 ms while rows are due. Replaces an earlier `f`. The destructor waits
  // for a call that is under way.
  void OnReady(std::function<void()> f);

 private:
  using Clock = std::chrono::steady_clock;

  uint64_t DueEnd() const;  // REQUIRES: started_ and mutex_ held.
  void Run(const std::stop_token& stop, const std::function<void()>& f);

  const double rate_;
  const uint64_t limit_;
  std::mutex mutex_;
  std::condition_variable_any stopped_;
  bool started_ = false;
  Clock::time_point start_;
  uint64_t first_ = 0;
  uint64_t position_ = 0;
  std::jthread timer_;  // Last: joined before the rest goes.
};

}  // namespace millrace
