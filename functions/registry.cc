#include "functions/registry.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "functions/families.h"
#include "types/cast.h"

namespace millrace {
namespace {

constexpr int kAnyCost = 5;         // A parameter of any type: less good than a narrow widening.
constexpr int kOtherCastCost = 20;  // E.g. DECIMAL to DOUBLE, DATE to TIMESTAMP.
constexpr size_t kSignaturesShown = 8;

// Names that only the planner writes, for operators, special syntax and scalar subqueries.
constexpr std::string_view kOperators[] = {
    "negate",   "not",         "is_null",        "is_not_null",      "is_true",
    "is_false", "is_not_true", "is_not_false",   "is_distinct_from", "is_not_distinct_from",
    "like",     "is_unknown",  "is_not_unknown", "similar_to", "single_value", "single_row",
    "descending_key"};

int CastCost(const Type& from, TypeId to) {
  if (from.id == to || from.id == TypeId::kNull) return 0;
  if (IsNumeric(from.id) && IsNumeric(to) && CastKindOf(from, to) == CastKind::kImplicit) {
    return 1 + std::abs(static_cast<int>(to) - static_cast<int>(from.id));
  }
  return kOtherCastCost;
}

// The type to cast `argument` to for a parameter; nothing when it does not fit.
std::optional<Type> FitParameter(const Type& argument, TypeId parameter) {
  if (parameter == TypeId::kNull || argument.id == parameter) return argument;
  Type type = Type(parameter).AsNullable(argument.nullable);
  if (argument.id == TypeId::kNull) return type;
  if (parameter == TypeId::kDecimal && IsInteger(argument.id)) {
    return Type::MakeDecimal(PrecisionOf(argument), 0).AsNullable(argument.nullable);
  }
  const bool to_double = parameter == TypeId::kDouble && IsNumeric(argument.id);
  if (to_double || CastKindOf(argument, type) == CastKind::kImplicit) return type;
  return std::nullopt;
}

struct Fit {
  std::vector<Type> parameters;
  int cost = 0;
};

std::optional<Fit> FitParameters(std::span<const TypeId> parameters, bool variadic,
                                 std::span<const Type> arguments) {
  const size_t least = variadic ? parameters.size() - 1 : parameters.size();
  if (arguments.size() < least) return std::nullopt;
  if (!variadic && arguments.size() > parameters.size()) return std::nullopt;
  Fit fit;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const TypeId parameter = parameters[std::min(i, parameters.size() - 1)];
    std::optional<Type> type = FitParameter(arguments[i], parameter);
    if (!type) return std::nullopt;
    fit.cost += parameter == TypeId::kNull ? kAnyCost : CastCost(arguments[i], parameter);
    fit.parameters.push_back(std::move(*type));
  }
  return fit;
}

std::optional<Fit> FitScalar(const FunctionRegistry::Definition& definition,
                             std::span<const Type> arguments) {
  std::optional<Fit> fit = FitParameters(definition.parameters, definition.variadic, arguments);
  if (!fit || !definition.coerce) return fit;
  std::optional<std::vector<Type>> types = definition.coerce(arguments);
  if (!types) return std::nullopt;
  fit->cost = 0;
  for (size_t i = 0; i < arguments.size(); ++i) {
    (*types)[i].nullable = arguments[i].nullable;
    fit->cost += CastCost(arguments[i], (*types)[i].id);
  }
  fit->parameters = std::move(*types);
  return fit;
}

bool IsNullable(const FunctionRegistry::Definition& definition, std::span<const Type> arguments,
                const Type& result) {
  if (definition.may_be_null) return true;
  if (definition.null_aware) return result.nullable;
  return std::ranges::any_of(arguments, [](const Type& t) { return t.nullable; });
}

std::string Join(std::span<const Type> types) {
  std::string text;
  for (const Type& type : types) {
    if (!text.empty()) text += ", ";
    text += type.AsNullable().ToString();
  }
  return text;
}

std::string SignatureOf(std::string_view name, std::span<const TypeId> parameters, bool variadic) {
  std::string text;
  for (TypeId id : parameters) {
    if (!text.empty()) text += ", ";
    text += id == TypeId::kNull ? "ANY" : Type(id).ToString();
  }
  return std::string(name) + '(' + text + (variadic ? " …)" : ")");
}

template <class Map>
std::vector<std::string_view> NamesOf(const Map& map) {
  std::vector<std::string_view> names;
  for (const auto& [name, definition] : map) {
    if (names.empty() || names.back() != name) names.push_back(name);
  }
  return names;
}

[[noreturn]] void ThrowUnknown(std::string_view kind, std::string_view name,
                               std::span<const std::string_view> names) {
  throw Error(ErrorCode::kFunctionNotFound,
              "There is no " + std::string(kind) + ' ' + std::string(name) + '.', {},
              DidYouMean(name, names));
}

[[noreturn]] void ThrowNoOverload(std::string_view name, std::span<const Type> arguments,
                                  std::span<const std::string> signatures) {
  std::string hint;
  for (size_t i = 0; i < std::min(signatures.size(), kSignaturesShown); ++i) {
    hint += (i == 0 ? "There is " : ", ") + signatures[i];
  }
  if (signatures.size() > kSignaturesShown) hint += ", …";
  throw Error(ErrorCode::kFunctionNotFound,
              std::string(name) + " does not take (" + Join(arguments) + ").", {}, hint);
}

FunctionRegistry MakeBuiltinFunctions() {
  FunctionRegistry r;
  RegisterArithmetic(r);
  RegisterDecimal(r);
  RegisterIntervals(r);
  RegisterMath(r);
  RegisterComparison(r);
  RegisterDescendingKey(r);
  RegisterLogic(r);
  RegisterConditional(r);
  RegisterString(r);
  RegisterStringSearch(r);
  RegisterLike(r);
  RegisterRegexp(r);
  RegisterEncoding(r);
  RegisterDatetime(r);
  RegisterDatetimeUnits(r);
  RegisterDateFormat(r);
  RegisterCollection(r);
  RegisterArrays(r);
  RegisterAggregates(r);
  return r;
}

}  // namespace

