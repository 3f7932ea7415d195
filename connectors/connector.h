// Sources, sinks, formats: what a connector implements and how it describes itself.
//
// Transport and format are orthogonal. A source partition yields blocks of raw records in order; a
// decoder, run in the pipeline, turns a block into columns, only those the plan needs. Generators
// (datagen, nexmark) make columns themselves.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "types/batch.h"
#include "types/value.h"

namespace millrace {

// WITH (…): key to value, with the places in the SQL text for errors.
struct Option {
  std::string value;
  SourceRange key_range, value_range;
};
using Options = std::map<std::string, Option, std::less<>>;

// An opaque position in a source partition, as the source defines and parses it. Empty: the start.
// Ordered only by the source. Persisted in checkpoints and in the step journal.
using SourcePosition = std::string;

// Where a record came from, for dead letters and error messages, e.g. {"orders/a.csv", "line 17"}.
struct RecordOrigin {
  std::string partition;
  std::string position;
};

// Hive-style directories k=v on the way to a file, outermost first.
using PartitionValues = std::vector<std::pair<std::string, std::string>>;

// Raw records [begin[i], begin[i] + size[i]) of `data`. At least 64 readable bytes follow the last
// one (simdjson's padding).
struct RecordBlock {
  std::shared_ptr<const void> owner;  // Keeps the bytes alive.
  const char* data = nullptr;
  std::vector<std::pair<uint64_t, uint32_t>> records;  // offset, size
  std::vector<Column> metadata;  // One column per requested metadata key, a row per record.
  std::shared_ptr<const std::string> origin;  // The partition or file, for RecordOrigin.
  uint64_t first_position = 0;  // Line or offset of the first record; the others count on.
  int64_t arrival_micros = 0;
  // Every record's position when they do not count on by one, as with quoted line ends.
  std::vector<uint64_t> positions;
  std::shared_ptr<const std::string> header;  // The file's first line, if its format has one.
  std::shared_ptr<const PartitionValues> partition;  // Values of PARTITIONED BY columns.
  // What messages have beside their value. Parallel to `records`, or empty.
  static constexpr uint32_t kNoKey = UINT32_MAX;
  std::vector<std::pair<uint64_t, uint32_t>> keys;  // Of `data` as well; size kNoKey: none.
  std::vector<uint8_t> nulls;                       // Nonzero: there is no value.
  std::vector<int64_t> times;                       // Microseconds.

