// Aggregates against plain recomputation: whatever was added and taken back, by rows or by states,
// the result is that of the rows that remain.
#define BOOST_TEST_MODULE functions_aggregate
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <random>

#include "base/error.h"
#include "functions/held_result.h"
#include "functions/registry.h"
#include "types/row_key.h"
#include "types/value.h"

using namespace millrace;

namespace {

// The states of one aggregate, one per group.
class States {
 public:
  States(const ResolvedAggregate& aggregate, size_t groups)
      : aggregate_(aggregate),
        width_(kOffset + aggregate.kernel.state_size),
        memory_(groups * width_ / 8 + 1) {
    BOOST_TEST(aggregate.kernel.state_size % 8 == 0);
    for (size_t g = 0; g < groups; ++g) groups_.push_back(Bytes() + g * width_);
    for (char* group : groups_) aggregate.kernel.init(group + kOffset);
  }

  void Update(const Column* values, const std::vector<uint32_t>& group_of_row,
              const int64_t* weights = nullptr, const uint8_t* filter = nullptr) {
    std::vector<char*> rows;
    for (uint32_t group : group_of_row) rows.push_back(groups_[group]);
    aggregate_.kernel.update(rows, kOffset, values, weights, filter, &heap_);
  }
  void Hold(const Column& results, const RowErrors& errors) {
    HoldResults(groups_, kOffset, results, errors, &heap_);
  }
  void Merge(States& other) {
    const std::vector<const char*> from(other.groups_.begin(), other.groups_.end());
    aggregate_.kernel.merge(groups_, from, kOffset, &heap_);
  }
  void Subtract(States& other) {
    const std::vector<const char*> from(other.groups_.begin(), other.groups_.end());
    aggregate_.kernel.subtract(groups_, from, kOffset);
  }
  // Through bytes and back, as a checkpoint does.
  void Restore() {
    AggregateHeap fresh;
    for (char* group : groups_) {
      if (!aggregate_.kernel.serialize) continue;
      std::string bytes;
      aggregate_.kernel.serialize(group + kOffset, &bytes);
      std::string_view in = bytes;
      aggregate_.kernel.deserialize(&in, group + kOffset, &fresh);
      BOOST_TEST(in.empty());
    }
    heap_ = std::move(fresh);
  }

  std::vector<Value> Results(RowErrors* errors = nullptr) {
    RowErrors ignored;
    const std::vector<const char*> groups(groups_.begin(), groups_.end());
    const Column column =
        aggregate_.kernel.evaluate(groups, kOffset, errors == nullptr ? &ignored : errors);
    std::vector<Value> values;
    for (size_t g = 0; g < groups.size(); ++g) {
      values.push_back(GetValue(column, aggregate_.result, g));
    }
    return values;
  }

 private:
  static constexpr size_t kOffset = 8;

  char* Bytes() { return reinterpret_cast<char*>(memory_.data()); }

