#include "connectors/protobuf_columns.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <optional>

#include "base/error.h"
#include "connectors/text_values.h"
#include "types/datetime.h"
#include "types/decimal.h"

namespace millrace {
namespace {

using Shape = ProtoColumn::Shape;

constexpr size_t kMostNumbers = 1 << 14;  // Fields with numbers beyond are searched for.
constexpr std::string_view kTimestamp = "google.protobuf.Timestamp";

bool IsIntegerColumn(const Type& type) {
  return type.id == TypeId::kTinyInt || type.id == TypeId::kSmallInt ||
         type.id == TypeId::kInteger || type.id == TypeId::kBigInt ||
         (type.id == TypeId::kDecimal && type.scale == 0);
}

bool Fits(const ProtoField& field, const Type& type) {
  switch (field.type) {
    case ProtoType::kDouble:
      return type.id == TypeId::kDouble;
    case ProtoType::kFloat:
      return type.id == TypeId::kDouble || type.id == TypeId::kFloat;
    case ProtoType::kBool:
      return type.id == TypeId::kBoolean;
    case ProtoType::kString:
      return type.id == TypeId::kString;
    case ProtoType::kBytes:
      return type.id == TypeId::kBytes;
    case ProtoType::kEnum:
      return type.id == TypeId::kString || IsIntegerColumn(type);
    case ProtoType::kGroup:
    case ProtoType::kMessage:
      return false;
    default:
      return IsIntegerColumn(type);
  }
}

[[noreturn]] void RefuseColumn(const std::string& path, const std::string& what) {
  throw Error(ErrorCode::kInvalidOption, "column " + path + ": " + what);
}

// protoc writes the bytes of defaults with C's escapes.
std::string Unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out.push_back(text[i]);
      continue;
    }
    const char c = text[++i];
    if (c >= '0' && c <= '7' && i + 2 < text.size()) {
      out.push_back(static_cast<char>((c - '0') * 64 + (text[i + 1] - '0') * 8 + text[i + 2] - '0'));
      i += 2;
    } else {
      out.push_back(c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c);
    }
  }
  return out;
}

uint64_t ZigZag(int64_t value) {
  return static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value >> 63);
}
int64_t UnZigZag(uint64_t bits) {
  return static_cast<int64_t>(bits >> 1) ^ -static_cast<int64_t>(bits & 1);
}

// As it stands on the wire. Nothing when the type cannot hold it.
std::optional<uint64_t> IntegerBits(ProtoType type, int128_t value) {
  const auto within = [value](int128_t low, int128_t high) { return value >= low && value <= high; };
  const auto small = static_cast<int32_t>(value);
  const auto large = static_cast<int64_t>(value);
  switch (type) {
    case ProtoType::kInt32:
    case ProtoType::kEnum:
    case ProtoType::kSfixed32:
    case ProtoType::kSint32:
      if (!within(INT32_MIN, INT32_MAX)) return {};
      if (type == ProtoType::kSint32) return ZigZag(small);
      if (type == ProtoType::kSfixed32) return static_cast<uint32_t>(small);
      return static_cast<uint64_t>(int64_t{small});
    case ProtoType::kUint32:
    case ProtoType::kFixed32:
      if (!within(0, UINT32_MAX)) return {};
      return static_cast<uint32_t>(value);
    case ProtoType::kUint64:
    case ProtoType::kFixed64:
      if (!within(0, UINT64_MAX)) return {};
      return static_cast<uint64_t>(value);
    default:
      if (!within(INT64_MIN, INT64_MAX)) return {};
      return type == ProtoType::kSint64 ? ZigZag(large) : static_cast<uint64_t>(large);
  }
}

int128_t IntegerOf(ProtoType type, uint64_t bits) {
  switch (type) {
    case ProtoType::kInt32:
    case ProtoType::kEnum:
    case ProtoType::kSfixed32:
      return static_cast<int32_t>(bits);
    case ProtoType::kSint32:
      return static_cast<int32_t>(UnZigZag(static_cast<uint32_t>(bits)));
    case ProtoType::kUint32:
    case ProtoType::kFixed32:
      return static_cast<uint32_t>(bits);
    case ProtoType::kUint64:
    case ProtoType::kFixed64:
      return bits;
    case ProtoType::kSint64:
      return UnZigZag(bits);
    default:
      return static_cast<int64_t>(bits);
  }
}

// A number without a name is its own name.
std::optional<int32_t> EnumNumber(const ProtoEnum& e, std::string_view name) {
  for (const auto& [text, number] : e.values) {
    if (text == name) return number;
  }
  int32_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size()) return {};
  return number;
}

