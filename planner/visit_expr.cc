// Walks over syntax trees of expressions.
#include "planner/bind_expr.h"

namespace millrace {
namespace {

using Visit = std::function<bool(const ast::Expr&)>;

// Visits the direct children of each kind of node.
struct VisitChildren {
  const Visit& f;

  void One(const ast::ExprPtr& expr) const {
    if (expr) VisitExpr(*expr, f);
  }
  void All(const std::vector<ast::ExprPtr>& exprs) const {
    for (const ast::ExprPtr& expr : exprs) One(expr);
  }
  void Sort(const std::vector<ast::SortItem>& items) const {
    for (const ast::SortItem& item : items) One(item.expr);
  }

  void operator()(const ast::Literal&) const {}
  void operator()(const ast::ColumnRef&) const {}
  void operator()(const ast::Star&) const {}
  void operator()(const ast::Exists&) const {}
  void operator()(const ast::ScalarSubquery&) const {}
  void operator()(const ast::Descriptor&) const {}
  void operator()(const ast::Parameter&) const {}
  void operator()(const ast::Unary& e) const { One(e.operand); }
  void operator()(const ast::Binary& e) const {
    One(e.left);
    One(e.right);
  }
  void operator()(const ast::IsPredicate& e) const { One(e.operand); }
  void operator()(const ast::Between& e) const {
    One(e.value);
    One(e.low);
    One(e.high);
  }
  void operator()(const ast::Like& e) const {
    One(e.value);
    One(e.pattern);
    One(e.escape);
  }
  void operator()(const ast::InList& e) const {
    One(e.value);
    All(e.items);
  }
  void operator()(const ast::InSubquery& e) const { One(e.value); }
  void operator()(const ast::Quantified& e) const { One(e.value); }
  void operator()(const ast::Case& e) const {
    One(e.operand);
    for (const ast::WhenClause& when : e.whens) {
      One(when.condition);
      One(when.result);
    }
    One(e.otherwise);
  }
  void operator()(const ast::Cast& e) const { One(e.operand); }
  void operator()(const ast::FunctionCall& e) const {
    for (const ast::FunctionArg& arg : e.args) One(arg.value);
    Sort(e.order_by);
    for (const ast::FunctionClause& clause : e.clauses) One(clause.value);
    One(e.filter);
    if (!e.over) return;
    All(e.over->partition_by);
    Sort(e.over->order_by);
    if (!e.over->frame) return;
    One(e.over->frame->start.offset);
    if (e.over->frame->end) One(e.over->frame->end->offset);
  }
  void operator()(const ast::RowConstructor& e) const { All(e.fields); }
  void operator()(const ast::ArrayConstructor& e) const { All(e.elements); }
  void operator()(const ast::MapConstructor& e) const { All(e.entries); }
  void operator()(const ast::Index& e) const {
    One(e.operand);
    One(e.index);
  }
  void operator()(const ast::FieldAccess& e) const { One(e.operand); }
  void operator()(const ast::TableArg& e) const {
    All(e.partition_by);
    Sort(e.order_by);
  }
};

}  // namespace

void VisitExpr(const ast::Expr& expr, const std::function<bool(const ast::Expr&)>& f) {
  if (f(expr)) std::visit(VisitChildren{f}, expr.node);
}

}  // namespace millrace
