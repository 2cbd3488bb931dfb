// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// How transactions get hold of keys and let them go, message by message.

#include "larder/detail/caf.hpp"

#if !LARDER_CAF_1

#  include "stepper.hpp"
#  include "transactions.hpp"

#  include "larder/key.hpp"

using namespace larder;
using namespace larder::test;

namespace {

constexpr size_t owners = 3;
constexpr auto timeout = 5000ms;

const value a = key_of(0, owners);
const value b = key_of(1, owners);
const value c = key_of(2, owners);

/// A store with several key actors whose commits wait for the writer.
class held_world : public stepper {
public:
  explicit held_world(std::shared_ptr<backend> engine = make_memory()) {
    spawn(std::move(engine), [](store_config& cfg) {
      cfg.key_actors = owners;
      cfg.hold_timeout = timeout;
    });
    for (auto& key : {a, b, c})
      REQUIRE(call(put(key, 0)));
  }

  value at(const value& key) {
    auto request = get(key);
    request.fallback = value{};
    return call(request)->content;
  }

  int64_t count(std::string_view what) {
    auto all = call(statistics_request{})->statistics;
    return get_in(all,
                  path{value::keyword("transactions"), value::keyword(what)})
      ->as_integer();
  }
};

transact_request inc(const std::vector<value>& keys) {
  transact_request result;
  for (auto& key : keys)
    result.then_operations.emplace_back(update(key, "inc"));
  return result;
}

} // namespace

// -- order --------------------------------------------------------------------

TEST_CASE("operations on keys that are held wait their turn") {
  held_world world;
  auto held = world.ask(inc({a, b}));
  world.run_without(writer);
  auto before = world.ask(get(a));
  auto change = world.ask(update(b, "inc"));
  auto other = world.ask(inc({b, c}));
  auto last = world.ask(update(b, "inc"));
  auto free = world.ask(get(c));
  world.run_without(writer);
  CHECK_FALSE(held.answered());
  CHECK_FALSE(before.answered());
  CHECK_FALSE(change.answered());
  REQUIRE(free.answered());
  CHECK(free.take()->content == value{0});
  world.run();
  CHECK(held.take());
  CHECK(before.take()->content == value{1});
  CHECK(change.take()->after == value{2});
  CHECK(std::get<update_reply>(other.take()->results[0]).after == value{3});
  CHECK(last.take()->after == value{4});
  CHECK(world.count("waits") >= 1);
}

TEST_CASE("single operations come between transactions on the same keys") {
  // Whoever comes first is served first: a stream of transactions does not
  // keep a put waiting.
  held_world world;
  std::vector<question<transact_request>> stream;
  for (auto i = 0; i < 5; ++i)
    stream.push_back(world.ask(inc({a, b})));
  auto single = world.ask(update(a, "inc"));
  for (auto i = 0; i < 5; ++i)
    stream.push_back(world.ask(inc({b, a})));
  world.run();
  CHECK(single.take()->after == value{6});
  for (auto& x : stream)
    CHECK(x.take());
  CHECK(world.at(a) == value{11});
  CHECK(world.at(b) == value{10});
}

TEST_CASE("crossing transactions do not block each other") {
  held_world world;
  std::vector<question<transact_request>> all;
  for (auto i = 0; i < 10; ++i) {
    all.push_back(world.ask(inc({a, b, c})));
    all.push_back(world.ask(inc({c, b, a})));
    all.push_back(world.ask(inc({b, c})));
    all.push_back(world.ask(inc({c, a})));
    world.run_without(writer);
  }
  CHECK_FALSE(all.back().answered());
  world.run();
  for (auto& x : all)
    CHECK(x.take());
  CHECK(world.at(a) == value{30});
  CHECK(world.at(b) == value{30});
  CHECK(world.at(c) == value{40});
  // They did meet: all but the first on each key had to wait.
  CHECK(world.count("waits") >= 30);
  CHECK(world.count("revoked") == 0);
}

TEST_CASE("transactions cross on keys of the same key actor") {
  held_world world;
  auto a2 = key_of(0, owners, 1);
  auto busy = world.ask(put(a2, 0));
  world.run_without(writer);
  auto first = world.ask(inc({a, a2, c}));
  auto second = world.ask(inc({a2, a, c}));
  world.run();
  CHECK(busy.take());
  CHECK(std::get<update_reply>(first.take()->results[1]).after == value{1});
  CHECK(std::get<update_reply>(second.take()->results[0]).after == value{2});
}

