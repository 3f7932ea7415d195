// Result rows as text: box tables, CSV, JSON and the like, for the shell and the API alike.
//
// Values are spelled as in the API's JSON (server/api_value.h), strings without their quotes.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "types/batch.h"
#include "types/type.h"

namespace millrace {

enum class TextFormat : uint8_t {
  kTable,
  kVertical,
  kCsv,
  kTsv,
  kJson,
  kNdjson,
  kMarkdown,
  kChangelog,
};

// By the name that follows `-o`.
std::optional<TextFormat> FindTextFormat(std::string_view name);
// "table, vertical, csv, …".
std::string TextFormatNames();

// JSON text but for strings, which stand without quotes and escapes.
struct Cell {
  enum class Kind : uint8_t { kNull, kBare, kString };
  Kind kind = Kind::kNull;
  std::string text;
};

Cell MakeCell(const Column& column, const Type& type, size_t row);

struct TextColumn {
  std::string name;
  bool numeric = false;  // Aligned to the right.
};
std::vector<TextColumn> TextColumns(const Schema& schema);
// By the type's name in the API.
bool IsNumericName(std::string_view type);

struct TextOptions {
  bool header = true;
  std::optional<std::string> null_text;  // Else NULL in tables and nothing in CSV.
  bool row_count = true;                 // "(2 rows)" under tables.
};

// Writes one result: Begin, any number of rows, End. Appends to the string given to MakeTextWriter,
// which the caller empties as it likes.
class TextWriter {
 public:
  virtual ~TextWriter() = default;
  // `with_op`: rows are changes, and every row says which.
  virtual void Begin(std::vector<TextColumn> columns, bool with_op) = 0;
  // `op` is "+I", "-U", "+U" or "-D". REQUIRES: a cell for each column.
  virtual void Row(std::string_view op, std::span<const Cell> cells) = 0;
  // No more rows for a while: shows what is held back to find the columns' widths.
  virtual void Idle() {}
  virtual void End() {}
};

std::unique_ptr<TextWriter> MakeTextWriter(TextFormat format, TextOptions options,
                                           std::string* out);

// All rows of a batch, each as often as its weight says.
void WriteBatch(const Batch& batch, const Schema& schema, TextWriter* writer);

// Columns of a terminal that the text takes.
size_t DisplayWidth(std::string_view text);

}  // namespace millrace
