// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The data file and its map grow, and large blobs take little memory.

#include "backends/child_process.hpp"
#include "lmdb_tools.hpp"
#include "sanitizers.hpp"

#include <sys/resource.h>
#include <sys/statvfs.h>

#include <atomic>
#include <thread>

using namespace lmdb_tools;
using file_tools::child;
using file_tools::send;

namespace {

constexpr size_t mib = size_t{1} << 20;

/// Greatest number of bytes that this process has had in memory, but for files.
uint64_t anonymous_bytes() {
  std::ifstream in{"/proc/self/status"};
  for (std::string word; in >> word;)
    if (word == "RssAnon:") {
      uint64_t result = 0;
      in >> result;
      return result * 1024;
    }
  return 0;
}

std::byte byte_at(uint64_t offset) {
  return static_cast<std::byte>(offset * 2654435761u >> 24);
}

} // namespace

TEST_CASE("an LMDB store grows while readers read") {
  temp_dir tmp;
  auto store = create(fast(tmp / "store"));
  auto before = figure(*store, "map-bytes");
  REQUIRE(commit_one(*store, put("steady", filled(7, 50'000))));
  std::atomic<bool> done = false;
  std::atomic<size_t> reads = 0;
  std::atomic<size_t> wrong = 0;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i)
    readers.emplace_back([&] {
      while (!done) {
        read_request request;
        request.key = "steady";
        auto found = std::move(store->read({&request, 1})[0]);
        wrong += !found || !*found
                 || to_bytes((*found)->data) != *filled(7, 50'000);
        ++reads;
      }
    });
  for (int i = 0; i < 200; ++i)
    CHECK(commit_one(
      *store, put("key" + std::to_string(i), filled(uint8_t(i), mib / 4))));
  while (reads < 100)
    std::this_thread::yield();
  done = true;
  for (auto& x : readers)
    x.join();
  CHECK(wrong == 0);
  CHECK(figure(*store, "map-bytes") >= 32 * before);
  for (int i = 0; i < 200; ++i)
    CHECK(get(*store, "key" + std::to_string(i))
          == *filled(uint8_t(i), mib / 4));
  CHECK(get(*open(fast(tmp / "store")), "steady") == *filled(7, 50'000));
}

TEST_CASE("pages of erased blobs are used again") {
  temp_dir tmp;
  auto store = create(fast(tmp / "store"));
  for (int i = 0; i < 100; ++i)
    REQUIRE(commit_one(*store, put("key", filled(uint8_t(i), mib))));
  CHECK(figure(*store, "map-bytes") <= 8 * mib);
  REQUIRE(commit_one(*store, erase("key")));
  CHECK(figure(*store, "used-bytes") < mib);
}

TEST_CASE("a full LMDB store refuses puts and takes erases") {
  temp_dir tmp;
  create(fast(tmp / "store"));
  auto store = open(at(
    tmp / "store", {{"max-size", std::to_string(4 * mib)}, {"sync", "off"}}));
  int stored = 0;
  for (;; ++stored) {
    auto outcome
      = commit_one(*store, put(std::to_string(stored), filled(1, mib / 8)));
    if (outcome)
      continue;
    CHECK(outcome.error() == errc::limit_exceeded);
    CHECK(!outcome.error().data_loss());
    break;
  }
  CHECK(stored > 10);
  CHECK(file_tools::keys(*store).size() == size_t(stored));
  for (int i = 0; i < stored; ++i)
    REQUIRE(commit_one(*store, erase(std::to_string(i))));
  REQUIRE(commit_one(*store, put("again", filled(1, mib))));
  CHECK(figure(*store, "map-bytes") <= 5 * mib);
}

TEST_CASE("what was erased from a full LMDB store is room for the next put") {
  temp_dir tmp;
  auto limited = fast(tmp / "store");
  limited.options["max-size"] = "10000000";
  auto store = create(limited);
  for (uint8_t i = 1; i < 5; ++i) {
    auto blob = filled(i, 6'000'000);
    REQUIRE(commit_one(*store, put("key", blob)));
    CHECK(get(*store, "key") == *blob);
    auto second = commit_one(*store, put("other", blob));
    REQUIRE(!second);
    CHECK(second.error() == errc::limit_exceeded);
    REQUIRE(commit_one(*store, erase("key")));
  }
  // Also if it is staged, and after the one who erased is gone.
  store.reset();
  store = open(limited);
  auto staged = std::move(*store->stage("key", 0));
  REQUIRE(staged->append(*filled(7, 6'000'000)));
  REQUIRE(commit_one(*store, {"key", std::shared_ptr{std::move(staged)}, {}}));
  CHECK(get(*store, "key") == *filled(7, 6'000'000));
  CHECK(figure(*store, "map-bytes") <= 10'000'000 + mib);
}

TEST_CASE("a process follows the growth that another has caused") {
  temp_dir tmp;
  auto store = create(fast(tmp / "store"));
  child writer{[&](int out) {
    auto mine = the_engine().open(fast(tmp / "store"));
    auto x = put("big", filled(5, 20 * mib));
    send(out, mine && (*mine)->commit({&x, 1})[0]);
  }};
  REQUIRE(writer.next() == 1u);
  CHECK(get(*store, "big") == *filled(5, 20 * mib));
  REQUIRE(commit_one(*store, put("small", filled(6, 10))));
  CHECK(figure(*store, "map-bytes") >= 20 * mib);
}

TEST_CASE("a staged blob of 128 MiB is written and read in bounded memory") {
  constexpr uint64_t size = 128 * mib;
  constexpr size_t piece = mib;
  temp_dir tmp;
  auto store = create(fast(tmp / "store"));
  auto head = make_test_blob(file_tools::rev(1), bytes(100), {});
  auto before = anonymous_bytes();
  uint64_t most = 0;
  auto staged = store->stage("big", head.size());
  REQUIRE(staged);
  bytes data(piece);
  for (uint64_t offset = 0; offset < size; offset += piece) {
    for (size_t i = 0; i < piece; ++i)
      data[i] = byte_at(offset + i);
    REQUIRE((*staged)->append(data));
    most = std::max(most, anonymous_bytes());
  }
  CHECK(!get(*store, "big"));
  REQUIRE((*staged)->set_prefix(head));
  REQUIRE(commit_one(*store, {"big", std::shared_ptr{std::move(*staged)}, {}}));
  for (uint64_t offset = 0; offset < size; offset += 3 * piece) {
    read_request request{"big", blob_part::range, head.size() + offset,
                         piece + 17, file_tools::rev(1)};
    auto found = read_one(*store, request);
    REQUIRE((found && *found));
    auto& view = **found;
    REQUIRE(view.blob_size == head.size() + size);
    REQUIRE(view.data.size() == std::min<uint64_t>(piece + 17, size - offset));
    size_t wrong = 0;
    for (size_t i = 0; i < view.data.size(); ++i)
      wrong += view.data[i] != byte_at(offset + i);
    REQUIRE(wrong == 0);
    most = std::max(most, anonymous_bytes());
  }
  if (larder::test::memory_is_telling)
    CHECK(most - before < size / 4);
}

TEST_CASE("a full medium is told as such, and writing goes on when there is "
          "room") {
  temp_dir tmp;
  create(at(tmp / "store"));
  child limited{[&](int out) {
    // No file of this process may become longer.
    ::signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit {
      2 * mib, RLIM_INFINITY
    };
    ::setrlimit(RLIMIT_FSIZE, &limit);
    auto mine = the_engine().open(at(tmp / "store"));
    auto x = put("big", filled(5, 3 * mib));
    auto outcome = std::move((*mine)->commit({&x, 1})[0]);
    send(out, !outcome && outcome.error() == errc::io_error
                && !outcome.error().data_loss());
    auto small = put("small", filled(5, 100));
    send(out, (*mine)->commit({&small, 1})[0].has_value());
    limit.rlim_cur = RLIM_INFINITY;
    ::setrlimit(RLIMIT_FSIZE, &limit);
    send(out, (*mine)->commit({&x, 1})[0].has_value());
  }};
  CHECK(limited.next() == 1u);
  CHECK(limited.next() == 1u);
  CHECK(limited.next() == 1u);
  CHECK(get(*open(at(tmp / "store")), "big") == *filled(5, 3 * mib));
}
