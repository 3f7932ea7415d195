// The words that the lexer takes for keywords, and units of time.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

// Upper-case; the keyword at index i has the token type i + 1.
const std::vector<std::string>& Keywords();

// `upper` is upper-case.
bool IsKeywordText(std::string_view upper);

// Calls when written without quotes and parentheses.
inline constexpr std::array<std::string_view, 5> kNiladicFunctions = {
    "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "LOCALTIME", "LOCALTIMESTAMP"};

// Of EXTRACT, FLOOR, CEIL, TIMESTAMPADD and TIMESTAMPDIFF.
inline constexpr std::array<std::string_view, 19> kTimeUnits = {
    "MILLENNIUM", "CENTURY", "DECADE", "YEAR",   "QUARTER",     "MONTH",       "WEEK",
    "DAY",        "HOUR",    "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND", "NANOSECOND",
    "EPOCH",      "DOY",     "DOW",    "ISODOW", "ISOYEAR"};

bool IsTimeUnit(std::string_view upper);

}  // namespace millrace
