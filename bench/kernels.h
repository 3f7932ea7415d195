// What the hardware gives on one core to loops written for one purpose: the yardsticks. None of
// them uses anything of the product.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace millrace::bench {

// K1: bytes copied per second, from and to memory beyond the caches.
double CopyBytesPerSecond();

// K2: rows per CPU second of simdjson's on-demand parser over all of `lines` at once, taking
// `auction` and `dateTime` into two arrays of 64-bit values. REQUIRES: `lines` is one bid a line,
// in the order of the table's columns, and 64 readable bytes follow.
double DecodeRowsPerSecond(std::span<const char> lines);

// K3: rows per CPU second of count, sum and max by key in one open-addressing table that is large
// enough from the beginning, its slots prefetched.
double AggregateRowsPerSecond(std::span<const int64_t> keys, std::span<const int64_t> values,
                              size_t groups);

// K4: rows per CPU second of keeping the keys, and 908 times the values, of rows with a value above
// 100; batch after batch into the same two arrays.
double FilterRowsPerSecond(std::span<const int64_t> keys, std::span<const int64_t> values,
                           size_t batch_rows);

}  // namespace millrace::bench
