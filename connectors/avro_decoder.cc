#include "connectors/avro_decoder.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "base/hash.h"
#include "connectors/column_builder.h"
#include "connectors/text_values.h"
#include "types/decimal.h"

namespace millrace {
namespace {

using Kind = AvroSchema::Kind;

constexpr int kDeepest = 64;
constexpr uint64_t kMostEmptyItems = 1 << 20;  // Items that take no bytes.

// One record's bytes and what becomes of them.
class ValueReader {
 public:
  ValueReader(std::string_view bytes, Arena* arena) : rest_(bytes), arena_(arena) {}

  bool AtEnd() const { return rest_.empty(); }
  std::string TakeReason() { return std::move(reason_); }

  // The record's fields into columns of these names, row `row`.
  bool ReadRecord(const AvroSchema& schema, const Schema& fields,
                  std::vector<ColumnBuilder>* builders, size_t row, int depth) {
    for (size_t i = 0; i < schema.children.size(); ++i) {
      const auto field = std::ranges::find(fields, schema.names[i], &Field::name);
      ColumnBuilder* to = nullptr;
      if (field != fields.end()) to = &(*builders)[static_cast<size_t>(field - fields.begin())];
      if (to != nullptr && to->size() > row) to = nullptr;  // The name is there twice.
      if (Read(*schema.children[i], to, depth + 1)) continue;
      if (to != nullptr && !reason_.empty()) reason_ = "column " + schema.names[i] + ": " + reason_;
      return false;
    }
    for (ColumnBuilder& builder : *builders) {
      if (builder.size() == row) builder.AppendNull();
    }
    return true;
  }

 private:
  bool Fail(std::string reason) {
    if (reason_.empty()) reason_ = std::move(reason);
    return false;
  }
  bool CutShort() { return Fail("the record is cut short"); }

