// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Changes that validators refuse.

#include "larder/detail/caf.hpp"

#if !LARDER_CAF_1

#  include "stepper.hpp"

#  include <stdexcept>
#  include <string>
#  include <vector>

using namespace larder;
using namespace larder::test;

namespace {

/// A validator that keeps what it is asked, and refuses on demand.
struct recorder {
  struct change {
    value key;
    change_kind kind;
    std::optional<value> before;
    std::optional<value> after;

    friend bool operator==(const change&, const change&) = default;
  };

  validator make(std::string name, value prefix) {
    auto check = [this](const proposed_change& x) -> expected<void> {
      auto copy = [](const value* from) {
        return from != nullptr ? std::optional{*from} : std::nullopt;
      };
      asked.push_back({x.key, x.kind, copy(x.before), copy(x.after)});
      if (throws)
        throw std::runtime_error("cannot tell");
      if (refuses)
        return fail(errc::invalid_argument, "not today");
      return {};
    };
    return {std::move(name), std::move(prefix), check};
  }

  std::vector<change> take() {
    return std::exchange(asked, {});
  }

  std::vector<change> asked;
  bool refuses = false;
  bool throws = false;
};

using all = std::vector<recorder::change>;

/// A store with a recorder for the keys that begin with "v/".
struct fixture {
  explicit fixture(std::shared_ptr<backend> x = make_memory())
    : engine(std::move(x)) {
    spawn();
  }

  void spawn() {
    world.spawn(engine, [this](store_config& cfg) {
      cfg.validators = {rules.make("rule", "v/")};
    });
  }

  int64_t refused() {
    auto reply = world.call(statistics_request{});
    return get_in(reply->statistics,
                  path{value::keyword("requests"), value::keyword("refused")})
      ->as_integer();
  }

  std::shared_ptr<backend> engine;
  recorder rules;
  stepper world;
};

} // namespace

TEST_CASE("a validator sees the whole value before and after every change") {
  fixture x;
  auto& world = x.world;
  REQUIRE(world.call(put("v/k", value::map({{"n", 1}}))));
  REQUIRE(world.call(put_at("v/k", {"m"}, 2)));
  auto inc = update("v/k", "inc");
  inc.steps = {"n"};
  REQUIRE(world.call(inc));
  auto erase_part = erase("v/k");
  erase_part.steps = {"m"};
  REQUIRE(world.call(erase_part));
  REQUIRE(world.call(erase("v/k")));
  auto one = value::map({{"n", 1}});
  auto two = value::map({{"n", 1}, {"m", 2}});
  auto three = value::map({{"n", 2}, {"m", 2}});
  auto four = value::map({{"n", 2}});
  using kind = change_kind;
  CHECK(x.rules.take()
        == all{{"v/k", kind::put, std::nullopt, one},
               {"v/k", kind::put, one, two},
               {"v/k", kind::update, two, three},
               {"v/k", kind::update, three, four},
               {"v/k", kind::erase, four, std::nullopt}});
}

TEST_CASE("a validator is asked about its own keys only") {
  fixture x;
  REQUIRE(x.world.call(put("other", 1)));
  REQUIRE(x.world.call(put(value::keyword("v/k"), 1)));
  CHECK(x.rules.take().empty());
}

TEST_CASE("a validator without a prefix is asked about all keys") {
  recorder rules;
  stepper world;
  world.spawn(make_memory(), [&](store_config& cfg) {
    cfg.validators = {rules.make("rule", {})};
  });
  REQUIRE(world.call(put("k", 1)));
  REQUIRE(world.call(put(7, 1)));
  CHECK(rules.take().size() == 2);
}

TEST_CASE("what is refused changes nothing and tells why") {
  fixture x;
  auto& world = x.world;
  auto before = world.call(put("v/k", 1));
  x.rules.refuses = true;
  auto put_result = world.call(put("v/k", 2));
  CHECK(code_of(put_result) == errc::refused);
  auto message = put_result.error().message();
  CHECK(message == R"("v/k": validator rule: not today)");
  CHECK(code_of(world.call(update("v/k", "inc"))) == errc::refused);
  CHECK(code_of(world.call(erase("v/k"))) == errc::refused);
  CHECK(code_of(world.call(put("v/new", 2))) == errc::refused);
  auto now = world.call(get("v/k"));
  CHECK(now->content == value{1});
  CHECK(now->rev == before->rev);
  CHECK(code_of(world.call(get("v/new"))) == errc::not_found);
  CHECK(x.refused() == 4);
  x.rules.refuses = false;
  CHECK(world.call(update("v/k", "inc"))->after == value{2});
}

TEST_CASE("what a validator throws refuses the change") {
  fixture x;
  x.rules.throws = true;
  auto result = x.world.call(put("v/k", 1));
  CHECK(code_of(result) == errc::refused);
  CHECK(result.error().message().find("cannot tell") != std::string::npos);
}

TEST_CASE("the first validator that refuses is the last one asked") {
  recorder first;
  recorder second;
  stepper world;
  world.spawn(make_memory(), [&](store_config& cfg) {
    cfg.validators = {first.make("first", "v/"), second.make("second", {})};
  });
  first.refuses = true;
  auto result = world.call(put("v/k", 1));
  CHECK(result.error().message().find("first") != std::string::npos);
  CHECK(second.take().empty());
  first.refuses = false;
  CHECK(world.call(put("v/k", 1)));
  CHECK(second.take().size() == 1);
}

