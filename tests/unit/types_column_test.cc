#define BOOST_TEST_MODULE types_column
#include <boost/test/unit_test.hpp>

#include <random>

#include "types/batch.h"
#include "types/row_key.h"
#include "types/value.h"

using namespace millrace;

namespace {

const Type kNested = Type::MakeRow({{"id", TypeId::kBigInt},
                                    {"tags", Type::MakeArray(TypeId::kString)},
                                    {"props", Type::MakeMap(TypeId::kString, TypeId::kInteger)}});

Value Text(const char* text) { return {std::string(text)}; }
Value Int(int64_t number) { return {number}; }

std::vector<Value> NestedRows() {
  return {{Values{Int(1), {Values{Text("a"), Text("a string that is long")}}, {Values{}}}},
          {},
          {Values{Int(2), {}, {Values{Text("k"), Int(1), Text("another long key"), {}}}}},
          {Values{{}, {Values{{}}}, {}}}};
}

Column Build(const std::vector<Value>& rows, const Type& type) {
  const auto heap = std::make_shared<Arena>();
  Column column = MakeColumn(type, rows.size());
  for (size_t i = 0; i < rows.size(); ++i) SetValue(rows[i], type, &column, i, heap.get());
  column.KeepAlive(heap);
  for (Column& child : column.mutable_children()) child.KeepAlive(heap);
  return column;
}

void CheckRows(const Column& column, const Type& type, const std::vector<Value>& rows) {
  BOOST_REQUIRE_EQUAL(column.size(), rows.size());
  for (size_t i = 0; i < rows.size(); ++i) BOOST_TEST((GetValue(column, type, i) == rows[i]), i);
}

}  // namespace

BOOST_AUTO_TEST_CASE(values_round_trip) {
  CheckRows(Build(NestedRows(), kNested), kNested, NestedRows());
}

BOOST_AUTO_TEST_CASE(take_and_slice) {
  const std::vector<Value> rows = NestedRows();
  const Column column = Build(rows, kNested);
  const std::vector<uint32_t> order = {3, 0, 0, 2, 1};
  CheckRows(column.Take(order), kNested, {rows[3], rows[0], rows[0], rows[2], rows[1]});
  CheckRows(column.Slice(1, 2), kNested, {rows[1], rows[2]});
  CheckRows(column.Slice(1, 3).Take(std::vector<uint32_t>{2, 1}), kNested, {rows[3], rows[2]});
  CheckRows(column.Slice(4, 0), kNested, {});
}

// Against Take, over sizes on both sides of what is moved at once, for values of every width.
BOOST_AUTO_TEST_CASE(compress) {
  std::mt19937 random(7);
  for (const size_t size : {0, 1, 7, 8, 9, 64, 100}) {
    for (const unsigned percent : {0, 10, 50, 90, 100}) {
      std::vector<uint8_t> keep(size);
      std::vector<uint32_t> kept;
      for (uint32_t i = 0; i < size; ++i) {
        keep[i] = random() % 100 < percent;
        if (keep[i]) kept.push_back(i);
      }
      const auto check = [&](const Column& column, const Type& type) {
        std::vector<Value> expected;
        for (uint32_t i : kept) expected.push_back(GetValue(column, type, i));
        CheckRows(column.Compress(keep.data(), kept.size()), type, expected);
      };
      std::vector<Value> nested, numbers, texts;
      for (size_t i = 0; i < size; ++i) {
        nested.push_back(NestedRows()[i % 4]);
        numbers.push_back(i % 5 == 3 ? Value{} : Int(static_cast<int64_t>(i)));
        texts.push_back(i % 5 == 3 ? Value{} : Text("a text longer than a word"));
      }
      check(Build(nested, kNested), kNested);
      check(Build(texts, TypeId::kString), TypeId::kString);
      for (TypeId type : {TypeId::kTinyInt, TypeId::kSmallInt, TypeId::kInteger, TypeId::kBigInt}) {
        check(Build(numbers, type), type);
      }
      check(MakeConstantColumn(Int(3), TypeId::kBigInt, size), TypeId::kBigInt);
    }
  }
}

BOOST_AUTO_TEST_CASE(constants) {
  for (const Value& value : NestedRows()) {
    const Column column = MakeConstantColumn(value, kNested, 3);
    BOOST_TEST(column.constant());
    CheckRows(column, kNested, {value, value, value});
    const Column taken = column.Take(std::vector<uint32_t>{2, 0});
    BOOST_TEST(taken.constant());
    CheckRows(taken, kNested, {value, value});
    BOOST_TEST(!column.Flatten().constant());
    CheckRows(column.Flatten(), kNested, {value, value, value});
  }
  const Column null = Column::ConstantNull(TypeId::kBigInt, 2);
  BOOST_TEST(null.IsNull(1));
}

BOOST_AUTO_TEST_CASE(concat) {
  const std::vector<Value> rows = NestedRows();
  const Column column = Build(rows, kNested);
  const std::vector<Column> parts = {column.Slice(2, 2), MakeConstantColumn(rows[0], kNested, 2),
                                     Column::ConstantNull(TypeId::kRow, 1),
                                     column.Take(std::vector<uint32_t>{2, 0})};
  CheckRows(Concat(parts), kNested,
            {rows[2], rows[3], rows[0], rows[0], Value{}, rows[2], rows[0]});
}

