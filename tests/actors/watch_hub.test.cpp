// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Who gets which events, and what is remembered for those who come back.

#include "larder/internal/watch_hub.hpp"

#include "random_value.hpp"
#include "watch_events.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>

using namespace larder;
using namespace larder::internal;
using namespace larder::test;
using namespace std::chrono_literals;

namespace {

constexpr uint64_t run = 7;

watch_request watching(watch_scope scope, value key = {}) {
  watch_request result;
  result.scope = scope;
  result.key = std::move(key);
  return result;
}

watched what(const watch_request& req) {
  return {req.scope, req.key, req.with_before, req.with_after};
}

struct fixture {
  explicit fixture(watch_limits limits = {100, 100'000, 100, 100'000, 60s})
    : hub(limits, run) {
    // nop
  }

  /// Starts a watch; nothing if events may have been missed.
  std::optional<uint64_t> watch(const watch_request& req) {
    auto scope = hub.enter(what(req));
    if (scope.added)
      hub.complete(scope.id, stamp);
    auto since = req.since_revision || req.since_stamp || req.since_position;
    auto after = since ? hub.find_start(req, stamp)
                       : std::optional{hub.position().sequence};
    if (!after) {
      hub.leave(scope.id, now);
      return std::nullopt;
    }
    hub.start(++last_watch, scope.id, req, *after, now);
    return last_watch;
  }

  fetch_events_reply fetch(uint64_t id, uint64_t limit = 1000) {
    auto buffer = hub.find(id, now);
    REQUIRE(buffer != nullptr);
    buffer->acknowledge(std::nullopt);
    return hub.take(*buffer, limit);
  }

  std::vector<uint64_t> publish(std::vector<change_event> events) {
    return hub.publish(events);
  }

  /// Publishes a change with the next number as stamp and revision.
  std::vector<uint64_t> change(value key) {
    return publish({make_change(std::move(key), next())});
  }

  uint64_t next() {
    return static_cast<uint64_t>(++stamp);
  }

  watch_hub::expired_items expire() {
    return hub.expire(now, [](uint64_t) { return false; });
  }

  watch_hub hub;
  watch_hub::time_point now{};
  int64_t stamp = 0;
  uint64_t last_watch = 0;
};

} // namespace

// -- handing out --------------------------------------------------------------

TEST_CASE("watches see the keys that they are for, from when they begin") {
  fixture x;
  x.change("user/1");
  auto all = *x.watch(watching(watch_scope::everything));
  x.change("user/1");
  auto users = *x.watch(watching(watch_scope::prefix, "user/"));
  auto one = *x.watch(watching(watch_scope::key, "user/1"));
  x.change("user/1");
  x.change("user/2");
  x.change("other");
  CHECK(numbers(x.fetch(all)) == list{2, 3, 4, 5});
  CHECK(numbers(x.fetch(users)) == list{3, 4});
  CHECK(numbers(x.fetch(one)) == list{3});
  CHECK(x.hub.counts().events == 4);
}

TEST_CASE("a watch has news once until they are fetched") {
  fixture x;
  auto id = *x.watch(watching(watch_scope::key, "a"));
  CHECK(x.change("b").empty());
  CHECK(x.change("a") == list{id});
  CHECK(x.change("a").empty());
  x.fetch(id);
  CHECK(x.fetch(id).events.empty());
  CHECK(x.change("a") == list{id});
}

TEST_CASE("values go to those who asked for them") {
  fixture x;
  std::vector<uint64_t> ids;
  for (auto flags = 0U; flags < 4; ++flags) {
    auto req = watching(watch_scope::everything);
    req.with_before = (flags & 1U) != 0;
    req.with_after = (flags & 2U) != 0;
    ids.push_back(*x.watch(req));
  }
  auto event = make_change("k", x.next());
  event.before = "old";
  event.after = "new";
  x.publish({event});
  for (auto flags = 0U; flags < 4; ++flags) {
    auto reply = x.fetch(ids[flags]);
    REQUIRE(reply.events.size() == 1);
    auto& got = reply.events.front();
    CHECK(got.before.has_value() == ((flags & 1U) != 0));
    CHECK(got.after.has_value() == ((flags & 2U) != 0));
    CHECK(got.before.value_or("old") == value{"old"});
    CHECK(got.after.value_or("new") == value{"new"});
  }
}

