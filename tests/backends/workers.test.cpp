// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Threads that wait for devices.

#include "larder/detail/file/workers.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <latch>
#include <new>
#include <set>
#include <stdexcept>

using namespace larder::detail;

TEST_CASE("each job is done once, however many workers there are") {
  for (size_t limit : {0, 1, 2, 7}) {
    workers pool{limit};
    for (size_t count : {0, 1, 2, 50}) {
      std::vector<std::atomic<int>> done(count);
      pool.for_each(count, [&](size_t i) { ++done[i]; });
      for (auto& x : done)
        CHECK(x == 1);
    }
  }
}

TEST_CASE("jobs are under way at the same time") {
  workers pool{3};
  std::latch together{3};
  std::mutex mutex;
  std::set<std::thread::id> threads;
  pool.for_each(3, [&](size_t) {
    together.arrive_and_wait(); // or this never ends
    std::lock_guard guard{mutex};
    threads.insert(std::this_thread::get_id());
  });
  CHECK(threads.size() == 3);
}

TEST_CASE("what a job throws reaches the caller when all others are done") {
  workers pool{3};
  for (size_t bad : {0, 1, 19}) {
    std::atomic<int> done = 0;
    auto run = [&] {
      pool.for_each(20, [&](size_t i) {
        if (i == bad)
          throw std::bad_alloc{};
        ++done;
      });
    };
    CHECK_THROWS_AS(run(), std::bad_alloc);
    CHECK(done == 19);
  }
  // From another thread than that of the caller, too.
  std::latch together{3};
  auto caller = std::this_thread::get_id();
  auto run = [&] {
    pool.for_each(3, [&](size_t) {
      together.arrive_and_wait();
      if (std::this_thread::get_id() != caller)
        throw std::runtime_error{"elsewhere"};
    });
  };
  CHECK_THROWS_WITH(run(), "elsewhere");
}

TEST_CASE("workers go on after a job has thrown") {
  workers pool{2};
  auto fail = [](size_t) { throw std::bad_alloc{}; };
  for (int i = 0; i < 3; ++i)
    CHECK_THROWS_AS(pool.for_each(10, fail), std::bad_alloc);
  std::atomic<int> done = 0;
  pool.for_each(10, [&](size_t) { ++done; });
  CHECK(done == 10);
  CHECK_THROWS_AS(pool.for_each(1, fail), std::bad_alloc);
}
