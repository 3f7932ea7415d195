// Rows posted to a table: NDJSON, a JSON array or CSV, decoded as the formats of tables decode.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "types/batch.h"
#include "types/type.h"

namespace millrace {

struct RefusedRow {
  uint64_t line;  // From 1: of the body; in a JSON array the number of the element.
  std::string error;
};

struct IngestRows {
  Batch rows;
  std::vector<RefusedRow> rejected;  // By line.
};

// `media_type` is application/x-ndjson, application/json or text/csv. CSV without `csv_header` has
// the table's columns in order. Throws Error: kUnsupportedMediaType; kBadRequest when the body as a
// whole cannot be read, with a range in it; kColumnNotFound for a CSV header that names none.
IngestRows DecodeRows(std::string body, std::string_view media_type, bool csv_header,
                      const std::string& table, const Schema& schema);

}  // namespace millrace
