// The registration functions of the families, one or two per file; registry.cc calls them.
#pragma once

#include "functions/registry.h"

namespace millrace {

void RegisterAggregates(FunctionRegistry& r);
void RegisterArrays(FunctionRegistry& r);
void RegisterArithmetic(FunctionRegistry& r);
void RegisterCollection(FunctionRegistry& r);
void RegisterComparison(FunctionRegistry& r);
void RegisterConditional(FunctionRegistry& r);
void RegisterDateFormat(FunctionRegistry& r);
void RegisterDatetime(FunctionRegistry& r);
void RegisterDatetimeUnits(FunctionRegistry& r);
void RegisterDecimal(FunctionRegistry& r);
void RegisterDescendingKey(FunctionRegistry& r);
void RegisterEncoding(FunctionRegistry& r);
void RegisterExtremes(FunctionRegistry& r);
void RegisterFolds(FunctionRegistry& r);
void RegisterIntervals(FunctionRegistry& r);
void RegisterLike(FunctionRegistry& r);
void RegisterLogic(FunctionRegistry& r);
void RegisterMath(FunctionRegistry& r);
void RegisterOrdered(FunctionRegistry& r);
void RegisterRegexp(FunctionRegistry& r);
void RegisterString(FunctionRegistry& r);
void RegisterStringSearch(FunctionRegistry& r);
void RegisterSums(FunctionRegistry& r);

}  // namespace millrace
