#include "connectors/name_pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8  // pcre2.h asks for it.
#include <pcre2.h>

namespace millrace {

NamePattern::NamePattern(std::string_view key, const Option& option) {
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* const code =
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(option.value.data()), option.value.size(),
                    PCRE2_ANCHORED | PCRE2_ENDANCHORED, &error, &offset, nullptr);
  if (code == nullptr) {
    PCRE2_UCHAR message[120];
    pcre2_get_error_message(error, message, sizeof message);
    throw Error(ErrorCode::kInvalidOption,
                "option '" + std::string(key) + "': " + reinterpret_cast<const char*>(message) +
                    " at character " + std::to_string(offset),
                option.value_range);
  }
  code_ =
      std::shared_ptr<void>(code, [](void* p) { pcre2_code_free(static_cast<pcre2_code*>(p)); });
}

bool NamePattern::Matches(std::string_view name) const {
  const auto* const code = static_cast<const pcre2_code*>(code_.get());
  pcre2_match_data* const match = pcre2_match_data_create_from_pattern(code, nullptr);
  const int result = pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(name.data()), name.size(), 0, 0,
                                 match, nullptr);
  pcre2_match_data_free(match);
  return result >= 0;
}

}  // namespace millrace
