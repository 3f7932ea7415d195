// Jobs, the catalog, rows for tables, and what the server says of itself.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/hash.h"
#include "base/json_text.h"
#include "server/ingest.h"
#include "server/routes.h"

namespace millrace {
namespace {

constexpr size_t kMostRejects = 1000;  // That a response lists.
constexpr int64_t kLongestWaitMicros = 60'000'000;

void AppendRejects(const std::vector<RefusedRow>& rejected, JsonWriter* json) {
  json->Key("rejected").BeginArray();
  for (size_t i = 0; i < std::min(rejected.size(), kMostRejects); ++i) {
    json->BeginObject()
        .Field("line", rejected[i].line)
        .Field("error", rejected[i].error)
        .EndObject();
  }
  json->EndArray();
}

void AnswerRejected(const IngestRows& rows, Call* call) {
  const size_t all = rows.rows.size + rows.rejected.size();
  AnswerError(Error(ErrorCode::kInvalidValue,
                    std::to_string(rows.rejected.size()) + " of " + std::to_string(all) +
                        " rows cannot be read; none was inserted",
                    {}, "with ?on_error=skip the others are inserted"),
              {}, {}, call);
  std::string& body = call->response->body;
  std::string rejects;
  JsonWriter json(&rejects);
  json.BeginObject().Field("accepted", 0);
  AppendRejects(rows.rejected, &json);
  body = rejects + "," + body.substr(1);
}

const std::string* FindParameter(const Call& call, std::string_view name) {
  for (const auto& [key, value] : call.parameters) {
    if (key == name) return &value;
  }
  return nullptr;
}

// "END.TABLE", both in hexadecimal digits: the rows of the table's log up to that number.
std::string TokenOf(const std::string& table, uint64_t end) {
  std::string token = fmt::format("{:x}.", end);
  for (unsigned char c : table) fmt::format_to(std::back_inserter(token), "{:02x}", c);
  return token;
}

// "" when it is none.
std::string TextOfHex(std::string_view hex) {
  std::string text;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    unsigned byte = 0;
    const auto [end, error] = std::from_chars(hex.data() + i, hex.data() + i + 2, byte, 16);
    if (error != std::errc{} || end != hex.data() + i + 2) return "";
    text.push_back(static_cast<char>(byte));
  }
  return hex.size() % 2 == 0 ? text : "";
}

// The request's Idempotency-Key, with what makes two requests the same.
std::optional<RequestKey> KeyOf(const HttpRequest& request, const std::string* header) {
  constexpr size_t kLongest = 255;
  if (request.idempotency_key.empty()) return std::nullopt;
  if (request.idempotency_key.size() > kLongest) {
    throw Error(ErrorCode::kBadRequest, "the Idempotency-Key is longer than 255 bytes");
  }
  std::string sent(request.content_type);
  sent.append(header != nullptr ? "?header=" + *header : "").append(1, '\0').append(request.body);
  return RequestKey{std::string(request.idempotency_key), HashBytes(sent)};
}

// default_catalog.default_database.x is x.
std::string ObjectName(const std::vector<std::string>& parts) {
  const Session defaults;
  std::string name = parts.back();
  if (parts.size() == 1) return name;
  const bool default_catalog = parts[0] == defaults.catalog;
  if (!default_catalog || parts[1] != defaults.database) name = parts[1] + "." + name;
  return default_catalog ? name : parts[0] + "." + name;
}

constexpr std::string_view kHome = R"(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Millrace</title></head>
<body><h1>Millrace</h1>
<ul>
<li>POST /v1/sql: run statements</li>
<li>POST /v1/validate: check statements</li>
<li>GET /v1/views/NAME/rows: read a view or table</li>
<li>POST /v1/tables/NAME/rows: add rows to a table</li>
<li><a href="/v1/jobs">GET /v1/jobs</a></li>
<li><a href="/v1/catalog">GET /v1/catalog</a></li>
<li><a href="/v1/info">GET /v1/info</a></li>
<li><a href="/metrics">GET /metrics</a></li>
<li><a href="/readyz">GET /readyz</a></li>
<li><a href="/healthz">GET /healthz</a></li>
</ul></body></html>
)";

}  // namespace

