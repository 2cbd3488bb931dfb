// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Watching a store, message by message.

#include "larder/detail/caf.hpp"

#if !LARDER_CAF_1

#  include "stepper.hpp"

#  include <caf/event_based_actor.hpp>

#  include <string>
#  include <vector>

using namespace larder;
using namespace larder::test;

namespace {

watch_request everything() {
  return {};
}

watch_request on_key(value key) {
  watch_request result;
  result.scope = watch_scope::key;
  result.key = std::move(key);
  return result;
}

watch_request on_prefix(value prefix) {
  watch_request result;
  result.scope = watch_scope::prefix;
  result.key = std::move(prefix);
  return result;
}

watch_request with_values(watch_request req) {
  req.with_before = true;
  req.with_after = true;
  return req;
}

fetch_events_request fetching(uint64_t id,
                              std::chrono::milliseconds wait = 0ms) {
  fetch_events_request result;
  result.watch = id;
  result.wait = wait;
  return result;
}

/// A store and those who watch it: a watch ends with who asked for it.
struct watched_world : stepper {
  watch_reply watch(watch_request req) {
    watchers.push_back(ask(std::move(req)));
    run();
    auto reply = watchers.back().take();
    REQUIRE(reply);
    return *reply;
  }

  uint64_t begin(watch_request req) {
    return watch(std::move(req)).watch;
  }

  /// Fetches what is there.
  fetch_events_reply fetch(uint64_t id) {
    auto reply = call(fetching(id));
    REQUIRE(reply);
    return *reply;
  }

  int64_t statistic(std::string_view name) {
    auto reply = call(statistics_request{});
    REQUIRE(reply);
    auto found = get_in(reply->statistics,
                        path{value::keyword("watching"), value::keyword(name)});
    REQUIRE(found);
    return found->as_integer();
  }

  std::vector<question<watch_request>> watchers;
};

struct seen {
  value key;
  change_kind kind;

  friend bool operator==(const seen&, const seen&) = default;
};

std::vector<seen> seen_of(const fetch_events_reply& reply) {
  std::vector<seen> result;
  for (auto& x : reply.events)
    result.push_back({x.key, x.kind});
  return result;
}

using all = std::vector<seen>;

erase_request erase_at(value key, path steps) {
  auto result = erase(std::move(key));
  result.steps = std::move(steps);
  return result;
}

/// Fails the next commits until told otherwise.
struct failing_engine {
  failing_engine()
    : engine(std::make_shared<fault_injecting_backend>(make_memory())) {
    engine->inject([this](backend_call call, std::string_view) {
      std::optional<error> result;
      if (failing && call == backend_call::commit)
        result = error{errc::io_error, "injected", in_doubt};
      return result;
    });
  }

  std::shared_ptr<fault_injecting_backend> engine;
  bool failing = false;
  bool in_doubt = false; ///< whether what fails may be durable all the same
};

} // namespace

// -- what is seen -------------------------------------------------------------

TEST_CASE("every kind of change is seen once, with what it did") {
  watched_world world;
  world.spawn(make_memory());
  REQUIRE(world.call(put("early", 0)));
  auto id = world.begin(with_values(everything()));
  auto first = world.call(put("k", 1));
  auto second = world.call(put_at("map", {"a", "b"}, 2));
  auto third = world.call(update("k", "inc"));
  REQUIRE(world.call(erase_at("map", {"a"})));
  REQUIRE(world.call(erase("k")));
  auto last = world.call(write("binary", "bytes"));
  REQUIRE(world.call(put("binary", 3)));
  auto reply = world.fetch(id);
  CHECK_FALSE(reply.resync);
  using kind = change_kind;
  REQUIRE(seen_of(reply)
          == all{{"k", kind::put},
                 {"map", kind::put},
                 {"k", kind::update},
                 {"map", kind::update},
                 {"k", kind::erase},
                 {"binary", kind::write},
                 {"binary", kind::put}});
  auto& events = reply.events;
  CHECK(events[0].rev == first->rev);
  CHECK(events[0].stamp == world.now);
  CHECK(events[0].combined == 1);
  CHECK(events[0].batch == 0);
  CHECK(events[0].before == std::nullopt);
  CHECK(events[0].after == value{1});
  CHECK(events[1].rev == second->rev);
  CHECK(events[1].after == value::map({{"a", value::map({{"b", 2}})}}));
  CHECK(events[2].rev == third->rev);
  CHECK(events[2].before == value{1});
  CHECK(events[2].after == value{2});
  CHECK(events[3].before == events[1].after);
  CHECK(events[3].after == value::map());
  CHECK(events[4].rev.valid());
  CHECK(events[4].rev != events[2].rev);
  CHECK(events[4].before == value{2});
  CHECK(events[4].after == std::nullopt);
  CHECK(events[5].rev == last->rev);
  CHECK(events[5].after == std::nullopt);
  CHECK(events[6].before == std::nullopt);
  CHECK(events[6].after == value{3});
  CHECK(world.fetch(id).events.empty());
  CHECK(world.statistic("watchers") == 1);
  CHECK(world.statistic("events") == 7);
}

