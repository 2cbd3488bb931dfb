// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Publications and sweeps, step by step.

#include "larder/detail/caf.hpp"

#if !LARDER_CAF_1

#  include "sweeps.hpp"

#  include "larder/internal/publications.hpp"

using namespace larder;
using namespace larder::test;

namespace {

/// A stepper that holds publications until its end.
struct publisher : stepper {
  uint64_t publish(std::chrono::milliseconds lease = 30s) {
    held_.push_back(ask(begin_publication_request{lease}));
    run();
    auto reply = held_.back().take();
    REQUIRE(reply);
    return reply->publication;
  }

private:
  std::vector<question<begin_publication_request>> held_;
};

/// A publication held by an actor that lives until it is told to end.
struct holder {
  explicit holder(stepper& world) : world_(world) {
    auto impl = [this](caf::event_based_actor* self, caf::actor store) {
      self->request(store, caf::infinite, begin_publication_request{})
        .then([this](const begin_publication_reply& x) {
          publication = x.publication;
        });
      return caf::behavior{[](int) {}};
    };
    actor_ = world.system().spawn(impl, world.store);
    world.run();
    REQUIRE(publication != 0);
  }

  void end() {
    caf::anon_send_exit(actor_, caf::exit_reason::kill);
    actor_ = nullptr;
    world_.run();
  }

  ~holder() {
    if (actor_)
      end();
  }

  uint64_t publication = 0;

private:
  stepper& world_;
  caf::actor actor_;
};

/// Deletes everything that a sweep without anything to keep may delete.
std::set<value> sweep_everything(stepper& world, begin_sweep_request req = {}) {
  auto sweep = begin_sweep(world, std::move(req));
  keep_keys(world, sweep, {});
  auto result = sweep_all(world, sweep).deleted;
  REQUIRE(world.call(end_sweep_request{sweep}));
  return result;
}

bool is_open(stepper& world, uint64_t publication) {
  return world.call(renew_publication_request{publication}).has_value();
}

bool is_recorded(backend& engine) {
  return has_blob(engine, internal::publications_key());
}

} // namespace

// -- protection ---------------------------------------------------------------

TEST_CASE("without a publication, what nothing leads to yet is swept") {
  stepper world;
  world.spawn(make_memory());
  REQUIRE(world.call(put("part", 1)));
  world.now += 1;
  CHECK(sweep_everything(world) == std::set<value>{"part"});
}

TEST_CASE("what is written under a publication is spared until it ends") {
  auto engine = GENERATE(false, true) ? make_memory() : make_shared_memory();
  publisher world;
  world.spawn(engine);
  REQUIRE(world.call(put("garbage", 1)));
  world.now += 1;
  auto publication = world.publish();
  REQUIRE(world.call(put("part", 1)));
  world.now += 1;
  auto later = world.publish();
  REQUIRE(world.call(put("pointer", "part")));
  world.now += 1;
  CHECK(sweep_everything(world) == std::set<value>{"garbage"});
  REQUIRE(world.call(end_publication_request{publication}));
  // The oldest of those that are open counts.
  CHECK(sweep_everything(world) == std::set<value>{"part"});
  REQUIRE(world.call(end_publication_request{later}));
  CHECK(sweep_everything(world) == std::set<value>{"pointer"});
  CHECK_FALSE(is_recorded(*engine));
}

TEST_CASE("a publication that ends during a sweep still protects its values") {
  // Its pointer may have been written when the roots had been looked at.
  publisher world;
  world.spawn(make_memory());
  auto publication = world.publish();
  REQUIRE(world.call(put("part", 1)));
  world.now += 1;
  auto sweep = begin_sweep(world);
  keep_keys(world, sweep, {});
  REQUIRE(world.call(put("pointer", "part")));
  REQUIRE(world.call(end_publication_request{publication}));
  world.now += 1;
  CHECK(sweep_all(world, sweep).deleted.empty());
  CHECK(keys_of(world) == std::set<value>{"part", "pointer"});
}

TEST_CASE("a publication with a clock that is behind lowers a cutoff") {
  auto engine = make_shared_memory();
  publisher world;
  auto sweeper = world.spawn(engine);
  REQUIRE(world.call(put("garbage", 1)));
  world.now += 3'600'000;
  auto sweep = begin_sweep(world);
  keep_keys(world, sweep, {});
  // The clock steps back; a process that starts then knows nothing of before.
  world.now -= 3'500'000;
  auto other = world.spawn(engine);
  world.publish();
  REQUIRE(world.call(put("part", 1)));
  REQUIRE(world.call(metadata_request{"part"})->meta.last_write == world.now);
  world.store = sweeper;
  auto page = world.call(sweep_page_request{sweep, 1000});
  REQUIRE(page);
  CHECK(page->deleted == std::vector<value>{"garbage"});
  CHECK(page->cutoff == world.now);
  // It never rises again.
  world.now += 7'200'000;
  CHECK(world.call(sweep_page_request{sweep, 1000})->cutoff
        == world.now - 7'200'000);
  caf::anon_send_exit(other, caf::exit_reason::user_shutdown);
  world.run();
}

