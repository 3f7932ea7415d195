// CAST between SQL types, column at a time, by Flink's rules (docs: Data Types, section CAST).
#pragma once

#include <string>

#include "types/batch.h"
#include "types/row_errors.h"

namespace millrace {

enum class CastKind : uint8_t {
  kNone,      // There is no such cast.
  kImplicit,  // Never loses: widening. Inserted by the planner where types differ.
  kAssign,    // Done when a query's column goes into a sink's or table's column.
  kExplicit,  // Only by CAST.
};

// How `from` converts to `to`. Same types (but for nullability) are kImplicit.
CastKind CastKindOf(const Type& from, const Type& to);

// Converts `in`, a column of `from`, to `to`. Rows that do not convert get a message in `errors`;
// without `errors` (TRY_CAST) they become NULL. `zone` is the session's time zone, an IANA name.
// Throws Error(kTypeMismatch) if CastKindOf is kNone.
Column Cast(const Column& in, const Type& from, const Type& to, const std::string& zone,
            RowErrors* errors);

// Appends the value as CAST(… AS STRING) writes it. REQUIRES: not null.
void AppendText(const Column& column, const Type& type, size_t i, const std::string& zone,
                std::string* out);

}  // namespace millrace
