// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Sweeps, step by step: what they delete and what they spare.

#include "larder/detail/caf.hpp"

#if !LARDER_CAF_1

#  include "sweeps.hpp"

using namespace larder;
using namespace larder::test;

namespace {

/// Puts the numbers from 0 up to `n`, each as its own value.
void fill(stepper& world, int n) {
  for (auto i = 0; i < n; ++i)
    REQUIRE(world.call(put(i, i)));
}

/// Keeps even numbers.
named_function keep_even() {
  return [](const value* old, std::span<const value>) -> expected<value> {
    if (!old->is(value::kind::integer))
      return fail(errc::wrong_type, "not a number");
    return value{old->as_integer() % 2 == 0};
  };
}

} // namespace

// -- what is deleted ----------------------------------------------------------

TEST_CASE("a sweep deletes what is not kept and older than the cutoff") {
  stepper world;
  world.spawn(make_memory());
  fill(world, 25);
  REQUIRE(world.call(put("keyword", 1)));
  REQUIRE(world.call(write("binary", "bytes")));
  REQUIRE(world.call(write("kept binary", "bytes")));
  world.now += 1;
  auto page_size = GENERATE(1, 2, 3, 7, 28, 1000, 1'000'000);
  CAPTURE(page_size);
  auto sweep = begin_sweep(world);
  keep_keys(world, sweep, {3, 17});
  keep_keys(world, sweep, {"kept binary", "not there", 17});
  std::set<value> expected = {"keyword", "binary"};
  for (auto i = 0; i < 25; ++i)
    if (i != 3 && i != 17)
      expected.insert(i);
  auto result = sweep_all(world, sweep, static_cast<uint64_t>(page_size));
  CHECK(result.deleted == expected);
  CHECK(result.examined == 28);
  CHECK(result.kept == 3);
  CHECK(result.young == 0);
  CHECK(keys_of(world) == std::set<value>{3, 17, "kept binary"});
}

TEST_CASE("a key written at the cutoff is spared") {
  stepper world;
  world.spawn(make_memory());
  REQUIRE(world.call(put("older", 1)));
  world.now += 1;
  auto cutoff = world.now;
  REQUIRE(world.call(put("equal", 1)));
  world.now += 1;
  REQUIRE(world.call(put("newer", 1)));
  world.now += 1;
  begin_sweep_request req;
  req.before = cutoff;
  auto sweep = begin_sweep(world, req);
  keep_keys(world, sweep, {});
  auto result = sweep_all(world, sweep);
  CHECK(result.deleted == std::set<value>{"older"});
  CHECK(result.young == 2);
  CHECK(keys_of(world) == std::set<value>{"equal", "newer"});
}

TEST_CASE("nothing written since a sweep began is deleted, whatever it asks") {
  stepper world;
  world.spawn(make_memory());
  REQUIRE(world.call(put("old", 1)));
  REQUIRE(world.call(put("rewritten", 1)));
  world.now += 1;
  begin_sweep_request req;
  req.before = world.now + 1'000'000;
  auto begun = world.call(req);
  REQUIRE(begun);
  CHECK(begun->cutoff == world.now);
  keep_keys(world, begun->sweep, {});
  REQUIRE(world.call(put("new", 1)));
  REQUIRE(world.call(put("rewritten", 2)));
  CHECK(sweep_all(world, begun->sweep).deleted == std::set<value>{"old"});
  CHECK(keys_of(world) == std::set<value>{"new", "rewritten"});
}

TEST_CASE("a sweep without anything to go by is refused") {
  stepper world;
  world.spawn(make_memory());
  fill(world, 3);
  world.now += 1;
  auto sweep = begin_sweep(world);
  auto page = sweep_page_request{sweep, 1000};
  CHECK(code_of(world.call(page)) == errc::invalid_argument);
  CHECK(keys_of(world).size() == 3);
  // Deleting everything must be asked for.
  keep_keys(world, sweep, {});
  CHECK(code_of(world.call(sweep_page_request{sweep, 0}))
        == errc::invalid_argument);
  CHECK(world.call(page)->deleted.size() == 3);
  CHECK(keys_of(world).empty());
}

