// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The open publications of a store as they are kept in its engine: one blob,
/// so that a reader sees all of them as of one moment for the price of one
/// read, whatever the engine.

#pragma once

#include "larder/chain.hpp"
#include "larder/error.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace larder::internal {

/// A publication of any process. Times are ms since 1970.
struct open_publication {
  /// What is written under it has this stamp or a later one.
  int64_t stamp = 0;
  /// When a sweep may take it for abandoned.
  int64_t expiry = 0;
};

/// The key under which they are: larder's own, as `is_hidden_key` says.
inline std::string publications_key() {
  return std::string("\0P", 2);
}

/// Publications by number.
using publication_map = std::map<uint64_t, open_publication>;

/// Makes the blob that holds publications.
expected<bytes> encode_publications(const chain& blobs,
                                    const publication_map& x,
                                    const revision& rev);

/// Publications and the revision of the blob that holds them.
struct stored_publications {
  publication_map open;
  /// Nothing if there is no blob.
  std::optional<revision> rev;
};

/// The inverse of `encode_publications`.
/// @returns `corruption` and the other errors of the chain
expected<stored_publications> decode_publications(const chain& blobs,
                                                  bytes_view blob);

} // namespace larder::internal
