// Text to typed values and back, as the CSV and JSON formats share it. By Flink's rules, except
// that a number never loses digits silently.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "connectors/column_builder.h"

namespace millrace {

// Appends the value that `text` stands for to `to`, a column of a scalar type, and says whether
// there is one. Blanks around numbers and times are allowed. Strings are not copied: the bytes of
// `text` must outlive the column. BYTES are base64 and decoded into `arena`. Instants without an
// offset are local to `zone`.
bool AppendTextValue(std::string_view text, const std::string& zone, Arena* arena,
                     ColumnBuilder* to);

// "cannot read 'abc' as INTEGER".
std::string CannotRead(std::string_view text, const Type& type);

bool IsValidUtf8(std::string_view text);

// The integer of an optional sign and digits, blanks around them allowed; nothing when it does not
// fit.
std::optional<int64_t> ParseInteger(std::string_view text);
std::optional<double> ParseDouble(std::string_view text);
// The decoded bytes, in `arena`; nothing when malformed.
std::optional<std::string_view> DecodeBase64(std::string_view text, Arena* arena);

// How times and decimals are written.
struct TextStyle {
  char date_separator = ' ';  // 'T' as ISO-8601 has it.
  bool scientific = true;     // Decimals below 1E-6 as Java's BigDecimal.toString has them.
};

// Appends a scalar value's text, without quotes. REQUIRES: not null.
void AppendValueText(const Column& column, const Type& type, size_t i, const TextStyle& style,
                     std::string* out);
void AppendBase64(std::string_view bytes, std::string* out);

}  // namespace millrace
