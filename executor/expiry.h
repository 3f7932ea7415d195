// State TTL of operators that keep groups: which have not changed for so long.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace millrace {

class GroupExpiry {
 public:
  // `ttl` in microseconds of the steps' clock; 0: groups stay.
  explicit GroupExpiry(int64_t ttl) : ttl_(ttl) {}

  bool enabled() const { return ttl_ > 0; }
  // To be called once for each group, as long as it lives.
  void Watch(char* group, int64_t changed_at) {
    if (!enabled()) return;
    heap_.push_back({changed_at, group});
    std::push_heap(heap_.begin(), heap_.end());
  }
  // Calls drop(group) for the groups that changed_at(group) says have not changed for the TTL. It
  // forgets the group, or returns false: then it counts as changed now.
  template <class ChangedAt, class Drop>
  void Run(int64_t now, ChangedAt changed_at, Drop drop) {
    while (!heap_.empty() && heap_.front().at <= now - ttl_ && enabled()) {
      std::pop_heap(heap_.begin(), heap_.end());
      char* group = heap_.back().group;
      heap_.pop_back();
      const int64_t at = changed_at(group);
      if (at > now - ttl_) {
        Watch(group, at);
      } else if (!drop(group)) {
        Watch(group, now);
      }
    }
  }

 private:
  // No later than the group's last change.
  struct Entry {
    int64_t at;
    char* group;
    friend bool operator<(const Entry& a, const Entry& b) { return a.at > b.at; }
  };

  int64_t ttl_;
  std::vector<Entry> heap_;
};

}  // namespace millrace
