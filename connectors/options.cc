// WITH (…): typed access and validation against the definitions.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <deque>
#include <limits>

#include "connectors/builtin.h"
#include "connectors/keyed_format.h"
#include "connectors/watermark_options.h"
#include "types/datetime.h"

namespace millrace {
namespace {

constexpr std::string_view kLegacyNames[][2] = {
    {"connector", "connector.type"}, {"path", "connector.path"}, {"format", "format.type"}};
constexpr std::string_view kConnectorsNotBuilt[] = {
    "jdbc",    "elasticsearch", "elasticsearch-7", "hbase-2.2", "kinesis",
    "firehose", "mongodb",      "opensearch",      "pulsar",    "hive"};
constexpr std::string_view kFormatsNotBuilt[] = {
    "parquet", "orc", "debezium-avro-confluent", "protobuf"};
// Flink's options that any connector may carry; parallelism is the engine's business.
constexpr std::string_view kIgnoredEverywhere[] = {"sink.parallelism", "scan.parallelism"};

std::string Quoted(std::string_view text) {
  std::string quoted(1, '\'');
  quoted.append(text).push_back('\'');
  return quoted;
}

std::string_view Trim(std::string_view s) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
  while (!s.empty() && blank(s.front())) s.remove_prefix(1);
  while (!s.empty() && blank(s.back())) s.remove_suffix(1);
  return s;
}

std::string Lower(std::string_view s) {
  std::string lower(s);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  }
  return lower;
}

template <class T>
std::optional<T> ParseNumber(std::string_view text) {
  text = Trim(text);
  T value;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  return value;
}

std::optional<bool> ParseBoolean(std::string_view text) {
  const std::string lower = Lower(Trim(text));
  if (lower == "true") return true;
  if (lower == "false") return false;
  return {};
}

// "128MB", "128 kb", "1g", "512": powers of 1024, as Flink's MemorySize.
std::optional<int64_t> ParseSize(std::string_view text) {
  constexpr std::string_view kUnits[][3] = {{"", "b", "bytes"},
                                            {"k", "kb", "kibibytes"},
                                            {"m", "mb", "mebibytes"},
                                            {"g", "gb", "gibibytes"},
                                            {"t", "tb", "tebibytes"}};
  text = Trim(text);
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::optional<int64_t> number = ParseNumber<int64_t>(text.substr(0, digits));
  const std::string unit = Lower(Trim(text.substr(digits)));
  if (!number) return {};
  for (size_t power = 0; power < std::size(kUnits); ++power) {
    if (std::find(std::begin(kUnits[power]), std::end(kUnits[power]), unit) ==
        std::end(kUnits[power])) {
      continue;
    }
    const int shift = static_cast<int>(10 * power);
    if (*number > (std::numeric_limits<int64_t>::max() >> shift)) return {};
    return *number << shift;
  }
  return {};
}

[[noreturn]] void ThrowInvalid(std::string_view key, const Option& option,
                               std::string_view wanted) {
  throw Error(
      ErrorCode::kInvalidOption,
      "option " + Quoted(key) + ": " + Quoted(option.value) + " is not " + std::string(wanted),
      option.value_range);
}

constexpr std::string_view kWantBoolean = "true or false";
constexpr std::string_view kWantInteger = "an integer";
constexpr std::string_view kWantDouble = "a number";
constexpr std::string_view kWantDuration = "a duration such as '5s', '1 min' or '200ms'";
constexpr std::string_view kWantSize = "a size such as '128MB' or '64 kb'";

template <class T, class Parse>
T Get(const Options& options, std::string_view key, T otherwise, Parse parse,
      std::string_view wanted) {
  const Option* option = FindOption(options, key);
  if (option == nullptr) return otherwise;
  const auto value = parse(option->value);
  if (!value) ThrowInvalid(key, *option, wanted);
  return *value;
}

