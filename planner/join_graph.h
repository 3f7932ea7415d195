// Inner joins as a graph: inputs, the columns that are equal across them, and how many rows a set
// of inputs gives when they are joined.
//
// There are no statistics: sizes follow from keys (what refers to a key is larger than what has it)
// and from filters, so that the same text always gives the same plan.
#pragma once

#include <cstdint>
#include <vector>

#include "planner/plan.h"

namespace millrace {

inline constexpr size_t kMaxJoinInputs = 64;
using InputSet = uint64_t;  // A bit for each input.

constexpr InputSet SetOf(size_t input) { return InputSet{1} << input; }

struct JoinInput {
  NodePtr node;
  size_t first = 0;    // Of its columns, among those of all inputs.
  double rows = 0;     // Of the table, as a guess.
  double passing = 1;  // The share of them that passes its filters.
};

// A condition that is no equality of two inputs' columns.
struct JoinCondition {
  ExprPtr term;  // Over the columns of all inputs.
  InputSet inputs;
  bool equality = false;  // May be a key all the same.
  bool last = false;      // Tested when all inputs are joined: it can fail, or uses one input only.
};

class JoinGraph {
 public:
  std::vector<JoinInput> inputs;           // At most kMaxJoinInputs.
  std::vector<std::vector<size_t>> equal;  // Columns of several inputs that are equal in each row.
  std::vector<JoinCondition> conditions;

  size_t InputOf(size_t column) const;
  InputSet InputsOf(const Expr& expr) const;
  InputSet all() const { return inputs.size() == 64 ? ~InputSet{0} : SetOf(inputs.size()) - 1; }

  // Call it when the fields are complete, before what follows.
  void Prepare();
  // Whether some equality links the sets.
  bool Connected(InputSet a, InputSet b) const;
  // The rows of the inputs joined, as a guess. A function of the set alone.
  double Rows(InputSet set) const;

 private:
  // Whether each row of `set` meets at most one of the input.
  bool ByKey(size_t input, InputSet set) const;
  // By how much the input multiplies the rows of the set that it joins.
  double Growth(size_t input, InputSet set) const;
  void GuessSizes();

  // By entry of `equal`: the inputs that have a column in it, and those whose key it is.
  std::vector<InputSet> holders_, owners_;
  // By input, for each column of its key: the other inputs that have an equal column.
  std::vector<std::vector<InputSet>> key_partners_;
};

}  // namespace millrace
