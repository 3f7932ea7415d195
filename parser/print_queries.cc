#include <string>

#include "parser/sql_writer.h"

namespace millrace {
namespace {

constexpr int kUnionLevel = 1;
constexpr int kIntersectLevel = 2;

bool HasTail(const ast::Query& query) {
  return !query.with.empty() || !query.order_by.empty() || query.limit != nullptr ||
         query.offset != nullptr || query.emit.kind != ast::EmitKind::kNone;
}

// Without queries around it that add nothing.
const ast::Query& Essence(const ast::Query& query) {
  const ast::Query* essence = &query;
  while (!HasTail(*essence) && std::holds_alternative<ast::QueryPtr>(essence->body)) {
    essence = std::get<ast::QueryPtr>(essence->body).get();
  }
  return *essence;
}

int LevelOf(const ast::Query& outer) {
  const ast::Query& query = Essence(outer);
  if (HasTail(query)) return 0;
  const auto* operation = std::get_if<ast::SetOperation>(&query.body);
  if (operation == nullptr) return kIntersectLevel + 1;
  return operation->op == ast::SetOperator::kIntersect ? kIntersectLevel : kUnionLevel;
}

// Letters, digits and underscores need no quotes in a hint: there are no keywords.
bool IsHintWord(std::string_view text) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
  return !text.empty() && kLetters.find(text[0]) != std::string_view::npos &&
         text.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") ==
             std::string_view::npos;
}

}  // namespace

void SqlWriter::Write(const ast::Query& outer) {
  const ast::Query& query = Essence(outer);
  const auto common = [this](const ast::CommonTable& table) {
    Write(table.name);
    Names(table.columns);
    if (table.changelog_of) {
      Add(" AS CHANGELOG FROM ");
      Write(*table.changelog_of);
      return;
    }
    Add(" AS (");
    Write(*table.query);
    Add(")");
  };
  if (!query.with.empty()) {
    Add(query.recursive ? "WITH RECURSIVE " : "WITH ");
    List(query.with, common);
    Add(" ");
  }
  Body(query);
  OrderBy(" ", query.order_by);
  constexpr int kValue = 5;  // A value expression.
  if (query.limit != nullptr) {
    Add(" LIMIT ");
    Write(*query.limit, kValue);
  }
  if (query.offset != nullptr) {
    Add(" OFFSET ");
    Write(*query.offset, kValue);
  }
  EmitClause(query.emit);
}

void SqlWriter::Body(const ast::Query& query) {
  if (const auto* nested = std::get_if<ast::QueryPtr>(&query.body)) {
    const bool bracket = HasTail(Essence(**nested));
    AddIf(bracket, "(");
    Write(**nested);
    AddIf(bracket, ")");
  } else if (const auto* select = std::get_if<ast::Select>(&query.body)) {
    Node(*select);
  } else if (const auto* values = std::get_if<ast::Values>(&query.body)) {
    Node(*values);
  } else {
    Node(std::get<ast::SetOperation>(query.body));
  }
}

void SqlWriter::SetOperand(const ast::Query& query, int level) {
  const bool bracket = LevelOf(query) < level;
  AddIf(bracket, "(");
  Write(query);
  AddIf(bracket, ")");
}

void SqlWriter::Node(const ast::SetOperation& operation) {
  constexpr std::string_view kNames[] = {" UNION ", " INTERSECT ", " EXCEPT "};
  const int level = operation.op == ast::SetOperator::kIntersect ? kIntersectLevel : kUnionLevel;
  SetOperand(*operation.left, level);
  Add(kNames[static_cast<size_t>(operation.op)]).AddIf(operation.all, "ALL ");
  SetOperand(*operation.right, level + 1);
}

void SqlWriter::Node(const ast::Values& values) {
  Add("VALUES ");
  List(values.rows, [this](const std::vector<ast::ExprPtr>& row) {
    Add("(");
    Expressions(row);
    Add(")");
  });
}

void SqlWriter::EmitClause(const ast::Emit& emit) {
  constexpr std::string_view kNames[] = {"", " EMIT CHANGES", " EMIT FINAL",
                                         " EMIT ON WINDOW CLOSE", " EMIT IMMEDIATELY"};
  Add(kNames[static_cast<size_t>(emit.kind)]);
  if (emit.grace == nullptr) return;
  constexpr int kValue = 5;
  Add(" WITH GRACE ");
  Write(*emit.grace, kValue);
}

