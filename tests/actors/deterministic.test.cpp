// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Order, combining, failures and bounds, message by message.

#include "larder/detail/caf.hpp"

#if !LARDER_CAF_1

#  include "stepper.hpp"

#  include <algorithm>
#  include <stdexcept>
#  include <string>
#  include <vector>

using namespace larder;
using namespace larder::test;

namespace {

/// The keys of the commits that an engine has seen, commit by commit.
std::vector<std::vector<std::string>> commits_of(recording_backend& engine) {
  std::vector<std::vector<std::string>> result;
  for (auto& call : engine.take_calls())
    if (call.call == backend_call::commit)
      result.push_back(call.keys);
  return result;
}

using batches = std::vector<std::vector<std::string>>;

/// Fails the next `n` commits on any key.
auto fail_commits(int n) {
  return [n](backend_call call, std::string_view) mutable {
    std::optional<error> result;
    if (call == backend_call::commit && n-- > 0)
      result = error{errc::io_error, "injected", true};
    return result;
  };
}

value statistic(stepper& world, std::string_view group, std::string_view name) {
  auto reply = world.call(statistics_request{});
  REQUIRE(reply);
  auto found = get_in(reply->statistics,
                      path{value::keyword(group), value::keyword(name)});
  REQUIRE(found);
  return *found;
}

} // namespace

// -- order and combining ------------------------------------------------------

TEST_CASE("operations on one key are carried out in the order they came") {
  stepper world;
  world.spawn(make_memory());
  auto first = world.ask(put("k", 1));
  auto second = world.ask(update("k", "inc"));
  auto third = world.ask(get("k"));
  auto fourth = world.ask(erase("k"));
  auto fifth = world.ask(get("k"));
  auto sixth = world.ask(update("k", "inc"));
  world.run();
  CHECK(first.take());
  CHECK(second.take()->after == value{2});
  CHECK(third.take()->content == value{2});
  CHECK(fourth.take()->existed);
  CHECK(code_of(fifth.take()) == errc::not_found);
  CHECK(sixth.take()->after == value{1});
}

TEST_CASE("changes that come during a commit go out as one commit") {
  constexpr auto n = 10;
  auto engine = std::make_shared<recording_backend>(make_memory());
  stepper world;
  world.spawn(engine);
  auto first = world.ask(put("k", 0));
  world.run_without(writer);
  std::vector<question<update_request>> later;
  for (auto i = 0; i < n; ++i)
    later.push_back(world.ask(update("k", "inc")));
  world.run_without(writer);
  CHECK_FALSE(first.answered());
  for (auto& x : later)
    CHECK_FALSE(x.answered());
  engine->take_calls();
  world.run();
  CHECK(commits_of(*engine) == batches{{"\"k"}, {"\"k"}});
  std::vector<revision> revisions{first.take()->rev};
  for (auto i = 0; i < n; ++i) {
    auto reply = later[static_cast<size_t>(i)].take();
    REQUIRE(reply);
    CHECK(reply->before == value{i});
    CHECK(reply->after == value{i + 1});
    revisions.push_back(reply->rev);
  }
  for (auto& x : revisions)
    CHECK(std::count(revisions.begin(), revisions.end(), x) == 1);
  CHECK(statistic(world, "commits", "combined") == value{n - 1});
  // Only the last revision of the commit is the key's.
  CHECK(world.call(get("k"))->rev == revisions.back());
  for (auto& x : revisions) {
    auto won = world.call(if_revision(put("k", "mine"), x));
    if (x == revisions.back())
      CHECK(won);
    else
      CHECK(code_of(won) == errc::precondition_failed);
  }
}

TEST_CASE("keys that change at the same time share a commit") {
  auto engine = std::make_shared<recording_backend>(make_memory());
  stepper world;
  world.spawn(engine);
  std::vector<question<put_request>> puts;
  for (auto key : {"a", "b", "c"})
    puts.push_back(world.ask(put(key, 1)));
  world.run();
  CHECK(commits_of(*engine) == batches{{"\"a", "\"b", "\"c"}});
  for (auto& x : puts)
    CHECK(x.take());
}

TEST_CASE("what is made and erased during a commit leaves no trace") {
  auto engine = std::make_shared<recording_backend>(make_memory());
  stepper world;
  world.spawn(engine);
  auto first = world.ask(erase("k"));
  auto second = world.ask(put("k", 1));
  auto third = world.ask(erase("k"));
  world.run();
  CHECK_FALSE(first.take()->existed);
  CHECK(second.take());
  CHECK(third.take()->existed);
  CHECK(commits_of(*engine).size() <= 1);
  CHECK_FALSE(has_blob(*engine, "\"k"));
}

