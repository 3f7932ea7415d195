// The join operator against the query computed from scratch: random changes in random steps and
// batches, with checkpoints and restores in between.
#define BOOST_TEST_MODULE executor_join
#include "executor/join.h"

#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <map>
#include <random>

#include "planner/join.h"
#include "types/value.h"

namespace fs = std::filesystem;
using namespace millrace;

namespace {

using Row = std::vector<Value>;
using Rows = std::map<std::string, std::pair<Row, int64_t>>;  // By text, with weights.
using Counts = std::map<std::string, int64_t>;

std::string TextOf(const Row& row) {
  std::string text;
  for (const Value& v : row) {
    if (const auto* s = std::get_if<std::string>(&v.data)) {
      text += *s;
    } else if (const auto* n = std::get_if<int64_t>(&v.data)) {
      text += std::to_string(*n);
    } else {
      text += "NULL";
    }
    text += '|';
  }
  return text;
}

void AddTo(Counts* counts, const std::string& text, int64_t weight) {
  if (((*counts)[text] += weight) == 0) counts->erase(text);
}

Batch BatchOf(const std::vector<std::pair<Row, int64_t>>& rows, const Schema& schema) {
  Batch batch;
  batch.size = rows.size();
  auto heap = std::make_shared<Arena>();
  bool weighted = false;
  for (const auto& [row, weight] : rows) weighted |= weight != 1;
  for (size_t c = 0; c < schema.size(); ++c) {
    Column column = MakeColumn(schema[c].type, rows.size());
    for (size_t i = 0; i < rows.size(); ++i) {
      SetValue(rows[i].first[c], schema[c].type, &column, i, heap.get());
    }
    column.KeepAlive(heap);
    batch.columns.push_back(std::move(column));
  }
  for (const auto& [row, weight] : rows) {
    if (weighted) batch.weights.push_back(weight);
  }
  return batch;
}

Row RowOf(const Batch& batch, const Schema& schema, size_t i) {
  Row row;
  for (size_t c = 0; c < schema.size(); ++c) {
    row.push_back(GetValue(batch.columns[c], schema[c].type, i));
  }
  return row;
}

enum class Residual : uint8_t { kNone, kLess, kFails };
enum class Input : uint8_t { kAppends, kUnique, kAny };

struct Case {
  JoinKind kind = JoinKind::kInner;
  size_t keys = 1;
  bool null_equal = false;
  Residual residual = Residual::kNone;
  Input inputs[2] = {Input::kAny, Input::kAny};
};

// k1 INT, k2 STRING, v BIGINT, s STRING on either side.
Schema SideSchema() {
  return {{"k1", Type(TypeId::kInteger)},
          {"k2", Type(TypeId::kString)},
          {"v", Type(TypeId::kBigInt)},
          {"s", Type(TypeId::kString)}};
}
constexpr size_t kValue = 2, kColumns = 4;

ExprPtr ResidualOf(Residual residual) {
  if (residual == Residual::kNone) return nullptr;
  const ExprPtr left = MakeColumnExpr(kValue, Type(TypeId::kBigInt));
  const ExprPtr right = MakeColumnExpr(kColumns + kValue, Type(TypeId::kBigInt));
  if (residual == Residual::kLess) return MakeCall("<", {left, right}, "UTC", {});
  const ExprPtr quotient = MakeCall("/", {left, right}, "UTC", {});
  return MakeCall("=", {quotient, MakeLiteral({int64_t{1}}, quotient->type)}, "UTC", {});
}

struct Result {
  Counts rows, errors;
  friend bool operator==(const Result&, const Result&) = default;
};

// The join from scratch.
class Oracle {
 public:
  explicit Oracle(const Case& c) : case_(c) {}

  Result Compute(const Rows& left, const Rows& right) const {
    Result result;
    std::map<std::string, bool> right_matched;
    for (const auto& [left_text, l] : left) {
      bool matched = false;
      for (const auto& [right_text, r] : right) {
        if (!SameKey(l.first, r.first)) continue;
        const int64_t weight = l.second * r.second;
        const auto holds = Holds(l.first, r.first);
        if (!holds) {
          AddTo(&result.errors, left_text + right_text, weight);
          continue;
        }
        if (!*holds) continue;
        matched = right_matched[right_text] = true;
        if (Pairs()) AddTo(&result.rows, left_text + right_text, weight);
      }
      const bool outer = case_.kind == JoinKind::kLeft || case_.kind == JoinKind::kFull;
      if (outer && !matched) AddTo(&result.rows, left_text + Nulls(), l.second);
      if (case_.kind == JoinKind::kSemi && matched) AddTo(&result.rows, left_text, l.second);
      if (case_.kind == JoinKind::kAnti && !matched) AddTo(&result.rows, left_text, l.second);
    }
    if (case_.kind != JoinKind::kRight && case_.kind != JoinKind::kFull) return result;
    for (const auto& [text, r] : right) {
      if (!right_matched.contains(text)) AddTo(&result.rows, Nulls() + text, r.second);
    }
    return result;
  }