void HandleTableRows(Api& api, Call* call) {
  AllowParameters(*call, {"header", "on_error"});
  const std::string& table = call->arguments[0];
  const std::string* header = FindParameter(*call, "header");
  const std::string* on_error = FindParameter(*call, "on_error");
  if (on_error != nullptr && *on_error != "skip" && *on_error != "reject") {
    throw Error(ErrorCode::kBadRequest, "\"on_error\" must be skip or reject");
  }
  const bool skip = on_error != nullptr && *on_error == "skip";
  const Schema schema = api.engine().InsertSchema(table);
  call->text = call->request.body;
  const std::optional<RequestKey> key = KeyOf(call->request, header);
  const IngestRows rows =
      DecodeRows(call->request.body, MediaType(call->request.content_type),
                 header == nullptr || ParseFlag("header", *header), table, schema);
  if (!rows.rejected.empty() && !skip) return AnswerRejected(rows, call);
  std::string body;
  JsonWriter json(&body);
  json.BeginObject().Field("accepted", rows.rows.size);
  AppendRejects(rows.rejected, &json);
  if (rows.rows.size > 0) {
    const AppendedRows appended =
        api.engine().InsertRows(table, rows.rows, key ? &*key : nullptr);
    json.Field("first_row", appended.first_row).Field("repeated", appended.repeated);
    json.Field("token", TokenOf(table, appended.end_row));
  } else {
    json.Key("first_row").Null().Field("repeated", false).Key("token").Null();
  }
  json.Field("request_id", call->request_id).EndObject();
  call->rows = rows.rows.size;
  AnswerJson(std::move(body), call);
}

bool AwaitToken(Api& api, const std::string& token, const std::string& view, int64_t wait_micros) {
  uint64_t number = 0;
  const bool snapshot = token.starts_with("s_");
  const size_t begin = snapshot ? 2 : 0;
  const size_t end = snapshot ? token.size() : std::min(token.find('.'), token.size());
  const char* const digits = token.data() + begin;
  const auto parsed = std::from_chars(digits, token.data() + end, number, 16);
  const bool good = parsed.ec == std::errc{} && parsed.ptr == token.data() + end && end > begin;
  const std::string table = good && !snapshot ? TextOfHex(token.substr(std::min(end + 1, token.size()))) : "";
  if (!good || (snapshot ? view.empty() : table.empty())) {
    throw Error(ErrorCode::kBadRequest, "\"" + token + "\" is no token", {},
                "a token comes with the answer to POST /v1/tables/NAME/rows");
  }
  return snapshot ? api.engine().AwaitStep(view, number, wait_micros)
                  : api.engine().AwaitRows(table, number, wait_micros);
}

void HandleToken(Api& api, Call* call) {
  AllowParameters(*call, {"wait"});
  const std::string* wait = FindParameter(*call, "wait");
  Options options;
  if (wait != nullptr) options["wait"].value = *wait;
  const int64_t micros =
      std::clamp<int64_t>(GetDurationMicros(options, "wait", 0), 0, kLongestWaitMicros);
  const bool done = AwaitToken(api, call->arguments[0], "", micros);
  std::string body;
  JsonWriter(&body).BeginObject().Field("state", done ? "done" : "pending").EndObject();
  AnswerJson(std::move(body), call);
  if (!done) call->response->status = 202;
}

void HandleJobs(Api& api, Call* call) {
  AllowParameters(*call, {});
  std::string body;
  JsonWriter json(&body);
  json.BeginObject().Key("jobs").BeginArray();
  for (const JobInfo& job : api.engine().Jobs()) AppendJsonJob(job, json.BeginValue());
  json.EndArray().EndObject();
  AnswerJson(std::move(body), call);
}

void HandleJob(Api& api, Call* call) {
  AllowParameters(*call, {});
  std::string body;
  AppendJsonJob(api.engine().Job(call->arguments[0]), &body);
  AnswerJson(std::move(body), call);
}

namespace {

void Control(Api& api, JobCommand command, Call* call) {
  std::string body;
  AppendJsonJob(api.engine().ControlJob(call->arguments[0], command), &body);
  AnswerJson(std::move(body), call);
}

}  // namespace

