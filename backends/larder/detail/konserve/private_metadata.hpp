// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

#pragma once

#include "larder/error.hpp"
#include "larder/metadata.hpp"
#include "larder/uuid.hpp"
#include "larder/value.hpp"

#include <cstdint>
#include <optional>

namespace larder::detail::ksv {

/// What larder keeps in the metadata of konserve's blobs, in entries of the
/// namespace `larder`. konserve takes them for the user's own and keeps them
/// when it updates a value; to the layers above the engine they are not shown.
struct private_metadata {
  /// `:larder/log`, of the head of a log: what names it, unless that is the id
  /// of its first node.
  std::optional<uuid> log;
  /// `:larder/begin`, of the head of a log: the position of its first entry,
  /// unless that is 0.
  uint64_t log_begin = 0;
  /// `:larder/unlinked`: the first of a chain of log nodes that the key does
  /// not need any more, but which may still be there.
  std::optional<uuid> unlinked;
};

/// Moves the private entries from `meta.extras` to `own`, and the expiry to
/// where it belongs. Ones that make no sense are dropped.
/// @returns whether there were any
bool take_private(metadata& meta, private_metadata& own);

/// Returns the map that konserve stores: the metadata with revision and private
/// entries.
value stored_metadata(const metadata& meta, const private_metadata& own);

/// Checks that the user's entries are none of the private ones.
/// @returns `invalid_argument`
expected<void> check_no_private(const metadata& meta);

/// The entry that makes metadata as large as was planned, see `stage`.
value padding_key();

} // namespace larder::detail::ksv
