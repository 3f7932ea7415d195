#include "server/api_text_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace millrace {
namespace {

// Rows that are looked at for the columns' widths.
constexpr size_t kHeldRows = 1000;

struct Wide {
  char32_t first, last;
};
// Characters that take two columns: East Asian ones and emoji.
constexpr Wide kWide[] = {
    {0x1100, 0x115F}, {0x2E80, 0x303E},   {0x3041, 0x33FF},   {0x3400, 0x4DBF},  {0x4E00, 0x9FFF},
    {0xA000, 0xA4CF}, {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},  {0xFF00, 0xFF60},
    {0xFFE0, 0xFFE6}, {0x1F300, 0x1F64F}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};
// Characters that take none.
constexpr Wide kNoWidth[] = {{0x0300, 0x036F}, {0x200B, 0x200F}, {0xFE00, 0xFE0F}};

template <size_t kSize>
bool IsIn(const Wide (&ranges)[kSize], char32_t c) {
  return std::any_of(std::begin(ranges), std::end(ranges),
                     [c](const Wide& range) { return c >= range.first && c <= range.last; });
}

// The character at `i`, which moves behind it; broken UTF-8 gives single bytes.
char32_t NextCharacter(std::string_view text, size_t* i) {
  const auto lead = static_cast<unsigned char>(text[(*i)++]);
  const int more = lead < 0xC0 ? 0 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
  char32_t c = more == 0 ? lead : lead & (0x3Fu >> more);
  for (int k = 0; k < more && *i < text.size(); ++k) {
    c = c << 6 | (static_cast<unsigned char>(text[(*i)++]) & 0x3F);
  }
  return c;
}

// Control characters would break the layout, and could drive the terminal. Line ends too, but where
// `lines` are laid out.
std::string Printable(std::string_view text, bool lines = false) {
  constexpr std::string_view kFrom = "\n\t\r", kTo = "ntr";
  std::string out;
  for (char c : text) {
    if (lines && c == '\n') {
      out.push_back(c);
    } else if (const size_t found = kFrom.find(c); found != std::string_view::npos) {
      out.append("\\").push_back(kTo[found]);
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned>(c));
    } else {
      out.push_back(c);
    }
  }
  return out;
}

// The lines of a text; a line end at its end begins no further one.
std::vector<std::string_view> LinesOf(std::string_view text) {
  std::vector<std::string_view> lines;
  do {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  } while (!text.empty());
  return lines;
}

struct Line {
  std::string_view left, fill, cross, right;
};

// A box of lines, or Markdown, which differs in the lines alone.
class TableWriter final : public TextWriter {
 public:
  TableWriter(bool box, TextOptions options, std::string* out)
      : box_(box), options_(std::move(options)), out_(out) {}

  void Begin(std::vector<TextColumn> columns, bool with_op) override {
    columns_ = std::move(columns);
    with_op_ = with_op;
    if (with_op) columns_.insert(columns_.begin(), TextColumn{"op", false});
    for (TextColumn& column : columns_) {
      column.name = Printable(column.name);
      widths_.push_back(DisplayWidth(column.name));
    }
  }

  void Row(std::string_view op, std::span<const Cell> cells) override {
    std::vector<std::string> texts;
    texts.reserve(columns_.size());
    if (with_op_) texts.emplace_back(op);
    for (const Cell& cell : cells) {
      const bool null = cell.kind == Cell::Kind::kNull;
      texts.push_back(Printable(null ? options_.null_text.value_or("NULL") : cell.text, box_));
    }
    ++rows_;
    if (begun_) return AppendRow(texts, false);
    for (size_t i = 0; i < texts.size(); ++i) {
      for (std::string_view line : LinesOf(texts[i])) {
        widths_[i] = std::max(widths_[i], DisplayWidth(line));
      }
    }
    held_.push_back(std::move(texts));
    if (held_.size() >= kHeldRows) Idle();
  }

  void Idle() override {
    if (begun_ || columns_.empty()) return;
    begun_ = true;
    if (box_) AppendLine({"┌", "─", "┬", "┐"});
    if (options_.header || !box_) AppendHeader();
    for (const std::vector<std::string>& texts : held_) AppendRow(texts, false);
    held_.clear();
    held_.shrink_to_fit();
  }

  void End() override {
    if (columns_.empty()) return;
    Idle();
    if (!box_) return;
    AppendLine({"└", "─", "┴", "┘"});
    if (!options_.row_count) return;
    fmt::format_to(std::back_inserter(*out_), "({} row{})\n", rows_, rows_ == 1 ? "" : "s");
  }

 private:
  void AppendHeader() {
    std::vector<std::string> names;
    for (const TextColumn& column : columns_) names.push_back(column.name);
    AppendRow(names, true);
    if (box_) return AppendLine({"├", "─", "┼", "┤"});
    for (size_t i = 0; i < columns_.size(); ++i) {
      out_->append("| ").append(std::max<size_t>(widths_[i], 3) - 1, '-');
      out_->append(columns_[i].numeric ? ": " : "- ");
    }
    out_->append("|\n");
  }

