// How rows of columns lie in records of bytes, and back.
//
//   record := what the owner keeps in front, `base` bytes
//             null bits, a byte for eight columns
//             values, the widest first (so they are aligned), each as in a column
//             hidden values of the owner
//             tail: the bytes of strings longer than StringRef::kInline, in the order of the
//             columns
//
// Long strings point into the record's own tail. ARRAY, MAP and ROW are kept as their encoding in
// types/row_key.h, like BYTES. All functions take the records of one layout.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "types/batch.h"

namespace millrace {

class RowSource;

class RowLayout {
 public:
  // Records begin with `base` bytes that are the owner's. `hidden` are widths (4 or 8) of values
  // that only the owner reads and writes.
  RowLayout(std::vector<Type> types, size_t base, std::span<const size_t> hidden = {});

  size_t columns() const { return columns_.size(); }
  const Type& type(size_t c) const { return columns_[c].type; }
  size_t hidden_offset(size_t h) const { return hidden_[h]; }

  // Bytes of the record that row i of the source would be; and of one that is there.
  size_t SizeOf(const RowSource& source, size_t i) const;
  size_t SizeOf(const char* record) const {
    return text_.empty() ? fixed_size_ : fixed_size_ + TailSize(record);
  }
  // Fills the record but for its base, and zeroes the hidden values.
  void Write(const RowSource& source, size_t i, char* record) const;

  // Equal values, NULLs and NaNs too, have equal hashes and are equal; so are 0 and -0.
  bool Equal(const RowSource& source, size_t i, const char* record) const;
  uint64_t Hash(const char* record) const;

  // Column c of the records. Long strings are copied into `heap`, which the column keeps alive;
  // without one they point into the records.
  Column Gather(size_t c, std::span<const char* const> records,
                const std::shared_ptr<Arena>& heap) const;

  // The record without its base, for the store, and back into memory of
  // SizeOfEncoded bytes.
  void Encode(const char* record, std::string* out) const;
  size_t SizeOfEncoded(std::string_view bytes) const { return base_ + bytes.size(); }
  void Decode(std::string_view bytes, char* record) const;

 private:
  friend class RowSource;

  enum class Form : uint8_t { kFixed, kFloat, kDouble, kText, kNested };
  struct ColumnPlace {
    Type type;
    Form form;
    TypeId stored;  // As what the values lie in the record.
    uint32_t width;
    uint32_t offset;  // In the record.
    uint32_t null_offset;
    uint8_t null_bit;
  };
  static Form FormOf(TypeId id);
  void Place(size_t at, std::span<const size_t> hidden);
  size_t TailSize(const char* record) const;
  static bool IsNull(const ColumnPlace& place, const char* record) {
    return record[place.null_offset] & place.null_bit;
  }
  Column GatherNested(const ColumnPlace& place, std::span<const char* const> records,
                      std::shared_ptr<Arena> heap) const;

  size_t base_;
  size_t fixed_size_ = 0;
  std::vector<ColumnPlace> columns_;
  std::vector<size_t> text_;  // Columns whose values may have a tail.
  std::vector<size_t> hidden_;
};

// The rows of a batch as the layout wants them. The batch must outlive it.
class RowSource {
 public:
  RowSource(const RowLayout& layout, const Batch& batch);

  size_t size() const { return size_; }
  // The hashes of all rows, as RowLayout::Hash.
  std::vector<uint64_t> Hashes() const;

 private:
  friend class RowLayout;

  struct Values {
    const std::byte* values;
    const uint8_t* valid;  // Null: none is NULL.
    size_t stride;         // Of `valid`; 0 for a constant.
    size_t step;           // Bytes from value to value.

    bool IsNull(size_t i) const { return valid != nullptr && valid[i * stride] == 0; }
    const std::byte* at(size_t i) const { return values + i * step; }
  };

  const RowLayout& layout_;
  size_t size_;
  std::vector<Values> columns_;
  std::vector<Column> encoded_;  // Stands for ARRAY, MAP and ROW columns.
};

}  // namespace millrace
