// Names, words, options, types.
#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <string>

#include "parser/ast_builder.h"
#include "parser/parse.h"

namespace millrace {
namespace {

using P = grammar::MillraceParser;

// Without the quotes around it, and with the doubled ones inside made single.
std::string Unquote(std::string_view text) {
  const char quote = text.front();
  std::string plain;
  for (size_t i = 1; i + 1 < text.size(); ++i) {
    plain += text[i];
    if (text[i] == quote) ++i;
  }
  return plain;
}

void AppendUtf8(uint32_t c, std::string* text) {
  if (c < 0x80) {
    *text += static_cast<char>(c);
    return;
  }
  const auto tail = [&](int shift) { *text += static_cast<char>(0x80 | ((c >> shift) & 0x3F)); };
  if (c < 0x800) {
    *text += static_cast<char>(0xC0 | (c >> 6));
  } else if (c < 0x10000) {
    *text += static_cast<char>(0xE0 | (c >> 12));
    tail(6);
  } else {
    *text += static_cast<char>(0xF0 | (c >> 18));
    tail(12);
    tail(6);
  }
  tail(0);
}

// \XXXX and \+XXXXXX become characters, \\ a backslash. Nothing for anything else.
std::optional<std::string> DecodeUnicode(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size();) {
    if (text[i] != '\\') {
      decoded += text[i++];
      continue;
    }
    if (text.substr(i, 2) == "\\\\") {
      decoded += '\\';
      i += 2;
      continue;
    }
    const bool six = text.substr(i, 2) == "\\+";
    const std::string_view digits = text.substr(i + (six ? 2 : 1)).substr(0, six ? 6 : 4);
    uint32_t c = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), c, 16);
    const bool complete = digits.size() == (six ? 6U : 4U) && end == digits.data() + digits.size();
    if (!complete || error != std::errc() || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
      return {};
    AppendUtf8(c, &decoded);
    i += digits.size() + (six ? 2 : 1);
  }
  return decoded;
}

constexpr std::array<std::string_view, 11> kUnits = {
    "YEAR",   "QUARTER", "MONTH",       "WEEK",        "DAY",       "HOUR",
    "MINUTE", "SECOND",  "MILLISECOND", "MICROSECOND", "NANOSECOND"};

}  // namespace

std::string UpperCase(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

AstBuilder::Depth::Depth(AstBuilder* builder, size_t levels, Rule* at)
    : builder_(builder), levels_(levels) {
  if (builder->depth_ + levels > kMaxTreeDepth) {
    builder->Fail(at,
                  "the statement is too complex: one chain of operators, set operations or joins "
                  "has more than " +
                      std::to_string(kMaxTreeDepth) + " terms",
                  "a long chain of OR may be an IN list");
  }
  builder->depth_ += levels;
}

SourceRange AstBuilder::Range(antlr4::Token* token) const {
  return source_.Bytes(token->getStartIndex(), token->getStopIndex() + 1);
}

SourceRange AstBuilder::Range(Rule* ctx) const {
  antlr4::Token* start = ctx->getStart();
  antlr4::Token* stop = ctx->getStop();
  if (stop == nullptr || stop->getTokenIndex() < start->getTokenIndex()) {
    return source_.Bytes(start->getStartIndex(), start->getStartIndex());
  }
  return source_.Bytes(start->getStartIndex(), stop->getStopIndex() + 1);
}

SourceRange AstBuilder::Span(SourceRange first, SourceRange last) {
  return {first.offset, last.offset + last.length - first.offset};
}

void AstBuilder::Fail(Rule* at, std::string message, std::string hint) const {
  throw Error(ErrorCode::kSqlSyntax, std::move(message), Range(at), std::move(hint));
}

ast::Name AstBuilder::NameOf(antlr4::Token* token) const {
  const std::string text = token->getText();
  const bool quoted = token->getType() == P::BACKTICK || token->getType() == P::DOUBLE_QUOTED;
  return {quoted ? Unquote(text) : text, Range(token), quoted};
}

ast::QualifiedName AstBuilder::Qualified(P::QualifiedNameContext* ctx) const {
  ast::QualifiedName name;
  name.range = Range(ctx);
  name.parts.push_back(NameFrom(ctx->identifier()));
  for (auto* label : ctx->label()) name.parts.push_back(NameFrom(label));
  return name;
}

std::optional<ast::QualifiedName> AstBuilder::OptionalQualified(
    P::QualifiedNameContext* ctx) const {
  if (ctx == nullptr) return {};
  return Qualified(ctx);
}

std::vector<ast::Name> AstBuilder::Names(P::ColumnNamesContext* ctx) const {
  std::vector<ast::Name> names;
  if (ctx == nullptr) return names;
  for (auto* label : ctx->label()) names.push_back(NameFrom(label));
  return names;
}

std::string AstBuilder::String(P::StringContext* ctx) const {
  const std::string text = ctx->getText();
  if (ctx->STRING() != nullptr) return Unquote(text);
  auto decoded = DecodeUnicode(Unquote(std::string_view(text).substr(2)));
  if (!decoded) Fail(ctx, "a Unicode string holds \\XXXX or \\+XXXXXX (hexadecimal digits)");
  return *std::move(decoded);
}

int64_t AstBuilder::Integer(antlr4::tree::TerminalNode* node) const {
  const std::string text = node->getText();
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) {
    throw Error(ErrorCode::kSqlSyntax, "the number " + text + " is too large here",
                Range(node->getSymbol()));
  }
  return value;
}

