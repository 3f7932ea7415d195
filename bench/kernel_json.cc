// K2.
#include <simdjson.h>

#include <chrono>
#include <cstdlib>
#include <vector>

#include "bench/kernels.h"
#include "bench/measure.h"

namespace millrace::bench {
namespace {

// "YYYY-MM-DD hh:mm:ss", with or without milliseconds, to microseconds.
int64_t ParseTime(std::string_view s) {
  const auto two = [s](size_t at) { return (s[at] - '0') * 10 + (s[at + 1] - '0'); };
  // Days of the civil calendar, counted from March.
  const int month = two(5), day = two(8);
  const int year = two(0) * 100 + two(2) - (month <= 2);
  const int era = year / 400, of_era = year - era * 400;
  const int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const int64_t days =
      era * int64_t{146097} + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
  int64_t micros = 0, unit = 100'000;
  for (size_t at = 20; at < s.size(); ++at, unit /= 10) micros += (s[at] - '0') * unit;
  return (((days * 24 + two(11)) * 60 + two(14)) * 60 + two(17)) * 1'000'000 + micros;
}

}  // namespace

double DecodeRowsPerSecond(std::span<const char> lines) {
  std::vector<int64_t> auctions, times;
  simdjson::ondemand::parser parser;
  const Cost cost = Measure([&] {
    simdjson::ondemand::document_stream documents;
    if (parser.iterate_many(lines.data(), lines.size(), 1 << 20).get(documents)) std::abort();
    for (auto document : documents) {
      int64_t auction;
      std::string_view time;
      if (document.find_field("auction").get(auction)) std::abort();
      if (document.find_field("dateTime").get(time) || time.size() < 19) std::abort();
      auctions.push_back(auction);
      times.push_back(ParseTime(time));
    }
  });
  return static_cast<double>(auctions.size()) / cost.cpu;
}

}  // namespace millrace::bench
