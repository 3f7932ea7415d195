// Window joins: the state of a window goes when the watermark, or the clock, passes its end.
#include "executor/join.h"
#include "executor/join_flags.h"
#include "executor/windows.h"

namespace millrace {

int64_t JoinOperator::WindowEnd(RowRef key) const { return TimeOfKey(keys_.bytes_of(key)); }

// Rows of windows that were closed when the step began.
void JoinOperator::DropLate(size_t s, const StepTime& time, Batch* batch) {
  const Join& plan = options_.plan;
  if (!(s == 0 ? plan.left_decides_late : plan.right_decides_late)) return;
  const LateRule rule{.op = "Join", .column = sides_[s].keys[0], .reported = true};
  DropLateRows(rule, sides_[s].schema, time, context_, batch);
}

int64_t JoinOperator::NextTimer() const {
  return windows_.empty() ? kMaxWatermark : windows_.begin()->first;
}

void JoinOperator::RegisterWindow(RowRef ref) {
  uint8_t& flags = keys_.key(ref).flags;
  if (flags & kKeyInWindow) return;
  flags |= kKeyInWindow;
  windows_[WindowEnd(ref)].push_back(ref);
}

void JoinOperator::CloseWindows(const StepTime& time, const Emit& emit) {
  for (auto it = windows_.begin(); it != windows_.end(); it = windows_.erase(it)) {
    if (it->first - kMicrosPerMilli > time.watermark) break;
    for (size_t s = 0; s < 2 && shown_at_close(); ++s) {
      for (RowRef key : it->second) EmitClosed(s, key, emit);
      FlushShown(s, emit);
    }
    for (RowRef key : it->second) {
      for (Side& side : sides_) side.rows->EraseIf(key, [](RowRef) { return true; });
      keys_.key(key).flags &= static_cast<uint8_t>(~kKeyInWindow);
      keys_.ReleaseIfEmpty(key);
    }
  }
}

// What is shown of the side's rows of the key, once.
void JoinOperator::EmitClosed(size_t s, RowRef key, const Emit& emit) {
  const Side& side = sides_[s];
  const bool has = sides_[1 - s].rows->head(key) != kNoRow;
  const int64_t now = context_->eval.now.micros;
  for (RowRef ref = side.rows->head(key); ref != kNoRow; ref = side.rows->row(ref).next) {
    const bool matched = side.counted ? side.rows->count(ref) > 0 : has;
    if (!Shows(side.shown, matched) || !side.rows->Visible(ref, now)) continue;
    Show(s, ref, side.rows->row(ref).weight, emit);
  }
}

}  // namespace millrace
