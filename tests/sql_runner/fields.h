// Fields of rows as .test files write them, to and from columns.
#pragma once

#include <string>
#include <vector>

#include "tests/sql_runner/script.h"
#include "types/batch.h"

namespace millrace::sqltest {

// The value as text: NULL, (empty), quoted where it holds blanks.
std::string FieldText(const Column& column, const Type& type, size_t i, const std::string& zone);
// What FieldText writes for the value that the token stands for. A time stands for a timestamp of
// 1970-01-01.
std::string ExpectedText(const Token& token, const Type& type);
// Rows of the fields from `skip` on. Throws ScriptError where one does not convert.
Batch MakeBatch(const std::vector<Row>& rows, size_t skip, const Schema& schema);

}  // namespace millrace::sqltest
