// Follows views from outside of their pipeline: the changes of each step, as full deltas.
//
// The pipeline's driver fills a feed and one reader empties it. What waits is bounded: a feed whose
// reader is too slow is cut off, so that it never holds the pipeline up.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "types/batch.h"

namespace millrace {

// Of one published step; of views without a change the watermark alone, if that has moved.
struct FeedStep {
  struct Change {
    size_t view = 0;  // The feed's number of it.
    int64_t watermark = 0;
    std::vector<Batch> rows;
  };
  uint64_t number = 0;  // As View::published_step().
  std::vector<Change> changes;
};

class ViewFeed {
 public:
  enum class State : uint8_t {
    kOpen,
    kCut,   // The reader was too slow.
    kGone,  // A view was dropped, replaced or restarted.
  };

  // A step is taken whatever its size if nothing waits; else up to `max_rows` in all. `on_ready` is
  // called on the driver's thread when there is something to take or the state has changed; it must
  // not come back to the feed.
  ViewFeed(size_t max_rows, std::function<void()> on_ready);

  // Driver: the changes of one view in the running step; then, when all were added, the step's end.
  void Add(FeedStep::Change change);
  void FinishStep(uint64_t number);
  void Close();

  // Reader. What was taken in before the state changed is still given.
  std::optional<FeedStep> Take();
  State state() const;

 private:
  static size_t RowsOf(const FeedStep& step);
  // REQUIRES: the mutex.
  void Append(FeedStep step);

  const size_t max_rows_;
  const std::function<void()> on_ready_;
  FeedStep running_;  // Driver only.
  mutable std::mutex mutex_;  // Guards what follows.
  std::deque<FeedStep> steps_;
  size_t rows_ = 0;
  State state_ = State::kOpen;
};

}  // namespace millrace
