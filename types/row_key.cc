#include "types/row_key.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

namespace millrace {
namespace {

constexpr char kNullMark = 0;
constexpr char kValueMark = 1;
constexpr char kEnd = 0;
constexpr char kEscape = '\xff';  // Behind a zero byte that belongs to a string.

template <size_t kWidth>
struct UnsignedOf;
template <>
struct UnsignedOf<1> {
  using Type = uint8_t;
};
template <>
struct UnsignedOf<2> {
  using Type = uint16_t;
};
template <>
struct UnsignedOf<4> {
  using Type = uint32_t;
};
template <>
struct UnsignedOf<8> {
  using Type = uint64_t;
};
template <>
struct UnsignedOf<16> {
  using Type = uint128_t;
};
template <class T>
using Unsigned = typename UnsignedOf<sizeof(T)>::Type;

template <class U>
constexpr U kSignBit = static_cast<U>(U{1} << (8 * sizeof(U) - 1));

// Big-endian from the machine's order and back.
template <class U>
U SwapBytes(U bits) {
  if constexpr (sizeof(U) == 1) return bits;
  if constexpr (sizeof(U) == 2) return __builtin_bswap16(bits);
  if constexpr (sizeof(U) == 4) return __builtin_bswap32(bits);
  if constexpr (sizeof(U) == 8) return __builtin_bswap64(bits);
  if constexpr (sizeof(U) == 16) {  // clang has no builtin of this width.
    const U low = __builtin_bswap64(static_cast<uint64_t>(bits));
    return low << 64 | __builtin_bswap64(static_cast<uint64_t>(bits >> 64));
  }
}

// An unsigned number in the order of the values.
template <class T>
Unsigned<T> Ordered(T value) {
  using U = Unsigned<T>;
  if constexpr (std::is_same_v<T, bool>) {
    return value;
  } else if constexpr (std::is_floating_point_v<T>) {
    if (value == 0) value = 0;  // -0 is 0.
    if (value != value) value = std::numeric_limits<T>::quiet_NaN();
    const U bits = std::bit_cast<U>(value);
    return bits & kSignBit<U> ? ~bits : bits | kSignBit<U>;
  } else {
    return static_cast<U>(value) ^ kSignBit<U>;
  }
}

template <class T>
T FromOrdered(Unsigned<T> bits) {
  using U = Unsigned<T>;
  if constexpr (std::is_same_v<T, bool>) {
    return bits != 0;
  } else if constexpr (std::is_floating_point_v<T>) {
    return std::bit_cast<T>(bits & kSignBit<U> ? bits ^ kSignBit<U> : ~bits);
  } else {
    return static_cast<T>(bits ^ kSignBit<U>);
  }
}

template <class T>
void PutFixed(T value, char* out) {
  const auto big_endian = SwapBytes(Ordered(value));
  *out = kValueMark;
  std::memcpy(out + 1, &big_endian, sizeof big_endian);
}

// Calls f with a value of the plain C++ type in which values of a fixed width are encoded.
template <class F>
void VisitFixed(TypeId id, F f) {
  switch (id) {
    case TypeId::kBoolean:
      return f(bool{});
    case TypeId::kTinyInt:
      return f(int8_t{});
    case TypeId::kSmallInt:
      return f(int16_t{});
    case TypeId::kInteger:
    case TypeId::kDate:
      return f(int32_t{});
    case TypeId::kFloat:
      return f(float{});
    case TypeId::kDouble:
      return f(double{});
    case TypeId::kDecimal:
      return f(int128_t{});
    default:
      assert(WidthOf(id) == 8);
      return f(int64_t{});
  }
}

bool IsText(TypeId id) { return id == TypeId::kString || id == TypeId::kBytes; }
bool IsNested(TypeId id) { return id >= TypeId::kArray; }
// A bare NULL counts as fixed, but has no value.
bool IsFixed(TypeId id) { return id != TypeId::kNull && !IsText(id) && !IsNested(id); }

bool HasZero(std::string_view s) {
  constexpr uint64_t kOnes = 0x0101010101010101, kHigh = 0x8080808080808080;
  // Keys are mostly short, for which a call of memchr is too much.
  constexpr size_t kLong = 32;
  if (s.size() > kLong) return std::memchr(s.data(), 0, s.size()) != nullptr;
  for (; s.size() >= 8; s.remove_prefix(8)) {
    uint64_t word;
    std::memcpy(&word, s.data(), 8);
    if ((word - kOnes) & ~word & kHigh) return true;
  }
  for (char c : s) {
    if (c == 0) return true;
  }
  return false;
}

size_t CountZeros(std::string_view s) {
  return HasZero(s) ? static_cast<size_t>(std::ranges::count(s, '\0')) : 0;
}

// Writes the mark, the escaped string and its end; gives the position behind them.
char* PutString(std::string_view s, char* out) {
  *out++ = kValueMark;
  while (HasZero(s)) {
    const size_t plain = s.find('\0');
    std::memcpy(out, s.data(), plain);
    out += plain;
    *out++ = 0;
    *out++ = kEscape;
    s.remove_prefix(plain + 1);
  }
  if (!s.empty()) std::memcpy(out, s.data(), s.size());
  out += s.size();
  *out++ = kEnd;
  *out++ = kEnd;
  return out;
}

void AppendString(std::string_view s, std::string* key) {
  const size_t begin = key->size();
  key->resize(begin + s.size() + CountZeros(s) + 3);
  PutString(s, key->data() + begin);
}

void AppendElements(const Column& column, size_t i, std::string* key) {
  const ListEntry entry = column.at<ListEntry>(i);
  for (uint32_t k = entry.offset; k < entry.offset + entry.length; ++k) {
    for (const Column& child : column.children()) {
      key->push_back(kValueMark);
      AppendKeyColumn(child, k, key);
    }
  }
  key->push_back(kEnd);
}

void AppendNested(const Column& column, size_t i, std::string* key) {
  key->push_back(kValueMark);
  if (column.type() != TypeId::kRow) return AppendElements(column, i, key);
  for (const Column& child : column.children()) AppendKeyColumn(child, i, key);
}

// Adds the column's encoded sizes to `sizes`.
void AddSizes(const Column& column, size_t rows, uint32_t* sizes) {
  const TypeId type = column.type();
  if (!IsText(type)) {
    const auto width = static_cast<uint32_t>(type == TypeId::kNull ? 0 : WidthOf(type));
    for (size_t i = 0; i < rows; ++i) sizes[i] += column.IsNull(i) ? 1 : 1 + width;
    return;
  }
  for (size_t i = 0; i < rows; ++i) {
    if (column.IsNull(i)) {
      sizes[i] += 1;
    } else {
      const std::string_view s = column.data<StringRef>()[i * column.stride()].view();
      sizes[i] += static_cast<uint32_t>(s.size() + CountZeros(s) + 3);
    }
  }
}

// Writes the column of every key at bytes + ends[i] and moves ends[i] behind it.
void PutColumn(const Column& column, size_t rows, char* bytes, uint32_t* ends) {
  if (IsText(column.type())) {
    for (size_t i = 0; i < rows; ++i) {
      if (column.IsNull(i)) {
        bytes[ends[i]++] = kNullMark;
        continue;
      }
      const StringRef& ref = column.data<StringRef>()[i * column.stride()];
      ends[i] = static_cast<uint32_t>(PutString(ref.view(), bytes + ends[i]) - bytes);
    }
    return;
  }
  if (column.type() == TypeId::kNull) {
    for (size_t i = 0; i < rows; ++i) bytes[ends[i]++] = kNullMark;
    return;
  }
  VisitFixed(column.type(), [&](auto plain) {
    using T = decltype(plain);
    const T* values = column.data<T>();
    for (size_t i = 0; i < rows; ++i) {
      if (column.IsNull(i)) {
        bytes[ends[i]++] = kNullMark;
        continue;
      }
      PutFixed(values[i * column.stride()], bytes + ends[i]);
      ends[i] += 1 + sizeof(T);
    }
  });
}

// The same value at one place of every key.
void PutConstant(const Column& column, size_t rows, size_t width, char* out) {
  VisitFixed(column.type(), [&](auto plain) {
    using T = decltype(plain);
    const T value = *column.data<T>();
    for (size_t i = 0; i < rows; ++i, out += width) PutFixed(value, out);
  });
}

void HashFixed(const char* bytes, size_t width, std::vector<uint64_t>* hashes) {
  // One BIGINT is the commonest key: with a width known here the hash has no loop.
  if (width == 9) {
    for (uint64_t& hash : *hashes) {
      hash = HashBytes({bytes, 9});
      bytes += 9;
    }
    return;
  }
  for (uint64_t& hash : *hashes) {
    hash = HashBytes({bytes, width});
    bytes += width;
  }
}

void Skip(std::string_view* key, size_t bytes) {
  assert(key->size() >= bytes);
  key->remove_prefix(bytes);
}

// The bytes up to the end mark, which may hold escapes; `key` advances behind the mark.
std::string_view TakeEscaped(std::string_view* key, size_t* escapes) {
  *escapes = 0;
  size_t at = 0;
  for (;; at += 2, ++*escapes) {
    at = key->find('\0', at);
    assert(at + 1 < key->size());
    if ((*key)[at + 1] == kEnd) break;
  }
  const std::string_view escaped = key->substr(0, at);
  Skip(key, at + 2);
  return escaped;
}

StringRef DecodeString(std::string_view* key, Arena* heap) {
  size_t escapes;
  const std::string_view escaped = TakeEscaped(key, &escapes);
  const size_t size = escaped.size() - escapes;
  char inline_bytes[StringRef::kInline];
  char* const out = size > StringRef::kInline ? heap->Allocate(size) : inline_bytes;
  char* next = out;
  for (size_t i = 0; i < escaped.size();) {
    const size_t zero = std::min(escaped.find('\0', i), escaped.size() - 1);
    std::memcpy(next, escaped.data() + i, zero + 1 - i);
    next += zero + 1 - i;
    i = zero + 1 + (escaped[zero] == 0);
  }
  assert(next == out + size);
  return StringRef({out, size});
}

void DecodeElements(std::string_view* key, Column* out, size_t i, Arena* heap) {
  std::vector<Column>& children = out->mutable_children();
  ListEntry entry{static_cast<uint32_t>(children[0].size()), 0};
  for (; key->front() != kEnd; ++entry.length) {
    for (Column& child : children) {
      Skip(key, 1);
      const size_t row = child.size();
      child.Resize(row + 1);
      DecodeKeyColumn(key, &child, row, heap);
    }
  }
  Skip(key, 1);
  out->mutable_data<ListEntry>()[i] = entry;
}

}  // namespace

void AppendKeyColumn(const Column& column, size_t i, std::string* key) {
  if (column.IsNull(i) || column.type() == TypeId::kNull) return key->push_back(kNullMark);
  if (IsText(column.type())) return AppendString(column.at<StringRef>(i).view(), key);
  if (IsNested(column.type())) return AppendNested(column, i, key);
  VisitFixed(column.type(), [&](auto plain) {
    char bytes[1 + sizeof plain];
    PutFixed(column.at<decltype(plain)>(i), bytes);
    key->append(bytes, sizeof bytes);
  });
}

void DecodeKeyColumn(std::string_view* key, Column* out, size_t i, Arena* heap) {
  const char mark = key->front();
  Skip(key, 1);
  if (mark == kNullMark) return ClearValue(out, i);
  out->SetNull(i, false);
  switch (out->type()) {
    case TypeId::kString:
    case TypeId::kBytes:
      out->mutable_data<StringRef>()[i] = DecodeString(key, heap);
      return;
    case TypeId::kArray:
    case TypeId::kMap:
      return DecodeElements(key, out, i, heap);
    case TypeId::kRow:
      for (Column& child : out->mutable_children()) DecodeKeyColumn(key, &child, i, heap);
      return;
    default:
      break;
  }
  VisitFixed(out->type(), [&](auto plain) {
    using T = decltype(plain);
    Unsigned<T> big_endian;
    assert(key->size() >= sizeof big_endian);
    std::memcpy(&big_endian, key->data(), sizeof big_endian);
    out->mutable_data<T>()[i] = FromOrdered<T>(SwapBytes(big_endian));
    Skip(key, sizeof big_endian);
  });
}

Column MakeColumn(const Type& type, size_t size) {
  Column out(type.id, size);
  if (!type.children) return out;
  // Elements come when values do.
  const size_t child_size = type.id == TypeId::kRow ? size : 0;
  for (const Field& field : *type.children) {
    out.mutable_children().push_back(MakeColumn(field.type, child_size));
  }
  return out;
}

Column MakeNullColumn(const Type& type, size_t size) {
  Column out = MakeColumn(type, 1);
  ClearValue(&out, 0);
  out.MakeConstant(size);
  return out;
}

RowKeys::RowKeys(const Batch& batch, std::span<const size_t> key_columns)
    : offsets_(batch.size + 1), hashes_(batch.size) {
  size_t width = 0;
  bool fixed = true;
  for (size_t c : key_columns) {
    const Column& column = batch.columns[c];
    fixed = fixed && IsFixed(column.type()) && !column.may_have_nulls();
    width += 1 + WidthOf(column.type());
  }
  if (fixed) {
    EncodeFixed(batch, key_columns, width);
    HashFixed(bytes_.data(), width, &hashes_);
    return;
  }
  EncodeAny(batch, key_columns);
  for (size_t i = 0; i < hashes_.size(); ++i) hashes_[i] = HashBytes((*this)[i]);
}

// Every key has the same width, so columns can be written one after another.
void RowKeys::EncodeFixed(const Batch& batch, std::span<const size_t> key_columns, size_t width) {
  bytes_.resize(width * batch.size);
  char* out = bytes_.data();
  for (size_t c : key_columns) {
    const Column& column = batch.columns[c];
    if (column.constant()) {
      PutConstant(column, batch.size, width, out);
    } else {
      VisitFixed(column.type(), [&](auto plain) {
        using T = decltype(plain);
        const T* values = column.data<T>();
        char* next = out;
        for (size_t i = 0; i < batch.size; ++i, next += width) PutFixed(values[i], next);
      });
    }
    out += 1 + WidthOf(column.type());
  }
  uint32_t offset = 0;
  for (uint32_t& key_offset : offsets_) {
    key_offset = offset;
    offset += static_cast<uint32_t>(width);
  }
}

void RowKeys::EncodeAny(const Batch& batch, std::span<const size_t> key_columns) {
  const bool nested =
      std::ranges::any_of(key_columns, [&](size_t c) { return IsNested(batch.columns[c].type()); });
  if (nested) {
    for (size_t i = 0; i < batch.size; ++i) {
      for (size_t c : key_columns) AppendKeyColumn(batch.columns[c], i, &bytes_);
      offsets_[i + 1] = static_cast<uint32_t>(bytes_.size());
    }
    return;
  }
  // First the sizes, then the bytes, each a column at a time. While they are written, offsets_[i +
  // 1] is the end of what key i has so far.
  for (size_t c : key_columns) AddSizes(batch.columns[c], batch.size, offsets_.data() + 1);
  uint32_t begin = 0;
  for (size_t i = 1; i < offsets_.size(); ++i) {
    const uint32_t size = offsets_[i];
    offsets_[i] = begin;
    begin += size;
  }
  bytes_.resize(begin);
  for (size_t c : key_columns) {
    PutColumn(batch.columns[c], batch.size, bytes_.data(), offsets_.data() + 1);
  }
}

}  // namespace millrace
