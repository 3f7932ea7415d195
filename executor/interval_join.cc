#include "executor/interval_join.h"

#include <algorithm>

#include "executor/windows.h"
#include "planner/join.h"
#include "types/row_key.h"

namespace millrace {
namespace {

constexpr size_t kExpireRows = 4096;  // Rows emitted together.
constexpr size_t kAhead = 16;         // Rows whose cache misses overlap.

// Without overflow: beyond the ends of time there is nothing.
int64_t Plus(int64_t time, int64_t offset) {
  int64_t sum = 0;
  if (!__builtin_add_overflow(time, offset, &sum)) return sum;
  return offset < 0 ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max();
}

}  // namespace

IntervalJoinOperator::Side::Side(const IntervalJoinOptions& options, size_t side, KeyTable* table)
    : schema(side == 0 ? options.left : options.right),
      time(side == 0 ? options.plan.left_time : options.plan.right_time),
      keys(side == 0 ? options.plan.join.left_keys : options.plan.join.right_keys),
      first(side == 0 ? options.plan.lower : -options.plan.upper),
      last(side == 0 ? options.plan.upper : -options.plan.lower),
      queue(std::max<int64_t>(Plus(options.plan.upper, -options.plan.lower), 0)) {
  const Join& join = options.plan.join;
  for (size_t k = 0; k < keys.size(); ++k) {
    if (!join.null_equal[k]) strict_keys.push_back(keys[k]);
  }
  shown_alone =
      side == 0 ? KeepsLeft(join.kind) || join.kind == JoinKind::kAnti : KeepsRight(join.kind);
  decides_late = side == 0 ? join.left_decides_late : join.right_decides_late;
  KeyedRows::Options stored;
  stored.lookup = KeyedRows::Lookup::kTime;
  stored.counted = shown_alone || (side == 0 && join.kind == JoinKind::kSemi);
  stored.tracked = options.tracked;
  for (const Field& field : schema) stored.columns.push_back(field.type);
  rows = std::make_unique<KeyedRows>(std::move(stored), side, table);
}

IntervalJoinOperator::IntervalJoinOperator(IntervalJoinOptions options, PartitionContext* context)
    : options_(std::move(options)),
      context_(context),
      keys_(0, options_.tracked),
      sides_{{options_, 0, &keys_}, {options_, 1, &keys_}},
      gatherer_("IntervalJoin", options_.plan.join.residual, options_.left, options_.right,
                context) {}

int64_t IntervalJoinOperator::Hold(const IntervalJoin& plan) {
  if (!plan.event_time) return 0;
  return std::max<int64_t>({plan.upper, -plan.lower, 0});
}

void IntervalJoinOperator::OnBatch(size_t port, Batch batch, const StepTime& time,
                                   const Emit& emit) {
  DropUnmatchable(port, &batch, emit);
  if (batch.size == 0) return;
  StoreRows(port, batch, options_.plan.event_time ? time.before : kMinWatermark);
  Match(port, batch, emit);
}

// Rows whose key or time is NULL have no partner. Outer and anti ones are shown at once.
void IntervalJoinOperator::DropUnmatchable(size_t s, Batch* batch, const Emit& emit) {
  const Side& side = sides_[s];
  std::vector<size_t> columns = side.strict_keys;
  if (options_.plan.event_time) columns.push_back(side.time);
  const auto may_be_null = [&](size_t c) { return batch->columns[c].may_have_nulls(); };
  if (std::ranges::none_of(columns, may_be_null)) return;
  std::vector<uint32_t> good, without;
  for (uint32_t i = 0; i < batch->size; ++i) {
    const bool null =
        std::ranges::any_of(columns, [&](size_t c) { return batch->columns[c].IsNull(i); });
    (null ? without : good).push_back(i);
  }
  if (without.empty()) return;
  if (side.shown_alone) EmitAlone(s, batch->Take(without), emit);
  *batch = batch->Take(good);
}

void IntervalJoinOperator::ReadTimes(const Side& side, const Batch& batch) {
  times_.resize(batch.size);
  const Column& times = batch.columns[side.time];
  for (size_t i = 0; i < batch.size; ++i) {
    times_[i] = options_.plan.event_time ? times.at<int64_t>(i) : context_->eval.now.micros;
  }
}

void IntervalJoinOperator::StoreRows(size_t s, const Batch& batch, int64_t before) {
  Side& side = sides_[s];
  ReadTimes(side, batch);
  key_refs_.resize(batch.size);
  keys_.FindOrInsert(RowKeys(batch, side.keys), key_refs_);
  const int64_t* weights = batch.append_only() ? nullptr : batch.weights.data();
  side.rows->AddTimed(RowSource(side.rows->layout(), batch), key_refs_, times_, weights, &changes_);
  for (size_t i = 0; i < batch.size; ++i) {
    if (changes_[i].row == kNoRow) continue;
    const int64_t last = Plus(times_[i], side.last);
    side.queue.Add(last, changes_[i].row);
    late_rows_ |= side.decides_late && std::max(last, times_[i]) <= before;
  }
}

void IntervalJoinOperator::Match(size_t s, const Batch& batch, const Emit& emit) {
  const KeyedRows& others = *sides_[1 - s].rows;
  for (uint32_t i = 0; i < batch.size; ++i) {
    if (i + kAhead < batch.size) others.Prefetch(others.head(key_refs_[i + kAhead]));
    if (changes_[i].row != kNoRow) FindPartners(s, batch, i, emit);
  }
  if (pairs_.size() > 0) FlushPairs(s, batch, emit);
}

void IntervalJoinOperator::FindPartners(size_t s, const Batch& batch, uint32_t i,
                                        const Emit& emit) {
  const KeyedRows& others = *sides_[1 - s].rows;
  const int64_t first = Plus(times_[i], sides_[s].first), last = Plus(times_[i], sides_[s].last);
  // For semi and anti joins one partner is enough.
  const bool one_is_enough = !emits_pairs() && !late_rows_;
  if (one_is_enough && s == 0 && !gatherer_.has_residual()) {
    const RowRef one = others.LastUntil(key_refs_[i], last, [](RowRef, RowRef) { return false; });
    if (one != kNoRow && others.time_of(one) >= first) AddPair(s, batch, i, one, emit);
    return;
  }
  others.ForEachBetween(key_refs_[i], first, last, [&](RowRef other) {
    const bool settled = one_is_enough && s == 1 && (others.row(other).state & kMatched);
    if (!settled) AddPair(s, batch, i, other, emit);
  });
}

void IntervalJoinOperator::AddPair(size_t s, const Batch& batch, uint32_t i, RowRef partner,
                                   const Emit& emit) {
  const KeyedRows& others = *sides_[1 - s].rows;
  pairs_.Add(i, others.record(partner), batch.weight(i) * others.row(partner).weight);
  partners_.push_back(partner);
  if (pairs_.size() == JoinPairs::kRows) FlushPairs(s, batch, emit);
}

void IntervalJoinOperator::FlushPairs(size_t s, const Batch& batch, const Emit& emit) {
  const PairSides sides{s, batch, sides_[1 - s].rows->layout(), nullptr};
  if (gatherer_.has_residual()) {
    const std::vector<uint32_t> selected = gatherer_.Select(sides, pairs_);
    TakePairs(selected, &pairs_);
    for (size_t k = 0; k < selected.size(); ++k) partners_[k] = partners_[selected[k]];
    partners_.resize(selected.size());
  }
  if (kind() == JoinKind::kSemi) EmitMatched(s, batch, emit);
  for (size_t k = 0; k < pairs_.size(); ++k) {
    MarkMatched(sides_[s], changes_[pairs_.rows[k]].row);
    MarkMatched(sides_[1 - s], partners_[k]);
  }
  if (emits_pairs() && pairs_.size() > 0) emit(gatherer_.Gather(sides, pairs_));
  pairs_.Clear();
  partners_.clear();
}

// Whether it is its first partner.
bool IntervalJoinOperator::MarkMatched(Side& side, RowRef ref) {
  KeyedRows::Row& row = side.rows->row(ref);
  if (row.state & kMatched) return false;
  row.state |= kMatched;
  if (!side.rows->counted()) return true;
  side.rows->BeforeChange(ref);
  side.rows->count(ref) = 1;
  return true;
}

// Semi joins: the left rows that have their first partner.
void IntervalJoinOperator::EmitMatched(size_t s, const Batch& batch, const Emit& emit) {
  Side& left = sides_[0];
  std::vector<uint32_t> rows;
  std::vector<const char*> records;
  std::vector<int64_t> weights;
  for (size_t k = 0; k < pairs_.size(); ++k) {
    const RowRef ref = s == 0 ? changes_[pairs_.rows[k]].row : partners_[k];
    if (!MarkMatched(left, ref)) continue;
    rows.push_back(pairs_.rows[k]);
    records.push_back(left.rows->record(ref));
    weights.push_back(left.rows->row(ref).weight);
  }
  if (rows.empty()) return;
  Batch out =
      s == 0 ? batch.Take(rows) : PairGatherer::GatherStored(left.rows->layout(), records, nullptr);
  if (!std::ranges::all_of(weights, [](int64_t w) { return w == 1; })) out.weights = weights;
  emit(std::move(out));
}

void IntervalJoinOperator::OnStep(const StepTime& time, const Emit& emit) {
  for (size_t s = 0; s < 2; ++s) Expire(s, time, emit);
  late_rows_ = false;
}

void IntervalJoinOperator::Expire(size_t s, const StepTime& time, const Emit& emit) {
  // Rows of the next step may have this one's clock.
  const int64_t passed =
      options_.plan.event_time || time.finished ? time.watermark : context_->eval.now.micros - 1;
  const int64_t before = options_.plan.event_time ? time.before : kMinWatermark;
  expired_.clear();
  sides_[s].queue.TakeUntil(passed, &expired_);
  const std::span<const TimeQueue::Entry> all = expired_;
  for (size_t at = 0; at < all.size(); at += kExpireRows) {
    ExpireRows(s, all.subspan(at, std::min(kExpireRows, all.size() - at)), before, emit);
  }
}

void IntervalJoinOperator::ExpireRows(size_t s, std::span<const TimeQueue::Entry> rows,
                                      int64_t before, const Emit& emit) {
  Side& side = sides_[s];
  std::vector<const char*> alone;
  std::vector<int64_t> weights;
  std::vector<RowRef> late;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (i + kAhead < rows.size()) side.rows->Prefetch(rows[i + kAhead].ref);
    const auto [last, ref] = rows[i];
    const KeyedRows::Row& row = side.rows->row(ref);
    if (row.state & kMatched) continue;
    if (side.decides_late && std::max(last, side.rows->time_of(ref)) <= before) {
      late.push_back(ref);
    } else if (side.shown_alone) {
      alone.push_back(side.rows->record(ref));
      weights.push_back(row.weight);
    }
  }
  ReportLate(side, late, before);
  if (!alone.empty()) {
    Batch batch = PairGatherer::GatherStored(side.rows->layout(), alone, nullptr);
    if (!std::ranges::all_of(weights, [](int64_t w) { return w == 1; })) batch.weights = weights;
    EmitAlone(s, std::move(batch), emit);
  }
  std::vector<RowRef> keys;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (i + kAhead < rows.size()) side.rows->PrefetchLinks(rows[i + kAhead].ref);
    keys.push_back(side.rows->row(rows[i].ref).key);
    side.rows->Erase(rows[i].ref);
  }
  keys_.ReleaseEmpty(keys);
}

