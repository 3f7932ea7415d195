#include "functions/scalar.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "functions/make_scalar.h"

namespace millrace {
namespace scalar_internal {

std::shared_ptr<uint8_t[]> PropagateNulls(std::span<const Column> arguments, size_t size) {
  std::shared_ptr<uint8_t[]> valid;
  bool owned = false;
  for (const Column& argument : arguments) {
    if (!argument.may_have_nulls()) continue;
    if (argument.constant()) {
      if (!argument.valid()[0]) {
        valid.reset(new uint8_t[size]);
        std::memset(valid.get(), 0, size);
        return valid;
      }
    } else if (!valid) {
      valid = argument.shared_valid();
    } else {
      std::shared_ptr<uint8_t[]> both = valid;
      if (!owned) both.reset(new uint8_t[size]);
      const uint8_t* a = valid.get();
      const uint8_t* b = argument.valid();
      uint8_t* out = both.get();
      for (size_t i = 0; i < size; ++i) out[i] = (a[i] != 0) & (b[i] != 0);
      valid = std::move(both);
      owned = true;
    }
  }
  return valid;
}

bool AllConstant(std::span<const Column> arguments) {
  return std::ranges::all_of(arguments, [](const Column& c) { return c.constant(); });
}

bool AnyConstantNull(std::span<const Column> arguments) {
  return std::ranges::any_of(
      arguments, [](const Column& c) { return c.constant() && c.valid() && !c.valid()[0]; });
}

void KeepAliveOfAll(std::span<const Column> arguments, Column* result) {
  for (const Column& argument : arguments) result->KeepAliveOf(argument);
}

void AppendArgument(double value, std::string* out) {
  char text[32];
  std::snprintf(text, sizeof text, " %.17g", value);
  *out += text;
}

void AppendArgument(StringRef value, std::string* out) {
  std::string_view shown = value.view().substr(0, 60);
  *out += " '" + std::string(shown) + (shown.size() < value.size() ? "…'" : "'");
}

}  // namespace scalar_internal

Column EvaluateOnce(const std::function<Column(EvalContext& context)>& evaluate, size_t size,
                    EvalContext& context) {
  RowErrors errors;
  RowErrors* all = std::exchange(context.errors, &errors);
  Column result = evaluate(context);
  context.errors = all;
  if (!errors.empty()) {
    for (uint32_t i = 0; i < size; ++i) all->push_back({i, errors.front().message});
  }
  result.MakeConstant(size);
  return result;
}

}  // namespace millrace
