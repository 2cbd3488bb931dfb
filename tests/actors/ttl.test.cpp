// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Time to live, in virtual time.

#include "larder/detail/caf.hpp"

#if !LARDER_CAF_1

#  include "sweeps.hpp"

#  include "larder/header.hpp"
#  include "larder/logging.hpp"
#  include "larder/text.hpp"

#  include <algorithm>
#  include <map>

using namespace larder;
using namespace larder::test;

namespace {

bool exists(stepper& world, value key) {
  auto reply = world.call(exists_request{std::move(key), {}});
  REQUIRE(reply);
  return reply->exists;
}

std::optional<int64_t> expiry_of(stepper& world, value key) {
  auto reply = world.call(metadata_request{std::move(key)});
  REQUIRE(reply);
  return reply->meta.expiry;
}

/// Puts keys that expire at `expiry` past all actors.
void fill(backend& engine, int n, int64_t expiry) {
  auto blobs = make_chain(engine);
  for (auto i = 0; i < n; ++i) {
    metadata meta;
    meta.key = i;
    meta.last_write = 1;
    meta.expiry = expiry;
    fill_random(meta.rev.data);
    auto key = std::to_string(i);
    write_blob(engine, key, *blobs.encode(key, meta, i));
  }
}

/// Watches a collector at work.
class watched_collection : public backend_wrapper {
public:
  using backend_wrapper::backend_wrapper;

  std::map<std::string, int> erased; ///< how often
  size_t pages = 0;
  size_t most_under_way = 0;
  size_t leftovers = 0; ///< keys that were there when the next page was made
  std::function<void()> before_page;
  std::function<void(const mutation&)> before_put;
  std::function<void(size_t erases)> before_erases;

  std::vector<commit_outcome> commit(std::span<mutation> batch) override {
    size_t erases = 0;
    for (auto& x : batch) {
      if (!std::holds_alternative<std::monostate>(x.content)) {
        if (before_put)
          before_put(x);
        continue;
      }
      ++erases;
      ++erased[x.key];
    }
    most_under_way = std::max(most_under_way, erases);
    if (before_erases && erases > 0)
      before_erases(erases);
    return backend_wrapper::commit(batch);
  }

  expected<list_page> list(const list_request& request) override {
    for (auto& key : last_page_)
      leftovers += has_blob(*this, key) ? 1 : 0;
    last_page_.clear();
    if (before_page)
      before_page();
    ++pages;
    auto page = backend_wrapper::list(request);
    for (auto& x : page->entries)
      last_page_.push_back(x.key);
    return page;
  }

private:
  std::vector<std::string> last_page_;
};

/// Keeps the names of events, and how many keys were collected.
class event_names : public log_sink {
public:
  std::vector<std::string> seen;

  void write(const log_event& event) noexcept override {
    seen.emplace_back(event.name);
    for (auto& x : event.fields)
      if (x.name == "expired")
        seen.back() += " " + to_edn(x.content);
  }
};

int64_t last_write_of(stepper& world, value key) {
  auto reply = world.call(metadata_request{std::move(key)});
  REQUIRE(reply);
  return reply->meta.last_write;
}

} // namespace

TEST_CASE("a key expires at its last millisecond, not before") {
  stepper world;
  world.spawn(make_memory());
  REQUIRE(world.call(with_ttl(put("k", 1), 100ms)));
  CHECK(expiry_of(world, "k") == world.now + 100);
  world.now += 99;
  CHECK(world.call(get("k")));
  world.now += 1;
  CHECK(code_of(world.call(get("k"))) == errc::not_found);
}

