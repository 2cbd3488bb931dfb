// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The header of konserve's blobs.

#pragma once

#include "larder/bytes.hpp"
#include "larder/error.hpp"

#include <cstdint>

namespace larder::detail::ksv {

/// What the header of a blob says.
struct blob_layout {
  uint8_t serializer_id = 0;
  uint8_t compressor_id = 0;
  uint8_t encryptor_id = 0;
  /// 20, or 8 in blobs of konserve 0.6 alpha.
  uint8_t header_size = 20;
  uint32_t metadata_size = 0; ///< as stored

  uint64_t value_offset() const noexcept {
    return uint64_t{header_size} + metadata_size;
  }
};

/// How many bytes `parse_layout` needs to see, if the file has as many.
constexpr size_t max_header_size = 20;

/// Reads the header of a blob of `file_size` bytes which begins with `start`.
/// Which size it has is not written anywhere: konserve takes it for the short
/// one if any of the 12 bytes that are reserved in the long one is not zero,
/// and so does this.
/// @returns `corruption`
expected<blob_layout> parse_layout(bytes_view start, uint64_t file_size);

/// Appends a header of 20 bytes.
void append_layout(bytes& out, const blob_layout& x);

} // namespace larder::detail::ksv
