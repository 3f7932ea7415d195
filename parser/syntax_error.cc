// Turns the first failure of a parse into a sentence. Whether a token could have stood somewhere is
// found by trying: the parser runs over the tokens before it and the candidate.
#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "parser/ast_builder.h"
#include "parser/keywords.h"
#include "parser/parser_run.h"

namespace millrace {
namespace {

using grammar::MillraceLexer;

// Beyond this, trying costs more than the better message is worth.
constexpr size_t kMaxTriedTokens = 300;
constexpr size_t kMaxListedKeywords = 4;

constexpr size_t kStatementWords[] = {
    MillraceLexer::K_SELECT, MillraceLexer::K_INSERT,   MillraceLexer::K_CREATE,
    MillraceLexer::K_DROP,   MillraceLexer::K_ALTER,    MillraceLexer::K_SHOW,
    MillraceLexer::K_SET,    MillraceLexer::K_DESCRIBE, MillraceLexer::K_EXPLAIN,
    MillraceLexer::K_USE,    MillraceLexer::K_UPDATE,   MillraceLexer::K_DELETE};

// Where one of these stands in place of a name, it was not meant as one.
constexpr size_t kNeverNames[] = {
    MillraceLexer::K_FROM, MillraceLexer::K_WHERE, MillraceLexer::K_HAVING, MillraceLexer::K_SELECT,
    MillraceLexer::K_ON,   MillraceLexer::K_JOIN,  MillraceLexer::K_VALUES, MillraceLexer::K_AND,
    MillraceLexer::K_OR,   MillraceLexer::K_THEN,  MillraceLexer::K_WHEN,   MillraceLexer::K_AS,
    MillraceLexer::K_IN,   MillraceLexer::K_IS,    MillraceLexer::K_UNION};

template <size_t N>
bool IsOneOf(const size_t (&types)[N], size_t type) {
  return std::find(std::begin(types), std::end(types), type) != std::end(types);
}

bool IsKeyword(size_t type) { return type >= 1 && type < MillraceLexer::SEMI; }

const std::string& KeywordText(size_t type) { return Keywords()[type - 1]; }

// The keyword that `word` becomes when two neighbouring letters change places, or "".
std::string_view SwappedKeyword(const std::string& word) {
  for (size_t i = 0; i + 1 < word.size(); ++i) {
    std::string swapped = UpperCase(word);
    std::swap(swapped[i], swapped[i + 1]);
    const auto found = std::find(Keywords().begin(), Keywords().end(), swapped);
    if (found != Keywords().end()) return *found;
  }
  return {};
}

class Explainer {
 public:
  Explainer(const TokenizedSql& sql, StartRule start) : sql_(sql), start_(start) {
    for (const auto* token : sql.tokens()) types_.push_back(token->getType());
    types_.pop_back();  // EOF
  }

  Error Explain() {
    const auto failure = TryParse(start_, types_);
    if (!failure) return {ErrorCode::kInternal, "the parser disagrees with itself"};
    size_t at = failure->token;
    std::set<size_t> expected(failure->expected.begin(), failure->expected.end());
    std::string hint;
    KeepStatementOf(at);
    if (at - first_ < kMaxTriedTokens) {
      hint = Hint(&at);
      expected = ExpectedAt(at);
      if (hint.empty()) hint = ReservedWordHint(at, expected);
    }
    const antlr4::Token& found = *sql_.tokens()[at];
    return {ErrorCode::kSqlSyntax, "expected " + Describe(expected) + ", but found " + Found(found),
            sql_.RangeOf(found), hint};
  }

 private:
  // What precedes the statement at fault only costs time. Statement sets have semicolons inside.
  void KeepStatementOf(size_t at) {
    const auto begin = types_.begin();
    if (std::find(begin, types_.end(), size_t{MillraceLexer::K_BEGIN}) != types_.end()) return;
    for (size_t i = 0; i < at; ++i) {
      if (types_[i] == MillraceLexer::SEMI) first_ = i + 1;
    }
  }

  std::vector<size_t> TypesUpTo(size_t end) const {
    return {types_.begin() + static_cast<ptrdiff_t>(first_),
            types_.begin() + static_cast<ptrdiff_t>(std::min(end, types_.size()))};
  }

