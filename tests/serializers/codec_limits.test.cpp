// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/codec.hpp"

#include <catch2/catch.hpp>

using namespace larder;

namespace {

constexpr std::string_view names[]
  = {"edn", "fressian", "clj-cbor", "cbor", "boost-binary"};

const serializer& named(std::string_view name) {
  static const codec_registry registry;
  return *registry.find_serializer(name).value();
}

} // namespace

TEST_CASE("serializers tell how deep a value is and how deep it may be") {
  limits narrow;
  narrow.max_depth = 2;
  auto flat = value::vector({value::vector({1})});
  auto deep = value::vector({flat});
  for (auto name : {"fressian", "cbor", "boost-binary"}) {
    bytes out;
    CHECK(named(name).encode(flat, out, narrow));
    auto before = out;
    auto result = named(name).encode(deep, out, narrow);
    REQUIRE_FALSE(result);
    CHECK(result.error() == errc::limit_exceeded);
    CHECK(result.error().message()
          == std::string{name}
               + ": the value is nested 3 deep, at most 2 are allowed");
    CHECK(out == before);
  }
}

TEST_CASE("serializers tell how long their input is and how long it may be") {
  limits narrow;
  narrow.max_value_size = 3;
  for (auto name : names) {
    auto result = named(name).decode(bytes(4), narrow);
    REQUIRE_FALSE(result);
    CHECK(result.error() == errc::limit_exceeded);
    CHECK(result.error().message()
          == std::string{name} + ": 4 bytes are more than the limit of 3");
    auto fits = named(name).decode(bytes(3), narrow);
    CHECK((fits || fits.error() != errc::limit_exceeded));
  }
}
