// The sink that writes changes as text lines to the standard output or error.
//
//   line := [identifier "> "] kind "[" value (", " value)* "]"
//   kind := "+I" | "-D" | "-U" | "+U"
//
// With a primary key, the old and the new row of a key in one batch are -U and +U, next to each
// other; every other change is +I or -D. A step's lines come out together at its end.
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <mutex>
#include <unordered_map>

#include "connectors/builtin.h"
#include "types/cast.h"
#include "types/row_key.h"

namespace millrace {
namespace {

constexpr uint32_t kNoPartner = 0xFFFFFFFF;

// Of each row the row that is the other half of the update; kNoPartner when there is none.
std::vector<uint32_t> FindUpdates(const Batch& changes, std::span<const size_t> key_columns) {
  std::vector<uint32_t> partners(changes.size, kNoPartner);
  if (key_columns.empty() || changes.append_only()) return partners;
  const RowKeys keys(changes, key_columns);
  std::unordered_map<std::string_view, uint32_t> open;  // The last row of a key without partner.
  for (uint32_t i = 0; i < changes.size; ++i) {
    const auto [found, added] = open.try_emplace(keys[i], i);
    if (added) continue;
    const uint32_t other = found->second;
    if (changes.weight(i) * changes.weight(other) != -1) {
      found->second = i;
      continue;
    }
    partners[i] = other;
    partners[other] = i;
    open.erase(found);
  }
  return partners;
}

// Sinks of several jobs share the output: their lines must not mix.
void WriteAll(int file, std::string_view text) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  while (!text.empty()) {
    const ssize_t written = ::write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      throw Error(ErrorCode::kIo, std::string("print: ") + std::strerror(errno));
    }
    text.remove_prefix(static_cast<size_t>(written));
  }
}

class PrintSink : public Sink {
 public:
  explicit PrintSink(const ConnectorContext& context)
      : schema_(context.schema),
        zone_(context.zone),
        file_(GetBool(context.options, "standard-error", false) ? STDERR_FILENO : STDOUT_FILENO) {
    const std::string identifier = GetString(context.options, "print-identifier");
    if (!identifier.empty()) prefix_ = identifier + "> ";
    for (size_t i = 0; i < schema_.size(); ++i) {
      for (const std::string& name : context.primary_key) {
        if (schema_[i].name == name) key_columns_.push_back(i);
      }
    }
  }

  void Write(const Batch& changes) override {
    const std::vector<uint32_t> partners = FindUpdates(changes, key_columns_);
    for (uint32_t i = 0; i < changes.size; ++i) {
      const int64_t weight = changes.weight(i);
      const uint32_t partner = partners[i];
      if (partner == kNoPartner) {
        const std::string_view kind = weight < 0 ? "-D" : "+I";
        for (int64_t n = weight < 0 ? -weight : weight; n > 0; --n) AppendLine(changes, i, kind);
      } else if (i < partner) {
        AppendLine(changes, weight < 0 ? i : partner, "-U");
        AppendLine(changes, weight < 0 ? partner : i, "+U");
      }
    }
  }

  void Flush() override {
    WriteAll(file_, lines_);
    lines_.clear();
  }

  void Close() override { Flush(); }

 private:
  void AppendLine(const Batch& changes, size_t row, std::string_view kind) {
    lines_.append(prefix_).append(kind).append("[");
    for (size_t column = 0; column < changes.columns.size(); ++column) {
      if (column > 0) lines_.append(", ");
      const Column& values = changes.columns[column];
      if (values.IsNull(row)) {
        lines_.append("null");
      } else {
        AppendText(values, schema_[column].type, row, zone_, &lines_);
      }
    }
    lines_.append("]\n");
  }

  const Schema schema_;
  const std::string zone_;
  const int file_;
  std::string prefix_;
  std::vector<size_t> key_columns_;
  std::string lines_;  // Since the last Flush.
};

std::unique_ptr<Sink> MakePrintSink(const ConnectorContext& context) {
  return std::make_unique<PrintSink>(context);
}

}  // namespace

const ConnectorDef& PrintConnector() {
  using Kind = OptionDef::Kind;
  static const ConnectorDef def{
      .name = "print",
      .options = {{"print-identifier", Kind::kString, "", "Begins each line."},
                  {"standard-error", Kind::kBoolean, "false", "Not to the standard output."}},
      .append_only_sink = false,
      .sink = MakePrintSink};
  return def;
}

}  // namespace millrace
