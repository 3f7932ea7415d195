// A regular expression that whole names match, such as paths and topics, in the syntax that Java
// and PCRE2 share.
#pragma once

#include <memory>
#include <string_view>

#include "connectors/connector.h"

namespace millrace {

class NamePattern {
 public:
  // The value of the option `key`. Throws Error(kInvalidOption) at the value when it is malformed.
  NamePattern(std::string_view key, const Option& option);

  bool Matches(std::string_view name) const;

 private:
  std::shared_ptr<void> code_;
};

}  // namespace millrace
