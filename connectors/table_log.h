// Embedded tables: an append-only, durable, replayable log of rows and changes of rows.
//
//   DIR/NNNNNNNNNNNNNNNNNNNN.log   segments of records (base/record_log.h), named after the number
//                                  of their first row
//   DIR/NNNNNNNNNNNNNNNNNNNN.base  records of the rows that the table had before row N was written:
//                                  what all earlier segments come to. New readers begin there
//   record := writer:string sequence:fixed64 first_row:fixed64 rows:fixed32 row*
//   string := size:varint32 bytes
//   row    := weight:fixed64, then the columns in the encoding of types/row_key.h
//   writer of a request with a key of its own := '\1' time:fixed64 first_row:fixed64 rows:fixed64 key,
//   its sequence the request's fingerprint, its first_row all ones where the record holds its rows
// A segment begins with a record without rows for each writer known so far (its last sequence), so
// that only the last segment is read when the log is opened; requests are known for a day.
// A position is "segment:offset:row": the segment's first row, the offset of a record in it, and
// the number of the next row, which may be within the record or behind it. In a base it begins with
// "b", and counts the base's own rows.
//
// A base is written beside the log under another name, synced, and renamed; then segments and bases
// go that no reader can come back to. So a crash leaves a name to be removed, or files to be removed
// later, and never less than the table.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "connectors/connector.h"

namespace millrace {

struct TableLogOptions {
  bool sync = true;     // Appends are durable when they return; else they are written.
  bool atomic = false;  // A record is one change: readers say so when they are within one.
};

enum class TableRead : uint8_t {
  kBounded,     // Ends where the log ended when it was opened.
  kFollow,      // Goes on with the log; does not come back to what it has read.
  kReplayable,  // May come back, after a restart, to the position of its last checkpoint.
};

// A client's own name for what it sends: sent again, it is not appended again.
struct RequestKey {
  std::string key;
  uint64_t fingerprint = 0;  // Of what was sent.
};

// The rows [first_row, end_row) of the log that an append made.
struct AppendedRows {
  uint64_t first_row = 0, end_row = 0;
  bool repeated = false;  // By an earlier append with the same key.
};

// Thread-safe.
class TableLog {
 public:
  // Opens or creates the log of rows of `schema`.
  TableLog(std::string directory, Schema schema, TableLogOptions options);
  ~TableLog();

  // Appends the rows as one record and returns when they are durable (group commit: concurrent
  // appends share one fsync). Returns the number of the first row. Readers see the record as a
  // whole, and only when it is durable. REQUIRES: columns of the schema. Throws Error(kIo).
  uint64_t Append(const Batch& rows);
  // The parts of Append: writes the record; returns when it is durable and readers may see it; the
  // same, and tells them.
  struct Written {
    uint64_t first_row = 0;
    uint64_t record = 0;
  };
  Written Write(const Batch& rows, const RequestKey* key = nullptr);
  // What was appended with the key, if it was and is not forgotten; it is durable when this
  // returns. Throws Error(kConflict) when something else was sent with it.
  std::optional<AppendedRows> FindRequest(const RequestKey& key);
  void WaitDurable(const Written& written);
  void Finish(const Written& written);
  // The same, for a writer that may repeat itself after a crash: does nothing, and returns false,
  // when the writer's `sequence` is already in the log or below it. Not synced: SyncAll() makes it
  // durable.
  bool AppendOnce(const std::string& writer, uint64_t sequence, const Batch& rows);
  bool HasAppended(const std::string& writer, uint64_t sequence) const;
  void SyncAll();
  uint64_t rows() const;

  // A source with one partition (""). Polls never cut a record in two unless it is larger than
  // max_rows * 16. `columns`: indices into the schema. The log must outlive it.
  std::unique_ptr<Source> OpenSource(std::vector<size_t> columns, TableRead read);

  // Compaction. First the log goes on in a new segment, whose first row is returned: REQUIRES: no
  // rows are being written. Then the rows that the table had at that moment become a base; writing
  // may go on meanwhile. Throws Error(kIo).
  uint64_t BeginSegment();
  void WriteBase(uint64_t next_row, const std::vector<Batch>& rows);
  // Bytes of the newest base, and of the log behind it.
  struct Sizes {
    uint64_t base = 0;
    uint64_t behind = 0;
  };
  Sizes sizes() const;

  // Removes the files. No reader or writer may be open.
  static void Remove(const std::string& directory);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace millrace
