// LIKE: `%` stands for any string, `_` for one code point.

#include <algorithm>

#include "functions/families.h"
#include "functions/make_scalar.h"
#include "functions/utf8.h"

namespace millrace {
namespace {

class LikePattern {
 public:
  LikePattern(std::string_view pattern, std::string_view escape) {
    for (size_t i = 0; i < pattern.size(); ++i) {
      if (!escape.empty() && pattern.substr(i).starts_with(escape)) {
        i += escape.size();
        const std::string_view rest = pattern.substr(std::min(i, pattern.size()));
        const bool special = rest.starts_with('%') || rest.starts_with('_');
        if (!special && !rest.starts_with(escape)) {
          error_ = "an escape in a LIKE pattern must precede %, _ or itself";
          return;
        }
        Append(pattern[i], kLiteral);
      } else {
        Append(pattern[i], pattern[i] == '%' ? kMany : pattern[i] == '_' ? kOne : kLiteral);
      }
    }
    SplitPieces();
  }

  const char* error() const { return error_; }

  bool Matches(std::string_view s) const { return simple_ ? MatchesPieces(s) : MatchesAny(s); }

 private:
  enum Kind : uint8_t { kLiteral, kOne, kMany };

  void Append(char c, Kind kind) {
    chars_.push_back(c);
    kinds_.push_back(kind);
  }

  // Without `_`, a pattern is a prefix, pieces in order and a suffix.
  void SplitPieces() {
    simple_ = std::ranges::find(kinds_, kOne) == kinds_.end();
    if (!simple_) return;
    pieces_.emplace_back();
    for (size_t i = 0; i < chars_.size(); ++i) {
      if (kinds_[i] == kMany) {
        pieces_.emplace_back();
      } else {
        pieces_.back() += chars_[i];
      }
    }
  }

  bool MatchesPieces(std::string_view s) const {
    const std::string& prefix = pieces_.front();
    if (pieces_.size() == 1) return s == prefix;
    const std::string& suffix = pieces_.back();
    if (s.size() < prefix.size() + suffix.size()) return false;
    if (!s.starts_with(prefix) || !s.ends_with(suffix)) return false;
    s = s.substr(prefix.size(), s.size() - prefix.size() - suffix.size());
    for (size_t k = 1; k + 1 < pieces_.size(); ++k) {
      const size_t at = s.find(pieces_[k]);
      if (at == std::string_view::npos) return false;
      s.remove_prefix(at + pieces_[k].size());
    }
    return true;
  }

  // Goes back to the last `%` only: an earlier one cannot help where the last cannot.
  bool MatchesAny(std::string_view s) const {
    size_t p = 0, i = 0, many = chars_.size(), resume = 0;
    while (i < s.size()) {
      if (p < chars_.size() && kinds_[p] == kMany) {
        many = p++;
        resume = i;
      } else if (p < chars_.size() && kinds_[p] == kOne) {
        i += FirstCodePoint(s.substr(i)).length;
        ++p;
      } else if (p < chars_.size() && chars_[p] == s[i]) {
        ++i;
        ++p;
      } else if (many < chars_.size()) {
        resume += FirstCodePoint(s.substr(resume)).length;
        i = resume;
        p = many + 1;
      } else {
        return false;
      }
    }
    while (p < chars_.size() && kinds_[p] == kMany) ++p;
    return p == chars_.size();
  }

  const char* error_ = nullptr;
  bool simple_ = false;
  std::string chars_;
  std::vector<Kind> kinds_;
  std::vector<std::string> pieces_;
};

Column Like(std::span<const Column> arguments, size_t size, EvalContext& context) {
  Column result(TypeId::kBoolean, size);
  result.set_valid(scalar_internal::PropagateNulls(arguments, size));
  bool* out = result.mutable_data<bool>();
  const bool constant = scalar_internal::AllConstant(arguments.subspan(1));
  std::optional<LikePattern> pattern;
  for (size_t i = 0; i < size; ++i) {
    out[i] = false;
    if (result.IsNull(i)) continue;
    if (!pattern || !constant) {
      const StringRef escape = arguments.size() > 2 ? arguments[2].at<StringRef>(i) : StringRef();
      pattern.emplace(arguments[1].at<StringRef>(i).view(), escape.view());
    }
    if (pattern->error() != nullptr) {
      context.errors->push_back({static_cast<uint32_t>(i), pattern->error()});
    } else {
      out[i] = pattern->Matches(arguments[0].at<StringRef>(i).view());
    }
  }
  return result;
}

}  // namespace

void RegisterLike(FunctionRegistry& r) {
  for (size_t parameters : {2, 3}) {
    FunctionRegistry::Definition definition;
    definition.name = "like";
    definition.parameters.assign(parameters, TypeId::kString);
    definition.result = [](std::span<const Type>) { return Type(TypeId::kBoolean); };
    definition.make_kernel = [](std::span<const Type>, const Type&) -> ScalarKernel {
      return Like;
    };
    r.Define(std::move(definition));
  }
}

}  // namespace millrace
