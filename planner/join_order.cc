#include "planner/join_order.h"

#include <bit>
#include <cmath>
#include <limits>

namespace millrace {
namespace {

constexpr size_t kMaxExhaustive = 9;
constexpr double kClearly = 0.999;  // Guesses that differ by less are equal.

// Compares all orders in which no join lacks an equality as long as one can be had. The cost of an
// order is the rows that its joins hand on, which is what the joins above them keep. Among equals
// the written order wins.
class ExhaustiveOrder {
 public:
  explicit ExhaustiveOrder(const JoinGraph& graph)
      : graph_(graph),
        cost_(graph.all() + 1, std::numeric_limits<double>::infinity()),
        rows_(graph.all() + 1),
        left_(graph.all() + 1) {}

  JoinOrder Find() {
    ChooseAll();
    if (std::isinf(cost_[graph_.all()])) {
      // An equality that needs several inputs on one side may leave nothing but products below it.
      products_ = true;
      ChooseAll();
    }
    JoinOrder splits;
    Collect(graph_.all(), &splits);
    return splits;
  }

 private:
  void ChooseAll() {
    for (InputSet set = 1; set <= graph_.all(); ++set) {
      if (std::has_single_bit(set)) {
        cost_[set] = 0;
      } else {
        Choose(set);
      }
    }
  }

  void Choose(InputSet set) {
    rows_[set] = graph_.Rows(set);
    const InputSet last = std::bit_floor(set), first = set & (~set + 1);
    Try(set, set & ~last);
    for (InputSet left = (set - 1) & set; left != 0; left = (left - 1) & set) {
      if ((left & first) != 0) Try(set, left);
    }
  }
  void Try(InputSet set, InputSet left) {
    const InputSet right = set & ~left;
    const double cost = cost_[left] + cost_[right] + rows_[set];
    if (cost >= cost_[set] * kClearly) return;
    const bool isolated = !graph_.Connected(left, graph_.all() & ~left) ||
                          !graph_.Connected(right, graph_.all() & ~right);
    if (!isolated && !products_ && !graph_.Connected(left, right)) return;
    cost_[set] = cost;
    left_[set] = left;
  }
  void Collect(InputSet set, JoinOrder* splits) const {
    if (std::has_single_bit(set)) return;
    Collect(left_[set], splits);
    Collect(set & ~left_[set], splits);
    splits->emplace_back(left_[set], set & ~left_[set]);
  }

  const JoinGraph& graph_;
  std::vector<double> cost_, rows_;
  std::vector<InputSet> left_;
  bool products_ = false;  // Are allowed anywhere.
};

// Joins the two sets whose join has the fewest rows, again and again; for many inputs.
class GreedyOrder {
 public:
  explicit GreedyOrder(const JoinGraph& graph) : graph_(graph) {}

  JoinOrder Find() {
    for (size_t i = 0; i < graph_.inputs.size(); ++i) sets_.push_back(SetOf(i));
    JoinOrder splits;
    while (sets_.size() > 1) {
      auto [a, b] = Best();
      splits.emplace_back(sets_[a], sets_[b]);
      sets_[a] |= sets_[b];
      sets_.erase(sets_.begin() + static_cast<ptrdiff_t>(b));
    }
    return splits;
  }

 private:
  std::pair<size_t, size_t> Best() const {
    std::pair<size_t, size_t> best{0, 1};
    double best_rows = std::numeric_limits<double>::infinity();
    bool best_connected = false;
    for (size_t a = 0; a < sets_.size(); ++a) {
      for (size_t b = a + 1; b < sets_.size(); ++b) {
        const bool connected = graph_.Connected(sets_[a], sets_[b]);
        if (best_connected && !connected) continue;
        const double rows = graph_.Rows(sets_[a] | sets_[b]);
        if (connected == best_connected && rows >= best_rows * kClearly) continue;
        best = {a, b};
        best_rows = rows;
        best_connected = connected;
      }
    }
    return best;
  }

  const JoinGraph& graph_;
  std::vector<InputSet> sets_;
};

}  // namespace

JoinOrder ChooseJoinOrder(const JoinGraph& graph) {
  if (graph.inputs.size() <= kMaxExhaustive) return ExhaustiveOrder(graph).Find();
  return GreedyOrder(graph).Find();
}

}  // namespace millrace
