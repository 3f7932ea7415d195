// Key columns encoded as bytes whose memcmp order is SQL order (NULL first).
//
// The same bytes are hashed, choose the partition, key the hash tables, and are the LevelDB key:
//   key    := column*
//   column := 0                     NULL
//           | 1 value
//   value  := big-endian with the sign bit flipped     integers, dates, times, timestamps,
//   intervals
//                                                      (as wide as the type), DECIMAL (16 bytes)
//           | 1 byte                                   BOOLEAN
//           | IEEE bits, all flipped if negative, else the sign bit; -0 is 0, every NaN is one NaN
//           | escaped 0 0                              STRING, BYTES: each 0 byte is written 0 255
//           | (1 column)* 0                            ARRAY; MAP with key and value in turn
//           | column*                                  ROW
// The encoding also stores whole rows: it decodes to the very values (but for -0 and NaN bits).
#pragma once

#include <string>
#include <vector>

#include "base/hash.h"
#include "types/batch.h"

namespace millrace {

void AppendKeyColumn(const Column& column, size_t i, std::string* key);

// Reads the next column of an encoded key into row `i` of `out` (flat, of the key column's type);
// long strings are copied into `heap`. `key` advances behind it.
void DecodeKeyColumn(std::string_view* key, Column* out, size_t i, Arena* heap);

// A flat column of `size` uninitialised values of `type`, its children included.
Column MakeColumn(const Type& type, size_t size);
// A constant column of NULLs of `type`, its children included.
Column MakeNullColumn(const Type& type, size_t size);

// The encoded keys of one batch.
class RowKeys {
 public:
  RowKeys(const Batch& batch, std::span<const size_t> key_columns);

  size_t size() const { return hashes_.size(); }
  uint64_t hash(size_t i) const { return hashes_[i]; }
  std::string_view operator[](size_t i) const {
    return {bytes_.data() + offsets_[i], offsets_[i + 1] - offsets_[i]};
  }

 private:
  void EncodeFixed(const Batch& batch, std::span<const size_t> key_columns, size_t width);
  void EncodeAny(const Batch& batch, std::span<const size_t> key_columns);

  std::string bytes_;
  std::vector<uint32_t> offsets_;
  std::vector<uint64_t> hashes_;
};

}  // namespace millrace
