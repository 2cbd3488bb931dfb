// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The actor that reads the store as of one moment.

#pragma once

#include "larder/actor_types.hpp"
#include "larder/internal/context.hpp"

namespace larder::internal {

/// Spawns the actor of a snapshot. It expects the `open_snapshot_request` as
/// its first message, then the snapshot's other requests; when it has ended it
/// sends `snapshot_ended` to `store`.
caf::actor spawn_snapshot(caf::actor_system& sys, context_ptr ctx, uint64_t id,
                          caf::actor store);

} // namespace larder::internal
