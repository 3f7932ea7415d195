// Threads that run one parallel loop at a time: the partitions of a step.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace millrace {

// Thread-safe: the loops of several callers run one after another.
class WorkerPool {
 public:
  // `workers` counts the caller of ForEach; 0 is 1.
  explicit WorkerPool(size_t workers);
  // REQUIRES: no loop is running.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  size_t workers() const { return threads_.size() + 1; }

  // Calls f(0) … f(n - 1), each once, on the workers, and returns when all have returned. Then
  // rethrows the exception of the lowest index that threw. REQUIRES: f does not call ForEach of the
  // same pool; n < 2^32 - 1.
  void ForEach(size_t n, const std::function<void(size_t)>& f);

 private:
  // Calls f(i), keeps what it throws.
  void Run(size_t i, const std::function<void(size_t)>& f);
  // Runs what it can claim; false when the pool ends.
  bool RunClaimed();
  void RethrowFirst();

  std::mutex loop_mutex_;  // Held by the caller whose loop runs.

  // The loop. A thread that has claimed an index may read n_ and f_: they stay until every claimed
  // index is done.
  uint32_t n_ = 0;
  const std::function<void(size_t)>* f_ = nullptr;
  std::atomic<uint32_t> unclaimed_ = 0;  // Claiming takes one off. Idle workers wait for it.
  std::atomic<uint32_t> done_ = 0;

  std::mutex error_mutex_;
  size_t error_index_ = 0;
  std::exception_ptr error_;

  std::vector<std::thread> threads_;
};

}  // namespace millrace
