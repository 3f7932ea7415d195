// Watermarks per source partition, and their minimum over the partitions that are not idle.
#pragma once

#include <vector>

#include "executor/operator.h"
#include "executor/scan.h"
#include "functions/expr.h"
#include "planner/plan.h"

namespace millrace {

struct WatermarkOptions {
  ExprPtr expr;
  Schema schema;             // Of the input.
  size_t column = 0;         // The event time.
  int64_t max_future = 0;    // Microseconds; 0: any time will do.
};

// Notes the greatest watermark of the step's rows, per source partition; rows pass through, but for
// those whose time is further ahead of the clock than it may be: these are error rows.
class WatermarkOperator final : public Operator {
 public:
  WatermarkOperator(WatermarkOptions options, PartitionContext* context)
      : options_(std::move(options)), context_(context) {}
  void OnBatch(size_t port, Batch batch, const StepTime& time, const Emit& emit) override;
  // The step's maxima by source partition (kMinWatermark: none), which start anew.
  std::vector<int64_t> TakeMaxima() { return std::exchange(maxima_, {}); }

 private:
  void FindAhead(const Batch& batch, RowErrors* errors) const;

  WatermarkOptions options_;
  PartitionContext* context_;
  std::vector<int64_t> maxima_;
};

// The watermarks of one Watermark node over all partitions of its source. Driver only.
class WatermarkTracker {
 public:
  explicit WatermarkTracker(int64_t idle_timeout_micros) : idle_timeout_(idle_timeout_micros) {}

  void Advance(std::span<const int64_t> maxima);
  // The watermark after a step at `now` (micros): the minimum over the partitions that ever had a
  // row and are not idle; never goes back. Infinite once the source has ended.
  int64_t Current(const TableScan& scan, int64_t now_micros);
  // Replay: what the step had.
  void Force(int64_t effective, bool idle) {
    effective_ = effective;
    idle_ = idle;
  }
  void Note(const TableScan& scan, int64_t now_micros);
  int64_t effective() const { return effective_; }
  // No partition has moved within the timeout: the source holds no time back.
  bool idle() const { return idle_; }
  // When Current may change without input; kMaxWatermark: never.
  int64_t NextTimeout() const;
  // Of one source partition; kMinWatermark before its first.
  int64_t watermark(size_t i) const { return i < watermarks_.size() ? watermarks_[i] : kMinWatermark; }
  // How long it has been silent, micros: since the first step if it never gave a row.
  int64_t SilentFor(size_t i, int64_t now_micros) const;
  // Whether that is longer than the timeout.
  bool IsIdle(size_t i, int64_t now_micros) const;
  // The partition that holds the watermark back, if any, as of when it was last looked.
  std::optional<size_t> Slowest(const TableScan& scan) const;

  void Encode(const TableScan& scan, class Encoder64* out) const;
  void Decode(const TableScan& scan, class Decoder64* in);

 private:
  void Grow(size_t partitions);
  void SkipDowntime(int64_t now_micros);

  int64_t idle_timeout_;
  int64_t effective_ = kMinWatermark;
  bool idle_ = false;
  int64_t looked_at_ = 0;
  int64_t started_ = 0;  // Of the first step: a source that never moves is idle some time later.
  std::vector<int64_t> watermarks_;  // By source partition.
  std::vector<int64_t> last_moved_;  // Wall clock, micros; 0: never.
};

}  // namespace millrace
