// A pattern as an automaton: the ways in which rows may be given to its variables, the preferred
// one first.
//
// An attempt to match begins at one row and is a list of threads. A thread is a variable that would
// take the next row, and how many rows each variable has so far: a match's rows are without gaps, so
// the counts say which rows these are. As in the simulations of regular expressions after Thompson
// and Pike, the list is in the order in which a search with backtracking would try the threads; one
// that has matched ends the list, because what is behind it is not wanted any more.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace millrace {

class MatchPattern {
 public:
  struct Variable {
    uint32_t min = 1;
    uint32_t max = 1;
    bool reluctant = false;
  };
  static constexpr uint32_t kUnbounded = std::numeric_limits<uint32_t>::max();
  // Threads, one behind the other, each `stride()` numbers: the variable that takes the next row
  // (size() of a thread that has matched), then the counts.
  using Threads = std::vector<uint32_t>;

  // `memoryless`: whether a row is taken does not depend on the rows before it. Threads that will
  // go on alike are then one.
  MatchPattern(std::vector<Variable> variables, bool memoryless)
      : variables_(std::move(variables)), memoryless_(memoryless), counts_(variables_.size()) {}

  size_t size() const { return variables_.size(); }
  size_t stride() const { return variables_.size() + 1; }
  size_t ThreadsIn(const Threads& threads) const { return threads.size() / stride(); }
  // The variable of thread t; and its counts.
  uint32_t NextOf(const Threads& threads, size_t t) const { return threads[t * stride()]; }
  std::span<const uint32_t> CountsOf(const Threads& threads, size_t t) const {
    return std::span(threads).subspan(t * stride() + 1, size());
  }
  bool HasMatched(const Threads& threads, size_t t) const { return NextOf(threads, t) == size(); }

  // The threads before the first row.
  void Begin(Threads* out);
  // The threads behind the next row; takes[t]: whether the variable of thread t takes it.
  void Advance(const Threads& threads, std::span<const uint8_t> takes, Threads* out);

 private:
  bool AddFrom(size_t variable, Threads* out) const;
  void Add(size_t variable, Threads* out) const;
  uint32_t Passed(size_t variable, uint32_t count) const;

  std::vector<Variable> variables_;
  bool memoryless_;
  std::vector<uint32_t> counts_;  // Of the thread that is being followed.
};

}  // namespace millrace