BOOST_AUTO_TEST_CASE(concat_drops_elements_nobody_uses) {
  const Type type = Type::MakeArray(TypeId::kInteger);
  std::vector<Value> rows;
  for (int64_t i = 0; i < 100; ++i) rows.push_back({Values{Int(i), Int(i + 1)}});
  const Column one = Build(rows, type).Take(std::vector<uint32_t>{70});
  const Column both = Concat(std::vector<Column>{one, one});
  CheckRows(both, type, {rows[70], rows[70]});
  BOOST_TEST(both.children()[0].size() == 4u);
}

BOOST_AUTO_TEST_CASE(strings_outlive_their_column) {
  Column joined;
  {
    const Column a = Build({Text("the first of two long strings")}, TypeId::kString);
    const Column b = Build({Text("the second of two long strings")}, TypeId::kString);
    joined = Concat(std::vector<Column>{a, b});
  }
  CheckRows(joined, TypeId::kString,
            {Text("the first of two long strings"), Text("the second of two long strings")});
}

BOOST_AUTO_TEST_CASE(copy_value) {
  const std::vector<Value> rows = NestedRows();
  Column copy = MakeColumn(kNested, rows.size());
  Arena heap;
  {
    const Column column = Build(rows, kNested);
    for (size_t i = 0; i < rows.size(); ++i)
      CopyValue(column, i, &copy, rows.size() - 1 - i, &heap);
  }
  CheckRows(copy, kNested, {rows[3], rows[2], rows[1], rows[0]});
}

BOOST_AUTO_TEST_CASE(nulls_do_not_leak_into_shared_columns) {
  Column a(TypeId::kBigInt, 2);
  a.mutable_data<int64_t>()[0] = 7;
  a.mutable_data<int64_t>()[1] = 8;
  Column b = a;
  b.SetNull(0);
  Column c = b;
  c.SetNull(1);
  BOOST_TEST(!a.may_have_nulls());
  BOOST_TEST(a.at<int64_t>(0) == 7);
  BOOST_TEST(!b.IsNull(1));
  BOOST_TEST(c.IsNull(0));
}

BOOST_AUTO_TEST_CASE(batches) {
  Batch a, b;
  a.size = b.size = 2;
  a.columns = {Build({Int(1), Int(2)}, TypeId::kBigInt)};
  b.columns = {Build({Int(3), {}}, TypeId::kBigInt)};
  b.weights = {-1, 2};
  const Batch joined = Concat(std::vector<Batch>{a, b});
  CheckRows(joined.columns[0], TypeId::kBigInt, {Int(1), Int(2), Int(3), {}});
  BOOST_TEST((joined.weights == std::vector<int64_t>{1, 1, -1, 2}));
  const Batch taken = joined.Take(std::vector<uint32_t>{3, 0});
  BOOST_TEST((taken.weights == std::vector<int64_t>{2, 1}));
  const std::vector<uint8_t> keep = {1, 0, 0, 1};
  BOOST_TEST((joined.Compress(keep.data(), 2).weights == std::vector<int64_t>{1, 2}));
  BOOST_TEST((joined.Slice(1, 2).weights == std::vector<int64_t>{1, -1}));
  CheckRows(joined.Slice(1, 2).columns[0], TypeId::kBigInt, {Int(2), Int(3)});
}

BOOST_AUTO_TEST_CASE(type_names) {
  BOOST_TEST(Type::MakeDecimal(10, 2).AsNullable(false).ToString() == "DECIMAL(10, 2) NOT NULL");
  BOOST_TEST(Type(TypeId::kTimestamp).ToString() == "TIMESTAMP(6)");
  BOOST_TEST(kNested.ToString() ==
             "ROW<`id` BIGINT, `tags` ARRAY<STRING>, `props` MAP<STRING, INTEGER>>");
}

BOOST_AUTO_TEST_CASE(common_types) {
  const auto common = [](const Type& a, const Type& b) {
    const std::optional<Type> type = CommonType(a, b);
    return type ? type->ToString() : "none";
  };
  BOOST_TEST(common(TypeId::kTinyInt, TypeId::kBigInt) == "BIGINT");
  BOOST_TEST(common(TypeId::kInteger, Type::MakeDecimal(5, 2)) == "DECIMAL(12, 2)");
  BOOST_TEST(common(Type::MakeDecimal(38, 0), Type::MakeDecimal(10, 4)) == "DECIMAL(38, 0)");
  BOOST_TEST(common(TypeId::kBigInt, TypeId::kFloat) == "FLOAT");
  BOOST_TEST(common(TypeId::kDate, Type::MakeTimestamp(3)) == "TIMESTAMP(3)");
  BOOST_TEST(common(Type(TypeId::kNull), Type(TypeId::kDate, false)) == "DATE");
  BOOST_TEST(common(TypeId::kString, TypeId::kBigInt) == "none");
}
