// The values of slots (planner/match.h): what the rows of matches give to conditions and measures.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "functions/scalar.h"
#include "planner/match.h"
#include "state/ordered_table.h"

namespace millrace {

// The rows of a match, or of the beginning of one: from position `begin` of their partition on,
// counts[v] for each variable of the pattern in turn, then one more for `taking`, if it is one of
// them.
struct MatchView {
  const OrderedPartition* partition;
  size_t begin;
  std::span<const uint32_t> counts;
  size_t taking;
};

class MatchValues {
 public:
  MatchValues(const std::vector<MatchSlot>& slots, const OrderedLayout& layout,
              const OrderedTable& table);

  // The slots that an expression uses.
  std::vector<size_t> SlotsOf(const Expr& expr) const;
  // A row for each view, with the columns of these slots in their places; row errors by view.
  Batch Evaluate(std::span<const MatchView> views, std::span<const size_t> slots,
                 EvalContext* eval, RowErrors* errors) const;
  // Columns of the row at positions[i] of the partition of views[i].
  std::vector<Column> Columns(std::span<const MatchView> views, std::span<const size_t> positions,
                              std::span<const size_t> columns) const;

  static size_t RowsIn(const MatchView& view);

 private:
  struct Range {
    size_t begin, end;
  };
  static Range RowsOf(const MatchView& view, std::optional<size_t> variable);
  static std::optional<size_t> PositionOf(const MatchView& view, const MatchSlot& slot);

  Column ColumnOf(const MatchSlot& slot, std::span<const MatchView> views) const;
  Column ExistsOf(const MatchSlot& slot, std::span<const MatchView> views) const;
  Column AggregateOf(size_t slot, std::span<const MatchView> views, EvalContext* eval,
                     RowErrors* errors) const;
  Column ArgumentOf(size_t slot, std::span<const std::string_view> keys, EvalContext* eval,
                    RowErrors* errors) const;

  const std::vector<MatchSlot>& slots_;
  const OrderedLayout& layout_;
  const OrderedTable& table_;
  std::vector<std::vector<size_t>> argument_columns_;  // By slot: input columns.
};

}  // namespace millrace
