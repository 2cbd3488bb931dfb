// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Engines around engines, by URI.

#include "backends/file_tools.hpp"
#include "temp_dir.hpp"

#include "larder/compliance.hpp"
#include "larder/registry.hpp"
#include "larder/wrappers.hpp"

using namespace file_tools;

namespace {

uri parsed(const std::string& str) {
  auto result = uri::parse(str);
  REQUIRE(result);
  return *result;
}

const engine& engine_of(const backend_registry& registry,
                        const std::string& scheme) {
  auto found = registry.find(scheme);
  REQUIRE(found);
  return **found;
}

/// A store in memory with the keys a and b.
uri filled_memory(const backend_registry& registry, const std::string& name) {
  uri where{"memory", {}, name, {}};
  auto store = must(engine_of(registry, "memory").create(where));
  REQUIRE(commit_one(*store, put("a", blob(1, "one"))));
  REQUIRE(commit_one(*store, put("b", blob(2, "two"))));
  return where;
}

} // namespace

// -- readonly -----------------------------------------------------------------

TEST_CASE("a read-only store is read like the store inside") {
  backend_registry registry;
  auto where = filled_memory(registry, "readonly read");
  auto& readonly = engine_of(registry, "readonly");
  auto outer = parsed("readonly:" + to_string(where));
  CHECK(readonly.exists(outer) == true);
  auto store = must(readonly.open(outer));
  CHECK(get(*store, "a") == *blob(1, "one"));
  CHECK(get(*store, "c") == std::nullopt);
  CHECK(keys(*store) == std::vector<std::string>{"a", "b"});
  CHECK(read_one(*store, {"a", blob_part::range, 64, 2, rev(1)}));
  CHECK(read_one(*store, {"a", blob_part::all, 0, 0, rev(2)}).error()
        == errc::conflict);
}

TEST_CASE("a read-only store refuses every change") {
  backend_registry registry;
  auto where = filled_memory(registry, "readonly refuses");
  auto& readonly = engine_of(registry, "readonly");
  auto store = must(readonly.open(parsed("readonly:" + to_string(where))));
  CHECK(!store->caps().staging);
  std::vector<mutation> batch{put("a", blob(3, "x")),
                              erase("b"),
                              put("c", blob(4, "y")),
                              {"e", std::monostate{}, {}, 7}};
  auto outcomes = store->commit(batch);
  REQUIRE(outcomes.size() == batch.size());
  for (auto& x : outcomes) {
    REQUIRE(!x);
    CHECK(x.error() == errc::unsupported);
    CHECK(x.error().message().find("memory:readonly%20refuses")
          != std::string::npos);
  }
  CHECK(store->stage("a", 0).error() == errc::unsupported);
  CHECK(get(*store, "a") == *blob(1, "one"));
  CHECK(keys(*store) == std::vector<std::string>{"a", "b"});
}

TEST_CASE("a read-only store tells whether keys are as they were") {
  backend_registry registry;
  auto where = filled_memory(registry, "readonly looks"); // a and b
  auto& readonly = engine_of(registry, "readonly");
  auto store = must(readonly.open(parsed("readonly:" + to_string(where))));
  CHECK(store->caps().atomic_groups);
  auto as_was = precondition::matches(rev(1));
  auto codes = [&](std::vector<mutation> batch) {
    std::vector<std::optional<errc>> result;
    for (auto& x : store->commit(batch))
      result.push_back(x ? std::nullopt : std::optional{x.error().code()});
    return result;
  };
  using outcomes = std::vector<std::optional<errc>>;
  CHECK(
    codes({{"a", keep{}, as_was, 1}, {"c", keep{}, precondition::absent(), 1}})
    == outcomes{std::nullopt, std::nullopt});
  CHECK(codes({{"a", keep{}, as_was, 1},
               {"b", keep{}, precondition::absent(), 1},
               {"c", keep{}, as_was}})
        == outcomes{errc::conflict, errc::precondition_failed,
                    errc::precondition_failed});
  CHECK(
    codes({{"a", keep{}, precondition::matches(rev(9)), 2}, {"c", keep{}, {}}})
    == outcomes{errc::precondition_failed, std::nullopt});
  CHECK(codes({{"a", keep{}, as_was, 1}, {"b", std::monostate{}, {}, 1}})
        == outcomes{errc::conflict, errc::unsupported});
  CHECK(store->commit(std::span<mutation>{}).empty());
}