TEST_CASE("an expired key is absent for every operation at once") {
  auto engine = make_memory();
  stepper world;
  world.spawn(engine);
  auto cached = GENERATE(true, false);
  CAPTURE(cached);
  auto rev = world.call(with_ttl(put("k", 1), 100ms))->rev;
  REQUIRE(world.call(with_ttl(write("binary", "bytes"), 100ms)));
  REQUIRE(world.call(put("other", 1)));
  world.now += 100;
  if (!cached) {
    world.close();
    world.spawn(engine);
  }
  SECTION("get") {
    CHECK(code_of(world.call(get("k"))) == errc::not_found);
    auto fallback = world.call(get_request{"k", {}, value{7}});
    REQUIRE(fallback);
    CHECK(fallback->content == value{7});
    CHECK_FALSE(fallback->rev.valid());
  }
  SECTION("exists") {
    CHECK_FALSE(exists(world, "k"));
    CHECK_FALSE(exists(world, "binary"));
    CHECK_FALSE(world.call(exists_request{"k", {"step"}})->exists);
  }
  SECTION("metadata") {
    CHECK(code_of(world.call(metadata_request{"k"})) == errc::not_found);
  }
  SECTION("put") {
    CHECK(code_of(world.call(if_revision(put("k", 2), rev)))
          == errc::precondition_failed);
    CHECK(world.call(if_absent(put("k", 2))));
    CHECK(world.call(get("k"))->content == value{2});
    CHECK(expiry_of(world, "k") == std::nullopt);
  }
  SECTION("put by path") {
    CHECK(world.call(put_at("k", {"a"}, 2)));
    CHECK(world.call(get("k"))->content == value::map({{"a", 2}}));
    CHECK(expiry_of(world, "k") == std::nullopt);
  }
  SECTION("update") {
    auto reply = world.call(update("k", "inc"));
    REQUIRE(reply);
    CHECK(reply->before == value{});
    CHECK(reply->after == value{1});
    CHECK(expiry_of(world, "k") == std::nullopt);
  }
  SECTION("erase") {
    CHECK_FALSE(world.call(erase("k"))->existed);
    CHECK(code_of(world.call(if_revision(erase("k"), rev)))
          == errc::precondition_failed);
  }
  SECTION("read") {
    CHECK(code_of(world.call(read("binary"))) == errc::not_found);
  }
  SECTION("verify") {
    CHECK(code_of(world.call(verify_request{"k"})) == errc::not_found);
    CHECK(code_of(world.call(verify_request{"binary"})) == errc::not_found);
  }
  SECTION("keys") {
    auto reply = world.call(list_keys_request{});
    REQUIRE(reply);
    REQUIRE(reply->entries.size() == 1);
    CHECK(reply->entries[0].key == value{"other"});
  }
  SECTION("extras do not outlive their key") {
    REQUIRE(world.call(with_extras(put("k", 2), value::map({{"a", 1}}))));
    REQUIRE(world.call(with_ttl(put("k", 2), 1ms)));
    world.now += 1;
    REQUIRE(world.call(put("k", 3)));
    CHECK(world.call(metadata_request{"k"})->meta.extras == value::map());
  }
}

TEST_CASE("a whole put sets or removes the time to live") {
  stepper world;
  world.spawn(make_memory());
  REQUIRE(world.call(with_ttl(put("k", 1), 100ms)));
  REQUIRE(world.call(with_ttl(put("k", 2), 500ms)));
  CHECK(expiry_of(world, "k") == world.now + 500);
  REQUIRE(world.call(with_ttl(put("k", 3), 50ms)));
  CHECK(expiry_of(world, "k") == world.now + 50);
  REQUIRE(world.call(put("k", 4)));
  CHECK(expiry_of(world, "k") == std::nullopt);
  REQUIRE(world.call(with_ttl(write("k", "b"), 100ms)));
  CHECK(expiry_of(world, "k") == world.now + 100);
  REQUIRE(world.call(write("k", "b")));
  CHECK(expiry_of(world, "k") == std::nullopt);
}

TEST_CASE("changes by path or function keep the time to live") {
  stepper world;
  world.spawn(make_memory());
  auto start = world.now;
  REQUIRE(world.call(with_ttl(put("k", value::map({{"a", 1}})), 100ms)));
  world.now += 10;
  REQUIRE(world.call(put_at("k", {"b"}, 2)));
  CHECK(expiry_of(world, "k") == start + 100);
  auto by_function = update("k", "inc");
  by_function.steps = {"a"};
  REQUIRE(world.call(by_function));
  CHECK(expiry_of(world, "k") == start + 100);
  auto by_erase = erase("k");
  by_erase.steps = {"a"};
  REQUIRE(world.call(by_erase));
  CHECK(expiry_of(world, "k") == start + 100);
  REQUIRE(world.call(with_ttl(put_at("k", {"c"}, 3), 500ms)));
  CHECK(expiry_of(world, "k") == world.now + 500);
  REQUIRE(world.call(with_ttl(put_at("k", {"c"}, 3), 0ms)));
  CHECK(expiry_of(world, "k") == std::nullopt);
}

TEST_CASE("times to live that end before they begin or never are refused") {
  stepper world;
  world.spawn(make_memory());
  for (auto x :
       {std::chrono::milliseconds{-1}, std::chrono::milliseconds::min(),
        std::chrono::milliseconds::max()}) {
    CAPTURE(x.count());
    CHECK(code_of(world.call(with_ttl(put("k", 1), x)))
          == errc::invalid_argument);
    CHECK(code_of(world.call(with_ttl(write("k", "b"), x)))
          == errc::invalid_argument);
    CHECK(code_of(world.call(with_ttl(update("k", "inc"), x)))
          == errc::invalid_argument);
  }
  CHECK_FALSE(exists(world, "k"));
}

