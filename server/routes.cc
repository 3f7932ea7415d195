#include "server/routes.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json_text.h"
#include "base/log.h"
#include "server/api_error.h"
#include "server/api_text.h"

namespace millrace {
namespace {

struct RouteDef {
  std::string_view method;
  std::string_view path;
  void (*handle)(Api&, Call*);
  bool may_change = false;  // Logged also when all is well.
};

constexpr RouteDef kRoutes[] = {
    {"GET", "/v1/views/{name}/rows", HandleViewRows},
    {"GET", "/v1/views/{name}/changes", HandleViewChanges},
    {"POST", "/v1/sql", HandleSql, true},
    {"POST", "/v1/tables/{name}/rows", HandleTableRows, true},
    {"POST", "/v1/validate", HandleValidate},
    {"GET", "/v1/jobs", HandleJobs},
    {"GET", "/v1/jobs/{job}", HandleJob},
    {"PUT", "/v1/jobs/{job}", HandlePutJob, true},
    {"DELETE", "/v1/jobs/{job}", HandleStopJob, true},
    {"POST", "/v1/jobs/{job}/{action}", HandleJobAction, true},
    {"GET", "/v1/tokens/{token}", HandleToken},
    {"GET", "/v1/catalog", HandleCatalog},
    {"GET", "/v1/catalog/{object}", HandleCatalogObject},
    {"GET", "/v1/catalog/{catalog}/{database}/{object}", HandleCatalogObject},
    {"GET", "/v1/info", HandleInfo},
    {"GET", "/healthz", HandleHealth},
    {"GET", "/readyz", HandleReady},
    {"GET", "/metrics", HandleMetrics},
    {"GET", "/", HandleHome},
};
constexpr size_t kNoRoute = std::size(kRoutes);  // Counts what has none.

std::vector<HttpMetrics::Route> MetricRoutes() {
  std::vector<HttpMetrics::Route> routes;
  for (const RouteDef& route : kRoutes) routes.push_back({route.method, route.path});
  routes.push_back({"other", "other"});
  return routes;
}

double NowSeconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

// Takes the segment up to the next slash, which it takes too.
std::string_view TakeSegment(std::string_view* path) {
  const size_t end = std::min(path->find('/'), path->size());
  const std::string_view segment = path->substr(0, end);
  path->remove_prefix(std::min(end + 1, path->size()));
  return segment;
}

bool Matches(std::string_view path, std::string_view pattern,
             std::vector<std::string_view>* arguments) {
  if (std::count(path.begin(), path.end(), '/') !=
      std::count(pattern.begin(), pattern.end(), '/')) {
    return false;
  }
  arguments->clear();
  while (!pattern.empty()) {
    const std::string_view wanted = TakeSegment(&pattern);
    const std::string_view segment = TakeSegment(&path);
    if (wanted.starts_with('{')) {
      if (segment.empty()) return false;
      arguments->push_back(segment);
    } else if (wanted != segment) {
      return false;
    }
  }
  return true;
}

// A page of another site must not reach the server through the user's browser: neither under a name
// that it lets point here, nor by a form or script.
void CheckOrigin(const HttpRequest& request) {
  std::string_view name = request.host;
  if (const size_t colon = name.rfind(':');
      colon != std::string_view::npos && name.find(']', colon) == std::string_view::npos) {
    name = name.substr(0, colon);
  }
  constexpr std::string_view kNames[] = {"", "localhost", "127.0.0.1", "[::1]"};
  if (std::find(std::begin(kNames), std::end(kNames), name) == std::end(kNames)) {
    throw Error(ErrorCode::kForbidden,
                "Host \"" + std::string(request.host) + "\" is not served here", {},
                "use localhost or 127.0.0.1");
  }
  const bool same = request.origin.empty() || (request.origin.starts_with("http://") &&
                                               request.origin.substr(7) == request.host);
  if (!same || request.fetch_site == "cross-site") {
    throw Error(ErrorCode::kForbidden, "requests from other sites are refused");
  }
}

bool IsGoodRequestId(std::string_view id) {
  return !id.empty() && id.size() <= 128 &&
         std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

// Mixes the bits, so that ids of consecutive requests differ at a glance.
uint64_t Mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

[[noreturn]] void ThrowTooLarge() {
  throw Error(ErrorCode::kTooLarge, "the body is larger than 16 MiB", {},
              "send it in several requests");
}

void LogAccess(const Call& call, size_t route, double seconds, uint64_t bytes) {
  const int status = call.response->status;
  const bool quiet = status < 400 && route != kNoRoute && !kRoutes[route].may_change;
  const LogLevel level = status >= 500 ? LogLevel::kError
                         : quiet       ? LogLevel::kDebug
                                       : LogLevel::kInfo;
  if (!IsLogged(level)) return;
  Log(level, "http", "request",
      {{"method", call.request.method},
       {"route", route == kNoRoute ? "other" : kRoutes[route].path},
       {"status", int64_t{status}},
       {"ms", seconds * 1e3},
       {"bytes", static_cast<int64_t>(bytes)},
       {"rows", static_cast<int64_t>(call.rows)},
       {"request_id", call.request_id}});
}

}  // namespace

Api::Api(Engine* engine)
    : engine_(engine),
      metrics_(MetricRoutes()),
      start_seconds_(NowSeconds()),
      next_request_(static_cast<uint64_t>(start_seconds_ * 1e6)) {}

void Api::Handle(const HttpRequest& request, HttpResponse* response, HttpStream* stream) {
  const auto begin = std::chrono::steady_clock::now();
  Call call{request, response, stream, {}, {}, {}, {}, 0};
  call.request_id = IsGoodRequestId(request.request_id)
                        ? std::string(request.request_id)
                        : fmt::format("{:016x}", Mix(++next_request_));
  response->headers.emplace_back("X-Request-Id", call.request_id);
  response->headers.emplace_back("X-API-Version", "1");
  size_t route = kNoRoute;
  try {
    Dispatch(&call, &route);
  } catch (const Error& error) {
    AnswerError(error, {}, {}, &call);
  } catch (const std::exception& error) {
    AnswerError(Error(ErrorCode::kInternal, error.what()), {}, {}, &call);
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  metrics_.Count(route, response->status, seconds);
  LogAccess(call, route, seconds, stream->begun() ? stream->bytes() : response->body.size());
}

void Api::Dispatch(Call* call, size_t* route) {
  const HttpRequest& request = call->request;
  const std::string_view method = request.method == "HEAD" ? "GET" : request.method;
  std::vector<std::string_view> arguments;
  std::string allowed;
  for (size_t i = 0; i < std::size(kRoutes); ++i) {
    if (!Matches(request.path, kRoutes[i].path, &arguments)) continue;
    if (kRoutes[i].method == method) {
      *route = i;
      break;
    }
    allowed.append(allowed.empty() ? "" : ", ").append(kRoutes[i].method);
  }
  if (*route == kNoRoute || kRoutes[*route].handle != HandleHealth) CheckOrigin(request);
  if (*route == kNoRoute && !allowed.empty()) {
    AnswerError(Error(ErrorCode::kBadRequest, fmt::format("{} is not possible here", method), {},
                      "possible: " + allowed),
                {}, {}, call);
    call->response->status = 405;
    call->response->headers.emplace_back("Allow", allowed);
    return;
  }
  if (*route == kNoRoute) {
    throw Error(ErrorCode::kNotFound,
                "there is no resource " + std::string(request.path.substr(0, 200)));
  }
  if (request.body_too_large) ThrowTooLarge();
  for (std::string_view argument : arguments) call->arguments.push_back(DecodeUrl(argument));
  call->parameters = ParseQuery(request.query);
  kRoutes[*route].handle(*this, call);
}

void Api::AnswerMalformed(HttpResponse* response) {
  const bool large = response->status == 413 || response->status == 414;
  const Error error(large ? ErrorCode::kTooLarge : ErrorCode::kBadRequest,
                    response->status == 414 ? "the URL is too long"
                    : large                 ? "the body is larger than 16 MiB"
                                            : "this is no HTTP request that is understood");
  response->body = "{\"error\":";
  AppendJsonError(error, {}, &response->body);
  response->body.append("}\n");
}

Api::KeyColumns Api::KeyOf(const std::string& view) {
  uint64_t generation;
  {
    std::shared_lock lock(keys_mutex_);
    if (const auto found = keys_.find(view); found != keys_.end()) return found->second;
    generation = keys_generation_;
  }
  const ObjectInfo object = engine_->Object(view);
  auto key = std::make_shared<std::vector<std::string>>();
  if (object.kind == "MATERIALIZED VIEW" && object.name == view) {
    for (size_t column : object.primary_key) key->push_back(object.columns[column].name);
  }
  std::unique_lock lock(keys_mutex_);
  // A statement may have replaced the view meanwhile.
  if (generation == keys_generation_) keys_[view] = key;
  return key;
}

void Api::ForgetKeys() {
  std::unique_lock lock(keys_mutex_);
  keys_.clear();
  ++keys_generation_;
}

ResponseFormat WantedFormat(std::string_view accept) {
  struct Known {
    std::string_view type;
    ResponseFormat format;
  };
  constexpr Known kKnown[] = {{"application/json", ResponseFormat::kJson},
                              {"application/x-ndjson", ResponseFormat::kNdjson},
                              {"text/event-stream", ResponseFormat::kServerSentEvents},
                              {"text/csv", ResponseFormat::kCsv},
                              {"text/tab-separated-values", ResponseFormat::kTsv},
                              {"text/plain", ResponseFormat::kText}};
  while (!accept.empty()) {
    const size_t end = std::min(accept.find(','), accept.size());
    std::string_view item = accept.substr(0, end);
    accept.remove_prefix(std::min(end + 1, accept.size()));
    while (item.starts_with(' ')) item.remove_prefix(1);
    const std::string type = MediaType(item);
    for (const Known& known : kKnown) {
      if (known.type == type) return known.format;
    }
  }
  return ResponseFormat::kJson;
}

void AnswerError(const Error& error, std::optional<size_t> statement, std::string_view results,
                 Call* call) {
  if (call->stream->begun()) return call->stream->Abort();
  const ErrorContext context{call->text, statement, call->request_id};
  HttpResponse& response = *call->response;
  response.status = InfoOf(error.code).http_status;
  response.content_type = "application/json";
  if (response.status == 429 || response.status == 503) {
    response.headers.emplace_back("Retry-After", "1");
  }
  std::string& body = response.body;
  body = "{\"error\":";
  AppendJsonError(error, context, &body);
  body.append(",\"diagnostics\":[");
  AppendJsonError(error, context, &body, "error");
  body.append("],\"results\":").append(results.empty() ? "[]" : results).append("}\n");
}

void AnswerJson(std::string json, Call* call) {
  call->response->content_type = "application/json";
  call->response->body = std::move(json);
  call->response->body.push_back('\n');
}

void AnswerText(const StatementResult& result, ResponseFormat format, Call* call) {
  HttpResponse& response = *call->response;
  const TextFormat text = format == ResponseFormat::kCsv   ? TextFormat::kCsv
                          : format == ResponseFormat::kTsv ? TextFormat::kTsv
                                                           : TextFormat::kTable;
  response.content_type = text == TextFormat::kCsv   ? "text/csv; charset=utf-8; header=present"
                          : text == TextFormat::kTsv ? "text/tab-separated-values; charset=utf-8"
                                                     : "text/plain; charset=utf-8";
  const auto writer = MakeTextWriter(text, {}, &response.body);
  writer->Begin(TextColumns(result.schema), result.changelog_mode != "append");
  for (const Batch& batch : result.rows) {
    WriteBatch(batch, result.schema, writer.get());
    call->rows += batch.size;
  }
  writer->End();
}

void AllowParameters(const Call& call, std::initializer_list<std::string_view> names) {
  for (const auto& [name, value] : call.parameters) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    throw Error(ErrorCode::kBadRequest, "unknown parameter \"" + name + "\"", {},
                DidYouMean(name, std::span(names.begin(), names.size())));
  }
}

}  // namespace millrace
