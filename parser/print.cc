#include "parser/print.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

#include "parser/keywords.h"
#include "parser/sql_writer.h"

namespace millrace {
namespace {

constexpr std::array<std::string_view, 11> kIntervalUnitNames = {
    "YEAR",   "QUARTER", "MONTH",       "WEEK",        "DAY",       "HOUR",
    "MINUTE", "SECOND",  "MILLISECOND", "MICROSECOND", "NANOSECOND"};

constexpr std::array<std::string_view, 13> kObjectKindNames = {"TABLE",
                                                               "VIEW",
                                                               "MATERIALIZED VIEW",
                                                               "MATERIALIZED TABLE",
                                                               "FUNCTION",
                                                               "DATABASE",
                                                               "CATALOG",
                                                               "MODEL",
                                                               "INDEX",
                                                               "SOURCE",
                                                               "SINK",
                                                               "SUBSCRIPTION",
                                                               "JOB"};

template <typename Node>
std::string Print(const Node& node) {
  SqlWriter writer;
  writer.Write(node);
  return writer.Take();
}

bool IsWordCharacter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$';
}

bool IsPlainWord(std::string_view text) {
  return !text.empty() && std::isdigit(static_cast<unsigned char>(text[0])) == 0 &&
         text[0] != '$' && std::all_of(text.begin(), text.end(), IsWordCharacter);
}

std::string Upper(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return upper;
}

// Every keyword is quoted, so that the text also suits systems that reserve more words than we do.
bool NeedsQuotes(std::string_view text) {
  if (!IsPlainWord(text)) return true;
  const std::string upper = Upper(text);
  return IsKeywordText(upper) || std::find(kNiladicFunctions.begin(), kNiladicFunctions.end(),
                                           upper) != kNiladicFunctions.end();
}

}  // namespace

std::string_view ast::NameOf(IntervalUnit unit) {
  return kIntervalUnitNames[static_cast<size_t>(unit)];
}

std::string_view ast::NameOf(ObjectKind kind) {
  return kObjectKindNames[static_cast<size_t>(kind)];
}

std::string ToSql(const ast::Statement& statement) { return Print(statement); }
std::string ToSql(const ast::Query& query) { return Print(query); }
std::string ToSql(const ast::Expr& expr) { return Print(expr); }
std::string ToSql(const ast::TypeName& type) { return Print(type); }
std::string ToSql(const ast::QualifiedName& name) { return Print(name); }
std::string ToSql(const ast::Name& name) { return Print(name); }

SqlWriter& SqlWriter::Add(std::string_view text) {
  text_ += text;
  return *this;
}

SqlWriter& SqlWriter::AddIf(bool condition, std::string_view text) {
  return condition ? Add(text) : *this;
}

void SqlWriter::String(std::string_view text) {
  text_ += '\'';
  for (const char c : text) {
    text_ += c;
    if (c == '\'') text_ += c;
  }
  text_ += '\'';
}

void SqlWriter::Write(const ast::Name& name) {
  if (!NeedsQuotes(name.text)) {
    text_ += name.text;
    return;
  }
  text_ += '`';
  for (const char c : name.text) {
    text_ += c;
    if (c == '`') text_ += c;
  }
  text_ += '`';
}

void SqlWriter::Write(const ast::QualifiedName& name) {
  List(
      name.parts, [this](const ast::Name& part) { Write(part); }, ".");
}

// The name of a function may be a keyword: LEFT(s, 2), IF(c, a, b).
void SqlWriter::FunctionName(const ast::QualifiedName& name) {
  const ast::Name& last = name.parts.back();
  if (name.parts.size() == 1 && !last.quoted && IsPlainWord(last.text)) {
    Add(last.text);
  } else {
    Write(name);
  }
}

void SqlWriter::Names(const std::vector<ast::Name>& names) {
  if (names.empty()) return;
  Add(" (");
  List(names, [this](const ast::Name& name) { Write(name); });
  Add(")");
}

void SqlWriter::Expressions(const std::vector<ast::ExprPtr>& items) {
  List(items, [this](const ast::ExprPtr& item) { Write(*item); });
}

void SqlWriter::OrderBy(std::string_view prefix, const std::vector<ast::SortItem>& items) {
  if (items.empty()) return;
  Add(prefix).Add("ORDER BY ");
  List(items, [this](const ast::SortItem& item) {
    Write(*item.expr);
    AddIf(item.descending, " DESC");
    if (item.nulls_first) Add(*item.nulls_first ? " NULLS FIRST" : " NULLS LAST");
  });
}

void SqlWriter::PartitionBy(const std::vector<ast::ExprPtr>& items) {
  if (items.empty()) return;
  Add("PARTITION BY ");
  Expressions(items);
}

void SqlWriter::Qualifier(const ast::IntervalQualifier& qualifier) {
  Add(ast::NameOf(qualifier.from));
  if (qualifier.precision) {
    Add("(").Add(std::to_string(*qualifier.precision));
    if (!qualifier.to && qualifier.second_precision) {
      Add(", ").Add(std::to_string(*qualifier.second_precision));
    }
    Add(")");
  }
  if (!qualifier.to) return;
  Add(" TO ").Add(ast::NameOf(*qualifier.to));
  if (qualifier.second_precision) {
    Add("(").Add(std::to_string(*qualifier.second_precision)).Add(")");
  }
}

void SqlWriter::Write(const ast::TypeName& type) {
  const auto field = [this](const ast::TypeField& child) {
    if (child.name) {
      Write(*child.name);
      Add(" ");
    }
    Write(child.type);
    if (child.comment) {
      Add(" ");
      String(*child.comment);
    }
  };
  const bool zoned = type.base == "TIMESTAMP_TZ" || type.base == "TIME_TZ";
  if (zoned) {
    Add(std::string_view(type.base).substr(0, type.base.size() - 3));
  } else {
    Add(type.base);
  }
  if (type.base == "RAW" && type.class_name) {
    Add("(");
    String(*type.class_name);
    Add(")");
  } else if (!type.children.empty() || type.base == "ROW" || type.base == "STRUCTURED") {
    Add("<");
    if (type.class_name) String(*type.class_name);
    AddIf(type.class_name && !type.children.empty(), ", ");
    List(type.children, field);
    Add(">");
  }
  if (type.interval) {
    Add(" ");
    Qualifier(*type.interval);
  }
  if (!type.params.empty()) {
    Add("(");
    List(type.params, [this](int64_t param) { Add(std::to_string(param)); });
    Add(")");
  }
  AddIf(zoned, " WITH TIME ZONE").AddIf(type.not_null, " NOT NULL");
}

}  // namespace millrace
