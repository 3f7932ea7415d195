// Records of embedded tables' logs (format: connectors/table_log.h) from batches and back.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "types/batch.h"
#include "types/type.h"

namespace millrace {

// What stands before a record's rows, and the rows.
struct TableRecord {
  std::string_view writer;
  uint64_t sequence = 0;
  uint64_t first_row = 0;
  uint32_t rows = 0;
  std::string_view body;
};

// The number of the first row is 0 until it is set.
std::string EncodeTableRecord(std::string_view writer, uint64_t sequence, const Batch& rows);
void SetFirstRow(std::string* record, uint64_t first_row);

// The views point into `payload`. Throws Error(kIo) when it is no record of a table.
TableRecord ParseTableRecord(std::string_view payload);

// Reads rows of one table, only the columns that are wanted.
class TableRowDecoder {
 public:
  // `columns`: distinct indices into the schema.
  TableRowDecoder(const Schema& schema, const std::vector<size_t>& columns);

  // A batch without rows, with weights.
  Batch MakeBatch() const;
  // Appends the next `count` rows of `body` to `out`; long strings are copied into `heap`.
  void Decode(std::string_view* body, size_t count, Batch* out, Arena* heap) const;
  void Skip(std::string_view* body, size_t count) const;

 private:
  static constexpr size_t kUnwanted = ~size_t{0};
  struct StoredColumn {
    Type type;
    size_t width = 0;        // Of a value that is not null; 0 if they differ.
    size_t out = kUnwanted;  // The column of the batch.
  };
  std::vector<StoredColumn> stored_;
  size_t wanted_ = 0;
};

}  // namespace millrace
