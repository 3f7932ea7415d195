#define BOOST_TEST_MODULE connectors_options
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "connectors/connector.h"

namespace millrace {
namespace {

constexpr SourceRange kWith{5, 100};

ConnectorContext MakeContext(const std::map<std::string, std::string>& options) {
  ConnectorContext context;
  context.table = "t";
  context.schema = {{"id", TypeId::kBigInt}, {"name", TypeId::kString}};
  context.columns = {0, 1};
  context.base_directory = "/tmp";
  size_t offset = 1000;
  for (const auto& [key, value] : options) {
    context.options[key] = {value, {offset, key.size()}, {offset + 500, value.size()}};
    offset += 1000;
  }
  return context;
}

// The error that validation throws.
Error ErrorOf(const std::map<std::string, std::string>& options) {
  try {
    ValidateOptions(MakeContext(options), kWith);
  } catch (const Error& error) {
    return error;
  }
  BOOST_FAIL("no error");
  throw;
}

void CheckError(const std::map<std::string, std::string>& options, ErrorCode code,
                std::string_view message, SourceRange range, std::string_view hint = "") {
  const Error error = ErrorOf(options);
  BOOST_TEST(InfoOf(error.code).name == InfoOf(code).name);
  BOOST_TEST(error.message == message);
  BOOST_TEST(error.hint == hint);
  BOOST_TEST(error.range.has_value());
  BOOST_TEST(error.range->offset == range.offset);
  BOOST_TEST(error.range->length == range.length);
}

BOOST_AUTO_TEST_CASE(ListsHaveWhatIsBuiltIn) {
  for (const char* name : {"filesystem", "datagen", "kafka", "nexmark", "print", "blackhole"}) {
    BOOST_TEST(FindConnector(name) != nullptr);
  }
  for (const char* name : {"csv", "json", "raw"}) BOOST_TEST(FindFormat(name) != nullptr);
  BOOST_TEST(FindConnector("nosuch") == nullptr);
  for (std::string_view name : ConnectorNames()) BOOST_TEST(FindConnector(name)->name == name);
  for (std::string_view name : FormatNames()) BOOST_TEST(FindFormat(name)->name == name);
}

BOOST_AUTO_TEST_CASE(GoodOptionsPass) {
  const auto notices = ValidateOptions(MakeContext({{"connector", "filesystem"},
                                                    {"path", "x"},
                                                    {"format", "csv"},
                                                    {"source.monitor-interval", "5 s"},
                                                    {"sink.rolling-policy.file-size", "1 mb"},
                                                    {"csv.ignore-parse-errors", "TRUE"}}),
                                       kWith);
  BOOST_TEST(notices.empty());
}

BOOST_AUTO_TEST_CASE(LegacyKeysAreAliases) {
  const ConnectorContext context = MakeContext(
      {{"connector.type", "filesystem"}, {"connector.path", "a.csv"}, {"format.type", "csv"}});
  BOOST_TEST(ValidateOptions(context, kWith).empty());
  BOOST_TEST(GetString(context.options, "path") == "a.csv");
}

BOOST_AUTO_TEST_CASE(IgnoredOptionsGiveNotices) {
  const auto notices = ValidateOptions(MakeContext({{"connector", "filesystem"},
                                                    {"path", "x"},
                                                    {"format", "json"},
                                                    {"sink.parallelism", "4"},
                                                    {"auto-compaction", "true"},
                                                    {"decode.json-parser.enabled", "true"}}),
                                       kWith);
  BOOST_TEST(notices.size() == 3u);
  BOOST_TEST(notices[0] == "option 'auto-compaction' is accepted but has no effect");
}

BOOST_AUTO_TEST_CASE(UnknownNamesAreNamed) {
  CheckError({{"connector", "fielsystem"}}, ErrorCode::kInvalidOption,
             "unknown connector 'fielsystem'", {1500, 10}, "did you mean \"filesystem\"?");
  CheckError({{"connector", "filesystem"}, {"format", "jsonn"}, {"path", "x"}},
             ErrorCode::kInvalidOption, "unknown format 'jsonn'", {2500, 5},
             "did you mean \"json\"?");
  CheckError({{"connector", "filesystem"}, {"format", "csv"}, {"pth", "x"}},
             ErrorCode::kInvalidOption, "unknown option 'pth' of connector 'filesystem'", {3000, 3},
             "did you mean \"path\"?");
  CheckError({{"connector", "filesystem"}, {"csv.feild-delimiter", ";"}, {"format", "csv"}},
             ErrorCode::kInvalidOption,
             "unknown option 'csv.feild-delimiter' of connector 'filesystem'", {2000, 19},
             "did you mean \"csv.field-delimiter\"?");
}

BOOST_AUTO_TEST_CASE(WhatIsMissingIsNamed) {
  CheckError({{"path", "x"}}, ErrorCode::kMissingOption, "option 'connector' is missing", kWith,
             "connectors: blackhole, datagen, filesystem, http, kafka, nexmark, print, upsert-kafka");
  CheckError({{"connector", "filesystem"}, {"path", "x"}}, ErrorCode::kMissingOption,
             "option 'format' is missing", kWith,
             "formats: avro, avro-confluent, canal-json, csv, debezium-json, json, maxwell-json, "
             "ogg-json, protobuf, raw");
  CheckError({{"connector", "filesystem"}, {"format", "csv"}}, ErrorCode::kMissingOption,
             "option 'path' is missing", kWith);
}

BOOST_AUTO_TEST_CASE(WhatIsNotBuiltIsUnsupported) {
  const Error pulsar = ErrorOf({{"connector", "pulsar"}});
  BOOST_TEST((pulsar.code == ErrorCode::kUnsupportedFeature));
  BOOST_TEST(pulsar.message == "connector 'pulsar' is not supported yet");
  BOOST_TEST(pulsar.hint.starts_with("built in: blackhole, datagen, filesystem, http, kafka, "));
  for (const char* format : {"parquet", "orc"}) {
    const Error error = ErrorOf({{"connector", "filesystem"}, {"path", "x"}, {"format", format}});
    BOOST_TEST((error.code == ErrorCode::kUnsupportedFeature));
    BOOST_TEST(error.message == "format '" + std::string(format) + "' is not supported yet");
  }
}

BOOST_AUTO_TEST_CASE(KindsAreChecked) {
  CheckError({{"connector", "filesystem"},
              {"csv.allow-comments", "yes"},
              {"format", "csv"},
              {"path", "x"}},
             ErrorCode::kInvalidOption, "option 'csv.allow-comments': 'yes' is not true or false",
             {2500, 3});
  CheckError({{"connector", "filesystem"},
              {"format", "csv"},
              {"path", "x"},
              {"source.monitor-interval", "soon"}},
             ErrorCode::kInvalidOption,
             "option 'source.monitor-interval': 'soon' is not a duration such as '5s', '1 min' or "
             "'200ms'",
             {4500, 4});
  CheckError({{"connector", "filesystem"},
              {"format", "csv"},
              {"path", "x"},
              {"sink.rolling-policy.file-size", "big"}},
             ErrorCode::kInvalidOption,
             "option 'sink.rolling-policy.file-size': 'big' is not a size such as '128MB' or "
             "'64 kb'",
             {4500, 3});
  CheckError({{"connector", "filesystem"},
              {"format", "json"},
              {"json.timestamp-format.standard", "ISO-8602"},
              {"path", "x"}},
             ErrorCode::kInvalidOption,
             "option 'json.timestamp-format.standard': 'ISO-8602' is none of SQL, ISO-8601, "
             "ISO-8601-WITH-OFFSET",
             {3500, 8}, "did you mean \"ISO-8601\"?");
}

BOOST_AUTO_TEST_CASE(FormatsCheckTheirOptions) {
  CheckError({{"connector", "filesystem"},
              {"csv.field-delimiter", "ab"},
              {"format", "csv"},
              {"path", "x"}},
             ErrorCode::kInvalidOption,
             "option 'csv.field-delimiter': 'ab' is not one ASCII character", {2500, 2});
  CheckError({{"connector", "filesystem"}, {"format", "raw"}, {"path", "x"}},
             ErrorCode::kInvalidOption,
             "format 'raw' takes a table of one column of a string, bytes, number or boolean type",
             {2500, 3});
}

BOOST_AUTO_TEST_CASE(HashStandsForAColumn) {
  BOOST_TEST(ValidateOptions(MakeContext({{"connector", "datagen"}, {"fields.id.min", "1"}}), kWith)
                 .empty());
  CheckError({{"connector", "datagen"}, {"fields.nam.length", "1"}}, ErrorCode::kInvalidOption,
             "option 'fields.nam.length': the table has no column 'nam'", {2000, 17},
             "did you mean \"name\"?");
  CheckError({{"connector", "datagen"}, {"fields.id.mix", "1"}}, ErrorCode::kInvalidOption,
             "unknown option 'fields.id.mix' of connector 'datagen'", {2000, 13},
             "did you mean \"fields.id.min\"?");
}

BOOST_AUTO_TEST_CASE(TypedAccess) {
  const Options options = MakeContext({{"b", "true"},
                                       {"i", " -42 "},
                                       {"d", "2.5"},
                                       {"t", "1 min"},
                                       {"s", "64 kb"},
                                       {"s2", "128MB"},
                                       {"bad", "x"}})
                              .options;
  BOOST_TEST(GetBool(options, "b", false));
  BOOST_TEST(GetBool(options, "none", true));
  BOOST_TEST(GetInt(options, "i", 0) == -42);
  BOOST_TEST(GetDouble(options, "d", 0) == 2.5);
  BOOST_TEST(GetDurationMicros(options, "t", 0) == 60'000'000);
  BOOST_TEST(GetSizeBytes(options, "s", 0) == 65536);
  BOOST_TEST(GetSizeBytes(options, "s2", 0) == 128 << 20);
  BOOST_TEST(GetSizeBytes(options, "none", 7) == 7);
  BOOST_CHECK_THROW(GetBool(options, "bad", false), Error);
  BOOST_CHECK_THROW(GetInt(options, "bad", 0), Error);
  BOOST_CHECK_THROW(GetSizeBytes(options, "bad", 0), Error);
  BOOST_CHECK_THROW(GetDurationMicros(options, "bad", 0), Error);
}

BOOST_AUTO_TEST_CASE(MissingPathHasAHint) {
  std::string directory = (std::filesystem::temp_directory_path() / "millrace_XXXXXX").string();
  BOOST_TEST_REQUIRE(mkdtemp(directory.data()) != nullptr);
  std::ofstream(directory + "/orders.csv") << "1,a\n";
  ConnectorContext context =
      MakeContext({{"connector", "filesystem"}, {"format", "csv"}, {"path", "ordes.csv"}});
  context.base_directory = directory;
  const ConnectorDef& def = *FindConnector("filesystem");
  BOOST_CHECK_EXCEPTION(def.validate(context, false), Error, [](const Error& error) {
    return error.code == ErrorCode::kInvalidOption && error.range->offset == 3500 &&
           error.hint == "did you mean \"orders.csv\"?";
  });
  def.validate(context, true);  // A sink makes its directory.
  context.options["path"].value = "orders.csv";
  def.validate(context, false);
  context.options["source.path.regex-pattern"].value = "a(";
  BOOST_CHECK_THROW(def.validate(context, false), Error);
  context.options.erase("source.path.regex-pattern");
  BOOST_CHECK_THROW(def.validate(context, true), Error);
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace millrace