  bool TakeLong(int64_t* value) {
    uint64_t bits = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) return CutShort();
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      bits |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) {
        *value = static_cast<int64_t>(bits >> 1) ^ -static_cast<int64_t>(bits & 1);
        return true;
      }
    }
    return Fail("a number has too many bytes");
  }

  bool TakeBytes(size_t size, std::string_view* bytes) {
    if (rest_.size() < size) return CutShort();
    *bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return true;
  }

  bool TakeSized(std::string_view* bytes) {
    int64_t size = 0;
    if (!TakeLong(&size)) return false;
    if (size < 0) return Fail("a negative size");
    return TakeBytes(static_cast<size_t>(size), bytes);
  }

  // `to` null: passes over the value.
  bool Read(const AvroSchema& schema, ColumnBuilder* to, int depth) {
    if (depth > kDeepest) return Fail("values are nested too deep");
    switch (schema.kind) {
      case Kind::kNull:
        if (to != nullptr) to->AppendNull();
        return true;
      case Kind::kBoolean:
        return ReadBoolean(to);
      case Kind::kInt:
      case Kind::kLong:
        return ReadInteger(schema, to);
      case Kind::kFloat:
        return ReadFloating<float>(to);
      case Kind::kDouble:
        return ReadFloating<double>(to);
      case Kind::kBytes:
      case Kind::kString:
      case Kind::kFixed:
        return ReadBytes(schema, to);
      case Kind::kEnum:
        return ReadEnum(schema, to);
      case Kind::kUnion:
        return ReadUnion(schema, to, depth);
      case Kind::kRecord:
        return ReadNested(schema, to, depth);
      case Kind::kArray:
      case Kind::kMap:
        return ReadList(schema, to, depth);
    }
    return false;
  }

  bool Mismatch(const AvroSchema& schema, const ColumnBuilder& to) {
    std::string name(AvroKindName(schema.kind));
    if (!schema.logical.empty()) name += " (" + schema.logical + ")";
    return Fail("cannot read Avro's " + name + " as " + to.type().AsNullable().ToString());
  }

  bool ReadBoolean(ColumnBuilder* to) {
    std::string_view byte;
    if (!TakeBytes(1, &byte)) return false;
    if (static_cast<unsigned char>(byte[0]) > 1) return Fail("a boolean that is neither 0 nor 1");
    if (to == nullptr) return true;
    if (to->type().id != TypeId::kBoolean) return Mismatch({.kind = Kind::kBoolean}, *to);
    to->Append(byte[0] != 0);
    return true;
  }

  template <class T>
  bool AppendRanged(int64_t value, ColumnBuilder* to) {
    if (value < std::numeric_limits<T>::min() || value > std::numeric_limits<T>::max()) {
      return Fail(std::to_string(value) + " is out of the range of " +
                  to->type().AsNullable().ToString());
    }
    to->Append(static_cast<T>(value));
    return true;
  }

  // Microseconds of a time whose unit is in the logical type; without one the column's precision
  // tells.
  bool ToMicros(const AvroSchema& schema, int64_t value, const Type& type, int64_t* micros) {
    const bool has_unit = schema.logical.ends_with("-millis") || schema.logical.ends_with("-micros");
    const bool millis =
        has_unit ? schema.logical.ends_with("-millis") : type.precision <= 3;
    if (__builtin_mul_overflow(value, millis ? kMicrosPerMilli : 1, micros)) {
      return Fail("a time that is out of range");
    }
    return true;
  }

  bool ReadInteger(const AvroSchema& schema, ColumnBuilder* to) {
    int64_t value = 0, micros = 0;
    if (!TakeLong(&value)) return false;
    if (schema.kind == Kind::kInt && value != static_cast<int32_t>(value)) {
      return Fail("an int of more than 32 bits");
    }
    if (to == nullptr) return true;
    switch (to->type().id) {
      case TypeId::kTinyInt:
        return AppendRanged<int8_t>(value, to);
      case TypeId::kSmallInt:
        return AppendRanged<int16_t>(value, to);
      case TypeId::kInteger:
        return AppendRanged<int32_t>(value, to);
      case TypeId::kBigInt:
        to->Append(value);
        return true;
      case TypeId::kFloat:
        to->Append(static_cast<float>(value));
        return true;
      case TypeId::kDouble:
        to->Append(static_cast<double>(value));
        return true;
      case TypeId::kDecimal:
        return AppendDecimal(value, 0, to);
      case TypeId::kDate:
        if (schema.kind != Kind::kInt) return Mismatch(schema, *to);
        to->Append(Date{static_cast<int32_t>(value)});
        return true;
      case TypeId::kTime:
        if (!ToMicros(schema, value, to->type(), &micros)) return false;
        if (micros < 0 || micros >= kMicrosPerDay) return Fail("a time that is out of range");
        to->Append(Time{micros});
        return true;
      case TypeId::kTimestamp:
        if (schema.kind != Kind::kLong) return Mismatch(schema, *to);
        if (!ToMicros(schema, value, to->type(), &micros)) return false;
        to->Append(Timestamp{micros});
        return true;
      case TypeId::kTimestampLtz:
        if (schema.kind != Kind::kLong) return Mismatch(schema, *to);
        if (!ToMicros(schema, value, to->type(), &micros)) return false;
        to->Append(TimestampLtz{micros});
        return true;
      default:
        return Mismatch(schema, *to);
    }
  }

  template <class T>
  bool ReadFloating(ColumnBuilder* to) {
    std::string_view bytes;
    if (!TakeBytes(sizeof(T), &bytes)) return false;
    if (to == nullptr) return true;
    T value;
    std::memcpy(&value, bytes.data(), sizeof value);
    if (to->type().id == TypeId::kDouble) {
      to->Append(static_cast<double>(value));
    } else if (to->type().id == TypeId::kFloat && sizeof(T) == sizeof(float)) {
      to->Append(static_cast<float>(value));
    } else {
      return Mismatch({.kind = sizeof(T) == 4 ? Kind::kFloat : Kind::kDouble}, *to);
    }
    return true;
  }

  bool AppendDecimal(int128_t unscaled, int scale, ColumnBuilder* to) {
    const auto value =
        RescaleDecimal(Decimal{unscaled}, static_cast<uint8_t>(scale), to->type());
    if (!value) return Fail("a number that does not fit " + to->type().AsNullable().ToString());
    to->Append(*value);
    return true;
  }

  // Two's complement, the most significant byte first.
  bool ReadDecimal(std::string_view bytes, const AvroSchema& schema, ColumnBuilder* to) {
    while (bytes.size() > sizeof(int128_t)) {
      const bool negative = (bytes[1] & 0x80) != 0;
      if (bytes[0] != (negative ? '\xFF' : '\0')) return Fail("a decimal of more than 38 digits");
      bytes.remove_prefix(1);
    }
    uint128_t value = !bytes.empty() && (bytes[0] & 0x80) != 0 ? ~uint128_t{0} : 0;
    for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
    return AppendDecimal(static_cast<int128_t>(value), schema.scale, to);
  }

  bool ReadBytes(const AvroSchema& schema, ColumnBuilder* to) {
    std::string_view bytes;
    if (schema.kind == Kind::kFixed ? !TakeBytes(schema.size, &bytes) : !TakeSized(&bytes)) {
      return false;
    }
    if (to == nullptr) return true;
    const TypeId id = to->type().id;
    if (id == TypeId::kDecimal && schema.logical == "decimal") return ReadDecimal(bytes, schema, to);
    if (id == TypeId::kBytes) {
      to->Append(Bytes{StringRef(bytes)});
      return true;
    }
    if (id != TypeId::kString || schema.kind == Kind::kFixed) return Mismatch(schema, *to);
    if (!IsValidUtf8(bytes)) return Fail("a string that is no UTF-8");
    to->Append(StringRef(bytes));
    return true;
  }

  bool ReadEnum(const AvroSchema& schema, ColumnBuilder* to) {
    int64_t index = 0;
    if (!TakeLong(&index)) return false;
    if (index < 0 || static_cast<uint64_t>(index) >= schema.names.size()) {
      return Fail("an enum has no symbol " + std::to_string(index));
    }
    if (to == nullptr) return true;
    if (to->type().id != TypeId::kString) return Mismatch(schema, *to);
    to->Append(StringRef(arena_->Copy(schema.names[static_cast<size_t>(index)])));
    return true;
  }

  bool ReadUnion(const AvroSchema& schema, ColumnBuilder* to, int depth) {
    int64_t branch = 0;
    if (!TakeLong(&branch)) return false;
    if (branch < 0 || static_cast<uint64_t>(branch) >= schema.children.size()) {
      return Fail("a union has no branch " + std::to_string(branch));
    }
    return Read(*schema.children[static_cast<size_t>(branch)], to, depth + 1);
  }

  bool ReadNested(const AvroSchema& schema, ColumnBuilder* to, int depth) {
    std::vector<ColumnBuilder> none;
    if (to == nullptr) return ReadRecord(schema, {}, &none, 0, depth);
    if (to->type().id != TypeId::kRow) return Mismatch(schema, *to);
    if (!ReadRecord(schema, *to->type().children, &to->children(), to->size(), depth)) return false;
    to->AppendRow();
    return true;
  }

  bool ReadList(const AvroSchema& schema, ColumnBuilder* to, int depth) {
    const bool map = schema.kind == Kind::kMap;
    if (to != nullptr && to->type().id != (map ? TypeId::kMap : TypeId::kArray)) {
      return Mismatch(schema, *to);
    }
    uint64_t empty = 0;
    while (true) {
      int64_t count = 0, size = 0;
      if (!TakeLong(&count)) return false;
      if (count == 0) break;
      if (count < 0 && !TakeLong(&size)) return false;
      for (uint64_t n = count < 0 ? -static_cast<uint64_t>(count) : static_cast<uint64_t>(count);
           n > 0; --n) {
        const size_t before = rest_.size();
        if (!ReadItem(schema, map, to, depth)) return false;
        if (rest_.size() == before && ++empty > kMostEmptyItems) return Fail("too many empty items");
      }
    }
    if (to != nullptr) to->AppendList();
    return true;
  }

  bool ReadItem(const AvroSchema& schema, bool map, ColumnBuilder* to, int depth) {
    if (map && !Read({.kind = Kind::kString}, to ? &to->children()[0] : nullptr, depth + 1)) {
      return false;
    }
    return Read(*schema.children[0], to ? &to->children()[map ? 1 : 0] : nullptr, depth + 1);
  }

  std::string_view rest_;
  Arena* const arena_;
  std::string reason_;
};

}  // namespace

AvroRowReader::AvroRowReader(std::shared_ptr<const AvroDocument> writer, Schema columns)
    : writer_(std::move(writer)), columns_(std::move(columns)) {}

bool AvroRowReader::Read(std::string_view bytes, Arena* arena,
                         std::vector<ColumnBuilder>* builders, std::string* reason) const {
  if (writer_->root->kind != Kind::kRecord) {
    *reason = "the writer's schema is no record";
    return false;
  }
  ValueReader reader(bytes, arena);
  const size_t row = builders->empty() ? 0 : builders->front().size();
  if (!reader.ReadRecord(*writer_->root, columns_, builders, row, 0)) {
    *reason = reader.TakeReason();
    return false;
  }
  if (!reader.AtEnd()) {
    *reason = "bytes behind the end of the record";
    return false;
  }
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i].type.nullable || !(*builders)[i].IsNull(row)) continue;
    *reason = "column " + columns_[i].name + ": NULL in a NOT NULL column";
    return false;
  }
  return true;
}

}  // namespace millrace