  void AppendLine(const Line& line) {
    out_->append(line.left);
    for (size_t i = 0; i < widths_.size(); ++i) {
      if (i > 0) out_->append(line.cross);
      for (size_t k = 0; k < widths_[i] + 2; ++k) out_->append(line.fill);
    }
    out_->append(line.right).append("\n");
  }

  // Cells of several lines make a row of several.
  void AppendRow(const std::vector<std::string>& texts, bool header) {
    std::vector<std::vector<std::string_view>> cells;
    size_t lines = 1;
    for (const std::string& text : texts) {
      cells.push_back(LinesOf(text));
      lines = std::max(lines, cells.back().size());
    }
    std::vector<std::string_view> line(cells.size());
    for (size_t k = 0; k < lines; ++k) {
      for (size_t i = 0; i < cells.size(); ++i) {
        line[i] = k < cells[i].size() ? cells[i][k] : std::string_view();
      }
      AppendRowLine(line, header);
    }
  }

  void AppendRowLine(const std::vector<std::string_view>& texts, bool header) {
    const std::string_view bar = box_ ? "│" : "|";
    for (size_t i = 0; i < texts.size(); ++i) {
      const size_t least = box_ ? widths_[i] : std::max<size_t>(widths_[i], 3);
      const size_t width = DisplayWidth(texts[i]);
      const size_t blanks = least > width ? least - width : 0;
      const bool right = columns_[i].numeric && !header;
      out_->append(bar).append(1 + (right ? blanks : 0), ' ');
      box_ ? void(out_->append(texts[i])) : AppendMarkdown(texts[i]);
      out_->append(1 + (right ? 0 : blanks), ' ');
    }
    out_->append(bar).append("\n");
  }

  void AppendMarkdown(std::string_view text) {
    for (char c : text) {
      if (c == '|') out_->push_back('\\');
      out_->push_back(c);
    }
  }

  const bool box_;
  const TextOptions options_;
  std::string* const out_;
  std::vector<TextColumn> columns_;
  std::vector<size_t> widths_;
  std::vector<std::vector<std::string>> held_;
  bool with_op_ = false;
  bool begun_ = false;
  uint64_t rows_ = 0;
};

// A line a value, for rows that are wider than the terminal.
class VerticalWriter final : public TextWriter {
 public:
  VerticalWriter(TextOptions options, std::string* out) : options_(std::move(options)), out_(out) {}

  void Begin(std::vector<TextColumn> columns, bool with_op) override {
    columns_ = std::move(columns);
    with_op_ = with_op;
    for (const TextColumn& column : columns_) {
      width_ = std::max(width_, DisplayWidth(column.name));
    }
  }

  void Row(std::string_view op, std::span<const Cell> cells) override {
    fmt::format_to(std::back_inserter(*out_), "─── row {}", ++rows_);
    if (with_op_) out_->append(" ").append(op);
    out_->append(" ───\n");
    for (size_t i = 0; i < cells.size(); ++i) {
      const bool null = cells[i].kind == Cell::Kind::kNull;
      out_->append(width_ - DisplayWidth(columns_[i].name), ' ').append(columns_[i].name);
      out_->append(" │ ");
      out_->append(Printable(null ? options_.null_text.value_or("NULL") : cells[i].text));
      out_->push_back('\n');
    }
  }

  void End() override {
    if (!options_.row_count || columns_.empty()) return;
    fmt::format_to(std::back_inserter(*out_), "({} row{})\n", rows_, rows_ == 1 ? "" : "s");
  }

 private:
  const TextOptions options_;
  std::string* const out_;
  std::vector<TextColumn> columns_;
  size_t width_ = 0;
  bool with_op_ = false;
  uint64_t rows_ = 0;
};

}  // namespace

size_t DisplayWidth(std::string_view text) {
  size_t width = 0;
  for (size_t i = 0; i < text.size();) {
    const char32_t c = NextCharacter(text, &i);
    width += c < 0x300 ? 1 : IsIn(kNoWidth, c) ? 0 : IsIn(kWide, c) ? 2 : 1;
  }
  return width;
}

std::unique_ptr<TextWriter> MakeTableWriter(TextOptions options, std::string* out) {
  return std::make_unique<TableWriter>(true, std::move(options), out);
}

std::unique_ptr<TextWriter> MakeMarkdownWriter(TextOptions options, std::string* out) {
  return std::make_unique<TableWriter>(false, std::move(options), out);
}

std::unique_ptr<TextWriter> MakeVerticalWriter(TextOptions options, std::string* out) {
  return std::make_unique<VerticalWriter>(std::move(options), out);
}

}  // namespace millrace
