// NOT and the tests IS [NOT] NULL, TRUE, FALSE, UNKNOWN. AND and OR are expressions (expr.h).

#include "functions/families.h"
#include "functions/make_scalar.h"

namespace millrace {
namespace {

Column Not(std::span<const Column> arguments, size_t size, EvalContext&) {
  const Column& in = arguments[0];
  const size_t values = in.constant() ? 1 : size;
  Column result(TypeId::kBoolean, values);
  const uint8_t* a = in.data<uint8_t>();
  uint8_t* out = result.mutable_data<uint8_t>();
  for (size_t i = 0; i < values; ++i) out[i] = a[i] == 0;
  result.set_valid(in.shared_valid());
  if (in.constant()) result.MakeConstant(size);
  return result;
}

// Calls test(valid, value) for each row; `value` is 0 for NULL.
template <class Test>
Column TestRows(const Column& in, size_t size, const Test& test) {
  const size_t values = in.constant() ? 1 : size;
  Column result(TypeId::kBoolean, values);
  uint8_t* out = result.mutable_data<uint8_t>();
  const uint8_t* valid = in.valid();
  const uint8_t* a = in.data<uint8_t>();
  if (valid == nullptr) {
    for (size_t i = 0; i < values; ++i) out[i] = test(true, a[i] != 0);
  } else {
    for (size_t i = 0; i < values; ++i) out[i] = test(valid[i] != 0, (valid[i] != 0) & (a[i] != 0));
  }
  if (in.constant()) result.MakeConstant(size);
  return result;
}

Column NullTest(const Column& in, size_t size, bool is_null) {
  if (!in.may_have_nulls()) return Column::Constant(!is_null, size);
  const size_t values = in.constant() ? 1 : size;
  Column result(TypeId::kBoolean, values);
  uint8_t* out = result.mutable_data<uint8_t>();
  const uint8_t* valid = in.valid();
  for (size_t i = 0; i < values; ++i) out[i] = (valid[i] == 0) == is_null;
  if (in.constant()) result.MakeConstant(size);
  return result;
}

void Define(FunctionRegistry& r, const char* name, TypeId parameter, ScalarKernel kernel,
            bool null_aware) {
  FunctionRegistry::Definition definition;
  definition.name = name;
  definition.parameters = {parameter};
  definition.null_aware = null_aware;
  definition.result = [](std::span<const Type>) { return Type(TypeId::kBoolean, false); };
  definition.make_kernel = [kernel](std::span<const Type>, const Type&) { return kernel; };
  r.Define(std::move(definition));
}

template <class Test>
void DefineTest(FunctionRegistry& r, const char* name, Test test) {
  Define(
      r, name, TypeId::kBoolean,
      [test](std::span<const Column> arguments, size_t size, EvalContext&) {
        return TestRows(arguments[0], size, test);
      },
      true);
}

void DefineNullTest(FunctionRegistry& r, const char* name, TypeId parameter, bool is_null) {
  Define(
      r, name, parameter,
      [is_null](std::span<const Column> arguments, size_t size, EvalContext&) {
        return NullTest(arguments[0], size, is_null);
      },
      true);
}

}  // namespace

void RegisterLogic(FunctionRegistry& r) {
  Define(r, "not", TypeId::kBoolean, Not, false);
  DefineNullTest(r, "is_null", TypeId::kNull, true);
  DefineNullTest(r, "is_not_null", TypeId::kNull, false);
  DefineNullTest(r, "is_unknown", TypeId::kBoolean, true);
  DefineNullTest(r, "is_not_unknown", TypeId::kBoolean, false);
  DefineTest(r, "is_true", [](bool, bool value) { return value; });
  DefineTest(r, "is_not_true", [](bool, bool value) { return !value; });
  DefineTest(r, "is_false", [](bool valid, bool value) { return valid & !value; });
  DefineTest(r, "is_not_false", [](bool valid, bool value) { return !valid | value; });
}

}  // namespace millrace