TEST_CASE("a page behind the last one is empty") {
  stepper world;
  world.spawn(make_memory());
  fill(world, 3);
  world.now += 1;
  auto sweep = begin_sweep(world);
  keep_keys(world, sweep, {});
  CHECK(sweep_all(world, sweep).deleted.size() == 3);
  fill(world, 3);
  auto page = world.call(sweep_page_request{sweep, 1000});
  REQUIRE(page);
  CHECK(page->examined == 0);
  CHECK(page->next.empty());
}

TEST_CASE("a dry run tells what a sweep would delete, and changes nothing") {
  auto engine = make_memory();
  stepper world;
  world.spawn(engine);
  fill(world, 20);
  world.now += 1;
  auto sweep = [&](bool dry_run) {
    begin_sweep_request req;
    req.dry_run = dry_run;
    auto id = begin_sweep(world, req);
    keep_keys(world, id, {1, 2, 3});
    return sweep_all(world, id, 6);
  };
  auto before = keys_of(world);
  auto tried = sweep(true);
  CHECK(tried.deleted.size() == 17);
  CHECK(keys_of(world) == before);
  CHECK(collected(world, "swept") == 0);
  CHECK(sweep(false).deleted == tried.deleted);
  CHECK(keys_of(world) == std::set<value>{1, 2, 3});
  CHECK(collected(world, "swept") == 17);
  CHECK(collected(world, "sweeps") == 2);
}

TEST_CASE("a sweep that was given up is resumed at any page") {
  for (auto pages = 0; pages < 6; ++pages) {
    CAPTURE(pages);
    stepper world;
    world.spawn(make_memory());
    fill(world, 20);
    world.now += 1;
    auto first = begin_sweep(world);
    keep_keys(world, first, {5, 15});
    std::set<value> deleted;
    begin_sweep_request again;
    for (auto i = 0; i < pages; ++i) {
      auto page = world.call(sweep_page_request{first, 4});
      REQUIRE(page);
      deleted.insert(page->deleted.begin(), page->deleted.end());
      again.after = page->next;
      again.before = page->cutoff;
    }
    REQUIRE(world.call(end_sweep_request{first}));
    if (pages > 0 && again.after.empty())
      continue; // the first was done
    world.now += 1;
    REQUIRE(world.call(put("meanwhile", 1)));
    world.now += 1;
    auto second = begin_sweep(world, again);
    keep_keys(world, second, {5, 15, "meanwhile"});
    auto rest = sweep_all(world, second, 3);
    for (auto& key : rest.deleted)
      CHECK(deleted.insert(key).second);
    CHECK(deleted.size() == 18);
    CHECK(keys_of(world) == std::set<value>{5, 15, "meanwhile"});
  }
}

// -- keys that change meanwhile -----------------------------------------------

