// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Values in the layouts of konserve before `.ksv` files.

#include "larder/konserve/migration.hpp"

#include "backends/konserve/old_layouts.hpp"
#include "backends/watched_ops.hpp"

#include "larder/detail/konserve/migration.hpp"

#include <fcntl.h>
#include <sys/stat.h>

using namespace larder;
using namespace larder::test;

namespace {

namespace fs = std::filesystem;

const std::map<std::string, std::string> migrating{{"migrate", "yes"}};

const auto bin = to_bytes("\1\2\3 some bytes");

struct old_key {
  old_layout layout;
  value key;
  value content;
};

std::vector<old_key> one_of_each() {
  return {{old_layout::v1, kw("v1"), edn("{:a [1 2] :b #{\"x\"}}")},
          {old_layout::v1_binary, "v1 binary", bin},
          {old_layout::v2, edn("[:v2 {:k 1}]"), edn("(1 2.5 nil)")},
          {old_layout::v2_binary, 42, bin}};
}

void write_all(const std::string& dir) {
  for (auto& x : one_of_each())
    write_old(dir, x.layout, x.key, x.content);
}

bool is_binary(const old_key& x) {
  return x.content.is(value::kind::bytes);
}

void check_content(konserve_store& store, const old_key& x) {
  INFO(to_edn(x.key));
  auto found = store.get(x.key);
  CHECK(found.meta.key == x.key);
  if (!is_binary(x)) {
    CHECK(found.meta.type == content_type::edn);
    CHECK(found.content == x.content);
    return;
  }
  CHECK(found.meta.type == content_type::binary);
  CHECK(store.read_binary(x.key) == to_bytes(x.content.as_bytes()));
}

konserve::migration_counts migrate(const std::string& dir) {
  auto result = konserve::migrate(konserve_uri(dir, {{"sync", "off"}}));
  INFO((result ? "" : to_string(result.error())));
  REQUIRE(result);
  return *result;
}

} // namespace

// -- without migrate=yes ------------------------------------------------------

TEST_CASE("values in old layouts are told of and left alone", "[konserve]") {
  temp_dir dir;
  write_all(dir.path());
  auto store = konserve_store::open(dir.path());
  for (auto& x : one_of_each()) {
    CHECK(code_of(store.read(x.key)) == "unsupported");
    CHECK(code_of(store.put(x.key, 1)) == "unsupported");
    CHECK(code_of(store.erase(x.key)) == "unsupported");
    CHECK(is_in_old_layout(dir.path(), x.key));
  }
  CHECK(code_of(store.find("nothing")) == "none");
  auto listed = store.list();
  CHECK(listed.size() == 4);
  for (auto& x : listed) {
    REQUIRE_FALSE(x.blob);
    CHECK(x.blob.error() == errc::unsupported);
    CHECK_THAT(x.blob.error().message(), Catch::Contains("migrate=yes"));
  }
}

// -- key by key ---------------------------------------------------------------

TEST_CASE("a value in an old layout moves when it is read", "[konserve]") {
  temp_dir dir;
  write_all(dir.path());
  auto store = konserve_store::open(dir.path(), migrating);
  for (auto& x : one_of_each()) {
    check_content(store, x);
    CHECK_FALSE(is_in_old_layout(dir.path(), x.key));
    CHECK(fs::exists(dir / file_of(x.key)));
    // Its revision does not change when the store is opened again.
    auto rev = store.revision_of(x.key);
    CHECK(konserve_store::open(dir.path()).revision_of(x.key) == rev);
    check_content(store, x);
  }
}