void SetDefault(ProtoColumn* column) {
  const ProtoField& field = *column->field;
  const std::string& text = field.default_value;
  if (field.type == ProtoType::kEnum && text.empty()) {
    column->default_bits =
        IntegerBits(field.type, field.enumeration->values[0].second).value_or(0);
  }
  if (text.empty()) return;
  if (field.type == ProtoType::kString) {
    column->default_bytes = text;
  } else if (field.type == ProtoType::kBytes) {
    column->default_bytes = Unescape(text);
  } else if (field.type == ProtoType::kBool) {
    column->default_bits = text == "true";
  } else if (field.type == ProtoType::kDouble) {
    column->default_bits = std::bit_cast<uint64_t>(std::strtod(text.c_str(), nullptr));
  } else if (field.type == ProtoType::kFloat) {
    column->default_bits = std::bit_cast<uint32_t>(std::strtof(text.c_str(), nullptr));
  } else if (field.type == ProtoType::kEnum) {
    column->default_bits =
        IntegerBits(field.type, EnumNumber(*field.enumeration, text).value_or(0)).value_or(0);
  } else {
    const bool negative = text[0] == '-';
    uint64_t magnitude = 0;
    std::from_chars(text.data() + (negative ? 1 : 0), text.data() + text.size(), magnitude);
    const int128_t value = negative ? -static_cast<int128_t>(magnitude) : magnitude;
    column->default_bits = IntegerBits(field.type, value).value_or(0);
  }
}

class Binder {
 public:
  explicit Binder(bool defaults) : defaults_(defaults) {}

  ProtoColumn BindMessage(const ProtoMessage& message, const Schema& columns,
                          const std::string& path) const {
    ProtoColumn bound;
    bound.shape = Shape::kMessage;
    for (const Field& column : columns) {
      const std::string name = path.empty() ? column.name : path + "." + column.name;
      const ProtoField* field = message.Find(column.name);
      if (field == nullptr) RefuseColumn(name, "message " + message.name + " has no such field");
      if (field->number < kMostNumbers) {
        if (bound.by_number.size() <= field->number) bound.by_number.resize(field->number + 1, -1);
        bound.by_number[field->number] = static_cast<int16_t>(bound.children.size());
      }
      bound.children.push_back(BindField(*field, column.type, name));
      bound.names.push_back(column.name);
    }
    return bound;
  }

 private:
  ProtoColumn BindField(const ProtoField& field, const Type& type, const std::string& path) const {
    if (!field.repeated) return BindValue(field, type, path);
    const bool map = field.message != nullptr && field.message->map_entry;
    ProtoColumn bound;
    bound.field = &field;
    bound.type = type;
    if (map && type.id == TypeId::kMap) {
      const ProtoField *key = field.message->Find("key"), *value = field.message->Find("value");
      if (key == nullptr || value == nullptr) RefuseColumn(path, "a map without key or value");
      bound.shape = Shape::kMap;
      bound.children = {BindValue(*key, (*type.children)[0].type, path + " key"),
                        BindValue(*value, (*type.children)[1].type, path + " value")};
      for (ProtoColumn& child : bound.children) child.has_default = true;
      return bound;
    }
    if (type.id != TypeId::kArray) Mismatch(field, type, path);
    bound.shape = Shape::kList;
    bound.children = {BindValue(field, (*type.children)[0].type, path + " element")};
    return bound;
  }

  ProtoColumn BindValue(const ProtoField& field, const Type& type, const std::string& path) const {
    ProtoColumn bound;
    if (field.type == ProtoType::kMessage && type.id == TypeId::kRow) {
      bound = BindMessage(*field.message, *type.children, path);
    } else if (field.type == ProtoType::kMessage && field.message->name == kTimestamp &&
               (type.id == TypeId::kTimestamp || type.id == TypeId::kTimestampLtz)) {
      bound.shape = Shape::kTimestamp;
    } else if (!Fits(field, type)) {
      Mismatch(field, type, path);
    }
    bound.field = &field;
    bound.type = type;
    if (bound.shape != Shape::kScalar) return bound;
    bound.has_default = defaults_ || !field.presence;
    SetDefault(&bound);
    return bound;
  }

  [[noreturn]] static void Mismatch(const ProtoField& field, const Type& type,
                                    const std::string& path) {
    std::string name(ProtoTypeName(field.type));
    if (field.message != nullptr) name += " " + field.message->name;
    RefuseColumn(path, "the message's type is " + std::string(field.repeated ? "repeated " : "") +
                           name + ", which " + type.AsNullable().ToString() + " is not");
  }