// The column name that `#` stands for in `pattern`, nothing if the key does not match.
std::optional<std::string_view> MatchColumn(std::string_view pattern, std::string_view key) {
  const size_t hash = pattern.find('#');
  if (hash == std::string_view::npos) return {};
  const std::string_view prefix = pattern.substr(0, hash), suffix = pattern.substr(hash + 1);
  if (key.size() <= prefix.size() + suffix.size()) return {};
  if (!key.starts_with(prefix) || !key.ends_with(suffix)) return {};
  return key.substr(prefix.size(), key.size() - prefix.size() - suffix.size());
}

bool IsRest(std::string_view pattern) { return pattern.ends_with(".*"); }

bool HasColumn(const Schema& schema, std::string_view name) {
  // "a.b" may name a nested field: its outer column decides.
  return std::any_of(schema.begin(), schema.end(), [name](const Field& field) {
    return name == field.name ||
           (name.starts_with(field.name) && name.substr(field.name.size()).starts_with('.'));
  });
}

class Validator {
 public:
  Validator(const ConnectorContext& context, SourceRange with_range)
      : context_(context), with_range_(with_range) {}

  std::vector<std::string> Run() {
    FindDefinitions();
    for (const auto& [key, option] : context_.options) CheckOption(key, option);
    for (const OptionDef* def : defs_) {
      if (def->required && FindOption(context_.options, def->name) == nullptr) Missing(def->name);
    }
    CheckFormats();
    return std::move(notices_);
  }

 private:
  [[noreturn]] void Missing(std::string_view key, std::string hint = {}) const {
    throw Error(ErrorCode::kMissingOption, "option " + Quoted(key) + " is missing", with_range_,
                std::move(hint));
  }

  template <class Known>
  [[noreturn]] void Unknown(std::string_view what, const Option& option, const Known& not_built,
                            std::vector<std::string_view> names) const {
    const std::string name = std::string(what) + " " + Quoted(option.value);
    if (std::find(std::begin(not_built), std::end(not_built), option.value) !=
        std::end(not_built)) {
      throw Error(ErrorCode::kUnsupportedFeature, name + " is not supported yet",
                  option.value_range, "built in: " + Join(names));
    }
    std::vector<std::string_view> all = names;
    all.insert(all.end(), std::begin(not_built), std::end(not_built));
    std::string hint = DidYouMean(option.value, all);
    throw Error(ErrorCode::kInvalidOption, "unknown " + name, option.value_range,
                hint.empty() ? "built in: " + Join(names) : hint);
  }

  static std::string Join(const std::vector<std::string_view>& names) {
    std::string text;
    for (std::string_view name : names) text.append(text.empty() ? "" : ", ").append(name);
    return text;
  }

  void FindDefinitions() {
    const Option* connector = FindOption(context_.options, "connector");
    if (connector == nullptr) Missing("connector", "connectors: " + Join(ConnectorNames()));
    const ConnectorDef* def = FindConnector(connector->value);
    if (def == nullptr) Unknown("connector", *connector, kConnectorsNotBuilt, ConnectorNames());
    for (const OptionDef& option : def->options) defs_.push_back(&option);
    if (def->source != nullptr) AddWatermarkOptions();
    if (!def->needs_format) return;
    connector_ = def;
    const Option* format =
        def->has_keys ? FindValueFormat(context_.options) : FindOption(context_.options, "format");
    if (format == nullptr) Missing("format", "formats: " + Join(FormatNames()));
    const bool prefixed = def->has_keys && FindOption(context_.options, "value.format") != nullptr;
    format_ = AddFormat(*format, prefixed ? "value." : "");
    if (!def->has_keys) return;
    if (const Option* key = FindOption(context_.options, "key.format")) AddFormat(*key, "key.");
  }