TEST_CASE("a binary that comes as a stream is one change") {
  watched_world world;
  world.spawn(make_memory());
  auto id = world.begin(everything());
  auto opened = world.call(open_stream_request{"b", {}, {}, {}});
  REQUIRE(opened);
  REQUIRE(world.call(append_stream_request{
    opened->stream, 0,
    std::make_shared<const bytes>(to_bytes(std::string_view{"abc"}))}));
  CHECK(world.fetch(id).events.empty());
  auto closed = world.call(close_stream_request{opened->stream});
  REQUIRE(closed);
  auto reply = world.fetch(id);
  REQUIRE(seen_of(reply) == all{{"b", change_kind::write}});
  CHECK(reply.events[0].rev == closed->rev);
}

TEST_CASE("an expired key is seen to go when it is collected") {
  watched_world world;
  world.spawn(make_memory(),
              [](store_config& cfg) { cfg.collection_interval = 10s; });
  REQUIRE(world.call(with_ttl(put("k", 1), 5s)));
  auto id = world.begin(with_values(everything()));
  world.advance(20s);
  auto reply = world.fetch(id);
  REQUIRE(seen_of(reply) == all{{"k", change_kind::expire}});
  CHECK(reply.events[0].before == value{1});
  CHECK(reply.events[0].after == std::nullopt);
  CHECK(reply.events[0].rev.valid());
}

TEST_CASE("what has expired is not the value before a change") {
  watched_world world;
  world.spawn(make_memory());
  REQUIRE(world.call(with_ttl(put("k", 1), 5s)));
  auto id = world.begin(with_values(everything()));
  world.now += 6000;
  REQUIRE(world.call(put("k", 2)));
  auto reply = world.fetch(id);
  REQUIRE(seen_of(reply) == all{{"k", change_kind::put}});
  CHECK(reply.events[0].before == std::nullopt);
  CHECK(reply.events[0].after == value{2});
}

TEST_CASE("requests that change nothing are not seen") {
  watched_world world;
  world.spawn(make_memory());
  REQUIRE(world.call(put("k", "text")));
  auto id = world.begin(everything());
  CHECK(world.call(get("k")));
  CHECK_FALSE(world.call(erase("none"))->existed);
  CHECK_FALSE(world.call(if_absent(put("k", 1))));
  CHECK_FALSE(world.call(update("k", "inc")));
  CHECK(world.fetch(id).events.empty());
}

TEST_CASE("changes that share a commit are one event that counts them") {
  watched_world world;
  world.spawn(make_memory());
  auto id = world.begin(with_values(everything()));
  auto first = world.ask(put("k", 0));
  world.run_without(writer);
  std::vector<question<update_request>> later;
  for (auto i = 0; i < 3; ++i)
    later.push_back(world.ask(update("k", "inc")));
  auto read = world.ask(get("k"));
  world.run_without(writer);
  world.run();
  auto reply = world.fetch(id);
  REQUIRE(reply.events.size() == 2);
  CHECK(reply.events[0].combined == 1);
  CHECK(reply.events[0].rev == first.take()->rev);
  auto& event = reply.events[1];
  CHECK(event.kind == change_kind::update);
  CHECK(event.combined == 3);
  CHECK(event.before == value{0});
  CHECK(event.after == value{3});
  CHECK(event.rev == later.back().take()->rev);
}

