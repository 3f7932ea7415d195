#include "executor/materialize.h"

#include <algorithm>

namespace millrace {

View::View(std::string name, ViewSpec spec, size_t partitions, bool tracked)
    : name_(std::move(name)), spec_(std::move(spec)), pending_(partitions) {
  for (size_t p = 0; p < partitions; ++p) {
    parts_.push_back(std::make_unique<ViewPartition>(spec_, tracked));
  }
}

std::vector<Batch> View::Delta(size_t p) const {
  std::vector<Batch> delta;
  if (pending_[p].empty()) return delta;
  const Batch all = Concat(pending_[p]);
  if (std::optional<Batch> replaced = parts_[p]->Replaced(all)) {
    delta.push_back(std::move(*replaced));
  }
  delta.push_back(all);
  return delta;
}

bool View::changed() const {
  return std::ranges::any_of(pending_, [](const auto& batches) { return !batches.empty(); });
}

void View::BufferExpired(int64_t watermark) {
  if (spec_.retention == 0 || watermark == kMinWatermark || watermark == kMaxWatermark) return;
  for (size_t p = 0; p < parts_.size(); ++p) {
    if (std::optional<Batch> expired = parts_[p]->TakeExpired(watermark)) {
      Buffer(p, std::move(*expired));
    }
  }
}

void View::Prepare(size_t p) {
  if (parts_[p]->cold()) parts_[p]->ReadCold(pending_[p]);
}

bool View::cold() const {
  return std::ranges::any_of(parts_, [](const auto& part) { return part->cold(); });
}

void View::Publish(size_t p) {
  // Together where a batch may take back what another brings.
  const bool retracts = spec_.kind == ViewSpec::Kind::kKeyed &&
                        !std::ranges::all_of(pending_[p], &Batch::append_only);
  if (retracts && pending_[p].size() > 1) pending_[p] = {Concat(pending_[p])};
  parts_[p]->Apply(pending_[p]);
  pending_[p].clear();
}

std::vector<ViewSnapshot> View::Snapshot() const {
  std::vector<ViewSnapshot> snapshots;
  for (const auto& part : parts_) snapshots.push_back(part->Snapshot());
  return snapshots;
}

std::optional<Batch> View::Lookup(const Batch& key_row) const {
  std::vector<size_t> columns(key_row.columns.size());
  for (size_t c = 0; c < columns.size(); ++c) columns[c] = c;
  const RowKeys keys(key_row, columns);
  for (const auto& part : parts_) {
    if (std::optional<Batch> row = part->Lookup(keys[0])) return row;
  }
  return std::nullopt;
}

size_t View::rows() const {
  size_t rows = 0;
  for (const auto& part : parts_) rows += part->live();
  return rows;
}

size_t View::bytes() const {
  size_t bytes = 0;
  for (const auto& part : parts_) bytes += part->bytes();
  return bytes;
}

}  // namespace millrace
