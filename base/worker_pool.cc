#include "base/worker_pool.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace millrace {
namespace {

constexpr uint32_t kStop = std::numeric_limits<uint32_t>::max();

}  // namespace

WorkerPool::WorkerPool(size_t workers) {
  for (size_t i = 1; i < workers; ++i) {
    threads_.emplace_back([this] {
      while (RunClaimed()) unclaimed_.wait(0);
    });
  }
}

WorkerPool::~WorkerPool() {
  unclaimed_ = kStop;
  unclaimed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void WorkerPool::Run(size_t i, const std::function<void(size_t)>& f) {
  try {
    f(i);
  } catch (...) {
    const std::lock_guard lock(error_mutex_);
    if (error_ && error_index_ < i) return;
    error_ = std::current_exception();
    error_index_ = i;
  }
}

bool WorkerPool::RunClaimed() {
  uint32_t left = unclaimed_.load();
  while (left != 0) {
    if (left == kStop) return false;
    if (!unclaimed_.compare_exchange_weak(left, left - 1)) continue;
    const uint32_t n = n_;
    Run(n - left, *f_);
    if (done_.fetch_add(1) + 1 == n) done_.notify_all();
    left = unclaimed_.load();
  }
  return true;
}

void WorkerPool::ForEach(size_t n, const std::function<void(size_t)>& f) {
  if (n == 0) return;
  if (n == 1) return f(0);
  const std::lock_guard lock(loop_mutex_);
  if (threads_.empty()) {
    for (size_t i = 0; i < n; ++i) Run(i, f);
    return RethrowFirst();
  }
  n_ = static_cast<uint32_t>(n);
  f_ = &f;
  done_ = 0;
  unclaimed_ = n_;
  if (n - 1 < threads_.size()) {
    for (size_t i = 1; i < n; ++i) unclaimed_.notify_one();
  } else {
    unclaimed_.notify_all();
  }
  RunClaimed();
  for (uint32_t done = done_; done != n; done = done_) done_.wait(done);
  RethrowFirst();
}

void WorkerPool::RethrowFirst() {
  if (const std::exception_ptr error = std::exchange(error_, nullptr)) {
    std::rethrow_exception(error);
  }
}

}  // namespace millrace