void SqlWriter::Node(const ast::Select& select) {
  Add("SELECT");
  Hints(select.hints);
  Add(select.distinct ? " DISTINCT " : " ");
  List(select.items, [this](const ast::SelectItem& item) {
    Write(*item.expr);
    if (!item.alias) return;
    Add(" AS ");
    Write(*item.alias);
  });
  const auto clause = [this](std::string_view word, const ast::ExprPtr& expr) {
    if (expr == nullptr) return;
    Add(word);
    Write(*expr);
  };
  if (select.from != nullptr) {
    Add(" FROM ");
    Table(*select.from, false);
  }
  clause(" WHERE ", select.where);
  if (!select.group_by.empty()) {
    Add(select.group_by_distinct ? " GROUP BY DISTINCT " : " GROUP BY ");
    List(select.group_by, [this](const ast::GroupElement& element) { Group(element); });
  }
  clause(" HAVING ", select.having);
  if (!select.windows.empty()) {
    Add(" WINDOW ");
    List(select.windows, [this](const ast::NamedWindow& window) {
      Write(window.name);
      Add(" AS (");
      Window(window.spec);
      Add(")");
    });
  }
  clause(" QUALIFY ", select.qualify);
}

void SqlWriter::Group(const ast::GroupElement& element) {
  constexpr std::string_view kNames[] = {"", "(", "GROUPING SETS (", "ROLLUP (", "CUBE ("};
  if (element.kind == ast::GroupKind::kExpr) return Write(*element.expr);
  Add(kNames[static_cast<size_t>(element.kind)]);
  List(element.children, [this](const ast::GroupElement& child) { Group(child); });
  Add(")");
}

void SqlWriter::Hints(const std::vector<ast::Hint>& hints) {
  if (hints.empty()) return;
  const auto word = [this](std::string_view text) {
    IsHintWord(text) ? static_cast<void>(Add(text)) : String(text);
  };
  Add(" /*+ ");
  List(hints, [&](const ast::Hint& hint) {
    Write(hint.name);
    if (hint.options.empty() && hint.args.empty()) return;
    Add("(");
    List(hint.options, [this](const ast::Option& option) {
      String(option.key);
      Add(" = ");
      String(option.value);
    });
    AddIf(!hint.options.empty() && !hint.args.empty(), ", ");
    List(hint.args, word);
    Add(")");
  });
  Add(" */");
}

// ----------------------------------------------------------------------------------------- tables

void SqlWriter::Table(const ast::TableExpr& table, bool bracket_joins) {
  const bool bracket = bracket_joins && std::holds_alternative<ast::JoinRef>(table.node);
  AddIf(bracket, "(");
  std::visit([this](const auto& node) { Node(node); }, table.node);
  AddIf(bracket, ")");
  if (!table.alias) return;
  Add(" AS ");
  Write(table.alias->name);
  Names(table.alias->columns);
}

void SqlWriter::Node(const ast::TableRef& table) {
  Write(table.name);
  Hints(table.hints);
  if (table.as_of == nullptr) return;
  constexpr int kValue = 5;
  Add(" FOR SYSTEM_TIME AS OF ");
  Write(*table.as_of, kValue);
}

void SqlWriter::Node(const ast::SubqueryRef& subquery) {
  Add(subquery.lateral ? "LATERAL (" : "(");
  Write(*subquery.query);
  Add(")");
}

void SqlWriter::Node(const ast::TableFunctionRef& function) {
  Add(function.lateral ? "LATERAL TABLE(" : "TABLE(");
  Write(*function.call);
  Add(")");
}

void SqlWriter::Node(const ast::Unnest& unnest) {
  Add("UNNEST(");
  Expressions(unnest.args);
  Add(")").AddIf(unnest.with_ordinality, " WITH ORDINALITY");
}

void SqlWriter::Node(const ast::JoinRef& join) {
  constexpr std::string_view kNames[] = {" JOIN ", " LEFT JOIN ", " RIGHT JOIN ", " FULL JOIN ",
                                         " CROSS JOIN "};
  Table(*join.left, false);
  AddIf(join.natural, " NATURAL").Add(kNames[static_cast<size_t>(join.kind)]);
  Table(*join.right, true);
  if (join.within) {
    Add(" WITHIN (");
    Duration(*join.within->before);
    Add(", ");
    Duration(join.within->after != nullptr ? *join.within->after : *join.within->before);
    Add(")");
    if (join.within->grace != nullptr) {
      Add(" GRACE PERIOD ");
      Duration(*join.within->grace);
    }
  }
  if (join.on != nullptr) {
    Add(" ON ");
    Write(*join.on);
  }
  if (join.using_columns.empty()) return;
  Add(" USING");
  Names(join.using_columns);
}

