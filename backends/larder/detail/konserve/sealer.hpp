// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The encryption of a konserve store.

#pragma once

#include "larder/bytes.hpp"
#include "larder/error.hpp"
#include "larder/konserve/cipher.hpp"
#include "larder/uri.hpp"
#include "larder/uuid.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace larder::detail::ksv {

/// Encrypts and decrypts the segments of blobs, by what their headers say.
/// Immutable.
class sealer {
public:
  /// Takes the options `key`, `key-file`, `key-env`, `encryptor` and `legacy`
  /// from `x`. With a key but without `encryptor`, blobs are written with
  /// AES-GCM: nothing is written in the clear unless that was asked for.
  /// @returns `invalid_argument`, `io_error`; no message shows the key
  static expected<sealer> take_options(uri& x);

  /// The encryptor of new blobs, as in headers.
  uint8_t id() const noexcept {
    return write_id_;
  }

  /// Checks that new blobs can be written.
  /// @returns `invalid_argument` if the key does not fit the encryptor
  expected<void> check_writable() const;

  /// Encrypts a segment of the blob `blob` for writing.
  expected<bytes> seal(const uuid& blob, konserve::segment which,
                       bytes_view clear) const;

  /// Decrypts a segment that `encryptor_id` has encrypted.
  /// @returns `unknown_codec`, `unknown_encryption_key` without a key,
  ///          `authentication_failed` for a wrong key or changed bytes
  expected<bytes> open(uint8_t encryptor_id, const uuid& blob,
                       konserve::segment which, bytes_view sealed) const;

  /// Size of a segment of `size` bytes when it is encrypted for writing.
  size_t sealed_size(size_t size) const noexcept;

  /// Size of what `open` returns, which is up to 15 bytes less for AES-CBC.
  static uint64_t clear_size(uint8_t encryptor_id, uint64_t sealed) noexcept;

private:
  const std::optional<konserve::cipher>* find(uint8_t id) const noexcept;

  uint8_t write_id_ = 0;
  bool has_key_ = false;
  /// Those that the key fits.
  std::optional<konserve::cipher> cbc_;
  std::optional<konserve::cipher> gcm_;
};

} // namespace larder::detail::ksv
