#define BOOST_TEST_MODULE executor_match_pattern
#include "executor/match_pattern.h"

#include <boost/test/unit_test.hpp>
#include <functional>
#include <optional>
#include <random>

using millrace::MatchPattern;

namespace {

using Counts = std::vector<uint32_t>;
// Whether a variable takes row `at` when the variables have these many rows so far.
using Takes = std::function<bool(size_t variable, const Counts& counts, size_t at)>;

// A search with backtracking, in the order of preference: the first match from row `at` on.
class Search {
 public:
  Search(const std::vector<MatchPattern::Variable>& variables, size_t rows, const Takes& takes)
      : variables_(variables), rows_(rows), takes_(takes), counts_(variables.size()) {}

  std::optional<Counts> First() {
    if (From(0, 0)) return counts_;
    return std::nullopt;
  }

 private:
  bool Take(size_t v, size_t at) {
    if (at == rows_ || counts_[v] == variables_[v].max || !takes_(v, counts_, at)) return false;
    ++counts_[v];
    if (From(v, at + 1)) return true;
    --counts_[v];
    return false;
  }
  bool Pass(size_t v, size_t at) { return counts_[v] >= variables_[v].min && From(v + 1, at); }
  bool From(size_t v, size_t at) {
    if (v == variables_.size()) return true;
    if (variables_[v].reluctant) return Pass(v, at) || Take(v, at);
    return Take(v, at) || Pass(v, at);
  }

  const std::vector<MatchPattern::Variable>& variables_;
  size_t rows_;
  const Takes& takes_;
  Counts counts_;
};

// The same by the automaton, row after row.
std::optional<Counts> Simulate(MatchPattern pattern, size_t rows, const Takes& takes) {
  MatchPattern::Threads threads, next;
  pattern.Begin(&threads);
  auto counts = [&](size_t t) {
    const auto span = pattern.CountsOf(threads, t);
    return Counts(span.begin(), span.end());
  };
  for (size_t at = 0; at < rows && !threads.empty(); ++at) {
    if (pattern.HasMatched(threads, 0)) return counts(0);
    std::vector<uint8_t> taken;
    for (size_t t = 0; t < pattern.ThreadsIn(threads); ++t) {
      taken.push_back(!pattern.HasMatched(threads, t) &&
                      takes(pattern.NextOf(threads, t), counts(t), at));
    }
    pattern.Advance(threads, taken, &next);
    threads.swap(next);
  }
  const size_t n = pattern.ThreadsIn(threads);
  if (n > 0 && pattern.HasMatched(threads, n - 1)) return counts(n - 1);
  return std::nullopt;
}

std::vector<MatchPattern::Variable> RandomPattern(std::mt19937* random) {
  while (true) {
    std::vector<MatchPattern::Variable> variables(1 + (*random)() % 4);
    uint32_t least = 0;
    for (MatchPattern::Variable& v : variables) {
      v.min = (*random)() % 3;
      v.max = (*random)() % 3 == 0 ? MatchPattern::kUnbounded
                                   : std::max<uint32_t>(1, v.min) + (*random)() % 2;
      v.reluctant = (*random)() % 3 == 0;
      least += v.min;
    }
    if (least > 0) return variables;
  }
}

std::string Text(const std::optional<Counts>& counts) {
  if (!counts) return "none";
  std::string text;
  for (uint32_t count : *counts) text += std::to_string(count) + " ";
  return text;
}

}  // namespace

// Conditions on the row alone, where threads are merged.
BOOST_AUTO_TEST_CASE(MemorylessAsBacktracking) {
  std::mt19937 random(7);
  size_t matched = 0;
  for (int round = 0; round < 20'000; ++round) {
    const auto variables = RandomPattern(&random);
    const size_t rows = random() % 8;
    std::vector<uint8_t> taken(variables.size() * rows);
    for (uint8_t& t : taken) t = random() % 3 != 0;
    const Takes takes = [&](size_t v, const Counts&, size_t at) {
      return taken[v * rows + at] != 0;
    };
    const auto expected = Search(variables, rows, takes).First();
    matched += expected.has_value();
    BOOST_REQUIRE_EQUAL(Text(Simulate(MatchPattern(variables, true), rows, takes)), Text(expected));
    BOOST_REQUIRE_EQUAL(Text(Simulate(MatchPattern(variables, false), rows, takes)),
                        Text(expected));
  }
  BOOST_TEST(matched > 2'000u);
  BOOST_TEST(matched < 19'000u);
}

// Conditions that depend on how the rows before were given out.
BOOST_AUTO_TEST_CASE(WithHistoryAsBacktracking) {
  std::mt19937 random(11);
  size_t matched = 0;
  for (int round = 0; round < 20'000; ++round) {
    const auto variables = RandomPattern(&random);
    const size_t rows = random() % 8;
    const uint32_t seed = random();
    const Takes takes = [&](size_t v, const Counts& counts, size_t at) {
      uint32_t hash = seed + static_cast<uint32_t>(v * 7919 + at * 104729);
      for (uint32_t count : counts) hash = (hash ^ count) * 2654435761u;
      return (hash >> 16) % 3 != 0;
    };
    const auto expected = Search(variables, rows, takes).First();
    matched += expected.has_value();
    BOOST_REQUIRE_EQUAL(Text(Simulate(MatchPattern(variables, false), rows, takes)),
                        Text(expected));
  }
  BOOST_TEST(matched > 2'000u);
}

// However many ways there are to give rows to A and B, what goes on alike is one thread.
BOOST_AUTO_TEST_CASE(ThreadsAreFew) {
  const auto endless = MatchPattern::Variable{0, MatchPattern::kUnbounded, false};
  MatchPattern pattern({endless, endless, endless, {1, 1, false}}, true);
  MatchPattern::Threads threads, next;
  pattern.Begin(&threads);
  for (int row = 0; row < 100; ++row) {
    std::vector<uint8_t> takes;
    for (size_t t = 0; t < pattern.ThreadsIn(threads); ++t) {
      takes.push_back(pattern.NextOf(threads, t) != 3);
    }
    pattern.Advance(threads, takes, &next);
    threads.swap(next);
    BOOST_TEST(pattern.ThreadsIn(threads) <= 4u);
  }
}
