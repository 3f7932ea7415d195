// Errors for people and programs: positions in characters, the line at fault, JSON.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/json_text.h"

namespace millrace {

// Of a range in the whole submitted text, in Unicode code points.
struct TextPosition {
  size_t offset = 0;  // From 0; the others from 1.
  size_t length = 0;
  size_t line = 1, column = 1;
  size_t end_line = 1, end_column = 1;  // Behind the last character.
};

TextPosition Locate(std::string_view text, SourceRange range);

// "  2 | FROM bid WHERE bider > 10\n                     ^^^^^": the first line of the range, long
// lines cut around it.
std::string Snippet(std::string_view text, SourceRange range);

// What an error belongs to.
struct ErrorContext {
  std::string_view sql;  // What Error::range is in; empty: the position is left out.
  std::optional<size_t> statement_index;
  std::string_view request_id;
};

// The object of "error": code, sqlstate, message, detail, hint, statement_index, position, snippet,
// retryable, request_id. With `severity` also that, as the items of "diagnostics" have it.
void AppendJsonError(const Error& error, const ErrorContext& context, std::string* out,
                     std::string_view severity = {});

// {"line":2,"column":16,…} or null.
void AppendJsonPosition(std::string_view sql, const std::optional<SourceRange>& range,
                        std::string* out);

// As the shell shows it: "ERROR 42703: …", the snippet, "HINT: …", a line each.
std::string ErrorText(const Error& error, std::string_view sql);

}  // namespace millrace
