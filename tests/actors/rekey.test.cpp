// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/rekey.hpp"

#include "actors/backups.hpp"
#include "actors/engines.hpp"
#include "temp_dir.hpp"

#include "larder/collection.hpp"
#include "larder/detail/patience.hpp"

#include <atomic>
#include <map>

using namespace larder;
using namespace larder::test;

namespace {

using uses = std::map<uint64_t, uint64_t>;

/// A keyring whose first keys have been replaced by the next ones.
class growing_ring {
public:
  growing_ring() {
    add();
  }

  /// Adds a key and makes it the primary one; returns its id.
  uint32_t add() {
    auto key = encryption_key::random();
    REQUIRE(ring_.add(key));
    REQUIRE(ring_.set_primary(key.id()));
    return key.id();
  }

  void retire(uint32_t id) {
    REQUIRE(ring_.retire(id));
  }

  uint32_t primary() const {
    return ring_.primary_id();
  }

  std::shared_ptr<const keyring> get() const {
    return std::make_shared<const keyring>(ring_);
  }

private:
  keyring ring_;
};

store_config encrypted(std::shared_ptr<backend> engine,
                       const growing_ring& ring) {
  auto result = *open_store("memory:?compressor=lz4");
  result.engine = std::move(engine);
  auto chain = make_chain_config(result.chain.registry, "cbor", "lz4",
                                 "xaes-gcm", ring.get());
  REQUIRE(chain);
  result.chain = *chain;
  return result;
}

struct fixture {
  threaded_world world;
  std::shared_ptr<backend> engine = make_memory();
  growing_ring ring;

  explicit fixture(std::shared_ptr<backend> on = nullptr) {
    if (on)
      engine = std::move(on);
  }

  blocking_client open() {
    return {world.system(), world.spawn(encrypted(engine, ring))};
  }

  blocking_client open_plain() {
    auto config = *open_store("memory:");
    config.engine = engine;
    return {world.system(), world.spawn(std::move(config))};
  }

  /// How many blobs there are under which key.
  uses keys_of_blobs() const {
    uses result;
    list_request request;
    request.part = blob_part::header;
    do {
      auto page = engine->list(request);
      REQUIRE(page);
      for (auto& x : page->entries) {
        REQUIRE(x.blob);
        auto h = header::decode(x.blob->data);
        REQUIRE(h);
        ++result[h->encryptor_id == 0 ? 0 : h->key_id];
      }
      request.after = page->next;
    } while (!request.after.empty());
    return result;
  }
};

rekey_summary rekeyed(blocking_client& client,
                      const rekey_options& options = {},
                      const rekey_observer& observer = {}) {
  auto result = rekey(client, options, observer);
  INFO((result ? "" : to_string(result.error())));
  REQUIRE(result);
  return *result;
}

} // namespace

// -- whole stores -------------------------------------------------------------

TEST_CASE("all that a store holds comes under the primary key, unchanged") {
  temp_dir dir;
  backend_registry registry;
  auto make_file = [&] {
    auto where = *uri::parse("file:" + (dir / "store") + "?sync=off");
    return std::shared_ptr<backend>(*(*registry.find("file"))->create(where));
  };
  for (auto engine : {make_memory(), make_shared_memory(), make_file()}) {
    INFO(engine->name());
    fixture f{engine};
    uint64_t plain = 0;
    {
      auto before = f.open_plain();
      REQUIRE(before.put("in the clear", 1));
      REQUIRE(before.write("binary in the clear", to_bytes("x")));
      plain = f.keys_of_blobs()[0];
      f.world.close();
    }
    auto first = f.ring.primary();
    std::map<std::string, std::string> state;
    {
      auto before = f.open();
      fill(before, 5 << 20);
      state = state_of(before);
      f.world.close();
    }
    auto second = f.ring.add();
    auto client = f.open();
    auto blobs = f.keys_of_blobs();
    CHECK(blobs.size() == 2);
    auto revision_before = client.meta("extras")->rev;
    rekey_options look;
    look.dry_run = true;
    auto counted = rekeyed(client, look);
    CHECK(counted.left == blobs);
    CHECK(counted.rekeyed == 0);
    CHECK(f.keys_of_blobs() == blobs);
    auto done = rekeyed(client);
    CHECK(done.rekeyed == blobs[0] + blobs[first]);
    CHECK(blobs[0] == plain);
    CHECK(done.blobs == done.rekeyed);
    CHECK(done.primary == second);
    CHECK(done.left.empty());
    CHECK(done.failed == 0);
    CHECK(f.keys_of_blobs() == uses{{second, done.blobs}});
    CHECK(state_of(client) == state);
    CHECK(client.meta("extras")->rev != revision_before);
    CHECK(statistic(client, "rekeying", "rekeyed")
          == static_cast<int64_t>(done.rekeyed));
    CHECK(rekeyed(client).rekeyed == 0);
    // The old key is not needed any more, nor is a clear blob let through.
    f.world.close();
    f.ring.retire(first);
    auto config = encrypted(f.engine, f.ring);
    config.chain.require_encryption = true;
    blocking_client strict{f.world.system(), f.world.spawn(std::move(config))};
    CHECK(state_of(strict) == state);
    REQUIRE(strict.append("log", {"more"}));
    REQUIRE(strict.truncate_log("log", 900));
    f.world.close();
  }
}

