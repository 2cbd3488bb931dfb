// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Revisions of blobs that konserve may write as well.
///
/// A blob that larder wrote has its revision in the entry `:revision` of the
/// metadata, where konserve keeps its own, together with the time of the write,
/// and the file's time of modification is set to that. konserve before
/// conditional writes keeps the entry when it updates a value: the times tell
/// that it is stale. A blob without a valid entry has a revision made from what
/// changes with every write.

#pragma once

#include "larder/bytes.hpp"
#include "larder/header.hpp"
#include "larder/uuid.hpp"

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace larder::detail::ksv {

/// Returns the entry for a blob that was written at `last_write` (ms since
/// 1970): "UUID-MS".
std::string revision_token(const revision& rev, int64_t last_write);

/// Returns the time of modification of its file: `last_write`, and below the
/// millisecond what the revision makes of it.
struct timespec revision_time(const revision& rev, int64_t last_write);

/// The inverse of `revision_token`.
/// @returns nothing for other tokens and for stale ones
std::optional<revision> parse_token(std::string_view token, int64_t last_write,
                                    const struct timespec& modified);

/// Returns the revision of a blob without a valid token.
/// @param prefix header and metadata as stored
revision derived_revision(bytes_view prefix, const struct stat& status);

} // namespace larder::detail::ksv
