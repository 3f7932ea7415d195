// What UNNEST gives where collections change.
#define BOOST_TEST_MODULE executor_unnest
#include "executor/unnest.h"

#include <boost/test/unit_test.hpp>
#include <map>

#include "types/row_key.h"
#include "types/value.h"

namespace millrace {
namespace {

const Type kArray = Type::MakeArray(Type(TypeId::kBigInt));
const Schema kSchema = {{"k", TypeId::kBigInt}, {"a", kArray}};

struct Change {
  int64_t key;
  std::vector<int64_t> elements;
  int64_t weight;
};

Batch BatchOf(const std::vector<Change>& changes) {
  Batch batch;
  batch.size = changes.size();
  Arena heap;
  for (const Field& field : kSchema) batch.columns.push_back(MakeColumn(field.type, batch.size));
  for (size_t i = 0; i < changes.size(); ++i) {
    Value array;
    std::vector<Value> elements;
    for (const int64_t e : changes[i].elements) elements.push_back({e});
    array.data = elements;
    SetValue({changes[i].key}, kSchema[0].type, &batch.columns[0], i, &heap);
    SetValue(array, kSchema[1].type, &batch.columns[1], i, &heap);
    batch.weights.push_back(changes[i].weight);
  }
  return batch;
}

using Row = std::vector<int64_t>;  // The key, the element, its ordinal.

// The rows in the order in which they come, with weights at their ends.
std::vector<Row> Run(const Unnest& plan, const std::vector<Change>& changes) {
  PartitionContext context;
  UnnestOperator op(plan, kSchema, &context);
  std::vector<Row> rows;
  op.OnBatch(0, BatchOf(changes), {}, [&](Batch out) {
    for (size_t i = 0; i < out.size; ++i) {
      Row& row = rows.emplace_back(Row{out.columns[0].at<int64_t>(i)});
      const Column& element = out.columns[2];
      row.push_back(element.IsNull(i) ? -1 : element.at<int64_t>(i));
      if (plan.with_ordinality) row.push_back(out.columns[3].at<int32_t>(i));
      row.push_back(out.weight(i));
    }
  });
  return rows;
}

Unnest PlanOfOne() {
  Unnest plan;
  plan.collections = {MakeColumnExpr(1, kArray)};
  plan.unread = {1};
  return plan;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(executor_unnest)

BOOST_AUTO_TEST_CASE(only_elements_that_change_are_given) {
  using Rows = std::vector<Row>;
  const Unnest plan = PlanOfOne();
  BOOST_TEST((Run(plan, {{1, {5, 6, 7}, -1}, {1, {5, 6, 7, 8}, 1}}) == Rows{{1, 8, 1}}));
  BOOST_TEST((Run(plan, {{1, {5, 6, 7}, -1}, {1, {5, 7}, 1}}) == Rows{{1, 6, -1}}));
  BOOST_TEST((Run(plan, {{1, {5, 6, 7}, -1}, {1, {5, 9, 7}, 1}}) ==
              Rows{{1, 6, -1}, {1, 9, 1}}));
  BOOST_TEST((Run(plan, {{1, {5, 5}, -1}, {1, {5, 5, 5}, 1}}) == Rows{{1, 5, 1}}));
  BOOST_TEST((Run(plan, {{1, {5}, -1}, {1, {5}, 1}}) == Rows{}));
  BOOST_TEST((Run(plan, {{1, {}, -1}, {1, {5}, 1}}) == Rows{{1, 5, 1}}));
  // In any order, and with other rows between them.
  BOOST_TEST((Run(plan, {{1, {5, 6}, 1}, {2, {3}, -1}, {1, {5}, -1}, {2, {3, 4}, 1}}) ==
              Rows{{1, 6, 1}, {2, 4, 1}}));
  // Only a row that goes as often as another comes is its old one.
  BOOST_TEST((Run(plan, {{1, {5}, -2}, {1, {5, 6}, 1}}) ==
              Rows{{1, 5, -2}, {1, 5, 1}, {1, 6, 1}}));
  BOOST_TEST((Run(plan, {{1, {5}, -2}, {1, {5, 6}, 2}}) == Rows{{1, 6, 2}}));
}

BOOST_AUTO_TEST_CASE(ordinals_are_part_of_a_row) {
  using Rows = std::vector<Row>;
  Unnest plan = PlanOfOne();
  plan.with_ordinality = true;
  BOOST_TEST((Run(plan, {{1, {5, 6, 7}, -1}, {1, {5, 7}, 1}}) ==
              Rows{{1, 6, 2, -1}, {1, 7, 3, -1}, {1, 7, 2, 1}}));
  BOOST_TEST((Run(plan, {{1, {5, 6, 7}, -1}, {1, {5, 9, 7}, 1}}) ==
              Rows{{1, 6, 2, -1}, {1, 9, 2, 1}}));
}

BOOST_AUTO_TEST_CASE(rows_without_elements_stay_whole) {
  using Rows = std::vector<Row>;
  Unnest plan = PlanOfOne();
  plan.outer = true;
  BOOST_TEST((Run(plan, {{1, {}, -1}, {1, {5}, 1}}) == Rows{{1, -1, -1}, {1, 5, 1}}));
  BOOST_TEST((Run(plan, {{1, {5}, -1}, {1, {}, 1}}) == Rows{{1, 5, -1}, {1, -1, 1}}));
  BOOST_TEST((Run(plan, {{1, {5}, -1}, {1, {5, 6}, 1}}) == Rows{{1, 6, 1}}));
  BOOST_TEST((Run(plan, {{1, {6}, -1}, {1, {5, 6}, 1}}) == Rows{{1, 5, 1}}));
  BOOST_TEST((Run(plan, {{1, {5}, -1}, {1, {5}, 1}}) == Rows{}));
}

BOOST_AUTO_TEST_CASE(collections_that_are_read_tell_rows_apart) {
  using Rows = std::vector<Row>;
  Unnest plan = PlanOfOne();
  plan.unread.clear();
  BOOST_TEST((Run(plan, {{1, {5}, -1}, {1, {5, 6}, 1}}) ==
              Rows{{1, 5, -1}, {1, 5, 1}, {1, 6, 1}}));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace millrace