TEST_CASE("a key rewritten between its judgement and its erasure survives") {
  auto by_another_process = GENERATE(false, true);
  auto clock_step = GENERATE(0, -3'600'000);
  CAPTURE(by_another_process, clock_step);
  auto engine = make_shared_memory();
  if (!by_another_process)
    engine = make_memory();
  stepper world;
  world.spawn(engine);
  REQUIRE(world.call(put("a", 1)));
  REQUIRE(world.call(put("b", 1)));
  world.now += 1;
  auto sweep = begin_sweep(world);
  keep_keys(world, sweep, {});
  auto page = world.ask(sweep_page_request{sweep, 1000});
  if (by_another_process) {
    // Judged; the erasures wait at the key actor.
    world.run_without("larder.key-actor");
    world.now += clock_step;
    auto blobs = make_chain(*engine);
    metadata meta;
    meta.key = "b";
    meta.last_write = 1;
    meta.rev.data[0] = std::byte{1};
    write_blob(*engine, "\"b", *blobs.encode("\"b", meta, 2));
  } else {
    // Listed, and as good as judged: only the cutoff is still asked for.
    world.run_without("larder.publications");
    world.now += clock_step;
    auto change = world.ask(put("b", 2));
    world.run_without("larder.publications");
    REQUIRE(change.take());
  }
  REQUIRE(!page.answered());
  world.run();
  auto reply = page.take();
  REQUIRE(reply);
  // A clock that stepped back lowers the cutoff in time, or comes too late.
  auto spared = clock_step < 0 && !by_another_process;
  if (spared)
    CHECK(reply->deleted.empty());
  else
    CHECK(reply->deleted == std::vector<value>{"a"});
  CHECK(reply->young == (spared ? 2 : 1));
  CHECK(world.call(get("b"))->content == value{2});
}

TEST_CASE("a put that a sweep overtakes at the key actor is not lost") {
  stepper world;
  world.spawn(make_memory());
  REQUIRE(world.call(put("a", 1)));
  world.now += 1;
  auto sweep = begin_sweep(world);
  keep_keys(world, sweep, {});
  auto page = world.ask(sweep_page_request{sweep, 1000});
  auto change = world.ask(put("a", 2));
  SECTION("the put is first") {
    world.run_without("larder.sweep");
    CHECK(change.answered());
  }
  SECTION("the sweep is first") {
    world.run_without("larder.key-actor");
    CHECK_FALSE(change.answered());
  }
  world.run();
  REQUIRE(change.take());
  REQUIRE(page.take());
  CHECK(world.call(get("a"))->content == value{2});
}

TEST_CASE("an expired key is no business of a sweep") {
  stepper world;
  world.spawn(make_memory(), [](auto& x) { x.collection_interval = 0ms; });
  REQUIRE(world.call(with_ttl(put("gone", 1), 10ms)));
  REQUIRE(world.call(with_ttl(put("lives", 1), 1h)));
  world.now += 20;
  auto sweep = begin_sweep(world);
  keep_keys(world, sweep, {});
  CHECK(sweep_all(world, sweep).deleted == std::set<value>{"lives"});
}

TEST_CASE("a damaged key stays and is reported") {
  auto engine = make_memory();
  stepper world;
  world.spawn(engine);
  REQUIRE(world.call(put("damaged", 1)));
  REQUIRE(world.call(put("sound", 1)));
  auto blob = read_blob(*engine, "\"damaged");
  blob[70] ^= std::byte{1};
  write_blob(*engine, "\"damaged", blob);
  world.now += 1;
  auto sweep = begin_sweep(world);
  keep_keys(world, sweep, {});
  auto page = world.call(sweep_page_request{sweep, 1000});
  REQUIRE(page);
  CHECK(page->deleted == std::vector<value>{"sound"});
  REQUIRE(page->undecided.size() == 1);
  CHECK(page->undecided[0].key == value{"damaged"});
  CHECK(page->undecided[0].failure == errc::corruption);
  CHECK(has_blob(*engine, "\"damaged"));
}

TEST_CASE("a page that cannot be listed can be asked for again") {
  stepper world;
  auto engine = std::make_shared<faulty_listing>(make_memory());
  world.spawn(engine);
  fill(world, 10);
  world.now += 1;
  auto sweep = begin_sweep(world);
  keep_keys(world, sweep, {});
  auto page = sweep_page_request{sweep, 4};
  auto n = world.call(page)->deleted.size();
  engine->broken = true;
  CHECK(code_of(world.call(page)) == errc::io_error);
  engine->broken = false;
  CHECK(n + sweep_all(world, sweep, 4).deleted.size() == 10);
}

// -- predicates ---------------------------------------------------------------