TEST_CASE("a read behind a change sees it once it is durable, not before") {
  stepper world;
  world.spawn(make_memory());
  auto change = world.ask(put("k", "new"));
  auto read = world.ask(get("k"));
  world.run_without(writer);
  CHECK_FALSE(change.answered());
  CHECK_FALSE(read.answered());
  world.run();
  CHECK(change.answered());
  CHECK(read.take()->content == value{"new"});
}

TEST_CASE("a cached value is not shown while its successor is written") {
  stepper world;
  world.spawn(make_memory());
  REQUIRE(world.call(put("k", "old")));
  REQUIRE(world.call(get("k")));
  auto change = world.ask(put("k", "new"));
  world.run_without(writer);
  auto read = world.ask(get("k"));
  world.run_without(writer);
  CHECK_FALSE(read.answered());
  world.run();
  CHECK(read.take()->content == value{"new"});
  CHECK(change.take());
}

TEST_CASE("other keys go on while one waits for the engine") {
  auto engine = make_memory();
  stepper world;
  world.spawn(engine);
  REQUIRE(world.call(put("cached", 1)));
  REQUIRE(world.call(put("waiting", 1)));
  auto change = world.ask(put("waiting", 2));
  world.run_without(writer);
  auto cached = world.ask(get("cached"));
  auto loaded = world.ask(get("not there"));
  world.run_without(writer);
  CHECK(cached.take()->content == value{1});
  CHECK(code_of(loaded.take()) == errc::not_found);
  CHECK_FALSE(change.answered());
  world.run();
  CHECK(change.take());
}

TEST_CASE("a condition that fails on a change under way waits for it") {
  stepper world;
  world.spawn(make_memory());
  auto old = world.call(put("k", 1))->rev;
  auto change = world.ask(put("k", 2));
  auto late = world.ask(if_revision(put("k", 3), old));
  auto absent = world.ask(if_absent(put("k", 4)));
  world.run_without(writer);
  CHECK_FALSE(late.answered());
  world.run();
  CHECK(change.take());
  CHECK(code_of(late.take()) == errc::precondition_failed);
  CHECK(code_of(absent.take()) == errc::precondition_failed);
  CHECK(world.call(get("k"))->content == value{2});
}

// -- failures -----------------------------------------------------------------

TEST_CASE("a failed commit fails its changes, what came later starts again") {
  auto engine = std::make_shared<fault_injecting_backend>(make_memory());
  stepper world;
  world.spawn(engine);
  auto old = world.call(put("k", 10));
  REQUIRE(old);
  auto failing = world.ask(put("k", 20));
  world.run_without(writer);
  auto observer = world.ask(get("k"));
  auto later = world.ask(update("k", "inc"));
  auto last = world.ask(get("k"));
  world.run_without(writer);
  engine->inject(fail_commits(1));
  world.run();
  auto result = failing.take();
  REQUIRE_FALSE(result);
  CHECK(result.error() == errc::io_error);
  CHECK(result.error().data_loss());
  CHECK(observer.take()->content == value{10});
  CHECK(later.take()->after == value{11});
  CHECK(last.take()->content == value{11});
}

TEST_CASE("a condition is judged again when the change before it failed") {
  auto engine = std::make_shared<fault_injecting_backend>(make_memory());
  stepper world;
  world.spawn(engine);
  auto old = world.call(put("k", 10))->rev;
  auto failing = world.ask(put("k", 20));
  world.run_without(writer);
  auto conditional = world.ask(if_revision(put("k", 30), old));
  world.run_without(writer);
  engine->inject(fail_commits(1));
  world.run();
  CHECK(code_of(failing.take()) == errc::io_error);
  CHECK(conditional.take());
  CHECK(world.call(get("k"))->content == value{30});
}

