#define BOOST_TEST_MODULE connectors_datagen
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cmath>
#include <map>
#include <set>
#include <thread>

#include "connectors/builtin.h"
#include "types/value.h"

namespace millrace {
namespace {

using OptionTexts = std::map<std::string, std::string>;

ConnectorContext MakeContext(Schema schema, const OptionTexts& options) {
  ConnectorContext context;
  context.table = "t";
  context.schema = std::move(schema);
  for (size_t i = 0; i < context.schema.size(); ++i) context.columns.push_back(i);
  for (const auto& [key, value] : options) context.options[key].value = value;
  return context;
}

std::unique_ptr<Source> MakeSource(const ConnectorContext& context) {
  return DatagenConnector().source(context);
}

void Append(const ConnectorContext& context, const Batch& batch, std::vector<Values>* rows) {
  for (size_t i = 0; i < batch.size; ++i) {
    Values row;
    for (size_t c = 0; c < batch.columns.size(); ++c) {
      row.push_back(GetValue(batch.columns[c], context.schema[context.columns[c]].type, i));
    }
    rows->push_back(std::move(row));
  }
}

// Rows up to the position, whatever the clock says.
std::vector<Values> ReadUntil(const ConnectorContext& context, Source* source,
                              const SourcePosition& end, size_t batch_rows) {
  std::vector<Values> rows;
  for (;;) {
    const SourceBatch batch = source->PollUntil(0, end, batch_rows);
    if (!batch.rows) break;
    Append(context, *batch.rows, &rows);
  }
  return rows;
}

std::vector<Values> Read(const ConnectorContext& context, size_t count) {
  return ReadUntil(context, MakeSource(context).get(), std::to_string(count), 1000);
}

Schema AllTypes() {
  const Type number(TypeId::kInteger), text(TypeId::kString);
  return {{"a", Type(TypeId::kBoolean)},
          {"b", Type(TypeId::kTinyInt)},
          {"c", Type(TypeId::kSmallInt)},
          {"d", number},
          {"e", Type(TypeId::kBigInt)},
          {"f", Type(TypeId::kFloat)},
          {"g", Type(TypeId::kDouble)},
          {"h", Type::MakeDecimal(10, 2)},
          {"i", Type::MakeDecimal(38, 4)},
          {"j", text},
          {"k", Type(TypeId::kBytes)},
          {"l", Type(TypeId::kDate)},
          {"m", Type(TypeId::kTime)},
          {"n", Type::MakeTimestamp(3)},
          {"o", Type::MakeTimestampLtz(6)},
          {"p", Type(TypeId::kIntervalMonth)},
          {"q", Type(TypeId::kIntervalDay)},
          {"r", Type::MakeArray(text)},
          {"s", Type::MakeMap(text, number)},
          {"t", Type::MakeRow({{"x", number}, {"y", Type::MakeArray(number)}})}};
}

int64_t Int(const Value& value) { return std::get<int64_t>(value.data); }
const std::string& Text(const Value& value) { return std::get<std::string>(value.data); }

BOOST_AUTO_TEST_CASE(RowsDoNotDependOnBatches) {
  const ConnectorContext context = MakeContext(AllTypes(), {{"fields.j.var-len", "true"},
                                                            {"fields.r.var-len", "true"},
                                                            {"fields.n.max-past", "10 s"},
                                                            {"fields.d.null-rate", "0.3"}});
  const SourcePosition end = "1000;1700000000123456";
  const std::vector<Values> all = ReadUntil(context, MakeSource(context).get(), end, 1000);
  BOOST_REQUIRE_EQUAL(all.size(), 1000u);
  for (const size_t batch_rows : {1, 7, 333}) {
    BOOST_CHECK(ReadUntil(context, MakeSource(context).get(), end, batch_rows) == all);
  }
  const std::unique_ptr<Source> source = MakeSource(context);
  source->Seek(0, "600;1700000000123456");
  BOOST_CHECK(ReadUntil(context, source.get(), end, 13) ==
              std::vector<Values>(all.begin() + 600, all.end()));
}

BOOST_AUTO_TEST_CASE(Bounds) {
  const ConnectorContext context = MakeContext(AllTypes(), {{"fields.d.min", "-3"},
                                                            {"fields.d.max", "3"},
                                                            {"fields.g.min", "0.5"},
                                                            {"fields.g.max", "0.75"},
                                                            {"fields.h.min", "1.5"},
                                                            {"fields.h.max", "2.25"},
                                                            {"fields.j.length", "20"},
                                                            {"fields.j.var-len", "true"},
                                                            {"fields.k.length", "9"},
                                                            {"fields.t.x.min", "7"},
                                                            {"fields.t.x.max", "7"},
                                                            {"fields.t.y.element.min", "0"},
                                                            {"fields.t.y.element.max", "1"}});
  DatagenConnector().validate(context, false);
  std::set<int64_t> numbers, lengths;
  for (const Values& row : Read(context, 3000)) {
    numbers.insert(Int(row[3]));
    const double g = std::get<double>(row[6].data);
    BOOST_CHECK(g >= 0.5 && g <= 0.75);
    const int128_t h = std::get<int128_t>(row[7].data);
    BOOST_CHECK(h >= 150 && h <= 225);
    lengths.insert(static_cast<int64_t>(Text(row[9]).size()));
    BOOST_CHECK_EQUAL(Text(row[10]).size(), 9u);
    const Values& nested = std::get<Values>(row[19].data);
    BOOST_CHECK_EQUAL(Int(nested[0]), 7);
    const Values& elements = std::get<Values>(nested[1].data);
    BOOST_CHECK_EQUAL(elements.size(), 5u);
    for (const Value& element : elements) BOOST_CHECK(Int(element) == 0 || Int(element) == 1);
  }
  BOOST_CHECK(numbers == (std::set<int64_t>{-3, -2, -1, 0, 1, 2, 3}));
  BOOST_CHECK_EQUAL(*lengths.begin(), 1);
  BOOST_CHECK_EQUAL(*lengths.rbegin(), 20);
}

BOOST_AUTO_TEST_CASE(NullRate) {
  const Schema schema = {
      {"a", Type(TypeId::kInteger)}, {"b", Type(TypeId::kString)}, {"c", Type(TypeId::kInteger)}};
  const ConnectorContext context =
      MakeContext(schema, {{"fields.a.null-rate", "0.25"}, {"fields.b.null-rate", "1"}});
  int nulls = 0;
  for (const Values& row : Read(context, 10'000)) {
    nulls += row[0].is_null();
    BOOST_CHECK(row[1].is_null());
    BOOST_CHECK(!row[2].is_null());
  }
  BOOST_CHECK(nulls > 2300 && nulls < 2700);
}

BOOST_AUTO_TEST_CASE(SequenceEndsTheTable) {
  const Schema schema = {
      {"a", Type(TypeId::kBigInt)}, {"b", Type(TypeId::kString)}, {"c", Type::MakeDecimal(8, 2)}};
  const ConnectorContext context = MakeContext(schema, {{"fields.a.kind", "sequence"},
                                                        {"fields.a.start", "5"},
                                                        {"fields.a.end", "9"},
                                                        {"fields.b.kind", "sequence"},
                                                        {"fields.b.start", "-1"},
                                                        {"fields.b.end", "100"},
                                                        {"fields.c.kind", "sequence"},
                                                        {"fields.c.start", "1"},
                                                        {"fields.c.end", "100"},
                                                        {"rows-per-second", "1000000"}});
  const std::unique_ptr<Source> source = MakeSource(context);
  BOOST_CHECK(source->bounded());
  BOOST_CHECK(DatagenConnector().bounded(context.options));
  std::vector<Values> rows;
  for (bool end = false; !end;) {
    const SourceBatch batch = source->Poll(0, 2);
    if (batch.rows) Append(context, *batch.rows, &rows);
    end = batch.end;
  }
  BOOST_REQUIRE_EQUAL(rows.size(), 5u);
  for (int64_t i = 0; i < 5; ++i) {
    BOOST_CHECK_EQUAL(Int(rows[i][0]), 5 + i);
    BOOST_CHECK_EQUAL(Text(rows[i][1]), std::to_string(i - 1));
    BOOST_CHECK(std::get<int128_t>(rows[i][2].data) == (i + 1) * 100);
  }
}

BOOST_AUTO_TEST_CASE(PacedAndReplayedWithTheSameTimes) {
  const Schema schema = {{"at", Type::MakeTimestampLtz(6)}, {"n", Type(TypeId::kInteger)}};
  const ConnectorContext context =
      MakeContext(schema, {{"rows-per-second", "1000"}, {"fields.at.max-past", "1 min"}});
  const std::unique_ptr<Source> source = MakeSource(context);
  std::atomic<int> wakes = 0;
  source->OnReady([&wakes] { ++wakes; });
  std::vector<Values> rows;
  SourcePosition end;
  const auto started = std::chrono::steady_clock::now();
  while (rows.size() < 100) {
    const SourceBatch batch = source->Poll(0, 100 - rows.size());
    if (batch.rows) Append(context, *batch.rows, &rows);
    end = batch.next;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  const auto passed = std::chrono::steady_clock::now() - started;
  BOOST_CHECK(passed >= std::chrono::milliseconds(95));
  source->Seek(0, "");
  BOOST_CHECK(ReadUntil(context, source.get(), end, 17) == rows);

  // The rows that come are due, so the timer says so until they are read.
  const int before = wakes;
  source->Poll(0, 1);
  std::this_thread::sleep_for(std::chrono::milliseconds(60));
  BOOST_CHECK(wakes > before);
}

BOOST_AUTO_TEST_CASE(TimesFollowTheClock) {
  const ConnectorContext context = MakeContext({{"at", Type::MakeTimestamp(3)}}, {});
  const std::unique_ptr<Source> source = MakeSource(context);
  std::vector<Values> rows;
  Append(context, *source->Poll(0, 1).rows, &rows);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const int64_t micros = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  BOOST_CHECK(std::abs(Int(rows[0][0]) - micros) < 10 * kMicrosPerSecond);
  BOOST_CHECK_EQUAL(Int(rows[0][0]) % 1000, 0);
}

BOOST_AUTO_TEST_CASE(WrongOptions) {
  const auto validate = [](const OptionTexts& options) {
    DatagenConnector().validate(MakeContext(AllTypes(), options), false);
  };
  BOOST_CHECK_NO_THROW(validate({}));
  BOOST_CHECK_THROW(validate({{"rows-per-second", "0"}}), Error);
  BOOST_CHECK_THROW(validate({{"number-of-rows", "-1"}}), Error);
  BOOST_CHECK_THROW(validate({{"fields.b.min", "-129"}}), Error);
  BOOST_CHECK_THROW(validate({{"fields.d.min", "5"}, {"fields.d.max", "4"}}), Error);
  BOOST_CHECK_THROW(validate({{"fields.d.null-rate", "1.5"}}), Error);
  BOOST_CHECK_THROW(validate({{"fields.d.kind", "sequence"}}), Error);
  BOOST_CHECK_THROW(validate({{"fields.t.z.min", "1"}}), Error);
  BOOST_CHECK_THROW(
      validate({{"fields.a.kind", "sequence"}, {"fields.a.start", "1"}, {"fields.a.end", "2"}}),
      Error);
}

}  // namespace
}  // namespace millrace
