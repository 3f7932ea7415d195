#include "executor/over_sliding.h"

#include <algorithm>
#include <numeric>
#include <unordered_set>

namespace millrace {
namespace {

constexpr size_t kShortFrame = 8;         // Rows of a frame that are added one by one.
constexpr size_t kAddedAtOnce = 1 << 16;  // Rows of frames, roughly.

// The rows that some frames see: what is read of them, at `position - begin`.
struct Window {
  size_t begin, end;
  ItemInput input;
};

StateBlocks OneState(const OverItem& item, size_t count) {
  return StateBlocks(std::span(&item, 1), (item.kernel.state_size + 7) & ~size_t{7}, count);
}

// Adds every row of every frame: for short frames, and where order matters or rows count once.
class Expansion {
 public:
  Expansion(const SlidingAggregate& aggregate, const Window& window)
      : aggregate_(aggregate), window_(window) {
    const bool counts = aggregate.item.kernel.fold && !aggregate.ordered;
    if (!aggregate.distinct && !counts) return;
    Batch values;
    values.size = window.end - window.begin;
    values.columns.push_back(window.input.argument);
    const size_t column[] = {0};
    keys_.emplace(values, column);
  }

  // Frames [first, last) of `frames`.
  Column Run(const FrameRanges& frames, size_t first, size_t last, RowErrors* errors) {
    for (size_t i = first; i < last; ++i) {
      seen_.clear();
      for (size_t at = frames.begins[i]; at < frames.ends[i]; ++at) Add(at - window_.begin);
      ends_.push_back(rows_.size());
    }
    return aggregate_.item.kernel.fold ? Fold(errors) : Update(last - first, errors);
  }

 private:
  void Add(size_t row) {
    const ItemInput& input = window_.input;
    if (!input.filter.empty() && !input.filter[row]) return;
    const bool null = input.has_argument && input.argument.IsNull(row);
    if (null && !aggregate_.item.takes_nulls) return;
    if (aggregate_.distinct && !seen_.insert((*keys_)[row]).second) return;
    rows_.push_back(static_cast<uint32_t>(row));
  }

  Column Fold(RowErrors* errors) {
    std::vector<int64_t> counts(rows_.size(), 1);
    if (!aggregate_.ordered) CountValues(&counts);
    const Column values = window_.input.argument.Take(rows_);
    return aggregate_.item.kernel.fold({&values, counts, ends_}, errors);
  }

  // The values of each frame in SQL order, each once with its count.
  void CountValues(std::vector<int64_t>* counts) {
    size_t begin = 0, kept = 0;
    counts->clear();
    for (size_t& end : ends_) {
      std::sort(rows_.begin() + static_cast<ptrdiff_t>(begin),
                rows_.begin() + static_cast<ptrdiff_t>(end),
                [&](uint32_t a, uint32_t b) { return (*keys_)[a] < (*keys_)[b]; });
      const size_t first = kept;
      for (size_t i = begin; i < end; ++i) {
        const bool same = kept > first && (*keys_)[rows_[kept - 1]] == (*keys_)[rows_[i]];
        if (same) {
          ++counts->back();
        } else {
          rows_[kept++] = rows_[i];
          counts->push_back(1);
        }
      }
      begin = std::exchange(end, kept);
    }
    rows_.resize(kept);
  }

  Column Update(size_t count, RowErrors* errors) {
    const OverItem& item = aggregate_.item;
    AggregateHeap heap;
    StateBlocks blocks = OneState(item, count);
    std::vector<char*> into;
    into.reserve(rows_.size());
    for (size_t i = 0, row = 0; i < count; ++i) {
      for (; row < ends_[i]; ++row) into.push_back(blocks[i]);
    }
    Column argument;
    if (item.argument) argument = window_.input.argument.Take(rows_);
    item.kernel.update(into, 0, item.argument ? &argument : nullptr, nullptr, nullptr, &heap);
    const std::vector<char*> all = blocks.Range(0, count);
    const std::vector<const char*> groups(all.begin(), all.end());
    return item.kernel.evaluate(groups, 0, errors);
  }

  const SlidingAggregate& aggregate_;
  const Window& window_;
  std::optional<RowKeys> keys_;  // Of the arguments, where they are compared.
  std::unordered_set<std::string_view> seen_;
  std::vector<uint32_t> rows_;
  std::vector<size_t> ends_;
};

Column AddFrames(const SlidingAggregate& aggregate, const Window& window, const FrameRanges& frames,
                 RowErrors* errors) {
  std::vector<Column> parts;
  const size_t count = frames.begins.size();
  for (size_t first = 0; first < count;) {
    size_t last = first, rows = 0;
    while (last < count && rows < kAddedAtOnce) {
      rows += frames.ends[last] - frames.begins[last];
      ++last;
    }
    RowErrors part_errors;
    parts.push_back(Expansion(aggregate, window).Run(frames, first, last, &part_errors));
    for (RowError& error : part_errors) {
      errors->push_back({error.row + static_cast<uint32_t>(first), std::move(error.message)});
    }
    first = last;
  }
  return Concat(parts);
}

// Frames that all hold one place, the end of the first: each is some rows before it and some behind
// it, and both are added up once, going away from it.
class Pivot {
 public:
  Pivot(const OverItem& item, const Window& window, AggregateHeap* heap)
      : item_(item), window_(window), heap_(heap) {}

