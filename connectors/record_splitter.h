// Divides a buffer into records by their framing.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "connectors/connector.h"

namespace millrace {

struct SplitRecords {
  std::vector<std::pair<uint64_t, uint32_t>> records;  // offset from `data`, size
  // Lines before each record, from the first one on; empty when each record is one line.
  std::vector<uint32_t> lines;
  size_t end = 0;           // Behind the last record and its line end, from `data`.
  uint64_t line_count = 0;  // Lines of all records.
};

// Takes up to `max_records` records of data[begin, size). Line ends are \n and \r\n and belong to
// no record. A last record without one counts only when `final`. Quotes that are still open where
// the data ends do not count when `final`: their lines are records of their own.
SplitRecords Split(const RecordFraming& framing, const char* data, size_t begin, size_t size,
                   bool final, size_t max_records);

}  // namespace millrace
