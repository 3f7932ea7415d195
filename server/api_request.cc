#include "server/api_request.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "connectors/text_values.h"
#include "types/datetime.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

[[noreturn]] void ThrowBadRequest(std::string message, std::string hint = {}) {
  throw Error(ErrorCode::kBadRequest, std::move(message), {}, std::move(hint));
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

Json ParseJson(const std::string& body) {
  try {
    return Json::parse(body);
  } catch (const Json::parse_error& error) {
    std::string message = error.what();
    if (const size_t end = message.find("] "); end != std::string::npos) message.erase(0, end + 2);
    const size_t at = error.byte > 0 ? error.byte - 1 : 0;
    throw Error(ErrorCode::kBadRequest, "the body is not JSON: " + message, SourceRange{at, 0});
  }
}

std::string ReadString(const std::string& name, const Json& value) {
  if (!value.is_string()) ThrowBadRequest("field \"" + name + "\" must be a string");
  return value.get<std::string>();
}

Value ReadParam(const Json& value, size_t number) {
  switch (value.type()) {
    case Json::value_t::null:
      return {};
    case Json::value_t::boolean:
      return {value.get<bool>()};
    case Json::value_t::number_integer:
      return {value.get<int64_t>()};
    case Json::value_t::number_unsigned:
      if (value.get<uint64_t>() <= INT64_MAX) return {value.get<int64_t>()};
      ThrowBadRequest("parameter $" + std::to_string(number) + " is larger than a BIGINT",
                      "pass it as a string and CAST it");
    case Json::value_t::number_float:
      return {value.get<double>()};
    case Json::value_t::string:
      return {value.get<std::string>()};
    default:
      ThrowBadRequest("parameter $" + std::to_string(number) +
                      " must be null, a boolean, a number or a string");
  }
}

SqlWait ReadWait(const std::string& value) {
  if (value == "accepted") return SqlWait::kAccepted;
  if (value == "running") return SqlWait::kRunning;
  if (value == "finished") return SqlWait::kFinished;
  ThrowBadRequest("\"wait\" must be accepted, running or finished");
}

// Options that are texts in JSON and in a URL alike; false when it is none.
bool ReadTextOption(const std::string& name, const std::string& value, SqlRequest* request) {
  if (name == "catalog") {
    request->catalog = value;
  } else if (name == "database") {
    request->database = value;
  } else if (name == "timeout") {
    request->timeout_micros = ParseWait(name, value);
  } else if (name == "wait") {
    request->wait = ReadWait(value);
  } else if (name != "session") {  // Every request has a session of its own.
    return ReadStyle(name, value, &request->style);
  }
  return true;
}

constexpr std::string_view kFields[] = {"sql",      "params",     "session", "catalog",
                                        "database", "properties", "timeout", "max_rows",
                                        "wait",     "row_format", "bigint"};

void ReadField(const std::string& name, const Json& value, SqlRequest* request) {
  if (name == "sql") {
    request->sql = ReadString(name, value);
  } else if (name == "params") {
    if (!value.is_array()) ThrowBadRequest("field \"params\" must be an array");
    for (const Json& param : value) {
      request->params.push_back(ReadParam(param, request->params.size() + 1));
    }
  } else if (name == "properties") {
    if (!value.is_object()) ThrowBadRequest("field \"properties\" must be an object");
    for (const auto& [key, setting] : value.items()) {
      request->properties.emplace_back(
          key, setting.is_string() ? setting.get<std::string>() : setting.dump());
    }
  } else if (name == "max_rows") {
    if (!value.is_number_unsigned()) {
      ThrowBadRequest("field \"max_rows\" must be a whole number");
    }
    request->max_rows = value.get<size_t>();
  } else if (std::find(std::begin(kFields), std::end(kFields), name) == std::end(kFields)) {
    ThrowBadRequest("unknown field \"" + name + "\"", DidYouMean(name, kFields));
  } else if (!value.is_null()) {
    if (!ReadTextOption(name, ReadString(name, value), request)) {
      ThrowBadRequest("field \"" + name + "\" is not understood");
    }
  }
}

}  // namespace

std::string DecodeUrl(std::string_view text, bool plus) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus) {
      out.push_back(' ');
    } else if (text[i] != '%') {
      out.push_back(text[i]);
    } else {
      const int high = i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
      if (high < 0 || low < 0) ThrowBadRequest("the URL has a broken %-escape");
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    }
  }
  if (!IsValidUtf8(out)) ThrowBadRequest("the URL is not UTF-8");
  return out;
}