 private:
  static std::string Nulls() { return TextOf(Row(kColumns)); }
  bool Pairs() const { return case_.kind != JoinKind::kSemi && case_.kind != JoinKind::kAnti; }
  bool SameKey(const Row& l, const Row& r) const {
    for (size_t k = 0; k < case_.keys; ++k) {
      if (!(l[k] == r[k]) || (l[k].is_null() && !case_.null_equal)) return false;
    }
    return true;
  }
  // Nothing: it fails.
  std::optional<bool> Holds(const Row& l, const Row& r) const {
    if (case_.residual == Residual::kNone) return true;
    if (l[kValue].is_null() || r[kValue].is_null()) return false;
    const auto a = std::get<int64_t>(l[kValue].data), b = std::get<int64_t>(r[kValue].data);
    if (case_.residual == Residual::kLess) return a < b;
    if (b == 0) return std::nullopt;
    return a / b == 1;
  }

  Case case_;
};

// Operators on several partitions, which lose everything but the store now and then.
class Harness {
 public:
  // Its state in the store is that of the pipeline `number`.
  Harness(const Case& c, uint32_t number, Store* store)
      : case_(c), number_(number), store_(*store) {
    Start(1);
  }

  // Operators for so many partitions, with what was last checkpointed.
  void Start(size_t partitions) {
    operators_.clear();
    contexts_.clear();
    writers_.reset();
    for (size_t p = 0; p < partitions; ++p) {
      contexts_.push_back(std::make_unique<PartitionContext>());
      contexts_.back()->partition = p;
      contexts_.back()->partitions = partitions;
      operators_.push_back(std::make_unique<JoinOperator>(Options(), contexts_.back().get()));
      if (epoch_ > 0) operators_.back()->Restore(store_, p, partitions);
    }
  }

  void Feed(size_t port, const std::vector<std::pair<Row, int64_t>>& changes, Counts* out) {
    std::vector<std::vector<std::pair<Row, int64_t>>> parts(operators_.size());
    const Batch all = BatchOf(changes, SideSchema());
    const RowKeys keys(all, KeyColumns());
    for (size_t i = 0; i < changes.size(); ++i) {
      parts[PartitionOf(keys.hash(i), parts.size())].push_back(changes[i]);
    }
    for (size_t p = 0; p < parts.size(); ++p) {
      if (parts[p].empty()) continue;
      operators_[p]->OnBatch(port, BatchOf(parts[p], SideSchema()), {},
                             [&](Batch batch) { Collect(batch, out); });
    }
  }

  // What is emitted here is net: no row comes and goes.
  void EndStep(Counts* out, Counts* errors) {
    for (size_t p = 0; p < operators_.size(); ++p) {
      std::map<std::string, bool> comes;
      operators_[p]->OnStep({}, [&](const Batch& batch) {
        for (size_t i = 0; i < batch.size; ++i) {
          const bool positive = batch.weight(i) > 0;
          const auto row = comes.emplace(TextOf(RowOf(batch, OutputSchema(), i)), positive).first;
          BOOST_TEST(row->second == positive);
        }
        Collect(batch, out);
      });
      for (const RejectedRow& e : contexts_[p]->errors) AddTo(errors, e.row, e.weight);
      contexts_[p]->errors.clear();
    }
  }

  void BeginCheckpoint() {
    writers_.emplace(operators_.size());
    for (size_t p = 0; p < operators_.size(); ++p) {
      operators_[p]->BeginCheckpoint(&(*writers_)[p]);
    }
  }
  // True when it is sealed.
  bool CopySlice(size_t rows) {
    bool done = true;
    for (auto& op : operators_) done = op->CopySlice(rows) && done;
    if (!done) return false;
    store_.Commit(number_, {++epoch_, ""}, std::move(*writers_));
    writers_.reset();
    store_.WaitApplied();
    return true;
  }
  bool checkpointing() const { return writers_.has_value(); }

