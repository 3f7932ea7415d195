// Avro schemas: read from their JSON, or made for a table, and the columns that fit them.
//
//   the binary format, by kind: null: nothing; boolean: byte; int, long: zigzag varint; float, double:
//   little-endian; bytes, string: long size, bytes; record: its fields; enum: int; fixed: its bytes;
//   union: long branch, value; array, map: blocks of (long count, of negative counts also long size,
//   items; a map's have a string key in front), up to a count of 0
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "types/type.h"

namespace millrace {

struct AvroSchema {
  enum class Kind : uint8_t {
    kNull, kBoolean, kInt, kLong, kFloat, kDouble, kBytes, kString,
    kRecord, kEnum, kArray, kMap, kUnion, kFixed
  };
  Kind kind = Kind::kNull;
  std::string name;                          // Of a record, enum or fixed.
  std::string logical;                       // "timestamp-millis"; "": none.
  int precision = 0, scale = 0;              // Of decimals.
  size_t size = 0;                           // Of a fixed.
  std::vector<std::string> names;            // A record's fields, an enum's symbols.
  std::vector<const AvroSchema*> children;   // Fields, branches, items or values.
};

// A schema and those in it; one may contain itself.
struct AvroDocument {
  std::deque<AvroSchema> schemas;
  const AvroSchema* root = nullptr;
};

// Throws Error(kInvalidValue) when it is no schema.
std::shared_ptr<const AvroDocument> ParseAvroSchema(std::string_view json);

// The JSON of the schema that a table's rows have, as Flink makes it. Throws Error(kInvalidOption)
// for a type that Avro has not.
std::string AvroSchemaOf(const Schema& columns);

std::string_view AvroKindName(AvroSchema::Kind kind);

// A member of a JSON object that is a string or an integer; "" when it has none.
std::string JsonMember(std::string_view object, std::string_view name);

}  // namespace millrace