std::string AstBuilder::Word(P::IdentifierContext* ctx) const {
  const ast::Name name = NameFrom(ctx);
  if (name.quoted) Fail(ctx, "expected a word without quotes");
  return UpperCase(name.text);
}

std::string AstBuilder::Words(Rule* ctx) const {
  std::string words;
  for (auto* child : ctx->children) {
    if (!words.empty()) words += ' ';
    words += child->getText();
  }
  return UpperCase(std::move(words));
}

// ------------------------------------------------------------------------------------------ types

ast::IntervalUnit AstBuilder::Unit(const ast::Name& name) const {
  std::string word = UpperCase(name.text);
  if (word.ends_with('S') && word != "S") word.pop_back();
  if (word.starts_with("SQL_TSI_")) word.erase(0, 8);
  const auto found = std::find(kUnits.begin(), kUnits.end(), word);
  if (found == kUnits.end()) {
    throw Error(ErrorCode::kSqlSyntax, "\"" + name.text + "\" is not a unit of an interval",
                name.range, DidYouMean(word, kUnits));
  }
  return static_cast<ast::IntervalUnit>(found - kUnits.begin());
}

ast::IntervalQualifier AstBuilder::Qualifier(P::IntervalQualifierContext* ctx) const {
  ast::IntervalQualifier qualifier;
  auto* first = ctx->intervalUnit(0);
  auto* last = ctx->intervalUnit(1);
  qualifier.from = Unit(NameFrom(first->identifier()));
  if (first->INTEGER(0) != nullptr) qualifier.precision = Integer(first->INTEGER(0));
  if (first->INTEGER(1) != nullptr) qualifier.second_precision = Integer(first->INTEGER(1));
  if (last == nullptr) return qualifier;
  qualifier.to = Unit(NameFrom(last->identifier()));
  if (last->INTEGER(0) != nullptr) qualifier.second_precision = Integer(last->INTEGER(0));
  using U = ast::IntervalUnit;
  const bool months = qualifier.from == U::kYear && qualifier.to == U::kMonth;
  const bool time =
      qualifier.from >= U::kDay && *qualifier.to <= U::kSecond && qualifier.from < *qualifier.to;
  if (!months && !time) {
    Fail(ctx, "an interval cannot range from " + std::string(ast::NameOf(qualifier.from)) + " to " +
                  std::string(ast::NameOf(*qualifier.to)));
  }
  return qualifier;
}

ast::TypeField AstBuilder::Field(P::RowFieldContext* ctx) {
  ast::TypeField field;
  field.name = NameFrom(ctx->label());
  field.type = Type(ctx->typeName());
  if (ctx->string() != nullptr) field.comment = String(ctx->string());
  return field;
}

void AstBuilder::CompositeType(P::BaseTypeContext* ctx, ast::TypeName* type) {
  for (auto* child : ctx->typeName()) {
    ast::TypeField field;
    field.type = Type(child);
    type->children.push_back(std::move(field));
  }
  for (auto* field : ctx->rowField()) type->children.push_back(Field(field));
  if (!ctx->string().empty()) type->class_name = String(ctx->string(0));
}

void AstBuilder::SimpleType(P::BaseTypeContext* ctx, ast::TypeName* type) const {
  if (auto* params = ctx->typeParameters()) {
    for (auto* number : params->INTEGER()) type->params.push_back(Integer(number));
  }
  if (auto* qualifier = ctx->intervalQualifier()) type->interval = Qualifier(qualifier);
  if (Has(ctx, P::K_VARYING)) {
    type->base = type->base == "BINARY" ? "VARBINARY" : "VARCHAR";
  } else if (type->base == "CHARACTER") {
    type->base = "CHAR";
  }
  if (Has(ctx, P::K_WITH)) type->base += Has(ctx, P::K_LOCAL) ? "_LTZ" : "_TZ";
}

ast::TypeName AstBuilder::BaseType(P::BaseTypeContext* ctx) {
  ast::TypeName type;
  type.base = ctx->identifier() != nullptr ? Word(ctx->identifier())
                                           : UpperCase(ctx->getStart()->getText());
  type.range = Range(ctx);
  CompositeType(ctx, &type);
  SimpleType(ctx, &type);
  return type;
}

ast::TypeName AstBuilder::Type(P::TypeNameContext* ctx) {
  const Depth depth(this, 1 + ctx->children.size(), ctx);
  ast::TypeName type = BaseType(ctx->baseType());
  for (auto* child : ctx->children) {
    const std::string word = UpperCase(child->getText());
    if (word != "ARRAY" && word != "MULTISET" && word != "[") continue;
    ast::TypeName outer;
    outer.base = word == "[" ? "ARRAY" : word;
    outer.range = Range(ctx);
    ast::TypeField element;
    element.type = std::move(type);
    outer.children.push_back(std::move(element));
    type = std::move(outer);
  }
  type.not_null = Has(ctx, P::K_NOT);
  type.range = Range(ctx);
  return type;
}

}  // namespace millrace
