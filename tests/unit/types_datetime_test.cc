#define BOOST_TEST_MODULE types_datetime
#include <boost/test/unit_test.hpp>
#include <random>

#include "base/error.h"
#include "types/datetime.h"

using namespace millrace;

namespace {

std::string DateText(std::string_view text) {
  const std::optional<Date> date = ParseDate(text);
  std::string out;
  if (date) AppendDate(*date, &out);
  return out;
}

std::string TimestampText(std::string_view text, uint8_t precision = 6) {
  const std::optional<Timestamp> ts = ParseTimestamp(text);
  std::string out;
  if (ts) AppendTimestamp(*ts, precision, ' ', &out);
  return out;
}

Timestamp At(std::string_view text) { return ParseTimestamp(text).value(); }

// To the instant and back, as text.
std::string ThroughZone(std::string_view text, const std::string& zone) {
  std::string out;
  AppendTimestamp(ToLocal(FromLocal(At(text), zone), zone), 0, ' ', &out);
  return out;
}

std::string UtcOf(std::string_view text, const std::string& zone) {
  std::string out;
  AppendTimestamp({FromLocal(At(text), zone).micros}, 0, 'T', &out);
  return out;
}

}  // namespace

BOOST_AUTO_TEST_CASE(dates) {
  BOOST_TEST(ParseDate("1970-01-02")->days == 1);
  BOOST_TEST(ParseDate("1969-12-31")->days == -1);
  BOOST_TEST(DateText("2024-02-29") == "2024-02-29");
  BOOST_TEST(DateText("2000-02-29") == "2000-02-29");
  BOOST_TEST(DateText(" 2026-3-1 ") == "2026-03-01");
  BOOST_TEST(DateText("0001-01-01") == "0001-01-01");
  for (const char* bad : {"2023-02-29", "1900-02-29", "2026-13-01", "2026-00-01", "2026-01-00",
                          "-001-01-01", "-2026-01-01", "26-01-01", "2026-01", "2026-01-01x",
                          "2026/01/01", "", "20260-01-01", "2026-01-32"}) {
    BOOST_TEST(!ParseDate(bad), bad);
  }
}

