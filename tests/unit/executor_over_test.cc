// The OVER operator against a brute-force oracle: random windows, functions and frames, random
// changes over steps, batches, checkpoints and restores.
#define BOOST_TEST_MODULE executor_over
#include "executor/over.h"

#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <map>
#include <random>
#include <set>

#include "fmt/format.h"
#include "parser/parse.h"
#include "planner/planner.h"
#include "tests/unit/executor_partitions.h"
#include "types/value.h"

namespace fs = std::filesystem;
using namespace millrace;

namespace {

struct Row {
  std::optional<int64_t> k, x, v;
  std::optional<bool> f;
  std::optional<std::string> s;
  auto operator<=>(const Row&) const = default;
};
using Rows = std::map<Row, int64_t>;
using Bag = std::map<std::string, int64_t>;  // Rows with their results as text.

const char* const kTable = "CREATE TABLE t (k INT, x INT, v BIGINT, f BOOLEAN, s STRING)";
const Schema kSchema = {{"k", TypeId::kInteger},
                        {"x", TypeId::kInteger},
                        {"v", TypeId::kBigInt},
                        {"f", TypeId::kBoolean},
                        {"s", TypeId::kString}};

struct Bound {
  enum Kind { kUnboundedPreceding, kPreceding, kCurrent, kFollowing, kUnboundedFollowing };
  Kind kind = kCurrent;
  int64_t offset = 0;

  std::string ToSql() const {
    switch (kind) {
      case kUnboundedPreceding:
        return "UNBOUNDED PRECEDING";
      case kPreceding:
        return fmt::format("{} PRECEDING", offset);
      case kCurrent:
        return "CURRENT ROW";
      case kFollowing:
        return fmt::format("{} FOLLOWING", offset);
      case kUnboundedFollowing:
        break;
    }
    return "UNBOUNDED FOLLOWING";
  }
  // The signed distance from the row; of the bounded kinds.
  int64_t distance() const {
    return kind == kPreceding ? -offset : kind == kFollowing ? offset : 0;
  }
};

struct Frame {
  bool rows = false;
  Bound begin{Bound::kUnboundedPreceding}, end;
};

struct Call {
  std::string function;  // "sum", …
  std::string argument;  // "", "*", "v", "s"
  bool distinct = false, filter = false, otherwise = false, ignore_nulls = false;
  int64_t parameter = 1;
  std::optional<Frame> frame;
};

struct Order {
  std::string column;
  bool descending = false, nulls_first = true;
};

struct Spec {
  bool partitioned = true;
  std::vector<Order> order;
  std::vector<Call> calls;

  std::string Window(const Call& call) const {
    std::string text = partitioned ? "PARTITION BY k" : "";
    std::vector<std::string> keys;
    for (const Order& o : order) {
      keys.push_back(fmt::format("{}{} NULLS {}", o.column, o.descending ? " DESC" : "",
                                 o.nulls_first ? "FIRST" : "LAST"));
    }
    for (size_t i = 0; i < keys.size(); ++i) text += (i == 0 ? " ORDER BY " : ", ") + keys[i];
    if (call.frame) {
      text += fmt::format(" {} BETWEEN {} AND {}", call.frame->rows ? "ROWS" : "RANGE",
                          call.frame->begin.ToSql(), call.frame->end.ToSql());
    }
    return text;
  }
  std::string ToSql() const {
    std::string sql = "SELECT k, x, v, f, s";
    for (const Call& c : calls) {
      std::string arguments = (c.distinct ? "DISTINCT " : "") + c.argument;
      if (c.function == "ntile") arguments = std::to_string(c.parameter);
      if (c.function == "nth_value") arguments += fmt::format(", {}", c.parameter);
      if (c.function == "lag" || c.function == "lead") {
        arguments += fmt::format(", {}{}", c.parameter, c.otherwise ? ", x" : "");
      }
      sql += fmt::format(", {}({}){}{} OVER ({})", c.function, arguments,
                         c.ignore_nulls ? " IGNORE NULLS" : "",
                         c.filter ? " FILTER (WHERE f)" : "", Window(c));
    }
    return sql + " FROM t";
  }
};

// ----------------------------------------------------------------------------------- the oracle

std::optional<std::string> Argument(const Row& row, const std::string& column) {
  if (column == "s") return row.s;
  const std::optional<int64_t>& value = column == "v" ? row.v : row.x;
  if (!value) return std::nullopt;
  return std::to_string(*value);
}

template <class T>
int CompareBy(const Order& order, const std::optional<T>& a, const std::optional<T>& b) {
  if (a.has_value() != b.has_value()) return a.has_value() == order.nulls_first ? 1 : -1;
  if (a == b) return 0;
  return (*a < *b) != order.descending ? -1 : 1;
}

class Oracle {
 public:
  explicit Oracle(const Spec& spec) : spec_(spec) {}