void IntervalJoinOperator::ReportLate(const Side& side, std::span<const RowRef> rows,
                                      int64_t before) {
  if (rows.empty()) return;
  std::vector<const char*> records;
  for (RowRef ref : rows) records.push_back(side.rows->record(ref));
  const Batch batch = PairGatherer::GatherStored(side.rows->layout(), records, nullptr);
  for (size_t i = 0; i < rows.size(); ++i) {
    context_->late.push_back(
        LateRow("IntervalJoin", "the watermark had passed its time and those of its partners",
                RowToJson(batch, side.schema, i), side.rows->row(rows[i]).weight,
                side.rows->time_of(rows[i]), before));
  }
}

void IntervalJoinOperator::EmitAlone(size_t s, Batch batch, const Emit& emit) const {
  if (emits_pairs()) AddMissingSide(sides_[1 - s].schema, /*behind=*/s == 0, &batch);
  emit(std::move(batch));
}

void IntervalJoinOperator::BeginCheckpoint(StateWriter* writer) {
  keys_.BeginCheckpoint();
  for (size_t s = 0; s < 2; ++s) {
    sides_[s].rows->BeginCheckpoint(options_.id + static_cast<OperatorId>(s), writer);
  }
}

bool IntervalJoinOperator::CopySlice(size_t max_rows) {
  if (!sides_[0].rows->CopySlice(max_rows) || !sides_[1].rows->CopySlice(max_rows)) return false;
  keys_.EndCheckpoint();
  return true;
}

void IntervalJoinOperator::Restore(const Store& store, size_t partition, size_t partitions) {
  for (size_t s = 0; s < 2; ++s) {
    Side& side = sides_[s];
    side.rows->Restore(options_.id + static_cast<OperatorId>(s), store, partition, partitions);
    side.rows->ForEach([&](RowRef ref) {
      side.queue.Add(Plus(side.rows->time_of(ref), side.last), ref);
      if (side.rows->counted() && side.rows->count(ref) > 0) side.rows->row(ref).state |= kMatched;
    });
  }
}

size_t IntervalJoinOperator::state_bytes() const {
  size_t bytes = keys_.bytes();
  for (const Side& side : sides_) bytes += side.rows->bytes() + side.queue.bytes();
  return bytes;
}

}  // namespace millrace
