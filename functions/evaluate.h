// The parts of Evaluate (functions/expr.h) that have files of their own.
#pragma once

#include "functions/expr.h"

namespace millrace {

// The value of `expr` for the rows of `batch` with these indices, in that order. Errors are added
// with the rows' indices in `batch`.
Column EvaluateRows(const Expr& expr, const Batch& batch, std::span<const uint32_t> rows,
                    EvalContext& context);

Column EvaluateLogic(const LogicExpr& logic, const Batch& batch, EvalContext& context);
Column EvaluateCase(const CaseExpr& expr, const Type& type, const Batch& batch,
                    EvalContext& context);
Column EvaluateIn(const InExpr& in, const Batch& batch, EvalContext& context);

// The indices i where bytes[i] is not 0.
std::vector<uint32_t> NonZero(const uint8_t* bytes, size_t size);
// For each row whether a BOOLEAN column is TRUE there: flat, without NULLs.
Column TrueMask(const Column& column, size_t size);
// The rows where it is.
std::vector<uint32_t> TrueRows(const Column& column, size_t size);

}  // namespace millrace
