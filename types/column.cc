#include "types/column.h"

#include <algorithm>
#include <cstring>

#include "base/compress.h"
#include "base/shared.h"

namespace millrace {
namespace {

using SharedBytes = std::shared_ptr<std::byte[]>;
using SharedValid = std::shared_ptr<uint8_t[]>;

// Not make_shared: its arrays of bytes are not aligned for wider values.
SharedBytes NewValues(size_t count, size_t width) {
  return SharedBytes(width == 0 ? nullptr : new std::byte[count * width]);
}

SharedValid NewValid(size_t count) { return SharedValid(new uint8_t[count]); }

struct Word128 {
  uint64_t words[2];
};

// Calls f with a value of a type as wide as the column's values, if they have any width.
template <class F>
void WithWord(TypeId type, const F& f) {
  switch (WidthOf(type)) {
    case 0:
      return;
    case 1:
      return f(uint8_t{});
    case 2:
      return f(uint16_t{});
    case 4:
      return f(uint32_t{});
    case 8:
      return f(uint64_t{});
    default:
      return f(Word128{});
  }
}

// Writes one value `count` times, doubling what is there.
void Fill(const std::byte* value, size_t width, size_t count, std::byte* out) {
  if (width == 0 || count == 0) return;
  std::memcpy(out, value, width);
  for (size_t done = 1; done < count; done *= 2) {
    std::memcpy(out + done * width, out, std::min(done, count - done) * width);
  }
}

bool HasElements(TypeId type) { return type == TypeId::kArray || type == TypeId::kMap; }

// The elements that the rows of an ARRAY or MAP column refer to, in their order.
std::vector<uint32_t> UsedElements(const Column& column) {
  std::vector<uint32_t> elements;
  for (size_t i = 0; i < column.size(); ++i) {
    if (column.IsNull(i)) continue;
    const ListEntry entry = column.at<ListEntry>(i);
    for (uint32_t k = 0; k < entry.length; ++k) elements.push_back(entry.offset + k);
  }
  return elements;
}

size_t CountUsedElements(const Column& column) {
  size_t count = 0;
  for (size_t i = 0; i < column.size(); ++i) {
    if (!column.IsNull(i)) count += column.at<ListEntry>(i).length;
  }
  return count;
}

// Drops the elements of a flat column to which no row refers, as most may be after Take.
Column WithoutUnusedElements(const Column& column) {
  if (column.children().empty()) return column;
  const size_t elements = column.children()[0].size();
  if (elements < 2 * CountUsedElements(column) + 16) return column;
  const std::vector<uint32_t> used = UsedElements(column);
  Column out(column.type(), column.size());
  out.set_valid(column.shared_valid());
  uint32_t offset = 0;
  for (size_t i = 0; i < column.size(); ++i) {
    const uint32_t length = column.IsNull(i) ? 0 : column.at<ListEntry>(i).length;
    out.mutable_data<ListEntry>()[i] = {offset, length};
    offset += length;
  }
  for (const Column& child : column.children()) out.mutable_children().push_back(child.Take(used));
  return out;
}

// Child `k` of the part; all NULL when the part is a NULL whose children nobody knew.
Column ChildOf(const Column& part, const Column& model, size_t k) {
  if (k < part.children().size()) return part.children()[k];
  const bool is_row = part.type() == TypeId::kRow;
  return Column::ConstantNull(model.children()[k].type(), is_row ? part.size() : 0);
}

void ConcatChildren(std::span<const Column> parts, Column* out) {
  const auto model = std::ranges::max_element(
      parts, {}, [](const Column& part) { return part.children().size(); });
  for (size_t k = 0; k < model->children().size(); ++k) {
    std::vector<Column> children;
    children.reserve(parts.size());
    for (const Column& part : parts) children.push_back(ChildOf(part, *model, k));
    out->mutable_children().push_back(Concat(children));
  }
}

void ConcatValid(std::span<const Column> parts, Column* out) {
  if (std::ranges::none_of(parts, &Column::may_have_nulls)) return;
  SharedValid valid = NewValid(out->size());
  uint8_t* next = valid.get();
  for (const Column& part : parts) {
    if (part.size() == 0) continue;
    if (!part.may_have_nulls()) {
      std::memset(next, 1, part.size());
    } else if (part.constant()) {
      std::memset(next, part.valid()[0], part.size());
    } else {
      std::memcpy(next, part.valid(), part.size());
    }
    next += part.size();
  }
  out->set_valid(std::move(valid));
}

void ConcatValues(std::span<const Column> parts, Column* out) {
  const size_t width = WidthOf(out->type());
  if (width == 0) return;
  std::byte* next = out->mutable_data<std::byte>();
  for (const Column& part : parts) {
    if (part.constant()) {
      Fill(part.data<std::byte>(), width, part.size(), next);
    } else if (part.size() > 0) {
      std::memcpy(next, part.data<std::byte>(), part.size() * width);
    }
    next += part.size() * width;
  }
}

// The parts' elements come one after another, so that the rows' offsets shift.
void ShiftOffsets(std::span<const Column> parts, Column* out) {
  ListEntry* entry = out->mutable_data<ListEntry>();
  uint32_t shift = 0;
  for (const Column& part : parts) {
    for (size_t i = 0; i < part.size(); ++i) (entry++)->offset += shift;
    if (!part.children().empty()) shift += static_cast<uint32_t>(part.children()[0].size());
  }
}

Column ConcatFlat(std::span<const Column> parts) {
  size_t size = 0;
  for (const Column& part : parts) size += part.size();
  Column out(parts[0].type(), size);
  ConcatValues(parts, &out);
  ConcatValid(parts, &out);
  ConcatChildren(parts, &out);
  if (HasElements(out.type())) ShiftOffsets(parts, &out);
  for (const Column& part : parts) out.KeepAliveOf(part);
  return out;
}

StringRef CopyString(StringRef ref, Arena* heap) {
  return ref.is_inline() ? ref : StringRef(heap->Copy(ref.view()));
}

void CopyElements(const Column& in, size_t from, Column* out, size_t to, Arena* heap) {
  const ListEntry entry = in.at<ListEntry>(from);
  ListEntry& copy = out->mutable_data<ListEntry>()[to];
  for (size_t k = 0; k < in.children().size(); ++k) {
    Column& child = out->mutable_children()[k];
    copy = {static_cast<uint32_t>(child.size()), entry.length};
    child.Resize(child.size() + entry.length);
    for (uint32_t i = 0; i < entry.length; ++i) {
      CopyValue(in.children()[k], entry.offset + i, &child, copy.offset + i, heap);
    }
  }
}

}  // namespace

Column::Column(TypeId type, size_t size)
    : type_(type), size_(size), capacity_(size), values_(NewValues(size, WidthOf(type))) {}

Column Column::ConstantNull(TypeId type, size_t size) {
  Column out(type, 1);
  out.SetNull(0);
  out.MakeConstant(size);
  return out;
}

void Column::SetNull(size_t i, bool null) {
  assert(!constant() && i < size_);
  if (!valid_) {
    if (!null) return;
    valid_ = NewValid(capacity_);
    std::memset(valid_.get(), 1, capacity_);
  } else if (Shared(valid_)) {
    SharedValid own = NewValid(capacity_);
    std::memset(own.get(), 1, capacity_);
    std::memcpy(own.get(), valid_.get(), size_);
    valid_ = std::move(own);
  }
  valid_[i] = null ? 0 : 1;
  const size_t width = WidthOf(type_);
  // Shared values have been written already.
  if (null && width > 0 && !Shared(values_)) {
    std::memset(values_.get() + i * width, 0, width);
  }
}

void Column::KeepAlive(std::shared_ptr<const void> memory) {
  if (!memory || memory == heap_) return;
  if (!heap_) {
    heap_ = std::move(memory);
    return;
  }
  using Owners = std::pair<std::shared_ptr<const void>, std::shared_ptr<const void>>;
  heap_ = std::make_shared<const Owners>(std::move(heap_), std::move(memory));
}

void Column::MakeConstant(size_t size) {
  assert(size_ == 1 || constant());
  size_ = size;
  stride_ = 0;
  if (type_ != TypeId::kRow) return;
  for (Column& child : children_) child.MakeConstant(size);
}

void Column::Reserve(size_t capacity) {
  const size_t width = WidthOf(type_);
  if (width > 0) {
    auto values = NewValues(capacity, width);
    if (size_ > 0) std::memcpy(values.get(), values_.get(), size_ * width);
    values_ = std::move(values);
  }
  if (valid_) {
    auto valid = NewValid(capacity);
    std::memset(valid.get() + size_, 1, capacity - size_);
    std::memcpy(valid.get(), valid_.get(), size_);
    valid_ = std::move(valid);
  }
  capacity_ = capacity;
}

void Column::Resize(size_t size) {
  assert(!constant());
  const bool shared = Shared(values_) || Shared(valid_);
  if (size > size_ && (size > capacity_ || shared)) Reserve(std::max(size, 2 * capacity_));
  // Rows that were cut off and come again are not null.
  if (valid_ && size > size_) std::memset(valid_.get() + size_, 1, size - size_);
  size_ = size;
  if (type_ != TypeId::kRow) return;
  for (Column& child : children_) child.Resize(size);
}

Column Column::Take(std::span<const uint32_t> rows) const {
  Column out = *this;
  if (constant()) {
    out.MakeConstant(rows.size());
    return out;
  }
  out.size_ = out.capacity_ = rows.size();
  out.values_ = NewValues(rows.size(), WidthOf(type_));
  WithWord(type_, [&]<class T>(T) { Gather(data<T>(), rows, out.mutable_data<T>()); });
  if (valid_) {
    out.valid_ = NewValid(rows.size());
    Gather<uint8_t>(valid_.get(), rows, out.valid_.get());
  }
  if (type_ == TypeId::kRow) {
    for (Column& child : out.children_) child = child.Take(rows);
  }
  return out;
}

Column Column::Compress(const uint8_t* keep, size_t kept) const {
  Column out = *this;
  if (constant()) {
    out.MakeConstant(kept);
    return out;
  }
  out.size_ = out.capacity_ = kept;
  out.values_ = NewValues(kept, WidthOf(type_));
  WithWord(type_, [&]<class T>(T) { CompressTo(data<T>(), keep, kept, out.mutable_data<T>()); });
  if (valid_) {
    out.valid_ = NewValid(kept);
    CompressTo(valid_.get(), keep, kept, out.valid_.get());
  }
  if (type_ == TypeId::kRow) {
    for (Column& child : out.children_) child = child.Compress(keep, kept);
  }
  return out;
}

Column Column::Slice(size_t begin, size_t size) const {
  assert(begin + size <= size_);
  Column out = *this;
  if (constant()) {
    out.MakeConstant(size);
    return out;
  }
  out.size_ = out.capacity_ = size;
  if (values_) out.values_ = SharedBytes(values_, values_.get() + begin * WidthOf(type_));
  if (valid_) out.valid_ = SharedValid(valid_, valid_.get() + begin);
  if (type_ == TypeId::kRow) {
    for (Column& child : out.children_) child = child.Slice(begin, size);
  }
  return out;
}

Column Column::Flatten() const {
  Column out = *this;
  if (type_ == TypeId::kRow) {
    for (Column& child : out.children_) child = child.Flatten();
  }
  if (!constant()) return out;
  out.stride_ = 1;
  out.capacity_ = size_;
  out.values_ = NewValues(size_, WidthOf(type_));
  Fill(values_.get(), WidthOf(type_), size_, out.values_.get());
  if (valid_) {
    out.valid_ = NewValid(size_);
    std::memset(out.valid_.get(), valid_[0], size_);
  }
  return out;
}

Column Concat(std::span<const Column> parts) {
  assert(!parts.empty());
  assert(std::ranges::all_of(parts, [&](auto& p) { return p.type() == parts[0].type(); }));
  if (parts.size() == 1) return parts[0].Flatten();
  if (!HasElements(parts[0].type())) return ConcatFlat(parts);
  std::vector<Column> compact;
  compact.reserve(parts.size());
  for (const Column& part : parts) compact.push_back(WithoutUnusedElements(part.Flatten()));
  return ConcatFlat(compact);
}

void ClearValue(Column* column, size_t i) {
  column->SetNull(i);
  if (column->type() != TypeId::kRow) return;
  for (Column& child : column->mutable_children()) ClearValue(&child, i);
}

void CopyValue(const Column& in, size_t from, Column* out, size_t to, Arena* heap) {
  assert(in.type() == out->type());
  if (in.IsNull(from)) return ClearValue(out, to);
  out->SetNull(to, false);
  switch (in.type()) {
    case TypeId::kString:
    case TypeId::kBytes:
      out->mutable_data<StringRef>()[to] = CopyString(in.at<StringRef>(from), heap);
      return;
    case TypeId::kArray:
    case TypeId::kMap:
      return CopyElements(in, from, out, to, heap);
    case TypeId::kRow:
      for (size_t k = 0; k < in.children().size(); ++k) {
        CopyValue(in.children()[k], from, &out->mutable_children()[k], to, heap);
      }
      return;
    default:
      const size_t width = WidthOf(in.type());
      std::memcpy(out->mutable_data<std::byte>() + to * width,
                  in.data<std::byte>() + from * in.stride() * width, width);
  }
}

}  // namespace millrace
