// The hints of a SELECT: STATE_TTL, and those that choose among ways to join that are one here.
#include <algorithm>
#include <array>

#include "fmt/format.h"
#include "planner/bind_query.h"
#include "types/datetime.h"

namespace millrace {
namespace {

bool ChoosesJoin(std::string_view hint) {
  constexpr std::array<std::string_view, 6> kNames = {"BROADCAST", "SHUFFLE_HASH", "SHUFFLE_MERGE",
                                                      "NEST_LOOP", "MULTI_JOIN",   "LOOKUP"};
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

}  // namespace

StateTtls QueryBinder::BindHints(const std::vector<ast::Hint>& hints) const {
  StateTtls ttls;
  for (const ast::Hint& hint : hints) {
    if (!SameWithoutCase(hint.name.text, "STATE_TTL")) {
      Notify(ChoosesJoin(hint.name.text) ? "HINT_IGNORED" : "UNKNOWN_HINT",
             fmt::format("the hint {} has no effect", hint.name.text), hint.range);
      continue;
    }
    if (hint.options.empty()) {
      throw Error(ErrorCode::kInvalidOption, "STATE_TTL needs tables and durations", hint.range,
                  "write it as in STATE_TTL('orders' = '1 d', 'rates' = '2 h')");
    }
    for (const ast::Option& option : hint.options) {
      const std::optional<int64_t> micros = ParseDuration(option.value);
      if (!micros || *micros < 0) {
        throw Error(ErrorCode::kInvalidOption, fmt::format("'{}' is not a duration", option.value),
                    option.value_range, "write it as in '10 min'");
      }
      ttls.push_back({NameOf(option.key, option.key_range), *micros});
    }
  }
  return ttls;
}

void QueryBinder::CheckTtlTables(const Scope& scope) const {
  for (const StateTtl& ttl : ttls_) {
    if (!scope.Star(ttl.table).empty()) continue;
    Notify("HINT_IGNORED",
           fmt::format("STATE_TTL names \"{}\", which is no table of this FROM",
                       ttl.table.parts.back().text),
           ttl.table.range);
  }
}

int64_t QueryBinder::TtlOf(const Scope& input) const {
  if (mode_ == QueryMode::kPull) return 0;
  for (const StateTtl& ttl : ttls_) {
    if (input.Star(ttl.table).size() == input.Star(std::nullopt).size()) return ttl.micros;
  }
  return DurationSetting("table.exec.state.ttl");
}

}  // namespace millrace