  // Of the event time of any source; the planner reads them.
  void AddWatermarkOptions() {
    for (const char* name :
         {"scan.watermark.alignment.group", "scan.watermark.alignment.update-interval"}) {
      prefixed_.push_back(Ignored(name));
      defs_.push_back(&prefixed_.back());
    }
    for (std::string_view name : kWatermarkOptions) {
      prefixed_.push_back({std::string(name), OptionDef::Kind::kDuration});
      defs_.push_back(&prefixed_.back());
    }
  }

  // The format's options are known behind the prefix.
  const FormatDef* AddFormat(const Option& name, const std::string& prefix) {
    const FormatDef* format = FindFormat(name.value);
    if (format == nullptr) Unknown("format", name, kFormatsNotBuilt, FormatNames());
    for (const OptionDef& option : format->options) {
      prefixed_.push_back(option);
      prefixed_.back().name.insert(0, prefix);
      defs_.push_back(&prefixed_.back());
    }
    return format;
  }

  void CheckFormats() const {
    if (format_ == nullptr) return;
    if (!connector_->has_keys) {
      if (format_->validate != nullptr) format_->validate(context_);
      return;
    }
    const KeyedColumns parts = DivideColumns(*connector_, context_);
    if (format_->validate != nullptr) format_->validate(parts.value_context);
    if (parts.key_format && parts.key_format->validate) {
      parts.key_format->validate(parts.key_context);
    }
  }

  bool IsSelector(std::string_view key) const {
    return key == "connector" || key == "connector.type" ||
           (format_ != nullptr && (key == "format" || key == "format.type")) ||
           (connector_ != nullptr && connector_->has_keys &&
            (key == "value.format" || key == "key.format"));
  }

  const OptionDef* FindDef(std::string_view key, const Option& option) const {
    for (const OptionDef* def : defs_) {
      if (def->name == key) return def;
      for (const auto& [name, legacy] : kLegacyNames) {
        if (def->name == name && key == legacy) return def;
      }
    }
    for (const OptionDef* def : defs_) {
      if (IsRest(def->name) && key.size() + 1 > def->name.size() &&
          key.starts_with(std::string_view(def->name).substr(0, def->name.size() - 1))) {
        return def;
      }
      const std::optional<std::string_view> column = MatchColumn(def->name, key);
      if (!column) continue;
      if (HasColumn(context_.schema, *column)) return def;
      std::vector<std::string_view> names;
      for (const Field& field : context_.schema) names.push_back(field.name);
      throw Error(ErrorCode::kInvalidOption,
                  "option " + Quoted(key) + ": the table has no column " + Quoted(*column),
                  option.key_range, DidYouMean(*column, names));
    }
    return nullptr;
  }

  [[noreturn]] void UnknownOption(std::string_view key, const Option& option) const {
    std::vector<std::string> expanded;
    for (const OptionDef* def : defs_) {
      const size_t hash = def->name.find('#');
      if (hash == std::string::npos) expanded.push_back(def->name);
      for (const Field& field : context_.schema) {
        if (hash == std::string::npos) break;
        expanded.push_back(std::string(def->name).replace(hash, 1, field.name));
      }
    }
    std::vector<std::string_view> names(expanded.begin(), expanded.end());
    names.push_back("connector");
    if (format_ != nullptr) names.push_back("format");
    const std::string& connector = FindOption(context_.options, "connector")->value;
    throw Error(ErrorCode::kInvalidOption,
                "unknown option " + Quoted(key) + " of connector " + Quoted(connector),
                option.key_range, DidYouMean(key, names));
  }

  void CheckOption(std::string_view key, const Option& option) {
    if (IsSelector(key)) return;
    const OptionDef* def = FindDef(key, option);
    const bool everywhere = std::find(std::begin(kIgnoredEverywhere), std::end(kIgnoredEverywhere),
                                      key) != std::end(kIgnoredEverywhere);
    if (def == nullptr && !everywhere) UnknownOption(key, option);
    if (def == nullptr || def->ignored) {
      notices_.push_back("option " + Quoted(key) + " is accepted but has no effect");
      return;
    }
    CheckKind(*def, key, option);
    CheckChoice(*def, key, option);
  }

