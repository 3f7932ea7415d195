// Sessions that only one aggregate reads need no rows: the two become one operator.
#include <algorithm>

#include "planner/properties.h"
#include "planner/rewrite.h"

namespace millrace {
namespace {

// An Aggregate over a session window, perhaps with a projection between.
class SessionFuser {
 public:
  explicit SessionFuser(Node* node) : node_(*node), aggregate_(std::get<Aggregate>(node->op)) {}

  bool Matches() {
    Node* below = node_.inputs[0].get();
    if (auto* project = std::get_if<Project>(&below->op)) {
      project_ = project;
      below = below->inputs[0].get();
    }
    auto* windows = std::get_if<AssignWindows>(&below->op);
    if (!windows || windows->kind != AssignWindows::Kind::kSession) return false;
    windows_node_ = below;
    windows_ = windows;
    first_window_column_ = below->inputs[0]->schema.size();
    return aggregate_.window_end && aggregate_.empty_sets.empty() &&
           below->inputs[0]->properties.append_only && KeysMatch() &&
           std::ranges::all_of(aggregate_.calls,
                               [this](const AggregateCall& call) { return CanMerge(call); });
  }

  // REQUIRES: Matches().
  NodePtr Fuse() {
    SessionAggregate session;
    session.gap = windows_->size;
    session.zone = windows_->zone;
    session.event_time = windows_->event_time;
    session.emit_on_close = aggregate_.emit_on_close;
    session.grace = aggregate_.grace;
    session.allowed_lateness = aggregate_.allowed_lateness;
    MakeSchema();
    NodePtr input = MakeInput(&session);
    std::vector<NodePtr> inputs;
    inputs.push_back(std::move(input));
    NodePtr made = MakeNode(std::move(session), std::move(inputs));
    made->schema = schema_;
    made->range = windows_node_->range;
    DeriveProperties(made.get());
    std::vector<ExprPtr> exprs;
    for (size_t place : places_) exprs.push_back(MakeColumnExpr(place, schema_[place].type));
    return MakeProject(std::move(made), std::move(exprs), NamesOf(node_.schema), node_.range);
  }

 private:
  static constexpr size_t kWindowColumns = 3;

  ExprPtr Source(size_t column) const {
    if (project_) return project_->exprs[column];
    return MakeColumnExpr(column, windows_node_->schema[column].type);
  }
  // The window column, from 0 on, that the aggregate's input column is.
  std::optional<size_t> WindowColumn(size_t column) const {
    size_t source = 0;
    if (!IsColumn(*Source(column), &source) || source < first_window_column_) return std::nullopt;
    return source - first_window_column_;
  }
  bool UsesWindow(size_t column) const {
    bool uses = false;
    ReplaceExpr(Source(column), [&](const ExprPtr& part) -> ExprPtr {
      size_t source = 0;
      uses = uses || (IsColumn(*part, &source) && source >= first_window_column_);
      return nullptr;
    });
    return uses;
  }
  // The other keys are the session's.
  bool KeysMatch() const {
    std::vector<size_t> keys;
    for (size_t key : aggregate_.keys) {
      if (WindowColumn(key)) continue;
      size_t source = 0;
      if (!IsColumn(*Source(key), &source)) return false;
      if (std::ranges::find(keys, source) == keys.end()) keys.push_back(source);
    }
    return std::ranges::is_permutation(keys, windows_->partition);
  }
  bool CanMerge(const AggregateCall& call) const {
    const AggregateKernel& kernel = call.function.kernel;
    return !call.distinct && !call.weight && !kernel.fold && kernel.merge &&
           !(call.argument && UsesWindow(*call.argument)) &&
           !(call.filter && UsesWindow(*call.filter));
  }

  // Of the SessionAggregate, and where the aggregate's columns are in it.
  void MakeSchema() {
    for (size_t c = 0; c < kWindowColumns; ++c) {
      schema_.push_back(windows_node_->schema[first_window_column_ + c]);
    }
    for (size_t i = 0; i < aggregate_.keys.size(); ++i) {
      if (const auto column = WindowColumn(aggregate_.keys[i])) {
        places_.push_back(*column);
      } else {
        places_.push_back(schema_.size());
        schema_.push_back(node_.schema[i]);
      }
    }
    for (size_t i = aggregate_.keys.size(); i < node_.schema.size(); ++i) {
      places_.push_back(schema_.size());
      schema_.push_back(node_.schema[i]);
    }
  }
  // The session's input: without a projection as it is, else a projection of what is used.
  NodePtr MakeInput(SessionAggregate* session) {
    std::vector<ExprPtr> exprs;
    const auto add = [&](size_t column) {
      if (!project_) return column;
      exprs.push_back(project_->exprs[column]);
      return exprs.size() - 1;
    };
    for (size_t key : aggregate_.keys) {
      if (!WindowColumn(key)) session->keys.push_back(add(key));
    }
    for (AggregateCall call : aggregate_.calls) {
      call.function.multiset_extreme = 0;  // Its input takes nothing back.
      if (call.argument) call.argument = add(*call.argument);
      if (call.filter) call.filter = add(*call.filter);
      session->calls.push_back(std::move(call));
    }
    NodePtr below = std::move(windows_node_->inputs[0]);
    session->time_column = windows_->time_column;
    if (!project_) return below;
    session->time_column = exprs.size();
    exprs.push_back(
        MakeColumnExpr(windows_->time_column, below->schema[windows_->time_column].type));
    std::vector<std::string> names, inputs = NamesOf(below->schema);
    for (const ExprPtr& expr : exprs) names.push_back(ToString(*expr, inputs));
    const SourceRange range = below->range;
    return MakeProject(std::move(below), std::move(exprs), std::move(names), range);
  }

  Node& node_;
  const Aggregate& aggregate_;
  const Project* project_ = nullptr;
  Node* windows_node_ = nullptr;
  const AssignWindows* windows_ = nullptr;
  size_t first_window_column_ = 0;
  Schema schema_;
  std::vector<size_t> places_;
};

}  // namespace

NodePtr FuseSessions(NodePtr node) {
  for (NodePtr& input : node->inputs) input = FuseSessions(std::move(input));
  if (!std::holds_alternative<Aggregate>(node->op)) return node;
  SessionFuser fuser(node.get());
  return fuser.Matches() ? fuser.Fuse() : std::move(node);
}

}  // namespace millrace
