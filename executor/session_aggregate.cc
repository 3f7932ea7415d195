#include "executor/session_aggregate.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "executor/partial_aggregate.h"
#include "executor/windows.h"

namespace millrace {
namespace {

constexpr size_t kEmitRows = 4096;
constexpr size_t kTimeBytes = 8;  // Behind the keys.

void AppendTime(int64_t time, std::string* key) {
  const uint64_t big_endian = __builtin_bswap64(static_cast<uint64_t>(time) ^ (1ull << 63));
  key->append(reinterpret_cast<const char*>(&big_endian), sizeof big_endian);
}

}  // namespace

bool SessionAggregateOperator::CanRun(const AggregateCall& call) {
  return !call.distinct && !call.weight && !call.function.kernel.fold &&
         call.function.kernel.merge != nullptr;
}

SessionAggregateOperator::SessionAggregateOperator(SessionAggregateOptions options,
                                                   PartitionContext* context)
    : options_(std::move(options)),
      context_(context),
      sessions_(LayOut(), options_.tracked),
      lists_(sizeof(char*), false) {}

size_t SessionAggregateOperator::LayOut() {
  size_t at = states_ = GroupTable::kPayload + sizeof(Session);
  for (const AggregateCall& c : options_.plan.calls) {
    calls_.push_back({c.function.kernel, c.argument, c.filter, at});
    at += (c.function.kernel.state_size + 7) & ~size_t{7};
  }
  return at - GroupTable::kPayload;
}

int64_t SessionAggregateOperator::EndOf(const Session& session) const {
  return SaturatingAdd(session.last, options_.plan.gap);
}

int64_t SessionAggregateOperator::CloseTime(const Session& session) const {
  return CloseTimeOf(options_.plan, EndOf(session) - kMicrosPerMilli);
}

int64_t SessionAggregateOperator::DropTime(const Session& session) const {
  return DropTimeOf(options_.plan, EndOf(session) - kMicrosPerMilli);
}

std::string_view SessionAggregateOperator::KeysOf(const char* row) const {
  std::string_view key = sessions_.key(row);
  key.remove_suffix(kTimeBytes);
  return key;
}

// Takes the rows out of the batch that would be late if they were alone.
void SessionAggregateOperator::HoldOldRows(const StepTime& time, Batch* batch) {
  if (!options_.plan.decides_late || time.before == kMinWatermark) return;
  const Column& times = batch->columns[options_.plan.time_column];
  const auto is_old = [&](size_t i) {
    const int64_t t = times.at<int64_t>(i);
    return DropTime({t, t, nullptr, nullptr, 0, 0, false}) <= time.before;
  };
  size_t n = 0;
  for (size_t i = 0; i < batch->size; ++i) n += is_old(i);
  if (n == 0) return;
  std::vector<uint32_t> old, good;
  for (uint32_t i = 0; i < batch->size; ++i) (is_old(i) ? old : good).push_back(i);
  old_rows_.push_back(batch->Take(old));
  *batch = batch->Take(good);
}

void SessionAggregateOperator::OnBatch(size_t, Batch batch, const StepTime& time, const Emit&) {
  DropNullTimes("Session", options_.plan.time_column, options_.input, context_, &batch);
  HoldOldRows(time, &batch);
  if (batch.size > 0) Insert(batch);
}

// Latest first, so that a row that reaches an open session does so before the row that reaches it.
void SessionAggregateOperator::PlaceOldRows(const StepTime& time) {
  if (old_rows_.empty()) return;
  const Batch batch = Concat(old_rows_);
  old_rows_.clear();
  const Column& times = batch.columns[options_.plan.time_column];
  std::vector<uint32_t> order(batch.size), late;
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::greater<>(),
                           [&](uint32_t i) { return times.at<int64_t>(i); });
  for (const uint32_t i : order) {
    const Batch row = batch.Take(std::span(&i, 1));
    if (TouchesSession(row, 0)) {
      Insert(row);
    } else {
      late.push_back(i);
    }
  }
  ReportLate(batch, late, time);
}

bool SessionAggregateOperator::TouchesSession(const Batch& batch, uint32_t i) {
  const RowKeys keys(batch, options_.plan.keys);
  char* list = lists_.Find(keys[i], keys.hash(i));
  if (list == nullptr) return false;
  const int64_t time = batch.columns[options_.plan.time_column].at<int64_t>(i);
  for (const char* row = HeadOf(list); row != nullptr; row = SessionOf(row).next) {
    const Session& session = SessionOf(row);
    if (time <= EndOf(session) && SaturatingAdd(time, options_.plan.gap) >= session.start) {
      return true;
    }
  }
  return false;
}

