// Rows with a time for the tests of joins by time, with what they are as batches and as text.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "types/batch.h"
#include "types/value.h"

namespace millrace {

using Counts = std::map<std::string, int64_t>;

// k INT, v BIGINT, ts TIMESTAMP(3), s STRING on either side.
inline constexpr size_t kValue = 1, kTime = 2, kColumns = 4;
inline Schema SideSchema() {
  return {{"k", Type(TypeId::kInteger)},
          {"v", Type(TypeId::kBigInt)},
          {"ts", Type::MakeTimestamp(3)},
          {"s", Type(TypeId::kString)}};
}

struct Row {
  std::optional<int64_t> key, value, time;
  std::string text;  // Unique.
  int64_t weight = 1;

  std::string Text() const {
    const auto print = [](const std::optional<int64_t>& n) {
      return n ? std::to_string(*n) : std::string("NULL");
    };
    return print(key) + '|' + print(value) + '|' + print(time) + '|' + text + '|';
  }
};
inline const std::string kNulls = "NULL|NULL|NULL|NULL|";

inline Batch BatchOf(const std::vector<Row>& rows) {
  Batch batch;
  batch.size = rows.size();
  const Schema schema = SideSchema();
  const auto heap = std::make_shared<Arena>();
  for (size_t c = 0; c < kColumns; ++c) {
    Column column = MakeColumn(schema[c].type, rows.size());
    for (size_t i = 0; i < rows.size(); ++i) {
      const Row& row = rows[i];
      const auto& number = c == 0 ? row.key : c == kValue ? row.value : row.time;
      Value value;
      if (c + 1 == kColumns) {
        value = {row.text};
      } else if (number) {
        value = {*number};
      }
      SetValue(value, schema[c].type, &column, i, heap.get());
    }
    column.KeepAlive(heap);
    batch.columns.push_back(std::move(column));
  }
  for (const Row& row : rows) batch.weights.push_back(row.weight);
  return batch;
}

inline std::string TextOf(const Batch& batch, const Schema& schema, size_t i) {
  std::string text;
  for (size_t c = 0; c < schema.size(); ++c) {
    const Value value = GetValue(batch.columns[c], schema[c].type, i);
    if (const auto* s = std::get_if<std::string>(&value.data)) {
      text += *s;
    } else if (const auto* n = std::get_if<int64_t>(&value.data)) {
      text += std::to_string(*n);
    } else {
      text += "NULL";
    }
    text += '|';
  }
  return text;
}

inline void AddTo(Counts* counts, const std::string& text, int64_t weight) {
  if (((*counts)[text] += weight) == 0) counts->erase(text);
}

}  // namespace millrace
