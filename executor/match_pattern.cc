#include "executor/match_pattern.h"

#include <algorithm>

namespace millrace {

void MatchPattern::Begin(Threads* out) {
  out->clear();
  std::ranges::fill(counts_, 0);
  AddFrom(0, out);
}

void MatchPattern::Advance(const Threads& threads, std::span<const uint8_t> takes, Threads* out) {
  out->clear();
  for (size_t t = 0; t < ThreadsIn(threads); ++t) {
    std::ranges::copy(CountsOf(threads, t), counts_.begin());
    if (HasMatched(threads, t)) {
      Add(size(), out);
      return;
    }
    if (!takes[t]) continue;
    const uint32_t variable = NextOf(threads, t);
    ++counts_[variable];
    if (AddFrom(variable, out)) return;
  }
}

// Adds what may follow when `variable` has its rows so far, the preferred first. Returns whether
// this ended with a match.
bool MatchPattern::AddFrom(size_t variable, Threads* out) const {
  if (variable == size()) {
    Add(variable, out);
    return true;
  }
  const Variable& v = variables_[variable];
  const bool may_take = v.max == kUnbounded || counts_[variable] < v.max;
  const bool may_pass = counts_[variable] >= v.min;
  if (may_take && !v.reluctant) Add(variable, out);
  if (may_pass && AddFrom(variable + 1, out)) return true;
  if (may_take && v.reluctant) Add(variable, out);
  return false;
}

// What a variable's count means for what comes: nothing more once an endless one may pass.
uint32_t MatchPattern::Passed(size_t variable, uint32_t count) const {
  const Variable& v = variables_[variable];
  return v.max == kUnbounded ? std::min(count, v.min) : count;
}

void MatchPattern::Add(size_t variable, Threads* out) const {
  if (memoryless_ && variable < size()) {
    for (size_t t = 0; t < ThreadsIn(*out); ++t) {
      if (NextOf(*out, t) != variable) continue;
      const uint32_t count = CountsOf(*out, t)[variable];
      if (Passed(variable, count) == Passed(variable, counts_[variable])) return;
    }
  }
  out->push_back(static_cast<uint32_t>(variable));
  out->insert(out->end(), counts_.begin(), counts_.end());
}

}  // namespace millrace
