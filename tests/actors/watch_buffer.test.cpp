// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What one watcher gets, and what it is told of what it does not get.

#include "random_value.hpp"
#include "watch_events.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace larder;
using namespace larder::internal;
using namespace larder::test;

namespace {

constexpr uint64_t run = 7;

/// A buffer whose events are numbered as they come.
struct fixture {
  explicit fixture(uint64_t max_events = 1000, size_t max_bytes = 1'000'000)
    : buffer(max_events, max_bytes) {
    // nop
  }

  uint64_t push(size_t n = 1, uint64_t batch = 0) {
    std::vector<event_ptr> group;
    for (size_t i = 0; i < n; ++i)
      group.push_back(make_event(++last, batch));
    if (batch != 0)
      return buffer.push(group);
    uint64_t dropped = 0;
    for (auto& x : group)
      dropped += buffer.push({&x, 1});
    return dropped;
  }

  /// As a watcher does who has got all replies so far.
  fetch_events_reply fetch(uint64_t limit = 1000) {
    buffer.acknowledge(std::nullopt);
    return buffer.take(limit, {run, last});
  }

  /// As one does who has got those up to `position`.
  fetch_events_reply fetch_after(const watch_position& position,
                                 uint64_t limit = 1000) {
    buffer.acknowledge(position);
    return buffer.take(limit, {run, last});
  }

  watch_buffer buffer;
  uint64_t last = 0;
};

} // namespace

TEST_CASE("events come in the order they came in, each once") {
  fixture x;
  CHECK_FALSE(x.buffer.has_news());
  x.push(5);
  CHECK(x.buffer.has_news());
  CHECK(numbers(x.fetch(2)) == list{1, 2});
  CHECK(numbers(x.fetch(2)) == list{3, 4});
  x.push();
  auto rest = x.fetch();
  CHECK(numbers(rest) == list{5, 6});
  CHECK_FALSE(rest.resync);
  CHECK(rest.position.run == run);
  CHECK_FALSE(x.buffer.has_news());
  CHECK(numbers(x.fetch()).empty());
  CHECK(x.buffer.size() == 0);
}

TEST_CASE("a position is behind the last event, or the end if none is left") {
  fixture x;
  x.push(3);
  x.last = 10;
  CHECK(x.fetch(2).position.sequence == 2);
  CHECK(x.fetch(2).position.sequence == 10);
}

TEST_CASE("the oldest events make place and are counted") {
  fixture x{3};
  CHECK(x.push(5) == 2);
  auto reply = x.fetch();
  CHECK(reply.resync);
  CHECK(reply.missed == 2);
  CHECK(numbers(reply) == list{3, 4, 5});
  x.push();
  reply = x.fetch();
  CHECK_FALSE(reply.resync);
  CHECK(reply.missed == 0);
  CHECK(numbers(reply) == list{6});
}

TEST_CASE("a buffer is bounded in bytes") {
  fixture x{1000, 250};
  CHECK(x.push(3) == 1);
  auto reply = x.fetch();
  CHECK(reply.missed == 1);
  CHECK(numbers(reply) == list{2, 3});
}

TEST_CASE("an event that never fits is counted, with all before it") {
  fixture x{1000, 99};
  CHECK(x.push() == 1);
  auto reply = x.fetch();
  CHECK(reply.resync);
  CHECK(reply.missed == 1);
  CHECK(reply.events.empty());
  fixture y{2};
  y.push(2);
  CHECK(y.push(3, 1) == 5);
  reply = y.fetch();
  CHECK(reply.missed == 5);
  CHECK(reply.events.empty());
}

// -- batches ------------------------------------------------------------------

TEST_CASE("a batch is not split over replies") {
  fixture x;
  x.push(2);
  x.push(3, 1);
  x.push(3, 2);
  CHECK(numbers(x.fetch(4)) == list{1, 2});
  CHECK(numbers(x.fetch(4)) == list{3, 4, 5});
  // More than asked for, since there is no less.
  CHECK(numbers(x.fetch(1)) == list{6, 7, 8});
}

