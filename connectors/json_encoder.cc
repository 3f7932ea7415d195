// JSON objects, one a row, with Flink's spelling of values.
#include <fmt/format.h>

#include <cmath>
#include <iterator>

#include "connectors/builtin.h"
#include "connectors/text_values.h"

namespace millrace {
namespace {

enum class NullKeys : uint8_t { kFail, kDrop, kLiteral };

NullKeys GetNullKeys(const Options& options) {
  const std::string mode = GetString(options, "json.map-null-key.mode", "FAIL");
  if (mode == "DROP" || mode == "drop") return NullKeys::kDrop;
  if (mode == "LITERAL" || mode == "literal") return NullKeys::kLiteral;
  return NullKeys::kFail;
}

TextStyle GetStyle(const Options& options) {
  TextStyle style;
  const std::string standard = GetString(options, "json.timestamp-format.standard", "SQL");
  if (standard.starts_with("ISO") || standard.starts_with("iso")) style.date_separator = 'T';
  style.scientific = !GetBool(options, "json.encode.decimal-as-plain-number", false);
  return style;
}

void AppendQuoted(std::string_view text, std::string* out) {
  out->push_back('"');
  size_t begin = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c != '"' && c != '\\' && static_cast<unsigned char>(c) >= 0x20) continue;
    out->append(text.substr(begin, i - begin));
    begin = i + 1;
    constexpr std::string_view kControl = "\b\f\n\r\t\"\\", kLetters = "bfnrt\"\\";
    if (const size_t known = kControl.find(c); known != std::string_view::npos) {
      out->push_back('\\');
      out->push_back(kLetters[known]);
    } else {
      fmt::format_to(std::back_inserter(*out), "\\u{:04x}", static_cast<unsigned>(c));
    }
  }
  out->append(text.substr(begin)).push_back('"');
}

// Numbers and booleans stand bare, the rest in quotes.
bool IsBare(const Column& column, const Type& type, size_t i) {
  if (type.id == TypeId::kFloat) return std::isfinite(column.at<float>(i));
  if (type.id == TypeId::kDouble) return std::isfinite(column.at<double>(i));
  return type.id == TypeId::kBoolean || IsNumeric(type.id) || type.id == TypeId::kIntervalMonth ||
         type.id == TypeId::kIntervalDay;
}

class JsonEncoder final : public FormatDef::Encoder {
 public:
  explicit JsonEncoder(const ConnectorContext& context)
      : style_(GetStyle(context.options)),
        skip_nulls_(GetBool(context.options, "json.encode.ignore-null-fields", false)),
        null_keys_(GetNullKeys(context.options)),
        null_key_(GetString(context.options, "json.map-null-key.literal", "null")),
        root_(Type::MakeRow(context.schema)) {}

  void Encode(const Batch& batch, size_t row, std::string* out) override {
    AppendFields(batch.columns, row, root_, out);
  }

 private:
  void AppendFields(const std::vector<Column>& columns, size_t row, const Type& type,
                    std::string* out) const {
    out->push_back('{');
    bool first = true;
    for (size_t i = 0; i < type.children->size(); ++i) {
      const Field& field = (*type.children)[i];
      if (skip_nulls_ && columns[i].IsNull(row)) continue;
      if (!std::exchange(first, false)) out->push_back(',');
      AppendQuoted(field.name, out);
      out->push_back(':');
      AppendValue(columns[i], field.type, row, out);
    }
    out->push_back('}');
  }

  void AppendValue(const Column& column, const Type& type, size_t i, std::string* out) const {
    if (column.IsNull(i)) {
      out->append("null");
      return;
    }
    switch (type.id) {
      case TypeId::kRow:
        return AppendFields(column.children(), column.constant() ? 0 : i, type, out);
      case TypeId::kArray:
        return AppendArray(column, type, i, out);
      case TypeId::kMap:
        return AppendMap(column, type, i, out);
      case TypeId::kString:
        return AppendQuoted(column.at<StringRef>(i).view(), out);
      default:
        const std::string_view quote = IsBare(column, type, i) ? "" : "\"";
        out->append(quote);
        AppendValueText(column, type, i, style_, out);
        out->append(quote);
    }
  }

  void AppendArray(const Column& column, const Type& type, size_t i, std::string* out) const {
    const ListEntry entry = column.at<ListEntry>(i);
    out->push_back('[');
    for (uint32_t k = 0; k < entry.length; ++k) {
      if (k > 0) out->push_back(',');
      AppendValue(column.children()[0], (*type.children)[0].type, entry.offset + k, out);
    }
    out->push_back(']');
  }

  void AppendMap(const Column& column, const Type& type, size_t i, std::string* out) const {
    const ListEntry entry = column.at<ListEntry>(i);
    bool first = true;
    out->push_back('{');
    for (uint32_t k = entry.offset; k < entry.offset + entry.length; ++k) {
      const bool null_key = column.children()[0].IsNull(k);
      if (null_key && null_keys_ == NullKeys::kDrop) continue;
      if (!std::exchange(first, false)) out->push_back(',');
      AppendKey(column.children()[0], (*type.children)[0].type, k, out);
      out->push_back(':');
      AppendValue(column.children()[1], (*type.children)[1].type, k, out);
    }
    out->push_back('}');
  }

  void AppendKey(const Column& keys, const Type& type, size_t i, std::string* out) const {
    if (keys.IsNull(i)) {
      if (null_keys_ == NullKeys::kLiteral) return AppendQuoted(null_key_, out);
      throw Error(ErrorCode::kInvalidValue, "JSON has no NULL keys of MAPs", {},
                  "set 'json.map-null-key.mode' to 'DROP' or 'LITERAL'");
    }
    std::string text;
    AppendValueText(keys, type, i, style_, &text);
    AppendQuoted(text, out);
  }

  const TextStyle style_;
  const bool skip_nulls_;
  const NullKeys null_keys_;
  const std::string null_key_;
  const Type root_;  // A ROW of the table's columns.
};

}  // namespace

std::unique_ptr<FormatDef::Encoder> MakeJsonEncoder(const ConnectorContext& context) {
  return std::make_unique<JsonEncoder>(context);
}

}  // namespace millrace