  const ResolvedAggregate& aggregate_;
  size_t width_;
  std::vector<int64_t> memory_;
  std::vector<char*> groups_;
  AggregateHeap heap_;
};

std::string Text(const ResolvedAggregate& aggregate, const Value& value) {
  return ToText(value, aggregate.result);
}

// Equal to 12 digits where values are doubles.
bool Same(const Value& a, const Value& b) {
  const double* x = std::get_if<double>(&a.data);
  const double* y = std::get_if<double>(&b.data);
  if (x == nullptr || y == nullptr) return a == b;
  if (std::isnan(*x) || std::isnan(*y)) return std::isnan(*x) && std::isnan(*y);
  if (std::isinf(*x) || std::isinf(*y)) return *x == *y;
  return std::fabs(*x - *y) <= 1e-12 * std::max(std::fabs(*x), std::fabs(*y)) + 1e-300;
}

// REQUIRES: two integers or two strings.
bool IsLess(const Value& a, const Value& b) {
  if (const int64_t* x = std::get_if<int64_t>(&a.data)) return *x < std::get<int64_t>(b.data);
  return std::get<std::string>(a.data) < std::get<std::string>(b.data);
}

using Random = std::mt19937_64;

Value RandomValue(const Type& type, Random& random) {
  if (random() % 5 == 0) return {};
  const int64_t small = static_cast<int64_t>(random() % 2001) - 1000;
  switch (type.id) {
    case TypeId::kBoolean:
      return {random() % 2 == 0};
    case TypeId::kTinyInt:
      return {small % 128};
    case TypeId::kBigInt:
      return {random() % 4 == 0 ? static_cast<int64_t>(random() >> 3) : small};
    case TypeId::kFloat:
      return {static_cast<double>(static_cast<float>(small) / 8)};
    case TypeId::kDouble: {
      constexpr double kSpecial[] = {NAN, INFINITY, -INFINITY};
      if (random() % 20 == 0) return {kSpecial[random() % 3]};
      return {static_cast<double>(small) * std::pow(10, static_cast<double>(random() % 8))};
    }
    case TypeId::kDecimal:
      return {static_cast<int128_t>(random()) * small};
    case TypeId::kString:
      return {std::string(random() % 25, static_cast<char>('a' + random() % 26))};
    default:
      return {small};
  }
}

struct Rows {
  Column values;
  std::vector<uint32_t> groups;
};

Rows RandomRows(const Type& type, size_t size, size_t groups, Random& random) {
  Rows rows{Column(type.id, size), {}};
  auto heap = std::make_shared<Arena>();
  for (size_t i = 0; i < size; ++i) {
    SetValue(RandomValue(type, random), type, &rows.values, i, heap.get());
    rows.groups.push_back(static_cast<uint32_t>(random() % groups));
  }
  rows.values.KeepAlive(heap);
  return rows;
}

ResolvedAggregate Resolve(const char* name, const Type& type, bool updating = false) {
  const Type types[] = {type};
  return BuiltinFunctions().ResolveAggregate(name, types, updating);
}

void Check(const ResolvedAggregate& aggregate, States& actual, States& expected) {
  const std::vector<Value> a = actual.Results(), b = expected.Results();
  for (size_t g = 0; g < a.size(); ++g) {
    BOOST_TEST(Same(a[g], b[g]), aggregate.name << " of " << aggregate.parameters[0].ToString()
                                                << ": " << Text(aggregate, a[g]) << ", not "
                                                << Text(aggregate, b[g]));
  }
}

const std::vector<Type> kNumbers = {TypeId::kTinyInt, TypeId::kBigInt, TypeId::kFloat,
                                    TypeId::kDouble, Type::MakeDecimal(38, 4)};
constexpr size_t kGroups = 6;

}  // namespace

BOOST_AUTO_TEST_CASE(taking_rows_back_is_never_having_had_them) {
  Random random(1);
  for (const char* name : {"count", "sum", "avg", "var_pop", "var_samp", "stddev_pop"}) {
    for (const Type& argument : kNumbers) {
      const ResolvedAggregate aggregate = Resolve(name, argument, true);
      const Type& type = aggregate.parameters[0];
      for (int round = 0; round < 10; ++round) {
        const Rows kept = RandomRows(type, 200, kGroups, random);
        const Rows gone = RandomRows(type, 200, kGroups, random);
        std::vector<int64_t> weights(200);
        for (int64_t& weight : weights) weight = static_cast<int64_t>(random() % 3) + 1;
        std::vector<int64_t> negative = weights;
        for (int64_t& weight : negative) weight = -weight;
        const std::vector<int64_t> ones(200, 1);

        States expected(aggregate, kGroups), actual(aggregate, kGroups);
        expected.Update(&kept.values, kept.groups);
        actual.Update(&gone.values, gone.groups, weights.data());
        actual.Update(&kept.values, kept.groups, ones.data());
        actual.Update(&gone.values, gone.groups, negative.data());
        Check(aggregate, actual, expected);

        // The same by states.
        States parts(aggregate, kGroups);
        parts.Update(&gone.values, gone.groups);
        actual.Merge(parts);
        actual.Subtract(parts);
        Check(aggregate, actual, expected);
      }
    }
  }
}

