#define BOOST_TEST_MODULE connectors_csv
#include <boost/test/unit_test.hpp>
#include <random>

#include "tests/unit/connectors_records.h"

namespace millrace {
namespace {

using Texts = std::vector<std::string>;
using OptionTexts = std::map<std::string, std::string>;

Schema OrderSchema() {
  return {{"id", TypeId::kInteger},
          {"name", TypeId::kString},
          {"price", Type::MakeDecimal(10, 2)},
          {"at", Type::MakeTimestamp(3)}};
}

struct Csv {
  explicit Csv(Schema schema, const OptionTexts& options = {})
      : context(MakeContext(std::move(schema), options)) {}
  Decoded Read(std::string_view text) {
    const RecordFraming framing = CsvFormat().framing(context.options);
    return DecodeBlock(context, CsvFormat().decoder(context).get(), MakeBlock(text, framing));
  }
  Texts Rows(std::string_view text) { return Show(Read(text), context); }
  std::string Reason(std::string_view text) { return Read(text).reason(); }

  ConnectorContext context;
};

void Check(const Texts& got, const Texts& wanted) {
  BOOST_CHECK_EQUAL_COLLECTIONS(got.begin(), got.end(), wanted.begin(), wanted.end());
}

BOOST_AUTO_TEST_CASE(PlainFields) {
  Csv csv(OrderSchema());
  Check(csv.Rows("1,pen,2.5,2026-03-01 12:00:00.123\n-7,a much longer name than inline,0.005,"
                 "2026-03-01T01:02:03\r\n+3,,,\n"),
        {"1|pen|2.50|2026-03-01 12:00:00.123",
         "-7|a much longer name than inline|0.01|2026-03-01 01:02:03.000", "3||NULL|NULL"});
}

BOOST_AUTO_TEST_CASE(Quotes) {
  Csv csv(OrderSchema());
  Check(csv.Rows("\"1\",\"a, \"\"big\"\" pen\",\"1.00\",\"2026-03-01 00:00:00\"\n"
                 "2,\"two\nlines\",,\n3,5\" pipe,,\n4,\"\",,\n"),
        {"1|a, \"big\" pen|1.00|2026-03-01 00:00:00.000", "2|two\nlines|NULL|NULL",
         "3|5\" pipe|NULL|NULL", "4||NULL|NULL"});
}

BOOST_AUTO_TEST_CASE(BrokenQuotes) {
  Csv csv({{"a", TypeId::kString}, {"b", TypeId::kString}});
  const Decoded decoded = csv.Read("\"a\"b,c\nx,\"open\ny,z\n");
  BOOST_TEST(decoded.reason(0) == "field 1: text behind the closing quote");
  BOOST_TEST(decoded.reason(1) == "field 2: the quote is not closed");
  BOOST_TEST_REQUIRE(decoded.rejects.size() == 2u);
  BOOST_TEST(decoded.rejects[1].record == 1u);
  Check(Show(decoded, csv.context), {"y|z"});
}

BOOST_AUTO_TEST_CASE(Rejects) {
  Csv csv(OrderSchema());
  BOOST_TEST(csv.Reason("1,2,3\n") == "expected 4 fields, found 3");
  BOOST_TEST(csv.Reason("1,2,3,,5\n") == "expected 4 fields, found 5");
  BOOST_TEST(csv.Reason("abc,x,1,\n") == "column id: cannot read 'abc' as INTEGER");
  BOOST_TEST(csv.Reason("16746.0,x,1,\n") == "column id: cannot read '16746.0' as INTEGER");
  BOOST_TEST(csv.Reason("2147483648,x,1,\n") == "column id: cannot read '2147483648' as INTEGER");
  BOOST_TEST(csv.Reason("1,x,123456789,\n") ==
             "column price: cannot read '123456789' as DECIMAL(10, 2)");
  BOOST_TEST(csv.Reason("1,x,1,yesterday\n") ==
             "column at: cannot read 'yesterday' as TIMESTAMP(3)");
  BOOST_TEST(csv.Reason("1,\xff\xfe,1,\n") == "column name: invalid UTF-8");
  const Decoded decoded = csv.Read("1,a,,\nx,b,,\n3,c,,\n");
  Check(Show(decoded, csv.context), {"1|a|NULL|NULL", "3|c|NULL|NULL"});
  BOOST_TEST(decoded.rejects[0].record == 1u);
  BOOST_TEST((decoded.row_records == std::vector<uint32_t>{0, 2}));
}

BOOST_AUTO_TEST_CASE(NotNullColumnsRefuseNull) {
  Csv csv({{"id", Type(TypeId::kInteger, false)}, {"name", TypeId::kString}});
  BOOST_TEST(csv.Reason(",x\n") == "column id: NULL in a NOT NULL column");
}

BOOST_AUTO_TEST_CASE(IgnoreParseErrors) {
  Csv csv(OrderSchema(), {{"csv.ignore-parse-errors", "true"}});
  const Decoded decoded = csv.Read("x,a,y,z\n1,b\n2,c,1,,extra\n\"3\"x,d,1,\n");
  BOOST_TEST(decoded.rejects.empty());
  Check(Show(decoded, csv.context), {"NULL|a|NULL|NULL", "1|b|NULL|NULL", "2|c|1.00|NULL"});
}

BOOST_AUTO_TEST_CASE(Options) {
  Csv csv(OrderSchema(), {{"csv.field-delimiter", "\\t"},
                          {"csv.quote-character", "'"},
                          {"csv.escape-character", "\\"},
                          {"csv.allow-comments", "true"},
                          {"csv.null-literal", "n/a"}});
  Check(csv.Rows("# a comment with a 'quote\n1\t'it\\'s\tso'\tn/a\t\n2\tn/a\t1\t\n3\t'n/a'\t\t\n"
                 "4\ta\\\tb\t\t\n"),
        {"1|it's\tso|NULL|NULL", "2|NULL|1.00|NULL", "3|n/a|NULL|NULL", "4|a\tb|NULL|NULL"});
  Csv bare({{"a", TypeId::kString}, {"b", TypeId::kString}},
           {{"csv.disable-quote-character", "true"}});
  Check(bare.Rows("\"x,y\"\n"), {"\"x|y\""});
}

BOOST_AUTO_TEST_CASE(BlankLines) {
  Csv csv(OrderSchema());
  Check(csv.Rows("\n1,a,,\n\r\n\n"), {"1|a|NULL|NULL"});
  Csv one({{"a", TypeId::kString}});
  Check(one.Rows("x\n\ny\n"), {"x", "", "y"});
}

BOOST_AUTO_TEST_CASE(HeaderNamesColumns) {
  Csv csv(OrderSchema(), {{"csv.header", "true"}});
  csv.context.columns = {2, 0};
  const auto decoder = CsvFormat().decoder(csv.context);
  RecordBlock block = MakeBlock("a,7,x,1.5\nb,8,y,2\n");
  block.header = std::make_shared<const std::string>("name,id,other,\"price\"");
  Check(Show(DecodeBlock(csv.context, decoder.get(), block), csv.context), {"1.50|7", "2.00|8"});
  block = MakeBlock("9\n");
  block.header = std::make_shared<const std::string>("id");
  Check(Show(DecodeBlock(csv.context, decoder.get(), block), csv.context), {"NULL|9"});
}

BOOST_AUTO_TEST_CASE(AllScalarTypes) {
  Csv csv({{"bo", TypeId::kBoolean},
           {"ti", TypeId::kTinyInt},
           {"si", TypeId::kSmallInt},
           {"bi", TypeId::kBigInt},
           {"fl", TypeId::kFloat},
           {"du", TypeId::kDouble},
           {"by", TypeId::kBytes},
           {"da", TypeId::kDate},
           {"tz", Type::MakeTimestampLtz(3)}});
  csv.context.zone = "Europe/Berlin";
  const Decoded decoded = csv.Read(
      " True ,-128, 32767 ,-9223372036854775808,1.5,-1e300,aGk=,2026-03-01,"
      "2026-03-01 12:00:00\nfalse,0,0,0,0,NaN,,,2026-03-01T12:00:00.5Z\n");
  BOOST_TEST(decoded.reason() == "none");
  BOOST_TEST(std::get<bool>(decoded.rows[0][0].data));
  BOOST_TEST(std::get<int64_t>(decoded.rows[0][3].data) == INT64_MIN);
  BOOST_TEST(std::get<double>(decoded.rows[0][5].data) == -1e300);
  BOOST_TEST(std::get<std::string>(decoded.rows[0][6].data) == "hi");
  BOOST_TEST(std::get<int64_t>(decoded.rows[1][8].data) -
                 std::get<int64_t>(decoded.rows[0][8].data) ==
             3'600'500'000);
  BOOST_TEST(csv.Reason("1,0,0,0,0,0,,,\n") == "column bo: cannot read '1' as BOOLEAN");
  BOOST_TEST(csv.Reason("true,128,0,0,0,0,,,\n") == "column ti: cannot read '128' as TINYINT");
}

BOOST_AUTO_TEST_CASE(ArraysAndRows) {
  Csv csv({{"a", Type::MakeArray(TypeId::kInteger)},
           {"r", Type::MakeRow({{"x", TypeId::kInteger}, {"y", TypeId::kString}})}});
  const Decoded decoded = csv.Read("1;2;3,7;z\n,\n4;;5,8\nx,1;2\n");
  BOOST_TEST(decoded.rows.size() == 3u);
  BOOST_TEST(decoded.rejects.size() == 1u);
  BOOST_TEST(std::get<Values>(decoded.rows[0][0].data).size() == 3u);
  BOOST_TEST(decoded.rows[1][0].is_null());
  BOOST_TEST(std::get<Values>(decoded.rows[2][0].data)[1].is_null());
  BOOST_TEST(std::get<std::string>(std::get<Values>(decoded.rows[0][1].data)[1].data) == "z");
}

BOOST_AUTO_TEST_CASE(DecimalText) {
  Csv csv({{"d", Type::MakeDecimal(6, 3)}});
  Check(csv.Rows("1e2\n-0.0005\n.5\n5.\n00012.3400\n1.2345E1\n999.9994\n-0\n"),
        {"100.000", "-0.001", "0.500", "5.000", "12.340", "12.345", "999.999", "0.000"});
  for (const char* bad : {"999.9995", "1e3", "1e", "--1", ".", "1.2.3", "abc", "1e99999999999"}) {
    BOOST_TEST(csv.Reason(std::string(bad) + "\n") != "none", bad);
  }
}

std::string Encode(const ConnectorContext& context, const Batch& batch) {
  const auto encoder = CsvFormat().encoder(context);
  std::string text;
  for (size_t i = 0; i < batch.size; ++i) {
    encoder->Encode(batch, i, &text);
    text += '\n';
  }
  return text;
}

BOOST_AUTO_TEST_CASE(EncodesAsFlinkDoes) {
  Csv csv({{"s", TypeId::kString},
           {"d", Type::MakeDecimal(12, 9)},
           {"t", Type::MakeTimestamp(3)},
           {"z", Type::MakeTimestampLtz(3)},
           {"f", TypeId::kDouble}});
  std::vector<Reject> rejects;
  std::vector<uint32_t> row_records;
  const Batch batch =
      CsvFormat()
          .decoder(csv.context)
          ->Decode(
              MakeBlock(
                  "\"a,\"\"b\"\"\",0.000000001,2026-03-01 00:00:00.120,2026-03-01 00:00:00Z,1\n"
                  ",,,,\n",
                  CsvFormat().framing({})),
              &rejects, &row_records);
  BOOST_TEST(Encode(csv.context, batch) ==
             "\"a,\"\"b\"\"\",1E-9,2026-03-01 00:00:00.12,2026-03-01 00:00:00Z,1.0\n,,,,\n");
  csv.context.options["csv.write-bigdecimal-in-scientific-notation"].value = "false";
  csv.context.options["csv.header"].value = "true";
  BOOST_TEST(Encode(csv.context, batch).find("0.000000001") != std::string::npos);
  BOOST_TEST(CsvFormat().file_header(csv.context) == "s,d,t,z,f\n");
}

std::string RandomText(std::mt19937_64* random) {
  constexpr std::string_view kPieces[] = {
      "a", "Z", ",", "\"", "\n",   "\\", "'",    " ",
      "#", "ä", "€", "𝄞",  "null", ";",  "\r\n", "0123456789abc"};
  std::string text;
  for (size_t n = (*random)() % 6; n > 0; --n) text += kPieces[(*random)() % std::size(kPieces)];
  return text;
}

Values RandomRow(std::mt19937_64* random) {
  auto& next = *random;
  const auto micros = static_cast<int64_t>(next() % 4'000'000'000'000) * 1000;
  Values row = {{static_cast<int64_t>(next())},
                {RandomText(random)},
                {static_cast<int128_t>(static_cast<int64_t>(next()))},
                {micros},
                {static_cast<double>(static_cast<int64_t>(next())) / 1024.0},
                {next() % 2 == 0}};
  for (size_t i = 0; i < row.size(); ++i) {
    if (next() % 8 == 0) row[i] = {};
  }
  return row;
}

BOOST_AUTO_TEST_CASE(RandomRoundTrips) {
  const uint64_t seed = std::random_device{}();
  BOOST_TEST_MESSAGE("seed " << seed);
  BOOST_TEST_CONTEXT("seed " << seed) {
    std::mt19937_64 random(seed);
    for (const OptionTexts& options :
         {OptionTexts{{"csv.null-literal", "null"}},
          OptionTexts{{"csv.null-literal", ""}, {"csv.field-delimiter", ";"}},
          OptionTexts{{"csv.null-literal", "null"}, {"csv.escape-character", "\\"}},
          OptionTexts{{"csv.null-literal", "null"}, {"csv.quote-character", "'"}}}) {
      Csv csv({{"i", TypeId::kBigInt},
               {"s", TypeId::kString},
               {"d", Type::MakeDecimal(38, 7)},
               {"t", Type::MakeTimestamp(3)},
               {"f", TypeId::kDouble},
               {"b", TypeId::kBoolean}},
              options);
      std::vector<Values> rows;
      for (int i = 0; i < 500; ++i) rows.push_back(RandomRow(&random));
      Batch batch;
      batch.size = rows.size();
      Arena heap;
      for (size_t c = 0; c < csv.context.schema.size(); ++c) {
        const Type& type = csv.context.schema[c].type;
        batch.columns.emplace_back(type.id, rows.size());
        for (size_t i = 0; i < rows.size(); ++i) {
          SetValue(rows[i][c], type, &batch.columns[c], i, &heap);
        }
      }
      const Decoded decoded = csv.Read(Encode(csv.context, batch));
      BOOST_TEST(decoded.reason() == "none");
      BOOST_TEST_REQUIRE(decoded.rows.size() == rows.size());
      for (size_t i = 0; i < rows.size(); ++i) {
        BOOST_TEST((decoded.rows[i] == rows[i]), Show(decoded.rows[i], csv.context)
                                                     << " is not " << Show(rows[i], csv.context));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(AnyBytesGiveRowsOrRejects) {
  const uint64_t seed = std::random_device{}();
  BOOST_TEST_CONTEXT("seed " << seed) {
    std::mt19937_64 random(seed);
    Csv csv(OrderSchema());
    for (int round = 0; round < 2000; ++round) {
      std::string text = "1,\"a\"\"b\",2.5,2026-03-01 12:00:00\n2,x,,\n";
      for (int n = 0; n < 4; ++n) text[random() % text.size()] = static_cast<char>(random());
      const RecordFraming framing = CsvFormat().framing({});
      const size_t records = MakeBlock(text, framing).records.size();
      const Decoded decoded = csv.Read(text);
      BOOST_TEST(decoded.rows.size() + decoded.rejects.size() <= records);
      BOOST_TEST(decoded.rows.size() == decoded.row_records.size());
    }
  }
}

BOOST_AUTO_TEST_CASE(SplittingDoesNotDependOnTheChunks) {
  const std::string text = "a,\"b\nc\"\"\n\",d\r\n\"\",\"\"\n\nx\"y,z\n\"q\"\n";
  const RecordFraming framing = CsvFormat().framing({});
  const SplitRecords whole = Split(framing, text.data(), 0, text.size(), true, 100);
  BOOST_TEST(whole.records.size() == 5u);
  BOOST_TEST((whole.lines == std::vector<uint32_t>{0, 3, 4, 5, 6}));
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    const SplitRecords first = Split(framing, text.data(), 0, cut, false, 100);
    const SplitRecords second = Split(framing, text.data(), first.end, text.size(), true, 100);
    auto records = first.records;
    records.insert(records.end(), second.records.begin(), second.records.end());
    BOOST_TEST((records == whole.records), "cut at " << cut);
    BOOST_TEST(first.line_count + second.line_count == whole.line_count);
  }
}

BOOST_AUTO_TEST_CASE(RawFormatTakesRecordsAsTheyAre) {
  ConnectorContext context = MakeContext({{"line", TypeId::kString}});
  Check(Show(DecodeBlock(context, RawFormat().decoder(context).get(), MakeBlock("a,b\n\"x\n")),
             context),
        {"a,b", "\"x"});
  context = MakeContext({{"n", TypeId::kInteger}});
  const Decoded decoded = DecodeBlock(context, RawFormat().decoder(context).get(),
                                      MakeBlock(std::string_view("\0\0\1\2\nabc\n", 9)));
  Check(Show(decoded, context), {"258"});
  BOOST_TEST(decoded.reason() == "expected 4 bytes, found 3");
}

}  // namespace
}  // namespace millrace
