// What a join does when a step ends: rows that stand alone, closed windows, expired rows.
#include <algorithm>
#include <utility>

#include "executor/join.h"
#include "executor/join_flags.h"
#include "types/row_key.h"

namespace millrace {
namespace {

constexpr size_t kEmitRows = 4096;

}  // namespace

void JoinOperator::OnStep(const StepTime& time, const Emit& emit) {
  for (size_t s = 0; s < 2; ++s) DropNegative(s, emit);
  NotePresentKeys();
  for (size_t s = 0; s < 2; ++s) EmitShown(s, emit);
  ForgetTouched();
  for (Side& side : sides_) EraseEmptied(side);
  if (windowed()) CloseWindows(time, emit);
  SweepExpired();
  const uint64_t expired = expired_rows();
  context_->expired_rows += expired - std::exchange(noted_expired_, expired);
  context_->dropped_rows += dropped_ - std::exchange(noted_dropped_, dropped_);
}

// Deletions of rows that are not there, as they are once rows expire: their opposites undo what
// they did.
void JoinOperator::DropNegative(size_t s, const Emit& emit) {
  Side& side = sides_[s];
  std::vector<RowRef> refs = std::exchange(side.negative, {});
  std::erase_if(refs, [&](RowRef ref) { return side.rows->row(ref).weight >= 0; });
  if (refs.empty()) return;
  std::ranges::sort(refs);
  refs.erase(std::unique(refs.begin(), refs.end()), refs.end());
  std::vector<const char*> records;
  std::vector<int64_t> weights;
  key_refs_.clear();
  for (RowRef ref : refs) {
    const KeyedRows::Row& row = side.rows->row(ref);
    records.push_back(side.rows->record(ref));
    weights.push_back(-row.weight);
    key_refs_.push_back(row.key);
    dropped_ += static_cast<uint64_t>(-row.weight);
  }
  Batch opposite = PairGatherer::GatherStored(side.rows->layout(), records, nullptr);
  opposite.weights = std::move(weights);
  Change(s, opposite, emit);
}

bool JoinOperator::HasRows(size_t s, RowRef key) const {
  const KeyedRows& rows = *sides_[s].rows;
  RowRef ref = rows.head(key);
  while (ref != kNoRow && rows.row(ref).weight == 0) ref = rows.row(ref).next;
  return ref != kNoRow;
}

void JoinOperator::NotePresentKeys() {
  for (RowRef ref : touched_keys_) {
    for (size_t s = 0; s < 2; ++s) {
      if (HasRows(s, ref)) keys_.key(ref).flags |= KeyHas(s);
    }
  }
}

// Emits by how much what is shown of the side's rows has changed in the step.
void JoinOperator::EmitShown(size_t s, const Emit& emit) {
  const Side& side = sides_[s];
  for (const Touched& t : side.touched) {
    const KeyedRows::Row& row = side.rows->row(t.row);
    bool had = t.matched, has = side.counted && side.rows->count(t.row) > 0;
    if (!side.counted) {
      const uint8_t flags = keys_.key(row.key).flags;
      had = flags & KeyHad(1 - s);
      has = flags & KeyHas(1 - s);
    }
    const int64_t before = Shows(side.shown, had) ? t.weight : 0;
    const int64_t after = Shows(side.shown, has) ? row.weight : 0;
    if (before != after) Show(s, t.row, after - before, emit);
  }
  if (side.shown != Shown::kNever && !side.counted) EmitFlippedKeys(s, emit);
  FlushShown(s, emit);
}

// The rows that the step did not change, of keys that got their first partner or lost their last.
void JoinOperator::EmitFlippedKeys(size_t s, const Emit& emit) {
  const Side& side = sides_[s];
  const int64_t now = context_->eval.now.micros;
  for (RowRef key : touched_keys_) {
    const uint8_t flags = keys_.key(key).flags;
    const bool had = flags & KeyHad(1 - s), has = flags & KeyHas(1 - s);
    if (had == has) continue;
    for (RowRef ref = side.rows->head(key); ref != kNoRow; ref = side.rows->row(ref).next) {
      const KeyedRows::Row& row = side.rows->row(ref);
      if ((row.state & KeyedRows::kTouched) || !side.rows->Visible(ref, now)) continue;
      Show(s, ref, Shows(side.shown, has) ? row.weight : -row.weight, emit);
    }
  }
}

void JoinOperator::Show(size_t s, RowRef ref, int64_t weight, const Emit& emit) {
  shown_.push_back(sides_[s].rows->record(ref));
  shown_weights_.push_back(weight);
  if (shown_.size() == kEmitRows) FlushShown(s, emit);
}

void JoinOperator::FlushShown(size_t s, const Emit& emit) {
  if (shown_.empty()) return;
  const Side& side = sides_[s];
  Batch batch = PairGatherer::GatherStored(side.rows->layout(), shown_, OwnerOf(side));
  if (!std::ranges::all_of(shown_weights_, [](int64_t w) { return w == 1; })) {
    batch.weights = shown_weights_;
  }
  shown_.clear();
  shown_weights_.clear();
  EmitAlone(s, std::move(batch), emit);
}

// Rows of the side without a partner, as the output has them.
void JoinOperator::EmitAlone(size_t s, Batch batch, const Emit& emit) {
  if (emits_pairs()) AddMissingSide(sides_[1 - s].schema, /*behind=*/s == 0, &batch);
  emit(std::move(batch));
}

void JoinOperator::ForgetTouched() {
  for (Side& side : sides_) {
    for (const Touched& t : side.touched) {
      side.rows->row(t.row).state &= static_cast<uint8_t>(~KeyedRows::kTouched);
    }
    side.touched.clear();
  }
  for (RowRef key : touched_keys_) {
    keys_.key(key).flags &= static_cast<uint8_t>(~kKeyStepFlags);
  }
  touched_keys_.clear();
}

void JoinOperator::EraseEmptied(Side& side) {
  for (RowRef ref : side.emptied) {
    KeyedRows::Row& row = side.rows->row(ref);
    row.state &= static_cast<uint8_t>(~KeyedRows::kEmptied);
    if (row.weight != 0) continue;
    const RowRef key = row.key;
    side.rows->Erase(ref);
    if (!windowed()) keys_.ReleaseIfEmpty(key);
  }
  side.emptied.clear();
}

// A share of the keys, so that all are seen in half of the shortest TTL.
void JoinOperator::SweepExpired() {
  const int64_t now = context_->eval.now.micros;
  int64_t ttl = options_.plan.left_ttl;
  if (ttl == 0 || (options_.plan.right_ttl > 0 && options_.plan.right_ttl < ttl)) {
    ttl = options_.plan.right_ttl;
  }
  if (ttl == 0) return;
  if (swept_at_ == 0) swept_at_ = now;
  const double share = static_cast<double>(now - swept_at_) / (static_cast<double>(ttl) / 2);
  auto slots =
      static_cast<size_t>(std::clamp(share, 0.0, 1.0) * static_cast<double>(keys_.slots()));
  if (slots == 0) return;
  swept_at_ = now;
  for (; slots > 0; --slots) {
    if (next_swept_ >= keys_.slots()) next_swept_ = 0;
    const RowRef key = keys_.at_slot(next_swept_);
    if (key != kNoRow) {
      for (Side& side : sides_) side.rows->EraseExpired(key, now);
      if (!windowed()) keys_.ReleaseIfEmpty(key);
    }
    // Where a key went another may have come into its slot.
    if (next_swept_ < keys_.slots() && keys_.at_slot(next_swept_) == key) ++next_swept_;
  }
}

}  // namespace millrace
