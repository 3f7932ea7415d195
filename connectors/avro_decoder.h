// Avro records into columns.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/arena.h"
#include "connectors/avro_schema.h"
#include "connectors/column_builder.h"
#include "connectors/connector.h"

namespace millrace {

// Reads records of one writer's schema into the wanted columns: fields by their names, with Avro's
// promotions; a column that the record has not is NULL.
class AvroRowReader {
 public:
  // `columns`: those wanted.
  AvroRowReader(std::shared_ptr<const AvroDocument> writer, Schema columns);

  // Appends a row to `builders`; false, with a reason, when the bytes are no record of the schema or
  // do not fit the columns. The builders may then hold a part of the row. Strings point into `bytes`.
  bool Read(std::string_view bytes, Arena* arena, std::vector<ColumnBuilder>* builders,
            std::string* reason) const;

 private:
  std::shared_ptr<const AvroDocument> writer_;
  Schema columns_;
};

}  // namespace millrace
