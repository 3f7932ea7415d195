// The time zones of types/datetime.h.
#include <date/tz.h>

#include <chrono>
#include <limits>
#include <stdexcept>

#include "base/error.h"
#include "types/datetime.h"

namespace millrace {
namespace {

using Seconds = std::chrono::seconds;

// The zone last asked for and its offset between two changes: rows mostly ask for the same again.
struct ZoneCache {
  std::string name;
  const date::time_zone* zone = nullptr;  // Null for a fixed offset.
  int64_t begin = 0;                      // Seconds since the epoch in which `offset` holds.
  int64_t end = 0;
  int64_t offset = 0;  // Seconds.
};

int64_t FloorSeconds(int64_t micros) {
  const int64_t seconds = micros / kMicrosPerSecond;
  return micros % kMicrosPerSecond < 0 ? seconds - 1 : seconds;
}

void Remember(const date::sys_info& info, ZoneCache* cache) {
  cache->begin = info.begin.time_since_epoch().count();
  cache->end = info.end.time_since_epoch().count();
  cache->offset = info.offset.count();
}

// "+05:30", "GMT+8", "UTC-03:00": an offset as Java's zone names have it.
std::optional<int64_t> ParseFixedOffset(std::string_view name) {
  if (name.starts_with("GMT") || name.starts_with("UTC")) name.remove_prefix(3);
  if (name.size() < 2 || (name[0] != '+' && name[0] != '-')) return std::nullopt;
  std::string time(name.substr(1));
  if (time.find(':') == std::string::npos) time += ":00";
  const std::optional<Time> offset = ParseTime(time);
  constexpr int64_t kLargest = 18 * 3600;
  if (!offset || offset->micros / kMicrosPerSecond > kLargest) return std::nullopt;
  const int64_t seconds = offset->micros / kMicrosPerSecond;
  return name[0] == '-' ? -seconds : seconds;
}

bool Find(const std::string& name, ZoneCache* cache) {
  if (const std::optional<int64_t> offset = ParseFixedOffset(name)) {
    *cache = {name, nullptr, std::numeric_limits<int64_t>::min(),
              std::numeric_limits<int64_t>::max(), *offset};
    return true;
  }
  try {
    *cache = {name, date::locate_zone(name == "Z" ? "UTC" : name)};
  } catch (const std::runtime_error&) {
    return false;
  }
  return true;
}

ZoneCache& CacheFor(const std::string& name) {
  thread_local ZoneCache cache;
  if (cache.name == name && !name.empty()) return cache;
  ZoneCache found;
  if (!Find(name, &found)) {
    throw Error(ErrorCode::kInvalidValue, "unknown time zone '" + name + "'");
  }
  cache = std::move(found);
  return cache;
}

}  // namespace

bool IsKnownZone(const std::string& zone) {
  ZoneCache found;
  return Find(zone, &found);
}

Timestamp ToLocal(TimestampLtz instant, const std::string& zone) {
  ZoneCache& cache = CacheFor(zone);
  const int64_t seconds = FloorSeconds(instant.micros);
  if (seconds < cache.begin || seconds >= cache.end) {
    Remember(cache.zone->get_info(date::sys_seconds{Seconds{seconds}}), &cache);
  }
  return {instant.micros + cache.offset * kMicrosPerSecond};
}

TimestampLtz FromLocal(Timestamp local, const std::string& zone) {
  ZoneCache& cache = CacheFor(zone);
  const int64_t seconds = FloorSeconds(local.micros);
  const int64_t guess = seconds - cache.offset;
  // Near a change the guess may be one of two, or in a gap.
  constexpr int64_t kNear = 2 * 86'400;
  if (cache.zone && (guess < cache.begin + kNear || guess >= cache.end - kNear)) {
    // Of two offsets the one before the change: the earlier of two instants, and what moves a time
    // in a gap forward.
    Remember(cache.zone->get_info(date::local_seconds{Seconds{seconds}}).first, &cache);
  }
  return {local.micros - cache.offset * kMicrosPerSecond};
}

}  // namespace millrace
