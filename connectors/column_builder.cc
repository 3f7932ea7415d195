#include "connectors/column_builder.h"

#include <algorithm>

namespace millrace {

ColumnBuilder::ColumnBuilder(const Type& type, size_t capacity)
    : type_(type),
      width_(WidthOf(type.id)),
      capacity_(std::max<size_t>(capacity, 1)),
      column_(type.id, capacity_),
      values_(column_.mutable_data<std::byte>()) {
  if (!type.children) return;
  for (const Field& child : *type.children) children_.emplace_back(child.type, capacity_);
}

void ColumnBuilder::Grow() {
  const size_t capacity = 2 * capacity_;
  Column grown(type_.id, capacity);
  if (width_ > 0) std::memcpy(grown.mutable_data<std::byte>(), values_, size_ * width_);
  column_ = std::move(grown);
  values_ = column_.mutable_data<std::byte>();
  capacity_ = capacity;
  if (valid_ != nullptr) {
    const std::shared_ptr<uint8_t[]> before = shared_valid_;
    MakeValid();
    std::memcpy(valid_, before.get(), size_);
  }
}

void ColumnBuilder::MakeValid() {
  shared_valid_ = std::shared_ptr<uint8_t[]>(new uint8_t[capacity_]);
  valid_ = shared_valid_.get();
  std::memset(valid_, 1, capacity_);
}

void ColumnBuilder::AppendNull() {
  if (size_ == capacity_) Grow();
  if (valid_ == nullptr) MakeValid();
  valid_[size_] = 0;
  if (type_.id == TypeId::kRow) {
    for (ColumnBuilder& child : children_) child.AppendNull();
  } else if (!children_.empty()) {
    reinterpret_cast<ListEntry*>(values_)[size_] = {ListEnd(size_), 0};
  } else {
    std::memset(values_ + size_ * width_, 0, width_);
  }
  ++size_;
}

uint32_t ColumnBuilder::ListEnd(size_t size) const {
  if (size == 0) return 0;
  const ListEntry& last = reinterpret_cast<const ListEntry*>(values_)[size - 1];
  return last.offset + last.length;
}

void ColumnBuilder::AppendList() {
  const uint32_t begin = ListEnd(size_);
  Append(ListEntry{begin, static_cast<uint32_t>(children_[0].size()) - begin});
}

void ColumnBuilder::Truncate(size_t size) {
  assert(size <= size_);
  size_ = size;
  const size_t child_size = type_.id == TypeId::kRow ? size : children_.empty() ? 0 : ListEnd(size);
  for (ColumnBuilder& child : children_) {
    // A ROW's fields may lag behind when the row broke off in the middle.
    if (child.size() >= child_size) child.Truncate(child_size);
  }
}

Column ColumnBuilder::Finish(const std::shared_ptr<const void>& owner) {
  if (valid_ != nullptr) column_.set_valid(std::move(shared_valid_));
  Column column = size_ == capacity_ ? std::move(column_) : column_.Slice(0, size_);
  column.mutable_children().clear();
  for (ColumnBuilder& child : children_) column.mutable_children().push_back(child.Finish(owner));
  if (type_.id == TypeId::kString || type_.id == TypeId::kBytes) column.KeepAlive(owner);
  return column;
}

}  // namespace millrace
