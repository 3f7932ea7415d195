// What top-N nodes promise, and which of them are deduplications.
#pragma once

#include "planner/plan.h"

namespace millrace {

// How one row of each partition is kept.
enum class Deduplication : uint8_t {
  kNone,          // It is another top-N.
  kBest,          // The first in the order: a better one replaces it.
  kFirstArrival,  // By processing time: the first stays.
  kLastArrival,   // By processing time: each replaces the one before.
  kFirstInTime,   // By event time, given once, when the watermark has passed it: it stays.
};

// `node` is a TopN, its input has its properties.
Deduplication DeduplicationOf(const Node& node);

// Whether its own columns tell rows apart: those of PARTITION BY and, if it is given, ROW_NUMBER.
bool HasRankKey(const TopN& top);

Properties TopNProperties(const Node& node);

// A TopN over the input, its schema and properties set; `rank_name` is of the rank's column.
NodePtr MakeTopN(NodePtr input, TopN top, std::string rank_name, SourceRange range);

}  // namespace millrace