TEST_CASE("every change of a failed commit gets the error") {
  auto engine = std::make_shared<fault_injecting_backend>(make_memory());
  stepper world;
  world.spawn(engine);
  auto first = world.ask(put("k", 0));
  world.run_without(writer);
  std::vector<question<update_request>> later;
  for (auto i = 0; i < 3; ++i)
    later.push_back(world.ask(update("k", "inc")));
  world.run_without(writer);
  // The first commit passes, the second fails.
  auto commits = 0;
  engine->inject([&](backend_call call, std::string_view) {
    std::optional<error> result;
    if (call == backend_call::commit && ++commits == 2)
      result = error{errc::io_error, "injected", false};
    return result;
  });
  world.run();
  CHECK(first.take());
  for (auto& x : later)
    CHECK(code_of(x.take()) == errc::io_error);
  CHECK(world.call(get("k"))->content == value{0});
  CHECK(world.call(update("k", "inc"))->after == value{1});
}

TEST_CASE("a read that fails is answered with the engine's error") {
  auto engine = std::make_shared<fault_injecting_backend>(make_memory());
  stepper world;
  world.spawn(engine);
  engine->inject([](backend_call call, std::string_view) {
    std::optional<error> result;
    if (call == backend_call::read)
      result = error{errc::io_error, "injected"};
    return result;
  });
  auto read = world.ask(get("k"));
  auto change = world.ask(put("k", 1));
  auto exists = world.ask(exists_request{"k", {}});
  world.run();
  CHECK(code_of(read.take()) == errc::io_error);
  CHECK(code_of(change.take()) == errc::io_error);
  CHECK(code_of(exists.take()) == errc::io_error);
  engine->inject({});
  CHECK(world.call(put("k", 1)));
}

TEST_CASE("a value that cannot be stored fails alone") {
  stepper world;
  world.spawn(make_memory());
  auto first = world.ask(put("k", 1));
  world.run_without(writer);
  auto good = world.ask(put_at("k2", {"a"}, 1));
  auto before = world.ask(update("k", "inc"));
  auto bad = world.ask(put("k", std::string{"\xFF"}));
  auto after = world.ask(get("k"));
  world.run_without(writer);
  world.run();
  CHECK(first.take());
  CHECK(good.take());
  CHECK(before.take()->after == value{2});
  CHECK(code_of(bad.take()) == errc::invalid_argument);
  CHECK(after.take()->content == value{2});
}

TEST_CASE("keys that no store has are refused") {
  stepper world;
  world.spawn(make_memory());
  CHECK(code_of(world.call(put(std::string{"\xFF"}, 1)))
        == errc::invalid_argument);
  CHECK(code_of(world.call(get(std::string{"\xFF"})))
        == errc::invalid_argument);
}

TEST_CASE("an engine's bounds on keys and blobs are kept") {
  stepper world;
  world.spawn(
    std::make_shared<disguised_backend>(make_memory(), [](capabilities& x) {
      x.max_key_size = 10;
      x.max_blob_size = 1000;
    }));
  CHECK(world.call(put("123456789", 1)));
  CHECK(code_of(world.call(put("1234567890", 1))) == errc::limit_exceeded);
  CHECK(code_of(world.call(put("k", std::string(2000, 'x'))))
        == errc::limit_exceeded);
  CHECK(code_of(world.call(write("k", std::string(2000, 'x'))))
        == errc::limit_exceeded);
}

TEST_CASE("a damaged blob is reported until it is erased") {
  auto engine = GENERATE(false, true) ? make_shared_memory() : make_memory();
  stepper world;
  world.spawn(engine);
  REQUIRE(world.call(put("k", "content")));
  auto blob = read_blob(*engine, "\"k");
  auto position = GENERATE(as<std::string>{}, "value", "metadata", "header");
  CAPTURE(position);
  if (position == "value")
    blob.back() ^= std::byte{1};
  else if (position == "metadata")
    blob[70] ^= std::byte{1};
  else
    blob[0] = std::byte{77};
  write_blob(*engine, "\"k", blob);
  world.close();
  world.spawn(engine);
  CHECK(code_of(world.call(get("k"))) == errc::corruption);
  CHECK(code_of(world.call(update("k", "inc"))) == errc::corruption);
  CHECK(code_of(world.call(put_at("k", {"a"}, 1))) == errc::corruption);
  CHECK(code_of(world.call(verify_request{"k"})) == errc::corruption);
  if (position != "value") {
    auto refused = world.call(put("k", 1));
    CHECK(code_of(refused) == errc::corruption);
    CHECK(refused.error().message().find("can still be erased")
          != std::string::npos);
    CHECK(code_of(world.call(write("k", "x"))) == errc::corruption);
    CHECK(code_of(world.call(metadata_request{"k"})) == errc::corruption);
  }
  auto listing = world.call(list_keys_request{value{}, "", 10, true});
  REQUIRE(listing);
  REQUIRE(listing->entries.size() == 1);
  CHECK(listing->entries[0].key == value{"k"});
  CHECK(listing->entries[0].damage.empty() == (position == "value"));
  CHECK(world.call(exists_request{"k", {}})->exists);
  CHECK(world.call(erase("k"))->existed);
  CHECK(code_of(world.call(get("k"))) == errc::not_found);
  CHECK(world.call(put("k", 1)));
  CHECK(world.call(get("k"))->content == value{1});
}