  // Puts the states of frames [first, last) into `results`.
  void Run(const FrameRanges& frames, size_t first, size_t last, std::span<char* const> results) {
    const size_t pivot = frames.ends[first];
    const StateBlocks before = AddedUp(frames.begins[first], pivot, true);
    const StateBlocks behind = AddedUp(pivot, frames.ends[last - 1], false);
    std::vector<const char*> from;
    for (size_t i = first; i < last; ++i) {
      // Blocks of `before` are by the number of rows from the pivot back.
      std::memcpy(results[i], before[pivot - frames.begins[i]], item_.kernel.state_size);
      from.push_back(behind[frames.ends[i] - pivot]);
    }
    item_.kernel.merge(results.subspan(first, last - first), from, 0, heap_);
  }

 private:
  // Block i: of the i rows of [begin, end) that are next to the pivot.
  StateBlocks AddedUp(size_t begin, size_t end, bool backwards) {
    const size_t count = end - begin;
    StateBlocks blocks = OneState(item_, count + 1);
    std::vector<char*> all = blocks.Range(0, count + 1);
    std::vector<char*> rows(all.begin() + 1, all.end());
    if (backwards) std::ranges::reverse(rows);
    ItemInput part;
    const ItemInput& input = window_.input;
    const size_t at = begin - window_.begin;
    if (input.has_argument) {
      part.argument = input.argument.Slice(at, count);
      part.has_argument = true;
    }
    if (!input.filter.empty()) {
      part.filter.assign(input.filter.begin() + static_cast<ptrdiff_t>(at),
                         input.filter.begin() + static_cast<ptrdiff_t>(at + count));
    }
    if (count > 0) AddRows(item_, part, rows, heap_);
    AddUp(item_, all, heap_);
    return blocks;
  }

  const OverItem& item_;
  const Window& window_;
  AggregateHeap* heap_;
};

Column SlideByPivots(const OverItem& item, const Window& window, const FrameRanges& frames,
                     RowErrors* errors) {
  const size_t count = frames.begins.size();
  AggregateHeap heap;
  StateBlocks results = OneState(item, count);
  const std::vector<char*> blocks = results.Range(0, count);
  Pivot pivot(item, window, &heap);
  for (size_t first = 0; first < count;) {
    size_t last = first + 1;
    while (last < count && frames.begins[last] <= frames.ends[first]) ++last;
    pivot.Run(frames, first, last, blocks);
    first = last;
  }
  const std::vector<const char*> groups(blocks.begin(), blocks.end());
  return item.kernel.evaluate(groups, 0, errors);
}

}  // namespace

Column Slide(const OverRows& rows, const SlidingAggregate& aggregate, const FrameRanges& frames,
             RowErrors* errors) {
  const size_t count = frames.begins.size();
  Window window{frames.begins.front(), std::max(frames.ends.back(), frames.begins.front()), {}};
  window.input = ReadInput(rows, aggregate.item, window.begin, window.end);
  size_t total = 0;
  for (size_t i = 0; i < count; ++i) total += frames.ends[i] - frames.begins[i];
  const bool is_short = total <= kShortFrame * count + (window.end - window.begin);
  if (aggregate.distinct || !aggregate.can_merge || is_short) {
    return AddFrames(aggregate, window, frames, errors);
  }
  return SlideByPivots(aggregate.item, window, frames, errors);
}

// A value counts where it comes first.
Column RunDistinct(const OverRows& rows, const OverItem& item, const FrameRanges& frames,
                   RowErrors* errors) {
  const size_t count = frames.ends.back();
  ItemInput input = ReadInput(rows, item, 0, count);
  Batch values;
  values.size = count;
  values.columns.push_back(input.argument);
  const size_t column[] = {0};
  const RowKeys keys(values, column);
  std::unordered_set<std::string_view> seen;
  if (input.filter.empty()) input.filter.assign(count, 1);
  for (size_t i = 0; i < count; ++i) {
    if (input.filter[i]) input.filter[i] = seen.insert(keys[i]).second;
  }
  AggregateHeap heap;
  StateBlocks blocks = OneState(item, count + 1);
  const std::vector<char*> all = blocks.Range(0, count + 1);
  if (count > 0) AddRows(item, input, std::span(all).subspan(1), &heap);
  AddUp(item, all, &heap);
  std::vector<const char*> states;
  for (size_t end : frames.ends) states.push_back(blocks[end]);
  return item.kernel.evaluate(states, item.offset, errors);
}

}  // namespace millrace
