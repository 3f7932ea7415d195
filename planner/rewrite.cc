#include "planner/rewrite.h"

#include <algorithm>
#include <map>

#include "planner/common.h"
#include "planner/properties.h"

namespace millrace {
namespace {

// Whether the operator holds rows against the watermark and drops the late ones. An interval join
// does not: it gives late rows as far as they still have partners.
bool UsesWatermark(const Node& node) {
  // The clock closes windows of processing time.
  const bool by_clock = !node.inputs.empty() && node.inputs[0]->properties.window.proctime;
  if (auto* aggregate = std::get_if<Aggregate>(&node.op)) {
    return aggregate->window_end && !by_clock;
  }
  if (auto* top = std::get_if<TopN>(&node.op)) {
    return top->window_end ? !by_clock : top->emit_on_close;
  }
  if (auto* windows = std::get_if<AssignWindows>(&node.op)) {
    return windows->kind == AssignWindows::Kind::kSession && windows->event_time;
  }
  if (auto* session = std::get_if<SessionAggregate>(&node.op)) return session->event_time;
  if (auto* over = std::get_if<Over>(&node.op)) {
    return over->window_end ? !by_clock : over->append_only && !over->proctime;
  }
  if (auto* join = std::get_if<Join>(&node.op)) return join->window_end && !by_clock;
  if (auto* join = std::get_if<TemporalJoin>(&node.op)) return join->event_time;
  if (auto* match = std::get_if<MatchRecognize>(&node.op)) return !match->proctime;
  return false;
}

// Which nodes' rows were already held against a watermark, below them or by them. What reads a view
// is behind what decided in the view's own plan.
class Deciders {
 public:
  explicit Deciders(const Node& root) {
    ForEachNode(
        root, [this](const Node& node) { decided_[&node] = UsesWatermark(node) || Behind(node); });
  }
  // Whether all rows that reach the node were held against a watermark.
  bool Behind(const Node& node) const {
    if (auto* scan = std::get_if<ScanCommon>(&node.op)) return At(*scan->common->root);
    if (auto* scan = std::get_if<ScanView>(&node.op)) {
      return scan->view->plan && Deciders(*scan->view->plan->root).At(*scan->view->plan->root);
    }
    return !node.inputs.empty() && std::all_of(node.inputs.begin(), node.inputs.end(),
                                               [this](const NodePtr& input) { return At(*input); });
  }

  // The same of all rows that leave the node.
  bool At(const Node& node) const { return decided_.at(&node); }

 private:
  std::map<const Node*, bool> decided_;
};

// Marks the first operators on each path from a source that hold rows against the watermark.
void MarkDeciders(Node* root) {
  const Deciders deciders(*root);
  const auto mark = [&](const Node& node, Join* join) {
    join->left_decides_late = !deciders.At(*node.inputs[0]);
    join->right_decides_late = !deciders.At(*node.inputs[1]);
  };
  ForEachNode(root, [&](Node* node) {
    auto* interval = std::get_if<IntervalJoin>(&node->op);
    if (interval && interval->event_time) mark(*node, &interval->join);
    if (!UsesWatermark(*node)) return;
    if (auto* join = std::get_if<Join>(&node->op)) mark(*node, join);
    if (auto* temporal = std::get_if<TemporalJoin>(&node->op)) mark(*node, &temporal->join);
    const bool decides = !deciders.Behind(*node);
    if (auto* aggregate = std::get_if<Aggregate>(&node->op)) aggregate->decides_late = decides;
    if (auto* windows = std::get_if<AssignWindows>(&node->op)) windows->decides_late = decides;
    if (auto* session = std::get_if<SessionAggregate>(&node->op)) session->decides_late = decides;
    if (auto* over = std::get_if<Over>(&node->op)) over->decides_late = decides;
    if (auto* match = std::get_if<MatchRecognize>(&node->op)) match->decides_late = decides;
    if (auto* top = std::get_if<TopN>(&node->op)) top->decides_late = decides;
  });
}

// Applies `rule` to the plan and to its common subplans, which the rules take for leaves.
void ForEachRoot(NodePtr* root, const std::function<NodePtr(NodePtr)>& rule) {
  for (const CommonUses& uses : FindCommons(root->get())) {
    uses.common->root = rule(std::move(uses.common->root));
  }
  *root = rule(std::move(*root));
}

// Rebuilds `expr` with its direct arguments replaced by f of them; `expr` itself when none changed.
class ArgumentMapper {
 public:
  ArgumentMapper(const ExprPtr& expr, const std::function<ExprPtr(const ExprPtr&)>& f)
      : expr_(expr), f_(f), copy_(*expr) {}

  ExprPtr Map() {
    std::visit([this](auto& node) { Arguments(node); }, copy_.node);
    return changed_ ? std::make_shared<const Expr>(std::move(copy_)) : expr_;
  }

