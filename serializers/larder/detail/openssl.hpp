// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/bytes.hpp"

#include <openssl/evp.h>

namespace larder::detail {

/// Returns AES-256 on single blocks without padding, fetched once.
const EVP_CIPHER* aes_256_ecb();

/// Returns AES-256-CBC on whole blocks without padding, fetched once.
const EVP_CIPHER* aes_256_cbc();

/// Returns AES-256-GCM, fetched once.
const EVP_CIPHER* aes_256_gcm();

/// Derives as many bytes as `out` has from a key (RFC 5869, with SHA-256).
/// Returns false if OpenSSL fails.
bool hkdf_sha256(bytes_view key, bytes_view salt, bytes_view info,
                 std::span<std::byte> out);

/// A reusable cipher operation of OpenSSL. Functions return false if OpenSSL
/// fails. Not for use by several threads at once.
class cipher_context {
public:
  explicit cipher_context(const EVP_CIPHER* cipher);

  cipher_context(const cipher_context&) = delete;

  cipher_context& operator=(const cipher_context&) = delete;

  ~cipher_context();

  /// Begins to encrypt; an empty `nonce` is for modes without one.
  bool start_encrypt(bytes_view key, bytes_view nonce);

  /// Begins to decrypt and check.
  bool start_decrypt(bytes_view key, bytes_view nonce);

  /// Takes additional authenticated data.
  bool add_data(bytes_view in);

  /// Transforms `in` into as many bytes at `out`, which may be `in.data()`.
  bool update(bytes_view in, std::byte* out);

  /// Ends the operation. When decrypting, false means that the tag differs.
  bool finish();

  /// Writes the tag of what was encrypted.
  bool get_tag(std::span<std::byte> out);

  /// Sets the tag to compare with, before `finish`.
  bool set_tag(bytes_view tag);

private:
  EVP_CIPHER_CTX* context_;
};

} // namespace larder::detail
