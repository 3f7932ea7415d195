// The source of random and counted rows: one partition.
//
//   position := row | row ";" base     (decimal; base: when row 0 is due, microseconds since 1970)
//
// The base is there if the table has dates or times: they follow the wall clock, yet rows that are
// replayed must be the same again. It moves only when reading goes on after a Seek.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "connectors/builtin.h"
#include "connectors/counter_random.h"
#include "connectors/datagen_field.h"
#include "connectors/pacer.h"
#include "types/datetime.h"

namespace millrace {
namespace {

constexpr uint64_t kUnbounded = std::numeric_limits<int64_t>::max();

struct Position {
  uint64_t row = 0;
  std::optional<int64_t> base_micros;
};

Position ParsePosition(const SourcePosition& text) {
  Position position;
  if (text.empty()) return position;
  const char* end = text.data() + text.size();
  auto [rest, error] = std::from_chars(text.data(), end, position.row);
  if (error == std::errc{} && rest != end && *rest == ';') {
    int64_t base = 0;
    const auto parsed = std::from_chars(rest + 1, end, base);
    rest = parsed.ptr;
    error = parsed.ec;
    position.base_micros = base;
  }
  if (error == std::errc{} && rest == end) return position;
  throw Error(ErrorCode::kStateIncompatible, "malformed datagen position \"" + text + "\"");
}

int64_t NowMicros() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

double RowsPerSecond(const Options& options) {
  const int64_t rate = GetInt(options, "rows-per-second", 10'000);
  if (rate > 0) return static_cast<double>(rate);
  throw Error(ErrorCode::kInvalidOption, "option 'rows-per-second' must be above 0",
              ValueRange(options, "rows-per-second"));
}

uint64_t NumberOfRows(const Options& options) {
  if (FindOption(options, "number-of-rows") == nullptr) return kUnbounded;
  const int64_t rows = GetInt(options, "number-of-rows", 0);
  if (rows >= 0) return static_cast<uint64_t>(rows);
  throw Error(ErrorCode::kInvalidOption, "option 'number-of-rows' is negative",
              ValueRange(options, "number-of-rows"));
}

std::vector<DatagenField> MakeFields(const ConnectorContext& context) {
  const uint64_t seed = static_cast<uint64_t>(GetInt(context.options, "seed", 0));
  std::vector<DatagenField> fields;
  for (const Field& field : context.schema) {
    fields.push_back(MakeDatagenField(field, context.options, seed));
  }
  return fields;
}

class DatagenSource : public Source {
 public:
  explicit DatagenSource(const ConnectorContext& context)
      : zone_(context.zone),
        rows_per_second_(RowsPerSecond(context.options)),
        limit_(NumberOfRows(context.options)),
        fields_(MakeFields(context)),
        columns_(context.columns) {
    // A sequence ends the table even if nobody reads its column.
    for (const DatagenField& field : fields_) limit_ = std::min(limit_, SequenceRows(field));
    has_times_ = std::any_of(fields_.begin(), fields_.end(), HasTimes);
    pacer_.emplace(rows_per_second_, limit_);
  }

  std::vector<std::string> Partitions() override { return {"0"}; }

  void Seek(size_t, const SourcePosition& position) override {
    position_ = ParsePosition(position);
    rebase_ = true;
    pacer_->Restart();
  }

  SourceBatch Poll(size_t, size_t max_rows) override {
    // Not in Seek: what is replayed first keeps the base it had.
    if (std::exchange(rebase_, false) && has_times_) Rebase();
    return Next(std::min<uint64_t>(max_rows, pacer_->Due(position_.row)));
  }

  SourceBatch PollUntil(size_t, const SourcePosition& end, size_t max_rows) override {
    const Position target = ParsePosition(end);
    position_.base_micros = target.base_micros;
    const uint64_t ahead = target.row > position_.row ? target.row - position_.row : 0;
    return Next(std::min<uint64_t>(max_rows, ahead));
  }

  void OnReady(std::function<void()> f) override { pacer_->OnReady(std::move(f)); }

  bool bounded() const override { return limit_ != kUnbounded; }

 private:
  // The next row is due now. Never moves back, so that times do not either.
  void Rebase() {
    const double passed = static_cast<double>(position_.row) / rows_per_second_;
    const int64_t base = NowMicros() - static_cast<int64_t>(passed * 1e6);
    position_.base_micros = std::max(base, position_.base_micros.value_or(base));
  }

  SourceBatch Next(uint64_t count) {
    SourceBatch batch;
    if (count > 0) batch.rows = Generate(count);
    position_.row += count;
    batch.next = std::to_string(position_.row);
    if (position_.base_micros) {
      batch.next.append(";").append(std::to_string(*position_.base_micros));
    }
    batch.end = position_.row >= limit_;
    return batch;
  }

  Batch Generate(uint64_t count) const {
    std::vector<uint64_t> numbers(count);
    std::iota(numbers.begin(), numbers.end(), position_.row);
    const int64_t base = position_.base_micros.value_or(0);
    const DatagenRows rows{.numbers = numbers,
                           .rows = numbers,
                           .base_micros = base,
                           .zone_offset = zone_ == "UTC" ? 0 : ZoneOffset(base),
                           .rows_per_second = rows_per_second_};
    Batch batch;
    batch.size = count;
    for (const size_t column : columns_) {
      batch.columns.push_back(MakeDatagenColumn(fields_[column], rows));
    }
    return batch;
  }

  // The zone's at the base, for all rows: a value must not depend on the batch it is made in.
  int64_t ZoneOffset(int64_t base) const {
    return ToLocal(TimestampLtz{base}, zone_).micros - base;
  }

  const std::string zone_;
  const double rows_per_second_;
  uint64_t limit_;
  bool has_times_ = false;
  const std::vector<DatagenField> fields_;
  const std::vector<size_t> columns_;
  Position position_;
  bool rebase_ = true;
  std::optional<Pacer> pacer_;  // Made once the limit is known.
};

std::unique_ptr<Source> MakeDatagenSource(const ConnectorContext& context) {
  return std::make_unique<DatagenSource>(context);
}

bool IsBounded(const Options& options) {
  if (FindOption(options, "number-of-rows") != nullptr) return true;
  return std::any_of(options.begin(), options.end(), [](const auto& option) {
    return option.first.starts_with("fields.") && option.first.ends_with(".kind") &&
           option.second.value == "sequence";
  });
}

void AddPaths(const DatagenField& field, std::vector<std::string_view>* paths) {
  paths->push_back(field.path);
  for (const DatagenField& child : field.children) AddPaths(child, paths);
}

// The options' names are checked against the columns already, but not against what is nested.
void ValidateDatagen(const ConnectorContext& context, bool /*as_sink*/) {
  RowsPerSecond(context.options);
  NumberOfRows(context.options);
  const std::vector<DatagenField> fields = MakeFields(context);
  std::vector<std::string_view> paths;
  for (const DatagenField& field : fields) AddPaths(field, &paths);
  constexpr std::string_view kPrefix = "fields.";
  for (const auto& [key, option] : context.options) {
    if (!key.starts_with(kPrefix)) continue;
    const size_t dot = key.rfind('.');
    const std::string path = key.substr(kPrefix.size(), dot - std::min(dot, kPrefix.size()));
    if (std::find(paths.begin(), paths.end(), path) != paths.end()) continue;
    throw Error(ErrorCode::kInvalidOption, "option '" + key + "': there is no field '" + path + "'",
                option.key_range, DidYouMean(path, paths));
  }
}

std::vector<OptionDef> DatagenOptionDefs() {
  using Kind = OptionDef::Kind;
  return {
      {"rows-per-second", Kind::kInteger, "10000", "How fast rows come."},
      {"number-of-rows", Kind::kInteger, "", "The table ends after so many; default: no end."},
      {"seed", Kind::kInteger, "0", "Another seed gives other random values."},
      {"fields.#.kind",
       Kind::kString,
       "random",
       "A sequence ends the table.",
       false,
       {"random", "sequence"}},
      {"fields.#.min", Kind::kDouble, "", "Least random number; default: the type's."},
      {"fields.#.max", Kind::kDouble, "", "Largest random number; default: the type's."},
      {"fields.#.max-past", Kind::kDuration, "0 s", "How far back from now times may lie."},
      {"fields.#.length", Kind::kInteger, "100", "Of strings and bytes; 5 for collections."},
      {"fields.#.var-len", Kind::kBoolean, "false", "The length is random, from 1."},
      {"fields.#.start", Kind::kDouble, "", "First number of a sequence."},
      {"fields.#.end", Kind::kDouble, "", "Last number of a sequence."},
      {"fields.#.null-rate", Kind::kDouble, "0", "Part of the values that is NULL."},
  };
}

}  // namespace

const ConnectorDef& DatagenConnector() {
  static const ConnectorDef def{.name = "datagen",
                                .options = DatagenOptionDefs(),
                                .source = MakeDatagenSource,
                                .bounded = IsBounded,
                                .validate = ValidateDatagen};
  return def;
}

}  // namespace millrace
