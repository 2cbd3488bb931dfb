// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Requests on several keys whose sender or store ends in between, message by
/// message: what is answered must be true.

#include "larder/detail/caf.hpp"

#if !LARDER_CAF_1

#  include "stepper.hpp"
#  include "transactions.hpp"

#  include "larder/key.hpp"

#  include <set>

using namespace larder;
using namespace larder::test;

namespace {

constexpr size_t owners = 3;

const value a = key_of(0, owners);
const value b = key_of(1, owners);
const value c = key_of(2, owners);

struct mortal_world : stepper {
  std::shared_ptr<backend> engine = make_memory();

  mortal_world() {
    spawn(engine, [](store_config& cfg) { cfg.key_actors = owners; });
  }

  bool holds(const value& key) {
    return has_blob(*engine, *encode_key(key));
  }
};

} // namespace

TEST_CASE("a transaction of a key actor that ends is given up or in doubt") {
  // Only the actor that was asked ends at first, at every moment.
  std::set<errc> answers;
  for (auto steps = 0; steps < 25; ++steps) {
    CAPTURE(steps);
    mortal_world world;
    auto home = world.ask_routes()[2];
    question<transact_request> asked{world.system(), home,
                                     transact({put(a, 1), put(b, 1)})};
    world.run_few(steps);
    caf::anon_send_exit(home, caf::exit_reason::kill);
    world.run();
    auto reply = asked.take();
    CHECK(world.holds(a) == world.holds(b));
    if (reply) {
      CHECK(world.holds(a));
      continue;
    }
    answers.insert(reply.error().code());
    if (reply.error() == errc::closed)
      CHECK_FALSE(world.holds(a));
  }
  CHECK(answers == std::set<errc>{errc::unavailable, errc::closed});
}

TEST_CASE("a best-effort batch tells how far it came when its store ends") {
  size_t durable = 0;
  for (auto steps = 0; steps < 40; ++steps) {
    CAPTURE(steps);
    mortal_world world;
    auto asked
      = world.ask(multi_put({{a, 1}, {b, 1}, {c, 1}}, atomicity::best_effort));
    world.run_few(steps);
    world.end();
    auto reply = asked.take();
    if (!reply) {
      CHECK(reply.error() == errc::closed);
      CHECK_FALSE(world.holds(a));
      continue;
    }
    REQUIRE(reply->outcomes.size() == 3);
    for (auto& x : reply->outcomes) {
      if (!x.failure) {
        CHECK(world.holds(x.key));
        ++durable;
      } else if (*x.failure != errc::unavailable) {
        CHECK_FALSE(world.holds(x.key));
      }
    }
  }
  CHECK(durable > 0);
}

TEST_CASE("what a sweep or stream has done is not denied when its store ends") {
  std::set<errc> answers;
  for (auto steps = 0; steps < 40; ++steps) {
    CAPTURE(steps);
    mortal_world world;
    REQUIRE(world.call(put(a, 1)));
    world.now += 1000;
    auto sweep = world.call(begin_sweep_request{})->sweep;
    REQUIRE(world.call(keep_request{sweep, {}}));
    open_stream_request opening;
    opening.key = b;
    auto stream = world.call(opening)->stream;
    auto page = world.ask(sweep_page_request{sweep, 10});
    auto closing = world.ask(close_stream_request{stream});
    world.run_few(steps);
    world.end();
    auto check = [&answers](const auto& reply, bool changed) {
      if (reply) {
        CHECK(changed);
        return;
      }
      answers.insert(reply.error().code());
      if (changed)
        CHECK(reply.error() == errc::unavailable);
    };
    check(page.take(), !world.holds(a));
    check(closing.take(), world.holds(b));
  }
  CHECK(answers == std::set<errc>{errc::unavailable});
}

TEST_CASE("a transaction goes on when nobody waits for it any more") {
  mortal_world world;
  {
    auto first = world.ask(transact({put(a, 1), put(b, 1)}));
    auto second = world.ask(transact({put(b, 2), put(a, 2)}));
    world.run_without(writer);
  }
  auto last = world.ask(transact({get(b), get(a)}));
  world.run();
  auto reply = last.take();
  REQUIRE(reply);
  for (auto& x : reply->results)
    CHECK(std::get<get_reply>(x).content == value{2});
  auto all = world.call(statistics_request{})->statistics;
  CHECK(
    get_in(all, path{value::keyword("requests"), value::keyword("in-flight")})
    == value{0});
}

#endif
