// This file is part of larder. Distributed under the BSD 3-clause licence;
// see the file LICENSE.

/// The actor that writes one binary piece by piece.

#pragma once

#include "larder/actor_types.hpp"
#include "larder/internal/context.hpp"

namespace larder::internal {

/// Spawns the actor of a stream. It expects the `open_stream_request` as its
/// first message, then the stream's other requests; when it has ended it sends
/// `stream_ended` to `store`.
/// @param key_actor the owner of the stream's key
caf::actor spawn_stream(caf::actor_system& sys, context_ptr ctx, uint64_t id,
                        caf::actor store, caf::actor key_actor);

} // namespace larder::internal