TEST_CASE("a predicate says which values stay") {
  stepper world;
  world.spawn(make_memory(), [](store_config& x) {
    REQUIRE(x.functions.add("even?", keep_even()));
  });
  fill(world, 50);
  REQUIRE(world.call(put("text", "no number")));
  world.now += 1;
  REQUIRE(world.call(put("young", 1)));
  begin_sweep_request req;
  req.before = world.now;
  req.predicate = "even?";
  auto sweep = begin_sweep(world, req);
  auto with_set = GENERATE(false, true);
  if (with_set)
    keep_keys(world, sweep, {7, 8});
  auto result = sweep_all(world, sweep, 11);
  std::set<value> expected;
  for (auto i = 1; i < 50; i += 2)
    if (!with_set || i != 7)
      expected.insert(i);
  CHECK(result.deleted == expected);
  CHECK(result.kept == 25 + (with_set ? 1 : 0));
  CHECK(result.young == 1);
  // What it cannot say anything about stays.
  REQUIRE(result.undecided.size() == 1);
  CHECK(result.undecided[0].key == value{"text"});
  CHECK(result.undecided[0].failure == errc::wrong_type);
}

TEST_CASE("a predicate judges binaries by their metadata") {
  std::vector<value> seen;
  stepper world;
  world.spawn(make_memory(), [&](store_config& x) {
    auto f = [&seen](const value* old,
                     std::span<const value> args) -> expected<value> {
      seen.push_back(*old);
      return value{args[0] == value{true}};
    };
    REQUIRE(x.functions.add("all?", f));
  });
  REQUIRE(
    world.call(with_extras(write("b", "bytes"), value::map({{"by", "me"}}))));
  auto shown = world.call(metadata_request{"b"})->meta.to_value();
  world.now += 1;
  begin_sweep_request req;
  req.predicate = "all?";
  req.arguments = {GENERATE(true, false)};
  auto sweep = begin_sweep(world, req);
  auto result = sweep_all(world, sweep);
  CHECK(result.deleted.empty() == (req.arguments[0] == value{true}));
  REQUIRE(seen.size() == 1);
  CHECK(seen[0] == value::tagged("larder/metadata", shown));
}

TEST_CASE("a predicate that answers neither true nor false deletes nothing") {
  stepper world;
  world.spawn(make_memory(), [](store_config& x) {
    auto odd = [](const value*, std::span<const value>) -> expected<value> {
      return value{};
    };
    auto thrower = [](const value*, std::span<const value>) -> expected<value> {
      throw std::runtime_error("out of order");
    };
    REQUIRE(x.functions.add("odd", odd));
    REQUIRE(x.functions.add("thrower", thrower));
  });
  fill(world, 3);
  world.now += 1;
  begin_sweep_request req;
  req.predicate = GENERATE("odd", "thrower");
  auto result = sweep_all(world, begin_sweep(world, req));
  CHECK(result.deleted.empty());
  CHECK(result.undecided.size() == 3);
  CHECK(keys_of(world).size() == 3);
  req.predicate = "unheard of";
  CHECK(code_of(world.call(req)) == errc::unknown_function);
}

TEST_CASE("a value that changed since it was listed is not judged") {
  auto inner = std::make_shared<interfering_backend>(make_memory());
  stepper world;
  world.spawn(inner, [](store_config& x) {
    REQUIRE(x.functions.add("even?", keep_even()));
  });
  REQUIRE(world.call(put("k", 1)));
  world.now += 1;
  begin_sweep_request req;
  req.predicate = "even?";
  auto sweep = begin_sweep(world, req);
  auto page = world.ask(sweep_page_request{sweep, 1000});
  world.run_without("larder.publications"); // listed, not yet judged
  REQUIRE(!page.answered());
  auto change = world.ask(put("k", 3));
  world.run_without("larder.publications");
  REQUIRE(change.take());
  world.run();
  auto reply = page.take();
  REQUIRE(reply);
  CHECK(reply->deleted.empty());
  CHECK(reply->young == 1);
}

