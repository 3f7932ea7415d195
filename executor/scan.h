// Reads one table for one job: polls its source partitions, decodes in parallel, keeps positions.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connectors/connector.h"
#include "executor/operator.h"

namespace millrace {

// A record that could not be decoded: a row of `<table>$errors`.
struct TableReject {
  std::string partition;
  std::string position;
  int64_t arrival_micros = 0;
  std::string reason;
  std::string raw;
  std::optional<std::string> key;
  std::optional<int64_t> time;  // Microseconds.
};

// What one step read, for the step journal: replaying it reads the same.
struct ScanCut {
  std::map<std::string, SourcePosition> positions;  // Of the partitions that moved.
  bool ended = false;
};

struct ScanOptions {
  size_t partitions = 1;  // Of the pipeline.
  size_t batch_rows = 8192;
  size_t step_rows = 65536;         // Of one step.
  bool longer_steps = false;        // More rows while steps are short, see Poll().
  std::optional<uint32_t> arrival;  // As in ScanTable.
  int64_t max_drift = 0;            // See TableScan::max_drift().
};

class TableScan {
 public:
  // `make_decoder` is empty for sources that make rows themselves.
  TableScan(std::unique_ptr<Source> source, std::function<std::unique_ptr<Decoder>()> make_decoder,
            ScanOptions options);

  // Driver: takes what the source has and deals it to the partitions, up to step_rows. With
  // longer_steps it is a multiple while the source has more than that for every step and the steps
  // are short: what a step does once a group, it then does for more rows. Returns the rows or
  // records taken.
  size_t Poll();
  // Driver: takes exactly what `cut` names. False when the source is away: to be called again with
  // the same cut.
  bool Replay(const ScanCut& cut);
  // Worker `p`: decodes its share and pushes it, setting context->source_partition.
  void Run(size_t p, PartitionContext* context, const Emit& emit);
  // Driver, after the workers: the step's cut.
  ScanCut TakeCut();

  // Driver: nothing more is read, as if the source had ended where it is.
  void End() { drained_ = true; }

  bool bounded() const { return source_->bounded(); }
  bool ended() const { return ended_; }
  size_t source_partitions() const { return names_.size(); }
  const std::string& partition_name(size_t i) const { return names_[i]; }
  // Whether partition i yielded something in the running step; since the start.
  bool moved(size_t i) const { return fed_[i]; }
  bool ever_moved(size_t i) const { return ever_fed_[i]; }
  // Whether it has ended; whether it had nothing more when it was last polled.
  bool finished(size_t i) const { return finished_[i]; }
  bool caught_up(size_t i) const { return caught_up_[i]; }
  // Driver: Poll() leaves partition i out, whose rows would be too far ahead of others'.
  void SetPaused(size_t i, bool paused) { paused_[i] = paused; }
  bool paused(size_t i) const { return paused_[i]; }
  // How far, in microseconds of event time, it may be ahead; 0: as far as it likes.
  int64_t max_drift() const { return options_.max_drift; }

  std::vector<TableReject> TakeRejects();
  void SetCounts(uint64_t rows_in, uint64_t rejected) {
    rows_in_ = rows_in;
    rejected_ = rejected;
  }
  uint64_t rows_in() const { return rows_in_; }
  uint64_t rejected() const { return rejected_; }

  void OnReady(std::function<void()> f) { source_->OnReady(std::move(f)); }
  void Close() { source_->Close(); }
  // Positions of all partitions, for a checkpoint; and back.
  std::map<std::string, SourcePosition> Positions() const;
  // A checkpoint takes the positions as they are; it has been sealed.
  void BeginCheckpoint() { checkpointed_ = Positions(); }
  void Commit() { source_->Commit(checkpointed_); }
  TransportStatus status() const { return source_->Status(); }
  void Seek(const std::map<std::string, SourcePosition>& positions, bool ended);
  // The order of arrival so far: of each source partition its number and what it gave.
  struct Arrivals {
    uint64_t number = 0;
    uint64_t taken = 0;  // Rows or records.
  };
  const std::map<std::string, Arrivals>& arrivals() const { return arrivals_; }
  // REQUIRES: before Seek.
  void SetArrivals(std::map<std::string, Arrivals> arrivals);

 private:
  struct Work {
    size_t source_partition;
    SourceBatch batch;
    Arrivals first;  // Its first row or record.
  };
  void AdaptStep();
  void RefreshPartitions();
  void Take(size_t i, SourceBatch batch);
  void PushRows(Batch batch, size_t source_partition, PartitionContext* context, const Emit& emit);

  std::unique_ptr<Source> source_;
  ScanOptions options_;
  std::vector<std::unique_ptr<Decoder>> decoders_;  // One a partition of the pipeline.
  std::vector<std::string> names_;
  std::vector<SourcePosition> positions_;
  std::vector<uint8_t> moved_, finished_;   // The position moved in this step; it has ended.
  std::vector<uint8_t> fed_, ever_fed_;     // Gave rows or records in this step; ever.
  std::vector<uint8_t> caught_up_, paused_;
  std::map<std::string, SourcePosition> checkpointed_;
  std::map<std::string, SourcePosition> resume_;  // Of partitions not seen again yet.
  std::map<std::string, Arrivals> arrivals_;
  std::vector<std::vector<Work>> work_;  // By pipeline partition.
  size_t next_worker_ = 0;
  size_t step_rows_;                                  // Of the next step.
  bool step_was_full_ = false;                        // The last one.
  std::chrono::steady_clock::time_point step_began_;  // The last one.
  std::vector<std::vector<TableReject>> rejects_;     // By pipeline partition.
  std::vector<uint64_t> rows_;                        // By pipeline partition, in this step.
  uint64_t rows_in_ = 0, rejected_ = 0;
  bool ended_ = false;
  bool drained_ = false;  // End() was called.
};

}  // namespace millrace
