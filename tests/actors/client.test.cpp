// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The client's window, deadlines and order, message by message.

#include "larder/detail/caf.hpp"

#if !LARDER_CAF_1

#  include "stepper.hpp"

#  include "larder/client.hpp"

#  include <map>
#  include <vector>

using namespace larder;
using namespace larder::test;

namespace {

struct owner_state {
  const char* name = "test.owner";
  std::unique_ptr<client> impl;
};

/// An actor with a client, which runs what tests post. A shutdown message ends
/// it.
caf::behavior owner(caf::stateful_actor<owner_state>* self, caf::actor store,
                    client_options options) {
  self->state.impl = std::make_unique<client>(self, std::move(store), options);
  return {
    [self](const internal::use_client& msg) { msg.run(*self->state.impl); },
    [self](const internal::flush&) { self->state.impl.reset(); },
  };
}

/// Answers of requests that a client has sent, in the order they came.
template <class Request>
class answers {
public:
  using reply = typename Request::reply_type;

  explicit answers(caf::actor hdl) : owner_(std::move(hdl)) {
    // nop
  }

  void send(Request req) {
    auto run = [this, id = next_++, r = std::move(req)](client& impl) {
      impl.send<Request>(r, [this, id](expected<reply> x) {
        order.push_back(id);
        all.emplace(id, std::move(x));
        ++calls[id];
      });
    };
    caf::anon_send(owner_, internal::use_client{std::move(run)});
  }

  std::vector<size_t> order;
  std::map<size_t, expected<reply>> all;
  std::map<size_t, size_t> calls;

private:
  caf::actor owner_;
  size_t next_ = 0;
};

/// What a client knows of itself.
size_t pending(stepper& world, const caf::actor& hdl) {
  size_t result = 0;
  caf::anon_send(
    hdl, internal::use_client{[&](client& impl) { result = impl.pending(); }});
  world.run_without(writer);
  return result;
}

/// A world with a store, and an engine that has seen nothing yet.
struct fixture {
  explicit fixture(client_options options, size_t key_actors = 1) {
    world.spawn(engine, [&](store_config& x) { x.key_actors = key_actors; });
    hdl = world.system().spawn(owner, world.store, options);
    world.run();
  }

  ~fixture() {
    caf::anon_send_exit(hdl, caf::exit_reason::user_shutdown);
    world.run();
  }

  std::shared_ptr<recording_backend> engine
    = std::make_shared<recording_backend>(make_memory());
  stepper world;
  caf::actor hdl;
};

client_options options(size_t window, size_t max_waiting = 1000,
                       std::chrono::milliseconds deadline = 0ms) {
  return {window, max_waiting, deadline};
}

} // namespace

TEST_CASE("a client keeps no more requests under way than its window") {
  fixture env{options(3)};
  answers<put_request> puts{env.hdl};
  for (auto i = 0; i < 10; ++i)
    puts.send(put(i, i));
  env.world.run_without(writer);
  CHECK(pending(env.world, env.hdl) == 10);
  env.engine->take_calls();
  env.world.run();
  CHECK(puts.all.size() == 10);
  CHECK(pending(env.world, env.hdl) == 0);
  for (auto& call : env.engine->take_calls())
    CHECK(call.keys.size() <= 3);
  for (auto& [id, reply] : puts.all)
    CHECK(reply);
}

TEST_CASE("requests of one client on one key keep their order") {
  fixture env{options(4), 4};
  answers<update_request> updates{env.hdl};
  for (auto i = 0; i < 20; ++i)
    updates.send(update("k", "conj", {i}));
  env.world.run();
  std::vector<value> expected_items;
  for (auto i = 0; i < 20; ++i) {
    expected_items.emplace_back(i);
    auto& reply = updates.all.at(static_cast<size_t>(i));
    REQUIRE(reply);
    CHECK(reply->after == value::vector(expected_items));
  }
  CHECK(std::is_sorted(updates.order.begin(), updates.order.end()));
}

