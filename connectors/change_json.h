// Changes of a database's tables as JSON: debezium-json, canal-json, maxwell-json and ogg-json.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "connectors/connector.h"

namespace millrace {

// How one of the formats says what happened.
//   images:  {"before": row | null, "after": row | null, OP: …}
//   data:    {"data": row, "old": the changed columns as they were | null, OP: …}; canal-json has
//            arrays of both, whose elements belong together
struct ChangeDialect {
  std::string_view format;  // Its name, and of its options the first part.
  std::string_view op;      // The field that names the operation.
  bool images = true;
  bool arrays = false;
  std::string_view inserts[2], update, removal;
  std::string_view skipped[2];  // Operations that change no row.
};

// The context with the format's options as the JSON format has them.
ConnectorContext WithJsonOptions(const ConnectorContext& context, const ChangeDialect& dialect);

std::unique_ptr<Decoder> MakeChangeDecoder(const ConnectorContext& context,
                                           const ChangeDialect& dialect);

}  // namespace millrace
