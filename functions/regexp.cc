// Regular expressions in Java's syntax, matched by PCRE2, which takes nearly all of it.
//
// A pattern is compiled once per kernel, a match may take a limited number of steps. A pattern that
// does not compile and a match that is given up fail the row.

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <map>
#include <mutex>

#include "functions/families.h"
#include "functions/make_scalar.h"
#include "functions/utf8.h"

namespace millrace {
namespace {

constexpr uint32_t kMatchLimit = 1'000'000;
constexpr size_t kCachedPatterns = 64;

template <auto kFree>
struct Free {
  void operator()(auto* p) const { kFree(p); }
};
using Code = std::unique_ptr<pcre2_code, Free<pcre2_code_free>>;
using MatchData = std::unique_ptr<pcre2_match_data, Free<pcre2_match_data_free>>;
using MatchContext = std::unique_ptr<pcre2_match_context, Free<pcre2_match_context_free>>;

// A compiled pattern, or the error that came instead. Immutable: threads may share it.
struct Regex {
  Code code;
  std::string error;
};

std::shared_ptr<const Regex> Compile(const std::string& pattern) {
  auto regex = std::make_shared<Regex>();
  int code;
  PCRE2_SIZE offset;
  regex->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                  PCRE2_UTF | PCRE2_MATCH_INVALID_UTF, &code, &offset, nullptr));
  if (regex->code) {
    pcre2_jit_compile(regex->code.get(), PCRE2_JIT_COMPLETE);
    return regex;
  }
  PCRE2_UCHAR message[200];
  pcre2_get_error_message(code, message, sizeof message);
  regex->error = "invalid regular expression '" + pattern + "' at " + std::to_string(offset) +
                 ": " + reinterpret_cast<const char*>(message);
  return regex;
}

// The patterns of one kernel. Thread-safe.
class RegexCache {
 public:
  std::shared_ptr<const Regex> Get(std::string_view pattern) {
    std::lock_guard lock(mutex_);
    const auto found = regexes_.find(pattern);
    if (found != regexes_.end()) return found->second;
    if (regexes_.size() >= kCachedPatterns) regexes_.clear();
    std::string text(pattern);
    return regexes_.emplace(text, Compile(text)).first->second;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const Regex>, std::less<>> regexes_;
};

// Matches one batch's rows.
class Matcher {
 public:
  explicit Matcher(RegexCache* cache)
      : cache_(cache), context_(pcre2_match_context_create(nullptr)) {
    pcre2_set_match_limit(context_.get(), kMatchLimit);
  }

  // Sets the pattern of the next matches; the message when it does not compile.
  const std::string* SetPattern(std::string_view pattern) {
    if (!regex_ || pattern != pattern_) {
      pattern_ = pattern;
      regex_ = cache_->Get(pattern);
      if (regex_->code) {
        data_.reset(pcre2_match_data_create_from_pattern(regex_->code.get(), nullptr));
      }
    }
    return regex_->code ? nullptr : &regex_->error;
  }

  bool Find(std::string_view s, size_t begin = 0) {
    count_ = pcre2_match(regex_->code.get(), reinterpret_cast<PCRE2_SPTR>(s.data()), s.size(),
                         begin, 0, data_.get(), context_.get());
    subject_ = s;
    return count_ > 0;
  }
  // Whether the last Find was given up.
  bool failed() const { return count_ < 0 && count_ != PCRE2_ERROR_NOMATCH; }

  // Of the last match.
  std::optional<std::string_view> Group(int64_t group) const {
    if (group < 0 || group >= count_) return std::nullopt;
    const PCRE2_SIZE* offsets = pcre2_get_ovector_pointer(data_.get());
    if (offsets[2 * group] == PCRE2_UNSET) return std::nullopt;
    return subject_.substr(offsets[2 * group], offsets[2 * group + 1] - offsets[2 * group]);
  }
  size_t begin() const { return pcre2_get_ovector_pointer(data_.get())[0]; }
  size_t end() const { return pcre2_get_ovector_pointer(data_.get())[1]; }

  // Calls f at every match, one after the other.
  template <class F>
  void ForEach(std::string_view s, const F& f) {
    size_t from = 0;
    while (from <= s.size() && Find(s, from)) {
      f();
      from = end();
      // Behind an empty match the next begins a code point later.
      if (begin() == end()) from += from < s.size() ? FirstCodePoint(s.substr(from)).length : 1;
    }
  }

