#include "executor/match_values.h"

#include <memory>
#include <set>

namespace millrace {

MatchValues::MatchValues(const std::vector<MatchSlot>& slots, const OrderedLayout& layout,
                         const OrderedTable& table)
    : slots_(slots), layout_(layout), table_(table) {
  for (const MatchSlot& slot : slots_) {
    std::set<size_t> columns;
    if (slot.argument) ForEachColumn(*slot.argument, [&](size_t c) { columns.insert(c); });
    argument_columns_.emplace_back(columns.begin(), columns.end());
  }
}

std::vector<size_t> MatchValues::SlotsOf(const Expr& expr) const {
  std::set<size_t> slots;
  ForEachColumn(expr, [&](size_t slot) { slots.insert(slot); });
  return {slots.begin(), slots.end()};
}

size_t MatchValues::RowsIn(const MatchView& view) {
  size_t rows = view.taking < view.counts.size() ? 1 : 0;
  for (uint32_t count : view.counts) rows += count;
  return rows;
}

MatchValues::Range MatchValues::RowsOf(const MatchView& view, std::optional<size_t> variable) {
  if (!variable) return {view.begin, view.begin + RowsIn(view)};
  size_t begin = view.begin;
  for (size_t v = 0; v < *variable; ++v) begin += view.counts[v];
  return {begin, begin + view.counts[*variable] + (view.taking == *variable ? 1 : 0)};
}

std::optional<size_t> MatchValues::PositionOf(const MatchView& view, const MatchSlot& slot) {
  const Range rows = RowsOf(view, slot.variable);
  const auto offset = static_cast<size_t>(slot.offset);
  if (offset >= rows.end - rows.begin) return std::nullopt;
  return slot.first ? rows.begin + offset : rows.end - 1 - offset;
}

Batch MatchValues::Evaluate(std::span<const MatchView> views, std::span<const size_t> slots,
                            EvalContext* eval, RowErrors* errors) const {
  Batch batch;
  batch.size = views.size();
  batch.columns.resize(slots_.size());
  for (size_t s : slots) {
    const MatchSlot& slot = slots_[s];
    switch (slot.kind) {
      case MatchSlot::Kind::kColumn:
        batch.columns[s] = ColumnOf(slot, views);
        break;
      case MatchSlot::Kind::kExists:
        batch.columns[s] = ExistsOf(slot, views);
        break;
      case MatchSlot::Kind::kAggregate:
        batch.columns[s] = AggregateOf(s, views, eval, errors);
        break;
    }
  }
  return batch;
}

std::vector<Column> MatchValues::Columns(std::span<const MatchView> views,
                                         std::span<const size_t> positions,
                                         std::span<const size_t> columns) const {
  std::vector<std::string_view> keys;
  keys.reserve(views.size());
  for (size_t i = 0; i < views.size(); ++i) {
    keys.push_back(table_.Key(views[i].partition->At(positions[i])));
  }
  return layout_.DecodeColumns(keys, columns);
}

Column MatchValues::ColumnOf(const MatchSlot& slot, std::span<const MatchView> views) const {
  std::vector<std::string_view> keys;
  std::vector<uint32_t> places(views.size());
  std::vector<uint32_t> missing;
  for (uint32_t i = 0; i < views.size(); ++i) {
    const auto position = PositionOf(views[i], slot);
    if (!position) {
      missing.push_back(i);
      continue;
    }
    places[i] = static_cast<uint32_t>(keys.size());
    keys.push_back(table_.Key(views[i].partition->At(*position)));
  }
  if (keys.empty()) return MakeNullColumn(layout_.schema()[slot.column].type, views.size());
  const size_t columns[] = {slot.column};
  Column out = std::move(layout_.DecodeColumns(keys, columns)[0]);
  if (missing.empty()) return out;
  out = out.Take(places);
  for (uint32_t i : missing) ClearValue(&out, i);
  return out;
}

Column MatchValues::ExistsOf(const MatchSlot& slot, std::span<const MatchView> views) const {
  Column out = MakeColumn(slot.type, views.size());
  for (size_t i = 0; i < views.size(); ++i) {
    out.mutable_data<bool>()[i] = true;
    if (!PositionOf(views[i], slot)) out.SetNull(i);
  }
  return out;
}

Column MatchValues::ArgumentOf(size_t slot, std::span<const std::string_view> keys,
                               EvalContext* eval, RowErrors* errors) const {
  Batch rows;
  rows.size = keys.size();
  rows.columns.resize(layout_.schema().size());
  std::vector<Column> decoded = layout_.DecodeColumns(keys, argument_columns_[slot]);
  for (size_t i = 0; i < decoded.size(); ++i) {
    rows.columns[argument_columns_[slot][i]] = std::move(decoded[i]);
  }
  eval->errors = errors;
  return millrace::Evaluate(*slots_[slot].argument, rows, *eval);
}

// Over the rows of all views at once, each in the state of its view.
Column MatchValues::AggregateOf(size_t slot, std::span<const MatchView> views, EvalContext* eval,
                                RowErrors* errors) const {
  const AggregateKernel& kernel = slots_[slot].aggregate.kernel;
  const size_t stride = (kernel.state_size + 7) & ~size_t{7};
  const auto bytes = std::make_unique<char[]>(stride * views.size());
  auto heap = std::make_shared<AggregateHeap>();
  std::vector<char*> found, groups;
  std::vector<const char*> states;
  std::vector<uint32_t> owners;
  for (uint32_t i = 0; i < views.size(); ++i) {
    char* const state = bytes.get() + i * stride;
    kernel.init(state);
    states.push_back(state);
    const Range rows = RowsOf(views[i], slots_[slot].variable);
    views[i].partition->Copy(rows.begin, rows.end, &found);
    groups.resize(found.size(), state);
    owners.resize(found.size(), i);
  }
  if (!found.empty()) {
    std::vector<std::string_view> keys;
    keys.reserve(found.size());
    for (const char* row : found) keys.push_back(table_.Key(row));
    RowErrors failed;
    Column argument;
    const bool has_argument = slots_[slot].argument != nullptr;
    if (has_argument) argument = ArgumentOf(slot, keys, eval, &failed);
    for (RowError& error : failed) {
      errors->push_back({owners[error.row], std::move(error.message)});
    }
    kernel.update(groups, 0, has_argument ? &argument : nullptr, nullptr, nullptr, heap.get());
  }
  Column out = kernel.evaluate(states, 0, errors);
  out.KeepAlive(heap);
  return out;
}

}  // namespace millrace
