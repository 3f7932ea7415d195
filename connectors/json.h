// What the formats made of JSON share.
#pragma once

#include <string>
#include <vector>

#include "connectors/connector.h"

namespace millrace {

// The options of the JSON format that formats around it have as well, `prefix` in front of each.
std::vector<OptionDef> SharedJsonOptions(const std::string& prefix);

}  // namespace millrace
