// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// What the segments of all blobs have in common: how they are bound to their
/// place and pass through the codecs.

#pragma once

#include "larder/chain.hpp"

#include <optional>
#include <string_view>

namespace larder::detail {

/// The place of a segment: what is put there from elsewhere must fail.
struct segment_place {
  std::string_view context;
  const uuid& store;
  std::string_view key;
  bytes_view header_part;

  /// What binds a segment to its place. The bytes are the segment's additional
  /// authenticated data, and their hash seeds its checksum:
  ///
  ///     context || store || key size (8 bytes) || key || header_part
  bytes binding() const;

  /// Returns the XXH3 hash of `segment` seeded with that of the binding.
  uint64_t checksum(bytes_view segment) const;

private:
  size_t binding_size() const noexcept;
  void write_binding(std::byte* dst) const noexcept;
};

/// Returns `segment_place::binding`.
bytes binding(std::string_view context, const uuid& store, std::string_view key,
              bytes_view header_part);

/// Returns what seeds the checksum of a segment.
uint64_t checksum_seed(bytes_view binding) noexcept;

/// Returns the XXH3 hash of `segment` seeded with that of its binding.
uint64_t checksum(bytes_view binding, bytes_view segment) noexcept;

/// The codecs of one blob. Whatever they throw becomes `internal`.
class codecs {
public:
  /// Finds those with which new blobs are written.
  static expected<codecs> to_write(const chain_config& config);

  /// Finds those that a header names.
  static expected<codecs> to_read(const chain_config& config, const header& h);

  /// Sets the codecs, revision and expiry in `h`.
  /// @returns `invalid_argument` for an expiry before 1970
  expected<void> describe(const metadata& meta, header& h) const;

  /// How many bytes encryption adds to a segment.
  size_t overhead() const noexcept {
    return encryptor_ == nullptr ? 0 : encryptor_->overhead();
  }

  bool encrypts() const noexcept {
    return encryptor_ != nullptr;
  }

  /// What headers call the serializer.
  uint8_t serializer_id() const noexcept {
    return serializer_->id();
  }

  bool safe_on_untrusted_input() const noexcept {
    return serializer_->safe_on_untrusted_input();
  }

  /// Whether the time of a write never changes the size of metadata.
  bool has_fixed_size_instants() const noexcept {
    return serializer_->has_fixed_size_instants();
  }

  /// Appends the encoding of `x` to `out`.
  /// @returns `limit_exceeded` if it takes more than `max_size` bytes
  expected<void> serialize(const value& x, const limits& lim, size_t max_size,
                           bytes& out) const;

  /// Appends the compressed form of `plain` to `out` if there is a compressor
  /// and the form is smaller. Otherwise answers false and appends nothing.
  expected<bool> compress(bytes_view plain, bytes& out) const;

  /// What `encode` did.
  struct encoding {
    bool compressed; ///< else the compressed form is not smaller
    size_t plain_size;
  };

  /// Serializes `x` and compresses that if it gets smaller.
  expected<encoding> encode(const value& x, const limits& lim, size_t max_size,
                            bytes& out) const;

  /// Appends `in`, encrypted if there is an encryptor, to `out`.
  expected<void> seal(bytes_view binding, bytes_view in, bytes& out) const;

  /// Undoes `seal` and, unless `raw`, `compress`. The result views `stored` or
  /// `buffer`.
  /// @returns `limit_exceeded` for more than `max_size` bytes
  expected<bytes_view> open(bytes_view binding, bytes_view stored, bool raw,
                            size_t max_size, bytes& buffer) const;

  /// The inverse of `serialize`.
  /// @param owner what keeps `in` alive for parts of the value; may be null
  expected<value> deserialize(bytes_view in, const limits& lim,
                              const std::shared_ptr<const void>& owner
                              = nullptr) const;

private:
  const serializer* serializer_ = nullptr;
  const compressor* compressor_ = nullptr;
  const encryptor* encryptor_ = nullptr;
  std::optional<encryption_key> key_;
  bool by_konserve_ = false;
};

/// Encodes a header. Its first bytes are what segments are bound to.
bytes encode_header(const header& x);

/// Seals the metadata, sets its checksum in `h` and writes both, which are
/// `h.value_offset()` bytes, to `out`.
/// @param stored the metadata, compressed unless `h` says raw
/// @pre `h` is complete but for that checksum
expected<void> write_prefix(const chain& ch, std::string_view key,
                            const codecs& with, header& h, bytes_view stored,
                            std::span<std::byte> out);

/// Metadata and the codecs for the rest of its blob.
struct opened_metadata {
  codecs with;
  metadata meta;
};

/// Checks and decodes the metadata segment.
/// @param prefix header and metadata, `h.value_offset()` bytes
expected<opened_metadata> read_metadata(const chain& ch, std::string_view key,
                                        const header& h, bytes_view prefix);

} // namespace larder::detail