  static void CheckKind(const OptionDef& def, std::string_view key, const Option& option) {
    const std::string& value = option.value;
    switch (def.kind) {
      case OptionDef::Kind::kString:
        return;
      case OptionDef::Kind::kBoolean:
        if (!ParseBoolean(value)) ThrowInvalid(key, option, kWantBoolean);
        return;
      case OptionDef::Kind::kInteger:
        if (!ParseNumber<int64_t>(value)) ThrowInvalid(key, option, kWantInteger);
        return;
      case OptionDef::Kind::kDouble:
        if (!ParseNumber<double>(value)) ThrowInvalid(key, option, kWantDouble);
        return;
      case OptionDef::Kind::kDuration:
        if (!ParseDuration(value)) ThrowInvalid(key, option, kWantDuration);
        return;
      case OptionDef::Kind::kSize:
        if (!ParseSize(value)) ThrowInvalid(key, option, kWantSize);
        return;
    }
  }

  static void CheckChoice(const OptionDef& def, std::string_view key, const Option& option) {
    if (def.choices.empty()) return;
    const std::string value = Lower(option.value);
    for (const std::string& choice : def.choices) {
      if (Lower(choice) == value) return;
    }
    const std::vector<std::string_view> names(def.choices.begin(), def.choices.end());
    throw Error(
        ErrorCode::kInvalidOption,
        "option " + Quoted(key) + ": " + Quoted(option.value) + " is none of " + Join(names),
        option.value_range, DidYouMean(option.value, names));
  }

  const ConnectorContext& context_;
  const SourceRange with_range_;
  const ConnectorDef* connector_ = nullptr;  // Of one that needs a format.
  const FormatDef* format_ = nullptr;        // Of values.
  std::deque<OptionDef> prefixed_;
  std::vector<const OptionDef*> defs_;
  std::vector<std::string> notices_;
};

}  // namespace

OptionDef Ignored(std::string name) {
  OptionDef def;
  def.name = std::move(name);
  def.help = "Accepted, without effect.";
  def.ignored = true;
  return def;
}

const Option* FindOption(const Options& options, std::string_view key) {
  if (const auto it = options.find(key); it != options.end()) return &it->second;
  for (const auto& [name, legacy] : kLegacyNames) {
    if (key != name) continue;
    const auto it = options.find(legacy);
    return it == options.end() ? nullptr : &it->second;
  }
  return nullptr;
}

std::optional<SourceRange> ValueRange(const Options& options, std::string_view key) {
  const Option* option = FindOption(options, key);
  if (option == nullptr) return {};
  return option->value_range;
}

std::vector<std::string> ValidateOptions(const ConnectorContext& context, SourceRange with_range) {
  return Validator(context, with_range).Run();
}

std::string GetString(const Options& options, std::string_view key, std::string_view otherwise) {
  const Option* option = FindOption(options, key);
  return option == nullptr ? std::string(otherwise) : option->value;
}

bool GetBool(const Options& options, std::string_view key, bool otherwise) {
  return Get(options, key, otherwise, ParseBoolean, kWantBoolean);
}

int64_t GetInt(const Options& options, std::string_view key, int64_t otherwise) {
  return Get(options, key, otherwise, ParseNumber<int64_t>, kWantInteger);
}

double GetDouble(const Options& options, std::string_view key, double otherwise) {
  return Get(options, key, otherwise, ParseNumber<double>, kWantDouble);
}

int64_t GetDurationMicros(const Options& options, std::string_view key, int64_t otherwise) {
  return Get(options, key, otherwise, ParseDuration, kWantDuration);
}

int64_t GetSizeBytes(const Options& options, std::string_view key, int64_t otherwise) {
  return Get(options, key, otherwise, ParseSize, kWantSize);
}

}  // namespace millrace
