// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/codec.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace larder;

namespace {

/// A codec as a user would add one: every byte is turned around.
class mirror : public compressor {
public:
  mirror(uint8_t id, std::string_view name) : name_(name), id_(id) {
    // nop
  }

  uint8_t id() const noexcept override {
    return id_;
  }

  std::string_view name() const noexcept override {
    return name_;
  }

  expected<void> compress(bytes_view in, bytes& out) const override {
    out.insert(out.end(), in.rbegin(), in.rend());
    return {};
  }

  expected<bytes> decompress(bytes_view in, size_t max_size) const override {
    if (in.size() > max_size)
      return fail(errc::limit_exceeded, "mirror: too large");
    return bytes(in.rbegin(), in.rend());
  }

private:
  std::string name_;
  uint8_t id_;
};

std::shared_ptr<mirror> make_mirror(uint8_t id, std::string_view name) {
  return std::make_shared<mirror>(id, name);
}

} // namespace

TEST_CASE("the built-in codecs have the ids of the format") {
  codec_registry registry;
  CHECK(registry.find_serializer("edn").value()->id() == 0);
  CHECK(registry.find_serializer("clj-cbor").value()->id() == 2);
  CHECK(registry.find_serializer("fressian").value()->id() == 1);
  CHECK(registry.find_serializer("cbor").value()->id() == 3);
  CHECK(registry.find_compressor("lz4").value()->id() == 1);
  CHECK(registry.find_compressor("zstd").value()->id() == 2);
  for (auto& x : registry.serializers()) {
    CHECK(registry.find_serializer(x->id()).value() == x.get());
    CHECK(registry.find_serializer(x->name()).value() == x.get());
  }
  for (auto& x : registry.compressors()) {
    CHECK(registry.find_compressor(x->id()).value() == x.get());
    CHECK(registry.find_compressor(x->name()).value() == x.get());
  }
  for (auto& x : registry.encryptors()) {
    CHECK(registry.find_encryptor(x->id()).value() == x.get());
    CHECK(registry.find_encryptor(x->name()).value() == x.get());
  }
}

TEST_CASE("none is no object, and never a serializer") {
  codec_registry registry;
  CHECK(registry.find_compressor(0).value() == nullptr);
  CHECK(registry.find_compressor("none").value() == nullptr);
  CHECK(registry.find_encryptor(0).value() == nullptr);
  CHECK(registry.find_encryptor("none").value() == nullptr);
  CHECK_FALSE(registry.find_serializer("none"));
}

TEST_CASE("unknown codecs are named along with the known ones") {
  codec_registry registry;
  auto check = [](const auto& res, std::string_view name) {
    REQUIRE_FALSE(res);
    CHECK(res.error() == errc::unknown_codec);
    CHECK_THAT(res.error().message(), Catch::Contains(std::string{name}));
  };
  check(registry.find_serializer(99), "99");
  check(registry.find_serializer(99), "cbor (3)");
  check(registry.find_serializer("xml"), "xml");
  check(registry.find_serializer("xml"), "cbor (3)");
  check(registry.find_compressor(99), "lz4 (1), zstd (2)");
  check(registry.find_compressor("zip"), "lz4 (1), zstd (2)");
  check(registry.find_encryptor(99), "99");
  check(registry.find_encryptor("rot13"), "rot13");
}

TEST_CASE("a user's codec is found by id and name") {
  codec_registry registry;
  auto codec = make_mirror(200, "mirror");
  REQUIRE(registry.add(codec));
  REQUIRE(registry.add(make_mirror(192, "first")));
  REQUIRE(registry.add(make_mirror(255, "last")));
  CHECK(registry.find_compressor(200).value() == codec.get());
  CHECK(registry.find_compressor("mirror").value() == codec.get());
  CHECK(registry.compressors().size() == 5);
  auto copy = registry;
  CHECK(copy.find_compressor(200).value() == codec.get());
}

TEST_CASE("codecs with reserved or taken ids and names are refused") {
  codec_registry registry;
  REQUIRE(registry.add(make_mirror(200, "mirror")));
  auto size = registry.compressors().size();
  auto check = [&](std::shared_ptr<const compressor> x) {
    auto res = registry.add(std::move(x));
    REQUIRE_FALSE(res);
    CHECK(res.error() == errc::invalid_argument);
    CHECK(registry.compressors().size() == size);
  };
  check(nullptr);
  check(make_mirror(0, "a"));
  check(make_mirror(1, "a"));
  check(make_mirror(64, "a"));
  check(make_mirror(191, "a"));
  check(make_mirror(200, "a"));
  check(make_mirror(201, "mirror"));
  check(make_mirror(201, "lz4"));
  check(make_mirror(201, "none"));
  check(make_mirror(201, ""));
}
