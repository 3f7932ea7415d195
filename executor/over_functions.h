// What the window functions of one OVER give for rows of a partition.
#pragma once

#include <memory>
#include <vector>

#include "executor/over_frame.h"
#include "executor/over_running.h"
#include "executor/over_sliding.h"

namespace millrace {

class OverFunctions {
 public:
  explicit OverFunctions(const std::vector<OverCall>& calls);

  // Brings what is known of running frames up to date after changes of the partition in
  // [first, last) of its order. To be called before the next two. Gives a position from which on,
  // as far as running frames go, results are as before.
  size_t Refresh(const OverRows& rows, OrderedPartition* partition, size_t first, size_t last);

  // A range of rows, those of the changed row included, outside which this change alters nothing,
  // but for what the next three say.
  std::pair<size_t, size_t> Reach(const OverRows& rows, const ChangedRows& change) const;
  // Whether results of all rows behind a change may be others, as far as Refresh says.
  bool runs() const { return runs_; }
  // Whether they are others where rows have moved.
  bool numbers() const { return numbers_; }
  // Whether any change may alter all rows.
  bool alters_all() const { return alters_all_; }
  // Calls over the whole partition, which give all rows the same.
  const std::vector<size_t>& uniform() const { return uniform_; }

  // The results for rows [begin, end), a column for each call; row errors count from `begin`.
  Batch Evaluate(const OverRows& rows, size_t begin, size_t end, RowErrors* errors);

  // For input that only appends, whose rows are looked at once: how many of the first `known` rows
  // no later row needs, if they go into a carry; as of FrameFinder::Passed.
  size_t Passed(const OverRows& rows, size_t known, const Column& passed) const;
  // When a row of this time is needed no more, as of FrameFinder::NeededUntil.
  int64_t NeededUntil(const OverRows& rows, const Column& value) const;
  // Whether such rows leave anything behind, and of what size, roughly.
  bool carries() const { return carries_; }
  size_t carry_bytes() const { return running_.empty() ? 0 : running_.stride(); }
  // Adds the first `count` rows to what is left of those before them; rows.carry is `*carry` or
  // null.
  void Carry(const OverRows& rows, size_t count, OverCarry* carry);
  void EncodeCarry(const OverCarry& carry, std::string* bytes) const;
  void DecodeCarry(std::string_view bytes, OverCarry* carry) const;

  // What is known of running frames takes memory; all of it can be forgotten: Forget() for every
  // partition, then ForgetAll().
  bool IsCrowded() const { return running_.IsCrowded(); }
  static void Forget(OrderedPartition* partition);
  void ForgetAll() { running_.Clear(); }
  size_t heap_bytes() const { return running_.heap_bytes(); }

 private:
  enum class Kind : uint8_t {
    kRowNumber,
    kRank,
    kDenseRank,
    kPercentRank,
    kCumeDist,
    kNtile,
    kShift,  // LAG and LEAD: the only row of their frame.
    kFirst,
    kLast,
    kNth,
    kRunning,   // Aggregates over frames from the first row on,
    kWhole,     // over all rows,
    kDistinct,  // as kRunning with DISTINCT,
    kSliding,   // over other frames.
  };
  struct Call {
    Kind kind;
    OverCall plan;
    size_t index = 0;
    size_t frame = 0;  // In frames_; of kinds from kShift on.
    size_t item = 0;   // Of kRunning, kWhole and kDenseRank: in running_.
    SlidingAggregate sliding;
  };
  // What several calls want of the rows being evaluated.
  struct Chunk {
    const OverRows& rows;
    size_t begin, end;
    std::unique_ptr<OverPeers> peers;
    std::vector<FrameRanges> frames;
    std::unique_ptr<RunningStates::Span> running, total;
    size_t size() const { return end - begin; }
  };

  static Kind KindOf(const OverCall& call, const FrameFinder& frame);
  static std::vector<Call> CallsOf(const std::vector<OverCall>& plans,
                                   std::vector<FrameFinder>* frames);
  static std::vector<OverItem> ItemsOf(std::vector<Call>* calls);
  void Prepare(Chunk* chunk);
  void ScanRunning(Chunk* chunk);
  Column Result(const Call& call, const Chunk& chunk, RowErrors* errors) const;
  Column Number(const Call& call, const Chunk& chunk) const;
  Column Share(const Call& call, const Chunk& chunk) const;
  Column Value(const Call& call, const Chunk& chunk) const;
  Column ValueNotNull(const Call& call, const Chunk& chunk) const;
  void NarrowReach(const Call& call, const OverRows& rows, const ChangedRows& change,
                   size_t* first, size_t* last) const;
  bool KeepsAll(const Call& call) const;
  bool KeepsLast(const Call& call) const;
  size_t PositionOf(const Call& call, const OverRows& rows, size_t begin, size_t end) const;
  bool IsCarried(const Call& call, const OverRows& rows) const;
  Column CarriedValue(const Call& call, const Chunk& chunk, Column values) const;
  void DecodeStates(std::string_view bytes, OverCarry* carry) const;
  Column Running(const Call& call, const Chunk& chunk, RowErrors* errors) const;
  Column Total(const Call& call, const Chunk& chunk, RowErrors* errors) const;

  std::vector<FrameFinder> frames_;  // Before calls_, which fill it.
  std::vector<Call> calls_;
  RunningStates running_;
  AggregateHeap heap_;  // Of the rows being evaluated.
  bool needs_peers_ = false;
  bool runs_ = false;     // Some call sums up what is before.
  bool lags_ = false;     // Some such call ends before its row.
  bool numbers_ = false;  // Some call numbers rows.
  bool ranks_ = false;    // … and their peers.
  bool alters_all_ = false;
  bool carries_ = false, carries_values_ = false;
  std::vector<size_t> uniform_;
};

}  // namespace millrace
