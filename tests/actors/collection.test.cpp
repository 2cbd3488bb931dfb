// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Sweeps and publications as programs make them, here and over a connection.

#include "larder/collection.hpp"

#include "remote_fixture.hpp"
#include "threads.hpp"

#include <atomic>
#include <future>
#include <set>

using namespace larder;
using namespace larder::test;
using namespace std::chrono_literals;

namespace {

/// The wall clock of a store, which the test moves.
struct test_clock {
  std::atomic<int64_t> now{1'700'000'000'000};
};

expected<value> references(const value* old, std::span<const value>) {
  return old->is(value::kind::vector) ? *old : value{};
}

expected<value> is_positive(const value* old, std::span<const value>) {
  return value{old->is(value::kind::integer) && old->as_integer() > 0};
}

store_config config_of(test_clock& clock) {
  auto config = open_store("memory:");
  REQUIRE(config);
  REQUIRE(config->functions.add("references", references));
  REQUIRE(config->functions.add("positive?", is_positive));
  config->clock = [&clock] { return clock.now.load(); };
  return std::move(*config);
}

/// A store of this process, or a connection to one that is served by another
/// actor system.
struct fixture {
  explicit fixture(bool remote) {
    if (remote) {
      server.emplace();
      auto served
        = server->own(spawn_store(server->system(), config_of(clock)));
      peer.emplace();
      store = peer->connect(server->serve(served).port);
      client.emplace(peer->system(), store);
    } else {
      local.emplace();
      store = local->spawn(config_of(clock));
      client.emplace(local->system(), store);
    }
  }

  ~fixture() {
    client.reset();
    store = nullptr;
  }

  caf::actor_system& system() {
    return local ? local->system() : peer->system();
  }

  test_clock clock;
  std::optional<threaded_world> local;
  std::optional<remote_test::peer> server;
  std::optional<remote_test::peer> peer;
  caf::actor store;
  std::optional<blocking_client> client;
};

std::set<value> keys_of(blocking_client& client) {
  std::set<value> result;
  REQUIRE(client.for_each_key({}, [&](key_entry& x) -> expected<void> {
    result.insert(x.key);
    return {};
  }));
  return result;
}

} // namespace

TEST_CASE("a whole sweep is one call, here and over a connection") {
  fixture world{GENERATE(false, true)};
  auto& client = *world.client;
  for (auto i = 0; i < 100; ++i)
    REQUIRE(client.put(i, i));
  REQUIRE(client.put("root", value::vector({1, 2, "missing"})));
  ++world.clock.now;
  sweep_options options;
  options.keep = make_key_source({7, 8});
  options.roots = {"root"};
  options.references = "references";
  options.page_size = 9;
  std::set<value> deleted;
  auto observer = [&](const sweep_page_reply& page, const sweep_summary& sum) {
    deleted.insert(page.deleted.begin(), page.deleted.end());
    CHECK(sum.deleted == deleted.size());
    return true;
  };
  options.dry_run = true;
  auto tried = sweep(client, options, observer);
  REQUIRE(tried);
  CHECK(tried->deleted == 96);
  CHECK(keys_of(client).size() == 101);
  options.dry_run = false;
  options.keep = make_key_source({7, 8});
  deleted.clear();
  auto done = sweep(client, options, observer);
  REQUIRE(done);
  CHECK(done->examined == 101);
  CHECK(done->deleted == 96);
  CHECK(done->kept == 5);
  CHECK(done->marked == 4);
  CHECK(done->missing == 1);
  CHECK(done->next.empty());
  CHECK(deleted.size() == 96);
  CHECK(keys_of(client) == std::set<value>{1, 2, 7, 8, "root"});
}

TEST_CASE("thousands of keys to keep are given in pieces") {
  fixture world{GENERATE(false, true)};
  auto& client = *world.client;
  std::vector<value> keys;
  for (auto i = 0; i < 4500; ++i)
    keys.emplace_back(i);
  REQUIRE(client.put(4499, 1));
  REQUIRE(client.put(4500, 1));
  ++world.clock.now;
  sweep_options options;
  options.keep = make_key_source(std::move(keys));
  REQUIRE(sweep(client, options));
  CHECK(keys_of(client) == std::set<value>{4499});
}

