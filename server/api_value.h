// SQL values as the API writes them in JSON.
//
// Integers and floating-point numbers are numbers (not finite: "NaN", "Infinity", "-Infinity"),
// DECIMAL a string of all its digits, DATE "2026-03-01", TIME "12:03:07", TIMESTAMP(p)
// "2026-03-01T12:03:07" with p fraction digits, TIMESTAMP_LTZ the same in UTC with a Z, BYTES
// base64, INTERVAL an ISO-8601 duration, ARRAY an array, ROW an object, MAP an object if its keys
// are strings, else an array of [key, value].
#pragma once

#include <string>

#include "types/batch.h"
#include "types/type.h"

namespace millrace {

struct JsonStyle {
  bool bigint_as_string = false;  // JavaScript's numbers have 53 bits.
  bool rows_as_objects = false;   // Result rows; else arrays.
};

void AppendJsonValue(const Column& column, const Type& type, size_t row, std::string* out,
                     const JsonStyle& style = {});

// The values of a row: [1,"a"] or {"id":1,"name":"a"}.
void AppendJsonRow(const Batch& batch, const Schema& schema, size_t row, std::string* out,
                   const JsonStyle& style = {});

// {"name":"id","type":"BIGINT","nullable":false}
void AppendJsonColumn(const Field& column, std::string* out);
// Those of a schema, as an array.
void AppendJsonColumns(const Schema& schema, std::string* out);

// "2026-03-01T12:03:07.999Z": a watermark or another point in time.
std::string IsoTime(int64_t micros);

}  // namespace millrace
