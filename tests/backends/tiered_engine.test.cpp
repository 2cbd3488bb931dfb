// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// `tiered:` by URI, and its fronts.

#include "backends/child_process.hpp"
#include "temp_dir.hpp"

#include "larder/compliance.hpp"
#include "larder/detail/tier_front.hpp"
#include "larder/registry.hpp"

#include <set>

using namespace file_tools;

namespace {

struct fixture {
  temp_dir tmp;
  backend_registry registry;
  const engine& tiered = **registry.find("tiered");
  const engine& file = **registry.find("file");

  uri parsed(const std::string& str) const {
    auto result = uri::parse(str);
    REQUIRE(result);
    return *result;
  }

  /// A tiered store over the file store `back`, with more options.
  uri over_back(const std::string& options = {}) const {
    return parsed("tiered:file:" + tmp / "back" + "?sync=off" + options);
  }

  /// With a file store in front.
  uri with_front(const std::string& options = {}) const {
    return over_back("&front=file:" + tmp / "front" + "?sync=off" + options);
  }

  bool has_front() const {
    return std::filesystem::exists(tmp / "front" + "/larder-store");
  }
};

uint64_t figure(const backend& store, const std::string& name) {
  for (auto& x : store.figures())
    if (x.name == name)
      return x.amount;
  FAIL("no figure " + name);
  return 0;
}

std::string describe(const std::string& dir) {
  std::string result;
  if (!std::filesystem::exists(dir))
    return "nothing";
  for (auto& name : files_below(dir))
    result += name + ": " + slurp(dir + "/" + name) + "\n";
  return result;
}

/// Runs the compliance suite; URI and medium have a number in place of `#`.
void check_complies(const std::string& pattern, size_t rounds) {
  CAPTURE(pattern);
  fixture f;
  int counter = 0;
  compliance_options options;
  options.subject = f.tiered;
  options.fresh_uri = [&] {
    auto result = pattern;
    auto place = f.tmp / std::to_string(++counter);
    for (size_t pos = 0; (pos = result.find('#', pos)) != result.npos;)
      result.replace(pos, 1, place);
    return f.parsed(result);
  };
  options.describe_medium = [](const uri& x) {
    // What comes behind "file:", and the front beside it.
    auto dir = x.path.substr(x.path.find(':') + 1);
    return x.path.starts_with("file:")
             ? describe(dir) + describe(dir + "-front")
             : std::string{};
  };
  options.max_blob_size = size_t{1} << 20;
  options.rounds = rounds;
  auto results = run_compliance(options);
  CHECK(describe_violations(results) == "");
  CHECK(results.size() == compliance_checks().size());
}

} // namespace

// -- compliance ---------------------------------------------------------------

TEST_CASE("memory in front of memory passes the compliance suite") {
  for (std::string policy : {"write-through", "write-around"})
    check_complies("tiered:memory:#?front-bytes=20000&policy=" + policy, 10);
}

TEST_CASE("memory in front of files passes the compliance suite") {
  check_complies("tiered:file:#?sync=off&front-bytes=200000", 3);
  check_complies("tiered:file:#?sync=off&front-bytes=200000&shared=no"
                 "&policy=write-around",
                 3);
}

TEST_CASE("files in front of files pass the compliance suite") {
  check_complies("tiered:file:#?sync=off&front=file:#-front?sync=off"
                 "&front-bytes=200000",
                 2);
}

TEST_CASE("a tiered store over every engine built in passes the compliance "
          "suite") {
  backend_registry registry;
  for (std::string scheme : {"rocksdb", "lmdb", "sqlite"})
    if (registry.find(scheme))
      check_complies("tiered:" + scheme
                       + ":#?sync=off&front-bytes=200000&front=" + scheme
                       + ":#-front?sync=off",
                     1);
}

TEST_CASE("a tiered store in front of a store passes the compliance suite") {
  check_complies("tiered:memory:#?front=tiered:memory:&front-bytes=20000", 5);
}

// -- URIs ---------------------------------------------------------------------

TEST_CASE("options that tiered does not know are those of the store behind") {
  fixture f;
  auto store = must(f.tiered.create(f.over_back("&shared=no&front=memory:")));
  CHECK(store->caps().domain == write_domain::process);
  CHECK(!store->caps().durable);
  CHECK(!store->caps().nonblocking);
  CHECK(store->name() == "file:" + f.tmp / "back");
}