void FunctionRegistry::Define(Definition definition) {
  std::string name = definition.name;
  scalars_.emplace(std::move(name), std::move(definition));
}

void FunctionRegistry::DefineAggregate(AggregateDefinition definition) {
  std::string name = definition.name;
  aggregates_.emplace(std::move(name), std::move(definition));
}

bool FunctionRegistry::HasScalar(std::string_view name) const { return scalars_.contains(name); }

bool FunctionRegistry::HasAggregate(std::string_view name) const {
  return aggregates_.contains(name);
}

ResolvedScalar FunctionRegistry::ResolveScalar(std::string_view name,
                                               std::span<const Type> arguments) const {
  const auto [begin, end] = scalars_.equal_range(name);
  if (begin == end) ThrowUnknown("function", name, NamesOf(scalars_));
  const Definition* best = nullptr;
  std::optional<Fit> best_fit;
  std::optional<Type> result;
  std::vector<std::string> signatures;
  for (auto it = begin; it != end; ++it) {
    const Definition& definition = it->second;
    signatures.push_back(SignatureOf(name, definition.parameters, definition.variadic));
    std::optional<Fit> fit = FitScalar(definition, arguments);
    if (!fit || (best_fit && fit->cost >= best_fit->cost)) continue;
    std::optional<Type> type = definition.result(fit->parameters);
    if (!type) continue;
    best = &definition;
    best_fit = std::move(fit);
    result = std::move(type);
  }
  if (best == nullptr) ThrowNoOverload(name, arguments, signatures);
  result->nullable = IsNullable(*best, arguments, *result);
  ResolvedScalar resolved;
  resolved.name = name;
  resolved.kernel = best->make_kernel(best_fit->parameters, *result);
  resolved.parameters = std::move(best_fit->parameters);
  resolved.result = std::move(*result);
  resolved.deterministic = best->deterministic;
  return resolved;
}

ResolvedAggregate FunctionRegistry::ResolveAggregate(std::string_view name,
                                                     std::span<const Type> arguments,
                                                     bool updating) const {
  const auto [begin, end] = aggregates_.equal_range(name);
  if (begin == end) ThrowUnknown("aggregate function", name, NamesOf(aggregates_));
  std::vector<std::string> signatures;
  for (auto it = begin; it != end; ++it) {
    const AggregateDefinition& definition = it->second;
    signatures.push_back(SignatureOf(name, definition.parameters, false));
    std::optional<Fit> fit = FitParameters(definition.parameters, false, arguments);
    if (!fit) continue;
    std::optional<Type> result = definition.result(fit->parameters);
    if (!result) continue;
    if (definition.coerce) fit->parameters = definition.coerce(fit->parameters);
    ResolvedAggregate resolved;
    resolved.name = name;
    resolved.make_kernel = definition.make_kernel;
    resolved.constant = definition.constant;
    if (!resolved.constant) resolved.kernel = definition.make_kernel({fit->parameters, *result});
    resolved.parameters = std::move(fit->parameters);
    resolved.result = std::move(*result);
    resolved.multiset_extreme = updating ? definition.extreme : 0;
    resolved.takes_nulls = definition.takes_nulls;
    resolved.ordered = definition.ordered;
    resolved.weighted = definition.weighted;
    return resolved;
  }
  ThrowNoOverload(name, arguments, signatures);
}

std::vector<std::string> FunctionRegistry::Names() const {
  std::vector<std::string> names;
  const auto add = [&](std::string_view name) {
    const bool letter = name[0] >= 'a' && name[0] <= 'z';
    if (letter && std::ranges::find(kOperators, name) == std::end(kOperators)) {
      names.emplace_back(name);
    }
  };
  for (std::string_view name : NamesOf(scalars_)) add(name);
  for (std::string_view name : NamesOf(aggregates_)) add(name);
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

const FunctionRegistry& BuiltinFunctions() {
  static const FunctionRegistry functions = MakeBuiltinFunctions();
  return functions;
}

}  // namespace millrace
