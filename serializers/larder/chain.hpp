// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Blobs: what an engine stores per key.
///
///     encode:  serialize -> compress -> encrypt     metadata and value each
///     decode:  by the ids in the blob's header
///
/// Checksums and additional authenticated data bind each segment to the store,
/// the key and the header, so that a blob (or a part of one) put in place of
/// another is refused.

#pragma once

#include "larder/bytes.hpp"
#include "larder/codec.hpp"
#include "larder/error.hpp"
#include "larder/header.hpp"
#include "larder/keyring.hpp"
#include "larder/limits.hpp"
#include "larder/metadata.hpp"
#include "larder/value.hpp"

#include <memory>
#include <string_view>

namespace larder {

/// How new blobs are made, and what is needed to read old ones.
struct chain_config {
  std::shared_ptr<const codec_registry> registry;
  const serializer* write_serializer = nullptr;
  const compressor* write_compressor = nullptr; // null: none
  const encryptor* write_encryptor = nullptr;   // null: none
  std::shared_ptr<const keyring> keys; // may be null without encryption
  struct limits limits;

  /// Refuse blobs that are not encrypted (`authentication_failed`). Without it
  /// a forger who can write to the engine may replace a sealed blob by one in
  /// the clear; set it once no clear blobs are left.
  bool require_encryption = false;

  /// Leave binaries as they are (`header::flag_plain`), for engines that store
  /// them in a form of their own (`capabilities::plain_blobs`).
  bool plain_binaries = false;
};

/// Makes a configuration from names ("cbor", "lz4", "xaes-gcm", …).
/// @returns `unknown_codec`, `unsupported` for a serializer that only reads, or
///          `invalid_argument` for an encryptor without a keyring
expected<chain_config>
make_chain_config(std::shared_ptr<const codec_registry> registry,
                  std::string_view serializer, std::string_view compressor,
                  std::string_view encryptor,
                  std::shared_ptr<const keyring> keys);

/// A decoded blob. The value of a binary is nil: read it with chunks.hpp.
struct document {
  metadata meta;
  value content;
  /// Size of the value as serialized, before compression; 0 for binaries.
  uint64_t plain_size = 0;
};

/// A blob and the size of its value as serialized, before compression.
struct encoded_document {
  bytes blob;
  uint64_t plain_size = 0;
};

/// Encodes and decodes the blobs of one store. Immutable: any thread may use
/// the same chain.
class chain {
public:
  chain(const uuid& store, chain_config config);

  const chain_config& config() const noexcept {
    return config_;
  }

  const uuid& store() const noexcept {
    return store_;
  }

  /// Makes the blob of an EDN value or of a part of an append log, of layout 2.
  /// @param key the encoded key (key.hpp) under which the blob will be stored,
  /// or a hidden one
  /// @param meta type, revision and expiry included; the type is not binary
  /// @returns `invalid_argument`, `limit_exceeded`, `unknown_encryption_key`
  expected<bytes> encode(std::string_view key, const metadata& meta,
                         const value& content) const {
    return encode_measured(key, meta, content).map([](encoded_document&& x) {
      return std::move(x.blob);
    });
  }

  /// As `encode`, and tells how large the value was.
  expected<encoded_document> encode_measured(std::string_view key,
                                             const metadata& meta,
                                             const value& content) const;

  /// Checks and decodes a whole blob; all chunks of a binary are checked, too.
  /// @param owner keeps `blob` alive and unchanged; with it, a value that is
  ///              one large string and neither compressed nor encrypted refers
  ///              to the blob instead of a copy
  /// @returns `corruption`, `authentication_failed`, `unknown_codec`,
  ///          `unknown_encryption_key`, `limit_exceeded`
  expected<document> decode(std::string_view key, bytes_view blob,
                            const std::shared_ptr<const void>& owner
                            = nullptr) const;

  /// Checks and decodes header and metadata; `blob` may end behind them.
  expected<metadata> decode_metadata(std::string_view key,
                                     bytes_view blob) const;

private:
  uuid store_;
  chain_config config_;
};

} // namespace larder
