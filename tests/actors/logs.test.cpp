// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Append logs, message by message.

#include "larder/detail/caf.hpp"

#if !LARDER_CAF_1

#  include "log_tools.hpp"
#  include "stepper.hpp"

#  include <rapidcheck/catch.h>

#  include <map>

using namespace larder;
using namespace larder::test;

namespace {

/// What a log holds, read in one go.
std::vector<value> all(stepper& world, value key) {
  auto reply = world.call(read_log(std::move(key)));
  REQUIRE(reply);
  REQUIRE(reply->next == reply->end);
  return reply->entries;
}

/// Adds the numbers from the end of a log up to `end`.
void fill(stepper& world, value key, uint64_t end) {
  auto at = world.call(newest(key, 0));
  REQUIRE(world.call(append(key, numbers(at ? at->end : 0, end))));
}

/// Adds entries of which each fills a segment.
void fill_large(stepper& world, value key, size_t n) {
  for (; n > 0; n -= std::min<size_t>(n, 250))
    REQUIRE(world.call(append(key, large_entries(std::min<size_t>(n, 250)))));
}

/// An engine whose commits fail as the test says.
struct faulty_world {
  std::shared_ptr<backend> inner = make_memory();
  std::shared_ptr<fault_injecting_backend> engine
    = std::make_shared<fault_injecting_backend>(inner);
  stepper world;

  faulty_world() {
    world.spawn(engine);
  }

  /// Fails commits of keys that begin with `prefix`, after `n` that do not.
  void fail_commits(std::string prefix, int n = 0) {
    engine->inject([=](backend_call call,
                       std::string_view key) mutable -> std::optional<error> {
      if (call != backend_call::commit || !key.starts_with(prefix) || n-- > 0)
        return std::nullopt;
      return error{errc::io_error, "injected"};
    });
  }
};

const std::string segments{"\0S", 2};
const std::string records{"\0G", 2};

} // namespace

// -- appending and reading ----------------------------------------------------

TEST_CASE("an append answers the positions of its entries") {
  stepper world;
  world.spawn(make_memory());
  auto first = world.call(append("log", {"a", "b"}));
  REQUIRE(first);
  CHECK(first->first == 0);
  CHECK(first->count == 2);
  auto second = world.call(append("log", {"c"}));
  REQUIRE(second);
  CHECK(second->first == 2);
  CHECK(second->rev != first->rev);
  CHECK(all(world, "log") == std::vector<value>{"a", "b", "c"});
}

TEST_CASE("a log is one key, with metadata like any other") {
  stepper world;
  world.spawn(make_memory());
  auto extras = value::map({{"owner", "ada"}});
  auto rev = world.call(with_extras(append("log", numbers(0, 1000)), extras));
  REQUIRE(rev);
  auto keys = world.call(list_keys_request{});
  REQUIRE(keys);
  REQUIRE(keys->entries.size() == 1);
  CHECK(keys->entries[0].key == value{"log"});
  auto meta = world.call(metadata_request{"log"});
  REQUIRE(meta);
  CHECK(meta->meta.type == content_type::append_log);
  CHECK(meta->meta.rev == rev->rev);
  CHECK(meta->meta.extras == extras);
  REQUIRE(world.call(append("log", {1})));
  CHECK(world.call(metadata_request{"log"})->meta.extras == extras);
  CHECK(world.call(exists_request{"log", {}})->exists);
}

TEST_CASE("a log comes back after the store was closed") {
  auto engine = make_memory();
  stepper world;
  world.spawn(engine);
  fill(world, "log", 1000);
  REQUIRE(world.call(truncate_log("log", 10)));
  world.close();
  world.spawn(engine);
  CHECK(all(world, "log") == numbers(10, 1000));
  CHECK(world.call(append("log", {"x"}))->first == 1000);
}

