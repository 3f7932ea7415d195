// CSV by RFC 4180 with Flink's spelling of values.
#include "connectors/builtin.h"
#include "connectors/csv.h"
#include "connectors/text_values.h"

namespace millrace {
namespace {

class CsvEncoder final : public FormatDef::Encoder {
 public:
  explicit CsvEncoder(const ConnectorContext& context)
      : settings_(ReadCsvSettings(context.options)), style_{' ', settings_.scientific} {
    for (const Field& field : context.schema) types_.push_back(field.type);
  }

  void Encode(const Batch& batch, size_t row, std::string* out) override {
    for (size_t i = 0; i < types_.size(); ++i) {
      if (i > 0) out->push_back(settings_.delimiter);
      AppendField(batch.columns[i], types_[i], row, out);
    }
  }

  // A field in quotes if it would not read back without.
  void AppendText(std::string_view text, std::string* out) const {
    if (settings_.quote == 0 || !NeedsQuotes(text)) {
      out->append(text);
    } else {
      AppendQuoted(text, out);
    }
  }

 private:
  void AppendQuoted(std::string_view text, std::string* out) const {
    out->push_back(settings_.quote);
    for (char c : text) {
      if (c == settings_.quote) out->push_back(settings_.quote);
      if (settings_.escape != 0 && c == settings_.escape && c != settings_.quote) {
        out->push_back(settings_.escape);
      }
      out->push_back(c);
    }
    out->push_back(settings_.quote);
  }

  bool NeedsQuotes(std::string_view text) const {
    if (settings_.null_literal && text == *settings_.null_literal) return true;
    if (text.empty()) return types_.size() == 1;  // Else it would be a blank line.
    if (text.front() == ' ' || text.back() == ' ') return true;
    for (char c : text) {
      if (c == settings_.delimiter || c == settings_.quote || c == '\n' || c == '\r' || c == '#' ||
          (settings_.escape != 0 && c == settings_.escape)) {
        return true;
      }
    }
    return false;
  }

  void AppendField(const Column& column, const Type& type, size_t row, std::string* out) {
    if (column.IsNull(row)) {
      out->append(settings_.null_literal.value_or(""));
      return;
    }
    if (type.id == TypeId::kString) return AppendText(column.at<StringRef>(row).view(), out);
    text_.clear();
    if (type.id == TypeId::kArray || type.id == TypeId::kRow) {
      AppendElements(column, type, row);
    } else {
      AppendValueText(column, type, row, style_, &text_);
    }
    // Bare, no bytes would be NULL.
    if (text_.empty() && type.id == TypeId::kBytes && settings_.quote != 0) {
      return AppendQuoted(text_, out);
    }
    AppendText(text_, out);
  }

  void AppendElements(const Column& column, const Type& type, size_t row) {
    const size_t at = column.constant() ? 0 : row;
    const bool is_row = type.id == TypeId::kRow;
    const ListEntry entry = is_row ? ListEntry{} : column.at<ListEntry>(row);
    const size_t count = is_row ? type.children->size() : entry.length;
    for (size_t k = 0; k < count; ++k) {
      if (k > 0) text_.append(settings_.array_delimiter);
      const Column& child = column.children()[is_row ? k : 0];
      const size_t index = is_row ? at : entry.offset + k;
      if (child.IsNull(index)) {
        text_.append(settings_.null_literal.value_or(""));
      } else {
        AppendValueText(child, (*type.children)[is_row ? k : 0].type, index, style_, &text_);
      }
    }
  }

  const CsvSettings settings_;
  const TextStyle style_;
  std::vector<Type> types_;
  std::string text_;
};

}  // namespace

std::unique_ptr<FormatDef::Encoder> MakeCsvEncoder(const ConnectorContext& context) {
  return std::make_unique<CsvEncoder>(context);
}

std::string MakeCsvHeader(const ConnectorContext& context) {
  if (!ReadCsvSettings(context.options).header) return {};
  const CsvEncoder encoder(context);
  const char delimiter = ReadCsvSettings(context.options).delimiter;
  std::string header;
  for (const Field& field : context.schema) {
    if (&field != &context.schema.front()) header.push_back(delimiter);
    encoder.AppendText(field.name, &header);
  }
  return header + "\n";
}

}  // namespace millrace
