// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// How konserve encrypts the segments of its blobs.

#pragma once

#include "larder/bytes.hpp"
#include "larder/error.hpp"
#include "larder/value.hpp"

#include <memory>
#include <string_view>

namespace larder::konserve {

/// The two segments of a blob, each encrypted by itself.
enum class segment : uint8_t {
  metadata,
  value,
};

/// One of konserve's encryptors with its key. Any number of threads may use the
/// same object.
///
/// These are no `larder::encryptor`s: key, salt and additional data are others.
class cipher {
public:
  /// AES-256-CBC as konserve's `:aes` (id 1): key and initial vector are hashes
  /// of `key`, any value, and of 64 random bytes in front of the cipher text.
  /// Nothing authenticates what is encrypted so, and nothing makes guessing a
  /// weak key dear: only for stores that have it already.
  /// @returns `invalid_argument`, `limit_exceeded` for keys that konserve
  ///          cannot hash
  static expected<cipher> aes_cbc(value key);

  /// AES-256-GCM as konserve's `:aes-gcm` (id 2): a key for each segment comes
  /// from `key` and 32 random bytes by HKDF-SHA-256, and a segment is bound to
  /// its place in its blob.
  /// @param key 32 bytes or 64 hexadecimal digits, copied and later wiped
  /// @returns `invalid_argument` for anything else
  static expected<cipher> aes_gcm(bytes_view key);

  /// The id in headers.
  uint8_t id() const noexcept;

  /// Decrypts a segment.
  /// @param store_key the name of the blob's file, `"UUID.ksv"`
  /// @returns `corruption` if `in` has a size that no segment has,
  ///          `authentication_failed` if the key is another one or the segment
  ///          was changed, or moved from elsewhere; AES-CBC notices this only
  ///          if the end does not decrypt to a padding, and not always
  expected<bytes> open(std::string_view store_key, segment which,
                       bytes_view in) const;

  /// Appends a segment, encrypted with new random bytes, to `out`.
  /// @returns `internal` if OpenSSL fails, `out` being as before
  expected<void> seal(std::string_view store_key, segment which, bytes_view in,
                      bytes& out) const;

private:
  struct state;

  explicit cipher(std::shared_ptr<const state> ptr) : state_(std::move(ptr)) {
    // nop
  }

  std::shared_ptr<const state> state_;
};

} // namespace larder::konserve
