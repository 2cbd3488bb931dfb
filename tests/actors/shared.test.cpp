// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Several stores on one engine, as several processes would have it.

#include "larder/detail/caf.hpp"

#if !LARDER_CAF_1

#  include "stepper.hpp"

#  include "larder/key.hpp"
#  include "larder/path.hpp"
#  include "larder/uuid.hpp"

#  include <optional>

using namespace larder;
using namespace larder::test;

namespace {

/// Writes as another process would.
void write_elsewhere(backend& engine, const value& key, value content) {
  auto codecs = std::make_shared<const codec_registry>();
  chain blobs{engine.id(), *make_chain_config(std::move(codecs), "cbor", "none",
                                              "none", nullptr)};
  metadata meta;
  meta.key = key;
  fill_random(meta.rev.data);
  auto encoded = encode_key(key);
  REQUIRE(encoded);
  auto blob = blobs.encode(*encoded, meta, content);
  REQUIRE(blob);
  write_blob(engine, *encoded, std::move(*blob));
}

void erase_elsewhere(backend& engine, const value& key) {
  mutation mut{*encode_key(key), {}, {}};
  REQUIRE(engine.commit(std::span{&mut, 1}).at(0));
}

/// An engine, and a wrapper around it for the store under test.
struct shared_world {
  std::shared_ptr<backend> inner = make_shared_memory();
  std::shared_ptr<interfering_backend> engine
    = std::make_shared<interfering_backend>(inner);
  stepper world;

  shared_world() {
    world.spawn(engine);
  }

  /// Another process writes `key` before each of the next `n` commits.
  void interfere(int n, value key, value content) {
    engine->before_commit = [=, this, left = n]() mutable {
      if (left-- > 0)
        write_elsewhere(*inner, key, content);
    };
  }
};

} // namespace

TEST_CASE("a change that lost against another process is made again") {
  shared_world env;
  REQUIRE(env.world.call(put("k", 1)));
  auto n = GENERATE(1, 2, 50);
  env.interfere(n, "k", 100);
  auto reply = env.world.call(update("k", "inc"));
  REQUIRE(reply);
  CHECK(reply->before == value{100});
  CHECK(reply->after == value{101});
  auto statistics = env.world.call(statistics_request{});
  REQUIRE(statistics);
  CHECK(get_in(statistics->statistics,
               path{value::keyword("commits"), value::keyword("conflicts")})
        == value{n});
}

TEST_CASE("all changes of a commit that lost are made again in order") {
  shared_world env;
  auto first = env.world.ask(put("k", 1));
  env.world.run_without(writer);
  auto second = env.world.ask(update("k", "inc"));
  auto read = env.world.ask(get("k"));
  auto third = env.world.ask(update("k", "inc"));
  env.world.run_without(writer);
  auto commits = 0;
  env.engine->before_commit = [&] {
    if (++commits == 2)
      write_elsewhere(*env.inner, "k", 10);
  };
  env.world.run();
  CHECK(first.take());
  CHECK(second.take()->after == value{11});
  CHECK(read.take()->content == value{11});
  CHECK(third.take()->after == value{12});
  CHECK(env.world.call(get("k"))->content == value{12});
}

TEST_CASE("a change that always loses is a conflict in the end") {
  shared_world env;
  REQUIRE(env.world.call(put("k", 1)));
  env.interfere(1000, "k", 100);
  auto result = env.world.call(update("k", "inc"));
  REQUIRE_FALSE(result);
  CHECK(result.error() == errc::conflict);
  CHECK(result.error().retryable());
  env.engine->before_commit = nullptr;
  CHECK(env.world.call(update("k", "inc"))->after == value{101});
}

TEST_CASE("conditions are judged by what another process has written") {
  shared_world env;
  auto rev = env.world.call(put("k", 1))->rev;
  env.interfere(1, "k", 100);
  CHECK(code_of(env.world.call(if_revision(put("k", 2), rev)))
        == errc::precondition_failed);
  CHECK(env.world.call(get("k"))->content == value{100});
  env.interfere(1, "new", 100);
  CHECK(code_of(env.world.call(if_absent(put("new", 2))))
        == errc::precondition_failed);
}

TEST_CASE("a stream that lost against another process is written again") {
  shared_world env;
  auto opened = env.world.call(open_stream_request{"k", {}, {}, {}});
  REQUIRE(opened);
  auto id = opened->stream;
  auto content = std::make_shared<const bytes>(to_bytes("content"));
  REQUIRE(env.world.call(append_stream_request{id, 0, content}));
  env.interfere(2, "k", 100);
  CHECK(env.world.call(close_stream_request{id}));
  auto reply = env.world.call(read("k"));
  REQUIRE(reply);
  CHECK(as_chars(*reply->content) == "content");
}

