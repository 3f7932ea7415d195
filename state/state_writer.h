// Collects the changed state rows of one partition for one checkpoint.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
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
    Add({op, vnode, key, value, false});
  }
  void Delete(OperatorId op, uint32_t vnode, std::string_view key) {
    Add({op, vnode, key, {}, true});
  }
  size_t size() const { return entries_.size(); }
  // Of the changes, and of what sorting them will take.
  size_t memory() const {
    return arena_.allocated() + entries_.capacity() * sizeof(const char*) + size() * kSortBytes;
  }

  // The changes in the order in which they came.
  std::span<const char* const> entries() const { return entries_; }
  static StateChange Change(const char* entry) {
    Head head;
    std::memcpy(&head, entry, sizeof head);
    const char* key = entry + sizeof head;
    return {head.op, head.vnode, {key, head.key_size}, {key + head.key_size, head.value_size},
            head.deleted};
  }

 private:
  static constexpr size_t kSortBytes = 24;
  struct Head {
    OperatorId op;
    uint32_t key_size, value_size;
    uint8_t vnode;
    bool deleted;
  };

  void Add(const StateChange& change) {
    char* entry = arena_.Allocate(sizeof(Head) + change.key.size() + change.value.size());
    const Head head{change.op, static_cast<uint32_t>(change.key.size()),
                    static_cast<uint32_t>(change.value.size()),
                    static_cast<uint8_t>(change.vnode), change.deleted};
    std::memcpy(entry, &head, sizeof head);
    char* bytes = std::ranges::copy(change.key, entry + sizeof head).out;
    std::ranges::copy(change.value, bytes);
    entries_.push_back(entry);
  }

  std::vector<const char*> entries_;
  Arena arena_;
};

}  // namespace millrace
