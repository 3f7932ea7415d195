// Tests of strings and TYPEOF. IF, COALESCE, IFNULL and NULLIF are CASE expressions of the planner.

#include "functions/families.h"
#include "functions/make_scalar.h"
#include "functions/utf8.h"
#include "types/value.h"

namespace millrace {
namespace {

// Whether there are only letters; none at all counts as well as NULL for no.
bool IsAlpha(std::string_view s) {
  if (s.empty()) return false;
  while (!s.empty()) {
    const CodePoint c = FirstCodePoint(s);
    if (c.value > 0x7F ? c.length == 1 : ToLower(c.value) == ToUpper(c.value)) return false;
    s.remove_prefix(c.length);
  }
  return true;
}

bool IsDigits(std::string_view s) {
  for (char c : s) {
    if (c < '0' || c > '9') return false;
  }
  return !s.empty();
}

// [+-] digits [. digits], with a digit on one side of the point at least.
bool IsDecimal(std::string_view s) {
  if (s.starts_with('+') || s.starts_with('-')) s.remove_prefix(1);
  const size_t point = s.find('.');
  if (point == std::string_view::npos) return IsDigits(s);
  const std::string_view whole = s.substr(0, point), fraction = s.substr(point + 1);
  return (whole.empty() || IsDigits(whole)) && (fraction.empty() || IsDigits(fraction)) &&
         whole.size() + fraction.size() > 0;
}

void DefineTypeOf(FunctionRegistry& r) {
  FunctionRegistry::Definition definition;
  definition.name = "typeof";
  definition.parameters = {TypeId::kNull};
  definition.null_aware = true;
  definition.result = [](std::span<const Type>) { return Type(TypeId::kString, false); };
  definition.make_kernel = [](std::span<const Type> arguments, const Type&) -> ScalarKernel {
    return [text = arguments[0].ToString()](std::span<const Column>, size_t size, EvalContext&) {
      return MakeConstantColumn({text}, TypeId::kString, size);
    };
  };
  r.Define(std::move(definition));
}

}  // namespace

void RegisterConditional(FunctionRegistry& r) {
  r.Add("is_alpha", [](std::optional<StringRef> s) { return s && IsAlpha(s->view()); });
  r.Add("is_digit", [](std::optional<StringRef> s) { return s && IsDigits(s->view()); });
  r.Add("is_decimal", [](std::optional<StringRef> s) { return s && IsDecimal(s->view()); });
  DefineTypeOf(r);
  // Fails for the rows for which a scalar subquery has more than one: how many, or for which key.
  constexpr const char* kTooMany = "the scalar subquery gives more than one row";
  r.Add("single_row", [](int64_t) { return Checked<bool>{false, kTooMany}; });
  r.Add("single_row", [](StringRef) { return Checked<bool>{false, kTooMany}; });
}

}  // namespace millrace
