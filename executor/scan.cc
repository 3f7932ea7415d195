#include "executor/scan.h"

#include <algorithm>

#include "base/hash.h"

namespace millrace {
namespace {

// A step shorter than the one may become longer, and one longer than the other shorter.
constexpr std::chrono::milliseconds kShortStep(50), kLongStep(120);
constexpr size_t kMostGrowth = 16;
// Raw records of a step: what the caches hold between reading and decoding.
constexpr size_t kStepBytes = 16 << 20;

// The order of arrival is one number:
//   scan:12 partition:24 record:56 row:32 (bits), the row within its record.
Column ArrivalColumn(uint32_t scan, const TableScan::Arrivals& first, size_t size,
                     const std::vector<uint32_t>* records) {
  const uint128_t partition = (static_cast<uint128_t>(scan) << 24 | first.number) << 88;
  Column out(TypeId::kDecimal, size);
  uint32_t row = 0;
  for (size_t i = 0; i < size; ++i) {
    const uint64_t record = first.taken + (records ? (*records)[i] : i);
    row = records && i > 0 && (*records)[i] == (*records)[i - 1] ? row + 1 : 0;
    const uint128_t number = partition | static_cast<uint128_t>(record) << 32 | row;
    out.mutable_data<int128_t>()[i] = static_cast<int128_t>(number);
  }
  return out;
}

std::optional<std::string> KeyOf(const RecordBlock& block, size_t record) {
  if (block.keys.empty() || block.keys[record].second == RecordBlock::kNoKey) return {};
  const auto [offset, size] = block.keys[record];
  return std::string(block.data + offset, size);
}

std::optional<int64_t> TimeOf(const RecordBlock& block, size_t record) {
  if (block.times.empty()) return {};
  return block.times[record];
}

}  // namespace

TableScan::TableScan(std::unique_ptr<Source> source,
                     std::function<std::unique_ptr<Decoder>()> make_decoder, ScanOptions options)
    : source_(std::move(source)),
      options_(options),
      work_(options.partitions),
      step_rows_(options.step_rows),
      rejects_(options.partitions),
      rows_(options.partitions) {
  for (size_t p = 0; make_decoder && p < options.partitions; ++p) {
    decoders_.push_back(make_decoder());
  }
  RefreshPartitions();
}

void TableScan::RefreshPartitions() {
  const std::vector<std::string> names = source_->Partitions();
  for (size_t i = names_.size(); i < names.size(); ++i) {
    names_.push_back(names[i]);
    positions_.emplace_back();
    moved_.push_back(0);
    finished_.push_back(0);
    fed_.push_back(0);
    caught_up_.push_back(0);
    paused_.push_back(0);
    const auto arrivals = arrivals_.try_emplace(names[i], Arrivals{arrivals_.size(), 0}).first;
    ever_fed_.push_back(arrivals->second.taken > 0);
    if (auto it = resume_.find(names[i]); it != resume_.end()) {
      source_->Seek(i, it->second);
      positions_[i] = it->second;
      resume_.erase(it);
    }
  }
}

void TableScan::Take(size_t i, SourceBatch batch) {
  finished_[i] |= batch.end;
  if (batch.next != positions_[i] && !batch.next.empty()) {
    positions_[i] = batch.next;
    moved_[i] = 1;
  }
  if (batch.size() == 0) return;
  Arrivals& arrivals = arrivals_.find(names_[i])->second;
  const Arrivals first = arrivals;
  fed_[i] = ever_fed_[i] = 1;
  arrivals.taken += batch.size();
  work_[next_worker_].push_back({i, std::move(batch), first});
  next_worker_ = (next_worker_ + 1) % options_.partitions;
}

// Called as a step begins, so that the time since the last call is what that one took.
void TableScan::AdaptStep() {
  const auto now = std::chrono::steady_clock::now();
  const auto took = now - step_began_;
  step_began_ = now;
  if (!options_.longer_steps) return;
  // A bounded source is cut by rows and bytes alone, the same in every run and after every restart.
  if (source_->bounded()) {
    step_rows_ = options_.step_rows * kMostGrowth;
    return;
  }
  if (!step_was_full_ || took > kLongStep) {
    step_rows_ = std::max(options_.step_rows, step_rows_ / 2);
  } else if (took < kShortStep) {
    step_rows_ = std::min(options_.step_rows * kMostGrowth, step_rows_ * 2);
  }
}

size_t TableScan::Poll() {
  RefreshPartitions();
  if (drained_) {
    ended_ = true;
    return 0;
  }
  AdaptStep();
  size_t taken = 0;
  const size_t polled = std::max<size_t>(1, std::ranges::count(paused_, 0));
  const size_t share = std::max<size_t>(1, step_rows_ / polled);
  for (size_t i = 0; i < names_.size(); ++i) {
    if (paused_[i]) continue;
    bool more = false;
    caught_up_[i] = 0;
    size_t bytes_left = std::max<size_t>(1, kStepBytes / polled);
    for (size_t left = share; ((left > 0 && bytes_left > 0) || more) && !finished_[i];) {
      SourceBatch batch = source_->Poll(i, std::clamp<size_t>(left, 1, options_.batch_rows));
      const size_t size = batch.size();
      bytes_left -= std::min(bytes_left, batch.bytes());
      more = batch.more;
      const bool stays = batch.next == positions_[i] || batch.next.empty();
      Take(i, std::move(batch));
      taken += size;
      left -= std::min(size, left);
      caught_up_[i] = size == 0 && stays;
      if (caught_up_[i]) break;
    }
  }
  ended_ = source_->bounded() && !names_.empty() &&
           std::ranges::all_of(finished_, [](uint8_t f) { return f != 0; });
  step_was_full_ = taken > 0 && taken >= share * polled;
  return taken;
}

bool TableScan::Replay(const ScanCut& cut) {
  RefreshPartitions();
  for (const auto& [name, end] : cut.positions) {
    const size_t i = std::ranges::find(names_, name) - names_.begin();
    if (i == names_.size()) {
      if (source_->remote()) return false;
      throw Error(ErrorCode::kIo, "source partition '" + name + "' is gone: cannot replay it");
    }
    while (positions_[i] != end) {
      const SourcePosition before = positions_[i];
      Take(i, source_->PollUntil(i, end, options_.batch_rows));
      if (positions_[i] == before) {
        if (source_->remote()) return false;
        throw Error(ErrorCode::kIo,
                    "source partition '" + name + "' no longer reaches position " + end);
      }
    }
  }
  ended_ = cut.ended;
  if (ended_) std::ranges::fill(finished_, uint8_t{1});
  return true;
}

void TableScan::PushRows(Batch batch, size_t source_partition, PartitionContext* context,
                         const Emit& emit) {
  context->source_partition = source_partition;
  if (batch.size <= options_.batch_rows) {
    if (batch.size > 0) emit(std::move(batch));
    return;
  }
  for (size_t at = 0; at < batch.size; at += options_.batch_rows) {
    emit(batch.Slice(at, std::min(options_.batch_rows, batch.size - at)));
  }
}

void TableScan::Run(size_t p, PartitionContext* context, const Emit& emit) {
  std::vector<Work> work = std::move(work_[p]);
  work_[p].clear();
  for (Work& taken : work) {
    Work w = std::move(taken);  // Its memory is free for the next one's columns.
    if (w.batch.rows) {
      Batch& rows = *w.batch.rows;
      rows_[p] += rows.size;
      if (options_.arrival) {
        rows.columns.push_back(ArrivalColumn(*options_.arrival, w.first, rows.size, nullptr));
      }
      PushRows(std::move(*w.batch.rows), w.source_partition, context, emit);
      continue;
    }
    const RecordBlock& block = *w.batch.block;
    std::vector<Reject> rejects;
    std::vector<uint32_t> row_records;
    Batch rows = decoders_[p]->Decode(block, &rejects, &row_records);
    for (const Column& c : block.metadata) rows.columns.push_back(c.Take(row_records));
    if (options_.arrival) {
      rows.columns.push_back(ArrivalColumn(*options_.arrival, w.first, rows.size, &row_records));
    }
    rows_[p] += block.records.size();
    for (Reject& r : rejects) {
      const auto [offset, size] = block.records[r.record];
      rejects_[p].push_back({block.origin ? *block.origin : names_[w.source_partition],
                             std::to_string(block.PositionOf(r.record)), block.arrival_micros,
                             std::move(r.reason), std::string(block.data + offset, size),
                             KeyOf(block, r.record), TimeOf(block, r.record)});
    }
    PushRows(std::move(rows), w.source_partition, context, emit);
  }
}

ScanCut TableScan::TakeCut() {
  ScanCut cut;
  for (size_t i = 0; i < names_.size(); ++i) {
    fed_[i] = 0;
    if (std::exchange(moved_[i], 0)) cut.positions[names_[i]] = positions_[i];
  }
  cut.ended = ended_;
  for (uint64_t& rows : rows_) rows_in_ += std::exchange(rows, 0);
  return cut;
}

std::vector<TableReject> TableScan::TakeRejects() {
  std::vector<TableReject> all;
  for (auto& part : rejects_) {
    std::ranges::move(part, std::back_inserter(all));
    part.clear();
  }
  rejected_ += all.size();
  return all;
}

std::map<std::string, SourcePosition> TableScan::Positions() const {
  std::map<std::string, SourcePosition> positions = resume_;
  for (size_t i = 0; i < names_.size(); ++i) {
    if (!positions_[i].empty()) positions[names_[i]] = positions_[i];
  }
  return positions;
}

void TableScan::SetArrivals(std::map<std::string, Arrivals> arrivals) {
  // Partitions that were seen first now have numbers behind those of before.
  for (const auto& [name, now] : arrivals_) {
    arrivals.try_emplace(name, Arrivals{arrivals.size(), now.taken});
  }
  arrivals_ = std::move(arrivals);
  for (size_t i = 0; i < names_.size(); ++i) {
    ever_fed_[i] = arrivals_.find(names_[i])->second.taken > 0;
  }
}

void TableScan::Seek(const std::map<std::string, SourcePosition>& positions, bool ended) {
  resume_ = positions;
  ended_ = ended;
  for (size_t i = 0; i < names_.size(); ++i) {
    auto it = resume_.find(names_[i]);
    if (it == resume_.end()) continue;
    source_->Seek(i, it->second);
    positions_[i] = it->second;
    resume_.erase(it);
    finished_[i] = ended;
  }
}

}  // namespace millrace
