#define BOOST_TEST_MODULE state_store
#include "state/store.h"

#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "base/error.h"
#include "base/hash.h"

namespace fs = std::filesystem;
using namespace millrace;

namespace {

using Rows = std::map<std::pair<uint32_t, std::string>, std::string>;

Rows ScanAll(const Store& store, OperatorId op, size_t partitions = 1) {
  Rows rows;
  for (size_t p = 0; p < partitions; ++p) {
    std::pair<uint32_t, std::string> last;
    store.Scan(op, p, partitions,
               [&](uint32_t vnode, std::string_view key, std::string_view value) {
                 BOOST_TEST(OwnerOf(vnode, partitions) == p);
                 const std::pair<uint32_t, std::string> place{vnode, std::string(key)};
                 BOOST_TEST((last <= place));
                 last = place;
                 BOOST_TEST(rows.emplace(place, value).second);
               });
  }
  return rows;
}

std::vector<StateWriter> OneRow(OperatorId op, const std::string& key, const std::string& value) {
  std::vector<StateWriter> writers(1);
  writers[0].Put(op, 7, key, value);
  return writers;
}

struct Fixture {
  ~Fixture() { fs::remove_all(root); }
  static constexpr StoreOptions kFast{.sync = false};
  static constexpr StoreOptions kNoApply{.sync = false, .apply = false};

  size_t Segments() const {
    return static_cast<size_t>(
        std::distance(fs::directory_iterator(directory + "/segments"), fs::directory_iterator()));
  }
  std::string OpenError(const std::string& path) {
    try {
      Store store(path, kFast);
    } catch (const Error& e) {
      BOOST_TEST((e.code == ErrorCode::kDataDirectory));
      return e.message;
    }
    return "none";
  }

