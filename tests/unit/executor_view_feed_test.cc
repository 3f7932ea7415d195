// Feeds of views: what followers get, when they are cut off, and what is known of past steps.
#define BOOST_TEST_MODULE executor_view_feed
#include "executor/view_feed.h"

#include <boost/test/unit_test.hpp>
#include <map>

#include "executor/materialize.h"
#include "types/row_key.h"

namespace millrace {
namespace {

Batch BatchOf(const std::vector<std::pair<int64_t, int64_t>>& rows, std::vector<int64_t> weights) {
  Batch batch;
  batch.size = rows.size();
  for (size_t c = 0; c < 2; ++c) {
    Column column = MakeColumn(Type(TypeId::kBigInt), rows.size());
    for (size_t i = 0; i < rows.size(); ++i) {
      column.mutable_data<int64_t>()[i] = c == 0 ? rows[i].first : rows[i].second;
    }
    batch.columns.push_back(std::move(column));
  }
  batch.weights = std::move(weights);
  return batch;
}

Batch Rows(size_t count) {
  return BatchOf(std::vector<std::pair<int64_t, int64_t>>(count, {1, 1}), {});
}

FeedStep::Change ChangeOf(size_t view, size_t rows, int64_t watermark = 0) {
  FeedStep::Change change{view, watermark, {}};
  if (rows > 0) change.rows.push_back(Rows(rows));
  return change;
}

// A keyed view with the steps of a pipeline.
struct KeyedView {
  KeyedView() : view("v", Spec(), 1, false) {}
  static ViewSpec Spec() {
    ViewSpec spec;
    spec.schema = {{"k", TypeId::kBigInt}, {"v", TypeId::kBigInt}};
    spec.key = {0};
    return spec;
  }
  void Step(const Batch& changes, int64_t watermark = 0) {
    ++step;
    if (changes.size > 0) view.Buffer(0, changes);
    view.set_watermark(watermark);
    std::vector<std::shared_ptr<ViewFeed>> fed;
    view.Feed(step, &fed);
    view.set_published(step, watermark);
    view.Publish(0);
    for (const auto& feed : fed) feed->FinishStep(step);
  }

