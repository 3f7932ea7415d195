#include "executor/over_running.h"

#include <algorithm>
#include <cstring>

namespace millrace {
namespace {

constexpr size_t kScanRows = 2048;
constexpr size_t kMuchGarbage = 1 << 20;

}  // namespace

RunningStates::RunningStates(std::vector<OverItem> items)
    : items_(std::move(items)), stride_(LayOutStates(items_)), empty_(items_, stride_, 1) {}

bool RunningStates::IsSaved(const OrderedPartition& partition, size_t leaf) const {
  return leaf == 0 || partition.leaves()[leaf].data != nullptr;
}

const char* RunningStates::Saved(const OverRows& rows, size_t leaf) const {
  if (leaf > 0) return rows.partition->leaves()[leaf].data.get();
  return rows.carry ? rows.carry->states.get() : empty_[0];
}

RunningStates::Span RunningStates::ScanFrom(const OverRows& rows, size_t leaf, size_t end,
                                            AggregateHeap* heap) const {
  const OrderedPartition& partition = *rows.partition;
  const size_t first = partition.empty() ? 0 : partition.leaves()[leaf].begin;
  StateBlocks blocks(items_, stride_, end - first + 1);
  // States are plain bytes; strings they point to live as long as heap_.
  std::memcpy(blocks[0], Saved(rows, leaf), stride_);
  const std::vector<char*> all = blocks.Range(0, blocks.size());
  for (const OverItem& item : items_) {
    const ItemInput input = ReadInput(rows, item, first, end);
    AddRows(item, input, std::span(all).subspan(1), heap);
    AddUp(item, all, heap);
  }
  return {first, std::move(blocks)};
}

RunningStates::Span RunningStates::Scan(const OverRows& rows, size_t begin, size_t end,
                                        AggregateHeap* heap) const {
  const OrderedPartition& partition = *rows.partition;
  if (partition.empty()) return ScanFrom(rows, 0, 0, heap);
  size_t leaf = begin < partition.size() ? partition.LeafOf(begin) : partition.leaves().size() - 1;
  while (!IsSaved(partition, leaf)) --leaf;
  return ScanFrom(rows, leaf, end, heap);
}

bool RunningStates::Same(const char* a, const char* b) const {
  std::string left, right;
  Encode(a, &left);
  Encode(b, &right);
  return left == right;
}

void RunningStates::Encode(const char* block, std::string* bytes) const {
  for (const OverItem& item : items_) {
    if (item.kernel.serialize) {
      item.kernel.serialize(block + item.offset, bytes);
    } else {
      bytes->append(block + item.offset, item.kernel.state_size);
    }
  }
}

void RunningStates::Decode(std::string_view* bytes, char* block, AggregateHeap* heap) const {
  for (const OverItem& item : items_) {
    item.kernel.init(block + item.offset);
    if (item.kernel.deserialize) {
      item.kernel.deserialize(bytes, block + item.offset, heap);
    } else {
      std::memcpy(block + item.offset, bytes->data(), item.kernel.state_size);
      bytes->remove_prefix(item.kernel.state_size);
    }
  }
}

void RunningStates::Save(const char* block, OrderedPartition::Leaf* leaf) {
  std::string bytes;
  if (leaf->data) {
    Encode(leaf->data.get(), &bytes);
    heap_.garbage += bytes.size();
    bytes.clear();
  } else {
    leaf->data.reset(new char[stride_]());
  }
  Encode(block, &bytes);
  std::string_view in = bytes;
  Decode(&in, leaf->data.get(), &heap_);
}

bool RunningStates::IsCrowded() const {
  return heap_.garbage > kMuchGarbage && heap_.garbage > heap_.arena.allocated() / 2;
}

size_t RunningStates::Refresh(const OverRows& rows, OrderedPartition* partition, size_t first,
                              size_t last) {
  if (items_.empty() || partition->empty()) return partition->size();
  std::vector<OrderedPartition::Leaf>& leaves = partition->leaves();
  // What a leaf has is of the rows before it, so it is right as far as the first change; a row that
  // went may have been the last of the leaf before.
  size_t leaf = first == 0 ? 0 : partition->LeafOf(std::min(first, partition->size()) - 1);
  while (!IsSaved(*partition, leaf)) --leaf;
  while (leaf + 1 < leaves.size()) {
    size_t to = leaf + 1;
    while (to + 1 < leaves.size() && leaves[to].begin - leaves[leaf].begin < kScanRows) ++to;
    AggregateHeap heap;
    const Span span = ScanFrom(rows, leaf, leaves[to].begin, &heap);
    for (size_t i = leaf + 1; i <= to; ++i) {
      const char* block = span[leaves[i].begin];
      // The row before the leaf is as it was, too: peers begin where they did.
      if (leaves[i].data && leaves[i].begin > last && Same(block, leaves[i].data.get())) {
        return leaves[i].begin;
      }
      Save(block, &leaves[i]);
    }
    leaf = to;
  }
  return partition->size();
}

}  // namespace millrace