 private:
  void One(ExprPtr* argument) {
    if (!*argument) return;
    ExprPtr mapped = ReplaceExpr(*argument, f_);
    changed_ = changed_ || mapped != *argument;
    *argument = std::move(mapped);
  }
  void All(std::vector<ExprPtr>* arguments) {
    for (ExprPtr& argument : *arguments) One(&argument);
  }
  void Arguments(ColumnExpr&) {}
  void Arguments(LiteralExpr&) {}
  void Arguments(CallExpr& call) { All(&call.arguments); }
  void Arguments(CastExpr& cast) { One(&cast.value); }
  void Arguments(LogicExpr& logic) { All(&logic.arguments); }
  void Arguments(CaseExpr& c) {
    for (auto& [when, then] : c.whens) {
      One(&when);
      One(&then);
    }
    One(&c.otherwise);
  }
  void Arguments(FieldExpr& field) { One(&field.row); }
  void Arguments(RowExpr& row) { All(&row.fields); }
  void Arguments(ArrayExpr& array) { All(&array.elements); }
  void Arguments(InExpr& in) { One(&in.value); }

  const ExprPtr& expr_;
  const std::function<ExprPtr(const ExprPtr&)>& f_;
  Expr copy_;
  bool changed_ = false;
};

}  // namespace

ExprPtr ReplaceExpr(const ExprPtr& expr, const std::function<ExprPtr(const ExprPtr&)>& f) {
  if (ExprPtr replaced = f(expr)) return replaced;
  return ArgumentMapper(expr, f).Map();
}

ExprPtr WithRange(const ExprPtr& expr, SourceRange range) {
  if (!expr) return nullptr;
  const std::function<ExprPtr(const ExprPtr&)> ranged = [&](const ExprPtr& argument) {
    return WithRange(argument, range);
  };
  Expr copy = *ArgumentMapper(expr, ranged).Map();
  copy.range = range;
  return std::make_shared<const Expr>(std::move(copy));
}

void SetRanges(Node* root, SourceRange range) {
  ForEachNode(root, [range](Node* node) {
    node->range = range;
    if (auto* filter = std::get_if<Filter>(&node->op)) {
      filter->predicate = WithRange(filter->predicate, range);
    } else if (auto* watermark = std::get_if<Watermark>(&node->op)) {
      watermark->expr = WithRange(watermark->expr, range);
    } else if (auto* project = std::get_if<Project>(&node->op)) {
      for (ExprPtr& expr : project->exprs) expr = WithRange(expr, range);
    } else if (auto* unnest = std::get_if<Unnest>(&node->op)) {
      for (ExprPtr& collection : unnest->collections) collection = WithRange(collection, range);
    } else if (auto* join = std::get_if<Join>(&node->op)) {
      join->residual = WithRange(join->residual, range);
    } else if (auto* temporal = std::get_if<TemporalJoin>(&node->op)) {
      temporal->join.residual = WithRange(temporal->join.residual, range);
    } else if (auto* match = std::get_if<MatchRecognize>(&node->op)) {
      for (MatchVariable& variable : match->pattern) {
        variable.condition = WithRange(variable.condition, range);
      }
      for (MatchSlot& slot : match->slots) slot.argument = WithRange(slot.argument, range);
      for (ExprPtr& measure : match->measures) measure = WithRange(measure, range);
    }
  });
}

ExprPtr Substitute(const ExprPtr& expr, const std::vector<ExprPtr>& exprs) {
  return ReplaceExpr(expr, [&](const ExprPtr& part) -> ExprPtr {
    size_t column = 0;
    return IsColumn(*part, &column) ? exprs[column] : nullptr;
  });
}

void SplitConjunction(const ExprPtr& expr, std::vector<ExprPtr>* terms) {
  auto* logic = std::get_if<LogicExpr>(&expr->node);
  if (!logic || !logic->conjunction) {
    terms->push_back(expr);
    return;
  }
  for (const ExprPtr& argument : logic->arguments) SplitConjunction(argument, terms);
}

ExprPtr Conjoin(std::vector<ExprPtr> terms) {
  if (terms.empty()) return nullptr;
  if (terms.size() == 1) return terms[0];
  const bool nullable = std::any_of(terms.begin(), terms.end(),
                                    [](const ExprPtr& term) { return term->type.nullable; });
  const SourceRange range = terms[0]->range;
  return std::make_shared<const Expr>(
      Expr{Type(TypeId::kBoolean, nullable), range, LogicExpr{true, std::move(terms)}});
}

void Rewrite(Plan* plan, const std::string& zone) {
  InlineCommons(&plan->root);
  ForEachRoot(&plan->root, MergeProjects);
  ForEachRoot(&plan->root, [](NodePtr root) {
    SimplifyOuterJoins(root.get());
    return root;
  });
  ForEachRoot(&plan->root, PushFilters);
  ForEachRoot(&plan->root, [&](NodePtr root) { return FoldFilters(std::move(root), zone); });
  ForEachRoot(&plan->root, RecognizeTopN);
  ForEachRoot(&plan->root, RecognizeTimeJoins);
  ForEachRoot(&plan->root, OrderJoins);
  ForEachRoot(&plan->root, ProjectJoinKeys);
  ShareEqualSubplans(&plan->root);
  PruneColumns(&plan->root);
  ForEachRoot(&plan->root, FuseSessions);
  ForEachRoot(&plan->root, MergeProjects);
  // Pull queries have no late rows.
  if (!plan->pull) MarkDeciders(plan->root.get());
  for (size_t i = 0; i < plan->schema.size(); ++i) {
    plan->root->schema[i].name = plan->schema[i].name;
  }
  DeriveTree(plan->root.get());
  CheckTemporalJoins(*plan->root);
  if (!plan->pull) NotifyUnboundedState(*plan->root, &plan->notices);
}

}  // namespace millrace
