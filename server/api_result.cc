#include "server/api_result.h"

#include <fmt/format.h>

#include "base/json_text.h"
#include "server/api_error.h"
#include "server/api_ops.h"

namespace millrace {
namespace {

void AppendNotices(const std::vector<Notice>& notices, std::string_view sql, JsonWriter* json) {
  json->Key("notices").BeginArray();
  for (const Notice& notice : notices) AppendJsonNotice(notice, sql, json->BeginValue());
  json->EndArray();
}

void AppendStrings(std::string_view key, const std::vector<std::string>& texts, JsonWriter* json) {
  json->Key(key).BeginArray();
  for (const std::string& text : texts) json->String(text);
  json->EndArray();
}

void AppendOptionalTime(std::string_view key, std::optional<int64_t> micros, JsonWriter* json) {
  json->Key(key);
  micros ? json->String(IsoTime(*micros)) : json->Null();
}

// A row as often as its weight says.
uint64_t Repetitions(const Batch& batch, size_t row) {
  const int64_t weight = batch.weight(row);
  return static_cast<uint64_t>(weight < 0 ? -weight : weight);
}

// How far the readers of topics are behind.
void AppendLag(const JobInfo& job, JsonWriter* json) {
  json->Key("lag").BeginArray();
  for (const auto& [table, lag] : job.lag) {
    json->BeginObject()
        .Field("table", table)
        .Field("partition", lag.partition)
        .Field("position", lag.position)
        .Field("end", lag.end)
        .Field("records", lag.records())
        .Field("seconds", lag.seconds)
        .EndObject();
  }
  json->EndArray();
}

}  // namespace

size_t AppendJsonRows(const StatementResult& result, const ResultStyle& style, std::string* out) {
  const bool with_ops = result.changelog_mode != "append";
  out->append("\"columns\":");
  AppendJsonColumns(result.schema, out);
  out->append(",\"rows\":[");
  std::string ops;
  size_t rows = 0;
  bool truncated = result.truncated;
  for (const Batch& batch : result.rows) {
    std::vector<std::string_view> names;
    if (with_ops) names = OpsOf(batch, result.primary_key);
    for (size_t row = 0; row < batch.size; ++row) {
      for (uint64_t n = Repetitions(batch, row); n > 0; --n) {
        truncated = truncated || rows == style.most_rows;
        if (rows == style.most_rows) break;
        if (rows++ > 0) out->push_back(',');
        AppendJsonRow(batch, result.schema, row, out, style);
        if (!with_ops) continue;
        ops.append(ops.empty() ? "\"" : ",\"").append(names[row]).append("\"");
      }
    }
  }
  out->append("]");
  if (with_ops) out->append(",\"ops\":[").append(ops).append("]");
  out->append(",\"row_count\":").append(std::to_string(rows));
  out->append(truncated ? ",\"truncated\":true" : ",\"truncated\":false");
  out->append(",\"snapshot\":");
  JsonWriter json(out);
  json.BeginObject().Field("id", fmt::format("s_{:06x}", result.snapshot_step));
  AppendOptionalTime("watermark", result.snapshot_watermark, &json);
  json.EndObject();
  return rows;
}

size_t AppendJsonResult(const StatementResult& result, std::string_view sql,
                        const ResultStyle& style, std::string* out) {
  JsonWriter json(out);
  json.BeginObject()
      .Field("statement_index", result.statement_index)
      .Field("kind", result.kind)
      .Key("message");
  result.message.empty() ? json.Null() : json.String(result.message);
  if (result.job) AppendJsonJobName(*result.job, json.Key("job").BeginValue());
  if (result.affected_rows >= 0) json.Field("affected_rows", result.affected_rows);
  size_t rows = 0;
  if (result.has_rows) {
    json.Field("changelog_mode", result.changelog_mode);
    rows = AppendJsonRows(result, style, json.BeginValue());
    json.Key("next_page_token").Null();
  }
  AppendNotices(result.notices, sql, &json);
  json.EndObject();
  return rows;
}

void AppendJsonNotice(const Notice& notice, std::string_view sql, std::string* out) {
  JsonWriter json(out);
  json.BeginObject()
      .Field("severity", "warning")
      .Field("code", notice.code)
      .Field("message", notice.message);
  AppendJsonPosition(sql, notice.range, json.Key("position").BeginValue());
  json.EndObject();
}

void AppendJsonJobName(const JobInfo& job, std::string* out) {
  JsonWriter(out)
      .BeginObject()
      .Field("id", job.id)
      .Field("name", job.name)
      .Field("state", job.state)
      .EndObject();
}

void AppendJsonJob(const JobInfo& job, std::string* out) {
  JsonWriter json(out);
  json.BeginObject()
      .Field("id", job.id)
      .Field("name", job.name)
      .Field("kind", job.kind)
      .Field("state", job.state)
      .Field("restarts", job.restarts)
      .Field("restart_seconds", job.restart_seconds)
      .Key("error");
  job.error ? AppendJsonError(*job.error, {}, json.BeginValue()) : void(json.Null());
  json.Field("sql", job.sql)
      .Field("plan", job.plan)
      .Field("rows_in", job.rows_in)
      .Field("rows_out", job.rows_out)
      .Field("late_rows", job.late_rows)
      .Field("error_rows", job.error_rows)
      .Field("rejected_records", job.rejected_records)
      .Field("steps", job.steps)
      .Field("state_bytes", job.state_bytes)
      .Field("state_rows", job.state_rows)
      .Field("evicted_rows", job.cold.evicted_rows)
      .Field("read_rows", job.cold.read_rows)
      .Field("expired_rows", job.expired_rows)
      .Field("dropped_rows", job.dropped_rows)
      .Field("combined_rows", job.combined_rows);
  AppendOptionalTime("watermark", job.watermark, &json);
  json.Key("held_back_by");
  job.held_back_by.empty() ? json.Null() : json.String(job.held_back_by);
  json.Field("checkpoints", job.checkpoints);
  AppendOptionalTime(
      "last_checkpoint",
      job.last_checkpoint_micros > 0 ? std::optional(job.last_checkpoint_micros) : std::nullopt,
      &json);
  json.Field("wall_seconds", job.wall_seconds).Field("busy_seconds", job.busy_seconds);
  AppendStrings("reads", job.reads, &json);
  AppendStrings("notices", job.notices, &json);
  json.Field("recovering", job.recovering);
  AppendLag(job, &json);
  json.EndObject();
}

void AppendJsonObject(const ObjectInfo& object, std::string* out) {
  constexpr std::string_view kKinds[] = {"physical", "metadata", "computed"};
  JsonWriter json(out);
  json.BeginObject().Field("name", object.name).Field("kind", object.kind);
  json.Key("columns").BeginArray();
  for (const TableColumn& column : object.columns) {
    json.BeginObject()
        .Field("name", column.name)
        .Field("type", column.type.AsNullable().ToString())
        .Field("nullable", column.type.nullable)
        .Field("kind", kKinds[static_cast<size_t>(column.kind)])
        .EndObject();
  }
  json.EndArray().Key("primary_key").BeginArray();
  for (size_t column : object.primary_key) json.String(object.columns[column].name);
  json.EndArray().Key("watermark_column");
  object.watermark_column ? json.String(object.columns[*object.watermark_column].name)
                          : json.Null();
  json.Key("connector");
  object.connector.empty() ? json.Null() : json.String(object.connector);
  json.Field("ddl", object.sql);
  AppendStrings("reads", object.reads, &json);
  AppendStrings("read_by", object.read_by, &json);
  json.Key("rows");
  object.rows ? json.Unsigned(*object.rows) : json.Null();
  json.Field("takes_rows", object.takes_rows).EndObject();
}

void AppendJsonValidation(const ValidateResult& result, std::string_view sql,
                          std::string_view request_id, std::string* out) {
  JsonWriter json(out);
  json.BeginObject().Field("ok", !result.error.has_value()).Key("diagnostics").BeginArray();
  if (result.error) {
    AppendJsonError(*result.error, {sql, result.error_statement, request_id}, json.BeginValue(),
                    "error");
  }
  for (const ValidatedStatement& statement : result.statements) {
    for (const Notice& notice : statement.notices) {
      AppendJsonNotice(notice, sql, json.BeginValue());
    }
  }
  json.EndArray().Key("statements").BeginArray();
  for (const ValidatedStatement& statement : result.statements) {
    json.BeginObject().Field("kind", statement.kind).Key("output_schema");
    AppendJsonColumns(statement.schema, json.BeginValue());
    json.Field("plan", statement.plan);
    AppendStrings("reads", statement.reads, &json);
    AppendStrings("writes", statement.writes, &json);
    AppendNotices(statement.notices, sql, &json);
    json.EndObject();
  }
  json.EndArray().Field("request_id", request_id).EndObject();
}

}  // namespace millrace
