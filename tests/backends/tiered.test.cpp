// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/tiered.hpp"

#include "backends/tier_tools.hpp"

using namespace tier_tools;

namespace {

using served = std::pair<uint64_t, uint64_t>;

tier_options write_around() {
  tier_options result;
  result.write_through = false;
  return result;
}

/// An injected failure of every call of one kind.
auto every(backend_call failing, bool data_loss = false) {
  return [=](backend_call call, std::string_view) -> std::optional<error> {
    if (call == failing)
      return error{errc::io_error, "injected", data_loss};
    return std::nullopt;
  };
}

} // namespace

// -- serving ------------------------------------------------------------------

TEST_CASE("what was written through is served from the front") {
  hooked_tiers t;
  t.put("a", 1);
  CHECK(t.get("a") == 1);
  t.put("a", 2);
  CHECK(t.get("a") == 2);
  CHECK(t.served() == served{2, 0});
  auto counts = t.store->counts();
  CHECK(counts.writes == 2);
  CHECK(counts.fills == 0);
  CHECK(counts.invalidations == 1);
  CHECK(counts.front_keys == 1);
  CHECK(counts.front_used == 1 + 69);
}

TEST_CASE("what was written around is served from the front after a read") {
  hooked_tiers t{write_around()};
  t.put("a", 1);
  CHECK(t.get("a") == 1);
  CHECK(t.served() == served{0, 1});
  CHECK(t.get("a") == 1);
  CHECK(t.served() == served{1, 0});
  t.put("a", 2);
  CHECK(t.get("a") == 2);
  CHECK(t.served() == served{0, 1});
  CHECK(t.store->counts().writes == 0);
  CHECK(t.store->counts().fills == 2);
}

TEST_CASE("reads do not fill the front if they are told not to") {
  tier_options options;
  options.read_through = false;
  hooked_tiers t{options};
  REQUIRE(commit_one(t.store->inner(), put("a", blob(1, "one"))));
  CHECK(t.get("a") == 1);
  CHECK(t.get("a") == 1);
  CHECK(t.served() == served{0, 2});
}

TEST_CASE("only whole blobs get into the front, and parts are served of them") {
  hooked_tiers t{write_around()};
  auto whole = *blob(1, "a value of some length");
  REQUIRE(commit_one(*t.store, put("a", blob(1, "a value of some length"))));
  auto check_parts = [&] {
    for (auto part : {blob_part::none, blob_part::header, blob_part::metadata,
                      blob_part::range}) {
      read_request request{"a", part, 70, 4, rev(1)};
      auto found = read_one(*t.store, request);
      REQUIRE(found);
      REQUIRE(*found);
      CHECK((*found)->blob_size == whole.size());
      if (part == blob_part::range)
        CHECK(as_chars((*found)->data) == "e of");
      request.pinned = rev(2);
      CHECK(read_one(*t.store, request).error() == errc::conflict);
    }
  };
  check_parts();
  CHECK(t.served() == served{0, 8});
  CHECK(t.store->counts().fills == 0);
  CHECK(t.get("a") == 1);
  CHECK(t.served() == served{0, 1});
  check_parts();
  // That the pinned revision is not there is for the back to say.
  CHECK(t.served() == served{4, 4});
}

TEST_CASE("a tiered store counts the bytes of both ends") {
  hooked_tiers t{write_around()};
  t.put("a", 1); // 69 bytes
  t.get("a");
  read_one(*t.store, {"a", blob_part::range, 64, 3, {}});
  read_one(*t.store, {"b", blob_part::all, 0, 0, {}});
  auto counts = t.store->counts();
  CHECK(counts.front_bytes == 3);
  CHECK(counts.back_bytes == 69);
  CHECK(counts.hits == 1);
  CHECK(counts.misses == 2);
}

