// A regular expression that whole paths match, in the syntax that Java and PCRE2 share.
#pragma once

#include <memory>
#include <string_view>

#include "connectors/connector.h"

namespace millrace {

class PathPattern {
 public:
  // Throws Error(kInvalidOption) at the option's value when it is malformed.
  explicit PathPattern(const Option& option);

  bool Matches(std::string_view path) const;

 private:
  std::shared_ptr<void> code_;
};

}  // namespace millrace