TEST_CASE("a batch comes whole, without what is not watched") {
  fixture x;
  auto users = *x.watch(watching(watch_scope::prefix, "user/"));
  auto all = *x.watch(watching(watch_scope::everything));
  std::vector<change_event> events;
  events.push_back(make_change("single", x.next()));
  for (auto key : {"user/1", "other", "user/2"})
    events.push_back(make_change(key, x.next(), 5));
  events.push_back(make_change("user/3", x.next(), 6));
  auto news = x.publish(events);
  std::sort(news.begin(), news.end());
  CHECK(news == list{users, all});
  CHECK(numbers(x.fetch(users, 1)) == list{2, 4});
  CHECK(numbers(x.fetch(users, 1)) == list{5});
  CHECK(numbers(x.fetch(all, 3)) == list{1});
  CHECK(numbers(x.fetch(all, 3)) == list{2, 3, 4});
}

TEST_CASE("a slow watcher loses its own events only") {
  fixture x;
  auto slow = watching(watch_scope::everything);
  slow.buffer = 2;
  auto first = *x.watch(slow);
  auto second = *x.watch(watching(watch_scope::everything));
  for (auto i = 0; i < 5; ++i)
    x.change("k");
  auto reply = x.fetch(first);
  CHECK(reply.resync);
  CHECK(reply.missed == 3);
  CHECK(numbers(reply) == list{4, 5});
  reply = x.fetch(second);
  CHECK_FALSE(reply.resync);
  CHECK(numbers(reply) == list{1, 2, 3, 4, 5});
  CHECK(x.hub.counts().dropped == 3);
}

TEST_CASE("requests that make no sense are refused") {
  auto code = [](const watch_request& req) {
    auto ok = watch_hub::check(req);
    REQUIRE_FALSE(ok);
    return ok.error().code();
  };
  auto req = watching(watch_scope::prefix, 7);
  CHECK(code(req) == errc::invalid_argument);
  req = watching(watch_scope::everything);
  req.buffer = 0;
  CHECK(code(req) == errc::invalid_argument);
  req = watching(watch_scope::prefix, "k");
  req.since_revision = revision{};
  CHECK(code(req) == errc::invalid_argument);
  req = watching(watch_scope::key, "k");
  req.since_revision = revision{};
  CHECK(watch_hub::check(req));
  req.since_stamp = 1;
  CHECK(code(req) == errc::invalid_argument);
}

// -- coming back --------------------------------------------------------------

TEST_CASE("a watcher goes on at a position as if it had never been away") {
  fixture x;
  auto req = watching(watch_scope::key, "a");
  auto id = *x.watch(req);
  x.change("a");
  auto seen = x.fetch(id);
  x.change("a");
  CHECK(x.hub.end(id, x.now));
  CHECK_FALSE(x.hub.end(id, x.now));
  x.change("b");
  x.change("a");
  req.since_position = seen.position;
  auto again = x.watch(req);
  REQUIRE(again);
  CHECK(numbers(x.fetch(*again)) == list{2, 4});
  SECTION("not in another run of the store") {
    req.since_position->run += 1;
    CHECK_FALSE(x.watch(req));
  }
  SECTION("not past the end") {
    req.since_position->sequence += 100;
    CHECK_FALSE(x.watch(req));
  }
  SECTION("not with values that nobody has kept") {
    req.with_after = true;
    CHECK_FALSE(x.watch(req));
  }
  SECTION("not with keys that nobody has looked at") {
    auto other = watching(watch_scope::prefix, "");
    other.since_position = seen.position;
    CHECK_FALSE(x.watch(other));
  }
}

TEST_CASE("those who come back find what a wider watch has kept") {
  fixture x;
  x.watch(watching(watch_scope::everything));
  auto start = x.hub.position();
  x.change("user/1");
  x.change("other");
  x.change("user/2");
  auto req = watching(watch_scope::prefix, "user/");
  req.since_position = start;
  auto id = x.watch(req);
  REQUIRE(id);
  CHECK(numbers(x.fetch(*id)) == list{1, 3});
}