TEST_CASE("too many waiting requests are refused at once") {
  fixture env{options(2, 3)};
  answers<put_request> puts{env.hdl};
  for (auto i = 0; i < 6; ++i)
    puts.send(put(i, i));
  env.world.run_without(writer);
  REQUIRE(puts.all.size() == 1);
  CHECK(code_of(puts.all.at(5)) == errc::overloaded);
  env.world.run();
  CHECK(puts.all.size() == 6);
  for (size_t i = 0; i < 5; ++i)
    CHECK(puts.all.at(i));
}

TEST_CASE("a request without an answer in time is a timeout") {
  fixture env{options(1, 1000, 1000ms)};
  answers<put_request> puts{env.hdl};
  puts.send(put("a", 1));
  puts.send(put("b", 1)); // waits for the window
  env.world.run_without(writer);
  auto pass = [&](std::chrono::milliseconds time) {
    env.world.advance_timers_without(time, writer);
  };
  pass(750ms);
  CHECK(puts.all.empty());
  pass(250ms);
  pass(250ms);
  REQUIRE(puts.all.size() == 2);
  CHECK(code_of(puts.all.at(0)) == errc::timeout);
  CHECK(code_of(puts.all.at(1)) == errc::timeout);
  CHECK(pending(env.world, env.hdl) == 0);
  // The late answer is nobody's; what was never sent is not done.
  env.world.run();
  CHECK(puts.calls == std::map<size_t, size_t>{{0, 1}, {1, 1}});
  CHECK(has_blob(*env.engine, "\"a"));
  CHECK_FALSE(has_blob(*env.engine, "\"b"));
  puts.send(put("c", 1));
  env.world.run();
  CHECK(puts.all.at(2));
}

TEST_CASE("answers in time are not timed out later") {
  fixture env{options(10, 1000, 1000ms)};
  answers<put_request> puts{env.hdl};
  puts.send(put("a", 1));
  env.world.run();
  REQUIRE(puts.all.at(0));
  env.world.advance_timers(10s);
  CHECK(puts.calls.at(0) == 1);
}

TEST_CASE("a client that is gone calls nobody back") {
  fixture env{options(1, 1000, 1000ms)};
  answers<put_request> puts{env.hdl};
  puts.send(put("a", 1));
  puts.send(put("b", 1));
  env.world.run_without(writer);
  caf::anon_send(env.hdl, internal::flush{});
  env.world.run();
  env.world.advance_timers(10s);
  CHECK(puts.all.empty());
  CHECK(has_blob(*env.engine, "\"a"));
}

TEST_CASE("a client takes requests before it knows the store's actors") {
  stepper world;
  world.spawn(make_memory());
  auto hdl = world.system().spawn(owner, world.store, options(10));
  answers<update_request> updates{hdl};
  for (auto i = 0; i < 5; ++i)
    updates.send(update("k", "inc"));
  world.run();
  REQUIRE(updates.all.size() == 5);
  CHECK(updates.all.at(4)->after == value{5});
  caf::anon_send_exit(hdl, caf::exit_reason::user_shutdown);
}

TEST_CASE("a client learns that its store is closed") {
  fixture env{options(2)};
  answers<put_request> puts{env.hdl};
  env.world.close();
  for (auto i = 0; i < 5; ++i)
    puts.send(put(i, i));
  env.world.run();
  REQUIRE(puts.all.size() == 5);
  for (auto& [id, reply] : puts.all)
    CHECK(code_of(reply) == errc::closed);
}

TEST_CASE("a handler may send more requests") {
  fixture env{options(1)};
  std::vector<int64_t> seen;
  std::function<void(client&)> again = [&](client& impl) {
    impl.send<update_request>(update("k", "inc"),
                              [&](expected<update_reply> x) {
                                REQUIRE(x);
                                seen.push_back(x->after.as_integer());
                                if (seen.size() < 5)
                                  again(impl);
                              });
  };
  caf::anon_send(env.hdl, internal::use_client{again});
  env.world.run();
  CHECK(seen == std::vector<int64_t>{1, 2, 3, 4, 5});
}

#endif
