#define BOOST_TEST_MODULE connectors_protobuf
#include <boost/test/unit_test.hpp>

#include "connectors/protobuf_columns.h"
#include "tests/unit/connectors_records.h"

namespace millrace {
namespace {

using Texts = std::vector<std::string>;

// The bytes are those of Python's protobuf, 3.21.12, with deterministic serialisation.
constexpr std::string_view kFull =
    "08ffffffffffffffffff01108080808080201880d0acf30e20ffffffffffffffffff01280d30ffffffffff3f3d0128"
    "6bee4100000000000000804df7ffffff51000000000000fcff5801650000c03f69000000000000d0bf7202c3a97a02"
    "00ff8001feffffffffffffffff018a011108ffffffffffffffffff0110c08faedc0392010b0a017810051a01701a01"
    "719a01030a01799a0102100aa2010d01ffffffffffffffffff01ac02aa0100aa010177b201070a036f6e651001ba01"
    "07080712030a017ac00100ca0100da0102010080e20905";
constexpr std::string_view kLegacy = "080312016e200120022a020304";

std::string Unhex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

std::string Hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    hex.push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
    hex.push_back(kDigits[c & 15]);
  }
  return hex;
}

const Type kText = TypeId::kString;

Type Line() {
  return Type::MakeRow({{"item", kText},
                        {"amount", TypeId::kBigInt},
                        {"tags", Type::MakeArray(kText)}});
}

// All of shop.Order's fields, in the order of their numbers.
Schema OrderColumns() {
  return {{"a", TypeId::kInteger},
          {"b", TypeId::kBigInt},
          {"c", TypeId::kBigInt},
          {"d", Type::MakeDecimal(20, 0)},
          {"e", TypeId::kTinyInt},
          {"f", TypeId::kBigInt},
          {"g", TypeId::kBigInt},
          {"h", Type::MakeDecimal(20, 0)},
          {"i", TypeId::kSmallInt},
          {"j", TypeId::kBigInt},
          {"k", TypeId::kBoolean},
          {"l", TypeId::kFloat},
          {"m", TypeId::kDouble},
          {"n", kText},
          {"o", TypeId::kBytes},
          {"kind", kText},
          {"at", Type::MakeTimestampLtz(3)},
          {"line", Line()},
          {"lines", Type::MakeArray(Line())},
          {"numbers", Type::MakeArray(TypeId::kInteger)},
          {"words", Type::MakeArray(kText)},
          {"counts", Type::MakeMap(kText, TypeId::kBigInt)},
          {"by_id", Type::MakeMap(TypeId::kInteger, Line())},
          {"maybe", TypeId::kInteger},
          {"left", kText},
          {"right", TypeId::kInteger},
          {"kinds", Type::MakeArray(kText)},
          {"far", TypeId::kInteger}};
}

ConnectorContext Context(Schema columns, const std::string& message = "shop.Order",
                         std::map<std::string, std::string> options = {}) {
  options["protobuf.descriptor-file"] = "tests/data/protobuf/shop.pb";
  options["protobuf.message-name"] = message;
  return MakeContext(std::move(columns), options);
}

Batch DecodeBatch(const ConnectorContext& context, const std::string& bytes,
                  std::vector<Reject>* rejects) {
  RecordBlock block = MakeBlock(bytes);
  block.records = {{0, static_cast<uint32_t>(bytes.size())}};
  std::vector<uint32_t> row_records;
  return FindFormat("protobuf")->decoder(context)->Decode(block, rejects, &row_records);
}

// The row as text, or "!" and the reason.
std::string Read(const ConnectorContext& context, const std::string& bytes) {
  std::vector<Reject> rejects;
  const Batch batch = DecodeBatch(context, bytes, &rejects);
  if (!rejects.empty()) return "!" + rejects[0].reason;
  std::vector<Values> rows;
  AppendRows(context, batch, &rows);
  return rows.empty() ? "nothing" : Show(rows[0], context);
}

std::string Read(Schema columns, std::string_view hex) {
  return Read(Context(std::move(columns)), Unhex(hex));
}

std::string ReadOld(Schema columns, std::string_view hex, const std::string& defaults = "false") {
  return Read(Context(std::move(columns), "legacy.Old", {{"protobuf.read-default-values", defaults}}),
              Unhex(hex));
}

std::string Write(const ConnectorContext& context, const Batch& batch) {
  std::string bytes;
  FindFormat("protobuf")->encoder(context)->Encode(batch, 0, &bytes);
  return Hex(bytes);
}

