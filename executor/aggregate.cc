#include "executor/aggregate.h"

#include <algorithm>

#include "executor/partial_aggregate.h"
#include "executor/windows.h"
#include "functions/held_result.h"

namespace millrace {
namespace {

constexpr size_t kCacheLine = 64;
constexpr size_t kAhead = 16;  // Rows prefetched.
constexpr size_t kEmitRows = 4096;
constexpr size_t kTimeKeyBytes = 9;  // A window column in a key: not null, 8 bytes.

bool IsExtreme(const std::string& name) { return name == "min" || name == "max"; }

}  // namespace

AggregateOperator::AggregateOperator(AggregateOptions options, PartitionContext* context)
    : options_(std::move(options)),
      context_(context),
      global_(options_.plan.keys.empty()),
      ttl_(windowed() || global_ ? 0 : options_.plan.state_ttl),
      keyed_by_time_(options_.plan.window_end &&
                     options_.input[options_.plan.keys[0]].type.id == TypeId::kTimestampLtz),
      window_prefix_(kTimeKeyBytes * (options_.plan.window_end.has_value() +
                                      options_.plan.window_start.has_value())),
      groups_(LayOut(), options_.tracked) {
  assert(!options_.plan.window_end || *options_.plan.window_end == 0);
  assert(!options_.plan.window_start || *options_.plan.window_start == 1);
  if (global_) standing_.emplace_back();
  for (int32_t set : options_.plan.empty_sets) {
    std::string key(options_.plan.keys.size() - 1, '\0');  // NULLs
    AppendKeyColumn(Column::Constant(set, 1), 0, &key);
    standing_.push_back(std::move(key));
  }
}

// Before the first row: so that what becomes of them is seen as a change.
void AggregateOperator::MakeStandingGroups() {
  for (const std::string& key : std::exchange(standing_, {})) {
    const uint64_t hash = HashBytes(key);
    if (PartitionOf(hash, context_->partitions) != context_->partition) continue;
    FetchStanding(key, hash);
    groups_.Reserve(1);
    bool created = false;
    char* group = groups_.FindOrInsert(key, hash, &created);
    if (!created) continue;  // Restored.
    Register(group);
    groups_.BeforeChange(group);
    GroupTable::header(group).touched = true;
    touched_.push_back({group, nullptr});
  }
}

bool AggregateOperator::IsEmptySet(const char* group) const {
  int32_t set;
  std::string_view key = groups_.key(group);
  key.remove_prefix(key.size() - sizeof set);
  std::memcpy(&set, key.data(), sizeof set);
  set = static_cast<int32_t>(__builtin_bswap32(static_cast<uint32_t>(set)) ^ (1u << 31));
  return std::ranges::find(options_.plan.empty_sets, set) != options_.plan.empty_sets.end();
}

size_t AggregateOperator::LayOut() {
  const std::vector<size_t> offsets = StateOffsets(options_.plan.calls);
  for (const AggregateCall& c : options_.plan.calls) {
    Call call;
    call.kernel = c.function.kernel;
    call.argument = c.argument;
    call.filter = c.filter;
    call.weight = c.weight;
    call.extreme = c.function.multiset_extreme;
    call.distinct = c.distinct && !IsExtreme(c.function.name);
    call.takes_nulls = c.function.takes_nulls;
    call.offset = offsets[calls_.size()];
    calls_.push_back(std::move(call));
  }
  size_t at = states_end_ = offsets.back();
  ShareValues();
  for (Call& call : calls_) {
    if (call.sharers.empty()) continue;
    const bool ordered = call.extreme != 0 || (call.kernel.fold && !call.kernel.any_order);
    call.values = std::make_unique<ValueTable>(at, ordered, call.sharers.size(), options_.tracked);
    at += sizeof(char*);
  }
  changed_at_offset_ = at;
  if (ttl_ > 0) at += sizeof(int64_t);
  return at - GroupTable::kPayload;
}

// Says which calls keep values, and for which.
void AggregateOperator::ShareValues() {
  for (size_t c = 0; c < calls_.size(); ++c) {
    Call& call = calls_[c];
    if (!call.distinct && !call.kernel.fold && call.extreme == 0) continue;
    const auto counts_alone = [](const Call& a) {
      return a.distinct && !a.kernel.fold && a.extreme == 0 && !a.takes_nulls;
    };
    const auto first = std::find_if(calls_.begin(), calls_.end(), [&](const Call& a) {
      return !a.sharers.empty() && counts_alone(a) && a.argument == call.argument;
    });
    const bool shares = counts_alone(call) && first != calls_.end();
    (shares ? *first : call).sharers.push_back(c);
  }
}

int64_t AggregateOperator::WindowTime(const char* group) const {
  const int64_t key = TimeOfKey(groups_.key(group));
  return keyed_by_time_ ? key : key - kMicrosPerMilli;
}

void AggregateOperator::DropLate(const StepTime& time, Batch* batch) const {
  const Aggregate& plan = options_.plan;
  const LateRule rule{.op = "Aggregate",
                      .by = keyed_by_time_ ? LateRule::By::kWindowTime : LateRule::By::kWindowEnd,
                      .column = plan.keys[*plan.window_end],
                      .after = SaturatingAdd(plan.grace, plan.allowed_lateness),
                      .reported = true};
  DropLateRows(rule, options_.input, time, context_, batch);
}

void AggregateOperator::Register(char* group) {
  ClearStates(group);
  const std::string_view key = groups_.key(group);
  if (window_prefix_ > 0 && key.size() > window_prefix_) {
    const uint64_t hash = HashBytes(key.substr(window_prefix_));
    GroupTable::header(group).vnode = static_cast<uint8_t>(VnodeOf(hash));
  }
  if (windowed()) windows_[WindowTime(group)].push_back(group);
  if (ttl_ > 0) ChangedAt(group) = context_->eval.now.micros;
}

// Before the groups change: their checkpoint copy, and what was emitted of them.
void AggregateOperator::Touch(std::span<char* const> groups, const StepTime& time) {
  for (char* group : groups) {
    groups_.BeforeChange(group);
    GroupTable::Header& header = GroupTable::header(group);
    if (header.touched) continue;
    const bool closes = options_.plan.emit_on_close;
    if (closes && CloseTimeOf(options_.plan, WindowTime(group)) > time.before) continue;
    header.touched = true;
    char* before = nullptr;
    if (Exists(group)) {
      before = before_.Allocate(groups_.row_size());
      std::memcpy(before, group, groups_.row_size());
    }
    touched_.push_back({group, before});
  }
}

void AggregateOperator::UpdateValues(const Batch& batch, Call& call, const int64_t* weights) {
  const Column& argument = batch.columns[*call.argument];
  std::vector<std::vector<uint8_t>> skips;
  for (size_t sharer : call.sharers) {
    const std::vector<uint8_t> filter = FilterOf(batch, calls_[sharer]);
    std::vector<uint8_t>& skip = skips.emplace_back(batch.size);
    for (size_t i = 0; i < batch.size; ++i) {
      skip[i] = (argument.IsNull(i) && !call.takes_nulls) || (!filter.empty() && filter[i] == 0);
    }
  }
  std::vector<size_t> columns = options_.plan.keys;
  columns.push_back(*call.argument);
  std::vector<uint32_t> group_sizes;
  group_sizes.reserve(batch.size);
  for (const char* row : rows_) {
    group_sizes.push_back(static_cast<uint32_t>(groups_.key(row).size()));
  }
  std::vector<std::vector<int64_t>> distinct;
  call.values->Add({RowKeys(batch, columns), rows_, group_sizes, weights, skips}, &distinct);
  for (size_t s = 0; s < call.sharers.size(); ++s) {
    const Call& sharer = calls_[call.sharers[s]];
    if (!sharer.distinct || !sharer.kernel.update) continue;
    sharer.kernel.update(rows_, sharer.offset, &argument, distinct[s].data(), nullptr, heap_.get());
  }
}

// Whether each row passes the call's filter; empty when it has none.
std::vector<uint8_t> AggregateOperator::FilterOf(const Batch& batch, const Call& call) {
  return call.filter ? RowsThatPass(batch.columns[*call.filter]) : std::vector<uint8_t>();
}

std::vector<int64_t> AggregateOperator::WeightsOf(const Batch& batch, const Call& call) const {
  const Column& times = batch.columns[*call.weight];
  std::vector<int64_t> weights(batch.size);
  for (size_t i = 0; i < batch.size; ++i) {
    const int64_t count = times.IsNull(i) ? 0 : std::max<int64_t>(0, times.at<int64_t>(i));
    if (__builtin_mul_overflow(batch.weight(i), count, &weights[i])) {
      constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
      weights[i] = batch.weight(i) > 0 ? kMost : -kMost;
    }
  }
  return weights;
}

void AggregateOperator::Update(const Batch& batch) {
  const int64_t* weights = batch.append_only() ? nullptr : batch.weights.data();
  for (size_t i = 0; i < batch.size; ++i) Rows(rows_[i]) += weights ? weights[i] : 1;
  for (Call& call : calls_) {
    if (call.values) {
      std::vector<int64_t> weighted;
      if (call.weight) weighted = WeightsOf(batch, call);
      UpdateValues(batch, call, call.weight ? weighted.data() : weights);
    } else if (!call.distinct) {
      const std::vector<uint8_t> filter = FilterOf(batch, call);
      const Column* argument = call.argument ? &batch.columns[*call.argument] : nullptr;
      call.kernel.update(rows_, call.offset, argument, weights,
                         call.filter ? filter.data() : nullptr, heap_.get());
    }
  }
}

// The group of each row, in rows_.
void AggregateOperator::FindGroups(const Batch& batch) {
  rows_.resize(batch.size);
  const RowKeys keys(batch, options_.plan.keys);
  if (groups_.cold()) FetchGroups(keys);
  // New groups are registered before Touch() looks at them; a new group exists nowhere yet.
  groups_.FindOrInsert(keys, rows_, [this](char* row, size_t) { Register(row); });
  if (ttl_ > 0) Renew(rows_);
}

// Takes groups of rows (executor/partial_aggregate.h).
void AggregateOperator::Merge(const Batch& batch, const StepTime& time) {
  FindGroups(batch);
  Touch(rows_, time);
  const StringRef* states = batch.columns.back().data<StringRef>();
  std::vector<const char*> from(batch.size);
  for (size_t i = 0; i < batch.size; ++i) {
    from[i] = states[i].data();
    Rows(rows_[i]) += Rows(from[i]);
  }
  for (Call& call : calls_) call.kernel.merge(rows_, from, call.offset, heap_.get());
}

void AggregateOperator::OnBatch(size_t, Batch batch, const StepTime& time, const Emit&) {
  if (batch.columns.size() > options_.input.size()) {
    MakeStandingGroups();
    return Merge(batch, time);
  }
  if (windowed() && options_.plan.decides_late) DropLate(time, &batch);
  if (batch.size == 0) return;
  if (ttl_ > 0 && !options_.append_only) return held_.push_back(std::move(batch));
  MakeStandingGroups();
  FindGroups(batch);
  Touch(rows_, time);
  Update(batch);
}

void AggregateOperator::RefreshExtreme(Call& call, std::span<char* const> groups) {
  Column values = MakeColumn(options_.input[*call.argument].type, groups.size());
  Arena heap;
  for (size_t i = 0; i < groups.size(); ++i) {
    call.kernel.init(groups[i] + call.offset);
    auto value = call.values->Extreme(groups[i], call.extreme > 0);
    if (value) {
      DecodeKeyColumn(&*value, &values, i, &heap);
    } else {
      ClearValue(&values, i);
    }
  }
  call.kernel.update(groups, call.offset, &values, nullptr, nullptr, heap_.get());
}

void AggregateOperator::RefreshFold(Call& call, std::span<char* const> groups) {
  Column values = MakeColumn(options_.input[*call.argument].type, 0);
  std::vector<int64_t> counts;
  std::vector<size_t> ends;
  Arena heap;
  for (char* group : groups) {
    call.values->ForEach(group, [&](std::string_view value, int64_t count) {
      values.Resize(counts.size() + 1);
      DecodeKeyColumn(&value, &values, counts.size(), &heap);
      counts.push_back(call.distinct ? 1 : count);
    });
    ends.push_back(counts.size());
  }
  RowErrors errors;
  const Column results = call.kernel.fold({&values, counts, ends}, &errors);
  HoldResults(groups, call.offset, results, errors, heap_.get());
}

// Brings the states that are made from values up to date.
void AggregateOperator::Refresh(std::span<char* const> groups) {
  for (Call& call : calls_) {
    if (call.extreme != 0) RefreshExtreme(call, groups);
    if (call.kernel.fold) RefreshFold(call, groups);
  }
}

void AggregateOperator::EmitRows(std::span<const char* const> states,
                                 std::span<const char* const> groups, std::vector<int64_t> weights,
                                 const Emit& emit) {
  if (states.empty()) return;
  Batch out;
  out.size = states.size();
  auto heap = std::make_shared<Arena>();
  const size_t keys = options_.plan.keys.size();
  for (size_t c = 0; c < keys; ++c) {
    out.columns.push_back(MakeColumn(options_.output[c].type, out.size));
    out.columns.back().KeepAlive(heap);
  }
  for (size_t i = 0; i < groups.size(); ++i) {
    std::string_view key = groups_.key(groups[i]);
    for (size_t c = 0; c < keys; ++c) DecodeKeyColumn(&key, &out.columns[c], i, heap.get());
  }
  RowErrors errors;
  for (Call& call : calls_)
    out.columns.push_back(call.kernel.evaluate(states, call.offset, &errors));
  const bool append_only = std::ranges::all_of(weights, [](int64_t w) { return w == 1; });
  if (!append_only) out.weights = std::move(weights);
  if (DropFailedRows(errors, "Aggregate", options_.output, context_, &out)) had_errors_ = true;
  if (out.size > 0) emit(std::move(out));
}

void AggregateOperator::DropEmptied(std::span<char* const> emptied) {
  if (windowed()) return;
  for (char* group : emptied) {
    // More may have been taken back than was there if the rest had expired.
    if (ttl_ > 0) context_->dropped_rows += static_cast<uint64_t>(-Rows(group));
    if (Rows(group) == 0 || ttl_ > 0) DropGroup(group);
  }
}

// A step's groups are more than the caches hold.
void AggregateOperator::PrefetchRow(const char* group) const {
  for (size_t at = 0; at < groups_.row_size(); at += kCacheLine) __builtin_prefetch(group + at);
}

// What rounding left behind goes with the last row. Not before all of the step's changes are there:
// a row may be taken back before it comes, and then no rows are counted while some are summed up.
void AggregateOperator::ClearStates(char* group) {
  for (const Call& call : calls_) call.kernel.init(group + call.offset);
}

// Brings the states of touched groups up to date. Nobody is told yet.
void AggregateOperator::Settle(std::span<const Touched> touched) {
  std::vector<char*> changed;
  changed.reserve(touched.size());
  for (size_t i = 0; i < touched.size(); ++i) {
    if (i + kAhead < touched.size()) PrefetchRow(touched[i + kAhead].group);
    char* group = touched[i].group;
    GroupTable::header(group).touched = false;
    if (Rows(group) == 0) ClearStates(group);
    changed.push_back(group);
  }
  Refresh(changed);
}

void AggregateOperator::EmitChanges(const Emit& emit) {
  std::vector<const char*> states, groups;
  std::vector<int64_t> weights;
  std::vector<char*> emptied;
  auto add = [&](const char* state, const char* group, int64_t weight) {
    states.push_back(state);
    groups.push_back(group);
    weights.push_back(weight);
  };
  const bool errors_before = had_errors_;
  const bool retract = !options_.upsert || errors_before;
  const size_t head = GroupTable::kPayload + sizeof(int64_t);
  // In batches that the caches hold. A group's two rows stay in one.
  for (std::span rest(touched_); !rest.empty();) {
    const std::span batch = rest.first(std::min(rest.size(), kEmitRows));
    rest = rest.subspan(batch.size());
    Settle(batch);
    for (auto [group, before] : batch) {
      const bool exists = Exists(group);
      if (!exists) emptied.push_back(group);
      // Only the number of rows changed, which nobody sees.
      if (before && exists && std::memcmp(before + head, group + head, states_end_ - head) == 0) {
        continue;
      }
      if (before && (!exists || retract)) add(before, group, -1);
      if (exists) add(group, group, +1);
    }
    EmitRows(states, groups, std::move(weights), emit);
    states.clear();
    groups.clear();
    weights.clear();
  }
  if (options_.upsert && had_errors_ && !errors_before) {
    // The first failure: rows that fail now must still leave, as they will from here on.
    states.clear();
    groups.clear();
    for (auto [group, before] : touched_) {
      if (before && Exists(group)) add(before, group, -1);
    }
    std::vector<int64_t> retractions(states.size(), -1);
    EmitRows(states, groups, std::move(retractions), emit);
    states.clear();
    groups.clear();
    for (auto [group, before] : touched_) {
      if (before && Exists(group)) add(group, group, +1);
    }
    const size_t reported = context_->errors.size();
    EmitRows(states, groups, std::vector<int64_t>(states.size(), 1), emit);
    context_->errors.resize(reported);  // Reported above.
  }
  DropEmptied(emptied);
  touched_.clear();
  before_.Clear();
}

void AggregateOperator::FireWindow(std::span<char* const> groups, const Emit& emit) {
  Refresh(groups);
  std::vector<const char*> live;
  for (const char* group : groups) {
    if (Exists(group)) live.push_back(group);
  }
  EmitRows(live, live, std::vector<int64_t>(live.size(), 1), emit);
}

void AggregateOperator::DropGroup(char* group) {
  for (Call& call : calls_) {
    if (call.values) call.values->DropGroup(group);
  }
  groups_.Erase(group);
}

void AggregateOperator::CloseWindows(const StepTime& time, const Emit& emit) {
  for (auto it = windows_.begin(); it != windows_.end();) {
    if (CloseTimeOf(options_.plan, it->first) > time.watermark) break;
    // A window that was closed before the step began has been emitted then.
    if (options_.plan.emit_on_close && CloseTimeOf(options_.plan, it->first) > time.before) {
      FireWindow(it->second, emit);
    }
    if (DropTimeOf(options_.plan, it->first) > time.watermark) {
      ++it;
      continue;
    }
    for (char* group : it->second) DropGroup(group);
    it = windows_.erase(it);
  }
}

int64_t AggregateOperator::NextTimer() const {
  return NextCloseOf(options_.plan, windows_, passed_);
}

void AggregateOperator::OnStep(const StepTime& time, const Emit& emit) {
  passed_ = time.watermark;
  MakeStandingGroups();
  if (!held_.empty()) TakeHeld(time);
  if (!touched_.empty()) EmitChanges(emit);
  if (windowed()) CloseWindows(time, emit);
  if (ttl_ > 0) SweepExpired();
  if (heap_->arena.allocated() > compact_at_) CompactHeap();
}

void AggregateOperator::CompactHeap() {
  auto fresh = std::make_unique<AggregateHeap>();
  std::string bytes;
  for (Call& call : calls_) {
    if (!call.kernel.serialize) continue;
    groups_.ForEach([&](char* group) {
      bytes.clear();
      call.kernel.serialize(group + call.offset, &bytes);
      std::string_view in = bytes;
      call.kernel.init(group + call.offset);
      call.kernel.deserialize(&in, group + call.offset, fresh.get());
    });
  }
  heap_ = std::move(fresh);
  evicted_ = 0;
  compact_at_ = (1 << 20) + 2 * heap_->arena.allocated();
}

size_t AggregateOperator::state_bytes() const {
  size_t bytes = groups_.bytes() + heap_->arena.allocated();
  for (const Call& call : calls_) bytes += call.values ? call.values->bytes() : 0;
  return bytes;
}

size_t AggregateOperator::used_bytes() const {
  return state_bytes() - groups_.bytes() + groups_.used_bytes();
}

}  // namespace millrace