  Bag Run(const Rows& input) {
    std::map<std::optional<int64_t>, std::vector<Row>> partitions;
    for (const auto& [row, count] : input) {
      auto& rows = partitions[spec_.partitioned ? row.k : std::nullopt];
      rows.insert(rows.end(), static_cast<size_t>(count), row);
    }
    Bag out;
    for (auto& [key, rows] : partitions) {
      rows_ = rows;
      std::stable_sort(rows_.begin(), rows_.end(), [&](const Row& a, const Row& b) {
        const int c = Compare(a, b);
        return c != 0 ? c < 0 : a < b;
      });
      for (int64_t i = 0; i < size(); ++i) ++out[Text(i)];
    }
    return out;
  }

 private:
  int64_t size() const { return std::ssize(rows_); }
  const Row& at(int64_t i) const { return rows_[static_cast<size_t>(i)]; }

  int Compare(const Row& a, const Row& b) const {
    for (const Order& o : spec_.order) {
      const int c = o.column == "s" ? CompareBy(o, a.s, b.s) : CompareBy(o, a.x, b.x);
      if (c != 0) return c;
    }
    return 0;
  }
  int64_t PeersBegin(int64_t i) const {
    while (i > 0 && Compare(at(i - 1), at(i)) == 0) --i;
    return i;
  }
  int64_t PeersEnd(int64_t i) const {
    while (i + 1 < size() && Compare(at(i), at(i + 1)) == 0) ++i;
    return i + 1;
  }

  bool InFrame(const Frame& frame, int64_t row, int64_t other) const {
    return !Beyond(frame, frame.begin, row, other, true) &&
           !Beyond(frame, frame.end, row, other, false);
  }
  // Whether `other` lies outside of that side of the row's frame.
  bool Beyond(const Frame& frame, const Bound& bound, int64_t row, int64_t other,
              bool begin) const {
    if (bound.kind == Bound::kUnboundedPreceding || bound.kind == Bound::kUnboundedFollowing) {
      return false;
    }
    if (frame.rows) {
      const int64_t edge = row + bound.distance();
      return begin ? other < edge : other > edge;
    }
    const Row &a = at(row), &b = at(other);
    if (bound.kind == Bound::kCurrent || !a.x) {
      return begin ? Compare(b, a) < 0 : Compare(b, a) > 0;
    }
    const Order& order = spec_.order[0];
    if (!b.x) return order.nulls_first == begin;
    const int64_t edge = *a.x + (order.descending ? -bound.distance() : bound.distance());
    return (begin != order.descending) ? *b.x < edge : *b.x > edge;
  }

  std::string Aggregate(const Call& call, const std::vector<int64_t>& frame) const {
    std::vector<std::string> texts;
    std::set<std::string> seen;
    int64_t rows = 0;
    for (int64_t j : frame) {
      const Row& row = at(j);
      if (call.filter && !row.f.value_or(false)) continue;
      ++rows;
      if (call.argument == "*") continue;
      const auto value = Argument(row, call.argument);
      if (value && (!call.distinct || seen.insert(*value).second)) texts.push_back(*value);
    }
    if (call.function == "count") {
      return std::to_string(call.argument == "*" ? rows : std::ssize(texts));
    }
    if (texts.empty()) return "NULL";
    if (call.argument == "s") {
      return call.function == "min" ? *std::ranges::min_element(texts)
                                    : *std::ranges::max_element(texts);
    }
    std::vector<int64_t> values;
    for (const std::string& text : texts) values.push_back(std::stoll(text));
    if (call.function == "min") return std::to_string(std::ranges::min(values));
    if (call.function == "max") return std::to_string(std::ranges::max(values));
    int64_t sum = 0;
    for (int64_t value : values) sum += value;
    return std::to_string(call.function == "sum" ? sum : sum / std::ssize(values));
  }

