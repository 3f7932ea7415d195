#include "executor/watermark.h"

#include <algorithm>

#include "base/codec.h"
#include "types/datetime.h"

namespace millrace {
namespace {

// Watermarks are kept in whole milliseconds.
int64_t FloorToMilli(int64_t micros) {
  const int64_t rest = micros % kMicrosPerMilli;
  return micros - (rest < 0 ? rest + kMicrosPerMilli : rest);
}

}  // namespace

void WatermarkOperator::FindAhead(const Batch& batch, RowErrors* errors) const {
  const Column& times = batch.columns[options_.column];
  const EvalContext& eval = context_->eval;
  const bool local = times.type() == TypeId::kTimestamp;
  const int64_t now = local ? ToLocal(eval.now, eval.zone).micros : eval.now.micros;
  const int64_t* values = times.data<int64_t>();
  for (uint32_t i = 0; i < batch.size; ++i) {
    if (times.IsNull(i) || values[i * times.stride()] <= now + options_.max_future) continue;
    errors->push_back(
        {i, "the event time is further ahead of the clock than 'scan.watermark.max-future'"});
  }
}

void WatermarkOperator::OnBatch(size_t, Batch batch, const StepTime&, const Emit& emit) {
  if (options_.expr != nullptr) {
    RowErrors errors;
    context_->eval.errors = &errors;
    const Column marks = Evaluate(*options_.expr, batch, context_->eval);
    if (options_.max_future > 0) FindAhead(batch, &errors);
    std::vector<uint8_t> failed(errors.empty() ? 0 : batch.size);
    for (const RowError& e : errors) failed[e.row] = 1;
    int64_t greatest = kMinWatermark;
    const int64_t* values = marks.data<int64_t>();
    for (size_t i = 0; i < batch.size; ++i) {
      if (marks.IsNull(i) || (!failed.empty() && failed[i])) continue;
      greatest = std::max(greatest, values[i * marks.stride()]);
    }
    if (maxima_.size() <= context_->source_partition) {
      maxima_.resize(context_->source_partition + 1, kMinWatermark);
    }
    int64_t& maximum = maxima_[context_->source_partition];
    if (greatest != kMinWatermark) maximum = std::max(maximum, FloorToMilli(greatest));
    DropFailedRows(errors, "Watermark", options_.schema, context_, &batch);
  }
  if (batch.size > 0) emit(std::move(batch));
}

void WatermarkTracker::Grow(size_t partitions) {
  if (watermarks_.size() >= partitions) return;
  watermarks_.resize(partitions, kMinWatermark);
  last_moved_.resize(partitions, 0);
}

void WatermarkTracker::Advance(std::span<const int64_t> maxima) {
  Grow(maxima.size());
  for (size_t i = 0; i < maxima.size(); ++i) watermarks_[i] = std::max(watermarks_[i], maxima[i]);
}

// While somebody is active it is looked at within every timeout. If it was not, the server was
// down, and nobody was silent meanwhile.
void WatermarkTracker::SkipDowntime(int64_t now_micros) {
  const int64_t gap = now_micros - looked_at_;
  if (idle_timeout_ == 0 || looked_at_ == 0 || gap <= 2 * idle_timeout_) return;
  const bool active = std::ranges::any_of(last_moved_, [&](int64_t moved) {
    return moved != 0 && looked_at_ - moved < idle_timeout_;
  });
  if (!active) return;
  for (int64_t& moved : last_moved_) moved += moved == 0 ? 0 : gap;
  started_ += gap;
}

int64_t WatermarkTracker::Current(const TableScan& scan, int64_t now_micros) {
  if (scan.ended()) return effective_ = kMaxWatermark;
  Grow(scan.source_partitions());
  if (started_ == 0) started_ = now_micros;
  SkipDowntime(now_micros);
  looked_at_ = now_micros;
  for (size_t i = 0; i < scan.source_partitions(); ++i) {
    if (scan.moved(i)) last_moved_[i] = now_micros;
  }
  const std::optional<size_t> slowest = Slowest(scan);
  idle_ = idle_timeout_ > 0 && !slowest && now_micros - started_ >= idle_timeout_;
  if (slowest) effective_ = std::max(effective_, watermarks_[*slowest]);
  // As in Flink, the furthest one counts when the last active one falls silent.
  if (idle_) {
    for (int64_t watermark : watermarks_) effective_ = std::max(effective_, watermark);
  }
  return effective_;
}

std::optional<size_t> WatermarkTracker::Slowest(const TableScan& scan) const {
  int64_t least = kMaxWatermark;
  std::optional<size_t> slowest;
  std::optional<TransportStatus> status;
  // A partition that has records, though none was read yet, holds time back; an empty one does not.
  const auto has_unread = [&](size_t i) {
    if (!status) status = scan.status();
    return i < status->lag.size() && status->lag[i].records() > 0;
  };
  for (size_t i = 0; i < std::min(watermarks_.size(), scan.source_partitions()); ++i) {
    int64_t active = last_moved_[i];
    if (active == 0 && !scan.ever_moved(i)) {
      if (!has_unread(i)) continue;
      active = started_;
    }
    if (idle_timeout_ > 0 && looked_at_ - active >= idle_timeout_) continue;
    if (watermarks_[i] < least) {
      least = watermarks_[i];
      slowest = i;
    }
  }
  return slowest;
}

int64_t WatermarkTracker::SilentFor(size_t i, int64_t now_micros) const {
  if (started_ == 0) return 0;
  const bool moved = i < last_moved_.size() && last_moved_[i] != 0;
  return now_micros - (moved ? last_moved_[i] : started_);
}

bool WatermarkTracker::IsIdle(size_t i, int64_t now_micros) const {
  return idle_timeout_ > 0 && SilentFor(i, now_micros) >= idle_timeout_;
}

void WatermarkTracker::Note(const TableScan& scan, int64_t now_micros) {
  Grow(scan.source_partitions());
  if (started_ == 0) started_ = now_micros;
  looked_at_ = now_micros;
  for (size_t i = 0; i < scan.source_partitions(); ++i) {
    if (scan.moved(i)) last_moved_[i] = now_micros;
  }
}

int64_t WatermarkTracker::NextTimeout() const {
  int64_t next = kMaxWatermark;
  if (idle_timeout_ == 0) return next;
  // Those that had passed when it was last looked have had their effect.
  auto consider = [&](int64_t since) {
    const int64_t timeout = since + idle_timeout_;
    if (since != 0 && timeout > looked_at_) next = std::min(next, timeout);
  };
  consider(started_);
  for (int64_t moved : last_moved_) consider(moved);
  return next;
}

void WatermarkTracker::Encode(const TableScan& scan, Encoder64* out) const {
  out->Put(static_cast<uint64_t>(effective_)).Put(static_cast<uint64_t>(started_));
  out->Put(static_cast<uint64_t>(looked_at_)).Put(static_cast<uint64_t>(watermarks_.size()));
  for (size_t i = 0; i < watermarks_.size(); ++i) {
    out->Put(scan.partition_name(i)).Put(static_cast<uint64_t>(watermarks_[i]));
    out->Put(static_cast<uint64_t>(last_moved_[i]));
  }
}

void WatermarkTracker::Decode(const TableScan& scan, Decoder64* in) {
  effective_ = static_cast<int64_t>(in->Number());
  started_ = static_cast<int64_t>(in->Number());
  looked_at_ = static_cast<int64_t>(in->Number());
  Grow(scan.source_partitions());
  for (uint64_t n = in->Number(); n > 0; --n) {
    const std::string name = in->String();
    const int64_t watermark = static_cast<int64_t>(in->Number());
    const int64_t moved = static_cast<int64_t>(in->Number());
    for (size_t i = 0; i < scan.source_partitions(); ++i) {
      if (scan.partition_name(i) != name) continue;
      watermarks_[i] = watermark;
      last_moved_[i] = moved;
    }
  }
}

}  // namespace millrace
