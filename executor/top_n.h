// Top-N: the rows of each partition whose ROW_NUMBER, RANK or DENSE_RANK lies in a range, with that
// rank or without.
//
// Keeps every row while rows can be taken back, else only those that can still come into the range.
// A step's changes go into the order as they come; OnStep then looks at the rows that changed and
// at the edges of the range, and emits what entered and what left. Only where the rank is given are
// the rows between looked at, too: theirs changes.
//
// State rows: those of ranked_rows.h; with a TTL also, by the partition's key, the time of its last
// change as fixed64.
//
// Without window: results as of each step. With one: its partitions are dropped when the watermark,
// or the clock, closes it, and if the plan says so, their rows are emitted only then, once.
#pragma once

#include <map>
#include <vector>

#include "executor/expiry.h"
#include "executor/operator.h"
#include "executor/ranked_rows.h"
#include "planner/plan.h"

namespace millrace {

struct TopNOptions {
  TopN plan;
  Schema input;
  bool append_only = false;  // The input never takes rows back.
  bool upsert = false;   // Every consumer keeps rows by partition and rank: an update needs no -1.
  bool tracked = false;  // Checkpoints are taken.
  OperatorId id = 0;
  std::string zone = {};  // Of windows that are cut by its local time; "": UTC.
};

class TopNOperator final : public Operator {
 public:
  TopNOperator(TopNOptions options, PartitionContext* context);

  void OnBatch(size_t port, Batch batch, const StepTime& time, const Emit& emit) override;
  void OnStep(const StepTime& time, const Emit& emit) override;
  void BeginCheckpoint(StateWriter* writer) override;
  bool CopySlice(size_t max_rows) override;
  void Restore(const Store& store, size_t partition, size_t partitions) override;
  size_t state_bytes() const override { return groups_.bytes() + rows_.bytes(); }
  size_t state_rows() const override { return rows_.size(); }
  int64_t NextTimer() const override;

 private:
  using Node = RankedRows::Node;
  // A partition.
  struct Group {
    char* root;         // Of its rows' tree.
    char* first_shown;  // The ends of its rows in the output, in order.
    char* last_shown;
    char* worst;    // The last row, once no row behind it can come into the range.
    char* touched;  // The rows that changed in the running step: a list.
    int64_t changed_at;
  };
  // The rows in the range, as the order is now. None: first is null.
  struct Range {
    char* first = nullptr;
    char* last = nullptr;
    int64_t before = 0;  // Copies of the first row that are before the range,
    int64_t behind = 0;  // and of the last that are behind it.
  };
  struct Change {
    const char* row;
    int64_t weight;
    int64_t rank;
  };

  static Group& GroupOf(char* row) { return *reinterpret_cast<Group*>(row + GroupTable::kPayload); }
  static const Group& GroupOf(const char* row) {
    return *reinterpret_cast<const Group*>(row + GroupTable::kPayload);
  }
  static Node& node(char* row) { return RankedRows::node(row); }
  bool dense() const { return options_.plan.rank == TopN::Rank::kDenseRank; }
  bool row_number() const { return options_.plan.rank == TopN::Rank::kRowNumber; }
  bool windowed() const { return options_.plan.window_end.has_value(); }

  // Windows, as in aggregate.h.
  int64_t WindowTime(const char* group) const;  // Its last instant.
  void DropLate(const StepTime& time, Batch* batch) const;
  void CloseWindows(const StepTime& time, const Emit& emit);
  bool IsVisible(const char* group, const StepTime& time) const;

  void Register(char* group);
  char* FindOrMakeGroup(std::string_view key);
  void DropHopeless(Batch* batch);
  void Insert(const Batch& batch);
  void Touch(Group& group, char* row);
  void Trim(Group& group);
  void EvictFrom(Group& group, char* row);

  Range FindRange(char* root) const;
  Range RowNumberRange(char* root) const;
  Range RankRange(char* root) const;
  Range DenseRankRange(char* root) const;
  // Brings what is shown of the group in step with its order.
  void Settle(Group& group);
  void SettleRows(const Group& group, const Range& now);
  void SettleRanks(const Group& group, const Range& now);
  void WalkRanks(const Group& group, char* from, const char* to);
  int64_t ShownOf(const char* row, const Range& range) const;
  void Show(char* row, int64_t rank, int64_t count);
  void Push(const char* row, int64_t weight, int64_t rank);
  void Release(Group& group);
  void Flush(const Emit& emit);
  void EmitRows(std::span<const Change> changes, const Emit& emit) const;
  void DropGroup(char* group);
  void Expire();
  void Adopt(const StepTime& time);

  TopNOptions options_;
  PartitionContext* context_;
  OrderedLayout layout_;
  bool bounded_;  // Rows behind the range can be forgotten.
  GroupTable groups_;
  RankedRows rows_;
  std::map<int64_t, std::vector<char*>> windows_;  // By last instant.
  int64_t passed_ = kMinWatermark;                 // By the watermark of the last step.
  GroupExpiry expiry_;
  bool restored_ = false;  // What is shown is still to be found out.
  // The running step.
  std::vector<char*> touched_;  // Groups.
  std::vector<Change> changes_;
  std::vector<char*> gone_;  // Rows, forgotten when the changes are emitted.
  int64_t top_rank_ = 0;     // Of the group being settled: the last rank that it fills.
  // Scratch: the group and the row of each input row.
  std::vector<char*> group_rows_, input_rows_;
};

}  // namespace millrace
