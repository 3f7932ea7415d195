// Failures of single rows while a batch is evaluated: data, not exceptions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace millrace {

struct RowError {
  uint32_t row;         // In the batch being evaluated.
  std::string message;  // E.g. "BIGINT overflow in +: 9223372036854775807 + 1".
};

// In no particular order; a row may stand in it several times. The row's value is unspecified.
using RowErrors = std::vector<RowError>;

}  // namespace millrace
