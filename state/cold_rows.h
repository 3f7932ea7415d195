// The rows of a table that are in the store alone.
//
// A row whose copy is in LevelDB may be forgotten by its table, which reads it again when its key is
// asked for. What the store says of a key that the table does not hold is right, but for keys whose
// row left the table since: their deletion gets there with a checkpoint. These are remembered until
// then.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "state/store.h"

namespace millrace {

// Since the table was made.
struct ColdCounts {
  uint64_t evicted_rows = 0, evicted_bytes = 0;
  uint64_t asked_rows = 0, read_rows = 0;  // Keys looked for in the store, and found there.

  ColdCounts& operator+=(const ColdCounts& other) {
    evicted_rows += other.evicted_rows;
    evicted_bytes += other.evicted_bytes;
    asked_rows += other.asked_rows;
    read_rows += other.read_rows;
    return *this;
  }
};

class ColdRows {
 public:
  struct Wanted {
    StateKey row;
    size_t place;  // The caller's.
  };

  // Rows may be forgotten from now on. The store must outlive this.
  void Open(const Store* store, OperatorId op) {
    store_ = store;
    op_ = op;
  }
  bool opened() const { return store_ != nullptr; }
  const Store* store() const { return store_; }
  OperatorId op() const { return op_; }

  // Whether the store may have rows that the table does not hold.
  bool any() const { return any_; }
  // Rows are forgotten, or were never loaded. The rows that left the table before are buried next.
  void Begin() { any_ = true; }
  // The table holds all.
  void End() {
    any_ = false;
    buried_.clear();
  }

  // The row of this key left the table, and the store may still have it.
  void Bury(std::string_view key) { buried_.insert_or_assign(std::string(key), checkpoints_); }
  bool IsBuried(std::string_view key) const { return !buried_.empty() && buried_.contains(key); }
  void BeginCheckpoint() { ++checkpoints_; }
  // What the checkpoints so far have is in the store.
  void Settle() {
    std::erase_if(buried_, [this](const auto& entry) { return entry.second < checkpoints_; });
  }

  // Calls f(wanted, value) for those that the store has, each once, in no order. Sorts `wanted` and
  // drops what is in it twice, and what is buried.
  void Read(std::vector<Wanted>* wanted,
            const std::function<void(const Wanted&, std::string_view value)>& f) const;
  // A reader's look at one row, beside the table's thread.
  std::optional<std::string> ReadOne(const StateKey& row) const;
  // The keys of which the store may have what is gone.
  std::vector<std::string> buried() const;

  // Filling the table again: calls f(vnode, key, value) for the store's next rows, buried ones left
  // out, and goes on behind the last one the next time; false when there are no more.
  void BeginFill(VnodeRange vnodes);
  bool Fill(size_t max_rows, const std::function<void(uint32_t vnode, std::string_view key,
                                                      std::string_view value)>& f);
  // Whether all rows that were there when the filling began have been seen, and none was forgotten
  // meanwhile.
  bool filled() const { return fill_.first >= fill_.end && !forgot_; }
  void NoteForgotten() { forgot_ = true; }

  ColdCounts& counts() const { return counts_; }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view key) const { return std::hash<std::string_view>()(key); }
  };

  const Store* store_ = nullptr;
  OperatorId op_ = 0;
  bool any_ = false;
  uint64_t checkpoints_ = 0;  // Begun.
  // To how many checkpoints had begun when it left.
  std::unordered_map<std::string, uint64_t, Hash, std::equal_to<>> buried_;
  VnodeRange fill_;       // Still to be seen,
  std::string fill_from_;  // from this key of the first one on.
  bool forgot_ = false;    // Rows were forgotten since the filling began.
  mutable ColdCounts counts_;
};

}  // namespace millrace