TEST_CASE("no store is created or destroyed through readonly") {
  backend_registry registry;
  auto where = filled_memory(registry, "readonly strict");
  auto& readonly = engine_of(registry, "readonly");
  auto outer = parsed("readonly:" + to_string(where));
  CHECK(readonly.destroy(outer).error() == errc::unsupported);
  CHECK(readonly.exists(outer) == true);
  auto missing = parsed("readonly:memory:missing");
  CHECK(readonly.create(missing).error() == errc::unsupported);
  CHECK(readonly.open(missing).error() == errc::not_found);
  CHECK(readonly.exists(missing) == false);
}

// -- URIs ---------------------------------------------------------------------

TEST_CASE("options of a wrapping URI are those of the store inside") {
  temp_dir tmp;
  backend_registry registry;
  auto& metered = engine_of(registry, "metered");
  auto where
    = parsed("metered:file:" + tmp / "my store%3F" + "?sync=off&shared=no");
  auto store = must(metered.create(where));
  CHECK(!store->caps().durable);
  CHECK(store->caps().domain == write_domain::process);
  CHECK(std::filesystem::exists(tmp / "my store?" + "/larder-store"));
  store.reset();
  where.options.emplace("sycn", "off");
  CHECK(metered.open(where).error() == errc::invalid_argument);
  CHECK(metered.exists(where).error() == errc::invalid_argument);
}

TEST_CASE("a wrapping URI without an engine inside says so") {
  backend_registry registry;
  for (auto scheme : {"readonly", "metered"}) {
    auto& outer = engine_of(registry, scheme);
    for (std::string inner :
         {"", "dir", "/dir", "no-such-engine:x", "//host/x"}) {
      CAPTURE(scheme, inner);
      auto where = parsed(scheme + (":" + inner));
      CHECK(outer.open(where).error() == errc::invalid_argument);
      CHECK(outer.exists(where).error() == errc::invalid_argument);
    }
  }
}

TEST_CASE("wrappers may be inside of wrappers") {
  backend_registry registry;
  auto where = filled_memory(registry, "nested");
  auto store = must(engine_of(registry, "readonly")
                      .open(parsed("readonly:metered:memory:nested")));
  CHECK(get(*store, "a") == *blob(1, "one"));
  CHECK(!store->figures().empty());
  CHECK(commit_one(*store, erase("a")).error() == errc::unsupported);
}

TEST_CASE("wrappers find engines that were added after them") {
  backend_registry registry;
  auto copy = engine_of(registry, "memory");
  copy.scheme = "mine";
  REQUIRE(registry.add(copy));
  auto moved = std::move(registry);
  auto store
    = must(engine_of(moved, "metered").create(parsed("metered:mine:added")));
  REQUIRE(commit_one(*store, put("a", blob(1, "one"))));
  store.reset();
  CHECK(engine_of(moved, "readonly").exists(parsed("readonly:mine:added"))
        == true);
}

TEST_CASE("an engine around engines outlives its registry without harm") {
  std::optional<engine> orphan;
  {
    backend_registry registry;
    orphan = engine_of(registry, "metered");
  }
  CHECK(orphan->open(parsed("metered:memory:x")).error() == errc::closed);
}

TEST_CASE("the metered engine passes the compliance suite") {
  backend_registry registry;
  compliance_options options;
  options.subject = engine_of(registry, "metered");
  options.fresh_uri = [n = 0]() mutable {
    return parsed("metered:memory:metered-" + std::to_string(++n));
  };
  options.max_blob_size = size_t{1} << 20;
  CHECK(describe_violations(run_compliance(options)) == "");
}
