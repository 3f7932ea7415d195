#define BOOST_TEST_MODULE executor_top_n
#include "executor/top_n.h"

#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <map>
#include <random>

#include "executor/deduplicate.h"
#include "types/row_key.h"
#include "tests/unit/executor_partitions.h"

namespace fs = std::filesystem;
using namespace millrace;

namespace {

// k BIGINT (the partition), a INT and s STRING (the order), v BIGINT. Any but v may be NULL.
struct Row {
  std::optional<int64_t> k;
  std::optional<int32_t> a;
  std::optional<std::string> s;
  int64_t v = 0;
  auto operator<=>(const Row&) const = default;
};
using Bag = std::map<std::pair<Row, int64_t>, int64_t>;  // (row, rank) -> how often.
using Changes = std::vector<std::pair<Row, int64_t>>;    // With weights.

const Schema kSchema = {{"k", TypeId::kBigInt},
                        {"a", TypeId::kInteger},
                        {"s", TypeId::kString},
                        {"v", TypeId::kBigInt}};

template <class T>
void Set(Column* column, size_t i, const std::optional<T>& value) {
  if (value) {
    column->mutable_data<T>()[i] = *value;
  } else {
    column->SetNull(i);
  }
}

Batch ToBatch(std::span<const std::pair<Row, int64_t>> rows) {
  Batch batch;
  batch.size = rows.size();
  for (const Field& field : kSchema) batch.columns.push_back(MakeColumn(field.type, rows.size()));
  auto heap = std::make_shared<Arena>();
  bool plain = true;
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto& [row, weight] = rows[i];
    Set(&batch.columns[0], i, row.k);
    Set(&batch.columns[1], i, row.a);
    std::optional<StringRef> s;
    if (row.s) s = StringRef(heap->Copy(*row.s));
    Set(&batch.columns[2], i, s);
    batch.columns[3].mutable_data<int64_t>()[i] = row.v;
    plain &= weight == 1;
  }
  batch.columns[2].KeepAlive(heap);
  for (const auto& [row, weight] : rows) {
    if (!plain) batch.weights.push_back(weight);
  }
  return batch;
}

template <class T>
std::optional<T> Get(const Column& column, size_t i) {
  if (column.IsNull(i)) return {};
  return column.at<T>(i);
}

// Of an output batch: rows, their ranks (0 without) and weights.
void Apply(const Batch& batch, bool upsert, Bag* bag) {
  std::vector<std::pair<std::pair<Row, int64_t>, int64_t>> changes;
  for (size_t i = 0; i < batch.size; ++i) {
    Row row{Get<int64_t>(batch.columns[0], i),
            Get<int32_t>(batch.columns[1], i),
            {},
            batch.columns[3].at<int64_t>(i)};
    if (!batch.columns[2].IsNull(i)) row.s = batch.columns[2].at<StringRef>(i).view();
    const int64_t rank = batch.columns.size() > 4 ? batch.columns[4].at<int64_t>(i) : 0;
    changes.push_back({{row, rank}, batch.weight(i)});
  }
  for (const auto& [row, weight] : changes) {
    if (upsert && weight > 0) {
      std::erase_if(*bag, [&](const auto& old) {
        return old.first.first.k == row.first.k && old.first.second == row.second;
      });
    }
    if (((*bag)[row] += weight) == 0) bag->erase(row);
  }
}

struct Spec {
  TopN plan;
  bool append_only = false;
  bool upsert = false;
  bool deduplicate = false;  // With the operator for it.
};

// -1, 0, 1 as `key` orders the two.
template <class T>
int CompareBy(const SortKey& key, const std::optional<T>& a, const std::optional<T>& b) {
  if (a.has_value() != b.has_value()) return a.has_value() == key.nulls_first ? 1 : -1;
  if (a == b) return 0;
  return (*a < *b) != key.descending ? -1 : 1;
}

int CompareOrder(const TopN& plan, const Row& x, const Row& y) {
  for (const SortKey& key : plan.order) {
    const int c = key.column == 1 ? CompareBy(key, x.a, y.a) : CompareBy(key, x.s, y.s);
    if (c != 0) return c;
  }
  return 0;
}

