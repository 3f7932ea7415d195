// GET /v1/views/{name}/rows: point reads by the primary key, and filtered pages of rows.
// GET /v1/views/{name}/changes: the rows, and what becomes of them.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/hash.h"
#include "parser/parse.h"
#include "server/routes.h"
#include "types/cast.h"

namespace millrace {
namespace {

constexpr size_t kDefaultLimit = 1000;
constexpr int64_t kSnapshotWaitMicros = 10'000'000;

// The parameters, sorted out.
struct ViewRequest {
  std::vector<std::string> columns;                         // Empty: all.
  std::vector<std::pair<std::string, std::string>> equals;  // Column, value.
  std::string filter, order_by, page_token;
  std::string min_snapshot;
  size_t limit = kDefaultLimit;
  JsonStyle style;
};

std::vector<std::string> SplitList(std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const size_t end = std::min(text.find(','), text.size());
    std::string_view item = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    if (!item.empty()) items.emplace_back(item);
  }
  return items;
}

ViewRequest ReadRequest(const Call& call) {
  ViewRequest request;
  for (const auto& [name, value] : call.parameters) {
    if (name == "columns") {
      request.columns = SplitList(value);
    } else if (name == "filter") {
      request.filter = value;
    } else if (name == "order_by") {
      request.order_by = value;
    } else if (name == "page_token") {
      request.page_token = value;
    } else if (name == "min_snapshot") {
      request.min_snapshot = value;
    } else if (name == "limit") {
      request.limit = ParseCount(name, value);
    } else if (!ReadStyle(name, value, &request.style)) {
      request.equals.emplace_back(name, value);
    }
  }
  return request;
}

// The key's values in its order when the request asks for one row by its key and nothing else.
std::optional<std::vector<std::string>> PointKey(const ViewRequest& request,
                                                 const std::vector<std::string>& key) {
  const bool plain = request.filter.empty() && request.order_by.empty() &&
                     request.page_token.empty() && request.limit > 0;
  if (!plain || key.empty() || key.size() != request.equals.size()) return {};
  std::vector<std::string> values;
  for (const std::string& column : key) {
    const auto found = std::find_if(request.equals.begin(), request.equals.end(),
                                    [&](const auto& pair) { return pair.first == column; });
    if (found == request.equals.end()) return {};
    values.push_back(found->second);
  }
  return values;
}

const Field& FindColumn(const Schema& schema, const std::string& name) {
  for (const Field& field : schema) {
    if (field.name == name) return field;
  }
  std::vector<std::string_view> names{"columns", "filter",     "order_by",
                                      "limit",   "page_token", "min_snapshot"};
  for (const Field& field : schema) names.push_back(field.name);
  throw Error(ErrorCode::kColumnNotFound, "column \"" + name + "\" does not exist", {},
              DidYouMean(name, names));
}

void KeepColumns(const std::vector<std::string>& columns, StatementResult* result) {
  if (columns.empty()) return;
  std::vector<size_t> kept;
  for (const std::string& name : columns) {
    kept.push_back(static_cast<size_t>(&FindColumn(result->schema, name) - result->schema.data()));
  }
  Schema schema;
  for (size_t i : kept) schema.push_back(result->schema[i]);
  result->schema = std::move(schema);
  for (Batch& batch : result->rows) {
    std::vector<Column> picked;
    for (size_t i : kept) picked.push_back(batch.columns[i]);
    batch.columns = std::move(picked);
  }
}

std::string QuoteName(std::string_view name) {
  std::string out = "`";
  for (char c : name) {
    if (c == '`') out.push_back('`');
    out.push_back(c);
  }
  return out + '`';
}

// "db.view" as `db`.`view`.
std::string QuoteQualified(std::string_view name) {
  std::string out;
  for (;;) {
    const size_t end = std::min(name.find('.'), name.size());
    out += QuoteName(name.substr(0, end));
    if (end == name.size()) return out;
    out.push_back('.');
    name.remove_prefix(end + 1);
  }
}

// A literal of the column's type. Throws when the text is none.
std::string Literal(const std::string& value, const Field& column) {
  if (CastKindOf(TypeId::kString, column.type) == CastKind::kNone) {
    throw Error(ErrorCode::kBadRequest, "column \"" + column.name + "\" cannot be compared", {},
                "its type is " + column.type.AsNullable().ToString());
  }
  RowErrors errors;
  Cast(Column::Constant(StringRef(value), 1), TypeId::kString, column.type, "UTC", &errors);
  if (!errors.empty()) {
    throw Error(ErrorCode::kBadRequest, "column \"" + column.name + "\": " + errors[0].message);
  }
  std::string literal = "'";
  for (char c : value) {
    if (c == '\'') literal.push_back('\'');
    literal.push_back(c);
  }
  return "CAST(" + literal + "' AS " + column.type.AsNullable().ToString() + ")";
}

bool IsOrdered(const Type& type) {
  return type.id != TypeId::kArray && type.id != TypeId::kMap && type.id != TypeId::kRow;
}

// "a, b desc", and behind it what makes the order total.
std::string OrderBy(const std::string& wanted, const Schema& schema,
                    const std::vector<size_t>& key) {
  std::string out;
  for (const std::string& item : SplitList(wanted)) {
    const size_t blank = std::min(item.find(' '), item.size());
    std::string direction = item.substr(blank);
    std::transform(direction.begin(), direction.end(), direction.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    if (!direction.empty() && direction != " ASC" && direction != " DESC") {
      throw Error(ErrorCode::kBadRequest, "\"order_by\" takes columns, each with asc or desc");
    }
    const Field& column = FindColumn(schema, item.substr(0, blank));
    out += (out.empty() ? "" : ", ") + QuoteName(column.name) + direction;
  }
  std::vector<size_t> rest = key;
  for (size_t i = 0; key.empty() && i < schema.size(); ++i) rest.push_back(i);
  for (size_t i : rest) {
    if (IsOrdered(schema[i].type)) out += (out.empty() ? "" : ", ") + QuoteName(schema[i].name);
  }
  return out.empty() ? out : " ORDER BY " + out;
}

struct ViewQuery {
  std::string sql;          // Without ORDER BY, LIMIT and OFFSET.
  size_t filter_begin = 0;  // Where the filter's text stands in it.
};

Schema SchemaOf(const ObjectInfo& object) {
  Schema schema;
  for (const TableColumn& column : object.columns) schema.push_back({column.name, column.type});
  return schema;
}

ViewQuery MakeQuery(const ViewRequest& request, const ObjectInfo& object) {
  const Schema schema = SchemaOf(object);
  std::string columns;
  for (const std::string& name : request.columns) {
    columns += (columns.empty() ? "" : ", ") + QuoteName(FindColumn(schema, name).name);
  }
  ViewQuery query;
  query.sql =
      "SELECT " + (columns.empty() ? "*" : columns) + " FROM " + QuoteQualified(object.name);
  std::string_view next = " WHERE ";
  for (const auto& [name, value] : request.equals) {
    const Field& column = FindColumn(schema, name);
    query.sql.append(next).append(QuoteName(name)).append(" = ").append(Literal(value, column));
    next = " AND ";
  }
  if (!request.filter.empty()) {
    ParseExpression(request.filter);  // One expression: nothing can follow it into the statement.
    query.sql.append(next).append("(");
    query.filter_begin = query.sql.size();
    query.sql.append(request.filter).append("\n)");  // It may end in a comment.
  }
  return query;
}

struct ChangesRequest {
  ViewRequest view;
  FrameOptions frames;
  ExecuteRequest execute;
};

Envelope ParseEnvelope(const std::string& name) {
  if (name == "changelog") return Envelope::kChangelog;
  if (name == "upsert") return Envelope::kUpsert;
  if (name == "debezium") return Envelope::kDebezium;
  throw Error(ErrorCode::kBadRequest, "\"envelope\" is changelog, upsert or debezium");
}

ChangesRequest ReadChangesRequest(const Call& call) {
  ChangesRequest request;
  std::string from(call.request.last_event_id);
  for (const auto& [name, value] : call.parameters) {
    if (name == "columns") {
      request.view.columns = SplitList(value);
    } else if (name == "filter") {
      request.view.filter = value;
    } else if (name == "snapshot") {
      request.execute.snapshot = ParseFlag(name, value);
    } else if (name == "from") {
      from = value;
    } else if (name == "envelope") {
      request.frames.envelope = ParseEnvelope(value);
    } else if (name == "progress") {
      request.frames.progress = std::chrono::milliseconds(ParseWait(name, value) / 1000);
    } else if (name == "timeout") {
      request.execute.timeout_micros = ParseWait(name, value);
    } else if (name == "max_rows") {
      request.execute.max_rows = ParseCount(name, value);
    } else if (!ReadStyle(name, value, &request.frames.style)) {
      request.view.equals.emplace_back(name, value);
    }
  }
  if (from.empty()) return request;
  request.execute.from = ParseCursor(from);
  if (!request.execute.from) {
    throw Error(ErrorCode::kBadRequest, "\"" + from + "\" is no cursor", {},
                "cursors stand in the frames snapshot_end, progress and end");
  }
  return request;
}

// Changes are frames, unless something else is asked for by name.
FrameFormat FrameFormatOf(std::string_view accept) {
  const ResponseFormat format = WantedFormat(accept);
  if (format == ResponseFormat::kServerSentEvents) return FrameFormat::kServerSentEvents;
  const bool named = accept.find("application/json") != std::string_view::npos;
  if (format == ResponseFormat::kNdjson || (format == ResponseFormat::kJson && !named)) {
    return FrameFormat::kNdjson;
  }
  throw Error(ErrorCode::kStreamingResult, "the changes of a view have no end", {},
              "ask for application/x-ndjson or text/event-stream");
}

// "OFFSET-FINGERPRINT": where the next page begins, and of which query.
std::string MakeToken(size_t offset, std::string_view sql) {
  return fmt::format("{:x}-{:016x}", offset, HashBytes(sql));
}

size_t ReadToken(const std::string& token, std::string_view sql) {
  size_t offset = 0;
  std::from_chars(token.data(), token.data() + token.size(), offset, 16);
  if (token != MakeToken(offset, sql)) {
    throw Error(ErrorCode::kBadRequest, "\"page_token\" does not belong to this request", {},
                "start again without it");
  }
  return offset;
}

// Positions in the query are positions in the filter, or nobody's.
[[noreturn]] void ThrowInFilter(Error error, const ViewQuery& query, size_t filter_size) {
  if (error.range) {
    const bool inside = query.filter_begin > 0 && error.range->offset >= query.filter_begin &&
                        error.range->offset <= query.filter_begin + filter_size;
    inside ? void(error.range->offset -= query.filter_begin) : error.range.reset();
  }
  throw error;
}

// Takes the row that only says that there are more; whether there was one.
bool DropRowsBehind(size_t limit, StatementResult* result) {
  size_t rows = 0;
  for (size_t i = 0; i < result->rows.size(); ++i) {
    Batch& batch = result->rows[i];
    if (rows + batch.size > limit) {
      batch = batch.Slice(0, limit - rows);
      result->rows.resize(i + 1);
      return true;
    }
    rows += batch.size;
  }
  return false;
}

void Answer(const StatementResult& result, const JsonStyle& style, const std::string& next,
            Call* call) {
  const ResponseFormat format = WantedFormat(call->request.accept);
  if (format == ResponseFormat::kCsv || format == ResponseFormat::kTsv ||
      format == ResponseFormat::kText) {
    return AnswerText(result, format, call);
  }
  ResultStyle with_limit;
  static_cast<JsonStyle&>(with_limit) = style;
  std::string& body = call->response->body;
  body = "{";
  call->rows = AppendJsonRows(result, with_limit, &body);
  body.append(",\"next_page_token\":");
  next.empty() ? body.append("null") : body.append("\"").append(next).append("\"");
  body.append("}\n");
}

}  // namespace

void HandleViewRows(Api& api, Call* call) {
  const std::string& name = call->arguments[0];
  const ViewRequest request = ReadRequest(*call);
  if (!request.min_snapshot.empty() &&
      !AwaitToken(api, request.min_snapshot, name, kSnapshotWaitMicros)) {
    throw Error(ErrorCode::kTimeout, "what \"min_snapshot\" names is not to be seen yet");
  }
  const Api::KeyColumns key = api.KeyOf(name);
  if (const auto values = PointKey(request, *key)) {
    StatementResult result = api.engine().Lookup(name, *values);
    KeepColumns(request.columns, &result);
    return Answer(result, request.style, {}, call);
  }
  call->text = request.filter;
  const ObjectInfo object = api.engine().Object(name);
  if (object.kind == "FUNCTION") {
    throw Error(ErrorCode::kNotFound, "\"" + name + "\" is a function");
  }
  ViewQuery query = MakeQuery(request, object);
  query.sql += OrderBy(request.order_by, SchemaOf(object), object.primary_key);
  const size_t offset = request.page_token.empty() ? 0 : ReadToken(request.page_token, query.sql);
  const size_t limit = std::min<size_t>(request.limit, 1'000'000);
  ExecuteResult executed = api.engine().Execute(
      fmt::format("{} LIMIT {} OFFSET {}", query.sql, limit + 1, offset), ExecuteRequest());
  if (executed.error) ThrowInFilter(*std::move(executed.error), query, request.filter.size());
  StatementResult& result = executed.results[0];
  const bool more = DropRowsBehind(limit, &result);
  Answer(result, request.style, more ? MakeToken(offset + limit, query.sql) : "", call);
}

void HandleViewChanges(Api& api, Call* call) {
  const std::string& name = call->arguments[0];
  ChangesRequest request = ReadChangesRequest(*call);
  request.frames.format = FrameFormatOf(call->request.accept);
  call->text = request.view.filter;
  const ObjectInfo object = api.engine().Object(name);
  if (object.kind != "MATERIALIZED VIEW") {
    throw Error(ErrorCode::kNotFound, "\"" + name + "\" is no materialized view");
  }
  const ViewQuery query = MakeQuery(request.view, object);
  FrameWriter frames(request.frames, call->response, call->stream);
  SendFrames(api, &frames, &request.execute);
  ExecuteResult executed = api.engine().Execute(query.sql + " EMIT CHANGES", request.execute);
  call->rows = frames.rows();
  if (executed.error) {
    if (!frames.begun()) {
      ThrowInFilter(*std::move(executed.error), query, request.view.filter.size());
    }
    executed.error->range.reset();
    return frames.Fail(*executed.error, {call->text, std::nullopt, call->request_id});
  }
  const StatementResult& result = executed.results[0];
  frames.Schema(result);
  frames.Notify(result, query.sql);
  frames.End(EndReason(api, result));
}

}  // namespace millrace
