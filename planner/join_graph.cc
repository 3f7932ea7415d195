#include "planner/join_graph.h"

#include <algorithm>
#include <cmath>

#include "planner/rewrite.h"

namespace millrace {
namespace {

constexpr double kTableRows = 1000;  // Of a table that refers to no other.
constexpr double kFanOut = 10;       // Rows that refer to one row of another table.
constexpr double kFurther = 0.1;     // The share that passes another equality with the same rows.
constexpr int kMaxLevel = 6;

// The share of rows that passes a condition on one input.
double PassingOf(const Expr& term) {
  if (auto* in = std::get_if<InExpr>(&term.node)) {
    return in->negated ? 0.8 : std::min(0.5, 0.05 * static_cast<double>(in->list->size()));
  }
  if (auto* logic = std::get_if<LogicExpr>(&term.node)) {
    double passing = logic->conjunction ? 1 : 0;
    for (const ExprPtr& argument : logic->arguments) {
      const double one = PassingOf(*argument);
      passing = logic->conjunction ? passing * one : std::min(0.9, passing + one);
    }
    return passing;
  }
  auto* call = std::get_if<CallExpr>(&term.node);
  if (!call) return 0.5;
  if (call->name == "=") return 0.05;
  if (call->name == "like") return 0.1;
  if (call->name == "is_not_null" || call->name == "<>") return 0.9;
  const bool range =
      call->name == "<" || call->name == "<=" || call->name == ">" || call->name == ">=";
  return range ? 0.3 : 0.5;
}

double PassingOf(const Node& node) {
  double passing = 1;
  if (auto* filter = std::get_if<Filter>(&node.op)) passing = PassingOf(*filter->predicate);
  if (node.inputs.size() != 1 || std::holds_alternative<Aggregate>(node.op)) return passing;
  return std::max(1e-4, passing * PassingOf(*node.inputs[0]));
}

bool IsOneRow(const Properties& properties) { return properties.has_key && properties.key.empty(); }

}  // namespace

size_t JoinGraph::InputOf(size_t column) const {
  size_t input = 0;
  while (input + 1 < inputs.size() && inputs[input + 1].first <= column) ++input;
  return input;
}

InputSet JoinGraph::InputsOf(const Expr& expr) const {
  InputSet set = 0;
  ForEachColumn(expr, [&](size_t column) { set |= SetOf(InputOf(column)); });
  return set;
}

void JoinGraph::Prepare() {
  const size_t n = inputs.size();
  key_partners_.assign(n, {});
  for (size_t i = 0; i < n; ++i) {
    key_partners_[i].resize(inputs[i].node->properties.key.size());
  }
  for (const std::vector<size_t>& columns : equal) {
    InputSet holders = 0, owners = 0;
    for (size_t column : columns) holders |= SetOf(InputOf(column));
    for (size_t column : columns) {
      const size_t input = InputOf(column);
      const InputSet others = holders & ~SetOf(input);
      const auto& key = inputs[input].node->properties.key;
      if (key.size() == 1 && inputs[input].first + key[0] == column) owners |= SetOf(input);
      for (size_t k = 0; k < key.size(); ++k) {
        if (inputs[input].first + key[k] == column) key_partners_[input][k] |= others;
      }
    }
    holders_.push_back(holders);
    owners_.push_back(owners);
  }
  GuessSizes();
}

bool JoinGraph::Connected(InputSet a, InputSet b) const {
  const auto links = [&](InputSet holders) { return (holders & a) != 0 && (holders & b) != 0; };
  return std::any_of(holders_.begin(), holders_.end(), links) ||
         std::any_of(conditions.begin(), conditions.end(), [&](const JoinCondition& condition) {
           return condition.equality && (condition.inputs & ~(a | b)) == 0 &&
                  links(condition.inputs);
         });
}

bool JoinGraph::ByKey(size_t input, InputSet set) const {
  const auto& partners = key_partners_[input];
  return inputs[input].node->properties.has_key &&
         std::all_of(partners.begin(), partners.end(),
                     [&](InputSet others) { return (others & set) != 0; });
}

void JoinGraph::GuessSizes() {
  std::vector<InputSet> refers_to(inputs.size());
  for (size_t a = 0; a < inputs.size(); ++a) {
    if (IsOneRow(inputs[a].node->properties)) continue;
    for (size_t b = 0; b < inputs.size(); ++b) {
      if (a != b && ByKey(a, SetOf(b)) && !ByKey(b, SetOf(a))) refers_to[b] |= SetOf(a);
    }
  }
  // What refers to an input is a level above it.
  std::vector<int> levels(inputs.size());
  for (int round = 0; round < kMaxLevel; ++round) {
    for (size_t a = 0; a < inputs.size(); ++a) {
      for (size_t b = 0; b < inputs.size(); ++b) {
        if ((refers_to[b] & SetOf(a)) == 0) continue;
        levels[b] = std::min(kMaxLevel, std::max(levels[b], levels[a] + 1));
      }
    }
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    const bool one = IsOneRow(inputs[i].node->properties);
    inputs[i].rows = one ? 1 : kTableRows * std::pow(kFanOut, levels[i]);
    inputs[i].passing = one ? 1 : PassingOf(*inputs[i].node);
  }
}

double JoinGraph::Growth(size_t input, InputSet set) const {
  const JoinInput& self = inputs[input];
  if (ByKey(input, set)) return self.passing;
  double matches = self.rows;
  for (size_t e = 0; e < equal.size(); ++e) {
    const InputSet there = holders_[e] & set;
    if ((holders_[e] & SetOf(input)) == 0 || there == 0) continue;
    // Two inputs that refer to one key multiply each other's rows, often of a small table.
    const bool siblings = owners_[e] != 0 && (there & ~owners_[e]) != 0;
    const double one = siblings ? kFanOut * kFanOut : kFanOut;
    matches = matches == self.rows ? one : std::min(matches, one) * kFurther;
  }
  return matches * self.passing;
}

double JoinGraph::Rows(InputSet set) const {
  // From the largest input on, so that the others come by their keys as far as they can.
  size_t start = inputs.size();
  for (size_t i = 0; i < inputs.size(); ++i) {
    if ((set & SetOf(i)) == 0) continue;
    if (start == inputs.size() || inputs[i].rows > inputs[start].rows) start = i;
  }
  InputSet joined = SetOf(start);
  double rows = inputs[start].rows * inputs[start].passing;
  while (joined != set) {
    size_t next = inputs.size();
    double growth = 0;
    for (size_t i = 0; i < inputs.size(); ++i) {
      if ((set & ~joined & SetOf(i)) == 0) continue;
      const double g = Growth(i, joined);
      if (next == inputs.size() || g < growth) {
        next = i;
        growth = g;
      }
    }
    joined |= SetOf(next);
    rows *= growth;
  }
  for (const JoinCondition& condition : conditions) {
    if (condition.last || (condition.inputs & ~set) != 0) continue;
    rows *= condition.equality ? 0.05 : PassingOf(*condition.term);
  }
  return rows;
}

}  // namespace millrace
