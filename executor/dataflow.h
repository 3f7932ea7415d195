// The operators of one job, built from its plan for P partitions, and how a step runs through them.
//
// Operators are cut into stages at the exchanges. A step polls the scans, runs stage after stage
// over all partitions in parallel, and leaves no batch in flight. One thread, the pipeline's
// driver, calls everything here; workers only run inside Step().
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/signal.h"
#include "base/worker_pool.h"
#include "executor/exchange.h"
#include "executor/materialize.h"
#include "executor/operator.h"
#include "executor/scan.h"
#include "executor/watermark.h"
#include "planner/plan.h"

namespace millrace {

struct DataflowOptions {
  uint32_t job = 0;
  std::string name;
  size_t partitions = 1;
  size_t batch_rows = 4096;
  size_t step_rows = 65536;
  bool tracked = false;      // Checkpoints are taken.
  bool bounded_run = false;  // A pull query: one OnStep at the end, errors end it.
  size_t memory_limit = 0;   // Of the job's state, bytes; 0: only the process's.
  std::string zone = "UTC";
  std::string base_directory;
  std::string state_directory;  // Of the job's sinks; "": nothing is kept.
};

// What a job finds around it.
struct DataflowEnvironment {
  std::function<View*(const std::string& name)>
      find_view;  // Running views, for ScanView in a pipeline.
  // Rows of a view or system view for pull queries: one snapshot for the whole query.
  std::function<std::vector<Batch>(const std::string& name)> read_view;
  // Rows of an embedded table that changes, for pull queries.
  std::function<std::vector<Batch>(const Relation&)> read_table;
  std::function<std::unique_ptr<Source>(const Relation&, std::vector<size_t> columns)>
      open_embedded;
  // `writer` names the job, `step` the step being published, so that repeated appends are dropped.
  std::function<void(const Relation&, const std::string& writer, uint64_t step, const Batch&)>
      append_embedded;
  std::function<bool()> cancelled;  // Pull queries: asked now and then; may be empty.
  std::function<bool(Batch)> collect;  // Result rows of queries; false: enough.
};

class Dataflow {
 public:
  Dataflow(const Plan& plan, DataflowOptions options, DataflowEnvironment environment);
  ~Dataflow();

  // Driver: takes input. Returns the rows taken.
  // Nothing while a sink has more than it can take. Throws what a sink could not do. `now_micros`:
  // the clock, which tells what is idle.
  size_t Poll(int64_t now_micros);
  // False when a source is away: to be called again with the same cut before anything else.
  bool Replay(const std::string& cut);
  // Whether OnStep must come although nothing was polled (first step, upstream moved, idle
  // timeout).
  bool NeedsStep(int64_t now_micros) const;
  int64_t NextTimer() const;
  void Step(WorkerPool* pool, int64_t now_micros);
  // Pull queries: runs to the end of the input.
  // Throws kTimeout after `deadline` (micros; 0: none).
  void RunToEnd(WorkerPool* pool, int64_t now_micros, int64_t deadline);
  // What the step read and where watermarks stand, for the journal.
  std::string TakeCut();

  // Before PublishViews: what it needs is read from the store.
  void PrepareViews(WorkerPool* pool);
  // The step's results become visible. The caller holds the lock of the views.
  void PublishViews(WorkerPool* pool, uint64_t step = 0);
  // Sinks write what the step gave them; `step` makes repeated writes after a crash recognisable.
  void WriteSinks(uint64_t step);
  bool finished() const;  // All inputs have ended and their end was processed.
  void CloseSinks();
  bool scans_end() const;           // Every table it reads ends by itself.
  // The tables it reads end where they are, so that its windows close and it finishes.
  void EndScans();
  // Whether everything that its sinks committed has left.
  bool SinksDrained() const;
  // How many rows of the log of an embedded table were read; nothing when it does not read it.
  std::optional<uint64_t> RowsRead(const std::string& table) const;
  bool writes_embedded() const;
  // Where its tables are read up to, by table and source partition.
  std::vector<std::pair<std::string, std::map<std::string, SourcePosition>>> Positions() const;

  // Views of this job: its own (if any), then $errors, $late, and `<table>$errors` for each of its
  // scans.
  View* view() const { return view_.get(); }
  View* errors() const { return errors_.get(); }
  View* late() const { return late_.get(); }
  View* rejects(const std::string& table) const;
  std::vector<View*> SystemViews() const;
  std::optional<int64_t> watermark() const;  // Of the root's input; none before the first.
  std::string HeldBackBy() const;
  // What its sources and sinks say of themselves, with the table's name.
  std::vector<std::pair<std::string, TransportStatus>> TransportStates() const;

  void BeginCheckpoint(uint64_t epoch, std::vector<StateWriter>* writers);
  bool CopySlice(size_t max_rows);
  std::string EncodeMetadata() const;
  // The epoch is sealed: sinks publish, sources hear how far they were read.
  void Commit(uint64_t epoch);
  void CloseSources();  // Nothing is read any more: the sources may forget what would be.
  void Restore(const Store& store, const std::string& metadata, WorkerPool* pool);
  std::vector<OperatorId> operator_ids() const;