  size_t state_rows() const {
    size_t rows = 0;
    for (const auto& op : operators_) rows += op->state_rows();
    return rows;
  }
  Schema OutputSchema() const {
    Schema schema = SideSchema();
    if (case_.kind == JoinKind::kSemi || case_.kind == JoinKind::kAnti) return schema;
    const Schema right = SideSchema();
    schema.insert(schema.end(), right.begin(), right.end());
    return schema;
  }

 private:
  std::vector<size_t> KeyColumns() const {
    std::vector<size_t> keys;
    for (size_t k = 0; k < case_.keys; ++k) keys.push_back(k);
    return keys;
  }
  JoinOptions Options() const {
    JoinOptions options;
    options.plan.kind = case_.kind;
    options.plan.left_keys = options.plan.right_keys = KeyColumns();
    options.plan.null_equal.assign(case_.keys, case_.null_equal);
    options.plan.residual = ResidualOf(case_.residual);
    options.left = {SideSchema(), case_.inputs[0] == Input::kAppends,
                    case_.inputs[0] == Input::kUnique};
    options.right = {SideSchema(), case_.inputs[1] == Input::kAppends,
                     case_.inputs[1] == Input::kUnique};
    options.tracked = true;
    options.id = number_ << 16;
    return options;
  }
  void Collect(const Batch& batch, Counts* out) const {
    BOOST_REQUIRE(batch.columns.size() == OutputSchema().size());
    for (size_t i = 0; i < batch.size; ++i) {
      AddTo(out, TextOf(RowOf(batch, OutputSchema(), i)), batch.weight(i));
    }
  }

  Case case_;
  uint32_t number_;
  Store& store_;
  std::vector<std::unique_ptr<PartitionContext>> contexts_;
  std::vector<std::unique_ptr<JoinOperator>> operators_;
  std::optional<std::vector<StateWriter>> writers_;
  uint64_t epoch_ = 0;
};

// Random changes that leave the input what its kind promises after every step.
class RandomInput {
 public:
  RandomInput(Input kind, size_t keys, std::mt19937* random)
      : kind_(kind), keys_(keys), random_(*random) {}

  std::vector<std::pair<Row, int64_t>> Step(Rows* rows) {
    std::vector<std::pair<Row, int64_t>> changes;
    for (size_t n = Draw(12); n > 0; --n) {
      if (kind_ != Input::kAppends && !rows->empty() && Draw(2) == 0) {
        auto it = rows->begin();
        std::advance(it, Draw(rows->size()));
        const auto gone = static_cast<int64_t>(1 + Draw(static_cast<size_t>(it->second.second)));
        Change(it->second.first, -gone, rows, &changes);
        continue;
      }
      const Row row = NewRow();
      if (kind_ == Input::kUnique) {
        const auto same = [&](const auto& entry) {
          return std::equal(row.begin(), row.begin() + static_cast<ptrdiff_t>(keys_),
                            entry.second.first.begin());
        };
        const auto old = std::ranges::find_if(*rows, same);
        if (old != rows->end()) Change(Row(old->second.first), -1, rows, &changes);
        Change(row, 1, rows, &changes);
      } else {
        Change(row, kind_ == Input::kAny && Draw(4) == 0 ? 2 : 1, rows, &changes);
      }
    }
    // An insertion may come behind the deletion that it replaces, or before it.
    std::ranges::shuffle(changes, random_);
    return changes;
  }

 private:
  size_t Draw(size_t below) { return random_() % below; }
  Row NewRow() {
    Row row(kColumns);
    if (Draw(8) != 0) row[0] = {static_cast<int64_t>(Draw(4))};
    if (Draw(8) != 0) row[1] = {std::string(Draw(2) ? "key" : "a key that is not kept inline")};
    if (Draw(8) != 0) row[2] = {static_cast<int64_t>(Draw(4))};
    if (Draw(8) != 0) row[3] = {std::string(Draw(40), static_cast<char>('a' + Draw(2)))};
    return row;
  }
  void Change(const Row& row, int64_t weight, Rows* rows,
              std::vector<std::pair<Row, int64_t>>* changes) {
    changes->emplace_back(row, weight);
    const std::string text = TextOf(row);
    auto& entry = (*rows)[text];
    entry.first = row;
    if ((entry.second += weight) == 0) rows->erase(text);
  }

