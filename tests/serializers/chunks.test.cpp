// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#include "larder/chunks.hpp"

#include "serializers/blobs.hpp"

#include <rapidcheck.h>

#include <algorithm>

using namespace larder;
using namespace larder::test;

namespace {

constexpr auto chunk_size = chunk_encoder::chunk_size;

bytes slice(const bytes& xs, size_t offset, size_t length) {
  if (offset >= xs.size())
    return {};
  return to_bytes(
    bytes_view{xs}.subspan(offset, std::min(length, xs.size() - offset)));
}

} // namespace

TEST_CASE("binaries of every size come back, in every chain", "[chunks]") {
  for (auto& names : all_chains())
    for (size_t size :
         {size_t{0}, size_t{1}, size_t{4'096}, chunk_size - 1, chunk_size,
          chunk_size + 1, 2 * chunk_size, 3 * chunk_size + 17}) {
      INFO(names.joined() << " " << size);
      auto ch = make_chain(names);
      auto content = sample_bytes(size);
      auto blob = make_binary(ch, "k", content);
      auto reader = open_binary(ch, "k", blob);
      INFO((reader ? "" : to_string(reader.error())));
      REQUIRE(reader);
      CHECK(reader->size() == size);
      CHECK(reader->meta().type == content_type::binary);
      CHECK(reader->meta().last_write == 1'700'000'000'999);
      CHECK(reader->meta().rev == meta_of("k").rev);
      CHECK(reader->read(0, size + 1) == content);
      CHECK(reader->verify());
      auto doc = ch.decode(encoded("k"), blob);
      REQUIRE(doc);
      CHECK(doc->content.is_nil());
      CHECK(doc->meta.type == content_type::binary);
      auto meta = ch.decode_metadata(encoded("k"), blob);
      REQUIRE(meta);
      CHECK(meta->to_value() == doc->meta.to_value());
    }
}

TEST_CASE("how the bytes arrive makes no difference", "[chunks]") {
  auto ch = make_chain({"cbor", "zstd", "none"});
  auto content = sample_bytes(2 * chunk_size + 5);
  auto expected_blob = make_binary(ch, "k", content, content.size());
  for (size_t step : {size_t{999}, chunk_size - 1, chunk_size, chunk_size + 1})
    CHECK(make_binary(ch, "k", content, step) == expected_blob);
}

TEST_CASE("any range can be read", "[chunks]") {
  auto ch = make_chain();
  auto content = sample_bytes(3 * chunk_size + 100);
  auto blob = make_binary(ch, "k", content);
  auto reader = open_binary(ch, "k", blob);
  REQUIRE(reader);
  for (size_t offset : {size_t{0}, size_t{1}, chunk_size - 1, chunk_size,
                        3 * chunk_size + 99, 3 * chunk_size + 100, ~size_t{0}})
    for (size_t length : {size_t{0}, size_t{1}, size_t{2}, chunk_size,
                          2 * chunk_size + 1, ~size_t{0}}) {
      INFO(offset << " " << length);
      CHECK(reader->read(offset, length) == slice(content, offset, length));
    }
  auto agrees = rc::check("random ranges", [&] {
    auto offset = *rc::gen::inRange<size_t>(0, content.size() + 10);
    auto length = *rc::gen::inRange<size_t>(0, content.size() + 10);
    RC_ASSERT(reader->read(offset, length) == slice(content, offset, length));
  });
  CHECK(agrees);
}

TEST_CASE("a range costs only the chunks that hold it", "[chunks]") {
  auto ch = make_chain({"cbor", "none", "xaes-gcm"});
  auto blob = make_binary(ch, "k", bytes(10 * chunk_size));
  size_t fetched = 0;
  auto reader = chunk_reader::open(
    ch, encoded("k"), blob.size(),
    [&](uint64_t offset, size_t length) -> expected<bytes> {
      fetched += length;
      return to_bytes(bytes_view{blob}.subspan(offset, length));
    });
  REQUIRE(reader);
  CHECK(fetched <= 8'192);
  fetched = 0;
  REQUIRE(reader->read(5 * chunk_size + 3, 10));
  CHECK(fetched == chunk_size + 40);
}

TEST_CASE("long metadata and long indexes are fetched whole", "[chunks]") {
  auto ch = make_chain({"cbor", "lz4", "none"});
  auto meta = meta_of("k");
  meta.extras = value::map({{"note", std::string(10'000, 'n')}});
  chunk_encoder enc{ch, encoded("k"), meta};
  bytes body;
  // Zeros compress to little, so that this is quick: 400 chunks.
  bytes zeros(chunk_size);
  for (auto i = 0; i < 400; ++i)
    REQUIRE(enc.update(zeros, body));
  REQUIRE(enc.finish(body));
  auto blob = *enc.prefix(0);
  append(blob, body);
  auto reader = open_binary(ch, "k", blob);
  REQUIRE(reader);
  CHECK(reader->size() == 400 * chunk_size);
  CHECK(reader->meta().extras == meta.extras);
  CHECK(reader->read(399 * chunk_size, 5) == bytes(5));
}

TEST_CASE("values and binaries are told apart", "[chunks]") {
  auto ch = make_chain();
  auto blob = make_blob(ch, "k", 1);
  auto reader = open_binary(ch, "k", blob);
  REQUIRE(!reader);
  CHECK(reader.error() == errc::wrong_type);
  CHECK(reader.error().message().find("get") != std::string::npos);
}

TEST_CASE("errors of the source are passed on", "[chunks]") {
  auto ch = make_chain();
  auto blob = make_binary(ch, "k", sample_bytes(chunk_size));
  auto failing = true;
  auto fetch = [&](uint64_t offset, size_t length) -> expected<bytes> {
    if (failing)
      return fail(errc::timeout, "too slow");
    return to_bytes(bytes_view{blob}.subspan(offset, length));
  };
  CHECK(chunk_reader::open(ch, encoded("k"), blob.size(), fetch).error()
        == errc::timeout);
  failing = false;
  auto reader = chunk_reader::open(ch, encoded("k"), blob.size(), fetch);
  REQUIRE(reader);
  failing = true;
  CHECK(reader->read(0, 1).error() == errc::timeout);
  CHECK(reader->verify().error() == errc::timeout);
  auto short_fetch = [&](uint64_t offset, size_t length) -> expected<bytes> {
    return to_bytes(bytes_view{blob}.subspan(offset, length / 2));
  };
  CHECK(chunk_reader::open(ch, encoded("k"), blob.size(), short_fetch).error()
        == errc::corruption);
}

TEST_CASE("an encoder refuses what it cannot do", "[chunks]") {
  chain unusable{store_id, {}};
  chunk_encoder none{unusable, encoded("k"), meta_of("k")};
  bytes out;
  CHECK(none.prefix_size().error() == errc::invalid_argument);
  CHECK(none.update(bytes(3), out).error() == errc::invalid_argument);
  CHECK(none.finish(out).error() == errc::invalid_argument);
  CHECK(none.prefix(0).error() == errc::invalid_argument);
  auto ch = make_chain();
  chunk_encoder enc{ch, encoded("k"), meta_of("k")};
  CHECK(enc.prefix(0).error() == errc::internal);
  REQUIRE(enc.finish(out));
  CHECK(enc.prefix(0));
  CHECK(enc.finish(out).error() == errc::internal);
  CHECK(enc.update(bytes(3), out).error() == errc::internal);
}

TEST_CASE("an encoder holds no more than one chunk", "[chunks]") {
  auto ch = make_chain({"cbor", "none", "none"});
  chunk_encoder enc{ch, encoded("k"), meta_of("k")};
  uint64_t fed = 0;
  uint64_t given = 0;
  bytes piece(100'000);
  for (auto i = 0; i < 50; ++i) {
    bytes out;
    REQUIRE(enc.update(piece, out));
    fed += piece.size();
    given += out.size();
    CHECK(fed - given <= chunk_size);
  }
}

TEST_CASE("chunks cannot be moved, dropped, repeated or joined", "[chunks]") {
  // Without compression the chunks lie at known offsets. The checksums are
  // those of the writer, hence all this must also hold without encryption.
  for (auto* encryptor : {"none", "xaes-gcm"}) {
    INFO(encryptor);
    auto ch = make_chain({"cbor", "none", encryptor});
    auto content = sample_bytes(3 * chunk_size);
    auto blob = make_binary(ch, "k", content);
    auto h = header::decode(blob);
    REQUIRE(h);
    auto overhead = ch.config().write_encryptor == nullptr ? size_t{0} : 40;
    auto stored = chunk_size + overhead;
    auto first = static_cast<std::ptrdiff_t>(h->value_offset());
    auto second = first + static_cast<std::ptrdiff_t>(stored);
    auto third = second + static_cast<std::ptrdiff_t>(stored);
    auto refused = [&](const bytes& changed) {
      auto doc = ch.decode(encoded("k"), changed);
      REQUIRE(!doc);
      CHECK((doc.error() == errc::corruption
             || doc.error() == errc::authentication_failed));
    };
    REQUIRE(ch.decode(encoded("k"), blob));
    auto changed = blob;
    std::swap_ranges(changed.begin() + first, changed.begin() + second,
                     changed.begin() + second);
    refused(changed);
    changed = blob;
    std::copy_n(blob.begin() + first, stored, changed.begin() + second);
    refused(changed);
    changed = blob;
    changed.erase(changed.begin() + second, changed.begin() + third);
    refused(changed);
    changed = blob;
    changed.insert(changed.begin() + second, blob.begin() + first,
                   blob.begin() + second);
    refused(changed);
    changed = blob;
    append(changed, blob);
    refused(changed);
    // Every bit of index and trailer, and every byte of the prefix.
    for (size_t i = (blob.size() - 52) * 8; i < blob.size() * 8; ++i) {
      changed = blob;
      changed[i / 8] ^= static_cast<std::byte>(1 << (i % 8));
      CHECK(!open_binary(ch, "k", changed));
    }
  }
}

TEST_CASE("damaged sizes are noticed before much is fetched", "[chunks]") {
  constexpr size_t most = 16'384;
  auto config = make_config({"cbor", "none", "none"});
  config.limits.max_metadata_size = most / 4;
  chain ch{store_id, config};
  auto blob = make_binary(ch, "k", sample_bytes(4 * chunk_size));
  auto metadata_size = [](bytes& x) {
    constexpr uint32_t more = 1 << 19; // at the expense of the value
    auto metadata = load_big_endian<uint32_t>(&x[4]);
    auto value = load_big_endian<uint64_t>(&x[8]);
    store_big_endian(&x[4], metadata + more);
    store_big_endian(&x[8], value - more);
  };
  auto number_of_chunks = [](bytes& x) { x.end()[-2] ^= std::byte{0x10}; };
  auto plain_size = [](bytes& x) { x.end()[-13] ^= std::byte{0x10}; };
  for (auto damage : {+metadata_size, +number_of_chunks, +plain_size}) {
    auto damaged = blob;
    damage(damaged);
    size_t fetched = 0;
    auto fetch = [&](uint64_t offset, size_t length) -> expected<bytes> {
      fetched += length;
      return slice(damaged, offset, length);
    };
    auto reader = chunk_reader::open(ch, encoded("k"), damaged.size(), fetch);
    CHECK(!reader);
    CHECK(fetched <= most);
  }
}

// -- plain binaries -----------------------------------------------------------

TEST_CASE("plain binaries are their bytes behind the metadata", "[chunks]") {
  auto config = make_config({"cbor", "lz4", "none"});
  config.plain_binaries = true;
  chain ch{store_id, config};
  for (size_t size : {size_t{0}, size_t{1}, 2 * chunk_size + 5}) {
    INFO(size);
    auto content = sample_bytes(size);
    auto blob = make_binary(ch, "k", content);
    auto h = header::decode(blob);
    REQUIRE(h);
    CHECK(h->has(header::flag_plain));
    CHECK(h->value_size == size);
    CHECK(to_bytes(bytes_view{blob}.subspan(h->value_offset())) == content);
    auto reader = open_binary(ch, "k", blob);
    REQUIRE(reader);
    CHECK(reader->size() == size);
    CHECK(reader->read(0, size + 1) == content);
    CHECK(reader->read(1, 3) == slice(content, 1, 3));
    CHECK(ch.decode(encoded("k"), blob));
    blob.push_back(std::byte{0});
    CHECK(open_binary(ch, "k", blob).error() == errc::corruption);
  }
}

TEST_CASE("a chain that encrypts makes no plain binaries", "[chunks]") {
  auto config = make_config({"cbor", "none", "xaes-gcm"});
  config.plain_binaries = true;
  chain ch{store_id, config};
  chunk_encoder enc{ch, encoded("k"), meta_of("k")};
  CHECK(enc.prefix_size().error() == errc::unsupported);
}

TEST_CASE("a binary is either chunked or plain, and sealed in chunks only",
          "[chunks]") {
  auto config = make_config({"cbor", "none", "none"});
  config.plain_binaries = true;
  chain ch{store_id, config};
  auto blob = make_binary(ch, "k", sample_bytes(100));
  auto refused = [&](uint32_t flags, uint8_t encryptor) {
    auto h = *header::decode(blob);
    auto changed = h;
    changed.flags = flags | header::flag_raw_metadata;
    changed.encryptor_id = encryptor;
    auto meta = bytes_view{blob}.subspan(h.size(), h.metadata_size);
    auto raw = detail::encode_header(changed);
    auto bound
      = detail::binding("larder metadata", store_id, encoded("k"),
                        bytes_view{raw}.first(header::metadata_bound_size));
    changed.metadata_checksum = detail::checksum(bound, meta);
    auto forged = detail::encode_header(changed);
    append(forged, bytes_view{blob}.subspan(h.size()));
    auto reader = open_binary(ch, "k", forged);
    return !reader && reader.error() == errc::corruption;
  };
  constexpr auto binary = header::flag_binary;
  constexpr auto plain = header::flag_plain;
  CHECK_FALSE(refused(binary | plain, 0));
  CHECK(refused(plain, 0));
  CHECK(refused(binary, 0));
  CHECK(refused(binary | plain | header::flag_chunked, 0));
  CHECK(refused(binary | plain, 64));
}

TEST_CASE("a stream fails if the time of its end takes other bytes") {
  auto ch = make_chain({"fressian", "none", "none"});
  auto meta = meta_of(kw("k"));
  meta.last_write = 1'700'000'000'000;
  chunk_encoder enc{ch, encoded(kw("k")), meta};
  bytes out;
  REQUIRE(enc.finish(out));
  CHECK(enc.prefix(1'700'000'100'000));
  // From 2^41 ms on, which is in 2039, Fressian needs a byte more.
  auto late = enc.prefix(int64_t{1} << 41);
  REQUIRE(!late);
  CHECK(late.error() == errc::conflict);
}
