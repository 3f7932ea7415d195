#include "executor/stateless.h"

#include <algorithm>

#include "executor/windows.h"

namespace millrace {
namespace {

// What CURRENT_WATERMARK gives: what decides which rows of the step are late.
void SetWatermark(const StepTime& time, EvalContext* context) {
  context->watermark.reset();
  if (time.before != kMinWatermark) context->watermark = TimestampLtz{time.before};
}

}  // namespace

void FilterOperator::OnBatch(size_t, Batch batch, const StepTime& time, const Emit& emit) {
  RowErrors errors;
  context_->eval.errors = &errors;
  SetWatermark(time, &context_->eval);
  Column mask = EvaluateCondition(*predicate_, batch, context_->eval);
  if (DropFailedRows(errors, "Filter", schema_, context_, &batch)) {
    errors.clear();
    mask = EvaluateCondition(*predicate_, batch, context_->eval);
  }
  const uint8_t* keep = mask.data<uint8_t>();
  const auto kept = static_cast<size_t>(std::count(keep, keep + batch.size, 1));
  if (kept == batch.size) return emit(std::move(batch));
  if (kept > 0) emit(batch.Compress(keep, kept));
}

void ProjectOperator::OnBatch(size_t port, Batch batch, const StepTime& time, const Emit& emit) {
  RowErrors errors;
  context_->eval.errors = &errors;
  SetWatermark(time, &context_->eval);
  Batch out;
  out.size = batch.size;
  out.columns.reserve(exprs_.size());
  for (const ExprPtr& expr : exprs_) out.columns.push_back(Evaluate(*expr, batch, context_->eval));
  if (!errors.empty()) {
    DropFailedRows(errors, "Project", schema_, context_, &batch);
    if (batch.size > 0) OnBatch(port, std::move(batch), time, emit);
    return;
  }
  out.weights = std::move(batch.weights);
  emit(std::move(out));
}

void NotNullOperator::OnBatch(size_t, Batch batch, const StepTime&, const Emit& emit) {
  RowErrors errors;
  for (size_t c : columns_) {
    const Column& column = batch.columns[c];
    if (!column.may_have_nulls()) continue;
    for (uint32_t i = 0; i < batch.size; ++i) {
      if (column.IsNull(i)) errors.push_back({i, "column \"" + schema_[c].name + "\" is NOT NULL"});
    }
  }
  DropFailedRows(errors, "Sink", schema_, context_, &batch);
  if (batch.size > 0) emit(std::move(batch));
}

Batch AssignWindowsOperator::Tumble(Batch batch) const {
  const Column& times = batch.columns[spec_.time_column];
  const int64_t* in = times.data<int64_t>();
  WindowColumnsOut out(times.type(), batch.size);
  // Neighbours mostly share a window: no division for them.
  int64_t start = 0, end = 0, time = 0;
  for (size_t i = 0; i < batch.size; ++i) {
    const int64_t t = LocalMicros(in[i * times.stride()], spec_.zone);
    if (t < start || t >= end) {
      start = FloorTo(t, spec_.size, spec_.offset);
      end = start + spec_.size;
      time = LastInstant(end - kMicrosPerMilli, spec_.zone);
    }
    out.Set(i, start, end, time);
  }
  out.AppendTo(&batch);
  return batch;
}

Batch AssignWindowsOperator::Expand(const Batch& batch, const StepTime& time) const {
  const Column& times = batch.columns[spec_.time_column];
  std::vector<uint32_t> rows;
  std::vector<int64_t> starts, ends, window_times;
  // The row's last window is always passed on: the aggregate finds it late if it is closed as well.
  const bool skips = late_after_ && time.before != kMinWatermark;
  auto add = [&](uint32_t row, int64_t start, int64_t end, bool last) {
    const int64_t window_time = LastInstant(end - kMicrosPerMilli, spec_.zone);
    if (skips && !last && SaturatingAdd(window_time, *late_after_) <= time.before) return;
    window_times.push_back(window_time);
    rows.push_back(row);
    starts.push_back(start);
    ends.push_back(end);
  };
  for (uint32_t i = 0; i < batch.size; ++i) {
    const int64_t t = LocalMicros(times.at<int64_t>(i), spec_.zone);
    if (spec_.kind == AssignWindows::Kind::kCumulate) {
      const int64_t start = FloorTo(t, spec_.size, spec_.offset);
      int64_t end = start + FloorTo(t - start, spec_.slide, 0) + spec_.slide;
      for (; end <= start + spec_.size; end += spec_.slide) {
        add(i, start, end, end == start + spec_.size);
      }
      continue;
    }
    const int64_t latest = FloorTo(t, spec_.slide, spec_.offset);
    for (int64_t start = latest; start > t - spec_.size; start -= spec_.slide) {
      add(i, start, start + spec_.size, start == latest);
    }
  }
  Batch out = batch.Take(rows);
  WindowColumnsOut columns(times.type(), rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    columns.Set(i, starts[i], ends[i], window_times[i]);
  }
  columns.AppendTo(&out);
  return out;
}

void AssignWindowsOperator::OnBatch(size_t, Batch batch, const StepTime& time, const Emit& emit) {
  DropNullTimes("Window", spec_.time_column, schema_, context_, &batch);
  if (batch.size == 0) return;
  Batch out =
      spec_.kind == AssignWindows::Kind::kTumble ? Tumble(std::move(batch)) : Expand(batch, time);
  if (out.size > 0) emit(std::move(out));
}

}  // namespace millrace
