// The loops behind MakeScalar. Only the function families include this.
#pragma once

#include <array>
#include <utility>

#include "functions/registry.h"
#include "functions/scalar.h"

namespace millrace {
namespace scalar_internal {

template <class T>
struct FlatReader {
  const T* values;
  T operator()(size_t i) const { return values[i]; }
};
template <class T>
struct ConstantReader {
  T value;
  T operator()(size_t) const { return value; }
};
template <class T>
struct StrideReader {
  const T* values;
  size_t stride;
  T operator()(size_t i) const { return values[i * stride]; }
};
template <class T>
struct NullableReader {
  const T* values;
  const uint8_t* valid;
  size_t stride;
  std::optional<T> operator()(size_t i) const {
    if (valid != nullptr && valid[i * stride] == 0) return std::nullopt;
    return values[i * stride];
  }
};

// Values that any bits make, so that a loop may compute null rows, too, instead of branching.
template <class T>
inline constexpr bool kAnyBits = std::is_arithmetic_v<T> && !std::is_same_v<T, bool>;
// Values that are worth a loop of their own where one argument is constant.
template <class T>
inline constexpr bool kFixed = !std::is_same_v<T, StringRef> && !std::is_same_v<T, Bytes>;

// Appends what error messages show of an argument; nothing for types that need more than the value.
inline void AppendArgument(int64_t value, std::string* out) { *out += ' ' + std::to_string(value); }
void AppendArgument(double value, std::string* out);
void AppendArgument(StringRef value, std::string* out);
template <class T>
void AppendAnyArgument(const T& value, std::string* out) {
  if constexpr (std::is_floating_point_v<T>) {
    AppendArgument(static_cast<double>(value), out);
  } else if constexpr (std::is_arithmetic_v<T>) {
    AppendArgument(static_cast<int64_t>(value), out);
  } else if constexpr (std::is_same_v<T, StringRef>) {
    AppendArgument(value, out);
  }
}

// F(a…) cannot fail where MayFail(a…) is 0, and gives Unchecked(a…) then.
template <class F, class... A>
concept HasQuickCheck = requires(A... a) {
  F::MayFail(a...);
  F::Unchecked(a...);
};

template <class F, class R, class... A>
class LambdaKernel {
 public:
  LambdaKernel(F f, Volatility volatility) : f_(std::move(f)), volatility_(volatility) {}

  Column operator()(std::span<const Column> arguments, size_t size, EvalContext& context) const {
    if (!kNullAware && AnyConstantNull(arguments)) return Column::ConstantNull(kType, size);
    if (volatility_ == Volatility::kVolatile || !AllConstant(arguments)) {
      return Run(arguments, size, context);
    }
    return EvaluateOnce([&](EvalContext& once) { return Run(arguments, 1, once); }, size, context);
  }

  static ScalarSignature Signature() {
    ScalarSignature signature;
    ((kIsContext<A> ? void() : signature.parameters.push_back(kTypeOf<Argument<A>>)), ...);
    signature.result = kType;
    signature.null_aware = kNullAware;
    signature.may_fail = ValueOf<R>::kChecked;
    signature.may_be_null = ValueOf<R>::kOptional;
    return signature;
  }

 private:
  template <class T>
  using Argument = typename ValueOf<std::remove_cvref_t<T>>::type;
  using Result = typename ValueOf<R>::type;

  static constexpr size_t kArity = (size_t{0} + ... + (kIsContext<A> ? 0 : 1));
  static constexpr bool kNullAware = (false || ... || ValueOf<std::remove_cvref_t<A>>::kOptional);
  static constexpr bool kHasHeap = (false || ... || std::is_same_v<A, Heap&>);
  static constexpr bool kSkipNulls = kHasHeap || !(true && ... && kAnyBits<Argument<A>>);
  static constexpr bool kUnrollConstants =
      kArity == 2 && !kNullAware && (true && ... && kFixed<Argument<A>>);
  static constexpr TypeId kType = kTypeOf<Result>;
  static constexpr bool kString = kType == TypeId::kString || kType == TypeId::kBytes;
  static_assert(kType != TypeId::kNull, "the function's result is no SQL value");

  template <size_t I>
  using ArgumentAt = std::tuple_element_t<I, std::tuple<A...>>;