TEST_CASE("missing keys are asked for in the back each time") {
  hooked_tiers t;
  CHECK(t.get("a") == 0);
  t.put("a", 1);
  REQUIRE(commit_one(*t.store, erase("a")));
  CHECK(t.get("a") == 0);
  CHECK(t.served() == served{0, 2});
}

TEST_CASE("the front is bounded and gives up what was used least recently") {
  tier_options options;
  options.front_bytes = 4 * 70; // a key of one byte and a blob of 69
  hooked_tiers t{options};
  for (auto key : {"a", "b", "c", "d"})
    t.put(key, 1);
  CHECK(t.get("a") == 1);
  t.put("e", 1);
  CHECK(t.store->counts().evictions == 1);
  CHECK(t.store->counts().front_used == 4 * 70);
  CHECK(keys(*t.front) == std::vector<std::string>{"a", "c", "d", "e"});
  t.served();
  CHECK(t.get("b") == 1);
  CHECK(t.served() == served{0, 1});
  CHECK(keys(*t.front) == std::vector<std::string>{"a", "b", "d", "e"});
  // Stale blobs go first.
  REQUIRE(commit_one(*t.store, erase("e")));
  t.put("f", 1);
  CHECK(keys(*t.front) == std::vector<std::string>{"a", "b", "d", "f"});
  CHECK(t.store->counts().evictions == 2);
  REQUIRE(commit_one(*t.store, put("big", blob(1, std::string(7, 'x')))));
  CHECK(t.store->counts().front_used == 4 * 70);
}

TEST_CASE("listing, staging, identity and capabilities are the back's") {
  hooked_tiers t;
  CHECK(t.store->id() == t.back->id());
  CHECK(t.store->name() == t.back->name());
  CHECK(t.store->caps().atomic_groups == t.back->caps().atomic_groups);
  t.put("a", 1);
  REQUIRE(commit_one(*t.back, put("b", blob(2, "x"))));
  CHECK(keys(*t.store) == std::vector<std::string>{"a", "b"});
  auto staged = t.store->stage("a", 64);
  REQUIRE(staged);
  REQUIRE((*staged)->set_prefix(*blob(3, "")));
  CHECK(commit_one(
    *t.store, {"a", std::shared_ptr<staged_blob>{std::move(*staged)}, {}}));
  CHECK(t.get("a") == 3);
  CHECK(t.get("a") == 3);
  CHECK(t.served() == served{1, 1});
}

TEST_CASE("snapshots of a tiered store are the back's") {
  hooked_tiers t;
  t.put("a", 1);
  auto snapshot = t.store->open_snapshot();
  REQUIRE(snapshot);
  t.put("a", 2);
  read_request request{"a", blob_part::all, 0, 0, rev(1)};
  CHECK((*snapshot)->read({&request, 1})[0]);
  CHECK(t.get("a") == 2);
}

TEST_CASE("the figures of a tiered store are those of both ends and its own") {
  hooked_tiers t;
  t.put("a", 1);
  t.get("a");
  std::map<std::string, uint64_t> figures;
  for (auto& x : t.store->figures())
    CHECK(figures.emplace(x.name, x.amount).second);
  CHECK(figures.at("keys") == 1);
  CHECK(figures.at("front-keys") == 1);
  CHECK(figures.at("tier-hits-total") == 1);
  CHECK(figures.at("tier-front-bytes-total") == 69);
  CHECK(figures.at("tier-writes-total") == 1);
  CHECK(figures.at("tier-front-used-bytes") == 70);
}

// -- failures -----------------------------------------------------------------

TEST_CASE("a refused mutation takes the key out of the front") {
  hooked_tiers t;
  t.put("a", 1);
  auto outcome
    = commit_one(*t.store, put("a", blob(2, "x"), precondition::absent()));
  CHECK(outcome.error() == errc::precondition_failed);
  CHECK(t.get("a") == 1);
  CHECK(t.served() == served{0, 1});
  // A check alone changes nothing.
  CHECK(commit_one(*t.store, {"a", keep{}, precondition::matches(rev(1))}));
  CHECK(t.get("a") == 1);
  CHECK(t.served() == served{1, 0});
}

