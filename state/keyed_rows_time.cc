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
  const uint32_t priority = Priority(ref);
  RowRef* link = &keys_->key(row(ref).key).heads[side_];
  while (*link != kNoRow && Priority(*link) >= priority) {
    link = ComesBefore(ref, *link) ? &row(*link).next : &row(*link).previous;
  }
  // What is below is split into the rows before it and those behind.
  RowRef rest = *link;
  *link = ref;
  RowRef *before = &row(ref).next, *behind = &row(ref).previous;
  while (rest != kNoRow) {
    if (ComesBefore(rest, ref)) {
      *before = rest;
      before = &row(rest).previous;
      rest = *before;
    } else {
      *behind = rest;
      behind = &row(rest).next;
      rest = *behind;
    }
  }
  *before = *behind = kNoRow;
}

void KeyedRows::UnlinkByTime(RowRef ref) {
  RowRef* link = &keys_->key(row(ref).key).heads[side_];
  while (*link != ref) {
    assert(*link != kNoRow);
    link = ComesBefore(ref, *link) ? &row(*link).next : &row(*link).previous;
  }
  // The two trees below become one.
  RowRef before = row(ref).next, behind = row(ref).previous;
  while (before != kNoRow && behind != kNoRow) {
    if (Priority(before) >= Priority(behind)) {
      *link = before;
      link = &row(before).previous;
      before = *link;
    } else {
      *link = behind;
      link = &row(behind).next;
      behind = *link;
    }
  }
  *link = before != kNoRow ? before : behind;
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
      const int64_t weight = weights ? weights[i] : 1;
      if (weight == 0) continue;
      RowRef ref = options_.merged ? FindAtTime(keys[i], times[i], source, i) : kNoRow;
      if (ref == kNoRow) ref = New(source, i, keys[i], times[i]);
      AddWeight(ref, weight, 0, &(*changes)[i]);
    }
  }
}

}  // namespace millrace
