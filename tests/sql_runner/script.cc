#include "tests/sql_runner/script.h"

#include <fstream>
#include <map>
#include <sstream>

namespace millrace::sqltest {
namespace {

struct Lines {
  std::string path;
  std::vector<std::string> lines;
  size_t next = 0;

  bool done() const { return next == lines.size(); }
  const std::string& peek() const { return lines[next]; }
  [[noreturn]] void Fail(const std::string& what) const {
    throw ScriptError(path + ":" + std::to_string(next) + ": " + what);
  }
};

bool Blank(std::string_view line) { return line.find_first_not_of(" \t\r") == line.npos; }

// Splits at blanks; 'quoted text' is one token, '' in it a quote; # begins a comment.
std::vector<Token> Split(const Lines& in, std::string_view line) {
  std::vector<Token> tokens;
  for (size_t i = 0; i < line.size();) {
    if (line[i] == ' ' || line[i] == '\t' || line[i] == '\r') {
      ++i;
      continue;
    }
    if (line[i] == '#') break;
    Token token;
    if (line[i] == '\'') {
      token.quoted = true;
      for (++i;; ++i) {
        if (i >= line.size()) in.Fail("a quote is not closed");
        if (line[i] != '\'') {
          token.text += line[i];
        } else if (i + 1 < line.size() && line[i + 1] == '\'') {
          token.text += line[i++];
        } else {
          break;
        }
      }
      ++i;
    } else {
      while (i < line.size() && line[i] != ' ' && line[i] != '\t' && line[i] != '\r') {
        token.text += line[i++];
      }
    }
    tokens.push_back(std::move(token));
  }
  return tokens;
}

std::string ReadSql(Lines& in, bool until_rule) {
  std::string sql;
  while (!in.done()) {
    const std::string& line = in.peek();
    if (until_rule ? line == "----" : Blank(line)) break;
    if (until_rule && Blank(line)) break;
    sql += line + "\n";
    ++in.next;
  }
  if (sql.empty()) in.Fail("SQL is missing");
  return sql;
}

void ReadRows(Lines& in, Block* block) {
  for (; !in.done() && !Blank(in.peek()); ++in.next) {
    if (block->contains) {
      block->texts.push_back(in.peek());
      continue;
    }
    Row row{in.next + 1, Split(in, in.peek())};
    if (!row.fields.empty()) block->rows.push_back(std::move(row));
  }
}

// `error CODE [at "…"] [message "…"]`, `notice CODE`, `sort`, `contains`.
void ReadModifiers(const Lines& in, const std::string& line, Block* block) {
  std::istringstream words(line);
  std::string word;
  words >> word;
  auto quoted = [&] {
    std::string text;
    char c = 0;
    words >> c;
    if (c != '"' || !std::getline(words, text, '"')) in.Fail("text in \"…\" is expected");
    return text;
  };
  while (words >> word) {
    if (word == "sort") {
      block->sort = true;
    } else if (word == "contains") {
      block->contains = true;
    } else if (word == "error") {
      words >> block->error;
    } else if (word == "notice") {
      words >> block->notice;
    } else if (word == "at") {
      block->at = quoted();
    } else if (word == "message") {
      block->message = quoted();
    } else {
      in.Fail("unknown word " + word);
    }
  }
}

Block ReadBlock(Lines& in) {
  static const std::map<std::string, Block::Kind> kKinds = {
      {"statement", Block::Kind::kStatement}, {"query", Block::Kind::kQuery},
      {"changes", Block::Kind::kChanges},     {"input", Block::Kind::kInput},
      {"append", Block::Kind::kAppend},       {"step", Block::Kind::kStep},
      {"drain", Block::Kind::kDrain},         {"checkpoint", Block::Kind::kCheckpoint},
      {"restart", Block::Kind::kRestart},     {"advance", Block::Kind::kAdvance}};
  Block block;
  const std::string head = in.peek();
  block.line = ++in.next;
  const std::vector<Token> words = Split(in, head);
  auto kind = kKinds.find(words[0].text);
  if (kind == kKinds.end()) in.Fail("unknown directive " + words[0].text);
  block.kind = kind->second;
  switch (block.kind) {
    case Block::Kind::kStatement:
      ReadModifiers(in, head, &block);
      block.sql = ReadSql(in, false);
      break;
    case Block::Kind::kQuery:
      ReadModifiers(in, head, &block);
      block.sql = ReadSql(in, true);
      if (!in.done() && in.peek() == "----") {
        ++in.next;
        ReadRows(in, &block);
      } else if (block.error.empty()) {
        in.Fail("---- is missing");
      }
      break;
    case Block::Kind::kChanges:
    case Block::Kind::kInput:
    case Block::Kind::kAppend:
      if (words.size() != 2) in.Fail("one name is expected");
      block.target = words[1].text;
      ReadRows(in, &block);
      break;
    case Block::Kind::kAdvance:
      if (words.size() != 2) in.Fail("one duration is expected, as in '1 h'");
      block.target = words[1].text;
      break;
    default:
      if (words.size() != 1) in.Fail("nothing may follow");
  }
  return block;
}

}  // namespace

Script ParseScript(const std::string& path, std::string_view text) {
  Lines in{path, {}};
  std::istringstream stream{std::string(text)};
  for (std::string line; std::getline(stream, line);) in.lines.push_back(line);
  Script script{path, {}};
  while (!in.done()) {
    if (Blank(in.peek()) || in.peek()[0] == '#') {
      ++in.next;
    } else {
      script.blocks.push_back(ReadBlock(in));
    }
  }
  if (script.blocks.empty()) in.Fail("the file has no blocks");
  return script;
}

Script ReadScript(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) throw ScriptError(path + ": cannot be read");
  return ParseScript(path, text.str());
}

}  // namespace millrace::sqltest
