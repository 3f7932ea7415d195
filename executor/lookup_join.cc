#include "executor/lookup_join.h"

#include <algorithm>

#include "types/row_key.h"

namespace millrace {

LookupJoinOperator::LookupJoinOperator(LookupJoinOptions options, PartitionContext* context)
    : options_(std::move(options)),
      keys_(0, options_.tracked),
      gatherer_("LookupJoin", options_.plan.join.residual, options_.left, options_.right, context),
      context_(context),
      waiting_(options_.left, options_.plan.join.left_keys, options_.tracked) {
  KeyedRows::Options rows;
  for (const Field& field : options_.right) rows.columns.push_back(field.type);
  rows.tracked = options_.tracked;
  rows.lookup = options_.right_appends  ? KeyedRows::Lookup::kNone
                : options_.right_unique ? KeyedRows::Lookup::kWalk
                                        : KeyedRows::Lookup::kIndex;
  rows_ = std::make_unique<KeyedRows>(std::move(rows), 1, &keys_);
}

// Left rows wait for what the step brings of the right.
void LookupJoinOperator::OnBatch(size_t port, Batch batch, const StepTime&, const Emit&) {
  if (port == 0) {
    arrived_.push_back(std::move(batch));
  } else {
    ChangeTable(std::move(batch));
  }
}

std::vector<uint32_t> LookupJoinOperator::RowsWithKey(const Batch& batch,
                                                      const std::vector<size_t>& keys) const {
  std::vector<uint32_t> rows;
  for (uint32_t i = 0; i < batch.size; ++i) {
    bool null = false;
    for (size_t k = 0; k < keys.size(); ++k) {
      null |= !options_.plan.join.null_equal[k] && batch.columns[keys[k]].IsNull(i);
    }
    if (!null) rows.push_back(i);
  }
  return rows;
}

void LookupJoinOperator::ChangeTable(Batch batch) {
  const std::vector<size_t>& keys = options_.plan.join.right_keys;
  const std::vector<uint32_t> good = RowsWithKey(batch, keys);
  if (good.size() < batch.size) batch = batch.Take(good);
  if (batch.size == 0) return;
  key_refs_.resize(batch.size);
  keys_.FindOrInsert(RowKeys(batch, keys), key_refs_);
  const int64_t* weights = batch.append_only() ? nullptr : batch.weights.data();
  rows_->Add(RowSource(rows_->layout(), batch), key_refs_, weights, 0, &changes_);
  if (options_.right_appends) return;
  for (const KeyedRows::Change& change : changes_) {
    if (change.row == kNoRow) continue;
    KeyedRows::Row& row = rows_->row(change.row);
    if (row.weight > 0 || (row.state & KeyedRows::kEmptied)) continue;
    row.state |= KeyedRows::kEmptied;
    emptied_.push_back(change.row);
  }
}

void LookupJoinOperator::EraseEmptied() {
  for (RowRef ref : std::exchange(emptied_, {})) {
    KeyedRows::Row& row = rows_->row(ref);
    row.state &= static_cast<uint8_t>(~KeyedRows::kEmptied);
    if (row.weight > 0) continue;
    const RowRef key = row.key;
    rows_->Erase(ref);
    keys_.ReleaseIfEmpty(key);
  }
}

void LookupJoinOperator::OnStep(const StepTime& time, const Emit& emit) {
  EraseEmptied();
  // Nobody waits beyond the end of the input.
  const int64_t last = time.finished ? options_.plan.retry_attempts : 0;
  const int64_t due = time.finished ? kMaxWatermark : context_->eval.now.micros;
  for (const auto& [tries, batch] : waiting_.TakeDue(due)) {
    Probe(batch, std::max(last, tries + 1), emit);
  }
  for (const Batch& batch : std::exchange(arrived_, {})) Probe(batch, last, emit);
}

void LookupJoinOperator::Probe(const Batch& batch, int64_t tries, const Emit& emit) {
  const std::vector<size_t>& keys = options_.plan.join.left_keys;
  key_refs_.resize(batch.size);
  keys_.Find(RowKeys(batch, keys), key_refs_);
  joined_.assign(batch.size, 0);
  for (uint32_t i : RowsWithKey(batch, keys)) {
    if (key_refs_[i] == kNoRow) continue;
    for (RowRef ref = rows_->head(key_refs_[i]); ref != kNoRow; ref = rows_->row(ref).next) {
      pairs_.Add(i, rows_->record(ref), batch.weight(i) * rows_->row(ref).weight);
      if (pairs_.size() == JoinPairs::kRows) FlushPairs(batch, emit);
    }
  }
  if (pairs_.size() > 0) FlushPairs(batch, emit);
  EmitAlone(batch, tries, emit);
}

void LookupJoinOperator::EmitAlone(const Batch& batch, int64_t tries, const Emit& emit) {
  const bool waits = tries < options_.plan.retry_attempts;
  const bool outer = options_.plan.join.kind == JoinKind::kLeft;
  if (!waits && !outer) return;
  if (waits) {
    std::vector<uint32_t> again;  // A NULL finds nothing whenever it looks.
    for (uint32_t i : RowsWithKey(batch, options_.plan.join.left_keys)) {
      if (std::exchange(joined_[i], 1) == 0) again.push_back(i);
    }
    waiting_.Add(batch, again, context_->eval.now.micros + options_.plan.retry_delay, tries);
    if (!outer) return;
  }
  std::vector<uint32_t> alone;
  for (uint32_t i = 0; i < batch.size; ++i) {
    if (!joined_[i]) alone.push_back(i);
  }
  if (alone.empty()) return;
  Batch out = batch.Take(alone);
  AddMissingSide(options_.right, /*behind=*/true, &out);
  emit(std::move(out));
}

void LookupJoinOperator::FlushPairs(const Batch& batch, const Emit& emit) {
  const PairSides sides{0, batch, rows_->layout(), nullptr};
  if (gatherer_.has_residual()) TakePairs(gatherer_.Select(sides, pairs_), &pairs_);
  for (uint32_t row : pairs_.rows) joined_[row] = 1;
  if (pairs_.size() > 0) emit(gatherer_.Gather(sides, pairs_));
  pairs_.Clear();
}

void LookupJoinOperator::BeginCheckpoint(StateWriter* writer) {
  keys_.BeginCheckpoint();
  rows_->BeginCheckpoint(options_.id, writer);
  waiting_.BeginCheckpoint(options_.id + 1, writer);
}

bool LookupJoinOperator::CopySlice(size_t max_rows) {
  if (!waiting_.CopySlice(max_rows) || !rows_->CopySlice(max_rows)) return false;
  keys_.EndCheckpoint();
  return true;
}

void LookupJoinOperator::Restore(const Store& store, size_t partition, size_t partitions) {
  rows_->Restore(options_.id, store, partition, partitions);
  waiting_.Restore(options_.id + 1, store, partition, partitions);
}

}  // namespace millrace