// The argument of an ordered aggregate without an order.
Column InRow(const Column& values) {
  Column row(TypeId::kRow, values.size());
  row.mutable_children().push_back(values);
  row.KeepAliveOf(values);
  return row;
}

BOOST_AUTO_TEST_CASE(parts_merge_to_the_whole) {
  Random random(2);
  const std::vector<Type> types = {
      TypeId::kBoolean,         TypeId::kTinyInt, TypeId::kBigInt,    TypeId::kDouble,
      Type::MakeDecimal(38, 4), TypeId::kString,  TypeId::kTimestamp, TypeId::kDate};
  for (const char* name : {"count", "min", "max", "first_value", "last_value"}) {
    for (const Type& type : types) {
      const ResolvedAggregate aggregate = Resolve(name, type);
      Rows first = RandomRows(type, 100, kGroups, random);
      Rows second = RandomRows(type, 100, kGroups, random);
      if (aggregate.ordered) {
        first.values = InRow(first.values);
        second.values = InRow(second.values);
      }
      States whole(aggregate, kGroups), left(aggregate, kGroups), right(aggregate, kGroups);
      whole.Update(&first.values, first.groups);
      whole.Update(&second.values, second.groups);
      left.Update(&first.values, first.groups);
      right.Update(&second.values, second.groups);
      left.Restore();
      right.Restore();
      left.Merge(right);
      left.Restore();
      Check(aggregate, left, whole);
    }
  }
}

BOOST_AUTO_TEST_CASE(extremes_against_a_loop) {
  Random random(3);
  for (const Type& type : {Type(TypeId::kBigInt), Type(TypeId::kString)}) {
    const Rows rows = RandomRows(type, 300, kGroups, random);
    for (const char* name : {"min", "max"}) {
      const ResolvedAggregate aggregate = Resolve(name, type);
      States states(aggregate, kGroups);
      states.Update(&rows.values, rows.groups);
      std::vector<Value> expected(kGroups);
      for (size_t i = 0; i < 300; ++i) {
        const Value value = GetValue(rows.values, type, i);
        if (value.is_null()) continue;
        Value& best = expected[rows.groups[i]];
        const bool wants_less = std::string_view(name) == "min";
        const bool better =
            best.is_null() || (wants_less ? IsLess(value, best) : IsLess(best, value));
        if (better) best = value;
      }
      const std::vector<Value> results = states.Results();
      for (size_t g = 0; g < kGroups; ++g) BOOST_TEST((results[g] == expected[g]));
    }
  }
}

BOOST_AUTO_TEST_CASE(filters_nulls_and_constants) {
  const ResolvedAggregate count_all = BuiltinFunctions().ResolveAggregate("count", {}, true);
  const ResolvedAggregate count = Resolve("count", TypeId::kBigInt);
  const ResolvedAggregate sum = Resolve("sum", TypeId::kBigInt);
  Column values(TypeId::kBigInt, 4);
  for (int64_t i = 0; i < 4; ++i) values.mutable_data<int64_t>()[i] = i + 1;
  values.SetNull(3);
  const std::vector<uint32_t> groups(4, 0);
  const uint8_t filter[] = {1, 0, 1, 1};
  const auto run = [&](const ResolvedAggregate& aggregate, const Column* column,
                       const uint8_t* mask) {
    States states(aggregate, 1);
    states.Update(column, groups, nullptr, mask);
    return Text(aggregate, states.Results()[0]);
  };
  BOOST_TEST(run(count_all, nullptr, nullptr) == "4");
  BOOST_TEST(run(count_all, nullptr, filter) == "3");
  BOOST_TEST(run(count, &values, nullptr) == "3");
  BOOST_TEST(run(count, &values, filter) == "2");
  BOOST_TEST(run(sum, &values, nullptr) == "6");
  BOOST_TEST(run(sum, &values, filter) == "4");
  const Column seven = Column::Constant(int64_t{7}, 4);
  BOOST_TEST(run(sum, &seven, nullptr) == "28");
  const Column nulls = Column::ConstantNull(TypeId::kBigInt, 4);
  BOOST_TEST(run(sum, &nulls, nullptr) == "NULL");
  BOOST_TEST(run(count, &nulls, nullptr) == "0");
}