void HandlePutJob(Api& api, Call* call) {
  AllowParameters(*call, {});
  const JobRequest request = ParseJobRequest(call->request.body, call->request.content_type);
  call->text = request.sql;
  const JobInfo job = api.engine().PutJob(call->arguments[0], request.sql, request.properties,
                                          request.desired_state);
  api.ForgetKeys();
  std::string body;
  AppendJsonJob(job, &body);
  AnswerJson(std::move(body), call);
}

void HandleStopJob(Api& api, Call* call) {
  AllowParameters(*call, {});
  Control(api, JobCommand::kStop, call);
}

void HandleJobAction(Api& api, Call* call) {
  const std::string& action = call->arguments[1];
  constexpr std::pair<std::string_view, JobCommand> kActions[] = {
      {"pause", JobCommand::kPause},     {"resume", JobCommand::kResume},
      {"start", JobCommand::kResume},    {"stop", JobCommand::kStop},
      {"cancel", JobCommand::kStop},     {"restart", JobCommand::kRestart},
      {"checkpoint", JobCommand::kCheckpoint}};
  const auto known = std::find_if(std::begin(kActions), std::end(kActions),
                                  [&](const auto& pair) { return pair.first == action; });
  if (known == std::end(kActions)) {
    std::vector<std::string_view> names;
    for (const auto& [name, command] : kActions) names.push_back(name);
    throw Error(ErrorCode::kNotFound, "a job has no action \"" + action + "\"", {},
                DidYouMean(action, names));
  }
  JobCommand command = known->second;
  if (action == "stop") {
    AllowParameters(*call, {"drain"});
    const std::string* drain = FindParameter(*call, "drain");
    if (drain != nullptr && ParseFlag("drain", *drain)) command = JobCommand::kDrain;
  } else {
    AllowParameters(*call, {});
  }
  Control(api, command, call);
  call->response->status = 202;
}

void HandleCatalog(Api& api, Call* call) {
  AllowParameters(*call, {});
  std::string body;
  JsonWriter json(&body);
  json.BeginObject().Key("objects").BeginArray();
  for (const ObjectInfo& object : api.engine().Objects()) {
    AppendJsonObject(object, json.BeginValue());
  }
  json.EndArray().EndObject();
  AnswerJson(std::move(body), call);
}

void HandleCatalogObject(Api& api, Call* call) {
  AllowParameters(*call, {});
  std::string body;
  AppendJsonObject(api.engine().Object(ObjectName(call->arguments)), &body);
  AnswerJson(std::move(body), call);
}

void HandleInfo(Api& api, Call* call) {
  AllowParameters(*call, {});
  std::string body;
  JsonWriter(&body)
      .BeginObject()
      .Field("name", "millrace")
      .Field("version", kVersion)
      .Field("api_version", "1")
      .Field("started_at", IsoTime(static_cast<int64_t>(api.start_seconds() * 1e6)))
      .Field("partitions", api.engine().options().partitions)
      .Field("durable", !api.engine().options().data_directory.empty())
      .EndObject();
  AnswerJson(std::move(body), call);
}

void HandleHealth(Api& /*api*/, Call* call) { AnswerJson("{\"ok\":true}", call); }

void HandleReady(Api& api, Call* call) {
  size_t failed = 0;
  for (const JobInfo& job : api.engine().Jobs()) failed += job.state == "FAILED";
  std::string body;
  JsonWriter(&body)
      .BeginObject()
      .Field("ready", !api.stopping())
      .Key("checks")
      .BeginObject()
      .Field("catalog", true)
      .Field("jobs_failed", failed)
      .EndObject()
      .EndObject();
  AnswerJson(std::move(body), call);
  if (api.stopping()) call->response->status = 503;
}

void HandleMetrics(Api& api, Call* call) {
  call->response->content_type = "text/plain; version=0.0.4; charset=utf-8";
  call->response->body = MetricsPage(api.engine(), api.metrics(), api.start_seconds(), kVersion);
}

void HandleHome(Api& /*api*/, Call* call) {
  call->response->content_type = "text/html; charset=utf-8";
  call->response->headers.emplace_back("Content-Security-Policy", "default-src 'none'");
  call->response->body = kHome;
}

}  // namespace millrace