// Columns that are neither partition nor order, in their order, NULL first.
bool RestLess(const TopN& plan, const Row& x, const Row& y) {
  const auto ordered = [&](size_t column) {
    return std::ranges::any_of(plan.order,
                               [&](const SortKey& key) { return key.column == column; });
  };
  if (!ordered(1) && x.a != y.a) return x.a < y.a;
  if (!ordered(2) && x.s != y.s) return x.s < y.s;
  return x.v < y.v;
}

// The answer from scratch.
Bag Expected(const Spec& spec, const std::map<Row, int64_t>& input) {
  std::map<std::optional<int64_t>, std::vector<Row>> groups;
  for (const auto& [row, weight] : input) {
    for (int64_t n = 0; n < weight; ++n) groups[row.k].push_back(row);
  }
  Bag bag;
  for (auto& [k, rows] : groups) {
    std::ranges::sort(rows, [&](const Row& x, const Row& y) {
      const int c = CompareOrder(spec.plan, x, y);
      return c != 0 ? c < 0 : RestLess(spec.plan, x, y);
    });
    int64_t rank = 0, dense = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
      const auto number = static_cast<int64_t>(i) + 1;
      const bool peer = i > 0 && CompareOrder(spec.plan, rows[i - 1], rows[i]) == 0;
      if (!peer) rank = number, ++dense;
      const int64_t r = spec.plan.rank == TopN::Rank::kRowNumber ? number
                        : spec.plan.rank == TopN::Rank::kRank    ? rank
                                                                 : dense;
      if (r < spec.plan.first || (spec.plan.last && r > *spec.plan.last)) continue;
      ++bag[{rows[i], spec.plan.rank_output ? r : 0}];
    }
  }
  return bag;
}

// Operators of several partitions with the store they are restored from.
class Harness {
 public:
  Harness(const Spec& spec, Store* store, OperatorId id, size_t partitions)
      : spec_(spec),
        id_(id),
        operators_(
            store, id, [this](PartitionContext* context) { return MakeOperator(context); },
            partitions) {}

  std::unique_ptr<Operator> MakeOperator(PartitionContext* context) const {
    if (spec_.deduplicate) {
      return std::make_unique<DeduplicateOperator>(
          DeduplicateOptions{spec_.plan, Deduplication::kBest, kSchema, spec_.upsert, true, id_},
          context);
    }
    return std::make_unique<TopNOperator>(
        TopNOptions{spec_.plan, kSchema, spec_.append_only, spec_.upsert, true, id_}, context);
  }

  void Push(const Batch& batch) {
    operators_.Push(0, batch, spec_.plan.partition, {},
                    [](Batch) { BOOST_ERROR("emits early"); });
  }

  // The net changes.
  void Step(Bag* output) {
    Bag changes;
    for (size_t p = 0; p < operators_.size(); ++p) {
      operators_.at(p).OnStep({}, [&](Batch batch) {
        Apply(batch, spec_.upsert, output);
        Apply(batch, false, &changes);
        rows_emitted_ += batch.size;
      });
    }
    net_ += changes.size();
    if (operators_.copying()) operators_.CopySome();
  }

  void BeginCheckpoint() {
    if (!operators_.copying()) operators_.BeginCheckpoint();
  }
  bool copying() const { return operators_.copying(); }
  void Seal() { operators_.Seal(); }
  void Restart(size_t partitions) {
    operators_.Restart(partitions);
    SetNow(now_);
  }
  // The steps' clock.
  void SetNow(int64_t micros) {
    now_ = micros;
    for (size_t p = 0; p < operators_.size(); ++p) operators_.context(p).eval.now = {micros};
  }
  size_t state_rows() const { return operators_.state_rows(); }
  size_t rows_emitted_ = 0, net_ = 0;

 private:
  Spec spec_;
  OperatorId id_;
  OperatorPartitions operators_;
  int64_t now_ = 0;
};

struct StoreFixture {
  StoreFixture()
      : store(std::make_unique<Store>(directory.string(), StoreOptions{.sync = false})) {}
  ~StoreFixture() {
    store.reset();
    fs::remove_all(directory);
  }
  fs::path directory =
      fs::temp_directory_path() / ("executor_top_n_test." + std::to_string(getpid()));
  std::unique_ptr<Store> store;
};

