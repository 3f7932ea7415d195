#include "shell/statement_splitter.h"

#include <algorithm>
#include <utility>

namespace millrace {
namespace {

bool IsWordCharacter(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::string Upper(std::string_view word) {
  std::string out(word);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return out;
}

// Cuts blanks around the text and comments in front of it.
std::string Trim(std::string_view text) {
  for (;;) {
    while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
    const bool line = text.starts_with("--");
    if (!line && !text.starts_with("/*")) break;
    const size_t end = line ? text.find('\n') : text.find("*/", 2);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + (line ? 1 : 2));
  }
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  return std::string(text);
}

}  // namespace

size_t StatementSplitter::SkipOpaque(size_t i) const {
  const char c = text_[i];
  if (c == '\'' || c == '"' || c == '`') {
    const size_t end = text_.find(c, i + 1);  // A doubled quote is two texts side by side.
    return end == std::string::npos ? end : end + 1;
  }
  if (text_.compare(i, 2, "--") == 0) {
    const size_t end = text_.find('\n', i);
    return end == std::string::npos ? end : end + 1;
  }
  if (text_.compare(i, 2, "/*") == 0) {
    const size_t end = text_.find("*/", i + 2);
    return end == std::string::npos ? end : end + 2;
  }
  return i;
}

void StatementSplitter::NoteWord(std::string_view word) {
  const std::string upper = Upper(word);
  if (words_++ == 0) first_word_ = upper;
  // BEGIN STATEMENT SET; …  and  EXECUTE STATEMENT SET BEGIN …
  if (upper == "SET" && last_word_ == "STATEMENT" && words_ == 3 && first_word_ == "BEGIN") {
    in_set_ = true;
  }
  if (upper == "BEGIN" && last_word_ == "SET" && words_ == 4 && first_word_ == "EXECUTE") {
    in_set_ = true;
    words_ = 0;
  }
  last_word_ = upper;
}

std::optional<std::string> StatementSplitter::Next() {
  for (size_t i = scanned_; i < text_.size();) {
    const size_t behind = SkipOpaque(i);
    if (behind == std::string::npos) break;
    if (behind > i) {
      scanned_ = i = behind;
      continue;
    }
    if (IsWordCharacter(text_[i])) {
      size_t end = i;
      while (end < text_.size() && IsWordCharacter(text_[end])) ++end;
      if (end == text_.size()) break;  // The word may go on.
      NoteWord(std::string_view(text_).substr(i, end - i));
      scanned_ = i = end;
      continue;
    }
    scanned_ = ++i;
    if (text_[i - 1] != ';') continue;
    const bool set_goes_on = in_set_ && !(words_ == 1 && first_word_ == "END");
    words_ = 0;
    if (set_goes_on) continue;
    std::string statement = Trim(std::string_view(text_).substr(0, i - 1));
    text_.erase(0, i);
    scanned_ = 0;
    in_set_ = false;
    last_word_.clear();
    return statement;
  }
  return {};
}

std::string StatementSplitter::TakeRest() {
  const bool any = in_statement();
  scanned_ = 0;
  words_ = 0;
  in_set_ = false;
  last_word_.clear();
  return any ? Trim(std::exchange(text_, {})) : (text_.clear(), std::string());
}

bool StatementSplitter::in_statement() const {
  for (size_t i = 0; i < text_.size();) {
    const bool comment = text_.compare(i, 2, "--") == 0 || text_.compare(i, 2, "/*") == 0;
    if (!comment && !IsBlank(text_[i])) return true;
    const size_t behind = comment ? SkipOpaque(i) : i + 1;
    if (behind == std::string::npos) return text_[i] == '/';
    i = behind;
  }
  return false;
}

}  // namespace millrace
