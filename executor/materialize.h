// A materialized view at run time, and the operator that feeds it.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

#include "executor/operator.h"
#include "executor/view.h"
#include "executor/view_feed.h"

namespace millrace {

// Steps buffer their changes; Publish() applies them, all views of a pipeline together, under its
// lock.
class View {
 public:
  View(std::string name, ViewSpec spec, size_t partitions, bool tracked);
  ~View();  // Whoever follows it is told.

  const std::string& name() const { return name_; }
  const ViewSpec& spec() const { return spec_; }
  size_t partitions() const { return parts_.size(); }
  ViewPartition& part(size_t p) { return *parts_[p]; }

  // Worker p: a change of the running step.
  void Buffer(size_t p, Batch changes) { pending_[p].push_back(std::move(changes)); }
  // Driver or worker p, before Publish: the step's changes as a full delta (with the rows that
  // updates replace), for the views built on this one.
  std::vector<Batch> Delta(size_t p) const;
  // Driver: adds the rows that retention takes out at this watermark to the step's changes.
  void BufferExpired(int64_t watermark);
  bool changed() const;
  void Discard() {
    for (auto& batches : pending_) batches.clear();
    for (auto& part : parts_) part->ForgetRead();
  }
  // Of the rows in it: what views built on this one go by.
  int64_t watermark() const { return watermark_; }
  void set_watermark(int64_t watermark) { watermark_ = watermark; }
  // Worker p, before Publish: reads what it needs from the store.
  void Prepare(size_t p);
  // Worker p, holding the lock.
  void Publish(size_t p);
  bool cold() const;

  void set_published(uint64_t step, int64_t watermark) {
    published_step_ = step;
    published_watermark_ = watermark;
  }

  // Between steps: the feed gets the changes of later steps, under this number, as long as it lives.
  void Follow(const std::shared_ptr<ViewFeed>& feed, size_t number);
  // Between steps: the steps behind that one which changed the view; nothing when they are not known
  // any more. Some are, since the view was first followed.
  std::optional<std::vector<FeedStep>> Since(uint64_t step) const;
  // Driver, before Publish: gives the step to those that follow, and adds these, to be told when it
  // is published.
  void Feed(uint64_t step, std::vector<std::shared_ptr<ViewFeed>>* fed);

  // Readers, holding the lock shared.
  uint64_t published_step() const { return published_step_; }
  int64_t published_watermark() const { return published_watermark_; }
  std::vector<ViewSnapshot> Snapshot() const;
  std::optional<Batch> Lookup(const Batch& key_row) const;
  size_t rows() const;
  size_t bytes() const;

 private:
  struct Follower {
    std::weak_ptr<ViewFeed> feed;
    size_t number;
  };

  void Remember(uint64_t step, const FeedStep::Change& change);

  std::string name_;
  ViewSpec spec_;
  std::vector<std::unique_ptr<ViewPartition>> parts_;
  std::vector<std::vector<Batch>> pending_;
  int64_t watermark_ = kMinWatermark;  // Of the running step.
  uint64_t published_step_ = 0;
  int64_t published_watermark_ = kMinWatermark;
  // Driver, and between steps.
  std::vector<Follower> followers_;
  int64_t fed_watermark_ = kMinWatermark;
  std::optional<uint64_t> known_since_;  // All changes of steps behind it are known;
  std::deque<FeedStep> known_;           // these.
  size_t known_rows_ = 0;
};

class MaterializeOperator final : public Operator {
 public:
  MaterializeOperator(View* view, size_t partition, OperatorId id)
      : view_(view), partition_(partition), id_(id) {}

  void OnBatch(size_t, Batch batch, const StepTime&, const Emit&) override {
    rows_ += batch.size;
    view_->Buffer(partition_, std::move(batch));
  }
  void BeginCheckpoint(StateWriter* writer) override {
    view_->part(partition_).BeginCheckpoint(id_, writer);
  }
  bool CopySlice(size_t max_rows) override { return view_->part(partition_).CopySlice(max_rows); }
  void Restore(const Store& store, size_t partition, size_t partitions) override {
    view_->part(partition_).Restore(id_, store, partition, partitions);
  }
  size_t state_bytes() const override { return view_->part(partition_).bytes(); }
  size_t state_rows() const override { return view_->part(partition_).live(); }
  uint64_t rows() const { return rows_; }
  void OpenStore(const Store& store, size_t partition, size_t partitions) override {
    view_->part(partition_).OpenStore(id_, store, partition, partitions);
  }
  void Settle() override { view_->part(partition_).Settle(); }
  size_t Evict(size_t bytes, unsigned min_age) override {
    return view_->part(partition_).Evict(bytes, min_age);
  }
  bool Warm(size_t max_rows) override { return view_->part(partition_).Warm(max_rows); }
  size_t used_bytes() const override { return view_->part(partition_).used_bytes(); }
  bool evicts() const override { return view_->part(partition_).evicts(); }
  ColdCounts cold_counts() const override { return view_->part(partition_).cold_counts(); }

 private:
  View* view_;
  size_t partition_;
  OperatorId id_;
  uint64_t rows_ = 0;
};

}  // namespace millrace
