// What a step leaves of the changes that a sink writes one by one: a row that came and went in the
// step is not written, and what goes is written before what comes, whatever the order in which the
// step gave it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace millrace {

class StepChanges {
 public:
  // `place` is where the row is written to, such as its key; `row` its text, `extra` what comes with
  // it.
  void Add(std::string_view place, std::string_view row, std::string_view extra, int64_t weight) {
    const auto size = static_cast<uint32_t>(place.size());
    key_.assign(reinterpret_cast<const char*>(&size), sizeof size).append(place).append(row);
    const auto [entry, fresh] = index_.try_emplace(key_, changes_.size());
    if (fresh) changes_.push_back({&entry->first, size, std::string(extra), 0});
    changes_[entry->second].weight += weight;
  }

  // Calls f(place, row, extra, goes) for each row that went, then for each that came, and forgets
  // them.
  template <class F>
  void Take(F f) {
    for (const bool goes : {true, false}) {
      for (const Change& change : changes_) {
        std::string_view row = std::string_view(*change.key).substr(sizeof(uint32_t));
        const std::string_view place = row.substr(0, change.place_size);
        row.remove_prefix(change.place_size);
        for (int64_t n = goes ? -change.weight : change.weight; n > 0; --n) {
          f(place, row, std::string_view(change.extra), goes);
        }
      }
    }
    changes_.clear();
    index_.clear();
  }

 private:
  struct Change {
    const std::string* key;  // place_size:uint32 place row
    uint32_t place_size;
    std::string extra;
    int64_t weight;
  };

  std::string key_;
  std::unordered_map<std::string, size_t> index_;
  std::vector<Change> changes_;
};

}  // namespace millrace