TEST_CASE("a request may come to any key actor") {
  held_world world;
  auto routes = world.ask_routes();
  REQUIRE(routes.size() == owners);
  for (auto& hdl : routes) {
    auto before = world.at(a).as_integer();
    question<transact_request> first{world.system(), hdl, inc({a, b, c})};
    question<transact_request> second{world.system(), hdl, inc({b})};
    question<multi_get_request> third{world.system(), hdl, multi_get({c, a})};
    world.run();
    CHECK(first.take());
    CHECK(second.take());
    CHECK(third.take()->found.size() == 2);
    CHECK(world.at(a) == value{before + 1});
  }
}

// -- letting go ---------------------------------------------------------------

TEST_CASE("keys that are held for too long are let go, and nothing changes") {
  held_world world;
  // `b` is busy, so that `a` is held and waits.
  auto busy = world.ask(put(b, 10));
  world.run_without(writer);
  auto stuck = world.ask(inc({a, b}));
  auto waiting = world.ask(get(a));
  world.run_without(writer);
  world.advance_timers_without(timeout - 1ms, writer);
  CHECK_FALSE(waiting.answered());
  world.advance_timers_without(1ms, writer);
  REQUIRE(waiting.answered());
  CHECK(waiting.take()->content == value{0});
  world.run();
  CHECK(busy.take());
  auto result = stuck.take();
  CHECK(code_of(result) == errc::timeout);
  CHECK(world.at(a) == value{0});
  CHECK(world.at(b) == value{10});
  CHECK(world.count("revoked") == 1);
  CHECK(world.call(inc({a, b})));
}

TEST_CASE("keys that come after the others were let go are let go too") {
  held_world world;
  auto b2 = key_of(1, owners, 1);
  auto busy = world.ask(put(b2, 10));
  world.run_without(writer);
  auto stuck = world.ask(inc({b, b2, c}));
  world.run_without(writer);
  world.advance_timers_without(timeout, writer);
  auto waiting = world.ask(get(b));
  world.run_without(writer);
  REQUIRE(waiting.answered());
  CHECK(waiting.take()->content == value{0});
  world.run();
  CHECK(busy.take());
  CHECK(code_of(stuck.take()) == errc::timeout);
  CHECK(world.at(b2) == value{10});
  CHECK(world.at(c) == value{0});
  CHECK(world.call(inc({b, b2, c})));
  CHECK(world.at(b2) == value{11});
}

TEST_CASE("a transaction that is being committed keeps its keys") {
  held_world world;
  auto slow = world.ask(inc({a, b}));
  world.run_without(writer);
  auto waiting = world.ask(get(a));
  for (auto i = 0; i < 5; ++i)
    world.advance_timers_without(timeout, writer);
  CHECK_FALSE(waiting.answered());
  CHECK_FALSE(slow.answered());
  world.run();
  CHECK(slow.take());
  CHECK(waiting.take()->content == value{1});
  CHECK(world.count("revoked") == 0);
}

TEST_CASE("time that is spent waiting for the first key does not count") {
  held_world world;
  auto busy = world.ask(put(a, 10));
  world.run_without(writer);
  auto patient = world.ask(inc({a, b}));
  world.run_without(writer);
  world.advance_timers_without(3 * timeout, writer);
  world.run();
  CHECK(busy.take());
  CHECK(patient.take());
  CHECK(world.at(a) == value{11});
}

TEST_CASE("transactions under way are answered when the store ends") {
  held_world world;
  auto in_doubt = world.ask(inc({a, b}));
  world.run_without(writer);
  auto queued = world.ask(inc({b, c}));
  auto reading = world.ask(multi_get({a, c}));
  world.run_without(writer);
  caf::anon_send_exit(world.store, caf::exit_reason::user_shutdown);
  world.run_without(writer);
  CHECK(code_of(in_doubt.take()) == errc::unavailable);
  CHECK(code_of(queued.take()) == errc::closed);
  CHECK(code_of(reading.take()) == errc::closed);
  world.end();
}

TEST_CASE("closing waits for the transactions under way") {
  held_world world;
  auto first = world.ask(inc({a, b}));
  auto second = world.ask(inc({b, c}));
  auto batch = world.ask(multi_put({{a, 7}, {c, 7}}, atomicity::best_effort));
  world.run_without(writer);
  auto closing = world.ask(close_request{});
  world.run_without(writer);
  CHECK_FALSE(closing.answered());
  world.run();
  CHECK(first.take());
  CHECK(second.take());
  REQUIRE(batch.take());
  CHECK(closing.take());
  world.store = nullptr;
}

// -- snapshots ----------------------------------------------------------------