  Column Run(std::span<const Column> arguments, size_t size, EvalContext& context) const {
    Column result(kType, size);
    std::shared_ptr<uint8_t[]> valid;
    if constexpr (!kNullAware) valid = PropagateNulls(arguments, size);
    Heap heap;
    const auto run = [&](auto... readers) {
      const auto call = [&]([[maybe_unused]] size_t i) -> R {
        return Call(heap, context, readers(i)...);
      };
      const auto describe = [&]([[maybe_unused]] size_t i, [[maybe_unused]] std::string* out) {
        (AppendAnyArgument(readers(i), out), ...);
      };
      if constexpr (HasQuickCheck<F, A...>) {
        if (LoopUnchecked(size, &result, readers...)) return;
      }
      Loop(call, describe, size, valid, &result, context.errors);
    };
    Bind(arguments, run);
    if constexpr (!ValueOf<R>::kOptional) result.set_valid(std::move(valid));
    if constexpr (kString) KeepAliveOfAll(arguments, &result);
    if constexpr (kString && kHasHeap) {
      if (heap.arena()->allocated() > 0) result.KeepAlive(heap.arena());
    }
    return result;
  }

  template <class... V>
  R Call(Heap& heap, const EvalContext& context, V... values) const {
    return [&]<size_t... I>(std::index_sequence<I...>)->R {
      return f_(values..., Pass<ArgumentAt<kArity + I>>(heap, context)...);
    }
    (std::make_index_sequence<sizeof...(A) - kArity>{});
  }
  template <class T>
  static T Pass(Heap& heap, const EvalContext& context) {
    if constexpr (std::is_same_v<T, Heap&>) {
      return heap;
    } else {
      return context;
    }
  }

  // Calls run with a reader per argument: one loop for each mix of column and constant for pairs of
  // plain values, one loop with strides for all others.
  template <class Run>
  static void Bind(std::span<const Column> arguments, const Run& run) {
    if constexpr (kUnrollConstants) {
      using X = Argument<ArgumentAt<0>>;
      using Y = Argument<ArgumentAt<1>>;
      const X* x = arguments[0].data<X>();
      const Y* y = arguments[1].data<Y>();
      if (arguments[0].constant() == arguments[1].constant()) {
        run(FlatReader<X>{x}, FlatReader<Y>{y});
      } else if (arguments[0].constant()) {
        run(ConstantReader<X>{*x}, FlatReader<Y>{y});
      } else {
        run(FlatReader<X>{x}, ConstantReader<Y>{*y});
      }
    } else {
      [&]<size_t... I>(std::index_sequence<I...>) { run(ReaderOf<ArgumentAt<I>>(arguments[I])...); }
      (std::make_index_sequence<kArity>{});
    }
  }
  template <class T>
  static auto ReaderOf(const Column& column) {
    using V = Argument<T>;
    if constexpr (ValueOf<std::remove_cvref_t<T>>::kOptional) {
      return NullableReader<V>{column.data<V>(), column.valid(), column.stride()};
    } else if constexpr (kArity == 1) {
      return FlatReader<V>{column.data<V>()};  // A constant is read at 0 only.
    } else {
      return StrideReader<V>{column.data<V>(), column.stride()};
    }
  }

  template <class Call, class Describe>
  static void Loop(const Call& call, const Describe& describe, size_t size,
                   const std::shared_ptr<uint8_t[]>& nulls, Column* result, RowErrors* errors) {
    Result* out = result->mutable_data<Result>();
    const uint8_t* valid = nulls.get();
    if constexpr (ValueOf<R>::kOptional) {
      LoopOptional(call, size, valid, result);
    } else if constexpr (ValueOf<R>::kChecked) {
      LoopChecked(call, describe, size, valid, out, errors);
    } else if (kSkipNulls && valid != nullptr) {
      for (size_t i = 0; i < size; ++i) out[i] = valid[i] ? call(i) : Result{};
    } else {
      for (size_t i = 0; i < size; ++i) out[i] = call(i);
    }
  }

  template <class Call>
  static void LoopOptional(const Call& call, size_t size, const uint8_t* valid, Column* result) {
    Result* out = result->mutable_data<Result>();
    std::shared_ptr<uint8_t[]> out_valid(new uint8_t[size]);
    uint8_t all = 1;
    for (size_t i = 0; i < size; ++i) {
      const R value = valid == nullptr || valid[i] ? call(i) : R{};
      out[i] = value.value_or(Result{});
      out_valid[i] = value.has_value();
      all &= out_valid[i];
    }
    if (!all) result->set_valid(std::move(out_valid));
  }

