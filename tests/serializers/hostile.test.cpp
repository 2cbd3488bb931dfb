// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "serializers/blobs.hpp"
#include "serializers/reseal.hpp"

#include "larder/chain.hpp"

#include <algorithm>
#include <functional>

using namespace larder;
using namespace larder::test;

namespace {

const value key = kw("k");

/// Whether a reader may answer this to changed bytes.
bool is_refusal(errc code) {
  return code == errc::corruption || code == errc::authentication_failed
         || code == errc::unknown_codec || code == errc::limit_exceeded
         || code == errc::unknown_encryption_key;
}

std::string name_of(const expected<document>& x) {
  return x ? "a value" : to_string(x.error());
}

void refused(const chain& ch, bytes_view blob, const value& under = key) {
  auto doc = ch.decode(encoded(under), blob);
  INFO(name_of(doc));
  REQUIRE(!doc);
  REQUIRE(is_refusal(doc.error().code()));
}

void corrupt(const chain& ch, bytes_view blob, const value& under = key) {
  auto doc = ch.decode(encoded(under), blob);
  INFO(name_of(doc));
  REQUIRE(!doc);
  REQUIRE(doc.error() == errc::corruption);
}

bytes flipped(bytes blob, size_t bit) {
  blob[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
  return blob;
}

value small_value() {
  return value::map(
    {{kw("a"), 1}, {kw("b"), "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}});
}

/// A blob of each chain, and of each with a binary.
void for_each_blob(const std::function<void(const chain_names&, const chain&,
                                            const bytes&)>& f) {
  for (auto& names : all_chains()) {
    INFO(names.joined());
    auto ch = make_chain(names);
    f(names, ch, make_blob(ch, key, small_value()));
    f(names, ch, make_binary(ch, key, sample_bytes(40)));
  }
}

/// Puts the prefix of one blob before the value of another.
bytes mixed(const bytes& prefix_of, const bytes& value_of) {
  auto offset = [](const bytes& x) {
    return static_cast<std::ptrdiff_t>(header::decode(x)->value_offset());
  };
  bytes result{prefix_of.begin(), prefix_of.begin() + offset(prefix_of)};
  result.insert(result.end(), value_of.begin() + offset(value_of),
                value_of.end());
  return result;
}

} // namespace

TEST_CASE("every flipped bit is noticed", "[hostile]") {
  for_each_blob([](auto&, const chain& ch, const bytes& blob) {
    REQUIRE(ch.decode(encoded(key), blob));
    for (size_t bit = 0; bit < blob.size() * 8; ++bit)
      corrupt(ch, flipped(blob, bit));
  });
}

TEST_CASE("every flipped bit is noticed without the value", "[hostile]") {
  for_each_blob([](auto&, const chain& ch, const bytes& blob) {
    auto size = header::decode(blob)->value_offset();
    for (size_t bit = 0; bit < size * 8; ++bit) {
      auto meta = ch.decode_metadata(encoded(key), flipped(blob, bit));
      REQUIRE(!meta);
      REQUIRE(meta.error() == errc::corruption);
    }
  });
}

TEST_CASE("every truncation and extension is noticed", "[hostile]") {
  for_each_blob([](auto&, const chain& ch, const bytes& blob) {
    for (size_t size = 0; size < blob.size(); ++size)
      corrupt(ch, bytes_view{blob}.first(size));
    auto longer = blob;
    for (size_t i = 1; i <= 64; ++i) {
      longer.push_back(static_cast<std::byte>(i));
      corrupt(ch, longer);
    }
    auto twice = blob;
    append(twice, blob);
    corrupt(ch, twice);
  });
}

TEST_CASE("a blob is refused under another key and in another store",
          "[hostile]") {
  for_each_blob([](auto&, const chain& ch, const bytes& blob) {
    corrupt(ch, blob, kw("l"));
    corrupt(ch, blob, "k");
    auto other_id = store_id;
    other_id.data[3] ^= std::byte{1};
    chain other{other_id, ch.config()};
    corrupt(other, blob);
    auto forged = blob;
    fix_checksums(store_id, encoded(kw("l")), forged);
    refused(ch, forged, kw("l"));
    // Between stores nothing but encryption tells a forgery.
    forged = blob;
    fix_checksums(other_id, encoded(key), forged);
    if (ch.config().write_encryptor != nullptr)
      CHECK(other.decode(encoded(key), forged).error()
            == errc::authentication_failed);
  });
}

TEST_CASE("metadata and value of two blobs do not go together", "[hostile]") {
  for (auto& names : all_chains()) {
    INFO(names.joined());
    auto ch = make_chain(names);
    // The same key, revision and sizes, so that the headers are the same too.
    auto x = make_blob(ch, key, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    auto y = make_blob(ch, key, "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
    REQUIRE(x.size() == y.size());
    auto forged = mixed(x, y);
    corrupt(ch, forged);
    if (ch.config().write_encryptor == nullptr)
      continue;
    fix_checksums(store_id, encoded(key), forged);
    CHECK(ch.decode(encoded(key), forged).error()
          == errc::authentication_failed);
    // Another blob's checksum of the value does not help either.
    std::copy_n(y.begin() + 48, 8, forged.begin() + 48);
    fix_checksums(store_id, encoded(key), forged);
    CHECK(ch.decode(encoded(key), forged).error()
          == errc::authentication_failed);
  }
}

TEST_CASE("encryption notices what has valid checksums", "[hostile]") {
  for_each_blob([](const chain_names& names, const chain& ch,
                   const bytes& blob) {
    auto sealed = names.encryptor != "none";
    for (size_t bit = 0; bit < blob.size() * 8; ++bit) {
      auto forged = flipped(blob, bit);
      fix_checksums(store_id, encoded(key), forged);
      if (forged == blob)
        continue; // the bit was one of a checksum
      auto doc = ch.decode(encoded(key), forged);
      INFO(bit << " " << name_of(doc));
      if (sealed) {
        REQUIRE(!doc);
        REQUIRE(is_refusal(doc.error().code()));
      } else if (!doc) {
        // Nothing tells a forgery here, but it must not do harm.
        REQUIRE(
          (is_refusal(doc.error().code()) || doc.error() == errc::unsupported));
      }
    }
  });
}

TEST_CASE("edited header fields are refused though checksums are valid",
          "[hostile]") {
  auto ch = make_chain();
  auto blob = make_blob(ch, key, small_value());
  auto code = [&](auto edit) {
    auto h = *header::decode(blob);
    edit(h);
    bytes forged;
    h.encode(forged);
    append(forged, bytes_view{blob}.subspan(header::size_v2));
    fix_checksums(store_id, encoded(key), forged);
    auto doc = ch.decode(encoded(key), forged);
    REQUIRE(!doc);
    return doc.error().code();
  };
  using enum errc;
  CHECK(code([](auto& h) { h.serializer_id = 99; }) == unknown_codec);
  CHECK(code([](auto& h) { h.compressor_id = 2; }) == authentication_failed);
  CHECK(code([](auto& h) { h.compressor_id = 0; }) == authentication_failed);
  CHECK(code([](auto& h) { h.compressor_id = 99; }) == unknown_codec);
  CHECK(code([](auto& h) { h.encryptor_id = 1; }) == unknown_codec);
  CHECK(is_refusal(code([](auto& h) { h.encryptor_id = 0; })));
  CHECK(code([](auto& h) { --h.metadata_size; }) == corruption);
  CHECK(code([](auto& h) { --h.metadata_size, ++h.value_size; })
        == authentication_failed);
  CHECK(code([](auto& h) { h.metadata_size = UINT32_MAX; }) == corruption);
  CHECK(code([](auto& h) { ++h.value_size; }) == corruption);
  CHECK(code([](auto& h) { h.value_size = UINT64_MAX; }) == corruption);
  CHECK(code([](auto& h) { h.flags ^= header::flag_raw_value; })
        == authentication_failed);
  CHECK(code([](auto& h) { h.flags ^= header::flag_raw_metadata; })
        == authentication_failed);
  CHECK(code([](auto& h) { h.flags |= header::flag_binary; }) == corruption);
  CHECK(is_refusal(code([](auto& h) { h.flags |= 3; })));
  CHECK(code([](auto& h) { h.flags |= header::flag_log; })
        == authentication_failed);
  CHECK(code([](auto& h) { h.flags |= 32; }) == corruption);
  CHECK(code([](auto& h) { h.key_id = 2; }) == authentication_failed);
  CHECK(code([](auto& h) { h.key_id = 3; }) == unknown_encryption_key);
  CHECK(code([](auto& h) { h.key_id = 4; }) == unknown_encryption_key);
  CHECK(code([](auto& h) { h.rev.data[0] ^= std::byte{1}; })
        == authentication_failed);
  CHECK(code([](auto& h) { h.expiry = 0; }) == authentication_failed);
  CHECK(code([](auto& h) { ++h.expiry; }) == authentication_failed);
}

TEST_CASE("chunks are bound to their places though checksums are valid",
          "[hostile]") {
  constexpr auto size = chunk_encoder::chunk_size;
  auto ch = make_chain({"cbor", "none", "none"});
  auto blob = make_binary(ch, key, sample_bytes(3 * size));
  auto first
    = static_cast<std::ptrdiff_t>(header::decode(blob)->value_offset());
  auto chunk = [&](std::ptrdiff_t i) {
    return first + i * static_cast<std::ptrdiff_t>(size);
  };
  auto entry = [&](std::ptrdiff_t i) { return chunk(3) + 12 * i; };
  auto edited = [&](auto edit) {
    auto forged = blob;
    edit(forged);
    store_big_endian(&forged[8],
                     uint64_t{forged.size()} - static_cast<uint64_t>(first));
    fix_checksums(store_id, encoded(key), forged);
    return forged;
  };
  SECTION("swapped with their index entries") {
    corrupt(ch, edited([&](bytes& x) {
              auto b = x.begin();
              std::swap_ranges(b + chunk(0), b + chunk(1), b + chunk(1));
              std::swap_ranges(b + entry(0), b + entry(1), b + entry(1));
            }));
  }
  SECTION("repeated") {
    corrupt(ch, edited([&](bytes& x) {
              std::copy_n(x.begin() + chunk(0), size, x.begin() + chunk(1));
              std::copy_n(x.begin() + entry(0), 12, x.begin() + entry(1));
            }));
  }
  SECTION("the last one dropped") {
    corrupt(ch, edited([&](bytes& x) {
              x.erase(x.begin() + entry(2), x.begin() + entry(3));
              x.erase(x.begin() + chunk(2), x.begin() + chunk(3));
              store_big_endian(&x[x.size() - 16], uint64_t{2 * size});
              store_big_endian(&x[x.size() - 4], uint32_t{2});
            }));
  }
  SECTION("edited indexes") {
    auto trailer = [&](size_t back, auto number) {
      return edited(
        [&](bytes& x) { store_big_endian(&x[x.size() - back], number); });
    };
    corrupt(ch, trailer(16, uint64_t{3 * size + 1}));
    refused(ch, trailer(16, uint64_t{3 * size - 1}));
    corrupt(ch, trailer(16, uint64_t{UINT64_MAX}));
    refused(ch, trailer(8, uint32_t{0}));
    refused(ch, trailer(8, uint32_t{UINT32_MAX}));
    corrupt(ch, trailer(8, uint32_t{size / 2}));
    corrupt(ch, trailer(4, uint32_t{2}));
    corrupt(ch, trailer(4, uint32_t{UINT32_MAX}));
    corrupt(ch, edited([&](bytes& x) {
              x[static_cast<size_t>(entry(1))] ^= std::byte{0x80};
            }));
    corrupt(ch, edited([&](bytes& x) {
              store_big_endian(&x[static_cast<size_t>(entry(1))],
                               uint32_t{size - 1});
            }));
    corrupt(ch, edited([&](bytes& x) {
              store_big_endian(&x[static_cast<size_t>(entry(1))],
                               uint32_t{0x7FFFFFFF});
            }));
  }
}

TEST_CASE("bombs are refused before memory is allocated", "[hostile]") {
  // An attempt to allocate what they claim would fail with another error.
  auto bomb = [](const chain_names& names, std::string_view hex,
                 uint32_t flags) {
    auto ch = make_chain(names);
    auto blob = make_blob(ch, key, small_value());
    auto h = *header::decode(blob);
    bytes segment;
    REQUIRE(from_hex(hex, segment));
    h.value_size = segment.size();
    h.flags = (h.flags & ~header::flag_raw_value) | flags;
    bytes forged;
    h.encode(forged);
    append(forged, bytes_view{blob}.subspan(header::size_v2, h.metadata_size));
    append(forged, segment);
    fix_checksums(store_id, encoded(key), forged);
    refused(ch, forged);
  };
  // CBOR: byte string, text, array and map of 2^62 (and 2^64 - 1) items.
  for (auto* head : {"5b", "7b", "9b", "bb"}) {
    bomb({"cbor", "none", "none"}, std::string{head} + "4000000000000000",
         header::flag_raw_value);
    bomb({"cbor", "none", "none"}, std::string{head} + "ffffffffffffffff",
         header::flag_raw_value);
  }
  // CBOR: a million nested arrays.
  std::string nested;
  for (auto i = 0; i < 1'000'000; ++i)
    nested += "81";
  bomb({"cbor", "none", "none"}, nested + "00", header::flag_raw_value);
  // Zstandard frame headers of 4 GiB and 2^62 bytes.
  bomb({"cbor", "zstd", "none"}, "28b52ffde00000000001000000010000", 0);
  bomb({"cbor", "zstd", "none"}, "28b52ffde00000000000000040010000", 0);
  // LZ4 frame header with a content size of 2^62 bytes.
  bomb({"cbor", "lz4", "none"}, "04224d186c400000000000000040fa", 0);
}

TEST_CASE("real data over the limit is refused", "[hostile]") {
  for (auto& names : all_chains()) {
    INFO(names.joined());
    auto blob = make_blob(make_chain(names), key, std::string(100'000, 'x'));
    auto config = make_config(names);
    config.limits.max_value_size = 90'000;
    CHECK(chain(store_id, config).decode(encoded(key), blob).error()
          == errc::limit_exceeded);
    config = make_config(names);
    config.limits.max_metadata_size = 20;
    CHECK(chain(store_id, config).decode(encoded(key), blob).error()
          == errc::limit_exceeded);
  }
}
