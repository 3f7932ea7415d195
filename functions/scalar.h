// Scalar functions: a C++ lambda on plain values becomes a vectorised SQL function.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

#include "types/batch.h"
#include "types/row_errors.h"

namespace millrace {

// What an evaluation may depend on beside its arguments.
struct EvalContext {
  TimestampLtz now;                       // The step's clock (NOW, CURRENT_TIMESTAMP, PROCTIME).
  std::string zone = "UTC";               // The session's time zone.
  std::optional<TimestampLtz> watermark;  // CURRENT_WATERMARK; none before the first.
  RowErrors* errors = nullptr;            // Never null while an expression is evaluated.
};

// `arguments` have the declared types (or casts to them were inserted), each of `size` rows.
using ScalarKernel =
    std::function<Column(std::span<const Column> arguments, size_t size, EvalContext& context)>;

// A failing result: rows with an error leave the query's result and stand in its error table.
template <class R>
struct Checked {
  R value{};
  const char* error = nullptr;  // A literal; null when the value is good.
};

// Functions that make strings take this as last parameter: memory that lives as long as the result.
class Heap {
 public:
  StringRef Add(std::string_view s) {
    return s.size() <= StringRef::kInline ? StringRef(s) : StringRef(arena_->Copy(s));
  }
  const std::shared_ptr<Arena>& arena() const { return arena_; }

 private:
  std::shared_ptr<Arena> arena_ = std::make_shared<Arena>();
};

namespace scalar_internal {

template <class T>
struct ValueOf {
  using type = T;
  static constexpr bool kOptional = false;
  static constexpr bool kChecked = false;
};
template <class T>
struct ValueOf<std::optional<T>> {
  using type = T;
  static constexpr bool kOptional = true;
  static constexpr bool kChecked = false;
};
template <class T>
struct ValueOf<Checked<T>> {
  using type = T;
  static constexpr bool kOptional = false;
  static constexpr bool kChecked = true;
};

// The validity of a result that is null where any argument is; null pointer when none is. May be
// shared with an argument, so it must not be written to.
std::shared_ptr<uint8_t[]> PropagateNulls(std::span<const Column> arguments, size_t size);

bool AllConstant(std::span<const Column> arguments);
bool AnyConstantNull(std::span<const Column> arguments);
// Long strings of `result` may point into the arguments' memory.
void KeepAliveOfAll(std::span<const Column> arguments, Column* result);

template <class T>
inline constexpr bool kIsContext =
    std::is_same_v<T, Heap&> || std::is_same_v<T, const EvalContext&>;

}  // namespace scalar_internal

// What a function's value depends on beside its arguments.
enum class Volatility : uint8_t {
  kImmutable,  // Nothing (but for the session's zone).
  kStable,     // The step: one value for a batch. NOW.
  kVolatile,   // Every row has its own value. RAND, UUID.
};

// What MakeScalar reads off the lambda's signature.
struct ScalarSignature {
  std::vector<TypeId> parameters;
  TypeId result = TypeId::kNull;
  bool null_aware = false;   // Some parameter is optional: nulls reach the function.
  bool may_fail = false;     // It returns Checked.
  bool may_be_null = false;  // It returns std::optional.
  ScalarKernel kernel;
};

// Signature := R(A…[, Heap&][, const EvalContext&])
//   R a value, std::optional of it (may give NULL) or Checked of it (may fail);
//   A a value, or std::optional of it (then nulls reach the function instead of giving NULL).
// Defined in functions/make_scalar.h, which only the families include.
//
// With constant arguments only, the kernel computes one value and returns a constant column, unless
// the function is volatile.
template <class F>
ScalarSignature MakeScalar(F f, Volatility volatility = Volatility::kImmutable);

// The value of `evaluate`, which sees one row, for `size` rows: a constant column. An error is
// every row's error.
Column EvaluateOnce(const std::function<Column(EvalContext& context)>& evaluate, size_t size,
                    EvalContext& context);

}  // namespace millrace
