// Expressions that the planner itself writes. `range` is the clause that they serve.
#pragma once

#include <utility>
#include <vector>

#include "functions/expr.h"
#include "planner/join.h"

namespace millrace {

ExprPtr MakeBoolean(bool value, SourceRange range);
ExprPtr MakeUnknown(SourceRange range);                 // A BOOLEAN that is NULL.
ExprPtr MakeInteger(int64_t value, SourceRange range);  // BIGINT
ExprPtr MakeString(std::string value, SourceRange range);
ExprPtr MakeNull(const Type& type, SourceRange range);
ExprPtr MakeIsNull(ExprPtr expr, SourceRange range);
ExprPtr MakeIsNotNull(ExprPtr expr, SourceRange range);
// AND or OR of at least one argument.
ExprPtr MakeLogic(bool conjunction, std::vector<ExprPtr> arguments, SourceRange range);
// CASE WHEN … THEN … ELSE … END of this type; nullable if a result is.
ExprPtr MakeCase(Type type, std::vector<std::pair<ExprPtr, ExprPtr>> whens, ExprPtr otherwise,
                 SourceRange range);
// `=`, or IS NOT DISTINCT FROM.
ExprPtr MakeEqual(ExprPtr left, ExprPtr right, bool null_equal, SourceRange range);

}  // namespace millrace
