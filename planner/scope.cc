// What names mean: columns of the input, parameters of SQL functions, fields of ROWs.
#include <algorithm>

#include "planner/expr_binder.h"
#include "planner/names.h"
#include "planner/outer_columns.h"

namespace millrace {
namespace {

using Parts = std::span<const ast::Name>;

std::string Text(Parts parts) {
  std::string text;
  for (const ast::Name& part : parts) {
    if (!text.empty()) text += '.';
    text += part.text;
  }
  return text;
}

// Whether `parts` mean the table called `qualifier`: it may be written with more or fewer of the
// catalog and the database in front.
bool Qualifies(Parts parts, std::string_view qualifier, bool exact) {
  if (qualifier.empty()) return false;
  if (parts.size() > 2 && SameWithoutCase(parts[0].text, "default_catalog")) {
    parts = parts.subspan(1);
  }
  if (parts.size() == 2 && SameWithoutCase(parts[0].text, "default_database")) {
    parts = parts.subspan(1);
  }
  const std::string text = Text(parts);
  if (SameName(text, qualifier, exact)) return true;
  if (qualifier.size() <= text.size()) return false;
  const size_t start = qualifier.size() - text.size();
  return qualifier[start - 1] == '.' && SameName(text, qualifier.substr(start), exact);
}

std::vector<size_t> FindColumns(const Scope& scope, Parts qualifier, std::string_view name,
                                bool exact) {
  std::vector<size_t> found;
  for (size_t i = 0; i < scope.columns.size(); ++i) {
    const ScopeColumn& column = scope.columns[i];
    if (!SameName(name, column.name, exact)) continue;
    if (qualifier.empty() && column.merged) continue;
    if (qualifier.empty() || Qualifies(qualifier, column.qualifier, exact)) found.push_back(i);
  }
  const auto is_system = [&](size_t i) { return scope.columns[i].system; };
  if (found.size() > 1 && !std::ranges::all_of(found, is_system)) std::erase_if(found, is_system);
  return found;
}

[[noreturn]] void ThrowAmbiguous(const Scope& scope, Parts parts, std::span<const size_t> found,
                                 SourceRange range) {
  std::string hint = "it may be";
  for (size_t k = 0; k < found.size(); ++k) {
    const ScopeColumn& column = scope.columns[found[k]];
    hint += k == 0 ? " " : " or ";
    if (!column.qualifier.empty()) hint += column.qualifier + '.';
    hint += column.name;
  }
  throw Error(ErrorCode::kAmbiguousColumn, "column \"" + Text(parts) + "\" is ambiguous", range,
              std::move(hint));
}

// Finds the expression for a name of one or more parts.
class NameResolver {
 public:
  NameResolver(const Scope& scope, Parts parts, SourceRange range)
      : scope_(scope), parts_(parts), range_(range) {}

  // Null when nothing has that name; throws when several have.
  ExprPtr Resolve() {
    if (ExprPtr bound = ResolveBinding()) return bound;
    for (const bool exact : {true, false}) {
      inexact_ = !exact;
      for (size_t j = std::min<size_t>(parts_.size() - 1, 3) + 1; j-- > 0;) {
        const std::vector<size_t> found =
            FindColumns(scope_, parts_.first(j), parts_[j].text, exact);
        if (found.size() > 1) ThrowAmbiguous(scope_, parts_.first(j + 1), found, range_);
        if (found.empty()) continue;
        ExprPtr column = MakeColumnExpr(found[0], scope_.columns[found[0]].type, range_);
        if (ExprPtr field = FollowFields(std::move(column), j + 1)) return field;
      }
    }
    return nullptr;
  }

  bool inexact() const { return inexact_; }
  const std::optional<Error>& field_error() const { return field_error_; }

 private:
  ExprPtr ResolveBinding() {
    for (const bool exact : {true, false}) {
      for (const auto& [name, expr] : scope_.bindings) {
        if (!SameName(parts_[0].text, name, exact)) continue;
        if (ExprPtr field = FollowFields(expr, 1)) return field;
      }
    }
    return nullptr;
  }

