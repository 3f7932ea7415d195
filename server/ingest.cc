#include "server/ingest.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "connectors/connector.h"
#include "connectors/record_splitter.h"

namespace millrace {
namespace {

constexpr size_t kPadding = 64;  // Readable bytes behind a record: RecordBlock.

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

bool IsBlankText(std::string_view text) { return std::all_of(text.begin(), text.end(), IsBlank); }

[[noreturn]] void ThrowMalformed(std::string message, size_t at) {
  throw Error(ErrorCode::kBadRequest, std::move(message), SourceRange{at, 0});
}

// Finds the elements of a JSON array; what is in them the decoder judges.
class ArrayScanner {
 public:
  explicit ArrayScanner(std::string_view text) : text_(text) {}

  void Scan(RecordBlock* block) {
    SkipBlanks();
    if (!Take('[')) ThrowMalformed("expected a JSON array of rows", at_);
    SkipBlanks();
    if (!Take(']')) {
      do {
        SkipBlanks();
        const size_t begin = at_;
        SkipElement();
        if (at_ == begin) ThrowMalformed("expected a row", at_);
        block->records.emplace_back(begin, static_cast<uint32_t>(at_ - begin));
        block->positions.push_back(block->records.size());
      } while (Take(','));
      if (!Take(']')) ThrowMalformed("the JSON array is not closed", at_);
    }
    SkipBlanks();
    if (at_ < text_.size()) ThrowMalformed("text behind the JSON array", at_);
  }

 private:
  bool Take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  void SkipBlanks() {
    while (at_ < text_.size() && IsBlank(text_[at_])) ++at_;
  }

  void SkipString() {
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\') ++at_;
    }
    at_ = std::min(at_ + 1, text_.size());
  }

  // Up to the comma or bracket that ends it.
  void SkipElement() {
    for (size_t depth = 0; at_ < text_.size();) {
      const char c = text_[at_];
      if (c == '"') {
        SkipString();
        continue;
      }
      if (c == '{' || c == '[') ++depth;
      if (depth == 0 && (c == ',' || c == ']' || c == '}')) return;
      if (c == '}' || c == ']') --depth;
      ++at_;
    }
  }

  const std::string_view text_;
  size_t at_ = 0;
};

void SplitLines(std::string_view text, RecordBlock* block) {
  uint64_t line = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    ++line;
    if (!IsBlankText(text.substr(begin, end - begin))) {
      block->records.emplace_back(begin, static_cast<uint32_t>(end - begin));
      block->positions.push_back(line);
    }
    begin = end + 1;
  }
}

// Names that are no columns would otherwise be dropped silently.
void CheckHeader(std::string_view header, const Schema& schema) {
  if (header.find('"') != std::string_view::npos) return;  // Left to the decoder.
  std::vector<std::string_view> names;
  for (const Field& field : schema) names.push_back(field.name);
  for (size_t begin = 0; begin <= header.size();) {
    const size_t end = std::min(header.find(',', begin), header.size());
    const std::string_view name = header.substr(begin, end - begin);
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      throw Error(ErrorCode::kColumnNotFound,
                  "the CSV header names a column \"" + std::string(name) +
                      "\" that the table does not have",
                  SourceRange{begin, name.size()}, DidYouMean(name, names));
    }
    begin = end + 1;
  }
}

void SplitCsv(std::string_view text, bool has_header, const FormatDef& format,
              const ConnectorContext& context, RecordBlock* block) {
  size_t begin = 0;
  uint64_t line = 1;
  if (has_header) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string header(text.substr(0, end));
    if (header.ends_with('\r')) header.pop_back();
    CheckHeader(header, context.schema);
    block->header = std::make_shared<const std::string>(std::move(header));
    begin = std::min(end + 1, text.size());
    line = 2;
  }
  const RecordFraming framing = format.framing(context.options);
  SplitRecords split = Split(framing, text.data(), begin, text.size(), true, SIZE_MAX);
  for (size_t i = 0; i < split.records.size(); ++i) {
    const auto [offset, size] = split.records[i];
    if (IsBlankText(text.substr(offset, size)) && context.schema.size() > 1) continue;
    block->records.push_back(split.records[i]);
    block->positions.push_back(line + (split.lines.empty() ? i : split.lines[i]));
  }
}

ConnectorContext MakeContext(const std::string& table, const Schema& schema, bool csv_header) {
  ConnectorContext context;
  context.table = table;
  context.schema = schema;
  context.columns.resize(schema.size());
  std::iota(context.columns.begin(), context.columns.end(), size_t{0});
  if (csv_header) context.options["csv.header"] = Option{"true", {}, {}};
  return context;
}

}  // namespace

IngestRows DecodeRows(std::string body, std::string_view media_type, bool csv_header,
                      const std::string& table, const Schema& schema) {
  const bool csv = media_type == "text/csv";
  const bool array = media_type == "application/json";
  if (!csv && !array && media_type != "application/x-ndjson") {
    throw Error(ErrorCode::kUnsupportedMediaType,
                media_type.empty()
                    ? "the request has no Content-Type"
                    : "Content-Type \"" + std::string(media_type) + "\" is not supported here",
                {}, "send application/x-ndjson, application/json (an array) or text/csv");
  }
  const size_t size = body.size();
  body.append(kPadding, '\0');
  const auto owner = std::make_shared<const std::string>(std::move(body));
  const std::string_view text(owner->data(), size);
  const FormatDef& format = *FindFormat(csv ? "csv" : "json");
  const ConnectorContext context = MakeContext(table, schema, csv && csv_header);
  if (format.validate != nullptr) format.validate(context);
  RecordBlock block;
  block.owner = owner;
  block.data = text.data();
  block.origin = std::make_shared<const std::string>("request");
  if (csv) {
    SplitCsv(text, csv_header, format, context, &block);
  } else if (array) {
    ArrayScanner(text).Scan(&block);
  } else {
    SplitLines(text, &block);
  }
  std::vector<Reject> rejects;
  std::vector<uint32_t> row_records;
  IngestRows result;
  result.rows = format.decoder(context)->Decode(block, &rejects, &row_records);
  for (Reject& reject : rejects) {
    result.rejected.push_back({block.PositionOf(reject.record), std::move(reject.reason)});
  }
  return result;
}

}  // namespace millrace
