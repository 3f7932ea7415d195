#define BOOST_TEST_MODULE types_row_key
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <random>

#include "types/row_key.h"
#include "types/value.h"

using namespace millrace;

namespace {

using Random = std::mt19937_64;

int64_t RandomInteger(Random& random, int bits) {
  const auto number = static_cast<int64_t>(random()) >> (random() % 64);
  return number >> (64 - bits);
}

double RandomDouble(Random& random) {
  constexpr double kSpecial[] = {0.0,
                                 -0.0,
                                 1.5,
                                 -1.5,
                                 std::numeric_limits<double>::infinity(),
                                 -std::numeric_limits<double>::infinity()};
  if (random() % 2) return kSpecial[random() % std::size(kSpecial)];
  return static_cast<double>(RandomInteger(random, 64)) / 3;
}

std::string RandomText(Random& random) {
  std::string text(random() % 20, ' ');
  for (char& c : text)
    c = "\0\x01\xff"
        "ab"[random() % 5];
  return text;
}

Value RandomValue(const Type& type, Random& random);

Values RandomElements(const Type& type, Random& random) {
  Values values;
  for (uint64_t left = random() % 4; left > 0; --left) {
    for (const Field& field : *type.children) values.push_back(RandomValue(field.type, random));
  }
  return values;
}

Value RandomValue(const Type& type, Random& random) {
  if (random() % 6 == 0) return {};
  switch (type.id) {
    case TypeId::kBoolean:
      return {random() % 2 == 0};
    case TypeId::kFloat:
      return {static_cast<double>(static_cast<float>(RandomDouble(random)))};
    case TypeId::kDouble:
      return {RandomDouble(random)};
    case TypeId::kDecimal:
      return {static_cast<int128_t>(RandomInteger(random, 64)) * RandomInteger(random, 60)};
    case TypeId::kString:
    case TypeId::kBytes:
      return {RandomText(random)};
    case TypeId::kArray:
    case TypeId::kMap:
      return {RandomElements(type, random)};
    case TypeId::kRow: {
      Values values;
      for (const Field& field : *type.children) values.push_back(RandomValue(field.type, random));
      return {values};
    }
    default:
      return {RandomInteger(random, static_cast<int>(8 * WidthOf(type.id)))};
  }
}

// What memcmp of the keys must say.
int Compare(const Value& a, const Value& b) {
  if (a.data.index() != b.data.index()) return a.is_null() ? -1 : 1;
  return std::visit(
      [&](const auto& left) {
        using T = std::decay_t<decltype(left)>;
        const T& right = std::get<T>(b.data);
        if constexpr (std::is_same_v<T, Values>) {
          for (size_t i = 0; i < std::min(left.size(), right.size()); ++i) {
            if (const int order = Compare(left[i], right[i])) return order;
          }
          return left.size() < right.size() ? -1 : left.size() > right.size() ? 1 : 0;
        } else if constexpr (std::is_same_v<T, std::monostate>) {
          return 0;
        } else {
          return left < right ? -1 : right < left ? 1 : 0;
        }
      },
      a.data);
}

std::vector<Type> AllTypes() {
  std::vector<Type> types;
  for (size_t id = 1; id < static_cast<size_t>(TypeId::kArray); ++id) {
    types.push_back(static_cast<TypeId>(id));
  }
  types.push_back(Type::MakeArray(TypeId::kString));
  types.push_back(Type::MakeArray(Type::MakeArray(TypeId::kTinyInt)));
  types.push_back(Type::MakeMap(TypeId::kString, TypeId::kDouble));
  types.push_back(Type::MakeRow({{"a", TypeId::kString}, {"b", Type::MakeArray(TypeId::kDate)}}));
  return types;
}

Column Build(const std::vector<Value>& rows, const Type& type) {
  const auto heap = std::make_shared<Arena>();
  Column column = MakeColumn(type, rows.size());
  for (size_t i = 0; i < rows.size(); ++i) SetValue(rows[i], type, &column, i, heap.get());
  column.KeepAlive(heap);
  return column;
}

std::string KeyOf(const Column& column, size_t i) {
  std::string key;
  AppendKeyColumn(column, i, &key);
  return key;
}

int Sign(int number) { return (number > 0) - (number < 0); }

// RowKeys has fast paths; it must agree with AppendKeyColumn.
void CheckRowKeys(const Batch& batch, const std::vector<size_t>& key_columns) {
  const RowKeys keys(batch, key_columns);
  BOOST_REQUIRE_EQUAL(keys.size(), batch.size);
  for (size_t i = 0; i < batch.size; ++i) {
    std::string expected;
    for (size_t c : key_columns) AppendKeyColumn(batch.columns[c], i, &expected);
    BOOST_TEST((keys[i] == expected));
    BOOST_TEST(keys.hash(i) == HashBytes(expected));
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(order_and_round_trip) {
  const uint64_t seed = std::random_device()();
  BOOST_TEST_MESSAGE("seed " << seed);
  Random random(seed);
  for (const Type& type : AllTypes()) {
    BOOST_TEST_CONTEXT("seed " << seed << ", " << type.ToString()) {
      std::vector<Value> rows;
      for (int i = 0; i < 200; ++i) rows.push_back(RandomValue(type, random));
      const Column column = Build(rows, type);
      Column decoded = MakeColumn(type, rows.size());
      Arena heap;
      for (size_t i = 0; i < rows.size(); ++i) {
        const std::string key = KeyOf(column, i);
        const size_t other = random() % rows.size();
        BOOST_TEST(Sign(key.compare(KeyOf(column, other))) == Compare(rows[i], rows[other]));
        std::string_view left = key;
        DecodeKeyColumn(&left, &decoded, i, &heap);
        BOOST_TEST(left.empty());
      }
      for (size_t i = 0; i < rows.size(); ++i) {
        BOOST_TEST(Compare(GetValue(decoded, type, i), rows[i]) == 0);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(keys_of_a_batch) {
  Random random(1);
  constexpr size_t kRows = 50;
  Batch batch;
  batch.size = kRows;
  for (const Type& type : AllTypes()) {
    std::vector<Value> rows;
    while (rows.size() < kRows) rows.push_back(RandomValue(type, random));
    batch.columns.push_back(Build(rows, type));
  }
  const size_t without_nulls = batch.columns.size();
  for (TypeId id : {TypeId::kBigInt, TypeId::kInteger, TypeId::kBoolean, TypeId::kString}) {
    std::vector<Value> rows;
    while (rows.size() < kRows) {
      Value value = RandomValue(id, random);
      if (!value.is_null()) rows.push_back(std::move(value));
    }
    batch.columns.push_back(Build(rows, id));
  }
  batch.columns.push_back(Column::Constant(int64_t{42}, kRows));
  batch.columns.push_back(Column::ConstantNull(TypeId::kNull, kRows));
  for (size_t c = 0; c < batch.columns.size(); ++c) CheckRowKeys(batch, {c});
  CheckRowKeys(batch, {without_nulls, without_nulls + 1, without_nulls + 2, without_nulls + 4});
  CheckRowKeys(batch, {without_nulls, without_nulls + 3, without_nulls + 5});
  CheckRowKeys(batch, {0, without_nulls - 1, without_nulls});
  CheckRowKeys(batch, {});
}

BOOST_AUTO_TEST_CASE(zeros_and_nans_are_one) {
  Column column(TypeId::kDouble, 4);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double values[] = {0.0, -0.0, nan, -nan};
  std::copy(std::begin(values), std::end(values), column.mutable_data<double>());
  BOOST_TEST((KeyOf(column, 0) == KeyOf(column, 1)));
  BOOST_TEST((KeyOf(column, 2) == KeyOf(column, 3)));
}
