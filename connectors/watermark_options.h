// Options of tables with a WATERMARK, whatever their connector and also without one. Durations.
#pragma once

#include <string_view>

namespace millrace {

// After so long without a row a source partition holds no time back.
inline constexpr std::string_view kIdleTimeoutOption = "scan.watermark.idle-timeout";
// Rows whose time is further ahead of the clock are errors.
inline constexpr std::string_view kMaxFutureOption = "scan.watermark.max-future";
// A source partition that is further ahead of the slowest one of the query waits for it.
inline constexpr std::string_view kMaxDriftOption = "scan.watermark.alignment.max-drift";

inline constexpr std::string_view kWatermarkOptions[] = {kIdleTimeoutOption, kMaxFutureOption,
                                                         kMaxDriftOption};

}  // namespace millrace