TEST_CASE("a batch is dropped as a whole") {
  fixture x{5};
  x.push(3, 1);
  x.push(2);
  CHECK(x.push() == 3);
  auto reply = x.fetch();
  CHECK(reply.missed == 3);
  CHECK(numbers(reply) == list{4, 5, 6});
}

// -- replies that get lost ----------------------------------------------------

TEST_CASE("what was not received comes again") {
  fixture x;
  x.push(4);
  auto first = x.fetch(2);
  auto lost = x.fetch_after(first.position, 1);
  CHECK(numbers(lost) == list{3});
  auto again = x.fetch_after(first.position);
  CHECK(numbers(again) == list{3, 4});
  CHECK_FALSE(again.resync);
  CHECK(numbers(x.fetch_after(again.position)).empty());
  CHECK(x.buffer.size() == 0);
}

TEST_CASE("a gap is told again until that is received") {
  fixture x{2};
  x.push(4);
  watch_position start{run, 0};
  auto lost = x.fetch_after(start, 1);
  CHECK(lost.missed == 2);
  auto again = x.fetch_after(start, 1);
  CHECK(again.resync);
  CHECK(again.missed == 2);
  CHECK(numbers(again) == list{3});
  auto next = x.fetch_after(again.position);
  CHECK_FALSE(next.resync);
  CHECK(next.missed == 0);
  CHECK(numbers(next) == list{4});
}

TEST_CASE(
  "events that were sent and then dropped are missed if they got lost") {
  fixture x{2};
  x.push(2);
  auto first = x.fetch_after({run, 0});
  CHECK(numbers(first) == list{1, 2});
  // Nobody has missed them yet.
  CHECK(x.push(2) == 0);
  SECTION("received") {
    auto next = x.fetch_after(first.position);
    CHECK_FALSE(next.resync);
    CHECK(numbers(next) == list{3, 4});
  }
  SECTION("lost") {
    auto next = x.fetch_after({run, 0});
    CHECK(next.resync);
    CHECK(next.missed == 2);
    CHECK(numbers(next) == list{3, 4});
  }
}

// -- what was seen otherwise --------------------------------------------------

TEST_CASE("events up to a revision that is known are left out") {
  fixture x;
  x.push(4);
  x.buffer.forget_until(numbered_revision(99));
  CHECK(x.buffer.size() == 4);
  x.buffer.forget_until(numbered_revision(3));
  CHECK(numbers(x.fetch()) == list{4});
}

TEST_CASE("a gap of unknown size asks for a resync that counts nothing") {
  fixture x;
  x.buffer.miss(0);
  CHECK(x.buffer.has_news());
  auto reply = x.fetch();
  CHECK(reply.resync);
  CHECK(reply.missed == 0);
  CHECK_FALSE(x.buffer.has_news());
}

// -- all together -------------------------------------------------------------

TEST_CASE("every event is received once or counted as missed, in order") {
  for (uint64_t seed = 1; seed <= 500; ++seed) {
    random_source rng{seed};
    fixture x{1 + pick(rng, 10), 100 + pick(rng, 1500)};
    uint64_t received = 0; // events and gaps
    uint64_t highest = 0;
    uint64_t batch = 0;
    watch_position position{run, 0};
    auto use = [&](const fetch_events_reply& reply) {
      CHECK(reply.resync == (reply.missed > 0));
      received += reply.missed + reply.events.size();
      for (auto& event : reply.events) {
        CHECK(number_of(event.rev) > highest);
        highest = number_of(event.rev);
      }
      position = reply.position;
    };
    for (auto step = 0; step < 60; ++step) {
      switch (pick(rng, 4)) {
        case 0:
          x.push(1 + pick(rng, 3), ++batch);
          break;
        case 1: {
          auto reply = x.fetch_after(position, 1 + pick(rng, 5));
          if (pick(rng, 1) == 0)
            use(reply); // else it gets lost
          break;
        }
        default:
          x.push();
      }
    }
    while (x.fetch_after(position, 3).position.sequence != position.sequence
           || x.buffer.has_news())
      use(x.fetch_after(position, 3));
    INFO("seed " << seed);
    REQUIRE(received == x.last);
  }
}