  View view;
  uint64_t step = 0;
};

using Bag = std::map<std::pair<int64_t, int64_t>, int64_t>;

Bag RowsOf(const FeedStep& step) {
  Bag bag;
  for (const FeedStep::Change& change : step.changes) {
    for (const Batch& batch : change.rows) {
      for (size_t i = 0; i < batch.size; ++i) {
        bag[{batch.columns[0].at<int64_t>(i), batch.columns[1].at<int64_t>(i)}] += batch.weight(i);
      }
    }
  }
  return bag;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(executor_view_feed)

BOOST_AUTO_TEST_CASE(steps_come_whole_and_in_order) {
  int calls = 0;
  ViewFeed feed(100, [&] { ++calls; });
  feed.FinishStep(1);  // Nothing in it.
  BOOST_TEST(calls == 0);
  feed.Add(ChangeOf(0, 2));
  feed.Add(ChangeOf(1, 3));
  feed.FinishStep(2);
  feed.Add(ChangeOf(1, 1));
  BOOST_TEST(calls == 1);
  auto step = feed.Take();
  BOOST_REQUIRE(step.has_value());
  BOOST_TEST(step->number == 2u);
  BOOST_TEST(step->changes.size() == 2u);
  BOOST_TEST(!feed.Take().has_value());
  feed.FinishStep(3);
  BOOST_TEST(feed.Take()->number == 3u);
}

BOOST_AUTO_TEST_CASE(steps_of_time_alone_are_one) {
  ViewFeed feed(100, [] {});
  for (uint64_t step = 1; step <= 5; ++step) {
    feed.Add(ChangeOf(step % 2, 0, static_cast<int64_t>(step)));
    feed.FinishStep(step);
  }
  const auto step = feed.Take();
  BOOST_TEST(step->number == 5u);
  BOOST_REQUIRE(step->changes.size() == 2u);
  BOOST_TEST(step->changes[0].watermark == 4);
  BOOST_TEST(step->changes[1].watermark == 5);
  BOOST_TEST(!feed.Take().has_value());
}

BOOST_AUTO_TEST_CASE(slow_readers_are_cut_off) {
  ViewFeed feed(10, [] {});
  const auto push = [&](uint64_t number, size_t rows) {
    feed.Add(ChangeOf(0, rows));
    feed.FinishStep(number);
  };
  push(1, 50);  // The first is taken whatever its size.
  BOOST_TEST((feed.state() == ViewFeed::State::kOpen));
  BOOST_TEST(feed.Take()->number == 1u);
  push(2, 6);
  push(3, 4);
  push(4, 1);
  BOOST_TEST((feed.state() == ViewFeed::State::kCut));
  push(5, 1);
  BOOST_TEST(feed.Take()->number == 2u);
  BOOST_TEST(feed.Take()->number == 3u);
  BOOST_TEST(!feed.Take().has_value());  // Nothing comes behind a gap.
}

BOOST_AUTO_TEST_CASE(followers_get_full_deltas) {
  KeyedView keyed;
  keyed.Step(BatchOf({{1, 10}, {2, 20}}, {}));
  auto feed = std::make_shared<ViewFeed>(100, [] {});
  keyed.view.Follow(feed, 7);
  // An update that comes without the row it replaces, a deletion, and a row that is new.
  keyed.Step(BatchOf({{1, 11}, {2, 20}, {3, 30}}, {1, -1, 1}));
  auto step = feed->Take();
  BOOST_REQUIRE(step.has_value());
  BOOST_TEST(step->number == 2u);
  BOOST_TEST(step->changes[0].view == 7u);
  const Bag expected{{{1, 10}, -1}, {{1, 11}, 1}, {{2, 20}, -1}, {{3, 30}, 1}};
  BOOST_TEST((RowsOf(*step) == expected));
  keyed.Step({});  // No change.
  BOOST_TEST(!feed->Take().has_value());
  keyed.Step({}, 5);
  BOOST_TEST(feed->Take()->changes[0].watermark == 5);
  feed.reset();
  keyed.Step(BatchOf({{1, 12}}, {}));  // Nobody is there any more.
}

BOOST_AUTO_TEST_CASE(past_steps_are_known_for_a_while) {
  KeyedView keyed;
  keyed.Step(BatchOf({{1, 10}}, {}));
  // Nobody has followed it: nothing is missing only for who has seen the last step.
  BOOST_TEST(keyed.view.Since(1)->empty());
  BOOST_TEST(!keyed.view.Since(0).has_value());
  BOOST_TEST(!keyed.view.Since(2).has_value());
  keyed.view.Follow(std::make_shared<ViewFeed>(100, [] {}), 0);
  keyed.Step(BatchOf({{1, 11}}, {}));
  keyed.Step({});
  keyed.Step(BatchOf({{1, 12}}, {}));
  const auto steps = keyed.view.Since(1);
  BOOST_REQUIRE(steps.has_value());
  BOOST_REQUIRE(steps->size() == 2u);
  BOOST_TEST((RowsOf((*steps)[1]) == Bag{{{1, 11}, -1}, {{1, 12}, 1}}));
  BOOST_TEST(keyed.view.Since(3)->size() == 1u);
  BOOST_TEST(keyed.view.Since(4)->empty());
  BOOST_TEST(!keyed.view.Since(0).has_value());
  // More rows than are kept.
  std::vector<std::pair<int64_t, int64_t>> many;
  for (int64_t i = 0; i < 10'000; ++i) many.emplace_back(i + 100, i);
  keyed.Step(BatchOf(many, {}));
  BOOST_TEST(!keyed.view.Since(1).has_value());
  BOOST_TEST(keyed.view.Since(4)->size() == 1u);
  keyed.Step(BatchOf({{1, 13}}, {}));
  BOOST_TEST(!keyed.view.Since(4).has_value());
  BOOST_TEST(keyed.view.Since(5)->size() == 1u);
}

BOOST_AUTO_TEST_CASE(followers_hear_that_a_view_is_gone) {
  const auto feed = std::make_shared<ViewFeed>(100, [] {});
  {
    KeyedView keyed;
    keyed.view.Follow(feed, 0);
    keyed.Step(BatchOf({{1, 10}}, {}));
  }
  BOOST_TEST((feed->state() == ViewFeed::State::kGone));
  BOOST_TEST(feed->Take().has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace millrace
