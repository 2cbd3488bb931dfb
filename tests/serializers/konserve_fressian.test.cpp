// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Every file that konserve wrote with its Fressian serializer.

#include "serializers/konserve_samples.hpp"

#include "larder/codec.hpp"
#include "larder/konserve/hasch.hpp"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <map>

using namespace larder;
using namespace larder::test;

namespace {

const codec_registry& codecs() {
  static const codec_registry instance;
  return instance;
}

const serializer& fressian() {
  return *codecs().find_serializer("fressian").value();
}

value decoded(bytes_view in) {
  auto result = fressian().decode(in, {});
  INFO((result ? "" : to_string(result.error())));
  REQUIRE(result);
  return *result;
}

/// Turns the segments of a blob into what the serializer has written.
konserve_blob unpacked(konserve_blob x) {
  REQUIRE(x.serializer == fressian().id());
  REQUIRE(x.encryptor == 0);
  auto comp = codecs().find_compressor(x.compressor).value();
  if (comp == nullptr)
    return x;
  auto unpack = [&](bytes& segment) {
    auto result = comp->decompress(segment, size_t{1} << 20);
    REQUIRE(result);
    segment = std::move(*result);
  };
  unpack(x.metadata);
  auto meta = decoded(x.metadata);
  if (*meta.find(value::keyword("type")) != value::keyword("binary"))
    unpack(x.content);
  return x;
}

std::vector<konserve_blob> unpacked_blobs(std::string_view store) {
  std::vector<konserve_blob> result;
  for (auto& x : konserve_blobs(store))
    result.push_back(unpacked(std::move(x)));
  return result;
}

bytes encoded(const value& x) {
  bytes result;
  REQUIRE(fressian().encode(x, result, {}));
  return result;
}

/// Whether the bytes of `x` depend on an order that only Clojure knows.
bool has_order_of_clojure(const value& x) {
  switch (x.type()) {
    case value::kind::map:
      return x.size() > 1 || std::ranges::any_of(x.entries(), [](auto& entry) {
               return has_order_of_clojure(entry.first)
                      || has_order_of_clojure(entry.second);
             });
    case value::kind::set:
      return x.size() > 1
             || std::ranges::any_of(x.items(), has_order_of_clojure);
    case value::kind::vector:
    case value::kind::list:
      return std::ranges::any_of(x.items(), has_order_of_clojure);
    case value::kind::tagged:
      return has_order_of_clojure(x.content());
    default:
      return false;
  }
}

} // namespace

TEST_CASE("fressian reads every file of konserve's stores") {
  if (!have_konserve_samples())
    return;
  auto samples = konserve_samples_by_name();
  auto field = [](const value& meta, std::string_view name) {
    auto ptr = meta.find(value::keyword(name));
    REQUIRE(ptr != nullptr);
    return *ptr;
  };
  for (auto store :
       {"FressianSerializer-none-none", "FressianSerializer-lz4-none"}) {
    size_t compared = 0;
    auto blobs = unpacked_blobs(store);
    CHECK(blobs.size() == 55);
    for (auto& blob : blobs) {
      INFO(blob.name);
      auto& content = blob.content;
      auto meta = decoded(blob.metadata);
      auto type = field(meta, "type");
      CHECK(field(meta, "last-write").is(value::kind::instant));
      if (type != value::keyword("append-log"))
        CHECK(konserve::file_name(field(meta, "key")) == blob.name);
      CHECK(decoded(encoded(meta)) == meta);
      CHECK(encoded(meta).size() == blob.metadata.size());
      if (type == value::keyword("binary"))
        continue;
      auto x = decoded(content);
      auto again = encoded(x);
      CHECK(decoded(again) == x);
      if (auto pos = samples.find(blob.name); pos != samples.end()) {
        CHECK(field(meta, "key") == pos->second.key);
        // What Java writes of -0.0 is 0.0.
        if (pos->second.content == value{-0.0})
          CHECK(x == value{0.0});
        else
          CHECK(x == pos->second.content);
        ++compared;
      }
      auto is_float = content[0] == std::byte{0xF9};
      if (!is_float)
        CHECK(again.size() == content.size());
      if (!is_float && !has_order_of_clojure(x))
        CHECK(to_hex(again) == to_hex(content));
    }
    CHECK(compared == 45);
  }
}

TEST_CASE("fressian reads what konserve's conditional writes left") {
  if (!have_konserve_samples())
    return;
  auto blobs = unpacked_blobs("pr171-conditional-write");
  CHECK(blobs.size() == 2);
  for (auto& blob : blobs) {
    INFO(blob.name);
    auto meta = decoded(blob.metadata);
    CHECK(meta.find(value::keyword("revision"))->is(value::kind::string));
    CHECK(encoded(decoded(blob.content)) == blob.content);
  }
}

TEST_CASE("fressian reads and writes what konserve 0.4 wrote") {
  if (!have_konserve_samples())
    return;
  auto folder = konserve_samples() / "old-v1";
  std::pair<std::string_view, std::string_view> files[] = {
    {"21e84407-47ac-52c2-9567-b6118205c1b7", "[[:a] {:x 1}]"},
    {"329b4047-4d02-50ec-a1d1-4e2e21fc90be", "[[\"str\"] (1 2)]"},
  };
  for (auto& [name, edn] : files) {
    INFO(name);
    auto blob = read_sample(folder / name);
    auto x = decoded(blob);
    CHECK(to_hex(encoded(x)) == to_hex(blob));
    auto expected = parse_edn(edn);
    REQUIRE(expected);
    CHECK(x.items()[0] == expected->items()[0]);
    CHECK(to_string(konserve::hasch_uuid(x.items()[0].items()[0]).value())
          == name);
  }
}

TEST_CASE("fressian refuses what konserve leaves behind a value it shrinks in "
          "place") {
  if (!have_konserve_samples())
    return;
  std::vector<bytes> contents;
  for (auto& blob : konserve_blobs("FressianSerializer-none-none"))
    if (fressian().decode(blob.content, {}))
      contents.push_back(std::move(blob.content));
  std::ranges::sort(contents, {}, &bytes::size);
  auto longest = bytes_view{contents.back()};
  for (auto& content : contents) {
    if (content.size() == longest.size())
      break;
    auto in_place = content;
    append(in_place, longest.subspan(content.size()));
    auto result = fressian().decode(in_place, {});
    REQUIRE_FALSE(result);
    CHECK(result.error() == errc::corruption);
    CHECK(result.error().message()
          == fmt::format("fressian: something follows the value at byte {}",
                         content.size()));
  }
}

TEST_CASE("fressian survives any change of a byte in konserve's files") {
  if (!have_konserve_samples())
    return;
  for (auto& blob : konserve_blobs("FressianSerializer-none-none")) {
    INFO(blob.name);
    for (auto* original : {&blob.metadata, &blob.content}) {
      if (original->size() > 3000)
        continue; // a long string and binaries, which teach nothing
      for (size_t n = 0; n < original->size(); ++n)
        (void)fressian().decode(bytes_view{*original}.first(n), {});
      auto changed = *original;
      for (size_t i = 0; i < changed.size() && i < 600; ++i) {
        for (int mask = 1; mask < 0x100; mask <<= 1) {
          changed[i] ^= static_cast<std::byte>(mask);
          if (auto x = fressian().decode(changed, {}))
            CHECK(decoded(encoded(*x)) == *x);
          changed[i] ^= static_cast<std::byte>(mask);
        }
      }
    }
  }
}
