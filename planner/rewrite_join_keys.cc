#include <algorithm>

#include "fmt/format.h"
#include "planner/join.h"
#include "planner/properties.h"
#include "planner/rewrite.h"

namespace millrace {
namespace {

// One input of a join under projection: its columns, then the keys that are expressions.
class KeyProjection {
 public:
  explicit KeyProjection(NodePtr input)
      : input_(std::move(input)),
        columns_(input_->schema.size()),
        exprs_(AllColumns(input_->schema)),
        names_(NamesOf(input_->schema)) {}

  // The place of the key's value.
  size_t Add(const ExprPtr& key) {
    for (size_t i = 0; i < exprs_.size(); ++i) {
      if (SameExpr(*exprs_[i], *key)) return i;
    }
    names_.push_back(ToString(*key, NamesOf(input_->schema)));
    exprs_.push_back(key);
    return exprs_.size() - 1;
  }
  const Type& type(size_t i) const { return exprs_[i]->type; }
  size_t width() const { return exprs_.size(); }

  NodePtr Make(SourceRange range) {
    if (exprs_.size() == columns_) return std::move(input_);
    return MakeProject(std::move(input_), std::move(exprs_), std::move(names_), range);
  }

 private:
  NodePtr input_;
  size_t columns_;
  std::vector<ExprPtr> exprs_;
  std::vector<std::string> names_;
};

struct KeyPlaces {
  size_t left, right;
  bool null_equal;
};

// The join's own columns out of those with `added` keys behind the first `left_columns`.
NodePtr DropKeys(NodePtr join, const Schema& schema, size_t left_columns, size_t added) {
  std::vector<ExprPtr> exprs;
  for (size_t i = 0; i < schema.size(); ++i) {
    const size_t at = i < left_columns ? i : i + added;
    exprs.push_back(MakeColumnExpr(at, schema[i].type));
  }
  const SourceRange range = join->range;
  return MakeProject(std::move(join), std::move(exprs), NamesOf(schema), range);
}

}  // namespace

NodePtr ProjectKeysOf(NodePtr node) {
  const size_t columns = node->inputs[0]->schema.size();
  const std::vector<ExprPtr> terms = TermsOf(*node);
  const bool needed = std::any_of(terms.begin(), terms.end(), [&](const ExprPtr& term) {
    const auto equality = AsJoinEquality(*term, columns);
    return equality && !(IsColumn(*equality->left) && IsColumn(*equality->right));
  });
  if (!needed) return node;
  KeyProjection left(std::move(node->inputs[0])), right(std::move(node->inputs[1]));
  std::vector<KeyPlaces> keys;
  std::vector<ExprPtr> residual;
  for (const ExprPtr& term : terms) {
    const auto equality = AsJoinEquality(*term, columns);
    if (!equality) {
      residual.push_back(term);
      continue;
    }
    keys.push_back({left.Add(equality->left), right.Add(equality->right), equality->null_equal});
  }
  std::vector<ExprPtr> made;
  for (const KeyPlaces& key : keys) {
    made.push_back(
        MakeCall(key.null_equal ? "is_not_distinct_from" : "=",
                 {MakeColumnExpr(key.left, left.type(key.left), node->range),
                  MakeColumnExpr(left.width() + key.right, right.type(key.right), node->range)},
                 "UTC", node->range));
  }
  // Columns of the right input move behind the keys added on the left.
  const size_t added = left.width() - columns;
  for (const ExprPtr& term : residual) {
    made.push_back(RemapColumns(term, [&](const ColumnExpr& column, const Expr& old) {
      const size_t at = column.index < columns ? column.index : column.index + added;
      return MakeColumnExpr(at, old.type, old.range);
    }));
  }
  NodePtr join = MakeJoin(std::get<Join>(node->op), left.Make(node->range), right.Make(node->range),
                          std::move(made), node->range);
  return DropKeys(std::move(join), node->schema, columns, added);
}

NodePtr ProjectJoinKeys(NodePtr node) {
  for (NodePtr& input : node->inputs) input = ProjectJoinKeys(std::move(input));
  return std::holds_alternative<Join>(node->op) ? ProjectKeysOf(std::move(node)) : std::move(node);
}

}  // namespace millrace
