// Windows as columns: what the operators that make or close windows share.
#pragma once

#include <cstring>
#include <string>
#include <string_view>

#include "executor/operator.h"
#include "types/datetime.h"

namespace millrace {

inline int64_t SaturatingAdd(int64_t a, int64_t b) {
  int64_t sum;
  return __builtin_add_overflow(a, b, &sum) ? kMaxWatermark : sum;
}

// The time that an encoded key begins with (types/row_key.h): its mark, then its bytes. REQUIRES:
// not NULL, ascending.
inline int64_t TimeOfKey(std::string_view key) {
  uint64_t big_endian;
  std::memcpy(&big_endian, key.data() + 1, sizeof big_endian);
  return static_cast<int64_t>(__builtin_bswap64(big_endian) ^ (1ull << 63));
}

// Rounds towards minus infinity, as window starts before 1970 need it.
inline int64_t FloorTo(int64_t time, int64_t step, int64_t offset) {
  const int64_t rest = (time - offset) % step;
  return time - (rest < 0 ? rest + step : rest);
}

// The local time of an instant; zone "": UTC.
inline int64_t LocalMicros(int64_t instant, const std::string& zone) {
  return zone.empty() ? instant : ToLocal({instant}, zone).micros;
}

// The last instant at which a clock of the zone shows this local time or, where a change to
// daylight saving skips it, the last before the change; whole milliseconds. Zone "": UTC.
int64_t LastInstant(int64_t local, const std::string& zone);
// Of a window with this end, of the zone's local time.
inline int64_t LastInstantBefore(int64_t end, const std::string& zone) {
  return LastInstant(end - kMicrosPerMilli, zone);
}

// When a window with this last instant closes, and when it takes no more rows. `plan` has a grace
// and an allowed lateness.
template <class Plan>
int64_t CloseTimeOf(const Plan& plan, int64_t window_time) {
  return SaturatingAdd(window_time, plan.grace);
}
template <class Plan>
int64_t DropTimeOf(const Plan& plan, int64_t window_time) {
  return SaturatingAdd(CloseTimeOf(plan, window_time), plan.allowed_lateness);
}

// When the clock, which has passed `passed`, next closes or drops one of the windows of a map by
// their last instants.
template <class Plan, class Windows>
int64_t NextCloseOf(const Plan& plan, const Windows& windows, int64_t passed) {
  for (const auto& [window_time, groups] : windows) {
    for (const int64_t next : {CloseTimeOf(plan, window_time), DropTimeOf(plan, window_time)}) {
      if (next > passed) return SaturatingAdd(next, kMicrosPerMilli);
    }
  }
  return kMaxWatermark;
}

// A row that comes too late, because the watermark had passed `time` (its window's last instant, or
// its own time). One that takes a row back is shown as a row too, and the reason says so: what was
// closed keeps that.
RejectedRow LateRow(const std::string& op, std::string reason, std::string row, int64_t weight,
                    int64_t time, int64_t watermark);
// Why a row of the window with this last instant is late.
std::string WindowEnded(int64_t window_time);

// Which rows of an operator's input are late.
struct LateRule {
  enum class By : uint8_t { kWindowEnd, kWindowTime, kRowTime };
  std::string op;
  By by = By::kWindowEnd;
  size_t column = 0;      // Of this; where it is NULL a row is never late.
  int64_t after = 0;      // Microseconds behind the window's last instant or the row's time.
  bool reported = false;  // This operator is the one that decides: they become late rows.
  std::string zone = {};  // Of window ends that are its local times; "": UTC.
};

// Takes the rows out that were late when the step began.
void DropLateRows(const LateRule& rule, const Schema& schema, const StepTime& time,
                  PartitionContext* context, Batch* batch);

// Rows without a time are in no window: error rows of `op`.
void DropNullTimes(const std::string& op, size_t time_column, const Schema& schema,
                   PartitionContext* context, Batch* batch);

// window_start, window_end and window_time of `size` rows; the time has the type of the time
// column.
struct WindowColumnsOut {
  WindowColumnsOut(TypeId time_type, size_t size)
      : start(TypeId::kTimestamp, size), end(TypeId::kTimestamp, size), time(time_type, size) {}
  void Set(size_t i, int64_t from, int64_t to) { Set(i, from, to, to - kMicrosPerMilli); }
  void Set(size_t i, int64_t from, int64_t to, int64_t at) {
    start.mutable_data<int64_t>()[i] = from;
    end.mutable_data<int64_t>()[i] = to;
    time.mutable_data<int64_t>()[i] = at;
  }
  // Of a window that is given by instants.
  void SetInstants(size_t i, int64_t from, int64_t to, const std::string& zone) {
    Set(i, LocalMicros(from, zone), LocalMicros(to, zone), to - kMicrosPerMilli);
  }
  void AppendTo(Batch* batch) {
    batch->columns.push_back(std::move(start));
    batch->columns.push_back(std::move(end));
    batch->columns.push_back(std::move(time));
  }
  Column start, end, time;
};

}  // namespace millrace
