// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Moving all of a konserve store out of the layouts before `.ksv` files.

#pragma once

#include "larder/error.hpp"
#include "larder/uri.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace larder::konserve {

/// What a migration has done.
struct migration_counts {
  /// Files of old layouts that were found.
  uint64_t found = 0;
  /// Values that have become blobs.
  uint64_t moved = 0;
  /// Leftovers that were removed: their keys had blobs already.
  uint64_t removed = 0;
  /// Binaries that must be read by their keys, which are not stored.
  uint64_t unnamed = 0;
  /// What could not be moved, by file: nothing of it was changed.
  std::vector<std::pair<std::string, error>> failed;
};

/// Moves every value in an old layout, a number at a time, while the store may
/// be in use by other larder processes. It can be killed at any moment and
/// begun again.
/// @param where the URI of a konserve store; what it says of serializer and
///        compressor does not matter: what moves is Fressian as before
/// @param progress is told after each step; false ends the migration
/// @returns `invalid_argument` for URIs of other engines, and the errors of
///          opening and listing
expected<migration_counts>
migrate(uri where,
        const std::function<bool(const migration_counts&)>& progress = nullptr);

} // namespace larder::konserve
