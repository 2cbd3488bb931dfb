// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

// Backups of one moment.

#include "actors/backups.hpp"
#include "actors/engines.hpp"
#include "actors/remote_fixture.hpp"
#include "temp_dir.hpp"

#include <atomic>

using namespace larder;
using namespace larder::test;

namespace {

constexpr int num_accounts = 600; // more than are read at the same time
constexpr int64_t balance = 100;

std::string account(int i) {
  return "account " + std::to_string(1000 + i);
}

void open_accounts(blocking_client& client) {
  std::vector<std::pair<value, value>> entries;
  for (int i = 0; i < num_accounts; ++i)
    entries.emplace_back(account(i), balance);
  REQUIRE(client.multi_put(std::move(entries)));
}

int64_t sum_of(blocking_client& client) {
  int64_t result = 0;
  for (int i = 0; i < num_accounts; ++i) {
    auto found = client.get(account(i));
    REQUIRE(found);
    result += found->as_integer();
  }
  return result;
}

/// Moves from the first account, which is read early, to the last one.
class mover {
public:
  explicit mover(blocking_client& client) : client_(client) {
    // nop
  }

  void move() {
    if (moved_ == balance)
      return;
    ++moved_;
    REQUIRE(client_.multi_put({{account(0), balance - moved_},
                               {account(num_accounts - 1), balance + moved_}}));
  }

private:
  blocking_client& client_;
  int64_t moved_ = 0;
};

struct archived {
  bytes archive;
  backup_result result;
};

/// Makes a backup while money is moved.
archived backup_with_transfers(blocking_client& client,
                               backup_options options = {}) {
  archived result;
  mover m{client};
  options.progress = [&](const archive_counts& x) {
    if (x.records > 0) // the first account has been read
      m.move();
  };
  auto made = backup(
    client,
    [&](bytes_view data) -> expected<void> {
      append(result.archive, data);
      return {};
    },
    options);
  INFO((made ? "" : to_string(made.error())));
  REQUIRE(made);
  result.result = *made;
  return result;
}

int64_t restored_sum(threaded_world& world, const std::vector<bytes>& xs) {
  blocking_client to{world.system(), world.spawn("memory:")};
  REQUIRE(restore_all(to, xs));
  return sum_of(to);
}

store_config on(std::shared_ptr<backend> engine) {
  auto result = *open_store("memory:");
  result.engine = std::move(engine);
  return result;
}

/// Stores that can keep a moment, in `dir`.
std::vector<std::string> uris(const temp_dir& dir) {
  std::vector<std::string> result{"memory:", "metered:memory:"};
  backend_registry registry;
  for (std::string scheme : {"rocksdb", "lmdb", "sqlite"})
    if (registry.find(scheme))
      result.push_back(scheme + ":" + (dir / scheme) + "?sync=off");
  return result;
}

} // namespace

TEST_CASE("transfers during a backup are in it wholly or not at all") {
  temp_dir dir;
  threaded_world world;
  for (auto& uri : uris(dir)) {
    INFO(uri);
    blocking_client from{world.system(), world.spawn(uri)};
    open_accounts(from);
    auto made = backup_with_transfers(from);
    CHECK(made.result.one_moment);
    CHECK(sum_of(from) == num_accounts * balance);
    CHECK(from.get(account(0)) == value{0});
    CHECK(restored_sum(world, {made.archive}) == num_accounts * balance);
  }
}

TEST_CASE("without a snapshot a backup may have half a transfer") {
  threaded_world world;
  auto by_choice = GENERATE(true, false);
  auto engine = std::make_shared<disguised_backend>(
    make_memory(), [=](capabilities& x) { x.snapshots = by_choice; });
  blocking_client from{world.system(), world.spawn(on(engine))};
  open_accounts(from);
  backup_options options;
  options.one_moment = !by_choice;
  auto made = backup_with_transfers(from, options);
  CHECK(!made.result.one_moment);
  CHECK(restored_sum(world, {made.archive}) != num_accounts * balance);
}

TEST_CASE("an increment is of one moment, too") {
  threaded_world world;
  blocking_client from{world.system(), world.spawn("memory:")};
  open_accounts(from);
  auto first = archive_of(from);
  auto index = *check_archives(openers({first}));
  std::vector<std::pair<value, value>> entries;
  for (int i = 0; i < num_accounts; ++i)
    entries.emplace_back(account(i), i % 2 == 0 ? 0 : 2 * balance);
  entries.front().second = balance; // to be moved
  entries[2].second = -balance;
  REQUIRE(from.multi_put(std::move(entries)));
  backup_options options;
  options.since = &index;
  auto made = backup_with_transfers(from, options);
  CHECK(made.result.one_moment);
  CHECK(restored_sum(world, {first, made.archive}) == num_accounts * balance);
}