TEST_CASE("a value keeps the time when it was written", "[konserve]") {
  temp_dir dir;
  auto x = one_of_each().front();
  write_old(dir.path(), x.layout, x.key, x.content);
  auto path = dir / id_of(x.key);
  struct timespec times[2] = {{0, UTIME_OMIT}, {1'500'000'000, 123'456'789}};
  REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
  auto store = konserve_store::open(dir.path(), migrating);
  CHECK(store.get(x.key).meta.last_write == 1'500'000'000'123);
}

TEST_CASE("a value in an old layout can be replaced and erased at once",
          "[konserve]") {
  temp_dir dir;
  write_all(dir.path());
  auto store = konserve_store::open(dir.path(), migrating);
  auto keys = one_of_each();
  SECTION("it exists") {
    for (auto& x : keys) {
      CHECK(code_of(store.put(x.key, 1, precondition::absent()))
            == "precondition_failed");
      check_content(store, x);
    }
  }
  SECTION("replaced") {
    for (auto& x : keys) {
      auto put = store.put(x.key, "new");
      REQUIRE(put);
      CHECK(put->existed);
      CHECK(store.get(x.key).content == value{"new"});
      CHECK_FALSE(is_in_old_layout(dir.path(), x.key));
    }
  }
  SECTION("by revision") {
    for (auto& x : keys) {
      auto rev = store.revision_of(x.key);
      CHECK(store.put(x.key, "new", precondition::matches(rev)));
      CHECK(code_of(store.put(x.key, 2, precondition::matches(rev)))
            == "precondition_failed");
    }
  }
  SECTION("erased") {
    for (auto& x : keys) {
      auto erased = store.erase(x.key);
      REQUIRE(erased);
      CHECK(erased->existed);
      CHECK_FALSE(store.find(x.key).value());
      CHECK_FALSE(is_in_old_layout(dir.path(), x.key));
    }
    CHECK(store.list().empty());
  }
}

TEST_CASE("a listing moves what it lists, each key once", "[konserve]") {
  temp_dir dir;
  std::set<std::string> expected;
  for (int i = 0; i < 60; ++i) {
    value key{i};
    expected.insert(encoded(key));
    write_old(dir.path(), i % 2 == 0 ? old_layout::v1 : old_layout::v2, key, i);
  }
  auto store = konserve_store::open(dir.path(), migrating);
  for (int i = 100; i < 130; ++i) {
    store.must_put(i, i);
    expected.insert(encoded(i));
  }
  // Some move between the pages.
  std::set<std::string> found;
  list_request request{{}, {}, 7, blob_part::metadata};
  do {
    auto page = store.engine().list(request);
    REQUIRE(page);
    for (auto& x : page->entries) {
      CHECK(x.blob);
      CHECK(found.insert(x.key).second);
    }
    for (int i = 0; i < 60; i += 13)
      CHECK(store.get(i).content == value{i});
    request.after = page->next;
  } while (!request.after.empty());
  CHECK(found == expected);
  for (int i = 0; i < 60; ++i)
    CHECK_FALSE(is_in_old_layout(dir.path(), i));
}

TEST_CASE("a binary whose key is not stored is listed as such", "[konserve]") {
  temp_dir dir;
  write_old(dir.path(), old_layout::v1_binary, "b", bin);
  auto store = konserve_store::open(dir.path(), migrating);
  auto listed = store.list();
  REQUIRE(listed.size() == 1);
  REQUIRE_FALSE(listed[0].blob);
  CHECK_THAT(listed[0].blob.error().message(),
             Catch::Contains("B_" + id_of("b")));
  CHECK(store.read_binary("b") == bin);
  CHECK(store.keys() == std::set{encoded("b")});
}

TEST_CASE("what was moved is written as the store is configured",
          "[konserve]") {
  temp_dir dir;
  write_all(dir.path());
  auto options = migrating;
  options["key"] = std::string(32, 'k');
  options["encryptor"] = "aes-gcm";
  auto store = konserve_store::open(dir.path(), options);
  for (auto& x : one_of_each())
    check_content(store, x);
  auto open = konserve_store::open(dir.path());
  CHECK(code_of(open.read(kw("v1"))) == "unknown_encryption_key");
}

// -- all at once --------------------------------------------------------------

TEST_CASE("a migration moves all keys that have names", "[konserve]") {
  temp_dir dir;
  write_all(dir.path());
  konserve_store::open(dir.path()).must_put("today", 1);
  auto counts = migrate(dir.path());
  CHECK(counts.found == 4);
  CHECK(counts.moved == 3);
  CHECK(counts.unnamed == 1);
  CHECK(counts.removed == 0);
  CHECK(counts.failed.empty());
  CHECK_FALSE(fs::exists(dir / "meta"));
  CHECK_FALSE(fs::exists(dir / "data"));
  // Nothing is left to do but for the binary.
  counts = migrate(dir.path());
  CHECK(counts.found == 1);
  CHECK(counts.moved == 0);
  auto store = konserve_store::open(dir.path(), migrating);
  for (auto& x : one_of_each())
    check_content(store, x);
  CHECK(migrate(dir.path()).found == 0);
}

TEST_CASE("a migration can be stopped and goes on", "[konserve]") {
  temp_dir dir;
  for (int i = 0; i < 300; ++i)
    write_old(dir.path(), old_layout::v1, i, i);
  uint64_t steps = 0;
  auto counts = konserve::migrate(
    konserve_uri(dir.path(), {{"sync", "off"}}),
    [&](const konserve::migration_counts&) { return ++steps < 2; });
  REQUIRE(counts);
  CHECK(steps == 2);
  CHECK(counts->moved > 0);
  CHECK(counts->moved < 300);
  CHECK(migrate(dir.path()).moved == 300 - counts->moved);
  auto store = konserve_store::open(dir.path());
  for (int i = 0; i < 300; ++i)
    REQUIRE(store.get(i).content == value{i});
}

TEST_CASE("a migration goes on when another one removes the empty directory",
          "[konserve]") {
  temp_dir dir;
  write_old(dir.path(), old_layout::v2, kw("a"), 1);
  auto ops = std::make_shared<watched_ops>();
  auto config = detail::ksv::parse_config(konserve_uri(dir.path()));
  auto state = detail::ksv::open_state(std::move(*config), ops).value();
  auto meta = dir / "meta";
  ops->hook([&](watched_ops::call what, const std::string& path) {
    // As it is opened to be synced:
    if (what == watched_ops::call::open && path == meta)
      CHECK(std::filesystem::remove(meta));
    return 0;
  });
  auto counts = detail::ksv::migrate_all(*state, nullptr);
  REQUIRE(counts);
  CHECK(counts->moved == 1);
  CHECK(counts->failed.empty());
  CHECK_FALSE(std::filesystem::exists(meta));
}

TEST_CASE("a migration that runs out of memory gives up its locks",
          "[konserve]") {
  temp_dir dir;
  write_old(dir.path(), old_layout::v1, kw("a"), 1);
  auto ops = std::make_shared<watched_ops>();
  auto config
    = detail::ksv::parse_config(konserve_uri(dir.path(), {{"migrate", "yes"}}));
  konserve_store store{
    detail::ksv::open_store(std::move(*config), ops).value()};
  ops->hook([&](watched_ops::call what, const std::string& path) -> int {
    if (what == watched_ops::call::open && path == dir / id_of(kw("a")))
      throw std::bad_alloc{};
    return 0;
  });
  CHECK(code_of(store.read(kw("a"))) == "limit_exceeded");
  detail::file_handle same;
  REQUIRE(same.open(*ops, dir.path(), O_RDONLY | O_DIRECTORY) == 0);
  CHECK(ops->lock_whole(same.fd(), detail::lock_kind::exclusive, false) == 0);
}

TEST_CASE("what could not be moved is named and left as it is", "[konserve]") {
  temp_dir dir;
  write_old(dir.path(), old_layout::v1, "good", 1);
  write_old(dir.path(), old_layout::v1, "cut", edn("[1 2 3 4 5 6 7 8 9]"));
  fs::resize_file(dir / id_of("cut"), 20);
  // A value that somebody has put in the place of another.
  write_old(dir.path(), old_layout::v1, "from", 1);
  fs::rename(dir / id_of("from"), dir / id_of("to"));
  // Metadata without value.
  write_old(dir.path(), old_layout::v2, "half", 1);
  fs::remove(dir / ("data/" + id_of("half")));
  auto before = names_in(dir.path());
  auto counts = migrate(dir.path());
  CHECK(counts.moved == 1);
  REQUIRE(counts.failed.size() == 3);
  for (auto& [file, problem] : counts.failed)
    CHECK(fs::exists(dir / file));
  auto after = names_in(dir.path());
  before.erase(id_of("good"));
  before.insert(file_of("good"));
  before.erase("data"); // it was empty
  CHECK(after == before);
  auto store = konserve_store::open(dir.path(), migrating);
  CHECK(code_of(store.read("cut")) == "corruption");
  CHECK(code_of(store.put("cut", 1)) == "corruption");
  CHECK(code_of(store.read("to")) == "corruption");
}

TEST_CASE("leftovers of a key with a blob are removed, and never come back",
          "[konserve]") {
  temp_dir dir;
  auto layout = GENERATE(old_layout::v1, old_layout::v2, old_layout::v2_binary);
  auto content = layout == old_layout::v2_binary ? value{bin} : value{"old"};
  konserve_store::open(dir.path()).must_put("k", "new");
  write_old(dir.path(), layout, "k", content);
  auto store = konserve_store::open(
    dir.path(),
    GENERATE(true, false) ? migrating : std::map<std::string, std::string>{});
  CHECK(store.get("k").content == value{"new"});
  CHECK(store.keys() == std::set{encoded("k")});
  SECTION("by a migration") {
    auto counts = migrate(dir.path());
    CHECK(counts.moved == 0);
    CHECK(counts.removed == counts.found);
    CHECK(store.get("k").content == value{"new"});
  }
  SECTION("when the key is erased") {
    REQUIRE(store.erase("k"));
    CHECK_FALSE(store.find("k").value());
  }
  CHECK_FALSE(is_in_old_layout(dir.path(), "k"));
}

TEST_CASE("a binary beside a value of the same key is kept and named",
          "[konserve]") {
  temp_dir dir;
  write_old(dir.path(), old_layout::v1, "both", "value");
  write_old(dir.path(), old_layout::v1_binary, "both", bin);
  auto counts = migrate(dir.path());
  CHECK(counts.moved == 1);
  REQUIRE(counts.failed.size() == 1);
  CHECK(counts.failed[0].second == errc::already_exists);
  CHECK(fs::exists(dir / ("B_" + id_of("both"))));
  auto store = konserve_store::open(dir.path(), migrating);
  CHECK(store.get("both").content == value{"value"});
}

TEST_CASE("of two old layouts the newer one counts", "[konserve]") {
  temp_dir dir;
  write_old(dir.path(), old_layout::v1, "k", "older");
  write_old(dir.path(), old_layout::v2, "k", "newer");
  auto counts = migrate(dir.path());
  CHECK(counts.moved == 1);
  CHECK(counts.removed == 1);
  CHECK(konserve_store::open(dir.path()).get("k").content == value{"newer"});
}

TEST_CASE("only konserve stores are migrated", "[konserve]") {
  temp_dir dir;
  CHECK(code_of(konserve::migrate({"file", {}, dir.path(), {}}))
        == "invalid_argument");
  CHECK(code_of(konserve::migrate(konserve_uri(dir / "none"))) == "not_found");
}

TEST_CASE("the sample store of konserve 0.4 is read", "[konserve]") {
  if (!have_konserve_samples())
    return;
  temp_dir dir;
  copy_sample("old-v1", dir);
  auto counts = migrate(dir.path());
  CHECK(counts.found == 3);
  CHECK(counts.moved == 2);
  CHECK(counts.unnamed == 1);
  auto store = konserve_store::open(dir.path(), migrating);
  CHECK(store.get(kw("a")).content == edn("{:x 1}"));
  CHECK(store.get("str").content == edn("[1 2]"));
}
