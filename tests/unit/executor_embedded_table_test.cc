#define BOOST_TEST_MODULE executor_embedded_table
#include "executor/embedded_table.h"

#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <future>
#include <map>
#include <random>
#include <thread>

namespace millrace {
namespace {

namespace fs = std::filesystem;

const Schema kSchema = {{"id", Type(TypeId::kBigInt).AsNullable(false)}, {"n", TypeId::kBigInt}};

struct Change {
  int64_t id;
  int64_t n;
  int64_t weight = 1;
};

Batch MakeBatch(const std::vector<Change>& changes) {
  Batch batch;
  batch.size = changes.size();
  batch.columns = {MakeColumn(kSchema[0].type, changes.size()),
                   MakeColumn(kSchema[1].type, changes.size())};
  for (size_t i = 0; i < changes.size(); ++i) {
    batch.columns[0].mutable_data<int64_t>()[i] = changes[i].id;
    batch.columns[1].mutable_data<int64_t>()[i] = changes[i].n;
    batch.weights.push_back(changes[i].weight);
  }
  return batch;
}

using Rows = std::map<std::pair<int64_t, int64_t>, int64_t>;

void Add(const Batch& batch, Rows* rows) {
  for (size_t i = 0; i < batch.size; ++i) {
    const std::pair row(batch.columns[0].at<int64_t>(i), batch.columns[1].at<int64_t>(i));
    if (((*rows)[row] += batch.weight(i)) == 0) rows->erase(row);
  }
}

Rows RowsOf(EmbeddedTable& table) {
  Rows rows;
  for (const Batch& batch : table.Rows()) Add(batch, &rows);
  return rows;
}

// What a reader gets from where it is.
void Follow(Source* source, Rows* rows) {
  for (;;) {
    const SourceBatch batch = source->Poll(0, 7);
    if (batch.size() == 0) return;
    Add(*batch.rows, rows);
  }
}

uint64_t SizeOf(const fs::path& directory) {
  uint64_t size = 0;
  for (const auto& entry : fs::directory_iterator(directory)) size += entry.file_size();
  return size;
}

struct Fixture {
  Fixture() { fs::remove_all(root); }
  ~Fixture() { fs::remove_all(root); }

  EmbeddedTableOptions Options(bool keyed = true) const {
    EmbeddedTableOptions options;
    options.directory = (root / "t").string();
    options.schema = kSchema;
    if (keyed) options.key = {0};
    options.changes = true;
    options.sync = false;
    options.compact_bytes = UINT64_MAX / 4;
    return options;
  }
  std::vector<std::string> Files(const std::string& extension) const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(root / "t")) {
      if (entry.path().extension() == extension) names.push_back(entry.path().filename());
    }
    std::ranges::sort(names);
    return names;
  }