TEST_CASE("nothing is seen before it is durable") {
  watched_world world;
  world.spawn(make_memory());
  auto id = world.begin(everything());
  auto waiting = world.ask(fetching(id, 1h));
  auto change = world.ask(put("k", 1));
  world.run_without(writer);
  CHECK_FALSE(waiting.answered());
  world.run();
  CHECK(change.take());
  CHECK(seen_of(*waiting.take()) == all{{"k", change_kind::put}});
}

TEST_CASE("a change whose commit fails is not seen") {
  failing_engine faulty;
  watched_world world;
  world.spawn(faulty.engine);
  auto id = world.begin(with_values(everything()));
  REQUIRE(world.call(put("k", 1)));
  faulty.failing = true;
  CHECK_FALSE(world.call(put("k", 2)));
  CHECK_FALSE(world.call(put("new", 2)));
  faulty.failing = false;
  REQUIRE(world.call(put("k", 3)));
  auto reply = world.fetch(id);
  REQUIRE(reply.events.size() == 2);
  CHECK(reply.events[0].after == value{1});
  CHECK(reply.events[1].before == value{1});
  CHECK(reply.events[1].after == value{3});
}

TEST_CASE("watchers look again after a commit in doubt") {
  failing_engine faulty;
  watched_world world;
  world.spawn(faulty.engine);
  auto id = world.begin(with_values(everything()));
  REQUIRE(world.call(put("k", 1)));
  CHECK_FALSE(world.fetch(id).resync);
  faulty.failing = faulty.in_doubt = true;
  CHECK_FALSE(world.call(put("k", 2)));
  faulty.failing = false;
  auto reply = world.fetch(id);
  CHECK(reply.resync);
  CHECK(reply.missed == 1);
  CHECK(reply.events.empty());
  REQUIRE(world.call(put("k", 3)));
  reply = world.fetch(id);
  CHECK_FALSE(reply.resync);
  CHECK(seen_of(reply) == all{{"k", change_kind::put}});
}

TEST_CASE("watchers look again after a transaction in doubt") {
  failing_engine faulty;
  watched_world world;
  world.spawn(faulty.engine, [](store_config& cfg) { cfg.key_actors = 3; });
  auto id = world.begin(everything());
  transact_request req;
  for (auto key : {"a", "b", "c"})
    req.then_operations.push_back(put(key, 1));
  faulty.failing = faulty.in_doubt = true;
  CHECK_FALSE(world.call(req));
  auto reply = world.fetch(id);
  CHECK(reply.resync);
  CHECK(reply.events.empty());
}

TEST_CASE("a transaction is seen as one, with all it did") {
  watched_world world;
  world.spawn(make_memory(), [](store_config& cfg) { cfg.key_actors = 3; });
  REQUIRE(world.call(put("from", 10)));
  auto id = world.begin(with_values(everything()));
  auto one = world.begin(on_key("to-1"));
  REQUIRE(world.call(put("from", 20)));
  transact_request req;
  req.then_operations.push_back(update("from", "dec"));
  req.then_operations.push_back(update("from", "dec"));
  for (auto i = 0; i < 5; ++i)
    req.then_operations.push_back(put("to-" + std::to_string(i), i));
  req.then_operations.push_back(get("from"));
  auto transfer = world.ask(req);
  world.run_without(writer);
  auto late = world.ask(put("from", 30));
  world.run();
  CHECK(transfer.take());
  CHECK(late.take());
  auto reply = world.call([&] {
    auto result = fetching(id);
    result.limit = 2;
    return result;
  }());
  REQUIRE(reply);
  REQUIRE(reply->events.size() == 1);
  CHECK(reply->events[0].after == value{20});
  // Not split, though fewer were asked for.
  auto batch = world.call([&] {
    auto result = fetching(id);
    result.limit = 2;
    return result;
  }());
  REQUIRE(batch->events.size() == 6);
  for (auto& event : batch->events) {
    CHECK(event.batch != 0);
    CHECK(event.batch == batch->events[0].batch);
    auto source = event.key == value{"from"};
    CHECK(event.combined == (source ? 2U : 1U));
    CHECK(event.kind == (source ? change_kind::update : change_kind::put));
    if (source) {
      CHECK(event.before == value{20});
      CHECK(event.after == value{18});
    }
  }
  auto last = world.fetch(id);
  REQUIRE(last.events.size() == 1);
  CHECK(last.events[0].before == value{18});
  CHECK(last.events[0].batch == 0);
  CHECK(seen_of(world.fetch(one)) == all{{"to-1", change_kind::put}});
}

