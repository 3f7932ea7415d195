#define BOOST_TEST_MODULE connectors_avro
#include <boost/test/unit_test.hpp>

#include "connectors/avro_decoder.h"
#include "tests/unit/connectors_records.h"

namespace millrace {
namespace {

using Texts = std::vector<std::string>;

// The bytes are those of Apache Avro's Python implementation, 1.11.1.
constexpr std::string_view kWriter = R"({"type": "record", "name": "r", "namespace": "n", "fields": [
  {"name": "id", "type": "long"}, {"name": "extra", "type": {"type": "array", "items": "int"}},
  {"name": "name", "type": ["null", "string"]},
  {"name": "kind", "type": {"type": "enum", "name": "k", "symbols": ["A", "B"]}},
  {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}},
  {"name": "ts", "type": {"type": "long", "logicalType": "timestamp-millis"}},
  {"name": "day", "type": {"type": "int", "logicalType": "date"}},
  {"name": "tags", "type": {"type": "map", "values": ["null", "double"]}},
  {"name": "inner", "type": ["null", {"type": "record", "name": "i", "fields": [
    {"name": "x", "type": "int"}, {"name": "y", "type": "float"}]}]},
  {"name": "raw", "type": {"type": "fixed", "name": "f", "size": 3}},
  {"name": "items", "type": {"type": "array", "items": "n.i"}}]})";
constexpr std::string_view kFull =
    "05040204000204c3a90204fb2ef6f9b4c0e66388b60204026102000000000000f83f02620000020e0000003f0001ff"
    "04020000803f040000004000";
constexpr std::string_view kSparse = "8080808080400000000400800101000061626300";

std::string Unhex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

Type Inner(bool both = true) {
  std::vector<Field> fields = {{"x", TypeId::kInteger}};
  if (both) fields.push_back({"y", TypeId::kDouble});
  return Type::MakeRow(std::move(fields));
}

// The row as text, or "!" and the reason.
std::string Read(std::string_view schema, const Schema& columns, std::string_view bytes) {
  const AvroRowReader reader(ParseAvroSchema(schema), columns);
  auto arena = std::make_shared<Arena>();
  std::vector<ColumnBuilder> builders;
  for (const Field& field : columns) builders.emplace_back(field.type, 1);
  std::string reason;
  if (!reader.Read(bytes, arena.get(), &builders, &reason)) return "!" + reason;
  Batch batch;
  batch.size = 1;
  for (ColumnBuilder& builder : builders) batch.columns.push_back(builder.Finish(arena));
  const ConnectorContext context = MakeContext(columns);
  std::vector<Values> rows;
  AppendRows(context, batch, &rows);
  return Show(rows[0], context);
}

BOOST_AUTO_TEST_CASE(every_type) {
  const Schema columns = {{"name", TypeId::kString},
                          {"id", TypeId::kBigInt},
                          {"kind", TypeId::kString},
                          {"price", Type::MakeDecimal(12, 3)},
                          {"ts", Type::MakeTimestamp(3)},
                          {"day", TypeId::kDate},
                          {"tags", Type::MakeMap(TypeId::kString, TypeId::kDouble)},
                          {"inner", Inner()},
                          {"items", Type::MakeArray(Inner(false))},
                          {"missing", TypeId::kInteger}};
  BOOST_TEST(Read(kWriter, columns, Unhex(kFull)) ==
             "é|-3|B|-12.340|2024-05-01 12:00:00.123|2024-05-01|{a=1.5, b=NULL}|(7, 0.5)|"
             "[(1), (2)]|NULL");
  BOOST_TEST(Read(kWriter, columns, Unhex(kSparse)) ==
             "NULL|1099511627776|A|1.280|1969-12-31 23:59:59.999|1969-12-31|{}|NULL|[]|NULL");
  BOOST_TEST(Read(kWriter, {{"id", TypeId::kDouble}}, Unhex(kFull)) == "-3.0");
}

