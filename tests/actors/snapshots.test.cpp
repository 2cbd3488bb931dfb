// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

// The messages that read a store as of one moment, step by step.

#include "larder/detail/caf.hpp"

#if !LARDER_CAF_1

#  include "stepper.hpp"

#  include "larder/text.hpp"

#  include <map>

using namespace larder;
using namespace larder::test;

namespace {

/// What backends and their snapshots do, in order.
struct lifetimes {
  int snapshots = 0;
  bool engine_gone = false;
  bool outlived = false; ///< a snapshot was there when the engine went
};

class watched_backend : public backend_wrapper {
public:
  watched_backend(std::shared_ptr<backend> inner, lifetimes& seen)
    : backend_wrapper(std::move(inner)), seen_(seen) {
    // nop
  }

  ~watched_backend() override {
    seen_.engine_gone = true;
    seen_.outlived = seen_.snapshots > 0;
  }

  expected<std::unique_ptr<backend_snapshot>> open_snapshot() override {
    auto result = inner().open_snapshot();
    REQUIRE(result);
    return std::make_unique<counted>(seen_, std::move(*result));
  }

private:
  struct counted : backend_snapshot {
    counted(lifetimes& x, std::unique_ptr<backend_snapshot> y)
      : seen(x), inner(std::move(y)) {
      ++seen.snapshots;
    }

    ~counted() override {
      --seen.snapshots;
    }

    std::vector<read_outcome>
    read(std::span<const read_request> requests) override {
      return inner->read(requests);
    }

    expected<list_page> list(const list_request& request) override {
      return inner->list(request);
    }

    lifetimes& seen;
    std::unique_ptr<backend_snapshot> inner;
  };

  lifetimes& seen_;
};

struct fixture {
  lifetimes seen; // outlives the stores
  std::shared_ptr<backend> memory = make_memory();
  stepper world;

  explicit fixture(const std::function<void(store_config&)>& tweak = {}) {
    world.spawn(std::make_shared<watched_backend>(memory, seen), tweak);
  }

  uint64_t open() {
    auto reply = world.call(open_snapshot_request{});
    REQUIRE(reply);
    CHECK(reply->snapshot != 0);
    return reply->snapshot;
  }

  expected<read_stored_reply> read(uint64_t snapshot, const value& key) {
    return world.call(
      read_snapshot_request{snapshot, {key, 0, 1'000'000, std::nullopt}});
  }

  /// The revisions of all keys, listed in small pages.
  std::map<std::string, revision> list(uint64_t snapshot) {
    std::map<std::string, revision> result;
    list_snapshot_request request{snapshot, {"", 2}};
    do {
      auto page = world.call(request);
      REQUIRE(page);
      for (auto& x : page->entries)
        result[to_edn(x.key)] = x.rev;
      request.what.after = page->next;
    } while (!request.what.after.empty());
    return result;
  }

  revision rev_of(const value& key) {
    auto reply = world.call(metadata_request{key});
    REQUIRE(reply);
    return reply->meta.rev;
  }
};

multi_put_request transfer(int64_t a, int64_t b) {
  multi_put_request result;
  result.entries = {{"a", a, {}}, {"b", b, {}}};
  return result;
}

} // namespace

TEST_CASE("a snapshot has the keys as they were when it was opened") {
  fixture f;
  REQUIRE(f.world.call(transfer(50, 50)));
  REQUIRE(f.world.call(put("erased", 1)));
  std::map<std::string, revision> before;
  for (auto key : {"a", "b", "erased"})
    before[to_edn(key)] = f.rev_of(key);
  auto id = f.open();
  REQUIRE(f.world.call(transfer(20, 80)));
  REQUIRE(f.world.call(erase("erased")));
  REQUIRE(f.world.call(put("new", 1)));
  CHECK(f.list(id) == before);
  for (auto key : {"a", "b", "erased"})
    CHECK(f.read(id, key)->rev == before[to_edn(key)]);
  CHECK(code_of(f.read(id, "new")) == errc::not_found);
  auto later = f.open();
  CHECK(f.read(later, "a")->rev == f.rev_of("a"));
  CHECK(f.list(later).size() == 3);
  CHECK(f.list(id) == before);
}

TEST_CASE("what was acknowledged before is in a snapshot, in whole groups") {
  fixture f;
  REQUIRE(f.world.call(transfer(50, 50)));
  auto changed = f.world.ask(transfer(20, 80));
  f.world.run_without(writer);
  // Not committed yet: it may be in the snapshot wholly, or not at all.
  auto opened = f.world.ask(open_snapshot_request{});
  f.world.run_without(writer);
  auto id = opened.take();
  REQUIRE(id);
  f.world.run();
  REQUIRE(changed.take());
  CHECK(f.read(id->snapshot, "a")->rev != f.rev_of("a"));
  CHECK(f.read(id->snapshot, "b")->rev != f.rev_of("b"));
  auto next = f.open();
  CHECK(f.read(next, "a")->rev == f.rev_of("a"));
  CHECK(f.read(next, "b")->rev == f.rev_of("b"));
}