 private:
  RegexCache* cache_;
  MatchContext context_;
  std::string pattern_;
  std::shared_ptr<const Regex> regex_;
  MatchData data_;
  std::string_view subject_;
  int count_ = 0;
};

// `pattern` as written in SQL to the one to compile.
using Translate = std::string (*)(std::string_view pattern, std::span<const Column> arguments,
                                  size_t i);

// f(matcher, s, i, heap) gives the result of a row whose pattern compiled, or nothing for NULL.
template <class R, class F>
ScalarKernel RegexKernel(F f, Translate translate = nullptr) {
  auto cache = std::make_shared<RegexCache>();
  return [f, cache, translate](std::span<const Column> arguments, size_t size,
                               EvalContext& context) {
    Column result(kTypeOf<R>, size);
    const std::shared_ptr<uint8_t[]> valid = scalar_internal::PropagateNulls(arguments, size);
    R* out = result.mutable_data<R>();
    Matcher matcher(cache.get());
    Heap heap;
    for (size_t i = 0; i < size; ++i) {
      out[i] = R{};
      if (valid && !valid[i]) {
        result.SetNull(i);
        continue;
      }
      const StringRef pattern = arguments[1].at<StringRef>(i);
      const std::string* error =
          matcher.SetPattern(translate ? translate(pattern.view(), arguments, i) : pattern.view());
      if (error != nullptr) {
        context.errors->push_back({static_cast<uint32_t>(i), *error});
        continue;
      }
      // A reference, as results may point into an inline string.
      const StringRef& s = arguments[0].data<StringRef>()[i * arguments[0].stride()];
      std::optional<R> value = f(matcher, s.view(), arguments, i, heap);
      if (matcher.failed()) {
        context.errors->push_back(
            {static_cast<uint32_t>(i), "the regular expression takes too many steps"});
      } else if (value) {
        out[i] = *value;
      } else {
        result.SetNull(i);
      }
    }
    scalar_internal::KeepAliveOfAll(arguments, &result);
    result.KeepAlive(heap.arena());
    return result;
  };
}

void Define(FunctionRegistry& r, const char* name, std::vector<TypeId> parameters, TypeId result,
            bool may_be_null, std::function<ScalarKernel()> make) {
  FunctionRegistry::Definition definition;
  definition.name = name;
  definition.parameters = std::move(parameters);
  definition.may_be_null = may_be_null;
  definition.result = [result](std::span<const Type>) { return Type(result); };
  definition.make_kernel = [make = std::move(make)](std::span<const Type>, const Type&) {
    return make();
  };
  r.Define(std::move(definition));
}

using Arguments = std::span<const Column>;

std::optional<bool> Found(Matcher& m, std::string_view s, Arguments, size_t, Heap&) {
  return m.Find(s);
}

std::optional<StringRef> Extract(Matcher& m, std::string_view s, Arguments arguments, size_t i,
                                 Heap&) {
  const int64_t group = arguments.size() > 2 ? arguments[2].at<int64_t>(i) : 0;
  if (!m.Find(s)) return std::nullopt;
  const std::optional<std::string_view> text = m.Group(group);
  return text ? std::optional(StringRef(*text)) : std::nullopt;
}

std::optional<StringRef> Replace(Matcher& m, std::string_view s, Arguments arguments, size_t i,
                                 Heap& heap) {
  const std::string replacement(arguments[2].at<StringRef>(i).view());
  std::string out;
  size_t done = 0;
  m.ForEach(s, [&] {
    out += s.substr(done, m.begin() - done);
    out += replacement;
    done = m.end();
  });
  out += s.substr(done);
  return heap.Add(out);
}

std::optional<int32_t> Count(Matcher& m, std::string_view s, Arguments, size_t, Heap&) {
  int32_t count = 0;
  m.ForEach(s, [&] { ++count; });
  return count;
}

std::optional<int32_t> Position(Matcher& m, std::string_view s, Arguments, size_t, Heap&) {
  if (!m.Find(s)) return 0;
  return static_cast<int32_t>(CountCodePoints(s.substr(0, m.begin()))) + 1;
}

// SIMILAR TO as a regular expression: % and _ as in LIKE, | * + ? {} () [] as they are, the other
// special characters literally. The whole string must match.
std::string TranslateSimilar(std::string_view pattern, Arguments arguments, size_t i) {
  const std::string escape(arguments.size() > 2 ? arguments[2].at<StringRef>(i).view() : "");
  std::string out = "\\A(?s:";
  bool in_class = false;
  for (size_t k = 0; k < pattern.size(); ++k) {
    char c = pattern[k];
    if (escape.size() == 1 && c == escape[0] && k + 1 < pattern.size()) {
      c = pattern[++k];
      if (static_cast<unsigned char>(c) < 0x80 && !std::isalnum(static_cast<unsigned char>(c))) {
        out += '\\';
      }
      out += c;
    } else if (in_class) {
      in_class = c != ']';
      if (c == '\\') out += '\\';
      out += c;
    } else if (c == '%') {
      out += ".*";
    } else if (c == '_') {
      out += '.';
    } else {
      in_class = c == '[';
      if (c == '.' || c == '^' || c == '$' || c == '\\') out += '\\';
      out += c;
    }
  }
  return out + ")\\z";
}

}  // namespace

void RegisterRegexp(FunctionRegistry& r) {
  constexpr TypeId kString = TypeId::kString, kBoolean = TypeId::kBoolean;
  constexpr TypeId kInteger = TypeId::kInteger;
  const auto extract = [] { return RegexKernel<StringRef>(Extract); };
  Define(r, "regexp", {kString, kString}, kBoolean, false, [] { return RegexKernel<bool>(Found); });
  Define(r, "regexp_extract", {kString, kString}, kString, true, extract);
  Define(r, "regexp_extract", {kString, kString, TypeId::kBigInt}, kString, true, extract);
  Define(r, "regexp_substr", {kString, kString}, kString, true, extract);
  Define(r, "regexp_replace", {kString, kString, kString}, kString, false,
         [] { return RegexKernel<StringRef>(Replace); });
  Define(r, "regexp_count", {kString, kString}, kInteger, false,
         [] { return RegexKernel<int32_t>(Count); });
  Define(r, "regexp_instr", {kString, kString}, kInteger, false,
         [] { return RegexKernel<int32_t>(Position); });
  const auto similar = [] { return RegexKernel<bool>(Found, TranslateSimilar); };
  Define(r, "similar_to", {kString, kString}, kBoolean, false, similar);
  Define(r, "similar_to", {kString, kString, kString}, kBoolean, false, similar);
}

}  // namespace millrace