class RandomRun {
 public:
  explicit RandomRun(unsigned seed) : seed_(seed), random_(seed) {
    MakeSpec();
    largest_ = Pick(3) == 0 ? 60 : 6;
    if (groups_ > 1 && Pick(4) == 0) groups_ = 40;
  }

  void Run(Store* store) {
    Harness harness(spec_, store, seed_, 1 + Pick(3));
    for (int step = 0; step < 40; ++step) {
      const bool begins = Pick(3) == 0 && !harness.copying();
      // A checkpoint is of the state between two steps.
      if (begins) {
        sealed_ = {input_, output_};
        harness.BeginCheckpoint();
      }
      OneStep(harness);
      const Bag expected = Expected(spec_, input_);
      BOOST_REQUIRE(output_ == expected);
      BOOST_REQUIRE(harness.rows_emitted_ == harness.net_);
      if (Pick(6) == 0 && sealed_) {
        harness.Seal();
        harness.Restart(1 + Pick(3));
        std::tie(input_, output_) = *sealed_;
      }
    }
  }

 private:
  size_t Pick(size_t n) { return random_() % n; }

  void MakeSpec() {
    TopN& plan = spec_.plan;
    plan.partition = Pick(4) == 0 ? std::vector<size_t>{} : std::vector<size_t>{0};
    const size_t orders = Pick(4);
    if (orders & 1) plan.order.push_back({1, Pick(2) == 0, Pick(2) == 0});
    if (orders & 2) plan.order.push_back({2, Pick(2) == 0, Pick(2) == 0});
    plan.rank = static_cast<TopN::Rank>(Pick(3));
    plan.first = Pick(3) == 0 ? 1 + static_cast<int64_t>(Pick(5)) : 1;
    if (Pick(6) != 0) plan.last = plan.first + static_cast<int64_t>(Pick(Pick(4) == 0 ? 50 : 4));
    plan.rank_output = Pick(2) == 0;
    spec_.append_only = Pick(2) == 0;
    const bool keyed = plan.partition.size() == 1 && plan.rank == TopN::Rank::kRowNumber &&
                       (plan.rank_output || plan.first == plan.last);
    spec_.upsert = keyed && Pick(2) == 0;
    if (plan.partition.empty()) groups_ = 1;
    if (Pick(4) == 0) {
      plan.rank = TopN::Rank::kRowNumber;
      plan.first = 1;
      plan.last = 1;
      plan.rank_output = false;
      spec_.append_only = spec_.deduplicate = true;
      spec_.upsert = Pick(2) == 0;
    }
  }

  Row MakeRow() {
    Row row;
    if (!spec_.plan.partition.empty() && Pick(8) != 0) row.k = Pick(groups_);
    if (Pick(6) != 0) row.a = static_cast<int32_t>(Pick(largest_)) - 3;
    const std::string_view texts[] = {"",   "a",       {"a\0b", 3},
                                      "ab", {"\0", 1}, "a long string of 27 bytes"};
    if (Pick(6) != 0) row.s = texts[Pick(6)];
    row.v = static_cast<int64_t>(Pick(largest_));
    return row;
  }

  Row AnyOf(const std::map<Row, int64_t>& rows) {
    return std::next(rows.begin(), static_cast<ptrdiff_t>(Pick(rows.size())))->first;
  }

  void Add(const Row& row, int64_t weight, Changes* changes) {
    changes->push_back({row, weight});
    if ((input_[row] += weight) == 0) input_.erase(row);
  }

  void OneStep(Harness& harness) {
    Changes changes;
    for (size_t n = Pick(Pick(5) == 0 ? 60 : 8); n > 0; --n) {
      const size_t kind = spec_.append_only ? 0 : Pick(4);
      if (kind == 0 || input_.empty()) {
        Add(MakeRow(), 1 + static_cast<int64_t>(Pick(8) == 0), &changes);
      } else if (kind == 1) {
        Add(AnyOf(input_), 1, &changes);
      } else {
        Add(AnyOf(input_), -1, &changes);
      }
    }
    // In any order: a -1 may come before its +1.
    std::ranges::shuffle(changes, random_);
    for (size_t at = 0; at < changes.size();) {
      const size_t count = std::min(changes.size() - at, 1 + Pick(20));
      harness.Push(ToBatch(std::span(changes).subspan(at, count)));
      at += count;
    }
    harness.Step(&output_);
  }