BOOST_AUTO_TEST_CASE(times) {
  BOOST_TEST(ParseTime("12:03:07.999")->micros == 43'387'999'000);
  BOOST_TEST(ParseTime("00:00")->micros == 0);
  for (const char* bad : {"24:00:00", "12:60", "12:00:60", "12", "12:00:00.", "12:00.5", "1200"}) {
    BOOST_TEST(!ParseTime(bad), bad);
  }
  std::string text;
  AppendTime({43'387'999'000}, 3, &text);
  BOOST_TEST(text == "12:03:07.999");
}

BOOST_AUTO_TEST_CASE(timestamps) {
  BOOST_TEST(TimestampText("2026-03-01 12:03:07") == "2026-03-01 12:03:07.000000");
  BOOST_TEST(TimestampText("2026-03-01T12:03:07.123456789") == "2026-03-01 12:03:07.123456");
  BOOST_TEST(TimestampText("2026-03-01 12:03:07.5", 0) == "2026-03-01 12:03:07");
  BOOST_TEST(TimestampText("1969-12-31 23:59:59.999999") == "1969-12-31 23:59:59.999999");
  BOOST_TEST(TimestampText("2026-3-1 1:02", 0) == "2026-03-01 01:02:00");
  BOOST_TEST(TimestampText("2026-03-01", 0) == "2026-03-01 00:00:00");
  for (const char* bad : {"2026-03-01 ", "2026-03-01 25:00:00", "2026-03-01 12:03:07.",
                          "2026-03-01 12:03:07Z", "2026-03-01 12:03:0x", "2026-02-30 12:03:07",
                          "2026-03-01_12:03:07", "+026-03-01 12:03:07", "2026-03-01T"}) {
    BOOST_TEST((!ParseTimestamp(bad) || bad == std::string("2026-03-01 ")), bad);
  }
}

BOOST_AUTO_TEST_CASE(offsets) {
  const auto offset = [](std::string_view text) {
    std::optional<int64_t> micros;
    BOOST_REQUIRE(ParseTimestamp(text, &micros));
    return micros.value_or(-1) / kMicrosPerSecond;
  };
  BOOST_TEST(offset("2026-03-01T12:00:00Z") == 0);
  BOOST_TEST(offset("2026-03-01T12:00:00.123+05:30") == 19'800);
  BOOST_TEST(offset("2026-03-01 12:00:00-0800") == -28'800);
  BOOST_TEST(offset("2026-03-01 12:00:00 +01") == 3'600);
  std::optional<int64_t> none = 5;
  BOOST_TEST(ParseTimestamp("2026-03-01 12:00:00", &none).has_value());
  BOOST_TEST(!none.has_value());
  for (const char* bad : {"2026-03-01T12:00:00+", "2026-03-01T12:00:00+5",
                          "2026-03-01T12:00:00+05:", "2026-03-01T12:00:00+05:3",
                          "2026-03-01T12:00:00ZZ", "2026-03-01T12:00:00+19:00"}) {
    BOOST_TEST(!ParseTimestamp(bad, &none), bad);
  }
}

BOOST_AUTO_TEST_CASE(random_timestamps_round_trip) {
  const uint64_t seed = std::random_device()();
  BOOST_TEST_MESSAGE("seed " << seed);
  std::mt19937_64 random(seed);
  const int64_t least = At("0001-01-01 00:00:00").micros;
  const int64_t span = At("9999-12-31 23:59:59.999999").micros - least;
  for (int i = 0; i < 5000; ++i) {
    const Timestamp ts{least + static_cast<int64_t>(random() % static_cast<uint64_t>(span))};
    std::string text;
    AppendTimestamp(ts, 6, 'T', &text);
    BOOST_TEST_INFO("seed " << seed << ": " << text);
    BOOST_TEST((ParseTimestamp(text) == ts));
  }
}

BOOST_AUTO_TEST_CASE(daylight_saving) {
  const std::string berlin = "Europe/Berlin";
  BOOST_TEST(UtcOf("2026-01-15 12:00:00", berlin) == "2026-01-15T11:00:00");
  BOOST_TEST(UtcOf("2026-07-15 12:00:00", berlin) == "2026-07-15T10:00:00");
  // The gap: 02:00 becomes 03:00.
  BOOST_TEST(ThroughZone("2026-03-29 01:59:59", berlin) == "2026-03-29 01:59:59");
  BOOST_TEST(ThroughZone("2026-03-29 02:30:00", berlin) == "2026-03-29 03:30:00");
  BOOST_TEST(ThroughZone("2026-03-29 03:00:00", berlin) == "2026-03-29 03:00:00");
  // 02:00 to 03:00 comes twice: the earlier is in summer time.
  BOOST_TEST(UtcOf("2026-10-25 02:30:00", berlin) == "2026-10-25T00:30:00");
  BOOST_TEST(UtcOf("2026-10-25 03:00:00", berlin) == "2026-10-25T02:00:00");
  BOOST_TEST(UtcOf("2026-10-25 01:59:59", berlin) == "2026-10-24T23:59:59");
  // The cache must not carry one zone's offset over to the next.
  BOOST_TEST(UtcOf("2026-01-15 12:00:00", "America/New_York") == "2026-01-15T17:00:00");
  BOOST_TEST(UtcOf("2026-01-15 12:00:00", "UTC") == "2026-01-15T12:00:00");
  BOOST_TEST(UtcOf("2026-01-15 12:00:00", "GMT+05:30") == "2026-01-15T06:30:00");
}

BOOST_AUTO_TEST_CASE(zones) {
  BOOST_TEST(IsKnownZone("UTC"));
  BOOST_TEST(IsKnownZone("America/Los_Angeles"));
  BOOST_TEST(IsKnownZone("+02:00"));
  BOOST_TEST(!IsKnownZone("Mars/Olympus"));
  BOOST_TEST(!IsKnownZone(""));
  BOOST_CHECK_THROW(ToLocal({0}, "Mars/Olympus"), Error);
}

BOOST_AUTO_TEST_CASE(intervals) {
  BOOST_TEST(ParseIntervalMonth("2-10", "YEAR", "MONTH")->months == 34);
  BOOST_TEST(ParseIntervalMonth("-2-10", "YEAR", "MONTH")->months == -34);
  BOOST_TEST(ParseIntervalMonth("5", "QUARTER", "")->months == 15);
  BOOST_TEST(!ParseIntervalMonth("2-12", "YEAR", "MONTH"));
  BOOST_TEST(!ParseIntervalMonth("2", "DAY", ""));
  const int64_t second = kMicrosPerSecond;
  BOOST_TEST(ParseIntervalDay("10 00:00:00.004", "DAY", "SECOND")->micros ==
             10 * kMicrosPerDay + 4000);
  BOOST_TEST(ParseIntervalDay("-1:30", "MINUTE", "SECOND")->micros == -90 * second);
  BOOST_TEST(ParseIntervalDay("36:15", "HOUR", "MINUTE")->micros == (36 * 60 + 15) * 60 * second);
  BOOST_TEST(ParseIntervalDay("5.25", "SECOND", "")->micros == 5'250'000);
  BOOST_TEST(ParseIntervalDay("2", "WEEK", "")->micros == 14 * kMicrosPerDay);
  BOOST_TEST(ParseIntervalDay("7", "MILLISECOND", "")->micros == 7000);
  BOOST_TEST(ParseIntervalDay("90", "MINUTE", "")->micros == 5400 * second);
  for (const char* bad : {"1 24:00:00", "1 00:60:00", "1", "x", "", "1  00:00:00"}) {
    BOOST_TEST(!ParseIntervalDay(bad, "DAY", "SECOND"), bad);
  }
  BOOST_TEST(!ParseIntervalDay("1.5", "DAY", ""));
  BOOST_TEST(!ParseIntervalDay("99999999999", "DAY", ""));
}

BOOST_AUTO_TEST_CASE(durations) {
  BOOST_TEST(ParseDuration("5s").value() == 5 * kMicrosPerSecond);
  BOOST_TEST(ParseDuration(" 1 min ").value() == 60 * kMicrosPerSecond);
  BOOST_TEST(ParseDuration("200ms").value() == 200'000);
  BOOST_TEST(ParseDuration("1 h").value() == 3600 * kMicrosPerSecond);
  BOOST_TEST(ParseDuration("2 Days").value() == 2 * kMicrosPerDay);
  BOOST_TEST(ParseDuration("1500 ns").value() == 1);
  BOOST_TEST(ParseDuration("7").value() == 7000);
  BOOST_TEST(ParseDuration("0").value() == 0);
  for (const char* bad : {"", "s", "-1s", "5 parsecs", "1.5s", "5ss", "9999999999999 d"}) {
    BOOST_TEST(!ParseDuration(bad), bad);
  }
}
