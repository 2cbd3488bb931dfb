// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/wrappers.hpp"

#include "larder/registry.hpp"

#include <catch2/catch.hpp>

using namespace larder;

namespace {

std::shared_ptr<backend> memory() {
  backend_registry registry;
  auto result = (*registry.find("memory"))->create(*uri::parse("memory:"));
  REQUIRE(result);
  return std::move(*result);
}

std::shared_ptr<const bytes> blob() {
  bytes result;
  header{}.encode(result);
  return std::make_shared<const bytes>(std::move(result));
}

mutation put(std::string key) {
  return {std::move(key), blob(), {}};
}

std::vector<commit_outcome> put_all(backend& store,
                                    const std::vector<std::string>& keys) {
  std::vector<mutation> batch;
  for (auto& key : keys)
    batch.push_back(put(key));
  return store.commit(batch);
}

std::vector<read_outcome> read_all(backend& store,
                                   const std::vector<std::string>& keys) {
  std::vector<read_request> requests;
  for (auto& key : keys)
    requests.push_back({key, blob_part::none, 0, 0, {}});
  return store.read(requests);
}

size_t num_keys(backend& store) {
  auto page = store.list({});
  REQUIRE(page);
  return page->entries.size();
}

/// Fails one kind of call on one key.
auto fail_on(backend_call failing, std::string name) {
  return [=](backend_call call, std::string_view key) -> std::optional<error> {
    if (call == failing && key == name)
      return error{errc::io_error, "injected", true};
    return std::nullopt;
  };
}

} // namespace

TEST_CASE("a wrapper passes every call on") {
  auto inner = memory();
  backend_wrapper store{inner};
  CHECK(store.id() == inner->id());
  CHECK(store.name() == inner->name());
  CHECK(store.caps().atomic_groups);
  CHECK(&store.inner() == inner.get());
  CHECK(put_all(store, {"a"})[0]);
  CHECK(num_keys(*inner) == 1);
  CHECK((*read_all(store, {"a"})[0]).has_value());
  CHECK(num_keys(store) == 1);
  auto staged = store.stage("b", 64);
  REQUIRE(staged);
  REQUIRE((*staged)->set_prefix(*blob()));
  std::vector<mutation> batch{
    {"b", std::shared_ptr<staged_blob>{std::move(*staged)}, {}}};
  CHECK(store.commit(batch)[0]);
  CHECK(num_keys(*inner) == 2);
}

TEST_CASE("an injected fault fails one mutation and lets the others pass") {
  auto inner = memory();
  fault_injecting_backend store{inner};
  store.inject(fail_on(backend_call::commit, "b"));
  auto result = put_all(store, {"a", "b", "c"});
  REQUIRE(result.size() == 3);
  CHECK(result[0]);
  REQUIRE(!result[1]);
  CHECK(result[1].error() == errc::io_error);
  CHECK(result[1].error().data_loss());
  CHECK(result[2]);
  CHECK(num_keys(*inner) == 2);
  store.inject(nullptr);
  CHECK(put_all(store, {"b"})[0]);
}

TEST_CASE("an injected fault keeps back the rest of its group") {
  auto inner = memory();
  fault_injecting_backend store{inner};
  store.inject(fail_on(backend_call::commit, "b"));
  std::vector<mutation> batch{{"a", blob(), {}, 1},
                              {"b", blob(), {}, 1},
                              {"c", blob(), {}},
                              {"d", blob(), {}, 1},
                              {"e", blob(), {}, 2}};
  auto result = store.commit(batch);
  REQUIRE(result.size() == 5);
  CHECK(result[0].error() == errc::conflict);
  CHECK(result[1].error() == errc::io_error);
  CHECK(result[2]);
  CHECK(result[3].error() == errc::conflict);
  CHECK(result[4]);
  CHECK(num_keys(*inner) == 2);
  CHECK(store.commit({}).empty());
}

