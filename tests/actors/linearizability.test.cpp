// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What several clients see of few keys, and whether the checker would notice.

#include "linearizability.hpp"

#include "engines.hpp"
#include "temp_dir.hpp"
#include "threads.hpp"

#include <atomic>
#include <random>
#include <string>
#include <vector>

using namespace larder;
using namespace larder::test;

namespace {

using kind = observation::kind;

// -- recording ----------------------------------------------------------------

/// A client that does random things to keys and notes what it sees.
class observer {
public:
  observer(blocking_client& client, std::atomic<uint64_t>& clock, size_t id,
           size_t keys)
    : client_(client), clock_(clock), id_(id), histories_(keys), rng_(id) {
    // nop
  }

  void run(size_t n) {
    for (size_t i = 0; i < n; ++i) {
      key_ = static_cast<size_t>(rng_() % histories_.size());
      op_ = {};
      op_.invoked = ++clock_;
      step();
      op_.returned = ++clock_;
      histories_[key_].push_back(op_);
    }
  }

  const client_history& history(size_t key) const {
    return histories_[key];
  }

  /// What went wrong; empty: nothing.
  std::string problem;

private:
  void step() {
    switch (rng_() % 8) {
      case 0:
      case 1:
        return get();
      case 2:
      case 3:
        return put();
      case 4:
      case 5:
        return update();
      case 6:
        return erase();
      default:
        return put_if();
    }
  }

  value key() const {
    return "key " + std::to_string(key_);
  }

  /// A value that nobody else writes.
  value fresh() {
    return std::to_string(id_) + "-" + std::to_string(++counter_);
  }

  void unexpected(const error& err) {
    problem = to_string(err);
  }

  void get() {
    op_.type = kind::get;
    auto reply = client_.call(get_request{key(), {}, std::nullopt});
    if (reply) {
      op_.before = {reply->content, reply->rev};
      last_ = reply->rev;
    } else if (reply.error() != errc::not_found) {
      unexpected(reply.error());
    }
  }

  void put() {
    op_.type = kind::put;
    op_.after.content = fresh();
    put_request req;
    req.key = key();
    req.content = op_.after.content;
    auto reply = client_.call(std::move(req));
    if (!reply)
      return unexpected(reply.error());
    last_ = op_.after.rev = reply->rev;
  }

  void update() {
    op_.type = kind::update;
    auto content = fresh();
    auto reply = client_.update_with(
      key(), {},
      [content](const value*) -> expected<value> { return content; });
    if (!reply)
      return unexpected(reply.error());
    op_.before = {reply->before, {}};
    op_.after = {reply->after, reply->rev};
    last_ = reply->rev;
  }

  void erase() {
    op_.type = kind::erase;
    auto reply = client_.erase(key());
    if (!reply)
      return unexpected(reply.error());
    op_.succeeded = *reply;
  }

  void put_if() {
    op_.type = kind::put_if;
    op_.wanted = last_;
    op_.after.content = fresh();
    put_request req;
    req.key = key();
    req.content = op_.after.content;
    req.condition.must_match = last_;
    auto reply = client_.call(std::move(req));
    op_.succeeded = reply.has_value();
    if (reply)
      last_ = op_.after.rev = reply->rev;
    else if (reply.error() != errc::precondition_failed)
      unexpected(reply.error());
  }

  blocking_client& client_;
  std::atomic<uint64_t>& clock_;
  size_t id_;
  std::vector<client_history> histories_;
  std::mt19937_64 rng_;
  size_t key_ = 0;
  observation op_;
  revision last_;
  size_t counter_ = 0;
};

/// Lets observers loose on stores of the same keys, and checks what they saw.
void check_linearizable(caf::actor_system& sys,
                        const std::vector<caf::actor>& stores) {
  constexpr size_t observers = 6;
  constexpr size_t operations = 400;
  constexpr size_t keys = 2;
  std::vector<blocking_client> clients;
  for (auto& hdl : stores)
    clients.emplace_back(sys, hdl);
  std::atomic<uint64_t> clock{0};
  std::vector<observer> all;
  for (size_t i = 0; i < observers; ++i)
    all.emplace_back(clients[i % clients.size()], clock, i, keys);
  in_threads(observers, [&](size_t i) { all[i].run(operations); });
  for (auto& x : all)
    CHECK(x.problem == "");
  for (size_t key = 0; key < keys; ++key) {
    std::vector<client_history> histories;
    for (auto& x : all)
      histories.push_back(x.history(key));
    CHECK(is_linearizable(histories));
  }
}

// -- histories by hand --------------------------------------------------------

key_state state_of(int n) {
  key_state result;
  result.content = n;
  result.rev.data[0] = static_cast<std::byte>(n);
  return result;
}

observation made(kind type, uint64_t invoked, uint64_t returned, int n) {
  observation result;
  result.type = type;
  result.invoked = invoked;
  result.returned = returned;
  if (type == kind::get && n > 0)
    result.before = state_of(n);
  else if (type != kind::get)
    result.after = state_of(n);
  return result;
}

observation put_of(uint64_t invoked, uint64_t returned, int n) {
  return made(kind::put, invoked, returned, n);
}

/// Zero: not found.
observation get_of(uint64_t invoked, uint64_t returned, int n) {
  return made(kind::get, invoked, returned, n);
}

observation update_of(uint64_t invoked, uint64_t returned, int from, int to) {
  auto result = made(kind::update, invoked, returned, to);
  if (from > 0)
    result.before = state_of(from);
  return result;
}

} // namespace

