// Divides typed or piped text into statements at semicolons, but not in quotes, comments and
// statement sets.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace millrace {

class StatementSplitter {
 public:
  void Add(std::string_view text) { text_.append(text); }
  // The next whole statement without its semicolon, blanks around it and comments in front of it
  // cut; may be empty. Nothing
  // when it has not ended yet.
  std::optional<std::string> Next();
  // What remains without a semicolon. Ends the text.
  std::string TakeRest();
  // Whether anything but blanks and comments has begun.
  bool in_statement() const;

 private:
  // Behind the quoted text or comment at `i`; npos when its end has not come. `i` when there is
  // neither.
  size_t SkipOpaque(size_t i) const;
  void NoteWord(std::string_view word);

  std::string text_;
  size_t scanned_ = 0;  // Up to here nothing ends a statement.
  // BEGIN … END; has semicolons inside.
  int words_ = 0;           // Of the statement, or since the last semicolon in a set.
  std::string first_word_;  // Likewise.
  std::string last_word_;
  bool in_set_ = false;
};

}  // namespace millrace
