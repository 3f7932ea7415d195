// One thread waits until another says that there is something to do.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace millrace {

// Thread-safe. A Set() before the wait ends it at once; the wait takes it back.
class Signal {
 public:
  void Set() {
    {
      std::lock_guard lock(mutex_);
      set_ = true;
    }
    wake_.notify_one();
  }
  void WaitFor(std::chrono::microseconds longest) {
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, longest, [this] { return set_; });
    set_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  bool set_ = false;
};

}  // namespace millrace