TEST_CASE("a stamp brings everything that became known since, and repeats") {
  fixture x;
  x.stamp = 10;
  x.watch(watching(watch_scope::everything));
  x.publish({make_change("a", 11)});
  x.publish({make_change("b", 13)});
  // Was stamped before the one above, and took longer.
  x.publish({make_change("a", 12)});
  x.stamp = 13;
  auto from = [&](int64_t stamp) {
    auto req = watching(watch_scope::everything);
    req.since_stamp = stamp;
    auto id = x.watch(req);
    return id ? std::optional{numbers(x.fetch(*id))} : std::nullopt;
  };
  CHECK(from(11) == list{11, 13, 12});
  CHECK(from(12) == list{13, 12});
  CHECK(from(13) == list{13, 12});
  // Nobody watched when that stamp was used.
  CHECK_FALSE(from(10));
  // It has not been used yet: it is that of another run.
  CHECK_FALSE(from(14));
}

TEST_CASE("a revision brings what came after it") {
  fixture x;
  auto watched_key = watching(watch_scope::key, "a");
  x.watch(watched_key);
  x.change("a");
  x.change("a");
  auto req = watched_key;
  req.since_revision = numbered_revision(1);
  auto id = x.watch(req);
  REQUIRE(id);
  CHECK(numbers(x.fetch(*id)) == list{2});
  req.since_revision = numbered_revision(9);
  CHECK_FALSE(x.watch(req));
}

TEST_CASE("the history is bounded, in events and bytes, and by whole batches") {
  watch_limits limits{100, 100'000, 3, 100'000, 60s};
  SECTION("events") {
    // As they are.
  }
  SECTION("bytes") {
    limits.history_events = 100;
    limits.history_bytes = 3
                           * (sizeof(numbered_event) + value{"k"}.footprint());
  }
  fixture x{limits};
  x.watch(watching(watch_scope::everything));
  auto from = [&](uint64_t sequence) {
    auto req = watching(watch_scope::everything);
    req.since_position = watch_position{run, sequence};
    auto id = x.watch(req);
    return id ? std::optional{numbers(x.fetch(*id))} : std::nullopt;
  };
  x.change("k");
  x.publish({make_change("k", x.next(), 1), make_change("k", x.next(), 1)});
  CHECK(from(0) == list{1, 2, 3});
  x.change("k");
  CHECK_FALSE(from(0));
  CHECK(from(1) == list{2, 3, 4});
  x.change("k");
  CHECK_FALSE(from(1));
  CHECK_FALSE(from(2));
  CHECK(from(3) == list{4, 5});
  auto req = watching(watch_scope::everything);
  req.since_stamp = 3;
  CHECK_FALSE(x.watch(req));
  req.since_stamp = 4;
  CHECK(x.watch(req));
}

TEST_CASE("events that never reached the hub are missed by all") {
  fixture x;
  auto id = *x.watch(watching(watch_scope::key, "a"));
  x.change("a");
  auto start = x.hub.position();
  CHECK(x.hub.miss(3, x.stamp).size() == 1);
  auto reply = x.fetch(id);
  CHECK(reply.resync);
  CHECK(reply.missed == 3);
  auto req = watching(watch_scope::key, "a");
  req.since_position = watch_position{run, start.sequence - 1};
  CHECK_FALSE(x.watch(req));
}

// -- time ---------------------------------------------------------------------

TEST_CASE("a watch that nobody uses ends, its scope after it") {
  fixture x;
  auto id = *x.watch(watching(watch_scope::key, "a"));
  auto start = x.now;
  CHECK(x.hub.next_expiry() == start + 60s);
  x.now = start + 50s;
  x.fetch(id);
  x.now = start + 60s;
  CHECK(x.expire().watches.empty());
  x.now = start + 110s;
  auto over = x.expire();
  CHECK(over.watches == list{id});
  CHECK(over.scopes.empty());
  CHECK(x.hub.find(id, x.now) == nullptr);
  x.change("a");
  CHECK(x.hub.counts().events == 1);
  x.now += 60s;
  over = x.expire();
  REQUIRE(over.scopes.size() == 1);
  CHECK(over.scopes.front().second == watched{watch_scope::key, "a"});
  x.change("a");
  CHECK(x.hub.counts().events == 1);
  CHECK_FALSE(x.hub.next_expiry());
}

