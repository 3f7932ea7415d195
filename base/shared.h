// Writing in place what a shared pointer points to.
#pragma once

#include <atomic>
#include <memory>

namespace millrace {

// Whether somebody else holds what `p` points to. When nobody does, all that former holders did
// with it, on whatever thread, has happened before: it may be written. (use_count() alone does not
// say so: it is a relaxed load, which does not acquire what the last holder's release of its
// pointer gave.)
template <class T>
bool Shared(const std::shared_ptr<T>& p) {
  if (p.use_count() > 1) return true;
#if defined(__SANITIZE_THREAD__)
  std::shared_ptr<T>(p).reset();  // ThreadSanitizer knows no fences; this changes the count once.
#else
  std::atomic_thread_fence(std::memory_order_acquire);
#endif
  return false;
}

}  // namespace millrace
