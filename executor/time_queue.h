// References to stored rows by the time when they are done with: what a watermark passes is taken
// out in order, and nothing else is touched.
//
// A calendar: entries lie in buckets of equal width, and only the bucket that the watermark is in
// is ever sorted. Entries are not stored; their rows make them again.
#pragma once

#include <map>
#include <vector>

#include "state/row_heap.h"

namespace millrace {

class TimeQueue {
 public:
  struct Entry {
    int64_t time;
    RowRef ref;
    auto operator<=>(const Entry&) const = default;
  };

  // `span`: microseconds over which the entries lie, roughly.
  explicit TimeQueue(int64_t span);

  void Add(int64_t time, RowRef ref);
  // Moves the entries of times up to `until` into `out`, in their order.
  void TakeUntil(int64_t until, std::vector<Entry>* out);

  size_t bytes() const { return size_ * sizeof(Entry); }

 private:
  struct Bucket {
    std::vector<Entry> entries;
    size_t taken = 0;  // At the front.
    bool sorted = false;
  };
  int64_t NumberOf(int64_t time) const;

  int64_t width_;
  std::map<int64_t, Bucket> buckets_;
  Bucket* last_ = nullptr;  // That of the last entry added, number `last_number_`.
  int64_t last_number_ = 0;
  size_t size_ = 0;
};

}  // namespace millrace