TEST_CASE("a key that a private engine cannot read can be erased") {
  stepper world;
  auto store = std::make_shared<damaged_backend>(make_memory(), "\"k");
  write_blob(*store, "\"k", to_bytes("anything"));
  world.spawn(store);
  CHECK(code_of(world.call(get("k"))) == errc::corruption);
  CHECK(code_of(world.call(put("k", 1))) == errc::corruption);
  CHECK(world.call(erase("k"))->existed);
  CHECK(code_of(world.call(get("k"))) == errc::not_found);
}

TEST_CASE("an exception of a user's function is an answer") {
  stepper world;
  world.spawn(make_memory(), [](store_config& config) {
    REQUIRE(config.functions.add("throw", [](auto...) -> expected<value> {
      throw std::runtime_error{"on purpose"};
    }));
    REQUIRE(config.functions.add("throw-int",
                                 [](auto...) -> expected<value> { throw 5; }));
  });
  REQUIRE(world.call(put("k", 1)));
  auto with_message = world.call(update("k", "throw"));
  REQUIRE_FALSE(with_message);
  CHECK(with_message.error() == errc::function_failed);
  CHECK(with_message.error().message().find("on purpose") != std::string::npos);
  CHECK(code_of(world.call(update("k", "throw-int"))) == errc::function_failed);
  CHECK(code_of(world.call(update("not there", "throw")))
        == errc::function_failed);
  auto local = [&](auto f) {
    local_update_request req;
    req.key = "k";
    req.function = f;
    return world.call(std::move(req));
  };
  CHECK(code_of(local([](const value*) -> expected<value> { throw 5; }))
        == errc::function_failed);
  CHECK(code_of(local(nullptr)) == errc::function_failed);
  CHECK(code_of(world.call(update("k", "no such function")))
        == errc::unknown_function);
  CHECK(world.call(get("k"))->content == value{1});
}

// -- bounds -------------------------------------------------------------------

TEST_CASE("too many operations under way are refused at once") {
  stepper world;
  world.spawn(make_memory(),
              [](store_config& x) { x.max_pending_operations = 3; });
  std::vector<question<put_request>> accepted;
  for (auto i = 0; i < 3; ++i)
    accepted.push_back(world.ask(put(i, i)));
  world.run_without(writer);
  auto refused = world.ask(put(3, 3));
  world.run_without(writer);
  auto result = refused.take();
  REQUIRE_FALSE(result);
  CHECK(result.error() == errc::overloaded);
  CHECK(result.error().retryable());
  world.run();
  for (auto& x : accepted)
    CHECK(x.take());
  CHECK(world.call(put(3, 3)));
}