  // False if some row may fail.
  template <class... Reader>
  static bool LoopUnchecked(size_t size, Column* result, Reader... readers) {
    Result* out = result->mutable_data<Result>();
    uint64_t may_fail = 0;
    for (size_t i = 0; i < size; ++i) {
      out[i] = F::Unchecked(readers(i)...);
      may_fail |= F::MayFail(readers(i)...);
    }
    return may_fail == 0;
  }

  // Only if some row fails, a second pass looks which: null rows may have failed on garbage.
  template <class Call, class Describe>
  static void LoopChecked(const Call& call, const Describe& describe, size_t size,
                          const uint8_t* valid, Result* out, RowErrors* errors) {
    bool failed = false;
    if (kSkipNulls && valid != nullptr) {
      for (size_t i = 0; i < size; ++i) {
        const R result = valid[i] ? call(i) : R{};
        out[i] = result.value;
        failed |= result.error != nullptr;
      }
    } else {
      for (size_t i = 0; i < size; ++i) {
        const R result = call(i);
        out[i] = result.value;
        failed |= result.error != nullptr;
      }
    }
    if (!failed) return;
    for (size_t i = 0; i < size; ++i) {
      if (valid != nullptr && !valid[i]) continue;
      const R result = call(i);
      if (result.error == nullptr) continue;
      std::string values;
      describe(i, &values);
      std::string message = result.error;
      if (!values.empty()) message += ':' + values;
      errors->push_back({static_cast<uint32_t>(i), std::move(message)});
    }
  }

  F f_;
  Volatility volatility_;
};

template <class R, class... A>
ScalarSignature MakeFunctionScalar(R (*f)(A...), Volatility volatility) {
  using Kernel = LambdaKernel<R (*)(A...), R, A...>;
  ScalarSignature signature = Kernel::Signature();
  signature.kernel = Kernel(f, volatility);
  return signature;
}

template <class F, class R, class... A>
ScalarSignature MakeLambdaScalar(F f, Volatility volatility, R (F::*)(A...) const) {
  using Kernel = LambdaKernel<F, R, A...>;
  ScalarSignature signature = Kernel::Signature();
  signature.kernel = Kernel(std::move(f), volatility);
  return signature;
}

}  // namespace scalar_internal

// F is a lambda or a pointer to a function.
template <class F>
ScalarSignature MakeScalar(F f, Volatility volatility) {
  if constexpr (std::is_pointer_v<F>) {
    return scalar_internal::MakeFunctionScalar(f, volatility);
  } else {
    return scalar_internal::MakeLambdaScalar(std::move(f), volatility, &F::operator());
  }
}

// The kernel of a lambda, for Definitions that choose one by type.
template <class F>
ScalarKernel MakeKernel(F f) {
  return MakeScalar(std::move(f)).kernel;
}

namespace scalar_internal {

inline FunctionRegistry::Definition DefinitionOf(std::string name, ScalarSignature signature,
                                                 ResultType result) {
  FunctionRegistry::Definition definition;
  definition.name = std::move(name);
  definition.parameters = std::move(signature.parameters);
  definition.result = std::move(result);
  definition.make_kernel = [kernel = std::move(signature.kernel)](std::span<const Type>,
                                                                  const Type&) { return kernel; };
  definition.null_aware = signature.null_aware;
  definition.may_be_null = signature.may_be_null;
  return definition;
}

}  // namespace scalar_internal

template <class F>
void FunctionRegistry::Add(std::string name, F f, Volatility volatility) {
  ScalarSignature signature = MakeScalar(std::move(f), volatility);
  ResultType result = [id = signature.result](std::span<const Type>) { return Type(id, false); };
  Definition definition =
      scalar_internal::DefinitionOf(std::move(name), std::move(signature), std::move(result));
  definition.deterministic = volatility == Volatility::kImmutable;
  Define(std::move(definition));
}

// Adds a lambda whose result type has a precision that the C++ type does not say.
template <class F>
void AddTyped(FunctionRegistry& r, std::string name, ResultType result, F f) {
  r.Define(
      scalar_internal::DefinitionOf(std::move(name), MakeScalar(std::move(f)), std::move(result)));
}

}  // namespace millrace
