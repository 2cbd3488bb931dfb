// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The three plug-in interfaces of the chain, and the registry that finds them.
///
/// A codec only transforms bytes: the header, checksums, sizes and additional
/// data are written and checked by the library (chain.hpp). Codecs have no
/// mutable state: any number of threads may call the same object. They must not
/// throw; what a codec throws nevertheless becomes `errc::internal`.

#pragma once

#include "larder/bytes.hpp"
#include "larder/error.hpp"
#include "larder/limits.hpp"
#include "larder/value.hpp"

#include <memory>
#include <string_view>
#include <vector>

namespace larder {

class encryption_key;

/// What all codecs have: an id that is stored in headers and never changes its
/// meaning, and a name for configuration. Ids 0 to 63 are konserve's, 64 to 191
/// larder's, 192 to 255 are free for users.
class codec {
public:
  virtual ~codec() = default;

  virtual uint8_t id() const noexcept = 0;

  virtual std::string_view name() const noexcept = 0;
};

/// Turns values into bytes and back, without loss.
class serializer : public codec {
public:
  /// Appends the encoding of `x` to `out`. Equal values give equal bytes.
  /// @returns `invalid_argument` for strings that are not UTF-8,
  ///          `limit_exceeded` for values nested deeper than `lim` allows,
  ///          `unsupported` for every value if `can_encode` is false
  virtual expected<void> encode(const value& x, bytes& out,
                                const limits& lim) const = 0;

  /// Decodes exactly one value that takes up all of `in`.
  /// @returns `corruption` if `in` is anything else, `limit_exceeded` for
  ///          nesting or declared sizes over `lim`
  virtual expected<value> decode(bytes_view in, const limits& lim) const = 0;

  /// Whether this writes at all. Some formats of others are only read.
  virtual bool can_encode() const noexcept {
    return true;
  }

  /// Whether instants from the years 1970 to 9999 give equally many bytes. The
  /// metadata of a stream is encoded again when it ends: if its size has
  /// changed then, which is possible only if this is false, the stream fails
  /// with `conflict` and has to be written again.
  virtual bool has_fixed_size_instants() const noexcept {
    return true;
  }

  /// As `decode`, for large strings and byte strings without a copy: they may
  /// share the memory of `in` by `value::shared_string` and `shared_bytes`.
  /// @param owner keeps `in` alive and unchanged
  virtual expected<value>
  decode_shared(bytes_view in, const limits& lim,
                const std::shared_ptr<const void>& owner) const;

  /// Whether `decode` may be given bytes that nothing has verified, as blobs of
  /// layout 1 are. If not, such blobs are refused.
  virtual bool safe_on_untrusted_input() const noexcept {
    return true;
  }
};

/// Makes bytes fewer, and the same again.
class compressor : public codec {
public:
  /// Appends the compressed form of `in` to `out`.
  virtual expected<void> compress(bytes_view in, bytes& out) const = 0;

  /// Decodes exactly one compressed form that takes up all of `in`.
  /// @param max_size bound on the result, never to be allocated at once on the
  ///                 word of `in` alone
  /// @returns `corruption` or `limit_exceeded`
  virtual expected<bytes> decompress(bytes_view in, size_t max_size) const = 0;
};

/// Authenticated encryption with associated data (RFC 5116). Each call to
/// `encrypt` takes a nonce of its own.
class encryptor : public codec {
public:
  /// How many bytes the result is longer than the plain text, always.
  virtual size_t overhead() const noexcept = 0;

  /// Appends nonce, cipher text and tag to `out`.
  virtual expected<void> encrypt(const encryption_key& key,
                                 bytes_view additional_data, bytes_view in,
                                 bytes& out) const = 0;

  /// Checks and decrypts what `encrypt` made.
  /// @returns `authentication_failed` if anything differs
  virtual expected<bytes> decrypt(const encryption_key& key,
                                  bytes_view additional_data,
                                  bytes_view in) const = 0;
};

/// Finds codecs by id and by name. Immutable after construction, hence usable
/// from any thread; a null codec (`none`, id 0) is not an object: compressor
/// and encryptor look-ups of id 0 or "none" answer a null pointer.
class codec_registry {
public:
  /// Knows the built-in codecs.
  codec_registry();

  /// Adds a user's codec.
  /// @returns `invalid_argument` if the id is below 192 or the id or name is
  ///          taken
  expected<void> add(std::shared_ptr<const serializer> x);
  expected<void> add(std::shared_ptr<const compressor> x);
  expected<void> add(std::shared_ptr<const encryptor> x);

  /// Each returns `unknown_codec` for ids and names that are not registered.
  expected<const serializer*> find_serializer(uint8_t id) const;
  expected<const serializer*> find_serializer(std::string_view name) const;
  expected<const compressor*> find_compressor(uint8_t id) const;
  expected<const compressor*> find_compressor(std::string_view name) const;
  expected<const encryptor*> find_encryptor(uint8_t id) const;
  expected<const encryptor*> find_encryptor(std::string_view name) const;

  const std::vector<std::shared_ptr<const serializer>>& serializers() const {
    return serializers_;
  }

  const std::vector<std::shared_ptr<const compressor>>& compressors() const {
    return compressors_;
  }

  const std::vector<std::shared_ptr<const encryptor>>& encryptors() const {
    return encryptors_;
  }

private:
  std::vector<std::shared_ptr<const serializer>> serializers_;
  std::vector<std::shared_ptr<const compressor>> compressors_;
  std::vector<std::shared_ptr<const encryptor>> encryptors_;
};

} // namespace larder
