// AST -> canonical SQL on one line: it parses back to a tree that prints the same. Names are quoted
// with backticks when they need it. Hints are kept, comments and redundant parentheses are not.
#pragma once

#include <string>

#include "parser/ast.h"

namespace millrace {

std::string ToSql(const ast::Statement& statement);  // Without a semicolon.
std::string ToSql(const ast::Query& query);
std::string ToSql(const ast::Expr& expr);
std::string ToSql(const ast::TypeName& type);
std::string ToSql(const ast::QualifiedName& name);
std::string ToSql(const ast::Name& name);

}  // namespace millrace
