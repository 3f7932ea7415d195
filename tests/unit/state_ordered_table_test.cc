// The ordered table against sorted vectors: random changes over steps, checkpoints and restores.
#define BOOST_TEST_MODULE state_ordered_table
#include "state/ordered_table.h"

#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <map>
#include <random>

#include "types/value.h"

namespace fs = std::filesystem;
using namespace millrace;

namespace {

using Row = Values;  // k STRING, a BIGINT, b STRING, d DOUBLE

const Schema kSchema = {{"k", Type(TypeId::kString)},
                        {"a", Type(TypeId::kBigInt)},
                        {"b", Type(TypeId::kString)},
                        {"d", Type(TypeId::kDouble)}};

Batch MakeBatch(const std::vector<Row>& rows) {
  Batch batch;
  batch.size = rows.size();
  auto heap = std::make_shared<Arena>();
  for (size_t c = 0; c < kSchema.size(); ++c) {
    Column column = MakeColumn(kSchema[c].type, rows.size());
    for (size_t i = 0; i < rows.size(); ++i) {
      SetValue(rows[i][c], kSchema[c].type, &column, i, heap.get());
    }
    column.KeepAlive(heap);
    batch.columns.push_back(std::move(column));
  }
  return batch;
}

std::vector<Row> RowsOf(const Batch& batch) {
  std::vector<Row> rows(batch.size);
  for (size_t i = 0; i < batch.size; ++i) {
    for (size_t c = 0; c < kSchema.size(); ++c) {
      rows[i].push_back(GetValue(batch.columns[c], kSchema[c].type, i));
    }
  }
  return rows;
}

template <class T>
int ThreeWay(const T& a, const T& b) {
  return a < b ? -1 : b < a ? 1 : 0;
}

// -1, 0 or 1; NULL first.
int Compare(const Value& a, const Value& b) {
  if (a.is_null() || b.is_null()) return static_cast<int>(b.is_null()) - a.is_null();
  if (auto* x = std::get_if<int64_t>(&a.data)) return ThreeWay(*x, std::get<int64_t>(b.data));
  if (auto* x = std::get_if<double>(&a.data)) return ThreeWay(*x, std::get<double>(b.data));
  return ThreeWay(std::get<std::string>(a.data), std::get<std::string>(b.data));
}

int Compare(const Row& a, const Row& b, const std::vector<OrderColumn>& order) {
  for (const OrderColumn& o : order) {
    const Value &x = a[o.column], &y = b[o.column];
    int c = Compare(x, y);
    if (x.is_null() != y.is_null()) {
      c = x.is_null() == o.nulls_first ? -1 : 1;
    } else if (o.descending) {
      c = -c;
    }
    if (c != 0) return c;
  }
  return 0;
}

Row RandomRow(std::mt19937& random) {
  const std::vector<std::string> texts = {"",
                                          std::string("\0", 1),
                                          "a",
                                          std::string("a\0b", 3),
                                          "ab",
                                          "\xff",
                                          "a long string that does not stand inline"};
  Row row(4);
  if (random() % 5) row[0].data = texts[random() % 3];
  if (random() % 5) row[1].data = static_cast<int64_t>(random() % 7) - 3;
  if (random() % 5) row[2].data = texts[random() % texts.size()];
  if (random() % 5) row[3].data = static_cast<double>(random() % 3) - 1.5;
  return row;
}

const std::vector<std::vector<OrderColumn>> kOrders = {
    {},
    {{1}},
    {{1, false, false}},
    {{2, true, false}, {1, true, true}},
    {{3, true, true}, {2, false, false}},
};

struct Counts : std::map<std::string, std::pair<Row, int64_t>> {
  int64_t& operator()(const Row& row) {
    const std::string key(OrderedLayout(kSchema, {0}, {}).Encode(MakeBatch({row}))[0]);
    auto& [kept, count] = (*this)[key];
    kept = row;
    return count;
  }
};

// What a partition's order must be.
std::vector<Row> Expected(const Counts& counts, const Row& of,
                          const std::vector<OrderColumn>& order, bool copies) {
  std::vector<Row> rows;
  for (const auto& [key, entry] : counts) {  // By their bytes, which breaks ties.
    if (Compare(entry.first[0], of[0]) != 0) continue;
    rows.insert(rows.end(), copies ? static_cast<size_t>(entry.second) : entry.second > 0,
                entry.first);
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [&](const Row& a, const Row& b) { return Compare(a, b, order) < 0; });
  return rows;
}

std::vector<Row> InOrder(const OrderedTable& table, const OrderedLayout& layout, const Row& of) {
  const OrderedKeys key = layout.Encode(MakeBatch({of}));
  const OrderedPartition* partition = table.FindPartition(key.partition(0));
  if (partition == nullptr) return {};
  std::vector<char*> rows;
  partition->Copy(0, partition->size(), &rows);
  std::vector<std::string_view> keys;
  for (const char* row : rows) keys.push_back(table.Key(row));
  for (size_t i = 0; i < rows.size(); ++i) {
    BOOST_REQUIRE(partition->At(i) == rows[i]);
    const size_t first = partition->LowerBound(table.PeerKey(rows[i]));
    const size_t last = partition->UpperBound(table.PeerKey(rows[i]));
    BOOST_REQUIRE((first <= i && i < last));
    BOOST_REQUIRE((first == 0 || table.PeerKey(rows[first - 1]) != table.PeerKey(rows[i])));
    BOOST_REQUIRE((last == rows.size() || table.PeerKey(rows[last]) != table.PeerKey(rows[i])));
  }
  return RowsOf(layout.Decode(keys));
}

struct Fixture {
  ~Fixture() { fs::remove_all(directory); }
  fs::path directory =
      fs::temp_directory_path() / ("state_ordered_table_test." + std::to_string(getpid()));
};

void Checkpoint(std::vector<std::unique_ptr<OrderedTable>>& tables, Store* store, uint64_t epoch) {
  std::vector<StateWriter> writers(tables.size());
  for (size_t p = 0; p < tables.size(); ++p) {
    tables[p]->BeginCheckpoint(1, &writers[p]);
    while (!tables[p]->CopySlice(3)) {
    }
  }
  store->Commit(1, {epoch, ""}, std::move(writers));
  store->WaitApplied();
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(state_ordered_table, Fixture)

BOOST_AUTO_TEST_CASE(encoded_rows_come_back) {
  std::mt19937 random(1);
  std::vector<Row> rows;
  for (int i = 0; i < 200; ++i) rows.push_back(RandomRow(random));
  for (const auto& order : kOrders) {
    for (const std::vector<size_t>& partition : {std::vector<size_t>{}, {0}, {3, 0}}) {
      const OrderedLayout layout(kSchema, partition, order);
      const OrderedKeys keys = layout.Encode(MakeBatch(rows));
      std::vector<std::string_view> views;
      for (size_t i = 0; i < keys.size(); ++i) views.push_back(keys[i]);
      BOOST_TEST((RowsOf(layout.Decode(views)) == rows));
    }
  }
}

BOOST_AUTO_TEST_CASE(agrees_with_sorted_rows_over_steps_and_restores) {
  for (size_t seed = 0; seed < 20; ++seed) {
    std::mt19937 random(static_cast<uint32_t>(seed));
    const std::vector<OrderColumn>& order = kOrders[seed % kOrders.size()];
    const bool copies = seed % 2 == 1;
    const OrderedLayout layout(kSchema, {0}, order);
    const OrderedTable::Options options{copies, 8, true};
    fs::remove_all(directory);
    Store store(directory, {.sync = false});
    size_t partitions = 1;
    std::vector<std::unique_ptr<OrderedTable>> tables;
    tables.push_back(std::make_unique<OrderedTable>(options));
    Counts counts;
    for (uint64_t step = 1; step <= 30; ++step) {
      // -1 rows may come before the +1 they belong to.
      std::vector<std::pair<Row, int64_t>> changes;
      for (uint32_t i = random() % 40; i > 0; --i) {
        const Row row = RandomRow(random);
        int64_t weight = static_cast<int64_t>(random() % 700 == 0 ? 600 : random() % 3) + 1;
        int64_t& count = counts(row);
        if (random() % 2 == 0) weight = -std::min(weight, count);
        count += weight;
        changes.emplace_back(row, weight);
      }
      std::shuffle(changes.begin(), changes.end(), random);
      for (const auto& [row, weight] : changes) {
        const OrderedKeys keys = layout.Encode(MakeBatch({row}));
        tables[OwnerOf(keys.vnode(0), partitions)]->Add(keys, &weight);
      }
      for (auto& table : tables) {
        for (const auto& changed : table->Settle()) {
          for (const OrderedTable::Change& change : changed.rows) {
            BOOST_REQUIRE(change.before != change.after);
            BOOST_REQUIRE(table->PartitionKey(change.row) == changed.partition->key());
            if (change.after > 0) *table->Payload(change.row) = static_cast<char>(step);
          }
        }
        table->Finish();
      }
      for (int k = 0; k < 8; ++k) {
        const Row of = RandomRow(random);
        const uint8_t vnode = layout.Encode(MakeBatch({of})).vnode(0);
        const OrderedTable& table = *tables[OwnerOf(vnode, partitions)];
        BOOST_REQUIRE((InOrder(table, layout, of) == Expected(counts, of, order, copies)));
      }
      if (random() % 3 != 0) continue;
      Checkpoint(tables, &store, step);
      if (random() % 2 == 0) continue;
      partitions = 1 + random() % 3;
      tables.clear();
      for (size_t p = 0; p < partitions; ++p) {
        tables.push_back(std::make_unique<OrderedTable>(options));
        tables[p]->Restore(1, store, p, partitions);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(dropped_rows_are_gone_after_a_restore) {
  const OrderedLayout layout(kSchema, {}, {{1}});
  fs::remove_all(directory);
  Store store(directory, {.sync = false});
  std::vector<std::unique_ptr<OrderedTable>> tables;
  tables.push_back(std::make_unique<OrderedTable>(OrderedTable::Options{false, 0, true}));
  OrderedTable& table = *tables[0];
  std::vector<Row> rows;
  for (int64_t i = 0; i < 1000; ++i) rows.push_back({{}, Value{i}, {}, {}});
  table.Add(layout.Encode(MakeBatch(rows)), nullptr);
  table.Settle();
  table.Finish();
  Checkpoint(tables, &store, 1);
  OrderedPartition* partition = table.FindPartition("");
  table.Settle();
  for (size_t i = 0; i < 700; ++i) {
    table.Drop(partition, partition->leaves()[0].rows[0]);
  }
  partition->Renumber();
  table.Finish();
  Checkpoint(tables, &store, 2);
  OrderedTable restored({false, 0, true});
  restored.Restore(1, store, 0, 1);
  for (const OrderedTable* t : {&table, &restored}) {
    rows = InOrder(*t, layout, rows[0]);
    BOOST_TEST(rows.size() == 300u);
    BOOST_TEST((rows[0][1] == Value{int64_t{700}}));
  }
  table.Settle();
  table.DropAll(partition);
  table.Finish();
  BOOST_TEST(table.rows() == 0u);
  BOOST_TEST(table.FindPartition("") == nullptr);
}

BOOST_AUTO_TEST_SUITE_END()
