// A typed array of values with optional nulls. Immutable once shared: passing a column on copies
// pointers.
//
// A column is flat or constant, nothing else. Values are dense C++ values (types/type.h); a ROW's
// fields and the elements of an ARRAY or MAP live in child columns.
#pragma once

#include <cassert>
#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/arena.h"
#include "types/type.h"

namespace millrace {

class Column {
 public:
  Column() = default;
  // `size` uninitialised values, none null.
  Column(TypeId type, size_t size);

  template <class T>
  static Column Constant(T value, size_t size) {
    Column c(kTypeOf<T>, 1);
    c.mutable_data<T>()[0] = value;
    c.MakeConstant(size);
    return c;
  }
  static Column ConstantNull(TypeId type, size_t size);

  TypeId type() const { return type_; }
  size_t size() const { return size_; }
  // One value stands for every row; data() has length 1.
  bool constant() const { return stride_ == 0; }
  size_t stride() const { return stride_; }
  bool may_have_nulls() const { return valid_ != nullptr; }
  bool IsNull(size_t i) const { return valid_ && !valid_[i * stride_]; }
  // One byte per value, nonzero where it is not null; null pointer when none is null.
  const uint8_t* valid() const { return valid_.get(); }

  template <class T>
  const T* data() const {
    return reinterpret_cast<const T*>(values_.get());
  }
  // REQUIRES: no other column shares the values.
  template <class T>
  T* mutable_data() {
    return reinterpret_cast<T*>(values_.get());
  }
  template <class T>
  T at(size_t i) const {
    assert(i < size_);
    return data<T>()[i * stride_];
  }

  // Marks row i null or not null; allocates the validity bytes when the first null comes and zeroes
  // the value of a null, so that a kernel may compute over it. REQUIRES: not constant.
  void SetNull(size_t i, bool null = true);
  void set_valid(std::shared_ptr<uint8_t[]> valid) { valid_ = std::move(valid); }
  const std::shared_ptr<uint8_t[]>& shared_valid() const { return valid_; }

  // Keeps `memory`, which long strings point into, alive as long as this column. May be called for
  // several owners.
  void KeepAlive(std::shared_ptr<const void> memory);
  void KeepAliveOf(const Column& other) { KeepAlive(other.heap_); }

  const std::vector<Column>& children() const { return children_; }
  std::vector<Column>& mutable_children() { return children_; }

  // Turns a column of one value into `size` times that value; the fields of a ROW too.
  void MakeConstant(size_t size);

  // Changes the number of rows, new ones uninitialised and not null; the elements of an ARRAY or
  // MAP stay. Growing step by step takes linear time. REQUIRES: not constant.
  void Resize(size_t size);

  // The values at `rows`, in that order.
  Column Take(std::span<const uint32_t> rows) const;
  // The values of the rows with keep[i] = 1, `kept` of them; 0 for the others.
  Column Compress(const uint8_t* keep, size_t kept) const;
  // Rows [begin, begin + size).
  Column Slice(size_t begin, size_t size) const;
  // The same values, never constant.
  Column Flatten() const;

 private:
  void Reserve(size_t capacity);

  TypeId type_ = TypeId::kNull;
  size_t size_ = 0;
  size_t capacity_ = 0;  // Values allocated, and validity bytes if there are any.
  size_t stride_ = 1;
  std::shared_ptr<std::byte[]> values_;
  std::shared_ptr<uint8_t[]> valid_;
  std::shared_ptr<const void> heap_;
  std::vector<Column> children_;
};

template <class T>
void Gather(const T* in, std::span<const uint32_t> rows, T* out) {
  for (size_t i = 0; i < rows.size(); ++i) out[i] = in[rows[i]];
}

// Joins columns of one type end to end. REQUIRES: not empty.
Column Concat(std::span<const Column> parts);

// Makes row `i` NULL and, if it is a ROW, its fields too.
void ClearValue(Column* column, size_t i);

// Copies row `from` of `in` into row `to` of `out` (same type, flat); long strings are copied into
// `heap`, which the caller keeps alive. ARRAY, MAP and ROW included.
void CopyValue(const Column& in, size_t from, Column* out, size_t to, Arena* heap);

}  // namespace millrace