// `rows` are in the order of their times, the latest first.
void SessionAggregateOperator::ReportLate(const Batch& batch, std::span<const uint32_t> rows,
                                          const StepTime& time) {
  if (rows.empty()) return;
  const RowKeys keys(batch, options_.plan.keys);
  const Column& times = batch.columns[options_.plan.time_column];
  // The session that a key's late rows would make together.
  struct Late {
    int64_t start, end;
  };
  std::map<std::string_view, Late> sessions;
  for (const uint32_t i : rows) {
    const int64_t t = times.at<int64_t>(i), end = SaturatingAdd(t, options_.plan.gap);
    Late& session = sessions.try_emplace(keys[i], Late{t, end}).first->second;
    if (end < session.start) session.end = end;
    session.start = t;
    const int64_t window_time = session.end - kMicrosPerMilli;
    context_->late.push_back(LateRow("Session", WindowEnded(window_time),
                                     RowToJson(batch, options_.input, i), 1, window_time,
                                     time.before));
  }
}

void SessionAggregateOperator::Insert(const Batch& batch) {
  const RowKeys keys(batch, options_.plan.keys);
  const Column& times = batch.columns[options_.plan.time_column];
  list_rows_.resize(batch.size);
  rows_.resize(batch.size);
  updated_ = 0;
  lists_.FindOrInsert(keys, list_rows_, [](char* list, size_t) { HeadOf(list) = nullptr; });
  for (size_t i = 0; i < batch.size; ++i) {
    rows_[i] = Place(list_rows_[i], keys[i], times.at<int64_t>(i), batch, i);
  }
  Update(batch, batch.size);
}

// The session of row `row`, which has this time.
char* SessionAggregateOperator::Place(char* list, std::string_view key, int64_t time,
                                      const Batch& batch, size_t row) {
  const int64_t gap = options_.plan.gap;
  char** link = &HeadOf(list);
  while (*link != nullptr && SessionOf(*link).start > SaturatingAdd(time, gap)) {
    link = &SessionOf(*link).next;
  }
  char* found = *link;
  if (found == nullptr || time > EndOf(SessionOf(found))) {
    char* made = Create(list, key, time);
    SessionOf(made).next = found;
    return *link = made;
  }
  Touch(found);
  Session& session = SessionOf(found);
  session.last = std::max(session.last, time);
  if (time >= session.start) return found;
  session.start = time;
  char* earlier = session.next;
  if (earlier == nullptr || EndOf(SessionOf(earlier)) < time) return found;
  // Rows of the batch may be on their way to the one that goes.
  Update(batch, row);
  Merge(found, earlier);
  return found;
}

char* SessionAggregateOperator::Create(char* list, std::string_view key, int64_t time) {
  key_.assign(key);
  AppendTime(time, &key_);
  sessions_.Reserve(1);
  bool created = false;
  char* row = sessions_.FindOrInsert(key_, HashBytes(key_), &created);
  assert(created);
  GroupTable::header(row).vnode = static_cast<uint8_t>(VnodeOf(GroupTable::header(list).hash));
  SessionOf(row) = {time, time, nullptr, nullptr, 0, 0, false};
  for (const Call& call : calls_) call.kernel.init(row + call.offset);
  SessionOf(row).slot = AddSlot(row);
  Touch(row);
  SessionOf(row).before = nullptr;
  AddTimer(row);
  return row;
}

// `from` is next to `into` in the list.
void SessionAggregateOperator::Merge(char* into, char* from) {
  Touch(from);
  Session &session = SessionOf(into), &other = SessionOf(from);
  session.start = other.start;
  session.next = other.next;
  const char* source = from;
  for (const Call& call : calls_) {
    call.kernel.merge(std::span(&into, 1), std::span(&source, 1), call.offset, heap_.get());
  }
  if (other.before != nullptr) ended_.push_back(other.before);
  changed_[other.place] = nullptr;
  slots_[other.slot].session = nullptr;
  sessions_.Erase(from);
}

// Before a session changes: its checkpoint copy, and what was emitted of it.
void SessionAggregateOperator::Touch(char* row) {
  sessions_.BeforeChange(row);
  GroupTable::Header& header = GroupTable::header(row);
  if (header.touched) return;
  header.touched = true;
  Session& session = SessionOf(row);
  session.place = static_cast<uint32_t>(changed_.size());
  changed_.push_back(row);
  session.before = nullptr;
  if (options_.plan.emit_on_close && !session.fired) return;
  session.before = sessions_.Copy(row, &before_);
}

// Adds the rows up to `end` that are not in their sessions yet.
void SessionAggregateOperator::Update(const Batch& batch, size_t end) {
  if (end == updated_) return;
  const std::span rows = std::span(rows_).subspan(updated_, end - updated_);
  if (rows.size() == batch.size) {
    UpdateRows(batch, rows);
  } else {
    UpdateRows(batch.Slice(updated_, rows.size()), rows);
  }
  updated_ = end;
}

