// Who is to be woken, from threads that the pipeline does not know.
#pragma once

#include <functional>
#include <mutex>

namespace millrace {

class Wakeup {
 public:
  void Set(std::function<void()> f) {
    std::lock_guard lock(mutex_);
    f_ = std::move(f);
  }
  void Wake() {
    std::lock_guard lock(mutex_);
    if (f_) f_();
  }

 private:
  std::mutex mutex_;
  std::function<void()> f_;
};

}  // namespace millrace