  const bool defaults_;
};

class RowReader {
 public:
  explicit RowReader(Arena* arena) : arena_(arena) {}

  std::string TakeReason() { return std::move(reason_); }

  // Appends a value to each of `to`.
  bool ReadMessage(ProtoColumn* message, std::string_view bytes, std::vector<ColumnBuilder>* to) {
    for (ProtoColumn& child : message->children) child.there = false;
    ProtoReader reader(bytes);
    while (!reader.AtEnd()) {
      uint32_t number = 0;
      ProtoWire wire{};
      if (!reader.TakeTag(&number, &wire)) return Broken();
      const int index = IndexOf(*message, number);
      const bool read = index < 0 ? reader.Skip(wire, number) || Broken()
                                  : ReadField(&message->children[static_cast<size_t>(index)], wire,
                                              &reader, &(*to)[static_cast<size_t>(index)]);
      if (!read) return AddName(*message, index);
    }
    for (size_t i = 0; i < message->children.size(); ++i) {
      if (!Finish(&message->children[i], &(*to)[i])) return AddName(*message, static_cast<int>(i));
    }
    return true;
  }

 private:
  bool Fail(std::string reason) {
    if (reason_.empty()) reason_ = std::move(reason);
    return false;
  }
  bool Broken() { return Fail("the bytes are no message"); }
  bool AddName(const ProtoColumn& message, int index) {
    if (index < 0) return false;
    reason_ = "column " + message.names[static_cast<size_t>(index)] +
              (reason_.starts_with("column ") ? "." + reason_.substr(std::strlen("column "))
                                              : ": " + reason_);
    return false;
  }

  static int IndexOf(const ProtoColumn& message, uint32_t number) {
    if (number < message.by_number.size()) return message.by_number[number];
    if (number < kMostNumbers) return -1;
    const auto found = std::ranges::find_if(
        message.children, [number](const ProtoColumn& c) { return c.field->number == number; });
    return found == message.children.end() ? -1 : static_cast<int>(found - message.children.begin());
  }

  // A value of another wire type than the field's is an unknown field.
  bool ReadField(ProtoColumn* column, ProtoWire wire, ProtoReader* reader, ColumnBuilder* to) {
    const ProtoType type = column->field->type;
    const ProtoWire expected = WireOf(type);
    if (column->shape == Shape::kMap) {
      std::string_view entry;
      if (wire != ProtoWire::kSized) return reader->Skip(wire, column->field->number) || Broken();
      return reader->TakeSized(&entry) ? ReadEntry(column, entry, to) : Broken();
    }
    if (column->shape == Shape::kList) {
      ProtoColumn* element = &column->children[0];
      ColumnBuilder* elements = &to->children()[0];
      if (wire == ProtoWire::kSized && expected != ProtoWire::kSized) {
        return ReadPacked(element, reader, elements);
      }
      if (wire != expected) return reader->Skip(wire, column->field->number) || Broken();
      element->there = false;
      return TakeValue(element, wire, reader) && Finish(element, elements);
    }
    if (wire != expected) return reader->Skip(wire, column->field->number) || Broken();
    return TakeValue(column, wire, reader);
  }

  bool ReadPacked(ProtoColumn* element, ProtoReader* reader, ColumnBuilder* elements) {
    std::string_view packed;
    if (!reader->TakeSized(&packed)) return Broken();
    for (ProtoReader values(packed); !values.AtEnd();) {
      if (!TakeValue(element, WireOf(element->field->type), &values)) return false;
      if (!Finish(element, elements)) return false;
    }
    return true;
  }

  bool ReadEntry(ProtoColumn* map, std::string_view entry, ColumnBuilder* to) {
    for (ProtoColumn& child : map->children) child.there = false;
    for (ProtoReader reader(entry); !reader.AtEnd();) {
      uint32_t number = 0;
      ProtoWire wire{};
      if (!reader.TakeTag(&number, &wire)) return Broken();
      ProtoColumn* child = number == 1 || number == 2 ? &map->children[number - 1] : nullptr;
      if (child == nullptr || wire != WireOf(child->field->type)) {
        if (!reader.Skip(wire, number)) return Broken();
      } else if (!TakeValue(child, wire, &reader)) {
        return false;
      }
    }
    for (size_t i = 0; i < 2; ++i) {
      ProtoColumn* child = &map->children[i];
      // An entry without a value has an empty one.
      if (!child->there && child->shape != Shape::kScalar) child->bytes = {};
      child->there |= child->shape != Shape::kScalar;
      if (!Finish(child, &to->children()[i])) return false;
    }
    return true;
  }