void SessionAggregateOperator::UpdateRows(const Batch& batch, std::span<char* const> rows) {
  const int64_t* weights = batch.append_only() ? nullptr : batch.weights.data();
  std::vector<uint8_t> filter;
  for (Call& call : calls_) {
    if (call.filter) filter = RowsThatPass(batch.columns[*call.filter]);
    const Column* argument = call.argument ? &batch.columns[*call.argument] : nullptr;
    call.kernel.update(rows, call.offset, argument, weights, call.filter ? filter.data() : nullptr,
                       heap_.get());
  }
}

bool SessionAggregateOperator::SameAsBefore(const char* row) const {
  const Session& now = SessionOf(row);
  if (now.before == nullptr) return false;
  const Session& then = SessionOf(now.before);
  return now.start == then.start && now.last == then.last &&
         std::memcmp(row + states_, now.before + states_, sessions_.row_size() - states_) == 0;
}

void SessionAggregateOperator::EmitChanges(const StepTime& time, const Emit& emit) {
  for (char* row : changed_) {
    if (row == nullptr) continue;
    GroupTable::header(row).touched = false;
    Session& session = SessionOf(row);
    const bool once = options_.plan.emit_on_close;
    const bool visible = !once || CloseTime(session) <= time.watermark;
    if (visible && SameAsBefore(row)) continue;
    if (session.before != nullptr) Add(session.before, -1, emit);
    if (visible) Add(row, +1, emit);
    const bool again = session.fired && !visible;
    session.fired = once && visible;
    if (again) AddTimer(row);
  }
  for (const char* before : ended_) Add(before, -1, emit);
  Flush(emit);
  changed_.clear();
  ended_.clear();
  before_.Clear();
}

void SessionAggregateOperator::Close(const StepTime& time, const Emit& emit) {
  std::vector<char*> closed;
  while (!timers_.empty() && timers_.top().first <= time.watermark) {
    const uint32_t slot = timers_.top().second;
    timers_.pop();
    char* row = slots_[slot].session;
    if (row != nullptr) {
      Session& session = SessionOf(row);
      if (options_.plan.emit_on_close && !session.fired && CloseTime(session) <= time.watermark) {
        sessions_.BeforeChange(row);
        session.fired = true;
        Add(row, +1, emit);
      }
      if (DropTime(session) <= time.watermark) {
        slots_[slot].session = nullptr;
        closed.push_back(row);
      } else {
        AddTimer(row);
      }
    }
    ReleaseTimer(slot);
  }
  Flush(emit);
  for (char* row : closed) {
    Unlink(row);
    sessions_.Erase(row);
  }
}

void SessionAggregateOperator::Unlink(char* row) {
  const std::string_view keys = KeysOf(row);
  char* list = lists_.Find(keys, HashBytes(keys));
  char** link = &HeadOf(list);
  while (*link != row) link = &SessionOf(*link).next;
  *link = SessionOf(row).next;
  if (HeadOf(list) == nullptr) lists_.Erase(list);
}

void SessionAggregateOperator::OnStep(const StepTime& time, const Emit& emit) {
  PlaceOldRows(time);
  if (!changed_.empty()) EmitChanges(time, emit);
  Close(time, emit);
  if (heap_->arena.allocated() > compact_at_) CompactHeap();
}

int64_t SessionAggregateOperator::NextTimer() const {
  return timers_.empty() ? kMaxWatermark : SaturatingAdd(timers_.top().first, kMicrosPerMilli);
}

// In batches that the caches hold.
void SessionAggregateOperator::Add(const char* row, int64_t weight, const Emit& emit) {
  if (rows_out_.size() >= kEmitRows) Flush(emit);
  rows_out_.push_back(row);
  weights_out_.push_back(weight);
}

void SessionAggregateOperator::Flush(const Emit& emit) {
  if (rows_out_.empty()) return;
  Batch out;
  out.size = rows_out_.size();
  WindowColumnsOut windows(options_.output[2].type.id, out.size);
  for (size_t i = 0; i < out.size; ++i) {
    const Session& session = SessionOf(rows_out_[i]);
    windows.SetInstants(i, session.start, EndOf(session), options_.plan.zone);
  }
  windows.AppendTo(&out);
  auto heap = std::make_shared<Arena>();
  const size_t first = out.columns.size(), keys_end = first + options_.plan.keys.size();
  for (size_t c = first; c < keys_end; ++c) {
    out.columns.push_back(MakeColumn(options_.output[c].type, out.size));
    out.columns.back().KeepAlive(heap);
  }
  for (size_t i = 0; i < out.size; ++i) {
    std::string_view key = sessions_.key(rows_out_[i]);
    for (size_t c = first; c < keys_end; ++c) {
      DecodeKeyColumn(&key, &out.columns[c], i, heap.get());
    }
  }
  RowErrors errors;
  for (Call& call : calls_) {
    out.columns.push_back(call.kernel.evaluate(rows_out_, call.offset, &errors));
  }
  const bool append_only = std::ranges::all_of(weights_out_, [](int64_t w) { return w == 1; });
  if (!append_only) out.weights = weights_out_;
  rows_out_.clear();
  weights_out_.clear();
  DropFailedRows(errors, "Session", options_.output, context_, &out);
  if (out.size > 0) emit(std::move(out));
}

