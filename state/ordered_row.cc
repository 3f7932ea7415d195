#include "state/ordered_row.h"

#include <algorithm>
#include <cstring>

namespace millrace {

OrderedLayout::OrderedLayout(Schema schema, std::vector<size_t> partition,
                             std::vector<OrderColumn> order, size_t unrouted)
    : schema_(std::move(schema)), partition_(std::move(partition)), order_(std::move(order)) {
  std::vector<bool> placed(schema_.size());
  for (size_t c : partition_) {
    if (!placed[c]) parts_.push_back({c});
    placed[c] = true;
  }
  // A column of PARTITION BY orders nothing, nor does one that stands before it in ORDER BY.
  assert(parts_.size() == partition_.size());
  std::erase_if(order_, [&](const OrderColumn& o) {
    const bool known = placed[o.column];
    placed[o.column] = true;
    return known;
  });
  for (const OrderColumn& o : order_) parts_.push_back({o.column, o.descending, !o.nulls_first});
  for (size_t c = 0; c < schema_.size(); ++c) {
    if (placed[c]) continue;
    rest_.push_back(c);
    parts_.push_back({c});
  }
  unrouted_.assign(partition_.begin(), partition_.begin() + static_cast<ptrdiff_t>(unrouted));
}

// Turns a value as types/row_key.h has it into one of an order column.
void OrderedLayout::Patch(const OrderColumn& order, char* bytes, size_t size) const {
  if (bytes[0] == 0) {
    bytes[0] = order.nulls_first ? kNullFirst : kNullLast;
  } else if (order.descending) {
    for (size_t i = 1; i < size; ++i) bytes[i] = static_cast<char>(~bytes[i]);
  }
}

OrderedKeys OrderedLayout::Encode(const Batch& batch) const {
  const RowKeys partition(batch, partition_), rest(batch, rest_), unrouted(batch, unrouted_);
  std::vector<RowKeys> order;
  for (const OrderColumn& o : order_) order.emplace_back(batch, std::span(&o.column, 1));
  std::vector<uint64_t> offsets(batch.size + 1);
  for (size_t i = 0; i < batch.size; ++i) {
    offsets[i + 1] = offsets[i] + partition[i].size() + rest[i].size();
    for (const RowKeys& column : order) offsets[i + 1] += column[i].size();
  }
  std::string bytes(offsets.back(), '\0');
  std::vector<OrderedKeys::Row> rows(batch.size);
  for (size_t i = 0; i < batch.size; ++i) {
    OrderedKeys::Row& row = rows[i];
    char* const begin = bytes.data() + offsets[i];
    char* next = begin;
    auto put = [&](std::string_view part) {
      if (!part.empty()) std::memcpy(next, part.data(), part.size());
      next += part.size();
    };
    put(partition[i]);
    row.ends.partition = static_cast<uint32_t>(next - begin);
    for (size_t o = 0; o < order.size(); ++o) {
      put(order[o][i]);
      const size_t size = order[o][i].size();
      Patch(order_[o], next - size, size);
    }
    row.ends.order = static_cast<uint32_t>(next - begin);
    put(rest[i]);
    row.hash = HashBytes({begin, offsets[i + 1] - offsets[i]});
    row.partition_hash = partition.hash(i);
    const uint64_t route =
        unrouted_.empty() ? row.partition_hash : HashBytes(partition[i].substr(unrouted[i].size()));
    row.vnode = static_cast<uint8_t>(VnodeOf(route));
  }
  return {std::move(bytes), std::move(offsets), std::move(rows)};
}

void OrderedLayout::DecodePart(const Part& part, std::string_view* key, Column* out, size_t i,
                               Arena* heap) const {
  if (IsNullAt(*key, 0)) {
    key->remove_prefix(1);
    return ClearValue(out, i);
  }
  if (!part.descending) return DecodeKeyColumn(key, out, i, heap);
  const TypeId type = out->type();
  const bool text = type == TypeId::kString || type == TypeId::kBytes || type >= TypeId::kArray;
  // As much as the value can take.
  std::string flipped(key->substr(0, text ? key->size() : 1 + WidthOf(type)));
  for (size_t b = 1; b < flipped.size(); ++b) flipped[b] = static_cast<char>(~flipped[b]);
  std::string_view rest = flipped;
  DecodeKeyColumn(&rest, out, i, heap);
  key->remove_prefix(flipped.size() - rest.size());
}

std::vector<Column> OrderedLayout::DecodeColumns(std::span<const std::string_view> keys,
                                                 std::span<const size_t> columns) const {
  auto heap = std::make_shared<Arena>();
  // Every column in front of a wanted one is decoded, to see where that begins.
  std::vector<bool> wanted(schema_.size());
  for (size_t c : columns) wanted[c] = true;
  size_t parts = parts_.size();
  while (parts > 0 && !wanted[parts_[parts - 1].column]) --parts;
  std::vector<Column> decoded(schema_.size());
  for (size_t p = 0; p < parts; ++p) {
    Column& column = decoded[parts_[p].column];
    column = MakeColumn(schema_[parts_[p].column].type, keys.size());
    column.KeepAlive(heap);
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    std::string_view key = keys[i];
    for (size_t p = 0; p < parts; ++p) {
      DecodePart(parts_[p], &key, &decoded[parts_[p].column], i, heap.get());
    }
  }
  std::vector<Column> out;
  for (size_t c : columns) out.push_back(decoded[c]);
  return out;
}

Batch OrderedLayout::Decode(std::span<const std::string_view> keys) const {
  std::vector<size_t> all(schema_.size());
  for (size_t c = 0; c < all.size(); ++c) all[c] = c;
  Batch batch;
  batch.size = keys.size();
  batch.columns = DecodeColumns(keys, all);
  return batch;
}

void OrderedLayout::AppendOrder(size_t at, const Column& values, size_t i, std::string* key) const {
  const size_t begin = key->size();
  AppendKeyColumn(values, i, key);
  Patch(order_[at], key->data() + begin, key->size() - begin);
}

}  // namespace millrace
