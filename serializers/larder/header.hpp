// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The fixed part at the start of every blob; docs/format.md specifies it.

#pragma once

#include "larder/bytes.hpp"
#include "larder/error.hpp"

#include <array>
#include <compare>
#include <cstdint>
#include <string>

namespace larder {

/// Names one commit on one key: 16 bytes that no other commit has. It is not a
/// clock and has no meaningful order. All zeros means none (blobs of layout 1).
struct revision {
  std::array<std::byte, 16> data{};

  bool valid() const noexcept {
    return *this != revision{};
  }

  /// Parses 32 hexadecimal digits.
  static expected<revision> parse(std::string_view str);

  friend auto operator<=>(const revision&, const revision&) = default;
};

/// Returns 32 hexadecimal digits.
std::string to_string(const revision& x);

/// The header of a blob.
///
///     offset size layout 1 (konserve)          layout 2
///     0      1    1                            2
///     1      1    serializer id                the same
///     2      1    compressor id                the same
///     3      1    encryptor id                 the same
///     4      4    metadata size, big endian    the same
///     8      8    zero                         value size, big endian
///     16     4    zero                         flags, big endian
///     20     4                                 encryption key id, big endian
///     24     16                                revision
///     40     8                                 expiry, ms since 1970; 0: never
///     48     8                                 checksum of the value segment
///     56     8                                 checksum of header and metadata
struct header {
  static constexpr size_t size_v1 = 20;
  static constexpr size_t size_v2 = 64;

  /// How many bytes to read so that every layout's header is complete.
  static constexpr size_t max_size = size_v2;

  /// The header bytes that bind a value segment: all before the checksums.
  static constexpr size_t value_bound_size = 48;

  /// The header bytes that bind the metadata: all but its own checksum.
  static constexpr size_t metadata_bound_size = 56;

  /// The value is a binary, not an encoded `value`.
  static constexpr uint32_t flag_binary = 1;
  /// The value segment is a sequence of chunks (chunks.hpp).
  static constexpr uint32_t flag_chunked = 2;
  /// The metadata is stored without compression.
  static constexpr uint32_t flag_raw_metadata = 4;
  /// The value is stored without compression.
  static constexpr uint32_t flag_raw_value = 8;
  /// The blob is the head of an append log, or one of its hidden blobs.
  static constexpr uint32_t flag_log = 16;
  /// The value of a binary is stored as it is, without chunks, encryption and
  /// checksum. Only engines with a layout of their own have such blobs.
  static constexpr uint32_t flag_plain = 32;
  /// All flags that have a meaning; a blob with others is damaged or newer.
  static constexpr uint32_t known_flags = 63;

  uint8_t layout = 2;
  uint8_t serializer_id = 0;
  uint8_t compressor_id = 0;
  uint8_t encryptor_id = 0;
  uint32_t metadata_size = 0;
  uint64_t value_size = 0; // layout 1: not stored, 0
  uint32_t flags = 0;
  uint32_t key_id = 0;
  revision rev;
  int64_t expiry = 0;
  uint64_t value_checksum = 0;
  uint64_t metadata_checksum = 0;

  /// Size of this header's encoding: 20 or 64.
  size_t size() const noexcept {
    return layout == 1 ? size_v1 : size_v2;
  }

  /// Offset of the value segment: header and metadata size.
  uint64_t value_offset() const noexcept {
    return size() + metadata_size;
  }

  bool has(uint32_t flag) const noexcept {
    return (flags & flag) != 0;
  }

  /// Whether the blob has expired at the time `now` (ms since 1970).
  bool expired(int64_t now) const noexcept {
    return expiry != 0 && expiry <= now;
  }

  /// Appends the encoding, `size()` bytes.
  void encode(bytes& out) const;

  /// Reads the header at the start of `in`, which may go on behind it.
  /// @returns `corruption` for fewer bytes than a header, layouts other than 1
  ///          and 2, unknown flags, non-zero reserved bytes
  /// @note checksums are the chain's to check
  static expected<header> decode(bytes_view in);
};

} // namespace larder
