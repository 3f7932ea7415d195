#include "executor/assign_sessions.h"

#include <algorithm>

#include "executor/windows.h"
#include "types/datetime.h"

namespace millrace {
namespace {

constexpr size_t kEmitRows = 4096;

}  // namespace

AssignSessionsOperator::AssignSessionsOperator(AssignSessionsOptions options,
                                               PartitionContext* context)
    : options_(std::move(options)),
      context_(context),
      layout_(options_.input, options_.plan.partition,
              std::vector{OrderColumn{options_.plan.time_column}}),
      table_({.copies = false, .payload_size = sizeof(Given), .tracked = options_.tracked}) {}

// The time is the one ORDER BY column: its mark, then its bytes.
int64_t AssignSessionsOperator::TimeOf(const char* row) const {
  return TimeOfKey(table_.Key(row).substr(table_.OrderBegin(row)));
}

int64_t AssignSessionsOperator::CloseTime(int64_t end) const {
  return SaturatingAdd(end - kMicrosPerMilli, options_.plan.late_after);
}

void AssignSessionsOperator::NoteOldRetractions(const Batch& batch, const StepTime& time) {
  if (batch.append_only() || time.before == kMinWatermark) return;
  const Column& times = batch.columns[options_.plan.time_column];
  std::vector<uint32_t> old;
  for (uint32_t i = 0; i < batch.size; ++i) {
    const int64_t end = times.at<int64_t>(i) + options_.plan.size;
    if (batch.weight(i) < 0 && CloseTime(end) <= time.before) old.push_back(i);
  }
  if (!old.empty()) old_retractions_.push_back(batch.Take(old));
}

void AssignSessionsOperator::OnBatch(size_t, Batch batch, const StepTime& time, const Emit&) {
  DropNullTimes("Session", options_.plan.time_column, options_.input, context_, &batch);
  if (batch.size == 0) return;
  NoteOldRetractions(batch, time);
  table_.Add(layout_.Encode(batch), batch.append_only() ? nullptr : batch.weights.data());
}

// Rows that are taken back, but went with their session: they leave what is closed as it is.
void AssignSessionsOperator::ReportOldRetractions(const StepTime& time) {
  for (const Batch& batch : std::exchange(old_retractions_, {})) {
    const OrderedKeys keys = layout_.Encode(batch);
    const Column& times = batch.columns[options_.plan.time_column];
    for (size_t i = 0; i < batch.size; ++i) {
      const int64_t missing = table_.TakeMissing(keys[i], keys.hash(i));
      if (missing == 0 || !options_.plan.decides_late) continue;
      ReportLate(keys[i], times.at<int64_t>(i) + options_.plan.size, -missing, time);
    }
  }
}

void AssignSessionsOperator::ReportLate(std::string_view key, int64_t end, int64_t weight,
                                        const StepTime& time) {
  const Batch row = layout_.Decode(std::span(&key, 1));
  const int64_t window_time = end - kMicrosPerMilli;
  context_->late.push_back(LateRow("Session", WindowEnded(window_time),
                                   RowToJson(row, options_.input, 0), weight, window_time,
                                   time.before));
}

std::vector<AssignSessionsOperator::Session> AssignSessionsOperator::FindSessions(
    std::span<char* const> rows) const {
  std::vector<Session> sessions;
  for (size_t i = 0; i < rows.size(); ++i) {
    const int64_t time = TimeOf(rows[i]), end = SaturatingAdd(time, options_.plan.size);
    if (sessions.empty() || time > sessions.back().end) {
      sessions.push_back({time, end, i, i});
    } else {
      sessions.back().end = end;
      sessions.back().last = i;
    }
  }
  return sessions;
}

// New rows that came to no open session.
void AssignSessionsOperator::DropLateRows(OrderedPartition* partition, std::vector<char*>* rows,
                                          const StepTime& time) {
  std::vector<char*> kept;
  for (const Session& session : FindSessions(*rows)) {
    const bool closed = CloseTime(session.end) <= time.before;
    for (size_t i = session.first; i <= session.last; ++i) {
      char* row = (*rows)[i];
      if (!closed || GivenOf(row).fresh == 0) {
        kept.push_back(row);
        continue;
      }
      ReportLate(table_.Key(row), session.end, table_.Count(row), time);
      table_.Drop(partition, row);
    }
  }
  *rows = std::move(kept);
}

void AssignSessionsOperator::Push(const char* row, int64_t start, int64_t end, int64_t weight) {
  // What is given once is given row by row.
  const int64_t copies = options_.plan.emit_on_close ? weight : 1;
  for (int64_t n = 0; n < copies; ++n) {
    changes_.push_back({table_.Key(row), start, end, options_.plan.emit_on_close ? 1 : weight});
  }
}

void AssignSessionsOperator::Give(char* row, const Session& session, bool visible) {
  Given& given = GivenOf(row);
  const int64_t count = visible ? table_.Count(row) : 0;
  const bool moves = given.start != session.start || given.end != session.end;
  if (given.fresh == 0 && given.count == count && (count == 0 || !moves)) return;
  table_.BeforeChange(row);
  if (moves || count < given.count) {
    if (given.count > 0) Push(row, given.start, given.end, -given.count);
    given.count = 0;
  }
  if (count > given.count) Push(row, session.start, session.end, count - given.count);
  given = {session.start, session.end, count, 0};
}

void AssignSessionsOperator::Settle(OrderedPartition* partition, const StepTime& time) {
  std::vector<char*> rows;
  partition->Copy(0, partition->size(), &rows);
  if (options_.plan.decides_late) DropLateRows(partition, &rows, time);
  int64_t next = kMaxWatermark;
  for (const Session& session : FindSessions(rows)) {
    const int64_t close = CloseTime(session.end);
    const bool closes = close <= time.watermark;
    for (size_t i = session.first; i <= session.last; ++i) {
      Give(rows[i], session, closes || !options_.plan.emit_on_close);
      if (closes) table_.Drop(partition, rows[i]);
    }
    if (!closes) next = std::min(next, close);
  }
  partition->Renumber();
  Schedule(partition->key(), next);
}

void AssignSessionsOperator::Schedule(std::string_view partition, int64_t close) {
  const auto found = scheduled_.find(partition);
  if (found != scheduled_.end()) {
    if (found->second == close) return;
    due_.erase({found->second, found->first});
    scheduled_.erase(found);
  }
  if (close == kMaxWatermark) return;
  due_.emplace(close, partition);
  scheduled_.emplace(partition, close);
}

void AssignSessionsOperator::OnStep(const StepTime& time, const Emit& emit) {
  ReportOldRetractions(time);
  for (const OrderedTable::PartitionChanges& changes : table_.Settle()) {
    for (const OrderedTable::Change& change : changes.rows) {
      Given& given = GivenOf(change.row);
      if (change.before == 0) given.fresh = 1;
      if (change.after > 0) continue;
      if (given.count > 0) Push(change.row, given.start, given.end, -given.count);
    }
    Settle(changes.partition, time);
  }
  while (!due_.empty() && due_.begin()->first <= time.watermark) {
    const std::string key = due_.begin()->second;
    OrderedPartition* partition = table_.FindPartition(key);
    if (partition == nullptr) {
      Schedule(key, kMaxWatermark);
    } else {
      Settle(partition, time);
    }
  }
  Flush(emit);
  table_.Finish();
}

int64_t AssignSessionsOperator::NextTimer() const {
  return due_.empty() ? kMaxWatermark : SaturatingAdd(due_.begin()->first, kMicrosPerMilli);
}

void AssignSessionsOperator::Flush(const Emit& emit) {
  for (size_t at = 0; at < changes_.size(); at += kEmitRows) {
    const size_t count = std::min(kEmitRows, changes_.size() - at);
    EmitRows(std::span(changes_).subspan(at, count), emit);
  }
  changes_.clear();
}

void AssignSessionsOperator::EmitRows(std::span<const Change> changes, const Emit& emit) const {
  std::vector<std::string_view> keys;
  for (const Change& change : changes) keys.push_back(change.key);
  Batch out = layout_.Decode(keys);
  const TypeId type = options_.input[options_.plan.time_column].type.id;
  WindowColumnsOut windows(type, changes.size());
  for (size_t i = 0; i < changes.size(); ++i) {
    windows.SetInstants(i, changes[i].start, changes[i].end, options_.plan.zone);
  }
  windows.AppendTo(&out);
  if (std::ranges::any_of(changes, [](const Change& change) { return change.weight != 1; })) {
    for (const Change& change : changes) out.weights.push_back(change.weight);
  }
  emit(std::move(out));
}

void AssignSessionsOperator::Restore(const Store& store, size_t partition, size_t partitions) {
  table_.Restore(options_.id, store, partition, partitions);
  // The first step finds out when they close.
  table_.ForEachPartition([this](OrderedPartition* p) { Schedule(p->key(), kMinWatermark); });
}

}  // namespace millrace
