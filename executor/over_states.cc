#include "executor/over_states.h"

#include <algorithm>
#include <cmath>

namespace millrace {

bool CanMerge(const AggregateKernel& kernel, std::string_view function) {
  return kernel.merge && (kernel.subtract || function == "min" || function == "max");
}

size_t LayOutStates(std::span<OverItem> items) {
  size_t size = 0;
  for (OverItem& item : items) {
    item.offset = size;
    size += (item.kernel.state_size + 7) & ~size_t{7};
  }
  return size;
}

StateBlocks::StateBlocks(std::span<const OverItem> items, size_t stride, size_t count)
    : stride_(stride), count_(count), bytes_(new char[stride * count]()) {
  for (size_t i = 0; i < count; ++i) {
    for (const OverItem& item : items) item.kernel.init((*this)[i] + item.offset);
  }
}

std::vector<char*> StateBlocks::Range(size_t begin, size_t end) {
  std::vector<char*> blocks(end - begin);
  for (size_t i = begin; i < end; ++i) blocks[i - begin] = (*this)[i];
  return blocks;
}

ItemInput ReadInput(const OverRows& rows, const OverItem& item, size_t begin, size_t end) {
  ItemInput input;
  std::vector<size_t> columns;
  if (item.argument) columns.push_back(*item.argument);
  if (item.filter) columns.push_back(*item.filter);
  std::vector<Column> values;
  if (!columns.empty()) values = rows.Columns(begin, end, columns);
  if (item.argument) {
    input.argument = values[0];
    input.has_argument = true;
  }
  if (item.filter) {
    const Column& keep = values.back();
    input.filter.resize(end - begin);
    for (size_t i = 0; i < input.filter.size(); ++i) {
      input.filter[i] = !keep.IsNull(i) && keep.at<bool>(i);
    }
  }
  if (item.first_peers) {
    const OverPeers peers(rows, begin, end);
    input.filter.resize(end - begin);
    for (size_t i = 0; i < input.filter.size(); ++i) input.filter[i] = peers.begins[i] == begin + i;
  }
  return input;
}

void AddRows(const OverItem& item, const ItemInput& input, std::span<char* const> blocks,
             AggregateHeap* heap) {
  item.kernel.update(blocks, item.offset, input.argument_or_null(), nullptr, input.filter_or_null(),
                     heap);
}

// In segments side by side, so that a kernel is called for many blocks at once: first inside each
// segment, then over their ends, then what is before a segment is added to the rest of it.
void AddUp(const OverItem& item, std::span<char* const> blocks, AggregateHeap* heap) {
  const size_t count = blocks.size();
  if (count < 2) return;
  const auto length = static_cast<size_t>(std::ceil(std::sqrt(static_cast<double>(count))));
  std::vector<char*> into;
  std::vector<const char*> from;
  auto add = [&](size_t to, size_t what) {
    into.push_back(blocks[to]);
    from.push_back(blocks[what]);
  };
  auto merge = [&] {
    item.kernel.merge(into, from, item.offset, heap);
    into.clear();
    from.clear();
  };
  for (size_t at = 1; at < length; ++at) {
    for (size_t i = at; i < count; i += length) add(i, i - 1);
    merge();
  }
  for (size_t begin = length; begin < count; begin += length) {
    add(std::min(begin + length, count) - 1, begin - 1);
    merge();
  }
  for (size_t begin = length; begin < count; begin += length) {
    const size_t last = std::min(begin + length, count) - 1;
    for (size_t i = begin; i < last; ++i) add(i, begin - 1);
  }
  merge();
}

}  // namespace millrace
