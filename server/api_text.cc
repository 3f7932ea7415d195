#include "server/api_text.h"

#include <algorithm>

#include "base/json_text.h"
#include "server/api_text_table.h"
#include "server/api_value.h"

namespace millrace {
namespace {

struct FormatName {
  std::string_view name;
  TextFormat format;
};
constexpr FormatName kFormats[] = {
    {"table", TextFormat::kTable},       {"vertical", TextFormat::kVertical},
    {"csv", TextFormat::kCsv},           {"tsv", TextFormat::kTsv},
    {"json", TextFormat::kJson},         {"ndjson", TextFormat::kNdjson},
    {"markdown", TextFormat::kMarkdown}, {"changelog", TextFormat::kChangelog},
};

// CSV by RFC 4180, and TSV, whose tabs and line ends are \t and \n.
class SeparatedWriter final : public TextWriter {
 public:
  SeparatedWriter(char separator, TextOptions options, std::string* out)
      : separator_(separator), options_(std::move(options)), out_(out) {}

  void Begin(std::vector<TextColumn> columns, bool with_op) override {
    with_op_ = with_op;
    if (!options_.header || columns.empty()) return;
    if (with_op) out_->append("op").push_back(separator_);
    for (size_t i = 0; i < columns.size(); ++i) {
      if (i > 0) out_->push_back(separator_);
      AppendText(columns[i].name);
    }
    out_->push_back('\n');
  }

  void Row(std::string_view op, std::span<const Cell> cells) override {
    if (with_op_) out_->append(op).push_back(separator_);
    for (size_t i = 0; i < cells.size(); ++i) {
      if (i > 0) out_->push_back(separator_);
      if (cells[i].kind == Cell::Kind::kNull) {
        out_->append(options_.null_text.value_or(""));
      } else {
        AppendText(cells[i].text);
      }
    }
    out_->push_back('\n');
  }

 private:
  void AppendText(std::string_view text) {
    if (separator_ == '\t') return AppendEscaped(text);
    if (!text.empty() && text.find_first_of(",\"\r\n") == std::string_view::npos) {
      out_->append(text);
      return;
    }
    out_->push_back('"');  // Also around an empty text, which is not NULL.
    for (char c : text) {
      if (c == '"') out_->push_back('"');
      out_->push_back(c);
    }
    out_->push_back('"');
  }

  void AppendEscaped(std::string_view text) {
    constexpr std::string_view kFrom = "\t\n\r\\", kTo = "tnr\\";
    for (char c : text) {
      const size_t found = kFrom.find(c);
      if (found != std::string_view::npos) out_->push_back('\\');
      out_->push_back(found == std::string_view::npos ? c : kTo[found]);
    }
  }

  const char separator_;
  const TextOptions options_;
  std::string* const out_;
  bool with_op_ = false;
};

// An array of objects, or an object a line; a change is {"op":"+I","row":{…}}.
class JsonTextWriter final : public TextWriter {
 public:
  JsonTextWriter(bool lines, std::string* out) : lines_(lines), out_(out) {}

  void Begin(std::vector<TextColumn> columns, bool with_op) override {
    columns_ = std::move(columns);
    with_op_ = with_op;
    if (!lines_) out_->append("[");
  }

  void Row(std::string_view op, std::span<const Cell> cells) override {
    if (!lines_) out_->append(std::exchange(first_, false) ? "\n  " : ",\n  ");
    if (with_op_) out_->append("{\"op\":\"").append(op).append("\",\"row\":");
    out_->push_back('{');
    for (size_t i = 0; i < cells.size(); ++i) {
      if (i > 0) out_->push_back(',');
      AppendJsonString(columns_[i].name, out_);
      out_->push_back(':');
      AppendCell(cells[i]);
    }
    out_->append(with_op_ ? "}}" : "}");
    if (lines_) out_->push_back('\n');
  }

  void End() override {
    if (!lines_) out_->append(first_ ? "]\n" : "\n]\n");
  }

 private:
  void AppendCell(const Cell& cell) {
    if (cell.kind == Cell::Kind::kString) {
      AppendJsonString(cell.text, out_);
    } else {
      out_->append(cell.kind == Cell::Kind::kNull ? "null" : cell.text);
    }
  }

