// One column of an ORDER BY.
#pragma once

#include <cstddef>

namespace millrace {

struct SortKey {
  size_t column;
  bool descending = false;
  bool nulls_first = true;
};

}  // namespace millrace