  fs::path root = fs::temp_directory_path() / ("embedded_table_test." + std::to_string(getpid()));
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(embedded_table, Fixture)

BOOST_AUTO_TEST_CASE(a_key_has_one_row) {
  EmbeddedTable table(Options());
  table.Insert(MakeBatch({{1, 10}, {2, 20}, {1, 11}}));
  BOOST_TEST((RowsOf(table) == Rows{{{1, 11}, 1}, {{2, 20}, 1}}));
  const auto source = table.OpenSource({0, 1}, TableRead::kFollow);
  Rows seen;
  Follow(source.get(), &seen);
  BOOST_TEST((seen == RowsOf(table)));
  // The delta is full, and what changes nothing is not in it.
  table.Insert(MakeBatch({{1, 12}, {2, 20}, {3, 30}}));
  const SourceBatch batch = source->Poll(0, 100);
  Rows delta;
  Add(*batch.rows, &delta);
  BOOST_TEST((delta == Rows{{{1, 11}, -1}, {{1, 12}, 1}, {{3, 30}, 1}}));
  table.Insert(MakeBatch({{1, 0, -1}, {9, 0, -1}, {3, 31, -1}, {3, 32, 1}}));
  BOOST_TEST((RowsOf(table) == Rows{{{2, 20}, 1}, {{3, 32}, 1}}));
  BOOST_TEST(table.rows() == 2u);
  Batch null = MakeBatch({{5, 5}, {6, 6}});
  null.columns[0].SetNull(1);
  BOOST_CHECK_THROW(table.Insert(null), Error);
  BOOST_TEST(table.rows() == 2u);
}

BOOST_AUTO_TEST_CASE(a_bag_counts_its_rows) {
  EmbeddedTable table(Options(false));
  table.Insert(MakeBatch({{1, 10}, {1, 10}, {2, 20}}));
  table.Insert(MakeBatch({{1, 10, -1}, {2, 20, -1}, {2, 20, 1}}));
  BOOST_TEST((RowsOf(table) == Rows{{{1, 10}, 1}, {{2, 20}, 1}}));
  BOOST_CHECK_THROW(table.Insert(MakeBatch({{1, 10, -2}})), Error);
  BOOST_CHECK_THROW(table.Insert(MakeBatch({{3, 30, 1}, {4, 40, -1}})), Error);
  BOOST_TEST((RowsOf(table) == Rows{{{1, 10}, 1}, {{2, 20}, 1}}));
}

BOOST_AUTO_TEST_CASE(changes_are_exclusive) {
  EmbeddedTable table(Options());
  table.Insert(MakeBatch({{1, 10}, {2, 20}}));
  auto writing = table.TryLockWrites();
  BOOST_TEST(writing.owns_lock());
  BOOST_TEST(!std::async(std::launch::async, [&] { return table.TryLockWrites().owns_lock(); }).get());
  table.Change(std::move(writing), MakeBatch({{1, 10}, {2, 20}}), MakeBatch({{2, 11}, {1, 21}}));
  BOOST_TEST((RowsOf(table) == Rows{{{2, 11}, 1}, {{1, 21}, 1}}));
  BOOST_CHECK_THROW(table.Change(table.TryLockWrites(), MakeBatch({{1, 21}}), MakeBatch({{2, 1}})),
                    Error);
  BOOST_CHECK_THROW(table.Change(table.TryLockWrites(), MakeBatch({{1, 21}, {2, 11}}),
                                 MakeBatch({{3, 1}, {3, 2}})),
                    Error);
  BOOST_TEST((RowsOf(table) == Rows{{{2, 11}, 1}, {{1, 21}, 1}}));
  BOOST_TEST(table.TryLockWrites().owns_lock());
}

BOOST_AUTO_TEST_CASE(a_repeated_step_does_nothing) {
  {
    EmbeddedTable table(Options());
    table.Insert(MakeBatch({{1, 10}}));
    table.InsertOnce("job_1", 1, MakeBatch({{1, 10, 1}, {2, 20, 1}}));
    table.InsertOnce("job_1", 2, MakeBatch({{1, 10, 1}}));  // No change, but a step.
    table.Insert(MakeBatch({{1, 99}}));
    // The new row may come before the old one goes.
    table.InsertOnce("job_1", 3, MakeBatch({{2, 21, 1}, {2, 20, -1}}));
  }
  EmbeddedTable table(Options());
  for (uint64_t step = 1; step <= 3; ++step) table.InsertOnce("job_1", step, MakeBatch({{1, 10}}));
  BOOST_TEST((RowsOf(table) == Rows{{{1, 99}, 1}, {{2, 21}, 1}}));
}

BOOST_AUTO_TEST_CASE(compaction_keeps_the_rows_and_what_readers_need) {
  Rows early_rows, late_rows;
  SourcePosition sealed;
  {
    EmbeddedTable table(Options());
    const auto early = table.OpenSource({0, 1}, TableRead::kReplayable);
    for (int64_t i = 0; i < 100; ++i) table.Insert(MakeBatch({{i % 10, i}}));
    for (int polls = 0; polls < 3; ++polls) {
      const SourceBatch batch = early->Poll(0, 7);
      Add(*batch.rows, &early_rows);
      sealed = batch.next;
    }
    early->Commit({{"", sealed}});
    table.Compact();
    BOOST_TEST(Files(".base").size() == 1u);
    BOOST_TEST(Files(".log").size() == 2u);  // The early reader is in the first one.
    const auto late = table.OpenSource({0, 1}, TableRead::kReplayable);
    Follow(late.get(), &late_rows);
    BOOST_TEST((late_rows == RowsOf(table)));
    Rows ahead = early_rows;
    Follow(early.get(), &ahead);
    BOOST_TEST((ahead == RowsOf(table)));
    table.Compact();  // Nothing new: the same base again.
    BOOST_TEST(Files(".base").size() == 1u);
  }
  // After a crash the early reader comes back to its place.
  EmbeddedTable table(Options());
  const auto early = table.OpenSource({0, 1}, TableRead::kReplayable);
  early->Seek(0, sealed);
  table.Insert(MakeBatch({{3, 0, -1}, {11, 11, 1}}));
  Follow(early.get(), &early_rows);
  BOOST_TEST((early_rows == RowsOf(table)));
  table.Compact();
  BOOST_TEST(Files(".log").size() == 3u);
  early->Commit({{"", early->Poll(0, 1).next}});
  BOOST_TEST(Files(".log").size() == 1u);
  BOOST_TEST(Files(".base").size() == 1u);
  table.Insert(MakeBatch({{12, 12, 1}}));
  Follow(early.get(), &early_rows);
  BOOST_TEST((early_rows == RowsOf(table)));
}

BOOST_AUTO_TEST_CASE(a_read_is_repeated_over_the_same_base) {
  struct Cut {
    SourcePosition end;
    Rows rows;
  };
  std::vector<Cut> cuts;
  {
    EmbeddedTable table(Options());
    for (int64_t i = 0; i < 60; ++i) table.Insert(MakeBatch({{i % 20, i}}));
    table.Compact();
    // Never sealed, so it starts over after the crash, while another base has come.
    const auto source = table.OpenSource({0, 1}, TableRead::kReplayable);
    Rows rows;
    auto read = [&] {
      for (SourceBatch batch; (batch = source->Poll(0, 1)).size() > 0;) {
        Add(*batch.rows, &rows);
        cuts.push_back({batch.next, rows});
      }
    };
    read();
    table.Insert(MakeBatch({{1, 100}, {30, 30}}));
    read();
    table.Insert(MakeBatch({{2, 0, -1}}));
    table.Compact();
    read();
    BOOST_TEST(Files(".base").size() == 2u);
  }
  for (size_t first : {size_t{0}, size_t{5}, cuts.size() - 1}) {
    EmbeddedTable table(Options());
    const auto source = table.OpenSource({0, 1}, TableRead::kReplayable);
    Rows rows;
    for (size_t cut = first; cut < cuts.size(); ++cut) {
      for (SourcePosition position; position != cuts[cut].end;) {
        const SourceBatch batch = source->PollUntil(0, cuts[cut].end, 3);
        Add(*batch.rows, &rows);
        position = batch.next;
      }
      BOOST_TEST((rows == cuts[cut].rows));
    }
  }
}

// The files that a crash may leave at each point of a compaction.
BOOST_AUTO_TEST_CASE(a_crash_in_a_compaction_loses_nothing) {
  const fs::path directory = root / "t", before = root / "before", after = root / "after";
  Rows rows;
  {
    EmbeddedTable table(Options());
    for (int64_t i = 0; i < 50; ++i) table.InsertOnce("w", static_cast<uint64_t>(i), MakeBatch({{i % 7, i}}));
    rows = RowsOf(table);
    fs::copy(directory, before);
    table.Compact();
    fs::copy(directory, after);
  }
  const std::string base = Files(".base").at(0), segment = Files(".log").back();
  const std::string first = "00000000000000000000.log";
  auto check = [&](const std::string& what, std::initializer_list<std::pair<fs::path, std::string>> files) {
    BOOST_TEST_CONTEXT(what) {
      fs::remove_all(directory);
      fs::create_directory(directory);
      for (const auto& [from, name] : files) fs::copy(from, directory / name);
      for (int opening = 0; opening < 2; ++opening) {
        EmbeddedTable table(Options());
        BOOST_TEST((RowsOf(table) == rows));
        table.InsertOnce("w", 49, MakeBatch({{0, 0}}));  // Known.
        table.Insert(MakeBatch({{100, opening}}));
        const auto source = table.OpenSource({0, 1}, TableRead::kFollow);
        Rows seen;
        Follow(source.get(), &seen);
        BOOST_TEST((seen == RowsOf(table)));
        if (opening == 0) table.Compact();
        table.Insert(MakeBatch({{100, 0, -1}}));
        BOOST_TEST((RowsOf(table) == rows));
      }
      BOOST_TEST(Files(".unfinished").empty());
    }
  };
  check("nothing done", {{before / first, first}});
  check("a segment begun", {{before / first, first}, {after / segment, segment}});
  const fs::path torn = root / "torn";
  fs::copy(after / base, torn);
  fs::resize_file(torn, fs::file_size(torn) / 2);
  check("half a base", {{before / first, first}, {after / segment, segment}, {torn, base + ".unfinished"}});
  check("an old base's name",
        {{before / first, first}, {after / segment, segment}, {after / base, base + ".unfinished"}});
  check("a base", {{before / first, first}, {after / segment, segment}, {after / base, base}});
  check("a base, and no segment", {{before / first, first}, {after / base, base}});
  check("all done", {{after / segment, segment}, {after / base, base}});
}

BOOST_AUTO_TEST_CASE(the_log_is_bounded_by_the_rows) {
  EmbeddedTableOptions options = Options();
  options.compact_bytes = 20'000;
  EmbeddedTable table(options);
  const auto source = table.OpenSource({0, 1}, TableRead::kFollow);
  Rows seen;
  std::mt19937 random(1);
  for (int64_t i = 0; i < 20'000; ++i) {
    const auto id = static_cast<int64_t>(random() % 100);
    table.Insert(MakeBatch({{id, i, random() % 10 == 0 ? -1 : 1}}));
    if (i % 64 == 0) Follow(source.get(), &seen);
  }
  Follow(source.get(), &seen);
  BOOST_TEST((seen == RowsOf(table)));
  // 20,000 changes are 2 MB.
  BOOST_TEST(SizeOf(root / "t") < 200'000u);
}

BOOST_AUTO_TEST_CASE(writers_readers_and_compaction_at_once) {
  EmbeddedTableOptions options = Options();
  options.compact_bytes = 0;
  options.sync = true;
  constexpr int64_t kThreads = 3, kWrites = 300;
  Rows seen;
  {
    EmbeddedTable table(options);
    const auto source = table.OpenSource({0, 1}, TableRead::kFollow);
    std::vector<std::thread> writers;
    for (int64_t t = 0; t < kThreads; ++t) {
      writers.emplace_back([&, t] {
        for (int64_t i = 0; i < kWrites; ++i) {
          const int64_t id = t * 1000 + i % 17;
          if (i % 5 == 4) {
            table.Insert(MakeBatch({{id, 0, -1}}));
          } else if (t == 0) {
            table.InsertOnce("w", static_cast<uint64_t>(i), MakeBatch({{id, i}}));
          } else {
            table.Insert(MakeBatch({{id, i}}));
          }
        }
      });
    }
    for (int i = 0; i < 50; ++i) Follow(source.get(), &seen);
    for (std::thread& writer : writers) writer.join();
    table.Insert(MakeBatch({{1, 1}}));  // Makes what is written only visible.
    Follow(source.get(), &seen);
    BOOST_TEST((seen == RowsOf(table)));
  }
  EmbeddedTable table(options);
  BOOST_TEST((seen == RowsOf(table)));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace millrace