TEST_CASE("a transaction that fails is not seen") {
  failing_engine faulty;
  watched_world world;
  world.spawn(faulty.engine, [](store_config& cfg) {
    cfg.key_actors = 3;
    cfg.validators.push_back(
      {"rule", "never", [](const proposed_change&) -> expected<void> {
         return fail(errc::refused, "no");
       }});
  });
  auto id = world.begin(everything());
  transact_request req;
  for (auto key : {"a", "b", "c"})
    req.then_operations.push_back(put(key, 1));
  faulty.failing = true;
  CHECK_FALSE(world.call(req));
  faulty.failing = false;
  auto refused = req;
  refused.then_operations.push_back(put("never", 1));
  CHECK(code_of(world.call(refused)) == errc::refused);
  CHECK(world.fetch(id).events.empty());
  CHECK(code_of(world.call(get("a"))) == errc::not_found);
  REQUIRE(world.call(req));
  CHECK(world.fetch(id).events.size() == 3);
}

TEST_CASE("watches see the keys that they are for") {
  watched_world world;
  world.spawn(make_memory(), [](store_config& cfg) { cfg.key_actors = 3; });
  auto users = world.begin(on_prefix("user/"));
  auto one = world.begin(on_key("user/1"));
  for (auto key : {"user/1", "user/2", "other"})
    REQUIRE(world.call(put(key, 1)));
  CHECK(seen_of(world.fetch(users))
        == all{{"user/1", change_kind::put}, {"user/2", change_kind::put}});
  CHECK(seen_of(world.fetch(one)) == all{{"user/1", change_kind::put}});
}

TEST_CASE("a value that was not in memory is read if a watcher wants it") {
  auto engine = make_memory();
  watched_world world;
  world.spawn(engine);
  REQUIRE(world.call(put("k", "old")));
  REQUIRE(world.call(put("gone", "old")));
  world.close();
  world.spawn(engine);
  auto id = world.begin(with_values(everything()));
  REQUIRE(world.call(put("k", "new")));
  REQUIRE(world.call(erase("gone")));
  auto reply = world.fetch(id);
  REQUIRE(reply.events.size() == 2);
  CHECK(reply.events[0].before == value{"old"});
  CHECK(reply.events[1].before == value{"old"});
}

TEST_CASE("a damaged value does not keep a watched key from being written") {
  auto engine = make_memory();
  watched_world world;
  world.spawn(engine);
  REQUIRE(world.call(put("k", "a value that is going to be damaged")));
  world.close();
  auto blob = read_blob(*engine, "\"k");
  blob.back() ^= std::byte{1};
  write_blob(*engine, "\"k", blob);
  world.spawn(engine);
  auto id = world.begin(with_values(everything()));
  REQUIRE(world.call(put("k", "new")));
  auto reply = world.fetch(id);
  REQUIRE(reply.events.size() == 1);
  CHECK(reply.events[0].before == std::nullopt);
  CHECK(reply.events[0].after == value{"new"});
  CHECK(world.call(get("k"))->content == value{"new"});
}

// -- waiting ------------------------------------------------------------------

TEST_CASE("a fetch waits for events, but no longer than it was told to") {
  watched_world world;
  world.spawn(make_memory());
  auto id = world.begin(everything());
  auto waiting = world.ask(fetching(id, 10s));
  world.run();
  world.advance_timers(9s);
  CHECK_FALSE(waiting.answered());
  world.advance_timers(2s);
  auto reply = waiting.take();
  REQUIRE(reply);
  CHECK(reply->events.empty());
  CHECK_FALSE(reply->resync);
}