BOOST_AUTO_TEST_CASE(what_does_not_fit) {
  const auto reason = [](const Type& type, std::string_view name = "id",
                         std::string_view bytes = kSparse) {
    return Read(kWriter, {{std::string(name), type}}, Unhex(bytes));
  };
  BOOST_TEST(reason(TypeId::kInteger) ==
             "!column id: 1099511627776 is out of the range of INTEGER");
  BOOST_TEST(reason(TypeId::kString) == "!column id: cannot read Avro's long as STRING");
  BOOST_TEST(reason(Type(TypeId::kString, false), "name") ==
             "!column name: NULL in a NOT NULL column");
  BOOST_TEST(reason(TypeId::kBigInt, "ts").find("!") == std::string::npos);
  // Cut short anywhere, or with more behind it, it is no record.
  const std::string full = Unhex(kFull);
  for (size_t size = 0; size < full.size(); ++size) {
    BOOST_TEST(Read(kWriter, {{"id", TypeId::kBigInt}}, full.substr(0, size)).starts_with('!'));
  }
  BOOST_TEST(Read(kWriter, {{"id", TypeId::kBigInt}}, full + "x").starts_with('!'));
  // Items without bytes, without end.
  BOOST_TEST(Read(R"({"type":"record","name":"r","fields":[{"name":"a","type":{"type":"array","items":"null"}}]})",
                  {}, Unhex("feffffffffffffffff0100"))
                 .starts_with('!'));
  // A type that contains itself.
  const std::string_view list = R"({"type":"record","name":"l","fields":[{"name":"next","type":["null","l"]}]})";
  BOOST_TEST(Read(list, {}, Unhex("020200")) == "");
  BOOST_TEST(Read(list, {}, std::string(1000, '\2')) == "!values are nested too deep");
}

BOOST_AUTO_TEST_CASE(schemas) {
  for (const char* text : {"", "{}", "[]", "\"no\"", R"({"type":"record","name":"r"})",
                           R"({"type":"array"})", R"({"type":"enum","name":"e","symbols":[1]})",
                           R"({"type":"fixed","name":"f","size":-1})"}) {
    BOOST_CHECK_THROW(ParseAvroSchema(text), Error);
  }
  BOOST_TEST((ParseAvroSchema("\"long\"")->root->kind == AvroSchema::Kind::kLong));
}

BOOST_AUTO_TEST_CASE(tables_schema) {
  const Schema table = {{"id", Type(TypeId::kBigInt, false)},
                        {"name", TypeId::kString},
                        {"price", Type::MakeDecimal(10, 2)},
                        {"ts", Type::MakeTimestamp(3)},
                        {"tags", Type::MakeArray(TypeId::kString)},
                        {"inner", Inner(false)}};
  const ConnectorContext context = MakeContext(table);
  const Texts records = {Unhex("0a020261020281"
                               "02f6f9b4c0e66302040202700000020201"),
                         Unhex("0c000204753000020000")};
  const auto decoder = FindFormat("avro")->decoder(context);
  // Blocks of lines would cut records at 0x0A.
  RecordBlock block = MakeBlock(records[0] + records[1]);
  block.records = {{0, static_cast<uint32_t>(records[0].size())},
                   {records[0].size(), static_cast<uint32_t>(records[1].size())}};
  std::vector<Reject> rejects;
  std::vector<uint32_t> places;
  const Batch batch = decoder->Decode(block, &rejects, &places);
  BOOST_TEST(rejects.empty());
  std::vector<Values> rows;
  AppendRows(context, batch, &rows);
  BOOST_REQUIRE(rows.size() == 2);
  BOOST_TEST(Show(rows[0], context) == "5|a|-1.27|2024-05-01 12:00:00.123|[p, NULL]|(-1)");
  BOOST_TEST(Show(rows[1], context) == "6|NULL|300.00|NULL|[]|NULL");
  const auto encoder = FindFormat("avro")->encoder(context);
  for (size_t i = 0; i < 2; ++i) {
    std::string bytes;
    encoder->Encode(batch, i, &bytes);
    BOOST_TEST((bytes == records[i]));
  }
}

}  // namespace
}  // namespace millrace
