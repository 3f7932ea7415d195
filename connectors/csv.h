// What the halves of the CSV format share.
#pragma once

#include <optional>
#include <string>

#include "connectors/connector.h"

namespace millrace {

struct CsvSettings {
  char delimiter = ',';
  char quote = '"';  // 0: quotes are ordinary.
  char escape = 0;   // 0: none.
  bool comments = false;
  bool ignore_errors = false;
  bool header = false;
  bool scientific = true;  // Decimals below 1E-6.
  std::string array_delimiter = ";";
  std::optional<std::string> null_literal;
};

// Throws Error(kInvalidOption) at the option's value.
CsvSettings ReadCsvSettings(const Options& options);

}  // namespace millrace