// -- the session --------------------------------------------------------------

TEST_CASE("requests on a sweep come one after the other") {
  stepper world;
  world.spawn(make_memory());
  fill(world, 3);
  world.now += 1;
  auto sweep = begin_sweep(world);
  keep_keys(world, sweep, {});
  auto first = world.ask(sweep_page_request{sweep, 1000});
  auto second = world.ask(sweep_page_request{sweep, 1000});
  world.run();
  CHECK(first.take()->deleted.size() == 3);
  CHECK(code_of(second.take()) == errc::invalid_argument);
}

TEST_CASE("a sweep ends when it is told, or left alone, or the store closes") {
  stepper world;
  world.spawn(make_memory());
  fill(world, 3);
  world.now += 1;
  auto sweep = begin_sweep(world);
  keep_keys(world, sweep, {});
  SECTION("told") {
    REQUIRE(world.call(end_sweep_request{sweep}));
  }
  SECTION("told while a page is under way, which is finished") {
    auto page = world.ask(sweep_page_request{sweep, 1000});
    auto end = world.ask(end_sweep_request{sweep});
    world.run();
    REQUIRE(end.take());
    CHECK(page.take()->deleted.size() == 3);
  }
  SECTION("left alone") {
    world.advance(5min);
    CHECK(world.call(keep_request{sweep, {}}));
    world.advance(5min);
    world.advance(5min);
  }
  CHECK(code_of(world.call(sweep_page_request{sweep, 1})) == errc::not_found);
  CHECK(code_of(world.call(keep_request{sweep, {}})) == errc::not_found);
  CHECK(code_of(world.call(end_sweep_request{sweep})) == errc::not_found);
}

TEST_CASE("a store that is closed finishes the page under way") {
  auto engine = make_memory();
  stepper world;
  world.spawn(engine);
  fill(world, 10);
  world.now += 1;
  auto sweep = begin_sweep(world);
  keep_keys(world, sweep, {});
  auto page = world.ask(sweep_page_request{sweep, 1000});
  auto closing = world.ask(close_request{});
  world.run();
  REQUIRE(closing.take());
  CHECK(page.take()->deleted.size() == 10);
  world.store = nullptr;
}

TEST_CASE("a store waits for a sweep that is being ended") {
  stepper world;
  world.spawn(make_memory());
  fill(world, 10);
  world.now += 1;
  auto sweep = begin_sweep(world);
  keep_keys(world, sweep, {});
  auto page = world.ask(sweep_page_request{sweep, 1000});
  world.run_without(reader);
  auto ended = world.ask(end_sweep_request{sweep});
  world.run_without(reader);
  auto closing = world.ask(close_request{});
  world.run_without(reader);
  CHECK_FALSE(ended.answered());
  CHECK_FALSE(closing.answered());
  world.run();
  CHECK(page.take()->deleted.size() == 10);
  CHECK(ended.take());
  CHECK(closing.take());
  world.store = nullptr;
}

TEST_CASE("sweeps and what they keep are bounded") {
  stepper world;
  world.spawn(make_memory(), [](store_config& x) {
    x.max_sweeps = 2;
    x.max_keep_bytes = 1000;
  });
  auto first = begin_sweep(world);
  begin_sweep(world);
  CHECK(code_of(world.call(begin_sweep_request{})) == errc::overloaded);
  std::vector<value> many;
  for (auto i = 0; i < 1000; ++i)
    many.emplace_back(i);
  CHECK(code_of(world.call(keep_request{first, many})) == errc::limit_exceeded);
  // Some of them are not kept, so that nothing may be deleted any more.
  CHECK(world.call(keep_request{first, {}}));
  CHECK(code_of(world.call(sweep_page_request{first, 10}))
        == errc::limit_exceeded);
  REQUIRE(world.call(end_sweep_request{first}));
  CHECK(world.call(begin_sweep_request{}));
}

#endif
