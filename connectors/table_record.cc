#include "connectors/table_record.h"

#include <cassert>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "types/row_key.h"

namespace millrace {
namespace {

template <class T>
void AppendFixed(T value, std::string* out) {
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}

[[noreturn]] void ThrowMalformed() {
  throw Error(ErrorCode::kIo, "the log of a table holds a record that is none of a table");
}

std::string_view TakeBytes(std::string_view* bytes, size_t size) {
  if (bytes->size() < size) ThrowMalformed();
  const std::string_view taken = bytes->substr(0, size);
  bytes->remove_prefix(size);
  return taken;
}

template <class T>
T TakeFixed(std::string_view* bytes) {
  T value;
  std::memcpy(&value, TakeBytes(bytes, sizeof value).data(), sizeof value);
  return value;
}

void AppendVarint(size_t value, std::string* out) {
  for (; value >= 0x80; value >>= 7) out->push_back(static_cast<char>(value | 0x80));
  out->push_back(static_cast<char>(value));
}

uint32_t TakeVarint(std::string_view* bytes) {
  uint32_t value = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = TakeFixed<uint8_t>(bytes);
    value |= uint32_t{byte & 0x7Fu} << shift;
    if (byte < 0x80) return value;
    if (shift == 28) ThrowMalformed();
  }
}

// The encoded bytes of every value of the type that is not null; 0 if they differ.
size_t FixedWidth(TypeId id) {
  return id == TypeId::kString || id == TypeId::kBytes || id >= TypeId::kArray ? 0 : WidthOf(id);
}

// Behind the end mark of a string: a zero that no escape follows.
void SkipString(std::string_view* body) {
  size_t at = body->find('\0');
  while (at != std::string_view::npos && at + 1 < body->size() && (*body)[at + 1] != 0) {
    at = body->find('\0', at + 2);
  }
  if (at == std::string_view::npos) ThrowMalformed();
  TakeBytes(body, at + 2);
}

void SkipColumn(const Type& type, std::string_view* body) {
  if (TakeFixed<uint8_t>(body) == 0) return;
  switch (type.id) {
    case TypeId::kString:
    case TypeId::kBytes:
      return SkipString(body);
    case TypeId::kArray:
    case TypeId::kMap:
      // A mark stands before every element, and before every key and every value of a map.
      for (size_t i = 0; TakeFixed<uint8_t>(body) != 0; ++i) {
        SkipColumn((*type.children)[i % type.children->size()].type, body);
      }
      return;
    case TypeId::kRow:
      for (const Field& field : *type.children) SkipColumn(field.type, body);
      return;
    default:
      TakeBytes(body, WidthOf(type.id));
  }
}

}  // namespace

std::string EncodeTableRecord(std::string_view writer, uint64_t sequence, const Batch& rows) {
  if (rows.size > std::numeric_limits<uint32_t>::max()) {
    throw Error(ErrorCode::kTooLarge, "too many rows at once: " + std::to_string(rows.size));
  }
  std::string record;
  AppendVarint(writer.size(), &record);
  record.append(writer);
  AppendFixed(sequence, &record);
  AppendFixed(uint64_t{0}, &record);
  AppendFixed(static_cast<uint32_t>(rows.size), &record);
  for (size_t i = 0; i < rows.size; ++i) {
    AppendFixed(rows.weight(i), &record);
    for (const Column& column : rows.columns) AppendKeyColumn(column, i, &record);
  }
  return record;
}

void SetFirstRow(std::string* record, uint64_t first_row) {
  std::string_view rest = *record;
  const uint32_t writer_size = TakeVarint(&rest);
  TakeBytes(&rest, writer_size + sizeof(uint64_t));
  std::memcpy(record->data() + (record->size() - rest.size()), &first_row, sizeof first_row);
}

TableRecord ParseTableRecord(std::string_view payload) {
  TableRecord record;
  const uint32_t writer_size = TakeVarint(&payload);
  record.writer = TakeBytes(&payload, writer_size);
  record.sequence = TakeFixed<uint64_t>(&payload);
  record.first_row = TakeFixed<uint64_t>(&payload);
  record.rows = TakeFixed<uint32_t>(&payload);
  record.body = payload;
  return record;
}

TableRowDecoder::TableRowDecoder(const Schema& schema, const std::vector<size_t>& columns)
    : wanted_(columns.size()) {
  for (const Field& field : schema) stored_.push_back({field.type, FixedWidth(field.type.id)});
  for (size_t i = 0; i < columns.size(); ++i) {
    assert(stored_[columns[i]].out == kUnwanted);
    stored_[columns[i]].out = i;
  }
}

Batch TableRowDecoder::MakeBatch() const {
  Batch batch;
  batch.columns.resize(wanted_);
  for (const StoredColumn& column : stored_) {
    if (column.out != kUnwanted) batch.columns[column.out] = MakeColumn(column.type, 0);
  }
  return batch;
}

void TableRowDecoder::Decode(std::string_view* body, size_t count, Batch* out, Arena* heap) const {
  const size_t begin = out->size;
  out->size += count;
  out->weights.resize(out->size);
  for (Column& column : out->columns) column.Resize(out->size);
  for (size_t i = begin; i < out->size; ++i) {
    out->weights[i] = TakeFixed<int64_t>(body);
    for (const StoredColumn& column : stored_) {
      if (column.out != kUnwanted) {
        DecodeKeyColumn(body, &out->columns[column.out], i, heap);
      } else if (column.width == 0) {
        SkipColumn(column.type, body);
      } else {
        TakeBytes(body, TakeFixed<uint8_t>(body) == 0 ? 0 : column.width);
      }
    }
  }
}

void TableRowDecoder::Skip(std::string_view* body, size_t count) const {
  for (size_t i = 0; i < count; ++i) {
    TakeFixed<int64_t>(body);
    for (const StoredColumn& column : stored_) SkipColumn(column.type, body);
  }
}

}  // namespace millrace