TEST_CASE("a snapshot shows no change without those made before it") {
  int64_t retries = 0;
  for (size_t i = 0; i < 6; ++i)
    for (size_t j = 0; j < 10; ++j) {
      held_world world;
      auto reading = world.ask(multi_get({a, b, c}));
      world.run_few(i);
      auto busy = world.ask(put(b, 1));
      auto before = world.ask(put(a, 1));
      world.run_few(j);
      auto in_order = before.answered();
      auto after = world.ask(put(b, 2));
      world.run();
      CHECK(busy.take());
      CHECK(before.take());
      CHECK(after.take());
      auto reply = reading.take();
      REQUIRE(reply);
      REQUIRE(reply->found.size() == 3);
      if (in_order && reply->found[1].content == value{2})
        CHECK(reply->found[0].content == value{1});
      retries += world.count("snapshot-retries");
    }
  CHECK(retries > 0);
}

TEST_CASE("a snapshot never shows a part of a transaction") {
  // At every moment of a transaction's life, from before to after.
  for (auto steps = 0; steps < 30; ++steps) {
    held_world world;
    auto change = world.ask(inc({a, b, c}));
    for (auto i = 0; i < steps; ++i)
      world.run_one();
    auto reading = world.ask(multi_get({c, a, b}));
    world.run();
    CHECK(change.take());
    auto reply = reading.take();
    REQUIRE(reply);
    REQUIRE(reply->found.size() == 3);
    CHECK(reply->found[0].content == reply->found[1].content);
    CHECK(reply->found[1].content == reply->found[2].content);
  }
}

// -- other processes ----------------------------------------------------------

namespace {

/// A store on an engine that another process writes to.
class contested_world {
public:
  std::shared_ptr<backend> inner = make_shared_memory();
  std::shared_ptr<interfering_backend> engine
    = std::make_shared<interfering_backend>(inner);
  held_world world{engine};

  /// Another store adds 100 to `key` before each of the next `n` commits.
  void interfere(int n, const value& key) {
    auto other = std::make_shared<stepper>();
    other->spawn(inner);
    engine->before_commit = [other, key, n]() mutable {
      if (n-- > 0)
        REQUIRE(other->call(update(key, "add", {100})));
    };
  }
};

} // namespace

TEST_CASE("a transaction that lost against another process is done again") {
  contested_world env;
  auto n = GENERATE(1, 2, 30);
  env.interfere(n, b);
  auto reply = env.world.call(inc({a, b, c}));
  REQUIRE(reply);
  CHECK(env.world.at(a) == value{1});
  CHECK(env.world.at(b) == value{n * 100 + 1});
  CHECK(env.world.at(c) == value{1});
}

TEST_CASE("what a transaction only reads must not change before it commits") {
  contested_world env;
  env.interfere(1, b);
  auto reply = env.world.call(
    transact_request{{equals(b, {}, 0)}, {put(a, "then")}, {put(a, "else")}});
  REQUIRE(reply);
  CHECK_FALSE(reply->succeeded);
  CHECK(env.world.at(a) == value{"else"});
}

TEST_CASE("a snapshot that another process disturbs is taken again") {
  contested_world env;
  env.interfere(2, b);
  auto reply = env.world.call(multi_get({a, b}));
  REQUIRE(reply);
  CHECK(reply->found.at(1).content == value{200});
}

TEST_CASE("a transaction that always loses is a conflict in the end") {
  contested_world env;
  env.interfere(1000, b);
  CHECK(code_of(env.world.call(inc({a, b}))) == errc::conflict);
  env.engine->before_commit = nullptr;
  CHECK(env.world.at(a) == value{0});
  CHECK(env.world.call(inc({a, b})));
}

TEST_CASE("a transaction sees what another process has written before") {
  contested_world env;
  REQUIRE(env.world.call(inc({a, b})));
  stepper other;
  other.spawn(env.inner);
  REQUIRE(other.call(put(a, 50)));
  REQUIRE(other.call(erase(b)));
  auto reply = env.world.call(
    transact_request{{equals(a, {}, 50), absent(b)}, {update(a, "inc")}, {}});
  REQUIRE(reply);
  CHECK(reply->succeeded);
  CHECK(other.call(get(a))->content == value{51});
}

TEST_CASE("a shared engine without groups takes no transaction over keys") {
  held_world world{std::make_shared<disguised_backend>(
    make_shared_memory(), [](capabilities& x) { x.atomic_groups = false; })};
  CHECK(code_of(world.call(multi_get({a, b}))) == errc::unsupported);
  CHECK(world.call(multi_get({a})));
  CHECK(world.call(inc({a})));
  CHECK(world.call(multi_erase({a, b}, atomicity::best_effort)));
}

#endif