Parameters ParseQuery(std::string_view query) {
  Parameters parameters;
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (pair.empty()) continue;
    const size_t equals = std::min(pair.find('='), pair.size());
    parameters.emplace_back(DecodeUrl(pair.substr(0, equals), true),
                            DecodeUrl(pair.substr(std::min(equals + 1, pair.size())), true));
  }
  return parameters;
}

std::string MediaType(std::string_view content_type) {
  std::string type(content_type.substr(0, content_type.find(';')));
  while (!type.empty() && type.back() == ' ') type.pop_back();
  std::transform(type.begin(), type.end(), type.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  return type;
}

bool ReadStyle(const std::string& name, const std::string& value, JsonStyle* style) {
  if (name == "row_format") {
    if (value != "array" && value != "object") {
      ThrowBadRequest("\"row_format\" must be array or object");
    }
    style->rows_as_objects = value == "object";
    return true;
  }
  if (name == "bigint") {
    if (value != "number" && value != "string") {
      ThrowBadRequest("\"bigint\" must be number or string");
    }
    style->bigint_as_string = value == "string";
    return true;
  }
  return false;
}

size_t ParseCount(std::string_view name, std::string_view value) {
  size_t count = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), count);
  if (error != std::errc{} || end != value.data() + value.size()) {
    ThrowBadRequest("\"" + std::string(name) + "\" must be a whole number");
  }
  return count;
}

bool ParseFlag(std::string_view name, std::string_view value) {
  if (value == "true") return true;
  if (value == "false") return false;
  ThrowBadRequest("\"" + std::string(name) + "\" must be true or false");
}

SqlRequest ParseSqlRequest(const std::string& body, std::string_view content_type,
                           const Parameters& parameters) {
  SqlRequest request;
  const std::string type = MediaType(content_type);
  if (type == "application/json") {
    const Json json = ParseJson(body);
    if (!json.is_object()) ThrowBadRequest("the body must be a JSON object");
    if (!json.contains("sql")) ThrowBadRequest("field \"sql\" is missing");
    for (const auto& [name, value] : json.items()) ReadField(name, value, &request);
  } else if (type == "application/sql") {
    request.sql = body;
  } else {
    throw Error(ErrorCode::kUnsupportedMediaType,
                type.empty() ? "the request has no Content-Type"
                             : "Content-Type \"" + type + "\" is not supported here",
                {}, "send application/json or application/sql");
  }
  for (const auto& [name, value] : parameters) {
    if (name == "max_rows") {
      request.max_rows = ParseCount(name, value);
    } else if (!ReadTextOption(name, value, &request)) {
      ThrowBadRequest("unknown parameter \"" + name + "\"", DidYouMean(name, kFields));
    }
  }
  return request;
}

int64_t ParseWait(std::string_view name, std::string_view text) {
  const std::optional<int64_t> micros = ParseDuration(text);
  if (!micros || *micros <= 0) {
    ThrowBadRequest("\"" + std::string(name) + "\": '" + std::string(text) + "' is no duration",
                    "write it like 30s or 500ms");
  }
  return *micros;
}

JobRequest ParseJobRequest(const std::string& body, std::string_view content_type) {
  if (MediaType(content_type) != "application/json") {
    throw Error(ErrorCode::kUnsupportedMediaType, "a job is put as application/json");
  }
  constexpr std::string_view kJobFields[] = {"sql", "properties", "desired_state"};
  const Json json = ParseJson(body);
  if (!json.is_object()) ThrowBadRequest("the body must be a JSON object");
  if (!json.contains("sql")) ThrowBadRequest("field \"sql\" is missing");
  JobRequest request;
  SqlRequest read;
  for (const auto& [name, value] : json.items()) {
    if (name == "desired_state") {
      request.desired_state = ReadString(name, value);
    } else if (name == "sql" || name == "properties") {
      ReadField(name, value, &read);
    } else {
      ThrowBadRequest("unknown field \"" + name + "\"", DidYouMean(name, kJobFields));
    }
  }
  request.sql = std::move(read.sql);
  for (auto& [key, value] : read.properties) request.properties[key] = std::move(value);
  return request;
}

}  // namespace millrace
