#define BOOST_TEST_MODULE base_record_log
#include "base/record_log.h"

#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <vector>

#include "base/error.h"

namespace fs = std::filesystem;
using namespace millrace;

namespace {

struct Fixture {
  Fixture() { fs::create_directories(directory); }
  ~Fixture() { fs::remove_all(directory); }

  std::vector<std::string> ReadAll() {
    RecordLogReader reader(path);
    std::vector<std::string> payloads;
    uint64_t offset = 0;
    while (auto record = reader.Read(offset)) {
      payloads.push_back(record->payload);
      offset = record->next;
    }
    return payloads;
  }
  void Write(const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }
  std::string Bytes() {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  fs::path directory = fs::temp_directory_path() / ("record_log_test." + std::to_string(getpid()));
  std::string path = (directory / "a.log").string();
};

using Payloads = std::vector<std::string>;

}  // namespace

BOOST_FIXTURE_TEST_SUITE(record_log, Fixture)

BOOST_AUTO_TEST_CASE(checksum_is_crc32c) {
  BOOST_TEST(Crc32c("123456789") == 0xE3069283u);
  BOOST_TEST(Crc32c(std::string(32, '\0')) == 0x8A9136AAu);
  BOOST_TEST(Crc32c("") == 0u);
  BOOST_TEST(Crc32c("6789", Crc32c("12345")) == Crc32c("123456789"));
}

BOOST_AUTO_TEST_CASE(reads_what_was_appended) {
  RecordLog log(path);
  RecordLogReader reader(path);
  BOOST_TEST(!reader.Read(0));
  const uint64_t end = log.Append("one");
  BOOST_TEST(end == 11u);
  log.Sync();
  log.Append("");
  log.Append(std::string(3'000'000, 'x'));
  log.Append("last");
  auto record = reader.Read(0);
  BOOST_REQUIRE(record);
  BOOST_TEST(record->payload == "one");
  BOOST_TEST(record->next == end);
  const Payloads all = ReadAll();
  BOOST_REQUIRE(all.size() == 4u);
  BOOST_TEST(all[1].empty());
  BOOST_TEST(all[2].size() == 3'000'000u);
  BOOST_TEST(all[3] == "last");
}

BOOST_AUTO_TEST_CASE(cuts_off_a_torn_tail_at_every_byte) {
  {
    RecordLog log(path);
    log.Append("first");
    log.Append("the second one");
  }
  const std::string whole = Bytes();
  const size_t first = 8 + 5;
  for (size_t size = first; size < whole.size(); ++size) {
    Write(whole.substr(0, size));
    BOOST_TEST((ReadAll() == Payloads{"first"}));
    RecordLog log(path);
    BOOST_TEST(log.end() == first);
    BOOST_TEST(fs::file_size(path) == first);
    log.Append("third");
    BOOST_TEST((ReadAll() == Payloads{"first", "third"}));
  }
}

BOOST_AUTO_TEST_CASE(cuts_off_a_corrupt_tail_at_every_byte) {
  {
    RecordLog log(path);
    log.Append("first");
    log.Append("second");
  }
  const std::string whole = Bytes();
  for (size_t i = 13; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] ^= 0x10;
    Write(damaged);
    RecordLog log(path);
    BOOST_TEST(log.end() == 13u);
  }
}

BOOST_AUTO_TEST_CASE(zeros_are_no_records) {
  RecordLog(path).Append("first");
  Write(Bytes() + std::string(100, '\0'));
  BOOST_TEST(RecordLog(path).end() == 13u);
}

BOOST_AUTO_TEST_CASE(a_corrupt_record_is_an_error_for_readers) {
  {
    RecordLog log(path);
    log.Append("first");
    log.Append("second");
  }
  std::string damaged = Bytes();
  damaged[10] ^= 1;
  Write(damaged);
  RecordLogReader reader(path);
  BOOST_CHECK_EXCEPTION(reader.Read(0), Error, [&](const Error& e) {
    return e.code == ErrorCode::kIo && e.message == "'" + path + "' is damaged at offset 0";
  });
}

BOOST_AUTO_TEST_CASE(a_missing_directory_is_an_error) {
  BOOST_CHECK_EXCEPTION(RecordLog("/nowhere/a.log"), Error, [](const Error& e) {
    return e.message == "cannot open '/nowhere/a.log': No such file or directory";
  });
}

BOOST_AUTO_TEST_SUITE_END()
