// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What is on its way to the hub of watches.

#include "larder/internal/watch_backlog.hpp"

#include <catch2/catch.hpp>

#include <thread>

using namespace larder::internal;

TEST_CASE("nothing more is sent when too much is on its way") {
  watch_backlog backlog{100};
  CHECK(backlog.reserve(60));
  CHECK(backlog.reserve(60));
  CHECK_FALSE(backlog.reserve(1));
  CHECK_FALSE(backlog.miss(3));
  CHECK_FALSE(backlog.miss(4));
  CHECK(backlog.arrived(60) == 7);
  CHECK(backlog.reserve(1));
  CHECK(backlog.arrived(60) == 0);
  CHECK(backlog.arrived(1) == 0);
}

TEST_CASE("who misses events when nothing is on its way wakes the hub up") {
  watch_backlog backlog{100};
  CHECK(backlog.miss(2));
  CHECK(backlog.arrived(0) == 2);
}

TEST_CASE("events are sent or counted, whoever sends them") {
  constexpr uint64_t per_thread = 20'000;
  watch_backlog backlog{50};
  std::atomic<uint64_t> sent{0};
  std::atomic<uint64_t> woken{0};
  std::atomic<int> running{2};
  auto send = [&] {
    for (uint64_t i = 0; i < per_thread; ++i)
      if (backlog.reserve(1))
        ++sent;
      else if (backlog.miss(1))
        ++woken;
    --running;
  };
  std::thread first{send};
  std::thread second{send};
  uint64_t arrived = 0;
  uint64_t missed = 0;
  for (;;) {
    auto over = running == 0;
    if (sent > arrived) {
      ++arrived;
      missed += backlog.arrived(1);
    } else if (woken > 0) {
      --woken;
      missed += backlog.arrived(0);
    } else if (over) {
      break;
    }
  }
  first.join();
  second.join();
  // Nobody had to be asked once more.
  CHECK(arrived + missed == 2 * per_thread);
  CHECK(backlog.arrived(0) == 0);
}