TEST_CASE("a fetch takes the place of the one before it") {
  watched_world world;
  world.spawn(make_memory());
  auto id = world.begin(everything());
  auto first = world.ask(fetching(id, 10s));
  world.run();
  auto second = world.ask(fetching(id, 10s));
  world.run();
  CHECK(code_of(first.take()) == errc::conflict);
  REQUIRE(world.call(put("k", 1)));
  CHECK(second.take()->events.size() == 1);
}

TEST_CASE("a fetch that makes no sense is refused") {
  watched_world world;
  world.spawn(make_memory());
  auto id = world.begin(everything());
  CHECK(code_of(world.call(fetching(id + 1))) == errc::not_found);
  auto req = fetching(id);
  req.limit = 0;
  CHECK(code_of(world.call(req)) == errc::invalid_argument);
  CHECK(code_of(world.call(fetching(id, -1ms))) == errc::invalid_argument);
  CHECK(code_of(world.call(on_prefix(7))) == errc::invalid_argument);
}

TEST_CASE("many watchers that wait get their events soon, not all at once") {
  constexpr auto n = 120;
  watched_world world;
  world.spawn(make_memory());
  std::vector<uint64_t> ids;
  for (auto i = 0; i < n; ++i)
    ids.push_back(world.begin(on_key("k")));
  std::vector<question<fetch_events_request>> waiting;
  for (auto id : ids)
    waiting.push_back(world.ask(fetching(id, 60s)));
  world.run();
  REQUIRE(world.call(put("k", 1)));
  auto answered = [&] {
    return std::count_if(waiting.begin(), waiting.end(),
                         [](auto& x) { return x.answered(); });
  };
  CHECK(answered() == 50);
  world.advance_timers(10ms);
  CHECK(answered() == 100);
  world.advance_timers(10ms);
  CHECK(answered() == n);
  for (auto& x : waiting)
    CHECK(x.take()->events.size() == 1);
}

TEST_CASE("who waits while many are answered is answered in time") {
  watched_world world;
  world.spawn(make_memory());
  auto quiet = world.begin(on_key("quiet"));
  std::vector<question<fetch_events_request>> waiting;
  for (auto i = 0; i < 120; ++i)
    waiting.push_back(world.ask(fetching(world.begin(on_key("k")), 60s)));
  world.run();
  REQUIRE(world.call(put("k", 1)));
  // The next tick is for those who are left, and comes before this is due.
  auto patient = world.ask(fetching(quiet, 1s));
  world.run();
  world.advance_timers(10ms);
  world.advance_timers(10ms);
  REQUIRE(waiting.back().answered());
  CHECK_FALSE(patient.answered());
  world.advance_timers(1s);
  REQUIRE(patient.answered());
  CHECK(patient.take()->events.empty());
}

// -- falling behind -----------------------------------------------------------

TEST_CASE("a slow watcher is told how much it has missed") {
  watched_world world;
  world.spawn(make_memory());
  auto req = everything();
  req.buffer = 3;
  auto id = world.begin(req);
  for (auto i = 0; i < 10; ++i)
    REQUIRE(world.call(put("k", i)));
  auto reply = world.fetch(id);
  CHECK(reply.resync);
  CHECK(reply.missed == 7);
  CHECK(reply.events.size() == 3);
  CHECK(reply.events.back().rev == world.call(get("k"))->rev);
  CHECK(world.statistic("dropped") == 7);
  CHECK(world.statistic("resyncs") == 1);
  REQUIRE(world.call(put("k", 10)));
  reply = world.fetch(id);
  CHECK_FALSE(reply.resync);
  CHECK(reply.events.size() == 1);
}

