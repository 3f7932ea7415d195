// Dates and times as text and as fields. Zones and the calendar come from the date library.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "types/type.h"

namespace millrace {

// All parsers take the whole text (blanks around it allowed) and give nothing when it is malformed.
std::optional<Date> ParseDate(std::string_view text);  // yyyy-MM-dd, also d or M of one digit
std::optional<Time> ParseTime(std::string_view text);  // HH:mm[:ss[.f…]]
// yyyy-MM-dd[( |T)HH:mm[:ss[.f…]]][Z or +hh:mm, only with `offset_micros`]. More than six fraction
// digits are cut. `offset_micros` receives the zone offset if one was written.
std::optional<Timestamp> ParseTimestamp(std::string_view text,
                                        std::optional<int64_t>* offset_micros = nullptr);
// "10 00:00:00.004", "2-10", "5" … as the interval literal of units `from` [TO `to`] has it, by
// SQL's rules. Units: YEAR … SECOND, also WEEK, QUARTER, MILLISECOND.
std::optional<IntervalMonth> ParseIntervalMonth(std::string_view text, std::string_view from,
                                                std::string_view to);
std::optional<IntervalDay> ParseIntervalDay(std::string_view text, std::string_view from,
                                            std::string_view to);

void AppendDate(Date date, std::string* out);                     // 2026-03-01
void AppendTime(Time time, uint8_t precision, std::string* out);  // 12:03:07.999
// `separator` ' ' as SQL or 'T' as ISO-8601 writes it; `precision` fraction digits (at most 6).
void AppendTimestamp(Timestamp ts, uint8_t precision, char separator, std::string* out);

// Wall-clock time in the zone and back. An unknown zone: Error(kInvalidValue). A time that a change
// to daylight saving skips moves forward by the gap; one that occurs twice is the earlier.
Timestamp ToLocal(TimestampLtz instant, const std::string& zone);
TimestampLtz FromLocal(Timestamp local, const std::string& zone);
bool IsKnownZone(const std::string& zone);

// The microseconds of "5s", "1 min", "200ms", "1 h", "1 d" as in options; nothing if malformed.
std::optional<int64_t> ParseDuration(std::string_view text);

}  // namespace millrace
