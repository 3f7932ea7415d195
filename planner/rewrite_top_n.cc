// Top-N: a condition on the rank that one ranking function gives is a range of ranks.
#include <algorithm>

#include "planner/properties.h"
#include "planner/rewrite.h"
#include "planner/top_n.h"

namespace millrace {
namespace {

// The ranks that a condition leaves.
struct Ranks {
  int64_t first = 1;
  std::optional<int64_t> last;

  void AtLeast(int64_t rank) { first = std::max(first, rank); }
  void AtMost(int64_t rank) { last = std::min(last.value_or(rank), rank); }
};

std::optional<int64_t> ConstantOf(const Expr& expr) {
  auto* literal = std::get_if<LiteralExpr>(&expr.node);
  if (!literal || !IsInteger(expr.type.id) || literal->value.is_null()) return std::nullopt;
  return std::get<int64_t>(literal->value.data);
}

// `a > b` as `b < a`.
std::string_view Swapped(std::string_view comparison) {
  if (comparison == "<") return ">";
  if (comparison == "<=") return ">=";
  if (comparison == ">") return "<";
  if (comparison == ">=") return "<=";
  return comparison;
}

bool Narrow(std::string_view comparison, int64_t rank, Ranks* ranks) {
  constexpr int64_t kFar = int64_t{1} << 62;
  if (rank <= -kFar || rank >= kFar) return false;
  if (comparison == "=") {
    ranks->AtLeast(rank);
    ranks->AtMost(rank);
  } else if (comparison == "<") {
    ranks->AtMost(rank - 1);
  } else if (comparison == "<=") {
    ranks->AtMost(rank);
  } else if (comparison == ">") {
    ranks->AtLeast(rank + 1);
  } else if (comparison == ">=") {
    ranks->AtLeast(rank);
  } else {
    return false;
  }
  return true;
}

// Whether the term is nothing but a bound of the rank in column `rank`; narrows the ranks by it.
bool TakeBound(const Expr& term, size_t rank, Ranks* ranks) {
  auto* call = std::get_if<CallExpr>(&term.node);
  if (!call || call->arguments.size() != 2) return false;
  for (const bool swapped : {false, true}) {
    const Expr& side = *call->arguments[swapped];
    size_t column = 0;
    if (!IsColumn(side, &column) || column != rank) continue;
    const std::optional<int64_t> value = ConstantOf(*call->arguments[!swapped]);
    return value && Narrow(swapped ? Swapped(call->name) : call->name, *value, ranks);
  }
  return false;
}

std::optional<TopN::Rank> RankOf(const Over& over) {
  if (over.calls.size() != 1) return std::nullopt;
  const std::string& function = over.calls[0].function;
  if (function == "row_number") return TopN::Rank::kRowNumber;
  if (function == "rank") return TopN::Rank::kRank;
  if (function == "dense_rank") return TopN::Rank::kDenseRank;
  return std::nullopt;
}

// The columns of a window's end and start go first: how closing it is a range of keys.
void SetWindow(const WindowColumns& window, TopN* top) {
  const auto find = [&](std::optional<size_t> column) {
    return column ? std::ranges::find(top->partition, *column) : top->partition.end();
  };
  const auto end = find(window.end);
  if (end == top->partition.end()) return;
  std::rotate(top->partition.begin(), end, end + 1);
  top->window_end = 0;
  const auto start = find(window.start);
  if (start == top->partition.end()) return;
  std::rotate(top->partition.begin() + 1, start, start + 1);
  top->window_start = 1;
}

// Rows of one step have one processing time: which of them goes first is decided by how they
// arrived. Equal ranks do not tell them apart.
void OrderByArrival(const std::vector<size_t>& arrival, TopN* top) {
  if (top->rank != TopN::Rank::kRowNumber) return;
  const SortKey key = top->order[0];
  for (size_t column : arrival) top->order.push_back({column, key.descending, key.nulls_first});
  top->arrival = arrival.size();
}

// The rows of an Over with the ranks, in its schema.
NodePtr RankRows(NodePtr node, TopN::Rank rank, const Ranks& ranks) {
  Over& over = std::get<Over>(node->op);
  Field rank_field = node->schema.back();
  const size_t columns = node->inputs[0]->schema.size();
  TopN top;
  top.rank = rank;
  top.partition = std::move(over.partition);
  top.order = std::move(over.order);
  if (!over.arrival.empty()) OrderByArrival(over.arrival, &top);
  top.first = ranks.first;
  top.last = ranks.last;
  top.emit_on_close = over.window_end ? over.emit_on_close : over.append_only && !over.proctime;
  top.state_ttl = over.state_ttl;
  top.grace = over.grace;
  top.allowed_lateness = over.allowed_lateness;
  SetWindow(node->inputs[0]->properties.window, &top);
  top.rank_output = top.first != top.last;
  const SourceRange range = node->range;
  std::vector<std::string> names = NamesOf(node->schema);
  node = MakeTopN(std::move(node->inputs[0]), std::move(top), rank_field.name, range);
  if (std::get<TopN>(node->op).rank_output) return node;
  std::vector<ExprPtr> exprs = AllColumns(node->schema);
  exprs.resize(columns);
  exprs.push_back(MakeLiteral(Value{ranks.first}, rank_field.type, range));
  return MakeProject(std::move(node), std::move(exprs), std::move(names), range);
}

// Rows in the order of time of input that only appends have their ranks for good when time has
// passed them: OVER gives them once. The first one alone is kept with less.
bool IsFinal(const Over& over, TopN::Rank rank, const Ranks& ranks) {
  if (!over.append_only || over.window_end) return false;
  const bool deduplicates = rank == TopN::Rank::kRowNumber && ranks.last == 1 &&
                            (!over.proctime || over.order.size() == 1);
  return !deduplicates;
}

NodePtr RankFiltered(NodePtr node) {
  Node* below = node->inputs[0].get();
  auto* over = std::get_if<Over>(&below->op);
  const std::optional<TopN::Rank> rank = over ? RankOf(*over) : std::nullopt;
  if (!rank) return node;
  std::vector<ExprPtr> terms, others;
  SplitConjunction(std::get<Filter>(node->op).predicate, &terms);
  Ranks ranks;
  for (ExprPtr& term : terms) {
    if (!TakeBound(*term, below->schema.size() - 1, &ranks)) others.push_back(std::move(term));
  }
  if (ranks.last && *ranks.last < ranks.first) ranks = {1, 0};  // No row has such a rank.
  const bool bounded = ranks.first > 1 || ranks.last;
  if (!bounded || IsFinal(*over, *rank, ranks)) return node;
  const SourceRange range = node->range;
  NodePtr ranked = RankRows(std::move(node->inputs[0]), *rank, ranks);
  if (others.empty()) return ranked;
  return MakeFilter(std::move(ranked), Conjoin(std::move(others)), range);
}

}  // namespace

NodePtr RecognizeTopN(NodePtr node) {
  for (NodePtr& input : node->inputs) input = RecognizeTopN(std::move(input));
  DeriveProperties(node.get());
  return std::holds_alternative<Filter>(node->op) ? RankFiltered(std::move(node)) : std::move(node);
}

}  // namespace millrace
