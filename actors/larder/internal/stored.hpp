// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// Reading blobs as they are, for backups. The functions block.

#pragma once

#include "larder/internal/context.hpp"
#include "larder/messages/backup.hpp"

namespace larder::internal {

/// Makes one page of what is stored.
expected<list_stored_reply> list_stored(store_context& ctx,
                                        const list_stored_request& req);

/// Reads bytes of one blob, all of the same revision.
expected<read_stored_reply> read_stored(store_context& ctx,
                                        const read_stored_request& req,
                                        actor_statistics& stats);

} // namespace larder::internal