  Input kind_;
  size_t keys_;
  std::mt19937& random_;
};

// Error rows are JSON; all that is compared is how many there are.
int64_t Total(const Counts& counts) {
  int64_t total = 0;
  for (const auto& [text, n] : counts) total += n;
  return total;
}

struct World {
  Rows inputs[2];
  Counts out, errors;
};

struct Stored {
  ~Stored() { fs::remove_all(directory); }
  fs::path directory =
      fs::temp_directory_path() / ("executor_join_test." + std::to_string(getpid()));
  Store store{directory.string(), {.sync = false}};
};

void Run(const Case& c, uint32_t seed, Store* store) {
  std::mt19937 random(seed);
  Harness harness(c, seed, store);
  RandomInput inputs[2] = {{c.inputs[0], c.keys, &random}, {c.inputs[1], c.keys, &random}};
  const Oracle oracle(c);
  World now, cut, sealed;
  for (size_t step = 0; step < 40; ++step) {
    std::vector<std::pair<Row, int64_t>> changes[2];
    for (size_t s = 0; s < 2; ++s) changes[s] = inputs[s].Step(&now.inputs[s]);
    while (!changes[0].empty() || !changes[1].empty()) {
      const size_t s = changes[0].empty() || (!changes[1].empty() && random() % 2 == 0);
      const size_t n = std::min<size_t>(1 + random() % 5, changes[s].size());
      const auto end = changes[s].begin() + static_cast<ptrdiff_t>(n);
      harness.Feed(s, {changes[s].begin(), end}, &now.out);
      changes[s].erase(changes[s].begin(), end);
    }
    harness.EndStep(&now.out, &now.errors);
    const Result expected = oracle.Compute(now.inputs[0], now.inputs[1]);
    BOOST_TEST_CONTEXT("seed " << seed << " step " << step) {
      BOOST_REQUIRE(now.out == expected.rows);
      BOOST_REQUIRE(Total(now.errors) == Total(expected.errors));
    }
    if (!harness.checkpointing() && random() % 4 == 0) {
      harness.BeginCheckpoint();
      cut = now;
    }
    if (harness.checkpointing() && harness.CopySlice(random() % 6)) sealed = cut;
    if (random() % 10 == 0) {
      harness.Start(1 + random() % 3);
      now = sealed;
    }
  }
  // Nothing is left of rows that are gone.
  for (size_t s = 0; s < 2; ++s) {
    if (c.inputs[s] == Input::kAppends) continue;
    std::vector<std::pair<Row, int64_t>> all;
    for (const auto& [text, row] : now.inputs[s]) all.emplace_back(row.first, -row.second);
    harness.Feed(s, all, &now.out);
    now.inputs[s].clear();
  }
  harness.EndStep(&now.out, &now.errors);
  BOOST_TEST((now.out == oracle.Compute(now.inputs[0], now.inputs[1]).rows));
  if (now.inputs[0].empty() && now.inputs[1].empty()) BOOST_TEST(harness.state_rows() == 0);
}

constexpr JoinKind kKinds[] = {JoinKind::kInner, JoinKind::kLeft, JoinKind::kRight,
                               JoinKind::kFull,  JoinKind::kSemi, JoinKind::kAnti};

void RunAll(Residual residual, size_t keys, uint32_t seed) {
  Stored stored;
  constexpr Input kInputs[] = {Input::kAppends, Input::kUnique, Input::kAny};
  for (JoinKind kind : kKinds) {
    for (Input left : kInputs) {
      for (Input right : kInputs) {
        Case c{kind, keys, false, residual, {left, right}};
        Run(c, seed++, &stored.store);
        c.null_equal = true;
        Run(c, seed++, &stored.store);
      }
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(one_key) { RunAll(Residual::kNone, 1, 1); }
BOOST_AUTO_TEST_CASE(two_keys) { RunAll(Residual::kNone, 2, 1000); }
BOOST_AUTO_TEST_CASE(no_keys) { RunAll(Residual::kNone, 0, 2000); }
BOOST_AUTO_TEST_CASE(residual) { RunAll(Residual::kLess, 1, 3000); }
BOOST_AUTO_TEST_CASE(residual_alone) { RunAll(Residual::kLess, 0, 4000); }
BOOST_AUTO_TEST_CASE(residual_fails) { RunAll(Residual::kFails, 1, 5000); }
