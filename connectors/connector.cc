#include "connectors/connector.h"

namespace millrace {

SourceBatch Source::PollUntil(size_t i, const SourcePosition& end, size_t /*max_rows*/) {
  // Positions are opaque: only the smallest polls never go too far.
  SourceBatch batch = Poll(i, 1);
  if (batch.next == end || batch.size() > 0) return batch;
  throw Error(ErrorCode::kIo, "source partition '" + Partitions().at(i) +
                                  "' cannot be read again up to position '" + end + "'");
}

}  // namespace millrace