TEST_CASE("a time to live outlasts a restart") {
  auto engine = make_memory();
  stepper world;
  world.spawn(engine);
  auto start = world.now;
  REQUIRE(world.call(with_ttl(put("k", 1), 100ms)));
  world.close();
  world.now += 50;
  world.spawn(engine);
  CHECK(expiry_of(world, "k") == start + 100);
  world.now += 49;
  CHECK(exists(world, "k"));
  world.now += 1;
  CHECK_FALSE(exists(world, "k"));
}

TEST_CASE("time of the last write never goes back with the clock") {
  auto engine = make_memory();
  stepper world;
  world.spawn(engine);
  auto start = world.now;
  REQUIRE(world.call(put("a", 1)));
  CHECK(last_write_of(world, "a") == start);
  world.now -= 3'600'000;
  REQUIRE(world.call(put("a", 2)));
  CHECK(last_write_of(world, "a") == start);
  // Nor from key to key.
  REQUIRE(world.call(put("b", 1)));
  CHECK(last_write_of(world, "b") == start);
  world.close();
  world.spawn(engine);
  REQUIRE(world.call(update("a", "inc")));
  CHECK(last_write_of(world, "a") == start);
  REQUIRE(world.call(write("b", "bytes")));
  CHECK(last_write_of(world, "b") == start);
  world.now += 2 * 3'600'000;
  REQUIRE(world.call(put("a", 3)));
  CHECK(last_write_of(world, "a") == world.now);
}