TEST_CASE("faults can be injected into reads, listings and staging") {
  auto inner = memory();
  fault_injecting_backend store{inner};
  REQUIRE(put_all(store, {"a", "b"})[0]);
  SECTION("reads fail one by one") {
    store.inject(fail_on(backend_call::read, "a"));
    auto result = read_all(store, {"b", "a", "c"});
    REQUIRE(result.size() == 3);
    CHECK((*result[0]).has_value());
    CHECK(result[1].error() == errc::io_error);
    CHECK(!(*result[2]).has_value());
  }
  SECTION("a listing is decided on by its prefix") {
    store.inject(fail_on(backend_call::list, "a"));
    CHECK(num_keys(store) == 2);
    CHECK(store.list({"a", "", 1, blob_part::none}).error() == errc::io_error);
  }
  SECTION("starting a staged blob fails") {
    store.inject(fail_on(backend_call::stage, "c"));
    CHECK(store.stage("c", 0).error() == errc::io_error);
    CHECK(store.stage("d", 0));
  }
  SECTION("a staged blob fails half-way and works again") {
    auto staged = store.stage("c", 64);
    REQUIRE(staged);
    store.inject(fail_on(backend_call::append, "c"));
    CHECK((*staged)->append(bytes(1)).error() == errc::io_error);
    CHECK((*staged)->set_prefix(*blob()));
    store.inject(fail_on(backend_call::set_prefix, "c"));
    CHECK((*staged)->append(bytes(1)));
    CHECK((*staged)->set_prefix(*blob()).error() == errc::io_error);
    store.inject(fail_on(backend_call::commit, "c"));
    std::vector<mutation> batch{
      {"c", std::shared_ptr<staged_blob>{std::move(*staged)}, {}}};
    CHECK(store.commit(batch)[0].error() == errc::io_error);
    CHECK(num_keys(*inner) == 2);
    store.inject(nullptr);
    CHECK(store.commit(batch)[0]);
    auto blob = read_all(*inner, {"c"})[0];
    REQUIRE(*blob);
    CHECK((*blob)->blob_size == 65);
  }
}

TEST_CASE("faults can be injected into snapshots") {
  fault_injecting_backend store{memory()};
  put_all(store, {"a", "b"});
  auto snapshot = store.open_snapshot();
  REQUIRE(snapshot);
  put_all(store, {"c"});
  read_request requests[]
    = {{"a", blob_part::none, 0, 0, {}}, {"b", blob_part::none, 0, 0, {}}};
  store.inject(fail_on(backend_call::read, "a"));
  auto outcomes = (*snapshot)->read(requests);
  CHECK(outcomes[0].error() == errc::io_error);
  CHECK(outcomes[1]);
  store.inject(fail_on(backend_call::list, ""));
  CHECK((*snapshot)->list({}).error() == errc::io_error);
  store.inject(fail_on(backend_call::open_snapshot, ""));
  CHECK(store.open_snapshot().error() == errc::io_error);
  store.inject({});
  CHECK((*snapshot)->list({})->entries.size() == 2);
}

TEST_CASE("a recording backend keeps what was called and how it ended") {
  recording_backend store{memory()};
  CHECK(store.take_calls().empty());
  put_all(store, {"a"});
  std::vector<mutation> batch{{"a", blob(), precondition::absent()}};
  store.commit(batch);
  read_all(store, {"a", "b"});
  store.list({"p", "", 1, blob_part::none});
  store.list({"q", "", 0, blob_part::none});
  store.stage("s", 0);
  std::vector<recorded_call> expected{
    {backend_call::commit, {"a"}, {true}},
    {backend_call::commit, {"a"}, {false}},
    {backend_call::read, {"a", "b"}, {true, true}},
    {backend_call::list, {"p"}, {true}},
    {backend_call::list, {"q"}, {false}},
    {backend_call::stage, {"s"}, {true}},
  };
  CHECK(store.take_calls() == expected);
  CHECK(store.take_calls().empty());
}
