#include "tests/sql_runner/fields.h"

#include "connectors/text_values.h"
#include "types/cast.h"
#include "types/datetime.h"
#include "types/value.h"

namespace millrace::sqltest {
namespace {

std::string Quoted(const std::string& text, bool force) {
  if (text.empty()) return "(empty)";
  const bool plain =
      !force && text.find_first_of(" \t\n'#") == text.npos && text != "NULL" && text != "(empty)";
  if (plain) return text;
  std::string out = "'";
  for (char c : text) out += c == '\'' ? "''" : std::string(1, c);
  return out + "'";
}

bool IsNull(const Token& token) { return !token.quoted && token.text == "NULL"; }
bool IsEmpty(const Token& token) { return !token.quoted && token.text == "(empty)"; }

// Also `00:00:10` for 1970-01-01 00:00:10.
std::optional<Timestamp> TimestampOf(const std::string& text) {
  if (auto full = ParseTimestamp(text)) return full;
  if (auto time = ParseTime(text)) return Timestamp{time->micros};
  return std::nullopt;
}

std::string TimestampText(Timestamp ts) {
  std::string text;
  AppendTimestamp(ts, 6, 'T', &text);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text;
}

// The parts of `[a, b]`, `{a, b}` or `(a, b)`. Strings in them have no commas and no brackets.
std::vector<std::string_view> PartsOf(std::string_view list) {
  std::vector<std::string_view> parts;
  list = list.substr(1, list.size() - 2);
  if (list.empty()) return parts;
  int depth = 0;
  size_t begin = 0;
  for (size_t i = 0; i < list.size(); ++i) {
    if (std::string_view("[{(").find(list[i]) != list.npos) ++depth;
    if (std::string_view(")}]").find(list[i]) != list.npos) --depth;
    if (depth > 0 || !list.substr(i).starts_with(", ")) continue;
    parts.push_back(list.substr(begin, i - begin));
    begin = i + 2;
  }
  parts.push_back(list.substr(begin));
  return parts;
}

// Appends a value as CAST(… AS STRING) writes it. False when it is none.
bool AppendField(std::string_view text, Arena* arena, ColumnBuilder* to) {
  const Type& type = to->type();
  std::vector<ColumnBuilder>& children = to->children();
  if (text == "NULL") {
    to->AppendNull();
    return true;
  }
  if (!type.children) return AppendTextValue(arena->Copy(text), "UTC", arena, to);
  if (text.size() < 2) return false;
  const std::vector<std::string_view> parts = PartsOf(text);
  if (type.id == TypeId::kRow) {
    if (parts.size() != children.size()) return false;
    for (size_t k = 0; k < parts.size(); ++k) {
      if (!AppendField(parts[k], arena, &children[k])) return false;
    }
    to->AppendRow();
    return true;
  }
  for (std::string_view part : parts) {
    if (type.id == TypeId::kMap) {
      const size_t equals = part.find('=');
      if (equals == part.npos) return false;
      if (!AppendField(part.substr(0, equals), arena, &children[0])) return false;
      part.remove_prefix(equals + 1);
    }
    if (!AppendField(part, arena, &children.back())) return false;
  }
  to->AppendList();
  return true;
}

Column NestedColumn(const std::vector<Row>& rows, size_t field, const Type& type) {
  const auto arena = std::make_shared<Arena>();
  ColumnBuilder builder(type, rows.size());
  for (const Row& row : rows) {
    const Token& token = row.fields[field];
    if (AppendField(IsNull(token) ? "NULL" : token.text, arena.get(), &builder)) continue;
    throw ScriptError("line " + std::to_string(row.line) + ": " + CannotRead(token.text, type));
  }
  return builder.Finish(arena);
}

}  // namespace

std::string FieldText(const Column& column, const Type& type, size_t i, const std::string& zone) {
  if (column.IsNull(i)) return "NULL";
  std::string text;
  AppendText(column, type, i, zone, &text);
  if (IsTimestamp(type.id)) {
    if (auto ts = ParseTimestamp(text)) return TimestampText(*ts);
  }
  return Quoted(text, false);
}

std::string ExpectedText(const Token& token, const Type& type) {
  if (IsNull(token)) return "NULL";
  if (IsEmpty(token)) return "(empty)";
  if (IsTimestamp(type.id)) {
    if (auto ts = TimestampOf(token.text)) return TimestampText(*ts);
  }
  return Quoted(token.text, false);
}

Batch MakeBatch(const std::vector<Row>& rows, size_t skip, const Schema& schema) {
  Batch batch;
  batch.size = rows.size();
  for (size_t c = 0; c < schema.size(); ++c) {
    if (schema[c].type.children) {
      batch.columns.push_back(NestedColumn(rows, c + skip, schema[c].type));
      continue;
    }
    Column text(TypeId::kString, rows.size());
    auto heap = std::make_shared<Arena>();
    for (size_t i = 0; i < rows.size(); ++i) {
      const Token& token = rows[i].fields[c + skip];
      std::string value = IsEmpty(token) ? "" : token.text;
      if (IsTimestamp(schema[c].type.id)) {
        if (auto ts = TimestampOf(value)) {
          value.clear();
          AppendTimestamp(*ts, 6, ' ', &value);
        }
      }
      SetValue(IsNull(token) ? Value{} : Value{value}, TypeId::kString, &text, i, heap.get());
    }
    text.KeepAlive(heap);
    RowErrors errors;
    batch.columns.push_back(Cast(text, TypeId::kString, schema[c].type, "UTC", &errors).Flatten());
    if (!errors.empty()) {
      throw ScriptError("line " + std::to_string(rows[errors[0].row].line) + ": " +
                        errors[0].message);
    }
  }
  return batch;
}

}  // namespace millrace::sqltest
