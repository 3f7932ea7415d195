#include "executor/view_feed.h"

#include <utility>

namespace millrace {

ViewFeed::ViewFeed(size_t max_rows, std::function<void()> on_ready)
    : max_rows_(max_rows), on_ready_(std::move(on_ready)) {}

size_t ViewFeed::RowsOf(const FeedStep& step) {
  size_t rows = 0;
  for (const FeedStep::Change& change : step.changes) {
    for (const Batch& batch : change.rows) rows += batch.size;
  }
  return rows;
}

void ViewFeed::Add(FeedStep::Change change) { running_.changes.push_back(std::move(change)); }

// Steps that only bring time are one.
void ViewFeed::Append(FeedStep step) {
  const size_t rows = RowsOf(step);
  if (rows == 0 && !steps_.empty() && RowsOf(steps_.back()) == 0) {
    FeedStep& last = steps_.back();
    for (FeedStep::Change& change : step.changes) {
      std::erase_if(last.changes, [&](const auto& other) { return other.view == change.view; });
      last.changes.push_back(std::move(change));
    }
    last.number = step.number;
    return;
  }
  if (rows > 0 && rows_ > 0 && rows_ + rows > max_rows_) {
    state_ = State::kCut;
    return;
  }
  rows_ += rows;
  steps_.push_back(std::move(step));
}

void ViewFeed::FinishStep(uint64_t number) {
  FeedStep step = std::exchange(running_, {});
  if (step.changes.empty()) return;
  step.number = number;
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::kOpen) return;
    Append(std::move(step));
  }
  on_ready_();
}

void ViewFeed::Close() {
  {
    const std::lock_guard lock(mutex_);
    if (state_ == State::kOpen) state_ = State::kGone;
  }
  on_ready_();
}

std::optional<FeedStep> ViewFeed::Take() {
  const std::lock_guard lock(mutex_);
  if (steps_.empty()) return std::nullopt;
  FeedStep step = std::move(steps_.front());
  steps_.pop_front();
  rows_ -= RowsOf(step);
  return step;
}

ViewFeed::State ViewFeed::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

}  // namespace millrace