  // The value replaces the one before; a message's pieces are put together.
  bool TakeValue(ProtoColumn* column, ProtoWire wire, ProtoReader* reader) {
    if (wire != ProtoWire::kSized) {
      if (!reader->TakeScalar(wire, &column->bits)) return Broken();
      column->there = true;
      return true;
    }
    std::string_view bytes;
    if (!reader->TakeSized(&bytes)) return Broken();
    if (column->there && column->shape != Shape::kScalar) {
      column->scratch.assign(column->bytes);
      bytes = arena_->Copy(column->scratch.append(bytes));
    }
    column->bytes = bytes;
    column->there = true;
    return true;
  }

  // Appends what TakeValue found, or that there was nothing.
  bool Finish(ProtoColumn* column, ColumnBuilder* to) {
    switch (column->shape) {
      case Shape::kList:
      case Shape::kMap:
        to->AppendList();
        return true;
      case Shape::kMessage:
        if (!column->there) break;
        if (!ReadMessage(column, column->bytes, &to->children())) return false;
        to->AppendRow();
        return true;
      case Shape::kTimestamp:
        if (!column->there) break;
        return AppendTimestamp(*column, to);
      case Shape::kScalar:
        if (column->there) return AppendScalar(*column, column->bits, column->bytes, to);
        if (!column->has_default) break;
        // Copied: the rows may outlive this.
        return AppendScalar(*column, column->default_bits,
                            column->default_bytes.empty() ? std::string_view()
                                                          : arena_->Copy(column->default_bytes),
                            to);
    }
    if (!column->type.nullable) return Fail("NULL in a NOT NULL column");
    to->AppendNull();
    return true;
  }

  bool AppendScalar(const ProtoColumn& column, uint64_t bits, std::string_view bytes,
                    ColumnBuilder* to) {
    const ProtoType type = column.field->type;
    switch (type) {
      case ProtoType::kBool:
        to->Append(bits != 0);
        return true;
      case ProtoType::kDouble:
        to->Append(std::bit_cast<double>(bits));
        return true;
      case ProtoType::kFloat: {
        const auto value = std::bit_cast<float>(static_cast<uint32_t>(bits));
        if (to->type().id == TypeId::kDouble) {
          to->Append(static_cast<double>(value));
        } else {
          to->Append(value);
        }
        return true;
      }
      case ProtoType::kBytes:
        to->Append(Bytes{StringRef(bytes)});
        return true;
      case ProtoType::kString:
        if (!IsValidUtf8(bytes)) return Fail("a string that is no UTF-8");
        to->Append(StringRef(bytes));
        return true;
      case ProtoType::kEnum:
        if (to->type().id != TypeId::kString) break;
        to->Append(StringRef(arena_->Copy(
            EnumName(*column.field->enumeration, static_cast<int32_t>(bits)))));
        return true;
      default:
        break;
    }
    return AppendInteger(IntegerOf(type, bits), to);
  }

  static std::string EnumName(const ProtoEnum& e, int32_t number) {
    for (const auto& [name, value] : e.values) {
      if (value == number) return name;
    }
    return std::to_string(number);
  }

  template <class T>
  bool AppendRanged(int128_t value, ColumnBuilder* to) {
    if (value < std::numeric_limits<T>::min() || value > std::numeric_limits<T>::max()) {
      return Fail("a number that is out of the range of " + to->type().AsNullable().ToString());
    }
    to->Append(static_cast<T>(value));
    return true;
  }

  bool AppendInteger(int128_t value, ColumnBuilder* to) {
    switch (to->type().id) {
      case TypeId::kTinyInt:
        return AppendRanged<int8_t>(value, to);
      case TypeId::kSmallInt:
        return AppendRanged<int16_t>(value, to);
      case TypeId::kInteger:
        return AppendRanged<int32_t>(value, to);
      case TypeId::kBigInt:
        return AppendRanged<int64_t>(value, to);
      default:
        if (!FitsDecimal(value, to->type().precision)) {
          return Fail("a number that is out of the range of " +
                      to->type().AsNullable().ToString());
        }
        to->Append(Decimal{value});
        return true;
    }
  }