TEST_CASE("too many bytes under way are refused at once") {
  stepper world;
  world.spawn(make_memory(),
              [](store_config& x) { x.max_pending_bytes = 10'000; });
  auto accepted = world.ask(write("a", std::string(5'000, 'x')));
  world.run_without(writer);
  auto refused = world.ask(write("b", std::string(5'000, 'x')));
  auto small = world.ask(write("c", "x"));
  world.run_without(writer);
  CHECK(code_of(refused.take()) == errc::overloaded);
  CHECK_FALSE(small.answered());
  world.run();
  CHECK(accepted.take());
  CHECK(small.take());
  CHECK(world.call(write("b", std::string(5'000, 'x'))));
}

TEST_CASE("an operation that can never fit is not called overload") {
  stepper world;
  world.spawn(make_memory(),
              [](store_config& x) { x.max_pending_bytes = 10'000; });
  CHECK(code_of(world.call(put("k", std::string(20'000, 'x'))))
        == errc::limit_exceeded);
}

TEST_CASE("binaries over the size of a message are refused") {
  stepper world;
  world.spawn(make_memory(), [](store_config& x) { x.max_message_size = 10; });
  CHECK(world.call(write("k", "0123456789")));
  CHECK(code_of(world.call(write("k", "0123456789a"))) == errc::limit_exceeded);
  CHECK(world.call(read("k"))->size == 10);
}

// -- metadata -----------------------------------------------------------------

TEST_CASE("metadata extras stay until they are replaced") {
  stepper world;
  world.spawn(make_memory());
  auto extras_of = [&](value key) {
    auto reply = world.call(metadata_request{std::move(key)});
    REQUIRE(reply);
    return reply->meta.extras;
  };
  REQUIRE(world.call(with_extras(put("k", 1), value::map({{"a", 1}}))));
  CHECK(extras_of("k") == value::map({{"a", 1}}));
  REQUIRE(world.call(put("k", 2)));
  CHECK(extras_of("k") == value::map({{"a", 1}}));
  REQUIRE(world.call(with_extras(put_at("k", {}, 3), value::map({{"b", 2}}))));
  CHECK(extras_of("k") == value::map({{"a", 1}, {"b", 2}}));
  REQUIRE(world.call(update("k", "inc")));
  CHECK(extras_of("k") == value::map({{"a", 1}, {"b", 2}}));
  REQUIRE(world.call(with_extras(write("k", "bin"), value::map({{"a", 9}}))));
  CHECK(extras_of("k") == value::map({{"a", 9}, {"b", 2}}));
  REQUIRE(world.call(erase("k")));
  REQUIRE(world.call(put("k", 1)));
  CHECK(extras_of("k") == value::map());
}

TEST_CASE("metadata entries of larder's own are refused") {
  stepper world;
  world.spawn(make_memory());
  for (auto name : {"key", "type", "last-write", "revision", "expiry"}) {
    CAPTURE(name);
    auto extras = value::map({{value::keyword(name), 1}});
    CHECK(code_of(world.call(with_extras(put("k", 1), extras)))
          == errc::invalid_argument);
  }
  CHECK(code_of(world.call(with_extras(put("k", 1), 5)))
        == errc::invalid_argument);
  CHECK_FALSE(world.call(exists_request{"k", {}})->exists);
}

// -- values and binaries ------------------------------------------------------

TEST_CASE("a binary is no value and a value is no binary") {
  stepper world;
  world.spawn(make_memory());
  REQUIRE(world.call(write("binary", "bytes")));
  REQUIRE(world.call(put("value", 1)));
  CHECK(code_of(world.call(get("binary"))) == errc::wrong_type);
  CHECK(code_of(world.call(put_at("binary", {"a"}, 1))) == errc::wrong_type);
  CHECK(code_of(world.call(update("binary", "inc"))) == errc::wrong_type);
  CHECK(code_of(world.call(read("value"))) == errc::wrong_type);
  CHECK(world.call(put("binary", 1)));
  CHECK(world.call(get("binary"))->content == value{1});
  CHECK(world.call(write("value", "bytes")));
  auto content = world.call(read("value"));
  REQUIRE(content);
  CHECK(as_chars(*content->content) == "bytes");
}

TEST_CASE("a read behind a write of a binary sees it") {
  stepper world;
  world.spawn(make_memory());
  auto change = world.ask(write("k", "bytes"));
  auto content = world.ask(read("k"));
  world.run_without(writer);
  CHECK_FALSE(content.answered());
  world.run();
  CHECK(change.take());
  CHECK(as_chars(*content.take()->content) == "bytes");
}

TEST_CASE("ranges of a binary are cut at its end") {
  stepper world;
  world.spawn(make_memory());
  auto rev = world.call(write("k", "0123456789"))->rev;
  auto range = [&](uint64_t offset, std::optional<uint64_t> length,
                   std::optional<revision> pinned = std::nullopt) {
    return world.call(read_range_request{"k", offset, length, pinned});
  };
  auto text = [&](uint64_t offset, std::optional<uint64_t> length) {
    auto reply = range(offset, length);
    REQUIRE(reply);
    CHECK(reply->size == 10);
    CHECK(reply->rev == rev);
    return std::string{as_chars(*reply->content)};
  };
  CHECK(text(0, std::nullopt) == "0123456789");
  CHECK(text(3, 4) == "3456");
  CHECK(text(8, 100) == "89");
  CHECK(text(10, 5) == "");
  CHECK(text(2, 0) == "");
  CHECK(code_of(range(11, 1)) == errc::out_of_range);
  CHECK(range(0, 1, rev));
  CHECK(code_of(range(0, 1, revision{})) == errc::conflict);
  CHECK(code_of(world.call(read("not there"))) == errc::not_found);
}

#endif
