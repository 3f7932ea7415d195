#include "base/log.h"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <chrono>
#include <ctime>
#include <iterator>
#include <string>

#include "base/json_text.h"

namespace millrace {
namespace {

constexpr std::string_view kNames[] = {"debug", "info", "warn", "error", "off"};
constexpr spdlog::level::level_enum kLevels[] = {spdlog::level::debug, spdlog::level::info,
                                                 spdlog::level::warn, spdlog::level::err,
                                                 spdlog::level::off};

struct Logger {
  std::shared_ptr<spdlog::logger> out;
  bool text;
};

// Made at the first use, so that commands that log nothing pay nothing.
const Logger& TheLogger() {
  static const Logger logger = [] {
    Logger made{std::make_shared<spdlog::logger>("millrace",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>()),
                isatty(STDERR_FILENO) != 0};
    made.out->set_pattern("%v");  // The lines come finished.
    made.out->set_level(spdlog::level::warn);
    return made;
  }();
  return logger;
}

void AppendTime(std::string* out) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const int64_t micros = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  const std::time_t seconds = micros / 1'000'000;
  std::tm tm{};
  gmtime_r(&seconds, &tm);
  fmt::format_to(std::back_inserter(*out), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
                 tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                 micros % 1'000'000);
}

void AppendField(const LogField& field, JsonWriter* json) {
  json->Key(field.key);
  if (const auto* text = std::get_if<std::string_view>(&field.value)) {
    json->String(*text);
  } else if (const auto* integer = std::get_if<int64_t>(&field.value)) {
    json->Integer(*integer);
  } else {
    json->Number(std::get<double>(field.value));
  }
}

std::string JsonLine(LogLevel level, std::string_view target, std::string_view message,
                     std::initializer_list<LogField> fields) {
  std::string time, line;
  AppendTime(&time);
  JsonWriter json(&line);
  json.BeginObject()
      .Field("ts", time)
      .Field("level", kNames[static_cast<size_t>(level)])
      .Field("target", target)
      .Field("msg", message);
  for (const LogField& field : fields) AppendField(field, &json);
  json.EndObject();
  return line;
}

std::string TextLine(LogLevel level, std::string_view target, std::string_view message,
                     std::initializer_list<LogField> fields) {
  std::string line;
  AppendTime(&line);
  fmt::format_to(std::back_inserter(line), " {:<5} {}: {}", kNames[static_cast<size_t>(level)],
                 target, message);
  for (const LogField& field : fields) {
    line.append(" ").append(field.key).append("=");
    if (const auto* text = std::get_if<std::string_view>(&field.value)) {
      const bool plain = text->find_first_of(" \t\n\"=") == std::string_view::npos;
      plain ? void(line.append(*text)) : AppendJsonString(*text, &line);
    } else if (const auto* integer = std::get_if<int64_t>(&field.value)) {
      line.append(std::to_string(*integer));
    } else {
      AppendJsonNumber(std::get<double>(field.value), &line);
    }
  }
  return line;
}

}  // namespace

bool SetLogLevel(std::string_view name) {
  for (size_t i = 0; i < std::size(kNames); ++i) {
    if (name != kNames[i]) continue;
    TheLogger().out->set_level(kLevels[i]);
    return true;
  }
  return false;
}

bool IsLogged(LogLevel level) {
  return TheLogger().out->should_log(kLevels[static_cast<size_t>(level)]);
}

void Log(LogLevel level, std::string_view target, std::string_view message,
         std::initializer_list<LogField> fields) {
  if (!IsLogged(level)) return;
  const Logger& logger = TheLogger();
  const std::string line = logger.text ? TextLine(level, target, message, fields)
                                       : JsonLine(level, target, message, fields);
  logger.out->log(kLevels[static_cast<size_t>(level)], spdlog::string_view_t(line));
}

}  // namespace millrace
