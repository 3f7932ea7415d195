// POST /v1/sql and /v1/validate.
#include <chrono>

#include "base/json_text.h"
#include "parser/parse.h"
#include "server/api_frames.h"
#include "server/routes.h"

namespace millrace {
namespace {

constexpr size_t kDefaultRows = 10'000;

std::string Quoted(std::string_view text, char quote) {
  std::string out(1, quote);
  for (char c : text) {
    if (c == quote) out.push_back(quote);
    out.push_back(c);
  }
  return out + quote;
}

// What the request sets goes through the statements that set it, which check it.
void Apply(const SqlRequest& request, Engine* engine, Session* session) {
  std::string statements;
  if (!request.catalog.empty()) statements += "USE CATALOG " + Quoted(request.catalog, '`') + ";";
  if (!request.database.empty()) statements += "USE " + Quoted(request.database, '`') + ";";
  for (const auto& [key, value] : request.properties) {
    statements += "SET " + Quoted(key, '\'') + " = " + Quoted(value, '\'') + ";";
  }
  if (statements.empty()) return;
  ExecuteRequest execute;
  execute.session = session;
  ExecuteResult result = engine->Execute(statements, execute);
  if (!result.error) return;
  result.error->range.reset();  // It is in statements that nobody wrote.
  throw *std::move(result.error);
}

std::string ResultsJson(const std::vector<StatementResult>& results, const SqlRequest& request,
                        Call* call) {
  ResultStyle style;
  static_cast<JsonStyle&>(style) = request.style;
  style.most_rows = request.max_rows.value_or(kDefaultRows);
  std::string json = "[";
  for (const StatementResult& result : results) {
    if (json.size() > 1) json.push_back(',');
    call->rows += AppendJsonResult(result, call->text, style, &json);
  }
  return json + "]";
}

bool MayChangeCatalog(const ExecuteResult& result) {
  if (result.error) return true;
  for (const StatementResult& one : result.results) {
    if (one.kind != "select") return true;
  }
  return false;
}

ExecuteRequest MakeExecuteRequest(const SqlRequest& request, Session* session) {
  ExecuteRequest execute;
  execute.session = session;
  execute.params = request.params;
  // Without a limit of its own the engine refuses results that have no end.
  execute.max_rows = request.max_rows.value_or(SIZE_MAX);
  execute.timeout_micros = request.timeout_micros;
  execute.wait_finished = request.wait == SqlWait::kFinished;
  return execute;
}

ExecuteResult Execute(Api& api, std::string_view sql, const ExecuteRequest& request) {
  ExecuteResult result = api.engine().Execute(sql, request);
  if (MayChangeCatalog(result)) api.ForgetKeys();
  return result;
}

// A result as a body of its own: the last one with rows.
void AnswerResultText(const ExecuteResult& result, ResponseFormat format, Call* call) {
  for (size_t i = result.results.size(); i > 0; --i) {
    if (result.results[i - 1].has_rows) return AnswerText(result.results[i - 1], format, call);
  }
  AnswerText({}, format, call);
  if (format != ResponseFormat::kText) return;
  for (const StatementResult& one : result.results) {
    call->response->body.append(one.message).append("\n");
  }
}

// Where the last statement begins; only it may stream. 0 as well when the text has errors, which
// the engine will find.
size_t BeginOfLast(std::string_view sql) {
  try {
    const std::vector<ast::Statement> statements = Parse(sql);
    return statements.size() > 1 ? statements.back().range.offset : 0;
  } catch (const Error&) {
    return 0;
  }
}

// Errors before the first frame are plain responses with their own status.
void StreamSql(Api& api, const SqlRequest& request, FrameFormat format, Session* session,
               Call* call) {
  const size_t last = BeginOfLast(request.sql);
  ExecuteRequest execute = MakeExecuteRequest(request, session);
  ExecuteResult before;
  if (last > 0) {
    before = Execute(api, std::string_view(request.sql).substr(0, last), execute);
    if (before.error) {
      return AnswerError(*before.error, before.error_statement,
                         ResultsJson(before.results, request, call), call);
    }
  }
  FrameWriter frames({.format = format, .style = request.style}, call->response, call->stream);
  SendFrames(api, &frames, &execute);
  // Blanks in place of what has run keep positions right.
  const std::string rest = std::string(last, ' ') + request.sql.substr(last);
  const ExecuteResult result = Execute(api, rest, execute);
  call->rows = frames.rows();
  const size_t index = before.results.size();
  if (result.error && !frames.begun()) {
    return AnswerError(*result.error, index, ResultsJson(before.results, request, call), call);
  }
  if (result.error) {
    return frames.Fail(*result.error, {request.sql, index, call->request_id});
  }
  const StatementResult none;
  const StatementResult& final_result = result.results.empty() ? none : result.results.back();
  frames.Schema(final_result);
  for (const Batch& batch : final_result.rows) frames.Rows(final_result, batch);
  for (const StatementResult& one : before.results) frames.Notify(one, request.sql);
  frames.Notify(final_result, request.sql);
  frames.End(EndReason(api, final_result));
  call->rows = frames.rows();
}

}  // namespace

std::string_view EndReason(const Api& api, const StatementResult& result) {
  if (api.stopping()) return "shutdown";
  if (!result.end_reason.empty()) return result.end_reason;
  return result.truncated ? "limit" : "finished";
}

void SendFrames(const Api& api, FrameWriter* frames, ExecuteRequest* request) {
  const auto gone = std::make_shared<bool>(false);
  const auto go_on = [&api, gone](bool sent) {
    *gone = *gone || !sent;
    return !*gone && !api.stopping();
  };
  request->on_rows = [=](const StatementResult& result, const Batch& batch) {
    return go_on(!*gone && frames->Rows(result, batch));
  };
  request->on_point = [=](const StatementResult& result, const PushPoint& point) {
    return go_on(!*gone && frames->Point(result, point));
  };
}

void HandleSql(Api& api, Call* call) {
  const auto begin = std::chrono::steady_clock::now();
  call->text = call->request.body;
  const SqlRequest request =
      ParseSqlRequest(call->request.body, call->request.content_type, call->parameters);
  call->text = request.sql;
  Session session;
  Apply(request, &api.engine(), &session);
  const ResponseFormat format = WantedFormat(call->request.accept);
  if (format == ResponseFormat::kNdjson) {
    return StreamSql(api, request, FrameFormat::kNdjson, &session, call);
  }
  if (format == ResponseFormat::kServerSentEvents) {
    return StreamSql(api, request, FrameFormat::kServerSentEvents, &session, call);
  }
  const ExecuteResult result = Execute(api, request.sql, MakeExecuteRequest(request, &session));
  if (result.error) {
    return AnswerError(*result.error, result.error_statement,
                       ResultsJson(result.results, request, call), call);
  }
  if (format != ResponseFormat::kJson) return AnswerResultText(result, format, call);
  const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - begin);
  std::string json = "{\"results\":" + ResultsJson(result.results, request, call);
  json.append(",\"elapsed_ms\":").append(std::to_string(elapsed.count()));
  json.append(",\"request_id\":");
  AppendJsonString(call->request_id, &json);
  AnswerJson(json + "}", call);
}

void HandleValidate(Api& api, Call* call) {
  call->text = call->request.body;
  const SqlRequest request =
      ParseSqlRequest(call->request.body, call->request.content_type, call->parameters);
  std::string json;
  AppendJsonValidation(api.engine().Validate(request.sql), request.sql, call->request_id, &json);
  AnswerJson(std::move(json), call);
}

}  // namespace millrace
