// A .test file as data: blocks in order, each with the line it begins at.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::sqltest {

// One field of a row as the file writes it; quoted text is never NULL or (empty).
struct Token {
  std::string text;
  bool quoted = false;
};

struct Row {
  size_t line = 0;
  std::vector<Token> fields;
};

struct Block {
  enum class Kind {
    kStatement,
    kQuery,
    kChanges,
    kInput,
    kAppend,
    kStep,
    kDrain,
    kCheckpoint,
    kRestart,
    kAdvance
  };
  Kind kind = Kind::kStatement;
  size_t line = 0;
  std::string sql;     // kStatement, kQuery
  std::string target;  // kInput, kAppend: the table; kChanges: the view; kAdvance: a duration
  std::vector<Row> rows;
  std::vector<std::string> texts;  // `query contains`: pieces of the answer.

  bool sort = false;
  bool contains = false;
  std::string error;    // The name of the code that is expected.
  std::string at;       // The text that the error's range covers.
  std::string message;  // A piece of the error's message or hint.
  std::string notice;   // The code of a notice that must be there.
};

struct Script {
  std::string path;
  std::vector<Block> blocks;
};

struct ScriptError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Throws ScriptError with path and line.
Script ReadScript(const std::string& path);
Script ParseScript(const std::string& path, std::string_view text);

}  // namespace millrace::sqltest