  std::string ValueAt(const Call& call, int64_t i) const {
    return Argument(at(i), call.argument).value_or("NULL");
  }

  std::string Result(const Call& call, int64_t i) const {
    const std::string& f = call.function;
    if (f == "row_number") return std::to_string(i + 1);
    if (f == "rank") return std::to_string(PeersBegin(i) + 1);
    if (f == "dense_rank") {
      int64_t rank = 1;
      for (int64_t j = 1; j <= i; ++j) rank += Compare(at(j - 1), at(j)) != 0;
      return std::to_string(rank);
    }
    const auto rows = static_cast<double>(size());
    if (f == "percent_rank") {
      return fmt::format("{}", rows == 1 ? 0 : static_cast<double>(PeersBegin(i)) / (rows - 1));
    }
    if (f == "cume_dist") return fmt::format("{}", static_cast<double>(PeersEnd(i)) / rows);
    if (f == "ntile") {
      int64_t bucket = 1, end = 0;
      for (;; ++bucket) {
        end += size() / call.parameter + (bucket <= size() % call.parameter);
        if (i < end) return std::to_string(bucket);
      }
    }
    if (f == "lag" || f == "lead") {
      const int64_t by = f == "lag" ? -1 : 1;
      int64_t j = i;
      for (int64_t left = call.parameter; left > 0 && j >= 0 && j < size();) {
        j += by;
        const bool counts = j < 0 || j >= size() || !call.ignore_nulls ||
                            Argument(at(j), call.argument).has_value();
        left -= counts;
      }
      if (j >= 0 && j < size()) return ValueAt(call, j);
      return call.otherwise ? Argument(at(i), "x").value_or("NULL") : "NULL";
    }
    Frame whole{false, {Bound::kUnboundedPreceding}, {Bound::kUnboundedFollowing}};
    const Frame frame = call.frame.value_or(spec_.order.empty() ? whole : Frame{});
    std::vector<int64_t> in;
    for (int64_t j = 0; j < size(); ++j) {
      const bool counts = !call.ignore_nulls || Argument(at(j), call.argument).has_value();
      if (counts && InFrame(frame, i, j)) in.push_back(j);
    }
    if (!f.ends_with("_value")) return Aggregate(call, in);
    const int64_t nth = f == "first_value"  ? 0
                        : f == "last_value" ? std::ssize(in) - 1
                                            : call.parameter - 1;
    if (nth < 0 || nth >= std::ssize(in)) return "NULL";
    return ValueAt(call, in[static_cast<size_t>(nth)]);
  }

  std::string Text(int64_t i) const {
    const Row& row = at(i);
    auto number = [](const std::optional<int64_t>& n) {
      return n ? std::to_string(*n) : std::string("NULL");
    };
    std::string text = number(row.k) + "|" + number(row.x) + "|" + number(row.v) + "|" +
                       (row.f ? (*row.f ? "TRUE" : "FALSE") : "NULL") + "|" +
                       row.s.value_or("NULL");
    for (const Call& call : spec_.calls) text += "|" + Result(call, i);
    return text;
  }

