// Collects the changed state rows of one partition for one checkpoint.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/arena.h"

namespace millrace {

// An operator's state: job number above, number of the operator in its job below.
using OperatorId = uint32_t;

struct StateChange {
  OperatorId op;
  uint32_t vnode;
  std::string_view key;
  std::string_view value;
  bool deleted;
};

// One thread at a time. Copies its arguments, so that the pipeline may go on.
class StateWriter {
 public:
  void Put(OperatorId op, uint32_t vnode, std::string_view key, std::string_view value) {
    puts_.push_back({op, vnode, arena_.Copy(key), arena_.Copy(value), false});
  }
  void Delete(OperatorId op, uint32_t vnode, std::string_view key) {
    deletes_.push_back({op, vnode, arena_.Copy(key), {}, true});
  }
  size_t size() const { return puts_.size() + deletes_.size(); }
  size_t bytes() const { return arena_.allocated(); }
  // Of the changes and of the lists of them, until they are written.
  size_t memory() const { return bytes() + size() * 3 * sizeof(StateChange); }

  // A later change of a key wins. Deletions come first: a key that was deleted and made again
  // before the checkpoint has a row at its cut, whichever of the two was copied first.
  std::vector<StateChange> changes() const {
    std::vector<StateChange> all = deletes_;
    all.insert(all.end(), puts_.begin(), puts_.end());
    return all;
  }

 private:
  std::vector<StateChange> puts_, deletes_;
  Arena arena_;
};

}  // namespace millrace
