// One SQL value, for literals, defaults, results and tests. Rows on the hot path are columns.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "types/column.h"

namespace millrace {

struct Value;
using Values = std::vector<Value>;

// Null is monostate. Integers, dates, times, timestamps (micros) and intervals are int64_t, FLOAT
// and DOUBLE double, DECIMAL its unscaled int128_t, STRING and BYTES std::string, ARRAY and ROW
// Values; a MAP is Values of keys and values in turn.
struct Value {
  std::variant<std::monostate, bool, int64_t, double, int128_t, std::string, Values> data;

  bool is_null() const { return data.index() == 0; }
  friend bool operator==(const Value&, const Value&) = default;
};

// Row i of a column of `type`.
Value GetValue(const Column& column, const Type& type, size_t i);
// Writes `value` into row i of a flat column; long strings are copied into `heap`.
void SetValue(const Value& value, const Type& type, Column* column, size_t i, Arena* heap);
// A constant column of `size` rows.
Column MakeConstantColumn(const Value& value, const Type& type, size_t size);

// As SQL's CAST(value AS STRING) writes it in the session zone "UTC"; NULL is "NULL".
std::string ToText(const Value& value, const Type& type);

}  // namespace millrace
