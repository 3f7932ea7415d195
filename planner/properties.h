// Derives what a plan node promises about its output, and makes nodes with it.
#pragma once

#include <string>
#include <vector>

#include "planner/plan.h"

namespace millrace {

// Sets `node->properties` from its operator, its schema and its inputs' properties. The schema must
// be there. `upsert` is kept as it is.
void DeriveProperties(Node* node);
// The same for the whole tree, inputs first.
void DeriveTree(Node* root);

// By how much the time of a match's last row may lie behind the watermark when the match is told,
// microseconds; nothing if there is no bound.
std::optional<int64_t> HoldOf(const MatchRecognize& match);

// What a regular join promises; the node's other fields are set.
Properties JoinProperties(const Node& node, const Join& join);
// Of an inner one, when rows for which the predicate is TRUE are all that is wanted of it.
Properties FilteredJoinProperties(const Node& node, const Expr& predicate);
// The same of joins by time.
Properties IntervalJoinProperties(const Node& node, const IntervalJoin& op);
Properties TemporalJoinProperties(const Node& node, const TemporalJoin& op);
// Whether the join keys contain the side's key, so that each row of the other side has at most one
// partner there.
bool JoinsByKey(const Properties& side, const std::vector<size_t>& join_keys);

// For operators that forget windows when they close: a row that was in a closed window and is now in
// another stands in the output twice, so that only with the window's end a key tells rows apart.
void KeepClosedRows(const Properties& in, size_t window_end, Properties* out);

// Nodes with schema and properties. A Project's schema has the types of `exprs`.
NodePtr MakeFilter(NodePtr input, ExprPtr predicate, SourceRange range = {});
NodePtr MakeProject(NodePtr input, std::vector<ExprPtr> exprs, std::vector<std::string> names,
                    SourceRange range = {});
NodePtr MakeAssignWindows(NodePtr input, AssignWindows windows, SourceRange range = {});
// `fields`: of the columns behind the input's.
NodePtr MakeUnnest(NodePtr input, Unnest unnest, const std::vector<Field>& fields,
                   SourceRange range = {});
NodePtr MakeExpand(NodePtr input, Expand expand, SourceRange range = {});
// `call_names`: of the columns of the calls.
NodePtr MakeAggregateNode(NodePtr input, Aggregate aggregate,
                          const std::vector<std::string>& call_names, SourceRange range = {});
NodePtr MakeOver(NodePtr input, Over over, const std::vector<std::string>& call_names,
                 SourceRange range = {});
// `measure_names`: of the columns of the measures.
NodePtr MakeMatch(NodePtr input, MatchRecognize match,
                  const std::vector<std::string>& partition_names,
                  const std::vector<std::string>& measure_names, SourceRange range = {});
NodePtr MakeSort(NodePtr input, Sort sort, SourceRange range = {});

// The plan's root becomes a Materialize of the view `name`; drops retractions that the view does
// not need (see set_upsert.cc).
void AddMaterialize(Plan* plan, std::string name, int64_t retention);

// Whether the expression is nothing but column `*index` of its input.
bool IsColumn(const Expr& expr, size_t* index = nullptr);

// A projection to these columns.
NodePtr PickColumns(NodePtr input, const std::vector<size_t>& columns, SourceRange range = {});
// The columns of the schema as expressions, and their names.
std::vector<ExprPtr> AllColumns(const Schema& schema);
std::vector<std::string> NamesOf(const Schema& schema);

}  // namespace millrace
