// An operator in several partitions for tests, as a pipeline drives it: rows go to the partition of
// their key, checkpoints are copied in slices, and a restart may change the number of partitions.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "executor/operator.h"
#include "state/store.h"
#include "types/row_key.h"

namespace millrace {

class OperatorPartitions {
 public:
  using Make = std::function<std::unique_ptr<Operator>(PartitionContext*)>;

  // Checkpoints are sealed under `pipeline`.
  OperatorPartitions(Store* store, uint32_t pipeline, Make make, size_t partitions)
      : store_(*store), pipeline_(pipeline), make_(std::move(make)) {
    Start(partitions);
  }

  size_t size() const { return operators_.size(); }
  PartitionContext& context(size_t p) { return *contexts_[p]; }
  Operator& at(size_t p) { return *operators_[p]; }
  size_t state_rows() const {
    size_t rows = 0;
    for (const auto& op : operators_) rows += op->state_rows();
    return rows;
  }

  void Push(size_t port, const Batch& batch, std::span<const size_t> keys, const StepTime& time,
            const Emit& emit) {
    const RowKeys encoded(batch, keys);
    std::vector<std::vector<uint32_t>> parts(operators_.size());
    for (uint32_t i = 0; i < batch.size; ++i) {
      parts[PartitionOf(encoded.hash(i), parts.size())].push_back(i);
    }
    for (size_t p = 0; p < parts.size(); ++p) {
      if (!parts[p].empty()) operators_[p]->OnBatch(port, batch.Take(parts[p]), time, emit);
    }
    if (copying_) CopySome();
  }

  void BeginCheckpoint() {
    writers_ = std::vector<StateWriter>(operators_.size());
    for (size_t p = 0; p < operators_.size(); ++p) operators_[p]->BeginCheckpoint(&writers_[p]);
    copying_ = true;
  }
  bool copying() const { return copying_; }
  void CopySome(size_t rows = 3) {
    bool done = true;
    for (auto& op : operators_) done &= op->CopySlice(rows);
    if (!done) return;
    copying_ = false;
    store_.Commit(pipeline_, {++epoch_, ""}, std::move(writers_));
  }
  void Seal() {
    while (copying_) CopySome();
  }
  // Begun and sealed, in slices of 1 to 4 rows.
  template <class Random>
  void Checkpoint(Random* random) {
    BeginCheckpoint();
    while (copying_) CopySome(1 + (*random)() % 4);
  }
  // What was not sealed is lost.
  void Restart(size_t partitions) {
    store_.WaitApplied();
    Start(partitions);
    if (epoch_ == 0) return;
    for (size_t p = 0; p < partitions; ++p) operators_[p]->Restore(store_, p, partitions);
  }

 private:
  void Start(size_t partitions) {
    copying_ = false;
    operators_.clear();
    contexts_.clear();
    for (size_t p = 0; p < partitions; ++p) {
      contexts_.push_back(std::make_unique<PartitionContext>());
      operators_.push_back(make_(contexts_.back().get()));
    }
  }

  Store& store_;
  const uint32_t pipeline_;
  const Make make_;
  std::vector<std::unique_ptr<PartitionContext>> contexts_;
  std::vector<std::unique_ptr<Operator>> operators_;
  std::vector<StateWriter> writers_;
  bool copying_ = false;
  uint64_t epoch_ = 0;
};

}  // namespace millrace
