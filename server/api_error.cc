#include "server/api_error.h"

#include <fmt/format.h>

#include <algorithm>

namespace millrace {
namespace {

bool IsCharacterStart(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

size_t CountCharacters(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), IsCharacterStart));
}

// The bytes of the first `count` characters.
size_t BytesOf(std::string_view text, size_t count) {
  size_t i = 0;
  for (; i < text.size(); ++i) {
    if (IsCharacterStart(text[i]) && count-- == 0) break;
  }
  return i;
}

SourceRange Clamp(SourceRange range, size_t size) {
  const size_t offset = std::min(range.offset, size);
  return {offset, std::min(range.length, size - offset)};
}

struct LineColumn {
  size_t line, column;
};

LineColumn LineColumnOf(std::string_view before) {
  const size_t lines = static_cast<size_t>(std::count(before.begin(), before.end(), '\n'));
  const size_t begin = before.rfind('\n') + 1;  // npos + 1 is 0.
  return {lines + 1, CountCharacters(before.substr(begin)) + 1};
}

bool IsRetryable(ErrorCode code) {
  const int status = InfoOf(code).http_status;
  return status == 429 || status == 503 || status == 504;
}

}  // namespace

TextPosition Locate(std::string_view text, SourceRange range) {
  range = Clamp(range, text.size());
  const LineColumn begin = LineColumnOf(text.substr(0, range.offset));
  const LineColumn end = LineColumnOf(text.substr(0, range.offset + range.length));
  return {CountCharacters(text.substr(0, range.offset)),
          CountCharacters(text.substr(range.offset, range.length)),
          begin.line,
          begin.column,
          end.line,
          end.column};
}

std::string Snippet(std::string_view text, SourceRange range) {
  constexpr size_t kMostCharacters = 100, kContext = 60;
  range = Clamp(range, text.size());
  const LineColumn at = LineColumnOf(text.substr(0, range.offset));
  const size_t begin = text.substr(0, range.offset).rfind('\n') + 1;
  std::string line(text.substr(begin, std::min(text.find('\n', begin), text.size()) - begin));
  if (line.ends_with('\r')) line.pop_back();
  std::replace(line.begin(), line.end(), '\t', ' ');
  const size_t in_line =
      std::min(range.length, line.size() - std::min(range.offset - begin, line.size()));
  size_t before = at.column - 1;
  size_t carets = std::max<size_t>(1, CountCharacters(std::string_view(line).substr(
                                          std::min(range.offset - begin, line.size()), in_line)));
  if (CountCharacters(line) > kMostCharacters) {
    const size_t skip = before > kContext ? before - kContext : 0;
    line.erase(0, BytesOf(line, skip));
    line.resize(BytesOf(line, kMostCharacters));
    before -= skip;
    carets = std::min(carets, kMostCharacters - std::min(before, kMostCharacters - 1));
    if (skip > 0) {
      line.insert(0, "…");
      ++before;
    }
    line.append("…");
  }
  const std::string prefix = fmt::format("{:>3} | ", at.line);
  return prefix + line + '\n' + std::string(prefix.size() + before, ' ') + std::string(carets, '^');
}

void AppendJsonPosition(std::string_view sql, const std::optional<SourceRange>& range,
                        std::string* out) {
  JsonWriter json(out);
  if (!range || sql.empty()) {
    json.Null();
    return;
  }
  const TextPosition position = Locate(sql, *range);
  json.BeginObject()
      .Field("offset", position.offset)
      .Field("length", position.length)
      .Field("line", position.line)
      .Field("column", position.column)
      .Field("end_line", position.end_line)
      .Field("end_column", position.end_column)
      .EndObject();
}

void AppendJsonError(const Error& error, const ErrorContext& context, std::string* out,
                     std::string_view severity) {
  const ErrorInfo& info = InfoOf(error.code);
  JsonWriter json(out);
  json.BeginObject();
  if (!severity.empty()) json.Field("severity", severity);
  json.Field("code", info.name)
      .Field("sqlstate", info.sqlstate)
      .Field("message", error.message)
      .Key("detail")
      .Null()
      .Key("hint");
  error.hint.empty() ? json.Null() : json.String(error.hint);
  json.Key("statement_index");
  context.statement_index ? json.Unsigned(*context.statement_index) : json.Null();
  AppendJsonPosition(context.sql, error.range, json.Key("position").BeginValue());
  json.Key("snippet");
  error.range && !context.sql.empty() ? json.String(Snippet(context.sql, *error.range))
                                      : json.Null();
  json.Field("retryable", IsRetryable(error.code)).Field("request_id", context.request_id);
  json.EndObject();
}

std::string ErrorText(const Error& error, std::string_view sql) {
  std::string text = fmt::format("ERROR {}: {}\n", InfoOf(error.code).sqlstate, error.message);
  if (error.range && !sql.empty()) text += Snippet(sql, *error.range) + '\n';
  if (!error.hint.empty()) text += "HINT: " + error.hint + '\n';
  return text;
}

}  // namespace millrace
