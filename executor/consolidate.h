// Z-set arithmetic on one batch.
#pragma once

#include "types/batch.h"
#include "types/row_key.h"

namespace millrace {

// The changes that remain when those of equal rows are added up, each row once, in the order in
// which the rows first come.
Batch Consolidate(const Batch& changes);

// Whether two of the keys may be equal (equal hashes count).
bool AnyRepeated(const RowKeys& keys);

}  // namespace millrace
