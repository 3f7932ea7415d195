#include "executor/materialize.h"

#include <algorithm>

namespace millrace {
namespace {

constexpr size_t kKnownRows = 10'000;  // Of past changes, for those who come back.

}  // namespace

View::View(std::string name, ViewSpec spec, size_t partitions, bool tracked)
    : name_(std::move(name)), spec_(std::move(spec)), pending_(partitions) {
  for (size_t p = 0; p < partitions; ++p) {
    parts_.push_back(std::make_unique<ViewPartition>(spec_, tracked));
  }
}

View::~View() {
  for (const Follower& follower : followers_) {
    if (const auto feed = follower.feed.lock()) feed->Close();
  }
}

void View::Follow(const std::shared_ptr<ViewFeed>& feed, size_t number) {
  followers_.push_back({feed, number});
  if (!known_since_) known_since_ = published_step_;
}

std::optional<std::vector<FeedStep>> View::Since(uint64_t step) const {
  if (step > published_step_ || step < known_since_.value_or(published_step_)) return std::nullopt;
  std::vector<FeedStep> steps;
  for (const FeedStep& known : known_) {
    if (known.number > step) steps.push_back(known);
  }
  return steps;
}

void View::Remember(uint64_t step, const FeedStep::Change& change) {
  for (const Batch& batch : change.rows) known_rows_ += batch.size;
  known_.push_back({step, {change}});
  while (known_rows_ > kKnownRows) {
    known_since_ = known_.front().number;
    for (const Batch& batch : known_.front().changes[0].rows) known_rows_ -= batch.size;
    known_.pop_front();
  }
}

void View::Feed(uint64_t step, std::vector<std::shared_ptr<ViewFeed>>* fed) {
  std::erase_if(followers_, [](const Follower& follower) { return follower.feed.expired(); });
  if (!known_since_) return;
  FeedStep::Change change{0, watermark_, {}};
  for (size_t p = 0; p < parts_.size(); ++p) {
    for (Batch& batch : Delta(p)) {
      if (batch.size > 0) change.rows.push_back(std::move(batch));
    }
  }
  if (change.rows.empty() && watermark_ == fed_watermark_) return;
  fed_watermark_ = watermark_;
  if (!change.rows.empty()) Remember(step, change);
  for (const Follower& follower : followers_) {
    const auto feed = follower.feed.lock();
    if (!feed) continue;
    change.view = follower.number;
    feed->Add(change);
    fed->push_back(feed);
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
