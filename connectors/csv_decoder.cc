// CSV by RFC 4180: fields straight into typed columns. Strings without escapes stay in the block.
#include <algorithm>
#include <bit>
#include <cstring>

#include "connectors/builtin.h"
#include "connectors/csv.h"
#include "connectors/partition_columns.h"
#include "connectors/text_values.h"

namespace millrace {
namespace {

constexpr uint64_t kLowBits = 0x7F7F7F7F7F7F7F7Fu;

constexpr uint64_t Repeat(char c) { return 0x0101010101010101u * static_cast<unsigned char>(c); }

// The high bit of every byte of `word` that equals the byte repeated in `pattern`.
uint64_t Matches(uint64_t word, uint64_t pattern) {
  const uint64_t x = word ^ pattern;
  return ~(((x & kLowBits) + kLowBits) | x | kLowBits);
}

struct CsvField {
  std::string_view text;
  bool quoted = false;
};

class CsvDecoder final : public Decoder {
 public:
  explicit CsvDecoder(const ConnectorContext& context)
      : settings_(ReadCsvSettings(context.options)), zone_(context.zone) {
    for (size_t column : context.columns) outputs_.push_back(context.schema[column]);
    targets_.assign(context.schema.size(), -1);
    for (size_t i = 0; i < context.columns.size(); ++i) {
      targets_[context.columns[i]] = static_cast<int>(i);
    }
    delimiters_ = Repeat(settings_.delimiter);
    quotes_ = settings_.quote != 0 ? Repeat(settings_.quote) : delimiters_;
    escapes_ = settings_.escape != 0 ? Repeat(settings_.escape) : quotes_;
    plain_ = settings_.quote == 0 && settings_.escape == 0;
  }

  Batch Decode(const RecordBlock& block, std::vector<Reject>* rejects,
               std::vector<uint32_t>* row_records) override {
    if (settings_.header && block.header && *block.header != header_) {
      header_ = *block.header;
      MapHeader();
    }
    arena_ = std::make_shared<Arena>();
    builders_.clear();
    for (const Field& field : outputs_) builders_.emplace_back(field.type, block.records.size());
    size_t rows = 0;
    row_records->reserve(row_records->size() + block.records.size());
    for (uint32_t i = 0; i < block.records.size(); ++i) {
      const auto [offset, size] = block.records[i];
      const std::string_view record(block.data + offset, size);
      if (IsLeftOut(record)) continue;
      if (DecodeRecord(record) && FillMissing(rows)) {
        ++rows;
        row_records->push_back(i);
      } else {
        for (ColumnBuilder& builder : builders_) builder.Truncate(rows);
        if (!settings_.ignore_errors) rejects->push_back({i, std::move(reason_)});
      }
    }
    return MakeBatch(block.owner, rows);
  }

 private:
  void MapHeader() {
    fields_.clear();
    const std::string kept = header_;
    arena_ = std::make_shared<Arena>();
    SplitQuoted(kept);
    targets_.assign(fields_.size(), -1);
    for (size_t i = 0; i < fields_.size(); ++i) {
      for (size_t k = 0; k < outputs_.size(); ++k) {
        if (outputs_[k].name != fields_[i].text) continue;
        std::ranges::replace(targets_, static_cast<int>(k), -1);  // Of equal names the last counts.
        targets_[i] = static_cast<int>(k);
      }
    }
  }

  bool IsLeftOut(std::string_view record) const {
    if (record.empty()) return targets_.size() != 1;
    return settings_.comments && record[0] == '#';
  }

  bool DecodeRecord(std::string_view record) {
    fields_.clear();
    if (!SplitPlain(record)) {
      fields_.clear();
      if (!SplitQuoted(record)) return false;
    }
    if (fields_.size() != targets_.size() && !settings_.ignore_errors) {
      reason_ = "expected " + std::to_string(targets_.size()) + " fields, found " +
                std::to_string(fields_.size());
      return false;
    }
    const size_t count = std::min(fields_.size(), targets_.size());
    for (size_t i = 0; i < count; ++i) {
      if (targets_[i] >= 0 && !AppendField(fields_[i], static_cast<size_t>(targets_[i]))) {
        return false;
      }
    }
    return true;
  }

