// The engine: runs SQL statements, keeps the catalog, starts and recovers jobs. No HTTP here.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "connectors/table_log.h"
#include "planner/planner.h"
#include "state/cold_rows.h"

namespace millrace {

struct EngineOptions {
  std::string data_directory;        // "": nothing is kept.
  std::string base_directory = ".";  // Of relative paths in options.
  bool sync = true;                  // fsync at commits.
  size_t partitions = 0;             // Of pipelines; 0: one a core.
  size_t batch_rows = 4096;
  size_t step_rows = 65536;                         // What a step takes from one table; jobs that emit changes may take a multiple.
  int64_t checkpoint_interval_micros = 10'000'000;  // 0: only when asked or shutting down.
  uint64_t compact_bytes = 4 << 20;  // Logs of tables that change are not compacted below.
  bool manual = false;                              // No driver threads: Step() drives (tests).
  size_t memory_limit = 0;  // Bytes of the process; 0: 80 % of the RAM or cgroup.
  size_t memory_budget = 0;  // Bytes of all state; what is over it is in the store alone. 0: none.
  size_t max_subscriptions = 100;  // Push queries whose rows go out as they come.
  std::function<int64_t()> clock = NowMicros;  // Of the pipelines' steps.
};

struct JobInfo {
  uint32_t number = 0;
  std::string id;              // "job_7"
  std::string name;            // The view's or the sink's name.
  std::string kind;            // "MATERIALIZED VIEW" or "INSERT"
  // CREATED: it will replace its namesake when it has caught up.
  std::string state;  // CREATED, RUNNING, PAUSED, RESTARTING, FINISHED, FAILED, STOPPED, STALLED
  std::optional<Error> error;  // FAILED, RESTARTING
  uint64_t restarts = 0;       // Since it last ran well.
  double restart_seconds = 0;  // RESTARTING: until the next try.
  std::string sql;
  std::string plan;  // As EXPLAIN prints it.
  uint64_t rows_in = 0, rows_out = 0, late_rows = 0, error_rows = 0, rejected_records = 0;
  uint64_t steps = 0;
  uint64_t state_bytes = 0, state_rows = 0;
  uint64_t expired_rows = 0, dropped_rows = 0;  // By state TTL.
  ColdCounts cold;  // State in the store alone.
  uint64_t combined_rows = 0;  // That became groups before they changed their partition.
  std::optional<int64_t> watermark;  // Microseconds; none before the first.
  std::string held_back_by;  // "orders/a.csv": the source partition with the least watermark.
  uint64_t checkpoints = 0;
  int64_t last_checkpoint_micros = 0;
  double wall_seconds = 0, busy_seconds = 0;
  std::vector<std::string> reads;
  bool recovering = false;           // Waits for a source before it goes on from where it was.
  std::vector<std::string> notices;  // What keeps its sources and sinks from working now.
  std::vector<std::pair<std::string, SourceLag>> lag;  // By table.
};

enum class JobCommand : uint8_t {
  kPause,
  kResume,      // Of a paused or stopped job.
  kStop,        // With a last checkpoint; its state is kept.
  kDrain,       // Its inputs end where they are, its windows close, it finishes.
  kRestart,     // Anew from its last checkpoint.
  kCheckpoint,
};

struct StatementResult {
  size_t statement_index = 0;
  std::string kind;     // "select", "create_table", "insert", "show_tables", "set", …
  std::string message;  // For people: "Table orders created."
  std::vector<Notice> notices;
  bool has_rows = false;  // SELECT, SHOW, DESCRIBE, EXPLAIN, VALUES
  Schema schema;
  std::vector<Batch> rows;  // Positive weights; empty weights are 1 each.
  bool truncated = false;   // max_rows was reached.
  std::string changelog_mode = "append";
  std::optional<JobInfo> job;
  uint64_t snapshot_step = 0;  // Of the pull query's snapshot.
  std::optional<int64_t> snapshot_watermark;
  std::vector<size_t> primary_key;  // Of a push query whose rows change: columns; or none.
  std::string end_reason;  // Why a push query ended: "limit", "timeout", "slow_consumer"; or "".
  int64_t affected_rows = -1;  // INSERT … VALUES
};

// A point of a push query at which everything up to some step was given, and nothing of the next.
struct PushPoint {
  bool snapshot_end = false;       // The rows that were there at the beginning have been given.
  std::optional<uint64_t> cursor;  // Of a query that can go on from it: ExecuteRequest::from.
  std::optional<int64_t> watermark;
};

struct ExecuteRequest {
  Session* session = nullptr;  // SET and USE change it; null: a session of this request alone.
  std::vector<Value> params;   // $1 …
  size_t max_rows = SIZE_MAX;
  int64_t timeout_micros = 0;  // 0: none
  bool wait_finished =
      false;  // INSERT and CREATE MATERIALIZED VIEW return when the job has finished.
  // Rows of SELECTs go here as they come, instead of StatementResult::rows. Returns false to end
  // the query. In the changes of one step a row that replaces another of its key follows it.
  std::function<bool(const StatementResult&, const Batch&)> on_rows;
  // Comes at such points, and about once a second while nothing else does. False ends the query.
  std::function<bool(const StatementResult&, const PushPoint&)> on_point;
  bool snapshot = true;          // Push queries over views: the rows that are there come first.
  std::optional<uint64_t> from;  // Instead it goes on behind this cursor, or fails: kCursorExpired.
};

struct ExecuteResult {
  std::vector<StatementResult> results;  // Of the statements that completed.
  std::optional<Error> error;            // Of the next one.
  size_t error_statement = 0;
};

struct ValidatedStatement {
  std::string kind;
  Schema schema;  // Queries
  std::string plan;
  std::vector<std::string> reads, writes;
  std::vector<Notice> notices;
};

struct ValidateResult {
  std::vector<ValidatedStatement> statements;
  std::optional<Error> error;
  size_t error_statement = 0;
};

struct ObjectInfo {
  std::string name;
  std::string kind;  // "TABLE", "VIEW", "MATERIALIZED VIEW", "FUNCTION"
  std::vector<TableColumn> columns;
  std::vector<size_t> primary_key;
  std::optional<size_t> watermark_column;
  std::string connector;  // "" for embedded tables and views.
  std::string sql;        // Secrets masked.
  std::vector<std::string> reads, read_by;
  std::optional<uint64_t> rows;  // Views and embedded tables.
  bool takes_rows = false;       // InsertRows works.
};

// Thread-safe. Errors are thrown as Error; ranges are in the text of the request.
class Engine {
 public:
  // Replays the catalog, restores and starts the jobs. Throws Error(kDataDirectory) with one clear
  // line.
  explicit Engine(EngineOptions options);
  ~Engine();  // As kill -9 would leave it, but for closing files.