TEST_CASE("logs behave as a model says, whatever is done to them") {
  rc::prop("over reopened stores", [] {
    auto engine = make_memory();
    stepper world;
    world.spawn(engine);
    std::vector<value> model;
    uint64_t begin = 0;
    auto there = false;
    auto steps = *rc::gen::inRange(1, 25);
    for (auto i = 0; i < steps; ++i) {
      auto end = begin + model.size();
      switch (*rc::gen::inRange(0, 8)) {
        case 0:
          RC_ASSERT(world.call(erase("log"))->existed == there);
          there = false;
          model.clear();
          begin = 0;
          RC_ASSERT(raw_keys(*engine).empty());
          break;
        case 1: {
          auto at = *rc::gen::inRange<uint64_t>(begin, end + 2);
          auto reply = world.call(truncate_log("log", at));
          if (!there || at > end) {
            RC_ASSERT(code_of(reply)
                      == (there ? errc::out_of_range : errc::not_found));
            break;
          }
          RC_ASSERT(reply);
          RC_ASSERT(reply->removed == at - begin);
          model.erase(model.begin(),
                      model.begin() + static_cast<ptrdiff_t>(at - begin));
          begin = at;
          break;
        }
        case 2:
          world.close();
          world.spawn(engine);
          break;
        default: {
          auto n = *rc::gen::inRange<uint64_t>(1, 600);
          auto reply = world.call(append("log", numbers(end, end + n)));
          RC_ASSERT(reply);
          RC_ASSERT(reply->first == end);
          there = true;
          for (auto& x : numbers(end, end + n))
            model.push_back(x);
        }
      }
      auto from = *rc::gen::inRange<uint64_t>(begin, begin + model.size() + 1);
      auto page = world.call(read_log("log", from, 300));
      RC_ASSERT(page.has_value() == there);
      if (!there)
        continue;
      auto rest = model.begin() + static_cast<ptrdiff_t>(from - begin);
      auto n = std::min<ptrdiff_t>(300, model.end() - rest);
      RC_ASSERT((page->entries == std::vector<value>(rest, rest + n)));
      RC_ASSERT(page->begin == begin);
      RC_ASSERT(world.call(verify_request{"log"}));
    }
  });
}

TEST_CASE("the newest entries come in ascending order") {
  stepper world;
  world.spawn(make_memory());
  fill(world, "log", 1000);
  auto reply = world.call(newest("log", 300));
  REQUIRE(reply);
  CHECK(reply->entries == numbers(700, 1000));
  CHECK(reply->from == 700);
  CHECK(world.call(newest("log", 5000))->entries.size() == 1000);
  CHECK(world.call(newest("log", 0))->end == 1000);
}

TEST_CASE("appends under way go out together, in the order of their answers") {
  auto engine = std::make_shared<recording_backend>(make_memory());
  stepper world;
  world.spawn(engine);
  REQUIRE(world.call(append("log", {0})));
  engine->take_calls();
  std::vector<question<append_request>> asked;
  asked.push_back(world.ask(append("log", {1})));
  world.run_without(writer);
  for (auto i = 2; i < 600; ++i)
    asked.push_back(world.ask(append("log", {i})));
  auto read = world.ask(read_log("log"));
  world.run_without(writer);
  world.run();
  for (size_t i = 0; i < asked.size(); ++i)
    REQUIRE(asked[i].take()->first == i + 1);
  CHECK(read.take()->entries == numbers(0, 600));
  size_t commits = 0;
  for (auto& call : engine->take_calls())
    commits += call.call == backend_call::commit ? 1 : 0;
  CHECK(commits == 2);
}

