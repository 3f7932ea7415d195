// Bodies and parameters of API requests.
#pragma once

#include <map>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/api_result.h"
#include "types/value.h"

namespace millrace {

// The decoded `a=1&b=2` of a URL, in order. Throws Error(kBadRequest) when malformed.
using Parameters = std::vector<std::pair<std::string, std::string>>;
Parameters ParseQuery(std::string_view query);
// %41 to A; with `plus`, + to a blank. Throws Error(kBadRequest) for broken escapes and UTF-8.
std::string DecodeUrl(std::string_view text, bool plus = false);

// The media type without its parameters, in lower case.
std::string MediaType(std::string_view content_type);

enum class SqlWait : uint8_t { kAccepted, kRunning, kFinished };

struct SqlRequest {
  std::string sql;
  std::vector<Value> params;
  std::vector<std::pair<std::string, std::string>> properties;
  std::string catalog, database;  // "": as they are.
  int64_t timeout_micros = 0;     // 0: none
  std::optional<size_t> max_rows;
  SqlWait wait = SqlWait::kRunning;
  JsonStyle style;
};

// The body of POST /v1/sql: {"sql":…, …} as application/json or the text itself as application/sql,
// with its options among the parameters. Throws Error, with positions in the body: kBadRequest,
// kUnsupportedMediaType.
SqlRequest ParseSqlRequest(const std::string& body, std::string_view content_type,
                           const Parameters& parameters);

// The body of PUT /v1/jobs/{name}: {"sql":…, "properties":…, "desired_state":…}. Throws as above.
struct JobRequest {
  std::string sql;
  std::map<std::string, std::string> properties;
  std::string desired_state;  // "": as it is.
};
JobRequest ParseJobRequest(const std::string& body, std::string_view content_type);

// "bigint=string", "row_format=object" and the like; false when it is none of these.
bool ReadStyle(const std::string& name, const std::string& value, JsonStyle* style);

// A count in decimal. Throws Error(kBadRequest) that names the parameter.
size_t ParseCount(std::string_view name, std::string_view value);
// A duration, as "30s", in microseconds. Throws Error(kBadRequest) that names the parameter.
int64_t ParseWait(std::string_view name, std::string_view text);
// true or false. Throws Error(kBadRequest) that names the parameter.
bool ParseFlag(std::string_view name, std::string_view value);

}  // namespace millrace
