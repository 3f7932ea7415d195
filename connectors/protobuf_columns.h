// Which field of a Protobuf message each column is, and rows from messages and back.
//
//   int32, int64, sint…, uint…, fixed…: TINYINT to BIGINT, DECIMAL(p, 0); bool: BOOLEAN;
//   float: FLOAT, DOUBLE; double: DOUBLE; string: STRING; bytes: BYTES; enum: STRING or an integer;
//   repeated: ARRAY; map: MAP; message: ROW; google.protobuf.Timestamp: TIMESTAMP, TIMESTAMP_LTZ
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/arena.h"
#include "connectors/column_builder.h"
#include "connectors/protobuf_schema.h"
#include "types/batch.h"

namespace millrace {

struct ProtoColumn {
  enum class Shape : uint8_t { kScalar, kMessage, kTimestamp, kList, kMap };

  const ProtoField* field = nullptr;  // Null: the record itself.
  Type type;
  Shape shape = Shape::kScalar;
  // A message's columns; a list's element; a map's key and value.
  std::vector<ProtoColumn> children;
  std::vector<std::string> names;   // Of a message's columns.
  std::vector<int16_t> by_number;   // Of a message: field numbers to children; -1: none.
  bool has_default = false;         // What is absent has a value.
  uint64_t default_bits = 0;
  std::string default_bytes;

  // Of the record in hand: the last value of a scalar, all pieces of a message.
  bool there = false;
  uint64_t bits = 0;
  std::string_view bytes;
  std::string scratch;
};

// `defaults`: a field that a record could say to be absent has its default all the same. Throws
// Error(kInvalidOption) for a column that the message has not, or of another type.
ProtoColumn BindProtoMessage(const ProtoMessage& message, const Schema& columns, bool defaults);

// Appends a row to `builders`; false, with a reason, when the bytes are no message or do not fit the
// columns. The builders may then hold a part of the row. Strings point into `bytes` or the arena.
bool ReadProtoRow(ProtoColumn* message, std::string_view bytes, Arena* arena,
                  std::vector<ColumnBuilder>* builders, std::string* reason);

// NULL fields are not written; NULL elements are written as `null_text` or 0. Throws
// Error(kInvalidValue) for what the message cannot hold.
void AppendProtoRow(ProtoColumn* message, const std::vector<Column>& columns, size_t row,
                    const std::string& null_text, std::string* out);

}  // namespace millrace
