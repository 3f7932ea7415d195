// GROUP BY over session windows of append-only input: an accumulator for each open session.
//
// The sessions of a key hang on a list, the latest first. A row goes into the session that it
// touches, or makes one; where it touches two, their accumulators are merged. Rows that alone would
// be late wait for OnStep: they may reach an open session by way of other rows of the step. OnStep
// emits at most one -1 and one +1 row for each session that changed, and what closes.
//
// State rows: key   := the keys, then the time of the session's first row to come (fixed64,
//                      big-endian), which no other open session of the key has
//             value := start:fixed64 last:fixed64 fired:byte, then per call its state's bytes or
//                      its own serialisation.
#pragma once

#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "executor/operator.h"
#include "planner/plan.h"
#include "state/group_table.h"

namespace millrace {

struct SessionAggregateOptions {
  SessionAggregate plan;
  Schema input;  // For late rows.
  Schema output;
  bool tracked = false;  // Checkpoints are taken.
  OperatorId id = 0;
};

class SessionAggregateOperator final : public Operator {
 public:
  // Whether the operator can do this call.
  static bool CanRun(const AggregateCall& call);

  SessionAggregateOperator(SessionAggregateOptions options, PartitionContext* context);

  void OnBatch(size_t port, Batch batch, const StepTime& time, const Emit& emit) override;
  void OnStep(const StepTime& time, const Emit& emit) override;
  int64_t NextTimer() const override;
  void BeginCheckpoint(StateWriter* writer) override;
  bool CopySlice(size_t max_rows) override { return sessions_.CopySlice(max_rows); }
  void Restore(const Store& store, size_t partition, size_t partitions) override;
  size_t state_bytes() const override;
  size_t state_rows() const override { return sessions_.size(); }

 private:
  struct Call {
    AggregateKernel kernel;
    std::optional<size_t> argument, filter;
    size_t offset = 0;  // Of the state in a session row.
  };
  struct Session {
    int64_t start, last;
    char* next;          // Of the same key, earlier.
    const char* before;  // As it was emitted, once it is touched in a step; null: it was not.
    uint32_t slot;       // In slots_.
    uint32_t place;      // In changed_, while it is touched.
    bool fired;          // With emit_on_close: it was emitted.
  };
  // What timers name sessions by: a session may be merged away before its timer comes.
  struct Slot {
    char* session;
    uint32_t timers;
  };
  using Timer = std::pair<int64_t, uint32_t>;  // When, and the slot.

  static Session& SessionOf(char* row) {
    return *reinterpret_cast<Session*>(row + GroupTable::kPayload);
  }
  static const Session& SessionOf(const char* row) {
    return *reinterpret_cast<const Session*>(row + GroupTable::kPayload);
  }
  static char*& HeadOf(char* list) {
    return *reinterpret_cast<char**>(list + GroupTable::kPayload);
  }

  size_t LayOut();
  int64_t EndOf(const Session& session) const;
  int64_t CloseTime(const Session& session) const;  // It is emitted, if once.
  int64_t DropTime(const Session& session) const;   // It takes no more rows.
  std::string_view KeysOf(const char* row) const;   // Without the time behind them.

  void HoldOldRows(const StepTime& time, Batch* batch);
  void PlaceOldRows(const StepTime& time);
  bool TouchesSession(const Batch& batch, uint32_t i);
  void ReportLate(const Batch& batch, std::span<const uint32_t> rows, const StepTime& time);
  void Insert(const Batch& batch);
  char* Place(char* list, std::string_view key, int64_t time, const Batch& batch, size_t row);
  char* Create(char* list, std::string_view key, int64_t time);
  void Merge(char* into, char* from);
  void Touch(char* row);
  void Unlink(char* row);
  void Update(const Batch& batch, size_t end);
  void UpdateRows(const Batch& batch, std::span<char* const> rows);

  void EmitChanges(const StepTime& time, const Emit& emit);
  bool SameAsBefore(const char* row) const;
  void Close(const StepTime& time, const Emit& emit);
  void Add(const char* row, int64_t weight, const Emit& emit);
  void Flush(const Emit& emit);
  uint32_t AddSlot(char* row);
  void AddTimer(const char* row);
  void ReleaseTimer(uint32_t slot);
  void CompactHeap();
  void Load(std::string_view value, char* row);

  SessionAggregateOptions options_;
  PartitionContext* context_;
  std::vector<Call> calls_;
  std::unique_ptr<AggregateHeap> heap_ = std::make_unique<AggregateHeap>();
  size_t compact_at_ = 1 << 20;  // Size of the heap at which dead strings are dropped.
  size_t states_ = 0;            // Offset of the first call's state.
  GroupTable sessions_;
  GroupTable lists_;  // By the keys: the first session.
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_slots_;
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;
  // The running step.
  std::vector<Batch> old_rows_;
  std::vector<char*> changed_;      // Null: merged away.
  std::vector<const char*> ended_;  // What was emitted of those.
  Arena before_;
  // Output.
  std::vector<const char*> rows_out_;
  std::vector<int64_t> weights_out_;
  // Scratch: of each input row the list, the session; and how many are in their sessions.
  std::vector<char*> list_rows_, rows_;
  size_t updated_ = 0;
  std::string key_;
};

}  // namespace millrace
