// The log: one line an event on stderr, text on a terminal and JSON otherwise. Thread-safe.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <variant>

namespace millrace {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarning, kError, kOff };

// What is known beside the message: request_id, pipeline, operator, error_code …
struct LogField {
  std::string_view key;
  std::variant<std::string_view, int64_t, double> value;
};

// "debug", "info", "warn", "error" or "off"; anything else: false, and nothing changes. Until it is
// called, warnings and errors are logged.
bool SetLogLevel(std::string_view name);
bool IsLogged(LogLevel level);

// `target` names the module: "http", "server", "kafka".
void Log(LogLevel level, std::string_view target, std::string_view message,
         std::initializer_list<LogField> fields = {});

}  // namespace millrace
