#include "executor/top_n.h"

#include <algorithm>

#include "executor/order_columns.h"
#include "executor/windows.h"

namespace millrace {
namespace {

constexpr size_t kEmitRows = 4096;
constexpr int64_t kNoRank = 0;

// The window's columns do not choose where a partition's rows go, unless they are all there is.
size_t Unrouted(const TopN& plan) {
  const size_t window = plan.window_end.has_value() + plan.window_start.has_value();
  return window < plan.partition.size() ? window : 0;
}

}  // namespace

TopNOperator::TopNOperator(TopNOptions options, PartitionContext* context)
    : options_(std::move(options)),
      context_(context),
      layout_(options_.input, options_.plan.partition, OrderColumns(options_.plan.order),
              Unrouted(options_.plan)),
      bounded_(options_.append_only && options_.plan.last),
      groups_(sizeof(Group), options_.tracked && options_.plan.state_ttl > 0 && !windowed()),
      rows_(dense() ? RankedRows::Unit::kPeers : RankedRows::Unit::kCopies, options_.tracked),
      expiry_(windowed() ? 0 : options_.plan.state_ttl) {
  assert(!options_.plan.window_end || *options_.plan.window_end == 0);
  assert(!options_.plan.window_start || *options_.plan.window_start == 1);
  assert(options_.plan.first >= 1);
}

int64_t TopNOperator::WindowTime(const char* group) const {
  return LastInstantBefore(TimeOfKey(groups_.key(group)), options_.zone);
}

int64_t TopNOperator::NextTimer() const {
  return NextCloseOf(options_.plan, windows_, passed_);
}

void TopNOperator::DropLate(const StepTime& time, Batch* batch) const {
  const TopN& plan = options_.plan;
  const LateRule rule{.op = "TopN",
                      .column = plan.partition[*plan.window_end],
                      .after = SaturatingAdd(plan.grace, plan.allowed_lateness),
                      .reported = true,
                      .zone = options_.zone};
  DropLateRows(rule, options_.input, time, context_, batch);
}

// Whether changes of the group are emitted as they come.
bool TopNOperator::IsVisible(const char* group, const StepTime& time) const {
  return !options_.plan.emit_on_close ||
         CloseTimeOf(options_.plan, WindowTime(group)) <= time.before;
}

void TopNOperator::Register(char* group) {
  if (windowed()) windows_[WindowTime(group)].push_back(group);
  GroupOf(group).changed_at = context_->eval.now.micros;
  expiry_.Watch(group, GroupOf(group).changed_at);
}

// Takes the rows out that are behind all that can come into their group's range.
void TopNOperator::DropHopeless(Batch* batch) {
  std::vector<uint32_t> good;
  std::string order;
  for (uint32_t i = 0; i < batch->size; ++i) {
    const char* worst = GroupOf(group_rows_[i]).worst;
    if (worst != nullptr) {
      order.clear();
      for (size_t o = 0; o < layout_.order().size(); ++o) {
        layout_.AppendOrder(o, batch->columns[layout_.order()[o].column], i, &order);
      }
      if (order > rows_.order(worst)) continue;
    }
    group_rows_[good.size()] = group_rows_[i];
    good.push_back(i);
  }
  if (good.size() < batch->size) *batch = batch->Take(good);
}

void TopNOperator::Insert(const Batch& batch) {
  input_rows_.resize(batch.size);
  rows_.FindOrInsert(layout_.Encode(batch), input_rows_);
  for (size_t i = 0; i < batch.size; ++i) {
    GroupTable::Header& header = GroupTable::header(group_rows_[i]);
    Group& group = GroupOf(group_rows_[i]);
    if (!header.touched) {
      header.touched = true;
      touched_.push_back(group_rows_[i]);
      groups_.BeforeChange(group_rows_[i]);
      group.changed_at = context_->eval.now.micros;
    }
    Touch(group, input_rows_[i]);
    rows_.AddWeight(&group.root, input_rows_[i], batch.weight(i));
    if (bounded_) Trim(group);
  }
}

void TopNOperator::Touch(Group& group, char* row) {
  GroupTable::Header& header = GroupTable::header(row);
  if (header.touched) return;
  header.touched = true;
  node(row).next_touched = std::exchange(group.touched, row);
}

void TopNOperator::EvictFrom(Group& group, char* row) {
  while (row != nullptr) {
    char* next = rows_.Next(row);
    Touch(group, row);
    rows_.AddWeight(&group.root, row, -node(row).weight);
    row = next;
  }
}

// Evicts what no later insert can bring into the range.
void TopNOperator::Trim(Group& group) {
  const int64_t last = *options_.plan.last;
  while (RankedRows::Total(group.root) > last) {
    char* row = rows_.Last(group.root);
    if (!row_number()) row = rows_.FirstPeer(group.root, row);
    // The units in front of it must fill the range by themselves.
    if (rows_.UnitsBefore(row) < last) break;
    EvictFrom(group, row);
  }
  group.worst = RankedRows::Total(group.root) >= last ? rows_.Last(group.root) : nullptr;
}

void TopNOperator::OnBatch(size_t, Batch batch, const StepTime& time, const Emit&) {
  if (restored_) Adopt(time);
  Expire();
  if (options_.plan.decides_late) DropLate(time, &batch);
  if (batch.size == 0 || options_.plan.last == 0) return;
  group_rows_.resize(batch.size);
  groups_.FindOrInsert(RowKeys(batch, options_.plan.partition), group_rows_,
                       [this](char* group, size_t) { Register(group); });
  if (bounded_) DropHopeless(&batch);
  if (batch.size > 0) Insert(batch);
}

TopNOperator::Range TopNOperator::RowNumberRange(char* root) const {
  const int64_t total = RankedRows::Total(root), first = options_.plan.first;
  const int64_t end = std::min(total, options_.plan.last.value_or(total));
  if (end < first) return {};
  Range range{rows_.Select(root, first), rows_.Select(root, end)};
  range.before = first - 1 - rows_.UnitsBefore(range.first);
  range.behind = rows_.UnitsBefore(range.last) + node(range.last).weight - end;
  return range;
}

TopNOperator::Range TopNOperator::RankRange(char* root) const {
  const int64_t total = RankedRows::Total(root), first = options_.plan.first;
  const int64_t end = std::min(total, options_.plan.last.value_or(total));
  if (end < first) return {};
  // All peers have the rank of the first, which may lie before the range.
  Range range;
  char* at = rows_.Select(root, first);
  range.first = rows_.FirstPeer(root, at);
  if (rows_.UnitsBefore(range.first) + 1 < first) range.first = rows_.BehindPeers(root, at);
  char* behind = rows_.BehindPeers(root, rows_.Select(root, end));
  range.last = behind != nullptr ? rows_.Previous(behind) : rows_.Last(root);
  const bool empty = range.first == nullptr || rows_.Compare(range.first, range.last) > 0;
  return empty ? Range{} : range;
}

TopNOperator::Range TopNOperator::DenseRankRange(char* root) const {
  Range range{rows_.Select(root, options_.plan.first)};
  if (range.first == nullptr) return {};
  char* behind = options_.plan.last ? rows_.Select(root, *options_.plan.last + 1) : nullptr;
  range.last = behind != nullptr ? rows_.Previous(behind) : rows_.Last(root);
  return range;
}

TopNOperator::Range TopNOperator::FindRange(char* root) const {
  switch (options_.plan.rank) {
    case TopN::Rank::kRowNumber:
      return RowNumberRange(root);
    case TopN::Rank::kRank:
      return RankRange(root);
    case TopN::Rank::kDenseRank:
      return DenseRankRange(root);
  }
  return {};
}

int64_t TopNOperator::ShownOf(const char* row, const Range& range) const {
  const int64_t weight = RankedRows::node(row).weight;
  if (weight <= 0 || range.first == nullptr) return 0;
  if (rows_.Compare(row, range.first) < 0 || rows_.Compare(row, range.last) > 0) return 0;
  return weight - (row == range.first ? range.before : 0) - (row == range.last ? range.behind : 0);
}

void TopNOperator::Push(const char* row, int64_t weight, int64_t rank) {
  // The consumer replaces the row by the one that has its rank now.
  if (weight < 0 && options_.upsert && std::max(rank, options_.plan.first) <= top_rank_) return;
  if (weight != 0) changes_.push_back({row, weight, rank});
}

// The row now stands `count` times in the output; as ROW_NUMBER, with the ranks from `rank` on,
// else each time with `rank`.
void TopNOperator::Show(char* row, int64_t rank, int64_t count) {
  Node& n = node(row);
  const int64_t old_rank = std::exchange(n.rank, rank), old_count = std::exchange(n.shown, count);
  if (old_count == count && (old_rank == rank || count == 0)) return;
  if (rank == kNoRank && old_rank == kNoRank) return Push(row, count - old_count, kNoRank);
  if (!row_number()) {
    if (old_rank == rank) return Push(row, count - old_count, rank);
    Push(row, -old_count, old_rank);
    return Push(row, count, rank);
  }
  for (int64_t r = old_rank; r < old_rank + old_count; ++r) {
    if (r < rank || r >= rank + count) Push(row, -1, r);
  }
  for (int64_t r = rank; r < rank + count; ++r) {
    if (r < old_rank || r >= old_rank + old_count) Push(row, 1, r);
  }
}

// Without ranks: what did not change itself changes at the ends of the two ranges only.
void TopNOperator::SettleRows(const Group& group, const Range& now) {
  for (char* row = group.touched; row != nullptr; row = node(row).next_touched) {
    Show(row, kNoRank, ShownOf(row, now));
  }
  const auto walk = [&](const char* from, const char* to) {
    char* row = rows_.LowerBound(group.root, from);
    for (; row != nullptr && rows_.Compare(row, to) <= 0; row = rows_.Next(row)) {
      Show(row, kNoRank, ShownOf(row, now));
    }
  };
  if (group.first_shown == nullptr || now.first == nullptr) {
    if (now.first != nullptr) walk(now.first, now.last);
    if (group.first_shown != nullptr) walk(group.first_shown, group.last_shown);
    return;
  }
  const auto [first, second] = std::minmax(group.first_shown, now.first,
                                           [&](auto a, auto b) { return rows_.Compare(a, b) < 0; });
  walk(first, second);
  const auto [third, fourth] = std::minmax(group.last_shown, now.last,
                                           [&](auto a, auto b) { return rows_.Compare(a, b) < 0; });
  walk(third, fourth);
}

// With ranks: those of all rows behind the first change may differ.
void TopNOperator::SettleRanks(const Group& group, const Range& now) {
  const char *from = nullptr, *to = nullptr;
  const auto earlier = [&](const char* a, const char* b) { return rows_.Compare(a, b) < 0; };
  for (char* row = group.touched; row != nullptr; row = node(row).next_touched) {
    if (node(row).weight <= 0) Show(row, kNoRank, 0);
    if (from == nullptr || earlier(row, from)) from = row;
  }
  // Before both ranges nothing is shown, and behind them nothing either.
  const char* begin = now.first;
  if (begin == nullptr || (group.first_shown != nullptr && earlier(group.first_shown, begin))) {
    begin = group.first_shown;
  }
  if (from == nullptr || group.first_shown == nullptr || (begin && earlier(from, begin))) {
    from = begin;
  }
  to = now.last;
  if (to == nullptr || (group.last_shown != nullptr && earlier(to, group.last_shown))) {
    to = group.last_shown;
  }
  if (from == nullptr || to == nullptr || group.root == nullptr) return;
  WalkRanks(group, rows_.LowerBound(group.root, from), to);
}

// Shows the rows as far as `to` with their ranks.
void TopNOperator::WalkRanks(const Group& group, char* from, const char* to) {
  if (from == nullptr) return;
  const int64_t first = options_.plan.first;
  const int64_t last = options_.plan.last.value_or(std::numeric_limits<int64_t>::max());
  int64_t before = rows_.UnitsBefore(from);  // Units in front of the row.
  int64_t rank = 0;                          // Of RANK and DENSE_RANK.
  if (dense()) rank = before;
  if (!dense() && !row_number()) rank = 1 + rows_.UnitsBefore(rows_.FirstPeer(group.root, from));
  const char* previous = nullptr;
  for (char* row = from; row != nullptr && rows_.Compare(row, to) <= 0; row = rows_.Next(row)) {
    const Node& n = node(row);
    if (row_number()) {
      const int64_t begin = std::max(before + 1, first), end = std::min(before + n.weight, last);
      Show(row, begin, std::max<int64_t>(end - begin + 1, 0));
    } else {
      if (dense()) {
        rank += n.first_peer;
      } else if (previous != nullptr && !rows_.ArePeers(previous, row)) {
        rank = before + 1;
      }
      Show(row, rank, first <= rank && rank <= last ? n.weight : 0);
    }
    before += n.weight;
    previous = row;
  }
}

void TopNOperator::Settle(Group& group) {
  const Range now = FindRange(group.root);
  if (options_.upsert) {
    const int64_t total = RankedRows::Total(group.root);
    top_rank_ = std::min(total, options_.plan.last.value_or(total));
  }
  if (options_.plan.rank_output) {
    SettleRanks(group, now);
  } else {
    SettleRows(group, now);
  }
  group.first_shown = now.first;
  group.last_shown = now.last;
}

// Ends the step for the group's rows.
void TopNOperator::Release(Group& group) {
  for (char* row = std::exchange(group.touched, nullptr); row != nullptr;) {
    GroupTable::header(row).touched = false;
    const int64_t weight = node(row).weight;
    if (weight <= 0) gone_.push_back(row);
    // What is taken back without having been there is gone (state TTL), or never was.
    if (weight < 0) context_->dropped_rows += static_cast<uint64_t>(-weight);
    row = node(row).next_touched;
  }
}

void TopNOperator::EmitRows(std::span<const Change> changes, const Emit& emit) const {
  std::vector<std::string_view> keys;
  bool append_only = true;
  for (const Change& change : changes) {
    keys.push_back(rows_.key(change.row));
    append_only &= change.weight == 1;
  }
  Batch out = layout_.Decode(keys);
  if (options_.plan.rank_output) {
    Column ranks(TypeId::kBigInt, out.size);
    for (size_t i = 0; i < out.size; ++i) ranks.mutable_data<int64_t>()[i] = changes[i].rank;
    out.columns.push_back(std::move(ranks));
  }
  for (size_t i = 0; i < out.size && !append_only; ++i) out.weights.push_back(changes[i].weight);
  emit(std::move(out));
}

void TopNOperator::Flush(const Emit& emit) {
  const std::span<const Change> all = changes_;
  for (size_t at = 0; at < all.size(); at += kEmitRows) {
    EmitRows(all.subspan(at, std::min(kEmitRows, all.size() - at)), emit);
  }
  changes_.clear();
  for (char* row : gone_) rows_.Erase(row);
  gone_.clear();
}

void TopNOperator::DropGroup(char* group) {
  rows_.EraseTree(GroupOf(group).root);
  groups_.Erase(group);
}

void TopNOperator::Expire() {
  const size_t rows = rows_.size();
  expiry_.Run(
      context_->eval.now.micros, [](char* group) { return GroupOf(group).changed_at; },
      [this](char* group) {
        DropGroup(group);
        return true;
      });
  context_->expired_rows += rows - rows_.size();
}

void TopNOperator::CloseWindows(const StepTime& time, const Emit& emit) {
  passed_ = time.watermark;
  for (auto it = windows_.begin(); it != windows_.end();) {
    if (CloseTimeOf(options_.plan, it->first) > time.watermark) break;
    // A window that was closed before the step began has been emitted then.
    if (options_.plan.emit_on_close && CloseTimeOf(options_.plan, it->first) > time.before) {
      for (char* group : it->second) Settle(GroupOf(group));
      Flush(emit);
    }
    if (DropTimeOf(options_.plan, it->first) > time.watermark) {
      ++it;
      continue;
    }
    for (char* group : it->second) DropGroup(group);
    it = windows_.erase(it);
  }
}

void TopNOperator::OnStep(const StepTime& time, const Emit& emit) {
  if (restored_) Adopt(time);
  Expire();
  for (char* row : touched_) {
    if (IsVisible(row, time)) Settle(GroupOf(row));
    Release(GroupOf(row));
    GroupTable::header(row).touched = false;
  }
  Flush(emit);
  for (char* row : touched_) {
    const bool stays = windowed() || expiry_.enabled();
    if (GroupOf(row).root == nullptr && !stays) groups_.Erase(row);
  }
  touched_.clear();
  if (windowed()) CloseWindows(time, emit);
}

void TopNOperator::BeginCheckpoint(StateWriter* writer) {
  rows_.BeginCheckpoint(options_.id, writer);
  if (!expiry_.enabled()) return;
  groups_.BeginCheckpoint(options_.id + 1, writer, [](const char* row, std::string* value) {
    const int64_t changed_at = GroupOf(row).changed_at;
    value->append(reinterpret_cast<const char*>(&changed_at), sizeof changed_at);
  });
}

bool TopNOperator::CopySlice(size_t max_rows) {
  return rows_.CopySlice(max_rows) && (!expiry_.enabled() || groups_.CopySlice(max_rows));
}

char* TopNOperator::FindOrMakeGroup(std::string_view key) {
  groups_.Reserve(1);
  bool created = false;
  char* group = groups_.FindOrInsert(key, HashBytes(key), &created);
  if (created) Register(group);
  return group;
}

void TopNOperator::Restore(const Store& store, size_t partition, size_t partitions) {
  if (expiry_.enabled()) {
    store.Scan(options_.id + 1, partition, partitions,
               [&](uint32_t, std::string_view key, std::string_view value) {
                 int64_t changed_at = 0;
                 std::memcpy(&changed_at, value.data(), sizeof changed_at);
                 groups_.Reserve(1);
                 bool created = false;
                 char* group = groups_.FindOrInsert(key, HashBytes(key), &created);
                 GroupOf(group).changed_at = changed_at;
                 expiry_.Watch(group, changed_at);
                 GroupTable::MarkRestored(group);
               });
  }
  rows_.Restore(options_.id, store, partition, partitions,
                [this](std::string_view key) { return &GroupOf(FindOrMakeGroup(key)).root; });
  restored_ = true;
}

// What readers had before the restart is what the order says; it is not emitted again.
void TopNOperator::Adopt(const StepTime& time) {
  restored_ = false;
  groups_.ForEach([&](char* row) {
    if (IsVisible(row, time)) Settle(GroupOf(row));
    if (bounded_) Trim(GroupOf(row));
  });
  changes_.clear();
}

}  // namespace millrace
