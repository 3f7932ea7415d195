#include "executor/windows.h"

#include <cstdlib>
#include <utility>

namespace millrace {

int64_t LastInstant(int64_t local, const std::string& zone) {
  if (zone.empty()) return local;
  constexpr int64_t kDay = 86'400 * kMicrosPerSecond;
  const auto offset_at = [&](int64_t instant) { return LocalMicros(instant, zone) - instant; };
  const int64_t first = FromLocal({local}, zone).micros;  // As by the offset before a change.
  const int64_t before = local - first, after = offset_at(first + kDay);
  if (LocalMicros(first, zone) == local) {
    const int64_t second = local - after;
    return second > first && LocalMicros(second, zone) == local ? second : first;
  }
  // Skipped: the change is between what the two offsets say.
  int64_t low = local - after, high = first;
  while (high - low > kMicrosPerMilli) {
    const int64_t middle = FloorTo(low + (high - low) / 2, kMicrosPerMilli, 0);
    if (middle <= low) break;
    (offset_at(middle) == before ? low : high) = middle;
  }
  return FloorTo(low, kMicrosPerMilli, 0);
}

RejectedRow LateRow(const std::string& op, std::string reason, std::string row, int64_t weight,
                    int64_t time, int64_t watermark) {
  if (weight < 0) reason += ": what it takes back stays";
  return {op, std::move(reason), std::move(row), std::abs(weight), time, watermark};
}

std::string WindowEnded(int64_t window_time) {
  std::string reason = "its window ended at ";
  AppendTimestamp({window_time + kMicrosPerMilli}, 3, ' ', &reason);
  return reason;
}

void DropLateRows(const LateRule& rule, const Schema& schema, const StepTime& time,
                  PartitionContext* context, Batch* batch) {
  if (time.before == kMinWatermark) return;
  const Column& times = batch->columns[rule.column];
  int64_t last = kMinWatermark, last_instant = 0;  // Rows of one window mostly stand together.
  const auto time_of = [&](size_t i) {
    const int64_t at = times.at<int64_t>(i);
    if (rule.by != LateRule::By::kWindowEnd) return at;
    if (at != std::exchange(last, at)) last_instant = LastInstantBefore(at, rule.zone);
    return last_instant;
  };
  const auto late = [&](size_t i) {
    return !times.IsNull(i) && SaturatingAdd(time_of(i), rule.after) <= time.before;
  };
  size_t n = 0;
  for (size_t i = 0; i < batch->size; ++i) n += late(i);
  if (n == 0) return;
  std::vector<uint32_t> good;
  for (uint32_t i = 0; i < batch->size; ++i) {
    if (!late(i)) {
      good.push_back(i);
    } else if (rule.reported) {
      const int64_t at = time_of(i);
      std::string reason = rule.by == LateRule::By::kRowTime ? "the watermark had passed its time"
                                                             : WindowEnded(at);
      context->late.push_back(LateRow(rule.op, std::move(reason), RowToJson(*batch, schema, i),
                                      batch->weight(i), at, time.before));
    }
  }
  *batch = batch->Take(good);
}

void DropNullTimes(const std::string& op, size_t time_column, const Schema& schema,
                   PartitionContext* context, Batch* batch) {
  const Column& times = batch->columns[time_column];
  if (!times.may_have_nulls()) return;
  RowErrors errors;
  for (uint32_t i = 0; i < batch->size; ++i) {
    if (times.IsNull(i)) errors.push_back({i, "the event time is NULL: the row is in no window"});
  }
  DropFailedRows(errors, op, schema, context, batch);
}

}  // namespace millrace
