// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Snapshots, and the growth that ends them.

#include "backends/child_process.hpp"
#include "lmdb_tools.hpp"

#include <atomic>
#include <filesystem>
#include <thread>

using namespace lmdb_tools;
using file_tools::child;
using file_tools::send;

namespace {

constexpr size_t mib = size_t{1} << 20;

using snapshot_ptr = std::unique_ptr<backend_snapshot>;

snapshot_ptr snapshot_of(backend& store) {
  auto result = store.open_snapshot();
  REQUIRE(result);
  return std::move(*result);
}

read_outcome look(backend_snapshot& x, const std::string& key) {
  read_request request;
  request.key = key;
  return std::move(x.read({&request, 1})[0]);
}

bool has(backend_snapshot& x, const std::string& key, uint8_t seed,
         size_t size) {
  auto found = look(x, key);
  return found && *found && to_bytes((*found)->data) == *filled(seed, size);
}

void expect_given_up(backend_snapshot& x) {
  auto found = look(x, "a");
  REQUIRE(!found);
  CHECK(found.error() == errc::conflict);
  auto page = x.list({});
  REQUIRE(!page);
  CHECK(page.error() == errc::conflict);
}

} // namespace

TEST_CASE("the map has room for what is written beside a snapshot") {
  temp_dir tmp;
  auto store = create(fast(tmp / "store"));
  REQUIRE(commit_one(*store, put("a", filled(1, mib))));
  auto x = snapshot_of(*store);
  auto size = figure(*store, "map-bytes");
  for (uint8_t i = 2; i < 42; ++i)
    REQUIRE(commit_one(*store, put("a", filled(i, mib))));
  CHECK(has(*x, "a", 1, mib));
  CHECK(figure(*store, "map-bytes") == size);
  // The second one leaves the first alone.
  auto y = snapshot_of(*store);
  CHECK(has(*y, "a", 41, mib));
  CHECK(has(*x, "a", 1, mib));
}

TEST_CASE("growth ends snapshots and does not wait for them") {
  temp_dir tmp;
  auto store = create(fast(tmp / "store"));
  REQUIRE(commit_one(*store, put("a", filled(1, mib))));
  auto x = snapshot_of(*store);
  auto y = snapshot_of(*store);
  for (int i = 0; i < 20; ++i)
    REQUIRE(commit_one(*store, put(std::to_string(i), filled(2, 5 * mib))));
  expect_given_up(*x);
  expect_given_up(*y);
  x.reset();
  x = snapshot_of(*store);
  REQUIRE(commit_one(*store, put("a", filled(3, mib))));
  CHECK(has(*x, "a", 1, mib));
  CHECK(look(*y, "a").error() == errc::conflict);
}

TEST_CASE("snapshots come and go while the store grows") {
  temp_dir tmp;
  auto store = create(fast(tmp / "store"));
  REQUIRE(commit_one(*store, put("steady", filled(7, 50'000))));
  std::atomic<bool> done = false;
  std::atomic<size_t> opened = 0;
  std::atomic<size_t> wrong = 0;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i)
    readers.emplace_back([&] {
      while (!done) {
        auto x = store->open_snapshot();
        wrong += !x;
        for (int n = 0; x && n < 20; ++n) {
          auto found = look(**x, "steady");
          auto right = found && *found
                       && to_bytes((*found)->data) == *filled(7, 50'000);
          auto given_up = !found && found.error() == errc::conflict;
          wrong += !right && !given_up;
        }
        ++opened;
      }
    });
  for (int i = 0; i < 30 || opened < 30; ++i)
    wrong
      += !commit_one(*store, put(std::to_string(i % 60), filled(2, 4 * mib)));
  done = true;
  for (auto& x : readers)
    x.join();
  CHECK(wrong == 0);
}

TEST_CASE("a snapshot keeps no room from a store that is bounded") {
  temp_dir tmp;
  create(fast(tmp / "store"));
  auto store = open(at(
    tmp / "store", {{"max-size", std::to_string(8 * mib)}, {"sync", "off"}}));
  REQUIRE(commit_one(*store, put("a", filled(1, 2 * mib))));
  auto x = snapshot_of(*store);
  CHECK(figure(*store, "map-bytes") <= 8 * mib);
  for (uint8_t i = 2; i < 12; ++i)
    REQUIRE(commit_one(*store, put("a", filled(i, 2 * mib))));
  expect_given_up(*x);
}

TEST_CASE("a snapshot sees nothing of other processes") {
  temp_dir tmp;
  auto store = create(fast(tmp / "store"));
  REQUIRE(commit_one(*store, put("a", filled(1, mib))));
  auto x = snapshot_of(*store);
  child writer{[&](int out) {
    auto mine = the_engine().open(fast(tmp / "store"));
    auto change = put("a", filled(5, 20 * mib));
    send(out, mine && (*mine)->commit({&change, 1})[0]);
  }};
  REQUIRE(writer.next() == 1u);
  CHECK(get(*store, "a") == *filled(5, 20 * mib));
  CHECK(has(*x, "a", 1, mib));
}

TEST_CASE("a snapshot of a store that is only read writes nothing") {
  temp_dir tmp;
  {
    auto store = create(fast(tmp / "store"));
    REQUIRE(commit_one(*store, put("a", filled(1, mib))));
  }
  auto store = open(fast(tmp / "store"));
  auto path = std::filesystem::path{tmp / "store"} / "larder.mdb";
  auto size = std::filesystem::file_size(path);
  auto x = snapshot_of(*store);
  CHECK(has(*x, "a", 1, mib));
  CHECK(std::filesystem::file_size(path) == size);
  CHECK(figure(*store, "map-bytes") > size);
  // The file follows when something is written.
  REQUIRE(commit_one(*store, put("a", filled(2, mib))));
  CHECK(std::filesystem::file_size(path) >= figure(*store, "map-bytes"));
  CHECK(has(*x, "a", 1, mib));
  x.reset();
  store.reset();
  CHECK(get(*open(fast(tmp / "store")), "a") == *filled(2, mib));
}