TEST_CASE("requests that change nothing are not validated") {
  fixture x;
  REQUIRE(x.world.call(put("v/k", "text")));
  x.rules.take();
  CHECK(x.world.call(get("v/k")));
  CHECK_FALSE(x.world.call(erase("v/none"))->existed);
  CHECK_FALSE(x.world.call(if_absent(put("v/k", 1))));
  CHECK_FALSE(x.world.call(update("v/k", "inc")));
  CHECK(x.rules.take().empty());
}

TEST_CASE("binaries are validated, whole and as streams") {
  fixture x;
  auto& world = x.world;
  REQUIRE(world.call(put("v/b", 1)));
  x.rules.take();
  auto stream = [&] {
    auto opened = world.call(open_stream_request{"v/b", {}, {}, {}});
    REQUIRE(opened);
    return world.call(close_stream_request{opened->stream});
  };
  x.rules.refuses = true;
  CHECK(code_of(world.call(write("v/b", "bytes"))) == errc::refused);
  CHECK(code_of(stream()) == errc::refused);
  CHECK(world.call(get("v/b"))->content == value{1});
  x.rules.refuses = false;
  CHECK(world.call(write("v/b", "bytes")));
  CHECK(stream());
  using kind = change_kind;
  recorder::change over_value{"v/b", kind::write, 1, std::nullopt};
  recorder::change over_binary{"v/b", kind::write, std::nullopt, std::nullopt};
  CHECK(x.rules.take() == all{over_value, over_value, over_value, over_binary});
}

TEST_CASE("a refused change leaves those that share its commit alone") {
  fixture x;
  auto& world = x.world;
  auto first = world.ask(put("v/k", 1));
  world.run_without(writer);
  auto good = world.ask(update("v/k", "inc"));
  world.run_without(writer);
  x.rules.refuses = true;
  auto bad = world.ask(put("v/k", 100));
  world.run_without(writer);
  x.rules.refuses = false;
  auto last = world.ask(update("v/k", "inc"));
  world.run();
  CHECK(first.take());
  CHECK(good.take()->after == value{2});
  CHECK(code_of(bad.take()) == errc::refused);
  CHECK(last.take()->after == value{3});
}

TEST_CASE("the value before is read for a validator if it must be") {
  fixture x;
  REQUIRE(x.world.call(put("v/k", "old")));
  REQUIRE(x.world.call(put("v/gone", "old")));
  x.world.close();
  x.spawn();
  x.rules.take();
  REQUIRE(x.world.call(put("v/k", "new")));
  REQUIRE(x.world.call(erase("v/gone")));
  using kind = change_kind;
  CHECK(x.rules.take()
        == all{{"v/k", kind::put, "old", "new"},
               {"v/gone", kind::erase, "old", std::nullopt}});
}

TEST_CASE("a damaged key can be erased and written in spite of a validator") {
  auto engine = make_memory();
  fixture x{engine};
  for (auto key : {"v/a", "v/b"})
    REQUIRE(x.world.call(put(key, "a value that is going to be damaged")));
  x.world.close();
  for (auto key : {"\"v/a", "\"v/b"}) {
    auto blob = read_blob(*engine, key);
    blob.back() ^= std::byte{1};
    write_blob(*engine, key, blob);
  }
  x.spawn();
  x.rules.take();
  CHECK(x.world.call(erase("v/a"))->existed);
  CHECK(x.world.call(put("v/b", 1)));
  using kind = change_kind;
  CHECK(x.rules.take()
        == all{{"v/a", kind::erase, std::nullopt, std::nullopt},
               {"v/b", kind::put, std::nullopt, 1}});
}

TEST_CASE("expiry is not asked about, and what has expired is not shown") {
  fixture x;
  auto& world = x.world;
  REQUIRE(world.call(with_ttl(put("v/k", 1), 5s)));
  REQUIRE(world.call(with_ttl(put("v/gone", 1), 5s)));
  x.rules.take();
  world.now += 6000;
  REQUIRE(world.call(put("v/k", 2)));
  using kind = change_kind;
  CHECK(x.rules.take() == all{{"v/k", kind::put, std::nullopt, 2}});
  x.rules.refuses = true;
  world.advance(61s);
  CHECK_FALSE(has_blob(*x.engine, "\"v/gone"));
  CHECK(x.rules.take().empty());
}

TEST_CASE("a change that lost against another process is validated again") {
  auto inner = make_shared_memory();
  auto engine = std::make_shared<interfering_backend>(inner);
  fixture x{engine};
  stepper other;
  other.spawn(inner);
  REQUIRE(x.world.call(put("v/k", 1)));
  x.rules.take();
  auto lost = false;
  engine->before_commit = [&] {
    if (!std::exchange(lost, true))
      REQUIRE(other.call(put("v/k", 10)));
  };
  CHECK(x.world.call(update("v/k", "inc"))->after == value{11});
  using kind = change_kind;
  CHECK(x.rules.take()
        == all{{"v/k", kind::update, 1, 2}, {"v/k", kind::update, 10, 11}});
}

#endif
