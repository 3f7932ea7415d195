#define BOOST_TEST_MODULE connectors_nexmark
#include <array>
#include <boost/test/unit_test.hpp>
#include <map>
#include <set>

#include "connectors/builtin.h"
#include "types/value.h"

namespace millrace {
namespace {

Schema NexmarkSchema() {
  const Type text(TypeId::kString), number(TypeId::kBigInt), time = Type::MakeTimestamp(3);
  return {{"event_type", Type(TypeId::kInteger)},
          {"person", Type::MakeRow({{"id", number},
                                    {"name", text},
                                    {"emailAddress", text},
                                    {"creditCard", text},
                                    {"city", text},
                                    {"state", text},
                                    {"dateTime", time},
                                    {"extra", text}})},
          {"auction", Type::MakeRow({{"id", number},
                                     {"itemName", text},
                                     {"description", text},
                                     {"initialBid", number},
                                     {"reserve", number},
                                     {"dateTime", time},
                                     {"expires", time},
                                     {"seller", number},
                                     {"category", number},
                                     {"extra", text}})},
          {"bid", Type::MakeRow({{"auction", number},
                                 {"bidder", number},
                                 {"price", number},
                                 {"channel", text},
                                 {"url", text},
                                 {"dateTime", time},
                                 {"extra", text}})}};
}

ConnectorContext MakeContext(const std::map<std::string, std::string>& options) {
  ConnectorContext context;
  context.table = "nexmark";
  context.schema = NexmarkSchema();
  context.columns = {0, 1, 2, 3};
  context.options["max-emit-speed"].value = "true";
  for (const auto& [key, value] : options) context.options[key].value = value;
  return context;
}

std::unique_ptr<Source> MakeSource(const ConnectorContext& context) {
  return NexmarkConnector().source(context);
}

void Append(const ConnectorContext& context, const Batch& batch, std::vector<Values>* rows) {
  BOOST_REQUIRE_EQUAL(batch.columns.size(), context.columns.size());
  for (size_t i = 0; i < batch.size; ++i) {
    Values row;
    for (size_t c = 0; c < batch.columns.size(); ++c) {
      row.push_back(GetValue(batch.columns[c], context.schema[context.columns[c]].type, i));
    }
    rows->push_back(std::move(row));
  }
}

std::vector<Values> Read(const ConnectorContext& context, Source* source, size_t count,
                         size_t batch_rows) {
  std::vector<Values> rows;
  while (rows.size() < count) {
    const SourceBatch batch = source->Poll(0, std::min(batch_rows, count - rows.size()));
    if (!batch.rows) break;
    Append(context, *batch.rows, &rows);
  }
  return rows;
}

int64_t Int(const Value& value) { return std::get<int64_t>(value.data); }
const std::string& Text(const Value& value) { return std::get<std::string>(value.data); }
const Value& Part(const Value& row, size_t i) { return std::get<Values>(row.data)[i]; }

BOOST_AUTO_TEST_CASE(EventsDoNotDependOnBatches) {
  const ConnectorContext context = MakeContext({});
  const std::vector<Values> expected = Read(context, MakeSource(context).get(), 2000, 1000);
  BOOST_REQUIRE_EQUAL(expected.size(), 2000u);
  for (const size_t batch_rows : {1, 7, 50, 1999}) {
    BOOST_CHECK(Read(context, MakeSource(context).get(), 2000, batch_rows) == expected);
  }
}

BOOST_AUTO_TEST_CASE(SeekGoesAnywhere) {
  const ConnectorContext context = MakeContext({});
  const std::unique_ptr<Source> source = MakeSource(context);
  const std::vector<Values> all = Read(context, source.get(), 1000, 1000);
  for (const size_t from : {0, 1, 3, 4, 49, 50, 51, 777}) {
    source->Seek(0, from == 0 ? "" : std::to_string(from));
    const std::vector<Values> rows = Read(context, source.get(), 100, 33);
    BOOST_CHECK(rows == std::vector<Values>(all.begin() + from, all.begin() + from + 100));
  }
  BOOST_CHECK_THROW(source->Seek(0, "x"), Error);
}

BOOST_AUTO_TEST_CASE(PollUntilIsExact) {
  const ConnectorContext context = MakeContext({});
  const std::unique_ptr<Source> source = MakeSource(context);
  source->Poll(0, 123);
  const SourcePosition end = source->Poll(0, 77).next;
  BOOST_CHECK_EQUAL(end, "200");
  source->Seek(0, "123");
  size_t rows = 0;
  SourcePosition next;
  while (next != end) {
    const SourceBatch batch = source->PollUntil(0, end, 50);
    rows += batch.size();
    next = batch.next;
  }
  BOOST_CHECK_EQUAL(rows, 77u);
  BOOST_CHECK_EQUAL(source->PollUntil(0, end, 50).size(), 0u);
}

BOOST_AUTO_TEST_CASE(ProportionsAndKinds) {
  for (const std::array<int, 3> parts : {std::array{1, 3, 46}, {2, 5, 3}, {0, 0, 1}, {3, 0, 0}}) {
    const ConnectorContext context = MakeContext({{"person.proportion", std::to_string(parts[0])},
                                                  {"auction.proportion", std::to_string(parts[1])},
                                                  {"bid.proportion", std::to_string(parts[2])}});
    const size_t cycle = parts[0] + parts[1] + parts[2];
    std::array<int, 3> counts{};
    for (const Values& row : Read(context, MakeSource(context).get(), 20 * cycle, 13)) {
      const int64_t kind = Int(row[0]);
      ++counts[kind];
      for (int64_t k = 0; k < 3; ++k) BOOST_CHECK_EQUAL(row[1 + k].is_null(), k != kind);
    }
    for (size_t k = 0; k < 3; ++k) BOOST_CHECK_EQUAL(counts[k], 20 * parts[k]);
  }
}

BOOST_AUTO_TEST_CASE(IdsReferToWhatIsThere) {
  const ConnectorContext context = MakeContext({});
  int64_t persons = 0, auctions = 0, hot_bids = 0, bids = 0;
  int64_t last_time = 0;
  for (const Values& row : Read(context, MakeSource(context).get(), 50'000, 5000)) {
    if (Int(row[0]) == 0) {
      BOOST_CHECK_EQUAL(Int(Part(row[1], 0)), 1000 + persons++);
    } else if (Int(row[0]) == 1) {
      const Value& auction = row[2];
      BOOST_CHECK_EQUAL(Int(Part(auction, 0)), 1000 + auctions++);
      BOOST_CHECK(Int(Part(auction, 4)) > Int(Part(auction, 3)));  // reserve > initialBid
      BOOST_CHECK(Int(Part(auction, 6)) > Int(Part(auction, 5)));  // expires > dateTime
      const int64_t seller = Int(Part(auction, 7)), category = Int(Part(auction, 8));
      BOOST_CHECK(seller >= std::max<int64_t>(1000, persons) && seller < 1000 + persons + 10);
      BOOST_CHECK(category >= 10 && category <= 14);
    } else {
      const Value& bid = row[3];
      const int64_t auction = Int(Part(bid, 0)), bidder = Int(Part(bid, 1));
      BOOST_CHECK(auction >= 1000 && auction < 1000 + auctions + 10);
      BOOST_CHECK(bidder >= 1000 && bidder < 1000 + persons + 10);
      BOOST_CHECK(Int(Part(bid, 2)) >= 100 && Int(Part(bid, 2)) <= 100'000'000);
      const int64_t time = Int(Part(bid, 5));
      BOOST_CHECK(time >= last_time && time % 1000 == 0);
      last_time = time;
      ++bids;
      hot_bids += auction == 1000 + (auctions - 1) / 100 * 100;
    }
  }
  BOOST_CHECK_EQUAL(bids, 46'000);
  // Half of the bids are for the hot auction, and chance adds one in 111.
  BOOST_CHECK(hot_bids > 22'500 && hot_bids < 24'500);
  BOOST_CHECK_EQUAL(last_time, 1'436'918'400'000'000 + int64_t{49'999} * 100 / 1000 * 1000);
}

BOOST_AUTO_TEST_CASE(Strings) {
  const ConnectorContext context = MakeContext({});
  std::set<std::string> hot = {"Google", "Facebook", "Baidu", "Apple"};
  std::map<std::string, std::string> urls;
  int hot_channels = 0, bids = 0;
  size_t extra = 0;
  for (const Values& row : Read(context, MakeSource(context).get(), 20'000, 4096)) {
    if (Int(row[0]) == 0) {
      const std::string& card = Text(Part(row[1], 3));
      BOOST_CHECK_EQUAL(card.size(), 19u);
      BOOST_CHECK(card.find_first_not_of("0123456789 ") == std::string::npos);
      BOOST_CHECK(Text(Part(row[1], 2)).ends_with(".com"));
      BOOST_CHECK(Text(Part(row[1], 1)).find(' ') != std::string::npos);
    } else if (Int(row[0]) == 1) {
      const std::string& item = Text(Part(row[2], 1));
      BOOST_CHECK(!item.empty() && item.size() < 20 && item.front() != ' ');
    } else {
      const std::string& channel = Text(Part(row[3], 3));
      const std::string& url = Text(Part(row[3], 4));
      BOOST_CHECK(hot.count(channel) > 0 || channel.starts_with("channel-"));
      BOOST_CHECK(url.starts_with("https://www.nexmark.com/"));
      BOOST_CHECK(url.find("/item.htm?query=1") != std::string::npos);
      BOOST_CHECK_EQUAL(urls.try_emplace(channel, url).first->second, url);
      hot_channels += hot.count(channel) > 0;
      extra += Text(Part(row[3], 6)).size();
      ++bids;
    }
  }
  BOOST_CHECK(std::abs(hot_channels * 2 - bids) < bids / 20);
  BOOST_CHECK(extra / bids >= 64 && extra / bids <= 71);
}

BOOST_AUTO_TEST_CASE(PrunedFieldsAreNullAndTheOthersTheSame) {
  ConnectorContext context = MakeContext({});
  const std::vector<Values> all = Read(context, MakeSource(context).get(), 500, 100);
  context.columns = {3, 2};
  context.fields = {{"dateTime", "url"}, {}};
  const std::vector<Values> pruned = Read(context, MakeSource(context).get(), 500, 64);
  BOOST_REQUIRE_EQUAL(pruned.size(), all.size());
  for (size_t i = 0; i < all.size(); ++i) {
    BOOST_CHECK(pruned[i][1] == all[i][2]);
    BOOST_REQUIRE_EQUAL(pruned[i][0].is_null(), all[i][3].is_null());
    if (pruned[i][0].is_null()) continue;
    for (size_t part = 0; part < 7; ++part) {
      const Value& value = Part(pruned[i][0], part);
      const bool needed = part == 4 || part == 5;
      BOOST_CHECK(needed ? value == Part(all[i][3], part) : value.is_null());
    }
  }
}

BOOST_AUTO_TEST_CASE(EndsAndBounds) {
  ConnectorContext context = MakeContext({{"events.num", "120"}});
  std::unique_ptr<Source> source = MakeSource(context);
  BOOST_CHECK(source->bounded());
  SourceBatch batch = source->Poll(0, 100);
  BOOST_CHECK_EQUAL(batch.size(), 100u);
  BOOST_CHECK(!batch.end);
  batch = source->Poll(0, 100);
  BOOST_CHECK_EQUAL(batch.size(), 20u);
  BOOST_CHECK(batch.end);
  BOOST_CHECK_EQUAL(batch.next, "120");

  context.options["keep-alive"].value = "true";
  source = MakeSource(context);
  BOOST_CHECK(!source->bounded());
  BOOST_CHECK(!source->Poll(0, 1000).end);
  BOOST_CHECK(!MakeSource(MakeContext({}))->bounded());
  BOOST_CHECK(NexmarkConnector().bounded(MakeContext({{"stop-at", "5"}}).options));
}

BOOST_AUTO_TEST_CASE(PacedByTheClock) {
  const ConnectorContext context =
      MakeContext({{"max-emit-speed", "false"}, {"first-event.rate", "1"}});
  const std::unique_ptr<Source> source = MakeSource(context);
  BOOST_CHECK_EQUAL(source->Poll(0, 1000).size(), 1u);
  BOOST_CHECK_EQUAL(source->Poll(0, 1000).size(), 0u);
}

BOOST_AUTO_TEST_CASE(SeedAndBaseTime) {
  const ConnectorContext context = MakeContext({});
  const ConnectorContext other = MakeContext({{"seed", "1"}, {"base-time", "2026-01-01 00:00:00"}});
  const std::vector<Values> a = Read(context, MakeSource(context).get(), 100, 100);
  const std::vector<Values> b = Read(other, MakeSource(other).get(), 100, 100);
  BOOST_CHECK(a != b);
  BOOST_CHECK_EQUAL(Int(Part(b[0][1], 6)), 1'767'225'600'000'000);
}

BOOST_AUTO_TEST_CASE(WrongDeclarations) {
  const auto validate = [](Schema schema, const std::map<std::string, std::string>& options) {
    ConnectorContext context = MakeContext(options);
    if (!schema.empty()) context.schema = std::move(schema);
    NexmarkConnector().validate(context, false);
  };
  const auto code = [](ErrorCode expected) {
    return [expected](const Error& error) { return error.code == expected; };
  };
  BOOST_CHECK_NO_THROW(validate({}, {}));
  BOOST_CHECK_NO_THROW(validate({{"bid", Type::MakeRow({{"price", Type(TypeId::kBigInt)}})}}, {}));
  BOOST_CHECK_EXCEPTION(validate({{"bids", Type(TypeId::kBigInt)}}, {}), Error,
                        code(ErrorCode::kColumnNotFound));
  BOOST_CHECK_EXCEPTION(validate({{"bid", Type::MakeRow({{"price", Type(TypeId::kInteger)}})}}, {}),
                        Error, code(ErrorCode::kTypeMismatch));
  BOOST_CHECK_EXCEPTION(validate({}, {{"bid.proportion", "-1"}}), Error,
                        code(ErrorCode::kInvalidOption));
  BOOST_CHECK_EXCEPTION(validate({}, {{"base-time", "soon"}}), Error,
                        code(ErrorCode::kInvalidOption));
}

}  // namespace
}  // namespace millrace
