// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Commits that come in at the worst moment. Where the hooks call the tiered
/// store, another thread might: the order of events is the same each time.

#include "backends/tier_tools.hpp"

#include <atomic>
#include <random>
#include <thread>

using namespace tier_tools;

namespace {

tier_options policy(bool write_through) {
  tier_options result;
  result.write_through = write_through;
  return result;
}

read_request whole(std::string key) {
  return {std::move(key), blob_part::all, 0, 0, {}};
}

int revision_byte(const read_outcome& x) {
  REQUIRE(x);
  REQUIRE(*x);
  return std::to_integer<int>((*x)->data[24]);
}

} // namespace

TEST_CASE("a reader does not fill in what was replaced since it was read") {
  for (auto write_through : {true, false}) {
    CAPTURE(write_through);
    hooked_tiers t{policy(write_through)};
    REQUIRE(commit_one(*t.back, put("a", blob(1, "value"))));
    t.back->after_read = [&] { t.put("a", 2); };
    CHECK(t.get("a") == 1); // it began before the commit
    CHECK(t.get("a") == 2);
    CHECK(t.get("a") == 2);
    t.back->after_read = [&] { REQUIRE(commit_one(*t.store, erase("b"))); };
    REQUIRE(commit_one(*t.back, put("b", blob(1, "value"))));
    CHECK(t.get("b") == 1);
    CHECK(t.get("b") == 0);
  }
}

TEST_CASE("a reader does not fill in what it read during a commit") {
  for (auto write_through : {true, false}) {
    CAPTURE(write_through);
    hooked_tiers t{policy(write_through)};
    t.put("a", 1);
    t.back->before_commit = [&] { CHECK(t.get("a") == 1); };
    t.put("a", 2);
    CHECK(t.get("a") == 2);
    // Read before the commit is carried out, filled in after it has ended.
    hooked_tiers u{policy(write_through)};
    REQUIRE(commit_one(*u.back, put("a", blob(1, "value"))));
    u.back->before_read = [&] {
      u.back->before_commit = [&] { CHECK(u.get("a") == 1); };
      u.put("a", 2);
    };
    CHECK(u.get("a") == 2);
    CHECK(u.get("a") == 2);
  }
}

TEST_CASE("the front serves nothing that a commit has replaced in the back") {
  hooked_tiers t;
  t.put("a", 1);
  t.back->after_commit = [&] { CHECK(t.get("a") == 2); };
  t.put("a", 2);
  CHECK(t.get("a") == 2);
}

TEST_CASE("what was overtaken on its way into the front is not served") {
  hooked_tiers t{policy(false)};
  t.put("a", 1);
  t.front->before_commit = [&] { t.put("a", 2); };
  CHECK(t.get("a") == 1);
  CHECK(get(*t.front, "a") == *blob(1, "value")); // it is there all the same
  CHECK(t.get("a") == 2);
  CHECK(t.get("a") == 2);
  t.front->after_commit = [&] { t.put("b", 2); };
  REQUIRE(commit_one(*t.back, put("b", blob(1, "value"))));
  CHECK(t.get("b") == 1);
  CHECK(t.get("b") == 2);
}

TEST_CASE("of two writers the later one of the back is served") {
  hooked_tiers t;
  t.back->after_commit = [&] { t.put("a", 2); };
  t.put("a", 1);
  CHECK(t.get("a") == 2);
  t.back->before_commit = [&] { t.put("a", 3); };
  t.put("a", 4);
  CHECK(t.get("a") == 4);
  t.front->before_commit = [&] { t.put("a", 6); };
  t.put("a", 5);
  CHECK(t.get("a") == 6);
}

TEST_CASE("what is replaced while the front reads it is read again") {
  hooked_tiers t;
  t.put("a", 1);
  t.front->after_read = [&] { t.put("a", 2); };
  CHECK(t.get("a") == 2);
  t.front->before_read = [&] { REQUIRE(commit_one(*t.store, erase("a"))); };
  CHECK(t.get("a") == 0);
}

TEST_CASE("what is evicted while it is read is still found") {
  tier_options options;
  options.front_bytes = 4 * 70;
  hooked_tiers t{options};
  t.put("a", 1);
  t.front->before_read = [&] {
    for (auto key : {"b", "c", "d", "e"})
      t.put(key, 1);
  };
  CHECK(t.get("a") == 1);
}

TEST_CASE("a key that is being evicted is not put at the same time") {
  tier_options options;
  options.front_bytes = 4 * 70;
  hooked_tiers t{options};
  for (auto key : {"a", "b", "c", "d"})
    t.put(key, 1);
  t.front->before_commit = [&] { t.put("a", 2); };
  t.put("e", 1);
  CHECK(t.get("a") == 2);
  CHECK(t.get("a") == 2);
  CHECK(t.store->counts().front_used <= 4 * 70);
}