TEST_CASE("a clock that steps back makes sweeps careful, not greedy") {
  publisher world;
  world.spawn(make_memory());
  REQUIRE(world.call(put("a", 1)));
  world.now -= 3'600'000;
  world.publish();
  REQUIRE(world.call(put("b", 1)));
  CHECK(sweep_everything(world).empty());
  world.now += 3'600'001;
  // The stamp of the publication is that of the clock as it was.
  CHECK(sweep_everything(world) == std::set<value>{"a", "b"});
}

TEST_CASE("clocks of other machines may be behind by the allowance") {
  auto engine = std::make_shared<disguised_backend>(
    make_memory(), [](capabilities& x) { x.domain = write_domain::global; });
  publisher world;
  world.spawn(engine, [](auto& x) { x.clock_allowance = 500ms; });
  REQUIRE(world.call(put("a", 1)));
  world.now += 500;
  CHECK(sweep_everything(world).empty());
  world.now += 1;
  auto publication = world.publish();
  CHECK(world.call(begin_sweep_request{})->cutoff == world.now - 500);
  world.now += 400;
  CHECK(world.call(begin_sweep_request{})->cutoff == world.now - 900);
  REQUIRE(world.call(end_publication_request{publication}));
  CHECK(sweep_everything(world) == std::set<value>{"a"});
}

// -- holders ------------------------------------------------------------------

TEST_CASE("a publication ends with the actor that holds it") {
  auto engine = make_memory();
  stepper world;
  world.spawn(engine);
  holder first{world};
  holder second{world};
  REQUIRE(world.call(put("part", 1)));
  world.now += 1;
  CHECK(sweep_everything(world).empty());
  first.end();
  CHECK_FALSE(is_open(world, first.publication));
  CHECK(is_open(world, second.publication));
  CHECK(sweep_everything(world).empty());
  second.end();
  CHECK_FALSE(is_recorded(*engine));
  CHECK(sweep_everything(world) == std::set<value>{"part"});
}

TEST_CASE("a store that is closed takes its publications with it") {
  auto engine = make_memory();
  stepper world;
  world.spawn(engine);
  holder one{world};
  CHECK(is_recorded(*engine));
  world.close();
  CHECK_FALSE(is_recorded(*engine));
}

TEST_CASE("a publication that has ended cannot be ended or renewed") {
  publisher world;
  world.spawn(make_memory());
  auto publication = world.publish();
  CHECK(is_open(world, publication));
  REQUIRE(world.call(end_publication_request{publication}));
  CHECK_FALSE(is_open(world, publication));
  CHECK(code_of(world.call(end_publication_request{publication}))
        == errc::not_found);
}

// -- other processes ----------------------------------------------------------

TEST_CASE("a publication in another process is respected") {
  auto engine = make_shared_memory();
  publisher world;
  auto other = world.spawn(engine);
  auto sweeper = world.spawn(engine);
  world.store = other;
  auto publication = world.publish();
  REQUIRE(world.call(put("part", 1)));
  world.now += 1;
  world.store = sweeper;
  CHECK(sweep_everything(world).empty());
  world.store = other;
  REQUIRE(world.call(end_publication_request{publication}));
  world.store = sweeper;
  CHECK(sweep_everything(world) == std::set<value>{"part"});
  caf::anon_send_exit(other, caf::exit_reason::user_shutdown);
  world.run();
}

TEST_CASE("publications of several processes do not overwrite each other") {
  auto engine = std::make_shared<interfering_backend>(make_shared_memory());
  publisher world;
  auto one = world.spawn(engine);
  auto two = world.spawn(engine);
  // Between reading and writing the record, somebody else changes it.
  std::vector<uint64_t> ids;
  auto nested = false;
  engine->after_read = [&] {
    if (std::exchange(nested, true))
      return;
    auto other = make_chain(*engine);
    internal::publication_map open{{99, {world.now, world.now + 1'000'000}}};
    revision rev;
    rev.data[0] = std::byte{1};
    auto blob = internal::encode_publications(other, open, rev);
    REQUIRE(blob);
    write_blob(*engine, internal::publications_key(), *blob);
  };
  world.store = one;
  ids.push_back(world.publish());
  world.store = two;
  ids.push_back(world.publish());
  ids.push_back(world.publish());
  ids.push_back(99);
  for (auto id : ids) {
    world.store = id % 2 == 0 ? one : two;
    CHECK(world.call(end_publication_request{id}));
  }
  CHECK_FALSE(is_recorded(*engine));
  world.store = one;
  caf::anon_send_exit(two, caf::exit_reason::user_shutdown);
  world.run();
}

