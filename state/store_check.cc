#include "state/store_check.h"

#include <leveldb/db.h>
#include <leveldb/filter_policy.h>

#include <cstring>
#include <filesystem>
#include <memory>

#include "base/error.h"
#include "state/data_directory.h"
#include "state/segment.h"

namespace millrace {
namespace {

uint32_t Fixed32Be(const char* bytes) {
  uint32_t value;
  std::memcpy(&value, bytes, sizeof value);
  return __builtin_bswap32(value);
}

// The keys are listed in state/store.h.
void TakeEntry(std::string_view key, std::string_view value, StoreReport* report) {
  constexpr size_t kNumbered = 1 + sizeof(uint32_t);
  if (key.starts_with('s') && key.size() > kNumbered) {
    StateSize& size = report->state[Fixed32Be(key.data() + 1)];
    ++size.rows;
    size.bytes += key.size() + value.size();
  } else if (key.starts_with('e') && key.size() == kNumbered && value.size() >= 9) {
    SealedEpoch& epoch = report->epochs[Fixed32Be(key.data() + 1)];
    std::memcpy(&epoch.epoch, value.data(), sizeof epoch.epoch);
    epoch.metadata = value.substr(9);
  } else if (key.starts_with('m')) {
    report->metadata.emplace(key.substr(1), value);
  } else if (!key.starts_with('a')) {
    report->faults.push_back("db: an entry of an unknown kind");
  }
}

void CheckDatabase(const std::string& path, StoreReport* report) {
  const std::unique_ptr<const leveldb::FilterPolicy> filter(leveldb::NewBloomFilterPolicy(10));
  leveldb::Options options;
  options.paranoid_checks = true;
  options.filter_policy = filter.get();
  leveldb::DB* opened = nullptr;
  if (const leveldb::Status status = leveldb::DB::Open(options, path, &opened); !status.ok()) {
    report->faults.push_back("db: " + status.ToString());
    return;
  }
  const std::unique_ptr<leveldb::DB> db(opened);
  leveldb::ReadOptions read;
  read.verify_checksums = true;
  read.fill_cache = false;
  const std::unique_ptr<leveldb::Iterator> entries(db->NewIterator(read));
  for (entries->SeekToFirst(); entries->Valid(); entries->Next()) {
    TakeEntry({entries->key().data(), entries->key().size()},
              {entries->value().data(), entries->value().size()}, report);
  }
  if (!entries->status().ok()) report->faults.push_back("db: " + entries->status().ToString());
}

}  // namespace

StoreReport CheckStore(const std::string& path) {
  if (!std::filesystem::exists(path + "/format")) {
    throw Error(ErrorCode::kDataDirectory, "'" + path + "' is no data directory");
  }
  const DataDirectory directory(path, false);
  StoreReport report;
  CheckDatabase(directory.database(), &report);
  for (const auto& file : std::filesystem::directory_iterator(directory.segments())) {
    ++report.segments;
    try {
      SegmentReader reader(file.path().string());
      StateChange change;
      while (reader.Next(&change)) {
      }
    } catch (const Error& error) {
      report.faults.push_back(error.message);
    }
  }
  return report;
}

}  // namespace millrace
