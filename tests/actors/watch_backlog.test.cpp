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

TEST_CASE("a list that was given back is used again, without its events") {
  watch_backlog backlog{100};
  auto first = backlog.fresh_list();
  auto second = backlog.fresh_list();
  REQUIRE(first != second);
  first->resize(5);
  auto* memory = first.get();
  backlog.give_back(std::move(first));
  auto again = backlog.fresh_list();
  CHECK(again.get() == memory);
  CHECK(again->empty());
  CHECK(again->capacity() >= 5);
  CHECK(backlog.fresh_list() != again);
}

TEST_CASE("neither huge lists nor many are kept") {
  watch_backlog backlog{100};
  auto huge = std::make_shared<std::vector<larder::change_event>>(5000);
  std::weak_ptr<std::vector<larder::change_event>> kept = huge;
  backlog.give_back(std::move(huge));
  CHECK(kept.expired());
  std::vector<event_list> all;
  for (int i = 0; i < 100; ++i)
    all.push_back(backlog.fresh_list());
  kept = all.front();
  std::weak_ptr<std::vector<larder::change_event>> last = all.back();
  for (auto& x : all)
    backlog.give_back(std::move(x));
  CHECK_FALSE(kept.expired());
  CHECK(last.expired());
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