  fs::path root = fs::temp_directory_path() / ("state_store_test." + std::to_string(getpid()));
  std::string directory = (root / "data").string();
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(state_store, Fixture)

BOOST_AUTO_TEST_CASE(metadata) {
  {
    Store store(directory, {});
    BOOST_TEST(!store.GetMeta("a"));
    store.PutMeta(std::vector<std::pair<std::string, std::optional<std::string>>>{
        {"job/1", "x"}, {"job/2", ""}, {"other", "y"}});
    store.PutMeta(
        std::vector<std::pair<std::string, std::optional<std::string>>>{{"other", std::nullopt}});
  }
  const Store store(directory, {});
  BOOST_TEST(store.directory() == directory);
  BOOST_TEST(store.sync());
  BOOST_TEST(*store.GetMeta("job/1") == "x");
  BOOST_TEST(!store.GetMeta("other"));
  std::map<std::string, std::string> found;
  store.ScanMeta("job/", [&](auto name, auto value) { found.emplace(name, value); });
  BOOST_TEST((found == std::map<std::string, std::string>{{"job/1", "x"}, {"job/2", ""}}));
}

BOOST_AUTO_TEST_CASE(last_change_of_a_key_wins) {
  Store store(directory, kFast);
  std::vector<StateWriter> writers(2);
  writers[0].Put(1, 0, "k", "old");
  writers[0].Put(1, 255, std::string("\xff\0key", 5), "v");
  writers[0].Put(1, 0, "k", "new");
  writers[0].Put(1, 0, "gone", "x");
  writers[1].Delete(1, 0, "gone");
  writers[1].Put(2, 128, "", "");
  writers[1].Delete(1, 3, "never");
  store.Commit(9, {4, "positions"}, std::move(writers));
  store.WaitApplied();
  BOOST_TEST((ScanAll(store, 1, 16) ==
              Rows{{{0, "k"}, "new"}, {{255, std::string("\xff\0key", 5)}, "v"}}));
  BOOST_TEST((ScanAll(store, 2) == Rows{{{128, ""}, ""}}));
  BOOST_TEST(ScanAll(store, 0).empty());
  BOOST_TEST(store.LastEpoch(9)->epoch == 4u);
  BOOST_TEST(store.LastEpoch(9)->metadata == "positions");
  BOOST_TEST(!store.LastEpoch(8));
  BOOST_TEST(Segments() == 0u);
}

BOOST_AUTO_TEST_CASE(agrees_with_a_map_over_epochs_and_openings) {
  Rows expected;
  std::mt19937 random(7);
  uint64_t epoch = 0;
  for (int opening = 0; opening < 4; ++opening) {
    Store store(directory, opening % 2 == 0 ? kFast : kNoApply);
    for (int commit = 0; commit < 5; ++commit) {
      std::vector<StateWriter> writers(4);
      std::set<std::pair<uint32_t, std::string>> written;
      for (int change = 0; change < 5000; ++change) {
        const uint32_t vnode = random() % kVnodes;
        const std::string key = std::to_string(random() % 50) + std::string(random() % 3, '\0');
        StateWriter& writer = writers[OwnerOf(vnode, 4)];
        // What a writer puts wins over its deletions.
        const bool put = !written.emplace(vnode, key).second;
        if (!put && random() % 3 == 0) {
          written.erase({vnode, key});
          writer.Delete(3, vnode, key);
          expected.erase({vnode, key});
        } else {
          const std::string value(random() % 200, static_cast<char>(random()));
          writer.Put(3, vnode, key, value);
          expected[{vnode, key}] = value;
        }
      }
      store.Commit(1, {++epoch, std::to_string(epoch)}, std::move(writers));
    }
  }
  Store store(directory, kFast);
  store.WaitApplied();
  BOOST_TEST(store.LastEpoch(1)->epoch == epoch);
  BOOST_TEST((ScanAll(store, 3, 3) == expected));
}

BOOST_AUTO_TEST_CASE(empty_commits_write_no_segment) {
  Store store(directory, kNoApply);
  store.Commit(1, {1, "a"}, {});
  store.Commit(1, {2, "b"}, std::vector<StateWriter>(3));
  BOOST_TEST(store.LastEpoch(1)->metadata == "b");
  BOOST_TEST(Segments() == 0u);
  store.WaitApplied();
}

BOOST_AUTO_TEST_CASE(sealed_segments_are_applied_after_a_crash) {
  {
    Store store(directory, kNoApply);
    store.Commit(1, {9, ""}, OneRow(1, "k", "nine"));
    store.Commit(1, {10, ""}, OneRow(1, "k", "ten"));
    store.Commit(2, {1, ""}, OneRow(2, "k", "other"));
    store.Commit(1, {11, "no changes"}, {});
  }
  BOOST_TEST(Segments() == 3u);
  const fs::path copy = root / "copy";
  fs::copy(directory, copy, fs::copy_options::recursive);
  {
    Store store(directory, kFast);
    store.WaitApplied();
    BOOST_TEST((ScanAll(store, 1) == Rows{{{7, "k"}, "ten"}}));
    BOOST_TEST((ScanAll(store, 2) == Rows{{{7, "k"}, "other"}}));
    BOOST_TEST(Segments() == 0u);
  }
  // A segment that comes back after it was applied and overtaken must not be applied again.
  fs::copy(copy / "segments/1-9.seg", directory + "/segments/1-9.seg");
  Store store(directory, kFast);
  store.WaitApplied();
  BOOST_TEST(Segments() == 0u);
  BOOST_TEST((ScanAll(store, 1) == Rows{{{7, "k"}, "ten"}}));
}

BOOST_AUTO_TEST_CASE(unsealed_segments_are_dropped) {
  {
    Store store(directory, kNoApply);
    store.Commit(1, {1, ""}, OneRow(1, "k", "one"));
    store.Commit(2, {2, ""}, OneRow(2, "k", "two"));
  }
  fs::copy(directory + "/segments/2-2.seg", directory + "/segments/1-2.seg");
  fs::copy(directory + "/segments/2-2.seg", directory + "/segments/3-1.seg");
  std::ofstream(directory + "/segments/1-3.seg") << "torn";
  {
    Store store(directory, kNoApply);
    BOOST_TEST(Segments() == 2u);
    store.Commit(1, {2, ""}, OneRow(1, "k", "again"));
  }
  Store store(directory, kFast);
  store.WaitApplied();
  BOOST_TEST((ScanAll(store, 1) == Rows{{{7, "k"}, "again"}}));
  BOOST_TEST((ScanAll(store, 2) == Rows{{{7, "k"}, "two"}}));
}

BOOST_AUTO_TEST_CASE(a_damaged_segment_stops_commits) {
  {
    Store store(directory, kNoApply);
    store.Commit(1, {1, ""}, OneRow(1, "key", "value"));
  }
  const std::string path = directory + "/segments/1-1.seg";
  const auto size = fs::file_size(path);
  const auto damaged = [&](const Error& e) {
    return e.code == ErrorCode::kIo && e.message == "state segment '" + path + "' is damaged";
  };
  for (uintmax_t i = 0; i < size; ++i) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(i));
    const int byte = file.get();
    file.seekp(static_cast<std::streamoff>(i));
    file.put(static_cast<char>(byte ^ 1));
    file.close();
    {
      Store store(directory, kFast);
      BOOST_CHECK_EXCEPTION(store.WaitApplied(), Error, damaged);
      BOOST_CHECK_EXCEPTION(store.Commit(1, {2, ""}, {}), Error, damaged);
    }
    std::fstream again(path, std::ios::in | std::ios::out | std::ios::binary);
    again.seekp(static_cast<std::streamoff>(i));
    again.put(static_cast<char>(byte));
  }
  Store store(directory, kFast);
  store.WaitApplied();
  BOOST_TEST((ScanAll(store, 1) == Rows{{{7, "key"}, "value"}}));
}

