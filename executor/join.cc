#include "executor/join.h"

#include <algorithm>

#include "executor/join_flags.h"
#include "types/row_key.h"

namespace millrace {
namespace {

constexpr size_t kTimeKeyBytes = 9;  // A window column in a key: not null, 8 bytes.

}  // namespace

JoinOperator::JoinOperator(JoinOptions options, PartitionContext* context)
    : options_(std::move(options)),
      context_(context),
      keys_(options_.plan.window_end ? kTimeKeyBytes : 0, options_.tracked),
      gatherer_("Join", options_.plan.residual, options_.left.schema, options_.right.schema,
                context) {
  assert(!windowed() || *options_.plan.window_end == 0);
  const JoinKind kind = options_.plan.kind;
  const bool outer_left = kind == JoinKind::kLeft || kind == JoinKind::kFull;
  const bool outer_right = kind == JoinKind::kRight || kind == JoinKind::kFull;
  if (outer_left || kind == JoinKind::kAnti) sides_[0].shown = Shown::kUnmatched;
  if (kind == JoinKind::kSemi) sides_[0].shown = Shown::kMatched;
  if (outer_right) sides_[1].shown = Shown::kUnmatched;
  SetUp(0, options_.left);
  SetUp(1, options_.right);
  matches_ = emits_pairs() || sides_[0].counted;
}

void JoinOperator::SetUp(size_t s, const JoinOptions::Side& options) {
  const Join& plan = options_.plan;
  Side& side = sides_[s];
  side.schema = options.schema;
  side.keys = s == 0 ? plan.left_keys : plan.right_keys;
  for (size_t k = 0; k < side.keys.size(); ++k) {
    if (!plan.null_equal[k]) side.strict_keys.push_back(side.keys[k]);
  }
  side.append_only = options.append_only;
  const int64_t other_ttl = s == 0 ? plan.right_ttl : plan.left_ttl;
  side.counted = side.shown != Shown::kNever && (plan.residual || other_ttl > 0);
  touches_keys_ |= side.shown != Shown::kNever && !side.counted && !shown_at_close();
  KeyedRows::Options rows;
  rows.ttl = s == 0 ? plan.left_ttl : plan.right_ttl;
  rows.counted = side.counted;
  rows.tracked = options_.tracked;
  // Of the right side of a semi or anti join only the keys matter: one record has them all.
  const bool keys_only = s == 1 && !emits_pairs() && !plan.residual;
  if (!keys_only) {
    for (const Field& field : side.schema) rows.columns.push_back(field.type);
  }
  rows.lookup = options.append_only ? KeyedRows::Lookup::kNone : KeyedRows::Lookup::kIndex;
  if (options.unique && !options.append_only) rows.lookup = KeyedRows::Lookup::kWalk;
  if (keys_only) rows.lookup = KeyedRows::Lookup::kWalk;
  side.erases = !options.append_only || rows.ttl > 0 || windowed();
  side.rows = std::make_unique<KeyedRows>(std::move(rows), s, &keys_);
}

void JoinOperator::OnBatch(size_t port, Batch batch, const StepTime& time, const Emit& emit) {
  if (windowed()) DropLate(port, time, &batch);
  DropNullKeys(port, &batch, emit);
  if (batch.size == 0) return;
  key_refs_.resize(batch.size);
  keys_.FindOrInsert(RowKeys(batch, sides_[port].keys), key_refs_);
  if (windowed()) {
    for (RowRef key : key_refs_) RegisterWindow(key);
  }
  Change(port, batch, emit);
}

// Rows whose key is NULL have no partner. Those of an outer or anti side are shown for good.
void JoinOperator::DropNullKeys(size_t s, Batch* batch, const Emit& emit) {
  const auto may_be_null = [&](size_t c) { return batch->columns[c].may_have_nulls(); };
  const std::vector<size_t>& strict = sides_[s].strict_keys;
  if (std::ranges::none_of(strict, may_be_null)) return;
  std::vector<uint32_t> with_key, without;
  for (uint32_t i = 0; i < batch->size; ++i) {
    const bool null =
        std::ranges::any_of(strict, [&](size_t c) { return batch->columns[c].IsNull(i); });
    (null ? without : with_key).push_back(i);
  }
  if (without.empty()) return;
  if (sides_[s].shown == Shown::kUnmatched) EmitAlone(s, batch->Take(without), emit);
  *batch = batch->Take(with_key);
}

// A batch changes its side, whose keys are in key_refs_, and meets the other.
void JoinOperator::Change(size_t s, const Batch& batch, const Emit& emit) {
  Side& side = sides_[s];
  if (touches_keys_) TouchKeys();
  const int64_t* weights = batch.append_only() ? nullptr : batch.weights.data();
  side.rows->Add(RowSource(side.rows->layout(), batch), key_refs_, weights,
                 context_->eval.now.micros, &changes_);
  NoteChanges(side);
  if (matches_) Match(s, batch, emit);
}

void JoinOperator::TouchKeys() {
  for (RowRef ref : key_refs_) {
    KeyTable::Key& key = keys_.key(ref);
    if (key.flags & kKeyTouched) continue;
    key.flags |= kKeyTouched;
    for (size_t s = 0; s < 2; ++s) {
      if (key.heads[s] != kNoRow) key.flags |= KeyHad(s);
    }
    touched_keys_.push_back(ref);
  }
}

// `weight`: as it was when the step began.
void JoinOperator::TouchRow(Side& side, RowRef ref, int64_t weight) {
  uint8_t& state = side.rows->row(ref).state;
  if (state & KeyedRows::kTouched) return;
  state |= KeyedRows::kTouched;
  side.touched.push_back({ref, side.counted && side.rows->count(ref) > 0, weight});
}

void JoinOperator::NoteChanges(Side& side) {
  const bool shown = side.shown != Shown::kNever && !shown_at_close();
  if (!shown && side.append_only) return;
  for (const KeyedRows::Change& change : changes_) {
    if (change.row == kNoRow) continue;
    if (shown) TouchRow(side, change.row, change.before);
    KeyedRows::Row& row = side.rows->row(change.row);
    if (row.weight < 0) side.negative.push_back(change.row);
    if (row.weight != 0 || (row.state & KeyedRows::kEmptied)) continue;
    row.state |= KeyedRows::kEmptied;
    side.emptied.push_back(change.row);
  }
}

// By how much row i of the batch changes the number of rows that are there: 1, 0 or -1.
int JoinOperator::Presence(const Batch& batch, uint32_t i) const {
  const int64_t before = changes_[i].before, after = before + batch.weight(i);
  return static_cast<int>(after != 0) - static_cast<int>(before != 0);
}

// All rows of the batch go through their keys' lists side by side, so that the cache misses of the
// lists overlap.
void JoinOperator::Match(size_t s, const Batch& batch, const Emit& emit) {
  const Side& other = sides_[1 - s];
  const KeyedRows& rows = *other.rows;
  const int64_t now = context_->eval.now.micros;
  cursors_.clear();
  for (uint32_t i = 0; i < batch.size; ++i) {
    const RowRef head = rows.head(key_refs_[i]);
    if (head == kNoRow || changes_[i].row == kNoRow) continue;
    rows.Prefetch(head);
    cursors_.push_back({i, head});
  }
  while (!cursors_.empty()) {
    size_t left = 0;
    for (const Cursor cursor : cursors_) {
      const KeyedRows::Row& row = rows.row(cursor.next);
      if (row.next != kNoRow) {
        rows.Prefetch(row.next);
        cursors_[left++] = {cursor.row, row.next};
      }
      if (!rows.Visible(cursor.next, now)) continue;
      pairs_.Add(cursor.row, rows.record(cursor.next), batch.weight(cursor.row) * row.weight);
      if (other.counted) partners_.push_back(cursor.next);
      if (pairs_.size() == JoinPairs::kRows) FlushPairs(s, batch, emit);
    }
    cursors_.resize(left);
  }
  if (pairs_.size() > 0) FlushPairs(s, batch, emit);
}

void JoinOperator::FlushPairs(size_t s, const Batch& batch, const Emit& emit) {
  const Side& other = sides_[1 - s];
  const PairSides sides{s, batch, other.rows->layout(), OwnerOf(other)};
  if (gatherer_.has_residual()) {
    const std::vector<uint32_t> selected = gatherer_.Select(sides, pairs_);
    if (selected.size() < pairs_.size()) {
      TakePairs(selected, &pairs_);
      if (other.counted) {
        for (size_t k = 0; k < selected.size(); ++k) partners_[k] = partners_[selected[k]];
      }
    }
  }
  CountPartners(s, batch);
  if (emits_pairs() && pairs_.size() > 0) emit(gatherer_.Gather(sides, pairs_));
  pairs_.Clear();
  partners_.clear();
}

void JoinOperator::CountPartners(size_t s, const Batch& batch) {
  Side& side = sides_[s];
  Side& other = sides_[1 - s];
  if (!side.counted && !other.counted) return;
  for (size_t k = 0; k < pairs_.size(); ++k) {
    const int presence = Presence(batch, pairs_.rows[k]);
    if (presence == 0) continue;
    if (side.counted) {
      side.rows->count(changes_[pairs_.rows[k]].row) += static_cast<uint32_t>(presence);
    }
    if (!other.counted) continue;
    const RowRef partner = partners_[k];
    uint32_t& count = other.rows->count(partner);
    // What is shown of it can only change where it gets its first partner or loses the last.
    const bool turns = presence > 0 ? count == 0 : count == 1;
    if (turns && !shown_at_close()) TouchRow(other, partner, other.rows->row(partner).weight);
    other.rows->BeforeChange(partner);
    count += static_cast<uint32_t>(presence);
  }
}

void JoinOperator::BeginCheckpoint(StateWriter* writer) {
  keys_.BeginCheckpoint();
  for (size_t s = 0; s < 2; ++s) {
    sides_[s].rows->BeginCheckpoint(options_.id + static_cast<OperatorId>(s), writer);
  }
}

bool JoinOperator::CopySlice(size_t max_rows) {
  if (!sides_[0].rows->CopySlice(max_rows) || !sides_[1].rows->CopySlice(max_rows)) return false;
  keys_.EndCheckpoint();
  return true;
}

void JoinOperator::Restore(const Store& store, size_t partition, size_t partitions) {
  for (size_t s = 0; s < 2; ++s) {
    sides_[s].rows->Restore(options_.id + static_cast<OperatorId>(s), store, partition, partitions);
  }
  if (!windowed()) return;
  for (size_t slot = 0; slot < keys_.slots(); ++slot) {
    if (keys_.at_slot(slot) != kNoRow) RegisterWindow(keys_.at_slot(slot));
  }
}

size_t JoinOperator::state_bytes() const {
  return keys_.bytes() + sides_[0].rows->bytes() + sides_[1].rows->bytes();
}

uint64_t JoinOperator::expired_rows() const {
  return sides_[0].rows->expired() + sides_[1].rows->expired();
}

}  // namespace millrace