// -- leases -------------------------------------------------------------------

TEST_CASE("a publication of a dead process is respected until it runs out") {
  auto engine = make_shared_memory();
  publisher world;
  world.spawn(engine);
  auto publication = world.publish(10s);
  REQUIRE(world.call(put("part", 1)));
  // It ends without a chance to end its publications.
  world.end();
  CHECK(is_recorded(*engine));
  world.spawn(engine);
  world.now += 9'999;
  CHECK(sweep_everything(world).empty());
  world.now += 1;
  begin_sweep_request dry;
  dry.dry_run = true;
  CHECK(sweep_everything(world, dry) == std::set<value>{"part"});
  CHECK(is_recorded(*engine));
  CHECK(sweep_everything(world) == std::set<value>{"part"});
  CHECK_FALSE(is_recorded(*engine));
  CHECK_FALSE(is_open(world, publication));
}

TEST_CASE("a lease is renewed, even late as long as no sweep went past it") {
  publisher world;
  world.spawn(make_memory());
  auto publication = world.publish(10s);
  REQUIRE(world.call(put("part", 1)));
  for (auto i = 0; i < 5; ++i) {
    world.now += 9'000;
    REQUIRE(world.call(renew_publication_request{publication, 10s}));
    CHECK(sweep_everything(world).empty());
  }
  world.now += 60'000;
  REQUIRE(world.call(renew_publication_request{publication, 10s}));
  CHECK(sweep_everything(world).empty());
  world.now += 60'000;
  CHECK(sweep_everything(world) == std::set<value>{"part"});
  // From here on the holder knows.
  CHECK(code_of(world.call(renew_publication_request{publication, 10s}))
        == errc::not_found);
  CHECK(code_of(world.call(end_publication_request{publication}))
        == errc::not_found);
}

TEST_CASE("leases without sense are refused") {
  publisher world;
  world.spawn(make_memory());
  auto publication = world.publish();
  for (auto lease : {0ms, -1ms, 86'400'001ms}) {
    CHECK(code_of(world.call(begin_publication_request{lease}))
          == errc::invalid_argument);
    CHECK(code_of(world.call(renew_publication_request{publication, lease}))
          == errc::invalid_argument);
  }
}

// -- the record ---------------------------------------------------------------

TEST_CASE("no listing shows the record of publications") {
  auto engine = make_memory();
  publisher world;
  world.spawn(engine);
  REQUIRE(world.call(put("k", 1)));
  world.publish();
  REQUIRE(is_recorded(*engine));
  CHECK(keys_of(world) == std::set<value>{"k"});
  // Not even a scan for what has expired.
  world.advance(60s);
  CHECK(is_recorded(*engine));
}

TEST_CASE("with a damaged record, nothing is swept and nothing begins") {
  auto engine = make_memory();
  publisher world;
  world.spawn(engine);
  REQUIRE(world.call(put("k", 1)));
  world.now += 1;
  auto sweep = begin_sweep(world);
  keep_keys(world, sweep, {});
  world.publish();
  auto blob = read_blob(*engine, internal::publications_key());
  blob.back() ^= std::byte{1};
  write_blob(*engine, internal::publications_key(), blob);
  CHECK(code_of(world.call(sweep_page_request{sweep, 10})) == errc::corruption);
  CHECK(code_of(world.call(begin_sweep_request{})) == errc::corruption);
  CHECK(code_of(world.call(begin_publication_request{})) == errc::corruption);
  CHECK(keys_of(world) == std::set<value>{"k"});
}

TEST_CASE("publications that begin together share commits") {
  auto engine = make_memory();
  stepper world;
  world.spawn(engine);
  std::vector<question<begin_publication_request>> questions;
  for (auto i = 0; i < 100; ++i)
    questions.push_back(world.ask(begin_publication_request{}));
  auto commits = [&] {
    auto reply = world.call(statistics_request{});
    auto found = get_in(reply->statistics, path{value::keyword("commits"),
                                                value::keyword("batches")});
    return found->as_integer();
  };
  auto before = commits();
  world.run();
  for (auto& x : questions)
    CHECK(x.take());
  CHECK(commits() - before <= 2);
}

#endif