TEST_CASE("writers do not wait for a hub that does not keep up") {
  constexpr auto n = 80;
  constexpr std::string_view hub = "larder.watch-hub";
  watched_world world;
  world.spawn(make_memory(), [](store_config& cfg) {
    cfg.watch_buffer_bytes = size_t{1} << 30;
    cfg.max_message_size = size_t{1} << 30;
  });
  auto id = world.begin(with_values(everything()));
  value large = std::string(size_t{1} << 20, 'x');
  std::vector<question<put_request>> puts;
  for (auto i = 0; i < n; ++i) {
    puts.push_back(world.ask(put("k" + std::to_string(i), large)));
    world.run_without(hub);
    CHECK(puts.back().take());
  }
  auto reply = world.fetch(id);
  CHECK(reply.resync);
  CHECK(reply.missed > 0);
  CHECK(reply.missed + reply.events.size() == n);
  REQUIRE(world.call(put("k", 1)));
  reply = world.fetch(id);
  CHECK_FALSE(reply.resync);
  CHECK(reply.events.size() == 1);
}

TEST_CASE("a reply that got lost comes again") {
  watched_world world;
  world.spawn(make_memory());
  auto begun = world.watch(everything());
  REQUIRE(world.call(put("k", 1)));
  auto req = fetching(begun.watch);
  req.received = begun.position;
  auto lost = world.call(req);
  REQUIRE(lost->events.size() == 1);
  REQUIRE(world.call(put("k", 2)));
  auto again = world.call(req);
  REQUIRE(again->events.size() == 2);
  CHECK(again->events[0].rev == lost->events[0].rev);
  req.received = again->position;
  CHECK(world.call(req)->events.empty());
}

// -- ending -------------------------------------------------------------------

TEST_CASE("a watch ends when it is told to") {
  watched_world world;
  world.spawn(make_memory());
  auto id = world.begin(everything());
  auto waiting = world.ask(fetching(id, 10s));
  world.run();
  CHECK(world.call(unwatch_request{id})->existed);
  CHECK(code_of(waiting.take()) == errc::not_found);
  CHECK_FALSE(world.call(unwatch_request{id})->existed);
  CHECK(code_of(world.call(fetching(id))) == errc::not_found);
  CHECK(world.statistic("watchers") == 0);
}

TEST_CASE("a watch that nobody fetches from is forgotten") {
  watched_world world;
  world.spawn(make_memory());
  auto idle = world.begin(everything());
  auto busy = world.begin(everything());
  for (auto i = 0; i < 4; ++i) {
    auto waiting = world.ask(fetching(busy, 1h));
    world.advance_timers(20s);
    REQUIRE(world.call(put("k", i)));
    REQUIRE(waiting.take());
  }
  CHECK(world.statistic("watchers") == 1);
  CHECK(code_of(world.call(fetching(idle))) == errc::not_found);
  CHECK(world.call(fetching(busy)));
}

TEST_CASE("nobody is told of changes when nobody watches any more") {
  watched_world world;
  world.spawn(make_memory());
  auto id = world.begin(everything());
  REQUIRE(world.call(put("k", 1)));
  CHECK(world.statistic("events") == 1);
  REQUIRE(world.call(unwatch_request{id}));
  world.advance_timers(61s);
  REQUIRE(world.call(put("k", 2)));
  CHECK(world.statistic("events") == 1);
}

TEST_CASE("the watches of an actor end with it") {
  watched_world world;
  world.spawn(make_memory());
  uint64_t id = 0;
  auto two = [&](caf::event_based_actor* self, int n) -> caf::behavior {
    for (auto i = 0; i < n; ++i)
      self->request(world.store, caf::infinite, everything())
        .then([&](const watch_reply& x) { id = x.watch; });
    return {[](int) {}};
  };
  auto subscriber = world.system().spawn(two, 2);
  world.run();
  CHECK(world.statistic("watchers") == 2);
  caf::anon_send_exit(subscriber, caf::exit_reason::kill);
  subscriber = nullptr;
  world.run();
  CHECK(world.statistic("watchers") == 0);
  CHECK(code_of(world.call(fetching(id))) == errc::not_found);
}

TEST_CASE("there are no more watches than allowed") {
  watched_world world;
  world.spawn(make_memory(), [](store_config& cfg) { cfg.max_watches = 2; });
  world.begin(everything());
  auto id = world.begin(on_key("k"));
  CHECK(code_of(world.call(everything())) == errc::overloaded);
  REQUIRE(world.call(unwatch_request{id}));
  CHECK(world.call(everything()));
}

