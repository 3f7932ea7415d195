#define BOOST_TEST_MODULE connectors_json
#include <boost/test/unit_test.hpp>
#include <random>

#include "tests/unit/connectors_records.h"

namespace millrace {
namespace {

using Texts = std::vector<std::string>;
using OptionTexts = std::map<std::string, std::string>;

struct Json {
  explicit Json(Schema schema, const OptionTexts& options = {})
      : context(MakeContext(std::move(schema), options)) {}
  Decoded Read(std::string_view text) {
    return DecodeBlock(context, JsonFormat().decoder(context).get(), MakeBlock(text));
  }
  Texts Rows(std::string_view text) {
    const Decoded decoded = Read(text);
    for (const Reject& reject : decoded.rejects) BOOST_TEST_MESSAGE(reject.reason);
    return Show(decoded, context);
  }
  std::string Reason(std::string_view text) { return Read(text).reason(); }

  ConnectorContext context;
};

void Check(const Texts& got, const Texts& wanted) {
  BOOST_CHECK_EQUAL_COLLECTIONS(got.begin(), got.end(), wanted.begin(), wanted.end());
}

Schema BidSchema() {
  return {{"auction", TypeId::kBigInt},
          {"price", TypeId::kInteger},
          {"channel", TypeId::kString},
          {"at", Type::MakeTimestamp(3)}};
}

BOOST_AUTO_TEST_CASE(Objects) {
  Json json(BidSchema());
  Check(json.Rows(R"({"auction":1,"price":2,"channel":"Google","at":"2026-03-01 12:00:00.123"}
{ "price" : -7 , "x":{"y":[1,{"price":5}]}, "at":null,"channel":"a string that is long", "auction":3}
{}

{"auction":9,"price":8,"price":9,"channel":"","at":"2026-03-01T12:00:00"}
)"),
        {"1|2|Google|2026-03-01 12:00:00.123", "3|-7|a string that is long|NULL",
         "NULL|NULL|NULL|NULL", "9|9||2026-03-01 12:00:00.000"});
}

BOOST_AUTO_TEST_CASE(ColumnsAsAskedFor) {
  Json json(BidSchema());
  json.context.columns = {2, 0};
  Check(json.Rows("{\"auction\":1,\"price\":\"not read\",\"channel\":\"c\"}\n"), {"c|1"});
  json.context.columns = {};
  const Decoded none = json.Read("{\"auction\":1}\n{}\n");
  BOOST_TEST(none.rows.size() == 2u);
}

BOOST_AUTO_TEST_CASE(ArraysOfRows) {
  Json json(BidSchema());
  const Decoded decoded = json.Read(
      "[{\"auction\":1},{\"auction\":2}]\n[]\n[{\"auction\":3},{\"auction\":\"x\"}]\n"
      "{\"auction\":4}\n[1]\n");
  Check(Show(decoded, json.context), {"1|NULL|NULL|NULL", "2|NULL|NULL|NULL", "4|NULL|NULL|NULL"});
  BOOST_TEST((decoded.row_records == std::vector<uint32_t>{0, 0, 3}));
  BOOST_TEST_REQUIRE(decoded.rejects.size() == 2u);
  BOOST_TEST(decoded.rejects[0].record == 2u);
  BOOST_TEST(decoded.reason(0) == "column auction: cannot read 'x' as BIGINT");
  BOOST_TEST(decoded.reason(1) == "expected an array of JSON objects");
}

BOOST_AUTO_TEST_CASE(Strings) {
  Json json({{"s", TypeId::kString}});
  Check(json.Rows(R"({"s":"a\"b\\c\/d\n\u00e4\ud834\udd1e and more than twelve bytes"}
{"s":"äöü ohne Umwege, lang genug"}
{"s":12.50}
{"s":true}
{"s":{"a": [1, 2]}}
{"s":[1,"x"] }
{"s" :  "blanks around"  }
{"\u0073":"escaped key"}
)"),
        {"a\"b\\c/d\nä𝄞 and more than twelve bytes", "äöü ohne Umwege, lang genug", "12.50", "true",
         "{\"a\": [1, 2]}", "[1,\"x\"]", "blanks around", "escaped key"});
}

BOOST_AUTO_TEST_CASE(Numbers) {
  Json json({{"i", TypeId::kInteger},
             {"t", TypeId::kTinyInt},
             {"d", Type::MakeDecimal(30, 10)},
             {"f", TypeId::kDouble}});
  Check(json.Rows(R"({"i":"42","t":" 7 ","d":"1.5","f":"2.5"}
{"i":16746.0,"t":1e2,"d":12345678901234567890.0123456789,"f":1e300}
{"i":-0,"t":null,"d":1E-10,"f":3}
)"),
        {"42|7|1.5000000000|2.5", "16746|100|12345678901234567890.0123456789|1.0E300",
         "0|NULL|0.0000000001|3.0"});
  BOOST_TEST(json.Reason("{\"i\":2147483648}\n") ==
             "column i: cannot read '2147483648' as INTEGER");
  BOOST_TEST(json.Reason("{\"i\":1.5}\n") == "column i: cannot read '1.5' as INTEGER");
  BOOST_TEST(json.Reason("{\"t\":1e3}\n") == "column t: cannot read '1e3' as TINYINT");
  BOOST_TEST(json.Reason("{\"d\":1e21}\n") == "column d: cannot read '1e21' as DECIMAL(30, 10)");
  BOOST_TEST(json.Reason("{\"f\":true}\n") == "column f: cannot read 'true' as DOUBLE");
  BOOST_TEST(json.Reason("{\"f\":[1]}\n").starts_with("column f: cannot read '["));
}

BOOST_AUTO_TEST_CASE(TimesAndBytes) {
  Json json({{"d", TypeId::kDate},
             {"z", Type::MakeTimestampLtz(3)},
             {"y", TypeId::kBytes},
             {"b", TypeId::kBoolean}});
  const Decoded decoded =
      json.Read(R"({"d":"2026-03-01","z":"2026-03-01T12:00:00Z","y":"aGk=","b":true}
{"z":"2026-03-01 14:00:00+02:00","b":"False"}
)");
  BOOST_TEST(decoded.reason() == "none");
  BOOST_TEST((decoded.rows[0][1] == decoded.rows[1][1]));
  BOOST_TEST(std::get<std::string>(decoded.rows[0][2].data) == "hi");
  BOOST_TEST(!std::get<bool>(decoded.rows[1][3].data));
  BOOST_TEST(json.Reason("{\"z\":1}\n") != "none");
  BOOST_TEST(json.Reason("{\"y\":\"?\"}\n") == "column y: cannot read '?' as BYTES");
}

BOOST_AUTO_TEST_CASE(Nested) {
  const Type item = Type::MakeRow({{"sku", TypeId::kString}, {"n", TypeId::kInteger}});
  Json json({{"user", Type::MakeRow(
                          {{"name", TypeId::kString}, {"tags", Type::MakeArray(TypeId::kString)}})},
             {"items", Type::MakeArray(item)},
             {"props", Type::MakeMap(TypeId::kString, TypeId::kInteger)}});
  const Decoded decoded = json.Read(
      R"({"user":{"tags":["a",null,"a longer tag, not inline"],"name":"n"},"items":[{"n":1,"sku":"x"},null,{}],"props":{"k":1,"l":null}}
{"items":[],"user":null,"props":{}}
{"user":{"name":1,"tags":"no"},"items":[{"n":1}]}
{"items":[{"n":2},{"n":"bad"}]}
{"user":{"zzz":1},"props":{"k":7}}
)");
  BOOST_TEST_REQUIRE(decoded.rows.size() == 3u);
  BOOST_TEST(decoded.reason(0) == "column user.tags: cannot read '\"no\"' as ARRAY<STRING>");
  BOOST_TEST(decoded.reason(1) == "column items.n: cannot read 'bad' as INTEGER");
  const Values& user = std::get<Values>(decoded.rows[0][0].data);
  BOOST_TEST(std::get<std::string>(user[0].data) == "n");
  const Values& tags = std::get<Values>(user[1].data);
  BOOST_TEST(tags[1].is_null());
  BOOST_TEST(std::get<std::string>(tags[2].data) == "a longer tag, not inline");
  const Values& items = std::get<Values>(decoded.rows[0][1].data);
  BOOST_TEST(items[1].is_null());
  BOOST_TEST(std::get<Values>(items[2].data)[1].is_null());
  BOOST_TEST(std::get<Values>(decoded.rows[0][2].data).size() == 4u);
  BOOST_TEST(decoded.rows[1][0].is_null());
  BOOST_TEST(std::get<Values>(decoded.rows[1][1].data).empty());
  BOOST_TEST(decoded.rows[2][1].is_null());
  BOOST_TEST(std::get<int64_t>(std::get<Values>(decoded.rows[2][2].data)[1].data) == 7);
}

BOOST_AUTO_TEST_CASE(BrokenRecords) {
  Json json(BidSchema());
  const char* const broken[] = {"{\"auction\":1",
                                "{\"auction\":1}}",
                                "{\"auction\" 1}",
                                "\"text\"",
                                "{\"auction\":1} x",
                                "{\"channel\":\"\xff\xfe\"}",
                                "[{\"auction\":1}",
                                "nonsense",
                                "{\"channel\":\"open}",
                                "{\"channel\":tru}",
                                "7",
                                "{\"price\":--1}",
                                "{\"channel\":\"a\tb\"}"};
  for (const char* text : broken) {
    const Decoded decoded = json.Read(std::string(text) + "\n{\"auction\":5}\n");
    BOOST_TEST(decoded.rejects.size() == 1u, text);
    Check(Show(decoded, json.context), {"5|NULL|NULL|NULL"});
  }
}

BOOST_AUTO_TEST_CASE(ErrorOptions) {
  Json strict(BidSchema(), {{"json.fail-on-missing-field", "true"}});
  BOOST_TEST(strict.Reason("{\"auction\":1}\n") == "field price is missing");
  Json lenient(BidSchema(), {{"json.ignore-parse-errors", "true"}});
  const Decoded decoded = lenient.Read("{\"auction\":\"x\",\"price\":1}\n{broken\n{\"price\":2}\n");
  BOOST_TEST(decoded.rejects.empty());
  Check(Show(decoded, lenient.context), {"NULL|1|NULL|NULL", "NULL|2|NULL|NULL"});
  Json not_null({{"id", Type(TypeId::kInteger, false)}});
  BOOST_TEST(not_null.Reason("{}\n") == "column id: NULL in a NOT NULL column");
}

std::string Encode(const ConnectorContext& context, const Batch& batch) {
  const auto encoder = JsonFormat().encoder(context);
  std::string text;
  for (size_t i = 0; i < batch.size; ++i) {
    encoder->Encode(batch, i, &text);
    text += '\n';
  }
  return text;
}

std::string Again(Json* json, std::string_view text) {
  std::vector<Reject> rejects;
  std::vector<uint32_t> row_records;
  const Batch batch =
      JsonFormat().decoder(json->context)->Decode(MakeBlock(text), &rejects, &row_records);
  BOOST_TEST(rejects.empty());
  return Encode(json->context, batch);
}

BOOST_AUTO_TEST_CASE(EncodesAsFlinkDoes) {
  Json json({{"s", TypeId::kString},
             {"d", Type::MakeDecimal(12, 9)},
             {"t", Type::MakeTimestamp(3)},
             {"z", Type::MakeTimestampLtz(3)},
             {"f", TypeId::kDouble},
             {"b", TypeId::kBoolean},
             {"m", Type::MakeMap(TypeId::kString, Type::MakeArray(TypeId::kInteger))},
             {"r", Type::MakeRow({{"x", TypeId::kBytes}})}});
  const std::string text =
      "{\"s\":\"a\\\"\\n\\u0001ä\",\"d\":0.000000001,\"t\":\"2026-03-01 01:02:03.4\","
      "\"z\":\"2026-03-01 00:00:00Z\",\"f\":1.0,\"b\":false,\"m\":{\"k\":[1,null]},"
      "\"r\":{\"x\":\"aGk=\"}}\n";
  const std::string with_exponent = [&] {
    std::string changed = text;
    return changed.replace(changed.find("0.000000001"), 11, "1E-9");
  }();
  BOOST_TEST(Again(&json, text) == with_exponent);
  json.context.options["json.encode.decimal-as-plain-number"].value = "true";
  BOOST_TEST(Again(&json, text) == text);
  json.context.options["json.timestamp-format.standard"].value = "ISO-8601";
  json.context.options["json.encode.ignore-null-fields"].value = "true";
  BOOST_TEST(Again(&json, "{\"t\":\"2026-03-01 01:02:03.400\",\"r\":{}}\n") ==
             "{\"t\":\"2026-03-01T01:02:03.4\",\"r\":{}}\n");
}

BOOST_AUTO_TEST_CASE(NullKeysOfMaps) {
  Json json({{"m", Type::MakeMap(TypeId::kString, TypeId::kInteger)}});
  Column keys(TypeId::kString, 2), values(TypeId::kInteger, 2), maps(TypeId::kMap, 1);
  keys.SetNull(0);
  keys.mutable_data<StringRef>()[1] = StringRef("k");
  values.mutable_data<int32_t>()[0] = 1;
  values.mutable_data<int32_t>()[1] = 2;
  maps.mutable_data<ListEntry>()[0] = {0, 2};
  maps.mutable_children() = {keys, values};
  Batch batch;
  batch.size = 1;
  batch.columns = {maps};
  BOOST_CHECK_THROW(Encode(json.context, batch), Error);
  json.context.options["json.map-null-key.mode"].value = "DROP";
  BOOST_TEST(Encode(json.context, batch) == "{\"m\":{\"k\":2}}\n");
  json.context.options["json.map-null-key.mode"].value = "LITERAL";
  json.context.options["json.map-null-key.literal"].value = "none";
  BOOST_TEST(Encode(json.context, batch) == "{\"m\":{\"none\":1,\"k\":2}}\n");
}

std::string RandomText(std::mt19937_64* random) {
  constexpr std::string_view kPieces[] = {
      "a", "\"", "\\", "\n", "\t",   "ä", "€",    "𝄞",
      "{", "}",  ":",  ",",  "\x01", " ", "null", "0123456789abc"};
  std::string text;
  for (size_t n = (*random)() % 6; n > 0; --n) text += kPieces[(*random)() % std::size(kPieces)];
  return text;
}

Value RandomValue(const Type& type, std::mt19937_64* random) {
  auto& next = *random;
  if (next() % 7 == 0) return {};
  Values values;
  switch (type.id) {
    case TypeId::kString:
    case TypeId::kBytes:
      return {RandomText(random)};
    case TypeId::kBigInt:
      return {static_cast<int64_t>(next())};
    case TypeId::kDouble:
      return {static_cast<double>(static_cast<int64_t>(next())) / 1024.0};
    case TypeId::kDecimal:
      return {static_cast<int128_t>(static_cast<int64_t>(next())) * 1000003};
    case TypeId::kTimestamp:
    case TypeId::kTimestampLtz:
      return {static_cast<int64_t>(next() % 4'000'000'000'000) * 1000};
    case TypeId::kRow:
      for (const Field& field : *type.children) values.push_back(RandomValue(field.type, random));
      return {values};
    case TypeId::kArray:
      for (size_t n = next() % 4; n > 0; --n) {
        values.push_back(RandomValue((*type.children)[0].type, random));
      }
      return {values};
    case TypeId::kMap:
      for (size_t n = next() % 3; n > 0; --n) {
        values.push_back({"k" + std::to_string(n) + RandomText(random)});
        values.push_back(RandomValue((*type.children)[1].type, random));
      }
      return {values};
    default:
      return {next() % 2 == 0};
  }
}

BOOST_AUTO_TEST_CASE(RandomRoundTrips) {
  const uint64_t seed = std::random_device{}();
  BOOST_TEST_MESSAGE("seed " << seed);
  const Type inner = Type::MakeRow(
      {{"a b", TypeId::kString}, {"n", Type::MakeArray(Type::MakeArray(TypeId::kBigInt))}});
  Json json({{"i", TypeId::kBigInt},
             {"s", TypeId::kString},
             {"d", Type::MakeDecimal(38, 11)},
             {"t", Type::MakeTimestamp(3)},
             {"z", Type::MakeTimestampLtz(3)},
             {"f", TypeId::kDouble},
             {"b", TypeId::kBoolean},
             {"y", TypeId::kBytes},
             {"quo\"ted", inner},
             {"l", Type::MakeArray(inner)},
             {"m", Type::MakeMap(TypeId::kString, inner)}});
  BOOST_TEST_CONTEXT("seed " << seed) {
    std::mt19937_64 random(seed);
    std::vector<Values> rows(1000);
    Batch batch;
    batch.size = rows.size();
    Arena heap;
    for (const Field& field : json.context.schema) {
      Column column = MakeConstantColumn({}, field.type, 0).Flatten();
      column.Resize(rows.size());
      for (size_t i = 0; i < rows.size(); ++i) {
        rows[i].push_back(RandomValue(field.type, &random));
        SetValue(rows[i].back(), field.type, &column, i, &heap);
      }
      batch.columns.push_back(std::move(column));
    }
    for (const bool skip_nulls : {false, true}) {
      json.context.options["json.encode.ignore-null-fields"].value = skip_nulls ? "true" : "false";
      const Decoded decoded = json.Read(Encode(json.context, batch));
      BOOST_TEST(decoded.reason() == "none");
      BOOST_TEST_REQUIRE(decoded.rows.size() == rows.size());
      for (size_t i = 0; i < rows.size(); ++i) {
        BOOST_TEST((decoded.rows[i] == rows[i]), Show(decoded.rows[i], json.context)
                                                     << " is not " << Show(rows[i], json.context));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(AnyBytesGiveRowsOrRejects) {
  const uint64_t seed = std::random_device{}();
  Json json({{"a", TypeId::kInteger},
             {"s", TypeId::kString},
             {"l", Type::MakeArray(TypeId::kInteger)},
             {"r", Type::MakeRow({{"x", TypeId::kString}})}});
  BOOST_TEST_CONTEXT("seed " << seed) {
    std::mt19937_64 random(seed);
    for (int round = 0; round < 5000; ++round) {
      std::string text = R"({"a":12,"s":"t\u00e4xt","l":[1,2,null],"r":{"x":"y"}})";
      for (int n = 0; n < 3; ++n) {
        constexpr std::string_view kBytes = "{}[]\",:\\ 0aeu\x80\xC3n";
        text[random() % text.size()] = kBytes[random() % kBytes.size()];
      }
      text.resize(text.size() - random() % 3);
      const Decoded decoded = json.Read(text);
      BOOST_TEST(decoded.rows.size() + decoded.rejects.size() <= 1u);
    }
  }
}

}  // namespace
}  // namespace millrace