TEST_CASE("what is cached is looked up when others may write") {
  shared_world env;
  REQUIRE(env.world.call(put("k", 1)));
  CHECK(env.world.call(get("k"))->content == value{1});
  write_elsewhere(*env.inner, "k", 2);
  CHECK(env.world.call(get("k"))->content == value{2});
  erase_elsewhere(*env.inner, "k");
  CHECK(code_of(env.world.call(get("k"))) == errc::not_found);
  CHECK(code_of(env.world.call(get("k"))) == errc::not_found);
  write_elsewhere(*env.inner, "k", 3);
  CHECK(env.world.call(exists_request{"k", {}})->exists);
  CHECK(env.world.call(get("k"))->content == value{3});
}

TEST_CASE("an answer never misses what was written before the question") {
  shared_world env;
  REQUIRE(env.world.call(put("k", 1)));
  auto routes = env.world.call(routes_request{});
  REQUIRE(routes);
  // Requests that come when the engine has done what it was asked to, and
  // another process has written, but before the key actor knows.
  auto ask = [&](auto req) {
    return question<decltype(req)>{env.world.system(), routes->key_actors[0],
                                   std::move(req)};
  };
  std::optional<question<get_request>> read;
  std::optional<question<exists_request>> exists;
  std::optional<question<put_request>> rejected;
  std::optional<question<erase_request>> erased;
  auto hook = [&](auto change) {
    return [&, change, done = false]() mutable {
      if (std::exchange(done, true))
        return;
      change();
      read.emplace(ask(get("k")));
      exists.emplace(ask(exists_request{"k", {}}));
      rejected.emplace(ask(if_absent(put("k", 5))));
    };
  };
  SECTION("while a load is under way") {
    env.engine->after_read = hook([&] { write_elsewhere(*env.inner, "k", 2); });
    auto early = env.world.ask(get("k"));
    env.world.run();
    CHECK(early.take()->content == value{1});
    CHECK(read->take()->content == value{2});
    CHECK(exists->take()->exists);
    CHECK(code_of(rejected->take()) == errc::precondition_failed);
  }
  SECTION("while a commit is under way") {
    env.engine->after_commit
      = hook([&] { write_elsewhere(*env.inner, "k", 2); });
    auto early = env.world.ask(put("k", 10));
    env.world.run();
    CHECK(early.take());
    CHECK(read->take()->content == value{2});
    CHECK(exists->take()->exists);
    CHECK(code_of(rejected->take()) == errc::precondition_failed);
  }
  SECTION("that erased") {
    env.engine->after_commit = hook([&] { erase_elsewhere(*env.inner, "k"); });
    auto early = env.world.ask(put("k", 10));
    env.world.run();
    CHECK(early.take());
    CHECK(code_of(read->take()) == errc::not_found);
    CHECK_FALSE(exists->take()->exists);
    CHECK(rejected->take());
  }
  SECTION("and what is made and erased hides nothing") {
    REQUIRE(env.world.call(erase("k")));
    std::optional<question<put_request>> made;
    env.engine->after_read = [&, done = false]() mutable {
      if (std::exchange(done, true))
        return;
      write_elsewhere(*env.inner, "k", 2);
      made.emplace(ask(put("k", 3)));
      erased.emplace(ask(erase("k")));
    };
    auto early = env.world.ask(get("k"));
    env.world.run();
    CHECK(code_of(early.take()) == errc::not_found);
    CHECK(made->take());
    CHECK(erased->take()->existed);
    CHECK(code_of(env.world.call(get("k"))) == errc::not_found);
  }
}

TEST_CASE("damage made or healed elsewhere is noticed") {
  shared_world env;
  REQUIRE(env.world.call(put("k", 1)));
  auto blob = read_blob(*env.inner, "\"k");
  blob[0] = std::byte{77};
  write_blob(*env.inner, "\"k", blob);
  CHECK(code_of(env.world.call(get("k"))) == errc::corruption);
  write_elsewhere(*env.inner, "k", 2);
  CHECK(env.world.call(get("k"))->content == value{2});
}

TEST_CASE("a binary is read whole though it is written meanwhile") {
  stepper world;
  auto inner = make_memory();
  auto engine = std::make_shared<fault_injecting_backend>(inner);
  world.spawn(engine);
  REQUIRE(world.call(write("k", "old bytes")));
  // The key is written between the reader's first look and its second.
  bytes newer;
  {
    stepper other;
    other.spawn(inner);
    REQUIRE(other.call(write("k", "new")));
    newer = read_blob(*inner, "\"k");
    REQUIRE(other.call(write("k", "old bytes")));
  }
  auto looks = 0;
  engine->inject([&](backend_call call, std::string_view) {
    if (call == backend_call::read && ++looks == 2)
      write_blob(*inner, "\"k", newer);
    return std::optional<error>{};
  });
  auto reply = world.call(read("k"));
  REQUIRE(reply);
  CHECK(as_chars(*reply->content) == "new");
  CHECK(reply->size == 3);
}

#endif
