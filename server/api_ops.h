// What the rows of a changelog are: "+I", "-U", "+U", "-D".
#pragma once

#include <string_view>
#include <vector>

#include "types/batch.h"

namespace millrace {

// By row. One that goes, and the next one if it comes under the same key (columns; none: there are
// no updates), are an update.
std::vector<std::string_view> OpsOf(const Batch& batch, const std::vector<size_t>& key);

}  // namespace millrace
