// Memory of this process, and how much it may use.
#pragma once

#include <cstddef>

namespace millrace {

// Resident bytes of the process; 0 where the system does not say.
size_t ResidentBytes();

// Lets the process keep some freed memory, so that blocks and columns of a step are not asked from
// the system again, page by page, in the next one. Call once, first.
void KeepFreedMemory();

// 80 % of the machine's memory or of the cgroup's limit, whichever is less.
size_t DefaultMemoryLimit();

}  // namespace millrace
