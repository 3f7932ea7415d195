// JOIN … FOR SYSTEM_TIME AS OF: the right side's rows as of a time of the left row's, or as of its
// arrival.
#include <algorithm>

#include "fmt/format.h"
#include "fmt/ranges.h"
#include "planner/bind_query.h"
#include "planner/join.h"
#include "planner/properties.h"
#include "planner/rewrite.h"
#include "planner/versions.h"

namespace millrace {
namespace {

bool Contains(const std::vector<size_t>& list, size_t value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

// Whether rows of the past are gone: a pull query sees those that a table or view has now.
bool IsSnapshot(const Node& root) {
  bool snapshot = false;
  ForEachNode(root, [&](const Node& node) {
    if (auto* table = std::get_if<ScanTable>(&node.op)) {
      snapshot |= table->snapshot && table->table->changes;
    }
    if (auto* view = std::get_if<ScanView>(&node.op)) snapshot |= view->snapshot;
  });
  return snapshot;
}

class TemporalJoinBinder {
 public:
  // `key`: columns of the right input by which its rows replace each other.
  TemporalJoinBinder(const QueryBinder& binder, BoundInput left, BoundInput right,
                     std::vector<size_t> key)
      : binder_(binder), left_(std::move(left)), right_(std::move(right)), key_(std::move(key)) {}

  void SetTime(const ast::Expr& as_of) {
    const ExprPtr time = binder_.Bind(as_of, left_.scope);
    size_t column = 0;
    auto* call = std::get_if<CallExpr>(&time->node);
    const bool arrival = IsColumn(*time, &column)
                             ? Contains(left_.node->properties.proctimes, column)
                             : call && SameWithoutCase(call->name, "proctime");
    op_.event_time = !arrival;
    if (arrival) return;
    op_.left_time = binder_.TimeColumn(left_, as_of);
    SetVersions(as_of.range);
  }

  // After SetTime.
  void SetRetry(const LookupHint& hint) {
    if (op_.event_time) return;
    op_.retry_delay = hint.retry_delay;
    op_.retry_attempts = hint.retry_attempts;
  }

  BoundInput Bind(const ast::JoinRef& join, SourceRange range) {
    Join plan;
    plan.kind = join.kind == ast::JoinKind::kLeft ? JoinKind::kLeft : JoinKind::kInner;
    BoundInput bound;
    bound.scope = left_.scope;
    bound.scope.columns.resize(left_.node->schema.size(), {"", "", Type(), /*system=*/true});
    for (const ScopeColumn& column : right_.scope.columns) bound.scope.columns.push_back(column);
    std::vector<ExprPtr> terms;
    const ExprPtr on =
        BindPredicate(*join.on, bound.scope, binder_.context(), "ON", binder_.notices());
    SplitConjunction(on, &terms);
    NodePtr made = ProjectKeysOf(MakeJoin(std::move(plan), std::move(left_.node),
                                          std::move(right_.node), std::move(terms), range));
    Node& node = std::holds_alternative<Join>(made->op) ? *made : *made->inputs[0];
    op_.join = std::move(std::get<Join>(node.op));
    CheckKeys(*join.on);
    node.op = op_;
    DeriveProperties(&node);
    if (made.get() != &node) DeriveProperties(made.get());
    bound.node = std::move(made);
    for (size_t i = 0; i < bound.scope.columns.size(); ++i) {
      bound.scope.columns[i].type = bound.node->schema[i].type;
    }
    return bound;
  }

 private:
  void SetVersions(SourceRange range) {
    if (std::optional<Versions> versions = FindVersions(*right_.node)) {
      right_.node = std::move(versions->rows);
      key_ = std::move(versions->key);
      op_.right_time = versions->time;
      return;
    }
    const Node& right = *right_.node;
    const Type& type = left_.node->schema[op_.left_time].type;
    const std::vector<size_t>& times = right.properties.event_times;
    const auto time = std::ranges::find_if(
        times, [&](size_t column) { return right.schema[column].type.id == type.id; });
    if (time == times.end() || key_.empty()) {
      throw Error(ErrorCode::kInvalidWatermark,
                  fmt::format("the right side of a join as of event time needs a primary key and "
                              "an event time of type {}",
                              type.AsNullable(true).ToString()),
                  range,
                  "declare PRIMARY KEY and WATERMARK in its table, or join as of PROCTIME()");
    }
    op_.right_time = *time;
    if (IsSnapshot(right)) {
      ThrowUnsupported(
          "FOR SYSTEM_TIME AS OF an event time in a query that runs once, over a "
          "table whose old rows are gone, is",
          range, "make it a materialized view");
    }
  }
  void CheckKeys(const ast::Expr& on) const {
    const auto& keys = op_.join.right_keys;
    const bool all =
        std::ranges::all_of(key_, [&](size_t column) { return Contains(keys, column); });
    if (!keys.empty() && (!op_.event_time || all)) return;
    throw Error(ErrorCode::kUnsupportedFeature,
                op_.event_time ? "a join as of event time needs an equality for every column of "
                                 "the right side's primary key"
                               : "a join as of arrival needs an equality of columns",
                on.range);
  }

  const QueryBinder& binder_;
  BoundInput left_, right_;
  std::vector<size_t> key_;
  TemporalJoin op_;
};

}  // namespace

BoundInput QueryBinder::BindTemporalJoin(const ast::JoinRef& join, BoundInput left,
                                         const ast::TableRef& table, SourceRange range) {
  const bool kept = join.kind == ast::JoinKind::kInner || join.kind == ast::JoinKind::kLeft;
  if (!kept || !join.on) {
    ThrowUnsupported("FOR SYSTEM_TIME AS OF in another join than [INNER | LEFT] JOIN … ON is",
                     table.as_of->range);
  }
  BoundInput right = BindNamedTable(table, join.right->range);
  std::vector<size_t> key = right.node->properties.key;
  const Relation* relation = context_.catalog->Find(table.name, *context_.session);
  if (relation && relation->kind == Relation::Kind::kTable) key = relation->primary_key;
  if (join.right->alias) Rename(*join.right->alias, &right);
  TemporalJoinBinder binder(*this, std::move(left), std::move(right), std::move(key));
  binder.SetTime(*table.as_of);
  const std::string& name = table.name.parts.back().text;
  const LookupHint* hint =
      FindLookupHint(join.right->alias ? join.right->alias->name.text : name, name);
  if (hint != nullptr && mode_ != QueryMode::kPull) binder.SetRetry(*hint);
  return binder.Bind(join, range);
}

}  // namespace millrace
