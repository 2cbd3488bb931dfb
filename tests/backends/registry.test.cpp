// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/registry.hpp"

#include <catch2/catch.hpp>

using namespace larder;

namespace {

/// An engine that is not there.
engine nowhere(std::string scheme) {
  auto none = [](const uri&) -> expected<std::unique_ptr<backend>> {
    return fail(errc::not_found, "nothing here");
  };
  return {std::move(scheme),
          "none",
          none,
          none,
          [](const uri&) -> expected<bool> { return false; },
          [](const uri&) -> expected<void> {
            return fail(errc::not_found, "nothing here");
          }};
}

} // namespace

TEST_CASE("a registry finds the built-in engines by scheme") {
  backend_registry registry;
  auto found = registry.find("memory");
  REQUIRE(found);
  CHECK((*found)->scheme == "memory");
  for (auto& x : registry.engines()) {
    CAPTURE(x.scheme);
    CHECK(!x.description.empty());
    CHECK(x.create);
    CHECK(x.open);
    CHECK(x.exists);
    CHECK(x.destroy);
  }
}

TEST_CASE("an unknown scheme is answered with the known ones") {
  backend_registry registry;
  REQUIRE(registry.add(nowhere("other")));
  auto found = registry.find("memroy");
  REQUIRE(!found);
  CHECK(found.error() == errc::invalid_argument);
  CHECK(found.error().message().find("memroy:") != std::string::npos);
  CHECK(found.error().message().find(" memory:") != std::string::npos);
  CHECK(found.error().message().find(" other:") != std::string::npos);
}

TEST_CASE("an engine from outside is found like the built-in ones") {
  backend_registry registry;
  auto before = registry.engines().size();
  REQUIRE(registry.add(nowhere("x-other.1+2")));
  CHECK(registry.engines().size() == before + 1);
  auto found = registry.find("x-other.1+2");
  REQUIRE(found);
  CHECK((*found)->create(uri{}).error() == errc::not_found);
}

TEST_CASE("a scheme cannot be taken twice") {
  backend_registry registry;
  CHECK(registry.add(nowhere("memory")).error() == errc::already_exists);
  REQUIRE(registry.add(nowhere("other")));
  CHECK(registry.add(nowhere("other")).error() == errc::already_exists);
}

TEST_CASE("an engine that no URI could name or that lacks a function is "
          "refused") {
  backend_registry registry;
  for (auto scheme : {"", "Upper", "1st", "a b", "a:b", "a:?b=c", "ü"}) {
    CAPTURE(scheme);
    CHECK(registry.add(nowhere(scheme)).error() == errc::invalid_argument);
  }
  auto incomplete = nowhere("other");
  incomplete.destroy = nullptr;
  CHECK(registry.add(incomplete).error() == errc::invalid_argument);
}