TEST_CASE("the front is left alone once the state of the back is unknown") {
  auto back = std::make_shared<fault_injecting_backend>(memory());
  tiered_backend store{back, memory(), {}};
  REQUIRE(commit_one(store, put("a", blob(1, "x"))));
  back->inject(every(backend_call::commit, true));
  CHECK(commit_one(store, put("b", blob(2, "x"))).error() == errc::io_error);
  back->inject(nullptr);
  CHECK(get(store, "a") == *blob(1, "x"));
  CHECK(get(store, "a") == *blob(1, "x"));
  REQUIRE(commit_one(store, put("a", blob(2, "x"))));
  CHECK(get(store, "a") == *blob(2, "x"));
  CHECK(store.counts().hits == 0);
  CHECK(store.counts().misses == 3);
}

TEST_CASE("a front that fails to read is replaced by the back") {
  auto front = std::make_shared<fault_injecting_backend>(memory());
  tiered_backend store{memory(), front, {}};
  REQUIRE(commit_one(store, put("a", blob(1, "x"))));
  front->inject(every(backend_call::read));
  CHECK(get(store, "a") == *blob(1, "x"));
  CHECK(store.counts().front_errors == 1);
  CHECK(store.counts().misses == 1);
  front->inject(nullptr);
  CHECK(get(store, "a") == *blob(1, "x")); // the read has filled it again
  CHECK(store.counts().hits == 1);
}

TEST_CASE("a front that fails to write never serves what it has from before") {
  auto front = std::make_shared<fault_injecting_backend>(memory());
  tiered_backend store{memory(), front, {}};
  REQUIRE(commit_one(store, put("a", blob(1, "x"))));
  front->inject(every(backend_call::commit, true));
  REQUIRE(commit_one(store, put("a", blob(2, "x"))));
  CHECK(get(*front, "a") == *blob(1, "x"));
  CHECK(get(store, "a") == *blob(2, "x"));
  CHECK(store.counts().hits == 0);
  CHECK(store.counts().front_keys == 0);
  CHECK(store.counts().front_errors == 2);
}

TEST_CASE("a front that cannot erase takes in no more than it is given") {
  auto front = std::make_shared<fault_injecting_backend>(memory());
  tier_options options;
  options.front_bytes = 4 * 66;
  tiered_backend store{memory(), front, options};
  for (auto key : {"a", "b", "c", "d"})
    REQUIRE(commit_one(store, put(key, blob(1, "x"))));
  front->inject(
    [](backend_call call, std::string_view key) -> std::optional<error> {
      if (call == backend_call::commit && key != "e")
        return error{errc::io_error, "injected"};
      return std::nullopt;
    });
  for (int i = 0; i < 3; ++i)
    REQUIRE(commit_one(store, put("e", blob(2, "x"))));
  CHECK(keys(*front).size() == 4);
  CHECK(store.counts().front_used == 4 * 66);
  front->inject(nullptr);
  REQUIRE(commit_one(store, put("e", blob(3, "x"))));
  CHECK(get(store, "e") == *blob(3, "x"));
  CHECK(store.counts().hits == 1);
  CHECK(store.counts().front_used <= 4 * 66);
}

TEST_CASE("a front that lost a blob or holds another one is not believed") {
  hooked_tiers t;
  t.put("a", 1);
  REQUIRE(commit_one(*t.front, erase("a")));
  CHECK(t.get("a") == 1);
  CHECK(t.served() == served{0, 1});
  REQUIRE(commit_one(*t.front, put("a", blob(1, "a shorter or longer one"))));
  CHECK(t.get("a") == 1);
  CHECK(t.served() == served{0, 1});
  CHECK(t.get("a") == 1);
  CHECK(t.served() == served{1, 0});
}