TEST_CASE("backups and transfers go on at the same time") {
  temp_dir dir;
  threaded_world world;
  for (auto& uri : uris(dir)) {
    INFO(uri);
    blocking_client from{world.system(), world.spawn(uri)};
    open_accounts(from);
    REQUIRE(from.write("binary", pieces_of(mixed_bytes(3'000'000))));
    std::atomic<bool> stop = false;
    std::atomic<int> moved = 0;
    std::thread writer{[&] {
      for (int n = 1; !stop; ++n) {
        auto a = n * 7 % num_accounts;
        auto b = (a + num_accounts / 2) % num_accounts;
        auto amount = int64_t{n % 1000};
        if (!from.multi_put(
              {{account(a), balance - amount}, {account(b), balance + amount}}))
          break;
        if (!from.multi_put({{account(a), balance}, {account(b), balance}}))
          break;
        if (n % 50 == 0)
          static_cast<void>(
            from.write("binary", pieces_of(mixed_bytes(2'000'000))));
        ++moved;
      }
    }};
    std::vector<bytes> archives;
    for (int i = 0; i < 3; ++i) {
      for (auto least = moved + 1; moved < least;)
        std::this_thread::yield();
      archives.push_back(archive_of(from));
    }
    stop = true;
    writer.join();
    for (auto& x : archives)
      CHECK(restored_sum(world, {x}) == num_accounts * balance);
  }
}

TEST_CASE("a binary that is replaced or erased is whole in a snapshot") {
  temp_dir dir;
  threaded_world world;
  for (auto& uri : uris(dir)) {
    INFO(uri);
    blocking_client from{world.system(), world.spawn(uri)};
    REQUIRE(from.write("a", pieces_of(mixed_bytes(5'000'000))));
    REQUIRE(from.write("b", pieces_of(mixed_bytes(4'000'000))));
    auto before = state_of(from);
    backup_options options;
    options.choose = [&](auto&) -> expected<void> {
      REQUIRE(from.write("a", pieces_of(bytes(3'000'000))));
      REQUIRE(from.erase("b"));
      return {};
    };
    auto archive = archive_of(from, options);
    blocking_client to{world.system(), world.spawn("memory:")};
    REQUIRE(restore_all(to, {archive}));
    CHECK(state_of(to) == before);
  }
}

TEST_CASE("a store that closes with a snapshot open can be opened again") {
  temp_dir dir;
  threaded_world world;
  for (auto& uri : uris(dir)) {
    INFO(uri);
    for (int i = 0; i < 3; ++i) {
      blocking_client client{world.system(), world.spawn(uri)};
      REQUIRE(client.put("a", i));
      auto opened = client.call(open_snapshot_request{});
      REQUIRE(opened);
      REQUIRE(client.put("a", "changed"));
      CHECK(client.call(read_snapshot_request{opened->snapshot,
                                              {"a", 0, 1'000, std::nullopt}}));
      world.close();
    }
  }
}

TEST_CASE("a snapshot that is lost ends the backup, and the next one works") {
  threaded_world world;
  auto engine = std::make_shared<fault_injecting_backend>(make_memory());
  auto config = on(engine);
  config.max_snapshots = 1;
  blocking_client from{world.system(), world.spawn(std::move(config))};
  open_accounts(from);
  auto failing = GENERATE(backend_call::read, backend_call::list);
  backup_options options;
  auto missing = 0;
  options.on_missing = [&](const value&, const error&) { ++missing; };
  auto given_up = [=](backend_call call, std::string_view) {
    return call == failing ? std::optional{error{errc::conflict, "given up"}}
                           : std::nullopt;
  };
  if (failing == backend_call::list)
    engine->inject(given_up);
  else
    options.choose = [&](auto&) -> expected<void> {
      engine->inject(given_up);
      return {};
    };
  auto made = backup(
    from, [](bytes_view) { return expected<void>{}; }, options);
  REQUIRE(!made);
  CHECK(made.error() == errc::conflict);
  CHECK_THAT(made.error().message(),
             Catch::Contains("snapshot") && Catch::Contains("begin again"));
  CHECK(missing == 0);
  engine->inject({});
  // The only place for a snapshot is free again.
  CHECK(from.call(open_snapshot_request{}));
}

TEST_CASE("a backup closes its snapshot, also when it fails") {
  threaded_world world;
  auto config = on(make_memory());
  config.max_snapshots = 1;
  blocking_client from{world.system(), world.spawn(std::move(config))};
  open_accounts(from);
  for (int i = 0; i < 3; ++i) {
    CHECK(!backup(from, [](bytes_view) -> expected<void> {
      return fail(errc::io_error, "disk full");
    }));
    archive_of(from);
  }
}

TEST_CASE("copies are of one moment") {
  threaded_world world;
  blocking_client from{world.system(), world.spawn("memory:")};
  blocking_client to{world.system(), world.spawn("memory:")};
  open_accounts(from);
  copy_options options;
  mover m{from};
  options.verify = false;
  options.progress = [&](const restore_counts&) { m.move(); };
  REQUIRE(copy_store(from, to, options));
  CHECK(sum_of(to) == num_accounts * balance);
}

TEST_CASE("a backup of a served store is of one moment") {
  remote_test::peer server;
  remote_test::peer away;
  auto spawned = spawn_store(server.system(), "memory:");
  REQUIRE(spawned);
  auto port = server.serve(server.own(*spawned)).port;
  blocking_client from{away.system(), away.connect(port)};
  open_accounts(from);
  auto made = backup_with_transfers(from);
  CHECK(made.result.one_moment);
  threaded_world world;
  CHECK(restored_sum(world, {made.archive}) == num_accounts * balance);
}
