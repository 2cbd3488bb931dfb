// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Blobs that tell what they are: from its key and its version alone follows
/// every byte of a blob, so that one look tells whether it is whole.

#pragma once

#include "larder/backend.hpp"

#include <cstdint>
#include <memory>
#include <string_view>

namespace trials {

/// Numbers all blobs of a trial; no two have the same. 0: there is none.
using version = uint64_t;

/// The revision of the blob with that version.
larder::revision revision_of(version x);

/// The metadata that all blobs of that version have: up to 39 bytes.
size_t metadata_size_of(version x);

/// What a blob says about itself.
struct content {
  version number = 0;
  /// Any number, for what the trial computes with.
  uint64_t amount = 0;
};

/// Makes a blob.
/// @param size of its value, at least 8 bytes: those of `amount`
larder::bytes make_blob(std::string_view key, version number, size_t size,
                        uint64_t amount = 0);

/// The same, ready to be put.
std::shared_ptr<const larder::bytes> make_shared_blob(std::string_view key,
                                                      version number,
                                                      size_t size,
                                                      uint64_t amount = 0);

/// Reads what `make_blob` has made and checks every byte.
/// @returns `corruption` that says what is wrong
larder::expected<content> examine(std::string_view key,
                                  larder::bytes_view blob);

/// Checks what reading only the metadata gave.
larder::expected<version> examine_metadata(std::string_view key,
                                           const larder::blob_view& part);

} // namespace trials