uint32_t SessionAggregateOperator::AddSlot(char* row) {
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<uint32_t>(slots_.size()));
    slots_.push_back({});
  }
  const uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  slots_[slot] = {row, 0};
  return slot;
}

void SessionAggregateOperator::AddTimer(const char* row) {
  const Session& session = SessionOf(row);
  const bool fires = options_.plan.emit_on_close && !session.fired;
  timers_.emplace(fires ? CloseTime(session) : DropTime(session), session.slot);
  ++slots_[session.slot].timers;
}

void SessionAggregateOperator::ReleaseTimer(uint32_t slot) {
  if (--slots_[slot].timers == 0 && slots_[slot].session == nullptr) free_slots_.push_back(slot);
}

void SessionAggregateOperator::CompactHeap() {
  auto fresh = std::make_unique<AggregateHeap>();
  std::string bytes;
  for (Call& call : calls_) {
    if (!call.kernel.serialize) continue;
    sessions_.ForEach([&](char* row) {
      bytes.clear();
      call.kernel.serialize(row + call.offset, &bytes);
      std::string_view in = bytes;
      call.kernel.init(row + call.offset);
      call.kernel.deserialize(&in, row + call.offset, fresh.get());
    });
  }
  heap_ = std::move(fresh);
  compact_at_ = (1 << 20) + 2 * heap_->arena.allocated();
}

size_t SessionAggregateOperator::state_bytes() const {
  return sessions_.bytes() + lists_.bytes() + heap_->arena.allocated() +
         slots_.size() * sizeof(Slot) + timers_.size() * sizeof(Timer);
}

void SessionAggregateOperator::BeginCheckpoint(StateWriter* writer) {
  sessions_.BeginCheckpoint(options_.id, writer, [this](const char* row, std::string* value) {
    const Session& session = SessionOf(row);
    value->append(reinterpret_cast<const char*>(&session.start), sizeof session.start);
    value->append(reinterpret_cast<const char*>(&session.last), sizeof session.last);
    value->push_back(session.fired ? 1 : 0);
    for (const Call& call : calls_) {
      if (call.kernel.serialize) {
        call.kernel.serialize(row + call.offset, value);
      } else {
        value->append(row + call.offset, call.kernel.state_size);
      }
    }
  });
}

void SessionAggregateOperator::Restore(const Store& store, size_t partition, size_t partitions) {
  store.Scan(options_.id, partition, partitions,
             [&](uint32_t vnode, std::string_view key, std::string_view value) {
               sessions_.Reserve(1);
               bool created = false;
               char* row = sessions_.FindOrInsert(key, HashBytes(key), &created);
               Load(value, row);
               GroupTable::header(row).vnode = static_cast<uint8_t>(vnode);
               GroupTable::MarkRestored(row);
             });
}

void SessionAggregateOperator::Load(std::string_view value, char* row) {
  Session& session = SessionOf(row);
  session = {};
  const auto read = [&](void* to, size_t size) {
    std::memcpy(to, value.data(), size);
    value.remove_prefix(size);
  };
  read(&session.start, sizeof session.start);
  read(&session.last, sizeof session.last);
  session.fired = value[0] != 0;
  value.remove_prefix(1);
  for (const Call& call : calls_) {
    if (call.kernel.deserialize) {
      call.kernel.init(row + call.offset);
      call.kernel.deserialize(&value, row + call.offset, heap_.get());
    } else {
      read(row + call.offset, call.kernel.state_size);
    }
  }
  const std::string_view keys = KeysOf(row);
  lists_.Reserve(1);
  bool created = false;
  char* list = lists_.FindOrInsert(keys, HashBytes(keys), &created);
  if (created) HeadOf(list) = nullptr;
  char** link = &HeadOf(list);
  while (*link != nullptr && SessionOf(*link).start > session.start) link = &SessionOf(*link).next;
  session.next = std::exchange(*link, row);
  session.slot = AddSlot(row);
  AddTimer(row);
}

}  // namespace millrace