TEST_CASE("what is read in a snapshot is counted") {
  fixture f;
  REQUIRE(f.world.call(put("a", 1)));
  auto id = f.open();
  CHECK(f.read(id, "a"));
  CHECK_FALSE(f.read(id, "b"));
  CHECK(f.list(id).size() == 1);
  auto reply = f.world.call(statistics_request{});
  REQUIRE(reply);
  auto figure = [&](std::string_view kind, std::string_view name) {
    path where{value::keyword("operations"), value::keyword(kind),
               value::keyword(name)};
    return get_in(reply->statistics, where);
  };
  CHECK(figure("read", "count") == value{2});
  CHECK(figure("read", "errors") == value{1});
  CHECK(figure("list", "count") == value{1});
  path bytes_read{value::keyword("bytes"), value::keyword("stored-read")};
  CHECK(get_in(reply->statistics, bytes_read)
        == value{static_cast<int64_t>(read_blob(*f.memory, "\"a").size())});
}

TEST_CASE("a snapshot that was closed is gone") {
  fixture f;
  REQUIRE(f.world.call(put("a", 1)));
  auto id = f.open();
  CHECK(f.seen.snapshots == 1);
  REQUIRE(f.world.call(close_snapshot_request{id}));
  CHECK(f.seen.snapshots == 0);
  CHECK(code_of(f.world.call(close_snapshot_request{id})) == errc::not_found);
  CHECK(code_of(f.read(id, "a")) == errc::conflict);
  CHECK(code_of(f.world.call(list_snapshot_request{id, {}})) == errc::conflict);
  CHECK(code_of(f.read(id + 1, "a")) == errc::conflict);
}

TEST_CASE("a snapshot that nobody uses is given up") {
  fixture f{[](store_config& x) { x.snapshot_timeout = 1min; }};
  REQUIRE(f.world.call(put("a", 1)));
  auto id = f.open();
  for (int i = 0; i < 5; ++i) {
    f.world.advance(1min);
    CHECK(f.read(id, "a"));
  }
  f.world.advance(1min);
  f.world.advance(1min);
  CHECK(f.seen.snapshots == 0);
  CHECK(code_of(f.read(id, "a")) == errc::conflict);
}

TEST_CASE("too many snapshots are refused until one ends") {
  fixture f{[](store_config& x) { x.max_snapshots = 2; }};
  auto first = f.open();
  f.open();
  CHECK(code_of(f.world.call(open_snapshot_request{})) == errc::overloaded);
  auto info = f.world.call(statistics_request{});
  REQUIRE(info);
  path where{value::keyword("requests"), value::keyword("snapshots")};
  CHECK(get_in(info->statistics, where) == value{2});
  REQUIRE(f.world.call(close_snapshot_request{first}));
  f.open();
}

TEST_CASE("a snapshot that cannot be opened takes no place") {
  stepper world;
  auto engine = std::make_shared<fault_injecting_backend>(make_memory());
  world.spawn(engine, [](store_config& x) { x.max_snapshots = 1; });
  engine->inject([](backend_call call, std::string_view) {
    return call == backend_call::open_snapshot
             ? std::optional{error{errc::io_error, "injected"}}
             : std::nullopt;
  });
  for (int i = 0; i < 3; ++i)
    CHECK(code_of(world.call(open_snapshot_request{})) == errc::io_error);
  engine->inject({});
  CHECK(world.call(open_snapshot_request{}));
}

TEST_CASE("an engine without snapshots refuses them") {
  stepper world;
  world.spawn(std::make_shared<disguised_backend>(
    make_memory(), [](capabilities& x) { x.snapshots = false; }));
  CHECK(code_of(world.call(open_snapshot_request{})) == errc::unsupported);
}

TEST_CASE("a store that closes ends its snapshots before its engine") {
  fixture f;
  auto id = f.open();
  f.open();
  SECTION("by a request") {
    auto changed = f.world.ask(put("a", 1));
    f.world.run_without(writer);
    auto closing = f.world.ask(close_request{});
    f.world.run_without(writer);
    CHECK(code_of(f.read(id, "a")) == errc::closed);
    f.world.run();
    CHECK(changed.take());
    CHECK(closing.take());
    f.world.store = nullptr;
  }
  SECTION("by an exit message") {
    f.world.end();
  }
  CHECK(f.seen.engine_gone);
  CHECK(f.seen.snapshots == 0);
  CHECK_FALSE(f.seen.outlived);
}

#endif // !LARDER_CAF_1