TEST_CASE("a wrong option of a tiered store is refused and leaves nothing") {
  fixture f;
  for (auto& option : std::vector<std::string>{
         "policy=write-back", "read-through=maybe", "front-bytes=1k",
         "policy=write-around&read-through=no", "front=memory:?x=y",
         "front=nowhere:", "front=dir", "front=file:?sync", "x=y",
         "front=file:" + f.tmp / "back" + "?sync=off"}) {
    CAPTURE(option);
    auto where = f.over_back("&" + option);
    CHECK(f.tiered.create(where).error() == errc::invalid_argument);
    CHECK(f.tiered.open(where).error() == errc::invalid_argument);
    CHECK(f.tiered.exists(where).error() == errc::invalid_argument);
    CHECK(f.tiered.destroy(where).error() == errc::invalid_argument);
    CHECK(std::filesystem::is_empty(f.tmp.path()));
  }
}

// -- fronts -------------------------------------------------------------------

TEST_CASE("a front lives from opening to closing") {
  fixture f;
  auto store = must(f.tiered.create(f.with_front()));
  CHECK(f.has_front());
  REQUIRE(commit_one(*store, put("\"a", blob(1, "x"))));
  CHECK(std::filesystem::exists(file_of(f.tmp / "front", "\"a")));
  store.reset();
  CHECK(!f.has_front());
  store = must(f.tiered.open(f.with_front()));
  CHECK(f.has_front());
  store.reset();
  REQUIRE(f.tiered.destroy(f.with_front()));
  CHECK(std::filesystem::is_empty(f.tmp.path()));
}

TEST_CASE("what a front has from before is forgotten") {
  fixture f;
  must(f.tiered.create(f.with_front())).reset();
  // As a process leaves it behind that was killed.
  auto front_uri = f.parsed("file:" + f.tmp / "front");
  auto left = must(f.file.create(front_uri));
  REQUIRE(commit_one(*left, put("\"a", blob(1, "old"))));
  REQUIRE(commit_one(*left, put(std::string{detail::front_mark}, blob(0, ""))));
  left.reset();
  auto store = must(f.tiered.open(f.with_front()));
  CHECK(get(*store, "\"a") == std::nullopt);
  REQUIRE(commit_one(*store, put("\"b", blob(2, "new"))));
  CHECK(!std::filesystem::exists(file_of(f.tmp / "front", "\"a")));
  store.reset();
  must(f.file.create(front_uri)).reset(); // not yet marked
  REQUIRE(f.tiered.destroy(f.with_front()));
  CHECK(std::filesystem::is_empty(f.tmp.path()));
}

TEST_CASE("a store with keys of its own is never taken for a front") {
  fixture f;
  auto precious = must(f.file.create(f.parsed("file:" + f.tmp / "front")));
  REQUIRE(commit_one(*precious, put("\"a", blob(1, "precious"))));
  precious.reset();
  auto before = describe(f.tmp / "front");
  CHECK(f.tiered.create(f.with_front()).error() == errc::already_exists);
  CHECK(!std::filesystem::exists(f.tmp / "back"));
  must(f.tiered.create(f.over_back())).reset();
  auto refused = f.tiered.open(f.with_front());
  REQUIRE(!refused);
  CHECK(refused.error() == errc::already_exists);
  CHECK(refused.error().message().find("the front of a tiered store")
        != std::string::npos);
  CHECK(f.tiered.destroy(f.with_front()).error() == errc::already_exists);
  CHECK(f.tiered.exists(f.with_front()) == true);
  CHECK(describe(f.tmp / "front") == before);
  // With the ends swapped, the store is not lost either.
  auto swapped = f.parsed("tiered:file:" + f.tmp / "cache"
                          + "?front=file:" + f.tmp / "front");
  CHECK(f.tiered.create(swapped).error() == errc::already_exists);
  CHECK(describe(f.tmp / "front") == before);
}

