#define BOOST_TEST_MODULE connectors_table_log
#include "connectors/table_log.h"

#include <unistd.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

namespace fs = std::filesystem;
using namespace millrace;

namespace {

const Schema kSchema = {{"id", TypeId::kBigInt},
                        {"name", TypeId::kString},
                        {"tags", Type::MakeArray(TypeId::kString)},
                        {"price", TypeId::kDouble}};

std::string NameOf(int64_t id) { return "the name of row " + std::to_string(id); }

// Rows numbered from `first` on; every third name is NULL, row i has i % 3 tags.
Batch MakeRows(int64_t first, size_t size) {
  Batch rows;
  rows.size = size;
  Column id(TypeId::kBigInt, size), name(TypeId::kString, size), tags(TypeId::kArray, size),
      price(TypeId::kDouble, size), elements(TypeId::kString, 0);
  const auto heap = std::make_shared<Arena>();
  for (size_t i = 0; i < size; ++i) {
    const int64_t n = first + static_cast<int64_t>(i);
    id.mutable_data<int64_t>()[i] = n;
    name.mutable_data<StringRef>()[i] = StringRef(heap->Copy(NameOf(n)));
    if (n % 3 == 0) name.SetNull(i);
    const size_t begin = elements.size(), length = static_cast<size_t>(n % 3);
    elements.Resize(begin + length);
    for (size_t k = begin; k < begin + length; ++k) {
      elements.mutable_data<StringRef>()[k] = StringRef({"a\0b", 3});
    }
    tags.mutable_data<ListEntry>()[i] = {static_cast<uint32_t>(begin),
                                         static_cast<uint32_t>(length)};
    price.mutable_data<double>()[i] = 0.5 * static_cast<double>(n);
  }
  name.KeepAlive(heap);
  tags.mutable_children().push_back(elements);
  rows.columns = {id, name, tags, price};
  return rows;
}

struct Fixture {
  Fixture() { fs::create_directories(root); }
  ~Fixture() { fs::remove_all(root); }

  // Checks that rows [first, first + size) come next, and returns the position behind them.
  SourcePosition Expect(const SourceBatch& batch, int64_t first, size_t size) {
    BOOST_REQUIRE(batch.rows);
    BOOST_REQUIRE(batch.size() == size);
    const Column& id = batch.rows->columns[0];
    for (size_t i = 0; i < size; ++i) {
      BOOST_REQUIRE(id.at<int64_t>(i) == first + static_cast<int64_t>(i));
    }
    return batch.next;
  }
  static std::vector<int64_t> Ids(Source* source) {
    std::vector<int64_t> ids;
    for (;;) {
      const SourceBatch batch = source->Poll(0, 1000);
      if (batch.size() == 0) return ids;
      for (size_t i = 0; i < batch.size(); ++i) {
        ids.push_back(batch.rows->columns[0].at<int64_t>(i));
      }
    }
  }