BOOST_AUTO_TEST_CASE(every_type) {
  BOOST_TEST(Read(OrderColumns(), kFull) ==
             "-1|1099511627776|4000000000|18446744073709551615|-7|-1099511627776|4000000001|"
             "9223372036854775808|-9|-1125899906842624|TRUE|1.5|-0.25|é|" + std::string("\0\xff", 2) +
             "|GAME|"
             "1969-12-31 23:59:59.999|(x, -3, [p, q])|[(y, 0, []), (, 5, [])]|[1, -1, 300]|[, w]|"
             "{one=1}|{7=(z, 0, [])}|0||NULL|[BOOK, UNKNOWN]|5");
  // A record of no bytes is one of defaults; what can be absent is.
  BOOST_TEST(Read(OrderColumns(), "") ==
             "0|0|0|0|0|0|0|0|0|0|FALSE|0.0|0.0|||UNKNOWN|NULL|NULL|[]|[]|[]|{}|{}|NULL|NULL|"
             "NULL|[]|0");
  BOOST_TEST(Read({{"kind", TypeId::kInteger}, {"l", TypeId::kDouble}}, kFull) == "-2|1.5");
}

BOOST_AUTO_TEST_CASE(both_directions) {
  const ConnectorContext context = Context(OrderColumns());
  std::vector<Reject> rejects;
  BOOST_TEST(Write(context, DecodeBatch(context, Unhex(kFull), &rejects)) == kFull);
  BOOST_TEST(Write(context, DecodeBatch(context, "", &rejects)) == "");
  const Schema old = {{"id", TypeId::kInteger},
                      {"name", kText},
                      {"loose", Type::MakeArray(TypeId::kInteger)},
                      {"packed", Type::MakeArray(TypeId::kInteger)}};
  const ConnectorContext legacy = Context(old, "legacy.Old");
  BOOST_TEST(Write(legacy, DecodeBatch(legacy, Unhex(kLegacy), &rejects)) == kLegacy);
  BOOST_TEST(rejects.empty());
}

BOOST_AUTO_TEST_CASE(defaults) {
  const Schema columns = {{"id", TypeId::kInteger}, {"name", kText},
                          {"n", TypeId::kInteger},  {"loose", Type::MakeArray(TypeId::kInteger)},
                          {"ratio", TypeId::kDouble}, {"raw", TypeId::kBytes}};
  BOOST_TEST(ReadOld(columns, kLegacy) == "3|n|NULL|[1, 2]|NULL|NULL");
  BOOST_TEST(ReadOld(columns, "0803") == "3|NULL|NULL|[]|NULL|NULL");
  BOOST_TEST(ReadOld(columns, "0803", "true") == "3|nobody|-5|[]|0.5|\1a\n");
}

BOOST_AUTO_TEST_CASE(other_ways_to_write_the_same) {
  const Schema numbers = {{"loose", Type::MakeArray(TypeId::kInteger)},
                          {"packed", Type::MakeArray(TypeId::kInteger)}};
  // Packed and not, in pieces, with other fields between.
  BOOST_TEST(ReadOld(numbers, "22020102" "2803" "2003" "2804" "2a0105") == "[1, 2, 3]|[3, 4, 5]");
  // The last value counts; the pieces of a message are put together.
  BOOST_TEST(Read({{"a", TypeId::kInteger}}, "08010802") == "2");
  BOOST_TEST(Read({{"line", Line()}}, "9201030a0178" "92010210059201031a0170") == "(x, -3, [p])");
  // Unknown fields of every type, groups too; a field of another type is unknown.
  BOOST_TEST(Read({{"a", TypeId::kInteger}},
                  "c0bb0101" "c1bb010102030405060708" "c2bb0103616263" "c3bb01080ac4bb01"
                  "c5bb0101020304" "0d01020304" "0807") == "7");
  // Entries without key or value.
  BOOST_TEST(Read({{"counts", Type::MakeMap(kText, TypeId::kBigInt)}}, "b20100") == "{=0}");
  BOOST_TEST(Read({{"by_id", Type::MakeMap(TypeId::kInteger, Line())}}, "ba01020801") ==
             "{1=(, 0, [])}");
  // Numbers with more bits than the type has.
  BOOST_TEST(Read({{"a", TypeId::kInteger}}, "08ffffffff1f") == "-1");
  BOOST_TEST(Read({{"kind", kText}}, "80012a") == "42");
}

