// Finds functions by name and argument types.
//
// No static initialisers: each family file ends with Register<Family>(FunctionRegistry&), and
// registry.cc lists them.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "functions/aggregate.h"
#include "functions/scalar.h"

namespace millrace {

// Derives the result type (and may refuse by giving nothing) where it depends on more than the
// TypeIds: DECIMAL's precision, element types.
using ResultType = std::function<std::optional<Type>(std::span<const Type> arguments)>;

// A function chosen for argument types.
struct ResolvedScalar {
  std::string name;
  std::vector<Type> parameters;  // Cast the arguments to these first (they may already be equal).
  Type result;                   // Nullable as the arguments and the function demand.
  ScalarKernel kernel;
  bool deterministic =
      true;  // Else never folded, and refused over updating input: RAND, UUID, NOW.
};

class FunctionRegistry {
 public:
  // `r.Add("abs", [](int64_t a) {…})`. Names are lower case. Several overloads may share a name.
  // Defined in functions/make_scalar.h.
  template <class F>
  void Add(std::string name, F f, Volatility volatility = Volatility::kImmutable);

  // Full form for what a lambda cannot say: `parameters` kNull means "any type"; the last one
  // repeats if `variadic`. Kernels get the arguments in their own types where the parameter is
  // "any".
  struct Definition {
    std::string name;
    std::vector<TypeId> parameters;
    bool variadic = false;
    ResultType result;
    // Makes the kernel once the types are known.
    std::function<ScalarKernel(std::span<const Type> arguments, const Type& result)> make_kernel;
    bool null_aware = false;  // Else the result is nullable as soon as an argument is.
    bool deterministic = true;
    bool may_be_null = false;  // Gives NULL for arguments that are not, too.
    // The types to cast the arguments to, where they depend on each other (`a + b`, `a = b`);
    // nothing when they do not fit. Instead of `parameters`, which then only say how many there
    // are.
    std::function<std::optional<std::vector<Type>>(std::span<const Type> arguments)> coerce;
  };
  void Define(Definition definition);

  // The overload that fits with the fewest and least implicit casts. Throws kFunctionNotFound with
  // the signatures of the name's overloads (or the nearest name) in the hint.
  ResolvedScalar ResolveScalar(std::string_view name, std::span<const Type> arguments) const;
  bool HasScalar(std::string_view name) const;

  bool HasAggregate(std::string_view name) const;
  // `updating`: the input has retractions. No argument types: COUNT(*). Throws like ResolveScalar.
  ResolvedAggregate ResolveAggregate(std::string_view name, std::span<const Type> arguments,
                                     bool updating) const;
  void DefineAggregate(AggregateDefinition definition);

  // Every name, sorted, for SHOW FUNCTIONS and completion.
  std::vector<std::string> Names() const;

 private:
  std::multimap<std::string, Definition, std::less<>> scalars_;
  std::multimap<std::string, AggregateDefinition, std::less<>> aggregates_;
};

// All built-in functions; made once, immutable.
const FunctionRegistry& BuiltinFunctions();

}  // namespace millrace
