// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Every file that konserve wrote with its Fressian serializer.

#include "serializers/konserve_samples.hpp"

#include "larder/codec.hpp"
#include "larder/konserve/hasch.hpp"

#include <catch2/catch.hpp>

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

/// Segments of a blob of layout 1, decompressed.
struct segments {
  bytes metadata;
  bytes content;
};

segments read_segments(const std::filesystem::path& path) {
  constexpr size_t header_size = 20;
  auto blob = read_sample(path);
  REQUIRE(blob.size() >= header_size);
  REQUIRE(blob[1] == std::byte{1});
  REQUIRE(blob[3] == std::byte{0});
  auto compressor
    = codecs().find_compressor(std::to_integer<uint8_t>(blob[2])).value();
  auto rest = bytes_view{blob}.subspan(header_size);
  auto size = load_big_endian<uint32_t>(blob.data() + 4);
  auto unpack = [&](bytes_view in) {
    auto result = compressor ? compressor->decompress(in, size_t{1} << 20)
                             : expected<bytes>{to_bytes(in)};
    REQUIRE(result);
    return *result;
  };
  segments result{unpack(rest.first(size)), {}};
  auto meta = fressian().decode(result.metadata, {});
  REQUIRE(meta);
  auto is_binary = *meta->find(value::keyword("type"))
                   == value::keyword("binary");
  result.content = is_binary ? to_bytes(rest.subspan(size))
                             : unpack(rest.subspan(size));
  return result;
}

value decoded(bytes_view in) {
  auto result = fressian().decode(in, {});
  INFO((result ? "" : to_string(result.error())));
  REQUIRE(result);
  return *result;
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

std::vector<std::filesystem::path> files_of(std::string_view store) {
  std::vector<std::filesystem::path> result;
  for (auto& entry :
       std::filesystem::directory_iterator{konserve_samples() / store})
    if (entry.path().extension() == ".ksv")
      result.push_back(entry.path());
  return result;
}

} // namespace

TEST_CASE("fressian reads every file of konserve's stores") {
  if (!have_konserve_samples())
    return;
  std::map<std::string, konserve_sample> samples;
  for (auto& x : read_konserve_samples())
    samples.emplace(x.file_name, x);
  auto field = [](const value& meta, std::string_view name) {
    auto ptr = meta.find(value::keyword(name));
    REQUIRE(ptr != nullptr);
    return *ptr;
  };
  for (auto store :
       {"FressianSerializer-none-none", "FressianSerializer-lz4-none"}) {
    size_t compared = 0;
    auto files = files_of(store);
    CHECK(files.size() == 55);
    for (auto& path : files) {
      INFO(path);
      auto [metadata, content] = read_segments(path);
      auto meta = decoded(metadata);
      auto type = field(meta, "type");
      CHECK(field(meta, "last-write").is(value::kind::instant));
      if (type != value::keyword("append-log"))
        CHECK(konserve::file_name(field(meta, "key"))
              == path.filename().string());
      CHECK(decoded(encoded(meta)) == meta);
      CHECK(encoded(meta).size() == metadata.size());
      if (type == value::keyword("binary"))
        continue;
      auto x = decoded(content);
      auto again = encoded(x);
      CHECK(decoded(again) == x);
      if (auto pos = samples.find(path.filename()); pos != samples.end()) {
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
  auto files = files_of("pr171-conditional-write");
  CHECK(files.size() == 2);
  for (auto& path : files) {
    INFO(path);
    auto [metadata, content] = read_segments(path);
    auto meta = decoded(metadata);
    CHECK(meta.find(value::keyword("revision"))->is(value::kind::string));
    CHECK(encoded(decoded(content)) == content);
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

TEST_CASE("fressian survives any change of a byte in konserve's files") {
  if (!have_konserve_samples())
    return;
  for (auto& path : files_of("FressianSerializer-none-none")) {
    INFO(path);
    auto [metadata, content] = read_segments(path);
    for (auto* original : {&metadata, &content}) {
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
