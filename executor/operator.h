// The operator interface. One instance serves one partition and is driven by one thread at a time:
// no locks, no atomics.
#pragma once

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "functions/scalar.h"
#include "state/cold_rows.h"
#include "state/state_writer.h"
#include "state/store.h"
#include "types/batch.h"

namespace millrace {

// Watermarks are microseconds of the time attribute, cut to whole milliseconds.
inline constexpr int64_t kMinWatermark = std::numeric_limits<int64_t>::min();
inline constexpr int64_t kMaxWatermark = std::numeric_limits<int64_t>::max();

using Emit = std::function<void(Batch)>;

// A row that leaves the result: its place in `<view>$errors` or `<view>$late`.
struct RejectedRow {
  std::string op;
  std::string reason;
  std::string row;  // JSON
  int64_t weight = 1;
  int64_t event_time = 0;  // Late rows only.
  int64_t watermark = 0;
};

// What the operators of one partition share. The pipeline empties the rejected rows after each
// step.
struct PartitionContext {
  size_t partition = 0;
  size_t partitions = 1;
  size_t source_partition =
      0;  // Where the batch being pushed came from, as far as the Watermark operator.
  EvalContext eval;
  std::vector<RejectedRow> errors, late;
  // State that its TTL ended, and deletions of rows that had gone so: of the step.
  uint64_t expired_rows = 0, dropped_rows = 0;
  bool fail_on_error = false;  // Pull queries: an error row ends the query.
};

// Watermarks of an operator's inputs (their minimum).
struct StepTime {
  int64_t before = kMinWatermark;  // When the step began: decides what is late.
  int64_t watermark = kMinWatermark;
  bool finished = false;  // The inputs have ended.
};

class Operator {
 public:
  virtual ~Operator() = default;

  // Consumes a batch that arrives at input `port`. `time.watermark` is not known yet. May emit.
  virtual void OnBatch(size_t port, Batch batch, const StepTime& time, const Emit& emit) = 0;

  // All batches of the step have arrived, and rows behind time.watermark no longer will. Emits the
  // step's net changes, closes windows, and drops what they held.
  virtual void OnStep(const StepTime& /*time*/, const Emit& /*emit*/) {}

  // When, by the clock (micros), a step must come although nothing arrives; kMaxWatermark: never.
  // Asked between steps.
  virtual int64_t NextTimer() const { return kMaxWatermark; }

  // The state as it is now, changed since the last call, is to be copied into `writer` by CopySlice
  // calls between the following steps.
  virtual void BeginCheckpoint(StateWriter* /*writer*/) {}
  // Copies up to `max_rows`; true when nothing is left.
  virtual bool CopySlice(size_t /*max_rows*/) { return true; }
  // Loads what was checkpointed, for this partition of `partitions`.
  virtual void Restore(const Store& /*store*/, size_t /*partition*/, size_t /*partitions*/) {}

  // Memory of the state, roughly, and its entries.
  virtual size_t state_bytes() const { return 0; }
  virtual size_t state_rows() const { return 0; }

  // State in the store alone (state/cold_rows.h), for those operators that can do with it.
  // Allows it, for this partition of `partitions`. Comes before Restore and the first batch; what
  // Restore then leaves in the store is read when it is needed, or by Warm.
  virtual void OpenStore(const Store& /*store*/, size_t /*partition*/, size_t /*partitions*/) {}
  // What the checkpoints so far copied is in the store. Comes before Evict. Between steps, as what
  // follows; of a view, while nobody reads it.
  virtual void Settle() {}
  // Forgets up to `bytes` of rows that the store has, those of at least this age
  // (GroupTable::Evict). Returns the bytes.
  virtual size_t Evict(size_t /*bytes*/, unsigned /*min_age*/) { return 0; }
  // Brings in up to `max_rows` of what is in the store alone; false when there is no more.
  virtual bool Warm(size_t /*max_rows*/) { return false; }
  // Bytes of the state that are in use; less than state_bytes() where rows left.
  virtual size_t used_bytes() const { return state_bytes(); }
  // Whether Evict can do anything.
  virtual bool evicts() const { return false; }
  virtual ColdCounts cold_counts() const { return {}; }
};

// Evaluates into a batch's rows and takes those that failed out of `batch`, reporting them under
// `op`. Returns whether any failed.
bool DropFailedRows(const RowErrors& errors, const std::string& op, const Schema& schema,
                    PartitionContext* context, Batch* batch);

// Row i as a JSON object, for error and late tables.
std::string RowToJson(const Batch& batch, const Schema& schema, size_t i);

}  // namespace millrace