  unsigned seed_;
  std::mt19937 random_;
  Spec spec_;
  size_t largest_ = 6, groups_ = 3;
  std::map<Row, int64_t> input_;
  Bag output_;
  std::optional<std::pair<std::map<Row, int64_t>, Bag>> sealed_;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(top_n, StoreFixture)

BOOST_AUTO_TEST_CASE(agrees_with_brute_force) {
  const char* only = std::getenv("MILLRACE_SEED");
  const unsigned first = only ? static_cast<unsigned>(std::atoi(only)) : 1;
  const char* count = std::getenv("MILLRACE_SEEDS");
  const unsigned seeds = count ? static_cast<unsigned>(std::atoi(count)) : only ? 1 : 400;
  for (unsigned seed = first; seed < first + seeds; ++seed) {
    BOOST_TEST_CONTEXT("MILLRACE_SEED=" << seed) { RandomRun(seed).Run(store.get()); }
  }
}

// A partition that did not change for the TTL is forgotten: what it shows stays, later rows begin
// anew.
BOOST_AUTO_TEST_CASE(forgets_after_the_ttl) {
  for (const bool deduplicate : {false, true}) {
    Spec spec;
    spec.plan.partition = {0};
    spec.plan.order = {{3}};
    spec.plan.last = 1;
    spec.plan.state_ttl = 100;
    spec.append_only = true;
    spec.deduplicate = deduplicate;
    Harness harness(spec, store.get(), 1'000'000 + 10 * deduplicate, 2);
    Bag output;
    const auto step = [&](int64_t now, const Changes& changes) {
      harness.SetNow(now);
      if (!changes.empty()) harness.Push(ToBatch(changes));
      harness.Step(&output);
    };
    const Row a5{1, 0, "", 5}, a3{1, 0, "", 3}, a7{1, 0, "", 7}, b5{2, 0, "", 5}, b4{2, 0, "", 4};
    step(1000, {{a5, 1}, {b5, 1}});
    step(1050, {{a3, 1}});
    BOOST_TEST((output == Bag{{{a3, 0}, 1}, {{b5, 0}, 1}}));
    harness.BeginCheckpoint();
    harness.Seal();
    harness.Restart(3);
    step(1099, {});
    BOOST_TEST(harness.state_rows() == 2u);
    step(1100, {{b4, 1}});
    BOOST_TEST((output == Bag{{{a3, 0}, 1}, {{b4, 0}, 1}, {{b5, 0}, 1}}));
    BOOST_TEST(harness.state_rows() == 2u);
    step(1149, {{a7, 1}});
    BOOST_TEST((output == Bag{{{a3, 0}, 1}, {{b4, 0}, 1}, {{b5, 0}, 1}}));
    step(1150, {});
    BOOST_TEST(harness.state_rows() == 1u);
    step(1300, {});
    BOOST_TEST(harness.state_rows() == 0u);
  }
}

// Rows that are taken back after the partition was forgotten are not there.
BOOST_AUTO_TEST_CASE(ignores_what_was_forgotten) {
  Spec spec;
  spec.plan.partition = {0};
  spec.plan.last = 2;
  spec.plan.rank_output = true;
  spec.plan.state_ttl = 100;
  Harness harness(spec, store.get(), 2'000'000, 1);
  Bag output;
  const Row one{1, 0, "", 1}, two{1, 0, "", 2};
  harness.Push(ToBatch(Changes{{one, 1}, {two, 1}}));
  harness.Step(&output);
  harness.SetNow(500);
  harness.Push(ToBatch(Changes{{one, -1}}));
  harness.Step(&output);
  BOOST_TEST((output == Bag{{{one, 1}, 1}, {{two, 2}, 1}}));
  BOOST_TEST(harness.state_rows() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
