// Binds MATCH_RECOGNIZE.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "planner/bind_query.h"

namespace millrace {

class MatchBinder {
 public:
  MatchBinder(QueryBinder* binder, const ast::MatchRecognize& match, BoundInput input,
              SourceRange range);

  BoundInput Bind();

 private:
  // The rows that the columns inside FIRST, LAST or an aggregate stand for.
  struct Rows {
    bool aggregate = false;
    bool first = false;
    int64_t offset = 0;
    bool named = false;  // Some column was seen, of this variable:
    std::optional<size_t> variable;
  };

  // The clauses.
  void CheckForms() const;
  void AddPattern(const ast::Pattern& pattern);
  void AddVariable(const ast::Pattern& pattern);
  void CheckPattern() const;
  void BindTime();
  void BindPartition();
  void BindFurtherKeys();
  void BindDefinitions();
  void BindMeasures();
  void BindSkip();
  void BindWithin();
  void NotifyUnbounded() const;
  size_t ColumnOf(ExprPtr expr);

  // Names and calls inside conditions and measures (bind_match_expr.cc).
  Scope MatchScope();
  ExprPtr Replace(const ast::Expr& expr);
  ExprPtr BindCall(const ast::FunctionCall& call, SourceRange range);
  ExprPtr BindColumn(const ast::ColumnRef& column, SourceRange range);
  ExprPtr BindNavigation(const ast::FunctionCall& call, bool first, SourceRange range);
  ExprPtr BindAggregate(const ast::FunctionCall& call, SourceRange range);
  ExprPtr BindRowtime(const ast::FunctionCall& call, SourceRange range);
  ExprPtr BindInside(const ast::Expr& expr, Rows* rows, SourceRange range);
  void CheckPlain(const ast::FunctionCall& call, SourceRange range) const;
  int64_t BindOffset(const ast::Expr& expr) const;
  std::optional<size_t> FindVariable(const ast::Name& name) const;
  bool IsSure(const MatchSlot& slot) const;
  ExprPtr SlotColumn(MatchSlot slot, SourceRange range);

  QueryBinder* binder_;
  const ast::MatchRecognize& ast_;
  BoundInput input_;
  SourceRange range_;
  const std::string zone_;
  MatchRecognize plan_;
  std::vector<SourceRange> variable_ranges_;
  std::vector<ExprPtr> columns_;  // Behind the input's.
  std::vector<std::string> partition_names_, measure_names_;
  Rows* rows_ = nullptr;           // Inside FIRST, LAST or an aggregate.
  std::optional<size_t> defined_;  // The variable whose condition is being bound.
};

}  // namespace millrace
