// Reads the log of an embedded table (connectors/table_log.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/record_log.h"
#include "connectors/connector.h"
#include "connectors/table_record.h"

namespace millrace {

// Names of the log's segments.
std::string TableSegmentPath(const std::string& directory, uint64_t first_row);

struct TablePosition {
  uint64_t segment = 0;
  uint64_t offset = 0;
  uint64_t row = 0;

  // Throws Error(kIo) when the text is no position.
  static TablePosition Parse(const std::string& text);
  std::string ToString() const;
};

// Goes through the rows of a log in their order. One thread.
class TableReader {
 public:
  TableReader(std::string directory, const Schema& schema, const std::vector<size_t>& columns);

  // REQUIRES: rows up to `rows` are in the log. Throws Error(kIo) when the log has not the
  // position.
  void Seek(const TablePosition& position, uint64_t rows);
  const TablePosition& position() const { return position_; }
  // Rows of the same record follow.
  bool within_record() const { return current_ != nullptr; }

  // The rows up to number `limit`, about `max_rows`. REQUIRES: the log has them.
  Batch Read(uint64_t limit, size_t max_rows);

 private:
  // The record of which some rows are to come.
  struct Current {
    uint64_t segment = 0;
    uint64_t offset = 0;
    uint64_t next = 0;
    std::string payload;
    std::string_view rest;
    uint64_t rows = 0;  // In all.
    uint64_t left = 0;
  };

  void Load();
  void Open(uint64_t segment);
  // Takes rows of the current record, at most up to number `limit`. False when it would rather
  // begin the next batch.
  bool TakeRows(uint64_t limit, size_t max_rows, Batch* out, Arena* heap);
  [[noreturn]] void ThrowMissing() const;

  std::string directory_;
  TableRowDecoder decoder_;
  TablePosition position_;
  std::optional<RecordLogReader> file_;
  uint64_t file_segment_ = 0;
  std::unique_ptr<Current> current_;
};

}  // namespace millrace