BOOST_AUTO_TEST_CASE(overflow_fails_the_group_until_it_is_gone) {
  const ResolvedAggregate sum = Resolve("sum", TypeId::kBigInt, true);
  States states(sum, 2);
  const Column most = Column::Constant(INT64_MAX, 2);
  states.Update(&most, {1, 1});
  RowErrors errors;
  states.Results(&errors);
  BOOST_TEST(errors.size() == 1);
  BOOST_TEST(errors[0].row == 1);
  BOOST_TEST(errors[0].message == "BIGINT overflow in SUM");
  const int64_t minus[] = {-1};
  const Column one = Column::Constant(INT64_MAX, 1);
  states.Update(&one, {1}, minus);
  errors.clear();
  BOOST_TEST(Text(sum, states.Results(&errors)[1]) == "9223372036854775807");
  BOOST_TEST(errors.empty());
}

BOOST_AUTO_TEST_CASE(known_values) {
  const auto run = [](const char* name, const Type& type, const std::vector<Value>& values) {
    const ResolvedAggregate aggregate = Resolve(name, type);
    const Type& in = aggregate.parameters[0];
    Column column(in.id, values.size());
    Arena heap;
    for (size_t i = 0; i < values.size(); ++i) SetValue(values[i], in, &column, i, &heap);
    States states(aggregate, 1);
    states.Update(&column, std::vector<uint32_t>(values.size(), 0));
    return Text(aggregate, states.Results()[0]);
  };
  const std::vector<Value> ints = {{int64_t{1}}, {int64_t{2}}, {int64_t{4}}};
  const std::vector<Value> doubles = {{1.0}, {2.0}, {4.0}};
  BOOST_TEST(run("avg", TypeId::kInteger, ints) == "2");
  BOOST_TEST(run("avg", TypeId::kDouble, doubles).starts_with("2.33333"));
  BOOST_TEST(run("avg", Type::MakeDecimal(5, 2), {{int128_t{100}}, {int128_t{101}}}) == "1.005000");
  BOOST_TEST(run("var_samp", TypeId::kDouble, doubles).starts_with("2.33333"));
  BOOST_TEST(
      run("var_pop", TypeId::kDouble, {{1e9 + 1}, {1e9 + 2}, {1e9 + 3}}).starts_with("0.6666"));
  BOOST_TEST(run("stddev_samp", TypeId::kDouble, {{1.0}}) == "NULL");
  BOOST_TEST(run("max", TypeId::kDouble, {{1.0}, {NAN}, {2.0}}) == "NaN");
  BOOST_TEST(run("min", TypeId::kDouble, {{NAN}, {2.0}}) == "2.0");
  BOOST_TEST(run("sum", TypeId::kDouble, {{1e300}, {1.0}, {-1e300}}) == "1.0");
}

