#include "executor/temporal_join.h"

#include <algorithm>

#include "executor/windows.h"
#include "types/row_key.h"

namespace millrace {
namespace {

constexpr size_t kJoinRows = 2048;                       // Left rows joined together.
constexpr int64_t kQueueSpan = 3600 * kMicrosPerSecond;  // What the watermark lags, at most often.

}  // namespace

TemporalJoinOperator::TemporalJoinOperator(TemporalJoinOptions options, PartitionContext* context)
    : options_(std::move(options)),
      context_(context),
      keys_(0, options_.tracked),
      left_(MakeSide(0, {})),
      right_(MakeSide(1, {.counted = !options_.right_appends, .merged = !options_.right_appends})),
      gatherer_("TemporalJoin", options_.plan.join.residual, options_.left, options_.right,
                context) {}

TemporalJoinOperator::Side TemporalJoinOperator::MakeSide(size_t s, KeyedRows::Options rows) {
  const TemporalJoin& plan = options_.plan;
  const Schema& schema = s == 0 ? options_.left : options_.right;
  rows.lookup = KeyedRows::Lookup::kTime;
  rows.tracked = options_.tracked;
  for (const Field& field : schema) rows.columns.push_back(field.type);
  return {schema, s == 0 ? plan.left_time : plan.right_time,
          s == 0 ? plan.join.left_keys : plan.join.right_keys,
          std::make_unique<KeyedRows>(std::move(rows), s, &keys_), TimeQueue(kQueueSpan)};
}

void TemporalJoinOperator::OnBatch(size_t port, Batch batch, const StepTime& time,
                                   const Emit& emit) {
  Side& side = port == 0 ? left_ : right_;
  if (port == 0) DropLate(time, &batch);
  Batch without = TakeWithoutKey(side, &batch);
  if (port == 0 && outer() && without.size > 0) EmitAlone(std::move(without), emit);
  if (batch.size == 0) return;
  StoreRows(side, batch);
  if (port == 1 && !options_.right_appends) NoteTaken(batch);
}

void TemporalJoinOperator::DropLate(const StepTime& time, Batch* batch) {
  if (!options_.plan.join.left_decides_late) return;
  const LateRule rule{.op = "TemporalJoin",
                      .by = LateRule::By::kRowTime,
                      .column = left_.time,
                      .reported = true};
  DropLateRows(rule, left_.schema, time, context_, batch);
}

// Rows whose key or time is NULL: no version, and no row that has one.
Batch TemporalJoinOperator::TakeWithoutKey(const Side& side, Batch* batch) const {
  std::vector<size_t> columns = {side.time};
  for (size_t k = 0; k < side.keys.size(); ++k) {
    if (!options_.plan.join.null_equal[k]) columns.push_back(side.keys[k]);
  }
  std::vector<uint32_t> good, without;
  for (uint32_t i = 0; i < batch->size; ++i) {
    const bool null =
        std::ranges::any_of(columns, [&](size_t c) { return batch->columns[c].IsNull(i); });
    (null ? without : good).push_back(i);
  }
  if (without.empty()) return {};
  Batch taken = batch->Take(without);
  *batch = batch->Take(good);
  return taken;
}

void TemporalJoinOperator::StoreRows(Side& side, const Batch& batch) {
  times_.resize(batch.size);
  for (size_t i = 0; i < batch.size; ++i) times_[i] = batch.columns[side.time].at<int64_t>(i);
  key_refs_.resize(batch.size);
  keys_.FindOrInsert(RowKeys(batch, side.keys), key_refs_);
  const int64_t* weights = batch.append_only() ? nullptr : batch.weights.data();
  side.rows->AddTimed(RowSource(side.rows->layout(), batch), key_refs_, times_, weights, &changes_);
  for (const KeyedRows::Change& change : changes_) {
    if (change.row != kNoRow) Enqueue(side, change.row);
  }
}

void TemporalJoinOperator::Enqueue(Side& side, RowRef ref) {
  uint8_t& state = side.rows->row(ref).state;
  if (state & kQueued) return;
  state |= kQueued;
  side.queue.Add(side.rows->time_of(ref), ref);
}

void TemporalJoinOperator::NoteTaken(const Batch& batch) {
  for (uint32_t i = 0; i < batch.size; ++i) {
    if (changes_[i].row != kNoRow)
      taken_.push_back({key_refs_[i], changes_[i].row, batch.weight(i)});
  }
}

// A key that lost its row in the step, and got no other, is not valid from that row's time on.
void TemporalJoinOperator::EndVersions() {
  KeyedRows& rows = *right_.rows;
  const auto order = [&](const Taken& t) { return std::tuple(t.key, rows.time_of(t.row), t.row); };
  std::ranges::sort(taken_, {}, order);
  for (auto first = taken_.begin(); first != taken_.end();) {
    auto last = first;
    int64_t net = 0;
    RowRef lost = kNoRow;
    for (; last != taken_.end() && last->key == first->key; ++last) {
      net += last->weight;
      if (last->weight < 0) lost = last->row;
      if (rows.row(last->row).weight > 0) Revive(last->key, last->row);
    }
    if (net < 0 && rows.row(lost).weight <= 0) Mark(lost, kEnds);
    first = last;
  }
  taken_.clear();
}

// The version is valid, and what was valid at its time before is not any more.
void TemporalJoinOperator::Revive(RowRef key, RowRef version) {
  const KeyedRows& rows = *right_.rows;
  const int64_t time = rows.time_of(version);
  Mark(version, 0);
  rows.ForEachBetween(key, time, time, [&](RowRef other) {
    if (rows.row(other).weight <= 0) Mark(other, kReplaced);
  });
}

void TemporalJoinOperator::Mark(RowRef version, uint32_t count) {
  KeyedRows& rows = *right_.rows;
  if (rows.count(version) == count) return;
  rows.BeforeChange(version);
  rows.count(version) = count;
}

void TemporalJoinOperator::OnStep(const StepTime& time, const Emit& emit) {
  EndVersions();
  passed_.clear();
  left_.queue.TakeUntil(time.watermark, &passed_);
  const std::span<const TimeQueue::Entry> all = passed_;
  for (size_t at = 0; at < all.size(); at += kJoinRows) {
    JoinRows(all.subspan(at, std::min(kJoinRows, all.size() - at)), emit);
  }
  DropVersions(time.watermark);
}

bool TemporalJoinOperator::IsBetter(RowRef a, RowRef b) const {
  const KeyedRows& rows = *right_.rows;
  const bool a_stands = rows.row(a).weight > 0, b_stands = rows.row(b).weight > 0;
  if (a_stands != b_stands) return a_stands;
  const bool a_gave_way = rows.counted() && rows.count(a) == kReplaced;
  const bool b_gave_way = rows.counted() && rows.count(b) == kReplaced;
  if (a_gave_way != b_gave_way) return b_gave_way;
  for (std::string& bytes : bytes_) bytes.clear();
  rows.layout().Encode(rows.record(a), &bytes_[0]);
  rows.layout().Encode(rows.record(b), &bytes_[1]);
  return bytes_[0] > bytes_[1];
}

RowRef TemporalJoinOperator::VersionAt(RowRef key, int64_t time) const {
  return right_.rows->LastUntil(key, time, [this](RowRef a, RowRef b) { return IsBetter(a, b); });
}

void TemporalJoinOperator::JoinRows(std::span<const TimeQueue::Entry> entries, const Emit& emit) {
  KeyedRows& left = *left_.rows;
  const KeyedRows& right = *right_.rows;
  std::vector<const char*> records;
  std::vector<int64_t> weights;
  JoinPairs pairs;
  for (const auto& [time, ref] : entries) {
    const KeyedRows::Row& row = left.row(ref);
    const auto i = static_cast<uint32_t>(records.size());
    records.push_back(left.record(ref));
    weights.push_back(row.weight);
    const RowRef version = VersionAt(row.key, time);
    const bool valid = version != kNoRow && !(right.counted() && right.count(version) > 0);
    if (valid) pairs.Add(i, right.record(version), row.weight);
  }
  Batch batch = PairGatherer::GatherStored(left.layout(), records, nullptr);
  if (!std::ranges::all_of(weights, [](int64_t w) { return w == 1; })) batch.weights = weights;
  const PairSides sides{0, batch, right.layout(), nullptr};
  if (gatherer_.has_residual()) TakePairs(gatherer_.Select(sides, pairs), &pairs);
  if (pairs.size() > 0) emit(gatherer_.Gather(sides, pairs));
  if (outer() && pairs.size() < batch.size) {
    std::vector<uint32_t> alone;
    for (uint32_t i = 0, next = 0; i < batch.size; ++i) {
      const bool joined = next < pairs.size() && pairs.rows[next] == i;
      joined ? static_cast<void>(++next) : alone.push_back(i);
    }
    EmitAlone(batch.Take(alone), emit);
  }
  for (const auto& [time, ref] : entries) {
    const RowRef key = left.row(ref).key;
    left.Erase(ref);
    keys_.ReleaseIfEmpty(key);
  }
}

void TemporalJoinOperator::EmitAlone(Batch batch, const Emit& emit) const {
  AddMissingSide(right_.schema, /*behind=*/true, &batch);
  emit(std::move(batch));
}

void TemporalJoinOperator::DropVersions(int64_t watermark) {
  passed_.clear();
  right_.queue.TakeUntil(watermark, &passed_);
  std::vector<RowRef> keys;
  for (const auto& [time, ref] : passed_) {
    KeyedRows::Row& row = right_.rows->row(ref);
    row.state &= static_cast<uint8_t>(~kQueued);
    keys.push_back(row.key);
  }
  std::ranges::sort(keys);
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  for (RowRef key : keys) DropVersionsOf(key, watermark);
}

// All that the watermark has passed but the last, and that one too where it ends the key's
// validity.
void TemporalJoinOperator::DropVersionsOf(RowRef key, int64_t watermark) {
  KeyedRows& rows = *right_.rows;
  const RowRef last = VersionAt(key, watermark);
  std::vector<RowRef> gone;
  rows.ForEachBetween(key, std::numeric_limits<int64_t>::min(), watermark, [&](RowRef ref) {
    const bool ends = rows.counted() && rows.count(ref) > 0;
    if (ref != last || ends) gone.push_back(ref);
  });
  for (RowRef ref : gone) rows.Erase(ref);
  keys_.ReleaseIfEmpty(key);
}

void TemporalJoinOperator::BeginCheckpoint(StateWriter* writer) {
  keys_.BeginCheckpoint();
  left_.rows->BeginCheckpoint(options_.id, writer);
  right_.rows->BeginCheckpoint(options_.id + 1, writer);
}

bool TemporalJoinOperator::CopySlice(size_t max_rows) {
  if (!left_.rows->CopySlice(max_rows) || !right_.rows->CopySlice(max_rows)) return false;
  keys_.EndCheckpoint();
  return true;
}

void TemporalJoinOperator::Restore(const Store& store, size_t partition, size_t partitions) {
  left_.rows->Restore(options_.id, store, partition, partitions);
  right_.rows->Restore(options_.id + 1, store, partition, partitions);
  for (Side* side : {&left_, &right_}) {
    side->rows->ForEach([&](RowRef ref) { Enqueue(*side, ref); });
  }
}

size_t TemporalJoinOperator::state_bytes() const {
  return keys_.bytes() + left_.rows->bytes() + right_.rows->bytes() + left_.queue.bytes() +
         right_.queue.bytes();
}

}  // namespace millrace