BOOST_AUTO_TEST_CASE(what_does_not_fit) {
  const Schema one = {{"a", TypeId::kInteger}};
  BOOST_TEST(Read(one, "08") == "!column a: the bytes are no message");
  BOOST_TEST(Read(one, "00") == "!the bytes are no message");
  BOOST_TEST(Read(one, "0e") == "!the bytes are no message");
  BOOST_TEST(Read(one, "08ffffffffffffffffffff01") == "!column a: the bytes are no message");
  BOOST_TEST(Read(one, "7205") == "!the bytes are no message");
  BOOST_TEST(Read(one, "c3bb01c4bb02") == "!the bytes are no message");
  BOOST_TEST(Read(one, std::string(200, 'b')).starts_with("!"));
  BOOST_TEST(Read({{"e", TypeId::kTinyInt}}, "288002") ==
             "!column e: a number that is out of the range of TINYINT");
  BOOST_TEST(Read({{"d", TypeId::kBigInt}}, "20ffffffffffffffffff01") ==
             "!column d: a number that is out of the range of BIGINT");
  BOOST_TEST(Read({{"n", kText}}, "7201ff") == "!column n: a string that is no UTF-8");
  BOOST_TEST(Read({{"line", Line()}}, "920104" "1a0201ff") ==
             "!column line.tags: a string that is no UTF-8");
  BOOST_TEST(Read({{"maybe", Type(TypeId::kInteger, false)}}, "") ==
             "!column maybe: NULL in a NOT NULL column");
  BOOST_TEST(Read({{"at", Type::MakeTimestamp(3)}}, "8a0106108094ebdc03") ==
             "!column at: a time that is out of range");
  // Cut short anywhere: no record, or one of fewer fields; never more.
  const std::string full = Unhex(kFull);
  for (size_t size = 0; size < full.size(); ++size) {
    const std::string row = Read(Context(OrderColumns()), full.substr(0, size));
    BOOST_TEST((row.starts_with("!") || row.ends_with("|0")));
  }
}

// The error's text.
std::string Refused(Schema columns, const std::string& message = "shop.Order") {
  ConnectorContext context = Context(std::move(columns), message);
  try {
    FindFormat("protobuf")->validate(context);
  } catch (const Error& error) {
    return error.message;
  }
  return "";
}

BOOST_AUTO_TEST_CASE(columns_that_are_no_fields) {
  BOOST_TEST(Refused(OrderColumns()) == "");
  BOOST_TEST(Refused(OrderColumns(), "com.example.Shop$Order") == "");
  BOOST_TEST(Refused({{"z", kText}}) == "column z: message shop.Order has no such field");
  BOOST_TEST(Refused({{"a", kText}}) ==
             "column a: the message's type is int32, which STRING is not");
  BOOST_TEST(Refused({{"line", Type::MakeRow({{"item", TypeId::kInteger}})}}) ==
             "column line.item: the message's type is string, which INTEGER is not");
  BOOST_TEST(Refused({{"lines", Line()}}).starts_with(
      "column lines: the message's type is repeated message shop.Order.Line, which ROW"));
  BOOST_TEST(Refused({{"a", TypeId::kInteger}}, "shop.Nothing") ==
             "'tests/data/protobuf/shop.pb' has no message 'shop.Nothing', or several");
}

BOOST_AUTO_TEST_CASE(descriptor_sets) {
  BOOST_CHECK_THROW(ParseDescriptorSet(""), Error);
  BOOST_CHECK_THROW(ParseDescriptorSet("no"), Error);
  // A field whose type is not in the set.
  const std::string field = "\x0a\x01x\x18\x01\x28\x0b\x32\x02.y";
  const std::string message = "\x0a\x01m\x12" + std::string(1, static_cast<char>(field.size())) + field;
  const std::string file = "\x22" + std::string(1, static_cast<char>(message.size())) + message;
  BOOST_CHECK_THROW(ParseDescriptorSet("\x0a" + std::string(1, static_cast<char>(file.size())) + file),
                    Error);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_written) {
  const auto refused = [](const ConnectorContext& context, const Batch& batch) {
    try {
      Write(context, batch);
    } catch (const Error& error) {
      return error.message;
    }
    return std::string();
  };
  Batch batch;
  batch.size = 1;
  batch.columns = {Column::ConstantNull(TypeId::kInteger, 1)};
  BOOST_TEST(refused(Context({{"id", TypeId::kInteger}}, "legacy.Old"), batch) ==
             "NULL in the required field id");
  batch.columns = {Column::Constant(int64_t{-1}, 1)};
  BOOST_TEST(refused(Context({{"c", TypeId::kBigInt}}), batch) == "a number that does not fit field c");
  batch.columns = {Column::Constant(StringRef("none"), 1)};
  BOOST_TEST(refused(Context({{"kind", kText}}), batch) == "no value 'none' of enum field kind");
}

}  // namespace
}  // namespace millrace