  fs::path root = fs::temp_directory_path() / ("table_log_test." + std::to_string(getpid()));
  std::string directory = (root / "tables/t").string();
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(table_log, Fixture)

BOOST_AUTO_TEST_CASE(reads_the_wanted_columns) {
  TableLog log(directory, kSchema, {.sync = true});
  BOOST_TEST(log.Append(MakeRows(0, 10)) == 0u);
  BOOST_TEST(log.Append(MakeRows(10, 5)) == 10u);
  BOOST_TEST(log.Append(MakeRows(15, 0)) == 15u);
  BOOST_TEST(log.rows() == 15u);
  const auto source = log.OpenSource({3, 1, 2}, TableRead::kFollow);
  const SourceBatch batch = source->Poll(0, 100);
  BOOST_REQUIRE(batch.size() == 15u);
  BOOST_TEST(batch.rows->append_only());
  BOOST_TEST(!batch.end);
  const auto& columns = batch.rows->columns;
  for (size_t i = 0; i < 15; ++i) {
    BOOST_TEST(columns[0].at<double>(i) == 0.5 * static_cast<double>(i));
    BOOST_TEST(columns[1].IsNull(i) == (i % 3 == 0));
    if (i % 3 != 0) {
      BOOST_TEST(columns[1].at<StringRef>(i).view() == NameOf(static_cast<int64_t>(i)));
    }
    const ListEntry tags = columns[2].at<ListEntry>(i);
    BOOST_TEST(tags.length == i % 3);
    for (uint32_t k = 0; k < tags.length; ++k) {
      BOOST_TEST(columns[2].children()[0].at<StringRef>(tags.offset + k).view() ==
                 std::string_view("a\0b", 3));
    }
  }
  BOOST_TEST(source->Poll(0, 100).size() == 0u);
  BOOST_TEST(log.OpenSource({}, TableRead::kFollow)->Poll(0, 100).size() == 15u);
}

BOOST_AUTO_TEST_CASE(weights_come_only_when_they_say_something) {
  TableLog log(directory, kSchema, {.sync = false});
  Batch rows = MakeRows(0, 2);
  rows.weights = {1, 1};
  log.Append(rows);
  rows.weights = {-1, 7};
  log.Append(rows);
  const auto source = log.OpenSource({0}, TableRead::kFollow);
  BOOST_TEST(source->Poll(0, 2).rows->append_only());
  BOOST_TEST((source->Poll(0, 2).rows->weights == std::vector<int64_t>{-1, 7}));
}

BOOST_AUTO_TEST_CASE(records_stay_whole_unless_they_are_large) {
  TableLog log(directory, kSchema, {.sync = false});
  log.Append(MakeRows(0, 3));
  log.Append(MakeRows(3, 160));
  log.Append(MakeRows(163, 161));
  log.Append(MakeRows(324, 2));
  const auto source = log.OpenSource({0}, TableRead::kBounded);
  Expect(source->Poll(0, 10), 0, 3);
  Expect(source->Poll(0, 10), 3, 160);
  SourcePosition middle;
  for (int64_t row = 163; row < 323; row += 10) {
    middle = Expect(source->Poll(0, 10), row, 10);
  }
  // The last row of the large record, and the next record.
  const SourceBatch last = source->Poll(0, 10);
  Expect(last, 323, 3);
  BOOST_TEST(last.end);
  source->Seek(0, middle);
  Expect(source->Poll(0, 10), 323, 3);
  BOOST_TEST(source->Poll(0, 0).next == last.next);
}

BOOST_AUTO_TEST_CASE(positions_can_be_sought_also_after_reopening) {
  std::vector<std::pair<SourcePosition, int64_t>> positions = {{"", 0}};
  {
    TableLog log(directory, kSchema, {.sync = false});
    for (int64_t i = 0; i < 50; ++i) log.Append(MakeRows(i * 7, 7));
    const auto source = log.OpenSource({0}, TableRead::kFollow);
    for (int64_t row = 0; row < 350;) {
      const SourceBatch batch = source->Poll(0, 10);
      row += static_cast<int64_t>(batch.size());
      positions.emplace_back(batch.next, row);
    }
    BOOST_TEST(source->Poll(0, 0).next == positions.back().first);
  }
  TableLog log(directory, kSchema, {.sync = false});
  BOOST_TEST(log.rows() == 350u);
  const auto source = log.OpenSource({0}, TableRead::kFollow);
  for (const auto& [position, row] : positions) {
    source->Seek(0, position);
    if (row < 350) Expect(source->Poll(0, 7), row, 7);
  }
  for (const char* bad : {"0:0:351", "0:1:3", "0:0:7", "x", "0:0", "1:0:5"}) {
    BOOST_CHECK_THROW((source->Seek(0, bad), source->Poll(0, 1)), Error);
  }
}

BOOST_AUTO_TEST_CASE(poll_until_is_exact) {
  TableLog log(directory, kSchema, {.sync = false});
  const auto first = log.OpenSource({0}, TableRead::kFollow);
  std::vector<std::pair<SourcePosition, int64_t>> cuts;
  // The cuts depend on what was there when they were made.
  for (int64_t row = 0; row < 600; row += 3) {
    log.Append(MakeRows(row, 3));
    if (row % 7 == 0) cuts.emplace_back(first->Poll(0, 5).next, 0);
  }
  log.Append(MakeRows(600, 500));
  for (SourceBatch batch; !(batch = first->Poll(0, 20)).next.empty() && batch.size() > 0;) {
    cuts.emplace_back(batch.next, 0);
  }
  const auto again = log.OpenSource({0}, TableRead::kFollow);
  int64_t row = 0;
  for (const auto& [end, unused] : cuts) {
    for (SourcePosition position; position != end;) {
      const SourceBatch batch = again->PollUntil(0, end, 4);
      position = Expect(batch, row, batch.size());
      row += static_cast<int64_t>(batch.size());
    }
    BOOST_TEST(end.ends_with(":" + std::to_string(row)));
  }
  BOOST_TEST(row == 1100);
  BOOST_CHECK_THROW(again->PollUntil(0, cuts[0].first, 4), Error);
  BOOST_CHECK_THROW(again->PollUntil(0, "0:0:2000", 4), Error);
}

BOOST_AUTO_TEST_CASE(bounded_sources_end_where_the_log_ended) {
  TableLog log(directory, kSchema, {.sync = false});
  BOOST_TEST(log.OpenSource({0}, TableRead::kBounded)->Poll(0, 10).end);
  log.Append(MakeRows(0, 5));
  const auto source = log.OpenSource({0}, TableRead::kBounded);
  BOOST_TEST(source->bounded());
  log.Append(MakeRows(5, 5));
  const SourceBatch batch = source->Poll(0, 100);
  Expect(batch, 0, 5);
  BOOST_TEST(batch.end);
}

BOOST_AUTO_TEST_CASE(append_once_ignores_what_it_has) {
  for (int opening = 0; opening < 3; ++opening) {
    TableLog log(directory, kSchema, {.sync = true});
    for (uint64_t sequence = 1; sequence <= 5; ++sequence) {
      log.AppendOnce("a", sequence, MakeRows(static_cast<int64_t>(sequence) * 2 - 2, 2));
    }
    log.AppendOnce("b", 9, MakeRows(10, opening == 0 ? 1 : 100));
    log.AppendOnce("c", 1, {});
    log.SyncAll();
    BOOST_TEST(log.rows() == 11u);
    const auto source = log.OpenSource({0}, TableRead::kFollow);
    Expect(source->Poll(0, 1000), 0, 11);
  }
}

BOOST_AUTO_TEST_CASE(segments_follow_one_another) {
  constexpr size_t kRows = 200'000;
  int64_t rows = 0;
  {
    TableLog log(directory, kSchema, {.sync = false});
    log.AppendOnce("early", 7, MakeRows(0, 1));
    for (rows = 1; rows < 3'000'000; rows += kRows) log.Append(MakeRows(rows, kRows));
  }
  const auto segments = std::distance(fs::directory_iterator(directory), fs::directory_iterator());
  BOOST_TEST(segments >= 3);
  // The beginning of a segment that a crash left.
  std::ofstream(directory + "/" + std::string(20 - std::to_string(rows).size(), '0') +
                std::to_string(rows) + ".log")
      << "torn";
  TableLog log(directory, kSchema, {.sync = false});
  BOOST_TEST(log.rows() == static_cast<uint64_t>(rows));
  BOOST_TEST(std::distance(fs::directory_iterator(directory), fs::directory_iterator()) ==
             segments);
  log.AppendOnce("early", 7, MakeRows(0, 1));
  log.AppendOnce("early", 8, MakeRows(rows, 1));
  const auto source = log.OpenSource({0}, TableRead::kBounded);
  int64_t row = 0;
  for (SourceBatch batch; !batch.end;) {
    batch = source->Poll(0, 8192);
    Expect(batch, row, batch.size());
    row += static_cast<int64_t>(batch.size());
    if (row % 11 == 0) source->Seek(0, batch.next);
  }
  BOOST_TEST(row == rows + 1);
}

BOOST_AUTO_TEST_CASE(torn_records_are_gone_after_reopening) {
  {
    TableLog log(directory, kSchema, {.sync = false});
    log.Append(MakeRows(0, 2));
    log.AppendOnce("w", 1, MakeRows(2, 1));
  }
  const std::string path = directory + "/00000000000000000000.log";
  const auto whole = fs::file_size(path);
  uintmax_t first = 0;
  {
    TableLog log(directory, kSchema, {.sync = false});
    const std::string next = log.OpenSource({0}, TableRead::kFollow)->Poll(0, 2).next;
    first = std::stoull(next.substr(2));
  }
  for (uintmax_t size = whole - 1; size >= first; --size) {
    fs::resize_file(path, size);
    TableLog log(directory, kSchema, {.sync = false});
    BOOST_TEST(log.rows() == 2u);
    log.AppendOnce("w", 1, MakeRows(2, 1));
    const auto source = log.OpenSource({0}, TableRead::kFollow);
    BOOST_TEST((Ids(source.get()) == std::vector<int64_t>{0, 1, 2}));
    BOOST_TEST(fs::file_size(path) == whole);
  }
}

BOOST_AUTO_TEST_CASE(concurrent_appends_and_readers) {
  TableLog log(directory, kSchema, {.sync = true});
  constexpr int kThreads = 4, kAppends = 100;
  std::atomic<bool> done = false;
  const auto source = log.OpenSource({0}, TableRead::kFollow);
  std::atomic<int> calls = 0;
  source->OnReady([&] { ++calls; });
  std::vector<int64_t> seen(kThreads, 0);
  std::thread reader([&] {
    for (bool last = false; !last;) {
      last = done;
      for (const int64_t id : Ids(source.get())) {
        // The appends of one thread come in its order.
        BOOST_REQUIRE(id % 1000 == seen[static_cast<size_t>(id / 1000)]++);
      }
    }
  });
  std::vector<std::thread> writers;
  for (int t = 0; t < kThreads; ++t) {
    writers.emplace_back([&, t] {
      for (int i = 0; i < kAppends; ++i) {
        const Batch row = MakeRows(t * 1000 + i, 1);
        if (t == 0) {
          log.AppendOnce("w", static_cast<uint64_t>(i) + 1, row);
          if (i % 10 == 0) log.SyncAll();
        } else {
          const uint64_t number = log.Append(row);
          if (log.rows() <= number) std::terminate();
        }
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  done = true;
  reader.join();
  BOOST_TEST((seen == std::vector<int64_t>(kThreads, kAppends)));
  BOOST_TEST(calls == kThreads * kAppends);
}

BOOST_AUTO_TEST_CASE(remove) {
  { TableLog log(directory, kSchema, {.sync = false}); }
  TableLog::Remove(directory);
  BOOST_TEST(!fs::exists(directory));
  TableLog::Remove(directory);
}

BOOST_AUTO_TEST_SUITE_END()
