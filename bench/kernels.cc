#include "bench/kernels.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <vector>

#include "bench/measure.h"

namespace millrace::bench {
namespace {

// Keeps the compiler from dropping what nobody reads.
void Use(const void* p) { asm volatile("" : : "r"(p) : "memory"); }

struct Slot {
  int64_t key, count, sum, max;
};

void AddRow(std::vector<Slot>& slots, size_t home, int64_t key, int64_t value) {
  for (size_t s = home;; s = (s + 1) & (slots.size() - 1)) {
    Slot& slot = slots[s];
    if (slot.count == 0) {
      slot = {key, 1, value, value};
      return;
    }
    if (slot.key != key) continue;
    ++slot.count;
    slot.sum += value;
    slot.max = std::max(slot.max, value);
    return;
  }
}

}  // namespace

double CopyBytesPerSecond() {
  constexpr size_t kBytes = 256 << 20;
  constexpr int kTimes = 8;
  std::vector<char> from(kBytes, 1), to(kBytes, 2);
  const Cost cost = Measure([&] {
    for (int i = 0; i < kTimes; ++i) {
      std::memcpy(to.data(), from.data(), kBytes);
      Use(to.data());
    }
  });
  return kBytes * kTimes / cost.cpu;
}

double AggregateRowsPerSecond(std::span<const int64_t> keys, std::span<const int64_t> values,
                              size_t groups) {
  constexpr size_t kAhead = 64;
  std::vector<Slot> slots(std::bit_ceil(groups * 2));
  const int shift = 64 - std::countr_zero(slots.size());
  const Cost cost = Measure([&] {
    size_t homes[kAhead];
    for (size_t begin = 0; begin < keys.size(); begin += kAhead) {
      const size_t count = std::min(kAhead, keys.size() - begin);
      for (size_t i = 0; i < count; ++i) {
        homes[i] = static_cast<uint64_t>(keys[begin + i]) * 0x9E3779B97F4A7C15u >> shift;
        __builtin_prefetch(&slots[homes[i]], 1);
      }
      for (size_t i = 0; i < count; ++i)
        AddRow(slots, homes[i], keys[begin + i], values[begin + i]);
    }
  });
  Use(slots.data());
  return static_cast<double>(keys.size()) / cost.cpu;
}

double FilterRowsPerSecond(std::span<const int64_t> keys, std::span<const int64_t> values,
                           size_t batch_rows) {
  std::vector<int64_t> out_keys(batch_rows), out_values(batch_rows);
  const Cost cost = Measure([&] {
    for (size_t begin = 0; begin < keys.size(); begin += batch_rows) {
      const size_t end = std::min(begin + batch_rows, keys.size());
      size_t kept = 0;
      for (size_t i = begin; i < end; ++i) {
        out_keys[kept] = keys[i];
        out_values[kept] = values[i] * 908;
        kept += values[i] > 100;
      }
      Use(out_keys.data());
      Use(out_values.data());
    }
  });
  return static_cast<double>(keys.size()) / cost.cpu;
}

}  // namespace millrace::bench
