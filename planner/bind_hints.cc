// The hints of a SELECT: STATE_TTL, LOOKUP, and those that choose among ways to join that are one
// here.
#include <algorithm>
#include <array>
#include <charconv>

#include "fmt/format.h"
#include "planner/bind_query.h"
#include "types/datetime.h"

namespace millrace {
namespace {

bool ChoosesJoin(std::string_view hint) {
  constexpr std::array<std::string_view, 5> kNames = {"BROADCAST", "SHUFFLE_HASH", "SHUFFLE_MERGE",
                                                      "NEST_LOOP", "MULTI_JOIN"};
  return std::any_of(kNames.begin(), kNames.end(),
                     [&](std::string_view name) { return SameWithoutCase(hint, name); });
}

// `a.b.c` as a name of three parts.
ast::QualifiedName NameOf(const std::string& text, SourceRange range) {
  ast::QualifiedName name{{}, range};
  for (size_t start = 0; start <= text.size();) {
    const size_t end = std::min(text.find('.', start), text.size());
    name.parts.push_back({text.substr(start, end - start), range});
    start = end + 1;
  }
  return name;
}

int64_t DurationOf(const ast::Option& option) {
  const std::optional<int64_t> micros = ParseDuration(option.value);
  if (micros && *micros >= 0) return *micros;
  throw Error(ErrorCode::kInvalidOption, fmt::format("'{}' is not a duration", option.value),
              option.value_range, "write it as in '10 min'");
}

void AddTtls(const ast::Hint& hint, StateTtls* ttls) {
  if (hint.options.empty()) {
    throw Error(ErrorCode::kInvalidOption, "STATE_TTL needs tables and durations", hint.range,
                "write it as in STATE_TTL('orders' = '1 d', 'rates' = '2 h')");
  }
  for (const ast::Option& option : hint.options) {
    ttls->push_back({NameOf(option.key, option.key_range), DurationOf(option)});
  }
}

// One of LOOKUP's options. The others, of what is asked over a network, have nothing to do where the
// table's rows are at hand.
constexpr std::array<std::string_view, 10> kLookupOptions = {
    "table",   "retry-predicate", "retry-strategy", "fixed-delay", "max-attempts",
    "async",   "output-mode",     "capacity",       "timeout",     "shuffle"};

void CheckValue(const ast::Option& option, std::string_view only) {
  if (SameWithoutCase(option.value, only)) return;
  throw Error(ErrorCode::kInvalidOption,
              fmt::format("'{}' can only be '{}'", option.key, only), option.value_range);
}

int64_t AttemptsOf(const ast::Option& option) {
  const char* end = option.value.data() + option.value.size();
  int64_t attempts = 0;
  const auto [stop, error] = std::from_chars(option.value.data(), end, attempts);
  if (error == std::errc() && stop == end && attempts > 0) return attempts;
  throw Error(ErrorCode::kInvalidOption, fmt::format("'{}' is no number of attempts", option.value),
              option.value_range, "write it as in '3'");
}

void SetOption(const ast::Option& option, LookupHint* lookup) {
  if (option.key == "table") {
    lookup->table = NameOf(option.value, option.value_range);
  } else if (option.key == "retry-predicate") {
    CheckValue(option, "lookup_miss");
  } else if (option.key == "retry-strategy") {
    CheckValue(option, "fixed_delay");
  } else if (option.key == "fixed-delay") {
    lookup->retry_delay = DurationOf(option);
  } else if (option.key == "max-attempts") {
    lookup->retry_attempts = AttemptsOf(option);
  } else if (std::ranges::find(kLookupOptions, option.key) == kLookupOptions.end()) {
    throw Error(ErrorCode::kInvalidOption, fmt::format("LOOKUP has no option '{}'", option.key),
                option.key_range, DidYouMean(option.key, kLookupOptions));
  }
}

LookupHint BindLookup(const ast::Hint& hint) {
  LookupHint lookup;
  bool retries = false;
  for (const ast::Option& option : hint.options) {
    SetOption(option, &lookup);
    retries = retries || option.key == "retry-predicate";
  }
  const char* missing = lookup.table.parts.empty()                   ? "table"
                        : retries && lookup.retry_delay == 0         ? "fixed-delay"
                        : retries && lookup.retry_attempts == 0      ? "max-attempts"
                        : !retries && lookup.retry_attempts > 0      ? "retry-predicate"
                                                                     : nullptr;
  if (missing == nullptr) return lookup;
  throw Error(ErrorCode::kInvalidOption, fmt::format("LOOKUP needs its option '{}'", missing),
              hint.range,
              "as in LOOKUP('table' = 't', 'retry-predicate' = 'lookup_miss', 'retry-strategy' = "
              "'fixed_delay', 'fixed-delay' = '10 s', 'max-attempts' = '3')");
}

}  // namespace

BoundHints QueryBinder::BindHints(const std::vector<ast::Hint>& hints) const {
  BoundHints bound;
  for (const ast::Hint& hint : hints) {
    if (SameWithoutCase(hint.name.text, "STATE_TTL")) {
      AddTtls(hint, &bound.ttls);
    } else if (SameWithoutCase(hint.name.text, "LOOKUP")) {
      bound.lookups.push_back(BindLookup(hint));
    } else {
      Notify(ChoosesJoin(hint.name.text) ? "HINT_IGNORED" : "UNKNOWN_HINT",
             fmt::format("the hint {} has no effect", hint.name.text), hint.range);
    }
  }
  return bound;
}

void QueryBinder::CheckHintedTables(const Scope& scope) const {
  const auto check = [&](const char* hint, const ast::QualifiedName& table) {
    if (!scope.Star(table).empty()) return;
    Notify("HINT_IGNORED",
           fmt::format("{} names \"{}\", which is no table of this FROM", hint,
                       table.parts.back().text),
           table.range);
  };
  for (const StateTtl& ttl : hints_.ttls) check("STATE_TTL", ttl.table);
  for (const LookupHint& lookup : hints_.lookups) check("LOOKUP", lookup.table);
}

const LookupHint* QueryBinder::FindLookupHint(std::string_view alias,
                                              std::string_view table) const {
  for (const LookupHint& lookup : hints_.lookups) {
    const std::string& name = lookup.table.parts.back().text;
    if (SameWithoutCase(name, alias) || SameWithoutCase(name, table)) return &lookup;
  }
  return nullptr;
}

int64_t QueryBinder::TtlOf(const Scope& input) const {
  if (mode_ == QueryMode::kPull) return 0;
  for (const StateTtl& ttl : hints_.ttls) {
    if (input.Star(ttl.table).size() == input.Star(std::nullopt).size()) return ttl.micros;
  }
  return DurationSetting("table.exec.state.ttl");
}

}  // namespace millrace