// -- the checker --------------------------------------------------------------

TEST_CASE("the checker accepts what may have happened") {
  CHECK(is_linearizable({}));
  CHECK(is_linearizable({{get_of(1, 2, 0), put_of(3, 4, 1), get_of(5, 6, 1)}}));
  // A get beside a put sees either state, and both in this order.
  CHECK(is_linearizable({{put_of(1, 10, 1)}, {get_of(2, 3, 0)}}));
  CHECK(is_linearizable({{put_of(1, 10, 1)}, {get_of(2, 3, 1)}}));
  CHECK(
    is_linearizable({{put_of(1, 10, 1)}, {get_of(2, 3, 0), get_of(4, 5, 1)}}));
  // Two puts at the same time in either order.
  CHECK(is_linearizable(
    {{put_of(1, 10, 1)}, {put_of(1, 10, 2)}, {get_of(11, 12, 1)}}));
  CHECK(is_linearizable(
    {{put_of(1, 10, 1)}, {put_of(1, 10, 2)}, {get_of(11, 12, 2)}}));
}

TEST_CASE("the checker refuses what cannot have happened") {
  SECTION("a value that nobody has written") {
    CHECK_FALSE(is_linearizable({{put_of(1, 2, 1)}, {get_of(3, 4, 2)}}));
  }
  SECTION("an old value after a new one") {
    CHECK_FALSE(
      is_linearizable({{put_of(1, 2, 1), put_of(3, 4, 2)}, {get_of(5, 6, 1)}}));
  }
  SECTION("a put that is seen, then not seen") {
    CHECK_FALSE(is_linearizable(
      {{put_of(1, 10, 1)}, {get_of(2, 3, 1), get_of(4, 5, 0)}}));
  }
  SECTION("a lost update") {
    CHECK_FALSE(is_linearizable(
      {{put_of(1, 2, 1)}, {update_of(3, 10, 1, 2)}, {update_of(3, 10, 1, 3)}}));
  }
  SECTION("a lost put") {
    CHECK_FALSE(is_linearizable({{put_of(1, 2, 1)}, {get_of(3, 4, 0)}}));
  }
  SECTION("a conditional put that took what was gone") {
    auto op = made(kind::put_if, 5, 6, 3);
    op.wanted = state_of(1).rev;
    CHECK_FALSE(is_linearizable({{put_of(1, 2, 1), put_of(3, 4, 2), op}}));
    op.succeeded = false;
    CHECK(is_linearizable({{put_of(1, 2, 1), put_of(3, 4, 2), op}}));
  }
  SECTION("an erase of nothing") {
    auto op = made(kind::erase, 1, 2, 0);
    CHECK_FALSE(is_linearizable({{op}}));
    op.succeeded = false;
    CHECK(is_linearizable({{op}}));
  }
  SECTION("two clients that see two puts in different order") {
    CHECK_FALSE(is_linearizable({{put_of(1, 20, 1)},
                                 {put_of(1, 20, 2)},
                                 {get_of(2, 3, 1), get_of(4, 5, 2)},
                                 {get_of(2, 3, 2), get_of(4, 5, 1)}}));
  }
}

// -- stores -------------------------------------------------------------------

TEST_CASE("operations on keys in memory are linearizable") {
  threaded_world world;
  check_linearizable(world.system(), {world.spawn("memory:")});
}

TEST_CASE("operations on keys in files are linearizable") {
  temp_dir dir;
  threaded_world world;
  check_linearizable(world.system(),
                     {world.spawn("file:" + dir / "store?sync=off")});
}

TEST_CASE("operations through two stores of the same files are linearizable") {
  temp_dir dir;
  threaded_world world;
  auto uri = "file:" + dir / "store?sync=off";
  auto first = world.spawn(uri);
  check_linearizable(world.system(), {first, world.spawn(uri)});
}

TEST_CASE("operations on keys that are not cached are linearizable") {
  threaded_world world;
  auto config = open_store("memory:");
  REQUIRE(config);
  // Reads and commits through actors of their own, and nothing in the cache.
  config->engine = std::make_shared<disguised_backend>(
    config->engine, [](capabilities& x) { x.nonblocking = false; });
  config->cache_size = 0;
  check_linearizable(world.system(), {world.spawn(std::move(*config))});
}