  // Runs the statements in order and stops at the first error; earlier effects stay. Does not throw
  // for SQL errors.
  ExecuteResult Execute(std::string_view sql, const ExecuteRequest& request);
  // An init file: statements whose object exists with identical text are skipped.
  ExecuteResult ExecuteInit(std::string_view sql);
  // Parses, binds and plans, in a catalog of its own; no effects.
  ValidateResult Validate(std::string_view sql);

  // The row of a materialized view with this key, given in the order of its primary key and cast
  // from text. Nothing when there is none. Does not wait for a step. Throws kNotFound, kBadRequest.
  StatementResult Lookup(const std::string& view, const std::vector<std::string>& key);

  // Appends rows (the table's physical columns) to an embedded table; durable when it returns.
  // With a key, rows that were sent with it before are not appended again; throws Error(kConflict)
  // when they were others.
  AppendedRows InsertRows(const std::string& table, const Batch& rows,
                          const RequestKey* key = nullptr);
  // Whether all running jobs that read the table have read its log up to row `end` and shown what
  // follows from it; waits for that up to so long. Throws kNotFound; kCursorExpired when the table
  // never had so many rows (it was made anew).
  bool AwaitRows(const std::string& table, uint64_t end, int64_t wait_micros);
  // Whether the view has published this step, as in StatementResult::snapshot_step.
  bool AwaitStep(const std::string& view, uint64_t step, int64_t wait_micros);
  // Throws kNotFound; kBadRequest when it takes no rows.
  Schema InsertSchema(const std::string& table) const;

  std::vector<JobInfo> Jobs() const;
  JobInfo Job(std::string_view id_or_name) const;  // Throws kNotFound.
  // A view stays readable at its last rows. Throws kNotFound; kConflict when the job's state does
  // not allow it.
  JobInfo ControlJob(std::string_view id_or_name, JobCommand command);
  // The materialized view `name` runs `sql`, a query or its CREATE MATERIALIZED VIEW, and is in the
  // state ("RUNNING", "PAUSED", "STOPPED"; "": as it is): made, replaced, or left as it is. Throws
  // what the statement would.
  JobInfo PutJob(const std::string& name, const std::string& sql,
                 const std::map<std::string, std::string>& settings, const std::string& state);
  std::vector<ObjectInfo> Objects() const;
  ObjectInfo Object(std::string_view name) const;  // Throws kNotFound.

  // Returns when everything that was ingested before the call is visible in all views.
  void Flush();
  // Returns when all jobs of bounded sources have finished or failed; whether none failed.
  bool WaitFinished();
  // Checkpoints all pipelines and returns when they are sealed.
  void Checkpoint();
  // Stops accepting, checkpoints, closes. Then only the destructor may be called.
  void Shutdown();

  // manual: runs one step of every pipeline; whether any had something to do.
  bool Step();

  const EngineOptions& options() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace millrace