BOOST_AUTO_TEST_CASE(a_truncated_or_missing_segment_is_an_error) {
  {
    Store store(directory, kNoApply);
    store.Commit(1, {1, ""}, OneRow(1, "key", "value"));
  }
  const std::string path = directory + "/segments/1-1.seg";
  for (auto size = fs::file_size(path); size-- > 0;) {
    fs::resize_file(path, size);
    Store store(directory, kFast);
    BOOST_CHECK_THROW(store.WaitApplied(), Error);
  }
  fs::remove(path);
  BOOST_TEST(OpenError(directory) == "data directory '" + directory + "' lacks segments/1-1.seg");
}

BOOST_AUTO_TEST_CASE(drop_operators_and_pipelines) {
  Store store(directory, kFast);
  std::vector<StateWriter> writers(1);
  for (OperatorId op : {1u, 2u, 3u, 0xFFFFFFFFu}) {
    for (uint32_t i = 0; i < 30'000; ++i) {
      writers[0].Put(op, i % kVnodes, std::to_string(i) + std::string(40, 'k'), "value");
    }
  }
  store.Commit(1, {5, "m"}, std::move(writers));
  store.DropOperators(std::vector<OperatorId>{2, 0xFFFFFFFF});
  BOOST_TEST(ScanAll(store, 1).size() == 30'000u);
  BOOST_TEST(ScanAll(store, 2).empty());
  BOOST_TEST(ScanAll(store, 3, 7).size() == 30'000u);
  BOOST_TEST(ScanAll(store, 0xFFFFFFFF).empty());
  store.DropPipeline(1);
  BOOST_TEST(!store.LastEpoch(1));
  // The number may be used again, from its first epoch.
  store.Commit(1, {1, ""}, OneRow(2, "k", "v"));
  store.WaitApplied();
  BOOST_TEST(ScanAll(store, 2).size() == 1u);
}

BOOST_AUTO_TEST_CASE(pipelines_commit_side_by_side) {
  {
    Store store(directory, kFast);
    std::vector<std::thread> threads;
    for (uint32_t pipeline = 1; pipeline <= 4; ++pipeline) {
      threads.emplace_back([&store, pipeline] {
        for (uint64_t epoch = 1; epoch <= 50; ++epoch) {
          store.Commit(pipeline, {epoch, ""}, OneRow(pipeline, "k", std::to_string(epoch)));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  Store store(directory, kFast);
  store.WaitApplied();
  for (uint32_t op = 1; op <= 4; ++op) {
    BOOST_TEST((ScanAll(store, op) == Rows{{{7, "k"}, "50"}}));
  }
}

BOOST_AUTO_TEST_CASE(directories_that_cannot_be_opened) {
  {
    Store store(directory, kFast);
    BOOST_TEST(OpenError(directory) ==
               "data directory '" + directory + "' is in use by another process");
  }
  BOOST_TEST(OpenError(directory) == "none");
  std::ofstream(directory + "/format") << "3\n";
  BOOST_TEST(OpenError(directory) == "data directory '" + directory +
                                         "' has format 3; this version of millrace reads up to 1");
  std::ofstream(directory + "/format") << "";
  BOOST_TEST(OpenError(directory) == "'" + directory + "/format' is not a format number");
  const std::string below_a_file = directory + "/format/x";
  BOOST_TEST(OpenError(below_a_file) ==
             "cannot write to data directory '" + below_a_file + "': Not a directory");
  if (geteuid() == 0) return;  // Whom no mode keeps out.
  fs::permissions(directory, fs::perms::owner_read | fs::perms::owner_exec);
  BOOST_TEST(OpenError(directory) ==
             "cannot write to data directory '" + directory + "': Permission denied");
  fs::permissions(directory, fs::perms::owner_all);
}

BOOST_AUTO_TEST_SUITE_END()