TEST_CASE("a sweep that an observer stops goes on where it was") {
  fixture world{false};
  auto& client = *world.client;
  for (auto i = -50; i < 50; ++i)
    REQUIRE(client.put(i, i));
  ++world.clock.now;
  sweep_options options;
  options.predicate = "positive?";
  options.page_size = 7;
  uint64_t deleted = 0;
  auto calls = 0;
  do {
    auto part = sweep(client, options, [](auto&, auto&) { return false; });
    REQUIRE(part);
    CHECK(part->examined <= 7);
    deleted += part->deleted;
    options.after = part->next;
    options.before = part->cutoff;
    ++calls;
  } while (!options.after.empty());
  CHECK(calls >= 100 / 7);
  CHECK(deleted == 51);
  CHECK(keys_of(client).size() == 49);
}

TEST_CASE("what goes wrong in a sweep comes back, and the sweep ends") {
  fixture world{GENERATE(false, true)};
  auto& client = *world.client;
  REQUIRE(client.put("k", 1));
  ++world.clock.now;
  for (auto i = 0; i < 20; ++i) { // more than may be under way
    sweep_options options;
    auto nothing = sweep(client, options);
    REQUIRE(!nothing);
    CHECK(nothing.error() == errc::invalid_argument);
    options.predicate = "unheard of";
    CHECK(sweep(client, options).error() == errc::unknown_function);
    options.predicate.clear();
    options.keep = []() -> expected<std::vector<value>> {
      return fail(errc::io_error, "no list");
    };
    CHECK(sweep(client, options).error() == errc::io_error);
  }
  CHECK(keys_of(client).size() == 1);
}

// -- publications -------------------------------------------------------------

TEST_CASE("a publication protects, here and over a connection") {
  fixture world{GENERATE(false, true)};
  auto& client = *world.client;
  sweep_options options;
  options.keep = [] { return std::vector<value>{}; };
  auto how = GENERATE(0, 1, 2);
  {
    auto guard = publication::begin(world.system(), world.store);
    REQUIRE(guard);
    CHECK(guard->stamp() == world.clock.now);
    REQUIRE(client.put("part", 1));
    ++world.clock.now;
    CHECK(sweep(client, options)->deleted == 0);
    CHECK_FALSE(guard->lost());
    if (how == 1) {
      CHECK(guard->end());
      CHECK(guard->end().error() == errc::not_found);
    } else if (how == 2) {
      auto moved = std::move(*guard);
      CHECK(sweep(client, options)->deleted == 0);
      CHECK(moved.end());
    }
    // Else it is given up.
  }
  CHECK(sweep(client, options)->deleted == 1);
}

TEST_CASE("a publication that was lost says so") {
  fixture world{GENERATE(false, true)};
  auto& client = *world.client;
  auto guard = publication::begin(world.system(), world.store, 1h);
  REQUIRE(guard);
  REQUIRE(client.put("part", 1));
  // The clock jumps ahead; nothing was renewed in between.
  world.clock.now += 3'600'000;
  sweep_options options;
  options.keep = [] { return std::vector<value>{}; };
  CHECK(sweep(client, options)->deleted == 1);
  auto ended = guard->end();
  REQUIRE(!ended);
  CHECK(ended.error() == errc::not_found);
}

TEST_CASE("a lease is renewed for as long as its publication lives") {
  fixture world{false};
  auto& client = *world.client;
  // Each renewal makes the clock of the store jump by most of a lease.
  auto guard = publication::begin(world.system(), world.store, 30ms);
  REQUIRE(guard);
  auto commits = [&] { return statistic(client, "commits", "batches"); };
  REQUIRE(client.put("part", 1));
  for (auto i = 0; i < 5; ++i) {
    auto before = commits();
    while (commits() == before) // until it has been renewed
      std::this_thread::yield();
    world.clock.now += 20;
  }
  sweep_options options;
  options.keep = [] { return std::vector<value>{}; };
  auto before = commits();
  while (commits() == before)
    std::this_thread::yield();
  CHECK(sweep(client, options)->deleted == 0);
  CHECK(guard->end());
  CHECK(sweep(client, options)->deleted == 1);
}

TEST_CASE("publications begin and end from many threads") {
  fixture world{false};
  auto& client = *world.client;
  std::atomic<int> failed = 0;
  in_threads(8, [&](size_t i) {
    for (auto n = 0; n < 50; ++n) {
      auto guard = publication::begin(world.system(), world.store);
      if (!guard || guard->lost()
          || !client.put(value::vector({static_cast<int64_t>(i), n}), n)
          || !guard->end())
        ++failed;
    }
  });
  CHECK(failed == 0);
  ++world.clock.now;
  sweep_options options;
  options.keep = make_key_source({});
  CHECK(sweep(client, options)->deleted == 400);
}