  // The fields of a record without quotes and escapes; false when it has some.
  bool SplitPlain(std::string_view record) {
    const char* const data = record.data();
    size_t field = 0;
    for (size_t at = 0; at < record.size(); at += 8) {
      uint64_t word;
      std::memcpy(&word, data + at, 8);  // The block's padding makes this safe.
      const size_t left = record.size() - at;
      const uint64_t inside = left >= 8 ? ~uint64_t{0} : (uint64_t{1} << (8 * left)) - 1;
      if (!plain_ && ((Matches(word, quotes_) | Matches(word, escapes_)) & inside) != 0) {
        return false;
      }
      for (uint64_t found = Matches(word, delimiters_) & inside; found != 0; found &= found - 1) {
        const size_t end = at + static_cast<size_t>(std::countr_zero(found)) / 8;
        fields_.push_back({record.substr(field, end - field)});
        field = end + 1;
      }
    }
    fields_.push_back({record.substr(field)});
    return true;
  }

  bool SplitQuoted(std::string_view record) {
    for (size_t at = 0;;) {
      const bool quoted =
          settings_.quote != 0 && at < record.size() && record[at] == settings_.quote;
      if (!(quoted ? TakeQuoted(record, &at) : TakeUnquoted(record, &at))) return false;
      if (at >= record.size()) return true;
      ++at;  // The delimiter.
    }
  }

  bool TakeUnquoted(std::string_view record, size_t* at) {
    const size_t begin = *at;
    bool escaped = false;
    for (; *at < record.size() && record[*at] != settings_.delimiter; ++*at) {
      if (settings_.escape != 0 && record[*at] == settings_.escape && *at + 1 < record.size()) {
        escaped = true;
        ++*at;
      }
    }
    AddField(record.substr(begin, *at - begin), escaped, false);
    return true;
  }

  bool TakeQuoted(std::string_view record, size_t* at) {
    const size_t begin = ++*at;
    bool escaped = false;
    for (;; ++*at) {
      if (*at >= record.size()) {
        reason_ = "field " + std::to_string(fields_.size() + 1) + ": the quote is not closed";
        return false;
      }
      const char c = record[*at];
      if (settings_.escape != 0 && c == settings_.escape) {
        escaped = true;
        ++*at;
      } else if (c == settings_.quote) {
        if (*at + 1 >= record.size() || record[*at + 1] != settings_.quote) break;
        escaped = true;
        ++*at;
      }
    }
    AddField(record.substr(begin, *at - begin), escaped, true);
    ++*at;
    while (*at < record.size() && record[*at] == ' ' && settings_.delimiter != ' ') ++*at;
    if (*at < record.size() && record[*at] != settings_.delimiter) {
      reason_ = "field " + std::to_string(fields_.size()) + ": text behind the closing quote";
      return false;
    }
    return true;
  }

  void AddField(std::string_view text, bool escaped, bool quoted) {
    if (!escaped) {
      fields_.push_back({text, quoted});
      return;
    }
    char* const begin = arena_->Allocate(text.size());
    char* out = begin;
    for (size_t i = 0; i < text.size(); ++i) {
      const bool has_next = i + 1 < text.size();
      if (settings_.escape != 0 && text[i] == settings_.escape && has_next) {
        *out++ = Unescape(text[++i]);
      } else {
        *out++ = text[i];
        if (quoted && text[i] == settings_.quote && has_next) ++i;
      }
    }
    fields_.push_back({{begin, static_cast<size_t>(out - begin)}, quoted});
  }

  static char Unescape(char c) {
    switch (c) {
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 't':
        return '\t';
      case '0':
        return '\0';
      default:
        return c;
    }
  }