TEST_CASE("a store whose front is in use is opened without one") {
  fixture f;
  auto store = must(f.tiered.create(f.with_front()));
  REQUIRE(commit_one(*store, put("\"a", blob(1, "x"))));
  CHECK(figure(*store, "tier-front-limit-bytes") == 67'108'864);
  auto other = must(f.tiered.open(f.with_front()));
  CHECK(figure(*other, "tier-front-limit-bytes") == 0);
  for (int i = 0; i < 2; ++i)
    CHECK(get(*other, "\"a") == *blob(1, "x"));
  CHECK(figure(*other, "tier-hits-total") == 0);
  CHECK(figure(*other, "tier-misses-total") == 2);
  REQUIRE(commit_one(*other, put("\"a", blob(2, "x"))));
  CHECK(get(*store, "\"a") == *blob(2, "x"));
  CHECK(f.tiered.destroy(f.with_front()).error() == errc::locked);
}

TEST_CASE("a store is not made if its front cannot be") {
  fixture f;
  auto where = f.over_back("&front=readonly:memory:");
  CHECK(f.tiered.create(where).error() == errc::unsupported);
  CHECK(std::filesystem::is_empty(f.tmp.path()));
}

TEST_CASE("a store is not its own front, whatever its names") {
  fixture f;
  auto same = f.over_back("&front=file:" + f.tmp / "./back" + "?sync=off");
  CHECK(f.tiered.create(same).error() == errc::invalid_argument);
  CHECK(std::filesystem::is_empty(f.tmp.path()));
  must(f.tiered.create(f.over_back())).reset();
  auto before = describe(f.tmp / "back");
  auto refused = f.tiered.open(same);
  REQUIRE(!refused);
  CHECK(refused.error() == errc::invalid_argument);
  CHECK(refused.error().message().find("its own front") != std::string::npos);
  CHECK(describe(f.tmp / "back") == before);
}

TEST_CASE("a wrapped front is destroyed although the registry is gone") {
  fixture f;
  for (std::string wrapper : {"metered:", "tiered:", "metered:tiered:"}) {
    CAPTURE(wrapper);
    std::unique_ptr<backend> store;
    {
      backend_registry other;
      store = must((*other.find("tiered"))
                     ->create(f.parsed("tiered:memory:?front=" + wrapper
                                       + "file:" + f.tmp / "front")));
    }
    CHECK(f.has_front());
    store.reset();
    CHECK(std::filesystem::is_empty(f.tmp.path()));
  }
}

TEST_CASE("a front in use by another store fails the making of a store") {
  fixture f;
  auto store = must(f.tiered.create(f.with_front()));
  auto other = f.parsed("tiered:file:" + f.tmp / "other"
                        + "?front=file:" + f.tmp / "front");
  CHECK(f.tiered.create(other).error() == errc::locked);
  CHECK(f.tiered.exists(other) == false);
}

TEST_CASE("a front that cannot be opened fails the opening of the store") {
  fixture f;
  must(f.tiered.create(f.over_back())).reset();
  write_file(f.tmp / "front", "in the way");
  CHECK(!f.tiered.open(f.with_front()));
  CHECK(f.tiered.open(f.over_back()));
}

TEST_CASE("the key that marks a front can be stored like any other") {
  fixture f;
  auto store = must(f.tiered.create(f.with_front()));
  std::string mark{detail::front_mark};
  REQUIRE(commit_one(*store, put(mark, blob(1, "x"))));
  for (int i = 0; i < 2; ++i)
    CHECK(get(*store, mark) == *blob(1, "x"));
}

// -- other processes ----------------------------------------------------------

TEST_CASE("what other processes write is read at once in spite of a front") {
  fixture f;
  auto store = must(f.tiered.create(f.over_back()));
  REQUIRE(store->caps().domain == write_domain::machine);
  std::string key = "\"key";
  REQUIRE(commit_one(*store, put(key, numbered(0))));
  uint64_t counted = 0;
  for (uint64_t i = 1; i <= 10; ++i) {
    CHECK(number_of(*get(*store, key)) == i - 1);
    child writer{[&](int out) {
      auto mine = try_open(config_for(f.tmp / "back"));
      auto x = put(key, numbered(i));
      send(out, mine && (*mine)->commit({&x, 1})[0] ? 1 : 0);
    }};
    auto done = writer.next();
    REQUIRE(done);
    counted += *done;
    CHECK(number_of(*get(*store, key)) == i);
  }
  CHECK(counted == 10);
  // The front was not simply left aside.
  CHECK(figure(*store, "tier-hits-total") == 10);
}