  void OnReady(std::function<void()> f);
  // Rows of embedded tables that the last Poll took.
  size_t embedded_taken() const { return embedded_taken_; }
  void DiscardStep();  // A failed job: what the step had for its views is dropped.
  uint64_t rows_in() const;
  uint64_t rows_out() const { return rows_out_; }
  uint64_t late_rows() const { return late_rows_; }
  uint64_t error_rows() const { return error_rows_; }
  uint64_t expired_rows() const { return expired_rows_; }
  uint64_t dropped_rows() const { return dropped_rows_; }
  uint64_t rejected_records() const;
  uint64_t combined_rows() const;  // By the first phase of aggregation (partial_aggregate.h).
  // A failed job: forgets all state but its views, which stay readable.
  void ReleaseState();
  size_t state_bytes() const;
  size_t state_rows() const;

  // State in the store alone, as executor/operator.h says.
  void OpenStore(const Store& store);
  // The bytes of the state in use, and those of it that can be evicted.
  struct Usage {
    size_t all = 0, evictable = 0;
  };
  Usage usage() const;
  // The caller holds the lock of the views.
  void Settle();
  size_t Evict(WorkerPool* pool, size_t bytes, unsigned min_age);
  bool Warm(WorkerPool* pool, size_t max_rows);
  ColdCounts cold_counts() const;
  const DataflowOptions& options() const { return options_; }

 private:
  friend class DataflowBuilder;

  struct Edge {
    size_t to;
    size_t port;
    std::unique_ptr<Exchange> exchange;     // Null: the same partition.
    std::vector<std::vector<Batch>> queue;  // By partition: to a later stage without an exchange.
  };
  struct OpNode {
    std::string name;
    std::vector<std::unique_ptr<Operator>> instances;  // By partition; none for scans and sinks.
    std::vector<size_t> inputs;
    std::vector<Edge> outputs;
    std::vector<Emit> emits;  // By partition.
    size_t stage = 0;
    StepTime time;                      // Of its inputs.
    int64_t watermark = kMinWatermark;  // Of its output.
    bool idle = false;                  // All its sources are: its watermark holds nobody back.
    int64_t hold = 0;                   // By how much it may emit behind its inputs' watermark.
    bool by_clock = false;              // Windows of processing time: `time` is the clock.
    bool has_timer = false;             // Its operators say when a step must come.
    OperatorId id = 0;
    // Exactly one of these for inputs and outputs of the job.
    std::unique_ptr<TableScan> scan;
    std::string scanned_table;
    bool embedded_scan = false;
    // What is there when the job starts is read before anything else (the table of a lookup join).
    bool read_first = false;
    View* upstream = nullptr;
    std::vector<size_t> upstream_columns;
    bool backfilled = false;  // The upstream's snapshot was taken.
    std::vector<Batch> rows;  // VALUES and pull snapshots.
    bool rows_sent = false;
    std::unique_ptr<WatermarkTracker> tracker;  // Watermark nodes.
    size_t tracked_scan = 0;
    std::unique_ptr<Sink> sink;
    std::string written_table;
    std::string sink_position;  // Of the running checkpoint.
    const Relation* embedded_sink = nullptr;
    std::vector<std::vector<Batch>> sink_rows;  // By partition.
  };

  bool TablesRead() const;
  size_t PollScan(OpNode& node);
  size_t PollScans();
  size_t AlignScans(int64_t now_micros);
  void RunSources(size_t p);
  void ScanUpstream(OpNode& node, size_t p);
  void Receive(OpNode& node, size_t op, size_t p);
  void Push(size_t op, size_t port, size_t p, Batch batch);
  void Deliver(Edge& edge, size_t from, size_t p, Batch batch);
  void EmitFrom(size_t op, size_t p, Batch batch);
  void RunStage(size_t stage, size_t p);
  void StepStage(size_t stage, size_t p);
  void AdvanceWatermarks(size_t stage);
  void AdvanceNode(OpNode& node);
  void CollectRejects();
  void BufferRejects(const std::vector<RejectedRow>& errors, const std::vector<RejectedRow>& late);
  bool InputsEnded() const;
  static int64_t ClockTimer(const OpNode& node);

  DataflowOptions options_;
  DataflowEnvironment environment_;
  std::vector<OpNode> nodes_;  // Topological order.
  size_t stages_ = 1;
  std::vector<std::unique_ptr<PartitionContext>> contexts_;
  std::unique_ptr<View> view_, errors_, late_;
  std::vector<std::pair<std::string, std::unique_ptr<View>>> rejects_;  // By table.
  std::vector<std::unique_ptr<Operator>> system_operators_;  // Checkpoint the system views.
  bool first_step_ = true;
  bool tables_read_ = false;  // What is to be read first has been.
  bool replaying_ = false;
  std::shared_ptr<Signal> input_ = std::make_shared<Signal>();
  bool wants_more_ = true;  // collect has not said no.
  size_t embedded_taken_ = 0;
  int64_t now_ = 0;
  uint64_t rows_out_ = 0, late_rows_ = 0, error_rows_ = 0;
  uint64_t expired_rows_ = 0, dropped_rows_ = 0;  // As PartitionContext has them.
};

}  // namespace millrace
