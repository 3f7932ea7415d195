// GROUP BY, unbounded and windowed.
//
// Accumulates during a step, then emits at most one -1 and one +1 row per changed group. A window's
// groups are emitted and dropped when the watermark passes its end; rows behind it are late.
//
// State rows: key := window_end window_start (window aggregates) and the other keys, so that
// closing is a range in the store;
//             value := rows:fixed64, then per call its state's bytes or its own serialisation,
//                      and with a TTL the step's clock when the group last changed:fixed64.
//
// With a TTL a group that has not changed for so long begins anew, whether it is still there or was
// swept away; its row stays in the result. What is taken back from a group that begins anew went
// with it and is dropped.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "executor/operator.h"
#include "executor/value_table.h"
#include "planner/plan.h"
#include "state/group_table.h"

namespace millrace {

struct AggregateOptions {
  Aggregate plan;
  Schema input;  // For late rows.
  Schema output;
  bool upsert = false;  // Every consumer keeps rows by the group key, so an update needs no -1.
  bool append_only = false;  // The input is.
  bool tracked = false;      // Checkpoints are taken.
  OperatorId id = 0;         // This operator's state; DISTINCT and MIN/MAX sets have id + 1 + call.
};

class AggregateOperator final : public Operator {
 public:
  AggregateOperator(AggregateOptions options, PartitionContext* context);

  void OnBatch(size_t port, Batch batch, const StepTime& time, const Emit& emit) override;
  void OnStep(const StepTime& time, const Emit& emit) override;
  void BeginCheckpoint(StateWriter* writer) override;
  int64_t NextTimer() const override;
  bool CopySlice(size_t max_rows) override;
  void Restore(const Store& store, size_t partition, size_t partitions) override;
  size_t state_bytes() const override;
  size_t state_rows() const override { return groups_.size(); }
  void OpenStore(const Store& store, size_t partition, size_t partitions) override;
  void Settle() override { groups_.Settle(); }
  size_t Evict(size_t bytes, unsigned min_age) override;
  bool Warm(size_t max_rows) override;
  size_t used_bytes() const override;
  bool evicts() const override { return groups_.opened(); }
  ColdCounts cold_counts() const override { return groups_.cold_rows().counts(); }

 private:
  struct Call {
    AggregateKernel kernel;
    std::optional<size_t> argument, filter, weight;
    int extreme = 0;
    bool distinct = false;
    size_t offset = 0;  // Of the state in a group row.
    bool takes_nulls = false;
    std::unique_ptr<ValueTable> values;  // DISTINCT, folds, and extremes over updating input.
    // The calls that count the values in it, by count: this one and others that differ by their
    // function and filter alone. Empty: it counts in another call's values, or has none.
    std::vector<size_t> sharers;
  };

  // A group that the running step changed, and its row before (null where nothing was emitted).
  struct Touched {
    char* group;
    const char* before;
  };

  static int64_t& Rows(char* group) {
    return *reinterpret_cast<int64_t*>(group + GroupTable::kPayload);
  }
  static int64_t Rows(const char* group) {
    return *reinterpret_cast<const int64_t*>(group + GroupTable::kPayload);
  }
  bool Exists(const char* group) const {
    return Rows(group) > 0 || global_ || (!options_.plan.empty_sets.empty() && IsEmptySet(group));
  }
  bool IsEmptySet(const char* group) const;
  void MakeStandingGroups();

  // TTL (aggregate_ttl.cc).
  int64_t& ChangedAt(char* group) const {
    return *reinterpret_cast<int64_t*>(group + changed_at_offset_);
  }
  bool Expired(char* group) const;
  void Renew(std::span<char* const> groups);
  void TakeHeld(const StepTime& time);
  void SweepExpired();

  size_t LayOut();
  void ShareValues();
  bool windowed() const { return options_.plan.window_end.has_value(); }
  // The last instant of the window.
  int64_t WindowTime(const char* group) const;
  void DropLate(const StepTime& time, Batch* batch) const;
  void Register(char* group);
  void FindGroups(const Batch& batch);
  // Groups that are in the store alone (aggregate_checkpoint.cc).
  void FetchGroups(const RowKeys& keys);
  void FetchStanding(std::string_view key, uint64_t hash);
  void FillGroup(char* group, std::string_view value);
  void Touch(std::span<char* const> groups, const StepTime& time);
  void Update(const Batch& batch);
  void UpdateValues(const Batch& batch, Call& call, const int64_t* weights);
  static std::vector<uint8_t> FilterOf(const Batch& batch, const Call& call);
  void Merge(const Batch& batch, const StepTime& time);
  // The rows' weights times how often each counts.
  std::vector<int64_t> WeightsOf(const Batch& batch, const Call& call) const;
  void Refresh(std::span<char* const> groups);
  void RefreshExtreme(Call& call, std::span<char* const> groups);
  void RefreshFold(Call& call, std::span<char* const> groups);
  void PrefetchRow(const char* group) const;
  void Settle(std::span<const Touched> touched);
  void ClearStates(char* group);
  void EmitChanges(const Emit& emit);
  void FireWindow(std::span<char* const> groups, const Emit& emit);
  void EmitRows(std::span<const char* const> states, std::span<const char* const> groups,
                std::vector<int64_t> weights, const Emit& emit);
  void DropGroup(char* group);
  void DropEmptied(std::span<char* const> emptied);
  void CloseWindows(const StepTime& time, const Emit& emit);
  void CompactHeap();
  void EncodeGroup(const char* group, std::string* value) const;
  void DecodeGroup(std::string_view value, char* group);
  bool AnyFails(std::span<const char* const> groups) const;
  bool AnyGroupFails() const;  // Its row is in the errors, and must be retractable.

  AggregateOptions options_;
  PartitionContext* context_;
  bool global_;  // No keys: one row, also over no input.
  int64_t ttl_;  // Micros without change after which a group is gone; 0: never.
  // The keys of groups that are there without rows, until they are made.
  std::vector<std::string> standing_;
  // The first key is not the window's end, but its time: the window is one of a zone's local times.
  bool keyed_by_time_;
  size_t window_prefix_;  // Bytes of the key before the keys that choose the partition.
  std::vector<Call> calls_;
  size_t states_end_ = 0;  // In a group row: behind the states, before the lists of values.
  size_t changed_at_offset_ = 0;
  std::unique_ptr<AggregateHeap> heap_ = std::make_unique<AggregateHeap>();
  size_t compact_at_ = 1 << 20;  // Size of the heap at which dead strings are dropped.
  size_t evicted_ = 0;           // Groups since then.
  GroupTable groups_;
  std::map<int64_t, std::vector<char*>> windows_;  // By time, in the order of their creation.
  int64_t passed_ = kMinWatermark;                 // The last step's watermark.
  bool had_errors_ = false;  // Some group failed: its error row must be retractable from now on.
  std::vector<Touched> touched_;
  Arena before_;
  std::vector<char*> rows_;  // Scratch: the group of each input row.
  // With a TTL, input that may take rows back: of the step, since deletions of rows that are gone
  // are seen when all changes are there.
  std::vector<Batch> held_;
  int64_t swept_at_ = 0;
  size_t next_swept_ = 0;  // The next slot of groups_ to look at.
};

}  // namespace millrace