TEST_CASE("who waits for events of a store that is closed is told") {
  watched_world world;
  world.spawn(make_memory());
  auto id = world.begin(everything());
  auto waiting = world.ask(fetching(id, 10s));
  world.run();
  world.close();
  CHECK(code_of(waiting.take()) == errc::closed);
}

// -- coming back --------------------------------------------------------------

TEST_CASE("a watcher that comes back has missed nothing") {
  watched_world world;
  world.spawn(make_memory());
  auto begun = world.watch(everything());
  REQUIRE(world.call(put("k", 1)));
  auto seen = world.fetch(begun.watch);
  REQUIRE(world.call(unwatch_request{begun.watch}));
  world.advance_timers(30s);
  REQUIRE(world.call(put("k", 2)));
  auto since = everything();
  SECTION("by position") {
    since.since_position = seen.position;
    auto reply = world.fetch(world.begin(since));
    CHECK_FALSE(reply.resync);
    CHECK(reply.events.size() == 1);
  }
  SECTION("by stamp") {
    world.now += 1000;
    REQUIRE(world.call(put("k", 3)));
    since.since_stamp = world.now;
    auto reply = world.fetch(world.begin(since));
    CHECK_FALSE(reply.resync);
    CHECK(reply.events.size() == 1);
  }
  SECTION("not if it was away for too long") {
    world.advance_timers(31s);
    since.since_position = seen.position;
    auto reply = world.fetch(world.begin(since));
    CHECK(reply.resync);
    CHECK(reply.missed == 0);
    CHECK(reply.events.empty());
  }
}

TEST_CASE("a watcher that knows a time sees what is restored after it") {
  watched_world world;
  world.spawn(make_memory());
  auto first = world.begin(everything());
  world.now += 1000;
  auto since = everything();
  since.since_stamp = world.now;
  restore_request back;
  back.key = "key";
  back.content = value{1};
  back.meta.last_write = world.now - 500'000;
  REQUIRE(world.call(back));
  auto event = world.fetch(first).events.at(0);
  CHECK(event.stamp == world.now);
  auto second = world.begin(since);
  auto seen = world.fetch(second);
  CHECK_FALSE(seen.resync);
  REQUIRE(seen.events.size() == 1);
  CHECK(seen.events[0].rev == event.rev);
}

TEST_CASE("a watcher that knows the revision of a key has missed nothing") {
  watched_world world;
  world.spawn(make_memory());
  auto rev = world.call(put("k", 1))->rev;
  auto req = on_key("k");
  req.since_revision = rev;
  SECTION("if that is still its revision") {
    auto id = world.begin(req);
    CHECK_FALSE(world.fetch(id).resync);
    REQUIRE(world.call(put("k", 2)));
    CHECK(world.fetch(id).events.size() == 1);
  }
  SECTION("else it must look again") {
    REQUIRE(world.call(put("k", 2)));
    auto reply = world.fetch(world.begin(req));
    CHECK(reply.resync);
    CHECK(reply.events.empty());
  }
  SECTION("unless the store remembers") {
    world.begin(on_key("k"));
    auto second = world.call(put("k", 2))->rev;
    REQUIRE(world.call(put("k", 3)));
    req.since_revision = second;
    auto reply = world.fetch(world.begin(req));
    CHECK_FALSE(reply.resync);
    CHECK(reply.events.size() == 1);
  }
  SECTION("a key that did not exist has no revision") {
    auto absent = on_key("none");
    absent.since_revision = revision{};
    CHECK_FALSE(world.fetch(world.begin(absent)).resync);
    req.since_revision = revision{};
    CHECK(world.fetch(world.begin(req)).resync);
  }
}

TEST_CASE("another run of a store knows nothing of the one before") {
  auto engine = make_memory();
  watched_world world;
  world.spawn(engine);
  auto begun = world.watch(everything());
  REQUIRE(world.call(put("k", 1)));
  world.close();
  world.spawn(engine);
  auto other = world.begin(everything());
  REQUIRE(world.call(put("k", 2)));
  auto since = everything();
  since.since_position = begun.position;
  CHECK(world.fetch(world.begin(since)).resync);
  CHECK(world.fetch(other).events.size() == 1);
}

#endif
