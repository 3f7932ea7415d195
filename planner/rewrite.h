// Rules that make a bound plan cheaper without changing what it says.
//
// Each rule has a file; Rewrite applies them in a fixed order. Afterwards schemas and properties
// are derived anew.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "planner/plan.h"

namespace millrace {

// `zone`: of the session, for constants. All rules but SetUpsert, then marks the aggregates that
// decide what is late. The root's schema stays as it is.
void Rewrite(Plan* plan, const std::string& zone);

// Where three or more tables stand in FROM, moves what WHERE says of them to their joins, whose
// properties then tell which times stay time attributes.
NodePtr PushIntoJoins(NodePtr node);

// Turns outer joins into inner ones where a condition above drops the rows without a partner.
void SimplifyOuterJoins(Node* root);
// Moves conjuncts of filters towards the scans: below Project, AssignWindows (unless they use the
// window's columns), UnionAll, to the input of a Join that they speak of and, if they use keys
// only, below Aggregate; never below a Watermark, which must see all rows. Conditions over both
// inputs of an inner join become part of it.
NodePtr PushFilters(NodePtr node);
// Drops conditions that are always TRUE and inputs from which no row can come: constants, `x = 1`
// beside `x = 2`, empty ranges, joins with nothing.
NodePtr FoldFilters(NodePtr node, const std::string& zone);
// Joins adjacent projections where no work is done twice, and removes those that do nothing.
NodePtr MergeProjects(NodePtr node);
// Turns joins whose condition bounds the times of both sides into interval joins, and has joins of
// windows forget these when they close.
NodePtr RecognizeTimeJoins(NodePtr node);
// Orders three and more inner joins so that little is kept of what is joined: along equalities
// before products, by keys before what multiplies rows, filtered inputs first. The order depends on
// the query's text and the keys alone.
NodePtr OrderJoins(NodePtr node);
// Computes the sides of equalities between expressions below their join, so that they become keys.
NodePtr ProjectJoinKeys(NodePtr node);
NodePtr ProjectKeysOf(NodePtr join);  // The same of this join alone.
// Turns a condition on what one ROW_NUMBER, RANK or DENSE_RANK gives into top-N.
NodePtr RecognizeTopN(NodePtr node);
// Makes one operator of session windows and an aggregate over them, where that needs no rows.
NodePtr FuseSessions(NodePtr node);
// Removes columns that nothing above uses, down into the scans. The root keeps all of its own.
void PruneColumns(NodePtr* root);
// Lets an updating aggregate leave out the old rows where only projections of plain columns lie
// between it and a Materialize with the same key.
void SetUpsert(Node* root);

// Throws at a join with FOR SYSTEM_TIME AS OF that cannot run.
void CheckTemporalJoins(const Node& root);
// Adds a notice for every join and ranking whose state grows as long as rows come.
void NotifyUnboundedState(const Node& root, std::vector<Notice>* notices);

// The columns of which each, when it is NULL, keeps the condition from being TRUE.
std::set<size_t> RejectedColumns(const Expr& condition);
// Whether evaluating it never makes an error row.
bool NeverFails(const Expr& expr);
// The tree with every subtree for which `f` gives an expression replaced by it, outermost first.
ExprPtr ReplaceExpr(const ExprPtr& expr, const std::function<ExprPtr(const ExprPtr&)>& f);
// `expr`, over the output of projection `exprs`, as an expression over its input.
ExprPtr Substitute(const ExprPtr& expr, const std::vector<ExprPtr>& exprs);
// Gives all ranges in the tree to `range`: what comes from another text than the statement's is
// shown where the statement refers to it.
ExprPtr WithRange(const ExprPtr& expr, SourceRange range);
void SetRanges(Node* root, SourceRange range);
// The terms of a conjunction, and back. Conjoin of nothing is null.
void SplitConjunction(const ExprPtr& expr, std::vector<ExprPtr>* terms);
ExprPtr Conjoin(std::vector<ExprPtr> terms);

}  // namespace millrace
