// The abstract syntax tree: what a statement says, before any name is resolved.
//
// Every node carries the bytes of the submitted text that it came from. Closed sets are variants;
// unique_ptr is used only for recursion, and a pointer or optional that may be absent says so. The
// parser limits the depth of a tree (kMaxTreeDepth in parse.h), so recursive walks are safe.
// Unquoted names keep the case they were written in.
#pragma once

#include "parser/ast_expr.h"       // IWYU pragma: export
#include "parser/ast_query.h"      // IWYU pragma: export
#include "parser/ast_statement.h"  // IWYU pragma: export