  // google.protobuf.Timestamp { int64 seconds = 1; int32 nanos = 2; }
  bool AppendTimestamp(const ProtoColumn& column, ColumnBuilder* to) {
    uint64_t parts[3] = {};
    for (ProtoReader reader(column.bytes); !reader.AtEnd();) {
      uint32_t number = 0;
      ProtoWire wire{};
      if (!reader.TakeTag(&number, &wire)) return Broken();
      const bool known = wire == ProtoWire::kVarint && number <= 2;
      if (known ? !reader.TakeVarint(&parts[number]) : !reader.Skip(wire, number)) return Broken();
    }
    const auto seconds = static_cast<int64_t>(parts[1]);
    const auto nanos = static_cast<int32_t>(parts[2]);
    int64_t micros = 0;
    if (nanos < 0 || nanos > 999'999'999 ||
        __builtin_mul_overflow(seconds, int64_t{1'000'000}, &micros) ||
        __builtin_add_overflow(micros, nanos / 1000, &micros)) {
      return Fail("a time that is out of range");
    }
    const auto unit = static_cast<int64_t>(
        PowerOfTen(6 - std::min<int>(6, column.type.precision)));
    micros -= (micros % unit + unit) % unit;
    if (to->type().id == TypeId::kTimestamp) {
      to->Append(Timestamp{micros});
    } else {
      to->Append(TimestampLtz{micros});
    }
    return true;
  }

  Arena* const arena_;
  std::string reason_;
};

class RowWriter {
 public:
  explicit RowWriter(const std::string& null_text) : null_text_(null_text) {}

  void AppendMessage(ProtoColumn* message, const std::vector<Column>& columns, size_t row,
                     std::string* out) {
    for (size_t i = 0; i < message->children.size(); ++i) {
      AppendField(&message->children[i], columns[i], row, out);
    }
  }

 private:
  [[noreturn]] static void Refuse(const ProtoColumn& column, const std::string& what) {
    throw Error(ErrorCode::kInvalidValue, what + " field " + column.field->name);
  }

  void AppendField(ProtoColumn* column, const Column& values, size_t row, std::string* out) {
    if (values.IsNull(row)) {
      if (column->field->required) Refuse(*column, "NULL in the required");
      return;
    }
    if (column->shape == Shape::kList) return AppendList(column, values, row, out);
    if (column->shape == Shape::kMap) return AppendMap(column, values, row, out);
    column->scratch.clear();
    AppendValue(column, values, row, &column->scratch);
    const bool is_default = !column->field->presence && column->shape == Shape::kScalar &&
                            IsZero(*column);
    if (!is_default) AppendTagged(*column, column->scratch, out);
  }

  // Without presence a record that says the default says nothing.
  static bool IsZero(const ProtoColumn& column) {
    if (WireOf(column.field->type) == ProtoWire::kSized) return column.scratch.empty();
    return std::ranges::all_of(column.scratch, [](char c) { return c == '\0'; });
  }

  static void AppendTagged(const ProtoColumn& column, std::string_view value, std::string* out) {
    const ProtoWire wire = WireOf(column.field->type);
    AppendProtoTag(column.field->number, wire, out);
    if (wire == ProtoWire::kSized) AppendProtoVarint(value.size(), out);
    out->append(value);
  }

  void AppendList(ProtoColumn* column, const Column& values, size_t row, std::string* out) {
    const ListEntry entry = values.at<ListEntry>(row);
    ProtoColumn* element = &column->children[0];
    column->scratch.clear();
    for (uint32_t k = entry.offset; k < entry.offset + entry.length; ++k) {
      if (column->field->packed) {
        AppendElement(element, values.children()[0], k, &column->scratch);
      } else {
        element->scratch.clear();
        AppendElement(element, values.children()[0], k, &element->scratch);
        AppendTagged(*column, element->scratch, out);
      }
    }
    if (!column->field->packed || entry.length == 0) return;
    AppendProtoTag(column->field->number, ProtoWire::kSized, out);
    AppendProtoVarint(column->scratch.size(), out);
    out->append(column->scratch);
  }

  void AppendMap(ProtoColumn* column, const Column& values, size_t row, std::string* out) {
    const ListEntry entry = values.at<ListEntry>(row);
    for (uint32_t k = entry.offset; k < entry.offset + entry.length; ++k) {
      column->scratch.clear();
      for (size_t part = 0; part < 2; ++part) {
        ProtoColumn* child = &column->children[part];
        child->scratch.clear();
        AppendElement(child, values.children()[part], k, &child->scratch);
        AppendTagged(*child, child->scratch, &column->scratch);
      }
      AppendTagged(*column, column->scratch, out);
    }
  }

