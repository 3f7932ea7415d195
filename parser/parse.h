// SQL text -> AST. Thread-safe: any number of threads may parse at once.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "parser/ast.h"

namespace millrace {

inline constexpr size_t kMaxSqlBytes = 1 << 20;
// Brackets, CASE, and runs of prefix operators, counted before parsing.
inline constexpr size_t kMaxNesting = 250;
// Nodes between the root of a statement and its deepest leaf, e.g. the terms of one `a + b + ...`.
inline constexpr size_t kMaxTreeDepth = 2000;

// The statements of a script, separated by ';' (the last one may lack it; empty ones are skipped).
// Throws Error: kTooLarge for a text over kMaxSqlBytes, else kSqlSyntax with the bytes at fault.
std::vector<ast::Statement> Parse(std::string_view text);

// One expression and nothing else. Throws as Parse() does.
ast::ExprPtr ParseExpression(std::string_view text);

// The error that Parse() would throw, or none.
std::optional<Error> FirstSyntaxError(std::string_view text);

}  // namespace millrace