// `5 MINUTE`
void SqlWriter::Duration(const ast::Expr& expr) {
  const auto& literal = std::get<ast::Literal>(expr.node);
  Add(literal.text).Add(" ").Add(ast::NameOf(literal.interval.from));
}

// -------------------------------------------------------------------------------- MATCH_RECOGNIZE

void SqlWriter::Node(const ast::MatchRecognize& match) {
  const bool nested = std::holds_alternative<ast::MatchRecognize>(match.input->node);
  AddIf(nested, "(");
  Table(*match.input, true);
  AddIf(nested, ")").Add(" MATCH_RECOGNIZE (");
  PartitionBy(match.partition_by);
  OrderBy(match.partition_by.empty() ? "" : " ", match.order_by);
  AddIf(text_.back() != '(', " ");
  if (!match.measures.empty()) {
    Add("MEASURES ");
    List(match.measures, [this](const ast::Measure& measure) {
      AddIf(measure.final_semantics, "FINAL ");
      Write(*measure.expr);
      Add(" AS ");
      Write(measure.name);
    });
    Add(" ");
  }
  Add(match.all_rows ? "ALL ROWS PER MATCH" : "ONE ROW PER MATCH");
  AfterMatch(match);
  Add(" PATTERN (");
  Pattern(match.pattern, true);
  Add(")");
  if (match.within != nullptr) {
    constexpr int kValue = 5;
    Add(" WITHIN ");
    Write(*match.within, kValue);
  }
  if (!match.subsets.empty()) {
    Add(" SUBSET ");
    List(match.subsets, [this](const ast::PatternSubset& subset) {
      Write(subset.name);
      Add(" =");
      Names(subset.variables);
    });
  }
  Add(" DEFINE ");
  List(match.definitions, [this](const ast::PatternDefinition& definition) {
    Write(definition.variable);
    Add(" AS ");
    Write(*definition.condition);
  });
  Add(")");
}

void SqlWriter::AfterMatch(const ast::MatchRecognize& match) {
  constexpr std::string_view kNames[] = {"",    "PAST LAST ROW", "TO NEXT ROW",
                                         "TO ", "TO FIRST ",     "TO LAST "};
  if (match.after_match == ast::AfterMatch::kDefault) return;
  Add(" AFTER MATCH SKIP ").Add(kNames[static_cast<size_t>(match.after_match)]);
  if (match.skip_to) Write(*match.skip_to);
}

// `alone` patterns have the brackets of PATTERN, PERMUTE or an exclusion around them.
void SqlWriter::Pattern(const ast::Pattern& pattern, bool alone) {
  using K = ast::PatternKind;
  const bool quantified = pattern.min != 1 || pattern.max != 1 || pattern.reluctant;
  const bool group = pattern.kind == K::kSequence || pattern.kind == K::kAlternation;
  const bool bracket = group && (quantified || !alone);
  AddIf(bracket, "(").AddIf(pattern.kind == K::kExclusion, "{- ");
  AddIf(pattern.kind == K::kPermutation, "PERMUTE(");
  if (pattern.kind == K::kVariable) {
    Write(pattern.variable);
  } else {
    const std::string_view separator = pattern.kind == K::kSequence      ? " "
                                       : pattern.kind == K::kAlternation ? " | "
                                                                         : ", ";
    const bool children_alone = !(pattern.kind == K::kSequence || pattern.kind == K::kAlternation);
    List(
        pattern.children, [&](const ast::Pattern& child) { Pattern(child, children_alone); },
        separator);
  }
  AddIf(pattern.kind == K::kPermutation, ")").AddIf(pattern.kind == K::kExclusion, " -}");
  AddIf(bracket, ")");
  if (quantified) Quantifier(pattern);
}

void SqlWriter::Quantifier(const ast::Pattern& pattern) {
  if (!pattern.max && pattern.min <= 1) {
    Add(pattern.min == 0 ? "*" : "+");
  } else if (pattern.min == 0 && pattern.max == 1) {
    Add("?");
  } else {
    Add("{").Add(std::to_string(pattern.min));
    if (pattern.max != pattern.min) Add(",");
    if (pattern.max && pattern.max != pattern.min) Add(std::to_string(*pattern.max));
    Add("}");
  }
  AddIf(pattern.reluctant, "?");
}

}  // namespace millrace