  // Whether the failure lies behind `at`, a token of the whole text, with these types from first_
  // on.
  bool GetsPast(size_t at, const std::vector<size_t>& types) const {
    const auto failure = TryParse(start_, types);
    return !failure || failure->token + first_ > at;
  }

  std::set<size_t> ExpectedAt(size_t at) const {
    std::set<size_t> expected;
    const std::vector<size_t> before = TypesUpTo(at);
    for (size_t type = 1; type <= MillraceLexer::DOUBLE_QUOTED; ++type) {
      std::vector<size_t> types = before;
      types.push_back(type);
      if (GetsPast(at, types)) expected.insert(type);
    }
    if (!TryParse(start_, before)) expected.insert(antlr4::Token::EOF);
    return expected;
  }

  // A misspelt keyword or a statement without a semicolon before it is often taken for a name, so
  // that the token after it is the one at fault; `at` moves back to it then.
  std::string Hint(size_t* at) const {
    for (const size_t candidate : {*at, *at - 1}) {
      if (candidate < first_ || candidate >= types_.size()) continue;
      const std::string meant = MisspeltKeyword(candidate, *at);
      if (!meant.empty()) {
        *at = candidate;
        return "did you mean \"" + meant + "\"?";
      }
      if (candidate == first_ || !IsOneOf(kStatementWords, types_[candidate])) continue;
      std::vector<size_t> types = TypesUpTo(*at + 2);
      types.insert(types.begin() + static_cast<ptrdiff_t>(candidate - first_), MillraceLexer::SEMI);
      if (!GetsPast(*at + 1, types)) continue;
      *at = candidate;
      return "statements are separated by semicolons";
    }
    return {};
  }

  // The keyword that is spelt almost like the name at `at` and would move the failure on, or "".
  std::string MisspeltKeyword(size_t at, size_t failed_at) const {
    if (types_[at] != MillraceLexer::IDENTIFIER) return {};
    const std::string word = sql_.tokens()[at]->getText();
    if (word.size() < 3) return {};
    std::vector<std::string_view> candidates;
    for (const std::string& keyword : Keywords()) {
      if (keyword.size() > 3) candidates.push_back(keyword);
    }
    std::string_view nearest = SwappedKeyword(word);
    for (int attempt = 0; attempt < 4; ++attempt) {
      if (nearest.empty()) nearest = Nearest(word, candidates);
      if (nearest.empty()) return {};
      const auto known = std::find(Keywords().begin(), Keywords().end(), nearest);
      std::vector<size_t> types = TypesUpTo(failed_at + 2);
      types[at - first_] = static_cast<size_t>(known - Keywords().begin()) + 1;
      if (GetsPast(failed_at, types)) return *known;
      std::erase(candidates, nearest);
      nearest = {};
    }
    return {};
  }

  std::string ReservedWordHint(size_t at, const std::set<size_t>& expected) const {
    if (at >= types_.size() || !IsKeyword(types_[at]) || IsOneOf(kNeverNames, types_[at]) ||
        !expected.contains(MillraceLexer::IDENTIFIER)) {
      return {};
    }
    std::vector<size_t> types = TypesUpTo(at + 2);
    types[at - first_] = MillraceLexer::IDENTIFIER;
    if (!GetsPast(at, types)) return {};
    const std::string word = sql_.tokens()[at]->getText();
    return "\"" + word + "\" is a reserved word; as a name it needs backticks: `" + word + "`";
  }

  static std::string Found(const antlr4::Token& token) {
    if (token.getType() == antlr4::Token::EOF) return "the end of the text";
    if (token.getType() == MillraceLexer::STRING) return "the string " + token.getText();
    return "\"" + token.getText() + "\"";
  }

  static std::string Describe(const std::set<size_t>& fitting);

  const TokenizedSql& sql_;
  StartRule start_;
  std::vector<size_t> types_;
  size_t first_ = 0;
};

// Words that say more about a place than the others that fit there too.
constexpr size_t kTelling[] = {
    MillraceLexer::K_FROM, MillraceLexer::K_INTO,  MillraceLexer::K_THEN,   MillraceLexer::K_WHEN,
    MillraceLexer::K_ELSE, MillraceLexer::K_END,   MillraceLexer::K_BY,     MillraceLexer::K_ON,
    MillraceLexer::K_JOIN, MillraceLexer::K_WHERE, MillraceLexer::K_SELECT, MillraceLexer::K_VALUES,
    MillraceLexer::K_SET,  MillraceLexer::K_TABLE, MillraceLexer::K_VIEW,   MillraceLexer::K_WITH,
    MillraceLexer::K_AS,
};

std::string Join(const std::vector<std::string>& parts) {
  std::string text;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) text += i + 1 == parts.size() ? " or " : ", ";
    text += parts[i];
  }
  return text;
}

