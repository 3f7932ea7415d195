#define BOOST_TEST_MODULE base_worker_pool
#include "base/worker_pool.h"

#include <boost/test/unit_test.hpp>
#include <stdexcept>
#include <string>

using namespace millrace;

BOOST_AUTO_TEST_CASE(runs_every_index_once) {
  for (const size_t workers : {0u, 1u, 2u, 5u}) {
    WorkerPool pool(workers);
    BOOST_TEST(pool.workers() == std::max<size_t>(workers, 1));
    for (const size_t n : {0u, 1u, 2u, 3u, 1000u}) {
      std::vector<std::atomic<int>> calls(n);
      pool.ForEach(n, [&](size_t i) { ++calls[i]; });
      for (const auto& count : calls) BOOST_TEST(count == 1);
    }
  }
}

BOOST_AUTO_TEST_CASE(many_short_loops) {
  WorkerPool pool(4);
  std::atomic<size_t> sum = 0;
  for (size_t loop = 0; loop < 20'000; ++loop) {
    pool.ForEach(loop % 5, [&](size_t i) { sum += i; });
  }
  BOOST_TEST(sum == 4000u * (0 + 0 + 1 + 3 + 6));
}

BOOST_AUTO_TEST_CASE(rethrows_the_exception_of_the_lowest_index) {
  for (const size_t workers : {1u, 3u}) {
    WorkerPool pool(workers);
    for (int loop = 0; loop < 200; ++loop) {
      std::atomic<int> calls = 0;
      const auto f = [&](size_t i) {
        ++calls;
        if (i >= 3) throw std::runtime_error(std::to_string(i));
      };
      BOOST_CHECK_EXCEPTION(pool.ForEach(10, f), std::runtime_error,
                            [](const auto& e) { return e.what() == std::string("3"); });
      BOOST_TEST(calls == 10);
    }
    BOOST_CHECK_NO_THROW(pool.ForEach(10, [](size_t) {}));
  }
}

BOOST_AUTO_TEST_CASE(several_callers_share_the_pool) {
  WorkerPool pool(3);
  std::atomic<size_t> calls = 0;
  std::vector<std::thread> drivers;
  for (int d = 0; d < 4; ++d) {
    drivers.emplace_back([&] {
      for (int loop = 0; loop < 2000; ++loop) pool.ForEach(7, [&](size_t) { ++calls; });
    });
  }
  for (std::thread& driver : drivers) driver.join();
  BOOST_TEST(calls == 4u * 2000 * 7);
}
