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

// Names of the log's segments and bases.
std::string TableSegmentPath(const std::string& directory, uint64_t first_row);
std::string TableBasePath(const std::string& directory, uint64_t next_row);

struct TablePosition {
  uint64_t segment = 0;  // Its first row; of a base, the row that follows it.
  uint64_t offset = 0;
  uint64_t row = 0;  // In a base, of its own.
  bool base = false;

  // Throws Error(kIo) when the text is no position.
  static TablePosition Parse(const std::string& text);
  std::string ToString() const;
  bool operator==(const TablePosition&) const = default;
};

// How far to read: a row of the log or, with everything before it, of the base one is in.
struct TableLimit {
  uint64_t row = 0;
  bool base = false;
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

  // The rows up to the limit, about `max_rows`. Behind a base follows the log. REQUIRES: the log has
  // them.
  Batch Read(TableLimit limit, size_t max_rows);

 private:
  // The record of which some rows are to come.
  struct Current {
    TablePosition begin;
    uint64_t next = 0;
    std::string payload;
    std::string_view rest;
    uint64_t rows = 0;  // In all.
    uint64_t left = 0;
  };

  bool Reached(TableLimit limit) const;
  // Makes the record at the position the current one; moves on to the log at the end of a base.
  void Load(TableLimit limit);
  void LoadRecord(RecordLogReader::Record found);
  void Open(uint64_t segment, bool base);
  void OpenNext(uint64_t segment);
  // Takes rows of the current record, at most up to the limit. False when it would rather begin the
  // next batch.
  bool TakeRows(TableLimit limit, size_t max_rows, Batch* out, Arena* heap);
  [[noreturn]] void ThrowMissing() const;

  std::string directory_;
  TableRowDecoder decoder_;
  TablePosition position_;
  std::optional<RecordLogReader> file_;
  uint64_t file_segment_ = 0;
  bool file_base_ = false;
  std::unique_ptr<Current> current_;
};

}  // namespace millrace
