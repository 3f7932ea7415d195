// Rows as keys whose memcmp order is the order of a partition's rows.
//
//   key   := partition* order* rest*     the columns of PARTITION BY, of ORDER BY, and the others
//   order := mark value                  mark: 1, or of NULL 0 (NULLS FIRST) or 2 (NULLS LAST);
//                                        the value's bytes are flipped when it is descending
// Everything else is as in types/row_key.h. Rows that ORDER BY does not tell apart follow their
// other columns, so the order is total and the same however the rows arrive. A key holds its whole
// row, and no key is a proper prefix of another.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "types/batch.h"
#include "types/row_key.h"

namespace millrace {

struct OrderColumn {
  size_t column = 0;
  bool descending = false;
  bool nulls_first = true;
};

// Where the parts of a key end.
struct OrderedKeyEnds {
  uint32_t partition = 0;
  uint32_t order = 0;
};

// The encoded rows of one batch.
class OrderedKeys {
 public:
  struct Row {
    uint64_t hash;
    uint64_t partition_hash;
    OrderedKeyEnds ends;
    uint8_t vnode;
  };

  // Key i is bytes [offsets[i], offsets[i + 1]).
  OrderedKeys(std::string bytes, std::vector<uint64_t> offsets, std::vector<Row> rows)
      : bytes_(std::move(bytes)), offsets_(std::move(offsets)), rows_(std::move(rows)) {}

  size_t size() const { return rows_.size(); }
  std::string_view operator[](size_t i) const {
    return {bytes_.data() + offsets_[i], offsets_[i + 1] - offsets_[i]};
  }
  uint64_t hash(size_t i) const { return rows_[i].hash; }
  const OrderedKeyEnds& ends(size_t i) const { return rows_[i].ends; }
  std::string_view partition(size_t i) const { return (*this)[i].substr(0, ends(i).partition); }
  uint64_t partition_hash(size_t i) const { return rows_[i].partition_hash; }
  uint8_t vnode(size_t i) const { return rows_[i].vnode; }

 private:
  std::string bytes_;
  std::vector<uint64_t> offsets_;
  std::vector<Row> rows_;
};

// How rows of one schema become keys and come back.
class OrderedLayout {
 public:
  // The first `unrouted` columns of `partition` do not choose the vnode (a window's columns, unless
  // they are all there is); the others are what the exchange hashes, in this order.
  OrderedLayout(Schema schema, std::vector<size_t> partition, std::vector<OrderColumn> order,
                size_t unrouted = 0);

  const Schema& schema() const { return schema_; }
  const std::vector<OrderColumn>& order() const { return order_; }

  OrderedKeys Encode(const Batch& batch) const;
  // The rows of these keys, in the columns of the schema; no weights.
  Batch Decode(std::span<const std::string_view> keys) const;
  // Only these columns, in that order.
  std::vector<Column> DecodeColumns(std::span<const std::string_view> keys,
                                    std::span<const size_t> columns) const;

  // Appends value i as the ORDER BY column `at` stands in a key: for bounds to search for.
  void AppendOrder(size_t at, const Column& values, size_t i, std::string* key) const;
  // Whether the value that begins there is NULL.
  static bool IsNullAt(std::string_view key, size_t offset) { return key[offset] != kValueMark; }

 private:
  static constexpr char kNullFirst = 0, kValueMark = 1, kNullLast = 2;

  struct Part {  // A column in the order of the key.
    size_t column;
    bool descending = false;
    bool null_last = false;
  };
  void Patch(const OrderColumn& order, char* bytes, size_t size) const;
  void DecodePart(const Part& part, std::string_view* key, Column* out, size_t i,
                  Arena* heap) const;

  Schema schema_;
  std::vector<size_t> partition_;
  std::vector<OrderColumn> order_;
  std::vector<size_t> rest_;
  std::vector<size_t> unrouted_;
  std::vector<Part> parts_;
};

}  // namespace millrace
