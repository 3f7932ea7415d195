// The events of the Nexmark benchmark: an auction site's persons, auctions and bids.
//
// Ids, hot items, proportions, event times and the distributions follow the generator of Apache
// Beam and the Flink connector. Event n is a pure function of (options, n): it can be made without
// its predecessors and without the columns that nobody asks for.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "connectors/nexmark_text.h"
#include "types/batch.h"

namespace millrace {

struct NexmarkOptions {
  uint64_t seed = 0;
  int64_t base_millis = 1'436'918'400'000;  // 2015-07-15 00:00:00, as in Beam
  int64_t events_per_second = 10'000;
  uint32_t persons = 1, auctions = 3, bids = 46;  // The proportions.
  uint32_t hot_auctions = 2, hot_bidders = 4, hot_sellers = 4;
  uint32_t person_bytes = 200, auction_bytes = 500, bid_bytes = 100;
};

enum class NexmarkKind : uint8_t { kPerson, kAuction, kBid, kEventType };

struct NexmarkModel;
struct NexmarkRuns;
using NexmarkFill = void (*)(const NexmarkModel&, const NexmarkRuns&, Column*);

// What to make of a table's column.
struct NexmarkColumn {
  struct Part {
    TypeId type;
    NexmarkFill fill;  // Null: not asked for.
  };
  NexmarkKind kind;
  std::vector<Part> parts;  // The ROW's fields.
};

// Finds the generator's column for a column of the table by its name, and for a ROW its fields.
// `needed`: the fields to fill; empty is all. Throws Error(kColumnNotFound | kTypeMismatch).
NexmarkColumn FindNexmarkColumn(const Field& column, std::span<const std::string> needed);

// Thread-safe.
class NexmarkGenerator {
 public:
  explicit NexmarkGenerator(const NexmarkOptions& options);
  ~NexmarkGenerator();

  // Events [first, first + count).
  Batch Generate(std::span<const NexmarkColumn> columns, uint64_t first, size_t count) const;

 private:
  std::unique_ptr<const NexmarkModel> model_;
};

}  // namespace millrace