BOOST_AUTO_TEST_CASE(ordered_rows_arrive_in_any_order) {
  const Type time = TypeId::kBigInt, value = TypeId::kString;
  const Type order[] = {time};
  for (const char* name : {"first_value", "last_value"}) {
    ResolvedAggregate aggregate = Resolve(name, value);
    aggregate.kernel =
        aggregate.make_kernel({aggregate.parameters, aggregate.result, nullptr, order});
    const Type type = Type::MakeRow({{"", time}, {"", value}});
    Column rows = MakeColumn(type, 3);
    Arena heap;
    SetValue({Values{{int64_t{5}}, {"in the middle of them"}}}, type, &rows, 0, &heap);
    SetValue({Values{{int64_t{9}}, {"the last one of them"}}}, type, &rows, 1, &heap);
    SetValue({Values{{int64_t{-1}}, {"first"}}}, type, &rows, 2, &heap);
    const std::vector<uint32_t> groups(3, 0);
    States states(aggregate, 2);
    states.Update(&rows, groups);
    states.Restore();
    const std::string expected =
        name == std::string("first_value") ? "first" : "the last one of them";
    BOOST_TEST(Text(aggregate, states.Results()[0]) == expected);
    BOOST_TEST(Text(aggregate, states.Results()[1]) == "NULL");
    // Rows that are taken back, or filtered away, are not offered.
    const int64_t weights[] = {1, -1, 0};
    States weighted(aggregate, 1);
    weighted.Update(&rows, groups, weights);
    BOOST_TEST(Text(aggregate, weighted.Results()[0]) == "in the middle of them");
  }
}

BOOST_AUTO_TEST_CASE(results_are_held) {
  const Type type = Type::MakeArray(TypeId::kString);
  ResolvedAggregate aggregate = Resolve("array_agg", TypeId::kString);
  States states(aggregate, 3);
  Column results = MakeColumn(type, 3);
  Arena heap;
  SetValue({Values{{"a string that is not short"}, {}}}, type, &results, 0, &heap);
  SetValue({}, type, &results, 1, &heap);
  SetValue({}, type, &results, 2, &heap);
  states.Hold(results, {{2, "it failed, for a long reason"}});
  for (int round = 0; round < 2; ++round) {
    RowErrors errors;
    const std::vector<Value> values = states.Results(&errors);
    BOOST_TEST(Text(aggregate, values[0]) == "[a string that is not short, NULL]");
    BOOST_TEST(Text(aggregate, values[1]) == "NULL");
    BOOST_TEST(errors.size() == 1);
    BOOST_TEST(errors[0].row == 2);
    BOOST_TEST(errors[0].message == "it failed, for a long reason");
    states.Restore();
  }
}

BOOST_AUTO_TEST_CASE(resolution) {
  BOOST_TEST(Resolve("max", TypeId::kBigInt, true).multiset_extreme == -1);
  BOOST_TEST(Resolve("min", TypeId::kBigInt, true).multiset_extreme == 1);
  BOOST_TEST(Resolve("min", TypeId::kBigInt, false).multiset_extreme == 0);
  BOOST_TEST(Resolve("max", TypeId::kBigInt).kernel.state_size == 16);
  BOOST_TEST(Resolve("sum", TypeId::kBigInt).kernel.state_size == 24);
  BOOST_TEST(Resolve("count", TypeId::kBigInt).kernel.state_size == 8);
  BOOST_TEST(Resolve("sum", Type::MakeDecimal(10, 2)).result.ToString() == "DECIMAL(38, 2)");
  BOOST_TEST(Resolve("count", TypeId::kString).result.nullable == false);
  BOOST_CHECK_THROW(Resolve("sum", TypeId::kString), Error);
  BOOST_TEST(Resolve("last_value", TypeId::kString, true).multiset_extreme == -1);
  BOOST_TEST(Resolve("first_value", TypeId::kString, true).multiset_extreme == 1);
  BOOST_TEST(Resolve("collect", TypeId::kString).result.ToString() ==
             "MULTISET<STRING NOT NULL> NOT NULL");
  BOOST_TEST(Resolve("array_agg", TypeId::kString).result.ToString() == "ARRAY<STRING>");
  BOOST_CHECK_THROW(Resolve("median", TypeId::kBigInt), Error);
}