TEST_CASE("one read sees a group wholly or not at all, whoever serves it") {
  for (auto domain : {write_domain::process, write_domain::machine}) {
    CAPTURE(int(domain));
    hooked_tiers t{{}, domain};
    auto put_both = [&](uint8_t x) {
      std::vector<mutation> batch{{"a", blob(x, "value"), {}, 1},
                                  {"b", blob(x, "value"), {}, 1}};
      for (auto& outcome : t.store->commit(batch))
        REQUIRE(outcome);
    };
    auto read_both = [&] {
      std::vector<read_request> requests{whole("a"), whole("b")};
      auto outcomes = t.store->read(requests);
      CHECK(revision_byte(outcomes[0]) == revision_byte(outcomes[1]));
      return revision_byte(outcomes[0]);
    };
    put_both(1);
    // One in the front, the other only in the back.
    CHECK(
      !commit_one(*t.store, put("b", blob(9, "x"), precondition::absent())));
    t.front->after_read = [&] { put_both(2); };
    read_both();
    CHECK(read_both() == 2);
    CHECK(
      !commit_one(*t.store, put("a", blob(9, "x"), precondition::absent())));
    t.back->before_read = [&] { put_both(3); };
    read_both();
    CHECK(
      !commit_one(*t.store, put("b", blob(9, "x"), precondition::absent())));
    t.back->after_read = [&] { put_both(4); };
    read_both();
    CHECK(read_both() == 4);
  }
}

TEST_CASE("what others write to the back is seen at once") {
  hooked_tiers t{{}, write_domain::machine};
  t.put("a", 1);
  CHECK(t.get("a") == 1);
  CHECK(t.served() == std::pair<uint64_t, uint64_t>{1, 0});
  auto elsewhere = [&](uint8_t x) {
    REQUIRE(commit_one(t.back->inner(), put("a", blob(x, "value"))));
  };
  elsewhere(2);
  CHECK(t.get("a") == 2);
  CHECK(t.get("a") == 2);
  CHECK(t.served() == std::pair<uint64_t, uint64_t>{1, 1});
  t.back->after_read = [&] { elsewhere(3); };
  CHECK(t.get("a") == 2); // read before
  CHECK(t.get("a") == 3);
  elsewhere(4);
  CHECK(read_one(*t.store, {"a", blob_part::range, 64, 1, rev(3)}).error()
        == errc::conflict);
  CHECK(revision_byte(read_one(*t.store, {"a", blob_part::header, 0, 0, {}}))
        == 4);
  CHECK(t.get("a") == 4);
  REQUIRE(commit_one(t.back->inner(), erase("a")));
  CHECK(t.get("a") == 0);
}

TEST_CASE("a blob without revision stays in a back that others write to") {
  hooked_tiers t{{}, write_domain::machine};
  t.put("a", 0);
  t.get("a");
  t.get("a");
  CHECK(t.served() == std::pair<uint64_t, uint64_t>{0, 2});
  t.put("a", 1);
  REQUIRE(commit_one(t.back->inner(), put("a", blob(0, "other"))));
  CHECK(get(*t.store, "a") == *blob(0, "other"));
}

TEST_CASE("no thread reads anything older than what was acknowledged") {
  tier_options options;
  options.front_bytes = 4000; // about half of the keys
  options.write_through = GENERATE(true, false);
  auto domain = GENERATE(write_domain::process, write_domain::machine);
  hooked_tiers t{options, domain};
  constexpr size_t num_keys = 64;
  constexpr uint64_t rounds = 1000;
  constexpr int num_readers = 2;
  std::array<std::atomic<uint64_t>, num_keys> acknowledged{};
  std::atomic<bool> done = false;
  std::atomic<uint64_t> stale = 0;
  auto numbered = [](uint64_t n) {
    header hdr;
    store_big_endian(hdr.rev.data.data(), n + 1);
    bytes result;
    hdr.encode(result);
    append_big_endian(result, n);
    return std::make_shared<const bytes>(std::move(result));
  };
  for (size_t key = 0; key < num_keys; ++key)
    REQUIRE(commit_one(*t.store, put(std::to_string(key), numbered(0))));
  std::vector<std::thread> threads;
  for (int i = 0; i < num_readers; ++i)
    threads.emplace_back([&, i] {
      std::minstd_rand choose{static_cast<unsigned>(i + 1)};
      // Some reads at least, whoever gets the processor first.
      for (int n = 0; n < 500 || !done; ++n) {
        auto key = choose() % num_keys;
        auto least = acknowledged[key].load();
        read_request request = whole(std::to_string(key));
        auto found = std::move(t.store->read({&request, 1})[0]);
        if (!found || !*found
            || load_big_endian<uint64_t>((*found)->data.data()
                                         + header::size_v2)
                 < least)
          ++stale;
      }
    });
  std::minstd_rand choose{7};
  for (uint64_t n = 1; n <= rounds; ++n) {
    auto key = choose() % num_keys;
    auto x = put(std::to_string(key), numbered(n));
    if (t.store->commit({&x, 1})[0])
      acknowledged[key] = n;
  }
  done = true;
  for (auto& x : threads)
    x.join();
  CHECK(stale == 0);
  for (size_t key = 0; key < num_keys; ++key)
    CHECK(get(*t.store, std::to_string(key))
          == *numbered(acknowledged[key].load()));
  CHECK(t.store->counts().front_used <= options.front_bytes);
  CHECK(t.store->counts().hits > 0); // or nothing has been proved
}
