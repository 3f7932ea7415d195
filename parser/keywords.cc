#include "parser/keywords.h"

#include <algorithm>
#include <cassert>

#include "MillraceLexer.h"
#include "antlr4-runtime.h"

namespace millrace {

using grammar::MillraceLexer;

const std::vector<std::string>& Keywords() {
  static const std::vector<std::string> keywords = [] {
    std::vector<std::string> words;
    const MillraceLexer lexer(nullptr);
    for (size_t type = 1; type < MillraceLexer::SEMI; ++type) {
      words.push_back(lexer.getVocabulary().getSymbolicName(type).substr(2));  // Without K_.
    }
    assert(std::is_sorted(words.begin(), words.end()));  // As the grammar lists them.
    return words;
  }();
  return keywords;
}

bool IsKeywordText(std::string_view upper) {
  return std::binary_search(Keywords().begin(), Keywords().end(), upper);
}

bool IsTimeUnit(std::string_view upper) {
  return std::find(kTimeUnits.begin(), kTimeUnits.end(), upper) != kTimeUnits.end();
}

}  // namespace millrace
