#include "state/row_layout.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <limits>
#include <numeric>

#include "base/hash.h"
#include "types/row_key.h"

namespace millrace {
namespace {

constexpr size_t kBitsPerByte = 8;
constexpr uint64_t kNullHash = 0x5851F42D4C957F2Du;

struct Word128 {
  uint64_t words[2];
};

template <class T>
T Load(const void* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

size_t AlignUp(size_t at, size_t width) {
  const size_t alignment = std::clamp<size_t>(width, 1, 8);
  return (at + alignment - 1) / alignment * alignment;
}

bool IsLong(const StringRef& ref) { return !ref.is_inline(); }

// Calls f with a value of the type that moves `width` bytes.
template <class F>
void VisitWidth(size_t width, F f) {
  switch (width) {
    case 1:
      return f(uint8_t{});
    case 2:
      return f(uint16_t{});
    case 4:
      return f(uint32_t{});
    case 8:
      return f(uint64_t{});
    default:
      assert(width == sizeof(Word128));
      return f(Word128{});
  }
}

template <class T>
T Canonical(T value) {
  if (value == 0) return 0;
  return value == value ? value : std::numeric_limits<T>::quiet_NaN();
}

uint64_t HashText(const void* value) { return HashBytes(Load<StringRef>(value).view()); }

template <class T>
uint64_t HashOfFloat(const void* value) {
  const T canonical = Canonical(Load<T>(value));
  return Load<std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>>(&canonical);
}

uint64_t HashOfFixed(const void* value, size_t width) {
  uint64_t hash = 0;
  VisitWidth(width, [&](auto plain) {
    using T = decltype(plain);
    if constexpr (sizeof(T) == sizeof(Word128)) {
      const auto wide = Load<Word128>(value);
      hash = Mix(wide.words[0], wide.words[1]);
    } else {
      hash = Load<T>(value);
    }
  });
  return hash;
}

template <class T>
bool SameFloat(const void* a, const void* b) {
  const T x = Load<T>(a), y = Load<T>(b);
  return x == y || (x != x && y != y);
}

}  // namespace

RowLayout::Form RowLayout::FormOf(TypeId id) {
  switch (id) {
    case TypeId::kFloat:
      return Form::kFloat;
    case TypeId::kDouble:
      return Form::kDouble;
    case TypeId::kString:
    case TypeId::kBytes:
      return Form::kText;
    case TypeId::kArray:
    case TypeId::kMap:
    case TypeId::kRow:
      return Form::kNested;
    default:
      return Form::kFixed;
  }
}

RowLayout::RowLayout(std::vector<Type> types, size_t base, std::span<const size_t> hidden)
    : base_(base) {
  for (Type& type : types) {
    const Form form = FormOf(type.id);
    const TypeId stored = form == Form::kNested ? TypeId::kBytes : type.id;
    if (form == Form::kText || form == Form::kNested) text_.push_back(columns_.size());
    columns_.push_back({std::move(type), form, stored, static_cast<uint32_t>(WidthOf(stored)), 0,
                        static_cast<uint32_t>(base + columns_.size() / kBitsPerByte),
                        static_cast<uint8_t>(1u << columns_.size() % kBitsPerByte)});
  }
  Place(base + (columns_.size() + kBitsPerByte - 1) / kBitsPerByte, hidden);
}

// A narrow hidden value goes first, where the null bits mostly leave room.
void RowLayout::Place(size_t at, std::span<const size_t> hidden) {
  for (size_t width : hidden) {
    at = AlignUp(at, width);
    hidden_.push_back(at);
    at += width;
  }
  std::vector<size_t> order(columns_.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, std::greater(), [&](size_t c) { return columns_[c].width; });
  for (size_t c : order) {
    at = AlignUp(at, columns_[c].width);
    columns_[c].offset = static_cast<uint32_t>(at);
    at += columns_[c].width;
  }
  fixed_size_ = at;
}

size_t RowLayout::SizeOf(const RowSource& source, size_t i) const {
  size_t size = fixed_size_;
  for (size_t c : text_) {
    const auto& values = source.columns_[c];
    if (values.IsNull(i)) continue;
    const auto ref = Load<StringRef>(values.at(i));
    if (IsLong(ref)) size += ref.size();
  }
  return size;
}

size_t RowLayout::TailSize(const char* record) const {
  size_t size = 0;
  for (size_t c : text_) {
    const auto ref = Load<StringRef>(record + columns_[c].offset);
    if (IsLong(ref)) size += ref.size();
  }
  return size;
}

void RowLayout::Write(const RowSource& source, size_t i, char* record) const {
  // Gaps too: the record is stored as it is.
  std::memset(record + base_, 0, fixed_size_ - base_);
  char* tail = record + fixed_size_;
  for (size_t c = 0; c < columns_.size(); ++c) {
    const ColumnPlace& place = columns_[c];
    const auto& values = source.columns_[c];
    if (values.IsNull(i)) {
      record[place.null_offset] = static_cast<char>(record[place.null_offset] | place.null_bit);
      continue;
    }
    char* out = record + place.offset;
    const std::byte* in = values.at(i);
    VisitWidth(place.width, [&](auto plain) { std::memcpy(out, in, sizeof plain); });
    if (place.form != Form::kText && place.form != Form::kNested) continue;
    const auto ref = Load<StringRef>(in);
    if (!IsLong(ref)) continue;
    std::memcpy(tail, ref.data(), ref.size());
    const StringRef own({tail, ref.size()});
    std::memcpy(out, &own, sizeof own);
    tail += ref.size();
  }
}

bool RowLayout::Equal(const RowSource& source, size_t i, const char* record) const {
  for (size_t c = 0; c < columns_.size(); ++c) {
    const ColumnPlace& place = columns_[c];
    const auto& values = source.columns_[c];
    const bool null = values.IsNull(i);
    if (null != IsNull(place, record)) return false;
    if (null) continue;
    const void* in = values.at(i);
    const char* own = record + place.offset;
    bool same = false;
    switch (place.form) {
      case Form::kFixed:
        same = std::memcmp(in, own, place.width) == 0;
        break;
      case Form::kFloat:
        same = SameFloat<float>(in, own);
        break;
      case Form::kDouble:
        same = SameFloat<double>(in, own);
        break;
      case Form::kText:
      case Form::kNested:
        same = Load<StringRef>(in) == Load<StringRef>(own);
        break;
    }
    if (!same) return false;
  }
  return true;
}

uint64_t RowLayout::Hash(const char* record) const {
  uint64_t hash = 0;
  for (const ColumnPlace& place : columns_) {
    const char* value = record + place.offset;
    uint64_t one = kNullHash;
    if (!IsNull(place, record)) {
      switch (place.form) {
        case Form::kFixed:
          one = HashOfFixed(value, place.width);
          break;
        case Form::kFloat:
          one = HashOfFloat<float>(value);
          break;
        case Form::kDouble:
          one = HashOfFloat<double>(value);
          break;
        case Form::kText:
        case Form::kNested:
          one = HashText(value);
          break;
      }
    }
    hash = Mix(hash, one);
  }
  return hash;
}

std::vector<uint64_t> RowSource::Hashes() const {
  std::vector<uint64_t> hashes(size_);
  const auto add = [&](const Values& values, auto hash_of) {
    for (size_t i = 0; i < size_; ++i) {
      hashes[i] = Mix(hashes[i], values.IsNull(i) ? kNullHash : hash_of(values.at(i)));
    }
  };
  for (size_t c = 0; c < columns_.size(); ++c) {
    const RowLayout::ColumnPlace& place = layout_.columns_[c];
    switch (place.form) {
      case RowLayout::Form::kFixed:
        VisitWidth(place.width, [&](auto plain) {
          add(columns_[c], [](const void* v) { return HashOfFixed(v, sizeof plain); });
        });
        break;
      case RowLayout::Form::kFloat:
        add(columns_[c], HashOfFloat<float>);
        break;
      case RowLayout::Form::kDouble:
        add(columns_[c], HashOfFloat<double>);
        break;
      case RowLayout::Form::kText:
      case RowLayout::Form::kNested:
        add(columns_[c], HashText);
        break;
    }
  }
  return hashes;
}

RowSource::RowSource(const RowLayout& layout, const Batch& batch)
    : layout_(layout), size_(batch.size) {
  assert(batch.columns.size() >= layout.columns());
  encoded_.reserve(layout.columns());
  for (size_t c = 0; c < layout.columns(); ++c) {
    const Column* column = &batch.columns[c];
    if (layout.columns_[c].form == RowLayout::Form::kNested) {
      Column bytes(TypeId::kBytes, size_);
      auto heap = std::make_shared<Arena>();
      std::string encoded;
      for (size_t i = 0; i < size_; ++i) {
        encoded.clear();
        AppendKeyColumn(*column, i, &encoded);
        bytes.mutable_data<StringRef>()[i] = encoded.size() <= StringRef::kInline
                                                 ? StringRef(encoded)
                                                 : StringRef(heap->Copy(encoded));
        if (column->IsNull(i)) bytes.SetNull(i);
      }
      bytes.KeepAlive(std::move(heap));
      encoded_.push_back(std::move(bytes));
      column = &encoded_.back();
    }
    columns_.push_back({column->data<std::byte>(), column->valid(), column->stride(),
                        column->stride() * layout.columns_[c].width});
  }
}

Column RowLayout::GatherNested(const ColumnPlace& place, std::span<const char* const> records,
                               std::shared_ptr<Arena> heap) const {
  if (!heap) heap = std::make_shared<Arena>();
  Column out = MakeColumn(place.type, records.size());
  for (size_t i = 0; i < records.size(); ++i) {
    if (IsNull(place, records[i])) {
      ClearValue(&out, i);
      continue;
    }
    const auto ref = Load<StringRef>(records[i] + place.offset);
    std::string_view bytes = ref.view();
    DecodeKeyColumn(&bytes, &out, i, heap.get());
  }
  out.KeepAlive(std::move(heap));
  return out;
}

Column RowLayout::Gather(size_t c, std::span<const char* const> records,
                         const std::shared_ptr<Arena>& heap) const {
  const ColumnPlace& place = columns_[c];
  if (place.form == Form::kNested) return GatherNested(place, records, heap);
  Column out(place.stored, records.size());
  VisitWidth(place.width, [&](auto plain) {
    auto* values = out.mutable_data<decltype(plain)>();
    for (size_t i = 0; i < records.size(); ++i) {
      std::memcpy(values + i, records[i] + place.offset, sizeof plain);
    }
  });
  uint8_t nulls = 0;
  for (const char* record : records) nulls |= static_cast<uint8_t>(record[place.null_offset]);
  if (nulls & place.null_bit) {
    for (size_t i = 0; i < records.size(); ++i) {
      if (IsNull(place, records[i])) out.SetNull(i);
    }
  }
  if (place.form == Form::kText && heap) {
    auto* values = out.mutable_data<StringRef>();
    for (size_t i = 0; i < records.size(); ++i) {
      if (IsLong(values[i])) values[i] = StringRef(heap->Copy(values[i].view()));
    }
    out.KeepAlive(heap);
  }
  return out;
}

void RowLayout::Encode(const char* record, std::string* out) const {
  const size_t begin = out->size();
  out->append(record + base_, SizeOf(record) - base_);
  // Where a string lies says nothing to another process.
  for (size_t c : text_) {
    const auto ref = Load<StringRef>(record + columns_[c].offset);
    if (!IsLong(ref)) continue;
    constexpr size_t kPointer = 8;  // Of StringRef, behind the size and four bytes.
    const size_t at = begin + columns_[c].offset - base_ + sizeof(StringRef) - kPointer;
    std::memset(out->data() + at, 0, kPointer);
  }
}

void RowLayout::Decode(std::string_view bytes, char* record) const {
  std::memcpy(record + base_, bytes.data(), bytes.size());
  const char* tail = record + fixed_size_;
  for (size_t c : text_) {
    char* value = record + columns_[c].offset;
    const uint32_t size = Load<StringRef>(value).size();
    if (size <= StringRef::kInline) continue;
    const StringRef own({tail, size});
    std::memcpy(value, &own, sizeof own);
    tail += size;
  }
}

}  // namespace millrace