  // Of the records, from the first one's to the last one's end.
  size_t bytes() const {
    if (records.empty()) return 0;
    return records.back().first + records.back().second - records.front().first;
  }
  bool IsNull(size_t record) const { return !nulls.empty() && nulls[record] != 0; }
  uint64_t PositionOf(size_t record) const {
    return positions.empty() ? first_position + record : positions[record];
  }
};

struct Reject {
  uint32_t record;  // In the block.
  std::string reason;
};

// Turns records into the columns of `columns` (indices into the table's physical schema), in that
// order.
class Decoder {
 public:
  virtual ~Decoder() = default;
  // Returns the rows of the records that decode, appends the others to `rejects`. One record may
  // give several rows or none: `row_records` receives each row's record. Thread-compatible: one
  // decoder a partition.
  virtual Batch Decode(const RecordBlock& block, std::vector<Reject>* rejects,
                       std::vector<uint32_t>* row_records) = 0;
};

// What a poll yields: raw records or, from generators and tables, finished rows.
struct SourceBatch {
  std::optional<RecordBlock> block;
  std::optional<Batch> rows;  // The columns that were asked for.
  SourcePosition next;        // Position behind this batch.
  bool end = false;           // Bounded source: nothing follows, ever.
  bool more = false;          // What follows belongs to the same change: no step ends here.
  size_t size() const { return block ? block->records.size() : rows ? rows->size : 0; }
  size_t bytes() const { return block ? block->bytes() : 0; }  // Of raw records.
};

// How far a reader of a topic is.
struct SourceLag {
  std::string partition;
  int64_t position = 0;  // The next record to read.
  int64_t end = 0;       // Where the next record will be written.
  double seconds = 0;    // Age of the last record read while there are more; 0: none.
  int64_t records() const { return end > position ? end - position : 0; }
};

// What a source or sink that is reached over a network says of itself.
struct TransportStatus {
  std::vector<SourceLag> lag;
  std::string notice;  // What keeps it from working now; "": nothing does.
};

class Source {
 public:
  virtual ~Source() = default;
  // Source partitions have stable names (keys of positions and watermarks); the list may only grow.
  virtual std::vector<std::string> Partitions() = 0;
  // Continues partition `i` at `position`. Throws Error when it no longer exists, here or in Poll.
  virtual void Seek(size_t i, const SourcePosition& position) = 0;
  // Up to about `max_rows` of what is there; never blocks. Empty batch: nothing now. Called from
  // one thread a partition.
  virtual SourceBatch Poll(size_t i, size_t max_rows) = 0;
  // Exactly the rows up to `end` (a position an earlier Poll returned), in one or several batches:
  // the step journal's replay. Default: Poll until the position is `end`.
  virtual SourceBatch PollUntil(size_t i, const SourcePosition& end, size_t max_rows);
  // `f` is called, from any thread, when Poll may have something again.
  virtual void OnReady(std::function<void()> f) = 0;
  // Nothing is read any more, not even after a restart: the job has ended or was dropped.
  virtual void Close() {}
  virtual bool bounded() const = 0;
  // Reached over a network: its partitions may come up late, and PollUntil gives nothing while it
  // is away, so a replay waits.
  virtual bool remote() const { return false; }
  // A sealed checkpoint has these positions, by partition name.
  virtual void Commit(const std::map<std::string, SourcePosition>& /*positions*/) {}
  virtual TransportStatus Status() const { return {}; }
};

// Rows leaving Millrace. Written to by one thread at a time.
class Sink {
 public:
  virtual ~Sink() = default;
  // Weights as in Batch; append-only sinks never see a negative one (the planner refuses).
  virtual void Write(const Batch& changes) = 0;
  // End of a step: what was written may be shown (print, HTTP).
  virtual void Flush() {}
  // Before the checkpoint is sealed: makes everything written so far durable and returns the sink's
  // position, which Restore gets back after a crash (e.g. committed lengths of part files).
  virtual std::string PreCommit(uint64_t /*epoch*/) { return {}; }
  virtual void Commit(uint64_t /*epoch*/) {}
  virtual void Restore(const std::string& /*position*/) {}
  // Before a step: whether the job may read on; false while too much waits to leave. Throws what
  // went wrong since the last call.
  virtual bool Ready() { return true; }
  // `f` is called, from any thread, when Ready may say something else.
  virtual void OnReady(std::function<void()> /*f*/) {}
  virtual TransportStatus Status() const { return {}; }
  // Whether everything that was committed has left: a job that is stopped or dropped waits for it.
  virtual bool Drained() { return true; }
  // The job is finished for good (bounded inputs ended, drain).
  virtual void Close() {}
};

struct MetadataColumn {
  std::string key;
  Type type;
  bool writable = false;  // By sinks.
};

// What is known of the table when a source, sink or decoder is made.
struct ConnectorContext {
  std::string table;  // Qualified name.
  Schema schema;      // Physical columns only.
  std::vector<std::string> primary_key;
  std::vector<std::string> partitioned_by;
  std::vector<size_t> columns;        // Source: the physical columns to produce, in this order.
  // Source: of each of `columns` the ROW fields that are needed; no list or an empty one: all. A
  // hint: a source may fill the other fields as well or leave them NULL.
  std::vector<std::vector<std::string>> fields;
  // The metadata keys, behind the columns: those to produce, or of a sink those that are written, as
  // columns of `metadata_types`.
  std::vector<std::string> metadata;
  std::vector<Type> metadata_types;
  Options options;
  std::string base_directory;  // Relative paths start here.
  std::string zone = "UTC";
  std::string writer;           // Sink: the job's name, unique in its server.
  std::string state_directory;  // Sink: for files of its own; "": nothing is kept.
};

struct OptionDef {
  enum class Kind : uint8_t { kString, kBoolean, kInteger, kDuration, kSize, kDouble };
  std::string name;  // "fields.#.min": # stands for a column's name; "properties.*": any rest.
  Kind kind = Kind::kString;
  std::string default_value;
  std::string help;
  bool required = false;
  std::vector<std::string> choices;  // When only these values are legal.
  bool ignored = false;  // Accepted for Flink's scripts, without effect; gives a notice.
};

// How a format divides a stream of bytes into records. Every newline ends one, but for those
// between quotes.
struct RecordFraming {
  char quote = 0;       // Opens a quoted field at the start of a field; 0: there are none.
  char delimiter = 0;   // Between fields, when there are quotes.
  char escape = 0;      // The byte behind it stands for itself; 0: none.
  char comment = 0;     // A line that begins with it has no quotes; 0: none.
  bool header = false;  // A file's first line names the fields and is no record.
};

struct FormatDef {
  std::string name;
  std::vector<OptionDef> options;  // Full names: "json.ignore-parse-errors".
  std::unique_ptr<Decoder> (*decoder)(const ConnectorContext&) = nullptr;
  // Appends the encoded record (no line end) of row i.
  struct Encoder {
    virtual ~Encoder() = default;
    virtual void Encode(const Batch& batch, size_t row, std::string* out) = 0;
  };
  std::unique_ptr<Encoder> (*encoder)(const ConnectorContext&) = nullptr;
  // Of a format whose records say whether a row comes or goes, so that its decoder gives weights of
  // both signs: puts what `encoder` made of a row into such a record. Null: rows only come.
  void (*envelope)(std::string_view row, bool goes, std::string* out) = nullptr;
  RecordFraming (*framing)(const Options&) = nullptr;  // Null: lines.
  // Checks what needs more than OptionDefs; throws at the option's range. ValidateOptions calls it.
  void (*validate)(const ConnectorContext&) = nullptr;
  // The text a file begins with, line end included (CSV's header). Null: none.
  std::string (*file_header)(const ConnectorContext&) = nullptr;
};

struct ConnectorDef {
  std::string name;
  std::vector<OptionDef> options;
  std::vector<MetadataColumn> metadata;
  bool needs_format = false;
  bool has_keys = false;  // Records have keys: 'key.format' beside 'format' or 'value.format'.
  bool keyed_changes = false;  // A source whose records replace each other by PRIMARY KEY.
  bool append_only_sink = true;  // Refuses updates; else takes them.
  std::unique_ptr<Source> (*source)(const ConnectorContext&) = nullptr;  // Null: not a source.
  std::unique_ptr<Sink> (*sink)(const ConnectorContext&) = nullptr;      // Null: not a sink.
  // Whether a source with these options ends by itself.
  bool (*bounded)(const Options&) = nullptr;
  // Checks what needs more than OptionDefs (paths exist, pairs of options); throws at the option's
  // range.
  void (*validate)(const ConnectorContext&, bool as_sink) = nullptr;
};

// Whether tables with these options carry changes: rows that come and go.
bool HasChangeFormat(const ConnectorDef& connector, const Options& options);

// The decoder of a connector that needs a format.
std::unique_ptr<Decoder> MakeDecoder(const ConnectorDef& connector,
                                     const ConnectorContext& context);

// The lists of registry.cc; null when unknown.
const ConnectorDef* FindConnector(std::string_view name);
const FormatDef* FindFormat(std::string_view name);
std::vector<std::string_view> ConnectorNames();
std::vector<std::string_view> FormatNames();

// Checks names, kinds and choices of all options against the connector's and the format's
// definitions and returns notices (accepted but ignored options). Throws Error(kInvalidOption |
// kMissingOption) at the option's key or value range with the nearest valid name. `with_range`: the
// WITH clause.
std::vector<std::string> ValidateOptions(const ConnectorContext& context, SourceRange with_range);

// The option of that name or of its legacy name ('connector.path' for 'path'); null when absent.
const Option* FindOption(const Options& options, std::string_view key);
// Where an error about the option's value belongs; nothing when the option is absent.
std::optional<SourceRange> ValueRange(const Options& options, std::string_view key);

// Typed access with the definition's default; throws Error(kInvalidOption) at the value.
std::string GetString(const Options& options, std::string_view key,
                      std::string_view otherwise = "");
bool GetBool(const Options& options, std::string_view key, bool otherwise);
int64_t GetInt(const Options& options, std::string_view key, int64_t otherwise);
double GetDouble(const Options& options, std::string_view key, double otherwise);
int64_t GetDurationMicros(const Options& options, std::string_view key, int64_t otherwise);
int64_t GetSizeBytes(const Options& options, std::string_view key, int64_t otherwise);

}  // namespace millrace