  ExprPtr FollowFields(ExprPtr expr, size_t first) {
    for (size_t k = first; k < parts_.size(); ++k) {
      bool inexact = false;
      const std::optional<size_t> field = FindField(expr->type, parts_[k].text, &inexact);
      if (!field) {
        NoteField(*expr, k);
        return nullptr;
      }
      inexact_ |= inexact;
      expr = MakeField(std::move(expr), *field, range_);
    }
    return expr;
  }

  // The first failure is the most likely meaning: qualified names are tried before fields.
  void NoteField(const Expr& row, size_t k) {
    if (field_error_) return;
    const std::string name = Text(parts_.first(k));
    if (row.type.id != TypeId::kRow) {
      field_error_.emplace(ErrorCode::kColumnNotFound,
                           "\"" + name + "\" has no fields: it is " + row.type.ToString(), range_);
      return;
    }
    std::vector<std::string_view> names;
    for (const Field& field : *row.type.children) names.push_back(field.name);
    field_error_.emplace(ErrorCode::kColumnNotFound,
                         "\"" + name + "\" has no field \"" + parts_[k].text + '"', parts_[k].range,
                         DidYouMean(parts_[k].text, names));
  }

  const Scope& scope_;
  const Parts parts_;
  const SourceRange range_;
  bool inexact_ = false;
  std::optional<Error> field_error_;
};

[[noreturn]] void ThrowNotFound(const Scope& scope, Parts parts, SourceRange range) {
  const ast::Name& last = parts.back();
  std::vector<std::string_view> names, qualifiers;
  bool qualified = false;  // Some table has the name in front.
  for (const ScopeColumn& column : scope.columns) {
    const bool match = parts.size() == 1 ||
                       Qualifies(parts.first(parts.size() - 1), column.qualifier, /*exact=*/false);
    qualified |= parts.size() > 1 && match;
    if (match && !column.name.empty() && !column.system) names.push_back(column.name);
    qualifiers.push_back(column.qualifier);
  }
  for (const auto& [name, expr] : scope.bindings) names.push_back(name);
  if (parts.size() > 1 && !qualified) {
    throw Error(ErrorCode::kColumnNotFound,
                "\"" + parts[0].text + "\" is neither a table nor a column here", range,
                DidYouMean(parts[0].text, qualifiers));
  }
  std::string message = "column \"" + last.text + "\" does not exist";
  if (qualified) message += " in \"" + Text(parts.first(parts.size() - 1)) + '"';
  std::string hint = DidYouMean(last.text, names);
  if (hint.empty() && last.quoted && parts.size() == 1) {
    hint = "strings are written in single quotes: '" + last.text + "'";
  }
  throw Error(ErrorCode::kColumnNotFound, std::move(message), range, std::move(hint));
}

}  // namespace

std::vector<size_t> Scope::Star(const std::optional<ast::QualifiedName>& qualifier) const {
  std::vector<size_t> found;
  for (const bool exact : {true, false}) {
    for (size_t i = 0; i < columns.size(); ++i) {
      if (columns[i].system || (columns[i].merged && !qualifier)) continue;
      if (!qualifier || Qualifies(qualifier->parts, columns[i].qualifier, exact)) {
        found.push_back(i);
      }
    }
    if (!found.empty() || !qualifier) break;
  }
  return found;
}

Scope ScopeOf(const Schema& schema, std::string_view qualifier) {
  Scope scope;
  scope.columns.reserve(schema.size());
  for (const Field& field : schema) {
    scope.columns.push_back({std::string(qualifier), field.name, field.type});
  }
  return scope;
}

std::optional<size_t> FindField(const Type& row, std::string_view name, bool* inexact) {
  if (row.id != TypeId::kRow || !row.children) return std::nullopt;
  const std::vector<Field>& fields = *row.children;
  const auto exact = std::ranges::find(fields, name, &Field::name);
  if (exact != fields.end()) return static_cast<size_t>(exact - fields.begin());
  std::optional<size_t> found;
  for (size_t i = 0; i < fields.size(); ++i) {
    if (!SameWithoutCase(fields[i].name, name)) continue;
    if (found) return std::nullopt;
    found = i;
  }
  if (found) *inexact = true;
  return found;
}

ExprPtr MakeField(ExprPtr row, size_t index, SourceRange range) {
  if (const RowExpr* fields = std::get_if<RowExpr>(&row->node)) return fields->fields[index];
  Type type = (*row->type.children)[index].type;
  if (const LiteralExpr* literal = std::get_if<LiteralExpr>(&row->node)) {
    if (literal->value.is_null()) return MakeLiteral({}, type, range);
    return MakeLiteral(std::get<Values>(literal->value.data)[index], type, range);
  }
  type.nullable |= row->type.nullable;
  return std::make_shared<const Expr>(
      Expr{std::move(type), range, FieldExpr{std::move(row), index}});
}

const OuterScope* EnclosingBlockOf(const ast::FunctionCall& aggregate, const Scope& scope) {
  if (scope.outer == nullptr) return nullptr;
  bool own = false;
  std::vector<const OuterScope*> blocks;
  const auto visit = [&](const ast::Expr& expr) {
    auto* column = std::get_if<ast::ColumnRef>(&expr.node);
    if (!column) return true;
    own = own || NameResolver(scope, column->parts, expr.range).Resolve();
    if (own) return false;
    const OuterScope* outer = scope.outer;
    while (outer && !NameResolver(*outer->scope, column->parts, expr.range).Resolve()) {
      outer = outer->outer;
    }
    if (outer) blocks.push_back(outer);
    return true;
  };
  for (const ast::FunctionArg& argument : aggregate.args) VisitExpr(*argument.value, visit);
  if (aggregate.filter) VisitExpr(*aggregate.filter, visit);
  if (own || blocks.empty()) return nullptr;
  return *std::ranges::max_element(blocks, {}, &OuterScope::query);
}

// An aggregate of an enclosing block's rows is a value of that block.
ExprPtr ExprBinder::BindOuterAggregate(const ast::Expr& expr, const OuterScope& block) const {
  ExprPtr value = block.scope->replace ? block.scope->replace(expr) : nullptr;
  if (!value) {
    throw Error(ErrorCode::kUnsupportedFeature,
                "aggregates of the enclosing query are not supported here", RangeOf(expr),
                "they need its HAVING, or its select list beside GROUP BY or another aggregate");
  }
  return RemapColumns(value, [&](const ColumnExpr& found, const Expr& old) {
    return MakeColumnExpr(OuterColumn(block.query, found.index), old.type, old.range);
  });
}

// A name that only enclosing queries know; null when none does.
ExprPtr ExprBinder::BindOuter(const ast::ColumnRef& column, SourceRange range) {
  for (const OuterScope* outer = scope_.outer; outer; outer = outer->outer) {
    NameResolver resolver(*outer->scope, column.parts, range);
    const ExprPtr expr = resolver.Resolve();
    if (!expr) continue;
    if (resolver.inexact()) {
      AddNotice("NAME_CASE", "\"" + Text(column.parts) + "\" differs in case from its column",
                range);
    }
    return RemapColumns(expr, [&](const ColumnExpr& found, const Expr& old) {
      return MakeColumnExpr(OuterColumn(outer->query, found.index), old.type, old.range);
    });
  }
  return nullptr;
}

ExprPtr ExprBinder::BindNode(const ast::ColumnRef& column, SourceRange range) {
  NameResolver resolver(scope_, column.parts, range);
  ExprPtr expr = resolver.Resolve();
  if (!expr) {
    if (ExprPtr outer = BindOuter(column, range)) return outer;
  }
  if (!expr && resolver.field_error()) {
    Error error = *resolver.field_error();
    if (inlined_at_) error.range = *inlined_at_;
    throw error;
  }
  if (!expr) ThrowNotFound(scope_, column.parts, range);
  if (resolver.inexact()) {
    const ColumnExpr* found = std::get_if<ColumnExpr>(&expr->node);
    const std::string real = found ? "column \"" + scope_.columns[found->index].name + '"'
                                   : "the field that differs in case only";
    AddNotice("NAME_CASE", "\"" + Text(column.parts) + "\" was taken for " + real, range);
  }
  return expr;
}

}  // namespace millrace