  const Spec& spec_;
  std::vector<Row> rows_;
};

// ------------------------------------------------------------------------------------- the engine

template <class T>
Value ToValue(const std::optional<T>& value) {
  Value out;
  if (value) out.data = *value;
  return out;
}

Batch ToBatch(std::span<const std::pair<Row, int64_t>> rows) {
  Batch batch;
  batch.size = rows.size();
  auto heap = std::make_shared<Arena>();
  for (const Field& field : kSchema) batch.columns.push_back(MakeColumn(field.type, rows.size()));
  bool plain = true;
  for (size_t i = 0; i < rows.size(); ++i) {
    const Row& row = rows[i].first;
    const Value values[] = {ToValue(row.k), ToValue(row.x), ToValue(row.v), ToValue(row.f),
                            ToValue(row.s)};
    for (size_t c = 0; c < kSchema.size(); ++c) {
      SetValue(values[c], kSchema[c].type, &batch.columns[c], i, heap.get());
    }
    plain &= rows[i].second == 1;
  }
  for (Column& column : batch.columns) column.KeepAlive(heap);
  for (const auto& [row, weight] : rows) {
    if (!plain) batch.weights.push_back(weight);
  }
  return batch;
}

void Apply(const Batch& batch, const Schema& schema, Bag* bag) {
  for (size_t i = 0; i < batch.size; ++i) {
    std::string text;
    for (size_t c = 0; c < batch.columns.size(); ++c) {
      const Value value = GetValue(batch.columns[c], schema[c].type, i);
      std::string field = ToText(value, schema[c].type);
      if (auto* number = std::get_if<double>(&value.data)) field = fmt::format("{}", *number);
      text += (c > 0 ? "|" : "") + field;
    }
    if (((*bag)[text] += batch.weight(i)) == 0) bag->erase(text);
  }
}

const Node* FindOver(const Node& node) {
  if (std::holds_alternative<Over>(node.op)) return &node;
  for (const NodePtr& input : node.inputs) {
    if (const Node* found = FindOver(*input)) return found;
  }
  return nullptr;
}

// Operators of several partitions with the store they are restored from.
class Harness {
 public:
  Harness(const Spec& spec, Store* store, OperatorId id, size_t partitions)
      : id_(id) {
    Session session;
    PlanContext context{&catalog_, &session, ".", {}};
    std::vector<Notice> notices;
    catalog_.Add(BindCreateTable(std::get<ast::CreateTable>(Parse(kTable)[0].node), kTable, context,
                                 &notices));
    const std::vector<ast::Statement> query = Parse(spec.ToSql());
    plan_ = PlanQuery(*std::get<ast::QueryStatement>(query[0].node).query, QueryMode::kContinuous,
                      context);
    node_ = FindOver(*plan_.root);
    // A default of LAG that is no column would be another one here.
    BOOST_REQUIRE(node_->inputs[0]->schema.size() == kSchema.size());
    operators_ = std::make_unique<OperatorPartitions>(
        store, id, [this](PartitionContext* context) { return MakeOperator(context); }, partitions);
  }

  void Push(const Batch& batch) {
    operators_->Push(0, batch, std::get<Over>(node_->op).partition, {},
                     [](Batch) { BOOST_ERROR("emits early"); });
  }

  // Whether what was emitted is net: no row that comes and goes.
  bool Step(Bag* output) {
    Bag changes;
    int64_t emitted = 0, net = 0;
    for (size_t p = 0; p < operators_->size(); ++p) {
      operators_->at(p).OnStep({}, [&](Batch batch) {
        Apply(batch, node_->schema, output);
        Apply(batch, node_->schema, &changes);
        for (size_t i = 0; i < batch.size; ++i) emitted += std::abs(batch.weight(i));
      });
    }
    for (const auto& [row, weight] : changes) net += std::abs(weight);
    if (operators_->copying()) operators_->CopySome();
    rows_emitted_ += emitted;
    return emitted == net;
  }

  void BeginCheckpoint() { operators_->BeginCheckpoint(); }
  bool copying() const { return operators_->copying(); }
  void Seal() { operators_->Seal(); }
  void Restart(size_t partitions) { operators_->Restart(partitions); }
  int64_t rows_emitted_ = 0;

 private:
  std::unique_ptr<Operator> MakeOperator(PartitionContext* context) const {
    OverOptions options;
    options.plan = std::get<Over>(node_->op);
    options.input = node_->inputs[0]->schema;
    options.output = node_->schema;
    options.tracked = true;
    options.id = id_;
    return std::make_unique<OverOperator>(options, context);
  }

  Catalog catalog_;
  Plan plan_;
  const Node* node_;
  OperatorId id_;
  std::unique_ptr<OperatorPartitions> operators_;
};

class RandomRun {
 public:
  explicit RandomRun(unsigned seed) : seed_(seed), random_(seed) {
    spec_.partitioned = Pick(5) != 0;
    const size_t orders = Pick(6);
    if (orders != 0) spec_.order.push_back(RandomOrder("x"));
    if (orders == 1) spec_.order.push_back(RandomOrder("s"));
    // Equal calls would be one column.
    std::set<std::string> known;
    for (size_t n = 1 + Pick(4); n > 0; --n) {
      Spec alone = spec_;
      alone.calls = {RandomCall()};
      if (known.insert(alone.ToSql()).second) spec_.calls.push_back(alone.calls[0]);
    }
    values_ = Pick(3) == 0 ? 400 : 8;
    many_ = Pick(6) == 0;
  }

