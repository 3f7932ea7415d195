#include "tests/sql_runner/fields.h"

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
