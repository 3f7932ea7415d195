#define BOOST_TEST_MODULE connectors_change
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "connectors/step_changes.h"
#include "tests/unit/connectors_records.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;
using OptionTexts = std::map<std::string, std::string>;
using Texts = std::vector<std::string>;

const Schema kSchema = {{"id", Type(TypeId::kBigInt, false)}, {"name", TypeId::kString}};

// "+id|name" for each row that comes, "-…" for each that goes, "!record reason" for each reject.
Texts Decode(const std::string& format, std::string_view text, OptionTexts options = {},
             std::vector<size_t> columns = {0, 1}) {
  ConnectorContext context = MakeContext(kSchema, options);
  context.columns = std::move(columns);
  const auto decoder = FindFormat(format)->decoder(context);
  std::vector<Reject> rejects;
  std::vector<uint32_t> records;
  Batch batch = decoder->Decode(MakeBlock(text), &rejects, &records);
  BOOST_TEST(records.size() == batch.size);
  std::vector<Values> rows;
  AppendRows(context, batch, &rows);
  Texts out;
  for (size_t i = 0; i < rows.size(); ++i) {
    out.push_back((batch.weight(i) < 0 ? "-" : "+") + Show(rows[i], context));
  }
  for (const Reject& reject : rejects) {
    out.push_back("!" + std::to_string(reject.record) + " " + reject.reason);
  }
  return out;
}

void Check(const Texts& found, const Texts& expected) {
  BOOST_CHECK_EQUAL_COLLECTIONS(found.begin(), found.end(), expected.begin(), expected.end());
}

BOOST_AUTO_TEST_CASE(operations) {
  Check(Decode("debezium-json", R"({"op":"u","after":{"id":1,"name":"b"},"before":{"id":1,"name":"a"}})"),
        {"-1|a", "+1|b"});
  Check(Decode("ogg-json", R"({"op_type":"D","before":{"id":1,"name":"a"},"after":null})"), {"-1|a"});
  Check(Decode("maxwell-json", R"({"type":"delete","data":{"id":1,"name":"a"}})"), {"-1|a"});
  Check(Decode("canal-json", R"({"type":"DELETE","data":[{"id":"1","name":"a"},{"id":"2"}]})"),
        {"-1|a", "-2|NULL"});
}

// A NULL of the old row counts where it is written, and not where the column did not change.
BOOST_AUTO_TEST_CASE(partial_old_rows) {
  Check(Decode("maxwell-json",
               R"({"type":"update","data":{"id":1,"name":"b"},"old":{"name":null}})" "\n"
               R"({"type":"update","data":{"id":2,"name":"b"},"old":{"id":1}})" "\n"
               R"({"type":"update","data":{"id":3,"name":null},"old":{"name":"c"}})"),
        {"-1|NULL", "+1|b", "-1|b", "+2|b", "-3|c", "+3|NULL"});
  Check(Decode("canal-json",
               R"({"type":"UPDATE","data":[{"id":"1","name":"x"},{"id":"2","name":"y"}],)"
               R"("old":[{"id":"5"},{"name":null}]})"),
        {"-5|x", "+1|x", "-2|NULL", "+2|y"});
  Check(Decode("canal-json",
               R"({"type":"UPDATE","data":[{"id":"1","name":"x"}],"old":[{"name":null}]})", {}, {1}),
        {"-NULL", "+x"});
}

BOOST_AUTO_TEST_CASE(rejects) {
  Check(Decode("debezium-json",
               R"({"op":"c","after":{"id":null,"name":"a"}})" "\n"
               R"({"op":"c","after":{"id":1,"name":"a"}})" "\n"
               R"({"op":"c","after":{"id":"x"}})" "\n"
               R"({"op":"d"})" "\n"
               R"({"payload":{"op":"c","after":{"id":1}},"schema":{}})"),
        {"+1|a", "!2 column after.id: cannot read 'x' as BIGINT",
         "!0 column id: NULL in a NOT NULL column", "!3 field before is missing",
         "!4 field op is missing; records with a schema need 'debezium-json.schema-include'"});
  // One of the record's rows is broken, so none counts.
  Check(Decode("canal-json", R"({"type":"INSERT","data":[{"id":"1"},{"name":"a"}]})"),
        {"!0 column id: NULL in a NOT NULL column"});
  Check(Decode("ogg-json", R"({"op_type":"T"})", {{"ogg-json.ignore-parse-errors", "true"}}), {});
  Check(Decode("debezium-json", R"({"payload":{"op":"c","after":{"id":1}},"schema":{}})",
               {{"debezium-json.schema-include", "true"}}),
        {"+1|NULL"});
}