TEST_CASE("rekeying goes on after it was broken off anywhere") {
  fixture f;
  std::map<std::string, std::string> state;
  {
    auto client = f.open();
    fill(client, 1'200'000);
    state = state_of(client);
  }
  auto first = f.ring.primary();
  f.ring.add();
  rekey_options options;
  options.page_size = 7;
  uint64_t left = f.keys_of_blobs()[first];
  for (int round = 0; left > 0; ++round) {
    REQUIRE(round < 1000);
    // Each time another store, which knows nothing of the one before.
    f.world.close();
    auto client = f.open();
    auto once = [](const rekey_reply& page, const rekey_summary&) {
      return page.rekeyed == 0;
    };
    CHECK(rekey(client, options, once).error() == errc::closed);
    auto now = f.keys_of_blobs()[first];
    CHECK(now < left);
    left = now;
  }
  f.world.close();
  f.ring.retire(first);
  auto client = f.open();
  CHECK(state_of(client) == state);
}

// -- in use -------------------------------------------------------------------

TEST_CASE("nothing is lost of what others write while a store is rekeyed") {
  for (auto engine : {make_memory(), make_shared_memory()}) {
    fixture f{engine};
    constexpr int keys = 40;
    auto client = f.open();
    for (int i = 0; i < keys; ++i) {
      REQUIRE(client.put(i, 0));
      REQUIRE(client.write(value::vector({i}), bytes(2'000)));
      REQUIRE(client.append(value::vector({"log", i}), {0}));
    }
    f.world.close();
    f.ring.add();
    auto users = f.open();
    std::atomic<bool> done = false;
    std::vector<std::vector<int64_t>> counts(3, std::vector<int64_t>(keys));
    std::thread worker{[&] {
      in_threads(3, [&](size_t thread) {
        for (int round = 0; !done || round < 200; ++round) {
          auto i = round % keys;
          auto inc = [](const value* x) -> expected<value> {
            return value{x->as_integer() + 1};
          };
          if (!users.update_with(i, {}, inc)
              || !users.append(value::vector({"log", i}),
                               {static_cast<int64_t>(thread)}))
            return;
          ++counts[thread][static_cast<size_t>(i)];
        }
      });
    }};
    rekey_options options;
    options.page_size = 10;
    auto sum = rekeyed(users, options);
    done = true;
    worker.join();
    CHECK(sum.left.empty());
    CHECK(sum.failed == 0);
    for (int i = 0; i < keys; ++i) {
      int64_t expected_count = 0;
      for (auto& x : counts)
        expected_count += x[static_cast<size_t>(i)];
      CHECK(users.get(i) == value{expected_count});
      auto log = users.read_log(value::vector({"log", i}), 0, 1'000'000);
      REQUIRE(log);
      CHECK(log->end == static_cast<uint64_t>(expected_count) + 1);
    }
    f.world.close();
  }
}

TEST_CASE("whoever holds an old revision is told so, and watchers are, too") {
  fixture f;
  {
    auto client = f.open();
    REQUIRE(client.put("a", 1));
    f.world.close();
  }
  f.ring.add();
  auto client = f.open();
  auto before = client.meta("a");
  REQUIRE(before);
  watch_request everything;
  everything.with_after = true;
  auto watch = client.watch(everything);
  REQUIRE(watch);
  CHECK(rekeyed(client).rekeyed == 1);
  auto after = client.meta("a");
  CHECK(after->rev != before->rev);
  CHECK(after->last_write == before->last_write);
  put_options stale;
  stale.condition.must_match = before->rev;
  CHECK(client.put("a", 2, stale).error() == errc::precondition_failed);
  auto events = client.next_events(watch->watch);
  REQUIRE(events);
  REQUIRE(events->events.size() == 1);
  CHECK(events->events[0].rev == after->rev);
  CHECK(events->events[0].after == value{1});
}

TEST_CASE("publications that are open stay good") {
  fixture f;
  auto old = f.world.spawn(encrypted(f.engine, f.ring));
  auto open = publication::begin(f.world.system(), old);
  REQUIRE(open);
  f.ring.add();
  auto config = encrypted(f.engine, f.ring);
  blocking_client client{f.world.system(), f.world.spawn(std::move(config))};
  CHECK(rekeyed(client).rekeyed == 1);
  // The old store has not got the new key: ending would fail there.
  CHECK(f.keys_of_blobs().size() == 1);
}

TEST_CASE("one page at a time is rekeyed, and a store that closes waits") {
  fixture f;
  auto client = f.open();
  for (int i = 0; i < 2000; ++i)
    REQUIRE(client.put(i, i));
  f.world.close();
  f.ring.add();
  auto hdl = spawn_store(f.world.system(), encrypted(f.engine, f.ring));
  blocking_client busy{f.world.system(), hdl};
  std::vector<std::future<expected<rekey_reply>>> replies;
  for (int i = 0; i < 4; ++i)
    replies.push_back(busy.async(rekey_request{}));
  REQUIRE(busy.close_store());
  for (auto& x : replies) {
    auto reply = x.get();
    if (!reply)
      CHECK((reply.error() == errc::overloaded || reply.error() == errc::closed
             || reply.error() == errc::unavailable));
  }
  auto again = f.open();
  CHECK(rekeyed(again).left.empty());
  CHECK(again.get(1999) == value{1999});
}

// -- what cannot be -----------------------------------------------------------

TEST_CASE("blobs that cannot be read are named and left, all others are done") {
  fixture f;
  auto first = f.ring.primary();
  {
    auto client = f.open();
    for (int i = 0; i < 5; ++i)
      REQUIRE(client.put(i, i));
    REQUIRE(client.write("binary", pieces_of(mixed_bytes(2 << 20))));
    f.world.close();
  }
  SECTION("as they are damaged") {
    for (auto key : {"3", "\"binary"}) {
      auto blob = read_blob(*f.engine, key);
      blob[blob.size() / 2] ^= std::byte{1};
      write_blob(*f.engine, key, blob);
    }
    f.ring.add();
    auto client = f.open();
    std::vector<value> told;
    auto sum = rekeyed(client, {}, [&](auto& page, auto&) {
      for (auto& x : page.failed)
        told.push_back(x.key);
      return true;
    });
    CHECK(sum.rekeyed == 4);
    CHECK(sum.failed == 2);
    CHECK(sum.left == uses{{first, 2}});
    std::sort(told.begin(), told.end());
    CHECK(told == std::vector<value>{3, "binary"});
  }
  SECTION("as their key is not in the ring") {
    f.ring.add();
    f.ring.retire(first);
    auto client = f.open();
    std::optional<error> why;
    auto sum = rekeyed(client, {}, [&](auto& page, auto&) {
      if (!page.failed.empty())
        why = page.failed.front().failure;
      return true;
    });
    CHECK(sum.rekeyed == 0);
    CHECK(sum.failed == 6);
    CHECK(sum.left == uses{{first, 6}});
    REQUIRE(why);
    CHECK(*why == errc::unknown_encryption_key);
  }
}

TEST_CASE("a store that does not encrypt has nothing to rekey") {
  fixture f;
  auto client = f.open_plain();
  CHECK(rekey(client).error() == errc::invalid_argument);
  auto other = f.open();
  CHECK(other.call(rekey_request{"", 0, false}).error()
        == errc::invalid_argument);
  // The one before may have been answered a moment before it is over.
  auto unknown = detail::patiently([&] {
    return other.call(rekey_request{"no cursor", 1, false});
  });
  CHECK(unknown.error() == errc::invalid_argument);
  CHECK(rekeyed(other).blobs == 0);
}

TEST_CASE("a log that is being restored can be rekeyed behind it") {
  fixture f;
  auto client = f.open();
  auto meta = metadata{};
  meta.key = "log";
  meta.type = content_type::append_log;
  auto opened = client.call(open_restore_log_request{"log", meta, 0, 1, {}});
  REQUIRE(opened);
  // The store that restores is the one that goes on with the old key.
  f.ring.add();
  auto other = f.open();
  auto sum = rekeyed(other);
  CHECK(sum.rekeyed == 0);
  CHECK(sum.failed == 0);
  CHECK(sum.left.size() == 1);
  REQUIRE(client.call(restore_entries_request{opened->stream, 0, {1, 2, 3}}));
  REQUIRE(client.call(close_stream_request{opened->stream}));
  CHECK(client.read_log("log")->entries == std::vector<value>{1, 2, 3});
  CHECK(rekeyed(other).left.empty());
}