TEST_CASE("a watch whose watcher waits does not end") {
  fixture x;
  auto id = *x.watch(watching(watch_scope::key, "a"));
  x.now += 61s;
  CHECK(x.hub.expire(x.now, [](uint64_t) { return true; }).watches.empty());
  CHECK(x.hub.contains(id));
}

TEST_CASE("a scope that is used again stays") {
  fixture x;
  auto req = watching(watch_scope::key, "a");
  x.hub.end(*x.watch(req), x.now);
  x.now += 59s;
  auto id = *x.watch(req);
  x.now += 30s;
  CHECK(x.expire().scopes.empty());
  CHECK(x.hub.contains(id));
}

TEST_CASE("scopes that wait for watchers to come back are bounded") {
  fixture x{{2, 100'000, 100, 100'000, 60s}};
  for (auto key : {"a", "b", "c"}) {
    x.hub.end(*x.watch(watching(watch_scope::key, key)), x.now);
    x.now += 1s;
  }
  CHECK(x.hub.next_expiry() <= x.now);
  auto over = x.expire();
  REQUIRE(over.scopes.size() == 1);
  CHECK(over.scopes.front().second.key == value{"a"});
}

// -- all together -------------------------------------------------------------

TEST_CASE("watches that come and go see what a search of all events finds") {
  const std::vector<value> keys{"a", "ab", "abc", "b", 7};
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    INFO("seed " << seed);
    random_source rng{seed};
    fixture x{{100, 100'000, 1000, 1'000'000, 60s}};
    std::vector<change_event> all; // number n at n - 1
    struct watcher {
      watch_request req;
      std::optional<uint64_t> id;
      watch_position position;
      list seen;
      uint64_t begun; // number of the last event before
    };
    std::vector<watcher> watchers;
    auto fetch = [&](watcher& w) {
      auto reply = x.fetch(*w.id, 1 + pick(rng, 4));
      CHECK_FALSE(reply.resync);
      for (auto n : numbers(reply))
        w.seen.push_back(n);
      w.position = reply.position;
    };
    for (auto step = 0; step < 80; ++step) {
      auto action = pick(rng, 9);
      if (action == 0 && watchers.size() < 5) {
        watcher w;
        w.req = pick(rng, 2) == 0
                  ? watching(watch_scope::everything)
                  : watching(pick(rng, 1) == 0 ? watch_scope::key
                                               : watch_scope::prefix,
                             keys[pick(rng, 3)]);
        w.id = x.watch(w.req);
        w.position = x.hub.position();
        w.begun = all.size();
        watchers.push_back(w);
      } else if (action < 5 && !watchers.empty()) {
        auto& w = watchers[pick(rng, watchers.size() - 1)];
        if (w.id && action == 1) {
          x.hub.end(*w.id, x.now);
          w.id.reset();
        } else if (w.id) {
          fetch(w);
        } else {
          auto req = w.req;
          req.since_position = w.position;
          w.id = x.watch(req);
          REQUIRE(w.id);
        }
      } else {
        auto batch = action == 9 ? 1 + all.size() : 0;
        std::vector<change_event> events;
        for (auto n = batch == 0 ? 0 : pick(rng, 2); n < 3; ++n) {
          auto key = keys[pick(rng, keys.size() - 1)];
          events.push_back(make_change(key, x.next(), batch));
        }
        all.insert(all.end(), events.begin(), events.end());
        x.publish(std::move(events));
      }
    }
    for (auto& w : watchers) {
      if (!w.id) {
        w.req.since_position = w.position;
        w.id = x.watch(w.req);
        REQUIRE(w.id);
      }
      while (x.hub.find(*w.id, x.now)->has_news())
        fetch(w);
      list expected;
      for (auto n = w.begun; n < all.size(); ++n)
        if (what(w.req).contains(all[n].key))
          expected.push_back(n + 1);
      REQUIRE(w.seen == expected);
    }
  }
}