  bool AppendField(const CsvField& field, size_t output) {
    ColumnBuilder& builder = builders_[output];
    const Type& type = builder.type();
    const bool null =
        settings_.null_literal && !field.quoted && field.text == *settings_.null_literal;
    // Nothing between two delimiters; "" is text, or no bytes.
    const bool blank = field.text.empty() && type.id != TypeId::kString &&
                       !(field.quoted && type.id == TypeId::kBytes);
    if (null || blank) {
      return AppendNull(output);
    }
    const size_t rows = builder.size();
    if (AppendValue(field.text, &builder)) return true;
    if (settings_.ignore_errors) {
      builder.Truncate(rows);
      return AppendNull(output);
    }
    reason_ = "column " + outputs_[output].name + ": " + CannotRead(field.text, type);
    return false;
  }

  bool AppendNull(size_t output) {
    if (!outputs_[output].type.nullable) {
      reason_ = "column " + outputs_[output].name + ": NULL in a NOT NULL column";
      return false;
    }
    builders_[output].AppendNull();
    return true;
  }

  bool AppendValue(std::string_view text, ColumnBuilder* builder) {
    if (builder->type().id == TypeId::kArray) return AppendArray(text, builder);
    if (builder->type().id == TypeId::kRow) return AppendRow(text, builder);
    return AppendTextValue(text, zone_, arena_.get(), builder);
  }

  bool AppendElement(std::string_view text, ColumnBuilder* builder) {
    const bool null = settings_.null_literal && text == *settings_.null_literal;
    if (!null && (!text.empty() || builder->type().id == TypeId::kString)) {
      return AppendTextValue(text, zone_, arena_.get(), builder);
    }
    builder->AppendNull();
    return true;
  }

  std::string_view TakeElement(std::string_view* rest) const {
    const size_t end = settings_.array_delimiter.empty() ? std::string_view::npos
                                                         : rest->find(settings_.array_delimiter);
    const std::string_view element = rest->substr(0, end);
    *rest = end == std::string_view::npos ? std::string_view()
                                          : rest->substr(end + settings_.array_delimiter.size());
    return element;
  }

  bool AppendArray(std::string_view text, ColumnBuilder* builder) {
    std::string_view rest = text;
    for (bool more = true; more;) {
      const size_t before = rest.size();
      const std::string_view element = TakeElement(&rest);
      more = element.size() < before;
      if (!AppendElement(element, &builder->children()[0])) return false;
    }
    builder->AppendList();
    return true;
  }

  bool AppendRow(std::string_view text, ColumnBuilder* builder) {
    std::string_view rest = text;
    for (ColumnBuilder& child : builder->children()) {
      if (!AppendElement(TakeElement(&rest), &child)) return false;
    }
    builder->AppendRow();
    return rest.empty();
  }

  // NULL for columns that the record did not have.
  bool FillMissing(size_t rows) {
    for (size_t i = 0; i < builders_.size(); ++i) {
      if (builders_[i].size() == rows && !AppendNull(i)) return false;
    }
    return true;
  }

  Batch MakeBatch(const std::shared_ptr<const void>& block, size_t rows) {
    std::shared_ptr<const void> owner = block;
    if (arena_->allocated() > 0) {
      owner = std::make_shared<std::pair<std::shared_ptr<const void>, std::shared_ptr<Arena>>>(
          block, arena_);
    }
    Batch batch;
    batch.size = rows;
    for (ColumnBuilder& builder : builders_) batch.columns.push_back(builder.Finish(owner));
    builders_.clear();
    return batch;
  }

  const CsvSettings settings_;
  const std::string zone_;
  std::vector<Field> outputs_;
  std::vector<int> targets_;  // Of every field of a record, the output it goes to or -1.
  std::string header_;
  uint64_t delimiters_, quotes_, escapes_;
  bool plain_;  // There are neither quotes nor escapes.

  std::shared_ptr<Arena> arena_;
  std::vector<ColumnBuilder> builders_;
  std::vector<CsvField> fields_;  // Of the record in hand.
  std::string reason_;            // Why it was refused.
};

}  // namespace

std::unique_ptr<Decoder> MakeCsvDecoder(const ConnectorContext& context) {
  return WithPartitionColumns(context, [](const ConnectorContext& files) {
    return std::unique_ptr<Decoder>(std::make_unique<CsvDecoder>(files));
  });
}

}  // namespace millrace
