// The HTTP API: which request goes where, and the rules that hold for all of them.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "server/api_frames.h"
#include "server/api_request.h"
#include "server/engine.h"
#include "server/http_server.h"
#include "server/metrics_page.h"

namespace millrace {

inline constexpr std::string_view kVersion = "0.1.0";

// A request on its way. Handlers fill the response or throw Error.
struct Call {
  const HttpRequest& request;
  HttpResponse* response;
  HttpStream* stream;
  std::string request_id;
  std::vector<std::string> arguments;  // What the template's {…} stand for.
  Parameters parameters;
  std::string text;   // What positions of errors are in: SQL or a body.
  uint64_t rows = 0;  // For the log.
};

// Thread-safe.
class Api {
 public:
  // The engine must outlive it.
  explicit Api(Engine* engine);

  void Handle(const HttpRequest& request, HttpResponse* response, HttpStream* stream);
  // What a request gets that is no HTTP.
  static void AnswerMalformed(HttpResponse* response);

  // Not ready any more; streams end.
  void Stop() { stopping_ = true; }
  bool stopping() const { return stopping_; }

  Engine& engine() { return *engine_; }
  const HttpMetrics& metrics() const { return metrics_; }
  double start_seconds() const { return start_seconds_; }

  // The names of the columns that Engine::Lookup takes, in order; none when the object is no
  // materialized view or has no key. Throws Error(kNotFound).
  using KeyColumns = std::shared_ptr<const std::vector<std::string>>;
  KeyColumns KeyOf(const std::string& view);
  // After statements that may have changed the catalog.
  void ForgetKeys();

 private:
  void Dispatch(Call* call, size_t* route);

  Engine* const engine_;
  HttpMetrics metrics_;
  const double start_seconds_;
  std::atomic<bool> stopping_ = false;
  std::atomic<uint64_t> next_request_;

  // Point reads ask neither catalog nor jobs, which a statement may hold for long.
  std::shared_mutex keys_mutex_;
  std::unordered_map<std::string, KeyColumns> keys_;
  uint64_t keys_generation_ = 0;
};

// What the client wants to read.
enum class ResponseFormat : uint8_t { kJson, kNdjson, kServerSentEvents, kCsv, kTsv, kText };
ResponseFormat WantedFormat(std::string_view accept);

// The error as the response's body. `results`: the JSON of statements that completed, or empty.
void AnswerError(const Error& error, std::optional<size_t> statement, std::string_view results,
                 Call* call);
// The rows as CSV, TSV or a box; `format` is one of these.
void AnswerText(const StatementResult& result, ResponseFormat format, Call* call);
void AnswerJson(std::string json, Call* call);

// Throws Error(kBadRequest) when the call has parameters other than these.
void AllowParameters(const Call& call, std::initializer_list<std::string_view> names);

// Waits, up to the time that `wait` names, until what the token or snapshot id stands for can be
// read in `view` ("": everywhere); whether it can. Throws Error(kBadRequest | kCursorExpired).
bool AwaitToken(Api& api, const std::string& token, const std::string& view, int64_t wait_micros);

// Why a stream ended, for its last frame.
std::string_view EndReason(const Api& api, const StatementResult& result);
// What a request of a stream tells the frames.
void SendFrames(const Api& api, FrameWriter* frames, ExecuteRequest* request);

// The handlers of routes.cc's table.
void HandleSql(Api& api, Call* call);
void HandleValidate(Api& api, Call* call);
void HandleViewRows(Api& api, Call* call);
void HandleViewChanges(Api& api, Call* call);
void HandleTableRows(Api& api, Call* call);
void HandleJobs(Api& api, Call* call);
void HandleJob(Api& api, Call* call);
void HandlePutJob(Api& api, Call* call);
void HandleStopJob(Api& api, Call* call);
void HandleJobAction(Api& api, Call* call);
void HandleToken(Api& api, Call* call);
void HandleCatalog(Api& api, Call* call);
void HandleCatalogObject(Api& api, Call* call);
void HandleInfo(Api& api, Call* call);
void HandleHealth(Api& api, Call* call);
void HandleReady(Api& api, Call* call);
void HandleMetrics(Api& api, Call* call);
void HandleHome(Api& api, Call* call);

}  // namespace millrace
