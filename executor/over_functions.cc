#include "executor/over_functions.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "executor/over_nulls.h"
#include "functions/registry.h"

namespace millrace {
namespace {

OverBound Offset(int64_t rows, bool following) {
  return {.kind = OverBound::Kind::kOffset, .following = following, .rows = rows};
}

bool CountsFromEnd(const OverCall& call) {
  return call.function == "last_value" || call.function == "lag";
}

// Of a call with IGNORE NULLS: the number of its row among those whose value is not NULL.
size_t NthOf(const OverCall& call) {
  const bool one = call.function == "first_value" || call.function == "last_value";
  return one ? 1 : static_cast<size_t>(call.parameter);
}

// The frame that the call looks at; of LAG and LEAD, that of their row, or with IGNORE NULLS of all
// rows on that side.
OverFrame FrameOf(const OverCall& call) {
  if (call.function != "lag" && call.function != "lead") return call.frame;
  if (call.ignore_nulls) {
    const bool lead = call.function == "lead";
    const OverBound next = Offset(1, lead);
    const OverBound all{.kind = OverBound::Kind::kUnbounded, .following = lead};
    return {.rows = true, .begin = lead ? next : all, .end = lead ? all : next};
  }
  const OverBound bound = Offset(call.parameter, call.function == "lead");
  return {.rows = true, .begin = bound, .end = bound};
}

bool SameBound(const OverBound& a, const OverBound& b) {
  return a.kind == b.kind && a.following == b.following && a.rows == b.rows &&
         (a.edge && b.edge ? SameExpr(*a.edge, *b.edge) : !a.edge && !b.edge);
}

OverItem ItemOf(const OverCall& call) {
  OverItem item;
  item.kernel = call.aggregate->kernel;
  item.takes_nulls = call.aggregate->takes_nulls;
  if (!call.arguments.empty()) item.argument = call.arguments[0];
  item.filter = call.filter;
  return item;
}

}  // namespace

OverFunctions::Kind OverFunctions::KindOf(const OverCall& call, const FrameFinder& frame) {
  struct Name {
    std::string_view name;
    Kind kind;
  };
  constexpr std::array<Name, 11> kNames = {{{"row_number", Kind::kRowNumber},
                                            {"rank", Kind::kRank},
                                            {"dense_rank", Kind::kDenseRank},
                                            {"percent_rank", Kind::kPercentRank},
                                            {"cume_dist", Kind::kCumeDist},
                                            {"ntile", Kind::kNtile},
                                            {"lag", Kind::kShift},
                                            {"lead", Kind::kShift},
                                            {"first_value", Kind::kFirst},
                                            {"last_value", Kind::kLast},
                                            {"nth_value", Kind::kNth}}};
  for (const Name& known : kNames) {
    if (known.name == call.function) return known.kind;
  }
  const bool can_merge = CanMerge(call.aggregate->kernel, call.function);
  const bool from_first = frame.running() || frame.whole();
  if (can_merge && from_first && call.distinct) return Kind::kDistinct;
  if (!can_merge || !from_first) return Kind::kSliding;
  return frame.whole() ? Kind::kWhole : Kind::kRunning;
}

std::vector<OverFunctions::Call> OverFunctions::CallsOf(const std::vector<OverCall>& plans,
                                                        std::vector<FrameFinder>* frames) {
  std::vector<Call> calls;
  for (const OverCall& plan : plans) {
    const FrameFinder finder(FrameOf(plan));
    Call& call = calls.emplace_back(Call{KindOf(plan, finder), plan, calls.size()});
    if (call.kind < Kind::kShift) continue;
    const auto known = std::ranges::find_if(*frames, [&](const FrameFinder& other) {
      return other.plan().rows == finder.plan().rows &&
             SameBound(other.plan().begin, finder.plan().begin) &&
             SameBound(other.plan().end, finder.plan().end);
    });
    call.frame = static_cast<size_t>(known - frames->begin());
    if (known == frames->end()) frames->push_back(finder);
  }
  return calls;
}

std::vector<OverItem> OverFunctions::ItemsOf(std::vector<Call>* calls) {
  std::vector<OverItem> items;
  for (Call& call : *calls) {
    call.item = items.size();
    if (call.kind == Kind::kRunning || call.kind == Kind::kWhole) {
      items.push_back(ItemOf(call.plan));
    } else if (call.kind == Kind::kDenseRank) {
      OverItem item;
      item.kernel = BuiltinFunctions().ResolveAggregate("count", {}, false).kernel;
      item.first_peers = true;
      items.push_back(std::move(item));
    } else if (call.kind == Kind::kSliding || call.kind == Kind::kDistinct) {
      call.sliding = {ItemOf(call.plan), call.plan.distinct,
                      CanMerge(call.plan.aggregate->kernel, call.plan.function),
                      call.plan.aggregate->ordered};
    }
  }
  return items;
}

OverFunctions::OverFunctions(const std::vector<OverCall>& calls)
    : calls_(CallsOf(calls, &frames_)), running_(ItemsOf(&calls_)) {
  for (const Call& call : calls_) {
    const Kind kind = call.kind;
    needs_peers_ |= kind == Kind::kRank || kind == Kind::kPercentRank || kind == Kind::kCumeDist;
    numbers_ |= kind == Kind::kRowNumber || kind == Kind::kRank;
    ranks_ |= kind == Kind::kRank;
    runs_ |= kind == Kind::kRunning || kind == Kind::kDenseRank || kind == Kind::kDistinct;
    lags_ |= kind == Kind::kDistinct;
    alters_all_ |= kind == Kind::kPercentRank || kind == Kind::kCumeDist || kind == Kind::kNtile;
    if (kind < Kind::kShift) continue;
    const FrameFinder& frame = frames_[call.frame];
    needs_peers_ |= frame.needs_peers();
    lags_ |= kind == Kind::kRunning && frame.lags();
    carries_ |= frame.running();
    carries_values_ |= frame.running() && (kind == Kind::kFirst || kind == Kind::kNth ||
                                           call.plan.ignore_nulls);
    if (frame.whole()) uniform_.push_back(call.index);
  }
  carries_ |= numbers_ || runs_;
}

size_t OverFunctions::Refresh(const OverRows& rows, OrderedPartition* partition, size_t first,
                              size_t last) {
  const size_t settled = running_.Refresh(rows, partition, first, last);
  return lags_ ? partition->size() : settled;
}

std::pair<size_t, size_t> OverFunctions::Reach(const OverRows& rows,
                                               const ChangedRows& change) const {
  size_t begin = change.begin, end = change.end;
  for (const Call& call : calls_) {
    if (call.kind < Kind::kShift || frames_[call.frame].whole()) continue;
    const FrameFinder& frame = frames_[call.frame];
    auto [first, last] = frame.Reach(rows, change);
    // What is behind is told by Refresh.
    if (call.kind == Kind::kRunning || call.kind == Kind::kDistinct) last = change.end;
    if (call.plan.ignore_nulls) NarrowReach(call, rows, change, &first, &last);
    begin = std::min(begin, first);
    end = std::max(end, last);
  }
  if (ranks_ || runs_) {
    // Where a set of peers begins may have moved.
    end = std::max(end, rows.partition->UpperBound(rows.table->PeerKey(change.row)));
  }
  return {begin, end};
}

// Rows that have enough others between the change and themselves do not see it.
void OverFunctions::NarrowReach(const Call& call, const OverRows& rows, const ChangedRows& change,
                                size_t* first, size_t* last) const {
  const size_t column = call.plan.arguments[0], nth = NthOf(call.plan);
  const FrameFinder& frame = frames_[call.frame];
  if (call.plan.function == "lead") {
    const auto before = LastNotNull(rows, column, *first, change.begin, nth);
    if (before.size() == nth) *first = std::max(*first, before.front());
  } else if (CountsFromEnd(call.plan) && frame.running()) {
    const bool lag = call.plan.function == "lag";
    if (frame.lags() && !lag) return;
    const auto behind = FirstNotNull(rows, column, change.end, *last, nth);
    if (behind.size() == nth) *last = std::min(*last, behind.back() + lag);
  }
}

void OverFunctions::ScanRunning(Chunk* chunk) {
  size_t first = chunk->end, last = chunk->begin;
  bool whole = false;
  for (const Call& call : calls_) {
    if (call.kind == Kind::kDenseRank) {
      first = std::min(first, chunk->begin + 1);
      last = std::max(last, chunk->end);
    } else if (call.kind == Kind::kRunning) {
      first = std::min(first, chunk->frames[call.frame].ends.front());
      last = std::max(last, chunk->frames[call.frame].ends.back());
    }
    whole |= call.kind == Kind::kWhole;
  }
  if (runs_ && first <= last) {
    chunk->running =
        std::make_unique<RunningStates::Span>(running_.Scan(chunk->rows, first, last, &heap_));
  }
  const size_t size = chunk->rows.size();
  if (whole) {
    chunk->total =
        std::make_unique<RunningStates::Span>(running_.Scan(chunk->rows, size, size, &heap_));
  }
}

void OverFunctions::Prepare(Chunk* chunk) {
  if (needs_peers_) {
    chunk->peers = std::make_unique<OverPeers>(chunk->rows, chunk->begin, chunk->end);
  }
  for (const FrameFinder& frame : frames_) {
    chunk->frames.push_back(frame.Find(chunk->rows, chunk->begin, chunk->end, chunk->peers.get()));
  }
  ScanRunning(chunk);
}

Batch OverFunctions::Evaluate(const OverRows& rows, size_t begin, size_t end, RowErrors* errors) {
  Chunk chunk{rows, begin, end, nullptr, {}, nullptr, nullptr};
  Batch out;
  out.size = end - begin;
  Prepare(&chunk);
  for (const Call& call : calls_) out.columns.push_back(Result(call, chunk, errors));
  heap_.arena.Clear();
  return out;
}

Column OverFunctions::Result(const Call& call, const Chunk& chunk, RowErrors* errors) const {
  switch (call.kind) {
    case Kind::kRowNumber:
    case Kind::kRank:
    case Kind::kNtile:
      return Number(call, chunk);
    case Kind::kPercentRank:
    case Kind::kCumeDist:
      return Share(call, chunk);
    case Kind::kShift:
    case Kind::kFirst:
    case Kind::kLast:
    case Kind::kNth:
      return Value(call, chunk);
    case Kind::kDenseRank:
    case Kind::kRunning:
      return Running(call, chunk, errors);
    case Kind::kWhole:
    case Kind::kDistinct:
    case Kind::kSliding:
      break;
  }
  const FrameRanges& frames = chunk.frames[call.frame];
  const bool distinct = call.kind == Kind::kDistinct;
  if (frames_[call.frame].whole()) return Total(call, chunk, errors);
  return distinct ? RunDistinct(chunk.rows, call.sliding.item, frames, errors)
                  : Slide(chunk.rows, call.sliding, frames, errors);
}

// The same for all rows, so that it is worked out once.
Column OverFunctions::Total(const Call& call, const Chunk& chunk, RowErrors* errors) const {
  RowErrors failed;
  Column value;
  const size_t size = chunk.rows.size();
  if (call.kind == Kind::kWhole) {
    const OverItem& item = running_.items()[call.item];
    const char* total[] = {(*chunk.total)[size]};
    value = item.kernel.evaluate(total, item.offset, &failed);
  } else {
    const FrameRanges all{{0}, {size}};
    value = call.kind == Kind::kDistinct ? RunDistinct(chunk.rows, call.sliding.item, all, &failed)
                                         : Slide(chunk.rows, call.sliding, all, &failed);
  }
  for (uint32_t i = 0; i < chunk.size() && !failed.empty(); ++i) {
    errors->push_back({i, failed[0].message});
  }
  return value.Take(std::vector<uint32_t>(chunk.size(), 0));
}

Column OverFunctions::Number(const Call& call, const Chunk& chunk) const {
  Column out(TypeId::kBigInt, chunk.size());
  int64_t* numbers = out.mutable_data<int64_t>();
  const auto rows = static_cast<int64_t>(chunk.rows.size());
  const int64_t before = chunk.rows.carry ? chunk.rows.carry->rows : 0;
  // The first `large` buckets have a row more than the others.
  const int64_t buckets = std::max<int64_t>(call.plan.parameter, 1);
  const int64_t least = rows / buckets, large = rows % buckets, in_large = large * (least + 1);
  for (size_t i = 0; i < chunk.size(); ++i) {
    const auto at = static_cast<int64_t>(chunk.begin + i);
    if (call.kind == Kind::kRowNumber) {
      numbers[i] = before + at + 1;
    } else if (call.kind == Kind::kRank) {
      numbers[i] = before + static_cast<int64_t>(chunk.peers->begins[i]) + 1;
    } else {
      numbers[i] = 1 + (at < in_large ? at / (least + 1) : large + (at - in_large) / least);
    }
  }
  return out;
}

Column OverFunctions::Share(const Call& call, const Chunk& chunk) const {
  Column out(TypeId::kDouble, chunk.size());
  const auto rows = static_cast<double>(chunk.rows.size());
  for (size_t i = 0; i < chunk.size(); ++i) {
    double& share = out.mutable_data<double>()[i];
    if (call.kind == Kind::kCumeDist) {
      share = static_cast<double>(chunk.peers->ends[i]) / rows;
    } else {
      share = rows == 1 ? 0 : static_cast<double>(chunk.peers->begins[i]) / (rows - 1);
    }
  }
  return out;
}

// Whether the call's value may be one of the rows that are kept no more.
bool OverFunctions::IsCarried(const Call& call, const OverRows& rows) const {
  return rows.carry && frames_[call.frame].running() &&
         (call.kind == Kind::kFirst || call.kind == Kind::kNth);
}

// Where the value of a row with this frame is; kNone without one, or with one that is carried.
size_t OverFunctions::PositionOf(const Call& call, const OverRows& rows, size_t begin,
                                 size_t end) const {
  if (call.kind == Kind::kLast) return begin < end ? end - 1 : OverRows::kNone;
  size_t nth = call.kind == Kind::kNth ? static_cast<size_t>(call.plan.parameter - 1) : 0;
  if (IsCarried(call, rows)) {
    const auto gone = static_cast<size_t>(rows.carry->rows);
    if (nth < gone) return OverRows::kNone;
    nth -= gone;
  }
  return nth < end - begin ? begin + nth : OverRows::kNone;
}

Column OverFunctions::ValueNotNull(const Call& call, const Chunk& chunk) const {
  const size_t nth = NthOf(call.plan);
  const bool from_end = CountsFromEnd(call.plan);
  const bool carried = chunk.rows.carry && frames_[call.frame].running() &&
                       chunk.rows.carry->values[call.index];
  const CarriedNotNull known(call.plan.result, nth, from_end,
                             carried ? *chunk.rows.carry->values[call.index] : std::string());
  if (!from_end && known.size() == nth) {  // All frames of later rows begin with it.
    return known.Values().Take(std::vector<uint32_t>(chunk.size(), 0));
  }
  const size_t wanted = from_end ? nth : nth - known.size();
  const NthNotNull found = FindNthNotNull(chunk.rows, call.plan.arguments[0],
                                          chunk.frames[call.frame], wanted, from_end);
  // The rows found, then what was carried, then the defaults.
  std::vector<Column> parts{chunk.rows.Pick(found.positions, call.plan.arguments[0]),
                            known.Values()};
  const size_t defaults = chunk.size() + parts[1].size();
  if (call.plan.arguments.size() > 1) {
    const size_t otherwise[] = {call.plan.arguments[1]};
    parts.push_back(chunk.rows.Columns(chunk.begin, chunk.end, otherwise)[0]);
  }
  std::vector<uint32_t> rows(chunk.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    size_t at = i;  // NULL if there is none.
    if (found.positions[i] == OverRows::kNone) {
      const bool is_carried = from_end && found.missing[i] <= parts[1].size();
      if (is_carried) {
        at = defaults - found.missing[i];
      } else if (parts.size() > 2) {
        at = defaults + i;
      }
    }
    rows[i] = static_cast<uint32_t>(at);
  }
  for (Column& part : parts) part = part.Flatten();
  return Concat(parts).Take(rows);
}

Column OverFunctions::Value(const Call& call, const Chunk& chunk) const {
  if (call.plan.ignore_nulls) return ValueNotNull(call, chunk);
  const FrameRanges& frames = chunk.frames[call.frame];
  std::vector<size_t> positions(chunk.size());
  for (size_t i = 0; i < positions.size(); ++i) {
    positions[i] = PositionOf(call, chunk.rows, frames.begins[i], frames.ends[i]);
  }
  Column out = chunk.rows.Pick(positions, call.plan.arguments[0]);
  if (IsCarried(call, chunk.rows)) return CarriedValue(call, chunk, std::move(out));
  if (call.plan.arguments.size() < 2) return out;
  // LAG and LEAD: the row's own default.
  const size_t otherwise[] = {call.plan.arguments[1]};
  const Column defaults = chunk.rows.Columns(chunk.begin, chunk.end, otherwise)[0];
  Column both[] = {std::move(out), defaults};
  std::vector<uint32_t> rows(positions.size());
  for (uint32_t i = 0; i < rows.size(); ++i) {
    rows[i] = positions[i] == OverRows::kNone ? i + static_cast<uint32_t>(rows.size()) : i;
  }
  return Concat(both).Take(rows);
}

// Frames that the carried value is in give it.
Column OverFunctions::CarriedValue(const Call& call, const Chunk& chunk, Column values) const {
  const std::optional<std::string>& carried = chunk.rows.carry->values[call.index];
  if (!carried) return values;
  // All frames of later rows hold the rows that are gone.
  auto heap = std::make_shared<Arena>();
  Column one = MakeColumn(call.plan.result, 1);
  std::string_view bytes = *carried;
  DecodeKeyColumn(&bytes, &one, 0, heap.get());
  one.KeepAlive(heap);
  return one.Take(std::vector<uint32_t>(chunk.size(), 0));
}

// Whether nothing can stand for the rows that frames from the first one on have seen.
bool OverFunctions::KeepsAll(const Call& call) const {
  return frames_[call.frame].running() &&
         (call.kind == Kind::kDistinct || call.kind == Kind::kSliding);
}

// Whether the last row of a frame is needed itself, and not what is carried of it.
bool OverFunctions::KeepsLast(const Call& call) const {
  const bool carried = call.plan.ignore_nulls && frames_[call.frame].running();
  return call.kind == Kind::kLast && !carried;
}

int64_t OverFunctions::NeededUntil(const OverRows& rows, const Column& value) const {
  int64_t until = std::numeric_limits<int64_t>::min();
  for (const Call& call : calls_) {
    if (call.kind < Kind::kShift) continue;
    const FrameFinder& frame = frames_[call.frame];
    const bool always = KeepsAll(call) || (KeepsLast(call) && frame.lags());
    until = std::max(until,
                     always ? std::numeric_limits<int64_t>::max() : frame.NeededUntil(rows, value));
  }
  return until;
}

size_t OverFunctions::Passed(const OverRows& rows, size_t known, const Column& passed) const {
  size_t count = known;
  for (const Call& call : calls_) {
    if (call.kind < Kind::kShift) continue;
    const FrameFinder& frame = frames_[call.frame];
    size_t here = KeepsAll(call) ? 0 : frame.Passed(rows, known, passed);
    // The last row before the frame's end may be the frame's last one.
    if (KeepsLast(call) && frame.lags() && here > 0) --here;
    count = std::min(count, here);
  }
  return count;
}

void OverFunctions::Carry(const OverRows& rows, size_t count, OverCarry* carry) {
  if (carries_values_) carry->values.resize(calls_.size());
  for (const Call& call : calls_) {
    if (call.plan.ignore_nulls && frames_[call.frame].running()) {
      std::optional<std::string>& value = carry->values[call.index];
      CarriedNotNull known(call.plan.result, NthOf(call.plan), CountsFromEnd(call.plan),
                           value.value_or(""));
      known.Add(rows, call.plan.arguments[0], count);
      value = known.bytes();
      continue;
    }
    const bool first = call.kind == Kind::kFirst || call.kind == Kind::kNth;
    if (!first || !frames_[call.frame].running() || carry->values[call.index]) continue;
    const size_t position = PositionOf(call, rows, 0, count);
    if (position == OverRows::kNone) continue;
    const size_t positions[] = {position};
    const Column value = rows.Pick(positions, call.plan.arguments[0]);
    AppendKeyColumn(value, 0, &carry->values[call.index].emplace());
  }
  if (!running_.empty()) {
    const RunningStates::Span span = running_.Scan(rows, count, count, &heap_);
    std::string bytes;
    running_.Encode(span[count], &bytes);
    DecodeStates(bytes, carry);
    heap_.arena.Clear();
  }
  carry->rows += static_cast<int64_t>(count);
}

void OverFunctions::DecodeStates(std::string_view bytes, OverCarry* carry) const {
  carry->heap = std::make_unique<AggregateHeap>();
  carry->states.reset(new char[running_.stride()]());
  running_.Decode(&bytes, carry->states.get(), carry->heap.get());
}

// carry := rows:fixed64 (0 | 1 size:uint32 value)* states
void OverFunctions::EncodeCarry(const OverCarry& carry, std::string* bytes) const {
  bytes->append(reinterpret_cast<const char*>(&carry.rows), sizeof carry.rows);
  for (const std::optional<std::string>& value : carry.values) {
    bytes->push_back(value.has_value());
    if (!value) continue;
    const auto size = static_cast<uint32_t>(value->size());
    bytes->append(reinterpret_cast<const char*>(&size), sizeof size);
    bytes->append(*value);
  }
  if (!running_.empty()) running_.Encode(carry.states.get(), bytes);
}

void OverFunctions::DecodeCarry(std::string_view bytes, OverCarry* carry) const {
  std::memcpy(&carry->rows, bytes.data(), sizeof carry->rows);
  bytes.remove_prefix(sizeof carry->rows);
  if (carries_values_) carry->values.assign(calls_.size(), {});
  for (std::optional<std::string>& value : carry->values) {
    const bool some = bytes.front() != 0;
    bytes.remove_prefix(1);
    if (!some) continue;
    uint32_t size;
    std::memcpy(&size, bytes.data(), sizeof size);
    value.emplace(bytes.substr(sizeof size, size));
    bytes.remove_prefix(sizeof size + size);
  }
  if (!running_.empty()) DecodeStates(bytes, carry);
}

Column OverFunctions::Running(const Call& call, const Chunk& chunk, RowErrors* errors) const {
  const OverItem& item = running_.items()[call.item];
  std::vector<const char*> states(chunk.size());
  for (size_t i = 0; i < states.size(); ++i) {
    const size_t end =
        call.kind == Kind::kDenseRank ? chunk.begin + i + 1 : chunk.frames[call.frame].ends[i];
    states[i] = (*chunk.running)[end];
  }
  return item.kernel.evaluate(states, item.offset, errors);
}

void OverFunctions::Forget(OrderedPartition* partition) {
  for (OrderedPartition::Leaf& leaf : partition->leaves()) leaf.data.reset();
}

}  // namespace millrace
