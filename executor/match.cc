#include "executor/match.h"

#include <algorithm>
#include <cstring>

#include "executor/order_columns.h"
#include "executor/windows.h"
#include "types/datetime.h"

namespace millrace {
namespace {

constexpr size_t kChunkRows = 2048;
constexpr size_t kNumberBytes = 9;  // A time or number in a key: not null, 8 bytes.
constexpr int64_t kNotDue = kMaxWatermark;

OrderedLayout LayoutOf(const MatchOptions& options) {
  Schema schema = options.input;
  std::vector<OrderColumn> order;
  if (options.plan.proctime) order = AddStepColumns(options.plan.order[0].column, &schema);
  for (const OrderColumn& column : OrderColumns(options.plan.order)) order.push_back(column);
  schema.push_back({"$number", Type(TypeId::kBigInt, false)});  // Last in the key.
  return OrderedLayout(std::move(schema), options.plan.partition, std::move(order));
}

// Whether a condition sees nothing but the row that is to be taken.
bool SeesOneRow(const MatchSlot& slot, size_t variable) {
  return slot.kind != MatchSlot::Kind::kAggregate && !slot.first && slot.offset == 0 &&
         (!slot.variable || slot.variable == variable);
}

MatchPattern PatternOf(const MatchRecognize& plan) {
  std::vector<MatchPattern::Variable> variables;
  bool memoryless = true;
  for (const MatchVariable& variable : plan.pattern) {
    if (variable.condition) {
      ForEachColumn(*variable.condition, [&](size_t slot) {
        memoryless = memoryless && SeesOneRow(plan.slots[slot], variables.size());
      });
    }
    // No partition holds so many rows.
    const auto count = [](int64_t n) {
      return static_cast<uint32_t>(std::min<int64_t>(n, MatchPattern::kUnbounded - 1));
    };
    variables.push_back({count(variable.min),
                         variable.max ? count(*variable.max) : MatchPattern::kUnbounded,
                         variable.reluctant});
  }
  return MatchPattern(std::move(variables), memoryless);
}

int64_t NumberIn(std::string_view key) {
  uint64_t big_endian;
  std::memcpy(&big_endian, key.data() + 1, sizeof big_endian);
  return static_cast<int64_t>(__builtin_bswap64(big_endian) ^ (1ull << 63));
}

}  // namespace

MatchOperator::MatchOperator(MatchOptions options, PartitionContext* context)
    : options_(std::move(options)),
      context_(context),
      layout_(LayoutOf(options_)),
      table_({.copies = false, .payload_size = 0, .tracked = options_.tracked}),
      pattern_(PatternOf(options_.plan)),
      values_(options_.plan.slots, layout_, table_) {
  for (const MatchVariable& variable : options_.plan.pattern) {
    condition_slots_.push_back(variable.condition ? values_.SlotsOf(*variable.condition)
                                                  : std::vector<size_t>());
  }
  std::set<size_t> slots;
  for (const ExprPtr& measure : options_.plan.measures) {
    for (size_t slot : values_.SlotsOf(*measure)) slots.insert(slot);
  }
  measure_slots_.assign(slots.begin(), slots.end());
}

// ------------------------------------------------------------------------------------- rows coming

void MatchOperator::DropNullTimes(Batch* batch) const {
  const Column& times = batch->columns[options_.plan.order[0].column];
  if (!times.may_have_nulls()) return;
  RowErrors errors;
  for (uint32_t i = 0; i < batch->size; ++i) {
    if (times.IsNull(i)) errors.push_back({i, "the event time is NULL: the row has no place"});
  }
  DropFailedRows(errors, "MatchRecognize", options_.input, context_, batch);
}

void MatchOperator::DropLate(const StepTime& time, Batch* batch) const {
  const LateRule rule{.op = "MatchRecognize",
                      .by = LateRule::By::kRowTime,
                      .column = options_.plan.order[0].column,
                      .reported = true};
  DropLateRows(rule, options_.input, time, context_, batch);
}

// Each copy of a row becomes a row.
void MatchOperator::AppendHidden(Batch* batch) {
  if (!batch->append_only()) {
    std::vector<uint32_t> copies;
    for (uint32_t i = 0; i < batch->size; ++i) {
      assert(batch->weights[i] >= 0);
      copies.insert(copies.end(), static_cast<size_t>(batch->weights[i]), i);
    }
    *batch = batch->Take(copies);
    batch->weights.clear();
  }
  if (options_.plan.proctime) {
    now_ = std::max(now_, context_->eval.now.micros);
    batch->columns.push_back(TimeValue(now_).Take(std::vector<uint32_t>(batch->size, 0)));
    batch->columns.push_back(Column::Constant<int64_t>(step_, batch->size));
  }
  Column numbers(TypeId::kBigInt, batch->size);
  for (size_t i = 0; i < batch->size; ++i) numbers.mutable_data<int64_t>()[i] = number_++;
  batch->columns.push_back(std::move(numbers));
}

void MatchOperator::OnBatch(size_t, Batch batch, const StepTime& time, const Emit&) {
  if (!options_.plan.proctime) {
    DropNullTimes(&batch);
    DropLate(time, &batch);
  }
  if (batch.size == 0) return;
  AppendHidden(&batch);
  table_.Add(layout_.Encode(batch), nullptr);
}

// -------------------------------------------------------------------------------------------- time

Column MatchOperator::TimeValue(int64_t time) const {
  Column value = MakeColumn(layout_.schema()[layout_.order()[0].column].type, 1);
  value.mutable_data<int64_t>()[0] = time;
  return value;
}

size_t MatchOperator::RowsUntil(const OrderedPartition* partition, int64_t time) const {
  std::string bound(partition->key());
  layout_.AppendOrder(0, TimeValue(time), 0, &bound);
  return partition->UpperBound(bound);
}

int64_t MatchOperator::TimeOf(const Attempt& attempt, size_t position) const {
  const char* row = attempt.partition->At(position);
  return NumberIn(table_.Key(row).substr(table_.OrderBegin(row), kNumberBytes));
}

// From this watermark on no row can come that the attempt could take.
int64_t MatchOperator::Expiry(const Attempt& attempt) const {
  if (!options_.plan.within) return kNotDue;
  int64_t end = 0;
  const int64_t start = TimeOf(attempt, attempt.start);
  return __builtin_add_overflow(start, *options_.plan.within, &end) ? kNotDue : end;
}

bool MatchOperator::TooLate(const Attempt& attempt, int64_t time) const {
  return options_.plan.within && time > Expiry(attempt);
}

MatchOperator::Attempt* MatchOperator::AttemptOf(OrderedPartition* partition) {
  Attempt& attempt = attempts_[partition];
  if (!attempt.partition) {
    attempt.partition = partition;
    attempt.due = kNotDue;
  }
  return &attempt;
}

void MatchOperator::Unschedule(Attempt* attempt) {
  due_.erase({attempt->due, attempt});
  attempt->due = kNotDue;
}

void MatchOperator::Schedule(Attempt* attempt) {
  Unschedule(attempt);
  int64_t due = kNotDue;
  if (attempt->fed < attempt->partition->size()) due = TimeOf(*attempt, attempt->fed);
  if (attempt->start < attempt->fed) due = std::min(due, Expiry(*attempt));
  if (due == kNotDue) return;
  attempt->due = due;
  due_.emplace(due, attempt);
}

// The attempts that have something to do; all that are open when the input has ended.
std::vector<MatchOperator::Attempt*> MatchOperator::TakeDue(int64_t passed) {
  std::vector<Attempt*> due;
  if (passed == kMaxWatermark) {
    for (auto& [partition, attempt] : attempts_) due.push_back(&attempt);
    due_.clear();
  } else {
    while (!due_.empty() && due_.begin()->first <= passed) {
      due.push_back(due_.begin()->second);
      due_.erase(due_.begin());
    }
  }
  for (Attempt* attempt : due) {
    attempt->due = kNotDue;
    const OrderedPartition* partition = attempt->partition;
    const bool all = options_.plan.proctime || passed == kMaxWatermark;
    attempt->fed = all ? partition->size() : RowsUntil(partition, passed);
  }
  return due;
}

void MatchOperator::OnStep(const StepTime& time, const Emit& emit) {
  const bool proctime = options_.plan.proctime;
  if (proctime) now_ = std::max(now_, context_->eval.now.micros);
  const int64_t passed = time.finished ? kMaxWatermark : proctime ? now_ : time.watermark;
  if (std::exchange(restored_, false)) Rebuild(proctime ? now_ : time.before);
  for (const OrderedTable::PartitionChanges& changes : table_.Settle()) {
    Schedule(AttemptOf(changes.partition));
  }
  const std::vector<Attempt*> due = TakeDue(passed);
  Run(due, passed);
  EmitMatches(emit);
  for (Attempt* attempt : due) Forget(attempt);
  ++step_;
  table_.Finish();
}

// The rows that the watermark had passed are matched again, which tells nothing new.
void MatchOperator::Rebuild(int64_t passed) {
  std::vector<Attempt*> all;
  table_.ForEachPartition([&](OrderedPartition* partition) {
    Attempt* attempt = AttemptOf(partition);
    attempt->fed = options_.plan.proctime ? partition->size() : RowsUntil(partition, passed);
    all.push_back(attempt);
  });
  quiet_ = true;
  Run(all, kMinWatermark);
  quiet_ = false;
  assert(matches_.empty());
  for (Attempt* attempt : all) Schedule(attempt);
}

// ---------------------------------------------------------------------------------------- matching

// In rounds, each of one row of every attempt, so that conditions are evaluated for many at once.
void MatchOperator::Run(std::vector<Attempt*> attempts, int64_t passed) {
  while (true) {
    std::erase_if(attempts, [&](Attempt* attempt) { return !Prepare(attempt, passed); });
    if (attempts.empty()) return;
    Decide(attempts);
    size_t at = 0;
    for (Attempt* attempt : attempts) {
      const size_t threads = pattern_.ThreadsIn(attempt->threads);
      pattern_.Advance(attempt->threads, std::span(takes_).subspan(at, threads), &scratch_);
      attempt->threads.swap(scratch_);
      at += threads;
      ++attempt->next;
      if (attempt->threads.empty()) {
        Fail(attempt);
      } else if (pattern_.HasMatched(attempt->threads, 0)) {
        Complete(attempt, 0);
      }
    }
  }
}

// Whether there is a row to take, after what ends without one.
bool MatchOperator::Prepare(Attempt* attempt, int64_t passed) {
  while (true) {
    if (attempt->next == attempt->fed) {
      if (attempt->start == attempt->fed) return false;
      if (passed != kMaxWatermark && passed < Expiry(*attempt)) return false;
      End(attempt);
    } else if (attempt->next == attempt->start) {
      pattern_.Begin(&attempt->threads);
      return true;
    } else if (TooLate(*attempt, TimeOf(*attempt, attempt->next))) {
      End(attempt);
    } else {
      return true;
    }
  }
}

void MatchOperator::Decide(std::span<Attempt* const> attempts) {
  views_.clear();
  owners_.clear();
  for (Attempt* attempt : attempts) {
    for (size_t t = 0; t < pattern_.ThreadsIn(attempt->threads); ++t) {
      views_.push_back({attempt->partition, attempt->start, pattern_.CountsOf(attempt->threads, t),
                        pattern_.NextOf(attempt->threads, t)});
      owners_.push_back(attempt);
    }
  }
  takes_.assign(views_.size(), 0);
  for (size_t variable = 0; variable < pattern_.size(); ++variable) DecideVariable(variable);
}

void MatchOperator::DecideVariable(size_t variable) {
  std::vector<uint32_t> places;
  std::vector<MatchView> views;
  for (uint32_t i = 0; i < views_.size(); ++i) {
    if (views_[i].taking != variable) continue;
    places.push_back(i);
    views.push_back(views_[i]);
  }
  if (views.empty()) return;
  const ExprPtr& condition = options_.plan.pattern[variable].condition;
  if (!condition) {
    for (uint32_t place : places) takes_[place] = 1;
    return;
  }
  RowErrors errors;
  const Batch slots =
      values_.Evaluate(views, condition_slots_[variable], &context_->eval, &errors);
  context_->eval.errors = &errors;
  for (uint32_t i : Select(*condition, slots, context_->eval)) takes_[places[i]] = 1;
  for (const RowError& error : errors) {
    takes_[places[error.row]] = 0;
    Attempt* const attempt = owners_[places[error.row]];
    if (attempt->next < attempt->reported) continue;
    attempt->reported = attempt->next + 1;
    if (!quiet_) Report(attempt->partition, attempt->next, error.message);
  }
}

// No row comes any more: the best of what has matched.
void MatchOperator::End(Attempt* attempt) {
  const size_t threads = pattern_.ThreadsIn(attempt->threads);
  if (threads > 0 && pattern_.HasMatched(attempt->threads, threads - 1)) {
    Complete(attempt, threads - 1);
  } else {
    Fail(attempt);
  }
}

void MatchOperator::Fail(Attempt* attempt) {
  attempt->next = ++attempt->start;
  attempt->threads.clear();
}

void MatchOperator::Complete(Attempt* attempt, size_t thread) {
  const std::span<const uint32_t> counts = pattern_.CountsOf(attempt->threads, thread);
  std::string problem;
  const std::optional<size_t> skipped = RowsToSkip(counts, &problem);
  if (skipped) {
    matches_.push_back({attempt->partition, attempt->start});
    counts_.insert(counts_.end(), counts.begin(), counts.end());
  } else if (!quiet_) {
    Report(attempt->partition, attempt->start, std::move(problem));
  }
  attempt->next = attempt->start += skipped.value_or(1);
  attempt->threads.clear();
}

// How far the next match may begin behind this one; nothing if AFTER MATCH names no such row.
std::optional<size_t> MatchOperator::RowsToSkip(std::span<const uint32_t> counts,
                                                std::string* problem) const {
  const MatchRecognize& plan = options_.plan;
  if (plan.skip == MatchRecognize::Skip::kToNextRow) return 1;
  const bool past_last = plan.skip == MatchRecognize::Skip::kPastLastRow;
  const size_t variables = past_last ? counts.size() : plan.skip_to;
  size_t rows = 0;
  for (size_t v = 0; v < variables; ++v) rows += counts[v];
  if (past_last) return rows;
  const std::string& name = plan.pattern[plan.skip_to].name;
  if (counts[plan.skip_to] == 0) {
    *problem = "AFTER MATCH SKIP TO \"" + name + "\": the match has no row of it";
    return std::nullopt;
  }
  if (plan.skip == MatchRecognize::Skip::kToLast) rows += counts[plan.skip_to] - 1;
  if (rows > 0) return rows;
  *problem = "AFTER MATCH SKIP TO \"" + name + "\": this is the row where the match begins";
  return std::nullopt;
}

void MatchOperator::Report(const OrderedPartition* partition, size_t position,
                           std::string message) const {
  const std::string_view keys[] = {table_.Key(partition->At(position))};
  Batch row = layout_.Decode(keys);
  row.columns.resize(options_.input.size());  // Without the hidden ones.
  DropFailedRows({{0, std::move(message)}}, "MatchRecognize", options_.input, context_, &row);
}

// ----------------------------------------------------------------------------------------- results

void MatchOperator::EmitMatches(const Emit& emit) {
  std::vector<MatchView> views;
  for (size_t begin = 0; begin < matches_.size(); begin += kChunkRows) {
    views.clear();
    for (size_t i = begin; i < std::min(begin + kChunkRows, matches_.size()); ++i) {
      views.push_back({matches_[i].partition, matches_[i].begin,
                       std::span(counts_).subspan(i * pattern_.size(), pattern_.size()),
                       pattern_.size()});
    }
    EmitChunk(views, emit);
  }
  matches_.clear();
  counts_.clear();
}

void MatchOperator::EmitChunk(std::span<const MatchView> views, const Emit& emit) {
  std::vector<size_t> positions;
  for (const MatchView& view : views) {
    positions.push_back(view.begin + MatchValues::RowsIn(view) - 1);
  }
  Batch out;
  out.size = views.size();
  if (!options_.plan.partition.empty()) {
    out.columns = values_.Columns(views, positions, options_.plan.partition);
  }
  RowErrors errors;
  const Batch slots = values_.Evaluate(views, measure_slots_, &context_->eval, &errors);
  context_->eval.errors = &errors;
  for (const ExprPtr& measure : options_.plan.measures) {
    out.columns.push_back(Evaluate(*measure, slots, context_->eval));
  }
  if (!errors.empty()) {
    std::vector<uint8_t> failed(out.size);
    for (const RowError& error : errors) {
      if (std::exchange(failed[error.row], 1)) continue;
      Report(views[error.row].partition, positions[error.row], error.message);
    }
    std::vector<uint32_t> good;
    for (uint32_t i = 0; i < out.size; ++i) {
      if (!failed[i]) good.push_back(i);
    }
    out = out.Take(good);
  }
  if (out.size > 0) emit(std::move(out));
}

// Rows before the attempt are needed no more.
void MatchOperator::Forget(Attempt* attempt) {
  OrderedPartition* const partition = attempt->partition;
  const size_t count = attempt->start;
  if (count == partition->size()) {
    table_.DropAll(partition);
    attempts_.erase(partition);
    return;
  }
  if (count > 0) {
    std::vector<char*> rows;
    partition->Copy(0, count, &rows);
    for (char* row : rows) table_.Drop(partition, row);
    partition->Renumber();
    attempt->start = 0;
    attempt->next -= count;
    attempt->fed -= count;
    attempt->reported -= std::min(attempt->reported, count);
  }
  Schedule(attempt);
}

// ------------------------------------------------------------------------------------------- state

void MatchOperator::BeginCheckpoint(StateWriter* writer) {
  table_.BeginCheckpoint(options_.id, writer);
}

void MatchOperator::Restore(const Store& store, size_t partition, size_t partitions) {
  table_.Restore(options_.id, store, partition, partitions);
  restored_ = true;
  table_.ForEachPartition([this](const OrderedPartition* made) {
    for (const OrderedPartition::Leaf& leaf : made->leaves()) {
      for (const char* row : leaf.rows) {
        const std::string_view key = table_.Key(row);
        number_ = std::max(number_, NumberIn(key.substr(key.size() - kNumberBytes)) + 1);
        if (!options_.plan.proctime) continue;
        const std::string_view order = key.substr(table_.OrderBegin(row));
        now_ = std::max(now_, NumberIn(order));
        step_ = std::max(step_, NumberIn(order.substr(kNumberBytes)) + 1);
      }
    }
  });
}

size_t MatchOperator::state_bytes() const {
  size_t bytes = table_.bytes();
  for (const auto& [partition, attempt] : attempts_) {
    bytes += sizeof(Attempt) + attempt.threads.capacity() * sizeof(uint32_t);
  }
  return bytes;
}

}  // namespace millrace