  // Lists and maps have no NULLs.
  void AppendElement(ProtoColumn* element, const Column& values, size_t row, std::string* out) {
    if (!values.IsNull(row)) return AppendValue(element, values, row, out);
    const ProtoWire wire = WireOf(element->field->type);
    if (element->field->type == ProtoType::kString) {
      out->append(null_text_);
    } else if (wire == ProtoWire::kVarint) {
      AppendProtoVarint(0, out);
    } else if (wire != ProtoWire::kSized) {
      out->append(wire == ProtoWire::kFixed64 ? 8 : 4, '\0');
    }
  }

  void AppendValue(ProtoColumn* column, const Column& values, size_t row, std::string* out) {
    const ProtoType type = column->field->type;
    if (column->shape == Shape::kMessage) {
      return AppendMessage(column, values.children(), values.constant() ? 0 : row, out);
    }
    if (column->shape == Shape::kTimestamp) return AppendTimestamp(values.at<int64_t>(row), out);
    switch (type) {
      case ProtoType::kString:
      case ProtoType::kBytes: {
        const StringRef text = values.at<StringRef>(row);
        out->append(text.view());
        return;
      }
      case ProtoType::kBool:
        return AppendProtoVarint(values.at<bool>(row) ? 1 : 0, out);
      case ProtoType::kDouble:
        return AppendFixed(std::bit_cast<uint64_t>(values.at<double>(row)), 8, out);
      case ProtoType::kFloat: {
        const float value = values.type() == TypeId::kFloat
                                ? values.at<float>(row)
                                : static_cast<float>(values.at<double>(row));
        return AppendFixed(std::bit_cast<uint32_t>(value), 4, out);
      }
      default:
        break;
    }
    const auto bits = IntegerBits(type, NumberOf(*column, values, row));
    if (!bits) Refuse(*column, "a number that does not fit");
    const ProtoWire wire = WireOf(type);
    if (wire == ProtoWire::kVarint) return AppendProtoVarint(*bits, out);
    AppendFixed(*bits, wire == ProtoWire::kFixed64 ? 8 : 4, out);
  }

  static void AppendFixed(uint64_t bits, size_t size, std::string* out) {
    out->append(reinterpret_cast<const char*>(&bits), size);
  }

  static int128_t NumberOf(const ProtoColumn& column, const Column& values, size_t row) {
    switch (values.type()) {
      case TypeId::kTinyInt:
        return values.at<int8_t>(row);
      case TypeId::kSmallInt:
        return values.at<int16_t>(row);
      case TypeId::kInteger:
        return values.at<int32_t>(row);
      case TypeId::kBigInt:
        return values.at<int64_t>(row);
      case TypeId::kString: {
        const StringRef name = values.at<StringRef>(row);
        const auto number = EnumNumber(*column.field->enumeration, name.view());
        if (!number) Refuse(column, "no value '" + std::string(name.view()) + "' of enum");
        return *number;
      }
      default:
        return values.at<int128_t>(row);
    }
  }

  static void AppendTimestamp(int64_t micros, std::string* out) {
    const int64_t rest = (micros % kMicrosPerSecond + kMicrosPerSecond) % kMicrosPerSecond;
    const int64_t seconds = (micros - rest) / kMicrosPerSecond;
    if (seconds != 0) {
      AppendProtoTag(1, ProtoWire::kVarint, out);
      AppendProtoVarint(static_cast<uint64_t>(seconds), out);
    }
    if (rest != 0) {
      AppendProtoTag(2, ProtoWire::kVarint, out);
      AppendProtoVarint(static_cast<uint64_t>(rest * 1000), out);
    }
  }

  const std::string& null_text_;
};

}  // namespace

ProtoColumn BindProtoMessage(const ProtoMessage& message, const Schema& columns, bool defaults) {
  return Binder(defaults).BindMessage(message, columns, "");
}

bool ReadProtoRow(ProtoColumn* message, std::string_view bytes, Arena* arena,
                  std::vector<ColumnBuilder>* builders, std::string* reason) {
  RowReader reader(arena);
  if (reader.ReadMessage(message, bytes, builders)) return true;
  *reason = reader.TakeReason();
  return false;
}

void AppendProtoRow(ProtoColumn* message, const std::vector<Column>& columns, size_t row,
                    const std::string& null_text, std::string* out) {
  RowWriter(null_text).AppendMessage(message, columns, row, out);
}

}  // namespace millrace