TEST_CASE("expiry follows the wall clock, whichever way it steps") {
  stepper world;
  world.spawn(make_memory());
  auto start = world.now;
  REQUIRE(world.call(with_ttl(put("k", 1), 60s)));
  world.now = start - 3'600'000;
  CHECK(exists(world, "k"));
  world.now = start + 3'600'000;
  CHECK_FALSE(exists(world, "k"));
  // A time to live counts from the clock as it is, not from the last stamp.
  world.now = start - 3'600'000;
  REQUIRE(world.call(with_ttl(put("j", 1), 60s)));
  CHECK(expiry_of(world, "j") == world.now + 60'000);
}

// -- collection ---------------------------------------------------------------

TEST_CASE("expired keys are collected in the background") {
  auto engine = make_memory();
  stepper world;
  world.spawn(engine);
  for (auto i = 0; i < 2500; ++i)
    REQUIRE(world.call(with_ttl(put(i, i), 30s)));
  REQUIRE(world.call(put("stays", 1)));
  REQUIRE(world.call(with_ttl(put("later", 1), 90s)));
  world.advance(30s);
  CHECK(has_blob(*engine, "7"));
  world.advance(30s);
  for (auto i = 0; i < 2500; ++i)
    REQUIRE_FALSE(has_blob(*engine, std::to_string(i)));
  CHECK(has_blob(*engine, "\"stays"));
  CHECK(has_blob(*engine, "\"later"));
  world.advance(60s);
  CHECK_FALSE(has_blob(*engine, "\"later"));
  auto reply = world.call(statistics_request{});
  REQUIRE(reply);
  auto expired = get_in(reply->statistics, path{value::keyword("collection"),
                                                value::keyword("expired")});
  REQUIRE(expired);
  CHECK(*expired == value{2501});
}

TEST_CASE("however many keys expire, no more than a page is under way") {
  constexpr auto n = 25'000;
  auto engine = std::make_shared<watched_collection>(make_memory());
  stepper world;
  fill(*engine, n, world.now + 1000);
  world.spawn(engine, [](auto& x) { x.key_actors = GENERATE(1U, 4U); });
  engine->most_under_way = 0;
  world.advance(60s);
  CHECK(engine->pages >= n / 1000);
  CHECK(engine->most_under_way > 0);
  CHECK(engine->most_under_way <= 1000);
  CHECK(engine->leftovers == 0);
  CHECK(engine->erased.size() == n);
  for (auto& [key, times] : engine->erased)
    REQUIRE(times == 1);
  CHECK(keys_of(world).empty());
  auto reply = world.call(statistics_request{});
  CHECK(get_in(reply->statistics,
               path{value::keyword("collection"), value::keyword("expired")})
        == value{n});
  CHECK(collected(world, "rounds") == 1);
  world.advance(60s);
  CHECK(collected(world, "rounds") == 2);
  CHECK(engine->erased.size() == n);
}

TEST_CASE("an engine for which a key takes long gets few at a time") {
  constexpr auto n = 2000;
  auto engine = std::make_shared<watched_collection>(make_memory());
  stepper world;
  fill(*engine, n, world.now + 1000);
  world.spawn(engine);
  engine->before_erases = [&](size_t erases) {
    world.pass(erases * std::chrono::microseconds{2500});
  };
  world.advance(60s);
  CHECK(collected(world, "expired") == n);
  CHECK(engine->most_under_way == 20); // as many as take 50 ms
}

TEST_CASE("a round that cannot list is told of, and the next begins anew") {
  auto engine = std::make_shared<faulty_listing>(make_memory());
  auto log = std::make_shared<event_names>();
  stepper world;
  fill(*engine, 2500, world.now + 1000);
  world.spawn(engine, [&](auto& x) { x.log = log; });
  engine->broken = true;
  engine->good_pages = 1;
  world.advance(60s);
  CHECK(collected(world, "failures") == 1);
  CHECK(collected(world, "rounds") == 0);
  CHECK(collected(world, "expired") == 1000);
  CHECK(log->seen == std::vector<std::string>{"opened", "collection-failed"});
  engine->broken = false;
  world.advance(60s);
  CHECK(collected(world, "failures") == 1);
  CHECK(collected(world, "rounds") == 1);
  CHECK(collected(world, "expired") == 2500);
  CHECK(log->seen.back() == "collected 1500");
  engine->broken = true;
  world.close(); // which is no failure
  CHECK(log->seen.back() == "closed");
}

TEST_CASE("a writer waits for a page of the collection at most") {
  constexpr auto n = 25'000;
  auto engine = std::make_shared<watched_collection>(make_memory());
  stepper world;
  fill(*engine, n, world.now + 1000);
  world.spawn(engine);
  // Writes while one page after the other is made.
  std::vector<question<put_request>> puts;
  std::vector<size_t> sent;
  std::vector<size_t> written;
  engine->before_page = [&] {
    sent.push_back(engine->pages);
    puts.push_back(world.ask(put("writer " + std::to_string(puts.size()), 1)));
  };
  engine->before_put
    = [&](const mutation&) { written.push_back(engine->pages); };
  world.advance(60s);
  REQUIRE(sent.size() >= n / 1000);
  REQUIRE(written.size() == sent.size());
  for (size_t i = 0; i < sent.size(); ++i) {
    CHECK(written[i] - sent[i] <= 1);
    CHECK(puts[i].take());
  }
}

TEST_CASE("a store that is closed does not wait for a round to end") {
  auto engine = std::make_shared<watched_collection>(make_memory());
  stepper world;
  fill(*engine, 25'000, world.now + 1000);
  world.spawn(engine);
  std::optional<question<close_request>> closing;
  engine->before_page = [&] {
    if (engine->pages == 3)
      closing.emplace(world.ask(close_request{}));
  };
  world.advance(60s);
  REQUIRE(closing);
  CHECK(closing->take());
  CHECK(engine->pages < 10);
  world.store = nullptr;
}

TEST_CASE("a key put anew while it is collected stays") {
  auto engine = make_memory();
  stepper world;
  world.spawn(engine);
  REQUIRE(world.call(with_ttl(put("k", 1), 30s)));
  world.now += 60'000;
  // The scan is asked for, a put overtakes its answer.
  auto change = world.ask(put("k", 2));
  world.advance_timers(60s);
  CHECK(change.take());
  CHECK(world.call(get("k"))->content == value{2});
  CHECK(has_blob(*engine, "\"k"));
}

TEST_CASE("no collection without an interval") {
  auto engine = make_memory();
  stepper world;
  world.spawn(engine, [](store_config& x) { x.collection_interval = 0ms; });
  REQUIRE(world.call(with_ttl(put("k", 1), 30s)));
  world.advance(24h);
  CHECK(has_blob(*engine, "\"k"));
  CHECK_FALSE(exists(world, "k"));
}

TEST_CASE("a flipped bit in the expiry neither erases nor hides a key") {
  auto engine = make_memory();
  stepper world;
  world.spawn(engine);
  REQUIRE(world.call(put("k", 1)));
  auto blob = read_blob(*engine, "\"k");
  blob[47] ^= std::byte{1}; // the lowest bit of the expiry: 1970
  write_blob(*engine, "\"k", blob);
  world.close();
  world.spawn(engine);
  world.advance(60s);
  world.advance(60s);
  CHECK(has_blob(*engine, "\"k"));
  CHECK(code_of(world.call(get("k"))) == errc::corruption);
  CHECK(exists(world, "k"));
  for (auto with_metadata : {false, true}) {
    list_keys_request req;
    req.with_metadata = with_metadata;
    auto reply = world.call(req);
    REQUIRE(reply);
    REQUIRE(reply->entries.size() == 1);
    CHECK_FALSE(reply->entries[0].damage.empty());
  }
  CHECK(world.call(erase("k"))->existed);
}

#endif