  void Run(Store* store) {
    BOOST_TEST_MESSAGE(fmt::format("seed {}: {}", seed_, spec_.ToSql()));
    Harness harness(spec_, store, seed_, 1 + Pick(3));
    for (int step = 0; step < (many_ ? 12 : 30); ++step) {
      if (Pick(3) == 0 && !harness.copying()) {
        sealed_ = {input_, output_};
        harness.BeginCheckpoint();
      }
      const bool had_copies = HasCopies();
      const bool net = OneStep(harness);
      const Bag expected = Oracle(spec_).Run(input_);
      if (output_ != expected) Show(expected);
      BOOST_REQUIRE(output_ == expected);
      // Rows with copies may exchange their results.
      if (!had_copies && !HasCopies()) BOOST_REQUIRE(net);
      if (Pick(6) == 0 && sealed_) {
        harness.Seal();
        harness.Restart(1 + Pick(3));
        std::tie(input_, output_) = *sealed_;
      }
    }
  }

 private:
  size_t Pick(size_t n) { return random_() % n; }

  Order RandomOrder(const char* column) { return {column, Pick(2) == 0, Pick(2) == 0}; }

  Bound RandomBound(bool rows, Bound::Kind not_before, Bound::Kind not_behind) {
    for (;;) {
      const auto kind = static_cast<Bound::Kind>(Pick(5));
      if (kind < not_before || kind > not_behind) continue;
      const bool offset = kind == Bound::kPreceding || kind == Bound::kFollowing;
      // RANGE with an offset needs one column.
      if (offset && !rows && spec_.order.size() != 1) continue;
      return {kind, offset ? static_cast<int64_t>(Pick(Pick(4) == 0 ? 60 : 4)) : 0};
    }
  }

  Frame RandomFrame() {
    Frame frame;
    frame.rows = Pick(2) == 0;
    frame.begin = RandomBound(frame.rows, Bound::kUnboundedPreceding, Bound::kFollowing);
    Bound::Kind least = Bound::kPreceding;
    if (frame.begin.kind >= Bound::kCurrent) least = frame.begin.kind;
    frame.end = RandomBound(frame.rows, least, Bound::kUnboundedFollowing);
    return frame;
  }

  // What no frame means as well.
  bool IsUsual(const Frame& frame) const {
    const Bound::Kind end = spec_.order.empty() ? Bound::kUnboundedFollowing : Bound::kCurrent;
    return !frame.rows && frame.begin.kind == Bound::kUnboundedPreceding && frame.end.kind == end;
  }

  Call RandomCall() {
    const char* const functions[] = {
        "row_number", "rank",        "dense_rank", "percent_rank", "cume_dist", "ntile", "lag",
        "lead",       "first_value", "last_value", "nth_value",    "count",     "count", "sum",
        "sum",        "avg",         "min",        "max",          "min",       "max"};
    Call call;
    call.function = functions[Pick(std::size(functions))];
    const std::string& f = call.function;
    if (f == "ntile" || f == "nth_value") call.parameter = 1 + static_cast<int64_t>(Pick(5));
    if (f == "lag" || f == "lead") {
      call.parameter = static_cast<int64_t>(Pick(4));
      call.argument = Pick(2) == 0 ? "v" : "x";
      call.otherwise = call.argument == "x" && Pick(2) == 0;
    } else if (f == "count" && Pick(3) == 0) {
      call.argument = "*";
    } else if (f == "min" || f == "max" || f == "count" || f.ends_with("_value")) {
      call.argument = Pick(3) == 0 ? "s" : "v";
    } else if (f == "sum" || f == "avg") {
      call.argument = "v";
    }
    const bool chooses = f == "lag" || f == "lead" || f.ends_with("_value");
    // At 0 rows from the row itself it says nothing.
    call.ignore_nulls = chooses && Pick(2) == 0 && (f.ends_with("_value") || call.parameter > 0);
    const bool aggregate = f == "count" || f == "sum" || f == "avg" || f == "min" || f == "max";
    call.filter = aggregate && Pick(4) == 0;
    call.distinct = aggregate && call.argument != "*" && Pick(5) == 0;
    if (aggregate || f.ends_with("_value")) {
      if (Pick(4) != 0) call.frame = RandomFrame();
      if (call.frame && IsUsual(*call.frame)) call.frame.reset();
    }
    return call;
  }