std::vector<std::string> ListedKeywords(const std::set<size_t>& fitting, bool after_expression) {
  std::vector<std::string> words;
  const bool alias = fitting.contains(MillraceLexer::IDENTIFIER);
  for (const size_t type : kTelling) {
    const bool names_alias = type == MillraceLexer::K_END || type == MillraceLexer::K_VIEW ||
                             (type == MillraceLexer::K_AS && !words.empty());
    if (alias && names_alias) continue;
    if (fitting.contains(type) && words.size() < kMaxListedKeywords) {
      words.push_back(KeywordText(type));
    }
  }
  const bool continues =
      fitting.contains(MillraceLexer::COMMA) || fitting.contains(MillraceLexer::RPAREN);
  if (after_expression || continues) return words;
  const auto keywords = std::count_if(fitting.begin(), fitting.end(), IsKeyword);
  for (const size_t type : fitting) {
    if (!IsKeyword(type) || words.size() >= kMaxListedKeywords) continue;
    const std::string& word = KeywordText(type);
    if (std::find(words.begin(), words.end(), word) == words.end()) words.push_back(word);
  }
  const bool more = static_cast<size_t>(keywords) > words.size();
  if (more && !words.empty()) words[0] = "a keyword such as " + words[0];
  return words;
}

std::string Explainer::Describe(const std::set<size_t>& fitting) {
  const auto fits = [&](size_t type) { return fitting.contains(type); };
  if (fits(MillraceLexer::K_SELECT) && fits(MillraceLexer::K_CREATE) &&
      fits(MillraceLexer::K_DROP)) {
    return "a statement such as SELECT, INSERT or CREATE";
  }
  // After an expression or a name, another name would be an alias, which nobody misses; nor does
  // anybody miss an operator.
  const bool after_expression = fits(MillraceLexer::SLASH) || fits(MillraceLexer::DOT) ||
                                (fits(MillraceLexer::K_WHERE) && fits(MillraceLexer::K_UNION)) ||
                                (fits(MillraceLexer::K_JOIN) && fits(MillraceLexer::K_WHERE)) ||
                                (fits(MillraceLexer::K_AND) && fits(MillraceLexer::K_OR));
  std::vector<std::string> parts;
  const auto part = [&](bool condition, std::string_view text) {
    if (condition) parts.emplace_back(text);
  };
  const bool expression = fits(MillraceLexer::K_CASE) && fits(MillraceLexer::INTEGER);
  const bool name = fits(MillraceLexer::IDENTIFIER) && !expression && !after_expression;
  part(expression, "an expression");
  part(name, "a name");
  part((expression || name) && fits(MillraceLexer::K_SELECT), "a query");
  part(!expression && fits(MillraceLexer::STRING), "a string");
  part(!expression && fits(MillraceLexer::INTEGER), "a number");
  if (!expression && !name) {
    for (const std::string& word : ListedKeywords(fitting, after_expression)) part(true, word);
  }
  part(fits(MillraceLexer::COMMA), "a comma");
  part(fits(MillraceLexer::EQ) && !after_expression, "\"=\"");
  const bool opens = !expression && !name && !after_expression && !fits(MillraceLexer::RPAREN);
  part(opens && fits(MillraceLexer::LPAREN), "\"(\"");
  part(fits(MillraceLexer::RPAREN), "\")\"");
  part(fits(MillraceLexer::RBRACKET), "\"]\"");
  part(fits(MillraceLexer::GT) && !after_expression, "\">\"");
  part(fits(antlr4::Token::EOF), "the end of the statement");
  if (parts.empty()) return after_expression ? "an operator" : "something else";
  return Join(parts);
}

}  // namespace

Error ExplainSyntaxError(const TokenizedSql& sql, StartRule start) {
  return Explainer(sql, start).Explain();
}

}  // namespace millrace
