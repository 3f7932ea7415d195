// Binds window functions: calls with an OVER clause become columns of Over nodes.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "planner/bind_query.h"

namespace millrace {

// The window functions of one query block. While its expressions are bound, each call stands for a
// column that is not there yet; Build adds the nodes that make them, one for each distinct
// PARTITION BY and ORDER BY, and Finish puts the columns in.
class Windows {
 public:
  using BindFunction = std::function<ExprPtr(const ast::Expr&)>;

  // `state_ttl` is that of the block's input.
  Windows(const QueryBinder* binder, const ast::Select& select, int64_t state_ttl)
      : binder_(*binder), select_(select), state_ttl_(state_ttl) {}

  // The column of a call with OVER; null for any other expression. `bind` binds what is inside.
  ExprPtr Bind(const ast::Expr& expr, const BindFunction& bind);
  bool empty() const { return calls_.empty(); }

  // The columns that stand for calls are from here on.
  static constexpr size_t kFirstColumn = size_t{1} << 32;

  // `finish` makes the bound expressions ones over `input`. Its columns stay the first ones.
  NodePtr Build(NodePtr input, const std::function<ExprPtr(const ExprPtr&)>& finish,
                QueryBinder* binder);
  // After Build.
  ExprPtr Finish(const ExprPtr& expr) const;

 private:
  struct Order {
    ExprPtr expr;
    bool descending, nulls_first;
  };
  struct Call {
    OverCall plan;
    std::vector<ExprPtr> arguments;
    ExprPtr filter;  // May be null.
    std::vector<ExprPtr> partition;
    std::vector<Order> order;
    std::string name;
    SourceRange range;
    size_t column = 0;  // Of the result, after Build.
  };
  // What a window's specification is once the named windows are put in.
  struct Spec {
    std::vector<const ast::Expr*> partition;
    std::vector<const ast::SortItem*> order;
    const ast::Frame* frame = nullptr;
  };

  Spec Resolve(const ast::WindowSpec& spec, size_t named) const;
  void BindSpec(const ast::WindowSpec& spec, const BindFunction& bind, Call* call) const;
  void BindFunctionCall(const ast::FunctionCall& function, const BindFunction& bind,
                        Call* call) const;
  void BindAggregate(const ast::FunctionCall& function, const BindFunction& bind, Call* call) const;
  void SetArguments(const ast::FunctionCall& function, Call* call) const;
  ExprPtr BindFilter(const ast::Expr& filter, const BindFunction& bind) const;
  void BindShift(const ast::FunctionCall& function, const BindFunction& bind, Call* call) const;
  void BindValue(const ast::FunctionCall& function, const BindFunction& bind, Call* call) const;
  OverFrame BindFrame(const ast::Frame* frame, const Call& call) const;
  OverBound BindBound(const ast::FrameBound& bound, const ast::Frame& frame,
                      const Call& call) const;
  void BindRange(const ast::Expr& offset, const Call& call, OverBound* bound) const;
  int64_t BindCount(const ast::Expr& expr, std::string_view what) const;

  std::vector<size_t> AddArrivals(NodePtr* node, const std::vector<ExprPtr>& exprs) const;
  static void CheckRange(const Call& call, const Over& over);
  NodePtr ProjectInput(NodePtr input, std::vector<ExprPtr>* exprs) const;
  void SetTime(const Node& input, Over* over, QueryBinder* binder) const;

  const QueryBinder& binder_;
  const ast::Select& select_;
  int64_t state_ttl_;
  std::vector<Call> calls_;
  bool inside_ = false;  // Of a call that is being bound.
};

}  // namespace millrace