  Row MakeRow() {
    Row row;
    if (Pick(8) != 0) row.k = static_cast<int64_t>(Pick(many_ ? 1 : 3));
    if (Pick(8) != 0) row.x = static_cast<int64_t>(Pick(values_)) - 3;
    if (Pick(6) != 0) row.v = static_cast<int64_t>(Pick(values_)) - 4;
    if (Pick(6) != 0) row.f = Pick(2) == 0;
    const std::string_view texts[] = {"", "a", "ab", "b", "z", "a long string of 27 bytes"};
    if (Pick(6) != 0) row.s = texts[Pick(6)];
    return row;
  }

  void Add(const Row& row, int64_t weight, std::vector<std::pair<Row, int64_t>>* changes) {
    changes->push_back({row, weight});
    if ((input_[row] += weight) == 0) input_.erase(row);
  }
  // Rows that are there more than once.
  bool HasCopies() const {
    return std::ranges::any_of(input_, [](const auto& entry) { return entry.second > 1; });
  }

  bool OneStep(Harness& harness) {
    std::vector<std::pair<Row, int64_t>> changes;
    const size_t most = many_ ? (input_.empty() ? 900 : 4) : Pick(5) == 0 ? 60 : 6;
    for (size_t n = Pick(most) + (many_ && input_.empty() ? 400 : 0); n > 0; --n) {
      const size_t kind = input_.size() > 1000 ? 2 : Pick(4);
      if (kind == 0 || input_.empty() || (many_ && n > 4)) {
        Add(MakeRow(), 1 + static_cast<int64_t>(Pick(8) == 0), &changes);
      } else {
        const Row row =
            std::next(input_.begin(), static_cast<ptrdiff_t>(Pick(input_.size())))->first;
        Add(row, kind == 1 ? 1 : -1, &changes);
      }
    }
    // In any order: a -1 may come before its +1.
    std::ranges::shuffle(changes, random_);
    for (size_t at = 0; at < changes.size();) {
      const size_t count = std::min(1 + Pick(many_ ? 1000 : 20), changes.size() - at);
      harness.Push(ToBatch(std::span(changes).subspan(at, count)));
      at += count;
    }
    return harness.Step(&output_);
  }

  void Show(const Bag& expected) const {
    for (const auto& [row, count] : expected) {
      if (!output_.contains(row) || output_.at(row) != count) {
        BOOST_TEST_MESSAGE(fmt::format("missing {} x {}", row, count));
      }
    }
    for (const auto& [row, count] : output_) {
      if (!expected.contains(row) || expected.at(row) != count) {
        BOOST_TEST_MESSAGE(fmt::format("too much {} x {}", row, count));
      }
    }
  }

  unsigned seed_;
  std::mt19937 random_;
  Spec spec_;
  size_t values_ = 8;
  bool many_ = false;  // One long partition.
  Rows input_;
  Bag output_;
  std::optional<std::pair<Rows, Bag>> sealed_;
};

struct Fixture {
  ~Fixture() { fs::remove_all(directory); }
  fs::path directory =
      fs::temp_directory_path() / ("executor_over_test." + std::to_string(getpid()));
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(executor_over, Fixture)

BOOST_AUTO_TEST_CASE(agrees_with_brute_force) {
  const char* first = std::getenv("OVER_SEED");
  const char* count = std::getenv("OVER_SEEDS");
  const unsigned begin = first ? static_cast<unsigned>(std::stoul(first)) : 1;
  const unsigned end = begin + (count ? static_cast<unsigned>(std::stoul(count)) : 150);
  Store store(directory.string(), {.sync = false});
  for (unsigned seed = begin; seed < end; ++seed) RandomRun(seed).Run(&store);
}

BOOST_AUTO_TEST_SUITE_END()