TEST_CASE("what is wrong with a request on a log is said") {
  stepper world;
  world.spawn(make_memory(),
              [](store_config& x) { x.max_message_size = 90'000; });
  CHECK(code_of(world.call(read_log("log"))) == errc::not_found);
  CHECK(code_of(world.call(reduce("log", "add"))) == errc::not_found);
  CHECK(code_of(world.call(truncate_log("log", 0))) == errc::not_found);
  CHECK(code_of(world.call(append("log", {}))) == errc::invalid_argument);
  CHECK(code_of(world.call(append("log", large_entries(3))))
        == errc::limit_exceeded);
  CHECK(code_of(world.call(append("log", {value{"\xff"}})))
        == errc::invalid_argument);
  CHECK_FALSE(world.call(exists_request{"log", {}})->exists);
  REQUIRE(world.call(append("log", {1, 2, 3})));
  CHECK(code_of(world.call(read_log("log", 4))) == errc::out_of_range);
  CHECK(code_of(world.call(truncate_log("log", 4))) == errc::out_of_range);
  CHECK(code_of(world.call(reduce("log", "no-such")))
        == errc::unknown_function);
  CHECK(code_of(world.call(with_extras(
          append("log", {1}), value::map({{value::keyword("key"), 1}}))))
        == errc::invalid_argument);
  CHECK(all(world, "log") == numbers(1, 4));
}

TEST_CASE("an entry that cannot be stored fails its own append only") {
  stepper world;
  world.spawn(make_memory());
  REQUIRE(world.call(append("log", {0})));
  auto held = world.ask(append("log", {1}));
  world.run_without(writer);
  auto good = world.ask(append("log", {2}));
  auto bad = world.ask(append("log", {value{"\xff"}}));
  auto last = world.ask(append("log", {3}));
  world.run();
  CHECK(held.take());
  CHECK(good.take()->first == 2);
  CHECK_FALSE(bad.take());
  CHECK(last.take()->first == 3);
  CHECK(all(world, "log") == numbers(0, 4));
}

TEST_CASE("appends and truncations take conditions") {
  stepper world;
  world.spawn(make_memory());
  auto rev = world.call(if_absent(append("log", {0})))->rev;
  CHECK(code_of(world.call(if_absent(append("log", {1}))))
        == errc::precondition_failed);
  CHECK(world.call(if_revision(append("log", {1}), rev)));
  CHECK(code_of(world.call(if_revision(append("log", {2}), rev)))
        == errc::precondition_failed);
  CHECK(code_of(world.call(if_revision(truncate_log("log", 1), rev)))
        == errc::precondition_failed);
  CHECK(all(world, "log") == numbers(0, 2));
}

TEST_CASE("a page is bounded by the size of a message") {
  stepper world;
  world.spawn(make_memory(),
              [](store_config& x) { x.max_message_size = 90'000; });
  for (auto i = 0; i < 3; ++i)
    REQUIRE(world.call(append("log", large_entries(2))));
  auto reply = world.call(read_log("log"));
  REQUIRE(reply);
  CHECK(reply->entries.size() == 2);
  CHECK(reply->next == 2);
  CHECK(world.call(read_log("log", 5))->entries.size() == 1);
}

// -- types --------------------------------------------------------------------

TEST_CASE("a log is no value, and a value is no log") {
  stepper world;
  world.spawn(make_memory());
  REQUIRE(world.call(append("log", numbers(0, 1000))));
  REQUIRE(world.call(put("value", 1)));
  REQUIRE(world.call(write("binary", "bytes")));
  auto refused = [&](auto request) {
    auto reply = world.call(std::move(request));
    REQUIRE_FALSE(reply);
    CHECK(reply.error() == errc::wrong_type);
    return reply.error().message();
  };
  auto wanted = Catch::Contains("read_log");
  CHECK_THAT(refused(get("log")), wanted);
  CHECK_THAT(refused(get("log", {"a"})), wanted);
  CHECK_THAT(refused(put("log", 1)), wanted);
  CHECK_THAT(refused(put_at("log", {"a"}, 1)), wanted);
  CHECK_THAT(refused(update("log", "inc")), wanted);
  CHECK_THAT(refused(write("log", "bytes")), wanted);
  CHECK_THAT(refused(erase_request{"log", {"a"}, {}}), wanted);
  CHECK_THAT(refused(exists_request{"log", {"a"}}), wanted);
  refused(open_stream_request{"log", {}, {}, {}});
  refused(read("log"));
  for (auto key : {"value", "binary"}) {
    CHECK_THAT(refused(append(key, {1})), Catch::Contains("append log"));
    refused(read_log(key));
    refused(reduce(key, "add"));
    refused(truncate_log(key, 0));
  }
  CHECK(all(world, "log") == numbers(0, 1000));
  CHECK(world.call(get("value"))->content == value{1});
}

TEST_CASE("an engine without groups cannot hold logs") {
  stepper world;
  world.spawn(std::make_shared<disguised_backend>(
    make_memory(), [](capabilities& x) { x.atomic_groups = false; }));
  CHECK(code_of(world.call(append("log", {1}))) == errc::unsupported);
}

// -- reducing -----------------------------------------------------------------

TEST_CASE("a log is reduced by a function of the store") {
  stepper world;
  world.spawn(make_memory());
  fill(world, "log", 10'000);
  auto reply = world.call(reduce("log", "add"));
  REQUIRE(reply);
  CHECK(reply->result == value{10'000 * 9'999 / 2});
  CHECK(reply->next == 10'000);
  auto request = reduce("log", "add", value{7});
  request.from = 9'998;
  request.arguments = {1};
  CHECK(world.call(request)->result == value{7 + 9'998 + 9'999 + 2});
  request.from = 10'000;
  CHECK(world.call(request)->result == value{7});
  REQUIRE(world.call(append("strings", {"x"})));
  auto wrong = world.call(reduce("strings", "add"));
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error() == errc::wrong_type);
  REQUIRE(world.call(truncate_log("strings", 1)));
  CHECK(world.call(reduce("strings", "add"))->result.is_nil());
}

// -- removing -----------------------------------------------------------------

TEST_CASE("nothing of an erased log stays behind") {
  auto engine = make_memory();
  stepper world;
  world.spawn(engine);
  size_t n = GENERATE(1, 3, 256, 257, 1000);
  CAPTURE(n);
  fill_large(world, "log", n);
  CHECK(hidden_blobs(*engine) == n);
  CHECK(world.call(erase("log"))->existed);
  CHECK(raw_keys(*engine).empty());
  CHECK(code_of(world.call(read_log("log"))) == errc::not_found);
  CHECK(world.call(append("log", {1}))->first == 0);
  CHECK(all(world, "log") == numbers(1, 2));
}

TEST_CASE("nothing of what was truncated stays behind") {
  auto engine = make_memory();
  stepper world;
  world.spawn(engine);
  fill_large(world, "log", 600);
  REQUIRE(world.call(append("log", numbers(600, 900))));
  CHECK(world.call(truncate_log("log", 599))->removed == 599);
  CHECK(hidden_blobs(*engine) == 2);
  CHECK(world.call(truncate_log("log", 700))->removed == 101);
  CHECK(hidden_blobs(*engine) == 1);
  CHECK(all(world, "log") == numbers(700, 900));
  CHECK(world.call(truncate_log("log", 5))->removed == 0);
  CHECK(world.call(truncate_log("log", 900))->removed == 200);
  CHECK(hidden_blobs(*engine) == 0);
  CHECK(all(world, "log").empty());
  CHECK(world.call(append("log", {1}))->first == 900);
}

TEST_CASE("the key of a large log is free before all of it is gone") {
  auto engine = make_memory();
  stepper world;
  world.spawn(engine);
  fill_large(world, "log", 1000);
  auto erased = world.ask(erase("log"));
  auto appended = world.ask(append("log", {"new"}));
  world.run();
  CHECK(erased.take()->existed);
  CHECK(appended.take()->first == 0);
  CHECK(all(world, "log") == std::vector<value>{"new"});
  CHECK(raw_keys(*engine) == std::vector<std::string>{"\"log"});
}

TEST_CASE("a log that was never written leaves nothing when it is erased") {
  auto engine = make_memory();
  stepper world;
  world.spawn(engine);
  size_t n = GENERATE(3, 400);
  auto held = world.ask(put("other", 1));
  auto appended = world.ask(append("log", large_entries(n)));
  auto erased = world.ask(erase("log"));
  world.run();
  CHECK(held.take());
  CHECK(appended.take());
  CHECK(erased.take()->existed);
  CHECK(raw_keys(*engine) == std::vector<std::string>{"\"other"});
}

TEST_CASE("a log that has expired goes as a whole") {
  auto engine = make_memory();
  stepper world;
  world.spawn(engine);
  size_t n = GENERATE(3, 400);
  auto entries = large_entries(n);
  REQUIRE(world.call(with_ttl(append("log", entries), 30s)));
  world.now += 30'000;
  CHECK(code_of(world.call(read_log("log"))) == errc::not_found);
  SECTION("when it is collected") {
    world.advance(60s);
    // Another round finds the record of what is too much for one commit.
    world.advance(60s);
    CHECK(raw_keys(*engine).empty());
  }
  SECTION("when a value takes its place") {
    REQUIRE(world.call(put("log", 1)));
    world.advance(60s);
    CHECK(raw_keys(*engine) == std::vector<std::string>{"\"log"});
    CHECK(world.call(get("log"))->content == value{1});
  }
  SECTION("when a new log does, after the store was opened again") {
    world.close();
    world.spawn(engine);
    CHECK(world.call(append("log", {1}))->first == 0);
    world.advance(60s);
    CHECK(raw_keys(*engine) == std::vector<std::string>{"\"log"});
  }
}

TEST_CASE("an append keeps the time to live of its log") {
  stepper world;
  world.spawn(make_memory());
  REQUIRE(world.call(with_ttl(append("log", {1}), 30s)));
  REQUIRE(world.call(append("log", {2})));
  world.now += 29'999;
  CHECK(all(world, "log").size() == 2);
  world.now += 1;
  CHECK(code_of(world.call(read_log("log"))) == errc::not_found);
}

// -- reading while others remove ----------------------------------------------

TEST_CASE("a read begins again when the log was truncated meanwhile") {
  stepper world;
  world.spawn(make_memory());
  fill(world, "log", 2000);
  auto read = world.ask(read_log("log"));
  auto reduction = world.ask(reduce("log", "add"));
  world.run_without(reader);
  // The position lies in the tail, so that no reader is needed.
  auto removal = world.ask(truncate_log("log", 1999));
  world.run_without(reader);
  REQUIRE(removal.take()->removed == 1999);
  world.run();
  auto reply = read.take();
  REQUIRE(reply);
  CHECK(reply->begin == 1999);
  CHECK(reply->entries == numbers(1999, 2000));
  CHECK(reduction.take()->result == value{1999});
}

TEST_CASE("a read finds another log where one was erased meanwhile") {
  stepper world;
  world.spawn(make_memory());
  fill(world, "log", 2000);
  auto read = world.ask(read_log("log"));
  auto lost = world.ask(truncate_log("log", 5));
  world.run_without(reader);
  auto erased = world.ask(erase("log"));
  auto again = world.ask(append("log", {"new"}));
  world.run_without(reader);
  REQUIRE(erased.take());
  REQUIRE(again.take());
  world.run();
  CHECK(read.take()->entries == std::vector<value>{"new"});
  CHECK(code_of(lost.take()) == errc::out_of_range);
}

// -- faults -------------------------------------------------------------------

TEST_CASE("a segment that cannot be written leaves the log as it was") {
  faulty_world env;
  auto& world = env.world;
  fill(world, "log", 200);
  env.fail_commits(segments);
  CHECK(code_of(world.call(append("log", numbers(200, 300))))
        == errc::io_error);
  CHECK(hidden_blobs(*env.inner) == 0);
  CHECK(all(world, "log") == numbers(0, 200));
  env.engine->inject({});
  CHECK(world.call(append("log", numbers(200, 300)))->first == 200);
  CHECK(all(world, "log") == numbers(0, 300));
}

TEST_CASE("a log that cannot be erased stays whole") {
  faulty_world env;
  auto& world = env.world;
  size_t n = GENERATE(3, 400);
  REQUIRE(world.call(append("log", large_entries(n))));
  env.fail_commits("\"log");
  CHECK(code_of(world.call(erase("log"))) == errc::io_error);
  env.engine->inject({});
  CHECK(all(world, "log") == large_entries(n));
  CHECK(world.call(verify_request{"log"}));
  CHECK(world.call(erase("log"))->existed);
  CHECK(raw_keys(*env.inner).empty());
}

TEST_CASE("what could not be collected is collected later") {
  faulty_world env;
  auto& world = env.world;
  fill_large(world, "log", 600);
  env.fail_commits(segments, 100);
  auto reply = world.call(erase("log"));
  REQUIRE_FALSE(reply);
  CHECK_THAT(reply.error().message(), Catch::Contains("was removed"));
  CHECK_FALSE(world.call(exists_request{"log", {}})->exists);
  CHECK(hidden_blobs(*env.inner) > 0);
  env.engine->inject({});
  world.advance(60s);
  CHECK(raw_keys(*env.inner).empty());
}

TEST_CASE("a store that is opened after a crash collects what was left") {
  auto crash_after = GENERATE(0, 1, 300, 599);
  CAPTURE(crash_after);
  faulty_world env;
  auto& world = env.world;
  fill_large(world, "log", 600);
  env.fail_commits(segments, crash_after);
  auto erased = world.ask(erase("log"));
  world.run();
  CHECK_FALSE(erased.take());
  world.end();
  env.engine->inject({});
  world.spawn(env.engine);
  CHECK(code_of(world.call(read_log("log"))) == errc::not_found);
  REQUIRE(world.call(append("log", large_entries(2))));
  world.advance(60s);
  CHECK(all(world, "log") == large_entries(2));
  CHECK(hidden_blobs(*env.inner) == 2);
}

TEST_CASE("closing a store waits for what is being collected") {
  auto engine = make_memory();
  stepper world;
  world.spawn(engine);
  fill_large(world, "log", 2000);
  auto erased = world.ask(erase("log"));
  world.run_without(writer);
  auto closed = world.ask(close_request{});
  world.run();
  CHECK(erased.take()->existed);
  CHECK(closed.take());
  world.store = nullptr;
  CHECK(raw_keys(*engine).empty());
}

TEST_CASE("a store that ends says that a removal is in doubt") {
  stepper world;
  world.spawn(make_memory());
  fill_large(world, "log", 600);
  auto erased = world.ask(erase("log"));
  world.run_without(writer);
  world.end();
  auto reply = erased.take();
  REQUIRE_FALSE(reply);
  CHECK(reply.error() == errc::unavailable);
}

// -- damage -------------------------------------------------------------------

TEST_CASE("a damaged or missing segment is found, and the rest can be read") {
  auto engine = make_memory();
  stepper world;
  world.spawn(engine);
  fill(world, "log", 2000);
  auto keys = raw_keys(*engine);
  std::erase_if(keys, [](auto& x) { return !is_hidden_key(x); });
  REQUIRE(keys.size() == 7);
  auto missing = GENERATE(true, false);
  CAPTURE(missing);
  if (missing) {
    mutation mut{keys[3], {}, {}, 0};
    REQUIRE(engine->commit(std::span{&mut, 1}).at(0));
  } else {
    auto blob = read_blob(*engine, keys[3]);
    blob.back() ^= std::byte{1};
    write_blob(*engine, keys[3], blob);
  }
  for (auto reply :
       {world.call(read_log("log")), world.call(read_log("log", 800, 1))}) {
    REQUIRE_FALSE(reply);
    CHECK(reply.error() == errc::corruption);
    CHECK_THAT(reply.error().message(),
               Catch::Contains("segment 3 of the log"));
  }
  CHECK(code_of(world.call(reduce("log", "add"))) == errc::corruption);
  CHECK(code_of(world.call(truncate_log("log", 800))) == errc::corruption);
  CHECK(code_of(world.call(verify_request{"log"})) == errc::corruption);
  CHECK(world.call(read_log("log", 0, 768))->entries == numbers(0, 768));
  CHECK(world.call(read_log("log", 1024, 5000))->entries
        == numbers(1024, 2000));
  CHECK(world.call(append("log", {2000})));
  // What is damaged can be cut off.
  CHECK(world.call(truncate_log("log", 1024)));
  CHECK(world.call(verify_request{"log"}));
}

TEST_CASE("verifying a log tells the size of all of it") {
  auto engine = make_memory();
  stepper world;
  world.spawn(engine);
  fill(world, "log", 2000);
  uint64_t size = 0;
  for (auto& key : raw_keys(*engine))
    size += read_blob(*engine, key).size();
  auto reply = world.call(verify_request{"log"});
  REQUIRE(reply);
  CHECK(reply->stored_size == size);
  CHECK(reply->type == content_type::append_log);
}

// -- sealed logs --------------------------------------------------------------

TEST_CASE("no entry of an encrypted log is in the clear") {
  auto keys = std::make_shared<keyring>();
  REQUIRE(keys->add({1, bytes(encryption_key::secret_size, std::byte{7})}));
  auto engine = make_memory();
  stepper world;
  world.spawn(engine, [&](store_config& x) {
    auto codecs = std::make_shared<const codec_registry>();
    x.chain = *make_chain_config(codecs, "cbor", "lz4", "xaes-gcm", keys);
  });
  std::vector<value> entries(1000, value{"a secret entry"});
  REQUIRE(world.call(append("log", entries)));
  for (auto& key : raw_keys(*engine)) {
    auto blob = read_blob(*engine, key);
    CHECK(as_chars(blob).find("secret") == std::string_view::npos);
  }
  CHECK(all(world, "log") == entries);
  // A segment put in the place of another is not taken.
  auto raw = raw_keys(*engine);
  write_blob(*engine, raw[1], read_blob(*engine, raw[0]));
  auto reply = world.call(read_log("log"));
  REQUIRE_FALSE(reply);
  CHECK((reply.error() == errc::authentication_failed
         || reply.error() == errc::corruption));
}

// -- cost ---------------------------------------------------------------------

TEST_CASE("an append costs the same whatever the length of its log") {
  struct counting : backend_wrapper {
    using backend_wrapper::backend_wrapper;

    size_t bytes_written = 0;
    size_t mutations = 0;
    size_t reads = 0;

    std::vector<commit_outcome> commit(std::span<mutation> batch) override {
      for (auto& x : batch) {
        ++mutations;
        if (auto blob = std::get_if<std::shared_ptr<const bytes>>(&x.content))
          bytes_written += (*blob)->size();
      }
      return backend_wrapper::commit(batch);
    }

    std::vector<read_outcome>
    read(std::span<const read_request> requests) override {
      reads += requests.size();
      return backend_wrapper::read(requests);
    }
  };
  auto engine = std::make_shared<counting>(make_memory());
  stepper world;
  world.spawn(engine);
  std::string text(20, 'x');
  auto cost = [&] {
    engine->bytes_written = engine->mutations = engine->reads = 0;
    for (auto i = 0; i < 512; ++i)
      REQUIRE(world.call(append("log", {text})));
    CHECK(engine->reads == 0);
    return std::pair{engine->bytes_written, engine->mutations};
  };
  REQUIRE(world.call(append("log", std::vector<value>(256, value{text}))));
  auto early = cost();
  for (auto i = 0; i < 4; ++i)
    REQUIRE(world.call(append("log", std::vector<value>(25'600, value{text}))));
  auto late = cost();
  CHECK(late.second == early.second);
  CHECK(static_cast<double>(late.first)
        <= 1.01 * static_cast<double>(early.first));
  // And a batch is written once, not once per entry.
  engine->bytes_written = 0;
  REQUIRE(world.call(append("log", std::vector<value>(25'600, value{text}))));
  CHECK(engine->bytes_written < 25'600 * 30);
}

// -- several processes --------------------------------------------------------

TEST_CASE("appends of several processes to one log get distinct positions") {
  auto engine = make_shared_memory();
  stepper world;
  auto first = world.spawn(engine);
  auto second = world.spawn(engine);
  std::vector<value> model;
  for (auto i = 0; i < 700; ++i) {
    world.store = i % 3 == 0 ? first : second;
    auto reply = world.call(append("log", {i}));
    REQUIRE(reply);
    REQUIRE(reply->first == static_cast<uint64_t>(i));
  }
  for (auto& store : {first, second}) {
    world.store = store;
    CHECK(all(world, "log") == numbers(0, 700));
  }
  REQUIRE(world.call(erase("log")));
  world.store = first;
  CHECK(code_of(world.call(read_log("log"))) == errc::not_found);
  CHECK(raw_keys(*engine).empty());
  world.end();
  world.store = second;
}

TEST_CASE("an append that lost against another process is made again") {
  auto engine = make_shared_memory();
  stepper world;
  auto first = world.spawn(engine);
  auto second = world.spawn(engine);
  REQUIRE(world.call(append("log", numbers(0, 255))));
  world.store = first;
  REQUIRE(all(world, "log").size() == 255);
  auto mine = world.ask(append("log", {"first"}));
  world.store = second;
  auto theirs = world.ask(append("log", {"second"}));
  // Both commits are on their way now, and both would fill the segment.
  world.run_without(writer);
  world.run();
  auto positions = std::pair{mine.take()->first, theirs.take()->first};
  auto entries = all(world, "log");
  REQUIRE(entries.size() == 257);
  CHECK(entries.at(positions.first) == value{"first"});
  CHECK(entries.at(positions.second) == value{"second"});
  CHECK(world.call(verify_request{"log"}));
  CHECK(hidden_blobs(*engine) == 1);
  world.store = first;
  world.end();
  world.store = second;
}

#endif
