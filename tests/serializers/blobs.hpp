// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Chains and blobs for the tests of the format.

#pragma once

#include "larder/chain.hpp"
#include "larder/chunks.hpp"
#include "larder/key.hpp"

#include <catch2/catch.hpp>

#include <string>

namespace larder::test {

inline const uuid store_id
  = *uuid::parse("6f1d3c0a-98b7-4a55-8f0e-2b4c6d8e0f12");

inline value kw(std::string_view name) {
  return value::keyword(name);
}

inline encryption_key key_of(uint32_t id) {
  return {id, bytes(encryption_key::secret_size, static_cast<std::byte>(id))};
}

/// Keys 1 (primary), 2 and 3 (retired).
inline std::shared_ptr<const keyring> test_keys() {
  keyring result;
  for (uint32_t id = 1; id <= 3; ++id)
    REQUIRE(result.add(key_of(id)));
  REQUIRE(result.retire(3));
  return std::make_shared<keyring>(std::move(result));
}

/// Names of a serializer, a compressor and an encryptor.
struct chain_names {
  std::string serializer = "cbor";
  std::string compressor = "lz4";
  std::string encryptor = "xaes-gcm";

  std::string joined() const {
    return serializer + "-" + compressor + "-" + encryptor;
  }
};

inline chain_config make_config(const chain_names& names = {}) {
  auto result = make_chain_config(std::make_shared<codec_registry>(),
                                  names.serializer, names.compressor,
                                  names.encryptor, test_keys());
  REQUIRE(result);
  return *result;
}

inline chain make_chain(const chain_names& names = {}) {
  return chain{store_id, make_config(names)};
}

/// All chains of the built-in codecs that write.
inline std::vector<chain_names> all_chains() {
  std::vector<chain_names> result;
  codec_registry registry;
  for (auto& serializer : registry.serializers()) {
    if (!serializer->can_encode())
      continue;
    for (auto* compressor : {"none", "lz4", "zstd"})
      for (auto* encryptor : {"none", "xaes-gcm"})
        result.push_back(
          {std::string{serializer->name()}, compressor, encryptor});
  }
  return result;
}

inline std::string encoded(const value& key) {
  auto result = encode_key(key);
  REQUIRE(result);
  return *result;
}

inline metadata meta_of(const value& key) {
  metadata result;
  result.key = key;
  result.last_write = 1'700'000'000'123;
  result.rev = *revision::parse("000102030405060708090a0b0c0d0e0f");
  result.expiry = 1'900'000'000'000;
  result.extras = value::map({{kw("owner"), "ada"}});
  return result;
}

/// A value that compresses, with all kinds of nesting.
inline value sample_value() {
  std::vector<value> rows;
  for (auto i = 0; i < 8; ++i)
    rows.push_back(value::map({{kw("id"), i},
                               {kw("name"), "somebody or other"},
                               {kw("tags"), value::set({"a", "b", "c"})}}));
  return value::map({{kw("rows"), value::vector(std::move(rows))},
                     {"seen", value::instant(1'600'000'000'000)}});
}

inline bytes make_blob(const chain& ch, const value& key,
                       const value& content) {
  auto result = ch.encode(encoded(key), meta_of(key), content);
  INFO((result ? "" : to_string(result.error())));
  REQUIRE(result);
  return std::move(*result);
}

/// `size` bytes; the first half compresses, the second does not.
inline bytes sample_bytes(size_t size) {
  bytes result(size);
  uint32_t state = 1;
  for (size_t i = size / 2; i < size; ++i) {
    state = state * 1664525 + 1013904223;
    result[i] = static_cast<std::byte>(state >> 24);
  }
  return result;
}

/// Encodes a binary, `step` bytes at a time.
inline bytes make_binary(const chain& ch, const value& key, bytes_view content,
                         size_t step = 100'000) {
  chunk_encoder enc{ch, encoded(key), meta_of(key)};
  bytes body;
  for (size_t i = 0; i < content.size(); i += step)
    REQUIRE(
      enc.update(content.subspan(i, std::min(step, content.size() - i)), body));
  REQUIRE(enc.finish(body));
  auto result = enc.prefix(1'700'000'000'999);
  REQUIRE(result);
  REQUIRE(enc.prefix_size());
  CHECK(result->size() == *enc.prefix_size());
  append(*result, body);
  return std::move(*result);
}

inline expected<chunk_reader> open_binary(const chain& ch, const value& key,
                                          bytes_view blob) {
  return chunk_reader::open(
    ch, encoded(key), blob.size(),
    [blob](uint64_t offset, size_t length) -> expected<bytes> {
      return to_bytes(blob.subspan(offset, length));
    });
}

} // namespace larder::test