  const bool lines_;
  std::string* const out_;
  std::vector<TextColumn> columns_;
  bool with_op_ = false;
  bool first_ = true;
};

// +I[1, apple]
class ChangelogWriter final : public TextWriter {
 public:
  ChangelogWriter(TextOptions options, std::string* out)
      : options_(std::move(options)), out_(out) {}

  void Begin(std::vector<TextColumn> /*columns*/, bool /*with_op*/) override {}

  void Row(std::string_view op, std::span<const Cell> cells) override {
    out_->append(op).push_back('[');
    for (size_t i = 0; i < cells.size(); ++i) {
      if (i > 0) out_->append(", ");
      const bool null = cells[i].kind == Cell::Kind::kNull;
      out_->append(null ? options_.null_text.value_or("NULL") : cells[i].text);
    }
    out_->append("]\n");
  }

 private:
  const TextOptions options_;
  std::string* const out_;
};

}  // namespace

std::optional<TextFormat> FindTextFormat(std::string_view name) {
  for (const FormatName& format : kFormats) {
    if (format.name == name) return format.format;
  }
  return {};
}

std::string TextFormatNames() {
  std::string names;
  for (const FormatName& format : kFormats) {
    names.append(names.empty() ? "" : ", ").append(format.name);
  }
  return names;
}

Cell MakeCell(const Column& column, const Type& type, size_t row) {
  if (type.id == TypeId::kNull || column.IsNull(row)) return {};
  if (type.id == TypeId::kString) {
    return {Cell::Kind::kString, std::string(column.at<StringRef>(row).view())};
  }
  Cell cell{Cell::Kind::kBare, {}};
  AppendJsonValue(column, type, row, &cell.text);
  if (cell.text.front() == '"') {
    // Dates and numbers in quotes have no escapes.
    cell.kind = Cell::Kind::kString;
    cell.text.pop_back();
    cell.text.erase(0, 1);
  }
  return cell;
}

std::vector<TextColumn> TextColumns(const Schema& schema) {
  std::vector<TextColumn> columns;
  for (const Field& field : schema) columns.push_back({field.name, IsNumeric(field.type.id)});
  return columns;
}

bool IsNumericName(std::string_view type) {
  type = type.substr(0, type.find('('));
  constexpr std::string_view kNumeric[] = {"TINYINT", "SMALLINT", "INT",    "INTEGER",
                                           "BIGINT",  "FLOAT",    "DOUBLE", "DECIMAL"};
  return std::find(std::begin(kNumeric), std::end(kNumeric), type) != std::end(kNumeric);
}

std::unique_ptr<TextWriter> MakeTextWriter(TextFormat format, TextOptions options,
                                           std::string* out) {
  switch (format) {
    case TextFormat::kTable:
      return MakeTableWriter(std::move(options), out);
    case TextFormat::kVertical:
      return MakeVerticalWriter(std::move(options), out);
    case TextFormat::kMarkdown:
      return MakeMarkdownWriter(std::move(options), out);
    case TextFormat::kCsv:
      return std::make_unique<SeparatedWriter>(',', std::move(options), out);
    case TextFormat::kTsv:
      return std::make_unique<SeparatedWriter>('\t', std::move(options), out);
    case TextFormat::kJson:
    case TextFormat::kNdjson:
      return std::make_unique<JsonTextWriter>(format == TextFormat::kNdjson, out);
    case TextFormat::kChangelog:
      return std::make_unique<ChangelogWriter>(std::move(options), out);
  }
  return nullptr;
}

void WriteBatch(const Batch& batch, const Schema& schema, TextWriter* writer) {
  std::vector<Cell> cells(schema.size());
  for (size_t row = 0; row < batch.size; ++row) {
    const int64_t weight = batch.weight(row);
    if (weight == 0) continue;
    for (size_t i = 0; i < schema.size(); ++i) {
      cells[i] = MakeCell(batch.columns[i], schema[i].type, row);
    }
    for (int64_t n = weight < 0 ? -weight : weight; n > 0; --n) {
      writer->Row(weight < 0 ? "-D" : "+I", cells);
    }
  }
}

}  // namespace millrace
