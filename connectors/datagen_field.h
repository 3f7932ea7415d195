// One column of a datagen table: what its options say, and its values.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "connectors/connector.h"

namespace millrace {

// Without state: a value is a pure function of this and of DatagenRows.
struct DatagenField {
  std::string path;  // "a", nested "a.b"; elements of collections "a.element", ".key", ".value".
  Type type;
  bool sequence = false;
  int128_t min = 0, max = 0;  // Integers, intervals, DECIMAL unscaled; a sequence's first and last.
  double least = 0, most = 1;  // FLOAT, DOUBLE
  int64_t max_past = 0;        // Dates and times, in microseconds.
  uint32_t length = 0;         // Strings, bytes and collections.
  bool varies = false;         // The length is uniform in [1, length].
  double null_rate = 0;
  uint64_t stream = 0;
  std::vector<DatagenField> children;
};

// Reads the options "fields.<path>.…". Throws Error(kInvalidOption | kUnsupportedFeature).
DatagenField MakeDatagenField(const Field& field, const Options& options, uint64_t seed);

// The number of rows after which a sequence ends; the largest int64_t when there is none.
uint64_t SequenceRows(const DatagenField& field);

// Whether the field or one within it is a date or time, which follow DatagenRows::base_micros.
bool HasTimes(const DatagenField& field);

struct DatagenRows {
  // Of each value its number, by which it is drawn, and the row it belongs to. They differ for
  // elements of collections.
  std::span<const uint64_t> numbers, rows;
  int64_t base_micros = 0;  // When row 0 is due, UTC.
  int64_t zone_offset = 0;  // Added for types without a zone.
  double rows_per_second = 1;
};

Column MakeDatagenColumn(const DatagenField& field, const DatagenRows& rows);

}  // namespace millrace