BOOST_AUTO_TEST_CASE(no_columns) {
  Check(Decode("debezium-json", R"({"op":"u","after":{"id":1},"before":{"id":1}})", {}, {}),
        {"-", "+"});
}

BOOST_AUTO_TEST_CASE(envelopes) {
  const auto text = [](const std::string& format, bool goes) {
    std::string out;
    FindFormat(format)->envelope(R"({"id":1})", goes, &out);
    return out;
  };
  BOOST_TEST(text("debezium-json", false) == R"({"before":null,"after":{"id":1},"op":"c"})");
  BOOST_TEST(text("debezium-json", true) == R"({"before":{"id":1},"after":null,"op":"d"})");
  BOOST_TEST(text("canal-json", true) == R"({"data":[{"id":1}],"type":"DELETE"})");
  BOOST_TEST(text("maxwell-json", false) == R"({"data":{"id":1},"type":"insert"})");
  BOOST_TEST(text("ogg-json", true) == R"({"before":{"id":1},"after":null,"op_type":"D"})");
}

BOOST_AUTO_TEST_CASE(net_changes_of_a_step) {
  StepChanges changes;
  changes.Add("k", "new", "x", 1);
  changes.Add("k", "old", "y", -1);
  changes.Add("k", "passing", "", -1);
  changes.Add("kp", "assing", "", 2);
  changes.Add("k", "passing", "", 1);
  Texts found;
  const auto note = [&](std::string_view place, std::string_view row, std::string_view extra,
                        bool goes) {
    found.push_back((goes ? "-" : "+") + std::string(place) + "/" + std::string(row) + "/" +
                    std::string(extra));
  };
  changes.Take(note);
  Check(found, {"-k/old/y", "+k/new/x", "+kp/assing/", "+kp/assing/"});
  found.clear();
  changes.Take(note);
  BOOST_TEST(found.empty());
}

// A file of changes holds what each step left of them, in the order in which they apply.
BOOST_AUTO_TEST_CASE(file_sink) {
  std::string directory = (fs::temp_directory_path() / "millrace_XXXXXX").string();
  BOOST_REQUIRE(mkdtemp(directory.data()) != nullptr);
  ConnectorContext context =
      MakeContext(kSchema, {{"path", directory}, {"format", "debezium-json"}});
  const auto sink = FilesystemConnector().sink(context);
  Batch rows;
  rows.size = 3;
  rows.columns.push_back(Column(TypeId::kBigInt, 3));
  rows.columns.push_back(Column(TypeId::kString, 3));
  for (int i = 0; i < 3; ++i) rows.columns[0].mutable_data<int64_t>()[i] = 1;
  const char* const names[] = {"new", "old", "none"};
  for (int i = 0; i < 3; ++i) rows.columns[1].mutable_data<StringRef>()[i] = StringRef(names[i]);
  rows.weights = {1, -1, -1};
  sink->Write(rows);
  rows = rows.Slice(2, 1);
  rows.weights = {1};
  sink->Write(rows);
  sink->Flush();
  sink->PreCommit(1);
  sink->Close();
  std::string text;
  for (const auto& file : fs::directory_iterator(directory)) {
    std::ifstream in(file.path());
    text.append(std::istreambuf_iterator<char>(in), {});
  }
  fs::remove_all(directory);
  BOOST_TEST(text == "{\"before\":{\"id\":1,\"name\":\"old\"},\"after\":null,\"op\":\"d\"}\n"
                     "{\"before\":null,\"after\":{\"id\":1,\"name\":\"new\"},\"op\":\"c\"}\n");
}

}  // namespace
}  // namespace millrace
