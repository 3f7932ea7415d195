// What the engine answers, as the API's JSON.
#pragma once

#include <string>
#include <string_view>

#include "server/api_value.h"
#include "server/engine.h"

namespace millrace {

struct ResultStyle : JsonStyle {
  size_t most_rows = SIZE_MAX;
};

// {"statement_index":0,"kind":"select","columns":[…],"rows":[[…]],…}; positions of notices are in
// `sql`. Returns how many rows it wrote.
size_t AppendJsonResult(const StatementResult& result, std::string_view sql,
                        const ResultStyle& style, std::string* out);

// "columns", "rows", "row_count" and "snapshot", without braces: the part that reads share. Rows of
// a result that has updates come with "ops", a list as long as "rows".
size_t AppendJsonRows(const StatementResult& result, const ResultStyle& style, std::string* out);

// {"severity":"warning","code":…,"message":…,"position":…}
void AppendJsonNotice(const Notice& notice, std::string_view sql, std::string* out);

// {"id":"job_7","name":"out","state":"RUNNING"}
void AppendJsonJobName(const JobInfo& job, std::string* out);
// Everything that is known of a job.
void AppendJsonJob(const JobInfo& job, std::string* out);
// Columns, key, watermark, statement, what reads it and what it reads.
void AppendJsonObject(const ObjectInfo& object, std::string* out);

// {"ok":true,"diagnostics":[…],"statements":[…]}
void AppendJsonValidation(const ValidateResult& result, std::string_view sql,
                          std::string_view request_id, std::string* out);

}  // namespace millrace
