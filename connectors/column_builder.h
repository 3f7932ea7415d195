// Grows a column value by value, nested ones included: what decoders write to.
#pragma once

#include <cassert>
#include <cstring>
#include <vector>

#include "types/column.h"

namespace millrace {

class ColumnBuilder {
 public:
  // `capacity` is a guess that saves growing.
  ColumnBuilder(const Type& type, size_t capacity);

  const Type& type() const { return type_; }
  size_t size() const { return size_; }
  // ARRAY: the elements; MAP: keys and values; ROW: the fields.
  std::vector<ColumnBuilder>& children() { return children_; }

  // REQUIRES: T is the type's C++ value (types/type.h).
  template <class T>
  void Append(T value) {
    if (size_ == capacity_) Grow();
    reinterpret_cast<T*>(values_)[size_] = value;
    if (valid_ != nullptr) valid_[size_] = 1;
    ++size_;
  }
  // Also zeroes the value, so that nothing depends on what the memory held.
  void AppendNull();
  // ARRAY, MAP: a value of all elements appended to the children since the last one.
  void AppendList();
  // ROW: a value of the fields appended to the children.
  void AppendRow() {
    if (size_ == capacity_) Grow();
    if (valid_ != nullptr) valid_[size_] = 1;
    ++size_;
  }
  bool IsNull(size_t i) const { return valid_ != nullptr && valid_[i] == 0; }
  // Drops the values from `size` on and elements that belong to none.
  void Truncate(size_t size);

  // The column of what was appended. Ends this builder's use. `owner` keeps the bytes of long
  // strings alive.
  Column Finish(const std::shared_ptr<const void>& owner);

 private:
  void Grow();
  void MakeValid();
  uint32_t ListEnd(size_t size) const;

  Type type_;
  size_t width_;
  size_t size_ = 0;
  size_t capacity_;
  Column column_;
  std::byte* values_;
  uint8_t* valid_ = nullptr;  // Null while no value is.
  std::shared_ptr<uint8_t[]> shared_valid_;
  std::vector<ColumnBuilder> children_;
};

}  // namespace millrace
