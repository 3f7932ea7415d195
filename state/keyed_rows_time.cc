// The rows of a key by their time.
#include <algorithm>
#include <cassert>

#include "state/keyed_rows.h"

namespace millrace {
namespace {

constexpr size_t kGroup = 64;  // Rows whose cache misses overlap.

// References follow each other, so they are mixed well: it keeps the trees flat.
uint32_t Priority(RowRef ref) {
  uint32_t mixed = ref;
  mixed = (mixed ^ mixed >> 16) * 0x85EBCA6Bu;
  mixed = (mixed ^ mixed >> 13) * 0xC2B2AE35u;
  return mixed ^ mixed >> 16;
}

}  // namespace

void KeyedRows::LinkByTime(RowRef ref) {
  RowRef* root = &keys_->key(row(ref).key).heads[side_];
  if (*root == kNoRow) {
    row(ref).next = row(ref).previous = kNoRow;
    parent(ref) = *root = ref;
    return;
  }
  const RowRef last = parent(*root);
  if (ComesBefore(last, ref)) return LinkLast(ref, root);
  parent(ref) = LinkBetween(ref, root);
  if (*root == ref) parent(ref) = last;
}

// Behind all others: up from the last row, which takes two steps on average.
void KeyedRows::LinkLast(RowRef ref, RowRef* root) {
  const uint32_t priority = Priority(ref);
  RowRef below = kNoRow, above = parent(*root);
  while (above != kNoRow && Priority(above) < priority) {
    below = above;
    above = above == *root ? kNoRow : parent(above);
  }
  row(ref).next = below;
  row(ref).previous = kNoRow;
  if (below != kNoRow) parent(below) = ref;
  if (above == kNoRow) {
    *root = ref;
  } else {
    row(above).previous = ref;
    parent(ref) = above;
  }
  parent(*root) = ref;
}

// Anywhere; returns what is above it, kNoRow when it is the root.
RowRef KeyedRows::LinkBetween(RowRef ref, RowRef* root) {
  const uint32_t priority = Priority(ref);
  RowRef above = kNoRow;
  RowRef* link = root;
  while (*link != kNoRow && Priority(*link) >= priority) {
    above = *link;
    link = ComesBefore(ref, above) ? &row(above).next : &row(above).previous;
  }
  // What is below is split into the rows before it and those behind.
  RowRef rest = *link;
  *link = ref;
  RowRef *before = &row(ref).next, *behind = &row(ref).previous;
  RowRef above_before = ref, above_behind = ref;
  while (rest != kNoRow) {
    const bool goes_before = ComesBefore(rest, ref);
    RowRef*& to = goes_before ? before : behind;
    RowRef& above_to = goes_before ? above_before : above_behind;
    *to = rest;
    parent(rest) = above_to;
    above_to = rest;
    to = goes_before ? &row(rest).previous : &row(rest).next;
    rest = *to;
  }
  *before = *behind = kNoRow;
  return above;
}

// The row before the last one, which is not the only one.
RowRef KeyedRows::Before(RowRef last) const {
  RowRef ref = row(last).next;
  if (ref == kNoRow) return parent(last);
  while (row(ref).previous != kNoRow) ref = row(ref).previous;
  return ref;
}

void KeyedRows::UnlinkByTime(RowRef ref) {
  RowRef* root = &keys_->key(row(ref).key).heads[side_];
  const bool is_root = *root == ref;
  RowRef above = is_root ? kNoRow : parent(ref);
  const bool behind_above = !is_root && row(above).previous == ref;
  RowRef before = row(ref).next, behind = row(ref).previous;
  // A row that is the root or may be the last; else the root need not be touched.
  const bool at_end = is_root || (behind == kNoRow && behind_above);
  RowRef last = kNoRow;
  if (at_end) {
    last = parent(*root);
    if (last == ref) last = is_root && before == kNoRow ? kNoRow : Before(ref);
  }
  RowRef* link = is_root ? root : behind_above ? &row(above).previous : &row(above).next;
  // The two trees below become one.
  while (before != kNoRow && behind != kNoRow) {
    const bool take_before = Priority(before) >= Priority(behind);
    const RowRef top = take_before ? before : behind;
    *link = top;
    parent(top) = above;
    above = top;
    link = take_before ? &row(top).previous : &row(top).next;
    (take_before ? before : behind) = *link;
  }
  *link = before != kNoRow ? before : behind;
  if (*link != kNoRow) parent(*link) = above;
  if (at_end && *root != kNoRow) parent(*root) = last;
}

RowRef KeyedRows::FindAtTime(RowRef key, int64_t at, const RowSource& source, size_t i) const {
  RowRef found = kNoRow;
  ForEachBetween(key, at, at, [&](RowRef ref) {
    if (found == kNoRow && layout_.Equal(source, i, heap_.at(ref))) found = ref;
  });
  return found;
}

void KeyedRows::AddTimed(const RowSource& source, std::span<const RowRef> keys,
                         std::span<const int64_t> times, const int64_t* weights,
                         std::vector<Change>* changes) {
  assert(options_.lookup == Lookup::kTime);
  changes->assign(source.size(), {});
  for (size_t begin = 0; begin < source.size(); begin += kGroup) {
    const size_t end = std::min(begin + kGroup, source.size());
    for (size_t i = begin; i < end; ++i) Prefetch(head(keys[i]));
    for (size_t i = begin; i < end; ++i) {
      const RowRef root = head(keys[i]);
      if (root != kNoRow) Prefetch(parent(root));
    }
    for (size_t i = begin; i < end; ++i) {
      const int64_t weight = weights ? weights[i] : 1;
      if (weight == 0) continue;
      RowRef ref = options_.merged ? FindAtTime(keys[i], times[i], source, i) : kNoRow;
      if (ref == kNoRow) ref = New(source, i, keys[i], times[i]);
      AddWeight(ref, weight, 0, &(*changes)[i]);
    }
  }
}

}  // namespace millrace
